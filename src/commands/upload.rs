//! The flags by which pages are published in an object store, and what follows from them.

use std::path::Path;
use std::rc::Rc;

use clap::{Args, ValueEnum};
use jiff::Timestamp;

use super::prepare::git;
use super::{Context, Failure};
use crate::config::{FlagValue, Loaded, Origin};
use crate::error::ExitStatus;
use crate::github::context;
use crate::publish::remote::{Address, Error, Publication, RemoteStore, Subject};
use crate::publish::retention::Policy;
use crate::publish::{Publisher, report};
use crate::report::model::{CiReport, ProjectInfo};
use crate::run::Emit;
use crate::supervise::cancel::Cancel;
use crate::ui;

/// Where pages are published.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Upload options")]
pub struct UploadArgs {
    /// Publish pages and report in an object store: `s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX`,
    /// `az://CONTAINER/PREFIX`, `file:///DIRECTORY`; without an address, in the one that
    /// `export.cloud_storage` names
    #[arg(long, value_name = "URL", num_args = 0..=1, default_missing_value = "")]
    pub upload: Option<String>,

    /// Where links lead to [default: signed, or public with a base URL]
    #[arg(long, value_name = "KIND", requires = "upload")]
    pub links: Option<LinksArg>,

    /// What serves the bucket, as a CDN does: links begin with it
    #[arg(long, value_name = "URL", requires = "upload")]
    pub base_url: Option<String>,

    /// Days after which signed links end [default: 7]
    #[arg(long, value_name = "DAYS", requires = "upload")]
    pub link_days: Option<f64>,
}

/// Where links lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LinksArg {
    /// To the run's page, for whoever has the link, until it expires
    Signed,
    /// To the run's page, for whoever may read the bucket
    Public,
    /// To the branch's latest page, for whoever may read the bucket
    Latest,
}

impl UploadArgs {
    /// The flags that are settings, for the topmost layer.
    pub(super) fn flags(&self) -> impl Iterator<Item = FlagValue> {
        let links = self.links.map(|links| match links {
            LinksArg::Signed => "signed",
            LinksArg::Public => "public",
            LinksArg::Latest => "latest",
        });
        let base_url = self.base_url.clone();
        [
            FlagValue::given("export.cloud_storage.links", links, "--links"),
            FlagValue::given("export.cloud_storage.base_url", base_url, "--base-url"),
            FlagValue::given(
                "export.cloud_storage.link_days",
                self.link_days,
                "--link-days",
            ),
        ]
        .into_iter()
        .flatten()
    }

    /// Connects and begins a run's directory; `None` without `--upload`.
    pub(super) async fn begin(
        &self,
        context: &Context,
        loaded: &Loaded,
        root: &Path,
        info: impl FnOnce() -> ProjectInfo,
        (cancel, emit): (&Cancel, &Emit),
    ) -> Result<Option<Rc<Publication>>, Failure> {
        let Some(address) = address(self.upload.as_deref(), loaded, root)? else {
            return Ok(None);
        };
        let export = &loaded.settings.export;
        let cloud = &export.cloud_storage;
        refuse_foreign_places(context, loaded)?;
        address.make_directory()?;
        let store = RemoteStore::open(
            address,
            cloud,
            &context.env,
            export.compress,
            cancel.clone(),
        )
        .await?
        .watched(emit);
        let subject = subject(context, root, &info());
        let begun = Publication::begin(store, cloud, subject, Timestamp::now()).await?;
        Ok(Some(Rc::new(begun)))
    }
}

/// Where `--upload` and `--remote` lead to; `None` without them.
pub(super) fn address(
    flag: Option<&str>,
    loaded: &Loaded,
    root: &Path,
) -> Result<Option<Address>, Error> {
    Ok(Some(match flag {
        None => return Ok(None),
        // What an action's input says that is on.
        Some("" | "true") => Address::of_settings(&loaded.settings.export.cloud_storage, root)?,
        Some(url) => Address::parse(url)?,
    }))
}

