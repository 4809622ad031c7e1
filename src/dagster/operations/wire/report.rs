//! The shapes of what is reported of assets from outside of runs, as they travel.

use serde::{Deserialize, Serialize};

use crate::dagster::asset_key::AssetKey;
use crate::dagster::python_error::PythonError;

#[derive(Debug, Serialize)]
pub struct RunlessEventVariables {
    pub event: RunlessEvent,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RunlessEvent {
    pub event_type: &'static str,
    pub asset_key: AssetKey,
    pub partition_keys: Option<Vec<String>>,
    pub description: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunlessEventData {
    pub report_runless_asset_events: Reported,
}

#[derive(Debug, Serialize)]
pub struct EvaluationVariables {
    pub evaluation: Evaluation,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Evaluation {
    pub asset_key: AssetKey,
    pub check_name: String,
    pub passed: bool,
    /// A JSON object whose values are texts or numbers.
    pub serialized_metadata: String,
    pub description: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EvaluationData {
    pub report_asset_check_evaluations: Reported,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "__typename")]
pub enum Reported {
    #[serde(
        alias = "ReportRunlessAssetEventsSuccess",
        alias = "ReportAssetCheckEvaluationsSuccess"
    )]
    Success,
    UnauthorizedError {
        message: String,
    },
    PythonError(PythonError),
}
