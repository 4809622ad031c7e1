//! [`CiReport`]: all that is known when a run of `daglab ci` ends, as one value.
//!
//! The JSON report is this value and nothing else, so every sink (terminal, Markdown, HTML, JUnit)
//! is a function of it and can be fed from a file. `schema_version` grows when a field changes its
//! meaning or goes away; new fields may come without it. Times are seconds, paths are relative to
//! the project and use `/`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The version of [`CiReport`] that this build writes.
pub const SCHEMA_VERSION: u32 = 1;

/// What a whole run came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunResult {
    /// All that had to pass has passed.
    Passed,
    /// Something that had to pass has not.
    Failed,
    /// Ended from outside before all was done.
    Cancelled,
    /// Could not be carried out: no environment, no instance.
    Error,
}

/// One run of `daglab ci`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct CiReport {
    /// [`SCHEMA_VERSION`] of the build that wrote the report.
    pub schema_version: u32,
    /// The version of daglab that wrote the report.
    pub daglab_version: String,
    /// What the whole run came to.
    pub result: RunResult,
    /// What was looked at.
    pub project: ProjectInfo,
    /// What caused the run, where a CI server did.
    #[serde(default)]
    pub origin: Option<Origin>,
    /// When the run began, RFC 3339 in UTC.
    pub started_at: String,
    /// From the start of the process to the report.
    pub duration_s: f64,
    /// The notebooks of the plan, in its order.
    pub notebooks: Vec<NotebookReport>,
    /// The Dagster runs of the plan, in its order.
    pub runs: Vec<RunReport>,
    /// The code locations, and whether they loaded.
    pub locations: Vec<LocationReport>,
    /// What validation, preflight and `marimo check` found, and what daglab itself has to say.
    pub findings: Vec<Finding>,
    /// What became of each attachment to a Dagster asset or run.
    pub attachments: Vec<Attachment>,
    /// Where the pages were published, if they were in an object store.
    #[serde(default)]
    pub published: Option<PublishedRun>,
    /// Seconds by phase: `environment`, `project`, `host`, `ready`, `execute`, `publish`, `attach`.
    pub timings: BTreeMap<String, f64>,
}

/// The project and the environment a report is about.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct ProjectInfo {
    /// The folder's name.
    pub name: String,
    /// The commit that was checked out, if the project is in a git repository.
    pub commit: Option<String>,
    /// The branch that was checked out.
    pub branch: Option<String>,
    /// The interpreter's version.
    pub python: Option<String>,
    /// The installed Dagster.
    pub dagster: Option<String>,
    /// The installed marimo.
    pub marimo: Option<String>,
    /// How children were started: `fork` or `spawn`.
    pub isolation: Option<String>,
}

/// The run of a workflow that wrote the report, and what it was about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Origin {
    /// Where the repository is seen by people: `https://github.com`.
    pub server_url: String,
    /// `owner/name`.
    pub repository: String,
    /// What caused the run: `pull_request`, `push`.
    pub event: String,
    /// The pull request, if there is one.
    pub pull_request: Option<u64>,
    /// The commit a reviewer sees: the pull request's head, not the merge that was checked out.
    pub head_sha: String,
    /// What the pull request is to be merged into.
    pub base_sha: Option<String>,
    /// Whether the commit comes from another repository, so that the run may not write to this one.
    pub from_fork: bool,
    /// The workflow run.
    pub run_id: u64,
    /// Counts from 1; a re-run of the same workflow run has the next.
    pub run_attempt: u32,
    /// The workflow run's page.
    pub run_url: String,
    /// The project's folder inside the repository, with `/`; empty for its root.
    pub project_path: String,
    /// Tells this report's comment from those of other projects and jobs on the same pull request.
    pub comment_key: String,
    /// Where the archive with the report and everything beside it can be downloaded.
    pub archive_url: Option<String>,
}

/// A run's place in an object store.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PublishedRun {
    /// The run's directory: `s3://bucket/prefix/…`.
    pub place: String,
    /// Where the report's index can be opened.
    pub index_url: Option<String>,
    /// Where the list of the branch's runs can be opened.
    pub runs_url: Option<String>,
    /// When signed links end, RFC 3339 in UTC; none for links that don't.
    pub links_expire_at: Option<String>,
    /// What else there is to say of the links.
    pub note: Option<String>,
}