/// In a workflow that has secrets and may have checked out anybody's commit, the files of the
/// repository don't say where credentials are sent.
pub(super) fn refuse_foreign_places(context: &Context, loaded: &Loaded) -> Result<(), Error> {
    let event = context.variable("GITHUB_EVENT_NAME").unwrap_or_default();
    if !context::is_about_others(event) {
        return Ok(());
    }
    for name in ["endpoint", "account", "base_url"] {
        let path = format!("export.cloud_storage.{name}");
        if let Origin::File { .. } = loaded.origins.of(&path) {
            let variable = format!("DAGLAB_EXPORT__CLOUD_STORAGE__{}", name.to_uppercase());
            return Err(Error::Setting {
                what: format!(
                    "`{path}` is set by a file of the repository, and the event is `{event}`"
                ),
                hint: format!("set the variable `{variable}` in the workflow instead"),
            });
        }
    }
    Ok(())
}

/// What a run is of: what the CI server says, and else what git does.
pub(super) fn subject(context: &Context, root: &Path, info: &ProjectInfo) -> Subject {
    let variable = |name: &str| context.variable(name).map(str::to_owned);
    let top = git(root, &["rev-parse", "--show-toplevel"]);
    let folder = top.as_deref().and_then(|top| {
        let inside = root.strip_prefix(top).ok()?;
        Some(inside.to_string_lossy().into_owned())
    });
    let remote = git(root, &["remote", "get-url", "origin"]);
    let of_git = Subject {
        repository: remote
            .as_deref()
            .and_then(repository_of)
            .unwrap_or_else(|| info.name.clone()),
        project: folder.unwrap_or_default(),
        pull_request: None,
        branch: info.branch.clone(),
        commit: info.commit.clone(),
    };
    if variable("GITHUB_ACTIONS").is_some_and(|it| it == "true") {
        match context::of_this_process() {
            Ok(github) => of_github(&github, of_git),
            // Nobody knows whose commit it is.
            Err(_) => Subject {
                branch: None,
                ..of_git
            },
        }
    } else if variable("GITLAB_CI").is_some() {
        Subject {
            repository: variable("CI_PROJECT_PATH").unwrap_or(of_git.repository),
            pull_request: variable("CI_MERGE_REQUEST_IID").and_then(|it| it.parse().ok()),
            branch: variable("CI_COMMIT_BRANCH").or(of_git.branch),
            ..of_git
        }
    } else {
        of_git
    }
}

/// The same for a step of a workflow. What is about somebody else's commit is never the default
/// branch's, although it runs for that.
fn of_github(github: &context::Context, of_git: Subject) -> Subject {
    let own_branch = || github.head_ref.clone().or(of_git.branch);
    Subject {
        repository: github.repository.to_string(),
        pull_request: github.pull_request,
        branch: match context::is_about_others(&github.event) {
            true => None,
            false => own_branch(),
        },
        ..of_git
    }
}

/// `owner/name` of a remote: `git@github.com:acme/shop.git`, `https://github.com/acme/shop`.
fn repository_of(remote: &str) -> Option<String> {
    let path = match remote.split_once("://") {
        Some((_, rest)) => rest.split_once('/')?.1,
        None => remote.split_once(':')?.1,
    };
    let path = path.trim_matches('/').trim_end_matches(".git");
    let is_plain = |part: &str| !part.is_empty() && part != "." && part != "..";
    (path.contains('/') && path.split('/').all(is_plain)).then(|| path.to_owned())
}

/// The publisher of pages, if there is a place for them.
pub(super) fn publisher(publication: Option<&Rc<Publication>>) -> Option<Publisher> {
    publication.cloned().map(Publisher::Objects)
}

