//! Tasks as plain command lines: `python -m MODULE ARGV…`.

use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Stdio;

use rustix::process::Pid;
use tokio::process::Command;
use tokio::sync::oneshot;

use super::protocol::TaskId;
use super::running::{MARK, mark};
use super::{Error, Exit, Interpreter, Running, Task};
use crate::supervise::orphans;

pub(super) fn spawn(interpreter: &Interpreter, id: TaskId, task: &Task) -> Result<Running, Error> {
    let started = |source| Error::Start {
        python: interpreter.python.clone(),
        source,
    };
    let mut command = Command::new(&interpreter.python);
    command
        .args(["-m", task.entry.module()])
        .args(&task.argv)
        .env_clear()
        .envs(&interpreter.env)
        .current_dir(&task.cwd)
        .stdin(Stdio::null())
        .stdout(append_to(&task.stdout)?)
        .stderr(append_to(&task.stderr)?)
        .process_group(0);
    for (name, value) in &task.env {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.env(MARK, mark(id));
    let mut child = command.spawn().map_err(started)?;
    orphans::is_own(child.id());
    let pid = child
        .id()
        .and_then(|id| i32::try_from(id).ok())
        .and_then(Pid::from_raw)
        .expect("a child that was not waited for has an id");
    let (sender, receiver) = oneshot::channel();
    tokio::spawn(async move {
        let exit = match child.wait().await {
            Ok(status) => Exit {
                code: status.code(),
                signal: status.signal(),
                peak_memory_bytes: None,
            },
            Err(_) => Exit::default(),
        };
        // Nobody waits any more: then nobody wants to know.
        let _ = sender.send(exit);
    });
    Ok(Running::new(pid, id, receiver))
}

/// Opens a log for appending, as the host does for what it forks.
pub(super) fn append_to(path: &Path) -> Result<File, Error> {
    File::options()
        .create(true)
        .append(true)
        .open(path)
        .map_err(|source| Error::Prepare {
            path: path.to_owned(),
            source,
        })
}
