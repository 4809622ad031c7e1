//! One Dagster run of the plan, from waiting to its report.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::plan::{Executor, PlannedRun, Selection};
use super::schedule::Done;
use super::session::Session;
use crate::dagster::follow::{self, Outcome};
use crate::dagster::launch::{self, ConfigProblem, NotFound, Pick};
use crate::dagster::{Error, preflight};
use crate::host::Exit;
use crate::publish::Source as File;
use crate::report::model::{RunError, RunReport, RunStatus};
use crate::ui::progress::{Event, Finished, Kind};

/// How long Dagster may take to notice the end of a run's process.
const NOTICE: Duration = Duration::from_secs(3);

/// How long a run may take to end once it was asked to.
const GOODBYE: Duration = Duration::from_secs(8);

/// Waits for Dagster, launches the run as often as it may, follows it, and reports.
pub async fn run(session: &Session, planned: &PlannedRun, index: usize) -> RunReport {
    let mut report = blank(planned);
    match session.dagster.wait().await {
        Err(why) => report.error = Some(plain(format!("Dagster is not there: {why}"))),
        Ok(workspace) => {
            let pick = match &planned.selection {
                Selection::Job { name, assets } => {
                    launch::pick_job(&workspace, name, planned.location.as_deref(), assets)
                }
                Selection::Assets(selectors) => {
                    // The notebooks' own checks get their verdicts from the notebooks that are run anyway.
                    let ours = |name: &str| session.notebook_checks.contains(name);
                    launch::pick_assets(&workspace, selectors, planned.location.as_deref(), ours)
                }
            };
            match pick {
                Ok(pick) => launch_and_follow(session, planned, &pick, &mut report).await,
                Err(NotFound { message, hint }) => {
                    let message = hint.map_or(message.clone(), |hint| format!("{message}; {hint}"));
                    report.status = RunStatus::Invalid;
                    report.error = Some(plain(message));
                }
            }
        }
    }
    let well = !report.status.is_failure() && report.status != RunStatus::Skipped;
    let done = if well || planned.policy.allow_failure {
        Done::Well
    } else {
        Done::Badly
    };
    session.schedule.open(index, done);
    session.emit(Event::Finished(Finished::run(&report)));
    report
}

