//! What was found, as JSON: one value, or a line for each item.

use std::collections::BTreeMap;
use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use super::filter::{Filter, Kind, Listing};
use crate::dagster::catalog::{self, State, Tags};
use crate::dagster::discover::Found;
use crate::dagster::discover::PartitionKind;
use crate::report::model::RunError;
use crate::ui::text::harmless_json;

/// The version of the format; it grows when something that was there is gone or means another thing.
pub const SCHEMA_VERSION: u32 = 1;

/// What a Dagster server has. A list that was not asked for is absent.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Discovery<'a> {
    /// The version of this format.
    pub schema_version: u32,
    /// The server that was asked.
    pub server: Server,
    /// Whether checks and latest materializations of assets were asked for.
    pub details: bool,
    /// What servers of this version do not tell about assets. It is null there.
    pub untold: &'static [&'static str],
    /// The code locations that did not load, whatever was asked for.
    pub failed: Vec<Failed<'a>>,
    /// Code locations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locations: Option<Vec<Location<'a>>>,
    /// Repositories.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repositories: Option<Vec<Repository<'a>>>,
    /// Jobs, without those that Dagster makes for assets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jobs: Option<Vec<Job<'a>>>,
    /// Assets. One that several locations define is there once for each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assets: Option<Vec<Asset<'a>>>,
    /// Schedules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedules: Option<Vec<Schedule<'a>>>,
    /// Sensors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sensors: Option<Vec<Sensor<'a>>>,
}

/// A Dagster server.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Server {
    /// Its address, without user and password.
    pub url: String,
    /// Its release.
    pub dagster_version: String,
}

/// A code location that did not load.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Failed<'a> {
    /// Its name.
    pub location: &'a str,
    /// Why.
    pub error: RunError,
}

/// A code location.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Location<'a> {
    /// Its name.
    pub name: &'a str,
    /// How far it is.
    pub status: LocationStatus,
    /// Its repositories.
    pub repositories: Vec<&'a str>,
}

/// How far a code location is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LocationStatus {
    /// It has loaded.
    Loaded,
    /// It is still loading.
    Loading,
    /// It can't be loaded.
    Failed,
}

impl LocationStatus {
    /// The status of a location.
    pub fn of(state: &State) -> Self {
        match state {
            State::Loading => Self::Loading,
            State::Loaded(_) => Self::Loaded,
            State::Failed(_) => Self::Failed,
        }
    }
}

/// A repository.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Repository<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its code location.
    pub location: &'a str,
    /// How many jobs it defines.
    pub jobs: usize,
    /// How many assets.
    pub assets: usize,
    /// How many schedules.
    pub schedules: usize,
    /// How many sensors.
    pub sensors: usize,
}

/// A job.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Job<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its code location.
    pub location: &'a str,
    /// Its repository.
    pub repository: &'a str,
    /// What its author says about it.
    pub description: Option<&'a str>,
    /// Whether it is made of assets.
    pub is_asset_job: bool,
    /// Its tags.
    pub tags: &'a Tags,
}

/// An asset.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Asset<'a> {
    /// Its key, the parts joined by `/`.
    pub key: String,
    /// Its code location.
    pub location: &'a str,
    /// Its repository.
    pub repository: &'a str,
    /// Its group.
    pub group: &'a str,
    /// What its author says about it.
    pub description: Option<&'a str>,
    /// Whether some code of its location makes or observes it.
    pub is_executable: bool,
    /// Whether a run can materialize it.
    pub is_materializable: bool,
    /// Its kinds.
    pub kinds: Option<&'a [String]>,
    /// Its tags.
    pub tags: Option<&'a Tags>,
    /// Its owners: `name@example.com` or `team:name`.
    pub owners: Option<&'a [String]>,
    /// By what it is partitioned: nothing, one kind, or one for each dimension.
    pub partitions: &'a [PartitionKind],
    /// The keys of what it is made from.
    pub dependencies: Vec<String>,
    /// The jobs it is part of, without those that Dagster makes.
    pub jobs: &'a [String],
    /// Whether it has asset checks.
    pub has_checks: bool,
    /// The names of its checks; absent without `details`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checks: Option<&'a [String]>,
    /// Its latest materialization, or null if it has none; absent without `details`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latest_materialization: Option<Option<Materialization<'a>>>,
}

