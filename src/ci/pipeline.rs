//! The main job, carried out: from a plan to a [`CiReport`].

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use futures_util::future::{join, join_all};

use super::error::Error;
use super::gate::Gate;
use super::plan::Plan;
use super::planner::did_you_mean;
use super::schedule::{Results, Schedule};
use super::session::{Dagster, Emit, Session, finding};
use super::{attach, checks, notebooks, runs};
use crate::dagster::client::{Client, ClientConfig};
use crate::dagster::discover::Workspace;
use crate::dagster::summary::location_reports;
use crate::host::instance::{self, Instance, Location, Setup};
use crate::host::{Host, Interpreter, Isolation};
use crate::project::imports::preload_candidates;
use crate::project::notebooks::pair_by_name;
use crate::publish::local::LocalStore;
use crate::report::model::{
    Attachment, CiReport, LocationReport, NotebookReport, ProjectInfo, RunReport, RunResult,
    SCHEMA_VERSION, Severity, Target,
};
use crate::supervise::cancel::Cancel;
use crate::supervise::workdir::Workdir;
use crate::ui::progress::Event;

/// Everything that carrying out a plan needs.
pub struct Job<'a> {
    /// The plan.
    pub plan: Plan,
    /// What the report says of the project; versions are filled in here.
    pub info: ProjectInfo,
    /// The project's root.
    pub root: PathBuf,
    /// The code locations.
    pub locations: Vec<Location>,
    /// Python, and what its children see.
    pub interpreter: Interpreter,
    /// Installed versions by distribution.
    pub versions: BTreeMap<String, String>,
    /// How processes are started; `None` for fork, and spawn where that fails.
    pub isolation: Option<Isolation>,
    /// Which instance; `None` where nothing needs Dagster.
    pub instance: Option<instance::Kind>,
    /// Where the empty databases of this version of Dagster are kept.
    pub template: PathBuf,
    /// Whether pictures among the outputs are stored as files.
    pub keep_pictures: bool,
    /// Whether the latest run of a job gets a link when the plan launches none.
    pub tag_latest_run: bool,
    /// How long files of earlier runs are kept.
    pub retention_days: Option<u32>,
    /// The label of links.
    pub metadata_key: String,
    /// daglab's own variables, for what single notebooks name.
    pub user_env: BTreeMap<String, String>,
    /// The longest pause between two looks at a run.
    pub polling: Duration,
    /// How long Dagster may take to come up.
    pub start_up: Duration,
    /// The private directory.
    pub workdir: &'a Workdir,
    /// Ends it early.
    pub cancel: Cancel,
    /// Hears what happens.
    pub emit: Emit,
    /// What took time before.
    pub timings: BTreeMap<String, f64>,
    /// When the command began.
    pub begun: Instant,
    /// The same, as the calendar has it.
    pub started_at: String,
}

