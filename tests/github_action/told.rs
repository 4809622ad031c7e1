use super::*;
use crate::support::github_server::{Fault, What};
use crate::support::runner::commands;

#[test]
fn everything_is_told() {
    let (github, artifacts) = services();
    let project = project();
    let runner = Runner::of_pull_request(&github, &artifacts);
    let run = run(&project, &runner);
    run.expect_code(4);

    let comments = github.comments(NUMBER);
    assert_eq!(comments.len(), 1, "{comments:?}");
    let comment = &comments[0].body;
    for part in [
        "## ❌ daglab failed\n\nNotebooks: **1 failed**, 1 passed · Runs: 1 passed · ",
        "`ZeroDivisionError: division by zero`",
        "[`notebooks/good.py`](https://github.com/octo-org/data/actions/runs/100/artifacts/",
        "https://github.com/octo-org/data/pull/7/files#diff-",
        "[all files](https://github.com/octo-org/data/actions/runs/100/artifacts/",
        &HEAD[..8],
    ] {
        assert!(comment.contains(part), "no {part:?} in\n{comment}");
    }

    let summary = runner.read("GITHUB_STEP_SUMMARY");
    assert!(summary.starts_with("## ❌ daglab failed"), "{summary}");
    assert_eq!(runner.output("result"), "failed");
    assert_eq!(runner.output("notebooks-passed"), "1");
    assert_eq!(runner.output("notebooks-failed"), "1");
    assert_eq!(runner.output("runs-passed"), "1");
    assert_eq!(runner.output("report"), ".daglab/artifacts/report.json");
    assert!(runner.output("comment-url").contains("#issuecomment-"));
    let pages: serde_json::Value = serde_json::from_str(&runner.output("page-urls")).unwrap();

    let found = commands(&run.stderr());
    let errors: Vec<_> = found.iter().filter(|it| it.name == "error").collect();
    assert_eq!(errors.len(), 1, "{found:?}");
    assert!(
        errors[0]
            .properties
            .starts_with("file=notebooks/bad.py,line="),
        "{errors:?}"
    );

    let page = artifacts.artifact("notebooks-good.html");
    let url = format!(
        "https://github.com/octo-org/data/actions/runs/100/artifacts/{}",
        page.id
    );
    assert_eq!(pages["notebooks/good.py"], url);
    let html = String::from_utf8(page.bytes()).unwrap();
    assert!(
        html.contains("All is well") && html.contains("Content-Security-Policy"),
        "{html}"
    );
    assert!(
        html.replace("&#x2f;", "/").contains("/actions/runs/100\""),
        "the page leads back to its run"
    );

    let archive = artifacts.artifact("daglab-report");
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(archive.bytes())).unwrap();
    let names: Vec<String> = zip
        .file_names()
        .map(|name| name.unwrap().into_owned())
        .collect();
    for name in [
        "index.html",
        "report.json",
        "notebooks/good.html",
        "notebooks/good.interactive.html",
    ] {
        assert!(names.iter().any(|it| it == name), "no {name} in {names:?}");
    }
    let report: serde_json::Value =
        serde_json::from_reader(zip.by_name("report.json").unwrap()).unwrap();
    assert_eq!(report["origin"]["pull_request"], NUMBER);
    assert_eq!(report["origin"]["head_sha"], HEAD);
}

#[test]
fn the_comment_stays_one_and_the_newest() {
    let (github, artifacts) = services();
    let project = Project::small();
    project.notebook("notebooks/good.py", &["1 + 1"]);
    let runner = |run_id: &str| {
        Runner::of_pull_request(&github, &artifacts)
            .with("GITHUB_RUN_ID", run_id)
            .with("INPUT_ARTIFACTS", "false")
    };
    run(&project, &runner("100")).expect_code(0);
    let first = github.comments(NUMBER);
    project.notebook("notebooks/good.py", &["1 / 0"]);
    run(&project, &runner("200")).expect_code(4);
    let second = github.comments(NUMBER);
    assert_eq!(second.len(), 1);
    assert_eq!(first[0].id, second[0].id);
    assert!(second[0].body.contains("❌"), "{}", second[0].body);

    project.notebook("notebooks/good.py", &["1 + 1"]);
    run(&project, &runner("150"))
        .expect_code(0)
        .expect_stderr("newer run");
    assert_eq!(github.comments(NUMBER)[0].body, second[0].body);
}

