//! One Dagster run, from waiting to its report.

use std::time::{Duration, Instant};

use futures_util::future::join;
use tokio::sync::Notify;

use super::log::RunLog;
use super::plan::{PlannedRun, Selection};
use super::prepare::prepare;
use super::schedule::Done;
use super::{Refusal, Runner, Wait};
use super::{backfill, last_output, queue};
use crate::dagster::Error;
use crate::dagster::follow::{Follow, FollowOptions, Observed, RunOutcome};
use crate::dagster::launch::LaunchRequest;
use crate::dagster::summary::{RunParts, run_parts};
use crate::error::{Diagnose, ExitStatus};
use crate::report::model::{RunError, RunReport, RunStatus};
use crate::ui::progress::{Event, Kind};

/// How long Dagster may take to notice the end of a run's process.
const NOTICE: Duration = Duration::from_secs(3);

/// Waits for Dagster, launches the run as often as it may, follows it, and reports.
pub async fn run(runner: &Runner, planned: &PlannedRun, index: usize) -> RunReport {
    let mut report = blank(planned);
    match runner.dagster.wait().await {
        Err(why) => report.error = Some(RunError::said(format!("Dagster is not there: {why}"))),
        Ok(workspace) => match prepare(runner, &workspace, planned).await {
            Ok(request) => {
                describe(&mut report, &request);
                let launch = async || runner.client.launch(&request).await;
                let what = What::Run { is_new: true };
                // Why it did not end well is in the report.
                let _ = launch_and_follow(runner, planned, launch, what, &mut report).await;
            }
            Err(refusal) => {
                report.status = RunStatus::Invalid;
                report.error = Some(refusal.to_run_error(&runner.root));
            }
        },
    }
    finish(runner, planned, index, report)
}

/// Says that a run has ended to all that wait for it.
pub(super) fn finish(
    runner: &Runner,
    planned: &PlannedRun,
    index: usize,
    report: RunReport,
) -> RunReport {
    let well = !report.status.is_failure() && report.status != RunStatus::Skipped;
    let done = if well || planned.policy.allow_failure {
        Done::Well
    } else {
        Done::Badly
    };
    runner.schedule.open(index, done);
    runner.emit(Event::RunEnded(Box::new(report.clone())));
    report
}

/// What a report says of a run that is about to be launched.
pub(super) fn describe(report: &mut RunReport, request: &LaunchRequest) {
    let selector = &request.selector;
    report.job.clone_from(&selector.job);
    report.location = Some(selector.repository.location.clone());
    report.selection = selector.assets.iter().map(ToString::to_string).collect();
}

/// A run that has not been launched.
pub fn blank(planned: &PlannedRun) -> RunReport {
    let (job, selection) = match &planned.selection {
        Selection::Job { name, assets } => (name.clone(), assets.clone()),
        Selection::Assets(selectors) => ("__ASSET_JOB".to_owned(), selectors.clone()),
        Selection::Expression(text) => ("__ASSET_JOB".to_owned(), vec![text.clone()]),
    };
    RunReport {
        job,
        title: planned.name.clone(),
        selection,
        partition: planned.partition.clone(),
        location: planned.location.clone(),
        run_id: None,
        status: RunStatus::Skipped,
        duration_s: 0.0,
        attempts: 0,
        allow_failure: planned.policy.allow_failure,
        url: None,
        steps: Vec::new(),
        materializations: Vec::new(),
        error: None,
        log: None,
    }
}

/// What is launched and followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// One run.
    Run {
        /// Whether it was not there before.
        is_new: bool,
    },
    /// A backfill, which Dagster makes runs of.
    Backfill {
        /// Whether it was not there before.
        is_new: bool,
    },
}

/// Launches a run as often as it may, and follows it. What kept daglab from it is in the report, and
/// comes back.
pub(super) async fn launch_and_follow(
    runner: &Runner,
    planned: &PlannedRun,
    launch: impl AsyncFn() -> Result<String, Error>,
    what: What,
    report: &mut RunReport,
) -> Result<(), ExitStatus> {
    let place = runner.schedule.place().await;
    runner.emit(Event::Started {
        kind: Kind::Run,
        title: planned.name.clone(),
    });
    let fresh = report.clone();
    let mut ended = Ok(());
    while report.attempts <= planned.policy.retries {
        // What an earlier attempt has left says nothing about this one.
        *report = RunReport {
            attempts: report.attempts + 1,
            ..fresh.clone()
        };
        let begun = Instant::now();
        let attempt = async {
            let title = planned.name.clone();
            runner.launching.borrow_mut().insert(title);
            let launched = launch().await;
            runner.launching.borrow_mut().remove(&planned.name);
            let id = launched?;
            announce(runner, what, &id, report);
            match what {
                What::Run { .. } => follow(runner, planned, id, report).await,
                What::Backfill { .. } => backfill::follow(runner, planned, id, report).await,
            }
        };
        ended = attempt.await.map_err(|error| {
            report.status = RunStatus::Failure;
            report.duration_s = begun.elapsed().as_secs_f64();
            let status = error.exit_status();
            report.error = Some(Refusal::from(error).to_run_error(&runner.root));
            status
        });
        // Where it is not known what became of it, launching once more might make it two.
        if ended.is_err() || matches!(report.status, RunStatus::Success | RunStatus::Launched) {
            break;
        }
    }
    drop(place);
    ended
}

