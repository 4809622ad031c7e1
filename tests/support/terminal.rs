//! A terminal on which somebody types.

use std::io::Write as _;
use std::process::{Command, Stdio};

/// Runs a command on a terminal, with what is typed; returns its exit code, and what is on the
/// terminal in the end.
pub fn on_a_terminal(plain: &Command, typed: &str) -> (i32, String) {
    let program = "import os, pty, sys\n\
                   sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";
    let mut terminal = Command::new(super::python());
    terminal.args(["-c", program]).arg(plain.get_program());
    terminal.args(plain.get_args());
    if let Some(folder) = plain.get_current_dir() {
        terminal.current_dir(folder);
    }
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => terminal.env(name, value),
            None => terminal.env_remove(name),
        };
    }
    terminal.env("NO_COLOR", "1").stdin(Stdio::piped());
    terminal.stdout(Stdio::piped()).stderr(Stdio::inherit());
    let mut child = terminal.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(typed.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    drop(stdin);
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap().replace('\r', ""),
    )
}
