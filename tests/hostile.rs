//! A repository that would like to speak to the terminal, or to the runner of a CI system, and does
//! not get through.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that can't be set up has failed"
)]

mod support;

use serde_json::Value;
use support::dagster::Server;
use support::{Project, Run, python};

/// One of its partitions.
const PARTITION: &str = "evil \u{1b}[31mred \u{9b}2J \u{202e}gpj.exe ::set-output ##[add-mask]";

fn has_power(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' => true,
        '\u{2066}'..='\u{2069}' => true,
        c => c.is_control(),
    }
}

#[track_caller]
fn expect_harmless(text: &str, what: &str) {
    for line in text.lines() {
        assert!(!line.contains(has_power), "{what}: {line:?}\nin:\n{text}");
        let command =
            line.trim_start().starts_with("::") || line.contains("##[") || line.contains("##vso[");
        assert!(!command, "{what}: {line:?}\nin:\n{text}");
    }
}

/// A command under GitHub's runner, of which nothing gets through.
fn run(project: &Project, args: &[&str]) -> Run {
    let mut command = project.daglab(args);
    command
        .env("GITHUB_ACTIONS", "true")
        .env("DAGLAB_LOG", "trace");
    let run = Run::of(command);
    expect_harmless(&run.stdout(), &format!("stdout of {args:?}"));
    expect_harmless(&run.stderr(), &format!("stderr of {args:?}"));
    run
}

#[test]
fn a_server_whose_jobs_are_run() {
    let project = Project::copy_of("tests/hostile");
    let server = Server::of(&project.root(), 2);
    let run = |args: &[&str]| run(&project, &[args, &["--dagster-url", &server.url]].concat());

    // Whatever is run, and all that is said while it is.
    run(&["run", "--job", "wanting"])
        .expect_code(7)
        .expect_stderr("evil red");
    for (job, code) in [("talking", 0), ("breaking", 4)] {
        for output in ["table", "json", "ndjson"] {
            let ended = run(&["run", "--job", job, "--log-level", "debug", "-o", output]);
            ended.expect_code(code).expect_stderr("evil red");
            let lines = ended.stdout();
            // It means what it meant.
            match (job, output) {
                ("breaking", "json") => {
                    let report = ended.report().to_string();
                    assert!(report.contains("\u{202e}gpj.exe"), "{report}");
                }
                ("talking", "ndjson") => {
                    let read = |line| serde_json::from_str::<Value>(line).unwrap();
                    let said = |line: Value| line["message"].as_str().map(str::to_owned);
                    let mut said = lines.lines().map(read).filter_map(said);
                    assert!(said.any(|text| text.contains("\u{1b}[31m")), "{lines}");
                }
                _ => {}
            }
        }
    }
    let assets = ["run", "--asset-selection", "parted", "--log-level", "debug"];
    let parted = run(&[&assets[..], &["--partition", PARTITION]].concat());
    parted.expect_code(0).expect_stderr("ASSET");
    run(&[&assets[..], &["--partition", "evil red"]].concat()).expect_code(7);
}

#[test]
fn a_server_that_is_listed() {
    let project = Project::copy_of("tests/hostile");
    let server = Server::of(&project.root(), 2);
    let run = |args: &[&str]| run(&project, &[args, &["--dagster-url", &server.url]].concat());
    run(&["run", "--asset-selection", "described"]).expect_stderr("CHECK");
    for wrong in [PARTITION, "\u{1b}]0;owned\u{7}", "\u{9b}2J\n::set-output"] {
        run(&["run", "--job", wrong]).expect_code(7);
        run(&["run", "--job", "talking", "--location", wrong]).expect_code(7);
        run(&["run", "--asset-selection", wrong]).expect_code(7);
        run(&["run", "--select", wrong]);
        run(&["run", "--job", "talking", "--config-yaml", wrong]).expect_code(7);
        run(&["discover", "--location", wrong]).expect_code(7);
        run(&["discover", "--select", wrong]);
        run(&["discover", "--pattern", wrong]);
    }

    // What there is, materializations and the location that did not load among it.
    for output in ["table", "json", "ndjson"] {
        let found = run(&["discover", "--details", "-o", output]);
        found.expect_code(0).expect_stderr("did not load");
        assert!(found.stdout().contains("described"), "{}", found.stdout());
        if output == "json" {
            let found = found.report();
            let described = &found["assets"][0]["description"];
            assert!(
                described.as_str().unwrap().contains("\u{1b}[31mred"),
                "{described}"
            );
        }
    }
}

#[test]
fn a_whole_run() {
    let project = Project::copy_of("tests/hostile");
    let settings = "ci: {jobs: [talking, breaking, wanting], assets: [{select: ['*']}]}\n";
    project.write("daglab.yaml", settings);
    let python = python();
    for output in ["table", "json", "markdown"] {
        let args = [
            "ci",
            "--output",
            output,
            "--python",
            python.to_str().unwrap(),
        ];
        let ended = run(&project, &args);
        ended.expect_code(4);
        assert!(ended.stdout().contains("breaking"), "{}", ended.stdout());
    }
    let ephemeral = [
        "run",
        "--ephemeral",
        "--job",
        "breaking",
        "--log-level",
        "debug",
    ];
    let ephemeral = [&ephemeral[..], &["--python", python.to_str().unwrap()]].concat();
    run(&project, &ephemeral).expect_code(4);
}
