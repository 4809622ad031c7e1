//! Who is asked what there is: a server, or Dagster started for this command alone.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use super::{Error, Setting};
use crate::ci::job::Job;
use crate::ci::plan::Plan;
use crate::commands::Failure;
use crate::commands::connect::Unanswered;
use crate::commands::prepare::{Begun, Setting as Preparing};
use crate::config::Loaded;
use crate::dagster::discover::Workspace;
use crate::dagster::{Client, ClientConfig, Error as DagsterError};
use crate::host::instance::{self, Instance, Kind, Setup};
use crate::host::look_up::{self, Answer as Looked, LookUp};
use crate::host::{Host, Isolation, Library};
use crate::project::Project;
use crate::ui::progress::Event;
use crate::ui::text::one_line;

/// How long a server that nobody has named may take to answer.
const PROBE: Duration = Duration::from_secs(3);

/// What there is, and whoever has said it.
pub(super) struct Answer<'a> {
    /// Who answers; nobody with `--offline`.
    pub(super) dagster: Option<Answering>,
    /// The project's Python, where it was needed.
    python: Option<Python<'a>>,
    instance: RefCell<Option<Instance>>,
}

/// A server, and what it has.
pub(super) struct Answering {
    pub(super) client: Client,
    pub(super) workspace: Workspace,
    /// Whether it is the one that was started for this command.
    pub(super) is_ephemeral: bool,
}

/// The project's Python.
struct Python<'a> {
    host: Host,
    job: Job<'a>,
}

/// Finds out what there is.
pub(super) async fn ask<'a>(setting: &'a Setting<'a>) -> Result<Answer<'a>, Failure> {
    let args = setting.args;
    if args.offline {
        setting.say("nobody was asked: names and run config are not checked");
        return Answer::without_instance(setting, None).await;
    }
    if !args.ephemeral
        && let Some(answering) = server(setting).await?
    {
        return Answer::without_instance(setting, Some(answering)).await;
    }
    let Some(project) = &setting.project else {
        return Err(Error::NobodyToAsk.into());
    };
    ephemeral(setting, project).await
}

/// A server that is there already, if it is one to ask.
async fn server(setting: &Setting<'_>) -> Result<Option<Answering>, Failure> {
    let connect = &setting.args.connect;
    let (context, loaded) = (setting.context, &setting.loaded);
    let is_named = connect.names_a_server(context, loaded);
    let config = connect.config(context, loaded, &setting.root)?;
    let config = match is_named {
        true => config,
        false => ClientConfig {
            timeout: PROBE,
            retries: 0,
            ..config
        },
    };
    (setting.emit)(Event::Phase("asking".to_owned()));
    let client = Client::new(&config)?;
    match workspace(&client, loaded).await {
        Ok(workspace) if is_named || serves(&workspace, setting.project.as_ref()) => {
            Ok(Some(Answering {
                client,
                workspace,
                is_ephemeral: false,
            }))
        }
        Ok(_) => {
            tracing::info!("`{}` serves another project", client.url());
            Ok(None)
        }
        Err(error) if connect.is_given() || setting.project.is_none() => {
            Err(Unanswered(error).into())
        }
        Err(error) if is_named => {
            let why = one_line(&error.to_string());
            setting.say(&format!("{why}; the project's own code is asked"));
            Ok(None)
        }
        Err(error) => {
            tracing::debug!("nobody to ask at `{}`: {error}", client.url());
            Ok(None)
        }
    }
}

async fn workspace(client: &Client, loaded: &Loaded) -> Result<Workspace, DagsterError> {
    let workspace = client.workspace().await?;
    if workspace.loading().next().is_none() {
        return Ok(workspace);
    }
    let limit = loaded.settings.performance.max_wait_time.duration();
    client.wait_ready(limit, workspace.locations.len()).await
}

/// Whether a server that happens to be there is one of this project.
fn serves(workspace: &Workspace, project: Option<&Project>) -> bool {
    project.is_some_and(|project| {
        project.locations.iter().all(|ours| {
            let mut theirs = workspace.locations.iter();
            theirs.any(|theirs| theirs.name == ours.name)
        })
    })
}

/// What preparing Python wants to know of a plan: there is none.
fn no_plan() -> Plan {
    Plan {
        validate: false,
        check: false,
        strict: false,
        concurrency: 1,
        runs: Vec::new(),
        notebooks: Vec::new(),
        findings: Vec::new(),
    }
}

