//! What the documents show: the examples as they are, and tables of inputs and outputs.
//! `DAGLAB_TEST_UPDATE=1` writes them.

use std::path::PathBuf;

use serde_json::Value;

use super::{ACTIONS, action, lint, root};

const DOCUMENTS: [&str; 2] = ["docs/github-action.md", "docs/gitlab-ci.md"];

/// Compares a document with what it should be, or writes it.
#[track_caller]
fn hold(path: &str, text: &str, wanted: &str) {
    if std::env::var_os("DAGLAB_TEST_UPDATE").is_some() {
        std::fs::write(root().join(path), wanted).unwrap();
    } else {
        pretty_assertions::assert_eq!(text, wanted, "{path}; DAGLAB_TEST_UPDATE=1 writes it");
    }
}

#[test]
fn documents_show_the_files() {
    let mut shown = Vec::new();
    for path in DOCUMENTS {
        let text = std::fs::read_to_string(root().join(path)).unwrap();
        let mut wanted = String::new();
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            wanted += &format!("{line}\n");
            let example = line
                .strip_prefix("<!-- examples/")
                .and_then(|rest| rest.strip_suffix(" -->"));
            if let Some(example) = example {
                assert_eq!(lines.next(), Some("```yaml"), "{path}: {example}");
                lines.by_ref().find(|line| *line == "```").unwrap();
                let file = std::fs::read_to_string(root().join("examples").join(example)).unwrap();
                wanted += &format!("```yaml\n{file}```\n");
                shown.push(example.to_owned());
            }
        }
        if path == DOCUMENTS[0] {
            wanted = with_tables(&wanted);
        }
        hold(path, &text, &wanted);
    }
    let mut there: Vec<String> = ["workflows", "gitlab"]
        .iter()
        .flat_map(|folder| std::fs::read_dir(root().join("examples").join(folder)).unwrap())
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            path.strip_prefix(root().join("examples"))
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    there.sort();
    shown.sort();
    assert_eq!(shown, there, "each example is shown once");
}

fn with_tables(text: &str) -> String {
    let container = action(ACTIONS[0]);
    let row = |cells: &[&str]| format!("| {} |\n", cells.join(" | "));
    let code = |text: &str| {
        if text.is_empty() {
            String::new()
        } else {
            format!("`{text}`")
        }
    };
    let mut inputs = row(&["input", "default", "what"]) + &row(&["---"; 3]);
    for (name, entry) in container["inputs"].as_object().unwrap() {
        let (default, what) = (
            entry["default"].as_str().unwrap(),
            entry["description"].as_str().unwrap(),
        );
        inputs += &row(&[&code(name), &code(default), what]);
    }
    let mut outputs = row(&["output", "what"]) + &row(&["---"; 2]);
    for (name, entry) in container["outputs"].as_object().unwrap() {
        outputs += &row(&[&code(name), entry["description"].as_str().unwrap()]);
    }
    let mut text = text.to_owned();
    for (name, table) in [("inputs", inputs), ("outputs", outputs)] {
        let marker = format!("<!-- {name} -->\n");
        let begin = text.find(&marker).unwrap() + marker.len();
        let end = begin + text[begin..].find("<!-- end -->").unwrap();
        text.replace_range(begin..end, &table);
    }
    text
}

/// Steps that are shown alone are steps of a workflow without findings, too.
#[test]
fn single_steps_of_documents_are_valid() {
    let text = std::fs::read_to_string(root().join(DOCUMENTS[0])).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut files: Vec<PathBuf> = Vec::new();
    for block in text.split("```yaml\n- ").skip(1) {
        let steps = format!("- {}", block.split("```").next().unwrap());
        let steps: String = steps
            .lines()
            .map(|line| format!("      {line}\n"))
            .collect();
        let file = dir.path().join(format!("{}.yml", files.len()));
        let head = "on: push\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps:\n";
        std::fs::write(&file, format!("{head}{steps}")).unwrap();
        files.push(file);
    }
    assert!(!files.is_empty());
    lint::has_schema("vendor.github-workflows", &files);
    assert_eq!(lint::actionlint(&files), Vec::<Value>::new());
}

/// A message that nothing says any more would be looked up in vain.
#[test]
fn messages_of_ours_are_those_of_the_program() {
    let text = std::fs::read_to_string(root().join(DOCUMENTS[0])).unwrap();
    let said = |folder: &str, message: &str| {
        ignore::Walk::new(root().join(folder))
            .flatten()
            .filter(|entry| entry.path().is_file())
            .any(|entry| {
                std::fs::read_to_string(entry.path()).is_ok_and(|text| text.contains(message))
            })
    };
    for (folder, message) in [
        ("src", "no Dagster project in"),
        ("src", "install the requirements of"),
        ("src", "the token of a run for a fork can only"),
        ("src", "no token was given"),
        ("src", "The comment shows the result of a newer run"),
        ("src", "no open pull request has the commit"),
        ("src", "this workflow run already has an artifact named"),
        ("src", "the account's storage for artifacts is used up"),
        ("src", "has no artifacts of version 4 or later"),
        ("src", "GitHub did not answer in time"),
        ("src", "neither `true` nor `false`"),
        (
            "on-runner",
            "this commit of the action is pinned to no release",
        ),
        ("on-runner", "its checksum is another one"),
    ] {
        assert!(text.contains(message), "{message} is not in the document");
        assert!(said(folder, message), "{message} is not said in {folder}");
    }
}

/// A run that was stopped early has stored no report: the second workflow says so and is no failure.
#[test]
fn the_second_workflow_ends_well_without_a_report() {
    let workflow = super::yaml(&root().join("examples/workflows/forks-comment.yml"));
    let job = &workflow["jobs"]["comment"];
    let wanted = "github.event.workflow_run.event == 'pull_request'";
    assert_eq!(job["if"], wanted, "whatever became of the run");
    let [download, note, comment] = &job["steps"].as_array().unwrap()[..] else {
        panic!("{job:#}");
    };
    assert_eq!(download["id"], "download");
    assert_eq!(download["continue-on-error"], true);
    assert_eq!(note["if"], "steps.download.outcome != 'success'");
    assert!(note["run"].as_str().unwrap().contains("::warning "));
    assert_eq!(comment["if"], "steps.download.outcome == 'success'");
    assert!(comment["with"]["report"].is_string());
}
