//! Starting what a plan needs: Python, Dagster, and what all parts share.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use tokio::task::JoinHandle;

use super::error::Error;
use super::job::Job;
use super::outcome::Clock;
use super::session::Session;
use super::{attach, formats};
use crate::dagster::Client;
use crate::host::instance::{self, Instance, Setup};
use crate::host::{Host, Library};
use crate::marimo::format::{Ability, Format};
use crate::project::imports::preload_candidates;
use crate::publish::local::LocalStore;
use crate::run::latch::Latch;
use crate::run::schedule::Schedule;
use crate::run::{Local, Runner, Wait};
use crate::ui::progress::Event;

/// What everything else needs.
pub(super) struct Started {
    pub(super) host: Host,
    /// Ends when what the notebooks share has been imported.
    pub(super) warm: JoinHandle<()>,
    pub(super) instance: Option<Instance>,
}

/// Starts Python, and Dagster's servers where there is an instance.
pub(super) async fn start(job: &mut Job<'_>, clock: &mut Clock) -> Result<Started, Error> {
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

async fn start_host(job: &Job<'_>, logs: &std::path::Path) -> Result<Host, Error> {
    let dagster = job.instance.is_some().then_some(Library::Dagster);
    let marimo = (!job.plan.notebooks.is_empty()).then_some(Library::Marimo);
    let libraries: Vec<Library> = dagster.into_iter().chain(marimo).collect();
    let host = Host::start_as_able(&job.interpreter, job.isolation, &libraries, logs).await?;
    Ok(host)
}

/// What the installed marimo can export to, of what the plan asks for.
pub(super) async fn abilities(
    job: &Job<'_>,
    host: &Host,
) -> Result<BTreeMap<Format, Ability>, Error> {
    let scratch = job.workdir.subdir("n")?;
    let version = job.versions.get("marimo").map_or("", String::as_str);
    formats::ask(host, &job.plan, &scratch, version).await
}

/// What the parts share.
pub(super) fn session(
    job: &mut Job<'_>,
    store: LocalStore,
    host: &Host,
    instance: Option<&Instance>,
    abilities: BTreeMap<Format, Ability>,
) -> Result<Session, Error> {
    let mut url = instance.map(|instance| instance.url.clone());
    let home = instance.map(|instance| instance.home.display().to_string());
    if let Some(url) = &url {
        job.client.url.clone_from(url);
    }
    // Nothing is sent where there is neither an instance nor a deployment.
    let config = job.deployment.as_ref().unwrap_or(&job.client);
    let client = Client::new(config).map_err(|source| Error::NotReady {
        source,
        log: String::new(),
    })?;
    if job.deployment.is_some() {
        // Notebooks learn where it is, but not who may ask.
        url = Some(client.url().to_owned());
    }
    let store = Rc::new(RefCell::new(store));
    let runner = Runner {
        client,
        schedule: Schedule::new(job.plan.concurrency, job.plan.runs.len()),
        emit: Rc::clone(&job.emit),
        root: job.root.clone(),
        wait: Wait::UntilItsEnd,
        polling: job.polling,
        // The launcher says when a look is worth while.
        live: false,
        instance_stays: job.instance != Some(instance::Kind::Ephemeral),
        own_checks: job
            .plan
            .notebooks
            .iter()
            .flat_map(|notebook| attach::possible_check_names(&notebook.path))
            .collect(),
        local: Some(Local {
            launcher: instance.and_then(|instance| instance.launcher.clone()),
            env: host.interpreter().env.clone(),
        }),
        logs: job.keep_logs.then(|| Rc::clone(&store)),
        dagster: Latch::new(),
        open_runs: RefCell::default(),
        launching: RefCell::default(),
    };
    Ok(Session {
        runner,
        host: host.clone(),
        scratch: job.workdir.subdir("n")?,
        store,
        project: job.info.clone(),
        started_at: job.started_at.clone(),
        notebook_env: BTreeMap::from([
            ("DAGLAB_DAGSTER_URL".to_owned(), url),
            // The instance the runs are in. Set in any case: marimo reads the project's `.env`,
            // which may name another one.
            ("DAGSTER_HOME".to_owned(), Some(home.unwrap_or_default())),
            ("MARIMO_SKIP_UPDATE_CHECK".to_owned(), Some("1".to_owned())),
        ]),
        user_env: std::mem::take(&mut job.user_env),
        keep_pictures: job.keep_pictures,
        warm: Latch::new(),
        abilities,
        unanswered: RefCell::default(),
        lost: RefCell::default(),
        findings: RefCell::new(job.plan.findings.clone()),
    })
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
