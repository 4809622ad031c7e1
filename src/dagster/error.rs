//! What can go wrong between daglab and a Dagster server.

use std::path::PathBuf;
use std::time::Duration;

use crate::dagster::asset_key::AssetKey;
use crate::dagster::python_error::PythonError;
use crate::dagster::validate::ConfigProblem;
use crate::dagster::version::Version;
use crate::error::{Diagnose, ExitStatus};
use crate::ui::text::one_line;

/// A failure in talking to Dagster, or an answer that says no.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configured address cannot be used.
    #[error("`{url}` is not the address of a Dagster server: {reason}")]
    Url {
        /// As it was configured.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The credentials cannot be sent.
    #[error("the credentials for Dagster can't be used: {reason}")]
    Credentials {
        /// What is wrong with them, without themselves.
        reason: String,
    },
    /// The file of certificates cannot be used.
    #[error("`{}` can't be used as certificates: {reason}", file.display())]
    Authorities {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The user's own settings do not allow the operation.
    #[error("`{operation}` is not allowed in the sandbox, which `security.sandbox_mode` turns on")]
    Sandboxed {
        /// Its name in Dagster's schema.
        operation: String,
    },
    /// The HTTP client could not be made.
    #[error("could not prepare HTTP requests: {0}")]
    Setup(String),
    /// Nothing could be sent.
    #[error("could not reach Dagster at `{url}`: {reason}")]
    Unreachable {
        /// The server's address.
        url: String,
        /// Whether the request may have arrived all the same: the connection broke later.
        may_have_arrived: bool,
        /// What the network said.
        reason: String,
    },
    /// No answer came in time.
    #[error("Dagster at `{url}` did not answer `{operation}` within {}", seconds(.limit))]
    Timeout {
        /// The server's address.
        url: String,
        /// What was asked.
        operation: &'static str,
        /// How long was waited.
        limit: Duration,
    },
    /// There is no websocket to the server, or no longer. Everything else may work.
    #[error("there is no live connection to Dagster at `{url}`: {reason}")]
    NotLive {
        /// The server's address.
        url: String,
        /// What stood in its way.
        reason: String,
    },
    /// Something else than Dagster answers there.
    #[error("the server at `{url}` is not Dagster: {reason}")]
    NotDagster {
        /// The server's address.
        url: String,
        /// What it answered.
        reason: String,
    },
    /// An HTTP status that says no.
    #[error("the server at `{url}` answered with HTTP status {status}{}", colon(.body))]
    Http {
        /// The server's address.
        url: String,
        /// The status.
        status: u16,
        /// The beginning of the answer, as text on one line.
        body: String,
    },
    /// An answer that broke off or is not what was asked for.
    #[error("the answer of Dagster at `{url}` to `{operation}` cannot be read: {reason}")]
    BrokenAnswer {
        /// The server's address.
        url: String,
        /// What was asked.
        operation: &'static str,
        /// What is wrong with the answer.
        reason: String,
    },
    /// The server does not know us, or does not let us.
    #[error("Dagster at `{url}` refused access: {message}")]
    Unauthorized {
        /// The server's address.
        url: String,
        /// What it said.
        message: String,
    },
    /// The server could not carry out the operation.
    #[error("Dagster refused `{operation}`: {}", .messages.join("; "))]
    GraphQl {
        /// What was asked.
        operation: &'static str,
        /// What it said.
        messages: Vec<String>,
    },
    /// The operation needs a newer Dagster.
    #[error("`{operation}` needs Dagster {needs} or newer, and the server has {server}")]
    Unsupported {
        /// What was asked.
        operation: &'static str,
        /// The oldest version that has it.
        needs: Version,
        /// The server's version.
        server: Version,
    },
    /// An exception in Dagster or in the user's code while the operation was carried out.
    #[error("Dagster failed on `{operation}`: {error}")]
    Python {
        /// What was asked.
        operation: &'static str,
        /// The exception.
        error: Box<PythonError>,
    },
    /// A code location did not load.
    #[error("code location `{location}` did not load: {error}")]
    LocationLoad {
        /// The location's name.
        location: String,
        /// Why.
        error: Box<PythonError>,
    },
    /// The server was not ready in time.
    #[error("Dagster at `{url}` was not ready within {}: {reason}", seconds(.limit))]
    NotReady {
        /// The server's address.
        url: String,
        /// How long was waited.
        limit: Duration,
        /// What was still missing.
        reason: String,
    },
    /// The run config does not fit the job.
    #[error("the run config of `{job}` is not valid: {}", first_problem(.problems))]
    RunConfigInvalid {
        /// The job.
        job: String,
        /// All that is wrong with it.
        problems: Vec<ConfigProblem>,
    },
    /// There is no such code location.
    #[error("there is no code location `{name}`")]
    LocationNotFound {
        /// As it was asked for.
        name: String,
        /// The name that was perhaps meant.
        suggestion: Option<String>,
        /// Those that there are.
        known: Vec<String>,
    },
    /// There is no such repository.
    #[error("there is no repository `{name}`")]
    RepositoryNotFound {
        /// As it was asked for.
        name: String,
        /// The name that was perhaps meant.
        suggestion: Option<String>,
        /// Those that there are.
        known: Vec<String>,
    },
    /// There is no such job.
    #[error("there is no job `{name}`{}", place(.location))]
    JobNotFound {
        /// As it was asked for.
        name: String,
        /// The location it was looked for in, if it was one.
        location: Option<String>,
        /// The name that was perhaps meant.
        suggestion: Option<String>,
        /// Those that there are.
        known: Vec<String>,
    },
    /// Several locations have a job of this name.
    #[error("job `{name}` exists in several places: `{}`", .places.join("`, `"))]
    JobAmbiguous {
        /// As it was asked for.
        name: String,
        /// Where it exists: `repository@location`, or the location alone.
        places: Vec<String>,
        /// The flag that tells them apart, with one of its values.
        flag: String,
    },
    /// There is no such asset.
    #[error("there is no asset `{key}`")]
    AssetNotFound {
        /// As it was asked for.
        key: AssetKey,
        /// The key that was perhaps meant.
        suggestion: Option<AssetKey>,
    },
    /// The asset is only described: no code makes it.
    #[error("asset `{key}` has no code that materializes it")]
    AssetNotMaterializable {
        /// The asset.
        key: AssetKey,
    },
    /// No single run can make these assets.
    #[error("assets `{first}` and `{second}` cannot be materialized in one run: {reason}")]
    AssetsApart {
        /// One of them.
        first: AssetKey,
        /// One that does not go with it.
        second: AssetKey,
        /// Why.
        reason: &'static str,
    },
    /// There is no such partition.
    #[error("`{target}` has no partition `{partition}`")]
    PartitionNotFound {
        /// The job or asset.
        target: String,
        /// As it was asked for.
        partition: String,
        /// The key that was perhaps meant.
        suggestion: Option<String>,
    },
    /// The partitions of a range are in the other order.
    #[error("in `{target}`, partition `{to}` comes before `{from}`")]
    PartitionsReversed {
        /// The job or asset.
        target: String,
        /// The first, as it was asked for.
        from: String,
        /// The last.
        to: String,
    },
    /// The backfill does not exist, or no longer.
    #[error("there is no backfill `{id}` in Dagster")]
    BackfillNotFound {
        /// As it was asked for.
        id: String,
    },
    /// The backfill has ended, so nothing of it can be cancelled.
    #[error("backfill `{id}` has ended already: it is {status}")]
    BackfillEnded {
        /// The backfill.
        id: String,
        /// Its status.
        status: String,
    },
    /// The run was not launched.
    #[error("Dagster did not launch `{job}`: {message}")]
    LaunchRefused {
        /// The job.
        job: String,
        /// What it said.
        message: String,
    },
    /// The connection broke while a run was being launched, and no trace of the run was found.
    #[error("it is not known whether Dagster launched `{job}`: {message}")]
    LaunchUnknown {
        /// The job.
        job: String,
        /// What broke.
        message: String,
    },
    /// The run does not exist, or no longer.
    #[error("run `{run_id}` does not exist in Dagster; it may have been deleted")]
    RunNotFound {
        /// The run.
        run_id: String,
    },
    /// The run was not terminated.
    #[error("Dagster did not terminate run `{run_id}`: {message}")]
    TerminateRefused {
        /// The run.
        run_id: String,
        /// What it said.
        message: String,
    },
}

impl Error {
    /// Whether asking again may help: the network failed, not the request.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Timeout { .. } | Self::NotLive { .. } => true,
            Self::BrokenAnswer { reason, .. } => reason == BROKE_OFF,
            Self::Http { status, .. } => matches!(status, 429 | 502 | 503 | 504),
            _ => false,
        }
    }

    pub(crate) fn python(operation: &'static str, error: PythonError) -> Self {
        Self::Python {
            operation,
            error: Box::new(error),
        }
    }
}

