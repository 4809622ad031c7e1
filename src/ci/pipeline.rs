//! The main job, carried out: from a plan to a [`CiReport`].

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use futures_util::future::{join, join_all};
use tokio::task::JoinHandle;

use super::error::Error;
use super::gate::Gate;
use super::plan::Plan;
use super::schedule::{Results, Schedule};
use super::session::{Dagster, Emit, Session, finding};
use super::{attach, checks, notebooks, pairing, runs, verdict};
use crate::config::model::Graphql;
use crate::dagster::client::{Client, ClientConfig};
use crate::dagster::discover::Workspace;
use crate::dagster::launch::TerminatePolicy;
use crate::dagster::summary::location_reports;
use crate::error::Diagnose;
use crate::host::instance::{self, Instance, Location, Setup};
use crate::host::{Entry, Host, Interpreter, Isolation, Library};
use crate::project::imports::preload_candidates;
use crate::publish::local::LocalStore;
use crate::report::model::{
    Attachment, CiReport, Finding, LocationReport, NotebookReport, ProjectInfo, RunReport,
    RunResult, RunStatus, SCHEMA_VERSION, Severity,
};
use crate::supervise::cancel::Cancel;
use crate::supervise::workdir::Workdir;
use crate::ui::progress::Event;
use crate::ui::text::sanitize;

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
    /// How patient requests to Dagster are.
    pub graphql: Graphql,
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

/// What became of a plan.
pub struct Outcome {
    /// All that is known, however it ended.
    pub report: CiReport,
    /// Why it could not be carried out to the end; the report then says `error`.
    pub failure: Option<Error>,
}

/// How the work ended.
enum End {
    Done,
    Cancelled,
    Failed(Error),
}

/// What a command waits for at most before it ends, so that runs in an instance that stays don't
/// look as if they went on.
const LAST_WORD: Duration = Duration::from_secs(2);

/// Carries out a plan; finished files go into the store.
pub async fn run(mut job: Job<'_>, store: LocalStore) -> Outcome {
    let mut clock = Clock::start(std::mem::take(&mut job.timings));
    (job.emit)(Event::Planned {
        total: job.plan.runs.len() + job.plan.notebooks.len(),
    });
    let cancel = job.cancel.clone();
    let progress = Progress::new(&job.plan);
    let started = tokio::select! {
        started = start(&mut job, &mut clock) => started,
        _ = cancel.cancelled() => return progress.stopped(job, clock, End::Cancelled),
    };
    let Started {
        host,
        warm,
        mut instance,
    } = match started {
        Ok(started) => started,
        Err(error) => return progress.stopped(job, clock, End::Failed(error)),
    };
    let session = match session(&mut job, store, &host, instance.as_ref()) {
        Ok(session) => session,
        Err(error) => return progress.stopped(job, clock, End::Failed(error)),
    };

    let mut end = tokio::select! {
        () = carry_out(&session, &job, warm, &progress) => End::Done,
        _ = cancel.cancelled() => End::Cancelled,
        error = watch_servers(&session, instance.as_mut()) => End::Failed(error.into()),
    };
    if let Some(ready) = progress.ready.take() {
        clock.note("ready", ready);
    }
    clock.lap("execute");

    let mut done = progress.finish(&job.plan, &end);
    let first = match job.plan.notebooks.is_empty() {
        true => Entry::Run,
        false => Entry::Notebook,
    };
    let how = host.isolation(first);
    done.isolation = Some(how.as_str());
    let workspace = session.dagster.get().and_then(Result::ok);
    if let (Some(workspace), Some(instance), End::Done) = (&workspace, &instance, &end) {
        (job.emit)(Event::Phase("attaching links".to_owned()));
        tokio::select! {
            () = attach_links(&session, &job, instance, workspace, &mut done) => {}
            _ = cancel.cancelled() => end = End::Cancelled,
        }
        clock.lap("attach");
    }
    if session.instance_stays && !matches!(end, End::Done) {
        end_open_runs(&session).await;
    }
    // Someone who pressed Ctrl-C waits for nothing: the host takes its children down.
    if let (Some(instance), End::Done) = (&mut instance, &end) {
        instance.stop().await;
    }
    host.shut_down().await;
    clock.lap("stop");

    done.locations = workspace
        .map(|workspace| location_reports(&workspace, &session.root))
        .unwrap_or_default();
    note_locations(&session, &job.plan, &mut done.locations);
    note_degraded(&session, &job);
    done.findings = session.findings.take();
    if let Err(error) = session.store.into_inner().finish(job.retention_days) {
        tracing::warn!("old files could not be removed: {error}");
    }
    done.report(job, clock, end)
}

/// What has been done so far; a cancellation finds it as it is.
struct Progress {
    runs: Results<RunReport>,
    notebooks: Results<NotebookReport>,
    ready: RefCell<Option<Instant>>,
}

