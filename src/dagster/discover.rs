//! What a Dagster server has: code locations, repositories, jobs, assets.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::asset_key::AssetKey;
use super::client::Client;
use super::error::Error;
use super::launch::{JobSelector, RepositorySelector};
use super::operations::wire::{
    AssetKeys, AssetNodeWire, LocationEntry, LocationOrLoadError, NoVariables, RepositoryWire,
    WorkspaceData, WorkspaceOrError,
};
use super::operations::{self, AssetChecks, Operation};
use super::python_error::PythonError;

/// How much of a name may be wrong for another to be suggested in its place.
const SIMILAR: f64 = 0.7;
/// The name, or the beginning of the names, of the jobs that Dagster itself makes for assets.
const IMPLICIT_JOB: &str = "__ASSET_JOB";

/// All that a server has.
#[derive(Debug, Clone, PartialEq)]
pub struct Workspace {
    /// Its code locations, in the server's order.
    pub locations: Vec<Location>,
}

/// A code location.
#[derive(Debug, Clone, PartialEq)]
pub struct Location {
    /// Its name.
    pub name: String,
    /// What became of it.
    pub state: LocationState,
}

/// How far a code location is.
#[derive(Debug, Clone, PartialEq)]
pub enum LocationState {
    /// Not loaded yet.
    Loading,
    /// Loaded.
    Loaded {
        /// What it defines.
        repositories: Vec<Repository>,
    },
    /// It cannot be loaded.
    Failed(Box<PythonError>),
}

/// A repository: what a code location defines, nearly always all of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Repository {
    /// Its name; `__repository__` where definitions are not in a named one.
    pub name: String,
    /// Its jobs, with those that Dagster makes itself.
    pub jobs: Vec<Job>,
    /// Its assets.
    pub assets: Vec<Asset>,
}

/// A job.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Its name.
    pub name: String,
    /// What its author says about it.
    pub description: Option<String>,
    /// It is made of assets.
    pub is_asset_job: bool,
    /// The name of its partition set, if it is partitioned by itself.
    pub partition_set: Option<String>,
}

impl Job {
    /// Whether Dagster made this job, and no user.
    pub fn is_implicit(&self) -> bool {
        is_implicit(&self.name)
    }
}

pub(super) fn is_implicit(job: &str) -> bool {
    job.starts_with(IMPLICIT_JOB)
}

/// An asset.
#[derive(Debug, Clone, PartialEq)]
pub struct Asset {
    /// Its key.
    pub key: AssetKey,
    /// Its group.
    pub group: Option<String>,
    /// Whether some code of this location makes or observes it.
    pub is_executable: bool,
    /// Whether a run can materialize it.
    pub is_materializable: bool,
    /// The jobs it is part of, with Dagster's own.
    pub job_names: Vec<String>,
    /// What it is made from.
    pub dependencies: Vec<AssetKey>,
    /// How it is partitioned.
    pub partitions: Option<Partitions>,
    /// Whether it has asset checks; [`Client::asset_checks`] tells which.
    pub has_checks: bool,
}

/// How an asset is partitioned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partitions {
    /// By what.
    pub kind: PartitionKind,
    /// The names of the dimensions of a multi-partitioned asset, in the order in which its
    /// partition keys have them.
    pub dimensions: Vec<String>,
}

/// What partitions are made by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PartitionKind {
    /// Windows of time.
    TimeWindow,
    /// A fixed list.
    Static,
    /// Several dimensions.
    Multi,
    /// A list that grows.
    Dynamic,
    /// Something this version of daglab does not know.
    Other,
}

impl PartitionKind {
    /// The kind that Dagster calls so.
    pub(super) fn of(name: &str) -> Self {
        match name {
            "TIME_WINDOW" => Self::TimeWindow,
            "STATIC" => Self::Static,
            "MULTIPARTITIONED" => Self::Multi,
            "DYNAMIC" => Self::Dynamic,
            _ => Self::Other,
        }
    }
}

/// A check of an asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetCheck {
    /// The asset.
    pub asset: AssetKey,
    /// The check's name.
    pub name: String,
    /// What its author says about it.
    pub description: Option<String>,
    /// The jobs it is part of.
    pub job_names: Vec<String>,
}

/// Something with where it was found.
#[derive(Debug)]
pub struct Found<'a, T> {
    /// The code location.
    pub location: &'a str,
    /// The repository.
    pub repository: &'a str,
    /// What was found.
    pub item: &'a T,
}

// By hand, for the derived ones would ask the same of `T`.
impl<T> Clone for Found<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Found<'_, T> {}

impl<T> Found<'_, T> {
    /// The repository, as operations name it.
    pub fn repository(&self) -> RepositorySelector {
        RepositorySelector {
            location: self.location.to_owned(),
            repository: self.repository.to_owned(),
        }
    }
}