/// Carries out a plan; finished files go into the store. An error means that nothing could be run at all.
pub async fn run(mut job: Job<'_>, store: LocalStore) -> Result<CiReport, Error> {
    let mut timings = std::mem::take(&mut job.timings);
    let mut clock = Clock::start(&mut timings);
    (job.emit)(Event::Planned {
        total: job.plan.runs.len() + job.plan.notebooks.len(),
    });
    (job.emit)(Event::Phase("starting Python".to_owned()));

    // What children leave in it goes with the private directory.
    let tmp = job.workdir.subdir("tmp")?.display().to_string();
    job.interpreter.env.insert("TMPDIR".to_owned(), tmp);
    let logs = job.workdir.subdir("host")?;
    let host = start_host(&job, &logs.join("host.log")).await?;
    clock.lap("host");

    let mut instance = start_instance(&job, &host).await?;
    let session = session(&mut job, store, &host, instance.as_ref())?;
    if instance.is_some() {
        (job.emit)(Event::Phase("starting Dagster".to_owned()));
    }
    let run_results = Results::new(job.plan.runs.len());
    let notebook_results = Results::new(job.plan.notebooks.len());
    let readiness = RefCell::new(None);
    let work = carry_out(
        &session,
        &job,
        &run_results,
        &notebook_results,
        &readiness,
        &logs,
    );
    let cancelled = tokio::select! {
        () = work => None,
        reason = job.cancel.cancelled() => Some(reason),
        error = server_ended(instance.as_mut()) => return Err(error.into()),
    };
    if let Some(ready) = *readiness.borrow() {
        clock.note("ready", ready);
    }
    clock.lap("execute");

    let workspace = session.dagster.get().and_then(Result::ok);
    let mut notebooks: Vec<NotebookReport> = fill(notebook_results.take(), |index| {
        let mut report = notebooks::blank(&job.plan.notebooks[index]);
        report.reason = Some("daglab was asked to end before it was done".to_owned());
        report
    });
    let runs: Vec<RunReport> = fill(run_results.take(), |index| {
        let mut report = runs::blank(&job.plan.runs[index]);
        report.status = crate::report::model::RunStatus::Canceled;
        report
    });
    let mut attachments = Vec::new();
    if let (Some(workspace), Some(instance), None) = (&workspace, &instance, cancelled) {
        (job.emit)(Event::Phase("attaching links".to_owned()));
        pair(&session, workspace, &mut notebooks);
        attachments = attach_all(&session, &job, instance, &notebooks, &runs).await;
        clock.lap("attach");
    }
    let isolation = host.isolation().as_str().to_owned();
    // Someone who pressed Ctrl-C waits for nothing: the host takes its children down.
    if let (Some(instance), None) = (&mut instance, cancelled) {
        instance.stop().await;
    }
    host.shut_down().await;
    clock.lap("stop");

    let locations = workspace
        .map(|workspace| location_reports(&workspace, &session.root))
        .unwrap_or_default();
    note_locations(&session, &job.plan, &locations);
    note_degraded(&session, &job);
    let findings = session.findings.take();
    let result = match cancelled {
        Some(_) => RunResult::Cancelled,
        None => verdict(&notebooks, &runs, &findings, &attachments),
    };
    let version = |name: &str| job.versions.get(name).cloned();
    if let Err(error) = session.store.into_inner().finish(job.retention_days) {
        tracing::warn!("old files could not be removed: {error}");
    }
    Ok(CiReport {
        schema_version: SCHEMA_VERSION,
        daglab_version: env!("CARGO_PKG_VERSION").to_owned(),
        result,
        project: ProjectInfo {
            dagster: version("dagster"),
            marimo: version("marimo"),
            isolation: Some(isolation),
            ..job.info
        },
        started_at: job.started_at,
        duration_s: job.begun.elapsed().as_secs_f64(),
        notebooks,
        runs,
        locations,
        findings,
        attachments,
        timings,
    })
}

/// Measures phases.
struct Clock<'a> {
    timings: &'a mut BTreeMap<String, f64>,
    last: Instant,
    begun: Instant,
}

impl<'a> Clock<'a> {
    fn start(timings: &'a mut BTreeMap<String, f64>) -> Self {
        let now = Instant::now();
        Self {
            timings,
            last: now,
            begun: now,
        }
    }

    fn lap(&mut self, phase: &str) {
        self.timings
            .insert(phase.to_owned(), self.last.elapsed().as_secs_f64());
        self.last = Instant::now();
    }

    /// Notes a moment, counted from the start of Python.
    fn note(&mut self, phase: &str, at: Instant) {
        let seconds = at.saturating_duration_since(self.begun).as_secs_f64();
        self.timings.insert(phase.to_owned(), seconds);
    }
}

async fn start_instance(job: &Job<'_>, host: &Host) -> Result<Option<Instance>, Error> {
    let Some(kind) = job.instance.clone() else {
        return Ok(None);
    };
    let setup = Setup {
        workdir: job.workdir,
        kind,
        locations: &job.locations,
        concurrency: job.plan.concurrency,
        template: &job.template,
    };
    Ok(Some(
        Instance::start(host, setup, instance::free_port()?).await?,
    ))
}

async fn server_ended(instance: Option<&mut Instance>) -> crate::host::Error {
    match instance {
        Some(instance) => instance.server_ended().await,
        None => std::future::pending().await,
    }
}

async fn start_host(job: &Job<'_>, log: &std::path::Path) -> Result<Host, Error> {
    let wanted = job.isolation.unwrap_or(Isolation::Fork);
    match Host::start_up(job.interpreter.clone(), wanted, log).await {
        Ok(host) => Ok(host),
        Err(error) if job.isolation.is_none() => {
            let host = Host::start_up(job.interpreter.clone(), Isolation::Spawn, log).await?;
            host.note_degraded(format!(
                "every process is started by its command line: {error}"
            ));
            Ok(host)
        }
        Err(error) => Err(error.into()),
    }
}

