//! Launching and terminating runs.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use serde_json::Value;

use super::asset_key::AssetKey;
use super::client::Client;
use super::discover::{Asset, Found, Workspace, is_implicit};
use super::error::Error;
use super::operations::wire::{
    ExecutionMetadataWire, ExecutionParamsWire, FindRunVariables, JobSelectorWire, LaunchResult,
    LaunchVariables, PipelineSelectorWire, RepositorySelectorWire, RunSummaryOrError,
    RunSummaryVariables, RunsFilterWire, RunsOrError, Tag, TerminateResult, TerminateVariables,
};
use super::operations::{self, FindRun, LaunchRun, Operation, TerminateRun};
use super::partition::PARTITION_TAG;
use super::validate::{RunConfig, problems};

/// The tag by which a run is found again when the answer to its launch was lost.
const LAUNCH_TAG: &str = "daglab/launch";
/// How long and how often a run is looked for in that case.
const SEARCH_WAIT: Duration = Duration::from_millis(500);
const SEARCHES: u32 = 10;

/// A repository of a code location.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RepositorySelector {
    /// The location's name.
    pub location: String,
    /// The repository's name.
    pub repository: String,
}

/// A job, or some assets of one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct JobSelector {
    /// Where the job is.
    pub repository: RepositorySelector,
    /// The job's name.
    pub job: String,
    /// Only these assets; all of the job if empty.
    pub assets: Vec<AssetKey>,
    /// Only these checks of the assets; all of them if nothing is said.
    pub checks: Option<Vec<CheckHandle>>,
}

/// One check of one asset.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckHandle {
    /// The asset.
    pub asset_key: AssetKey,
    /// The check's name.
    pub name: String,
}

/// What to launch.
#[derive(Debug, Clone)]
pub struct LaunchRequest {
    /// The job.
    pub selector: JobSelector,
    /// Its run config, as [`Client::validate`] gives it back.
    pub run_config: RunConfig,
    /// The run's tags; those of a partition are among them.
    pub tags: BTreeMap<String, String>,
}

/// What a run is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunSummary {
    /// The job's name.
    pub job: String,
    /// The code location, if Dagster remembers it.
    pub location: Option<String>,
    /// Its partition.
    pub partition: Option<String>,
}

/// How a run is to be ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TerminatePolicy {
    /// Its process is asked to end and the run is cancelled when it has.
    Safe,
    /// The run counts as cancelled at once, whatever its process does.
    MarkCanceled,
}

impl RepositorySelector {
    pub(super) fn to_wire(&self) -> RepositorySelectorWire {
        RepositorySelectorWire {
            repository_name: self.repository.clone(),
            repository_location_name: self.location.clone(),
        }
    }
}

impl JobSelector {
    fn asset_selection(&self) -> Option<Vec<AssetKey>> {
        (!self.assets.is_empty()).then(|| self.assets.clone())
    }

    pub(super) fn to_pipeline(&self) -> PipelineSelectorWire {
        PipelineSelectorWire {
            pipeline_name: self.job.clone(),
            repository: self.repository.to_wire(),
            asset_selection: self.asset_selection(),
        }
    }

    fn to_job(&self) -> JobSelectorWire {
        JobSelectorWire {
            job_name: self.job.clone(),
            repository: self.repository.to_wire(),
            asset_selection: self.asset_selection(),
            asset_check_selection: self.checks.clone(),
        }
    }
}

impl Workspace {
    /// The job that materializes all of some assets in one run, by the code of one location where
    /// several make them. Dagster makes one job for all assets, older versions one for those with
    /// the same partitions.
    pub fn asset_job(
        &self,
        keys: &[AssetKey],
        location: Option<&str>,
    ) -> Result<JobSelector, Error> {
        let mut found = Vec::with_capacity(keys.len());
        for key in keys {
            let asset = self.asset(key, location)?;
            if !asset.item.is_materializable {
                return Err(Error::AssetNotMaterializable { key: key.clone() });
            }
            found.push(asset);
        }
        let Some((first, rest)) = found.split_first() else {
            return Err(Error::LaunchRefused {
                job: "__ASSET_JOB".to_owned(),
                message: "no asset was selected".to_owned(),
            });
        };
        let mut jobs = implicit_jobs(first);
        for other in rest {
            let apart = |reason| Error::AssetsApart {
                first: first.item.key.clone(),
                second: other.item.key.clone(),
                reason,
            };
            if other.repository() != first.repository() {
                return Err(apart("they are in different code locations"));
            }
            jobs.retain(|job| other.item.job_names.iter().any(|name| name == job));
            if jobs.is_empty() || differently_partitioned(first.item, other.item) {
                return Err(apart("they are partitioned differently"));
            }
        }
        // The shortest is `__ASSET_JOB` itself, where there is such.
        let job = jobs.into_iter().min_by_key(|job| (job.len(), *job));
        Ok(JobSelector {
            repository: first.repository(),
            job: job
                .ok_or_else(|| Error::AssetNotMaterializable {
                    key: first.item.key.clone(),
                })?
                .to_owned(),
            assets: keys.to_vec(),
            checks: None,
        })
    }
}

