//! What a Dagster server has, to be listed: more about each item than [`discover`](super::discover)
//! tells, and less of what launching needs.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::asset_key::AssetKey;
use super::client::Client;
use super::discover::{Found, PartitionKind, is_implicit};
use super::error::Error;
use super::operations::catalog as wire;
use super::operations::wire::{AssetKeys, Tag};
use super::operations::{self, KNOWS_KINDS, KNOWS_TAGS, Operation};
use super::python_error::PythonError;
use super::version::Version;

/// For how many assets at once the server is asked what has become of them.
const BATCH: usize = 2000;

/// Which kinds of items to ask for. Locations and repositories are always told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Ask {
    /// Assets, which cost a server about 0.1 ms each.
    pub assets: bool,
    /// Jobs.
    pub jobs: bool,
    /// Schedules.
    pub schedules: bool,
    /// Sensors.
    pub sensors: bool,
}

impl Ask {
    /// Everything.
    pub const ALL: Self = Self {
        assets: true,
        jobs: true,
        schedules: true,
        sensors: true,
    };
}

/// What a server has, as far as it was asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Catalog {
    /// The server's release.
    pub version: Version,
    /// The code locations, in the server's order.
    pub locations: Vec<Location>,
}

/// A code location.
#[derive(Debug, Clone, PartialEq)]
pub struct Location {
    /// Its name.
    pub name: String,
    /// What became of it.
    pub state: State,
}

/// How far a code location is.
#[derive(Debug, Clone, PartialEq)]
pub enum State {
    /// Not loaded yet.
    Loading,
    /// Loaded, with what it defines.
    Loaded(Vec<Repository>),
    /// It cannot be loaded.
    Failed(Box<PythonError>),
}

/// What a code location defines, nearly always all of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Repository {
    /// Its name; `__repository__` where definitions are not in a named one.
    pub name: String,
    /// Its jobs, without those that Dagster makes for assets.
    pub jobs: Vec<Job>,
    /// Its assets.
    pub assets: Vec<Asset>,
    /// Its schedules.
    pub schedules: Vec<Schedule>,
    /// Its sensors.
    pub sensors: Vec<Sensor>,
}

/// Tags by their names.
pub type Tags = BTreeMap<String, String>;

/// A job.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Its name.
    pub name: String,
    /// What its author says about it.
    pub description: Option<String>,
    /// It is made of assets.
    pub is_asset_job: bool,
    /// Its tags.
    pub tags: Tags,
}

/// A schedule.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// Its name.
    pub name: String,
    /// What its author says about it.
    pub description: Option<String>,
    /// Whether it is running, in Dagster's word.
    pub status: String,
    /// When it ticks.
    pub cron: String,
    /// The time zone of that; none is UTC.
    pub timezone: Option<String>,
    /// The job it launches; none is one that Dagster makes for assets.
    pub job: Option<String>,
    /// Its tags; none if the server does not tell.
    pub tags: Option<Tags>,
}

/// A sensor.
#[derive(Debug, Clone, PartialEq)]
pub struct Sensor {
    /// Its name.
    pub name: String,
    /// What its author says about it.
    pub description: Option<String>,
    /// Whether it is running, in Dagster's word.
    pub status: String,
    /// What it looks at, in Dagster's word.
    pub kind: String,
    /// Seconds between two looks, at the least.
    pub interval_s: u64,
    /// The jobs it launches, without those that Dagster makes for assets.
    pub jobs: Vec<String>,
    /// Its tags; none if the server does not tell.
    pub tags: Option<Tags>,
}

/// An asset.
#[derive(Debug, Clone, PartialEq)]
pub struct Asset {
    /// Its key.
    pub key: AssetKey,
    /// Its group.
    pub group: String,
    /// What its author says about it.
    pub description: Option<String>,
    /// Whether some code of this location makes or observes it.
    pub is_executable: bool,
    /// Whether a run can materialize it.
    pub is_materializable: bool,
    /// The jobs it is part of, without those that Dagster makes.
    pub jobs: Vec<String>,
    /// What it is made from.
    pub dependencies: Vec<AssetKey>,
    /// By what it is partitioned: nothing, one kind, or one for each dimension.
    pub partitions: Vec<PartitionKind>,
    /// Whether it has asset checks.
    pub has_checks: bool,
    /// Its tags without those that stand for kinds; none if the server does not tell.
    pub tags: Option<Tags>,
    /// Its owners, `name@example.com` or `team:name`; none if the server does not tell.
    pub owners: Option<Vec<String>>,
    /// Its kinds; none if the server does not tell.
    pub kinds: Option<Vec<String>>,
}

