//! Writes to a Dagster instance for which GraphQL has no mutation, or none with types.
//!
//! `python/daglab/_host/instance.py` carries them out with Dagster's public Python interface.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Entry, Error, Host, Task, tail};
use crate::redact::secrets;

/// How long the writes of one request may take: to a database far away, and on a slow machine.
const TIME: Duration = Duration::from_secs(60);

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
    write_within(TIME, host, home, scratch, operations).await
}

async fn write_within(
    time: Duration,
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
    // An instance may outlive the run, and be open to more people.
    let body = secrets::known().remove_from(serde_json::json!({ "operations": operations }));
    let body = serde_json::to_vec(&body).expect("operations are plain data");
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
    let mut running = host.start(&task).await?;
    let ended = tokio::time::timeout(time, running.wait()).await;
    let failed = || {
        let became = match ended {
            Ok(exit) => exit.describe(),
            Err(_) => format!("was ended after {} s", time.as_secs_f64()),
        };
        Error::Server {
            what: format!("the process that writes to the Dagster instance {became}"),
            output: tail(&log, 20),
        }
    };
    if ended.is_err() {
        running.end(Duration::ZERO).await;
    }
    let bytes = std::fs::read(&response).map_err(|_| failed())?;
    let response: Response = serde_json::from_slice(&bytes).map_err(|_| failed())?;
    Ok(response.results)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::super::{Interpreter, Isolation};
    use super::*;

    #[tokio::test]
    async fn a_write_that_hangs_is_ended() {
        let dir = tempfile::tempdir().unwrap();
        let python = dir.path().join("python");
        // By another process: a file that this one has open for writing, and with it whatever is
        // forked in that moment, can't be executed.
        let made = Command::new("sh")
            .args([
                "-c",
                "printf '#!/bin/sh\nexec sleep 600\n' >python && chmod +x python",
            ])
            .current_dir(dir.path())
            .status();
        assert!(made.unwrap().success());
        let interpreter = Interpreter {
            python,
            env: BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]),
            cwd: dir.path().to_owned(),
            foreign_pythonpath: String::new(),
            package: dir.path().to_owned(),
        };
        let host = Host::start_up(interpreter, Isolation::Spawn, &[], dir.path())
            .await
            .unwrap();
        let time = Duration::from_millis(100);
        let written = write_within(time, &host, dir.path(), dir.path(), &[]).await;
        assert_eq!(
            written.unwrap_err().to_string(),
            "the process that writes to the Dagster instance was ended after 0.1 s"
        );
    }
}