impl Progress {
    fn new(plan: &Plan) -> Self {
        Self {
            runs: Results::new(plan.runs.len()),
            notebooks: Results::new(plan.notebooks.len()),
            ready: RefCell::default(),
        }
    }

    /// Says what was done, and of the rest why it was not.
    fn finish(&self, plan: &Plan, end: &End) -> Done {
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
                let mut report = runs::blank(&plan.runs[index]);
                if matches!(end, End::Cancelled) {
                    report.status = RunStatus::Canceled;
                }
                report
            }),
            ..Done::default()
        }
    }

    /// The outcome of a command that ended before anything was begun.
    fn stopped(&self, job: Job<'_>, clock: Clock, end: End) -> Outcome {
        self.finish(&job.plan, &end).report(job, clock, end)
    }
}

/// What has become of everything in the plan.
#[derive(Default)]
struct Done {
    runs: Vec<RunReport>,
    notebooks: Vec<NotebookReport>,
    attachments: Vec<Attachment>,
    locations: Vec<LocationReport>,
    findings: Vec<Finding>,
    isolation: Option<&'static str>,
}

impl Done {
    fn report(mut self, job: Job<'_>, clock: Clock, end: End) -> Outcome {
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
            notebooks: self.notebooks,
            runs: self.runs,
            locations: self.locations,
            findings: self.findings,
            attachments: self.attachments,
            timings: clock.timings,
        };
        Outcome { report, failure }
    }
}

/// Measures phases.
struct Clock {
    timings: BTreeMap<String, f64>,
    last: Instant,
    begun: Instant,
}

