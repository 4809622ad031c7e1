//! The connection to the warm host process.

use std::collections::{BTreeMap, HashMap};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::Pid;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot};

use super::plain::append_to;
use super::protocol::{Library, PROTOCOL, Reply, Request, TaskId};
use super::running::{MARK, mark};
use super::{Error, Exit, Interpreter, Running, Task, tail};
use crate::supervise::orphans;

/// How long imports may take on a slow machine with a cold disk.
const IMPORTS: Duration = Duration::from_secs(120);

/// How long the host may take to end what it forked.
const SHUT_DOWN: Duration = Duration::from_secs(3);

/// What [`Warm::preload`] came to.
#[derive(Debug)]
pub(super) struct Preloaded {
    pub(super) skipped: BTreeMap<String, String>,
    pub(super) threads: u32,
}

/// Why a task was not forked.
#[derive(Debug)]
pub(super) enum ForkError {
    /// The host lives but can't do this one.
    Refused(String),
    /// The host is gone.
    Lost(String),
}

/// A handle on the host; clones speak to the same process.
#[derive(Clone)]
pub(super) struct Warm {
    requests: mpsc::UnboundedSender<Request>,
    waiting: Arc<Mutex<Waiting>>,
    process: Arc<tokio::sync::Mutex<Child>>,
}

/// Who waits for which reply.
#[derive(Default)]
struct Waiting {
    started: HashMap<TaskId, oneshot::Sender<Result<i32, String>>>,
    exited: HashMap<TaskId, oneshot::Sender<Exit>>,
    preloaded: Option<oneshot::Sender<Preloaded>>,
    /// Set when the connection ended: nobody needs to wait any more.
    lost: bool,
}

