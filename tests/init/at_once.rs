//! From an empty folder to everything green, with each template.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::support::{Project, Run, python};
use super::{init, tree};

/// Runs a tool of the test environment in a folder; it has to succeed.
fn tool(folder: &Path, name: &str, args: &[&str]) -> String {
    let bin = python().parent().unwrap().to_owned();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let output = Command::new("timeout")
        .arg("120")
        .arg(bin.join(name))
        .args(args)
        .current_dir(folder)
        .env("PATH", path)
        .env_remove("DAGSTER_HOME")
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(
        output.status.success(),
        "{name} {args:?}\n{stdout}\n{stderr}"
    );
    stdout
}

/// From an empty folder to everything green, without an edit.
fn works_at_once(template: &str, job: &str, asset: &str, notebook: &str) {
    let project = Project::empty();
    let root = project.root().join("my project-2");
    let at = root.to_str().unwrap();
    init(&project, &["--bootstrap", "--template", template, at]).expect_code(0);
    let written = tree(&root);
    init(&project, &["--bootstrap", "--template", template, at]).expect_code(0);
    init(&project, &[at]).expect_code(0);
    assert_eq!(tree(&root), written, "the second run changes no byte");

    let python = python();
    let python = python.to_str().unwrap();
    let there = |args: &[&str]| {
        let mut command = project.daglab(&[args, &["--python", python]].concat());
        command.current_dir(&root);
        let run = Run::of(command);
        run.expect_code(0);
        run
    };
    there(&["scaffold", asset]);
    there(&["scaffold", "--job", job, "--template", notebook]);
    there(&["run", "--ephemeral", "--job", job]);
    let report = there(&["ci", "--output", "json"]).report();
    // The two examples, and what was made here.
    assert_eq!(report["notebooks"].as_array().unwrap().len(), 4);
    assert!(!report["runs"].as_array().unwrap().is_empty());

    tool(&root, "dg", &["check", "defs"]);
    let defs = tool(&root, "dg", &["list", "defs", "--json"]);
    let defs: Value = serde_json::from_str(&defs).unwrap();
    let keys: Vec<&str> = defs["assets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["asset_key"].as_str().unwrap())
        .collect();
    assert!(keys.contains(&asset), "{keys:?}");
    tool(&root, "dagster", &["definitions", "validate"]);
    tool(
        &root,
        "dagster",
        &["definitions", "validate", "-f", "dagster/definitions.py"],
    );
    tool(&root, "pytest", &["-q", "-p", "no:cacheprovider"]);
    tool(&root, "ruff", &["check", "--no-cache", "."]);
    tool(&root, "ruff", &["format", "--no-cache", "--check", "."]);
    for (path, _) in tree(&root)
        .iter()
        .filter(|(path, _)| path.ends_with("_explore.py"))
    {
        tool(&root, "marimo", &["check", "--strict", path]);
    }
}

#[test]
fn minimal_works_at_once() {
    works_at_once("minimal", "refresh", "daily_revenue", "minimal");
}

#[test]
fn standard_works_at_once() {
    works_at_once(
        "standard",
        "weekly_summary",
        "weekly_report",
        "feature-store",
    );
}

#[test]
fn ml_works_at_once() {
    works_at_once("ml", "train", "evaluation", "ml");
}