fn session(
    job: &mut Job<'_>,
    store: LocalStore,
    host: &Host,
    instance: Option<&Instance>,
) -> Result<Session, Error> {
    let url = instance.map(|instance| instance.url.clone());
    // Nothing is sent where there is no instance.
    let address = url.as_deref().unwrap_or("http://127.0.0.1");
    let client = Client::new(&ClientConfig::new(address)).map_err(|source| Error::NotReady {
        source,
        log: String::new(),
    })?;
    Ok(Session {
        host: host.clone(),
        client,
        launcher: instance.and_then(|instance| instance.launcher.clone()),
        schedule: Schedule::new(job.plan.concurrency, job.plan.runs.len()),
        emit: Rc::clone(&job.emit),
        root: job.root.clone(),
        scratch: job.workdir.subdir("n")?,
        store: RefCell::new(store),
        notebook_env: BTreeMap::from([
            ("DAGLAB_DAGSTER_URL".to_owned(), url),
            ("MARIMO_SKIP_UPDATE_CHECK".to_owned(), Some("1".to_owned())),
        ]),
        user_env: std::mem::take(&mut job.user_env),
        polling: job.polling,
        instance_stays: job.instance != Some(instance::Kind::Ephemeral),
        notebook_checks: job
            .plan
            .notebooks
            .iter()
            .map(|notebook| attach::check_name(&notebook.path))
            .collect(),
        keep_pictures: job.keep_pictures,
        dagster: Gate::new(),
        warm: Gate::new(),
        findings: RefCell::default(),
    })
}

/// All that goes on at once. Ends when everything has.
async fn carry_out(
    session: &Session,
    job: &Job<'_>,
    run_results: &Results<RunReport>,
    notebook_results: &Results<NotebookReport>,
    readiness: &RefCell<Option<Instant>>,
    dir: &std::path::Path,
) {
    let plan = &job.plan;
    let ready = async {
        let state = await_dagster(session, job).await;
        readiness.replace(Some(Instant::now()));
        (session.emit)(Event::Phase("running".to_owned()));
        session.dagster.open(state);
    };
    let warm = async {
        let imports: Vec<Vec<String>> = plan
            .notebooks
            .iter()
            .map(|notebook| notebook.imports.clone())
            .collect();
        session
            .host
            .preload(preload_candidates(&imports, &own_modules(&job.root)))
            .await;
        session.warm.open(());
    };
    let names: Vec<String> = plan.runs.iter().map(|run| run.name.clone()).collect();
    let all_runs = join_all(
        plan.runs
            .iter()
            .enumerate()
            .map(|(index, planned)| async move {
                run_results.put(index, runs::run(session, planned, index).await);
            }),
    );
    let names = &names;
    let all_notebooks = join_all(plan.notebooks.iter().enumerate().map(
        |(index, planned)| async move {
            notebook_results.put(index, notebooks::run(session, planned, names).await);
        },
    ));
    let checks = checks::run(session, plan, dir);
    join(
        join(ready, warm),
        join(join(all_runs, all_notebooks), checks),
    )
    .await;
}

async fn await_dagster(session: &Session, job: &Job<'_>) -> Dagster {
    if job.instance.is_none() {
        return Err("no instance was started".into());
    }
    match session
        .client
        .wait_ready(job.start_up, job.locations.len())
        .await
    {
        Ok(workspace) => {
            note_unset_variables(session, &workspace).await;
            Ok(Rc::new(workspace))
        }
        Err(error) => {
            let message = format!("Dagster did not come up: {error}");
            session.find(finding("dagster", "not-ready", Severity::Error, message));
            Err(error.to_string().into())
        }
    }
}

/// Dagster loads a location whose resources read variables that are not set; its runs then fail.
async fn note_unset_variables(session: &Session, workspace: &Workspace) {
    let env = &session.host.interpreter().env;
    let required = match session.client.required_env_vars(workspace).await {
        Ok(required) => required,
        Err(error) => {
            let message = format!("the variables that resources read are not known: {error}");
            return session.find(finding("preflight", "unknown", Severity::Info, message));
        }
    };
    for variable in required
        .iter()
        .filter(|variable| !env.contains_key(&variable.name))
    {
        let name = &variable.name;
        let message = format!(
            "`{name}` is not set; read by {}",
            variable.readers.join(", ")
        );
        let mut found = finding("preflight", "unset-variable", Severity::Warning, message);
        found.hint = Some(format!(
            "set it and pass it on with `--env {name}` or `ci.env`"
        ));
        session.find(found);
    }
}

/// Names that the project's own modules and packages have at the top.
fn own_modules(root: &std::path::Path) -> BTreeSet<String> {
    [root.to_owned(), root.join("src")]
        .iter()
        .filter_map(|dir| std::fs::read_dir(dir).ok())
        .flat_map(|entries| entries.flatten())
        .map(|entry| {
            entry
                .file_name()
                .to_string_lossy()
                .trim_end_matches(".py")
                .to_owned()
        })
        .collect()
}