/// The reason in [`Error::BrokenAnswer`] when the connection ended inside the answer.
pub(crate) const BROKE_OFF: &str = "the connection ended before the answer did";

fn seconds(limit: &Duration) -> String {
    let seconds = limit.as_secs_f64();
    format!("{seconds} s")
}

fn colon(text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!(": {text}")
    }
}

fn place(location: &Option<String>) -> String {
    location
        .as_ref()
        .map(|name| format!(" in code location `{name}`"))
        .unwrap_or_default()
}

/// The names of what there is, as a hint.
fn there_are(known: &[String]) -> Option<String> {
    const LISTED: usize = 8;
    let mut names: Vec<&str> = known.iter().map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    let listed = names.iter().take(LISTED).map(|name| one_line(name));
    let listed = listed.collect::<Vec<_>>().join("`, `");
    match names.len() {
        0 => None,
        1 => Some(format!("there is `{listed}`")),
        count if count > LISTED => {
            Some(format!("there are `{listed}` and {} more", count - LISTED))
        }
        _ => Some(format!("there are `{listed}`")),
    }
}

fn first_problem(problems: &[ConfigProblem]) -> String {
    match problems {
        [] => "Dagster does not say why".to_owned(),
        [only] => only.to_string(),
        [first, rest @ ..] => format!("{first} (and {} more)", rest.len()),
    }
}

