//! Which repository, commit and pull request a run is about.
//!
//! [`read`] takes what the runner's variables and the event's payload say; [`Context::resolve`] asks
//! GitHub for the rest. Both sources are outsiders' to write in part (names of branches, above all),
//! so everything is checked for its form before it is used.

mod payload;
mod repository;
mod resolve;

use std::io::Read as _;
use std::path::Path;

pub use repository::{NoRepository, Repository, is_commit};

use crate::error::{Diagnose, ExitStatus};
use crate::report::model::Origin;

/// No event of GitHub's is larger, in bytes.
const PAYLOAD: u64 = 32 * 1024 * 1024;

/// Why there is no context at all.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A variable that every runner sets is missing.
    #[error("`{0}` is not set")]
    Missing(&'static str),
    /// A variable holds what it can't.
    #[error("`{variable}` holds `{value}`: {reason}")]
    Invalid {
        /// Its name.
        variable: &'static str,
        /// Its value, shortened.
        value: String,
        /// What it should hold.
        reason: &'static str,
    },
}

impl Diagnose for Error {
    fn exit_status(&self) -> ExitStatus {
        ExitStatus::Environment
    }

    fn hint(&self) -> Option<String> {
        Some("this runs as a step of a GitHub workflow, whose runner sets it".to_owned())
    }
}

/// One run of a workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Grows with each run of a repository.
    pub id: u64,
    /// Counts from 1.
    pub attempt: u32,
    /// Its page.
    pub url: String,
}

/// What a run is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// `https://github.com`.
    pub server_url: String,
    /// `https://api.github.com`.
    pub api_url: String,
    /// `owner/name`.
    pub repository: Repository,
    /// The name of the event: `pull_request`.
    pub event: String,
    /// What the event is about in detail: `opened`, `completed`.
    pub action: Option<String>,
    /// The pull request, as far as it is known.
    pub pull_request: Option<u64>,
    /// The commit a reviewer sees.
    pub head_sha: String,
    /// What it is compared with: the base of the pull request, or what was there before a push.
    pub base_sha: Option<String>,
    /// The branch of the commit, without `refs/heads/`.
    pub head_ref: Option<String>,
    /// The branch it is to be merged into.
    pub base_ref: Option<String>,
    /// Who owns the repository the commit comes from.
    pub head_owner: Option<String>,
    /// Whether the commit comes from another repository.
    pub from_fork: bool,
    /// The run that this is.
    pub run: Run,
    /// The run that caused this one, for `workflow_run`: the one whose artifacts and results are
    /// meant.
    pub caused_by: Option<Run>,
    /// What is missing or was not as expected, as sentences.
    pub notes: Vec<String>,
    /// What only GitHub can tell.
    question: Option<Question>,
}

/// What is not in the payload and has to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Question {
    /// Head and base of the pull request, whose number is known.
    Pull(u64),
    /// Which open pull request has a branch of this repository as its head, at this commit.
    PullOfBranch { branch: String, sha: String },
    /// Which pull request comes from `owner:branch` and is at this commit.
    PullOfHead {
        owner: String,
        branch: String,
        sha: String,
    },
}

impl Context {
    /// The run whose results are shown: the one that caused this one, if there is one.
    pub fn subject(&self) -> &Run {
        self.caused_by.as_ref().unwrap_or(&self.run)
    }

    /// Whether GitHub has to be asked before everything is known.
    pub fn is_open(&self) -> bool {
        self.question.is_some()
    }

    /// Whether the workflow's own token can't write, whatever its permissions say: so it is with
    /// pull requests from forks, but not in workflows of `pull_request_target` and `workflow_run`.
    /// For Dependabot it only reads unless `permissions` says otherwise, which is found out by
    /// trying.
    pub fn token_only_reads(&self) -> bool {
        let of_pull_request = self.event.starts_with("pull_request");
        of_pull_request && self.event != "pull_request_target" && self.from_fork
    }

    /// What the report keeps of it.
    ///
    /// `project_path` is the project's folder inside the repository.
    pub fn origin(&self, project_path: &str, comment_key: &str) -> Origin {
        let run = self.subject();
        Origin {
            server_url: self.server_url.clone(),
            repository: self.repository.to_string(),
            event: self.event.clone(),
            pull_request: self.pull_request,
            head_sha: self.head_sha.clone(),
            base_sha: self.base_sha.clone(),
            from_fork: self.from_fork,
            run_id: run.id,
            run_attempt: run.attempt,
            run_url: run.url.clone(),
            project_path: inside(project_path),
            comment_key: comment_key.to_owned(),
            archive_url: None,
        }
    }

    fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }
}