impl Clock {
    fn start(timings: BTreeMap<String, f64>) -> Self {
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

/// What everything else needs.
struct Started {
    host: Host,
    /// Ends when what the notebooks share has been imported.
    warm: JoinHandle<()>,
    instance: Option<Instance>,
}

/// Starts Python, and Dagster's servers where there is an instance.
async fn start(job: &mut Job<'_>, clock: &mut Clock) -> Result<Started, Error> {
    (job.emit)(Event::Phase("starting Python".to_owned()));
    // What children leave in it goes with the private directory.
    let tmp = job.workdir.subdir("tmp")?.display().to_string();
    job.interpreter.env.insert("TMPDIR".to_owned(), tmp);
    let logs = job.workdir.subdir("host")?;
    let host = start_host(job, &logs).await?;
    clock.lap("host");
    // Beside the start of Dagster, which does not need it.
    let imports: Vec<Vec<String>> = job
        .plan
        .notebooks
        .iter()
        .map(|notebook| notebook.imports.clone())
        .collect();
    let modules = preload_candidates(&imports, &own_modules(&job.root));
    let preloading = host.clone();
    let warm = tokio::task::spawn_local(async move { preloading.preload(modules).await });
    let Some(kind) = job.instance.clone() else {
        return Ok(Started {
            host,
            warm,
            instance: None,
        });
    };
    (job.emit)(Event::Phase("starting Dagster".to_owned()));
    let setup = Setup {
        workdir: job.workdir,
        kind,
        locations: &job.locations,
        concurrency: job.plan.concurrency,
        template: &job.template,
    };
    let instance = Instance::start(&host, setup, instance::free_port()?).await?;
    Ok(Started {
        host,
        warm,
        instance: Some(instance),
    })
}

/// Ends when Dagster can't be spoken to any more. A code server that dies takes only its own
/// location with it.
async fn watch_servers(session: &Session, instance: Option<&mut Instance>) -> crate::host::Error {
    let Some(instance) = instance else {
        return std::future::pending().await;
    };
    let code_server_ended = |location: &str, error: crate::host::Error| {
        let mut how = error.to_string();
        if let Some(output) = error.detail() {
            how.push_str(&format!("; it said:\n{}", sanitize(&output)));
        }
        session.lost.borrow_mut().insert(location.to_owned(), how);
    };
    instance.watch(code_server_ended).await
}

async fn start_host(job: &Job<'_>, logs: &std::path::Path) -> Result<Host, Error> {
    let dagster = job.instance.is_some().then_some(Library::Dagster);
    let marimo = (!job.plan.notebooks.is_empty()).then_some(Library::Marimo);
    let libraries: Vec<Library> = dagster.into_iter().chain(marimo).collect();
    let start = |isolation| Host::start_up(job.interpreter.clone(), isolation, &libraries, logs);
    match start(job.isolation.unwrap_or(Isolation::Fork)).await {
        Ok(host) => Ok(host),
        Err(error) if job.isolation.is_none() => {
            let host = start(Isolation::Spawn).await?;
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
    let home = instance.map(|instance| instance.home.display().to_string());
    // Nothing is sent where there is no instance.
    let address = url.as_deref().unwrap_or("http://127.0.0.1");
    let config = ClientConfig {
        timeout: job.graphql.timeout.duration(),
        retries: job.graphql.max_retries,
        ..ClientConfig::new(address)
    };
    let client = Client::new(&config).map_err(|source| Error::NotReady {
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
            // The instance the runs are in. Set in any case: marimo reads the project's `.env`,
            // which may name another one.
            ("DAGSTER_HOME".to_owned(), Some(home.unwrap_or_default())),
            ("MARIMO_SKIP_UPDATE_CHECK".to_owned(), Some("1".to_owned())),
        ]),
        user_env: std::mem::take(&mut job.user_env),
        polling: job.polling,
        instance_stays: job.instance != Some(instance::Kind::Ephemeral),
        notebook_checks: job
            .plan
            .notebooks
            .iter()
            .flat_map(|notebook| attach::possible_check_names(&notebook.path))
            .collect(),
        keep_pictures: job.keep_pictures,
        dagster: Gate::new(),
        warm: Gate::new(),
        open_runs: RefCell::default(),
        lost: RefCell::default(),
        findings: RefCell::default(),
    })
}

/// All that goes on at once. Ends when everything has.
async fn carry_out(session: &Session, job: &Job<'_>, warm: JoinHandle<()>, progress: &Progress) {
    let plan = &job.plan;
    let ready = async {
        let state = await_dagster(session, job).await;
        progress.ready.replace(Some(Instant::now()));
        (session.emit)(Event::Phase("running".to_owned()));
        session.dagster.open(state);
    };
    let warm = async {
        if let Err(error) = warm.await {
            tracing::debug!("nothing was imported for all notebooks: {error}");
        }
        session.warm.open(());
    };
    let names: Vec<String> = plan.runs.iter().map(|run| run.name.clone()).collect();
    let all_runs = join_all(
        plan.runs
            .iter()
            .enumerate()
            .map(|(index, planned)| async move {
                progress
                    .runs
                    .put(index, runs::run(session, planned, index).await);
            }),
    );
    let names = &names;
    let all_notebooks = join_all(plan.notebooks.iter().enumerate().map(
        |(index, planned)| async move {
            progress
                .notebooks
                .put(index, notebooks::run(session, planned, names).await);
        },
    ));
    let checks = checks::run(session, plan, &session.scratch);
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

async fn attach_links(
    session: &Session,
    job: &Job<'_>,
    instance: &Instance,
    workspace: &Workspace,
    done: &mut Done,
) {
    pairing::settle(session, workspace, &mut done.notebooks).await;
    let mut run_ids = pairing::run_ids(&done.runs);
    if job.tag_latest_run {
        run_ids.extend(pairing::latest_runs(session, &done.notebooks).await);
    }
    let planned = attach::plan(&done.notebooks, &run_ids, &job.metadata_key);
    if !planned.is_empty() {
        done.attachments =
            attach::carry_out(&session.host, &instance.home, &instance.scratch, planned).await;
    }
}

/// Has runs that are under way marked as cancelled: they end with daglab.
async fn end_open_runs(session: &Session) {
    let open = session.open_runs.take();
    let client = &session.client;
    let ends = open.iter().map(|run_id| async move {
        if let Err(error) = client
            .terminate(run_id, TerminatePolicy::MarkCanceled)
            .await
        {
            tracing::warn!("the run `{run_id}` is not marked as cancelled: {error}");
        }
    });
    if tokio::time::timeout(LAST_WORD, join_all(ends))
        .await
        .is_err()
    {
        tracing::warn!("runs that were under way may look as if they went on");
    }
}

/// A location that did not load, or that lost its server, is a finding: it fails the run unless
/// validation is off.
fn note_locations(session: &Session, plan: &Plan, locations: &mut [LocationReport]) {
    let severity = if plan.validate {
        Severity::Error
    } else {
        Severity::Warning
    };
    let lost = session.lost.borrow();
    for location in locations {
        let name = &location.name;
        let error = location.error.as_mut();
        let message = match (lost.get(name), &error) {
            (Some(how), _) if location.loaded => how.clone(),
            (Some(how), _) => format!("the code location `{name}` did not load: {how}"),
            (None, Some(error)) => {
                format!("the code location `{name}` did not load: {}", error.message)
            }
            (None, None) if location.loaded => continue,
            (None, None) => format!("the code location `{name}` did not load in time"),
        };
        let mut found = finding("dagster", "location", severity, message);
        if let Some(error) = error {
            // That nobody answered any more says less than why.
            if let Some(how) = lost.get(name) {
                error.message.clone_from(how);
            }
            found.path.clone_from(&error.path);
            found.line = error.line;
        }
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
