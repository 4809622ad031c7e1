//! Nobody presses a button: in CI, and where there is no server.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::browser::{Made, scaffolded};
use super::support::dagster::Server;
use super::support::{Project, Run, notebook_of, python};

/// One of each template.
pub const NOTEBOOKS: [Made; 4] = [
    ("quick", "default", ["--job", "quick"]),
    ("orders", "minimal", ["--asset", "orders"]),
    ("training", "ml", ["--job", "training"]),
    (
        "sales",
        "feature-store",
        ["--from-selection", "group:sales"],
    ),
];

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

#[test]
fn by_nobody() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/notebooks/project");
    let server = Server::of(&fixture, 1);
    let project = scaffolded(&server.url, &NOTEBOOKS);
    without_a_server(&project);
    in_ci(&project);
}

/// Notebooks run green where no server answers, say so, and write nothing. daglab itself would start
/// a Dagster for them, so that marimo is asked.
fn without_a_server(project: &Project) {
    for (name, ..) in NOTEBOOKS {
        let notebook = format!("notebooks/{name}_explore.py");
        let said = exported_by_marimo(project, &notebook);
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

/// `daglab ci` runs them green with the Dagster that it starts, and pairs them. What others execute in
/// their kernels does not keep those from ending, although Dagster replaces handlers of signals.
fn in_ci(project: &Project) {
    project
        .notebook("notebooks/by_the_helper.py", &[BY_THE_HELPER])
        .notebook("notebooks/by_dagster_itself.py", &[BY_DAGSTER_ITSELF]);
    let page = exported_by_marimo(project, "notebooks/by_the_helper.py");
    assert!(page.contains("made report/revenue"), "{page}");

    let run = project.ci(&["--notebooks", "notebooks/*", "--timeout", "100"]);
    run.expect_code(0);
    let report = run.report();
    let asset = json!({ "kind": "asset", "key": "orders", "partition": null });
    for (path, target) in [
        (
            "notebooks/quick_explore.py",
            json!({ "kind": "job", "name": "quick" }),
        ),
        ("notebooks/orders_explore.py", asset),
        (
            "notebooks/training_explore.py",
            json!({ "kind": "job", "name": "training" }),
        ),
        ("notebooks/sales_explore.py", Value::Null),
        ("notebooks/by_the_helper.py", Value::Null),
        ("notebooks/by_dagster_itself.py", Value::Null),
    ] {
        let notebook = notebook_of(&report, path);
        assert_eq!(notebook["status"], json!("passed"), "{path}: {notebook}");
        if !target.is_null() {
            assert_eq!(notebook["target"], target, "{path}");
        }
    }
}
