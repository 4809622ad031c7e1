//! One Dagster run of the plan, from waiting to its report.

use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::plan::{Executor, PlannedRun, Selection};
use super::schedule::Done;
use super::selection::{self, Selected};
use super::session::Session;
use crate::dagster::Error;
use crate::dagster::events::{RunEvent, RunEventKind};
use crate::dagster::follow::{FollowOptions, RunOutcome};
use crate::dagster::launch::LaunchRequest;
use crate::dagster::summary::{RunParts, run_parts};
use crate::dagster::validate::{ExecutorPolicy, env_vars_in_config};
use crate::host::tail;
use crate::publish::Source as File;
use crate::report::model::{RunError, RunReport, RunStatus};
use crate::ui::progress::{Event, Finished, Kind};
use crate::ui::text::sanitize;

/// How long Dagster may take to notice the end of a run's process.
const NOTICE: Duration = Duration::from_secs(3);

/// How much of each stream of a run's captured output is kept, in bytes.
const CAPTURED: u64 = 256 * 1024;

/// Waits for Dagster, launches the run as often as it may, follows it, and reports.
pub async fn run(session: &Session, planned: &PlannedRun, index: usize) -> RunReport {
    let mut report = blank(planned);
    match session.dagster.wait().await {
        Err(why) => report.error = Some(plain(format!("Dagster is not there: {why}"))),
        Ok(workspace) => match selection::select(session, &workspace, planned).await {
            Ok(selected) => launch_and_follow(session, planned, selected, &mut report).await,
            Err(refusal) => refuse(&mut report, refusal),
        },
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

fn refuse(report: &mut RunReport, message: String) {
    report.status = RunStatus::Invalid;
    report.error = Some(plain(message));
}

async fn launch_and_follow(
    session: &Session,
    planned: &PlannedRun,
    selected: Selected,
    report: &mut RunReport,
) {
    report.job.clone_from(&selected.selector.job);
    report.location = Some(selected.selector.repository.location.clone());
    report.selection = selected
        .selector
        .assets
        .iter()
        .map(ToString::to_string)
        .collect();
    let unset: Vec<String> = env_vars_in_config(&selected.run_config)
        .into_iter()
        .map(|variable| variable.name)
        .filter(|name| !session.host.interpreter().env.contains_key(name))
        .collect();
    if !unset.is_empty() {
        let names = unset.join(", ");
        return refuse(
            report,
            format!("the run config reads variables that are not set: {names}"),
        );
    }
    let policy = match planned.executor {
        Executor::InProcess => ExecutorPolicy::InProcess,
        Executor::Job => ExecutorPolicy::Own,
    };
    let validated = session
        .client
        .validate(&selected.selector, &selected.run_config, policy)
        .await;
    let validated = match validated {
        Ok(validated) => validated,
        Err(error) => return refuse(report, selection::explain(&error)),
    };
    if !validated.problems.is_empty() {
        let problems: Vec<String> = validated
            .problems
            .iter()
            .map(|problem| match &problem.suggestion {
                Some(meant) => format!("{problem}; did you mean `{meant}`?"),
                None => problem.to_string(),
            })
            .collect();
        return refuse(
            report,
            format!("the run config is not valid: {}", problems.join("; ")),
        );
    }
    let mut tags = selected.tags;
    tags.extend(planned.tags.iter().cloned());
    let request = LaunchRequest {
        selector: selected.selector,
        run_config: validated.run_config,
        tags: tags.into_iter().collect(),
    };
    let place = session.schedule.place().await;
    session.emit(Event::Started {
        kind: Kind::Run,
        title: planned.name.clone(),
    });
    let fresh = report.clone();
    while report.attempts <= planned.policy.retries {
        // What an earlier attempt has left says nothing about this one.
        *report = RunReport {
            attempts: report.attempts + 1,
            ..fresh.clone()
        };
        let begun = Instant::now();
        if let Err(error) = attempt(session, planned, &request, report).await {
            report.status = RunStatus::Failure;
            report.duration_s = begun.elapsed().as_secs_f64();
            report.error = Some(plain(selection::explain(&error)));
        }
        if report.status == RunStatus::Success {
            break;
        }
    }
    drop(place);
}

async fn attempt(
    session: &Session,
    planned: &PlannedRun,
    request: &LaunchRequest,
    report: &mut RunReport,
) -> Result<(), Error> {
    let run_id = session.client.launch(request).await?;
    session.open_runs.borrow_mut().insert(run_id.clone());
    report.run_id = Some(run_id.clone());
    report.url = session
        .instance_stays
        .then(|| session.client.run_url(&run_id));

    let nudge = Notify::new();
    let options = FollowOptions {
        polling_interval: session.polling,
        nudge: Some(&nudge),
        limit: Some(planned.policy.timeout),
        // The nudges are quicker than any server.
        live: false,
    };
    let mut log = String::new();
    let follow = session.client.follow(&run_id, &options, |event| {
        if event.kind == RunEventKind::StepStarted
            && let Some(step) = &event.step
        {
            let text = format!("step {step}");
            session.emit(Event::Progress {
                title: planned.name.clone(),
                text,
            });
        }
        write_line(&mut log, &event);
    });
    let outcome = {
        let mut follow = std::pin::pin!(follow);
        let watch = watch_process(session, &run_id, &nudge);
        tokio::select! {
            outcome = &mut follow => outcome?,
            () = watch => follow.await?,
        }
    };
    session.open_runs.borrow_mut().remove(&run_id);
    take(session, report, &outcome);
    match session.client.captured_output(&outcome, CAPTURED).await {
        Ok(outputs) => {
            for output in outputs {
                for text in [&output.stdout, &output.stderr] {
                    if !text.trim().is_empty() {
                        let steps = output.steps.join(", ");
                        log.push_str(&format!("\n--- output of {steps} ---\n{}", sanitize(text)));
                    }
                }
            }
        }
        Err(error) => log.push_str(&format!("\nthe captured output can't be read: {error}\n")),
    }
    if let Some(launcher) = &session.launcher
        && report.status.is_failure()
    {
        // What a crash leaves is in no event.
        let said = tail(&launcher.log(&run_id), 200);
        if !said.trim().is_empty() {
            let said = sanitize(&said);
            log.push_str(&format!("\n--- output of the run's process ---\n{said}\n"));
        }
    }
    store_log(session, report, &log);
    Ok(())
}

fn write_line(log: &mut String, event: &RunEvent) {
    if !event.message.is_empty() {
        let step = event
            .step
            .as_ref()
            .map(|step| format!("{step}: "))
            .unwrap_or_default();
        log.push_str(&format!(
            "{:8} {step}{}\n",
            event.level,
            sanitize(&event.message)
        ));
    }
}

/// Has the run looked at when its process ends, and reports it if Dagster does not know by then.
async fn watch_process(session: &Session, run_id: &str, nudge: &Notify) {
    let Some(launcher) = &session.launcher else {
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

fn take(session: &Session, report: &mut RunReport, outcome: &RunOutcome) {
    let RunParts {
        status,
        duration_s,
        steps,
        materializations,
        error,
    } = run_parts(outcome, &session.root);
    report.status = status;
    report.duration_s = duration_s;
    report.steps = steps;
    report.materializations = materializations;
    report.error = error;
    if status.is_failure() && report.error.is_none() {
        report.error = Some(plain(
            "it ended without saying why; its log may tell".to_owned(),
        ));
    }
}

fn store_log(session: &Session, report: &mut RunReport, log: &str) {
    let Some(run_id) = &report.run_id else { return };
    let key = format!("runs/{run_id}.txt");
    match session
        .store
        .borrow_mut()
        .put(&key, &File::Bytes(log.as_bytes()))
    {
        Ok(published) => report.log = Some(published.key),
        Err(error) => tracing::warn!("the log of the run `{run_id}` is not stored: {error}"),
    }
}