/// A run that has not been launched.
pub fn blank(planned: &PlannedRun) -> RunReport {
    let (job, selection) = match &planned.selection {
        Selection::Job { name, assets } => (name.clone(), assets.clone()),
        Selection::Assets(selectors) => ("__ASSET_JOB".to_owned(), selectors.clone()),
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

fn plain(message: String) -> RunError {
    RunError {
        class: None,
        message,
        stack: None,
        path: None,
        line: None,
    }
}

async fn launch_and_follow(
    session: &Session,
    planned: &PlannedRun,
    pick: &Pick,
    report: &mut RunReport,
) {
    report.job.clone_from(&pick.job);
    report.location = Some(pick.location.clone());
    report.selection = pick.assets.iter().map(|path| path.join("/")).collect();
    let unset: Vec<String> = preflight::variables_of(&planned.run_config)
        .into_iter()
        .filter(|name| !session.host.interpreter().env.contains_key(name))
        .collect();
    if !unset.is_empty() {
        report.status = RunStatus::Invalid;
        report.error = Some(plain(format!(
            "the run config needs variables that are not set: {}",
            unset.join(", ")
        )));
        return;
    }
    let config = match run_config(session, planned, pick).await {
        Ok(Ok(config)) => config,
        Ok(Err(problems)) => {
            report.status = RunStatus::Invalid;
            report.error = Some(plain(config_message(&problems)));
            return;
        }
        Err(error) => {
            report.status = RunStatus::Invalid;
            report.error = Some(plain(error.to_string()));
            return;
        }
    };
    let place = session.schedule.place().await;
    session.emit(Event::Started {
        kind: Kind::Run,
        title: planned.name.clone(),
    });
    while report.attempts <= planned.policy.retries {
        report.attempts += 1;
        let begun = Instant::now();
        let outcome = attempt(session, planned, pick, &config, report).await;
        report.duration_s = begun.elapsed().as_secs_f64();
        match outcome {
            Ok(outcome) => take(session, report, outcome),
            Err(error) => {
                report.status = RunStatus::Failure;
                report.error = Some(match error {
                    Error::Python { error } => error.to_report(&session.root),
                    other => plain(other.to_string()),
                });
            }
        }
        if report.status == RunStatus::Success {
            break;
        }
    }
    drop(place);
}

/// The run config with the executor policy, valid; or what is wrong with it.
async fn run_config(
    session: &Session,
    planned: &PlannedRun,
    pick: &Pick,
) -> Result<Result<Value, Vec<ConfigProblem>>, Error> {
    if planned.executor == Executor::InProcess
        && let Some(config) = launch::with_in_process(&planned.run_config)
    {
        // Only a job that left the default executor takes this; its own is the way on.
        if launch::validate(&session.client, pick, &config)
            .await?
            .is_empty()
        {
            return Ok(Ok(config));
        }
    }
    let problems = launch::validate(&session.client, pick, &planned.run_config).await?;
    Ok(if problems.is_empty() {
        Ok(planned.run_config.clone())
    } else {
        Err(problems)
    })
}

fn config_message(problems: &[ConfigProblem]) -> String {
    let lines: Vec<String> = problems
        .iter()
        .map(|problem| {
            let path = problem.path.join(".");
            let message = crate::ui::text::one_line(&problem.message);
            if path.is_empty() {
                message
            } else {
                format!("`{path}`: {message}")
            }
        })
        .collect();
    format!("the run config is not valid: {}", lines.join("; "))
}

async fn attempt(
    session: &Session,
    planned: &PlannedRun,
    pick: &Pick,
    config: &Value,
    report: &mut RunReport,
) -> Result<Outcome, Error> {
    let mut tags = planned.tags.clone();
    if let Some(partition) = &planned.partition {
        tags.push(("dagster/partition".to_owned(), partition.clone()));
    }
    let run_id = launch::launch(&session.client, pick, config, &tags).await?;
    report.run_id = Some(run_id.clone());
    report.url = session
        .instance_stays
        .then(|| session.client.run_url(&run_id));

    let follow = follow::follow(
        &session.client,
        &run_id,
        &session.root,
        session.polling,
        process_end(session, &run_id),
        |step| {
            let text = format!("step {step}");
            session.emit(Event::Progress {
                title: planned.name.clone(),
                text,
            });
        },
    );
    let mut follow = std::pin::pin!(follow);
    tokio::select! {
        outcome = &mut follow => return outcome,
        () = report_if_lost(session, &run_id) => {}
        () = tokio::time::sleep(planned.policy.timeout) => {
            report.status = RunStatus::TimedOut;
            // A refusal means that it has ended by itself; following it will tell.
            if let Err(error) = launch::terminate(&session.client, &run_id, false).await {
                tracing::debug!("the run `{run_id}` could not be terminated: {error}");
            }
        }
    }
    match tokio::time::timeout(GOODBYE, &mut follow).await {
        Ok(outcome) => outcome,
        Err(_) => {
            launch::terminate(&session.client, &run_id, true).await?;
            let gone = Error::RunGone {
                run_id: run_id.clone(),
            };
            tokio::time::timeout(GOODBYE, follow)
                .await
                .unwrap_or(Err(gone))
        }
    }
}

async fn process_end(session: &Session, run_id: &str) {
    match &session.launcher {
        Some(launcher) => {
            launcher.ended(run_id).await;
        }
        None => std::future::pending().await,
    }
}

/// Resolves when a run's process has ended and Dagster, told so, should know.
async fn report_if_lost(session: &Session, run_id: &str) {
    let Some(launcher) = &session.launcher else {
        return std::future::pending().await;
    };
    let exit: Exit = launcher.ended(run_id).await;
    tokio::time::sleep(NOTICE).await;
    let message = format!(
        "the run's process {} without finishing the run",
        exit.describe()
    );
    launcher.report_lost(run_id, message).await;
}

fn take(session: &Session, report: &mut RunReport, outcome: Outcome) {
    let timed_out = report.status == RunStatus::TimedOut;
    report.status = match outcome.status.as_str() {
        "SUCCESS" => RunStatus::Success,
        _ if timed_out => RunStatus::TimedOut,
        "CANCELED" => RunStatus::Canceled,
        _ => RunStatus::Failure,
    };
    if let Some(duration) = outcome.duration {
        report.duration_s = duration.as_secs_f64();
    }
    report.steps = outcome.steps;
    report.materializations = outcome.materializations;
    report.error = outcome.error;
    if report.status == RunStatus::Success {
        report.error = None;
    } else if report.error.is_none() {
        report.error = Some(plain(match report.status {
            RunStatus::TimedOut => "it was still running when its time was over".to_owned(),
            RunStatus::Canceled => "it was canceled".to_owned(),
            _ => "it failed without a word; its log may tell more".to_owned(),
        }));
    }
    if let Some(run_id) = &report.run_id {
        let key = format!("runs/{run_id}.txt");
        match session
            .store
            .borrow_mut()
            .put(&key, &File::Bytes(outcome.log.as_bytes()))
        {
            Ok(published) => report.log = Some(published.key),
            Err(error) => tracing::warn!("the log of the run `{run_id}` is not stored: {error}"),
        }
    }
}
