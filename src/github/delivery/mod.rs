//! From a report to everything that a workflow shows of it: artifacts, comment, check run, summary,
//! outputs, annotations.
//!
//! Whether something could be told changes nothing about the result. What could not is said in the
//! summary and to whoever asked, with what to do about it.

mod told;

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use super::api::{self, Api};
use super::artifact::{self, Service};
use super::check::{self, CheckRun};
use super::comment::{self, Posted, Stamp};
use super::context::{self, Context};
use super::runner::{self, Files};
use crate::error::Diagnose;
use crate::publish::artifacts::ArtifactStore;
use crate::redact::secrets;
use crate::report::model::{CiReport, Origin, RunResult};
use crate::report::{annotations, html, markdown, summary};
use crate::supervise::cancel::Cancel;

/// What GitHub may take before anything runs.
const FIRST_WORD: Duration = Duration::from_secs(30);

/// What it may take after everything was done.
const PATIENCE: Duration = Duration::from_secs(900);

/// The same when the runner wants the job to end: it sends SIGTERM 7.5 s after SIGINT.
const LAST_WORD: Duration = Duration::from_millis(2500);

/// What GitHub is to be told.
#[derive(Debug, Clone, Default)]
pub struct Wishes {
    /// A comment on the pull request, where there is one.
    pub comment: bool,
    /// Tells the comment from those of other jobs; the project's folder if none is given.
    pub comment_key: Option<String>,
    /// A check run.
    pub check_run: bool,
    /// Annotations of lines.
    pub annotations: bool,
    /// The job's summary.
    pub summary: bool,
    /// Pages and the report as artifacts.
    pub artifacts: bool,
    /// Tells the artifacts of this job from those of others in the same run.
    pub artifact_suffix: Option<String>,
    /// How long artifacts are kept.
    pub retention_days: Option<u32>,
}

/// The way to GitHub, for one report.
#[derive(Debug)]
pub struct Delivery {
    wishes: Wishes,
    context: Context,
    api: Option<Api>,
    files: Files,
    store: Option<Rc<ArtifactStore>>,
    project_path: String,
    workspace: Option<PathBuf>,
    notes: RefCell<Vec<String>>,
    masked: Vec<String>,
}

/// Where what was told can be seen.
#[derive(Debug, Default)]
struct Links {
    comment: RefCell<Option<String>>,
    archive: RefCell<Option<String>>,
}

impl Delivery {
    /// Reads what the runner says, before anything foreign runs. Nothing is sent yet.
    pub fn prepare(
        wishes: Wishes,
        variable: &dyn Fn(&str) -> Option<String>,
        project: &Path,
    ) -> Result<Self, context::Error> {
        let context = context::of_this_process()?;
        let mut notes = context.notes.clone();
        let masked: Vec<String> = secrets::known().values().map(str::to_owned).collect();
        runner::mask(masked.iter().map(String::as_str));
        let workspace = variable("GITHUB_WORKSPACE").map(PathBuf::from);
        let project_path = workspace
            .as_deref()
            .and_then(|workspace| context::project_path(workspace, project))
            .unwrap_or_default();
        let store = if wishes.artifacts {
            let suffix = wishes.artifact_suffix.clone();
            let suffix = suffix.unwrap_or_else(|| project_path.clone());
            open_store(variable, &suffix, wishes.retention_days).unwrap_or_else(|error| {
                notes.push(because("There are no artifacts", &error));
                None
            })
        } else {
            None
        };
        let api = open_api(variable).unwrap_or_else(|error| {
            notes.push(because("GitHub can't be asked", &error));
            None
        });
        Ok(Self {
            wishes,
            context,
            api,
            files: Files::take(variable),
            store: store.map(Rc::new),
            project_path,
            workspace,
            notes: RefCell::new(notes),
            masked,
        })
    }

    /// The store of pages, if there is one.
    pub fn store(&self) -> Option<Rc<ArtifactStore>> {
        self.store.clone()
    }

