//! Runs as they are listed.

use serde::{Deserialize, Serialize};

use super::Tag;
use crate::dagster::asset_key::AssetKey;
use crate::dagster::python_error::PythonError;

#[derive(Debug, Serialize)]
pub struct ListRunsVariables {
    pub filter: RunsByWire,
    pub limit: usize,
}

/// Runs by their ids, or by their statuses.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum RunsByWire {
    RunIds(Vec<String>),
    Statuses(&'static [&'static str]),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListRunsData {
    pub runs_or_error: ListedRunsOrError,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "__typename")]
pub enum ListedRunsOrError {
    Runs {
        results: Vec<ListedRunWire>,
    },
    PythonError(PythonError),
    #[serde(other)]
    Other,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListedRunWire {
    pub run_id: String,
    pub pipeline_name: String,
    pub status: String,
    pub start_time: Option<f64>,
    pub end_time: Option<f64>,
    pub parent_run_id: Option<String>,
    pub repository_origin: Option<ListedOriginWire>,
    pub asset_selection: Option<Vec<AssetKey>>,
    #[serde(default)]
    pub tags: Vec<Tag>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListedOriginWire {
    pub repository_location_name: String,
    pub repository_name: String,
}
