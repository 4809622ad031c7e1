//! How waiting ends: by time, by signals, by others, and by servers that go away.

use pretty_assertions::assert_eq;
use rustix::process::Signal;

use crate::asked::{Deployment, run_id};

const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

pub fn not_waited_for_and_taken_up(server: &Deployment) {
    let gate = server.gate("taken-up");
    let left = server.job(
        "gated",
        &["--no-wait", "--config-yaml", &gate.config("waits")],
    );
    left.expect_code(0);
    let stdout = left.stdout();
    assert!(stdout.contains("✓ launched  gated"), "{stdout}");
    assert!(stdout.contains("\nlaunched: 1 run in "), "{stdout}");
    let id = run_id(&left);
    let mut again = server.begin(&["--follow", &id]);
    let address = again.until("/runs/");
    assert!(address.starts_with("    FOLLOW gated http://"), "{address}");
    again.until("INFO waits: at the gate");
    gate.open();
    again.until("INFO waits: through the gate");
    again.end(0);
    // One that has ended is told from its beginning, and nothing is launched.
    let before = server.runs();
    let over = server.run(&["--follow", &id]);
    over.expect_code(0).expect_stderr("INFO waits: at the gate");
    assert_eq!(server.runs(), before);

    for flag in ["--follow", "--reexecute", "--from-failure"] {
        let unknown = server.run(&[flag, NOBODY]);
        unknown
            .expect_code(4)
            .expect_stderr(&format!("run `{NOBODY}` does not exist"));
    }
    server
        .run(&["--follow", "abcdefgh"])
        .expect_code(4)
        .expect_stderr("no backfill `abcdefgh`");
}

pub fn again_from_the_failure(server: &Deployment) {
    let gate = server.gate("again");
    let failed = server.job("steps", &["--config-yaml", &gate.config("second")]);
    let failed = run_id(failed.expect_code(4));
    gate.open();
    let steps = |flag: &str| {
        let run = server.run(&[flag, &failed, "--output", "json"]);
        let report = run.expect_code(0).report();
        let steps = report["runs"][0]["steps"].as_array().unwrap().clone();
        let keys = steps
            .iter()
            .map(|step| step["key"].as_str().unwrap().to_owned());
        (run_id(&run), keys.collect::<Vec<String>>())
    };
    let (passed, keys) = steps("--from-failure");
    assert_eq!(keys, ["second", "third"]);
    assert_eq!(steps("--reexecute").1, ["first", "second", "third"]);
    // There is nothing to go on from.
    let refused = server.run(&["--from-failure", &passed]);
    refused
        .expect_code(4)
        .expect_stderr("there is no failure to go on from");
}

pub fn time_is_over(server: &Deployment) {
    let gate = server.gate("time");
    let config = gate.config("waits");
    let args = ["--config-yaml", config.as_str(), "--timeout", "1.5"];
    let left = server.job("gated", &args);
    let id = run_id(left.expect_code(4));
    let says = format!(
        "it had not ended within 1.5 s, and goes on; to follow it again: daglab run --follow {id}"
    );
    left.expect_stderr(&says);
    assert!(left.stdout().contains(&says), "{}", left.stdout());
    assert!(
        left.stdout().contains("timed out after 1.5"),
        "{}",
        left.stdout()
    );
    assert_ne!(server.status(&id), "CANCELED");
    gate.open();
    server.run(&["--follow", &id]).expect_code(0);

    let gate = server.gate("over");
    let config = gate.config("waits");
    let mut ended = server.begin(&[
        "--location",
        "etl",
        "--job",
        "gated",
        "--config-yaml",
        &config,
        "--timeout",
        "3",
        "--cancel-on-timeout",
    ]);
    let id = ended.until_launched();
    let ended = ended.end(4);
    assert!(
        ended
            .stdout
            .contains("it had not ended within 3 s, and was cancelled"),
        "{}",
        ended.stdout
    );
    assert_eq!(server.status(&id), "CANCELED");
}

pub fn asked_to_end(server: &Deployment) {
    for (signal, code, word) in [
        (Signal::INT, 130, "interrupted"),
        (Signal::TERM, 143, "terminated"),
    ] {
        let gate = server.gate(word);
        let config = gate.config("waits");
        let mut run = server.begin(&["--job", "gated", "--config-yaml", &config]);
        let id = run.until_launched();
        run.until("at the gate");
        run.signal(signal);
        let ended = run.end(code);
        let says = format!(
            "{word}: `gated` goes on in Dagster; to follow it again: daglab run --follow {id}"
        );
        assert!(ended.stderr.contains(&says), "{}", ended.stderr);
        assert!(
            ended.stdout.contains("\ninterrupted: 1 run in "),
            "{}",
            ended.stdout
        );
        gate.open();
        server.run(&["--follow", &id]).expect_code(0);
    }
}

pub fn ended_by_others(server: &Deployment) {
    let gate = server.gate("others");
    let config = gate.config("waits");
    let begin = || {
        let mut run = server.begin(&["--job", "gated", "--config-yaml", &config]);
        let id = run.until_launched();
        run.until("at the gate");
        (run, id)
    };
    let (run, id) = begin();
    let cancel = format!(r#"mutation {{ terminateRun(runId: "{id}") {{ __typename }} }}"#);
    assert_eq!(
        server.ask(&cancel)["terminateRun"]["__typename"],
        "TerminateRunSuccess"
    );
    let ended = run.end(4);
    assert!(
        ended.stdout.contains("run gated canceled after"),
        "{}",
        ended.stdout
    );
    assert!(
        ended.stdout.contains("    it was cancelled\n"),
        "{}",
        ended.stdout
    );

    let (run, id) = begin();
    let delete = format!(r#"mutation {{ deletePipelineRun(runId: "{id}") {{ __typename }} }}"#);
    assert_eq!(
        server.ask(&delete)["deletePipelineRun"]["__typename"],
        "DeletePipelineRunSuccess"
    );
    let ended = run.end(4);
    let says = format!("run `{id}` does not exist in Dagster; it may have been deleted");
    assert!(ended.stdout.contains(&says), "{}", ended.stdout);
    gate.open();
}

pub fn a_server_that_restarts(server: &mut Deployment) {
    let gate = server.gate("restart");
    let config = gate.config("waits");
    let mut run = server.begin(&["--job", "gated", "--config-yaml", &config]);
    run.until("at the gate");
    server.kill_server();
    // What happens now is told later.
    gate.open();
    server.start_server_again();
    run.until("through the gate");
    run.end(0);
}
