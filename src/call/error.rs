//! What can be wrong with a call.

use std::path::PathBuf;

use crate::config::error::Error as ConfigError;
use crate::dagster::Error as DagsterError;
use crate::error::{Diagnose, ExitStatus};
use crate::publish::remote::Error as StoreError;
use crate::publish::remote::address::Error as AddressError;
use crate::run::Refusal;

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request can't be read.
    #[error("the request can't be read: {0}")]
    Request(String),
    /// Dagster says no, or there is nothing of the name.
    #[error(transparent)]
    Dagster(#[from] DagsterError),
    /// What is asked for can't be launched.
    #[error(transparent)]
    Refused(Refusal),
    /// The run config is no YAML, or no mapping.
    #[error("the run config can't be read: {0}")]
    Config(#[from] ConfigError),
    /// A key that is none.
    #[error("`{0}` is not an asset key: its parts, joined by `/`, may not be empty")]
    AssetKey(String),
    /// Neither a job nor assets.
    #[error("neither a job nor assets are named")]
    NothingAsked,
    /// A job's assets in the syntax of selections.
    #[error("a selection of assets goes without a job")]
    SelectionOfJob,
    /// A store that nobody knows.
    #[error("there is no provider `{0}`")]
    Provider(String),
    /// A file that can't be read.
    #[error("`{}` can't be read", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The store says no.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A key that leads out of its bucket, or names nothing.
    #[error("`{0}` can't be the key of an object")]
    ObjectKey(String),
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Dagster(error) => Self::Dagster(error),
            refusal => Self::Refused(refusal),
        }
    }
}

impl From<AddressError> for Error {
    fn from(error: AddressError) -> Self {
        Self::Store(error.into())
    }
}

impl Diagnose for Error {
    fn exit_status(&self) -> ExitStatus {
        match self {
            // Whoever asks for a run by its id may be wrong about the id; no run has failed.
            Self::Dagster(DagsterError::RunNotFound { .. }) => ExitStatus::Validation,
            Self::Dagster(error) => error.exit_status(),
            Self::Refused(refusal) => refusal.exit_status(),
            Self::Config(error) => error.exit_status(),
            Self::Store(error) => error.exit_status(),
            Self::File { .. } => ExitStatus::Validation,
            Self::Request(_)
            | Self::AssetKey(_)
            | Self::NothingAsked
            | Self::SelectionOfJob
            | Self::Provider(_)
            | Self::ObjectKey(_) => ExitStatus::Usage,
        }
    }

    /// As the callers write it, who have no flags.
    fn hint(&self) -> Option<String> {
        match self {
            Self::Dagster(DagsterError::Unreachable { .. }) => Some(
                "start one with `dagster dev`, or name another one: `DagsterClient(url=…)`, \
                 `dagster.url` in `daglab.yaml`, or the variable `DAGLAB_DAGSTER_URL`"
                    .to_owned(),
            ),
            Self::Dagster(DagsterError::Unauthorized { .. }) => Some(
                "set the token's variable, `DAGSTER_GRAPHQL_TOKEN` unless `dagster.auth.token_env` \
                 names another, or give `auth=AuthConfig(…)`"
                    .to_owned(),
            ),
            Self::Dagster(DagsterError::JobAmbiguous { flag, .. }) => {
                let (name, value) = flag.trim_start_matches('-').split_once(' ')?;
                Some(format!("say which, such as `{name}=\"{value}\"`"))
            }
            Self::Dagster(error) => error.hint(),
            Self::Refused(refusal) => refusal.hint(),
            Self::Config(error) => error.hint(),
            Self::Store(error) => error.hint(),
            Self::Provider(_) => Some("it is `s3`, `gcs`, `azure` or `file`".to_owned()),
            Self::NothingAsked => Some("name a job, asset keys or a selection".to_owned()),
            _ => None,
        }
    }

    fn detail(&self) -> Option<String> {
        match self {
            Self::Dagster(error) => error.detail(),
            Self::Refused(refusal) => refusal.detail(),
            Self::Config(error) => error.detail(),
            Self::Store(error) => error.detail(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_run_is_no_run_that_failed() {
        let run_id = "no-such-run".to_owned();
        let error = Error::from(DagsterError::RunNotFound { run_id });
        assert_eq!(error.exit_status(), ExitStatus::Validation);
    }
}
