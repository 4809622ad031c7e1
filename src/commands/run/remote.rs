//! `daglab run` on a server that is there already.

use std::collections::BTreeSet;
use std::path::Path;
use std::rc::Rc;
use std::time::Instant;

use serde_json::json;

use super::report::{self, Exit, Facts};
use super::{OutputArg, RunArgs, is_backfill};
use crate::commands::connect::Unanswered;
use crate::commands::{Context, Failure};
use crate::config::{Loaded, Placed};
use crate::dagster::Client;
use crate::dagster::discover::Workspace;
use crate::error::{Diagnose, ExitStatus};
use crate::run::backfill;
use crate::run::batch::{Action, Batch, Ended};
use crate::run::plan::{Executor, PlannedRun, Policy, Selection};
use crate::run::request::Request;
use crate::run::schedule::Schedule;
use crate::run::{Emit, Refusal, Runner, Wait};
use crate::supervise::cancel::{Cancel, Reason};
use crate::ui::progress::Event;
use crate::ui::text::{harmless_json, one_line};

/// What is asked for, and what it is asked of.
struct Asked<'a> {
    args: &'a RunArgs,
    context: &'a Context,
    root: &'a Path,
    loaded: &'a Loaded,
    request: &'a Request,
}

/// The project in `root` is only where settings come from.
pub(super) async fn run(
    args: &RunArgs,
    context: &Context,
    root: &Path,
    project: Option<String>,
    loaded: &Loaded,
    request: &Request,
) -> Result<ExitStatus, Failure> {
    let begun = Instant::now();
    let started_at = jiff::Timestamp::now().to_string();
    let asked = Asked {
        args,
        context,
        root,
        loaded,
        request,
    };
    // Files of run config may be pipes, and reading them must end at Ctrl-C as well.
    let planned = request.plan(root, loaded)?;
    let client = args.connect.client(context, loaded, root)?;
    args.pass(client.gate())?;
    let server = client.url().to_owned();
    let cancel = Cancel::on_signals()?;
    let several = request.jobs.len().max(1) * request.partitions.len().max(1) > 1;
    let emit = args.listen(context, several);
    emit(Event::Phase("asking".to_owned()));
    let batch = tokio::select! {
        batch = asked.batch(client, &emit, planned) => batch?,
        reason = cancel.cancelled() => return Ok(reason.exit_status()),
    };
    if args.validate_only {
        return validated(args, context, &batch);
    }
    emit(Event::Phase("running".to_owned()));
    let total = batch.runs().len();
    emit(Event::Planned { total });
    let interrupted = tokio::select! {
        () = batch.carry_out() => None,
        reason = cancel.cancelled() => Some(reason),
    };
    let launching = batch.runner.launching.take();
    let dagster = batch.runner.client.known_version();
    let ended = batch.ended();
    // What is drawn goes before anything else is printed.
    drop(emit);
    say_what_goes_on(context, interrupted, &ended, &launching);
    let exit = Exit {
        interrupted,
        trouble: ended.trouble,
    };
    let facts = Facts {
        name: project.unwrap_or(server),
        dagster: dagster.map(|version| version.to_string()),
        begun,
        started_at,
    };
    let report = report::of(facts, ended.runs, &exit);
    report::print(args, context, &report)?;
    Ok(report::exit(&report, &exit))
}

