//! A process under way, forked or spawned.

use std::time::Duration;

use rustix::process::{Pid, Signal};
use tokio::sync::oneshot;

use super::protocol::TaskId;
use crate::supervise::descendants;

/// The variable by which a task's processes are known, also when they have left its process group
/// and their parents have died: a marimo kernel leads a session of its own.
pub(super) const MARK: &str = "DAGLAB_TASK";

/// A task's value of [`MARK`]. All are equally long: in a forked process, which was not started with
/// variables of its own, it is written over that of the host.
pub(super) fn mark(id: TaskId) -> String {
    format!("{:08x}{id:08x}", std::process::id())
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Exit {
    /// Its exit code, unless a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Highest resident memory in bytes, where it is known.
    pub peak_memory_bytes: Option<u64>,
}

impl Exit {
    /// Whether it ended by itself with code 0.
    pub fn is_success(self) -> bool {
        self.code == Some(0)
    }

    /// How it ended, for a sentence: "exited with code 3".
    pub fn describe(self) -> String {
        match (self.code, self.signal) {
            (Some(code), _) => format!("exited with code {code}"),
            (None, Some(signal)) => match signal_name(signal) {
                Some(name) => format!("was ended by {name}"),
                None => format!("was ended by signal {signal}"),
            },
            (None, None) => "ended when the Python host did".to_owned(),
        }
    }
}

fn signal_name(number: i32) -> Option<&'static str> {
    Some(match Signal::from_named_raw(number)? {
        Signal::ABORT => "SIGABRT",
        Signal::BUS => "SIGBUS",
        Signal::FPE => "SIGFPE",
        Signal::HUP => "SIGHUP",
        Signal::ILL => "SIGILL",
        Signal::INT => "SIGINT",
        Signal::KILL => "SIGKILL (killed, perhaps for lack of memory)",
        Signal::SEGV => "SIGSEGV (segmentation fault)",
        Signal::TERM => "SIGTERM",
        Signal::XFSZ => "SIGXFSZ (file size limit)",
        _ => return None,
    })
}

/// A task's process under way. It leads a process group. Whatever is left of the task when this is
/// dropped is killed.
#[derive(Debug)]
pub struct Running {
    pid: Pid,
    id: TaskId,
    exit: oneshot::Receiver<Exit>,
    ended: Option<Exit>,
    nothing_left: bool,
}

impl Running {
    /// A process that was started with the [`mark`] of this task.
    pub(super) fn new(pid: Pid, id: TaskId, exit: oneshot::Receiver<Exit>) -> Self {
        Self {
            pid,
            id,
            exit,
            ended: None,
            nothing_left: false,
        }
    }

    /// Its process id.
    pub fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// Waits for the end. May be called again, and may be dropped and called again.
    pub async fn wait(&mut self) -> Exit {
        if let Some(exit) = self.ended {
            return exit;
        }
        let exit = (&mut self.exit).await.unwrap_or_default();
        self.ended = Some(exit);
        exit
    }

    /// Sends a signal to the process alone.
    pub fn signal(&self, signal: Signal) {
        if self.ended.is_none() {
            // It may have ended just now.
            let _ = rustix::process::kill_process(self.pid, signal);
        }
    }

    /// Sends a signal to the process and all others of its group.
    pub fn signal_group(&self, signal: Signal) {
        if self.ended.is_none() {
            let _ = rustix::process::kill_process_group(self.pid, signal);
        }
    }

    /// Kills what is left of the task: the process, should it still run, and all that it started.
    pub fn kill_stragglers(&mut self) {
        if self.nothing_left {
            return;
        }
        if self.ended.is_none() {
            self.ended = self.exit.try_recv().ok();
        }
        // Once it has ended, its id may be another's.
        let first = self.ended.is_none().then_some(self.pid);
        descendants::end_task(first, &format!("{MARK}={}", mark(self.id)));
        // For systems without `/proc`. As long as one process of the group is left, the kernel gives
        // its number to nobody else.
        let _ = rustix::process::kill_process_group(self.pid, Signal::KILL);
        self.nothing_left = true;
    }

    /// Ends the task: SIGTERM for the process group, then SIGKILL for all that is left when `grace`
    /// is over.
    pub async fn end(&mut self, grace: Duration) -> Exit {
        self.signal_group(Signal::TERM);
        // The kill is for those that do not listen, and for what the others leave behind.
        let _ = tokio::time::timeout(grace, self.wait()).await;
        self.kill_stragglers();
        // SIGKILL can't be refused, but a process in the middle of a system call takes its time.
        tokio::time::timeout(Duration::from_secs(2), self.wait())
            .await
            .unwrap_or_default()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill_stragglers();
    }
}