async fn python<'a>(
    setting: &'a Setting<'a>,
    project: &'a Project,
    kind: Option<Kind>,
) -> Result<Python<'a>, Failure> {
    let is_needed = kind.is_some();
    let preparing = Preparing {
        context: setting.context,
        project,
        loaded: &setting.loaded,
        children: &setting.args.children,
        cancel: setting.cancel.clone(),
        emit: Rc::clone(&setting.emit),
        begun: Begun::now(),
    };
    let Ok(job) = preparing.job(no_plan(), kind).await? else {
        // Whoever waits for this has stopped, too.
        return std::future::pending().await;
    };
    let logs = job.workdir.subdir("host")?;
    // One import is not worth a warm host.
    let (isolation, libraries) = match is_needed {
        true => (job.isolation, &[Library::Dagster][..]),
        false => (Some(Isolation::Spawn), &[][..]),
    };
    let host = Host::start_as_able(&job.interpreter, isolation, libraries, &logs).await?;
    Ok(Python { host, job })
}

async fn ephemeral<'a>(
    setting: &'a Setting<'a>,
    project: &'a Project,
) -> Result<Answer<'a>, Failure> {
    let python = python(setting, project, Some(Kind::Ephemeral)).await?;
    let Python { host, job } = &python;
    (setting.emit)(Event::Phase("starting Dagster".to_owned()));
    let setup = Setup {
        workdir: job.workdir,
        kind: Kind::Ephemeral,
        locations: &job.locations,
        concurrency: 1,
        template: &job.template,
    };
    let mut instance = Instance::start(host, setup, instance::free_port()?).await?;
    let client = Client::new(&ClientConfig {
        url: instance.url.clone(),
        ..job.client.clone()
    })?;
    let workspace = tokio::select! {
        ready = client.wait_ready(job.start_up, job.locations.len()) => ready?,
        error = instance.watch(|location, error| {
            tracing::warn!("the code server of `{location}` ended: {error}");
        }) => return Err(error.into()),
    };
    Ok(Answer {
        dagster: Some(Answering {
            client,
            workspace,
            is_ephemeral: true,
        }),
        python: Some(python),
        instance: RefCell::new(Some(instance)),
    })
}

impl<'a> Answer<'a> {
    /// Of a server that is there already; Python is only needed to import a module.
    async fn without_instance(
        setting: &'a Setting<'a>,
        dagster: Option<Answering>,
    ) -> Result<Self, Failure> {
        let python = match (&setting.args.module, &setting.project) {
            (Some(module), None) => return Err(Error::NoPython(module.clone()).into()),
            (Some(_), Some(project)) => Some(python(setting, project, None).await?),
            (None, _) => None,
        };
        Ok(Self {
            dagster,
            python,
            instance: RefCell::new(None),
        })
    }

    /// marimo's version, where Python was asked.
    pub(super) fn marimo_version(&self) -> Option<&str> {
        let versions = &self.python.as_ref()?.job.versions;
        versions.get("marimo").map(String::as_str)
    }

    /// The folders on the import path of the project's Python.
    pub(super) fn import_path(&self) -> Vec<PathBuf> {
        let path = self.python.as_ref().and_then(|python| {
            let env = &python.host.interpreter().env;
            env.get("PYTHONPATH")
        });
        path.map(|path| std::env::split_paths(path).collect())
            .unwrap_or_default()
    }

    /// Imports a module in the project's Python, and says with which.
    pub(super) async fn look_up(
        &self,
        python: Option<&Path>,
        request: &LookUp,
    ) -> Result<(Option<Looked>, PathBuf), Failure> {
        let ours = self.python.as_ref();
        let Python { host, job } = ours.ok_or_else(|| Error::NoPython(request.module.clone()))?;
        let scratch = job.workdir.subdir("scratch")?;
        let answer = look_up::look_up(host, python, &scratch, request).await?;
        let python = python.unwrap_or(&host.interpreter().python);
        Ok((answer, python.to_owned()))
    }

    /// Ends what was started.
    pub(super) async fn stop(&self) {
        let instance = self.instance.take();
        if let Some(mut instance) = instance {
            instance.stop().await;
        }
        if let Some(python) = &self.python {
            python.host.shut_down().await;
        }
    }
}
