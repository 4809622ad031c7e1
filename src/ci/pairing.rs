//! What each notebook is about, once Dagster has said what there is.

use super::planner::did_you_mean;
use super::session::{Session, finding};
use crate::dagster::AssetKey;
use crate::dagster::discover::Workspace;
use crate::project::notebooks::pair_by_name;
use crate::report::model::{NotebookReport, RunReport, Severity, Target};

/// The finding that says that there is nothing of this name to attach anything to.
pub const NO_TARGET: &str = "no-target";

/// Pairs notebooks by name, and drops targets that do not exist.
pub async fn settle(session: &Session, workspace: &Workspace, notebooks: &mut [NotebookReport]) {
    let assets: Vec<String> = workspace
        .assets()
        .map(|found| found.item.key.to_string())
        .collect();
    let jobs: Vec<String> = workspace
        .jobs()
        .filter(|found| !found.item.is_implicit())
        .map(|found| found.item.name.clone())
        .collect();
    for notebook in notebooks {
        let wrong = match &notebook.target {
            None => {
                notebook.target = pair_by_name(&notebook.path, &assets, &jobs);
                continue;
            }
            Some(Target::Job { name }) => unknown("job", name, &jobs),
            Some(Target::Asset { key, partition }) => match unknown("asset", key, &assets) {
                None => wrong_partition(session, workspace, key, partition.as_deref()).await,
                unknown => unknown,
            },
        };
        if let Some((what, hint)) = wrong {
            let message = format!("`{}` is paired with {what}", notebook.path);
            let mut found = finding("daglab", NO_TARGET, Severity::Error, message);
            found.path = Some(notebook.path.clone());
            found.hint = hint;
            session.find(found);
            notebook.target = None;
        }
    }
}

/// What is wrong, and what may help.
type Wrong = (String, Option<String>);

fn unknown(kind: &str, name: &str, known: &[String]) -> Option<Wrong> {
    if known.iter().any(|other| other == name) {
        return None;
    }
    let what = format!("the {kind} `{name}`, which does not exist");
    Some((what, did_you_mean(name, known)))
}

async fn wrong_partition(
    session: &Session,
    workspace: &Workspace,
    key: &str,
    partition: Option<&str>,
) -> Option<Wrong> {
    let partition = partition?;
    let key = AssetKey::parse(key)?;
    let asset = workspace.asset(&key, None).ok()?.item;
    let no_such = |error: crate::dagster::Error| {
        let hint = crate::error::Diagnose::hint(&error);
        (format!("the asset `{key}`: {error}"), hint)
    };
    session
        .runner
        .client
        .partition_of_asset(asset, partition)
        .await
        .err()
        .map(no_such)
}

/// Jobs with the ids of their runs in this execution.
pub fn run_ids(runs: &[RunReport]) -> Vec<(String, String)> {
    runs.iter()
        .filter_map(|run| Some((run.job.clone(), run.run_id.clone()?)))
        .collect()
}

/// Jobs that notebooks are about with the ids of their latest runs.
pub async fn latest_runs(session: &Session, notebooks: &[NotebookReport]) -> Vec<(String, String)> {
    let mut run_ids = Vec::new();
    for notebook in notebooks {
        let Some(Target::Job { name }) = &notebook.target else {
            continue;
        };
        let problem = match session.runner.client.latest_run(name).await {
            Ok(Some(run_id)) => {
                run_ids.push((name.clone(), run_id));
                continue;
            }
            Ok(None) => finding(
                "daglab",
                "no-run",
                Severity::Error,
                format!("the job `{name}` has no run to attach a link to"),
            ),
            Err(error) => finding("dagster", "no-run", Severity::Error, error.to_string()),
        };
        session.find(problem);
    }
    run_ids
}
