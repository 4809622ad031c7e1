//! `daglab export` with real notebooks, and links in real Dagster deployments.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that can't be set up has failed"
)]

#[path = "export/attach.rs"]
mod attach;
#[path = "export/formats.rs"]
mod formats;
#[path = "export/notebooks.rs"]
mod notebooks;
#[path = "export/snippet.rs"]
mod snippet;
mod support;
#[path = "export/watch.rs"]
mod watch;

use std::process::Command;

use serde_json::Value;
use support::{Project, Run, python};

/// `daglab export` in a project, with the test's interpreter. `rest` may end in `--` and arguments
/// for the notebook.
pub fn command(project: &Project, notebooks: &[&str], rest: &[&str]) -> Command {
    let python = python();
    let mut all = vec!["export", "--python", python.to_str().unwrap(), "--notebook"];
    all.extend(notebooks);
    all.extend(rest);
    project.daglab(&all)
}

/// The same, carried out.
pub fn export(project: &Project, notebooks: &[&str], rest: &[&str]) -> Run {
    Run::of(command(project, notebooks, rest))
}

/// The files on stdout, relative to the project.
pub fn written(project: &Project, run: &Run) -> Vec<String> {
    let root = project.root().canonicalize().unwrap();
    let relative = |line: &str| {
        let path = std::path::Path::new(line).strip_prefix(&root);
        path.unwrap_or_else(|_| panic!("{line}"))
            .display()
            .to_string()
    };
    run.stdout().lines().map(relative).collect()
}

/// A file of the project.
pub fn read(project: &Project, path: &str) -> String {
    std::fs::read_to_string(project.root().join(path))
        .unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The result of `--json`.
pub fn json(run: &Run) -> Value {
    run.report()
}
