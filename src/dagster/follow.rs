//! Following a run to its end.

use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::client::Client;
use super::error::Error;
use super::events::{Checked, LogKey, Materialized, RunEvent, RunEventKind};
use super::launch::TerminatePolicy;
use super::operations::wire::{CapturedLogsVariables, FollowVariables, LogsForRun, RunOrError};
use super::operations::{CapturedLogs, FollowRun, Operation};
use super::python_error::PythonError;

/// The first wait between two looks; each is half as long again as the one before.
const FIRST_WAIT: Duration = Duration::from_millis(30);
/// The first wait where somebody will say when the run's process has ended. A look costs the server
/// more than most of what it would see.
const FIRST_WAIT_NUDGED: Duration = Duration::from_millis(500);
/// How many events one look asks for. A server may give fewer.
const PAGE: u32 = 1000;
/// How long a server may be away while a run is followed: it may be restarting.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many more looks are taken for the last event of a run whose status is final.
const LAST_LOOKS: u32 = 3;
/// How long a run may take to end after it was asked to, before it counts as cancelled.
const GRACE: Duration = Duration::from_secs(10);

/// How a run is followed.
#[derive(Debug, Clone)]
pub struct FollowOptions<'a> {
    /// The longest wait between two looks. The first are shorter.
    pub polling_interval: Duration,
    /// Notified by whoever learns that something has happened to the run, such as that its process
    /// has ended: it is looked at once.
    pub nudge: Option<&'a Notify>,
    /// When the run has taken this long, it is terminated.
    pub limit: Option<Duration>,
}

impl Default for FollowOptions<'_> {
    fn default() -> Self {
        Self {
            polling_interval: Duration::from_secs(1),
            nudge: None,
            limit: None,
        }
    }
}

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

/// What a run's processes have printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapturedOutput {
    /// The steps that the process ran.
    pub steps: Vec<String>,
    /// Its standard output, from the beginning.
    pub stdout: String,
    /// Its standard error, from the beginning.
    pub stderr: String,
    /// Whether there was more than was asked for.
    pub truncated: bool,
}

impl RunOutcome {
    fn new(run_id: String) -> Self {
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
        matches!(self.status.as_str(), "SUCCESS" | "FAILURE" | "CANCELED")
    }

    /// Adds what an event tells.
    fn add(&mut self, event: &RunEvent) {
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

/// A run that is being followed. What was seen is kept in it, so waiting may be given up and taken
/// up again at any time.
#[derive(Debug)]
pub struct Follow<'c> {
    client: &'c Client,
    cursor: Option<String>,
    saw_final_event: bool,
    outcome: RunOutcome,
}

impl Client {
    /// Follows a run to its end and hands each event on.
    pub async fn follow(
        &self,
        run_id: &str,
        options: &FollowOptions<'_>,
        mut on_event: impl FnMut(RunEvent),
    ) -> Result<RunOutcome, Error> {
        let mut follow = Follow::new(self, run_id);
        let Some(limit) = options.limit else {
            follow.wait(options, &mut on_event).await?;
            return Ok(follow.into_outcome());
        };
        match tokio::time::timeout(limit, follow.wait(options, &mut on_event)).await {
            Ok(ended) => ended?,
            Err(_) => follow.end(options, &mut on_event).await?,
        }
        Ok(follow.into_outcome())
    }

    /// What the processes of a run have printed, at most `limit` bytes of each stream of each.
    pub async fn captured_output(
        &self,
        run: &RunOutcome,
        limit: u64,
    ) -> Result<Vec<CapturedOutput>, Error> {
        let mut outputs = Vec::with_capacity(run.log_keys.len());
        for log in &run.log_keys {
            let variables = CapturedLogsVariables {
                log_key: vec![
                    run.run_id.clone(),
                    "compute_logs".to_owned(),
                    log.key.clone(),
                ],
                cursor: None,
                limit,
            };
            let data = self
                .execute::<CapturedLogs>(&variables)
                .await?
                .captured_logs;
            let stdout = data.stdout.unwrap_or_default();
            let stderr = data.stderr.unwrap_or_default();
            // A cut inside a character may leave the text a few bytes short of the limit.
            let cut = |text: &str| text.len() as u64 + 4 > limit;
            outputs.push(CapturedOutput {
                steps: log.steps.clone(),
                truncated: cut(&stdout) || cut(&stderr),
                stdout,
                stderr,
            });
        }
        Ok(outputs)
    }
}

impl<'c> Follow<'c> {
    /// Begins with the run's first event.
    pub fn new(client: &'c Client, run_id: &str) -> Self {
        Self {
            client,
            cursor: None,
            saw_final_event: false,
            outcome: RunOutcome::new(run_id.to_owned()),
        }
    }

