//! Where Python runs: the warm host that imports once and forks, or plain command lines.
//!
//! [`Host::start`] takes a [`Task`] and gives a [`Running`]; which of the two ways it went is only
//! visible in [`Host::isolation`] and in the findings. Nothing here knows what a notebook or a run
//! is worth: timeouts, order and retries are the caller's.

pub mod instance;
pub mod launcher;
pub mod look_up;
pub mod package;
mod plain;
pub mod protocol;
mod running;
mod warm;
pub mod writes;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use futures_util::future::{join_all, try_join_all};

use crate::error::{Diagnose, ExitStatus};
use crate::supervise::left;
pub use protocol::{Entry, Library, Task};
pub use running::{Exit, Running};

/// Why Python could not be run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The interpreter could not be started.
    #[error("could not start `{}`", python.display())]
    Start {
        /// The interpreter.
        python: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The host ended or spoke nonsense before it was ready.
    #[error("the Python host {what}")]
    Host {
        /// What it did.
        what: String,
        /// The end of what it printed.
        output: String,
    },
    /// A file or socket of the host could not be made.
    #[error("could not prepare `{}`", path.display())]
    Prepare {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The web server or a code server did not start.
    #[error("{what}")]
    Server {
        /// Which one, and what became of it.
        what: String,
        /// The end of its log.
        output: String,
    },
    /// A directory that was to hold the instance already holds something else.
    #[error("`{}` is not empty and was not made by daglab", dir.display())]
    InstanceDir {
        /// The directory.
        dir: PathBuf,
    },
    /// Another command uses the directory at this moment.
    #[error("`{}` is in use by another daglab", dir.display())]
    InstanceInUse {
        /// The directory.
        dir: PathBuf,
    },
    /// `--instance existing` without an instance.
    #[error("there is no existing Dagster instance to use: `DAGSTER_HOME` is not set")]
    NoInstance,
}

impl Diagnose for Error {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::InstanceDir { .. } | Self::InstanceInUse { .. } => ExitStatus::Conflict,
            _ => ExitStatus::Environment,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::InstanceDir { .. } => {
                Some("give `--keep-instance` a new or an empty directory".to_owned())
            }
            Self::InstanceInUse { .. } => {
                Some("wait for it to end, or give `--keep-instance` another directory".to_owned())
            }
            Self::NoInstance => Some(
                "set `DAGSTER_HOME` to the instance's directory, or leave out `--instance existing`"
                    .to_owned(),
            ),
            Self::Host { .. } => {
                Some("`--isolation spawn` starts every process by its plain command line".to_owned())
            }
            _ => None,
        }
    }

    fn detail(&self) -> Option<String> {
        match self {
            Self::Host { output, .. } | Self::Server { output, .. }
                if !output.trim().is_empty() =>
            {
                Some(output.trim_end().to_owned())
            }
            _ => None,
        }
    }
}

/// How children are started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    /// Forked from one process that has imported the libraries.
    Fork,
    /// Each by its own command line.
    Spawn,
}

impl Isolation {
    /// The name in flags and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fork => "fork",
            Self::Spawn => "spawn",
        }
    }
}

/// How Python is called in this project.
#[derive(Debug, Clone)]
pub struct Interpreter {
    /// The program.
    pub python: PathBuf,
    /// All variables that children see.
    pub env: BTreeMap<String, String>,
    /// Where tasks stand unless they say otherwise: the project's root.
    pub cwd: PathBuf,
    /// `PYTHONPATH` for a code location that names an interpreter of its own: what completes this
    /// one would get in its way.
    pub foreign_pythonpath: String,
    /// Where daglab's own package is; all that the warm host itself has on its path, so that no
    /// module of the project can stand in for a library's.
    pub package: PathBuf,
}

/// One environment's Python.
#[derive(Clone)]
pub struct Host(Rc<Inner>);

struct Inner {
    interpreter: Interpreter,
    warm: RefCell<BTreeMap<Library, warm::Warm>>,
    next_id: Cell<protocol::TaskId>,
    /// Why tasks that should have been forked were not, each reason once.
    degraded: RefCell<Vec<String>>,
}

impl Host {
    /// Starts a warm host for each of the libraries, or gets ready to spawn. `logs` is the directory
    /// that receives what the hosts themselves print.
    ///
    /// With [`Isolation::Fork`] a host that does not come up is an error; a caller that may spawn
    /// instead starts again.
    pub async fn start_up(
        interpreter: Interpreter,
        isolation: Isolation,
        libraries: &[Library],
        logs: &Path,
    ) -> Result<Self, Error> {
        let forked = match isolation {
            Isolation::Fork => libraries,
            Isolation::Spawn => &[],
        };
        let started = forked.iter().map(|library| async {
            let log = logs.join(format!("{}.log", library.as_str()));
            let warm = warm::Warm::start(&interpreter, *library, &log).await?;
            Ok::<_, Error>((*library, warm))
        });
        let warm = try_join_all(started).await?.into_iter().collect();
        Ok(Self(Rc::new(Inner {
            interpreter,
            warm: RefCell::new(warm),
            next_id: Cell::new(1),
            degraded: RefCell::default(),
        })))
    }

