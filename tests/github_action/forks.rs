use std::path::Path;

use serde_json::{Value, json};

use super::*;
use crate::support::runner::{pull_request, workflow_run};

/// The run for a fork: its token only reads.
fn first(project: &Project, github: &GithubServer, artifacts: &ArtifactServer) -> Vec<u8> {
    github.state().writable = false;
    let runner = Runner::new("pull_request", &pull_request("mona"))
        .with_github(github)
        .with_artifacts(artifacts);
    run(project, &runner).expect_code(4);
    assert_eq!(github.count("POST", "/comments"), 0, "it does not even try");
    let summary = runner.read("GITHUB_STEP_SUMMARY");
    assert!(summary.contains("fork"), "{summary}");
    github.state().writable = true;
    artifacts.artifact("daglab-report").bytes()
}

/// The run that it causes in the repository itself.
fn second(github: &GithubServer) -> Runner {
    github.state().pulls[0].head_owner = "mona".to_owned();
    Runner::new("workflow_run", &workflow_run())
        .with_github(github)
        .with("GITHUB_RUN_ID", "101")
}

fn comment(project: &Project, runner: &Runner, report: &Path) -> Run {
    let mut command = project.daglab(&["action"]);
    command.env("INPUT_REPORT", report);
    runner.step(&mut command, &project.root());
    Run::of(command)
}

#[test]
fn the_second_workflow_comments() {
    let (github, artifacts) = services();
    let project = project();
    let archive = first(&project, &github, &artifacts);
    let file = project.tmp().join("report.zip");
    std::fs::write(&file, archive).unwrap();
    let runner = second(&github);
    let run = comment(&project, &runner, &file);
    run.expect_code(0);
    let comments = github.comments(NUMBER);
    assert_eq!(comments.len(), 1);
    assert!(
        comments[0]
            .body
            .contains("Notebooks: **1 failed**, 1 passed"),
        "{}",
        comments[0].body
    );
    assert!(run.stdout().contains("#issuecomment-"), "{}", run.stdout());
    // Again, as a re-run would: nothing is written.
    comment(&project, &runner, &file)
        .expect_code(0)
        .expect_stderr("unchanged");
}

#[test]
fn a_hostile_report_decides_nothing() {
    let (github, artifacts) = services();
    let project = project();
    first(&project, &github, &artifacts);
    let file = project.artifacts().join("report.json");
    let mut report: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    report["origin"]["pull_request"] = json!(1);
    report["origin"]["repository"] = json!("octo-org/secret");
    report["origin"]["head_sha"] = json!("](https://evil.example)");
    report["origin"]["comment_key"] = json!("--> @octo-org/team <img src=x>");
    let climbing = "https://github.com/octo-org/data/../../evil/phish";
    report["origin"]["archive_url"] = json!(climbing);
    report["origin"]["project_path"] = json!("../..\n# x");
    report["notebooks"][0]["url"] = json!("https://evil.example/page");
    report["notebooks"][1]["url"] = json!(climbing);
    report["runs"][0]["url"] = json!("https://github.com/octo-org/data/issues/1");
    report["notebooks"][0]["path"] = json!("a.py` @octo-org/team <script>");
    let hostile = project.tmp().join("report.json");
    std::fs::write(&hostile, report.to_string()).unwrap();
    comment(&project, &second(&github), &project.tmp()).expect_code(0);
    assert_eq!(github.comments(1).len(), 0);
    let comments = github.comments(NUMBER);
    assert_eq!(comments.len(), 1);
    let body = &comments[0].body;
    assert!(!body.contains("evil.example"), "{body}");
    assert!(!body.contains("octo-org/secret"), "{body}");
    assert!(!body.contains("phish"), "{body}");
    assert!(!body.contains("/issues/1"), "{body}");
    let (marker, text) = body.split_once('\n').unwrap();
    assert_eq!(marker.matches("-->").count(), 1, "{marker}");
    let name = "``a.py` @octo-org/team <script>``";
    assert_eq!(text.matches(name).count(), 1, "it is code: {text}");
    let key = "`--> @octo-org/team <img src=x>`";
    assert_eq!(text.matches(key).count(), 1, "it is code: {text}");
    let rest = text.replace(name, "").replace(key, "");
    assert!(
        !rest.contains("<img") && !rest.contains("<script") && !rest.contains("@octo-org"),
        "{rest}"
    );
}