fn fill<T>(results: Vec<Option<T>>, missing: impl Fn(usize) -> T) -> Vec<T> {
    results
        .into_iter()
        .enumerate()
        .map(|(index, result)| result.unwrap_or_else(|| missing(index)))
        .collect()
}

fn asset_keys(workspace: &Workspace) -> Vec<String> {
    workspace
        .assets()
        .map(|found| found.item.key.to_string())
        .collect()
}

fn job_names(workspace: &Workspace) -> Vec<String> {
    let own = workspace.jobs().filter(|found| !found.item.is_implicit());
    own.map(|found| found.item.name.clone()).collect()
}

/// Pairs notebooks by name, now that the assets are known, and drops targets that do not exist.
fn pair(session: &Session, workspace: &Workspace, notebooks: &mut [NotebookReport]) {
    let (assets, jobs) = (asset_keys(workspace), job_names(workspace));
    for notebook in notebooks {
        let (wanted, kind, known) = match &notebook.target {
            None => {
                notebook.target = pair_by_name(&notebook.path, &assets, &jobs);
                continue;
            }
            Some(Target::Asset { key, .. }) => (key, "asset", &assets),
            Some(Target::Job { name }) => (name, "job", &jobs),
        };
        if !known.contains(wanted) {
            let message = format!(
                "`{}` is paired with the {kind} `{wanted}`, which does not exist",
                notebook.path
            );
            let mut found = finding("daglab", "no-target", Severity::Error, message);
            found.path = Some(notebook.path.clone());
            found.hint = did_you_mean(wanted, known);
            session.find(found);
            notebook.target = None;
        }
    }
}

async fn attach_all(
    session: &Session,
    job: &Job<'_>,
    instance: &Instance,
    notebooks: &[NotebookReport],
    runs: &[RunReport],
) -> Vec<Attachment> {
    let mut run_ids: Vec<(String, String)> = runs
        .iter()
        .filter_map(|run| Some((run.job.clone(), run.run_id.clone()?)))
        .collect();
    if job.tag_latest_run {
        for notebook in notebooks {
            let Some(Target::Job { name }) = &notebook.target else {
                continue;
            };
            match session.client.latest_run(name).await {
                Ok(Some(run_id)) => run_ids.push((name.clone(), run_id)),
                Ok(None) => session.find(finding(
                    "daglab",
                    "no-run",
                    Severity::Error,
                    format!("the job `{name}` has no run to attach a link to"),
                )),
                Err(error) => {
                    session.find(finding(
                        "dagster",
                        "no-run",
                        Severity::Error,
                        error.to_string(),
                    ));
                }
            }
        }
    }
    let planned = attach::plan(notebooks, &run_ids, &job.metadata_key);
    if planned.is_empty() {
        return Vec::new();
    }
    attach::carry_out(&session.host, &instance.home, &instance.scratch, planned).await
}

/// A location that did not load is a finding: it fails the run unless validation is off.
fn note_locations(session: &Session, plan: &Plan, locations: &[LocationReport]) {
    for location in locations.iter().filter(|location| !location.loaded) {
        let severity = if plan.validate {
            Severity::Error
        } else {
            Severity::Warning
        };
        let error = location.error.as_ref();
        let why = error.map_or("it is still loading", |error| error.message.as_str());
        let message = format!("the code location `{}` did not load: {why}", location.name);
        let mut found = finding("dagster", "location", severity, message);
        found.path = error.and_then(|error| error.path.clone());
        found.line = error.and_then(|error| error.line);
        session.find(found);
    }
}

fn note_degraded(session: &Session, job: &Job<'_>) {
    for reason in session.host.degraded() {
        session.find(finding("daglab", "slower", Severity::Info, reason));
    }
    if let Some(instance::Kind::Existing(home)) = &job.instance {
        let message = format!("the existing instance in `{}` was used", home.display());
        session.find(finding(
            "daglab",
            "existing-instance",
            Severity::Info,
            message,
        ));
    }
}

fn verdict(
    notebooks: &[NotebookReport],
    runs: &[RunReport],
    findings: &[crate::report::model::Finding],
    attachments: &[Attachment],
) -> RunResult {
    let failed = notebooks
        .iter()
        .any(|n| n.status.is_failure() && !n.allow_failure)
        || runs.iter().any(|run| {
            let skipped = run.status == crate::report::model::RunStatus::Skipped;
            (run.status.is_failure() || skipped) && !run.allow_failure
        })
        || findings
            .iter()
            .any(|finding| finding.severity == Severity::Error)
        || attachments.iter().any(|attachment| !attachment.ok);
    if failed {
        RunResult::Failed
    } else {
        RunResult::Passed
    }
}
