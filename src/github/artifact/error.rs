//! What can go wrong between daglab and the artifact service.
//!
//! No message holds the token, or a signed URL's query: whoever reads the log could write or read
//! with it.

use std::path::PathBuf;
use std::time::Duration;

use crate::error::{Diagnose, ExitStatus};

/// An artifact that could not be stored, found or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The runner did not say something that is needed.
    #[error("the runner did not set `{variable}`, without which there are no artifacts")]
    Missing {
        /// The variable's name.
        variable: &'static str,
    },
    /// The runner said something that can't be.
    #[error("`{variable}` can't be used: {reason}")]
    Invalid {
        /// The variable's name.
        variable: &'static str,
        /// What is wrong with it, without its value where that is secret.
        reason: String,
    },
    /// A server of one's own, which lacks the service.
    #[error("GitHub Enterprise Server at `{host}` has no artifacts of version 4 or later")]
    EnterpriseServer {
        /// Its name.
        host: String,
    },
    /// The service would refuse the name.
    #[error("`{name}` can't be the name of {what}: {reason}")]
    Name {
        /// The name, made harmless.
        name: String,
        /// What was to have it.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A file that is to be stored, or the temporary file before that, can't be used.
    #[error("could not {action} `{}`", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The HTTP client could not be made.
    #[error("could not prepare requests to the artifact service: {0}")]
    Setup(String),
    /// The network failed each time.
    #[error("could not reach {server} for `{step}`: {reason}")]
    Unreachable {
        /// Which server, by what it is.
        server: &'static str,
        /// What was tried.
        step: &'static str,
        /// What the network said.
        reason: String,
    },
    /// A status that says no.
    #[error("{server} answered `{step}` with HTTP status {status}{}", colon(.message))]
    Status {
        /// Which server, by what it is.
        server: &'static str,
        /// What was tried.
        step: &'static str,
        /// The status.
        status: u16,
        /// What it said, as text on one line.
        message: String,
    },
    /// The job's token is not taken, or not any more.
    #[error("the artifact service refused the job's token for `{step}`{}", colon(.message))]
    TokenRefused {
        /// What was tried.
        step: &'static str,
        /// What it said.
        message: String,
    },
    /// The blob store does not take the signed URL, or not any more.
    #[error("the blob store refused the signed URL for `{step}`{}", colon(.message))]
    LinkRefused {
        /// What was tried.
        step: &'static str,
        /// What it said.
        message: String,
    },
    /// There is no room left for the account.
    #[error("the account's storage for artifacts is used up")]
    Quota,
    /// The run has an artifact of this name.
    #[error("this workflow run already has an artifact named `{name}`")]
    Exists {
        /// The name.
        name: String,
    },
    /// The run has no such artifact.
    #[error("this workflow run has no artifact named `{name}`")]
    NotFound {
        /// The name.
        name: String,
    },
    /// The answer is not what the protocol says.
    #[error("{server} answered `{step}` with something that can't be read: {reason}")]
    BrokenAnswer {
        /// Which server, by what it is.
        server: &'static str,
        /// What was tried.
        step: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The bytes are not those that were stored.
    #[error(
        "the artifact `{name}` arrived damaged: its digest is {found} and should be {expected}"
    )]
    Digest {
        /// The artifact's name.
        name: String,
        /// What the service says.
        expected: String,
        /// What came.
        found: String,
    },
    /// More than anybody should have to read.
    #[error("{what} is larger than the limit of {limit} {unit}")]
    TooLarge {
        /// The artifact or what is in it.
        what: String,
        /// How much there may be.
        limit: u64,
        /// Of what.
        unit: &'static str,
    },
    /// Not an archive, or one that means harm.
    #[error("the archive can't be unpacked: {reason}")]
    Archive {
        /// What is wrong with it.
        reason: String,
    },
    /// All pauses and tries together took too long.
    #[error("{what} was not finished within {} seconds", limit.as_secs())]
    TooLong {
        /// What was to be done.
        what: String,
        /// How long was waited.
        limit: Duration,
    },
}