    /// Asks GitHub for what the event does not say: before anything runs, for what is asked may be
    /// another thing afterwards.
    pub async fn learn(&mut self, cancel: &Cancel) {
        let Some(api) = self.api.as_ref().filter(|_| self.context.is_open()) else {
            return;
        };
        let known = self.context.notes.len();
        let asked = tokio::select! {
            asked = self.context.resolve(api) => asked,
            () = tokio::time::sleep(FIRST_WORD) => return,
            _ = cancel.cancelled() => return,
        };
        if let Err(error) = asked {
            self.note(&because("The pull request is not known", &error));
        }
        for note in self.context.notes.iter().skip(known) {
            self.note(note);
        }
    }

    /// Makes the runner's files what they were. Nothing foreign may run any more.
    pub fn settle(&self) {
        self.files.restore();
        // Settings and `.env` may have named some more.
        let known = secrets::known();
        let masked: Vec<&str> = self.masked.iter().map(String::as_str).collect();
        runner::mask(known.values().filter(|value| !masked.contains(value)));
    }

    /// Tells GitHub. `root` is where the report and its files lie, if they do. Returns what could
    /// not be told, as sentences.
    ///
    /// What needs no network is told first, and once more when all is known. Whoever cancels waits
    /// no longer than [`LAST_WORD`].
    pub async fn deliver(
        &self,
        report: &mut CiReport,
        root: Option<&Path>,
        cancel: &Cancel,
    ) -> Vec<String> {
        self.write_files(report, root, &Links::default());
        let links = Links::default();
        let hurry = async {
            tokio::select! {
                _ = cancel.cancelled() => tokio::time::sleep(LAST_WORD).await,
                () = tokio::time::sleep(PATIENCE) => {}
            }
        };
        tokio::select! {
            () = self.over_the_network(report, root, &links) => {}
            () = hurry => self.note("GitHub did not answer in time: not all of it was told."),
        }
        if let Some(origin) = &mut report.origin {
            origin.archive_url = links.archive.borrow().clone();
        }
        self.write_files(report, root, &links);
        if self.wishes.annotations {
            runner::annotate(&annotations::of(report));
        }
        self.notes.borrow().clone()
    }

    async fn over_the_network(&self, report: &CiReport, root: Option<&Path>, links: &Links) {
        // There may be time for one thing only.
        let in_a_hurry = report.result == RunResult::Cancelled;
        if !in_a_hurry {
            self.store_all(report, root, links).await;
        }
        let mut told = report.clone();
        if let Some(origin) = &mut told.origin {
            origin.archive_url = links.archive.borrow().clone();
        }
        links.comment.replace(self.comment(&told).await);
        if self.wishes.check_run {
            self.check_run(&told).await;
        }
        if in_a_hurry {
            self.store_all(report, root, links).await;
        }
    }

    /// Stores the report and all that belongs to it.
    async fn store_all(&self, report: &CiReport, root: Option<&Path>, links: &Links) {
        let Some(store) = self.store.as_ref().filter(|store| !store.is_closed()) else {
            return;
        };
        let pages = [
            ("report.json", report.to_json()),
            ("index.html", html::render(report)),
        ];
        let files = root.map(|root| (root, told::files(report)));
        match store.put_archive(pages, files).await {
            Ok(stored) => {
                for key in &stored.left_out {
                    self.note(&format!(
                        "`{key}` is not in the archive: it could not be read."
                    ));
                }
                links.archive.replace(Some(stored.published.url));
            }
            Err(error) => self.note(&because("The report is not stored as an artifact", &error)),
        }
    }

    /// Where the report comes from, as far as it is known.
    pub fn origin(&self) -> Origin {
        self.context.origin(&self.project_path, &self.key())
    }

    fn key(&self) -> String {
        let key = self.wishes.comment_key.clone();
        key.unwrap_or_else(|| self.project_path.clone())
    }

    fn note(&self, note: &str) {
        let note = secrets::known().remove(note).into_owned();
        self.notes.borrow_mut().push(note);
    }

    /// Writes the comment. Returns its address.
    async fn comment(&self, report: &CiReport) -> Option<String> {
        let number = self.context.pull_request.filter(|_| self.wishes.comment)?;
        if self.context.token_only_reads() {
            self.note(
                "There is no comment on the pull request: the token of a run for a fork can only \
                 read. A second workflow can write it from the report; see \
                 \"Pull requests from forks\" in the documentation of the action.",
            );
            return None;
        }
        let Some(api) = &self.api else {
            self.note(
                "There is no comment on the pull request: no token was given. Set the input \
                 `github-token`, or the variable `GITHUB_TOKEN`.",
            );
            return None;
        };
        match post(api, &self.context, number, &self.key(), report).await {
            Ok(posted) => {
                if let Posted::Superseded { by, .. } = &posted {
                    self.note(&format!(
                        "The comment shows the result of a newer run, {}.",
                        by.run_id
                    ));
                }
                Some(posted.url().to_owned())
            }
            Err(error) => {
                self.note(&because("There is no comment on the pull request", &error));
                None
            }
        }
    }

