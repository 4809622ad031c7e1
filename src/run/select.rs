//! From what a plan selects to what Dagster launches.

use globset::{GlobBuilder, GlobMatcher};

use super::plan::{PlannedRun, Selection};
use super::{Refusal, Runner};
use crate::config::Placed;
use crate::dagster::catalog::{self, Ask};
use crate::dagster::discover::{Asset, AssetCheck, Found, Workspace};
use crate::dagster::launch::{CheckHandle, JobSelector};
use crate::dagster::selection::{Graph, Selection as Expression};
use crate::dagster::validate::RunConfig;
use crate::dagster::{AssetKey, Error};

/// What is to be launched.
#[derive(Debug)]
pub(super) struct Selected {
    pub(super) selector: JobSelector,
    pub(super) run_config: RunConfig,
    pub(super) tags: Vec<(String, String)>,
}

/// Finds the job or the assets of a planned run, and its partition.
pub(super) async fn select(
    runner: &Runner,
    workspace: &Workspace,
    planned: &PlannedRun,
) -> Result<Selected, Refusal> {
    let own = planned.run_config.value().clone();
    match &planned.selection {
        Selection::Job { name, assets } => {
            let job = workspace.job(name, planned.location.as_deref())?;
            let mut selector = job.selector();
            if !assets.is_empty() {
                let found = assets_of(runner, workspace, planned).await?;
                selector.assets = found.iter().map(|asset| asset.key.clone()).collect();
                // Said nothing about, all checks of the assets would be executed, and not only
                // those of the job.
                let of_job = |check: &AssetCheck| check.job_names.contains(name);
                selector.checks = some_checks(runner, &found, of_job).await?;
            }
            let mut selected = Selected {
                selector,
                run_config: own,
                tags: Vec::new(),
            };
            if let Some(partition) = &planned.partition {
                let found = runner.client.partition_of_job(&job, partition).await?;
                // Key by key, as all run config: what the user leaves out is the partition's.
                let own = planned.run_config.clone();
                let merged = Placed::without_place(found.run_config).overlaid_by(own);
                selected.run_config = merged.value().clone();
                selected.tags = found.tags.into_iter().collect();
            }
            Ok(selected)
        }
        Selection::Assets(_) | Selection::Expression(_) => {
            let found = assets_of(runner, workspace, planned).await?;
            let keys: Vec<AssetKey> = found.iter().map(|asset| asset.key.clone()).collect();
            let mut selector = workspace.asset_job(&keys, planned.location.as_deref())?;
            selector.checks = checks(runner, &found).await?;
            let mut tags = Vec::new();
            if let Some(partition) = &planned.partition {
                // Each must have it: they may be partitioned by different lists of one kind.
                for asset in found.iter().filter(|asset| asset.partitions.is_some()) {
                    let of_asset = runner.client.partition_of_asset(asset, partition).await?;
                    tags = of_asset.into_iter().collect();
                }
                if tags.is_empty() {
                    return Err(Refusal::NoPartitions);
                }
            }
            Ok(Selected {
                selector,
                run_config: own,
                tags,
            })
        }
    }
}

/// The assets of a planned run, which can all be materialized: those that are selected, or all of its
/// job.
pub(super) async fn assets_of<'a>(
    runner: &Runner,
    workspace: &'a Workspace,
    planned: &PlannedRun,
) -> Result<Vec<&'a Asset>, Refusal> {
    let location = planned.location.as_deref();
    match &planned.selection {
        Selection::Assets(selectors) => matching(workspace, selectors, location, |asset| {
            asset.is_materializable
        }),
        Selection::Expression(text) => {
            let expression = Expression::parse(text).map_err(Refusal::Expression)?;
            let assets = Ask {
                assets: true,
                ..Ask::default()
            };
            let catalog = runner.client.catalog(assets).await?;
            // What nobody makes is no root or sink of what can be launched, and what is elsewhere is
            // not asked about.
            let is_asked_about = |at: &Found<'_, catalog::Asset>| {
                let here = workspace
                    .locations
                    .iter()
                    .any(|other| other.name == at.location);
                at.item.is_executable && here && location.is_none_or(|name| name == at.location)
            };
            let graph = Graph::new(catalog.assets().filter(is_asked_about));
            let selected = expression.evaluate(&graph)?;
            let mut chosen: Vec<&Asset> = Vec::new();
            for asset in materializable(workspace, location) {
                let is_new = chosen.iter().all(|other| other.key != asset.key);
                if selected.contains(&asset.key) && is_new {
                    chosen.push(asset);
                }
            }
            match chosen.is_empty() {
                true => Err(Refusal::nothing_selected(text, std::iter::empty())),
                false => Ok(chosen),
            }
        }
        Selection::Job { name, assets } => {
            let of_job = |asset: &Asset| asset.job_names.contains(name);
            let all = ["**".to_owned()];
            let selectors = if assets.is_empty() {
                &all
            } else {
                assets.as_slice()
            };
            matching(workspace, selectors, location, of_job)
        }
    }
}

fn materializable<'a>(
    workspace: &'a Workspace,
    location: Option<&str>,
) -> impl Iterator<Item = &'a Asset> {
    let assets = workspace
        .assets()
        .filter(move |asset| location.is_none_or(|wanted| wanted == asset.location));
    assets
        .map(|asset| asset.item)
        .filter(|asset| asset.is_materializable)
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
            .map_err(|error| Refusal::NotASelector {
                selector: text.to_owned(),
                what: format!("a pattern: {}", error.kind()),
            })
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
    eligible: impl Fn(&Asset) -> bool,
) -> Result<Vec<&'a Asset>, Refusal> {
    let all: Vec<&Asset> = workspace
        .repositories()
        .filter(|(at, _)| location.is_none_or(|wanted| wanted == *at))
        .flat_map(|(_, repository)| &repository.assets)
        .filter(|asset| eligible(asset))
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
            let names = names.iter().map(String::as_str);
            return Err(Refusal::nothing_selected(selector, names));
        }
    }
    Ok(found)
}

/// The checks to execute with some assets: all, unless some are the notebooks' own, whose verdicts
/// come from the notebooks that are run anyway.
async fn checks(runner: &Runner, assets: &[&Asset]) -> Result<Option<Vec<CheckHandle>>, Error> {
    if runner.own_checks.is_empty() {
        return Ok(None);
    }
    some_checks(runner, assets, |_| true).await
}

/// Those of the assets' checks that are wanted, without the notebooks' own. Nothing where that is all
/// of them.
async fn some_checks(
    runner: &Runner,
    assets: &[&Asset],
    is_wanted: impl Fn(&AssetCheck) -> bool,
) -> Result<Option<Vec<CheckHandle>>, Error> {
    let checked = assets.iter().filter(|asset| asset.has_checks);
    let checked: Vec<AssetKey> = checked.map(|asset| asset.key.clone()).collect();
    if checked.is_empty() {
        return Ok(None);
    }
    let all = runner.client.asset_checks(checked).await?;
    let count = all.len();
    let is_own = |check: &AssetCheck| runner.own_checks.contains(&check.name);
    let kept: Vec<CheckHandle> = all
        .into_iter()
        .filter(|check| is_wanted(check) && !is_own(check))
        .map(|check| CheckHandle {
            asset_key: check.asset,
            name: check.name,
        })
        .collect();
    Ok((kept.len() < count).then_some(kept))
}
