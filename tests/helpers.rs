//! The Python helpers, as notebooks use them, with the real binary: on a real Dagster web server, in
//! process, and on a server of each supported release.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that can't be set up has failed"
)]

mod support;

use std::path::Path;
use std::process::{Command, Output};

use support::Project;
use support::dagster::Server;
use support::object_servers::{self, CLOUDS, Cloud, ObjectServer};
use support::versions::python_with_dagster;

const PACKAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/python");

/// A Python program of the repository in a project, with the package and the binary at hand.
fn command(python: &Path, project: &Project, args: &[&str]) -> Command {
    let mut command = Command::new("timeout");
    command
        .arg("900")
        .arg(python)
        .args(args)
        .current_dir(project.root())
        .env("PYTHONPATH", PACKAGE)
        .env("DAGLAB_BIN", env!("CARGO_BIN_EXE_daglab"))
        .env("TMPDIR", project.tmp())
        .env_remove("PYTHONDONTWRITEBYTECODE")
        .env_remove("DAGSTER_HOME");
    command
}

fn python(python: &Path, project: &Project, args: &[&str], server: Option<&Server>) -> Output {
    let mut command = command(python, project, args);
    if let Some(server) = server {
        command.env("DAGLAB_DAGSTER_URL", &server.url);
    }
    command.output().unwrap()
}

#[track_caller]
fn expect_success(output: &Output) {
    assert!(
        output.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

fn test_file(name: &str) -> String {
    format!("{}/tests/helpers/{name}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn notebooks_speak_to_a_server() {
    let project = Project::copy_of("tests/helpers");
    let server = Server::of(&project.root(), 1);
    let file = test_file("served.py");
    expect_success(&python(
        &support::python(),
        &project,
        &[&file],
        Some(&server),
    ));
}

#[test]
fn notebooks_export_upload_and_clean() {
    let project = Project::copy_of("tests/helpers");
    let file = test_file("files.py");
    expect_success(&python(&support::python(), &project, &[&file], None));
}

#[test]
fn notebooks_upload_to_every_cloud() {
    for cloud in CLOUDS {
        let store = ObjectServer::start(cloud);
        store.create_bucket("pages");
        let project = Project::copy_of("tests/helpers");
        let settings = format!("export:\n  cloud_storage: {}\n", store.settings());
        project.write("daglab.yaml", &settings);
        let uploads = |key: &str, variables: Vec<(String, String)>| {
            project.write("page.html", "<p>Written first</p>");
            let provider = match cloud {
                Cloud::S3 => "s3",
                Cloud::Gcs => "gcs",
                Cloud::Azure => "azure",
            };
            let file = test_file("clouds.py");
            let args = [file.as_str(), provider, "pages", key];
            let mut command = command(&support::python(), &project, &args);
            let output = command.envs(variables).output().unwrap();
            expect_success(&output);
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            for secret in store.secrets() {
                assert!(!said.contains(&secret), "{said}");
            }
            serde_json::from_str::<serde_json::Value>(&said).unwrap()
        };
        let key = match cloud {
            Cloud::S3 | Cloud::Gcs => "a b/é.html",
            Cloud::Azure => {
                // No link can be signed for it, so that nothing is sent.
                let said = uploads("a b/é.html", store.variables());
                assert_eq!(said["code"], 7, "{said}");
                assert!(store.keys("pages").is_empty());
                "a_b/e-1.html"
            }
        };
        let said = uploads(key, store.variables());
        let reply = object_servers::open(said["url"].as_str().unwrap());
        assert_eq!(reply.unpacked(), b"<p>Written later</p>", "{cloud:?}");
        assert_eq!(store.keys("pages"), [key]);
        assert_eq!(said["missing"], 7, "{cloud:?}");
        let said = uploads(key, store.wrong_variables());
        assert_eq!(said["code"], 6, "{cloud:?}: {said}");
    }
}

#[test]
fn the_package_is_of_the_binarys_version() {
    let text = std::fs::read_to_string(format!("{PACKAGE}/daglab/__init__.py")).unwrap();
    let line = format!("__version__ = \"{}\"\n", env!("CARGO_PKG_VERSION"));
    assert!(text.contains(&line), "{line}");
}

#[test]
fn children_are_led_to_the_binary() {
    let project = Project::empty();
    let cells = ["import os, pathlib\npathlib.Path('seen').write_text(os.environ['DAGLAB_BIN'])"];
    project.notebook("nb.py", &cells);
    let binary = python_path(&project);
    assert_eq!(
        std::fs::canonicalize(binary).unwrap(),
        std::fs::canonicalize(env!("CARGO_BIN_EXE_daglab")).unwrap()
    );
}

/// What a notebook that daglab exports sees as the binary.
fn python_path(project: &Project) -> String {
    let python = support::python();
    let args = [
        "export",
        "--notebook",
        "nb.py",
        "--python",
        python.to_str().unwrap(),
    ];
    support::Run::of(project.daglab(&args)).expect_code(0);
    std::fs::read_to_string(project.root().join("seen")).unwrap()
}

/// A run, what there is, and an execution in process, with one release of Dagster.
fn works_with(release: &str) {
    let interpreter = python_with_dagster(release);
    let project = Project::copy_of("tests/helpers");
    let server = Server::with_python(&interpreter, &project.root(), 1);
    let file = test_file("served.py");
    let args = [
        file.as_str(),
        "ServedTest.test_health_and_what_there_is",
        "ServedTest.test_a_run_is_launched_followed_and_its_end_seen",
        "ServedTest.test_what_is_not_valid_is_not_launched",
        "InProcessTest",
    ];
    expect_success(&python(&interpreter, &project, &args, Some(&server)));
}

mod spread {
    use super::works_with;

    #[test]
    fn dagster_1_5() {
        works_with("1.5");
    }
}
