//! Backfills.

use serde::{Deserialize, Serialize};

use super::{LaunchResult, RepositorySelectorWire, RunsFilterWire, Tag};
use crate::dagster::asset_key::AssetKey;
use crate::dagster::python_error::PythonError;

#[derive(Debug, Serialize)]
pub struct LaunchBackfillVariables {
    pub params: LaunchBackfillParamsWire,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LaunchBackfillParamsWire {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<PartitionSetSelectorWire>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asset_selection: Option<Vec<AssetKey>>,
    pub partition_names: Vec<String>,
    pub tags: Vec<Tag>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PartitionSetSelectorWire {
    pub partition_set_name: String,
    pub repository_selector: RepositorySelectorWire,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LaunchBackfillData {
    pub launch_partition_backfill: LaunchResult,
}

#[derive(Debug, Serialize)]
pub struct FindBackfillVariables {
    pub limit: u32,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FindBackfillData {
    pub partition_backfills_or_error: BackfillsOrError,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "__typename")]
pub enum BackfillsOrError {
    PartitionBackfills { results: Vec<FoundBackfillWire> },
    PythonError(PythonError),
}

#[derive(Debug, Deserialize)]
pub struct FoundBackfillWire {
    pub id: String,
    pub tags: Vec<Tag>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BackfillVariables {
    pub backfill_id: String,
    pub of_backfill: RunsFilterWire,
    pub limit: u32,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackfillData {
    pub partition_backfill_or_error: BackfillOrError,
    pub runs_or_error: BackfillRunsOrError,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "__typename")]
pub enum BackfillRunsOrError {
    Runs {
        results: Vec<BackfillRunWire>,
    },
    PythonError(PythonError),
    #[serde(other)]
    Other,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "__typename")]
pub enum BackfillOrError {
    PartitionBackfill(Box<BackfillWire>),
    BackfillNotFoundError,
    PythonError(PythonError),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackfillWire {
    pub status: String,
    pub num_partitions: Option<u64>,
    pub partition_status_counts: Vec<StatusCountWire>,
    pub asset_backfill_data: Option<AssetBackfillDataWire>,
    pub error: Option<PythonError>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusCountWire {
    pub run_status: String,
    pub count: u64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackfillRunWire {
    pub run_id: String,
    pub status: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AssetBackfillDataWire {
    pub asset_backfill_statuses: Vec<AssetBackfillStatusWire>,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "__typename")]
pub enum AssetBackfillStatusWire {
    #[serde(rename_all = "camelCase")]
    AssetPartitionsStatusCounts {
        asset_key: AssetKey,
        num_partitions_targeted: u64,
        num_partitions_in_progress: u64,
        num_partitions_materialized: u64,
        num_partitions_failed: u64,
    },
    #[serde(rename_all = "camelCase")]
    UnpartitionedAssetStatus {
        asset_key: AssetKey,
        in_progress: bool,
        materialized: bool,
        failed: bool,
    },
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CancelBackfillVariables {
    pub backfill_id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CancelBackfillData {
    pub cancel_partition_backfill: CancelBackfillResult,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "__typename")]
pub enum CancelBackfillResult {
    CancelBackfillSuccess,
    UnauthorizedError { message: String },
    PythonError(PythonError),
}
