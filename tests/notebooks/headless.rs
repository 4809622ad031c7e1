//! Nobody presses a button: in CI, and where there is no server.

use serde_json::{Value, json};

use super::support::{Project, Run, notebook_of, python};

/// Notebooks run green where no server answers, say so, and write nothing but their pages.
pub fn without_a_server(project: &Project, notebooks: &[&str]) {
    let python = python();
    let mut args = vec!["export", "--python", python.to_str().unwrap(), "--notebook"];
    args.extend(notebooks);
    let mut command = project.daglab(&args);
    // Nobody listens there.
    command.env("DAGLAB_DAGSTER_URL", "http://127.0.0.1:9");
    Run::of(command).expect_code(0);
    for notebook in notebooks {
        let page = std::fs::read_to_string(project.root().join(notebook).with_extension("html"));
        let page = page.unwrap();
        assert!(
            page.contains("No Dagster server"),
            "{notebook} does not say what is missing"
        );
        assert!(page.contains("Nothing was launched yet"), "{notebook}");
    }
    let state = project.root().join(".daglab/state");
    assert!(
        !state.exists(),
        "state was written although nothing changed"
    );
}

/// `daglab ci` runs them green with the Dagster that it starts, and pairs them.
pub fn in_ci(project: &Project, notebooks: &[(&str, Value)]) {
    let run = project.ci(&[]);
    run.expect_code(0);
    let report = run.report();
    for (path, target) in notebooks {
        let notebook = notebook_of(&report, path);
        assert_eq!(notebook["status"], json!("passed"), "{path}: {notebook}");
        assert_eq!(&notebook["target"], target, "{path}");
    }
}
