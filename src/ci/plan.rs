//! What runs, in which order, and why.
//!
//! A plan is made from configuration, flags and the notebooks that are there, before anything is
//! started: `--plan` prints it. What only Dagster can say (which assets a pattern selects, whether
//! a job exists) is settled when the instance is up.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::report::model::Target;

/// Which executor a job gets that did not choose one itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Executor {
    /// All steps in the run's own process: several times faster for small steps.
    InProcess,
    /// The job's own.
    Job,
}

/// The whole plan.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// Whether every code location must load.
    pub validate: bool,
    /// Whether `marimo check` looks at the notebooks.
    pub check: bool,
    /// Whether its warnings fail the run.
    pub strict: bool,
    /// How many runs and notebooks go at once.
    pub concurrency: usize,
    /// The runs, in the order of the configuration.
    pub runs: Vec<PlannedRun>,
    /// The notebooks, in the order of their paths.
    pub notebooks: Vec<PlannedNotebook>,
}

/// What bounds an item and what its failure means.
#[derive(Debug, Clone, Serialize)]
pub struct Policy {
    /// How long one attempt may take.
    #[serde(serialize_with = "seconds", rename = "timeout_s")]
    pub timeout: Duration,
    /// How often it is tried again after a failure.
    pub retries: u32,
    /// Whether its failure leaves the result alone.
    pub allow_failure: bool,
}

/// What a run executes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Selection {
    /// A job, or some of its assets.
    Job {
        /// The job's name.
        name: String,
        /// Asset keys, their parts joined by `/`; empty for all.
        assets: Vec<String>,
    },
    /// Assets, by keys, globs and `group:NAME`.
    Assets(Vec<String>),
}

/// One run of the plan.
#[derive(Debug, Clone, Serialize)]
pub struct PlannedRun {
    /// What notebooks call it in `needs`.
    pub name: String,
    /// What it executes.
    pub selection: Selection,
    /// The code location, where the name alone would be ambiguous.
    pub location: Option<String>,
    /// Its run config.
    pub run_config: Value,
    /// Its tags.
    pub tags: Vec<(String, String)>,
    /// Its partition.
    pub partition: Option<String>,
    /// The executor policy.
    pub executor: Executor,
    /// Its bounds.
    #[serde(flatten)]
    pub policy: Policy,
    /// Where it is configured, for errors: `ci.jobs.0`.
    pub configured: Option<String>,
    /// Why it is in the plan.
    pub why: String,
}

/// One notebook of the plan.
#[derive(Debug, Clone, Serialize)]
pub struct PlannedNotebook {
    /// Its file, relative to the project, with `/`.
    pub path: String,
    /// Its file.
    #[serde(skip)]
    pub file: PathBuf,
    /// A name for its files that no other notebook of the plan has.
    pub slug: String,
    /// Its title.
    pub title: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Variables of daglab's own environment that it may see.
    pub env: Vec<String>,
    /// The runs it waits for, as indices into [`Plan::runs`].
    pub needs: Vec<usize>,
    /// Whether it waits until Dagster answers.
    pub needs_dagster: bool,
    /// What it is paired with, where a configuration or its header says so.
    pub target: Option<Target>,
    /// Its bounds.
    #[serde(flatten)]
    pub policy: Policy,
    /// Why it is not to be run.
    pub skip: Option<String>,
    /// Third-party modules it imports.
    #[serde(skip)]
    pub imports: Vec<String>,
    /// Why it is in the plan.
    pub why: String,
}

fn seconds<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}