/// A folder inside a repository, without what does not lead anywhere.
fn inside(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The project's folder inside the work tree, with `/`; none if it is elsewhere.
pub fn project_path(workspace: &Path, project: &Path) -> Option<String> {
    let workspace = workspace.canonicalize().ok()?;
    let project = project.canonicalize().ok()?;
    let path = project.strip_prefix(workspace).ok()?.to_str()?;
    Some(path.to_owned())
}

/// Whether an event has the default branch's rights and may be about anybody's commit.
pub fn is_about_others(event: &str) -> bool {
    matches!(
        event,
        "pull_request_target" | "workflow_run" | "issue_comment"
    )
}

/// The context of this process, as its runner describes it.
pub fn of_this_process() -> Result<Context, Error> {
    let variable = |name: &str| std::env::var(name).ok();
    let path = variable("GITHUB_EVENT_PATH").unwrap_or_default();
    let payload = payload_file(Path::new(&path));
    if let Err(error) = &payload {
        tracing::debug!("`{path}` can't be read: {error}");
    }
    read(&variable, payload.ok().as_deref())
}

fn payload_file(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut payload = Vec::new();
    let file = std::fs::File::open(path)?;
    // One byte more than the limit is no longer JSON that ends where it should.
    file.take(PAYLOAD).read_to_end(&mut payload)?;
    Ok(payload)
}

/// What the runner's variables and the event's payload say. Without a usable payload, what the
/// variables say, with a note.
pub fn read(
    variable: &dyn Fn(&str) -> Option<String>,
    payload: Option<&[u8]>,
) -> Result<Context, Error> {
    let mut context = from_variables(variable)?;
    let event = match payload {
        None => Err("the event's payload is missing".to_owned()),
        Some(bytes) => serde_json::from_slice::<serde_json::Value>(bytes)
            .map_err(|error| format!("the event's payload is not JSON: {error}"))
            .and_then(|value| match value.is_object() {
                true => Ok(value),
                false => Err("the event's payload is not a JSON object".to_owned()),
            }),
    };
    match event {
        Ok(event) => payload::apply(&mut context, &event, variable),
        Err(reason) => {
            context.note(reason);
            payload::without(&mut context, variable);
        }
    }
    Ok(context)
}

fn from_variables(variable: &dyn Fn(&str) -> Option<String>) -> Result<Context, Error> {
    let wanted = |name: &'static str| set(variable, name).ok_or(Error::Missing(name));
    let invalid = |name, value: &str, reason| Error::Invalid {
        variable: name,
        value: value.chars().take(100).collect(),
        reason,
    };
    let text = wanted("GITHUB_REPOSITORY")?;
    let repository: Repository = text
        .parse()
        .map_err(|_| invalid("GITHUB_REPOSITORY", &text, "it must be `owner/name`"))?;
    let sha = wanted("GITHUB_SHA")?;
    if !is_commit(&sha) {
        return Err(invalid(
            "GITHUB_SHA",
            &sha,
            "it must be a commit's full name",
        ));
    }
    let text = wanted("GITHUB_RUN_ID")?;
    let id = text
        .parse()
        .map_err(|_| invalid("GITHUB_RUN_ID", &text, "it must be a number"))?;
    let attempt = set(variable, "GITHUB_RUN_ATTEMPT")
        .and_then(|text| text.parse().ok())
        .unwrap_or(1);
    let server_url = set(variable, "GITHUB_SERVER_URL")
        .unwrap_or_else(|| "https://github.com".to_owned())
        .trim_end_matches('/')
        .to_owned();
    let api_url =
        set(variable, "GITHUB_API_URL").unwrap_or_else(|| super::api::PUBLIC_API.to_owned());
    Ok(Context {
        run: run(&server_url, &repository, id, attempt),
        server_url,
        api_url,
        event: set(variable, "GITHUB_EVENT_NAME").unwrap_or_default(),
        action: None,
        pull_request: None,
        head_sha: sha,
        base_sha: None,
        head_ref: None,
        base_ref: None,
        head_owner: Some(repository.owner().to_owned()),
        from_fork: false,
        repository,
        caused_by: None,
        notes: Vec::new(),
        question: None,
    })
}

fn run(server_url: &str, repository: &Repository, id: u64, attempt: u32) -> Run {
    let mut url = format!("{server_url}/{repository}/actions/runs/{id}");
    if attempt > 1 {
        url.push_str(&format!("/attempts/{attempt}"));
    }
    Run { id, attempt, url }
}

fn set(variable: &dyn Fn(&str) -> Option<String>, name: &str) -> Option<String> {
    variable(name).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    #[test]
    fn a_folder_inside_a_repository_has_one_name() {
        for (given, expected) in [
            ("", ""),
            (".", ""),
            ("./a//b/", "a/b"),
            ("/a", "a"),
            ("a/../../b", "b"),
        ] {
            assert_eq!(inside(given), expected, "{given}");
        }
    }
}