fn implicit_jobs<'a>(asset: &Found<'a, Asset>) -> BTreeSet<&'a str> {
    let names = asset.item.job_names.iter().map(String::as_str);
    names.filter(|name| is_implicit(name)).collect()
}

/// Assets without partitions go with any; others must be partitioned by the same kind at least.
fn differently_partitioned(one: &Asset, other: &Asset) -> bool {
    match (&one.partitions, &other.partitions) {
        (Some(one), Some(other)) => one != other,
        _ => false,
    }
}

impl Client {
    /// The id of a job's latest run, if it has any.
    pub async fn latest_run(&self, job: &str) -> Result<Option<String>, Error> {
        let variables = FindRunVariables {
            filter: RunsFilterWire {
                tags: None,
                pipeline_name: Some(job.to_owned()),
            },
        };
        match self.execute::<FindRun>(&variables).await?.runs_or_error {
            RunsOrError::Runs { results } => Ok(results.into_iter().next().map(|run| run.run_id)),
            RunsOrError::PythonError(error) => Err(Error::python(FindRun::DESCRIBED.name, error)),
            _ => Ok(None),
        }
    }

    /// What a run is of.
    pub async fn run_summary(&self, run_id: &str) -> Result<RunSummary, Error> {
        let variables = RunSummaryVariables {
            run_id: run_id.to_owned(),
        };
        let name = operations::RunSummary::DESCRIBED.name;
        let data = self.execute::<operations::RunSummary>(&variables).await?;
        match data.run_or_error {
            RunSummaryOrError::Run {
                pipeline_name,
                repository_origin,
                tags,
            } => Ok(RunSummary {
                job: pipeline_name,
                location: repository_origin.map(|origin| origin.repository_location_name),
                partition: tags
                    .into_iter()
                    .find(|tag| tag.key == PARTITION_TAG)
                    .map(|tag| tag.value),
            }),
            RunSummaryOrError::RunNotFound => Err(Error::RunNotFound {
                run_id: run_id.to_owned(),
            }),
            RunSummaryOrError::PythonError(error) => Err(Error::python(name, error)),
        }
    }

    /// Launches a run and says its id.
    ///
    /// The request is sent once. If its answer is lost, the run is looked for by a tag that only
    /// this launch has, so that it is neither launched twice nor forgotten.
    pub async fn launch(&self, request: &LaunchRequest) -> Result<String, Error> {
        let job = &request.selector.job;
        let launch = launch_tag();
        let tags = request.tags.iter().map(|(key, value)| Tag {
            key: key.clone(),
            value: value.clone(),
        });
        let variables = LaunchVariables {
            params: ExecutionParamsWire {
                selector: request.selector.to_job(),
                run_config_data: Value::Object(request.run_config.clone()),
                execution_metadata: ExecutionMetadataWire {
                    tags: tags.chain([launch.clone()]).collect(),
                },
            },
        };
        let data = match self.execute::<LaunchRun>(&variables).await {
            Ok(data) => data,
            Err(error) if error.is_transient() => {
                return self.find_launched(job, launch, error).await;
            }
            Err(error) => return Err(error),
        };
        let location = &request.selector.repository.location;
        self.launched(
            LaunchRun::DESCRIBED.name,
            data.launch_run,
            job,
            Some(location),
        )
    }

