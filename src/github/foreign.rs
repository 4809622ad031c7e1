//! A report that somebody else has made: from a run for a fork, whose code could write anything.
//!
//! It is read as data, of a bounded size, and nothing in it decides where a comment goes. What it
//! says is shown as what was said, like all foreign text; its links lead nowhere but to the
//! repository it claims nothing about.

use std::path::{Path, PathBuf};

use super::api;
use super::artifact::{self, ExtractLimits};
use super::comment::Posted;
use super::context::{self, Context};
use super::delivery;
use crate::error::{Diagnose, ExitStatus};
use crate::redact::secrets;
use crate::report::model::{CiReport, SCHEMA_VERSION};
use crate::supervise::left;

/// A larger report is not one of ours, in bytes.
const LARGEST: u64 = 64 * 1024 * 1024;

/// The report's name in its directory.
const REPORT: &str = "report.json";

/// Why there is no comment.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no report, or it can't be read.
    #[error("could not read `{}`: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A report of a newer daglab.
    #[error("the report has version {0}, and this daglab reads {SCHEMA_VERSION}")]
    Version(u32),
    /// The archive can't be unpacked.
    #[error(transparent)]
    Archive(artifact::Error),
    /// The runner has not said what this is about.
    #[error(transparent)]
    Context(context::Error),
    /// Nobody to ask.
    #[error("no token was given")]
    NoToken,
    /// The event belongs to no pull request.
    #[error("no open pull request has the commit `{sha}` as its head")]
    NoPullRequest {
        /// The commit of the run that wrote the report.
        sha: String,
    },
    /// GitHub could not be asked, or refuses.
    #[error(transparent)]
    Api(api::Error),
}

impl Diagnose for Error {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::Unreadable { .. } | Self::Version(_) | Self::NoPullRequest { .. } => {
                ExitStatus::Validation
            }
            Self::Archive(error) => error.exit_status(),
            Self::Context(error) => error.exit_status(),
            Self::NoToken => ExitStatus::Authentication,
            Self::Api(error) => error.exit_status(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Unreadable { .. } => {
                Some(
                "download the artifact `daglab-report` of the run before this; where the project is \
                 a folder of the repository, its name ends in the folder's"
                    .to_owned(),
            )
            }
            Self::Version(_) => Some("use the same version of daglab in both workflows".to_owned()),
            Self::NoToken => {
                Some("set the input `github-token`, or the variable `GITHUB_TOKEN`".to_owned())
            }
            Self::NoPullRequest { .. } => {
                Some("it may have been closed, or its branch may have moved on".to_owned())
            }
            Self::Archive(error) => error.hint(),
            Self::Context(error) => error.hint(),
            Self::Api(error) => error.hint(),
        }
    }
}

/// Writes the comment that the report at a path deserves, to the pull request of the run that
/// caused this one.
pub async fn post(
    path: &Path,
    key: Option<&str>,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Posted, Error> {
    let report = read(path)?;
    let mut context = context::of_this_process().map_err(Error::Context)?;
    let api = delivery::open_api(variable)
        .map_err(Error::Api)?
        .ok_or(Error::NoToken)?;
    if context.is_open() {
        context.resolve(&api).await.map_err(Error::Api)?;
    }
    let Some(number) = context.pull_request else {
        return Err(Error::NoPullRequest {
            sha: context.head_sha,
        });
    };
    let report = trusted(report, &context, key);
    let key = report
        .origin
        .as_ref()
        .map_or("", |origin| &origin.comment_key);
    let posted = delivery::post(&api, &context, number, key, &report).await;
    posted.map_err(Error::Api)
}

/// The report with an origin that is known to be true, and without links to anywhere else.
fn trusted(report: CiReport, context: &Context, key: Option<&str>) -> CiReport {
    let mut report = secrets::known().remove_from(report);
    let claimed = report.origin.take().unwrap_or_default();
    let key = key.unwrap_or(&claimed.comment_key);
    let mut origin = context.origin(&claimed.project_path, key);
    let pages = format!("{}/{}/", origin.server_url, origin.repository);
    let leads_there = |url: &String| url.starts_with(&pages);
    origin.archive_url = claimed.archive_url.filter(leads_there);
    report.origin = Some(origin);
    for notebook in &mut report.notebooks {
        notebook.url = notebook.url.take().filter(leads_there);
    }
    for run in &mut report.runs {
        run.url = run.url.take().filter(leads_there);
    }
    report
}

/// Reads a report: a file, or a directory or an archive that holds one.
fn read(path: &Path) -> Result<CiReport, Error> {
    let unreadable = |path: &Path, reason: String| Error::Unreadable {
        path: path.to_owned(),
        reason,
    };
    if path.is_dir() {
        return read(&path.join(REPORT));
    }
    if path.extension().is_some_and(|extension| extension == "zip") {
        let dir = tempfile::tempdir().map_err(|error| unreadable(path, error.to_string()))?;
        let archive = left::open(path).map_err(|error| unreadable(path, error.to_string()))?;
        artifact::extract(archive, dir.path(), &ExtractLimits::default())
            .map_err(Error::Archive)?;
        return read(&dir.path().join(REPORT));
    }
    let bytes = left::read(path, LARGEST).map_err(|error| unreadable(path, error.to_string()))?;
    let version: Version =
        serde_json::from_slice(&bytes).map_err(|error| unreadable(path, error.to_string()))?;
    if version.schema_version > SCHEMA_VERSION {
        return Err(Error::Version(version.schema_version));
    }
    serde_json::from_slice(&bytes).map_err(|error| unreadable(path, error.to_string()))
}

#[derive(serde::Deserialize)]
struct Version {
    schema_version: u32,
}
