//! Runs looked up, validated and launched.

use std::path::Path;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::Error;
use super::request::{Launch, RunConfig};
use crate::config::error::Error as ConfigError;
use crate::config::{Placed, Settings};
use crate::dagster::discover::Workspace;
use crate::dagster::launch::LaunchRequest;
use crate::dagster::{Client, Error as DagsterError};
use crate::error::Diagnose as _;
use crate::run::plan::{Executor, PlannedRun, Policy, Selection};
use crate::run::prepare::prepare;
use crate::run::{Refusal, Runner};
use crate::scaffold::skeleton;

/// What errors call run config that was given as text.
const RUN_CONFIG: &str = "run config";

/// What was asked for, found; or what is wrong with its run config.
enum Looked {
    Valid(Box<LaunchRequest>),
    Invalid {
        message: String,
        problems: Vec<Value>,
    },
}

/// Says whether a run config fits, and what is wrong with it. Nothing is launched.
pub async fn validate(
    client: Client,
    settings: &Settings,
    root: &Path,
    asked: Launch,
) -> Result<Value, Error> {
    let asked = Launch {
        validate: true,
        ..asked
    };
    let runner = Runner::new(client, root);
    Ok(match look(&runner, settings, &asked).await? {
        Looked::Valid(request) => {
            let selector = &request.selector;
            json!({
                "valid": true,
                "message": null,
                "problems": [],
                "job": selector.job,
                "location": selector.repository.location,
                "repository": selector.repository.repository,
            })
        }
        Looked::Invalid { message, problems } => {
            json!({ "valid": false, "message": message, "problems": problems })
        }
    })
}

/// Launches a run, and says where it can be seen. A run config that does not fit is part of the
/// answer.
pub async fn submit(
    client: Client,
    settings: &Settings,
    root: &Path,
    asked: Launch,
) -> Result<Value, Error> {
    let runner = Runner::new(client, root);
    let request = match look(&runner, settings, &asked).await? {
        Looked::Valid(request) => request,
        Looked::Invalid { message, problems } => {
            return Ok(json!({ "launched": false, "message": message, "problems": problems }));
        }
    };
    let run_id = match runner.client.launch(&request).await {
        Ok(run_id) => run_id,
        Err(DagsterError::RunConfigInvalid { job, problems }) => {
            let refusal = Refusal::run_config(&job, problems, &Placed::default());
            return Ok(json!({
                "launched": false,
                "message": refusal.to_string(),
                "problems": refusal.problems_as_json(),
            }));
        }
        Err(error) => return Err(error.into()),
    };
    let selector = &request.selector;
    let assets = selector.assets.iter().map(ToString::to_string);
    Ok(json!({
        "launched": true,
        "run_id": run_id,
        "url": runner.client.run_url(&run_id),
        "job": selector.job,
        "location": selector.repository.location,
        "repository": selector.repository.repository,
        "assets": assets.collect::<Vec<_>>(),
        "partition": asked.partition,
    }))
}

/// What run config a job takes, as YAML with what is not needed as comments.
pub async fn config_skeleton(
    client: &Client,
    settings: &Settings,
    asked: &Launch,
) -> Result<Value, Error> {
    let name = asked.job.as_deref().ok_or(Error::NothingAsked)?;
    let workspace = workspace(client, settings, asked).await?;
    let selector = workspace.job(name, None)?.selector();
    let schema = client.config_schema(&selector).await?;
    Ok(json!({ "yaml": skeleton::skeleton(&schema, &Map::new()) }))
}

async fn look(runner: &Runner, settings: &Settings, asked: &Launch) -> Result<Looked, Error> {
    let config = match run_config(asked.run_config.as_ref()) {
        Ok(config) => config,
        Err(error) => return Ok(unreadable(&error)),
    };
    let planned = planned(asked, config)?;
    let workspace = workspace(&runner.client, settings, asked).await?;
    match prepare(runner, &workspace, &planned).await {
        Ok(request) => Ok(Looked::Valid(Box::new(request))),
        Err(refusal @ Refusal::RunConfig { .. }) => Ok(Looked::Invalid {
            message: refusal.to_string(),
            problems: refusal.problems_as_json(),
        }),
        Err(refusal) => Err(refusal.into()),
    }
}

fn run_config(given: Option<&RunConfig>) -> Result<Placed, ConfigError> {
    match given {
        None => Ok(Placed::default()),
        Some(RunConfig::Text(text)) => Placed::parse(text, Path::new(RUN_CONFIG)),
        Some(RunConfig::Values(values)) => Ok(Placed::without_place(values.clone())),
    }
}

/// A text that is no run config is not valid, which is what was asked.
fn unreadable(error: &ConfigError) -> Looked {
    Looked::Invalid {
        message: error.to_string(),
        problems: vec![problem_of_text(error)],
    }
}

/// What is wrong with a text, as problems of run configs are told.
pub(super) fn problem_of_text(error: &ConfigError) -> Value {
    let at = match error {
        ConfigError::Syntax { place, .. } => place.at,
        _ => None,
    };
    json!({
        "path": Vec::<String>::new(),
        "message": error.to_string(),
        "suggestion": error.hint(),
        "line": at.map(|at| at.0),
        "column": at.map(|at| at.1),
    })
}

fn planned(asked: &Launch, run_config: Placed) -> Result<PlannedRun, Error> {
    let (name, selection) = match (&asked.job, &asked.select) {
        (Some(_), Some(_)) => return Err(Error::SelectionOfJob),
        (Some(name), None) => {
            let assets = asked.assets.clone();
            let name = name.clone();
            (name.clone(), Selection::Job { name, assets })
        }
        (None, Some(text)) => (text.clone(), Selection::Expression(text.clone())),
        (None, None) if asked.assets.is_empty() => return Err(Error::NothingAsked),
        (None, None) => (
            asked.assets.join(","),
            Selection::Assets(asked.assets.clone()),
        ),
    };
    Ok(PlannedRun {
        name,
        selection,
        location: None,
        run_config,
        validate: asked.validate,
        tags: asked.tags.clone().into_iter().collect(),
        partition: asked.partition.clone(),
        executor: Executor::Job,
        policy: Policy {
            timeout: Duration::ZERO,
            retries: 0,
            allow_failure: false,
        },
        why: "a call".to_owned(),
    })
}

/// What the server has, as far as the request and the settings are about it.
async fn workspace(
    client: &Client,
    settings: &Settings,
    asked: &Launch,
) -> Result<Workspace, DagsterError> {
    let mut workspace = loaded(client, settings).await?;
    let dagster = &settings.dagster;
    let location = asked.location.as_ref();
    let repository = asked.repository.as_ref();
    workspace.narrow(
        location
            .or(dagster.repository_location_name.as_ref())
            .map(String::as_str),
        repository
            .or(dagster.repository_name.as_ref())
            .map(String::as_str),
    )?;
    Ok(workspace)
}

/// All that the server has, once it has loaded.
pub(super) async fn loaded(
    client: &Client,
    settings: &Settings,
) -> Result<Workspace, DagsterError> {
    let workspace = client.workspace().await?;
    if workspace.loading().next().is_none() {
        return Ok(workspace);
    }
    let limit = settings.performance.max_wait_time.duration();
    client.wait_ready(limit, workspace.locations.len()).await
}