impl Diagnose for Error {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::Missing { .. } | Self::Invalid { .. } | Self::EnterpriseServer { .. } => {
                ExitStatus::Environment
            }
            Self::TokenRefused { .. } | Self::LinkRefused { .. } => ExitStatus::Authentication,
            Self::Name { .. } | Self::Archive { .. } => ExitStatus::Validation,
            Self::Exists { .. } | Self::File { .. } => ExitStatus::Conflict,
            Self::Setup(_)
            | Self::Unreachable { .. }
            | Self::Status { .. }
            | Self::Quota
            | Self::NotFound { .. }
            | Self::BrokenAnswer { .. }
            | Self::Digest { .. }
            | Self::TooLarge { .. }
            | Self::TooLong { .. } => ExitStatus::Network,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Missing { variable } if variable.starts_with("ACTIONS_") => {
                "the runner gives it to actions, not to `run:` steps: use the action, or pass the \
                 variable on from a step that has it"
            }
            Self::Missing { .. } => "run this in a job of a workflow",
            Self::Invalid { .. } => "leave the variable as the runner sets it",
            Self::EnterpriseServer { .. } => {
                "keep the files in a store of your own, or read the result in the job's summary"
            }
            Self::Name { .. } => "give it another name",
            Self::File { source, .. } if source.kind() == std::io::ErrorKind::StorageFull => {
                "free some space where `TMPDIR` is"
            }
            Self::Unreachable { .. } | Self::TooLong { .. } => {
                "look at https://www.githubstatus.com; a self-hosted runner must reach GitHub's \
                 results service and its blob store"
            }
            Self::Status { status, .. } if *status >= 500 || *status == 429 => {
                "look at https://www.githubstatus.com, and run the job again"
            }
            Self::TokenRefused { .. } => {
                "the token lasts as long as the job: it may have been used after its end, or the \
                 job took longer than its time limit"
            }
            Self::LinkRefused { .. } => {
                "signed URLs last for a limited time: check the runner's clock and the speed of its \
                 network"
            }
            Self::Quota => {
                "delete old artifacts, shorten their retention, or raise the spending limit; usage \
                 is counted again every 6 to 12 hours"
            }
            Self::Exists { .. } => {
                "each job of a matrix needs names of its own, or must be allowed to overwrite"
            }
            Self::NotFound { .. } => {
                "look whether the job that stores it has run, and whether it has expired"
            }
            Self::Digest { .. } => "run the job again",
            _ => return None,
        };
        Some(hint.into())
    }
}

fn colon(message: &str) -> String {
    if message.is_empty() {
        String::new()
    } else {
        format!(": {message}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_read() {
        let (step, server) = ("CreateArtifact", "the artifact service");
        let message = || "said so".to_owned();
        let name = || "report.html".to_owned();
        let status = |status| Error::Status {
            server,
            step,
            status,
            message: message(),
        };
        let errors = [
            Error::Missing {
                variable: "ACTIONS_RUNTIME_TOKEN",
            },
            Error::Missing {
                variable: "GITHUB_RUN_ID",
            },
            Error::Invalid {
                variable: "GITHUB_RUN_ID",
                reason: "it is not a number".into(),
            },
            Error::EnterpriseServer {
                host: "github.example.com".into(),
            },
            Error::Name {
                name: "a/b".into(),
                what: "an artifact",
                reason: "it holds '/'".into(),
            },
            Error::File {
                action: "read",
                path: "a.html".into(),
                source: std::io::ErrorKind::NotFound.into(),
            },
            Error::File {
                action: "write",
                path: "a.zip".into(),
                source: std::io::ErrorKind::StorageFull.into(),
            },
            Error::Unreachable {
                server,
                step,
                reason: "there was no answer in time".into(),
            },
            status(503),
            status(404),
            Error::TokenRefused {
                step,
                message: String::new(),
            },
            Error::LinkRefused {
                step: "Put Block",
                message: message(),
            },
            Error::Quota,
            Error::Exists { name: name() },
            Error::NotFound { name: name() },
            Error::BrokenAnswer {
                server,
                step,
                reason: "it is not ok".into(),
            },
            Error::Digest {
                name: name(),
                expected: "sha256:00".into(),
                found: "sha256:11".into(),
            },
            Error::TooLarge {
                what: "the archive".into(),
                limit: 10,
                unit: "files",
            },
            Error::Archive {
                reason: "`../x` can't be: `..` is a part of it".into(),
            },
            Error::TooLong {
                what: "the upload of `report.html`".into(),
                limit: Duration::from_secs(60),
            },
        ];
        let shown: Vec<String> = errors
            .iter()
            .map(|error| {
                let hint = error.hint().map(|hint| format!("  hint: {hint}\n"));
                let code = error.exit_status() as u8;
                format!("{code} {error}\n{}", hint.unwrap_or_default())
            })
            .collect();
        insta::assert_snapshot!(shown.concat());
    }
}
