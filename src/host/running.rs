//! A process under way, forked or spawned.

use std::time::Duration;

use rustix::process::{Pid, Signal};
use tokio::sync::oneshot;

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

/// A process under way. It leads a process group, and the group is killed when this is dropped
/// before the end was seen.
#[derive(Debug)]
pub struct Running {
    pid: Pid,
    exit: oneshot::Receiver<Exit>,
    ended: Option<Exit>,
}

impl Running {
    pub(super) fn new(pid: Pid, exit: oneshot::Receiver<Exit>) -> Self {
        Self {
            pid,
            exit,
            ended: None,
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

    /// Kills what the process left behind in its group.
    pub fn kill_stragglers(&self) {
        // As long as one is left, the kernel gives the group's number to nobody else.
        let _ = rustix::process::kill_process_group(self.pid, Signal::KILL);
    }

    /// Ends the group: SIGTERM, then SIGKILL when `grace` is over.
    pub async fn end(&mut self, grace: Duration) -> Exit {
        self.signal_group(Signal::TERM);
        if tokio::time::timeout(grace, self.wait()).await.is_err() {
            self.signal_group(Signal::KILL);
        }
        // SIGKILL can't be refused, but a process in the middle of a system call takes its time.
        tokio::time::timeout(Duration::from_secs(2), self.wait())
            .await
            .unwrap_or_default()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.ended.is_none() && self.exit.try_recv().is_err() {
            self.signal_group(Signal::KILL);
        }
    }
}
