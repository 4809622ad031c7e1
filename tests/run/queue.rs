//! Several runs at once: as many as daglab launches, and as many as Dagster takes from its queue.

use pretty_assertions::assert_eq;
use serde_json::Value;

use crate::asked::{Deployment, lines, of_type, run_id};

pub fn so_many_at_once(server: &Deployment) {
    let jobs = ["--job", "nap_one", "--job", "nap_two", "--job", "nap_three"];
    for (at_once, expected) in [(1, 1), (2, 2)] {
        let settings = format!("performance: {{max_concurrent_runs: {at_once}}}\n");
        server.here.write("daglab.yaml", &settings);
        let run = server.run(&[&jobs[..], &["--output", "ndjson"]].concat());
        run.expect_code(0);
        let lines = lines(&run.stdout());
        assert_eq!(of_type(&lines, "launched", "run").len(), 3);
        // By daglab's own order: another is launched when one has ended.
        let mut open: i32 = 0;
        let mut most = 0;
        for line in &lines {
            open += match line["type"].as_str().unwrap() {
                "launched" => 1,
                "ended" => -1,
                _ => 0,
            };
            most = most.max(open);
        }
        assert_eq!(most, expected, "{}", run.stdout());
        assert!(together(&lines) <= at_once);
    }
    server.here.write("daglab.yaml", "");
}

/// How many runs were in the midst of it at the same time, by Dagster's clock.
fn together(lines: &[Value]) -> usize {
    let at = |run: &Value, kind: &str| {
        let line = lines
            .iter()
            .find(|line| line["run"] == *run && line["kind"] == kind);
        let at = line.unwrap()["at"].as_str().unwrap();
        at.parse::<jiff::Timestamp>().unwrap()
    };
    let runs = of_type(lines, "launched", "run");
    let spans: Vec<_> = runs
        .iter()
        .map(|run| (at(run, "starting"), at(run, "succeeded")))
        .collect();
    let during = |moment| {
        spans
            .iter()
            .filter(|(from, to)| (from..to).contains(&moment))
            .count()
    };
    spans.iter().map(|(from, _)| during(from)).max().unwrap()
}

pub fn nobody_takes_it(server: &Deployment) {
    let first = server.run(&["--job", "nap_one", "--no-wait"]);
    let first = run_id(first.expect_code(0));
    assert_eq!(server.status(&first), "QUEUED");
    // One is before it, then it is next, which nobody does anything about.
    let mut second = server.begin(&["--job", "nap_two"]);
    let second_id = second.until_launched();
    second.until("QUEUED nap_two 1 before it in Dagster's queue");
    let cancel = format!(
        r#"mutation {{ terminateRun(runId: "{first}", terminatePolicy: MARK_AS_CANCELED_IMMEDIATELY) {{ __typename }} }}"#
    );
    assert_eq!(
        server.ask(&cancel)["terminateRun"]["__typename"],
        "TerminateRunSuccess"
    );
    second.until(
        "QUEUED nap_two next of 1 in Dagster's queue, and Dagster's daemon, which would launch it, \
         is not running",
    );
    second.signal(rustix::process::Signal::INT);
    second.end(130);
    assert_eq!(server.status(&second_id), "QUEUED");

    let third = server.run(&[
        "--job",
        "nap_three",
        "--timeout",
        "1",
        "--cancel-on-timeout",
    ]);
    third
        .expect_code(4)
        .expect_stderr("it had not ended within 1 s, and was cancelled");
    assert_eq!(server.status(&run_id(&third)), "CANCELED");
}

/// What was left in the queue is run, too.
pub fn somebody_takes_it(server: &Deployment) {
    let run = server.run(&["--job", "nap_three", "--output", "json"]);
    assert_eq!(run.expect_code(0).report()["result"], "passed");
}
