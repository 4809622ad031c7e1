//! Nobody presses a button: in CI, and where there is no server.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::support::{Project, Run, notebook_of, python};

/// Notebooks run green where no server answers, say so, and write nothing. daglab itself would start
/// a Dagster for them, so that marimo is asked.
pub fn without_a_server(project: &Project, notebooks: &[&str]) {
    let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("python");
    let page = project.tmp().join("page.html");
    for notebook in notebooks {
        let mut command = Command::new(python());
        command
            .args([
                "-m",
                "marimo",
                "-q",
                "-y",
                "export",
                "html",
                notebook,
                "-f",
                "--no-sandbox",
                "-o",
            ])
            .arg(&page)
            .current_dir(project.root())
            .env("PYTHONPATH", &package)
            .env("DAGLAB_BIN", env!("CARGO_BIN_EXE_daglab"))
            // Nobody listens there.
            .env("DAGLAB_DAGSTER_URL", "http://127.0.0.1:9")
            .env_remove("PYTHONDONTWRITEBYTECODE");
        Run::of(command).expect_code(0);
        let said = std::fs::read_to_string(&page).unwrap();
        for part in ["No Dagster server", "Nothing was launched yet"] {
            assert!(said.contains(part), "{notebook} does not say {part:?}");
        }
    }
    // Opening it may leave its empty lock there.
    for file in std::fs::read_dir(project.root().join(".daglab/state"))
        .into_iter()
        .flatten()
    {
        let file = file.unwrap();
        let length = file.metadata().unwrap().len();
        assert_eq!(
            length,
            0,
            "{:?} was written although nothing changed",
            file.path()
        );
    }
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
