use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::*;
use crate::support::artifact_server::{Fault, Step};
use crate::support::runner::commands;
use crate::support::{eventually, processes_of};

/// What the runner grants between SIGINT and SIGTERM.
const GRANTED: Duration = Duration::from_millis(7500);

/// Interrupts a step while its notebook runs, and gives its exit code once it has ended, which must
/// be in the time that the runner grants.
fn interrupted(project: &Project, runner: &Runner) -> Option<i32> {
    project.notebook(
        "notebooks/hangs.py",
        &["open('began', 'w')\nimport time\ntime.sleep(600)"],
    );
    let mut child = action(project, runner)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let began = project.root().join("began");
    assert!(eventually(Duration::from_secs(120), || began.exists()));
    let asked = Instant::now();
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert!(
        eventually(GRANTED, || child.try_wait().unwrap().is_some()),
        "it takes too long"
    );
    assert!(asked.elapsed() < GRANTED);
    child.wait().unwrap().code()
}

#[test]
fn a_cancelled_run_says_so_and_leaves_nothing() {
    let (github, artifacts) = services();
    let project = Project::small();
    let runner = Runner::of_pull_request(&github, &artifacts);
    assert_eq!(interrupted(&project, &runner), Some(130));
    assert!(eventually(Duration::from_secs(5), || processes_of(
        &project.root()
    )
    .is_empty()));
    let comments = github.comments(NUMBER);
    assert_eq!(comments.len(), 1);
    assert!(
        comments[0].body.contains("daglab cancelled"),
        "{}",
        comments[0].body
    );
    assert_eq!(runner.output("result"), "cancelled");
}

#[test]
fn a_cancelled_run_does_not_wait_for_github() {
    let (github, artifacts) = services();
    github.fault(support::github_server::Fault::always(
        "GET",
        "/",
        support::github_server::What::Hang,
    ));
    let project = Project::small();
    let runner = Runner::of_pull_request(&github, &artifacts);
    assert_eq!(interrupted(&project, &runner), Some(130));
    assert!(
        runner
            .read("GITHUB_STEP_SUMMARY")
            .contains("did not answer in time")
    );
}

#[test]
fn what_can_not_begin_is_told() {
    let (github, artifacts) = services();
    let project = Project::small();
    project.write("daglab.yaml", "ci:\n  timeout: soon\n");
    let runner = Runner::of_pull_request(&github, &artifacts);
    let run = run(&project, &runner);
    run.expect_code(7).expect_stderr("daglab.yaml");
    let comments = github.comments(NUMBER);
    assert!(comments[0].body.contains("❌"), "{}", comments[0].body);
    assert!(comments[0].body.contains("timeout"), "{}", comments[0].body);
    assert_eq!(runner.output("result"), "error");
    // A second workflow would find it there.
    artifacts.artifact("daglab-report");
    assert!(commands(&run.stderr()).iter().any(|it| it.name == "error"));
}

#[test]
fn without_a_runner_there_is_nobody_to_tell() {
    let project = Project::small();
    let mut command = project.daglab(&["ci", "--github"]);
    for name in ["GITHUB_REPOSITORY", "GITHUB_EVENT_NAME", "GITHUB_RUN_ID"] {
        command.env_remove(name);
    }
    Run::of(command).expect_code(3).expect_stderr("GITHUB_");
}

#[test]
fn a_server_without_artifacts_is_said() {
    let (github, _) = services();
    let project = Project::small();
    project.notebook("notebooks/good.py", &["1 + 1"]);
    let runner = Runner::new("pull_request", &support::runner::pull_request("octo-org"))
        .with_github(&github)
        .with("GITHUB_SERVER_URL", "https://git.example.com");
    run(&project, &runner)
        .expect_code(0)
        .expect_stderr("no artifacts of version 4");
    let comment = &github.comments(NUMBER)[0].body;
    assert!(!comment.contains("file://"), "{comment}");
}

#[test]
fn a_run_cancelled_while_it_tells_ends_in_time() {
    let (github, artifacts) = services();
    artifacts.inject(Step::PutBlock, [Fault::Silence]);
    let project = Project::small();
    project.notebook("notebooks/good.py", &["1 + 1"]);
    let runner = Runner::of_pull_request(&github, &artifacts);
    let mut child = action(&project, &runner)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let hangs = || artifacts.faults_left() == 0;
    assert!(eventually(Duration::from_secs(120), hangs));
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert!(
        eventually(GRANTED, || child.try_wait().unwrap().is_some()),
        "it takes too long"
    );
    assert!(runner.read("GITHUB_STEP_SUMMARY").contains("daglab"));
    assert_ne!(runner.output("result"), "");
}

#[test]
fn what_can_not_be_written_here_is_told_there() {
    let (github, artifacts) = services();
    let project = Project::small();
    project.notebook("notebooks/good.py", &["1 + 1"]);
    std::fs::create_dir(project.root().join("taken")).unwrap();
    let runner = Runner::of_pull_request(&github, &artifacts).with("INPUT_JUNIT", "taken");
    run(&project, &runner).expect_code(8).expect_stderr("taken");
    assert_eq!(github.comments(NUMBER).len(), 1);
    assert_eq!(runner.output("result"), "passed");
    assert!(runner.read("GITHUB_STEP_SUMMARY").starts_with("## ✅"));
}
