//! A range of partitions, which Dagster's daemon launches as one backfill.

use std::time::{Duration, Instant};

use super::plan::{PlannedRun, Selection};
use super::select::assets_of;
use super::{Refusal, Runner, Wait};
use crate::dagster::Error;
use crate::dagster::backfill::{Backfill, BackfillRequest, BackfillTarget};
use crate::dagster::discover::Workspace;
use crate::dagster::partition::Partitioned;
use crate::dagster::queue::BACKFILLS;
use crate::report::model::{RunError, RunReport, RunStatus};
use crate::ui::progress::Event;
use crate::ui::text::count;

/// How long a backfill may take to end after it was asked to.
const GRACE: Duration = Duration::from_secs(30);
/// How many failed runs are named.
const NAMED: usize = 5;

/// Finds what is to be backfilled, and all partitions from one to another.
pub async fn prepare(
    runner: &Runner,
    workspace: &Workspace,
    planned: &PlannedRun,
    (from, to): &(String, String),
) -> Result<BackfillRequest, Refusal> {
    let client = &runner.client;
    let assets = match &planned.selection {
        Selection::Job { name, assets } if assets.is_empty() => {
            let job = workspace.job(name, planned.location.as_deref())?;
            if let Some(partition_set) = job.item.partition_set.clone() {
                let partitions = client
                    .partition_range(Partitioned::Job(job), from, to)
                    .await?;
                return Ok(BackfillRequest {
                    target: BackfillTarget::Job {
                        repository: job.repository(),
                        job: name.clone(),
                        partition_set,
                    },
                    partitions,
                    tags: planned.tags.iter().cloned().collect(),
                });
            }
            assets_of(runner, workspace, planned).await?
        }
        _ => assets_of(runner, workspace, planned).await?,
    };
    let first = assets.iter().find(|asset| asset.partitions.is_some());
    let first = first.ok_or(Refusal::NoPartitions)?;
    let partitions = client
        .partition_range(Partitioned::Asset(first), from, to)
        .await?;
    Ok(BackfillRequest {
        target: BackfillTarget::Assets(assets.iter().map(|asset| asset.key.clone()).collect()),
        partitions,
        tags: planned.tags.iter().cloned().collect(),
    })
}

/// Follows a backfill as far as is wanted, and fills in its report.
pub(super) async fn follow(
    runner: &Runner,
    planned: &PlannedRun,
    id: String,
    report: &mut RunReport,
) -> Result<(), Error> {
    let client = &runner.client;
    let title = &planned.name;
    let begun = Instant::now();
    if runner.wait != Wait::No {
        let mut open_runs = runner.open_runs.borrow_mut();
        open_runs.insert(id.clone(), title.clone());
    }
    // That nothing is known of daemons is no reason to give the backfill up.
    let daemons = client.daemons().await.unwrap_or_default();
    let is_alone = daemons
        .iter()
        .any(|daemon| daemon.kind == BACKFILLS && daemon.is_missing());
    if is_alone {
        runner.emit(Event::Message(
            "warning: Dagster's daemon, which launches the runs of backfills, is not running"
                .into(),
        ));
    }
    if runner.wait == Wait::No {
        report.status = RunStatus::Launched;
        return Ok(());
    }
    let limit = planned.policy.timeout;
    let ended = tokio::time::timeout(limit, wait(runner, title, &id)).await;
    let (backfill, timed_out) = match ended {
        Ok(backfill) => (backfill?, false),
        Err(_) if runner.wait == Wait::UntilItsEnd => {
            // It is the daemon that would end it.
            let grace = if is_alone { Duration::ZERO } else { GRACE };
            (end(runner, title, &id, grace).await?, true)
        }
        Err(_) => (client.backfill(&id).await?, true),
    };
    if has_ended(&backfill) {
        runner.open_runs.borrow_mut().remove(&id);
    }
    report.duration_s = begun.elapsed().as_secs_f64();
    report.status = status(&backfill, timed_out);
    if report.status != RunStatus::Success {
        let time = timed_out.then_some(limit);
        report.error = Some(why(&backfill, time, runner).await);
    }
    Ok(())
}

