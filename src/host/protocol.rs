//! The messages between daglab, the warm host and the run launcher.
//!
//! Newline-delimited JSON, one message a line, UTF-8. The host speaks over a Unix socket pair that
//! it inherits as descriptor 0; the launcher inside Dagster's processes connects to a socket in the
//! instance's private directory and may send [`LauncherRequest`] only. The host forks, reaps and
//! reports; it decides nothing. `python/daglab/_host/protocol.py` is the other half: both sides say
//! [`PROTOCOL`] first, and a difference is an error rather than a guess.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The version both sides must speak.
pub const PROTOCOL: u32 = 1;

/// Names one task for the life of a host. Chosen by daglab, never reused.
pub type TaskId = u64;

/// What a task runs: a Python module's command line, as `python -m MODULE ARGV…` would.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// `dagster …`: code servers.
    Dagster,
    /// `daglab._host.run`: a run, by `dagster api execute_run`.
    Run,
    /// `dagster-webserver …`.
    Webserver,
    /// `marimo …`, for what has no kernel: `marimo check`.
    Marimo,
    /// `daglab._host.notebook`: an export of one notebook with its kernel watched.
    Notebook,
    /// `daglab._host.instance`: writes to a Dagster instance, for what GraphQL can't.
    Instance,
    /// `daglab._host.look_up`: the import of one module of the project.
    LookUp,
}

/// What a warm host has imported, and so forks. There is one host for each: they start at the same
/// time on two processors, and a notebook that takes its host along leaves Dagster alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Library {
    /// Dagster and its web server.
    Dagster,
    /// marimo, and what notebooks share.
    Marimo,
}

impl Library {
    /// The argument of `python -m daglab._host`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dagster => "dagster",
            Self::Marimo => "marimo",
        }
    }
}

impl Entry {
    /// The host that forks it.
    pub fn library(self) -> Library {
        match self {
            Self::Dagster | Self::Run | Self::Webserver | Self::Instance | Self::LookUp => {
                Library::Dagster
            }
            Self::Marimo | Self::Notebook => Library::Marimo,
        }
    }

    /// The module for `python -m`.
    pub fn module(self) -> &'static str {
        match self {
            Self::Dagster => "daglab._host.run_dagster",
            Self::Run => "daglab._host.run",
            Self::Webserver => "daglab._host.run_webserver",
            Self::Marimo => "marimo",
            Self::Notebook => "daglab._host.notebook",
            Self::Instance => "daglab._host.instance",
            Self::LookUp => "daglab._host.look_up",
        }
    }
}

/// One process to start: the same value is forked from the host or spawned as a command line.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Task {
    /// What it runs.
    pub entry: Entry,
    /// Its arguments, without the program's name.
    pub argv: Vec<String>,
    /// Variables set or, with `null`, removed on top of the host's environment. `DAGLAB_TASK` is
    /// also written where `/proc/PID/environ` shows it, so that the task's processes can be found.
    pub env: BTreeMap<String, Option<String>>,
    /// Its working directory.
    pub cwd: PathBuf,
    /// Where its standard output goes; the file is appended to.
    pub stdout: PathBuf,
    /// Where its standard error goes; may be the same file.
    pub stderr: PathBuf,
}

/// From daglab to the host.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Request {
    /// Import these modules now, so that every later fork has them. Answered by
    /// [`Reply::Preloaded`]. Nothing is called in them. What is not known to be harmless is imported
    /// in a fork first; one that hangs, dies, fails or starts a thread there is left out, and so is
    /// what the environment has not installed itself.
    ///
    /// A host with a second thread of Python refuses to fork.
    Preload {
        /// Module names, in this order.
        modules: Vec<String>,
    },
    /// Start a task. Answered by [`Reply::Started`] and later [`Reply::Exited`], or by
    /// [`Reply::Refused`].
    Fork {
        /// The task's name from now on.
        id: TaskId,
        /// What to start.
        task: Task,
    },
    /// Send a signal to a task's process group.
    Signal {
        /// The task.
        id: TaskId,
        /// The signal's number.
        signal: i32,
    },
    /// End all tasks and exit.
    Shutdown,
}

/// From the host to daglab.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Reply {
    /// First of all, once the libraries are imported.
    Hello {
        /// [`PROTOCOL`] of the host.
        protocol: u32,
        /// `sys.version_info` as `3.11.7`.
        python: String,
        /// Installed versions by distribution: `dagster`, `dagster-webserver`, `dagster-graphql`,
        /// `marimo`. Absent where it is not installed or could not be imported.
        versions: BTreeMap<String, String>,
        /// Why a library that is installed could not be imported, by distribution.
        import_errors: BTreeMap<String, String>,
    },
    /// The answer to [`Request::Preload`].
    Preloaded {
        /// What is imported now.
        loaded: Vec<String>,
        /// What is not, and why.
        skipped: BTreeMap<String, String>,
        /// How many threads the host has now beside its own: native ones, as of OpenBLAS's pool,
        /// which is made anew after a fork.
        threads: u32,
    },
    /// A task was started.
    Started {
        /// The task.
        id: TaskId,
        /// Its process, which leads a process group of its own.
        pid: i32,
    },
    /// A task could not be started.
    Refused {
        /// The task.
        id: TaskId,
        /// Why.
        reason: String,
    },
    /// A task has ended and was reaped.
    Exited {
        /// The task.
        id: TaskId,
        /// Its exit code, unless a signal ended it.
        code: Option<i32>,
        /// The signal that ended it.
        signal: Option<i32>,
        /// Highest resident memory of it and its reaped children, in bytes.
        peak_memory_bytes: u64,
    },
}

/// From the run launcher (in the web server or a code server) to daglab, one a connection.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum LauncherRequest {
    /// Queue a run.
    Launch {
        /// [`PROTOCOL`] of the launcher.
        protocol: u32,
        /// Dagster's run id.
        run_id: String,
        /// The name of the run's code location, where Dagster knows it.
        location: Option<String>,
        /// What `dagster` is to be called with: `["api", "execute_run", "<json>"]`.
        argv: Vec<String>,
    },
    /// Terminate a run, queued or under way.
    Terminate {
        /// [`PROTOCOL`] of the launcher.
        protocol: u32,
        /// Dagster's run id.
        run_id: String,
    },
    /// Ask what a run's process is doing.
    Status {
        /// [`PROTOCOL`] of the launcher.
        protocol: u32,
        /// Dagster's run id.
        run_id: String,
    },
}

/// The answer to a [`LauncherRequest`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum LauncherReply {
    /// Done as asked.
    Accepted,
    /// Not done.
    Refused {
        /// Why.
        reason: String,
    },
    /// The answer to [`LauncherRequest::Status`].
    State {
        /// `unknown`, `queued`, `running`, `succeeded` or `failed`.
        state: String,
        /// What is known beside it, such as the signal that ended the process.
        detail: Option<String>,
    },
}
