//! Why a plan can't be made or carried out.

use crate::error::{Diagnose, ExitStatus};
use crate::{dagster, host, publish, supervise};

/// Why a plan can't be made or carried out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What was asked for is not there.
    #[error("{message}")]
    Plan {
        /// What is not there.
        message: String,
        /// What may have been meant.
        hint: Option<String>,
        /// The line of the user's file that asked for it.
        snippet: Option<String>,
    },
    /// Python could not be run.
    #[error(transparent)]
    Host(#[from] host::Error),
    /// Files could not be stored.
    #[error(transparent)]
    Publish(#[from] publish::Error),
    /// The private directory failed.
    #[error(transparent)]
    Supervise(#[from] supervise::Error),
    /// The installed marimo can't export to what is asked for.
    #[error("{message}")]
    Format {
        /// What it lacks.
        message: String,
        /// What may help.
        hint: String,
        /// The end of what it said.
        log: String,
    },
    /// Dagster never answered.
    #[error("the Dagster instance did not start")]
    NotReady {
        /// Why not.
        #[source]
        source: dagster::Error,
        /// The end of the web server's log.
        log: String,
    },
}

impl Diagnose for Error {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::Plan { .. } => ExitStatus::Validation,
            Self::Host(error) => error.exit_status(),
            Self::Publish(error) => error.exit_status(),
            Self::Supervise(error) => error.exit_status(),
            Self::Format { .. } | Self::NotReady { .. } => ExitStatus::Environment,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Plan { hint, .. } => hint.clone(),
            Self::Host(error) => error.hint(),
            Self::Publish(error) => error.hint(),
            Self::Supervise(error) => error.hint(),
            Self::Format { hint, .. } => Some(hint.clone()),
            Self::NotReady { source, .. } => source.hint(),
        }
    }

    fn detail(&self) -> Option<String> {
        match self {
            Self::Plan { snippet, .. } => snippet.clone(),
            Self::Host(error) => error.detail(),
            Self::Format { log, .. } | Self::NotReady { log, .. } if !log.trim().is_empty() => {
                Some(log.clone())
            }
            _ => None,
        }
    }
}