/// Looks at a backfill until it has ended, and its runs, too: for older servers it has when the last
/// was launched.
async fn wait(runner: &Runner, title: &str, id: &str) -> Result<Backfill, Error> {
    loop {
        let backfill = runner.client.backfill(id).await?;
        runner.emit(Event::Queued {
            title: title.to_owned(),
            text: describe(&backfill),
            position: None,
        });
        if has_ended(&backfill) {
            return Ok(backfill);
        }
        tokio::time::sleep(runner.polling).await;
    }
}

/// Asks a backfill to end, and gives it some time to.
async fn end(runner: &Runner, title: &str, id: &str, grace: Duration) -> Result<Backfill, Error> {
    match runner.client.cancel_backfill(id).await {
        // It may have ended by itself.
        Ok(()) | Err(Error::BackfillEnded { .. }) => {}
        Err(error) => return Err(error),
    }
    match tokio::time::timeout(grace, wait(runner, title, id)).await {
        Ok(backfill) => backfill,
        Err(_) => runner.client.backfill(id).await,
    }
}

fn is_final(status: &str) -> bool {
    matches!(status, "SUCCESS" | "FAILURE" | "CANCELED")
}

fn has_ended(backfill: &Backfill) -> bool {
    backfill.has_ended() && backfill.runs.iter().all(|run| is_final(&run.status))
}

fn failed(backfill: &Backfill) -> usize {
    let runs = backfill
        .runs
        .iter()
        .filter(|run| run.status == "FAILURE")
        .count();
    let assets: u64 = backfill.assets.iter().map(|asset| asset.failed).sum();
    runs.max(usize::try_from(assets).unwrap_or(usize::MAX))
}

/// How far it is, on one line.
fn describe(backfill: &Backfill) -> String {
    let ended = backfill
        .runs
        .iter()
        .filter(|run| is_final(&run.status))
        .count();
    let mut text = match backfill.runs.len() {
        0 => format!("backfill {}", backfill.status.to_lowercase()),
        all => format!("{ended} of {} ended", count(all, "run")),
    };
    if let Some(partitions) = backfill.partitions {
        text.push_str(&format!(" for {partitions} partitions"));
    }
    let failed = failed(backfill);
    if failed > 0 {
        text.push_str(&format!(", {failed} failed"));
    }
    text
}

fn status(backfill: &Backfill, timed_out: bool) -> RunStatus {
    match backfill.status.as_str() {
        _ if timed_out => RunStatus::TimedOut,
        "CANCELED" => RunStatus::Canceled,
        // A run that failed was tried again, with success.
        "COMPLETED_SUCCESS" => RunStatus::Success,
        // Older servers say this when all runs are launched.
        "COMPLETED" if failed(backfill) == 0 => RunStatus::Success,
        _ => RunStatus::Failure,
    }
}

async fn why(backfill: &Backfill, time: Option<Duration>, runner: &Runner) -> RunError {
    if let Some(error) = &backfill.error {
        return error.to_run_error(&runner.root);
    }
    let failed: Vec<&str> = backfill
        .runs
        .iter()
        .filter(|run| run.status == "FAILURE")
        .map(|run| run.run_id.as_str())
        .collect();
    let message = match (time, failed.is_empty()) {
        (Some(limit), _) => {
            let and = match (has_ended(backfill), runner.wait) {
                (true, _) => "",
                (false, Wait::UntilItsEnd) => ", and was asked to end",
                (false, _) => ", and goes on",
            };
            format!("it has not ended within {} s{and}", limit.as_secs_f64())
        }
        (None, true) => format!("the backfill ended with status {}", backfill.status),
        (None, false) => {
            let mut named = Vec::new();
            for run_id in failed.iter().take(NAMED) {
                // Which partition it was says more, but is not worth a failure of its own.
                let summary = runner.client.run_summary(run_id).await;
                let partition = summary.ok().and_then(|summary| summary.partition);
                named.push(match partition {
                    Some(key) => format!("{run_id} [{key}]"),
                    None => (*run_id).to_owned(),
                });
            }
            let more = failed.len().saturating_sub(NAMED);
            let more = (more > 0).then(|| format!(" and {more} more"));
            let runs = named.join(", ");
            format!(
                "{} failed: {runs}{}",
                count(failed.len(), "run"),
                more.unwrap_or_default()
            )
        }
    };
    RunError::said(message)
}
