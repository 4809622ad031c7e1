//! `security.sandbox_mode`: what only reads gets through, and what changes something does where it is
//! listed.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that can't be set up has failed"
)]

mod support;

use pretty_assertions::assert_eq;
use support::dagster::Server;
use support::listener::Listener;
use support::{Project, Run, notebook_of, python, run_of};

const CLOSED: &str = "security: {sandbox_mode: true}\n";
const LAUNCHING: &str = "security: {sandbox_mode: true, allowed_operations: [launchRun]}\n";

fn refused<'a>(run: &'a Run, operation: &str) -> &'a Run {
    run.expect_code(7)
        .expect_stderr(&format!("`{operation}` is not allowed in the sandbox"))
        .expect_stderr("`security.sandbox_mode`")
        .expect_stderr(&format!(
            "add `{operation}` to `security.allowed_operations`"
        ))
}

#[test]
fn nothing_is_sent_for_what_is_refused() {
    let project = Project::small();
    project.write("daglab.yaml", CLOSED);
    let server = Listener::saying("500 Internal Server Error", "text/plain", "asked");
    let url = server.url();
    let run =
        |args: &[&str]| Run::of(project.daglab(&[&["run", "--dagster-url", &url], args].concat()));
    let id = "00000000-0000-0000-0000-000000000000";
    for (args, operation) in [
        (&["--job", "good_job"][..], "launchRun"),
        (&["--select", "*", "--no-wait"], "launchRun"),
        (&["--asset-selection", "numbers", "-o", "json"], "launchRun"),
        (&["--reexecute", id], "launchRunReexecution"),
        (&["--from-failure", id], "launchRunReexecution"),
        (
            &["--job", "j", "--partition-range", "a...b"],
            "launchPartitionBackfill",
        ),
        (&["--follow", id, "--cancel-on-timeout"], "terminateRun"),
        (
            &["--follow", "abcdefgh", "--cancel-on-timeout"],
            "cancelPartitionBackfill",
        ),
    ] {
        let run = run(args);
        refused(&run, operation);
        assert_eq!(run.stdout(), "");
    }
    let ephemeral = ["run", "--ephemeral", "--job", "good_job"];
    refused(&Run::of(project.daglab(&ephemeral)), "launchRun");

    // What is listed goes, and with it nothing else.
    project.write("daglab.yaml", LAUNCHING);
    let uncancellable = run(&["--job", "good_job", "--cancel-on-timeout"]);
    refused(&uncancellable, "terminateRun");
    refused(&run(&["--reexecute", id]), "launchRunReexecution");
    // Another spelling is another operation.
    let spelt =
        "security: {sandbox_mode: true, allowed_operations: [LaunchRun, 'launch*', launch]}\n";
    project.write("daglab.yaml", spelt);
    refused(&run(&["--job", "good_job"]), "launchRun");
    assert_eq!(server.heads(), Vec::<String>::new());
}

#[test]
fn what_reads_and_what_is_listed_gets_through() {
    let project = Project::small();
    project.write(
        "workspace.yaml",
        "load_from: [python_file: definitions.py]\n",
    );
    project.write("daglab.yaml", CLOSED);
    let server = Server::of(&project.root(), 1);
    let daglab =
        |args: &[&str]| Run::of(project.daglab(&[args, &["--dagster-url", &server.url]].concat()));
    let found = daglab(&["discover", "--json"]).expect_code(0).report();
    assert_eq!(found["jobs"].as_array().unwrap().len(), 4);
    let valid = daglab(&["run", "--job", "good_job", "--validate-only"]);
    valid.expect_code(0);
    refused(&daglab(&["run", "--job", "good_job"]), "launchRun");
    project.write("daglab.yaml", LAUNCHING);
    let done = daglab(&["run", "--job", "good_job", "-o", "json"]);
    let report = done.expect_code(0).report();
    let id = report["runs"][0]["run_id"].as_str().unwrap();
    // Following only reads.
    project.write("daglab.yaml", CLOSED);
    daglab(&["run", "--follow", id]).expect_code(0);
}

#[test]
fn a_whole_run_stays_in_the_sandbox() {
    let project = Project::small();
    // No `daglab.yaml` says so where the notebook asks from.
    let daglab = env!("CARGO_BIN_EXE_daglab");
    let asks = format!(
        r#"import json, os, subprocess
assert os.environ["DAGLAB_DAGSTER_URL"].startswith("http://127.0.0.1:")
def ask(*args):
    done = subprocess.run(["{daglab}", *args], cwd="/", capture_output=True, text=True)
    return [done.returncode, done.stdout, done.stderr]
json.dump([ask("discover", "--json"), ask("run", "--job", "good_job")], open("asked.json", "w"))"#
    );
    project.notebook("numbers.py", &[&asks]);
    let settings =
        "ci: {check: false, jobs: [good_job, bad_job]}\ndagster: {auth: {type: bearer}}\n";
    project.write("daglab.yaml", settings);
    let python = python();
    let args = [
        "ci",
        "--output",
        "json",
        "--python",
        python.to_str().unwrap(),
    ];
    let mut command = project.daglab(&args);
    command.env("DAGLAB_SECURITY__SANDBOX_MODE", "true");
    let run = Run::of(command);
    let report = run.expect_code(4).report();
    for job in ["good_job", "bad_job"] {
        let run = run_of(&report, job);
        let message = run["error"]["message"].as_str().unwrap();
        assert!(
            message.contains("`launchRun` is not allowed in the sandbox"),
            "{message}"
        );
        assert!(
            message.contains("`security.allowed_operations`"),
            "{message}"
        );
        assert_eq!(run["run_id"], serde_json::Value::Null);
    }
    assert_eq!(notebook_of(&report, "numbers.py")["status"], "passed");
    let findings = report["findings"].as_array().unwrap();
    let kept_back = findings
        .iter()
        .find(|found| found["code"] == "sandbox")
        .unwrap();
    assert_eq!(kept_back["severity"], "warning");
    let message = kept_back["message"].as_str().unwrap();
    assert!(message.contains("links and verdicts"), "{message}");
    assert_eq!(report["attachments"], serde_json::json!([]));

    let asked = std::fs::read_to_string(project.root().join("asked.json")).unwrap();
    let asked: serde_json::Value = serde_json::from_str(&asked).unwrap();
    assert_eq!(asked[0][0], 0, "{asked:#}");
    assert!(
        asked[0][1].as_str().unwrap().contains("\"good_job\""),
        "{asked:#}"
    );
    assert_eq!(asked[1][0], 7, "{asked:#}");
    let said = asked[1][2].as_str().unwrap();
    assert!(
        said.contains("`launchRun` is not allowed in the sandbox"),
        "{said}"
    );
}
