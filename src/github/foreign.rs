//! A report that somebody else has made: from a run for a fork, whose code could write anything.
//!
//! It is read as data, of a bounded size, and nothing in it decides where a comment goes. What it
//! says is shown as what was said, like all foreign text; its links lead to artifacts of the
//! repository and nowhere else.

mod bounds;

use std::path::{Path, PathBuf};

use url::Url;

use super::api;
use super::artifact::{self, ExtractLimits};
use super::comment::Posted;
use super::context::{self, Context};
use super::delivery;
use crate::error::{Diagnose, ExitStatus};
use crate::redact::secrets;
use crate::report::model::{CiReport, Origin, SCHEMA_VERSION};
use crate::supervise::left;

/// A larger report is not one of ours, in bytes.
const LARGEST: u64 = 16 * 1024 * 1024;

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
    let report = secrets::known().remove_from(bounds::without_excess(report));
    let mut report = bounds::with_short_texts(report);
    let claimed = report.origin.take().unwrap_or_default();
    let key = key.unwrap_or(&claimed.comment_key);
    let mut origin = context.origin(&claimed.project_path, key);
    let artifact = |url: &Option<String>| artifact_page(url.as_deref()?, &origin);
    let archive_url = artifact(&claimed.archive_url);
    for notebook in &mut report.notebooks {
        notebook.url = artifact(&notebook.url);
        notebook.url_expires_at = None;
    }
    // Where pages lie elsewhere, the report says so alone.
    report.published = None;
    for run in &mut report.runs {
        // Where Dagster's UI is, nobody knows but who runs it.
        run.url = None;
    }
    origin.archive_url = archive_url;
    report.origin = Some(origin);
    report
}

/// The address of an artifact of the repository, as it was understood; none if it is any other.
fn artifact_page(url: &str, origin: &Origin) -> Option<String> {
    let runs = format!("{}/{}/actions/runs/", origin.server_url, origin.repository);
    let runs = Url::parse(&runs).ok()?;
    // What leads up and out of it is resolved here, and no longer begins like it.
    let url = Url::parse(url).ok()?;
    let rest = url.as_str().strip_prefix(runs.as_str())?;
    let (run, artifact) = rest.split_once("/artifacts/")?;
    let is_number = |text: &str| {
        !text.is_empty() && text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    (is_number(run) && is_number(artifact)).then(|| url.to_string())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_artifacts_of_the_repository_are_linked() {
        let origin = |server: &str| Origin {
            server_url: server.to_owned(),
            repository: "octo-org/data".to_owned(),
            ..Origin::default()
        };
        let page = |url: &str| artifact_page(url, &origin("https://github.com"));
        let good = "https://github.com/octo-org/data/actions/runs/100/artifacts/7";
        assert_eq!(page(good).as_deref(), Some(good));
        let other_notation =
            "HTTPS://GitHub.com:443/octo-org/./data/x/../actions/runs/100/artifacts/7";
        assert_eq!(page(other_notation).as_deref(), Some(good));
        for wrong in [
            "https://github.com/octo-org/data/../../evil/phish",
            "https://github.com/octo-org/data/actions/runs/1/artifacts/../../../../../../evil/x",
            "https://github.com/octo-org/data/actions/runs/1/artifacts/%2e%2e/%2e%2e/7",
            "https://github.com/octo-org/data/actions/runs/1/artifacts/\\..\\..\\7",
            "https://github.com/octo-org/data/actions/runs/../artifacts/7",
            "https://github.com/octo-org/data/actions/runs/1/artifacts/7/x",
            "https://github.com/octo-org/data/actions/runs/1/artifacts/7?x=1",
            "https://github.com/octo-org/data/actions/runs/1/artifacts/7#x",
            "https://github.com/octo-org/data/actions/runs//artifacts/7",
            "https://github.com/octo-org/data/actions/runs/1/artifacts/",
            "https://github.com/octo-org/data/actions/runs/1",
            "https://github.com/octo-org/data/issues/1",
            "https://github.com/octo-org/data2/actions/runs/1/artifacts/7",
            "https://github.com@evil.example/octo-org/data/actions/runs/1/artifacts/7",
            "https://x@github.com/octo-org/data/actions/runs/1/artifacts/7",
            "https://github.com.evil.example/octo-org/data/actions/runs/1/artifacts/7",
            "http://github.com/octo-org/data/actions/runs/1/artifacts/7",
            "//github.com/octo-org/data/actions/runs/1/artifacts/7",
            "javascript:alert(1)",
            "",
        ] {
            assert_eq!(page(wrong), None, "{wrong}");
        }
        let below = "https://git.example.com/forge/octo-org/data/actions/runs/1/artifacts/7";
        let found = artifact_page(below, &origin("https://git.example.com/forge"));
        assert_eq!(found.as_deref(), Some(below));
    }
}
