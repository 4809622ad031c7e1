//! What git is told not to take, as git understands it.

use std::process::Command;

use super::init;
use super::support::Project;

/// Whether git would leave a file out.
fn is_ignored(project: &Project, path: &str) -> bool {
    let status = Command::new("git")
        .args(["check-ignore", "--quiet", "--no-index", path])
        .current_dir(project.root())
        .status()
        .unwrap();
    match status.code() {
        Some(0) => true,
        Some(1) => false,
        code => panic!("git check-ignore {path}: {code:?}"),
    }
}

fn repository() -> Project {
    let project = Project::empty();
    let made = Command::new("git")
        .args(["init", "--quiet"])
        .current_dir(project.root())
        .status()
        .unwrap();
    assert!(made.success());
    project
}

#[test]
fn exports_wherever_they_are_and_nothing_of_the_users() {
    let project = repository();
    init(&project, &["--bootstrap", "--notebooks-dir", "note books"]).expect_code(0);
    for path in [
        "note books/assets/core/orders_explore.html",
        "note books/jobs/train_explore.html.gz",
        "note books/old.html",
        "note books/examples/.daglab-files.json",
        "note books/jobs/.ipynb_checkpoints/x-checkpoint.ipynb",
        "note books/assets/__marimo__/session/x.json",
        ".daglab/cache/discovery.json",
        ".daglab/state/orders_explore.json",
        ".daglab/changes.json.new",
        ".daglab/artifacts/report.json",
        ".venv/bin/python",
        ".env",
        "dagster/assets/__pycache__/orders.cpython-312.pyc",
    ] {
        assert!(is_ignored(&project, path), "{path}");
    }
    for path in [
        "note books/assets/core/orders_explore.py",
        "note books/README.md",
        ".daglab/templates/team.py.j2",
        "report.html",
        "docs/index.html",
        "uv.lock",
    ] {
        assert!(!is_ignored(&project, path), "{path}");
    }
}

#[test]
fn what_was_ignored_stays_so_whoever_forces_what() {
    let project = repository();
    project.write(".gitignore", "/secrets.toml\n");
    init(&project, &["--bootstrap", "--name", "shop"]).expect_code(0);
    init(&project, &["--bootstrap", "--name", "shop", "--force"]).expect_code(0);
    for path in ["secrets.toml", ".env", ".tmp_dagster_home_x/storage"] {
        assert!(is_ignored(&project, path), "{path}");
    }
}
