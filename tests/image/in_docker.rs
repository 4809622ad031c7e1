//! The tests themselves: a module, for `scripts/test` to tell them by.

#[path = "cancelled.rs"]
mod cancelled;
#[path = "hostile.rs"]
mod hostile;
#[path = "told.rs"]
mod told;

use crate::runner::{self, Services, Step, docker};
use serde_json::Value;

/// What action.yml passes as `args`.
const ARGUMENTS: &[&str] = &["action"];

const ORPHANS: &str = r#"import os
import time

import dagster as dg


@dg.op
def leaves_orphans():
    # Daemons of the job's own making: their parent is gone, and they would outlive the job.
    for _ in range(20):
        child = os.fork()
        if child == 0:
            os.setsid()
            if os.fork() == 0:
                time.sleep(600)
            os._exit(0)
        os.waitpid(child, 0)


@dg.job
def orphans():
    leaves_orphans()


defs = dg.Definitions(jobs=[orphans])
"#;

const ONE_JOB: &str = "version: 1.0\nci: {jobs: [{name: NAME}]}\n";

#[test]
fn a_project_that_declares_nothing_starts_with_what_the_image_has() {
    let step = Step::new().with("INPUT_ARTIFACTS", "false");
    step.write("definitions.py", ORPHANS);
    step.write("daglab.yaml", &ONE_JOB.replace("NAME", "orphans"));
    // It needs no network for that, and does not wait for what its job leaves running.
    let output = step.run_with(&["--network", "none"], ARGUMENTS);
    output.expect_code(0);
    let report = std::fs::read_to_string(step.artifacts().join("report.json")).unwrap();
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["result"], "passed");
    assert_eq!(report["runs"].as_array().unwrap().len(), 1);
    assert_eq!(step.containers(), "");
}

#[test]
fn git_reads_a_checkout_of_another_user() {
    let step = Step::new();
    step.write("a", "1");
    step.commit();
    let log = step.run_with(&["--entrypoint", "git"], &["log", "--format=%s"]);
    log.expect_code(0);
    assert_eq!(log.stdout(), "all\n");
}

#[test]
fn the_image_is_what_it_says() {
    let image = runner::image();
    let inspected = docker(&["image", "inspect", &image]);
    let inspected: Value = serde_json::from_str(&inspected).unwrap();
    let config = &inspected[0]["Config"];
    for label in [
        "title",
        "description",
        "source",
        "documentation",
        "licenses",
        "version",
        "revision",
    ] {
        let value = &config["Labels"][format!("org.opencontainers.image.{label}")];
        assert!(
            value.as_str().is_some_and(|text| !text.is_empty()),
            "{label}"
        );
    }
    assert_eq!(
        config["Labels"]["org.opencontainers.image.version"],
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(
        config["Entrypoint"],
        serde_json::json!(["/usr/local/bin/daglab"])
    );
    assert_eq!(config["User"], "");
    assert!(config["Healthcheck"].is_null());
    let variables = config["Env"].as_array().unwrap();
    assert!(
        !variables
            .iter()
            .any(|entry| entry.as_str().unwrap().starts_with("PYTHON")
                && entry.as_str().unwrap().contains("DONTWRITE")),
        "{variables:?}"
    );
    // What is imported is compiled, and uv is where daglab looks for it.
    let script = "import dagster, dagster_webserver.app, marimo, pathlib, importlib.util, shutil\n\
        for module in (dagster, marimo):\n    \
            source = pathlib.Path(module.__file__)\n    \
            cached = pathlib.Path(importlib.util.cache_from_source(str(source)))\n    \
            stamp = int.from_bytes(cached.read_bytes()[8:12], 'little')\n    \
            assert stamp == int(source.stat().st_mtime), (source, stamp)\n\
        assert shutil.which('uv')";
    let output = Step::new().run_with(&["--entrypoint", "python3"], &["-c", script]);
    output.expect_code(0);
}