impl Found<'_, Job> {
    /// The whole job, as operations name it.
    pub fn selector(&self) -> JobSelector {
        JobSelector {
            checks: None,
            repository: self.repository(),
            job: self.item.name.clone(),
            assets: Vec::new(),
        }
    }
}

impl Client {
    /// Everything the server has, in one request.
    pub async fn workspace(&self) -> Result<Workspace, Error> {
        let data = self
            .execute::<operations::Workspace>(&NoVariables {})
            .await?;
        read_workspace(operations::Workspace::DESCRIBED.name, data)
    }

    /// The code locations and whether they have loaded. Those that have show no repositories.
    pub async fn locations(&self) -> Result<Workspace, Error> {
        let data = self
            .execute::<operations::Locations>(&NoVariables {})
            .await?;
        read_workspace(operations::Locations::DESCRIBED.name, data)
    }

    /// The checks of some assets; of none, none.
    pub async fn asset_checks(&self, assets: Vec<AssetKey>) -> Result<Vec<AssetCheck>, Error> {
        if assets.is_empty() {
            return Ok(Vec::new());
        }
        let variables = AssetKeys { asset_keys: assets };
        let data = self.execute::<AssetChecks>(&variables).await?;
        let checks = data.asset_nodes.into_iter().flat_map(|node| {
            let asset = node.asset_key;
            let checks = node.asset_checks_or_error.checks.into_iter();
            checks.map(move |check| AssetCheck {
                asset: asset.clone(),
                name: check.name,
                description: check.description,
                job_names: check.job_names,
            })
        });
        Ok(checks.collect())
    }
}

fn read_workspace(operation: &'static str, data: WorkspaceData) -> Result<Workspace, Error> {
    match data.workspace_or_error {
        WorkspaceOrError::Workspace { location_entries } => Ok(Workspace {
            locations: location_entries.into_iter().map(read_location).collect(),
        }),
        WorkspaceOrError::PythonError(error) => Err(Error::python(operation, error)),
    }
}

fn read_location(entry: LocationEntry) -> Location {
    let state = match entry.location_or_load_error {
        Some(LocationOrLoadError::PythonError(error)) => LocationState::Failed(Box::new(error)),
        Some(LocationOrLoadError::RepositoryLocation { repositories })
            if entry.load_status == "LOADED" =>
        {
            LocationState::Loaded {
                repositories: repositories.into_iter().map(read_repository).collect(),
            }
        }
        _ => LocationState::Loading,
    };
    Location {
        name: entry.name,
        state,
    }
}

fn read_repository(repository: RepositoryWire) -> Repository {
    let mut sets: HashMap<String, String> = repository
        .partition_sets
        .into_iter()
        .map(|set| (set.pipeline_name, set.name))
        .collect();
    let jobs = repository.jobs.into_iter().map(|job| Job {
        partition_set: sets.remove(&job.name),
        name: job.name,
        description: job.description,
        is_asset_job: job.is_asset_job,
    });
    Repository {
        name: repository.name,
        jobs: jobs.collect(),
        assets: repository.asset_nodes.into_iter().map(read_asset).collect(),
    }
}

fn read_asset(node: AssetNodeWire) -> Asset {
    let partitions = node.partition_definition.map(|definition| {
        let kind = PartitionKind::of(&definition.kind);
        let mut dimensions: Vec<String> = match kind {
            PartitionKind::Multi => definition.dimension_types,
            // Others say that they have one dimension, `default`.
            _ => Vec::new(),
        }
        .into_iter()
        .map(|dimension| dimension.name)
        .collect();
        // Keys join the dimensions' keys in the order of the dimensions' names.
        dimensions.sort();
        Partitions { kind, dimensions }
    });
    Asset {
        key: node.asset_key,
        group: node.group_name,
        is_executable: node.is_executable,
        // What can be executed is either observed or materialized. The field that says so by name
        // is newer than this reading of it.
        is_materializable: node.is_executable && !node.is_observable,
        job_names: node.job_names,
        dependencies: node.dependency_keys,
        partitions,
        has_checks: node.has_asset_checks,
    }
}

impl Workspace {
    /// The locations that did not load, with the reason.
    pub fn failed(&self) -> impl Iterator<Item = (&str, &PythonError)> {
        self.locations
            .iter()
            .filter_map(|location| match &location.state {
                LocationState::Failed(error) => Some((location.name.as_str(), &**error)),
                _ => None,
            })
    }

    /// The locations that are still loading.
    pub fn loading(&self) -> impl Iterator<Item = &str> {
        self.locations.iter().filter_map(|location| {
            matches!(location.state, LocationState::Loading).then_some(location.name.as_str())
        })
    }