/// What became of a notebook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NotebookStatus {
    /// Every cell that was meant to run has run.
    Passed,
    /// A cell raised, or the notebook could not be exported.
    Failed,
    /// It was still running when its time was over.
    TimedOut,
    /// Its process died.
    Crashed,
    /// An earlier result for the same inputs was used.
    Cached,
    /// It was not run; `reason` says why.
    Skipped,
}

impl NotebookStatus {
    /// Whether this status makes the whole run fail.
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Failed | Self::TimedOut | Self::Crashed)
    }
}

/// What became of one notebook.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct NotebookReport {
    /// The notebook's file.
    pub path: String,
    /// Its title: `app_title` of the marimo app, or the file's name.
    pub title: String,
    /// What became of it.
    pub status: NotebookStatus,
    /// Why it was skipped, crashed or could not be exported, in one sentence.
    pub reason: Option<String>,
    /// From start to end of the last attempt.
    pub duration_s: f64,
    /// How often it was started.
    pub attempts: u32,
    /// Whether its failure is allowed by configuration.
    pub allow_failure: bool,
    /// The page with its results inside the artifacts directory, with `/`. It needs no network.
    pub html: Option<String>,
    /// marimo's own page of it, which loads its scripts from the network.
    #[serde(default)]
    pub interactive: Option<String>,
    /// Where the page can be opened.
    pub url: Option<String>,
    /// When `url` ends, RFC 3339 in UTC; none for one that doesn't.
    #[serde(default)]
    pub url_expires_at: Option<String>,
    /// What it was exported to beside the page.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<ExportedFile>,
    /// What the notebook is paired with.
    pub target: Option<Target>,
    /// The arguments it was given.
    pub args: Vec<String>,
    /// The highest resident memory of its processes, in bytes, if known.
    pub peak_memory_bytes: Option<u64>,
    /// Its cells, in the order of the file.
    pub cells: Vec<CellReport>,
}

/// A file that a notebook was exported to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExportedFile {
    /// `md`, `ipynb` or `pdf`.
    pub format: String,
    /// The file inside the artifacts directory, with `/`.
    pub path: String,
}

/// What a notebook is paired with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Target {
    /// An asset, and one of its partitions where there is one.
    Asset {
        /// The asset key, its parts joined by `/`.
        key: String,
        /// The partition key.
        partition: Option<String>,
    },
    /// A job.
    Job {
        /// The job's name.
        name: String,
    },
}

/// What became of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CellStatus {
    /// It ran to its end.
    Ok,
    /// It raised, or was running when the notebook ended.
    Failed,
    /// It was not run, because of another cell or because the notebook ended before.
    NotRun,
    /// It is disabled in the notebook.
    Disabled,
}

/// What became of one cell.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct CellReport {
    /// The function's name, or `_` where the author gave none.
    pub name: String,
    /// What became of it.
    pub status: CellStatus,
    /// The notebook's file.
    pub path: String,
    /// Its first line in the file, counted from 1, if the cell was found there.
    pub line: Option<u32>,
    /// Its last line in the file.
    pub end_line: Option<u32>,
    /// Seconds it took, if known.
    pub duration_s: Option<f64>,
    /// Why it failed.
    pub error: Option<CellError>,
    /// For a cell that was not run: the cell that is to blame (its name), if known.
    pub blamed_on: Option<String>,
    /// What it printed, stdout and stderr in order, without control sequences.
    pub console: String,
    /// The MIME types of its outputs.
    pub output_kinds: Vec<String>,
    /// Pictures among its outputs, as files inside the artifacts directory, with `/`.
    pub images: Vec<String>,
}

/// An exception in a cell.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct CellError {
    /// The exception's class, or marimo's name for the error.
    #[serde(rename = "type")]
    pub kind: String,
    /// The exception's message.
    pub message: String,
    /// Python's traceback without colour codes, if there is one.
    pub traceback: Option<String>,
    /// The line in the notebook's file that raised, if it is known.
    pub line: Option<u32>,
}

/// What became of a Dagster run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// It ended well.
    Success,
    /// It failed, or its process died.
    Failure,
    /// It was terminated.
    Canceled,
    /// It was terminated because its time was over.
    TimedOut,
    /// It was refused before it was launched: its run config is not valid, its job does not exist.
    Invalid,
    /// It was not launched; `error` says why.
    Skipped,
    /// It was launched and not waited for.
    Launched,
}