/// The latest materialization of an asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Materialization {
    /// Milliseconds since 1970.
    pub timestamp_ms: i64,
    /// The run that made it; empty if it was reported from outside.
    pub run_id: String,
    /// The partition, if the asset has any.
    pub partition: Option<String>,
}

impl Catalog {
    /// The repositories of all loaded locations.
    pub fn repositories(&self) -> impl Iterator<Item = Found<'_, Repository>> {
        self.locations.iter().flat_map(|location| {
            let repositories: &[Repository] = match &location.state {
                State::Loaded(repositories) => repositories,
                _ => &[],
            };
            repositories.iter().map(|repository| Found {
                location: &location.name,
                repository: &repository.name,
                item: repository,
            })
        })
    }

    /// All assets. One that several locations know is there once for each.
    pub fn assets(&self) -> impl Iterator<Item = Found<'_, Asset>> {
        self.each(|repository| &repository.assets)
    }

    /// All jobs.
    pub fn jobs(&self) -> impl Iterator<Item = Found<'_, Job>> {
        self.each(|repository| &repository.jobs)
    }

    /// All schedules.
    pub fn schedules(&self) -> impl Iterator<Item = Found<'_, Schedule>> {
        self.each(|repository| &repository.schedules)
    }

    /// All sensors.
    pub fn sensors(&self) -> impl Iterator<Item = Found<'_, Sensor>> {
        self.each(|repository| &repository.sensors)
    }

    fn each<'a, T: 'a>(
        &'a self,
        items: impl Fn(&'a Repository) -> &'a Vec<T>,
    ) -> impl Iterator<Item = Found<'a, T>> {
        self.repositories().flat_map(move |at| {
            items(at.item).iter().map(move |item| Found {
                location: at.location,
                repository: at.repository,
                item,
            })
        })
    }

    /// The locations that are still loading.
    pub fn loading(&self) -> impl Iterator<Item = &str> {
        self.locations
            .iter()
            .filter(|location| location.state == State::Loading)
            .map(|location| location.name.as_str())
    }

    /// What servers of this version do not tell about assets.
    pub fn untold(&self) -> &'static [&'static str] {
        if self.version < KNOWS_TAGS {
            &["tags", "owners", "kinds"]
        } else if self.version < KNOWS_KINDS {
            &["kinds"]
        } else {
            &[]
        }
    }
}

impl Client {
    /// What the server has, in one request.
    pub async fn catalog(&self, ask: Ask) -> Result<Catalog, Error> {
        let version = self.version().await?;
        let data = match self.execute::<operations::Catalog>(&ask).await {
            // The ready value is not described by Dagster's schema, so it may change its form.
            Err(error @ (Error::BrokenAnswer { .. } | Error::GraphQl { .. }))
                if ask.assets && !error.is_transient() =>
            {
                tracing::debug!(%error, "asking field by field");
                self.execute::<operations::CatalogFields>(&ask).await?
            }
            answer => answer?,
        };
        read(version, data)
    }

    /// The same as [`Client::catalog`], by a request that is slower and does not rest on a value
    /// that Dagster's schema leaves open.
    pub async fn catalog_by_fields(&self, ask: Ask) -> Result<Catalog, Error> {
        let version = self.version().await?;
        read(
            version,
            self.execute::<operations::CatalogFields>(&ask).await?,
        )
    }

    /// The latest materializations of some assets. Those that have none are left out.
    pub async fn latest_materializations(
        &self,
        assets: &[AssetKey],
    ) -> Result<HashMap<AssetKey, Materialization>, Error> {
        let mut latest = HashMap::new();
        for batch in assets.chunks(BATCH) {
            let variables = AssetKeys {
                asset_keys: batch.to_vec(),
            };
            let data = self
                .execute::<operations::LatestMaterializations>(&variables)
                .await?;
            latest.extend(data.assets_latest_info.into_iter().filter_map(|info| {
                let found = info.latest_materialization?;
                Some((
                    info.asset_key,
                    Materialization {
                        timestamp_ms: found.timestamp.parse().ok()?,
                        run_id: found.run_id,
                        partition: found.partition,
                    },
                ))
            }));
        }
        Ok(latest)
    }
}

