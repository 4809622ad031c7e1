//! What the end-to-end tests share: small projects, the real binary, and a look at processes.
#![allow(dead_code, reason = "each test file uses some of it")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that can't be set up has failed"
)]

pub mod artifact_server;
pub mod browser;
pub mod dagster;
pub mod github_server;
pub mod listener;
pub mod nginx;
pub mod object_servers;
pub mod runner;
pub mod terminal;
pub mod versions;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// The interpreter with dagster and marimo that the test script has made.
pub fn python() -> PathBuf {
    let python = std::env::var_os("DAGLAB_TEST_PYTHON").expect(
        "DAGLAB_TEST_PYTHON must name a Python with dagster, dagster-webserver and marimo; \
         `scripts/test` sets it",
    );
    PathBuf::from(python)
}

/// A project in a directory of its own, with private temporary and cache directories.
pub struct Project {
    dir: tempfile::TempDir,
}

impl Project {
    /// An empty directory that is no project yet.
    pub fn empty() -> Self {
        let dir = tempfile::Builder::new()
            .prefix("daglab-test-")
            .tempdir()
            .unwrap();
        std::fs::create_dir(dir.path().join("project")).unwrap();
        std::fs::create_dir(dir.path().join("tmp")).unwrap();
        Self { dir }
    }

    /// A project with one asset, a job that works and one that fails.
    pub fn small() -> Self {
        let project = Self::empty();
        project.write("definitions.py", DEFINITIONS);
        project
    }

    /// A copy of a folder of the repository.
    pub fn copy_of(folder: &str) -> Self {
        let project = Self::empty();
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        copy_tree(&from, &project.root());
        project
    }

    pub fn root(&self) -> PathBuf {
        self.dir.path().join("project")
    }

    /// Where its private directories go.
    pub fn tmp(&self) -> PathBuf {
        self.dir.path().join("tmp")
    }

    pub fn artifacts(&self) -> PathBuf {
        self.root().join(".daglab/artifacts")
    }

    pub fn write(&self, path: &str, text: &str) -> &Self {
        let path = self.root().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }

    /// A notebook with these cells: each the body of an unnamed cell that takes and returns nothing.
    pub fn notebook(&self, path: &str, cells: &[&str]) -> &Self {
        self.write(path, &notebook(cells))
    }

    /// `daglab` with arguments, in the project, with a clean environment.
    pub fn daglab(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_daglab"));
        command.args(args).current_dir(self.root());
        for name in [
            "DAGSTER_HOME",
            "VIRTUAL_ENV",
            "PYTHONDONTWRITEBYTECODE",
            "GITHUB_ACTIONS",
        ] {
            command.env_remove(name);
        }
        command.env("TMPDIR", self.tmp()).stdin(Stdio::null());
        command
    }

    /// `daglab ci --output json` with the test's interpreter.
    pub fn ci(&self, args: &[&str]) -> Run {
        self.ci_with(&python(), args)
    }

    /// The same with another one.
    pub fn ci_with(&self, python: &Path, args: &[&str]) -> Run {
        let mut all = vec!["ci", "--output", "json", "--python"];
        all.push(python.to_str().unwrap());
        all.extend(args);
        Run::of(self.daglab(&all))
    }
}

/// What a run of the binary left.
pub struct Run {
    pub output: Output,
}

impl Run {
    pub fn of(mut command: Command) -> Self {
        Self {
            output: command.output().unwrap(),
        }
    }

    pub fn code(&self) -> i32 {
        self.output.status.code().unwrap_or(-1)
    }

    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.output.stdout).into_owned()
    }

    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }

    /// The report on stdout.
    pub fn report(&self) -> Value {
        serde_json::from_slice(&self.output.stdout)
            .unwrap_or_else(|error| panic!("{error}\n{}\n{}", self.stdout(), self.stderr()))
    }

    #[track_caller]
    pub fn expect_code(&self, code: i32) -> &Self {
        assert_eq!(
            self.code(),
            code,
            "stdout:\n{}\nstderr:\n{}",
            self.stdout(),
            self.stderr()
        );
        self
    }

    #[track_caller]
    pub fn expect_stderr(&self, part: &str) -> &Self {
        assert!(
            self.stderr().contains(part),
            "no {part:?} in:\n{}",
            self.stderr()
        );
        self
    }
}

/// The notebook of a report with this path.
#[track_caller]
pub fn notebook_of<'a>(report: &'a Value, path: &str) -> &'a Value {
    report["notebooks"]
        .as_array()
        .unwrap()
        .iter()
        .find(|notebook| notebook["path"] == path)
        .unwrap_or_else(|| panic!("no {path} in {report:#}"))
}

