//! The `ci` section: what `daglab ci` runs.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::{Map, Value};

use super::model::{Seconds, Settings};
use super::run::RunJob;

/// What `daglab ci` runs, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Ci {
    /// Whether every code location must load.
    pub validate: bool,
    /// Whether `marimo check` looks at the notebooks.
    pub check: bool,
    /// Whether its warnings fail the run.
    pub strict: bool,
    /// The executor of jobs that did not choose one.
    pub executor: Executor,
    /// How many runs and notebooks go at once; the number of processors if not set.
    #[serde(deserialize_with = "concurrency")]
    #[schemars(range(min = 1, max = 512))]
    pub concurrency: Option<u16>,
    /// Seconds that each run and each notebook may take.
    pub timeout: Seconds,
    /// How processes are started; `fork` with `spawn` where it fails, if not set.
    pub isolation: Option<Isolation>,
    /// Variables of daglab's environment that children may see.
    pub env: Vec<String>,
    /// Where the report and the pages go, relative to the project.
    pub artifacts_dir: String,
    /// Jobs to launch. Not set means none.
    pub jobs: Option<Vec<Job>>,
    /// Selections of assets to materialize. Not set means none.
    pub assets: Option<Vec<Assets>>,
    /// Notebooks to run. Not set means all.
    pub notebooks: Option<Vec<Notebook>>,
}

fn concurrency<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u16>, D::Error> {
    match Option::<u16>::deserialize(deserializer)? {
        Some(0 | 513..) => Err(de::Error::custom("not a number from 1 to 512")),
        concurrency => Ok(concurrency),
    }
}

impl Default for Ci {
    fn default() -> Self {
        Self {
            validate: true,
            check: true,
            strict: false,
            executor: Executor::InProcess,
            concurrency: None,
            timeout: Seconds(600.0),
            isolation: None,
            env: Vec::new(),
            artifacts_dir: ".daglab/artifacts".to_owned(),
            jobs: None,
            assets: None,
            notebooks: None,
        }
    }
}

/// The executor of jobs that did not choose one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Executor {
    /// All steps in the run's process: several times faster for small steps.
    InProcess,
    /// The job's own: Dagster's default starts a process for each step.
    Job,
}

/// How processes are started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Isolation {
    /// Forked from one process that has imported the libraries.
    Fork,
    /// Each by its own command line.
    Spawn,
}

/// A job to launch. A plain name is short for `name`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("type" = ["object", "string"]))]
pub struct Job {
    /// The job's name.
    pub name: String,
    /// The code location, where several have a job of this name.
    pub location: Option<String>,
    /// Run config.
    pub run_config: Map<String, Value>,
    /// A YAML file with run config, below `run_config`.
    pub run_config_file: Option<String>,
    /// Tags for the run.
    pub tags: Map<String, Value>,
    /// The partition.
    pub partition: Option<String>,
    /// Some of the job's assets, by key.
    pub assets: Vec<String>,
    /// Seconds the run may take.
    pub timeout: Option<Seconds>,
    /// How often it is tried again after a failure.
    pub retries: u32,
    /// Whether its failure leaves the result alone.
    pub allow_failure: bool,
    /// The executor, instead of `ci.executor`.
    pub executor: Option<Executor>,
}

/// A selection of assets to materialize in one run. A plain selector is short for `select`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("type" = ["object", "string"]))]
pub struct Assets {
    /// What notebooks call the run in `needs`; the selectors joined by `,` if not set.
    pub name: Option<String>,
    /// Asset keys such as `a/b`, globs such as `a/*`, and `group:NAME`.
    pub select: Vec<String>,
    /// The code location, where several define the assets.
    pub location: Option<String>,
    /// Run config.
    pub run_config: Map<String, Value>,
    /// A YAML file with run config, below `run_config`.
    pub run_config_file: Option<String>,
    /// Tags for the run.
    pub tags: Map<String, Value>,
    /// The partition.
    pub partition: Option<String>,
    /// Seconds the run may take.
    pub timeout: Option<Seconds>,
    /// How often it is tried again after a failure.
    pub retries: u32,
    /// Whether its failure leaves the result alone.
    pub allow_failure: bool,
    /// The executor, instead of `ci.executor`.
    pub executor: Option<Executor>,
}

/// Notebooks to run. A plain path is short for `path`. Where several entries match a file, a later
/// one overrides what it sets.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("type" = ["object", "string"]))]
pub struct Notebook {
    /// A file or a glob, relative to the project.
    pub path: String,
    /// Arguments, as `mo.cli_args` reads them.
    pub args: Option<Vec<String>>,
    /// Names of jobs and asset runs to wait for.
    pub needs: Option<Vec<String>>,
    /// What to attach the page to: `asset://key` or `asset://key:partition`.
    pub attach: Option<String>,
    /// The job the notebook is paired with.
    pub job: Option<String>,
    /// Variables of daglab's environment that this notebook may see beside `ci.env`.
    pub env: Option<Vec<String>>,
    /// Seconds the notebook may take.
    pub timeout: Option<Seconds>,
    /// How often it is tried again after a failure.
    pub retries: Option<u32>,
    /// Whether its failure leaves the result alone.
    pub allow_failure: Option<bool>,
    /// Why it is not to be run.
    pub skip: Option<String>,
}

/// Settings with one entry in each list, to hold a layer's entries against.
pub(super) fn with_entries(mut settings: Settings) -> Settings {
    settings.ci.jobs = Some(vec![Job::default()]);
    settings.ci.assets = Some(vec![Assets::default()]);
    settings.ci.notebooks = Some(vec![Notebook::default()]);
    settings.run.jobs = Some(vec![RunJob::default()]);
    settings
}

/// Spells out the short forms: a plain text in one of the three lists.
pub(super) fn expand_short_forms(settings: &mut Value) {
    let Some(ci) = settings.get_mut("ci") else {
        return;
    };
    for (list, key) in [
        ("jobs", "name"),
        ("assets", "select"),
        ("notebooks", "path"),
    ] {
        let Some(Value::Array(items)) = ci.get_mut(list) else {
            continue;
        };
        for item in items {
            if item.is_string() {
                *item = serde_json::json!({ key: item.take() });
            }
            if list == "assets"
                && let Some(select) = item.get_mut("select").filter(|select| select.is_string())
            {
                *select = Value::Array(vec![select.take()]);
            }
        }
    }
}