/// The latest materialization of an asset.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Materialization<'a> {
    /// When, as RFC 3339.
    pub at: String,
    /// The run that made it; null if it was reported from outside.
    pub run_id: Option<&'a str>,
    /// The partition, if the asset has any.
    pub partition: Option<&'a str>,
}

/// A schedule.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Schedule<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its code location.
    pub location: &'a str,
    /// Its repository.
    pub repository: &'a str,
    /// What its author says about it.
    pub description: Option<&'a str>,
    /// `running` or `stopped`.
    pub status: &'a str,
    /// When it ticks.
    pub cron: &'a str,
    /// The time zone of that; null is UTC.
    pub timezone: Option<&'a str>,
    /// The job it launches; null is one that Dagster makes for assets.
    pub job: Option<&'a str>,
    /// Its tags; null if the server does not tell.
    pub tags: Option<&'a Tags>,
}

/// A sensor.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Sensor<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its code location.
    pub location: &'a str,
    /// Its repository.
    pub repository: &'a str,
    /// What its author says about it.
    pub description: Option<&'a str>,
    /// `running` or `stopped`.
    pub status: &'a str,
    /// What it looks at, in Dagster's word: `standard`, `run_status`, `asset`, …
    pub kind: &'a str,
    /// Seconds between two looks, at the least.
    pub interval_s: u64,
    /// The jobs it launches, without those that Dagster makes for assets.
    pub jobs: &'a [String],
    /// Its tags; null if the server does not tell.
    pub tags: Option<&'a Tags>,
}

/// An item on a line of its own.
#[derive(Debug, Serialize)]
struct Line<'a, T> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(flatten)]
    item: &'a T,
}

impl<'a> Discovery<'a> {
    /// What is listed, as JSON says it.
    pub fn new(listing: &'a Listing<'a>, filter: &Filter, url: &str, root: &Path) -> Self {
        let catalog = listing.catalog;
        let failed = catalog.locations.iter().filter_map(|location| {
            let State::Failed(error) = &location.state else {
                return None;
            };
            Some(Failed {
                location: &location.name,
                error: error.to_run_error(root),
            })
        });
        fn wanted<T>(is: bool, items: impl Iterator<Item = T>) -> Option<Vec<T>> {
            is.then(|| items.collect())
        }
        Self {
            schema_version: SCHEMA_VERSION,
            server: Server {
                url: url.to_owned(),
                dagster_version: catalog.version.to_string(),
            },
            details: listing.details.is_some(),
            untold: catalog.untold(),
            failed: failed.collect(),
            locations: wanted(
                filter.wants(Kind::Locations),
                listing.locations.iter().map(|location| Location {
                    name: &location.name,
                    status: LocationStatus::of(&location.state),
                    repositories: match &location.state {
                        State::Loaded(all) => all.iter().map(|one| one.name.as_str()).collect(),
                        _ => Vec::new(),
                    },
                }),
            ),
            repositories: wanted(
                filter.wants(Kind::Repositories),
                listing.repositories.iter().map(|at| Repository {
                    name: at.repository,
                    location: at.location,
                    jobs: at.item.jobs.len(),
                    assets: at.item.assets.len(),
                    schedules: at.item.schedules.len(),
                    sensors: at.item.sensors.len(),
                }),
            ),
            jobs: wanted(
                filter.wants(Kind::Jobs),
                listing.jobs.iter().map(|at| Job {
                    name: &at.item.name,
                    location: at.location,
                    repository: at.repository,
                    description: at.item.description.as_deref(),
                    is_asset_job: at.item.is_asset_job,
                    tags: &at.item.tags,
                }),
            ),
            assets: wanted(
                filter.wants(Kind::Assets),
                listing.assets.iter().map(|at| asset(listing, *at)),
            ),
            schedules: wanted(
                filter.wants(Kind::Schedules),
                listing.schedules.iter().map(|at| Schedule {
                    name: &at.item.name,
                    location: at.location,
                    repository: at.repository,
                    description: at.item.description.as_deref(),
                    status: &at.item.status,
                    cron: &at.item.cron,
                    timezone: at.item.timezone.as_deref(),
                    job: at.item.job.as_deref(),
                    tags: at.item.tags.as_ref(),
                }),
            ),
            sensors: wanted(
                filter.wants(Kind::Sensors),
                listing.sensors.iter().map(|at| Sensor {
                    name: &at.item.name,
                    location: at.location,
                    repository: at.repository,
                    description: at.item.description.as_deref(),
                    status: &at.item.status,
                    kind: &at.item.kind,
                    interval_s: at.item.interval_s,
                    jobs: &at.item.jobs,
                    tags: at.item.tags.as_ref(),
                }),
            ),
        }
    }