impl Warm {
    pub(super) async fn start(
        interpreter: &Interpreter,
        library: Library,
        log: &Path,
    ) -> Result<Self, Error> {
        let started = |source| Error::Start {
            python: interpreter.python.clone(),
            source,
        };
        let (ours, theirs) = UnixStream::pair().map_err(started)?;
        let theirs = theirs.into_std().map_err(started)?;
        theirs.set_nonblocking(false).map_err(started)?;
        let mut process = Command::new(&interpreter.python)
            .args(["-m", "daglab._host", library.as_str()])
            .env_clear()
            .envs(&interpreter.env)
            .env("PYTHONPATH", &interpreter.package)
            // No task has this one: each writes its own over it.
            .env(MARK, mark(0))
            .current_dir(&interpreter.package)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(append_to(log)?)
            .stderr(append_to(log)?)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(started)?;
        orphans::is_own(process.id());

        let failed = |what: &str| Error::Host {
            what: what.to_owned(),
            output: tail(log, 30),
        };
        let (reader, writer) = ours.into_split();
        let mut lines = BufReader::new(reader);
        let mut first = String::new();
        let hello = tokio::time::timeout(IMPORTS, lines.read_line(&mut first)).await;
        match hello {
            Err(_) => return Err(failed("did not answer in time")),
            Ok(Err(_) | Ok(0)) => {
                // Its log is complete once it has ended.
                let _ = tokio::time::timeout(Duration::from_secs(2), process.wait()).await;
                return Err(failed("ended before it was ready"));
            }
            Ok(Ok(_)) => {}
        }
        match serde_json::from_str(&first) {
            Ok(Reply::Hello {
                protocol: PROTOCOL,
                import_errors,
                ..
            }) => {
                for (name, why) in &import_errors {
                    tracing::debug!("the host could not import `{name}`: {why}");
                }
            }
            Ok(Reply::Hello { protocol, .. }) => {
                return Err(failed(&format!(
                    "speaks protocol {protocol}, not {PROTOCOL}"
                )));
            }
            _ => return Err(failed("did not say hello")),
        }

        let (requests, queue) = mpsc::unbounded_channel();
        let waiting = Arc::new(Mutex::new(Waiting::default()));
        tokio::spawn(write(queue, writer));
        tokio::spawn(read(lines, Arc::clone(&waiting)));
        Ok(Self {
            requests,
            waiting,
            process: Arc::new(tokio::sync::Mutex::new(process)),
        })
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn preload(&self, modules: Vec<String>) -> Result<Preloaded, String> {
        let (sender, receiver) = oneshot::channel();
        self.waiting().preloaded = Some(sender);
        self.send(Request::Preload { modules })?;
        match tokio::time::timeout(IMPORTS, receiver).await {
            Ok(Ok(preloaded)) => Ok(preloaded),
            Ok(Err(_)) => Err("it died while it imported".to_owned()),
            Err(_) => Err("its imports did not come back".to_owned()),
        }
    }

    pub(super) async fn fork(&self, id: TaskId, mut task: Task) -> Result<Running, ForkError> {
        task.env.insert(MARK.to_owned(), Some(mark(id)));
        let (started, when_started) = oneshot::channel();
        let (exited, when_exited) = oneshot::channel();
        {
            let mut waiting = self.waiting();
            if waiting.lost {
                return Err(ForkError::Lost("its connection is closed".to_owned()));
            }
            waiting.started.insert(id, started);
            waiting.exited.insert(id, exited);
        }
        self.send(Request::Fork { id, task })
            .map_err(ForkError::Lost)?;
        match when_started.await {
            Ok(Ok(pid)) => {
                let pid = Pid::from_raw(pid)
                    .ok_or_else(|| ForkError::Lost("it named process 0".to_owned()))?;
                Ok(Running::new(pid, id, when_exited))
            }
            Ok(Err(reason)) => Err(ForkError::Refused(reason)),
            Err(_) => Err(ForkError::Lost("it died before it forked".to_owned())),
        }
    }

    pub(super) async fn shut_down(&self) {
        // If it is gone already, all the better.
        let _ = self.send(Request::Shutdown);
        let mut process = self.process.lock().await;
        if tokio::time::timeout(SHUT_DOWN, process.wait())
            .await
            .is_err()
        {
            let _ = process.kill().await;
        }
    }

    fn send(&self, request: Request) -> Result<(), String> {
        self.requests
            .send(request)
            .map_err(|_| "its connection is closed".to_owned())
    }
}

async fn write(mut queue: mpsc::UnboundedReceiver<Request>, mut socket: OwnedWriteHalf) {
    while let Some(request) = queue.recv().await {
        let mut line = serde_json::to_vec(&request).expect("a request is plain data");
        line.push(b'\n');
        if socket.write_all(&line).await.is_err() {
            return;
        }
    }
}

async fn read(lines: BufReader<OwnedReadHalf>, waiting: Arc<Mutex<Waiting>>) {
    let mut lines = lines.lines();
    while let Ok(Some(line)) = lines.next_line().await {
        match serde_json::from_str(&line) {
            Ok(reply) => dispatch(reply, &waiting),
            Err(error) => tracing::warn!("the Python host sent a line that is no reply: {error}"),
        }
    }
    let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
    // Dropping the senders wakes whoever waits.
    *waiting = Waiting {
        lost: true,
        ..Waiting::default()
    };
}

/// Hands a reply to whoever waits for it; a receiver that is gone no longer cares.
fn dispatch(reply: Reply, waiting: &Mutex<Waiting>) {
    let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
    match reply {
        Reply::Hello { .. } => tracing::warn!("the Python host said hello twice"),
        Reply::Preloaded {
            skipped, threads, ..
        } => {
            if let Some(sender) = waiting.preloaded.take() {
                let _ = sender.send(Preloaded { skipped, threads });
            }
        }
        Reply::Started { id, pid } => {
            if let Some(sender) = waiting.started.remove(&id) {
                let _ = sender.send(Ok(pid));
            }
        }
        Reply::Refused { id, reason } => {
            waiting.exited.remove(&id);
            if let Some(sender) = waiting.started.remove(&id) {
                let _ = sender.send(Err(reason));
            }
        }
        Reply::Exited {
            id,
            code,
            signal,
            peak_memory_bytes,
        } => {
            if let Some(sender) = waiting.exited.remove(&id) {
                let peak_memory_bytes = Some(peak_memory_bytes);
                let _ = sender.send(Exit {
                    code,
                    signal,
                    peak_memory_bytes,
                });
            }
        }
    }
}
