//! Nobody presses a button: in CI, and where there is no server.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::support::{Project, Run, notebook_of, python};

/// Executes in the kernel's main thread, through the helper.
const BY_THE_HELPER: &str = r#"
from daglab.helpers import run_inprocess

result = run_inprocess("report/revenue", definitions="defs.py")
assert result.success, result.error
print("made", *result.assets)
"#;

/// The same without it.
const BY_DAGSTER_ITSELF: &str = r#"
import dagster as dg

@dg.asset
def numbers():
    return [1, 2, 3]

made = dg.materialize([numbers])
print("made", *made.output_for_node("numbers"))
"#;

/// Notebooks run green where no server answers, say so, and write nothing. daglab itself would start
/// a Dagster for them, so that marimo is asked.
pub fn without_a_server(project: &Project, notebooks: &[&str]) {
    for notebook in notebooks {
        let said = exported_by_marimo(project, notebook);
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

/// What a notebook executes in its process does not keep marimo from ending: Dagster replaces the
/// handlers of signals.
#[test]
fn executed_in_process() {
    let project = Project::copy_of("tests/notebooks/project");
    project
        .write("daglab.yaml", "notebooks_dir: notebooks\n")
        .notebook("notebooks/by_the_helper.py", &[BY_THE_HELPER])
        .notebook("notebooks/by_dagster_itself.py", &[BY_DAGSTER_ITSELF]);
    let page = exported_by_marimo(&project, "notebooks/by_the_helper.py");
    assert!(page.contains("made report/revenue"), "{page}");

    let run = project.ci(&["--no-jobs"]);
    run.expect_code(0);
    let report = run.report();
    for path in ["notebooks/by_the_helper.py", "notebooks/by_dagster_itself.py"] {
        let notebook = notebook_of(&report, path);
        assert_eq!(notebook["status"], json!("passed"), "{path}: {notebook}");
    }
}

/// The page that marimo makes of a notebook in half a minute or so: it ends by itself or never.
fn exported_by_marimo(project: &Project, notebook: &str) -> String {
    let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("python");
    let page = project.tmp().join("page.html");
    let mut command = Command::new("timeout");
    command
        .args(["--kill-after=5", "100"])
        .arg(python())
        .args(["-m", "marimo", "-q", "-y", "export", "html", notebook])
        .args(["-f", "--no-sandbox", "-o"])
        .arg(&page)
        .current_dir(project.root())
        .env("PYTHONPATH", package)
        .env("DAGLAB_BIN", env!("CARGO_BIN_EXE_daglab"))
        // Nobody listens there.
        .env("DAGLAB_DAGSTER_URL", "http://127.0.0.1:9")
        .env_remove("PYTHONDONTWRITEBYTECODE")
        .stdin(Stdio::null());
    Run::of(command).expect_code(0);
    std::fs::read_to_string(&page).unwrap()
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