    /// One indented JSON value, with a newline at its end.
    pub fn to_json(&self) -> String {
        let mut json = serde_json::to_string_pretty(self).expect("plain data");
        json.push('\n');
        harmless_json(json)
    }

    /// A JSON value on a line of its own for each item, with its `type`.
    pub fn to_ndjson(&self) -> String {
        let mut out = String::new();
        lines(&mut out, "failed", Some(&self.failed));
        lines(&mut out, "location", self.locations.as_ref());
        lines(&mut out, "repository", self.repositories.as_ref());
        lines(&mut out, "job", self.jobs.as_ref());
        lines(&mut out, "asset", self.assets.as_ref());
        lines(&mut out, "schedule", self.schedules.as_ref());
        lines(&mut out, "sensor", self.sensors.as_ref());
        harmless_json(out)
    }
}

fn lines<T: Serialize>(out: &mut String, kind: &str, items: Option<&Vec<T>>) {
    for item in items.into_iter().flatten() {
        let line = Line { kind, item };
        out.push_str(&serde_json::to_string(&line).expect("plain data"));
        out.push('\n');
    }
}

fn asset<'a>(listing: &'a Listing<'a>, at: Found<'a, catalog::Asset>) -> Asset<'a> {
    let item = at.item;
    let details = listing.details.as_ref();
    let none: &[String] = &[];
    Asset {
        key: item.key.to_string(),
        location: at.location,
        repository: at.repository,
        group: &item.group,
        description: item.description.as_deref(),
        is_executable: item.is_executable,
        is_materializable: item.is_materializable,
        kinds: item.kinds.as_deref(),
        tags: item.tags.as_ref(),
        owners: item.owners.as_deref(),
        partitions: &item.partitions,
        dependencies: item.dependencies.iter().map(ToString::to_string).collect(),
        jobs: &item.jobs,
        has_checks: item.has_checks,
        checks: details.map(|known| known.checks.get(&item.key).map_or(none, Vec::as_slice)),
        latest_materialization: details.map(|known| {
            let found = known.latest.get(&item.key)?;
            Some(Materialization {
                at: rfc3339(found.timestamp_ms),
                run_id: Some(found.run_id.as_str()).filter(|id| !id.is_empty()),
                partition: found.partition.as_deref(),
            })
        }),
    }
}

fn rfc3339(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map_or_else(|_| String::new(), |at| at.to_string())
}

/// The JSON Schema of [`Discovery`], indented, with a newline at its end.
pub fn schema() -> String {
    let schema = schemars::schema_for!(Discovery<'static>);
    let mut json = serde_json::to_string_pretty(&schema).expect("a schema is plain JSON");
    json.push('\n');
    json
}

/// The names of a map, for rendering.
pub(super) fn pairs(tags: &BTreeMap<String, String>) -> String {
    let pairs: Vec<String> = tags
        .iter()
        .map(|(key, value)| match value.as_str() {
            "" => key.clone(),
            value => format!("{key}={value}"),
        })
        .collect();
    pairs.join(" ")
}