    /// The same as was asked for; unasked, by forks where that works, and else by command lines.
    pub async fn start_as_able(
        interpreter: &Interpreter,
        isolation: Option<Isolation>,
        libraries: &[Library],
        logs: &Path,
    ) -> Result<Self, Error> {
        let start = |isolation| Self::start_up(interpreter.clone(), isolation, libraries, logs);
        match start(isolation.unwrap_or(Isolation::Fork)).await {
            Err(error) if isolation.is_none() => {
                let host = start(Isolation::Spawn).await?;
                host.note_degraded(format!(
                    "every process is started by its command line: {error}"
                ));
                Ok(host)
            }
            started => started,
        }
    }

    /// How a task is started now.
    pub fn isolation(&self, entry: Entry) -> Isolation {
        if self.0.warm.borrow().contains_key(&entry.library()) {
            Isolation::Fork
        } else {
            Isolation::Spawn
        }
    }

    /// The interpreter and its environment.
    pub fn interpreter(&self) -> &Interpreter {
        &self.0.interpreter
    }

    /// Why tasks were spawned that should have been forked.
    pub fn degraded(&self) -> Vec<String> {
        self.0.degraded.borrow().clone()
    }

    /// Notes that something went the slow way.
    pub fn note_degraded(&self, reason: impl Into<String>) {
        let reason = reason.into();
        let mut all = self.0.degraded.borrow_mut();
        if !all.contains(&reason) {
            tracing::debug!("degraded: {reason}");
            all.push(reason);
        }
    }

    /// Imports modules for all notebooks, so that later forks have them. Does nothing when spawning.
    pub async fn preload(&self, modules: Vec<String>) {
        let warm = self.0.warm.borrow().get(&Library::Marimo).cloned();
        let Some(warm) = warm else { return };
        match warm.preload(modules).await {
            Ok(preloaded) => {
                for (module, why) in &preloaded.skipped {
                    tracing::debug!("`{module}` is not preloaded: {why}");
                }
                if preloaded.threads > 0 {
                    tracing::debug!("the host has {} native threads", preloaded.threads);
                }
            }
            Err(reason) => self.lose_warm(Library::Marimo, &reason),
        }
    }

    /// Starts a task: by a fork if the host is warm, else, or if the host refuses, by its command
    /// line.
    pub async fn start(&self, task: &Task) -> Result<Running, Error> {
        let library = task.entry.library();
        let warm = self.0.warm.borrow().get(&library).cloned();
        if let Some(warm) = warm {
            let mut task = task.clone();
            let path = self.0.interpreter.env.get("PYTHONPATH");
            task.env
                .entry("PYTHONPATH".to_owned())
                .or_insert_with(|| path.cloned());
            match warm.fork(self.new_id(), task).await {
                Ok(running) => return Ok(running),
                Err(warm::ForkError::Refused(reason)) => self.note_degraded(reason),
                Err(warm::ForkError::Lost(reason)) => self.lose_warm(library, &reason),
            }
        }
        self.spawn(task)
    }

    /// Starts a task by its command line, whatever the host can do.
    pub fn spawn(&self, task: &Task) -> Result<Running, Error> {
        plain::spawn(&self.0.interpreter, self.new_id(), task)
    }

    /// Starts a task for a code location, which may have an interpreter of its own: that one can't
    /// be forked from here.
    pub async fn start_in(&self, python: Option<&Path>, task: &Task) -> Result<Running, Error> {
        let ours = &self.0.interpreter;
        match python {
            Some(python) if python != ours.python => {
                let mut theirs = ours.clone();
                python.clone_into(&mut theirs.python);
                let path = theirs.foreign_pythonpath.clone();
                theirs.env.insert("PYTHONPATH".to_owned(), path);
                plain::spawn(&theirs, self.new_id(), task)
            }
            _ => self.start(task).await,
        }
    }

    fn new_id(&self) -> protocol::TaskId {
        self.0.next_id.replace(self.0.next_id.get() + 1)
    }

    fn lose_warm(&self, library: Library, reason: &str) {
        self.0.warm.borrow_mut().remove(&library);
        let name = library.as_str();
        self.note_degraded(format!("the Python host of {name} ended: {reason}"));
    }

    /// Ends the hosts and everything they forked.
    pub async fn shut_down(&self) {
        let warm = self.0.warm.take();
        join_all(warm.values().map(warm::Warm::shut_down)).await;
    }
}

/// The last lines of a log, for an error message.
pub fn tail(path: &Path, lines: usize) -> String {
    // Enough for any traceback; a log may be large.
    const WINDOW: u64 = 64 * 1024;
    let text = left::read_end(path, WINDOW).unwrap_or_default();
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}