    /// The id of the run or backfill, or why there is none.
    pub(super) fn launched(
        &self,
        operation: &'static str,
        result: LaunchResult,
        job: &str,
        location: Option<&str>,
    ) -> Result<String, Error> {
        let refused = |message: String| Error::LaunchRefused {
            job: job.to_owned(),
            message,
        };
        Err(match result {
            LaunchResult::LaunchRunSuccess { run } => return Ok(run.run_id),
            LaunchResult::LaunchBackfillSuccess { backfill_id } => return Ok(backfill_id),
            LaunchResult::RunConfigValidationInvalid { errors } => Error::RunConfigInvalid {
                job: job.to_owned(),
                problems: problems(errors),
            },
            LaunchResult::PipelineNotFoundError { message } => match location {
                Some(location) => Error::JobNotFound {
                    name: job.to_owned(),
                    location: Some(location.to_owned()),
                    suggestion: None,
                    known: Vec::new(),
                },
                None => refused(message),
            },
            LaunchResult::UnauthorizedError { message } => Error::Unauthorized {
                url: self.url().to_owned(),
                message,
            },
            LaunchResult::PythonError(error) => Error::python(operation, error),
            LaunchResult::InvalidStepError { invalid_step_key } => {
                refused(format!("there is no step `{invalid_step_key}`"))
            }
            LaunchResult::InvalidOutputError {
                step_key,
                invalid_output_name,
            } => refused(format!(
                "step `{step_key}` has no output `{invalid_output_name}`"
            )),
            LaunchResult::PartitionSetNotFoundError { message }
            | LaunchResult::PartitionKeysNotFoundError { message, .. }
            | LaunchResult::InvalidSubsetError { message }
            | LaunchResult::RunConflict { message }
            | LaunchResult::PresetNotFoundError { message }
            | LaunchResult::ConflictingExecutionParamsError { message }
            | LaunchResult::NoModeProvidedError { message } => refused(message),
            LaunchResult::Other => refused("it does not say why".to_owned()),
        })
    }

    pub(super) async fn find_launched(
        &self,
        job: &str,
        tag: Tag,
        lost: Error,
    ) -> Result<String, Error> {
        let variables = FindRunVariables {
            filter: RunsFilterWire {
                tags: Some(vec![tag]),
                pipeline_name: None,
            },
        };
        let look = async || match self.execute::<FindRun>(&variables).await?.runs_or_error {
            RunsOrError::Runs { results } => Ok(results.into_iter().next().map(|run| run.run_id)),
            _ => Ok(None),
        };
        search(job, lost, look).await
    }

    /// Ends a run. A run that has ended already is refused by Dagster.
    pub async fn terminate(&self, run_id: &str, policy: TerminatePolicy) -> Result<(), Error> {
        let variables = TerminateVariables {
            run_id: run_id.to_owned(),
            policy: match policy {
                TerminatePolicy::Safe => "SAFE_TERMINATE",
                TerminatePolicy::MarkCanceled => "MARK_AS_CANCELED_IMMEDIATELY",
            },
        };
        let data = self.execute::<TerminateRun>(&variables).await?;
        Err(match data.terminate_run {
            TerminateResult::TerminateRunSuccess => return Ok(()),
            TerminateResult::TerminateRunFailure { message } => Error::TerminateRefused {
                run_id: run_id.to_owned(),
                message,
            },
            TerminateResult::RunNotFoundError => Error::RunNotFound {
                run_id: run_id.to_owned(),
            },
            TerminateResult::UnauthorizedError { message } => Error::Unauthorized {
                url: self.url().to_owned(),
                message,
            },
            TerminateResult::PythonError(error) => {
                Error::python(TerminateRun::DESCRIBED.name, error)
            }
        })
    }
}

/// The tag by which what was launched is found if the answer is lost.
pub(super) fn launch_tag() -> Tag {
    Tag {
        key: LAUNCH_TAG.to_owned(),
        value: unique(),
    }
}

/// Looks for what was launched when the answer to its launch was lost.
pub(super) async fn search(
    what: &str,
    lost: Error,
    look: impl AsyncFn() -> Result<Option<String>, Error>,
) -> Result<String, Error> {
    for _ in 0..SEARCHES {
        match look().await {
            Ok(Some(id)) => return Ok(id),
            Ok(None) => {}
            // The server that lost the answer may be gone altogether.
            Err(error) => tracing::debug!(%error, what, "looking for what was launched"),
        }
        if matches!(
            lost,
            Error::Unreachable {
                may_have_arrived: false,
                ..
            }
        ) {
            // Nothing was sent at all; one look is enough to be sure.
            return Err(lost);
        }
        tokio::time::sleep(SEARCH_WAIT).await;
    }
    Err(Error::LaunchUnknown {
        job: what.to_owned(),
        message: lost.to_string(),
    })
}

