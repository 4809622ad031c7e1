//! A run from its launch to its end.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::client::Client;
use super::error::Error;
use super::operations;
use super::python_error::PythonError;
use crate::report::model::{Materialization, RunError, StepReport};
use crate::ui::text::sanitize;

/// How many events one answer may hold.
const PAGE: u32 = 500;

/// How much of a run's captured output is kept, in bytes.
const CAPTURED: usize = 256 * 1024;

/// The first pause between two looks.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// What became of a run.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// Dagster's word: `SUCCESS`, `FAILURE` or `CANCELED`.
    pub status: String,
    /// From start to end, as Dagster counts.
    pub duration: Option<Duration>,
    /// Its steps, in the order in which they began.
    pub steps: Vec<StepReport>,
    /// The assets it materialised.
    pub materializations: Vec<Materialization>,
    /// Why it failed.
    pub error: Option<RunError>,
    /// Its event log, a line an event.
    pub log: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    run_or_error: RunData,
    logs_for_run: Option<LogData>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RunData {
    #[serde(rename = "__typename")]
    kind: String,
    status: Option<String>,
    start_time: Option<f64>,
    end_time: Option<f64>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct LogData {
    cursor: Option<String>,
    has_more: bool,
    events: Vec<Event>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Event {
    #[serde(rename = "__typename")]
    kind: String,
    message: String,
    timestamp: String,
    level: String,
    step_key: Option<String>,
    error: Option<PythonError>,
    file_key: Option<String>,
    asset_key: Option<AssetKey>,
    partition: Option<String>,
    metadata_entries: Vec<serde_json::Map<String, Value>>,
}

#[derive(Deserialize)]
struct AssetKey {
    path: Vec<String>,
}

/// Follows a run to its end. `ended` resolves when the run's process has: the next look is then at
/// once. `on_step` hears of each step that begins.
pub async fn follow(
    client: &Client,
    run_id: &str,
    project: &Path,
    longest_pause: Duration,
    ended: impl Future<Output = ()>,
    mut on_step: impl FnMut(&str),
) -> Result<Outcome, Error> {
    let mut reader = Reader::default();
    let mut ended = std::pin::pin!(ended);
    let mut process_gone = false;
    let mut pause = FIRST_PAUSE;
    loop {
        if process_gone {
            tokio::time::sleep(Duration::from_millis(20)).await;
        } else {
            tokio::select! {
                () = &mut ended => process_gone = true,
                () = tokio::time::sleep(pause) => {}
            }
        }
        pause = (pause * 3 / 2).min(longest_pause);
        let finished = reader.look(client, run_id, project, &mut on_step).await?;
        if finished {
            let mut outcome = reader.outcome;
            for (key, step) in reader.log_keys {
                let text = captured(client, run_id, &key).await;
                if !text.trim().is_empty() {
                    outcome
                        .log
                        .push_str(&format!("\n--- output of {step} ---\n{text}"));
                }
            }
            return Ok(outcome);
        }
    }
}

#[derive(Default)]
struct Reader {
    outcome: Outcome,
    cursor: Option<String>,
    begun: BTreeMap<String, f64>,
    log_keys: Vec<(String, String)>,
}

impl Reader {
    /// Reads what is new. True once the run has ended and every event has been read.
    async fn look(
        &mut self,
        client: &Client,
        run_id: &str,
        project: &Path,
        on_step: &mut impl FnMut(&str),
    ) -> Result<bool, Error> {
        loop {
            let variables = json!({ "runId": run_id, "afterCursor": self.cursor, "limit": PAGE });
            let data: Data = client.execute(&operations::LOGS, variables).await?;
            let run = data.run_or_error;
            if run.kind == "RunNotFoundError" {
                return Err(Error::RunGone {
                    run_id: run_id.to_owned(),
                });
            }
            let logs = data.logs_for_run.unwrap_or_default();
            for event in logs.events {
                self.take(event, project, on_step);
            }
            self.cursor = logs.cursor.or(self.cursor.take());
            if logs.has_more {
                continue;
            }
            let status = run.status.unwrap_or_default();
            let finished = matches!(status.as_str(), "SUCCESS" | "FAILURE" | "CANCELED");
            if finished {
                self.outcome.status = status;
                let took = run
                    .start_time
                    .zip(run.end_time)
                    .map(|(start, end)| end - start);
                self.outcome.duration =
                    took.and_then(|seconds| Duration::try_from_secs_f64(seconds.max(0.0)).ok());
            }
            return Ok(finished);
        }
    }

    fn take(&mut self, event: Event, project: &Path, on_step: &mut impl FnMut(&str)) {
        let time = event.timestamp.parse::<f64>().unwrap_or_default() / 1000.0;
        let step = event.step_key.as_deref().unwrap_or_default();
        if !event.message.is_empty() {
            let label = if step.is_empty() {
                String::new()
            } else {
                format!("{step}: ")
            };
            let line = format!("{:8} {label}{}\n", event.level, sanitize(&event.message));
            self.outcome.log.push_str(&line);
        }
        match event.kind.as_str() {
            "ExecutionStepStartEvent" => {
                on_step(step);
                self.begun.insert(step.to_owned(), time);
                self.outcome.steps.retain(|known| known.key != step);
                self.outcome.steps.push(StepReport {
                    key: step.to_owned(),
                    status: "IN_PROGRESS".to_owned(),
                    duration_s: None,
                    error: None,
                });
            }
            "ExecutionStepSuccessEvent" => self.end_step(step, "SUCCESS", time, None),
            "ExecutionStepSkippedEvent" => self.end_step(step, "SKIPPED", time, None),
            "ExecutionStepFailureEvent" => {
                let error = event.error.map(|error| error.to_report(project));
                if self.outcome.error.is_none() {
                    self.outcome.error.clone_from(&error);
                }
                self.end_step(step, "FAILURE", time, error);
            }
            "RunFailureEvent" if self.outcome.error.is_none() => {
                self.outcome.error = Some(event.error.map_or_else(
                    || RunError {
                        class: None,
                        message: sanitize(&event.message).into_owned(),
                        stack: None,
                        path: None,
                        line: None,
                    },
                    |error| error.to_report(project),
                ));
            }
            "MaterializationEvent" => {
                if let Some(key) = event.asset_key {
                    self.outcome.materializations.push(Materialization {
                        asset_key: key.path.join("/"),
                        partition: event.partition,
                        metadata: event.metadata_entries.iter().filter_map(metadata).collect(),
                    });
                }
            }
            "LogsCapturedEvent" => {
                if let Some(key) = event.file_key {
                    let step = if step.is_empty() { "the run" } else { step };
                    self.log_keys.push((key, step.to_owned()));
                }
            }
            _ => {}
        }
    }

    fn end_step(&mut self, key: &str, status: &str, time: f64, error: Option<RunError>) {
        let duration_s = self.begun.get(key).map(|begun| (time - begun).max(0.0));
        let ended = StepReport {
            key: key.to_owned(),
            status: status.to_owned(),
            duration_s,
            error,
        };
        match self.outcome.steps.iter_mut().find(|step| step.key == key) {
            Some(step) => *step = ended,
            None => self.outcome.steps.push(ended),
        }
    }
}

/// A metadata entry as label and text: the one field beside label and type.
fn metadata(entry: &serde_json::Map<String, Value>) -> Option<(String, String)> {
    let label = entry.get("label")?.as_str()?.to_owned();
    let value = entry
        .iter()
        .find(|(key, value)| !matches!(key.as_str(), "label" | "__typename") && !value.is_null())
        .map(|(_, value)| {
            value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned)
        })?;
    Some((label, sanitize(&value).into_owned()))
}

/// What the processes of some steps have printed; nothing if the server can't say.
async fn captured(client: &Client, run_id: &str, key: &str) -> String {
    let variables = json!({ "logKey": [run_id, "compute_logs", key], "limit": CAPTURED });
    let data = client
        .execute::<Value>(&operations::CAPTURED_LOGS, variables)
        .await;
    let logs = data
        .map(|mut data| data["capturedLogs"].take())
        .unwrap_or_default();
    let part = |name: &str| logs[name].as_str().unwrap_or_default().to_owned();
    sanitize(&(part("stdout") + &part("stderr"))).into_owned()
}
