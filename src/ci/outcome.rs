//! What has been done, whenever and however it ends.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Instant;

use super::error::Error;
use super::job::Job;
use super::plan::Plan;
use super::session::finding;
use super::{notebooks, verdict};
use crate::error::Diagnose;
use crate::redact::secrets;
use crate::report::model::{
    Attachment, CiReport, Finding, LocationReport, NotebookReport, ProjectInfo, RunReport,
    RunResult, RunStatus, SCHEMA_VERSION, Severity,
};
use crate::run::launch;
use crate::run::schedule::Results;

/// What became of a plan.
pub struct Outcome {
    /// All that is known, however it ended.
    pub report: CiReport,
    /// Why it could not be carried out to the end; the report then says `error`.
    pub failure: Option<Error>,
}

/// The report of a command that did not begin: because of a failure, or because it was asked to
/// end before.
pub fn not_begun(project: String, started_at: String, failure: Option<&dyn Diagnose>) -> CiReport {
    let findings = failure.map(|failure| {
        let mut found = finding("daglab", "error", Severity::Error, failure.to_string());
        found.hint = failure.hint();
        found
    });
    let report = CiReport {
        schema_version: SCHEMA_VERSION,
        daglab_version: env!("CARGO_PKG_VERSION").to_owned(),
        result: match failure {
            Some(_) => RunResult::Error,
            None => RunResult::Cancelled,
        },
        project: ProjectInfo {
            name: project,
            ..ProjectInfo::default()
        },
        origin: None,
        started_at,
        duration_s: 0.0,
        notebooks: Vec::new(),
        runs: Vec::new(),
        locations: Vec::new(),
        findings: findings.into_iter().collect(),
        attachments: Vec::new(),
        published: None,
        timings: BTreeMap::new(),
    };
    secrets::known().remove_from(report)
}

/// How the work ended.
pub(super) enum End {
    Done,
    Cancelled,
    Failed(Error),
}

/// What has been done so far; a cancellation finds it as it is.
pub(super) struct Progress {
    pub(super) runs: Results<RunReport>,
    pub(super) notebooks: Results<NotebookReport>,
    pub(super) ready: RefCell<Option<Instant>>,
}

impl Progress {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            runs: Results::new(plan.runs.len()),
            notebooks: Results::new(plan.notebooks.len()),
            ready: RefCell::default(),
        }
    }

    /// Says what was done, and of the rest why it was not.
    pub(super) fn finish(&self, plan: &Plan, end: &End) -> Done {
        let why_not = match end {
            End::Done | End::Cancelled => "daglab was asked to end before it was done".to_owned(),
            End::Failed(error) => format!("daglab could not go on: {error}"),
        };
        Done {
            notebooks: fill(self.notebooks.take(), |index| {
                let mut report = notebooks::blank(&plan.notebooks[index]);
                report.reason = Some(why_not.clone());
                report
            }),
            runs: fill(self.runs.take(), |index| {
                let mut report = launch::blank(&plan.runs[index]);
                if matches!(end, End::Cancelled) {
                    report.status = RunStatus::Canceled;
                }
                report
            }),
            ..Done::default()
        }
    }

    /// The outcome of a command that ended before anything was begun.
    pub(super) fn stopped(&self, job: Job<'_>, clock: Clock, end: End) -> Outcome {
        self.finish(&job.plan, &end).report(job, clock, end)
    }
}

/// What has become of everything in the plan.
#[derive(Default)]
pub(super) struct Done {
    pub(super) runs: Vec<RunReport>,
    pub(super) notebooks: Vec<NotebookReport>,
    pub(super) attachments: Vec<Attachment>,
    pub(super) locations: Vec<LocationReport>,
    pub(super) findings: Vec<Finding>,
    pub(super) isolation: Option<&'static str>,
}

impl Done {
    pub(super) fn report(mut self, job: Job<'_>, clock: Clock, end: End) -> Outcome {
        let (result, failure) = match end {
            End::Done => {
                let result = verdict::of(
                    &self.notebooks,
                    &self.runs,
                    &mut self.findings,
                    &self.attachments,
                );
                (result, None)
            }
            End::Cancelled => (RunResult::Cancelled, None),
            End::Failed(error) => {
                let message = error.to_string();
                let mut found = finding("daglab", "error", Severity::Error, message);
                found.hint = error.hint();
                self.findings.push(found);
                (RunResult::Error, Some(error))
            }
        };
        let version = |name: &str| job.versions.get(name).cloned();
        let report = CiReport {
            schema_version: SCHEMA_VERSION,
            daglab_version: env!("CARGO_PKG_VERSION").to_owned(),
            result,
            project: ProjectInfo {
                dagster: version("dagster"),
                marimo: version("marimo"),
                isolation: self.isolation.map(str::to_owned),
                ..job.info
            },
            started_at: job.started_at,
            duration_s: job.begun.elapsed().as_secs_f64(),
            origin: job.origin,
            notebooks: self.notebooks,
            runs: self.runs,
            locations: self.locations,
            findings: self.findings,
            attachments: self.attachments,
            published: None,
            timings: clock.timings,
        };
        Outcome {
            report: secrets::known().remove_from(report),
            failure,
        }
    }
}

fn fill<T>(results: Vec<Option<T>>, missing: impl Fn(usize) -> T) -> Vec<T> {
    results
        .into_iter()
        .enumerate()
        .map(|(index, result)| result.unwrap_or_else(|| missing(index)))
        .collect()
}

/// Measures phases.
pub(super) struct Clock {
    timings: BTreeMap<String, f64>,
    last: Instant,
    begun: Instant,
}

impl Clock {
    pub(super) fn start(timings: BTreeMap<String, f64>) -> Self {
        let now = Instant::now();
        Self {
            timings,
            last: now,
            begun: now,
        }
    }

    pub(super) fn lap(&mut self, phase: &str) {
        self.timings
            .insert(phase.to_owned(), self.last.elapsed().as_secs_f64());
        self.last = Instant::now();
    }

    /// Notes a moment, counted from the start of Python.
    pub(super) fn note(&mut self, phase: &str, at: Instant) {
        let seconds = at.saturating_duration_since(self.begun).as_secs_f64();
        self.timings.insert(phase.to_owned(), seconds);
    }
}
