//! From what a plan selects to what Dagster launches.

use globset::{GlobBuilder, GlobMatcher};

use super::plan::{PlannedRun, Selection};
use super::session::Session;
use crate::dagster::discover::{Asset, Workspace};
use crate::dagster::launch::{CheckHandle, JobSelector};
use crate::dagster::validate::RunConfig;
use crate::dagster::{AssetKey, Error};

/// What is to be launched.
#[derive(Debug)]
pub(super) struct Selected {
    pub(super) selector: JobSelector,
    pub(super) run_config: RunConfig,
    pub(super) tags: Vec<(String, String)>,
}

/// Why nothing can be launched, as a sentence.
pub(super) type Refusal = String;

/// Finds the job or the assets of a planned run, and its partition.
pub(super) async fn select(
    session: &Session,
    workspace: &Workspace,
    planned: &PlannedRun,
) -> Result<Selected, Refusal> {
    let own = planned.run_config.as_object().cloned().unwrap_or_default();
    match &planned.selection {
        Selection::Job { name, assets } => {
            let job = workspace
                .job(name, planned.location.as_deref())
                .map_err(|error| explain(&error))?;
            let mut selector = job.selector();
            selector.assets = keys(assets)?;
            let mut selected = Selected {
                selector,
                run_config: own,
                tags: Vec::new(),
            };
            if let Some(partition) = &planned.partition {
                let found = session
                    .client
                    .partition_of_job(&job, partition)
                    .await
                    .map_err(|error| explain(&error))?;
                let mut config = found.run_config;
                config.extend(selected.run_config);
                selected.run_config = config;
                selected.tags = found.tags.into_iter().collect();
            }
            Ok(selected)
        }
        Selection::Assets(selectors) => {
            let found = matching(workspace, selectors, planned.location.as_deref())?;
            let keys: Vec<AssetKey> = found.iter().map(|asset| asset.key.clone()).collect();
            let mut selector = workspace
                .asset_job(&keys, planned.location.as_deref())
                .map_err(|error| explain(&error))?;
            selector.checks = checks(session, &found)
                .await
                .map_err(|error| explain(&error))?;
            let mut tags = Vec::new();
            if let Some(partition) = &planned.partition {
                let first = found.iter().find(|asset| asset.partitions.is_some());
                let first = first.ok_or_else(|| "none of the assets has partitions".to_owned())?;
                let of_asset = session.client.partition_of_asset(first, partition).await;
                tags = of_asset
                    .map_err(|error| explain(&error))?
                    .into_iter()
                    .collect();
            }
            Ok(Selected {
                selector,
                run_config: own,
                tags,
            })
        }
    }
}

/// Message and hint of an error, for a report.
pub(super) fn explain(error: &Error) -> Refusal {
    let hint = crate::error::Diagnose::hint(error);
    hint.map_or_else(|| error.to_string(), |hint| format!("{error}; {hint}"))
}

fn keys(texts: &[String]) -> Result<Vec<AssetKey>, Refusal> {
    let read = |text: &String| {
        AssetKey::parse(text).ok_or_else(|| format!("`{text}` is not an asset key"))
    };
    texts.iter().map(read).collect()
}

/// A selector: a key or glob, or `group:NAME`.
enum Pattern<'a> {
    Group(&'a str),
    Keys(GlobMatcher),
}

impl<'a> Pattern<'a> {
    fn read(text: &'a str) -> Result<Self, Refusal> {
        if let Some(group) = text.strip_prefix("group:") {
            return Ok(Self::Group(group));
        }
        let glob = GlobBuilder::new(text).literal_separator(true).build();
        glob.map(|glob| Self::Keys(glob.compile_matcher()))
            .map_err(|error| format!("`{text}` is no pattern: {}", error.kind()))
    }

    fn matches(&self, asset: &Asset) -> bool {
        match self {
            Self::Group(group) => asset.group.as_deref().unwrap_or("default") == *group,
            Self::Keys(glob) => glob.is_match(asset.key.to_string()),
        }
    }
}

/// The assets that selectors name, each once; a selector that names none is refused.
fn matching<'a>(
    workspace: &'a Workspace,
    selectors: &[String],
    location: Option<&str>,
) -> Result<Vec<&'a Asset>, Refusal> {
    let all: Vec<&Asset> = workspace
        .repositories()
        .filter(|(at, _)| location.is_none_or(|wanted| wanted == *at))
        .flat_map(|(_, repository)| &repository.assets)
        .filter(|asset| asset.is_materializable)
        .collect();
    let mut found: Vec<&Asset> = Vec::new();
    for selector in selectors {
        let pattern = Pattern::read(selector)?;
        let mut any = false;
        for asset in all.iter().filter(|asset| pattern.matches(asset)) {
            any = true;
            if !found.iter().any(|other| other.key == asset.key) {
                found.push(asset);
            }
        }
        if !any {
            let names: Vec<String> = all.iter().map(|asset| asset.key.to_string()).collect();
            let hint = super::planner::did_you_mean(selector, &names);
            let message = format!("no asset that can be materialized matches `{selector}`");
            return Err(hint.map_or(message.clone(), |hint| format!("{message}; {hint}")));
        }
    }
    Ok(found)
}

/// The checks to execute with some assets: all, unless some are the notebooks' own, whose verdicts
/// come from the notebooks that are run anyway.
async fn checks(session: &Session, assets: &[&Asset]) -> Result<Option<Vec<CheckHandle>>, Error> {
    let checked: Vec<AssetKey> = assets
        .iter()
        .filter(|asset| asset.has_checks)
        .map(|asset| asset.key.clone())
        .collect();
    if checked.is_empty() || session.notebook_checks.is_empty() {
        return Ok(None);
    }
    let all = session.client.asset_checks(checked).await?;
    let is_own = |name: &str| session.notebook_checks.contains(name);
    if !all.iter().any(|check| is_own(&check.name)) {
        return Ok(None);
    }
    let kept = all.into_iter().filter(|check| !is_own(&check.name));
    Ok(Some(
        kept.map(|check| CheckHandle {
            asset_key: check.asset,
            name: check.name,
        })
        .collect(),
    ))
}
