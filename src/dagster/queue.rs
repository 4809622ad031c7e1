//! Runs that wait for their turn, and the daemons without which they wait for ever.

use std::collections::BTreeMap;

use super::client::Client;
use super::error::Error;
use super::operations::wire::queue::{
    DaemonWire, QueuedRunWire, QueuedRunsOrError, QueuedRunsVariables,
};
use super::operations::wire::{NoVariables, Tag};
use super::operations::{Daemons, Operation, QueuedRuns};
use super::python_error::PythonError;

/// The tag that moves a run forward in the queue, or back.
const PRIORITY_TAG: &str = "dagster/priority";
/// How many waiting runs are read at once, and how often.
const PAGE: usize = 500;
const PAGES: usize = 20;

/// The daemon that takes runs from the queue.
pub const RUN_COORDINATOR: &str = "QUEUED_RUN_COORDINATOR";
/// The daemon that launches the runs of backfills.
pub const BACKFILLS: &str = "BACKFILL";

/// Where a run stands in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueuePosition {
    /// How many runs are before it.
    pub ahead: usize,
    /// How many runs wait, this one among them.
    pub total: usize,
    /// Whether all runs were counted. Of more than 10 000 only the newest are.
    pub is_exact: bool,
}

/// A daemon that the instance needs.
#[derive(Debug, Clone, PartialEq)]
pub struct Daemon {
    /// Dagster's name for what it does, such as [`RUN_COORDINATOR`].
    pub kind: String,
    /// Whether the instance needs it.
    pub is_required: bool,
    /// Whether it has lately said that it is there.
    pub is_healthy: bool,
    /// When it last did, in seconds since 1970; never if none was started.
    pub last_heartbeat: Option<f64>,
    /// What goes wrong in it.
    pub errors: Vec<PythonError>,
}

impl Daemon {
    /// Whether something waits for it in vain.
    pub fn is_missing(&self) -> bool {
        self.is_required && !self.is_healthy
    }
}

impl Client {
    /// Where a run stands in the queue, or none if it does not wait there.
    ///
    /// Dagster takes runs by their priority and then by their age, and this counts the same way.
    /// It is no promise: limits for tags, pools and code locations let runs pass others.
    pub async fn queue_position(&self, run_id: &str) -> Result<Option<QueuePosition>, Error> {
        let mut place = Place::new(run_id);
        let mut cursor = None;
        for _ in 0..PAGES {
            let variables = QueuedRunsVariables {
                cursor,
                limit: PAGE,
            };
            let data = self.execute::<QueuedRuns>(&variables).await?;
            let runs = match data.runs_or_error {
                QueuedRunsOrError::Runs { results } => results,
                QueuedRunsOrError::PythonError(error) => {
                    return Err(Error::python(QueuedRuns::DESCRIBED.name, error));
                }
                QueuedRunsOrError::Other => Vec::new(),
            };
            let is_last = runs.len() < PAGE;
            cursor = runs.last().map(|run| run.run_id.clone());
            runs.iter().for_each(|run| place.count(run));
            if is_last {
                return Ok(place.position(true));
            }
        }
        Ok(place.position(false))
    }

    /// The daemons that the instance needs. Where runs wait or backfills stay requested, one that
    /// [is missing](Daemon::is_missing) is the reason.
    pub async fn daemons(&self) -> Result<Vec<Daemon>, Error> {
        let data = self.execute::<Daemons>(&NoVariables {}).await?;
        let statuses = data.instance.daemon_health.all_daemon_statuses;
        Ok(statuses.into_iter().map(Daemon::from).collect())
    }
}

impl From<DaemonWire> for Daemon {
    fn from(wire: DaemonWire) -> Self {
        Self {
            kind: wire.daemon_type,
            is_required: wire.required,
            is_healthy: wire.healthy.unwrap_or(false),
            last_heartbeat: wire.last_heartbeat_time,
            errors: wire.last_heartbeat_errors,
        }
    }
}

/// The place of a run among those that wait, which come newest first.
struct Place<'a> {
    run_id: &'a str,
    /// The run's own priority, once it was met.
    priority: Option<i64>,
    /// The priorities of the runs that are younger. A few values, mostly one.
    younger: BTreeMap<i64, usize>,
    older_ahead: usize,
    total: usize,
}

impl<'a> Place<'a> {
    fn new(run_id: &'a str) -> Self {
        Self {
            run_id,
            priority: None,
            younger: BTreeMap::new(),
            older_ahead: 0,
            total: 0,
        }
    }

    fn count(&mut self, run: &QueuedRunWire) {
        let priority = priority(&run.tags);
        self.total += 1;
        match self.priority {
            Some(own) => self.older_ahead += usize::from(priority >= own),
            None if run.run_id == self.run_id => self.priority = Some(priority),
            None => *self.younger.entry(priority).or_default() += 1,
        }
    }

    fn position(&self, is_exact: bool) -> Option<QueuePosition> {
        let own = self.priority?;
        let more_urgent = self.younger.iter().filter(|(priority, _)| **priority > own);
        let younger_ahead: usize = more_urgent.map(|(_, count)| count).sum();
        Some(QueuePosition {
            ahead: younger_ahead + self.older_ahead,
            total: self.total,
            is_exact,
        })
    }
}

/// As Dagster reads it: what is not a number is none.
fn priority(tags: &[Tag]) -> i64 {
    let tag = tags.iter().find(|tag| tag.key == PRIORITY_TAG);
    tag.and_then(|tag| tag.value.trim().parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(id: &str, priority: Option<&str>) -> QueuedRunWire {
        QueuedRunWire {
            run_id: id.to_owned(),
            tags: priority
                .map(|value| Tag {
                    key: PRIORITY_TAG.to_owned(),
                    value: value.to_owned(),
                })
                .into_iter()
                .collect(),
        }
    }

    #[test]
    fn runs_are_taken_by_priority_and_then_by_age() {
        // Newest first, as servers list them.
        let runs = [
            run("newest", Some("5")),
            run("urgent", Some("10")),
            run("odd", Some("soon")),
            run("idle", Some("-1")),
            run("oldest", None),
        ];
        let ahead = |id| {
            let mut place = Place::new(id);
            runs.iter().for_each(|run| place.count(run));
            place.position(true).map(|position| position.ahead)
        };
        let order = ["urgent", "newest", "oldest", "odd", "idle"];
        for (expected, id) in order.into_iter().enumerate() {
            assert_eq!(ahead(id), Some(expected), "{id}");
        }
        assert_eq!(ahead("another"), None);
    }
}
