//! What is to be launched, as it was configured or asked for.
//!
//! What only Dagster can say (which assets a pattern selects, whether a job exists) is settled by
//! [`prepare`](super::prepare) when there is a server to ask.

use std::time::Duration;

use serde::Serialize;

use crate::config::Placed;

/// Which executor a job gets that did not choose one itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Executor {
    /// All steps in the run's own process: several times faster for small steps.
    InProcess,
    /// The job's own.
    Job,
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
    /// Assets, in Dagster's asset selection syntax.
    Expression(String),
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
    #[serde(serialize_with = "values")]
    pub run_config: Placed,
    /// Whether Dagster looks at the run config before anything is launched.
    pub validate: bool,
    /// Its tags.
    pub tags: Vec<(String, String)>,
    /// Its partition.
    pub partition: Option<String>,
    /// The executor policy.
    pub executor: Executor,
    /// Its bounds.
    #[serde(flatten)]
    pub policy: Policy,
    /// Why it is in the plan.
    pub why: String,
}

fn seconds<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}

fn values<S: serde::Serializer>(config: &Placed, serializer: S) -> Result<S::Ok, S::Error> {
    config.value().serialize(serializer)
}
