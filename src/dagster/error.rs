//! Why Dagster did not do what it was asked.

use std::time::Duration;

use super::python_error::PythonError;
use crate::error::{Diagnose, ExitStatus};

/// Why Dagster did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody listens, or the connection broke.
    #[error("could not reach Dagster at {url}")]
    Unreachable {
        /// The address.
        url: String,
        /// What the network said.
        #[source]
        source: reqwest::Error,
    },
    /// No answer in time.
    #[error("Dagster at {url} did not answer within {} s", time.as_secs_f64())]
    Timeout {
        /// The address.
        url: String,
        /// How long it was waited.
        time: Duration,
    },
    /// Something answers, but not Dagster.
    #[error("what answers at {url} is not Dagster: {what}")]
    NotDagster {
        /// The address.
        url: String,
        /// What it is.
        what: String,
    },
    /// Refused.
    #[error("Dagster refused: {message}")]
    Unauthorized {
        /// In its words.
        message: String,
    },
    /// The query itself was refused.
    #[error("Dagster did not take the operation `{operation}`: {message}")]
    Refused {
        /// The operation.
        operation: &'static str,
        /// In its words.
        message: String,
    },
    /// Dagster raised an error while it answered.
    #[error("{}", error.summary())]
    Python {
        /// The error.
        error: PythonError,
    },
    /// A run that was followed is gone.
    #[error("the run `{run_id}` no longer exists")]
    RunGone {
        /// The run.
        run_id: String,
    },
}

impl Diagnose for Error {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::Unauthorized { .. } => ExitStatus::Authentication,
            Self::Refused { .. } => ExitStatus::Validation,
            Self::Python { .. } | Self::RunGone { .. } => ExitStatus::RunFailed,
            _ => ExitStatus::Network,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Unreachable { .. } => Some("is the web server running?".to_owned()),
            Self::NotDagster { .. } => Some("check host, port and path prefix".to_owned()),
            _ => None,
        }
    }

    fn detail(&self) -> Option<String> {
        match self {
            Self::Python { error } => Some(error.user_stack()).filter(|stack| !stack.is_empty()),
            _ => None,
        }
    }
}