fn read(version: Version, data: wire::Data) -> Result<Catalog, Error> {
    let mut answer = data.workspace_or_error;
    match answer.location_entries.take() {
        Some(entries) => Ok(Catalog {
            version,
            locations: entries.into_iter().map(read_location).collect(),
        }),
        None => Err(Error::python(
            operations::Catalog::DESCRIBED.name,
            answer.into_error(),
        )),
    }
}

fn read_location(entry: wire::LocationEntry) -> Location {
    let state = match entry.location_or_load_error {
        Some(mut answer) => match answer.repositories.take() {
            Some(repositories) if entry.load_status == "LOADED" => {
                State::Loaded(repositories.into_iter().map(read_repository).collect())
            }
            Some(_) => State::Loading,
            None => State::Failed(Box::new(answer.into_error())),
        },
        None => State::Loading,
    };
    Location {
        name: entry.name,
        state,
    }
}

fn read_repository(repository: wire::Repository) -> Repository {
    let jobs = repository.jobs.into_iter();
    let assets = repository.asset_manifest.unwrap_or(repository.asset_nodes);
    Repository {
        name: repository.name,
        jobs: jobs
            .filter(|job| !is_implicit(&job.name))
            .map(|job| Job {
                name: job.name,
                description: said(job.description),
                is_asset_job: job.is_asset_job,
                tags: read_tags(job.tags),
            })
            .collect(),
        assets: assets.into_iter().map(read_asset).collect(),
        schedules: repository
            .schedules
            .into_iter()
            .map(read_schedule)
            .collect(),
        sensors: repository.sensors.into_iter().map(read_sensor).collect(),
    }
}

fn read_schedule(schedule: wire::Schedule) -> Schedule {
    Schedule {
        name: schedule.name,
        description: said(schedule.description),
        status: schedule.schedule_state.status.to_lowercase(),
        cron: schedule.cron_schedule,
        timezone: schedule.execution_timezone,
        job: Some(schedule.pipeline_name).filter(|job| !is_implicit(job)),
        tags: schedule.tags.map(read_tags),
    }
}

fn read_sensor(sensor: wire::Sensor) -> Sensor {
    let targets = sensor.targets.unwrap_or_default().into_iter();
    Sensor {
        name: sensor.name,
        description: said(sensor.description),
        status: sensor.sensor_state.status.to_lowercase(),
        kind: sensor.sensor_type.to_lowercase(),
        interval_s: sensor.min_interval_seconds,
        jobs: targets
            .map(|target| target.pipeline_name)
            .filter(|job| !is_implicit(job))
            .collect(),
        tags: sensor.tags.map(read_tags),
    }
}

fn read_asset(node: wire::AssetNode) -> Asset {
    let dimensions = node.partition_definition.map(|by| by.dimension_types);
    let kinds = node.kinds.map(|mut kinds| {
        kinds.sort();
        kinds
    });
    let mut dependencies = node.dependency_keys;
    dependencies.sort();
    dependencies.dedup();
    Asset {
        key: node.asset_key,
        // Older servers leave it out for assets that no code makes.
        group: node.group_name.unwrap_or_else(|| "default".to_owned()),
        description: said(node.description),
        is_executable: node.is_executable,
        is_materializable: node.is_executable && !node.is_observable,
        jobs: node
            .job_names
            .into_iter()
            .filter(|job| !is_implicit(job))
            .collect(),
        dependencies,
        partitions: dimensions
            .unwrap_or_default()
            .iter()
            .map(|dimension| PartitionKind::of(&dimension.kind))
            .collect(),
        has_checks: node.has_asset_checks,
        tags: node.tags.map(|tags| {
            let mut tags = read_tags(tags);
            tags.retain(|key, _| !key.starts_with(KIND_TAG));
            tags
        }),
        owners: node.owners.map(|owners| {
            let owners = owners.into_iter().filter_map(|owner| {
                let team = owner.team.map(|team| format!("team:{team}"));
                owner.email.or(team)
            });
            owners.collect()
        }),
        kinds,
    }
}

/// What begins the tags that Dagster keeps kinds in.
const KIND_TAG: &str = "dagster/kind/";

fn read_tags(tags: Vec<Tag>) -> Tags {
    tags.into_iter().map(|tag| (tag.key, tag.value)).collect()
}

fn said(description: Option<String>) -> Option<String> {
    description.filter(|text| !text.trim().is_empty())
}