impl Diagnose for Error {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::Setup(_) | Self::Unsupported { .. } => ExitStatus::Environment,
            Self::Unreachable { .. }
            | Self::Timeout { .. }
            | Self::NotLive { .. }
            | Self::NotDagster { .. }
            | Self::Http { .. }
            | Self::BrokenAnswer { .. }
            | Self::GraphQl { .. }
            | Self::Python { .. }
            | Self::NotReady { .. }
            | Self::LaunchUnknown { .. } => ExitStatus::Network,
            Self::Unauthorized { .. } | Self::Credentials { .. } => ExitStatus::Authentication,
            Self::Url { .. }
            | Self::Authorities { .. }
            | Self::Sandboxed { .. }
            | Self::LocationLoad { .. }
            | Self::LocationNotFound { .. }
            | Self::RepositoryNotFound { .. }
            | Self::RunConfigInvalid { .. }
            | Self::JobNotFound { .. }
            | Self::JobAmbiguous { .. }
            | Self::AssetNotFound { .. }
            | Self::AssetNotMaterializable { .. }
            | Self::AssetsApart { .. }
            | Self::PartitionNotFound { .. }
            | Self::PartitionsReversed { .. } => ExitStatus::Validation,
            Self::BackfillNotFound { .. }
            | Self::BackfillEnded { .. }
            | Self::LaunchRefused { .. }
            | Self::RunNotFound { .. }
            | Self::TerminateRefused { .. } => ExitStatus::RunFailed,
        }
    }

    fn hint(&self) -> Option<String> {
        let meant = |name: &dyn std::fmt::Display| format!("did you mean `{name}`?");
        match self {
            Self::LocationNotFound {
                suggestion, known, ..
            }
            | Self::RepositoryNotFound {
                suggestion, known, ..
            }
            | Self::JobNotFound {
                suggestion, known, ..
            } => match suggestion {
                Some(name) => Some(meant(name)),
                None => there_are(known),
            },
            Self::AssetNotFound { suggestion, .. } => suggestion.as_ref().map(|key| meant(key)),
            Self::PartitionNotFound { suggestion, .. } => suggestion.as_ref().map(|key| meant(key)),
            Self::JobAmbiguous { flag, .. } => Some(format!("say which, such as `{flag}`")),
            Self::RunConfigInvalid { problems, .. } => problems
                .iter()
                .find_map(|problem| problem.suggestion.as_ref())
                .map(|name| meant(name)),
            Self::Sandboxed { operation } => Some(format!(
                "to allow it, add `{operation}` to `security.allowed_operations` in `daglab.yaml`"
            )),
            Self::NotDagster { .. } => Some(
                "check the address, and the path prefix if the web server was started with one"
                    .to_owned(),
            ),
            Self::PartitionsReversed { from, to, .. } => {
                Some(format!("begin with `{to}` and end with `{from}`"))
            }
            Self::LaunchUnknown { .. } => {
                Some("look at the runs in Dagster before launching again".to_owned())
            }
            _ => None,
        }
    }

    fn detail(&self) -> Option<String> {
        match self {
            Self::Python { error, .. } | Self::LocationLoad { error, .. } => {
                error.to_run_error(std::path::Path::new("")).stack
            }
            Self::RunConfigInvalid { problems, .. } if problems.len() > 1 => {
                let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
                Some(lines.join("\n"))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_answered_with_what_is() {
        let hint = |suggestion: Option<&str>, known: &[&str]| {
            let error = Error::JobNotFound {
                name: "x".to_owned(),
                location: None,
                suggestion: suggestion.map(str::to_owned),
                known: known.iter().map(|it| (*it).to_owned()).collect(),
            };
            error.hint()
        };
        assert_eq!(hint(Some("y"), &["y", "z"]).unwrap(), "did you mean `y`?");
        assert_eq!(hint(None, &["b", "a", "b"]).unwrap(), "there are `a`, `b`");
        assert_eq!(hint(None, &["a"]).unwrap(), "there is `a`");
        assert_eq!(hint(None, &[]), None);
        let many: Vec<String> = (10..30).map(|n| n.to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let said = hint(None, &many).unwrap();
        assert!(said.ends_with("`17` and 12 more"), "{said}");
    }
}