#[test]
fn a_report_that_is_none_is_refused() {
    let (github, _) = services();
    let project = Project::small();
    let runner = second(&github);
    for (text, part) in [
        ("not JSON", "could not read"),
        ("{}", "schema_version"),
        (r#"{"schema_version": 99}"#, "version 99"),
        (&"[".repeat(100_000), "could not read"),
    ] {
        let file = project.tmp().join("report.json");
        std::fs::write(&file, text).unwrap();
        comment(&project, &runner, &file)
            .expect_code(7)
            .expect_stderr(part);
    }
    comment(&project, &runner, &project.tmp().join("missing")).expect_code(7);
    std::os::unix::fs::symlink("/etc/passwd", project.tmp().join("link.json")).unwrap();
    comment(&project, &runner, &project.tmp().join("link.json")).expect_code(7);
}

#[test]
fn a_pull_request_that_moved_on_gets_no_comment() {
    let (github, artifacts) = services();
    let project = project();
    first(&project, &github, &artifacts);
    let runner = second(&github);
    github.state().pulls[0].head_sha = "9".repeat(40);
    let report = project.artifacts().join("report.json");
    comment(&project, &runner, &report)
        .expect_code(7)
        .expect_stderr("no open pull request");
    assert!(github.comments(NUMBER).is_empty());
}

/// A failed cell, or one that was not run because of another.
fn cell(name: &str, status: &str, blamed_on: Option<&str>) -> Value {
    json!({
        "name": name,
        "status": status,
        "path": "notebooks/a.py",
        "line": 3,
        "end_line": null,
        "duration_s": null,
        "error": null,
        "blamed_on": blamed_on,
        "console": "",
        "output_kinds": [],
        "images": [],
    })
}

/// A runner ends what takes too long; so do the tests.
#[test]
fn a_report_of_any_size_takes_no_time() {
    let (github, artifacts) = services();
    let project = project();
    first(&project, &github, &artifacts);
    let file = project.artifacts().join("report.json");
    let report: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let runner = second(&github);
    for (failed, not_run, is_cut) in [(300, 3_000, false), (5_000, 20_000, true)] {
        let mut cells: Vec<Value> = Vec::new();
        cells.extend((0..failed).map(|number| cell(&format!("a{number}"), "failed", None)));
        cells.extend((0..not_run).map(|number| {
            let blamed = format!("b{number}");
            cell(&format!("c{number}"), "not_run", Some(&blamed))
        }));
        let mut large = report.clone();
        large["notebooks"][0]["status"] = json!("failed");
        large["notebooks"][0]["cells"] = json!(cells);
        std::fs::write(&file, large.to_string()).unwrap();
        github.state().comments.clear();
        comment(&project, &runner, &file).expect_code(0);
        let body = &github.comments(NUMBER)[0].body;
        assert!(body.contains("a1"), "{body}");
        let counts = body.lines().nth(3).unwrap();
        assert_eq!(counts.contains("1 warning"), is_cut, "{counts}");
    }
    // Many of everything else, and long texts.
    let mut large = report.clone();
    let finding = json!({
        "source": "marimo", "code": "MB002", "severity": "error", "message": "x".repeat(100),
        "path": "a.py", "line": 1, "column": 1, "hint": null,
    });
    large["findings"] = json!(vec![finding; 6_000]);
    let mut notebook = report["notebooks"][0].clone();
    notebook["status"] = json!("failed");
    notebook["reason"] = json!("y ".repeat(100));
    large["notebooks"] = json!(vec![notebook; 2_500]);
    large["runs"] = json!(vec![report["runs"][0].clone(); 2_100]);
    std::fs::write(&file, large.to_string()).unwrap();
    comment(&project, &runner, &file).expect_code(0);
    let body = &github.comments(NUMBER)[0].body;
    let counts = body.lines().nth(3).unwrap();
    assert!(counts.contains("2000 failed"), "{counts}");
    // And what is larger than that is no report of ours.
    large["project"]["name"] = json!("z".repeat(16 * 1024 * 1024));
    std::fs::write(&file, large.to_string()).unwrap();
    comment(&project, &runner, &file)
        .expect_code(7)
        .expect_stderr("larger than");
}

#[test]
fn dependabots_run_comments_where_it_may() {
    let (github, artifacts) = services();
    let project = project();
    let runner =
        Runner::of_pull_request(&github, &artifacts).with("GITHUB_ACTOR", "dependabot[bot]");
    run(&project, &runner).expect_code(4);
    assert_eq!(github.comments(NUMBER).len(), 1);
    // Without `permissions` that say so, it may not.
    github.state().writable = false;
    let runner = Runner::of_pull_request(&github, &artifacts)
        .with("GITHUB_ACTOR", "dependabot[bot]")
        .with("GITHUB_RUN_ID", "102");
    run(&project, &runner).expect_code(4);
    let summary = runner.read("GITHUB_STEP_SUMMARY");
    assert!(
        summary.contains("Resource not accessible by integration"),
        "{summary}"
    );
}
