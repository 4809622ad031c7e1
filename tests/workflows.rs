//! The action in both variants, the workflows of this repository, and those that users copy: held
//! against GitHub's schemas, zizmor's strictest persona and actionlint, without a finding; and what
//! the documents show of them is what the files have.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that can't be set up has failed"
)]

#[path = "workflows/docs.rs"]
mod docs;
#[path = "workflows/lint.rs"]
mod lint;
#[path = "workflows/on_runner.rs"]
mod on_runner;
mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

const ACTIONS: [&str; 2] = ["action.yml", "on-runner/action.yml"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The workflows of this repository and those of the examples.
fn workflows() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = [".github/workflows", "examples/workflows"]
        .iter()
        .flat_map(|folder| std::fs::read_dir(root().join(folder)).unwrap())
        .map(|entry| entry.unwrap().path())
        .collect();
    found.sort();
    assert!(found.len() > 5, "{found:?}");
    found
}

/// A YAML file as data.
fn yaml(path: &Path) -> Value {
    let program = "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))";
    let output = Command::new(support::python())
        .args(["-c", program])
        .arg(path)
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

fn action(name: &str) -> Value {
    yaml(&root().join(name))
}

/// A tool of the tests' environment.
fn tool(name: &str) -> Command {
    let python = support::python();
    let mut command = Command::new(python.parent().unwrap().join(name));
    command.current_dir(root());
    command
}

#[test]
fn every_input_and_output_is_described_in_a_sentence() {
    for file in ACTIONS {
        let action = action(file);
        for kind in ["inputs", "outputs"] {
            for (name, entry) in action[kind].as_object().unwrap() {
                let text = entry["description"].as_str().unwrap();
                let ends = text.ends_with('.') && !text.trim_end_matches('.').contains(". ");
                assert!(ends && text.len() < 160, "{file}, {name}: {text}");
            }
        }
        assert!(action["branding"]["icon"].is_string(), "{file}");
    }
}

#[test]
fn the_variants_differ_only_where_they_must() {
    let [container, runner] = ACTIONS.map(action);
    let mut inputs = runner["inputs"].as_object().unwrap().clone();
    for own in ["binary", "download-url"] {
        inputs.remove(own).unwrap();
    }
    assert_eq!(&inputs, container["inputs"].as_object().unwrap());
    let step = &runner["runs"]["steps"][1];
    for name in inputs.keys() {
        let given = if name == "github-token" {
            &step["with"][name]
        } else {
            &step["env"][format!("INPUT_{}", name.to_uppercase())]
        };
        assert_eq!(given, &format!("${{{{ inputs.{name} }}}}"), "{name}");
    }
    for (name, output) in container["outputs"].as_object().unwrap() {
        let own = &runner["outputs"][name];
        assert_eq!(own["description"], output["description"], "{name}");
        assert_eq!(own["value"], format!("${{{{ steps.run.outputs.{name} }}}}"));
    }
    assert_eq!(container["runs"]["args"], serde_json::json!(["action"]));
}

#[test]
fn inputs_of_examples_are_inputs_of_the_action() {
    let mut uses = 0;
    for path in workflows() {
        let workflow = yaml(&path);
        for job in workflow["jobs"].as_object().unwrap().values() {
            for step in job["steps"].as_array().unwrap() {
                let file = match step["uses"].as_str() {
                    Some("daglab/daglab-action@v1") => ACTIONS[0],
                    Some("daglab/daglab-action/on-runner@v1") => ACTIONS[1],
                    _ => continue,
                };
                uses += 1;
                let known = action(file);
                for name in step["with"]
                    .as_object()
                    .into_iter()
                    .flat_map(|with| with.keys())
                {
                    assert!(
                        known["inputs"][name].is_object(),
                        "{}: {name}",
                        path.display()
                    );
                }
            }
        }
    }
    assert!(uses > 5, "{uses}");
}
