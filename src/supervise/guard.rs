//! The guard: starts the worker, passes signals on, and cleans up whatever happens to it.

use std::ffi::OsString;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::LazyLock;
use std::time::Duration;

use rustix::process::{DumpableBehavior, Pid, Signal};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::Instant;

use super::workdir::{Workdir, remove_tree};
use super::{Error, descendants};
use crate::error::ExitStatus;
use crate::ui::runner;

/// Holds the worker's private directory; its presence tells a worker from a guard.
const VARIABLE: &str = "DAGLAB_GUARDED";

/// Which of the two processes this is.
#[derive(Debug)]
pub enum Role {
    /// The process the user started.
    Guard,
    /// The process that does the work, in this private directory.
    Worker(Workdir),
}

/// How long the worker may take to end once it was asked to. What is left after that is killed.
const PATIENCE: Duration = Duration::from_millis(3500);

/// The same under GitHub's runner, where the worker has to say what happened: the runner itself
/// kills what has not ended after ten seconds.
const PATIENCE_OF_A_RUNNER: Duration = Duration::from_millis(6500);

/// How often the worker looks whether its guard is still there.
const LOOK: Duration = Duration::from_millis(200);

static GUARD_IS_GONE: LazyLock<watch::Sender<bool>> = LazyLock::new(|| watch::Sender::new(false));

/// Finds out which of the two processes this is. A worker is bound to its guard from here on: it
/// ends when the guard is gone.
pub fn role() -> Result<Role, Error> {
    hide_from_children()?;
    let Some(value) = std::env::var_os(VARIABLE) else {
        return Ok(Role::Guard);
    };
    let value = value.to_string_lossy().into_owned();
    let Some((guard, path)) = value.split_once(':') else {
        return Ok(Role::Guard);
    };
    let path = PathBuf::from(path);
    let guard = guard.parse().ok();
    if guard != parent() {
        return Err(Error::Orphaned);
    }
    become_subreaper()?;
    let workdir = path.clone();
    std::thread::spawn(move || outlive(guard, &workdir));
    Ok(Role::Worker(Workdir::create(path)?))
}

/// Waits until the guard is gone.
pub async fn gone() {
    let mut gone = GUARD_IS_GONE.subscribe();
    // The sender is static and never dropped.
    let _ = gone.wait_for(|gone| *gone).await;
}

/// Has the worker end when the guard has. Polled rather than signalled: a signal that comes before
/// its handler would leave everything behind.
fn outlive(guard: Option<i32>, workdir: &Path) {
    while parent() == guard {
        std::thread::sleep(LOOK);
    }
    GUARD_IS_GONE.send_replace(true);
    std::thread::sleep(patience());
    // Something holds the work up; what it has started must not outlive it.
    descendants::end_all();
    remove_tree(workdir);
    #[expect(
        clippy::exit,
        reason = "the main thread is stuck and can't be asked to return"
    )]
    std::process::exit(ExitStatus::Terminated as i32);
}

fn patience() -> Duration {
    if runner::reads() {
        PATIENCE_OF_A_RUNNER
    } else {
        PATIENCE
    }
}

fn parent() -> Option<i32> {
    rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get())
}

/// Keeps other processes of this user from reading this one's memory and environment, where the
/// secrets are that children are not given. Root can read them nevertheless.
fn hide_from_children() -> Result<(), Error> {
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(|error| Error::System(error.into()))
}

fn become_subreaper() -> Result<(), Error> {
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
        .map_err(|error| Error::System(error.into()))
}

/// How a worker ended.
#[derive(Debug)]
pub struct Ended {
    /// With this exit code.
    pub code: ExitCode,
    /// By a signal rather than by itself.
    pub was_killed: bool,
}

/// Starts this program again as a worker with the same arguments, and some more, and waits for it.
/// Returns how it ended once nothing is left of it.
pub fn run(more: &[OsString]) -> Result<Ended, Error> {
    become_subreaper()?;
    let workdir = Workdir::choose();
    let code = supervise(&workdir, more);
    descendants::end_all();
    remove_tree(&workdir);
    code
}

fn supervise(workdir: &Path, more: &[OsString]) -> Result<Ended, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::System)?;
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::System)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(Error::System)?;
        let mut hangup = signal(SignalKind::hangup()).map_err(Error::System)?;

        let program = std::env::current_exe().map_err(Error::Worker)?;
        let mut command = Command::new(program);
        command.args(std::env::args_os().skip(1)).args(more);
        command.env(
            VARIABLE,
            format!(
                "{}:{}",
                rustix::process::getpid().as_raw_nonzero(),
                workdir.display()
            ),
        );
        // A group of its own: a terminal's Ctrl-C reaches the guard alone, which passes it on once.
        command.process_group(0);
        let mut worker = tokio::process::Command::from(command)
            .spawn()
            .map_err(Error::Worker)?;
        let pid = worker
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw);

        let mut asked: Option<Instant> = None;
        let status = loop {
            let patience_ends = async {
                match asked {
                    Some(asked) => tokio::time::sleep_until(asked + patience()).await,
                    None => std::future::pending().await,
                }
            };
            let signal = tokio::select! {
                status = worker.wait() => break status.map_err(Error::Worker)?,
                _ = interrupt.recv() => Signal::INT,
                _ = terminate.recv() => Signal::TERM,
                _ = hangup.recv() => Signal::HUP,
                () = patience_ends => Signal::KILL,
            };
            // Whoever asks twice does not want to wait.
            let signal = if asked.is_some() {
                Signal::KILL
            } else {
                signal
            };
            asked.get_or_insert_with(Instant::now);
            if let Some(pid) = pid {
                // The worker may have ended just now.
                let _ = rustix::process::kill_process(pid, signal);
            }
        };
        let code = status
            .code()
            .or_else(|| status.signal().map(|signal| 128 + signal));
        Ok(Ended {
            code: ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)),
            was_killed: status.signal().is_some(),
        })
    })
}
