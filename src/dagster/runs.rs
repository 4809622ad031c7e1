//! Runs as they stand: what is known of one, and which have not ended.

use std::collections::BTreeMap;

use super::asset_key::AssetKey;
use super::client::Client;
use super::error::Error;
use super::operations::wire::runs::{
    ListRunsVariables, ListedRunWire, ListedRunsOrError, RunsByWire,
};
use super::operations::{ListRuns, Operation};

/// The statuses of runs that have not ended.
const UNFINISHED: &[&str] = &["QUEUED", "NOT_STARTED", "STARTING", "STARTED", "CANCELING"];

/// What Dagster's record says of a run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunRecord {
    /// The run.
    pub run_id: String,
    /// The job's name; one of Dagster's own for runs of assets.
    pub job: String,
    /// The code location, if Dagster remembers it.
    pub location: Option<String>,
    /// The repository.
    pub repository: Option<String>,
    /// Dagster's status, such as `STARTED`.
    pub status: String,
    /// When its process started, in seconds since 1970.
    pub started_at: Option<f64>,
    /// When it ended.
    pub ended_at: Option<f64>,
    /// The run that it repeats.
    pub parent: Option<String>,
    /// The assets that were asked for; none for a whole job.
    pub assets: Vec<AssetKey>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

impl Client {
    /// What is known of a run.
    pub async fn run_record(&self, run_id: &str) -> Result<RunRecord, Error> {
        let by_id = RunsByWire::RunIds(vec![run_id.to_owned()]);
        let found = self.list_runs(by_id, 1).await?;
        found.into_iter().next().ok_or_else(|| Error::RunNotFound {
            run_id: run_id.to_owned(),
        })
    }

    /// The newest `limit` runs that have not ended.
    pub async fn unfinished_runs(&self, limit: usize) -> Result<Vec<RunRecord>, Error> {
        self.list_runs(RunsByWire::Statuses(UNFINISHED), limit)
            .await
    }

    async fn list_runs(&self, filter: RunsByWire, limit: usize) -> Result<Vec<RunRecord>, Error> {
        let variables = ListRunsVariables { filter, limit };
        match self.execute::<ListRuns>(&variables).await?.runs_or_error {
            ListedRunsOrError::Runs { results } => {
                Ok(results.into_iter().map(RunRecord::from).collect())
            }
            ListedRunsOrError::PythonError(error) => {
                Err(Error::python(ListRuns::DESCRIBED.name, error))
            }
            ListedRunsOrError::Other => Ok(Vec::new()),
        }
    }
}

impl From<ListedRunWire> for RunRecord {
    fn from(wire: ListedRunWire) -> Self {
        let (location, repository) = match wire.repository_origin {
            Some(origin) => (
                Some(origin.repository_location_name),
                Some(origin.repository_name),
            ),
            None => (None, None),
        };
        Self {
            run_id: wire.run_id,
            job: wire.pipeline_name,
            location,
            repository,
            status: wire.status,
            started_at: wire.start_time,
            ended_at: wire.end_time,
            parent: wire.parent_run_id,
            assets: wire.asset_selection.unwrap_or_default(),
            tags: wire
                .tags
                .into_iter()
                .map(|tag| (tag.key, tag.value))
                .collect(),
        }
    }
}
