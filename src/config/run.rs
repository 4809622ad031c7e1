//! The `run` section: what `daglab run` adds to the jobs it is asked for.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What `daglab run` adds to the jobs it is asked for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Run {
    /// Jobs with run config and tags of their own. Not set means none.
    pub jobs: Option<Vec<RunJob>>,
}

/// What is added to a job.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RunJob {
    /// The job's name.
    pub name: String,
    /// Run config, below that of flags.
    pub run_config: Map<String, Value>,
    /// A YAML file with run config, below `run_config`; relative to the project.
    pub run_config_file: Option<String>,
    /// Tags for the run, below those of flags.
    pub tags: Map<String, Value>,
}
