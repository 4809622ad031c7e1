//! Several runs on a server that is there already: all are found and valid before the first is
//! launched.

use std::cell::Cell;
use std::collections::BTreeMap;

use futures_util::future::join_all;

use super::launch::{What, blank, describe, finish, launch_and_follow};
use super::plan::PlannedRun;
use super::prepare::prepare;
use super::schedule::Results;
use super::{Refusal, Runner};
use crate::dagster::backfill::BackfillRequest;
use crate::dagster::discover::Workspace;
use crate::dagster::launch::LaunchRequest;
use crate::dagster::partition::PARTITION_TAG;
use crate::error::ExitStatus;
use crate::report::model::{RunReport, RunStatus};

/// The tags that say for which partitions a run is.
const PARTITION_TAGS: [&str; 2] = [PARTITION_TAG, "dagster/asset_partition_range_start"];

/// What is to be done about a run.
#[derive(Debug)]
pub enum Action {
    /// It is launched.
    Launch(Box<LaunchRequest>),
    /// Another run is launched that does what this one did.
    Reexecute {
        /// The run.
        parent: String,
        /// Only what failed, and what follows from it.
        from_failure: bool,
    },
    /// It is only followed.
    Follow(String),
    /// Its partitions are backfilled.
    Backfill(BackfillRequest),
    /// The backfill of this id is only followed.
    FollowBackfill(String),
}

/// Runs, and what is to be done about them.
pub struct Batch {
    /// What they share.
    pub runner: Runner,
    runs: Vec<(PlannedRun, Action)>,
    results: Results<RunReport>,
    /// What kept daglab from one of them, as the exit code of the first.
    trouble: Cell<Option<ExitStatus>>,
}

/// What became of all runs.
#[derive(Debug)]
pub struct Ended {
    /// Their reports, in the order of the plan.
    pub runs: Vec<RunReport>,
    /// What kept daglab from following one of them, as an exit code.
    pub trouble: Option<ExitStatus>,
    /// The ids and titles of those that go on.
    pub going_on: BTreeMap<String, String>,
}

impl Batch {
    /// Finds and validates what is to be launched; the first that is refused refuses all.
    pub async fn launching(
        runner: Runner,
        workspace: &Workspace,
        planned: Vec<PlannedRun>,
    ) -> Result<Self, Refusal> {
        let mut runs = Vec::with_capacity(planned.len());
        for planned in planned {
            let request = prepare(&runner, workspace, &planned).await?;
            runs.push((planned, Action::Launch(Box::new(request))));
        }
        Ok(Self::new(runner, runs))
    }

    /// Runs, and what is to be done about them.
    pub fn new(runner: Runner, runs: Vec<(PlannedRun, Action)>) -> Self {
        Self {
            runner,
            results: Results::new(runs.len()),
            runs,
            trouble: Cell::new(None),
        }
    }

    /// What has partitions and is to be launched without one, which most code can't do.
    pub fn without_partition<'a>(&'a self, workspace: &'a Workspace) -> Vec<&'a str> {
        let launched = self.runs.iter().filter_map(|run| match run {
            (planned, Action::Launch(request)) => Some((planned, request)),
            _ => None,
        });
        let partitioned = launched.filter(|(_, request)| {
            let selector = &request.selector;
            let location = Some(selector.repository.location.as_str());
            let job = workspace.job(&selector.job, location);
            let is_named = |tag: &String| PARTITION_TAGS.contains(&tag.as_str());
            let mut assets = selector.assets.iter();
            !request.tags.keys().any(is_named)
                && (job.is_ok_and(|job| job.item.partition_set.is_some())
                    || assets.any(|key| {
                        let asset = workspace.asset(key, location);
                        asset.is_ok_and(|asset| asset.item.partitions.is_some())
                    }))
        });
        partitioned
            .map(|(planned, _)| planned.name.as_str())
            .collect()
    }

    /// What is to be done.
    pub fn runs(&self) -> &[(PlannedRun, Action)] {
        &self.runs
    }

    /// Does it. May be given up at any time: [`Batch::ended`] says what was done by then.
    pub async fn carry_out(&self) {
        let all = self.runs.iter().enumerate();
        join_all(all.map(|(index, (planned, action))| async move {
            let report = self.one(planned, action).await;
            let report = finish(&self.runner, planned, index, report);
            self.results.put(index, report);
        }))
        .await;
    }

    async fn one(&self, planned: &PlannedRun, action: &Action) -> RunReport {
        let mut report = blank(planned);
        if let Action::Launch(request) = action {
            describe(&mut report, request);
        }
        let client = &self.runner.client;
        let what = match action {
            Action::Launch(_) | Action::Reexecute { .. } => What::Run { is_new: true },
            Action::Follow(_) => What::Run { is_new: false },
            Action::Backfill(_) => What::Backfill { is_new: true },
            Action::FollowBackfill(_) => What::Backfill { is_new: false },
        };
        let launch = async || match action {
            Action::Launch(request) => client.launch(request).await,
            Action::Reexecute {
                parent,
                from_failure,
            } => {
                client
                    .reexecute(parent, *from_failure, &BTreeMap::new())
                    .await
            }
            Action::Follow(id) | Action::FollowBackfill(id) => Ok(id.clone()),
            Action::Backfill(request) => client.launch_backfill(request).await,
        };
        if let Err(status) =
            launch_and_follow(&self.runner, planned, launch, what, &mut report).await
        {
            let first = self.trouble.get().unwrap_or(status);
            self.trouble.set(Some(first));
        }
        report
    }

    /// What became of all of them.
    pub fn ended(self) -> Ended {
        let going_on = self.runner.open_runs.take();
        let reports = self.results.take().into_iter().zip(&self.runs);
        let runs = reports.map(|(report, (planned, action))| {
            report.unwrap_or_else(|| left(&self.runner, planned, action, &going_on))
        });
        Ended {
            runs: runs.collect(),
            trouble: self.trouble.get(),
            going_on: going_on.clone(),
        }
    }
}

/// The report of a run that was left before its end.
fn left(
    runner: &Runner,
    planned: &PlannedRun,
    action: &Action,
    going_on: &BTreeMap<String, String>,
) -> RunReport {
    let mut report = blank(planned);
    if let Action::Launch(request) = action {
        describe(&mut report, request);
    }
    let launched = going_on.iter().find(|(_, title)| **title == planned.name);
    if let Some((run_id, _)) = launched {
        report.status = RunStatus::Launched;
        report.attempts = 1;
        let url = match action {
            Action::Backfill(_) | Action::FollowBackfill(_) => runner.client.backfill_url(run_id),
            _ => runner.client.run_url(run_id),
        };
        report.url = runner.instance_stays.then_some(url);
        report.run_id = Some(run_id.clone());
    }
    report
}
