//! `daglab run --ephemeral`: Dagster for one command.

use std::time::Duration;

use pretty_assertions::assert_eq;
use rustix::process::Signal;

use crate::asked::{Begun, lines, of_type};
use crate::seen::a_report;
use crate::support::{Project, Run, eventually, processes_of, python};

fn project() -> Project {
    let project = Project::copy_of("tests/run");
    project.write(
        "workspace.yaml",
        "load_from: [{python_file: {relative_path: etl.py, location_name: etl}}]\n",
    );
    project
}

fn run(project: &Project, args: &[&str]) -> Run {
    let python = python();
    let all = ["run", "--ephemeral", "--python", python.to_str().unwrap()];
    Run::of(project.daglab(&[&all, args].concat()))
}

#[test]
fn with_dagster_of_its_own() {
    let project = project();
    let good = run(&project, &["--job", "good", "--output", "json"]);
    let report = a_report(good.expect_code(0));
    assert_eq!(report["runs"][0]["status"], "success");
    good.expect_stderr("INFO extract: two lines");

    let bad = run(&project, &["--job", "bad"]);
    bad.expect_code(4);
    for part in [
        "etl.py:41 step breaks — ValueError: no rows: red",
        "│ last words on stderr",
    ] {
        assert!(bad.stdout().contains(part), "{}", bad.stdout());
    }
    let stream = run(
        &project,
        &[
            "--job",
            "letters",
            "--partition",
            "a",
            "--partition",
            "c",
            "--output",
            "ndjson",
        ],
    );
    let lines = lines(&stream.expect_code(4).stdout());
    assert_eq!(of_type(&lines, "launched", "run").len(), 2);
    let ended = of_type(&lines, "ended", "report");
    let failed = ended.iter().find(|run| run["status"] == "failure").unwrap();
    assert_eq!(failed["partition"], "c");

    let config = [
        "--job",
        "configured",
        "--config-yaml",
        "ops: {greet: {config: {nmae: x}}}",
    ];
    let refused = run(&project, &[&config[..], &["--output", "json"]].concat());
    let report = a_report(refused.expect_code(7));
    assert_eq!(report["runs"][0]["status"], "invalid");
    let message = report["runs"][0]["error"]["message"].as_str().unwrap();
    assert!(message.contains("did you mean `name`?"), "{message}");

    assert_eq!(processes_of(&project.tmp()), []);
    assert_eq!(std::fs::read_dir(project.tmp()).unwrap().count(), 0);
}

#[test]
fn with_what_it_may_see() {
    let project = Project::empty();
    project.write("definitions.py", ENVIRONMENT);
    let of = |args: &[&str]| {
        let python = python();
        let all = [
            "run",
            "--ephemeral",
            "--python",
            python.to_str().unwrap(),
            "--job",
            "look",
        ];
        let mut command = project.daglab(&[&all, args].concat());
        command.env("SHOWN", "to jobs").env("HIDDEN", "from them");
        Run::of(command)
    };
    of(&["--env", "SHOWN"])
        .expect_code(0)
        .expect_stderr("INFO see: to jobs nothing");
    of(&["--isolation", "spawn"])
        .expect_code(0)
        .expect_stderr("INFO see: nothing nothing");

    let nowhere = Project::empty();
    run(&nowhere, &["--job", "good"])
        .expect_code(3)
        .expect_stderr("`--ephemeral` needs a Dagster project");
}

const ENVIRONMENT: &str = r#"import os

import dagster as dg


@dg.op
def see(context):
    seen = [os.environ.get(name, "nothing") for name in ("SHOWN", "HIDDEN")]
    context.log.info(" ".join(seen))


@dg.job
def look():
    see()


defs = dg.Definitions(jobs=[look])
"#;

#[test]
fn nothing_is_left_after_an_interrupt() {
    let project = project();
    let never = project.root().join("never");
    let config = format!(
        "{{ops: {{waits: {{config: {{path: {}}}}}}}}}",
        never.display()
    );
    let python = python();
    let args = [
        "run",
        "--ephemeral",
        "--python",
        python.to_str().unwrap(),
        "--job",
        "gated",
        "--config-yaml",
        &config,
    ];
    let mut begun = Begun::of(project.daglab(&args));
    begun.until("INFO waits: at the gate");
    assert_ne!(
        processes_of(&project.tmp()),
        [],
        "it is where it was told to be"
    );
    begun.signal(Signal::INT);
    let ended = begun.end(130);
    assert!(!ended.stderr.contains("goes on"), "{}", ended.stderr);
    let is_gone = || processes_of(&project.tmp()).is_empty();
    assert!(
        eventually(Duration::from_secs(10), is_gone),
        "{:?}",
        processes_of(&project.tmp())
    );
    assert_eq!(std::fs::read_dir(project.tmp()).unwrap().count(), 0);
}
