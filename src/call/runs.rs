//! Runs and the server as they stand, and what can be done about a run that is there.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use serde::Serialize;
use serde_json::{Value, json};

use super::Error;
use super::request::{Cancel, Retry, Run, Unfinished};
use crate::dagster::discover::LocationState;
use crate::dagster::follow::FollowOptions;
use crate::dagster::launch::TerminatePolicy;
use crate::dagster::partition::PARTITION_TAG;
use crate::dagster::runs::RunRecord;
use crate::dagster::summary::run_parts;
use crate::dagster::{Client, Error as DagsterError};
use crate::report::model::RunError;

/// The most runs that are listed.
const MOST: usize = 1000;

#[derive(Serialize)]
struct Told<'a> {
    run_id: &'a str,
    job: &'a str,
    location: Option<&'a str>,
    repository: Option<&'a str>,
    status: &'a str,
    url: String,
    started_at: Option<f64>,
    ended_at: Option<f64>,
    parent_run_id: Option<&'a str>,
    partition: Option<&'a str>,
    assets: Vec<String>,
    tags: &'a BTreeMap<String, String>,
    queue: Option<Queue>,
    error: Option<RunError>,
}

#[derive(Serialize)]
struct Queue {
    ahead: usize,
    total: usize,
    is_exact: bool,
}

/// Whether the server answers, and what of it has loaded.
pub async fn health(client: &Client) -> Result<Value, Error> {
    let begun = Instant::now();
    let version = match client.server_info().await {
        Ok(info) => info.dagster_version,
        // Dagster+ has no such page, and a proxy may hide it.
        Err(DagsterError::NotDagster { .. } | DagsterError::Http { .. }) => {
            client.version().await?.to_string()
        }
        Err(error) => return Err(error.into()),
    };
    let workspace = client.locations().await?;
    let locations = workspace.locations.iter().map(|location| {
        let (status, error) = match &location.state {
            LocationState::Loading => ("loading", None),
            LocationState::Loaded { .. } => ("loaded", None),
            LocationState::Failed(error) => ("failed", Some(error.headline())),
        };
        json!({ "name": location.name, "status": status, "error": error })
    });
    Ok(json!({
        "url": client.url(),
        "version": version,
        "locations": locations.collect::<Vec<_>>(),
        "seconds": begun.elapsed().as_secs_f64(),
    }))
}

/// What is known of a run: where it stands in the queue, and why it failed.
pub async fn run(client: &Client, root: &Path, asked: &Run) -> Result<Value, Error> {
    let record = client.run_record(&asked.run_id).await?;
    let queue = match record.status.as_str() {
        "QUEUED" => client.queue_position(&asked.run_id).await?,
        _ => None,
    };
    let error = match record.status.as_str() {
        // It has ended, so this reads its events and does not wait.
        "FAILURE" | "CANCELED" => {
            let options = FollowOptions::default();
            let outcome = client.follow(&asked.run_id, &options, |_| {}).await?;
            run_parts(&outcome, root).error
        }
        _ => None,
    };
    let told = Told {
        queue: queue.map(|position| Queue {
            ahead: position.ahead,
            total: position.total,
            is_exact: position.is_exact,
        }),
        error,
        ..tell(client, &record)
    };
    Ok(json!(told))
}

/// The runs that have not ended.
pub async fn unfinished(client: &Client, asked: &Unfinished) -> Result<Value, Error> {
    let records = client.unfinished_runs(asked.limit.min(MOST)).await?;
    let runs: Vec<Told<'_>> = records.iter().map(|record| tell(client, record)).collect();
    Ok(json!({ "runs": runs }))
}

/// Ends a run. One that has ended is left as it is, and said to be so.
pub async fn cancel(client: &Client, asked: &Cancel) -> Result<Value, Error> {
    let policy = match asked.force {
        true => TerminatePolicy::MarkCanceled,
        false => TerminatePolicy::Safe,
    };
    match client.terminate(&asked.run_id, policy).await {
        Ok(()) => Ok(json!({ "cancelled": true, "message": null })),
        Err(error @ DagsterError::TerminateRefused { .. }) => {
            let record = client.run_record(&asked.run_id).await?;
            match record.status.as_str() {
                "SUCCESS" | "FAILURE" | "CANCELED" => Ok(json!({
                    "cancelled": false,
                    "message": format!("it has ended already: {}", record.status.to_lowercase()),
                })),
                _ => Err(error.into()),
            }
        }
        Err(error) => Err(error.into()),
    }
}

/// Launches a run again.
pub async fn retry(client: &Client, asked: &Retry) -> Result<Value, Error> {
    let tags = BTreeMap::new();
    let again = client.reexecute(&asked.run_id, asked.from_failure, &tags);
    let run_id = again.await?;
    // The run is there, whatever the server says next: who asked has to know of it.
    let record = match client.run_record(&run_id).await {
        Ok(record) => record,
        Err(_) => RunRecord {
            run_id,
            parent: Some(asked.run_id.clone()),
            ..RunRecord::default()
        },
    };
    Ok(json!(tell(client, &record)))
}

fn tell<'a>(client: &Client, record: &'a RunRecord) -> Told<'a> {
    Told {
        run_id: &record.run_id,
        job: &record.job,
        location: record.location.as_deref(),
        repository: record.repository.as_deref(),
        status: &record.status,
        url: client.run_url(&record.run_id),
        started_at: record.started_at,
        ended_at: record.ended_at,
        parent_run_id: record.parent.as_deref(),
        partition: record.tags.get(PARTITION_TAG).map(String::as_str),
        assets: record.assets.iter().map(ToString::to_string).collect(),
        tags: &record.tags,
        queue: None,
        error: None,
    }
}