#[test]
fn two_projects_have_two_comments() {
    let (github, artifacts) = services();
    for key in ["a", "b --> <b>"] {
        let project = Project::small();
        project.notebook("notebooks/good.py", &["1 + 1"]);
        let runner = Runner::of_pull_request(&github, &artifacts)
            .with("INPUT_COMMENT-KEY", key)
            .with("INPUT_ARTIFACT-SUFFIX", key);
        run(&project, &runner).expect_code(0);
    }
    assert_eq!(github.comments(NUMBER).len(), 2);
    let names: Vec<String> = artifacts
        .artifacts()
        .into_iter()
        .map(|it| it.name)
        .collect();
    assert_eq!(names.len(), 4, "{names:?}");
}

#[test]
fn a_check_run_is_there_for_those_who_ask() {
    let (github, artifacts) = services();
    let project = project();
    let runner = Runner::of_pull_request(&github, &artifacts)
        .with("INPUT_CHECK-RUN", "true")
        .with("INPUT_COMMENT", "never")
        .with("INPUT_ANNOTATIONS", "false")
        .with("INPUT_SUMMARY", "false");
    let run = run(&project, &runner);
    run.expect_code(4);
    assert_eq!(github.comments(NUMBER).len(), 0);
    assert_eq!(runner.read("GITHUB_STEP_SUMMARY"), "");
    assert!(
        commands(&run.stderr())
            .iter()
            .all(|it| it.name == "add-mask")
    );
    let state = github.state();
    let check = state.checks.values().next().unwrap();
    assert_eq!(check["conclusion"], "failure");
    assert_eq!(check["head_sha"], HEAD);
    let annotations = state.annotations.values().next().unwrap();
    assert_eq!(
        annotations[0]["path"], "notebooks/bad.py",
        "{annotations:?}"
    );
}

#[test]
fn a_refused_comment_changes_no_result() {
    let (github, artifacts) = services();
    github.state().writable = false;
    let project = Project::small();
    project.notebook("notebooks/good.py", &["1 + 1"]);
    let runner = Runner::of_pull_request(&github, &artifacts);
    run(&project, &runner)
        .expect_code(0)
        .expect_stderr("There is no comment");
    let summary = runner.read("GITHUB_STEP_SUMMARY");
    assert!(
        summary.contains("There is no comment on the pull request"),
        "{summary}"
    );
    assert!(
        summary.contains("pull&#45;requests") || summary.contains("pull-requests"),
        "{summary}"
    );
    artifacts.artifact("notebooks-good.html");
}

#[test]
fn a_comment_that_is_too_long_is_written_shorter() {
    let (github, artifacts) = services();
    github.fault(Fault::once(
        "POST",
        "/comments",
        What::status(
            422,
            "Validation Failed: body is too long (maximum is 65536 characters)",
        ),
    ));
    let project = project();
    let runner = Runner::of_pull_request(&github, &artifacts);
    run(&project, &runner).expect_code(4);
    assert_eq!(github.comments(NUMBER).len(), 1);
}

#[test]
fn without_a_pull_request_the_summary_is_all() {
    let (github, artifacts) = services();
    let project = Project::small();
    project.notebook("notebooks/good.py", &["1 + 1"]);
    let runner = Runner::new("schedule", &serde_json::json!({"schedule": "0 5 * * *"}))
        .with_github(&github)
        .with_artifacts(&artifacts);
    run(&project, &runner).expect_code(0);
    assert_eq!(github.count("POST", "/comments"), 0);
    assert!(
        runner
            .read("GITHUB_STEP_SUMMARY")
            .starts_with("## ✅ daglab passed")
    );
    assert_eq!(runner.output("comment-url"), "");
}
