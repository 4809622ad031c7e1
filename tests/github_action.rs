//! The action as a runner starts it: the real binary, against GitHub's API and its artifact service
//! as they are stood in for, each held against the original elsewhere.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that can't be set up has failed"
)]

mod support;

#[path = "github_action/canary.rs"]
mod canary;
#[path = "github_action/endings.rs"]
mod endings;
#[path = "github_action/forks.rs"]
mod forks;
#[path = "github_action/hostile.rs"]
mod hostile;
#[path = "github_action/inputs.rs"]
mod inputs;
#[path = "github_action/told.rs"]
mod told;

use std::process::Command;

use support::artifact_server::{ArtifactServer, Options};
use support::github_server::GithubServer;
use support::runner::{HEAD, NUMBER, Runner, pull};
use support::{Project, Run, python};

/// A project with a notebook that passes, one that fails, and a job.
fn project() -> Project {
    let project = Project::small();
    project
        .write("daglab.yaml", "ci:\n  jobs: [good_job]\n")
        .notebook(
            "notebooks/good.py",
            &["import marimo as mo\nmo.md('# All is well')"],
        )
        .notebook("notebooks/bad.py", &["1 / 0", "print('fine')"]);
    project
}

/// Both services, with the pull request that events are about.
fn services() -> (GithubServer, ArtifactServer) {
    let github = GithubServer::start();
    github.state().pulls.push(pull());
    (github, ArtifactServer::start(Options::default()))
}

/// `daglab action` as a step.
fn action(project: &Project, runner: &Runner) -> Command {
    let mut command = project.daglab(&["action"]);
    command.env("INPUT_PYTHON", python());
    runner.step(&mut command, &project.root());
    command
}

fn run(project: &Project, runner: &Runner) -> Run {
    Run::of(action(project, runner))
}
