//! From what was asked for to what can be launched: found, complete and valid.

use super::plan::{Executor, PlannedRun};
use super::select::{Selected, select};
use super::{Refusal, Runner};
use crate::dagster::discover::Workspace;
use crate::dagster::launch::LaunchRequest;
use crate::dagster::validate::{ExecutorPolicy, env_vars_in_config};

/// Finds what a planned run names, and has Dagster look at its run config. Nothing is launched.
pub async fn prepare(
    runner: &Runner,
    workspace: &Workspace,
    planned: &PlannedRun,
) -> Result<LaunchRequest, Refusal> {
    let Selected {
        selector,
        run_config,
        mut tags,
    } = select(runner, workspace, planned).await?;
    // Only of runs on this machine is it known what they will see.
    if let Some(local) = &runner.local {
        let names: Vec<String> = env_vars_in_config(&run_config)
            .into_iter()
            .map(|variable| variable.name)
            .filter(|name| !local.env.contains_key(name))
            .collect();
        if !names.is_empty() {
            return Err(Refusal::UnsetVariables { names });
        }
    }
    tags.extend(planned.tags.iter().cloned());
    let tags = tags.into_iter().collect();
    if !planned.validate {
        return Ok(LaunchRequest {
            selector,
            run_config,
            tags,
        });
    }
    let policy = match planned.executor {
        Executor::InProcess => ExecutorPolicy::InProcess,
        Executor::Job => ExecutorPolicy::Own,
    };
    let validated = runner
        .client
        .validate(&selector, &run_config, policy)
        .await?;
    if !validated.problems.is_empty() {
        let config = &planned.run_config;
        return Err(Refusal::run_config(
            &selector.job,
            validated.problems,
            config,
        ));
    }
    Ok(LaunchRequest {
        selector,
        run_config: validated.run_config,
        tags,
    })
}