    /// The repositories of all loaded locations, with the location's name.
    pub fn repositories(&self) -> impl Iterator<Item = (&str, &Repository)> {
        self.locations.iter().flat_map(|location| {
            let repositories: &[Repository] = match &location.state {
                LocationState::Loaded { repositories } => repositories,
                _ => &[],
            };
            repositories
                .iter()
                .map(|repository| (location.name.as_str(), repository))
        })
    }

    /// All jobs, with Dagster's own.
    pub fn jobs(&self) -> impl Iterator<Item = Found<'_, Job>> {
        self.repositories().flat_map(|(location, repository)| {
            repository.jobs.iter().map(move |item| Found {
                location,
                repository: &repository.name,
                item,
            })
        })
    }

    /// All assets. An asset that several locations know is there once for each.
    pub fn assets(&self) -> impl Iterator<Item = Found<'_, Asset>> {
        self.repositories().flat_map(|(location, repository)| {
            repository.assets.iter().map(move |item| Found {
                location,
                repository: &repository.name,
                item,
            })
        })
    }

    /// Leaves only one code location, one repository, or one repository of one location.
    pub fn narrow(
        &mut self,
        location: Option<&str>,
        repository: Option<&str>,
    ) -> Result<(), Error> {
        if let Some(name) = location {
            if !self.locations.iter().any(|other| other.name == name) {
                let names = self.locations.iter().map(|other| other.name.as_str());
                return Err(Error::LocationNotFound {
                    name: name.to_owned(),
                    suggestion: most_similar(name, names.clone()),
                    known: names.map(str::to_owned).collect(),
                });
            }
            self.locations.retain(|other| other.name == name);
            if let Some((location, error)) = self.failed().next() {
                return Err(Error::LocationLoad {
                    location: location.to_owned(),
                    error: Box::new(error.clone()),
                });
            }
        }
        let Some(name) = repository else {
            return Ok(());
        };
        if !self.repositories().any(|(_, other)| other.name == name) {
            let names = self.repositories().map(|(_, other)| other.name.as_str());
            return Err(Error::RepositoryNotFound {
                name: name.to_owned(),
                suggestion: most_similar(name, names),
                known: self
                    .repositories()
                    .map(|(_, other)| other.name.clone())
                    .collect(),
            });
        }
        for location in &mut self.locations {
            if let LocationState::Loaded { repositories } = &mut location.state {
                repositories.retain(|other| other.name == name);
            }
        }
        Ok(())
    }

    /// The job of a name, in one location or anywhere.
    pub fn job(&self, name: &str, location: Option<&str>) -> Result<Found<'_, Job>, Error> {
        let found: Vec<_> = self
            .jobs()
            .filter(|job| job.item.name == name)
            .filter(|job| location.is_none_or(|location| job.location == location))
            .collect();
        match found[..] {
            [only] => Ok(only),
            [] => Err(Error::JobNotFound {
                name: name.to_owned(),
                location: location.map(str::to_owned),
                suggestion: most_similar(
                    name,
                    self.jobs()
                        .filter(|job| !job.item.is_implicit())
                        .map(|job| job.item.name.as_str()),
                ),
                known: self
                    .jobs()
                    .filter(|job| location.is_none_or(|location| job.location == location))
                    .filter(|job| !job.item.is_implicit())
                    .map(|job| job.item.name.clone())
                    .collect(),
            }),
            [first, ..] => {
                let elsewhere = found.iter().any(|job| job.location != first.location);
                let place = |job: &Found<'_, Job>| match elsewhere {
                    true => job.location.to_owned(),
                    false => format!("{}@{}", job.repository, job.location),
                };
                Err(Error::JobAmbiguous {
                    name: name.to_owned(),
                    places: found.iter().map(place).collect(),
                    flag: match elsewhere {
                        true => format!("--location {}", first.location),
                        false => format!("--repo {}", first.repository),
                    },
                })
            }
        }
    }

    /// The asset of a key, in one location or anywhere: then from the location that makes it, where
    /// several know it.
    pub fn asset(&self, key: &AssetKey, location: Option<&str>) -> Result<Found<'_, Asset>, Error> {
        let all = || {
            self.assets()
                .filter(|asset| location.is_none_or(|location| asset.location == location))
        };
        let found = all().filter(|asset| asset.item.key == *key);
        // `max_by_key` would take the last of equals.
        let best = found.reduce(|best, other| {
            if other.item.is_materializable && !best.item.is_materializable {
                other
            } else {
                best
            }
        });
        best.ok_or_else(|| {
            let keys: Vec<String> = all().map(|asset| asset.item.key.to_string()).collect();
            let meant = most_similar(&key.to_string(), keys.iter().map(String::as_str));
            Error::AssetNotFound {
                key: key.clone(),
                suggestion: meant.and_then(|key| AssetKey::parse(&key)),
            }
        })
    }
}

/// The most similar of some names, if one is similar enough to be meant.
pub fn most_similar<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    candidates
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(similarity, _)| *similarity >= SIMILAR)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate.to_owned())
}