/// A text that no other launch has: 128 bits of the randomness that hash maps are seeded with.
fn unique() -> String {
    let half = || RandomState::new().build_hasher().finish();
    // Later states of one thread are the first plus one, so the clock adds its part.
    let mut clock = RandomState::new().build_hasher();
    clock.write_u128(
        std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |time| time.as_nanos()),
    );
    format!("{:016x}{:016x}", half(), clock.finish())
}

#[cfg(test)]
mod tests {
    use super::super::discover::{Location, LocationState, PartitionKind, Partitions, Repository};
    use super::*;

    fn asset(key: &str, jobs: &[&str], partitions: Option<PartitionKind>) -> Asset {
        Asset {
            key: AssetKey::parse(key).expect("a key"),
            group: None,
            is_executable: !jobs.is_empty(),
            is_materializable: !jobs.is_empty(),
            job_names: jobs.iter().map(|job| (*job).to_owned()).collect(),
            dependencies: vec![],
            partitions: partitions.map(|kind| Partitions {
                kind,
                dimensions: vec![],
            }),
            has_checks: false,
        }
    }

    fn location(name: &str, assets: Vec<Asset>) -> Location {
        Location {
            name: name.into(),
            state: LocationState::Loaded {
                repositories: vec![Repository {
                    name: "__repository__".into(),
                    jobs: vec![],
                    assets,
                }],
            },
        }
    }

    fn workspace(assets: Vec<Asset>) -> Workspace {
        Workspace {
            locations: vec![location("main", assets)],
        }
    }

    fn keys(text: &[&str]) -> Vec<AssetKey> {
        text.iter()
            .map(|key| AssetKey::parse(key).expect("a key"))
            .collect()
    }

    #[test]
    fn the_implicit_job_is_one_that_all_selected_assets_share() {
        let workspace = workspace(vec![
            asset("a", &["mine", "__ASSET_JOB_0", "__ASSET_JOB_1"], None),
            asset("b", &["__ASSET_JOB_1"], Some(PartitionKind::Static)),
            asset("c", &["__ASSET_JOB_0"], Some(PartitionKind::TimeWindow)),
            asset("new", &["__ASSET_JOB", "__ASSET_JOB_2"], None),
            asset("outside", &[], None),
        ]);
        let job = |names: &[&str]| workspace.asset_job(&keys(names), None);
        assert_eq!(job(&["a", "b"]).expect("a job").job, "__ASSET_JOB_1");
        assert_eq!(job(&["a"]).expect("a job").job, "__ASSET_JOB_0");
        assert_eq!(job(&["new"]).expect("a job").job, "__ASSET_JOB");
        assert!(matches!(job(&["b", "c"]), Err(Error::AssetsApart { .. })));
        assert!(matches!(
            job(&["outside"]),
            Err(Error::AssetNotMaterializable { .. })
        ));
        let missing = job(&["outsid"]).expect_err("no such asset");
        assert!(
            matches!(&missing, Error::AssetNotFound { suggestion: Some(key), .. } if key.to_string() == "outside")
        );
        assert!(matches!(job(&[]), Err(Error::LaunchRefused { .. })));
    }

    #[test]
    fn a_location_is_asked_for_its_own_asset() {
        let orders = || vec![asset("orders", &["__ASSET_JOB"], None)];
        let workspace = Workspace {
            locations: vec![location("a", orders()), location("b", orders())],
        };
        let of = |wanted| {
            let job = workspace.asset_job(&keys(&["orders"]), wanted);
            job.expect("a job").repository.location
        };
        assert_eq!(of(Some("b")), "b");
        assert_eq!(of(None), "a");
        let missing = workspace.asset_job(&keys(&["orders"]), Some("c"));
        assert!(matches!(missing, Err(Error::AssetNotFound { .. })));
    }

    #[test]
    fn launches_are_told_apart() {
        let all: BTreeSet<String> = (0..100).map(|_| unique()).collect();
        assert_eq!(all.len(), 100);
        assert!(all.iter().all(|text| text.len() == 32));
    }
}
