//! Backfills: many partitions of a job or of assets, launched by Dagster's daemon.

use std::collections::BTreeMap;

use super::asset_key::AssetKey;
use super::client::Client;
use super::error::Error;
use super::launch::{RepositorySelector, launch_tag, search};
use super::operations::wire::backfill::{
    AssetBackfillStatusWire, BackfillOrError, BackfillRunWire, BackfillRunsOrError,
    BackfillVariables, BackfillWire, BackfillsOrError, CancelBackfillResult,
    CancelBackfillVariables, FindBackfillVariables, LaunchBackfillParamsWire,
    LaunchBackfillVariables, PartitionSetSelectorWire,
};
use super::operations::wire::{LaunchResult, RunsFilterWire, Tag};
use super::operations::{
    BackfillStatus, CancelPartitionBackfill, FindBackfill, LaunchPartitionBackfill, Operation,
};
use super::python_error::PythonError;

/// The tag that Dagster gives the runs of a backfill.
const BACKFILL_TAG: &str = "dagster/backfill";
/// How many of a backfill's runs are named.
const RUNS: u32 = 1000;
/// Among how many of the latest backfills one is looked for whose launch was not answered.
const LATEST: u32 = 50;

/// What to backfill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackfillRequest {
    /// The job or the assets.
    pub target: BackfillTarget,
    /// The keys of the partitions.
    pub partitions: Vec<String>,
    /// The tags of the backfill and of its runs.
    pub tags: BTreeMap<String, String>,
}

/// Whose partitions are backfilled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BackfillTarget {
    /// Those of a job that is partitioned by itself.
    Job {
        /// Where the job is.
        repository: RepositorySelector,
        /// The job's name, to be shown.
        job: String,
        /// Its partition set, as [`Job::partition_set`](super::discover::Job::partition_set) says.
        partition_set: String,
    },
    /// Those of assets, which all have the partitions or depend on some that have.
    Assets(Vec<AssetKey>),
}

/// A backfill, as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Backfill {
    /// Its id.
    pub id: String,
    /// Dagster's status: `REQUESTED` until its daemon is done, then one for which
    /// [`has_ended`](Self::has_ended) is true.
    pub status: String,
    /// How many partitions it is about, where Dagster can tell.
    pub partitions: Option<u64>,
    /// Of a job: how many partitions are in which state, by the status of their latest run;
    /// `NOT_STARTED` where there is none.
    pub by_status: BTreeMap<String, u64>,
    /// Of assets: how far each is, once the daemon has begun.
    pub assets: Vec<AssetProgress>,
    /// Its runs with their statuses, the latest first; at most 1000.
    pub runs: Vec<BackfillRun>,
    /// Why the backfill itself failed.
    pub error: Option<Box<PythonError>>,
}

/// How far a backfill is with one asset. An asset without partitions counts as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetProgress {
    /// The asset.
    pub asset: AssetKey,
    /// How many partitions are to be made.
    pub targeted: u64,
    /// How many are being made.
    pub in_progress: u64,
    /// How many were made.
    pub materialized: u64,
    /// How many failed, or were left out since one before them failed.
    pub failed: u64,
}

/// A run of a backfill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackfillRun {
    /// The run.
    pub run_id: String,
    /// Dagster's status.
    pub status: String,
}

impl BackfillTarget {
    fn describe(&self) -> String {
        match self {
            Self::Job { job, .. } => job.clone(),
            Self::Assets(keys) => {
                let keys: Vec<String> = keys.iter().map(ToString::to_string).collect();
                keys.join(", ")
            }
        }
    }
}

impl Backfill {
    /// Whether nothing will happen in it any more.
    pub fn has_ended(&self) -> bool {
        matches!(
            self.status.as_str(),
            "COMPLETED" | "COMPLETED_SUCCESS" | "COMPLETED_FAILED" | "FAILED" | "CANCELED"
        )
    }
}

impl Client {
    /// Asks for a backfill and says its id. Its runs are launched by Dagster's daemon; without
    /// [one](super::queue::BACKFILLS) it stays requested. Servers older than 1.8 take keys that do
    /// not exist, too, so ask [`Client::partition_range`] for them.
    ///
    /// The request is sent once. If its answer is lost, the backfill is looked for by a tag.
    pub async fn launch_backfill(&self, request: &BackfillRequest) -> Result<String, Error> {
        let what = request.target.describe();
        if request.partitions.is_empty() {
            // Dagster itself would accept that for assets.
            return Err(Error::LaunchRefused {
                job: what,
                message: "no partition was selected".to_owned(),
            });
        }
        let launch = launch_tag();
        let tags = request.tags.iter().map(|(key, value)| Tag {
            key: key.clone(),
            value: value.clone(),
        });
        let (selector, asset_selection) = match &request.target {
            BackfillTarget::Job {
                repository,
                partition_set,
                ..
            } => {
                let selector = PartitionSetSelectorWire {
                    partition_set_name: partition_set.clone(),
                    repository_selector: repository.to_wire(),
                };
                (Some(selector), None)
            }
            BackfillTarget::Assets(keys) => (None, Some(keys.clone())),
        };
        let variables = LaunchBackfillVariables {
            params: LaunchBackfillParamsWire {
                selector,
                asset_selection,
                partition_names: request.partitions.clone(),
                tags: tags.chain([launch.clone()]).collect(),
            },
        };
        match self.execute::<LaunchPartitionBackfill>(&variables).await {
            Ok(data) => self.launched_backfill(data.launch_partition_backfill, request, &what),
            Err(error) if error.is_transient() => self.find_backfill(&what, &launch, error).await,
            Err(error) => Err(error),
        }
    }

