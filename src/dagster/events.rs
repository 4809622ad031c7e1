//! What happens in a run, one event at a time.

use std::collections::BTreeMap;

use super::asset_key::AssetKey;
use super::metadata::texts;
use super::operations::wire::event::EventWire;
use super::python_error::PythonError;

/// Something that happened in a run.
#[derive(Debug, Clone, PartialEq)]
pub struct RunEvent {
    /// When, in seconds since 1970.
    pub at: f64,
    /// `DEBUG`, `INFO`, `WARNING`, `ERROR` or `CRITICAL`.
    pub level: String,
    /// The step it happened in.
    pub step: Option<String>,
    /// What Dagster or the user says about it.
    pub message: String,
    /// What it was.
    pub kind: RunEventKind,
}

/// What an event was.
#[derive(Debug, Clone, PartialEq)]
pub enum RunEventKind {
    /// The run waits for its turn.
    Queued,
    /// The run's process is being started.
    Starting,
    /// The run's process is there.
    Started,
    /// The run ended well.
    Succeeded,
    /// The run failed.
    Failed(Option<Box<PythonError>>),
    /// The run is being cancelled.
    Canceling,
    /// The run was cancelled.
    Canceled,
    /// A step began.
    StepStarted,
    /// A step ended well.
    StepSucceeded,
    /// A step failed.
    StepFailed(Option<Box<PythonError>>),
    /// A step was left out.
    StepSkipped,
    /// A step failed and will be tried again.
    StepWillRetry(Option<Box<PythonError>>),
    /// A step is being tried again.
    StepRestarted,
    /// An asset was materialized.
    Materialized(Materialized),
    /// An asset check said yes or no.
    Checked(Checked),
    /// What the process prints is being captured.
    LogsCaptured(LogKey),
    /// The user's code logged something.
    Log,
    /// Anything else, mostly about Dagster itself; perhaps with an error that did not end the run.
    Other(Option<Box<PythonError>>),
}

/// An asset materialization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Materialized {
    /// The asset; none for what is not an asset to Dagster.
    pub asset: Option<AssetKey>,
    /// The partition.
    pub partition: Option<String>,
    /// Metadata as label and text.
    pub metadata: BTreeMap<String, String>,
}

/// The evaluation of an asset check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// The asset.
    pub asset: AssetKey,
    /// The check's name.
    pub check: String,
    /// The partition, from servers that know checks of partitions.
    pub partition: Option<String>,
    /// Whether it passed.
    pub passed: bool,
    /// Whether a failure is an error rather than a warning.
    pub is_error: bool,
    /// What the check says.
    pub description: Option<String>,
    /// Metadata as label and text.
    pub metadata: BTreeMap<String, String>,
}

/// Where the captured output of one of the run's processes is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogKey {
    /// Dagster's name for it within the run.
    pub key: String,
    /// The steps that the process runs.
    pub steps: Vec<String>,
}

impl RunEventKind {
    /// Its name, for programs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Starting => "starting",
            Self::Started => "started",
            Self::Succeeded => "succeeded",
            Self::Failed(_) => "failed",
            Self::Canceling => "canceling",
            Self::Canceled => "canceled",
            Self::StepStarted => "step_started",
            Self::StepSucceeded => "step_succeeded",
            Self::StepFailed(_) => "step_failed",
            Self::StepSkipped => "step_skipped",
            Self::StepWillRetry(_) => "step_will_retry",
            Self::StepRestarted => "step_restarted",
            Self::Materialized(_) => "materialized",
            Self::Checked(_) => "checked",
            Self::LogsCaptured(_) => "logs_captured",
            Self::Log => "log",
            Self::Other(_) => "other",
        }
    }

    /// The exception it tells of.
    pub fn error(&self) -> Option<&PythonError> {
        match self {
            Self::Failed(error)
            | Self::StepFailed(error)
            | Self::StepWillRetry(error)
            | Self::Other(error) => error.as_deref(),
            _ => None,
        }
    }
}

impl RunEvent {
    pub(super) fn read(event: EventWire) -> Self {
        let error = event.error.map(Box::new);
        let kind = match event.kind.as_str() {
            "RunEnqueuedEvent" => RunEventKind::Queued,
            "RunStartingEvent" => RunEventKind::Starting,
            "RunStartEvent" => RunEventKind::Started,
            "RunSuccessEvent" => RunEventKind::Succeeded,
            "RunFailureEvent" => RunEventKind::Failed(error),
            "RunCancelingEvent" => RunEventKind::Canceling,
            "RunCanceledEvent" => RunEventKind::Canceled,
            "ExecutionStepStartEvent" => RunEventKind::StepStarted,
            "ExecutionStepSuccessEvent" => RunEventKind::StepSucceeded,
            "ExecutionStepFailureEvent" => RunEventKind::StepFailed(error),
            "ExecutionStepSkippedEvent" => RunEventKind::StepSkipped,
            "ExecutionStepUpForRetryEvent" => RunEventKind::StepWillRetry(error),
            "ExecutionStepRestartEvent" => RunEventKind::StepRestarted,
            "MaterializationEvent" => RunEventKind::Materialized(Materialized {
                asset: event.asset_key,
                partition: event.partition,
                metadata: texts(event.metadata_entries),
            }),
            "AssetCheckEvaluationEvent" if event.evaluation.is_some() => {
                let evaluation = event.evaluation.expect("the guard looked");
                RunEventKind::Checked(Checked {
                    asset: evaluation.asset_key,
                    check: evaluation.check_name,
                    partition: evaluation.partition,
                    passed: evaluation.success,
                    is_error: evaluation.severity == "ERROR",
                    description: evaluation.description,
                    metadata: texts(evaluation.metadata_entries),
                })
            }
            "LogsCapturedEvent" => RunEventKind::LogsCaptured(LogKey {
                key: event.log_key.unwrap_or_default(),
                steps: event.step_keys.unwrap_or_default(),
            }),
            "LogMessageEvent" => RunEventKind::Log,
            _ => RunEventKind::Other(error),
        };
        Self {
            at: event.timestamp.parse::<f64>().unwrap_or(0.0) / 1000.0,
            level: event.level,
            step: event.step_key,
            message: event.message,
            kind,
        }
    }

    /// Whether nothing but Dagster's goodbye can follow it.
    pub fn is_final(&self) -> bool {
        matches!(
            self.kind,
            RunEventKind::Succeeded | RunEventKind::Failed(_) | RunEventKind::Canceled
        )
    }

    /// The status that Dagster gives a run with this event.
    pub fn status(&self) -> Option<&'static str> {
        Some(match self.kind {
            RunEventKind::Queued => "QUEUED",
            RunEventKind::Starting => "STARTING",
            RunEventKind::Started => "STARTED",
            RunEventKind::Canceling => "CANCELING",
            RunEventKind::Succeeded => "SUCCESS",
            RunEventKind::Failed(_) => "FAILURE",
            RunEventKind::Canceled => "CANCELED",
            _ => return None,
        })
    }
}