/// Says where to look, before anything else is known.
fn announce(runner: &Runner, what: What, id: &str, report: &mut RunReport) {
    let client = &runner.client;
    let (url, is_new) = match what {
        What::Run { is_new } => (client.run_url(id), is_new),
        What::Backfill { is_new } => (client.backfill_url(id), is_new),
    };
    report.run_id = Some(id.to_owned());
    report.url = runner.instance_stays.then_some(url);
    runner.emit(Event::Launched {
        title: report.title.clone(),
        run_id: id.to_owned(),
        url: report.url.clone(),
        is_new,
    });
}

/// Follows a run as far as is wanted, whoever launched it, and fills in its report.
async fn follow(
    runner: &Runner,
    planned: &PlannedRun,
    run_id: String,
    report: &mut RunReport,
) -> Result<(), Error> {
    if runner.wait == Wait::No {
        report.status = RunStatus::Launched;
        return Ok(());
    }
    let title = planned.name.clone();
    runner.open_runs.borrow_mut().insert(run_id.clone(), title);
    let mut log = RunLog::new(runner.logs.is_some());
    let begun = Instant::now();
    let outcome = watched(runner, planned, &run_id, &mut log).await?;
    if outcome.has_ended() {
        runner.open_runs.borrow_mut().remove(&run_id);
    }
    take(runner, report, &outcome);
    let goes_on = !outcome.has_ended() && !outcome.timed_out;
    if goes_on {
        report.status = RunStatus::TimedOut;
        report.duration_s = begun.elapsed().as_secs_f64();
    }
    if report.status == RunStatus::TimedOut {
        let limit = planned.policy.timeout.as_secs_f64();
        let end = if goes_on {
            format!("goes on; to follow it again: daglab run --follow {run_id}")
        } else {
            "was cancelled".to_owned()
        };
        report.error = Some(RunError::said(format!(
            "it had not ended within {limit} s, and {end}"
        )));
    }
    last_output::add(runner, &outcome, report).await;
    log.finish(runner, &outcome, report).await;
    Ok(())
}

/// Follows a run to its end, or until its time is over.
async fn watched(
    runner: &Runner,
    planned: &PlannedRun,
    run_id: &str,
    log: &mut RunLog,
) -> Result<RunOutcome, Error> {
    let nudge = Notify::new();
    let options = FollowOptions {
        polling_interval: runner.polling,
        nudge: Some(&nudge),
        limit: None,
        live: runner.live,
    };
    let is_queued = tokio::sync::watch::Sender::new(false);
    let observe = |observed: Observed| {
        let title = planned.name.clone();
        match observed {
            Observed::Event(event) => {
                log.add(&event);
                let event = Box::new(event);
                runner.emit(Event::Happened { title, event });
            }
            Observed::Status(status) => {
                tracing::debug!(run_id, status, "the run's status");
                is_queued.send_replace(status == "QUEUED");
            }
            Observed::Feed(feed) => tracing::debug!(run_id, ?feed, "how events come"),
        }
    };
    let mut follow = Follow::new(&runner.client, run_id);
    {
        let follow = as_long_as_wanted(runner, planned, &mut follow, &options, observe);
        let mut follow = std::pin::pin!(follow);
        let watch = watch_process(runner, run_id, &nudge);
        let beside = join(
            watch,
            queue::watch(runner, &planned.name, run_id, &is_queued),
        );
        tokio::select! {
            ended = &mut follow => ended?,
            _ = beside => follow.await?,
        }
    }
    Ok(follow.into_outcome())
}

async fn as_long_as_wanted(
    runner: &Runner,
    planned: &PlannedRun,
    follow: &mut Follow<'_>,
    options: &FollowOptions<'_>,
    mut observe: impl FnMut(Observed),
) -> Result<(), Error> {
    let limit = planned.policy.timeout;
    match tokio::time::timeout(limit, follow.wait(options, &mut observe)).await {
        Ok(ended) => ended,
        Err(_) if runner.wait == Wait::UntilItsEnd => follow.end(options, &mut observe).await,
        Err(_) => Ok(()),
    }
}

/// Has the run looked at when its process ends, and reports it if Dagster does not know by then.
async fn watch_process(runner: &Runner, run_id: &str, nudge: &Notify) {
    let Some(launcher) = runner.launcher() else {
        return std::future::pending().await;
    };
    let exit = launcher.ended(run_id).await;
    nudge.notify_one();
    tokio::time::sleep(NOTICE).await;
    let message = format!(
        "the run's process {} without finishing the run",
        exit.describe()
    );
    launcher.report_lost(run_id, message).await;
    nudge.notify_one();
}

fn take(runner: &Runner, report: &mut RunReport, outcome: &RunOutcome) {
    let RunParts {
        status,
        duration_s,
        steps,
        materializations,
        error,
    } = run_parts(outcome, &runner.root);
    report.status = status;
    report.duration_s = duration_s;
    report.steps = steps;
    report.materializations = materializations;
    report.error = error;
    if status.is_failure() && report.error.is_none() {
        report.error = Some(RunError::said(
            "it ended without saying why; its log may tell".to_owned(),
        ));
    }
}