    /// What is known so far.
    pub fn outcome(&self) -> &RunOutcome {
        &self.outcome
    }

    /// What is known, for keeps.
    pub fn into_outcome(self) -> RunOutcome {
        self.outcome
    }

    /// Waits for the end of the run. Its last events have been seen when this returns.
    pub async fn wait(
        &mut self,
        options: &FollowOptions<'_>,
        on_event: &mut impl FnMut(RunEvent),
    ) -> Result<(), Error> {
        let mut wait = FIRST_WAIT;
        if let Some(nudge) = options.nudge
            && self.cursor.is_none()
            && tokio::time::timeout(FIRST_WAIT_NUDGED, nudge.notified())
                .await
                .is_err()
        {
            wait = FIRST_WAIT_NUDGED;
        }
        let mut failing_since: Option<Instant> = None;
        let mut last_looks = LAST_LOOKS;
        loop {
            match self.look(on_event).await {
                Ok(has_more) => {
                    failing_since = None;
                    if has_more {
                        continue;
                    }
                    if self.outcome.has_ended() {
                        if self.saw_final_event || last_looks == 0 {
                            return Ok(());
                        }
                        last_looks -= 1;
                        wait = FIRST_WAIT;
                    }
                }
                Err(error)
                    if error.is_transient()
                        && failing_since.get_or_insert_with(Instant::now).elapsed() < PATIENCE =>
                {
                    tracing::debug!(%error, run = self.outcome.run_id, "following");
                }
                Err(error) => return Err(error),
            }
            let nudged = async {
                match options.nudge {
                    Some(nudge) => nudge.notified().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = nudged => wait = FIRST_WAIT,
                () = tokio::time::sleep(wait) => {
                    wait = (wait * 3 / 2).min(options.polling_interval.max(FIRST_WAIT));
                }
            }
        }
    }

    /// Ends a run whose time is over: asks it to end, and after a while takes it for cancelled.
    pub async fn end(
        &mut self,
        options: &FollowOptions<'_>,
        on_event: &mut impl FnMut(RunEvent),
    ) -> Result<(), Error> {
        self.outcome.timed_out = true;
        for policy in [TerminatePolicy::Safe, TerminatePolicy::MarkCanceled] {
            match self.client.terminate(&self.outcome.run_id, policy).await {
                // It may have ended on its own, or not have a process that can be asked.
                Ok(()) | Err(Error::TerminateRefused { .. }) => {}
                Err(error) => return Err(error),
            }
            let ended = tokio::time::timeout(GRACE, self.wait(options, on_event)).await;
            if let Ok(ended) = ended {
                if self.outcome.status == "SUCCESS" {
                    self.outcome.timed_out = false;
                }
                return ended;
            }
        }
        Ok(())
    }

    /// Reads the next page of events and the status. Says whether more are there already.
    async fn look(&mut self, on_event: &mut impl FnMut(RunEvent)) -> Result<bool, Error> {
        let name = FollowRun::DESCRIBED.name;
        let variables = FollowVariables {
            run_id: self.outcome.run_id.clone(),
            cursor: self.cursor.clone(),
            limit: PAGE,
        };
        let data = self.client.execute::<FollowRun>(&variables).await?;
        // Nothing is awaited from here on: a page is taken whole or not at all.
        let (cursor, has_more, events) = match data.logs_for_run {
            LogsForRun::EventConnection {
                cursor,
                has_more,
                events,
            } => (cursor, has_more, events),
            LogsForRun::RunNotFound => return Err(self.not_found()),
            LogsForRun::PythonError(error) => return Err(Error::python(name, error)),
        };
        match data.run_or_error {
            RunOrError::Run {
                status,
                start_time,
                end_time,
                ..
            } => {
                self.outcome.status = status;
                self.outcome.started_at = start_time;
                self.outcome.ended_at = end_time;
            }
            RunOrError::RunNotFound => return Err(self.not_found()),
            RunOrError::PythonError(error) => return Err(Error::python(name, error)),
        }
        self.cursor = Some(cursor);
        for event in events.into_iter().map(RunEvent::read) {
            self.saw_final_event |= event.is_final();
            self.outcome.add(&event);
            on_event(event);
        }
        Ok(has_more)
    }

    fn not_found(&self) -> Error {
        Error::RunNotFound {
            run_id: self.outcome.run_id.clone(),
        }
    }
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