    fn launched_backfill(
        &self,
        result: LaunchResult,
        request: &BackfillRequest,
        what: &str,
    ) -> Result<String, Error> {
        if let LaunchResult::PartitionKeysNotFoundError { partition_keys, .. } = &result {
            // Dagster gives them in no order.
            let mut asked = request.partitions.iter();
            if let Some(partition) = asked.find(|key| partition_keys.contains(key)) {
                return Err(Error::PartitionNotFound {
                    target: what.to_owned(),
                    partition: partition.clone(),
                    suggestion: None,
                });
            }
        }
        self.launched(LaunchPartitionBackfill::DESCRIBED.name, result, what, None)
    }

    async fn find_backfill(&self, what: &str, tag: &Tag, lost: Error) -> Result<String, Error> {
        let variables = FindBackfillVariables { limit: LATEST };
        let look = async || {
            let data = self.execute::<FindBackfill>(&variables).await?;
            Ok(match data.partition_backfills_or_error {
                BackfillsOrError::PartitionBackfills { results } => {
                    let found = results.into_iter().find(|b| b.tags.contains(tag));
                    found.map(|backfill| backfill.id)
                }
                _ => None,
            })
        };
        search(what, lost, look).await
    }

    /// How far a backfill is.
    pub async fn backfill(&self, id: &str) -> Result<Backfill, Error> {
        // Older servers can't limit the runs that a backfill itself names.
        let tag = Tag {
            key: BACKFILL_TAG.to_owned(),
            value: id.to_owned(),
        };
        let variables = BackfillVariables {
            backfill_id: id.to_owned(),
            of_backfill: RunsFilterWire {
                tags: Some(vec![tag]),
                pipeline_name: None,
            },
            limit: RUNS,
        };
        let name = BackfillStatus::DESCRIBED.name;
        let data = self.execute::<BackfillStatus>(&variables).await?;
        let wire = match data.partition_backfill_or_error {
            BackfillOrError::PartitionBackfill(wire) => *wire,
            BackfillOrError::BackfillNotFoundError => {
                return Err(Error::BackfillNotFound { id: id.to_owned() });
            }
            BackfillOrError::PythonError(error) => return Err(Error::python(name, error)),
        };
        let runs = match data.runs_or_error {
            BackfillRunsOrError::Runs { results } => results,
            BackfillRunsOrError::PythonError(error) => return Err(Error::python(name, error)),
            BackfillRunsOrError::Other => Vec::new(),
        };
        Ok(read(id, wire, runs))
    }

    /// Asks a backfill to end. Its daemon cancels the runs that are on their way, after which its
    /// status is `CANCELED`; until then it is `CANCELING`.
    pub async fn cancel_backfill(&self, id: &str) -> Result<(), Error> {
        // Dagster would take up one again that has ended, to cancel it.
        let backfill = self.backfill(id).await?;
        if backfill.has_ended() {
            return Err(Error::BackfillEnded {
                id: id.to_owned(),
                status: backfill.status,
            });
        }
        let variables = CancelBackfillVariables {
            backfill_id: id.to_owned(),
        };
        let data = self.execute::<CancelPartitionBackfill>(&variables).await?;
        match data.cancel_partition_backfill {
            CancelBackfillResult::CancelBackfillSuccess => Ok(()),
            CancelBackfillResult::UnauthorizedError { message } => Err(Error::Unauthorized {
                url: self.url().to_owned(),
                message,
            }),
            CancelBackfillResult::PythonError(error) => Err(Error::python(
                CancelPartitionBackfill::DESCRIBED.name,
                error,
            )),
        }
    }
}

fn read(id: &str, wire: BackfillWire, runs: Vec<BackfillRunWire>) -> Backfill {
    let assets = wire.asset_backfill_data.map(|d| d.asset_backfill_statuses);
    let counts = wire.partition_status_counts.into_iter();
    Backfill {
        id: id.to_owned(),
        status: wire.status,
        partitions: wire.num_partitions,
        by_status: counts.map(|of| (of.run_status, of.count)).collect(),
        assets: assets.into_iter().flatten().map(progress).collect(),
        runs: runs
            .into_iter()
            .map(|run| BackfillRun {
                run_id: run.run_id,
                status: run.status,
            })
            .collect(),
        error: wire.error.map(Box::new),
    }
}

fn progress(wire: AssetBackfillStatusWire) -> AssetProgress {
    match wire {
        AssetBackfillStatusWire::AssetPartitionsStatusCounts {
            asset_key,
            num_partitions_targeted,
            num_partitions_in_progress,
            num_partitions_materialized,
            num_partitions_failed,
        } => AssetProgress {
            asset: asset_key,
            targeted: num_partitions_targeted,
            in_progress: num_partitions_in_progress,
            materialized: num_partitions_materialized,
            failed: num_partitions_failed,
        },
        AssetBackfillStatusWire::UnpartitionedAssetStatus {
            asset_key,
            in_progress,
            materialized,
            failed,
        } => AssetProgress {
            asset: asset_key,
            targeted: 1,
            in_progress: u64::from(in_progress),
            materialized: u64::from(materialized),
            failed: u64::from(failed),
        },
    }
}
