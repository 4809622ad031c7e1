//! What became of a run, put together from its events.

use super::events::{Checked, LogKey, Materialized, RunEvent, RunEventKind};
use super::python_error::PythonError;

/// What became of a run, as far as it was followed.
#[derive(Debug, Clone, PartialEq)]
pub struct RunOutcome {
    /// The run.
    pub run_id: String,
    /// Dagster's status: `SUCCESS`, `FAILURE` or `CANCELED` once it has ended.
    pub status: String,
    /// Whether it was terminated because its time was over.
    pub timed_out: bool,
    /// When its process started, in seconds since 1970.
    pub started_at: Option<f64>,
    /// When it ended.
    pub ended_at: Option<f64>,
    /// Its steps, in the order in which they began.
    pub steps: Vec<Step>,
    /// What it materialized.
    pub materializations: Vec<Materialized>,
    /// What its asset checks said.
    pub checks: Vec<Checked>,
    /// What Dagster says about its failure or cancellation.
    pub failure: Option<Failure>,
    /// Where its captured output is.
    pub log_keys: Vec<LogKey>,
}

/// Why a run ended other than well.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// What Dagster says.
    pub message: String,
    /// The exception, where there was one.
    pub error: Option<Box<PythonError>>,
}

/// A step of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Its key.
    pub key: String,
    /// What became of it.
    pub status: StepStatus,
    /// When it began, in seconds since 1970; of the last attempt.
    pub started_at: Option<f64>,
    /// When it ended.
    pub ended_at: Option<f64>,
    /// Why it failed; of the last attempt.
    pub error: Option<Box<PythonError>>,
}

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepStatus {
    /// It has begun and not ended.
    InProgress,
    /// It ended well.
    Success,
    /// It failed.
    Failure,
    /// It was left out.
    Skipped,
}

impl RunOutcome {
    pub(super) fn new(run_id: String) -> Self {
        Self {
            run_id,
            status: "NOT_STARTED".to_owned(),
            timed_out: false,
            started_at: None,
            ended_at: None,
            steps: Vec::new(),
            materializations: Vec::new(),
            checks: Vec::new(),
            failure: None,
            log_keys: Vec::new(),
        }
    }

    /// Whether the run has ended.
    pub fn has_ended(&self) -> bool {
        is_final(&self.status)
    }

    /// Adds what an event tells.
    pub(super) fn add(&mut self, event: &RunEvent) {
        match &event.kind {
            RunEventKind::StepStarted | RunEventKind::StepRestarted => {
                let step = self.step(event);
                step.started_at = Some(event.at);
                step.ended_at = None;
                step.error = None;
                step.status = StepStatus::InProgress;
            }
            RunEventKind::StepSucceeded => self.end_step(event, StepStatus::Success, None),
            RunEventKind::StepFailed(error) => {
                self.end_step(event, StepStatus::Failure, error.clone());
            }
            RunEventKind::StepSkipped => self.end_step(event, StepStatus::Skipped, None),
            RunEventKind::StepWillRetry(error) => {
                self.end_step(event, StepStatus::InProgress, error.clone());
            }
            RunEventKind::Materialized(materialized) => {
                self.materializations.push(materialized.clone());
            }
            RunEventKind::Checked(checked) => self.checks.push(checked.clone()),
            RunEventKind::LogsCaptured(key) => self.log_keys.push(key.clone()),
            RunEventKind::Failed(error) => {
                self.failure = Some(Failure {
                    message: event.message.clone(),
                    error: error.clone(),
                });
            }
            RunEventKind::Canceled => {
                self.failure = Some(Failure {
                    message: event.message.clone(),
                    error: None,
                });
            }
            _ => {}
        }
    }

    fn step(&mut self, event: &RunEvent) -> &mut Step {
        let key = event.step.as_deref().unwrap_or_default();
        let index = self.steps.iter().position(|step| step.key == key);
        let index = index.unwrap_or_else(|| {
            self.steps.push(Step {
                key: key.to_owned(),
                status: StepStatus::InProgress,
                started_at: None,
                ended_at: None,
                error: None,
            });
            self.steps.len() - 1
        });
        &mut self.steps[index]
    }

    fn end_step(&mut self, event: &RunEvent, status: StepStatus, error: Option<Box<PythonError>>) {
        let step = self.step(event);
        step.status = status;
        step.ended_at = Some(event.at);
        step.error = error;
    }
}

/// Whether a run with this status has ended.
pub(super) fn is_final(status: &str) -> bool {
    matches!(status, "SUCCESS" | "FAILURE" | "CANCELED")
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    fn event(at: f64, step: Option<&str>, kind: RunEventKind) -> RunEvent {
        RunEvent {
            at,
            level: "INFO".into(),
            step: step.map(str::to_owned),
            message: "said".into(),
            kind,
        }
    }

    #[test]
    fn steps_are_put_together_from_their_events() {
        let mut outcome = RunOutcome::new("r".into());
        let error = Some(Box::new(PythonError::default()));
        for event in [
            event(1.0, Some("a"), RunEventKind::StepStarted),
            event(2.0, Some("b"), RunEventKind::StepStarted),
            event(3.0, Some("a"), RunEventKind::StepWillRetry(error.clone())),
            event(4.0, Some("a"), RunEventKind::StepRestarted),
            event(5.0, Some("a"), RunEventKind::StepSucceeded),
            event(6.0, Some("b"), RunEventKind::StepFailed(error)),
            event(7.0, Some("c"), RunEventKind::StepSkipped),
            event(8.0, None, RunEventKind::Failed(None)),
        ] {
            outcome.add(&event);
        }
        let steps: Vec<_> = outcome
            .steps
            .iter()
            .map(|s| {
                (
                    s.key.as_str(),
                    s.status,
                    s.started_at,
                    s.ended_at,
                    s.error.is_some(),
                )
            })
            .collect();
        assert_eq!(
            steps,
            [
                ("a", StepStatus::Success, Some(4.0), Some(5.0), false),
                ("b", StepStatus::Failure, Some(2.0), Some(6.0), true),
                ("c", StepStatus::Skipped, None, Some(7.0), false),
            ]
        );
        assert_eq!(outcome.failure.expect("a failure").message, "said");
    }
}
