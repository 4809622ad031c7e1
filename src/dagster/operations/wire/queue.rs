//! Runs that wait, and the daemons that they wait for.

use serde::{Deserialize, Serialize};

use super::Tag;
use crate::dagster::python_error::PythonError;

#[derive(Debug, Serialize)]
pub struct QueuedRunsVariables {
    pub cursor: Option<String>,
    pub limit: usize,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueuedRunsData {
    pub runs_or_error: QueuedRunsOrError,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "__typename")]
pub enum QueuedRunsOrError {
    Runs {
        results: Vec<QueuedRunWire>,
    },
    PythonError(PythonError),
    #[serde(other)]
    Other,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueuedRunWire {
    pub run_id: String,
    pub tags: Vec<Tag>,
}

#[derive(Debug, Deserialize)]
pub struct DaemonsData {
    pub instance: InstanceWire,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InstanceWire {
    pub daemon_health: DaemonHealthWire,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DaemonHealthWire {
    pub all_daemon_statuses: Vec<DaemonWire>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DaemonWire {
    pub daemon_type: String,
    pub required: bool,
    pub healthy: Option<bool>,
    pub last_heartbeat_time: Option<f64>,
    pub last_heartbeat_errors: Vec<PythonError>,
}