/// Publishes the report beside its pages. Says what went wrong, now or before.
pub(super) async fn conclude(
    publication: &Publication,
    context: &Context,
    loaded: &Loaded,
    report: &mut CiReport,
) -> Option<Error> {
    let keep = Policy::from(&loaded.settings.export);
    if let Some(error) = publication.failure().filter(Error::is_final) {
        return Some(error);
    }
    match report::publish(publication, report, keep).await {
        Ok(notes) => {
            for note in &notes {
                context.printer.message(note);
            }
            publication.failure()
        }
        Err(error) => Some(publication.failure().unwrap_or(error)),
    }
}

/// The exit code of a command whose pages may not have been published: of two failures, that of what
/// was run comes first.
pub(super) fn exit_status(
    status: ExitStatus,
    unpublished: Option<Error>,
) -> Result<ExitStatus, Failure> {
    match unpublished {
        Some(error) if status == ExitStatus::Success => Err(error.into()),
        Some(error) => {
            ui::print_error(&error);
            Ok(status)
        }
        None => Ok(status),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a step of a workflow publishes for, by its event, `GITHUB_REF` and payload.
    fn line(event: &str, reference: &str, payload: &serde_json::Value) -> Subject {
        let sha = "1a2b3c4d5e6f70819203a4b5c6d7e8f901234567";
        let variable = |name: &str| {
            let value = match name {
                "GITHUB_REPOSITORY" => "acme/shop",
                "GITHUB_SHA" => sha,
                "GITHUB_RUN_ID" => "7",
                "GITHUB_EVENT_NAME" => event,
                "GITHUB_REF" => reference,
                _ => return None,
            };
            Some(value.to_owned())
        };
        let github = context::read(&variable, Some(payload.to_string().as_bytes())).unwrap();
        let of_git = Subject {
            repository: "elsewhere".to_owned(),
            branch: Some("main".to_owned()),
            ..Subject::default()
        };
        of_github(&github, of_git)
    }

    #[test]
    fn nobody_elses_commit_is_published_for_the_default_branch() {
        let sha = "0123456789abcdef0123456789abcdef01234567";
        let fork = serde_json::json!({"sha": sha, "ref": "main", "repo": {"full_name": "b/shop"}});
        let pull = serde_json::json!({"pull_request": {
            "number": 7, "head": fork, "base": {"sha": sha, "ref": "main"},
        }});
        let caused = serde_json::json!({"action": "completed", "workflow_run": {
            "id": 8, "run_attempt": 1, "event": "pull_request", "head_sha": sha,
            "head_branch": "main", "head_repository": {"full_name": "b/shop"},
            "pull_requests": [],
        }});
        let push = serde_json::json!({"ref": "refs/heads/dev", "after": sha, "before": sha});
        for (event, reference, payload, number, branch) in [
            ("push", "refs/heads/dev", &push, None, Some("dev")),
            (
                "pull_request",
                "refs/pull/7/merge",
                &pull,
                Some(7),
                Some("main"),
            ),
            (
                "pull_request_target",
                "refs/heads/main",
                &pull,
                Some(7),
                None,
            ),
            ("workflow_run", "refs/heads/main", &caused, None, None),
        ] {
            let subject = line(event, reference, payload);
            let found = (subject.pull_request, subject.branch.as_deref());
            assert_eq!(found, (number, branch), "{event}");
            assert_eq!(subject.repository, "acme/shop");
        }
    }

    #[test]
    fn remotes_name_repositories() {
        for (remote, name) in [
            ("git@github.com:acme/shop.git", Some("acme/shop")),
            ("https://user:pw@github.com/acme/shop", Some("acme/shop")),
            (
                "ssh://git@host:22/group/sub/shop.git/",
                Some("group/sub/shop"),
            ),
            ("/srv/git/shop", None),
            ("file:///srv/../shop", None),
            ("x", None),
        ] {
            assert_eq!(repository_of(remote).as_deref(), name, "{remote}");
        }
    }
}