impl RunStatus {
    /// Whether this status makes the whole run fail.
    pub fn is_failure(self) -> bool {
        !matches!(self, Self::Success | Self::Skipped | Self::Launched)
    }
}

/// What became of one Dagster run.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct RunReport {
    /// The job's name; `__ASSET_JOB` for a selection of assets outside a job.
    pub job: String,
    /// What to call the run in a report: the job, or the selection as it was written.
    pub title: String,
    /// The asset keys that were selected, joined by `/`; empty for all of a job.
    pub selection: Vec<String>,
    /// The partition, where there is one.
    pub partition: Option<String>,
    /// The code location.
    pub location: Option<String>,
    /// Dagster's id of the run, once it was launched.
    pub run_id: Option<String>,
    /// What became of it.
    pub status: RunStatus,
    /// From launch to end, of the last attempt.
    pub duration_s: f64,
    /// How often it was launched.
    pub attempts: u32,
    /// Whether its failure is allowed by configuration.
    pub allow_failure: bool,
    /// The run's page in Dagster's UI, if the instance outlives daglab.
    pub url: Option<String>,
    /// Its steps, in the order in which they began.
    pub steps: Vec<StepReport>,
    /// The assets it materialised.
    pub materializations: Vec<Materialization>,
    /// Why it failed.
    pub error: Option<RunError>,
    /// Its captured output and event log inside the artifacts directory, with `/`.
    pub log: Option<String>,
}

/// One step of a run.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct StepReport {
    /// The step's key.
    pub key: String,
    /// `SUCCESS`, `FAILURE`, `SKIPPED` or `IN_PROGRESS`, as Dagster says.
    pub status: String,
    /// From start to end.
    pub duration_s: Option<f64>,
    /// Why it failed.
    pub error: Option<RunError>,
    /// The last lines that its process printed, if it failed.
    #[serde(default)]
    pub last_output: Option<String>,
}

/// An asset materialization.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Materialization {
    /// The asset key, its parts joined by `/`.
    pub asset_key: String,
    /// The partition, where there is one.
    pub partition: Option<String>,
    /// Metadata as label and text.
    pub metadata: BTreeMap<String, String>,
}

/// Why a run or a step failed.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct RunError {
    /// The exception's class, where there was one.
    pub class: Option<String>,
    /// The message of the exception that the user's code raised; its causes are in `stack`.
    pub message: String,
    /// The stack of the root cause, shortened to the user's frames where that leaves any.
    pub stack: Option<String>,
    /// The user's file and line the error points to, relative to the project.
    pub path: Option<String>,
    /// The line in `path`, counted from 1.
    pub line: Option<u32>,
}

impl RunError {
    /// What there is no exception for.
    pub fn said(message: impl Into<String>) -> Self {
        Self {
            class: None,
            message: message.into(),
            stack: None,
            path: None,
            line: None,
        }
    }
}

/// One code location.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct LocationReport {
    /// Its name.
    pub name: String,
    /// Whether it loaded.
    pub loaded: bool,
    /// Why not.
    pub error: Option<RunError>,
    /// How many assets it defines.
    pub assets: u32,
    /// How many jobs it defines, without Dagster's own.
    pub jobs: u32,
}

/// How much a finding weighs.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Should be mended; does not fail the run.
    Warning,
    /// Fails the run.
    Error,
}

/// Something that validation, preflight, `marimo check` or daglab itself found.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// Who found it: `marimo`, `dagster`, `preflight`, `daglab`.
    pub source: String,
    /// The rule, where there is one: marimo's `MB002`, or a short name.
    pub code: Option<String>,
    /// How much it weighs.
    pub severity: Severity,
    /// What was found.
    pub message: String,
    /// The file.
    pub path: Option<String>,
    /// The line, counted from 1.
    pub line: Option<u32>,
    /// The column, counted from 1.
    pub column: Option<u32>,
    /// What to do about it.
    pub hint: Option<String>,
}

/// A link or verdict that was attached to something in Dagster.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Attachment {
    /// The notebook it is about.
    pub notebook: String,
    /// What it was attached to.
    pub target: Target,
    /// `observation`, `asset_check` or `run_tags`.
    pub kind: String,
    /// Whether it is there now.
    pub ok: bool,
    /// What went wrong, or how it was done.
    pub message: Option<String>,
    /// Which way it went: `instance`, `rest` or `graphql`; `snippet` where nothing is left but code
    /// in the asset itself.
    #[serde(default)]
    pub way: Option<String>,
}
