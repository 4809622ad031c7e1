//! The shapes of what discovery asks for, as they travel.
//!
//! No enum is told apart by its `__typename` here: serde would first read all of it into a tree of
//! values, which for ten thousand assets takes several times the memory of the assets.
#![allow(missing_docs)]

use serde::Deserialize;

use super::wire::Tag;
use crate::dagster::asset_key::AssetKey;
use crate::dagster::python_error::{ChainLink, PythonError};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Data {
    pub workspace_or_error: Answer,
}

/// A workspace or an exception: the fields of the one that it is.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Answer {
    pub location_entries: Option<Vec<LocationEntry>>,
    pub message: String,
    pub class_name: Option<String>,
    pub stack: Vec<String>,
    pub error_chain: Vec<ChainLink>,
}

impl Answer {
    pub fn into_error(self) -> PythonError {
        PythonError {
            message: self.message,
            class_name: self.class_name,
            stack: self.stack,
            error_chain: self.error_chain,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LocationEntry {
    pub name: String,
    pub load_status: String,
    pub location_or_load_error: Option<LocationAnswer>,
}

/// A location or an exception: the fields of the one that it is.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LocationAnswer {
    pub repositories: Option<Vec<Repository>>,
    pub message: String,
    pub class_name: Option<String>,
    pub stack: Vec<String>,
    pub error_chain: Vec<ChainLink>,
}

impl LocationAnswer {
    pub fn into_error(self) -> PythonError {
        PythonError {
            message: self.message,
            class_name: self.class_name,
            stack: self.stack,
            error_chain: self.error_chain,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Repository {
    pub name: String,
    #[serde(default)]
    pub jobs: Vec<Job>,
    #[serde(default)]
    pub schedules: Vec<Schedule>,
    #[serde(default)]
    pub sensors: Vec<Sensor>,
    #[serde(default)]
    pub asset_nodes: Vec<AssetNode>,
    #[serde(default)]
    pub asset_manifest: Option<Vec<AssetNode>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    pub name: String,
    pub description: Option<String>,
    pub is_asset_job: bool,
    pub tags: Vec<Tag>,
}

#[derive(Debug, Deserialize)]
pub struct State {
    pub status: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Schedule {
    pub name: String,
    pub description: Option<String>,
    pub cron_schedule: String,
    pub execution_timezone: Option<String>,
    pub pipeline_name: String,
    pub schedule_state: State,
    pub tags: Option<Vec<Tag>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sensor {
    pub name: String,
    pub description: Option<String>,
    pub sensor_type: String,
    pub min_interval_seconds: u64,
    pub targets: Option<Vec<Target>>,
    pub sensor_state: State,
    pub tags: Option<Vec<Tag>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    pub pipeline_name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AssetNode {
    pub asset_key: AssetKey,
    pub group_name: Option<String>,
    pub description: Option<String>,
    pub is_executable: bool,
    pub is_observable: bool,
    pub job_names: Vec<String>,
    pub dependency_keys: Vec<AssetKey>,
    pub partition_definition: Option<PartitionDefinition>,
    pub has_asset_checks: bool,
    pub tags: Option<Vec<Tag>>,
    pub owners: Option<Vec<Owner>>,
    pub kinds: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PartitionDefinition {
    pub dimension_types: Vec<Dimension>,
}

#[derive(Debug, Deserialize)]
pub struct Dimension {
    #[serde(rename = "type")]
    pub kind: String,
}

/// A person or a team: the field of the one that it is.
#[derive(Debug, Deserialize)]
pub struct Owner {
    pub email: Option<String>,
    pub team: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LatestData {
    pub assets_latest_info: Vec<LatestInfo>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LatestInfo {
    pub asset_key: AssetKey,
    pub latest_materialization: Option<Materialization>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Materialization {
    /// Milliseconds since 1970, as text.
    pub timestamp: String,
    pub run_id: String,
    pub partition: Option<String>,
}