    async fn check_run(&self, report: &CiReport) {
        let Some(api) = &self.api else {
            self.note("There is no check run: no token was given.");
            return;
        };
        let key = self.key();
        let name = if key.is_empty() {
            "daglab".to_owned()
        } else {
            format!("daglab ({key})")
        };
        let annotations = told::check_annotations(report);
        let run = &self.context.run;
        let render = |budget: usize| markdown::render(report, budget);
        let published = check::publish(
            api,
            &self.context.repository,
            &CheckRun {
                name: &name,
                head_sha: &self.context.head_sha,
                details_url: Some(&run.url),
                external_id: &format!("{}-{}-{key}", run.id, run.attempt),
                conclusion: told::conclusion(report.result),
                title: &summary::verdict(report),
                annotations: &annotations,
            },
            &render,
        )
        .await;
        if let Err(error) = published {
            self.note(&because("There is no check run", &error));
        }
    }

    fn write_files(&self, report: &CiReport, root: Option<&Path>, links: &Links) {
        if self.wishes.summary {
            let notes = markdown::notes(&self.notes.borrow());
            let room = notes.chars().count();
            let render =
                |budget: usize| markdown::render(report, budget.saturating_sub(room)) + &notes;
            if let Err(error) = self.files.set_summary(render) {
                self.note(&format!("The job's summary could not be written: {error}."));
            }
        }
        // Other steps see the workspace elsewhere than a container does.
        let file = root.map(|root| root.join("report.json")).map(|file| {
            let workspace = self.workspace.as_deref();
            let inside = workspace.and_then(|workspace| context::project_path(workspace, &file));
            inside.unwrap_or_else(|| file.display().to_string())
        });
        let outputs = told::outputs(report, file, links.comment.borrow().as_deref());
        if let Err(error) = self.files.set_outputs(&outputs) {
            self.note(&format!(
                "The step's outputs could not be written: {error}."
            ));
        }
    }
}

/// Writes the comment that a report deserves.
pub async fn post(
    api: &Api,
    context: &Context,
    number: u64,
    key: &str,
    report: &CiReport,
) -> Result<Posted, api::Error> {
    let run = context.subject();
    let stamp = Stamp {
        run_id: run.id,
        run_attempt: run.attempt,
        sha: context.head_sha.clone(),
    };
    let render = |budget: usize| markdown::render(report, budget);
    comment::publish(api, &context.repository, number, key, &stamp, &render).await
}

/// The API, if a token is given: the action's input, or the variable that `gh` reads too.
pub fn open_api(variable: &dyn Fn(&str) -> Option<String>) -> Result<Option<Api>, api::Error> {
    let token = ["INPUT_GITHUB-TOKEN", "GITHUB_TOKEN"]
        .into_iter()
        .find_map(|name| variable(name).filter(|token| !token.is_empty()));
    let Some(token) = token else { return Ok(None) };
    let config = api::Config::from_environment(variable, api::Token::new(&token)?);
    Api::new(&config).map(Some)
}

fn open_store(
    variable: &dyn Fn(&str) -> Option<String>,
    suffix: &str,
    retention_days: Option<u32>,
) -> Result<Option<ArtifactStore>, artifact::Error> {
    // The service's client never writes them anywhere itself.
    let on_secret = |value: &str| runner::mask([value]);
    let service = Service::from_environment(variable, artifact::Limits::default(), on_secret)?;
    let suffix = Some(suffix).filter(|suffix| !suffix.is_empty());
    Ok(service.map(|service| ArtifactStore::new(service, suffix, retention_days)))
}

/// A sentence about what is not there, and why, and what to do.
pub fn because(what: &str, error: &dyn Diagnose) -> String {
    match error.hint() {
        Some(hint) => format!("{what}: {error}. Hint: {hint}."),
        None => format!("{what}: {error}."),
    }
}
