//! The queue behind our run launcher.
//!
//! Dagster's processes ask for runs over a Unix socket; each waits here for one of a bounded number
//! of places, is started through the [`Host`], and is seen to its end. A run whose process dies
//! without saying so to Dagster is marked failed.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::Signal;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, watch};

use super::protocol::{Entry, LauncherReply, LauncherRequest, PROTOCOL, Task};
use super::writes::{Operation, write_to_instance};
use super::{Error, Exit, Host};

/// More runs than this in the queue is a runaway loop.
const LONGEST_QUEUE: usize = 10_000;

/// A request holds the job's origin as JSON, which is small; anything near this size is not one.
const LONGEST_REQUEST: u64 = 8 * 1024 * 1024;

/// How long a request may take from the connection to the reply; both sides are on this machine.
const PATIENCE: Duration = Duration::from_secs(3);

/// How many connections are served at once; the next wait to be accepted.
const CONNECTIONS: usize = 64;

/// How long to wait before the next try when a connection could not be accepted.
const PAUSE: Duration = Duration::from_millis(200);

/// How long a run may take to say goodbye after SIGTERM.
const GRACE: Duration = Duration::from_secs(5);

/// Where a run stands, as far as its process is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunState {
    /// Waits for a place.
    Queued,
    /// Has a process.
    Running,
    /// Its process has ended.
    Ended(Exit),
}

/// What runs need to be started.
#[derive(Debug, Clone)]
pub struct LauncherConfig {
    /// The socket to listen on.
    pub socket: PathBuf,
    /// Where each run's output goes: `<run id>.log`.
    pub logs: PathBuf,
    /// The instance.
    pub home: PathBuf,
    /// A private directory for requests to the instance.
    pub scratch: PathBuf,
    /// Variables on top of the host's.
    pub env: BTreeMap<String, Option<String>>,
    /// Interpreters of their own, by the names of the code locations that have one.
    pub pythons: BTreeMap<String, PathBuf>,
    /// How many runs go at once.
    pub concurrency: usize,
}

/// The queue. Clones share it.
#[derive(Clone)]
pub struct Launcher(Rc<Inner>);

struct Inner {
    host: Host,
    config: LauncherConfig,
    places: Semaphore,
    runs: RefCell<HashMap<String, Run>>,
}

struct Run {
    state: watch::Sender<RunState>,
    /// Set when the run was asked to end.
    terminate: watch::Sender<bool>,
}

impl Launcher {
    /// Listens from now on, as a task of the current [`tokio::task::LocalSet`].
    pub fn listen(host: Host, config: LauncherConfig) -> Result<Self, Error> {
        let listener = UnixListener::bind(&config.socket).map_err(|source| Error::Prepare {
            path: config.socket.clone(),
            source,
        })?;
        let launcher = Self(Rc::new(Inner {
            host,
            places: Semaphore::new(config.concurrency.max(1)),
            config,
            runs: RefCell::default(),
        }));
        tokio::task::spawn_local(launcher.clone().accept(listener));
        Ok(launcher)
    }