impl Asked<'_> {
    /// Finds and validates all that is asked for.
    async fn batch(
        &self,
        client: Client,
        emit: &Emit,
        planned: Vec<PlannedRun>,
    ) -> Result<Batch, Failure> {
        if let Some(there) = self.there_already(&client).await? {
            return Ok(Batch::new(self.runner(client, emit, 1), vec![there]));
        }
        let workspace = self.workspace(&client).await?;
        let runner = self.runner(client, emit, planned.len());
        if let Some(range) = &self.args.partition_range {
            return self.backfills(runner, &workspace, planned, range).await;
        }
        let batch = Batch::launching(runner, &workspace, planned).await;
        let batch = batch.map_err(|refusal| self.refused(refusal))?;
        for target in batch.without_partition(&workspace) {
            let target = one_line(target);
            self.context.printer.message(&format!(
                "warning: `{target}` has partitions, and none is named; name one with `--partition`, \
                 or some with `--partition-range`"
            ));
        }
        Ok(batch)
    }

    /// Programs that ask whether something is valid get an answer they can read.
    fn refused(&self, refusal: Refusal) -> Failure {
        let is_asked = self.args.validate_only && self.args.output != OutputArg::Table;
        if is_asked && refusal.exit_status() == ExitStatus::Validation {
            let value = json!({
                "valid": false,
                "error": refusal.to_string(),
                "problems": refusal.problems_as_json(),
            });
            if let Err(error) = self.context.printer.result(&format!("{value}\n")) {
                return Failure::output(error);
            }
        }
        unanswered(refusal)
    }

    /// A backfill for each of the planned runs.
    async fn backfills(
        &self,
        runner: Runner,
        workspace: &Workspace,
        planned: Vec<PlannedRun>,
        range: &(String, String),
    ) -> Result<Batch, Failure> {
        let mut runs = Vec::with_capacity(planned.len());
        for mut planned in planned {
            let request = backfill::prepare(&runner, workspace, &planned, range).await;
            let request = request.map_err(unanswered)?;
            if !planned.run_config.value().is_empty() {
                let line = "warning: the runs of a backfill get the run config that the job makes of \
                            their partitions, and not that of `daglab.yaml`";
                self.context.printer.message(line);
            }
            planned.name = format!("{} [{}...{}]", planned.name, range.0, range.1);
            runs.push((planned, Action::Backfill(request)));
        }
        Ok(Batch::new(runner, runs))
    }

    fn runner(&self, client: Client, emit: &Emit, runs: usize) -> Runner {
        let performance = &self.loaded.settings.performance;
        Runner {
            schedule: Schedule::new(usize::from(performance.max_concurrent_runs), runs),
            emit: Rc::clone(emit),
            wait: match (self.args.no_wait, self.args.cancel_on_timeout) {
                (true, _) => Wait::No,
                (false, true) => Wait::UntilItsEnd,
                (false, false) => Wait::UntilItsTime,
            },
            polling: performance.polling_interval.duration(),
            live: true,
            ..Runner::new(client, self.root)
        }
    }

    /// What is done about a run that is there already.
    async fn there_already(
        &self,
        client: &Client,
    ) -> Result<Option<(PlannedRun, Action)>, Failure> {
        let args = self.args;
        let (id, action) = match (&args.follow, &args.reexecute, &args.from_failure) {
            (Some(id), ..) if is_backfill(id) => (id, Action::FollowBackfill(id.clone())),
            (Some(id), ..) => (id, Action::Follow(id.clone())),
            (_, Some(parent), _) | (_, _, Some(parent)) => {
                let action = Action::Reexecute {
                    parent: parent.clone(),
                    from_failure: args.from_failure.is_some(),
                };
                (parent, action)
            }
            _ => return Ok(None),
        };
        let (job, location, partition) = match &action {
            Action::FollowBackfill(_) => {
                client.backfill(id).await.map_err(Unanswered)?;
                (format!("backfill {id}"), None, None)
            }
            _ => {
                let summary = client.run_summary(id).await.map_err(Unanswered)?;
                (summary.job, summary.location, summary.partition)
            }
        };
        let planned = PlannedRun {
            name: job.clone(),
            selection: Selection::Job {
                name: job,
                assets: Vec::new(),
            },
            location,
            run_config: Placed::default(),
            validate: false,
            tags: Vec::new(),
            partition,
            executor: Executor::Job,
            policy: Policy {
                timeout: self.request.timeout,
                retries: 0,
                allow_failure: false,
            },
            why: "the command line".to_owned(),
        };
        Ok(Some((planned, action)))
    }

    /// What the server has, as far as flags and settings are about it. Locations that did not load
    /// are told of: what is asked for may be in them.
    async fn workspace(&self, client: &Client) -> Result<Workspace, Failure> {
        let settings = &self.loaded.settings;
        let mut workspace = client.workspace().await.map_err(Unanswered)?;
        if workspace.loading().next().is_some() {
            let limit = settings.performance.max_wait_time.duration();
            let ready = client.wait_ready(limit, workspace.locations.len());
            workspace = ready.await.map_err(Unanswered)?;
        }
        let named = |flag: &Option<String>, setting: &Option<String>| {
            flag.clone().or_else(|| setting.clone())
        };
        let location = named(
            &self.args.location,
            &settings.dagster.repository_location_name,
        );
        let repository = named(&self.args.repo, &settings.dagster.repository_name);
        if location.is_none() {
            for (name, error) in workspace.failed() {
                let why = one_line(&error.headline());
                let line = format!(
                    "warning: code location `{}` did not load: {why}",
                    one_line(name)
                );
                self.context.printer.message(&line);
            }
        }
        workspace
            .narrow(location.as_deref(), repository.as_deref())
            .map_err(Unanswered)?;
        Ok(workspace)
    }
}

