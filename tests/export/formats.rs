//! Markdown, Jupyter notebooks and documents, by the installed marimo.

use serde_json::Value;

use crate::support::{Project, Run};
use crate::{command, export, read, written};

#[test]
fn every_format_is_written_beside_the_notebook() {
    let project = Project::empty();
    project.notebook("nb/a.py", &["import sys\nprint('given', sys.argv[1:])"]);
    let run = export(
        &project,
        &["nb/a.py"],
        &[
            "--format", "html,md", "--format", "ipynb", "--", "--limit", "7",
        ],
    );
    run.expect_code(0);
    assert_eq!(
        written(&project, &run),
        ["nb/a.html", "nb/a.html.gz", "nb/a.md", "nb/a.ipynb"]
    );
    assert!(read(&project, "nb/a.html").contains("--limit"));
    assert!(read(&project, "nb/a.md").contains("sys.argv[1:]"));
    let notebook: Value = serde_json::from_str(&read(&project, "nb/a.ipynb")).unwrap();
    let outputs: Vec<&Value> = notebook["cells"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|cell| cell["outputs"].as_array().into_iter().flatten())
        .collect();
    assert!(
        format!("{outputs:?}").contains("given ['--limit', '7']"),
        "{outputs:?}"
    );
    let list = read(&project, "nb/.daglab-files.json");
    assert!(
        list.contains("\"a.ipynb\"") && list.contains("\"a.md\""),
        "{list}"
    );
}

#[test]
fn a_document_without_outputs_runs_nothing() {
    let project = Project::empty();
    project.notebook("a.py", &["open('ran', 'w').close()"]);
    let run = export(
        &project,
        &["a.py"],
        &["--format", "md", "--output", "out/doc.md"],
    );
    run.expect_code(0);
    assert_eq!(written(&project, &run), ["out/doc.md"]);
    assert!(!project.root().join("ran").exists());
    assert!(!project.root().join("out/doc.html").exists());
}

#[test]
fn a_failing_cell_fails_a_jupyter_notebook_which_is_there_all_the_same() {
    let project = Project::empty();
    project.notebook("a.py", &["print('before')", "1 / 0"]);
    let run = export(&project, &["a.py"], &["--format", "ipynb"]);
    run.expect_code(4).expect_stderr("ipynb");
    assert_eq!(written(&project, &run), ["a.ipynb"]);
    assert!(read(&project, "a.ipynb").contains("ZeroDivisionError"));
}

#[test]
fn known_secrets_and_time_limits_count_for_all_formats() {
    let project = Project::empty();
    project.notebook(
        "a.py",
        &["import os\nprint('the password is', os.environ['MY_PASSWORD'])"],
    );
    let mut shows = command(
        &project,
        &["a.py"],
        &["--format", "ipynb", "--env", "MY_PASSWORD"],
    );
    shows.env("MY_PASSWORD", "c4n4ry-in-the-mine");
    Run::of(shows).expect_code(0);
    let text = read(&project, "a.ipynb");
    assert!(text.contains("the password is"), "{text}");
    assert!(!text.contains("c4n4ry"), "{text}");
    serde_json::from_str::<Value>(&text).unwrap();

    project.notebook("slow.py", &["import time\ntime.sleep(600)"]);
    let run = export(
        &project,
        &["slow.py"],
        &["--format", "ipynb", "--timeout", "3"],
    );
    run.expect_code(4).expect_stderr("its time was over");
    assert!(!project.root().join("slow.ipynb").exists());
    assert!(written(&project, &run).is_empty());
}

#[test]
fn packages_that_only_a_format_needs_are_named() {
    let project = Project::empty();
    project.notebook("a.py", &["print(1)"]);
    let run = export(
        &project,
        &["a.py"],
        &["--format", "html,pdf", "--no-compress"],
    );
    run.expect_code(3)
        .expect_stderr("nbconvert")
        .expect_stderr("install it where the project's packages are");
    // The others are there.
    assert_eq!(written(&project, &run), ["a.html"]);
}
