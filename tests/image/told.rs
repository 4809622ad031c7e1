//! What is told, and what is left.

use std::io::Cursor;
use std::os::unix::fs::MetadataExt;

use serde_json::Value;

use super::*;
use crate::support::notebook;
use crate::support::runner::{HEAD, NUMBER, commands, workflow_run};

/// Where the artifacts of the workflow run are.
const ARTIFACTS: &str = "https://github.com/octo-org/data/actions/runs/100/artifacts/";

const DEFINITIONS: &str = r#"import dagster as dg


@dg.op
def fine():
    pass


@dg.job
def good_job():
    fine()


defs = dg.Definitions(jobs=[good_job])
"#;

#[track_caller]
fn contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
}

/// The report that the archive of a run holds.
fn archived(services: &Services) -> Value {
    let archive = services.artifacts.artifact("daglab-report").bytes();
    let mut zip = zip::ZipArchive::new(Cursor::new(archive)).unwrap();
    serde_json::from_reader(zip.by_name("report.json").unwrap()).unwrap()
}

#[test]
fn the_example_passes_and_all_of_it_is_told() {
    let services = Services::start();
    let step = Step::of_example("examples/orders").with_services(&services);
    let output = step.run(ARGUMENTS);
    output.expect_code(0);
    assert_eq!(step.containers(), "");

    let report = archived(&services);
    assert_eq!(report["result"], "passed");
    assert_eq!(report["origin"]["pull_request"], NUMBER);
    assert_eq!(report["origin"]["head_sha"], HEAD);
    let notebooks = report["notebooks"].as_array().unwrap();
    assert_eq!(notebooks.len(), 5);
    let comment = services.comment();
    contains(
        &comment,
        &["## ✅ daglab passed", "[all files](", &HEAD[..8]],
    );
    let pages: Value = serde_json::from_str(&step.output("page-urls")).unwrap();
    assert_eq!(pages.as_object().unwrap().len(), 5);
    for notebook in notebooks {
        let path = notebook["path"].as_str().unwrap();
        let name = path.replace('/', "-").replace(".py", ".html");
        let page = services.artifacts.artifact(&name);
        assert_eq!(page.mime_type.as_deref(), Some("text/html"));
        let url = format!("{ARTIFACTS}{}", page.id);
        contains(&comment, &[&format!("[`{path}`]({url})")]);
        assert_eq!(pages[path], url);
        let html = String::from_utf8(page.bytes()).unwrap();
        contains(&html, &["Content-Security-Policy", "</html>"]);
    }

    contains(&step.told("step_summary"), &["## ✅ daglab passed"]);
    for (name, value) in [
        ("result", "passed"),
        ("report", ".daglab/artifacts/report.json"),
        ("notebooks-passed", "5"),
        ("notebooks-failed", "0"),
        ("runs-passed", "3"),
        ("runs-failed", "0"),
    ] {
        assert_eq!(step.output(name), value, "{name}");
    }
    contains(&step.output("comment-url"), &["/pull/7#issuecomment-"]);
    let archive = services.artifacts.artifact("daglab-report").id;
    assert_eq!(step.output("archive-url"), format!("{ARTIFACTS}{archive}"));
    let log = format!("{}\n{}", output.stdout(), output.stderr());
    assert!(commands(&log).iter().all(|it| it.name == "add-mask"));

    // What is left can be read, and what was there belongs to whom it belonged.
    assert_eq!(step.unreadable(), "");
    let project = std::fs::metadata(step.workspace().join("pyproject.toml"));
    assert_eq!(project.unwrap().uid(), runner::USER);

    // The next step of the job finds the environment that this one has made.
    let again = step.run(ARGUMENTS);
    again.expect_code(0);
    let installs = again.stderr().contains("Installing the requirements");
    assert!(!installs, "{}", again.stderr());
    services.comment();
}

#[test]
fn a_failure_is_told_at_its_line_and_by_a_second_workflow() {
    let services = Services::start();
    let step = Step::new().with_services(&services);
    step.write("definitions.py", DEFINITIONS);
    step.write("daglab.yaml", &ONE_JOB.replace("NAME", "good_job"));
    let good = notebook(&["import marimo as mo\nmo.md('# All is well')"]);
    let bad = notebook(&["1 / 0", "print('fine')"]);
    step.write("notebooks/good.py", &good);
    step.write("notebooks/bad.py", &bad);
    step.commit();
    let output = step.run(ARGUMENTS);
    output.expect_code(4);

    let comment = services.comment();
    let page = services.artifacts.artifact("notebooks-good.html");
    contains(
        &comment,
        &[
            "## ❌ daglab failed\n\nNotebooks: **1 failed**, 1 passed",
            "`ZeroDivisionError: division by zero`",
            &format!("[`notebooks/good.py`]({ARTIFACTS}{})", page.id),
            "https://github.com/octo-org/data/pull/7/files#diff-",
        ],
    );
    let html = String::from_utf8(page.bytes()).unwrap();
    contains(&html, &["All is well"]);
    contains(&step.told("step_summary"), &["## ❌ daglab failed"]);
    assert_eq!(step.output("result"), "failed");
    assert_eq!(step.output("notebooks-failed"), "1");
    let log = format!("{}\n{}", output.stdout(), output.stderr());
    let errors = commands(&log).into_iter().filter(|it| it.name == "error");
    let errors: Vec<_> = errors.collect();
    let line = 1 + bad.lines().position(|it| it.contains("1 / 0")).unwrap();
    assert_eq!(errors.len(), 1, "{errors:?}");
    let place = format!("file=notebooks/bad.py,line={line},");
    assert!(errors[0].properties.starts_with(&place), "{errors:?}");
    // Nothing of the checkout is changed, and what is new is what daglab and marimo always leave.
    let changes = step.run_with(&["--entrypoint", "git"], &["status", "--porcelain"]);
    changes.expect_code(0);
    assert_eq!(changes.stdout(), "?? .daglab/\n?? notebooks/__marimo__/\n");
    assert_eq!(step.unreadable(), "");

    // The workflow that may comment on pull requests from forks has the archive and nothing else.
    services.github.state().comments.clear();
    services.github.state().pulls[0].head_owner = "mona".to_owned();
    let second = Step::new()
        .of_event("workflow_run", &workflow_run())
        .with_services(&services)
        .with("GITHUB_RUN_ID", "101")
        .with("INPUT_REPORT", "report");
    let archive = services.artifacts.artifact("daglab-report").bytes();
    let mut zip = zip::ZipArchive::new(Cursor::new(archive)).unwrap();
    zip.extract(second.workspace().join("report")).unwrap();
    second.run(ARGUMENTS).expect_code(0);
    contains(&services.comment(), &["Notebooks: **1 failed**, 1 passed"]);
    contains(&second.output("comment-url"), &["/pull/7#issuecomment-"]);
}
