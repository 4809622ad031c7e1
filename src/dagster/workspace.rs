//! What is loaded: code locations, repositories, jobs and assets.

use serde::Deserialize;
use serde_json::json;

use super::client::Client;
use super::error::Error;
use super::operations;
use super::python_error::PythonError;

/// The code locations of a server.
#[derive(Debug, Clone, Default)]
pub struct Workspace {
    /// The server's Dagster.
    pub version: String,
    /// In the server's order.
    pub locations: Vec<Location>,
}

/// A code location.
#[derive(Debug, Clone)]
pub struct Location {
    /// Its name.
    pub name: String,
    /// What became of loading it.
    pub state: State,
}

/// What became of loading a location.
#[derive(Debug, Clone)]
pub enum State {
    /// Not done yet.
    Loading,
    /// Done.
    Loaded(Vec<Repository>),
    /// It raised.
    Failed(Box<PythonError>),
}

/// A repository.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Repository {
    /// Its name, `__repository__` unless the user gave one.
    pub name: String,
    /// Its jobs, Dagster's implicit ones included.
    pub jobs: Vec<Job>,
    /// Its assets.
    pub asset_nodes: Vec<Asset>,
    /// Its resources.
    #[serde(default, rename = "allTopLevelResourceDetails")]
    pub resources: Vec<Resource>,
}

/// A job.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    /// Its name.
    pub name: String,
    /// Whether it materialises assets.
    pub is_asset_job: bool,
}

/// An asset.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Asset {
    asset_key: AssetKey,
    /// Its group.
    pub group_name: Option<String>,
    /// Whether it has partitions.
    pub is_partitioned: bool,
    /// Whether it can be materialised.
    pub is_executable: bool,
    /// The jobs it is part of, Dagster's implicit ones included.
    pub job_names: Vec<String>,
    #[serde(default, rename = "assetChecksOrError")]
    checks: Checks,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Checks {
    checks: Vec<Check>,
}

#[derive(Debug, Clone, Deserialize)]
struct Check {
    name: String,
}

#[derive(Debug, Clone, Deserialize)]
struct AssetKey {
    path: Vec<String>,
}

impl Asset {
    /// The key's parts.
    pub fn path(&self) -> &[String] {
        &self.asset_key.path
    }

    /// The names of its checks.
    pub fn check_names(&self) -> impl Iterator<Item = &str> {
        self.checks.checks.iter().map(|check| check.name.as_str())
    }

    /// The key's parts joined by `/`.
    pub fn key(&self) -> String {
        self.asset_key.path.join("/")
    }
}

/// A resource.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Resource {
    /// Its key.
    pub name: String,
    /// What the user configured.
    pub configured_values: Vec<ConfiguredValue>,
}

/// A configured value of a resource.
#[derive(Debug, Clone, Deserialize)]
pub struct ConfiguredValue {
    /// The field.
    pub key: String,
    /// The value, or a variable's name.
    pub value: String,
    /// `VALUE` or `ENV_VAR`.
    #[serde(rename = "type")]
    pub kind: String,
}

impl Job {
    /// Whether Dagster made it up.
    pub fn is_implicit(&self) -> bool {
        self.name.starts_with("__")
    }
}

impl Workspace {
    /// Whether a location is still being loaded, or none has been seen.
    pub fn is_loading(&self) -> bool {
        self.locations.is_empty()
            || self
                .locations
                .iter()
                .any(|location| matches!(location.state, State::Loading))
    }

    /// Every repository with its location's name.
    pub fn repositories(&self) -> impl Iterator<Item = (&str, &Repository)> {
        self.locations.iter().flat_map(|location| {
            let repositories = match &location.state {
                State::Loaded(repositories) => repositories.as_slice(),
                _ => &[],
            };
            repositories
                .iter()
                .map(|repository| (location.name.as_str(), repository))
        })
    }

    /// Every asset's key, its parts joined by `/`.
    pub fn asset_keys(&self) -> Vec<String> {
        self.repositories()
            .flat_map(|(_, r)| r.asset_nodes.iter().map(Asset::key))
            .collect()
    }

    /// Every job that the user defined.
    pub fn job_names(&self) -> Vec<String> {
        self.repositories()
            .flat_map(|(_, repository)| repository.jobs.iter())
            .filter(|job| !job.is_implicit())
            .map(|job| job.name.clone())
            .collect()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    version: String,
    workspace_or_error: WorkspaceOrError,
}

#[derive(Deserialize)]
#[serde(tag = "__typename")]
enum WorkspaceOrError {
    #[serde(rename_all = "camelCase")]
    Workspace {
        location_entries: Vec<Entry>,
    },
    PythonError(PythonError),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    name: String,
    load_status: String,
    location_or_load_error: Option<LocationOrError>,
}

#[derive(Deserialize)]
#[serde(tag = "__typename")]
enum LocationOrError {
    RepositoryLocation { repositories: Vec<Repository> },
    PythonError(Box<PythonError>),
}

/// Asks for everything at once.
pub async fn load(client: &Client) -> Result<Workspace, Error> {
    let data: Data = client.execute(&operations::WORKSPACE, json!({})).await?;
    match data.workspace_or_error {
        WorkspaceOrError::PythonError(error) => Err(Error::Python { error }),
        WorkspaceOrError::Workspace { location_entries } => Ok(Workspace {
            version: data.version,
            locations: location_entries
                .into_iter()
                .map(|entry| Location {
                    name: entry.name,
                    state: match entry.location_or_load_error {
                        _ if entry.load_status == "LOADING" => State::Loading,
                        None => State::Loading,
                        Some(LocationOrError::RepositoryLocation { repositories }) => {
                            State::Loaded(repositories)
                        }
                        Some(LocationOrError::PythonError(error)) => State::Failed(error),
                    },
                })
                .collect(),
        }),
    }
}
