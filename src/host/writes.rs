//! Writes to a Dagster instance for which GraphQL has no mutation, or none with types.
//!
//! `python/daglab/_host/instance.py` carries them out with Dagster's public Python interface.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Entry, Error, Host, Task, tail};

/// One metadata value with its type, so that Dagster's UI shows a link as a link.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// `MetadataValue.url`.
    Url(String),
    /// `MetadataValue.text`.
    Text(String),
    /// `MetadataValue.float`.
    Float(f64),
    /// `MetadataValue.int`.
    Int(i64),
}

/// One write.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Operation {
    /// An `AssetObservation`.
    Observe {
        /// The asset key's parts.
        asset_key: Vec<String>,
        /// The partition, where there is one.
        partition: Option<String>,
        /// By label.
        metadata: BTreeMap<String, Value>,
        /// Shown beside the observation.
        description: Option<String>,
    },
    /// An `AssetCheckEvaluation`.
    Check {
        /// The asset key's parts.
        asset_key: Vec<String>,
        /// The check's name.
        check_name: String,
        /// The verdict.
        passed: bool,
        /// By label.
        metadata: BTreeMap<String, Value>,
        /// Shown beside the verdict.
        description: Option<String>,
    },
    /// Tags on a run.
    RunTags {
        /// The run.
        run_id: String,
        /// The tags to add or replace.
        tags: BTreeMap<String, String>,
    },
    /// Marks a run as failed unless it has ended by itself.
    RunFailed {
        /// The run.
        run_id: String,
        /// Why.
        message: String,
    },
    /// Marks a run as cancelled unless it has ended by itself.
    RunCanceled {
        /// The run.
        run_id: String,
    },
}

/// What became of one write.
#[derive(Debug, Clone, Deserialize)]
pub struct Written {
    /// Whether it is there now.
    pub ok: bool,
    /// Why not.
    #[serde(default)]
    pub error: Option<String>,
}

#[derive(Deserialize)]
struct Response {
    results: Vec<Written>,
}

/// Carries out writes in their order; one that fails does not stop the others.
pub async fn write_to_instance(
    host: &Host,
    home: &Path,
    scratch: &Path,
    operations: &[Operation],
) -> Result<Vec<Written>, Error> {
    let dir = tempfile::tempdir_in(scratch).map_err(|source| Error::Prepare {
        path: scratch.to_owned(),
        source,
    })?;
    let request = dir.path().join("request.json");
    let response = dir.path().join("response.json");
    let log = dir.path().join("log");
    let body = serde_json::to_vec(&serde_json::json!({ "operations": operations }))
        .expect("operations are plain data");
    std::fs::write(&request, body).map_err(|source| Error::Prepare {
        path: request.clone(),
        source,
    })?;
    let task = Task {
        entry: Entry::Instance,
        argv: vec![
            request.display().to_string(),
            response.display().to_string(),
        ],
        env: BTreeMap::from([("DAGSTER_HOME".to_owned(), Some(home.display().to_string()))]),
        cwd: dir.path().to_owned(),
        stdout: log.clone(),
        stderr: log.clone(),
    };
    let exit = host.start(&task).await?.wait().await;
    let failed = || Error::Server {
        what: format!(
            "the process that writes to the Dagster instance {}",
            exit.describe()
        ),
        output: tail(&log, 20),
    };
    let bytes = std::fs::read(&response).map_err(|_| failed())?;
    let response: Response = serde_json::from_slice(&bytes).map_err(|_| failed())?;
    Ok(response.results)
}
