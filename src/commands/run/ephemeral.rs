//! `daglab run --ephemeral`: Dagster for this command alone.

use std::rc::Rc;

use super::report::{self, Exit};
use super::{Error, RunArgs};
use crate::ci::job::Job;
use crate::ci::outcome::Outcome;
use crate::ci::pipeline;
use crate::ci::plan::Plan;
use crate::commands::prepare::{Begun, Setting};
use crate::commands::{Context, Failure, connect};
use crate::config::Loaded;
use crate::error::ExitStatus;
use crate::host::instance::Kind;
use crate::project::Project;
use crate::publish::local::LocalStore;
use crate::report::model::RunStatus;
use crate::run::request::Request;
use crate::supervise::cancel::Cancel;

pub(super) async fn run(
    args: &RunArgs,
    context: &Context,
    project: &Project,
    loaded: &Loaded,
    request: &Request,
) -> Result<ExitStatus, Failure> {
    let begun = Begun::now();
    if args.validate_only {
        let message =
            "`--validate-only` asks a server; leave out `--ephemeral`, or use `daglab ci`";
        return Err(Error::Usage(message.to_owned()).into());
    }
    args.pass(&connect::patience(&loaded.settings).gate)?;
    let mut runs = request.plan(&project.root, loaded)?;
    let dagster = &loaded.settings.dagster;
    let location = args
        .location
        .as_ref()
        .or(dagster.repository_location_name.as_ref());
    for run in &mut runs {
        run.location = location.cloned();
    }
    let cancel = Cancel::on_signals()?;
    let emit = args.listen(context, runs.len() > 1);
    let plan = Plan {
        validate: false,
        check: false,
        strict: false,
        concurrency: usize::from(loaded.settings.performance.max_concurrent_runs),
        runs,
        notebooks: Vec::new(),
        findings: Vec::new(),
    };
    let setting = Setting {
        context,
        project,
        loaded,
        children: &args.children,
        cancel: cancel.clone(),
        emit: Rc::clone(&emit),
        begun,
    };
    let job = match setting.job(plan, Some(Kind::Ephemeral)).await? {
        Ok(job) => Job {
            keep_logs: false,
            ..job
        },
        Err(reason) => return Ok(reason.exit_status()),
    };
    // Nothing is stored: there are no notebooks, and logs are not kept.
    let store = LocalStore::open(&job.workdir.subdir("store")?)?;
    let Outcome { report, failure } = pipeline::run(job, store).await;
    drop(emit);
    report::print(args, context, &report)?;
    if let Some(failure) = failure {
        return Err(failure.into());
    }
    let refused = report
        .runs
        .iter()
        .any(|run| run.status == RunStatus::Invalid);
    let exit = Exit {
        interrupted: cancel.reason(),
        trouble: refused.then_some(ExitStatus::Validation),
    };
    Ok(report::exit(&report, &exit))
}