/// The run of a report with this title.
#[track_caller]
pub fn run_of<'a>(report: &'a Value, title: &str) -> &'a Value {
    report["runs"]
        .as_array()
        .unwrap()
        .iter()
        .find(|run| run["title"] == title)
        .unwrap_or_else(|| panic!("no {title} in {report:#}"))
}

/// What a Python program prints that runs with an instance.
pub fn in_instance(home: &Path, program: &str) -> String {
    in_instance_of(&python(), home, program)
}

/// The same with another interpreter than the test's.
pub fn in_instance_of(python: &Path, home: &Path, program: &str) -> String {
    stdout_of(of_python(python, program).env("DAGSTER_HOME", home))
}

/// What a Python program prints.
pub fn printed_by(python: &Path, program: &str) -> String {
    stdout_of(&mut of_python(python, program))
}

fn of_python(python: &Path, program: &str) -> Command {
    let mut command = Command::new(python);
    command.args(["-W", "ignore", "-c", program]);
    command
}

fn stdout_of(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// The text of a marimo notebook.
pub fn notebook(cells: &[&str]) -> String {
    let mut text =
        String::from("import marimo\n\n__generated_with = \"0.25.2\"\napp = marimo.App()\n\n");
    for cell in cells {
        text.push_str("\n@app.cell\ndef _():\n");
        for line in cell.lines() {
            text.push_str(&format!("    {line}\n"));
        }
        text.push_str("    return\n\n");
    }
    text.push_str("\nif __name__ == \"__main__\":\n    app.run()\n");
    text
}

/// Processes whose environment or command line names a directory.
pub fn processes_of(dir: &Path) -> Vec<(i32, String)> {
    let needle = dir.as_os_str().as_encoded_bytes();
    let has = |bytes: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        if pid == std::process::id() as i32 {
            continue;
        }
        let read = |name: &str| std::fs::read(entry.path().join(name)).unwrap_or_default();
        let (environment, command) = (read("environ"), read("cmdline"));
        // A zombie has neither any more.
        if has(&environment) || has(&command) {
            found.push((pid, String::from_utf8_lossy(&command).replace('\0', " ")));
        }
    }
    found
}

/// The same command with little room: `dir` is a small file system of its own or, where this user
/// may not mount one, files have a limit. `last` is one more argument. Ends with 99 when something
/// is left in `dir`, which nobody else can see.
pub fn on_a_small_disk(command: &Command, last: &Path, dir: &Path) -> Command {
    let mount = "mount -t tmpfs -o size=64m none \"$0\"";
    let may_mount = Command::new("unshare")
        .args(["--mount", "sh", "-c", mount])
        .arg(dir)
        .output()
        .is_ok_and(|output| output.status.success());
    let (mut limited, limit) = if may_mount {
        let mut unshared = Command::new("unshare");
        unshared.args(["--mount", "sh"]);
        (unshared, mount)
    } else {
        (Command::new("sh"), "ulimit -f 65536")
    };
    let script = format!(
        "{limit} || exit 98\n\"$@\"\ncode=$?\nleft=$(ls -A \"$0\")\n\
         [ -z \"$left\" ] || {{ echo \"left: $left\" >&2; exit 99; }}\nexit $code"
    );
    limited.arg("-c").arg(script).arg(dir);
    limited
        .arg(command.get_program())
        .args(command.get_args())
        .arg(last);
    limited.current_dir(command.get_current_dir().unwrap());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    limited.stdin(Stdio::null());
    limited
}

/// Waits until a condition holds; false when the time is over.
pub fn eventually(time: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + time;
    loop {
        if holds() {
            return true;
        }
        if Instant::now() > deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let name = entry.file_name();
        if [".daglab", "__pycache__", "__marimo__", ".venv"]
            .iter()
            .any(|skip| name == **skip)
        {
            continue;
        }
        let target = to.join(&name);
        if entry.file_type().unwrap().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

const DEFINITIONS: &str = r#"import os
import time

import dagster as dg


@dg.asset
def numbers():
    return [1, 2, 3]


@dg.op
def fine(context):
    context.log.info("all is well")


@dg.op
def breaks():
    raise ValueError("this op always fails")


@dg.op
def hangs():
    time.sleep(600)


@dg.op
def dies():
    os._exit(0)


@dg.job
def good_job():
    fine()


@dg.job
def bad_job():
    breaks()


@dg.job
def hanging_job():
    hangs()


@dg.job
def dying_job():
    dies()


defs = dg.Definitions(
    assets=[numbers], jobs=[good_job, bad_job, hanging_job, dying_job]
)
"#;
