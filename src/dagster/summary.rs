//! From what was seen of a run and of code locations to the parts of the report.

use std::path::Path;

use super::discover::{LocationState, Workspace};
use super::follow::{RunOutcome, Step, StepStatus};
use crate::report::model::{LocationReport, Materialization, RunError, RunStatus, StepReport};

/// The parts of a run's report that Dagster knows.
#[derive(Debug, Clone)]
pub struct RunParts {
    /// What became of it.
    pub status: RunStatus,
    /// From the start of its process to its end; 0 if it never started.
    pub duration_s: f64,
    /// Its steps, in the order in which they began.
    pub steps: Vec<StepReport>,
    /// The assets it materialized.
    pub materializations: Vec<Materialization>,
    /// Why it ended other than well.
    pub error: Option<RunError>,
}

/// The report of a run. Paths are made relative to `project`.
pub fn run_parts(run: &RunOutcome, project: &Path) -> RunParts {
    let status = match run.status.as_str() {
        _ if run.timed_out => RunStatus::TimedOut,
        "SUCCESS" => RunStatus::Success,
        "CANCELED" | "CANCELING" => RunStatus::Canceled,
        // What was given up before its end has not ended well.
        _ => RunStatus::Failure,
    };
    let materialized = run.materializations.iter().filter_map(|materialized| {
        Some(Materialization {
            asset_key: materialized.asset.as_ref()?.to_string(),
            partition: materialized.partition.clone(),
            metadata: materialized.metadata.clone(),
        })
    });
    RunParts {
        status,
        duration_s: duration(run.started_at, run.ended_at).unwrap_or(0.0),
        steps: run
            .steps
            .iter()
            .map(|step| step_report(step, project))
            .collect(),
        materializations: materialized.collect(),
        error: (status != RunStatus::Success).then(|| run_error(run, project)),
    }
}

fn step_report(step: &Step, project: &Path) -> StepReport {
    let status = match step.status {
        StepStatus::InProgress => "IN_PROGRESS",
        StepStatus::Success => "SUCCESS",
        StepStatus::Failure => "FAILURE",
        StepStatus::Skipped => "SKIPPED",
    };
    StepReport {
        key: step.key.clone(),
        status: status.to_owned(),
        duration_s: duration(step.started_at, step.ended_at),
        error: step.error.as_ref().map(|error| error.to_run_error(project)),
        last_output: None,
    }
}

/// Why a run failed: the first step that did says it better than the run as a whole.
fn run_error(run: &RunOutcome, project: &Path) -> RunError {
    let of_step = run
        .steps
        .iter()
        .filter(|step| step.status == StepStatus::Failure)
        .find_map(|step| step.error.as_ref());
    let of_run = run
        .failure
        .as_ref()
        .and_then(|failure| failure.error.as_ref());
    if run.timed_out {
        return RunError::said("its time was over");
    }
    if run.status == "CANCELED" {
        // Its steps were interrupted, which is not why it ended.
        return RunError::said("it was cancelled");
    }
    match of_step.or(of_run) {
        Some(error) => error.to_run_error(project),
        None => match run.failure.as_ref().map(|failure| failure.message.trim()) {
            Some(message) if !message.is_empty() => RunError::said(message),
            _ => RunError::said(format!("the run ended with status {}", run.status)),
        },
    }
}

fn duration(started: Option<f64>, ended: Option<f64>) -> Option<f64> {
    Some((ended? - started?).max(0.0))
}

/// The report of all code locations. Jobs that Dagster made itself are not counted.
pub fn location_reports(workspace: &Workspace, project: &Path) -> Vec<LocationReport> {
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    workspace
        .locations
        .iter()
        .map(|location| {
            let (loaded, error, repositories) = match &location.state {
                LocationState::Loaded { repositories } => (true, None, repositories.as_slice()),
                LocationState::Failed(error) => (false, Some(error.to_run_error(project)), &[][..]),
                LocationState::Loading => {
                    (false, Some(RunError::said("it was still loading")), &[][..])
                }
            };
            let jobs = repositories.iter().flat_map(|repository| &repository.jobs);
            LocationReport {
                name: location.name.clone(),
                loaded,
                error,
                assets: count(repositories.iter().map(|r| r.assets.len()).sum()),
                jobs: count(jobs.filter(|job| !job.is_implicit()).count()),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use pretty_assertions::assert_eq;

    use super::super::asset_key::AssetKey;
    use super::super::events::Materialized;
    use super::super::follow::Failure;
    use super::super::python_error::PythonError;
    use super::*;

    fn outcome(status: &str) -> RunOutcome {
        RunOutcome {
            run_id: "r".into(),
            status: status.into(),
            timed_out: false,
            started_at: Some(10.0),
            ended_at: Some(12.5),
            steps: vec![],
            materializations: vec![Materialized {
                asset: AssetKey::parse("a/b"),
                partition: Some("p".into()),
                metadata: BTreeMap::from([("rows".into(), "3".into())]),
            }],
            checks: vec![],
            failure: None,
            log_keys: vec![],
        }
    }

    #[test]
    fn a_run_that_ended_well_has_no_error() {
        let parts = run_parts(&outcome("SUCCESS"), Path::new("/p"));
        assert_eq!(parts.status, RunStatus::Success);
        assert!((parts.duration_s - 2.5).abs() < 1e-9);
        assert_eq!(parts.materializations[0].asset_key, "a/b");
        assert!(parts.error.is_none());
    }

    #[test]
    fn the_failed_step_explains_the_failed_run() {
        let mut run = outcome("FAILURE");
        run.failure = Some(Failure {
            message: "Steps failed: ['a']".into(),
            error: None,
        });
        let parts = run_parts(&run, Path::new("/p"));
        assert_eq!(
            parts.error.expect("an error").message,
            "Steps failed: ['a']"
        );
        run.steps.push(Step {
            key: "a".into(),
            status: StepStatus::Failure,
            started_at: Some(10.0),
            ended_at: Some(11.0),
            error: Some(Box::new(PythonError {
                message: "ValueError: no\n".into(),
                class_name: Some("ValueError".into()),
                stack: vec!["  File \"/p/defs.py\", line 7, in a\n".into()],
                error_chain: vec![],
            })),
        });
        let parts = run_parts(&run, Path::new("/p"));
        let error = parts.error.expect("an error");
        assert_eq!((error.message.as_str(), error.line), ("no", Some(7)));
        assert_eq!(parts.steps[0].status, "FAILURE");
        assert_eq!(parts.steps[0].duration_s, Some(1.0));
    }

    #[test]
    fn time_and_cancellation_are_told_apart() {
        let mut run = outcome("CANCELED");
        assert_eq!(run_parts(&run, Path::new("/p")).status, RunStatus::Canceled);
        run.timed_out = true;
        let parts = run_parts(&run, Path::new("/p"));
        assert_eq!(parts.status, RunStatus::TimedOut);
        assert_eq!(parts.error.expect("an error").message, "its time was over");
    }
}