fn unanswered(refusal: Refusal) -> Failure {
    match refusal {
        Refusal::Dagster(error) => Unanswered(error).into(),
        refusal => refusal.into(),
    }
}

/// Says that everything is in order.
fn validated(args: &RunArgs, context: &Context, batch: &Batch) -> Result<ExitStatus, Failure> {
    let requests = batch
        .runs()
        .iter()
        .filter_map(|(planned, action)| match action {
            Action::Launch(request) => Some((planned, request)),
            _ => None,
        });
    let text = if args.output == OutputArg::Table {
        let names = batch
            .runs()
            .iter()
            .map(|(planned, _)| one_line(&planned.name));
        names
            .map(|name| format!("`{name}` is valid; nothing was launched\n"))
            .collect()
    } else {
        let runs = requests.map(|(planned, request)| {
            let assets = request.selector.assets.iter();
            json!({
                "title": planned.name,
                "job": request.selector.job,
                "location": request.selector.repository.location,
                "selection": assets.map(ToString::to_string).collect::<Vec<_>>(),
                "run_config": request.run_config,
                "tags": request.tags,
            })
        });
        let backfills = batch
            .runs()
            .iter()
            .filter_map(|(planned, action)| match action {
                Action::Backfill(request) => Some(json!({
                    "title": planned.name,
                    "partitions": request.partitions,
                })),
                _ => None,
            });
        let backfills = backfills.collect::<Vec<_>>();
        let runs = runs.collect::<Vec<_>>();
        let value = json!({ "valid": true, "runs": runs, "backfills": backfills });
        harmless_json(value.to_string()) + "\n"
    };
    context.printer.result(&text).map_err(Failure::output)?;
    Ok(ExitStatus::Success)
}

/// Says what Dagster does about runs that are not waited for any longer: it goes on with them.
fn say_what_goes_on(
    context: &Context,
    interrupted: Option<Reason>,
    ended: &Ended,
    launching: &BTreeSet<String>,
) {
    let why = match interrupted {
        Some(Reason::Interrupt) => "interrupted: ",
        Some(Reason::Terminate) => "terminated: ",
        None => "",
    };
    for (run_id, title) in &ended.going_on {
        let title = one_line(title);
        context.printer.message(&format!(
            "{why}`{title}` goes on in Dagster; to follow it again: daglab run --follow {run_id}"
        ));
    }
    for title in launching {
        let title = one_line(title);
        context.printer.message(&format!(
            "{why}`{title}` was just being launched; look in Dagster whether it runs"
        ));
    }
}
