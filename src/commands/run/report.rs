//! What `daglab run` prints in the end, and its exit code.

use std::collections::BTreeMap;
use std::time::Instant;

use super::{OutputArg, RunArgs};
use crate::commands::{Context, Failure};
use crate::error::ExitStatus;
use crate::report::model::{CiReport, ProjectInfo, RunReport, RunResult, SCHEMA_VERSION};
use crate::report::terminal::{self, RenderOptions};
use crate::run::ndjson::Lines;
use crate::supervise::cancel::Reason;

/// How the work ended, beside what became of the runs.
pub(super) struct Exit {
    /// Somebody did not want to wait any longer.
    pub(super) interrupted: Option<Reason>,
    /// What kept daglab from launching or following a run.
    pub(super) trouble: Option<ExitStatus>,
}

/// When the command began, and what it spoke to.
pub(super) struct Facts {
    pub(super) name: String,
    pub(super) dagster: Option<String>,
    pub(super) begun: Instant,
    pub(super) started_at: String,
}

/// The report of runs on a deployment: the same value as `daglab ci` makes.
pub(super) fn of(facts: Facts, runs: Vec<RunReport>, exit: &Exit) -> CiReport {
    let failed = runs.iter().any(|run| run.status.is_failure());
    CiReport {
        schema_version: SCHEMA_VERSION,
        daglab_version: env!("CARGO_PKG_VERSION").to_owned(),
        result: match exit.interrupted {
            Some(_) => RunResult::Cancelled,
            None if failed => RunResult::Failed,
            None => RunResult::Passed,
        },
        project: ProjectInfo {
            name: facts.name,
            dagster: facts.dagster,
            ..ProjectInfo::default()
        },
        started_at: facts.started_at,
        duration_s: facts.begun.elapsed().as_secs_f64(),
        origin: None,
        notebooks: Vec::new(),
        runs,
        locations: Vec::new(),
        findings: Vec::new(),
        attachments: Vec::new(),
        published: None,
        timings: BTreeMap::new(),
    }
}

/// Prints a report as it was asked for.
pub(super) fn print(args: &RunArgs, context: &Context, report: &CiReport) -> Result<(), Failure> {
    let text = match args.output {
        OutputArg::Json => report.to_json() + "\n",
        OutputArg::Ndjson => Lines::report(report),
        OutputArg::Table => terminal::render(
            report,
            &RenderOptions {
                width: context.printer.stdout_width(),
                color: context.printer.stdout_color(),
                index: None,
            },
        ),
    };
    context.printer.result(&text).map_err(Failure::output)
}

/// The exit code.
pub(super) fn exit(report: &CiReport, exit: &Exit) -> ExitStatus {
    match (exit.interrupted, exit.trouble, report.result) {
        (Some(reason), ..) => reason.exit_status(),
        (None, Some(trouble), _) => trouble,
        (None, None, RunResult::Passed) => ExitStatus::Success,
        (None, None, _) => ExitStatus::RunFailed,
    }
}
