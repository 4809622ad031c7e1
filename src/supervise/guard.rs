//! The guard: starts the worker, passes signals on, and cleans up whatever happens to it.

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitCode};

use rustix::process::{Pid, Signal};
use tokio::signal::unix::{SignalKind, signal};

use super::workdir::Workdir;
use super::{Error, descendants};

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

/// Finds out which of the two processes this is. A worker is bound to its guard from here on: it
/// gets SIGTERM when the guard dies.
pub fn role() -> Result<Role, Error> {
    let Some(value) = std::env::var_os(VARIABLE) else {
        return Ok(Role::Guard);
    };
    let value = value.to_string_lossy().into_owned();
    let Some((parent, path)) = value.split_once(':') else {
        return Ok(Role::Guard);
    };
    rustix::process::set_parent_process_death_signal(Some(Signal::TERM))
        .map_err(|error| Error::System(error.into()))?;
    // Asked after the signal is set: a guard that died before would never be heard of.
    let parent_now = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get());
    if parent.parse().ok() != parent_now {
        return Err(Error::Orphaned);
    }
    become_subreaper()?;
    Ok(Role::Worker(Workdir::open(path.into())?))
}

fn become_subreaper() -> Result<(), Error> {
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
        .map_err(|error| Error::System(error.into()))
}

/// Starts this program again as a worker with the same arguments and waits for it. Returns its exit
/// code once nothing is left of it.
pub fn run() -> Result<ExitCode, Error> {
    become_subreaper()?;
    let workdir = Workdir::create()?;
    let code = supervise(&workdir);
    descendants::end_all();
    workdir.remove();
    code
}

fn supervise(workdir: &Workdir) -> Result<ExitCode, Error> {
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
        command.args(std::env::args_os().skip(1));
        command.env(
            VARIABLE,
            format!(
                "{}:{}",
                rustix::process::getpid().as_raw_nonzero(),
                workdir.path().display()
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

        let status = loop {
            let signal = tokio::select! {
                status = worker.wait() => break status.map_err(Error::Worker)?,
                _ = interrupt.recv() => Signal::INT,
                _ = terminate.recv() => Signal::TERM,
                _ = hangup.recv() => Signal::HUP,
            };
            if let Some(pid) = pid {
                // The worker may have ended just now.
                let _ = rustix::process::kill_process(pid, signal);
            }
        };
        let code = status
            .code()
            .or_else(|| status.signal().map(|signal| 128 + signal));
        Ok(ExitCode::from(
            code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1),
        ))
    })
}