    async fn accept(self, listener: UnixListener) {
        let connections = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let connection = Arc::clone(&connections).acquire_owned().await;
            match listener.accept().await {
                Ok((stream, _)) => {
                    let launcher = self.clone();
                    tokio::task::spawn_local(async move {
                        let _connection = connection;
                        match tokio::time::timeout(PATIENCE, launcher.serve(stream)).await {
                            Ok(Ok(())) => {}
                            Ok(Err(error)) => {
                                tracing::debug!("a launcher connection failed: {error}");
                            }
                            Err(_) => tracing::debug!("a launcher connection took too long"),
                        }
                    });
                }
                // Such as too many open files: that passes, and runs must still be launched then.
                Err(error) => {
                    tracing::warn!("a request for a run could not be accepted: {error}");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// Waits until the process of a run that was launched has ended.
    pub async fn ended(&self, run_id: &str) -> Exit {
        let Some(mut state) = self
            .0
            .runs
            .borrow()
            .get(run_id)
            .map(|run| run.state.subscribe())
        else {
            // Not launched through here: its end is never seen.
            return std::future::pending().await;
        };
        loop {
            if let RunState::Ended(exit) = *state.borrow_and_update() {
                return exit;
            }
            if state.changed().await.is_err() {
                return Exit::default();
            }
        }
    }

    /// The log of a run's process.
    pub fn log(&self, run_id: &str) -> PathBuf {
        self.0.config.logs.join(format!("{run_id}.log"))
    }

    /// Tells Dagster that a run's process is gone, should it not know.
    pub async fn report_lost(&self, run_id: &str, message: String) {
        self.tell(Operation::RunFailed {
            run_id: run_id.to_owned(),
            message,
        })
        .await;
    }

    async fn serve(&self, stream: UnixStream) -> std::io::Result<()> {
        let (reader, mut writer) = stream.into_split();
        let mut line = String::new();
        BufReader::new(reader.take(LONGEST_REQUEST))
            .read_line(&mut line)
            .await?;
        let reply = match serde_json::from_str(&line) {
            Ok(request) => self.answer(request),
            Err(error) => LauncherReply::Refused {
                reason: format!("not a request: {error}"),
            },
        };
        let mut bytes = serde_json::to_vec(&reply).map_err(std::io::Error::other)?;
        bytes.push(b'\n');
        writer.write_all(&bytes).await
    }

    fn answer(&self, request: LauncherRequest) -> LauncherReply {
        match request {
            LauncherRequest::Launch { protocol, .. }
            | LauncherRequest::Terminate { protocol, .. }
            | LauncherRequest::Status { protocol, .. }
                if protocol != PROTOCOL =>
            {
                let reason = format!("speaks protocol {protocol}, daglab {PROTOCOL}");
                LauncherReply::Refused { reason }
            }
            LauncherRequest::Launch {
                run_id,
                location,
                argv,
                ..
            } => self.launch(run_id, location.as_deref(), argv),
            LauncherRequest::Terminate { run_id, .. } => match self.0.runs.borrow().get(&run_id) {
                Some(run) if !matches!(*run.state.borrow(), RunState::Ended(_)) => {
                    run.terminate.send_replace(true);
                    LauncherReply::Accepted
                }
                _ => LauncherReply::Refused {
                    reason: "the run has no process".to_owned(),
                },
            },
            LauncherRequest::Status { run_id, .. } => self.status(&run_id),
        }
    }

    fn status(&self, run_id: &str) -> LauncherReply {
        let state = self
            .0
            .runs
            .borrow()
            .get(run_id)
            .map(|run| *run.state.borrow());
        let (state, detail) = match state {
            None => ("unknown", None),
            Some(RunState::Queued) => ("queued", None),
            Some(RunState::Running) => ("running", None),
            Some(RunState::Ended(exit)) if exit.is_success() => ("succeeded", None),
            Some(RunState::Ended(exit)) => ("failed", Some(exit.describe())),
        };
        LauncherReply::State {
            state: state.to_owned(),
            detail,
        }
    }

    fn launch(&self, run_id: String, location: Option<&str>, argv: Vec<String>) -> LauncherReply {
        // The id names a log file.
        if run_id.is_empty()
            || !run_id
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
        {
            return LauncherReply::Refused {
                reason: "that is not a run id".to_owned(),
            };
        }
        // Whatever asks, a run is the one thing that is started here.
        if argv
            .get(..2)
            .is_none_or(|first| first != ["api", "execute_run"])
        {
            return LauncherReply::Refused {
                reason: "only runs are launched here".to_owned(),
            };
        }
        let mut runs = self.0.runs.borrow_mut();
        let unfinished = runs
            .values()
            .filter(|run| !matches!(*run.state.borrow(), RunState::Ended(_)))
            .count();
        if unfinished >= LONGEST_QUEUE {
            return LauncherReply::Refused {
                reason: format!("{unfinished} runs are waiting"),
            };
        }
        if runs.contains_key(&run_id) {
            return LauncherReply::Refused {
                reason: "the run was launched already".to_owned(),
            };
        }
        let (state, _) = watch::channel(RunState::Queued);
        let (terminate, when_terminated) = watch::channel(false);
        runs.insert(
            run_id.clone(),
            Run {
                state: state.clone(),
                terminate,
            },
        );
        let python = location.and_then(|name| self.0.config.pythons.get(name));
        let (launcher, python) = (self.clone(), python.cloned());
        tokio::task::spawn_local(async move {
            launcher
                .see_through(run_id, python, argv, &state, when_terminated)
                .await;
        });
        LauncherReply::Accepted
    }

    async fn see_through(
        &self,
        run_id: String,
        python: Option<PathBuf>,
        argv: Vec<String>,
        state: &watch::Sender<RunState>,
        mut terminate: watch::Receiver<bool>,
    ) {
        let place = tokio::select! {
            place = self.0.places.acquire() => place,
            () = asked_to_end(&mut terminate) => {
                self.tell(Operation::RunCanceled { run_id }).await;
                state.send_replace(RunState::Ended(Exit::default()));
                return;
            }
        };
        let log = self.log(&run_id);
        let finished = log.with_extension("finished");
        let task = Task {
            entry: Entry::Run,
            argv: [vec![finished.display().to_string()], argv].concat(),
            env: self.0.config.env.clone(),
            cwd: self.0.host.interpreter().cwd.clone(),
            stdout: log.clone(),
            stderr: log,
        };
        let mut running = match self.0.host.start_in(python.as_deref(), &task).await {
            Ok(running) => running,
            Err(error) => {
                let message = format!("the run's process could not be started: {error}");
                self.tell(Operation::RunFailed { run_id, message }).await;
                state.send_replace(RunState::Ended(Exit::default()));
                return;
            }
        };
        state.send_replace(RunState::Running);
        let ended = tokio::select! {
            exit = running.wait() => Some(exit),
            () = asked_to_end(&mut terminate) => None,
        };
        let exit = match ended {
            Some(exit) => exit,
            None => {
                running.signal(Signal::TERM);
                match tokio::time::timeout(GRACE, running.wait()).await {
                    Ok(exit) => exit,
                    Err(_) => running.end(Duration::ZERO).await,
                }
            }
        };
        // Such as the processes of steps whose run was killed: they take what the next run needs.
        running.kill_stragglers();
        drop(place);
        if ended.is_none() {
            self.tell(Operation::RunCanceled { run_id }).await;
        } else if !exit.is_success() || !finished.exists() {
            let message = format!(
                "the run's process {} without finishing the run",
                exit.describe()
            );
            self.tell(Operation::RunFailed { run_id, message }).await;
        }
        state.send_replace(RunState::Ended(exit));
    }

    /// Writes to the instance; both operations leave a run alone that has finished by itself.
    async fn tell(&self, operation: Operation) {
        let config = &self.0.config;
        if let Err(error) =
            write_to_instance(&self.0.host, &config.home, &config.scratch, &[operation]).await
        {
            tracing::warn!("Dagster could not be told about a run: {error}");
        }
    }
}

async fn asked_to_end(terminate: &mut watch::Receiver<bool>) {
    // The sender lives as long as the queue.
    let _ = terminate.wait_for(|asked| *asked).await;
}

/// The `run_launcher` section of dagster.yaml.
pub fn dagster_yaml(socket: &Path) -> serde_json::Value {
    serde_json::json!({
        "module": "daglab._host.launcher",
        "class": "WarmRunLauncher",
        "config": { "socket": socket },
    })
}
