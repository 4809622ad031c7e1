//! Partitions one by one, and ranges of them as backfills.

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::asked::{Deployment, lines, of_type};

pub fn of_jobs_and_assets(server: &Deployment) {
    let run = server.job(
        "letters",
        &[
            "--partition",
            "a",
            "--partition",
            "c",
            "--partition",
            "a",
            "--output",
            "json",
        ],
    );
    let report = run.expect_code(4).report();
    let runs = report["runs"].as_array().unwrap();
    let ended: Vec<(&Value, &Value)> = runs
        .iter()
        .map(|run| (&run["title"], &run["status"]))
        .collect();
    assert_eq!(
        ended,
        [
            (&json!("letters [a]"), &json!("success")),
            (&json!("letters [c]"), &json!("failure")),
        ]
    );
    // Lines of several runs name theirs.
    run.expect_stderr("INFO letters [a] letter: letter a\n");

    let before = server.runs();
    let refused = |args: &[&str], part: &str| {
        server.run(args).expect_code(7).expect_stderr(part);
    };
    let days = ["--asset-selection", "days", "--partition"];
    refused(
        &[&days[..], &["2026-01-12"]].concat(),
        "did you mean `2026-01-02`?",
    );
    let both = ["--job", "letters", "--partition", "a", "--partition", "z"];
    refused(&both, "`letters` has no partition `z`");
    refused(
        &["--asset-selection", "raw/orders", "--partition", "x"],
        "none of the assets has partitions",
    );
    refused(
        &["--job", "weekly", "--partition", "x"],
        "`weekly` has no partition `x`",
    );
    assert_eq!(server.runs(), before, "nothing was launched");

    let run = server.run(&[
        "--asset-selection",
        "by_region",
        "--partition",
        "2026-01-02|eu",
    ]);
    run.expect_code(0)
        .expect_stderr("2026-01-02 in eu")
        .expect_stderr("ASSET by_region [2026-01-02|eu]");
    // Most code can't do without.
    let none = server.run(&["--asset-selection", "days", "--validate-only"]);
    none.expect_code(0)
        .expect_stderr("warning: `days` has partitions, and none is named");
    let named = server.run(&[&days[..], &["2026-01-02", "--validate-only"]].concat());
    assert!(
        !named.stderr().contains("has partitions"),
        "{}",
        named.stderr()
    );

    refused(
        &["--job", "letters", "--partition-range", "c...a"],
        "begin with `a` and end with `c`",
    );
    refused(
        &["--job", "letters", "--partition-range", "a...x"],
        "`letters` has no partition `x`",
    );
    refused(
        &[
            "--asset-selection",
            "raw/items",
            "--partition-range",
            "a...b",
        ],
        "none of the assets has partitions",
    );
}

pub fn a_range_without_a_daemon(server: &Deployment) {
    let range = [
        "--job",
        "letters",
        "--partition-range",
        "a...b",
        "--timeout",
        "1",
    ];
    let left = server.run(&[&range[..], &["--output", "ndjson"]].concat());
    left.expect_code(4)
        .expect_stderr(
            "warning: Dagster's daemon, which launches the runs of backfills, is not running",
        )
        .expect_stderr("it has not ended within 1 s, and goes on");
    let lines = lines(&left.stdout());
    assert_eq!(lines[0]["type"], "launched");
    let id = lines[0]["run_id"].as_str().unwrap();
    assert_eq!(backfill_status(server, id), "REQUESTED");
    assert!(
        left.stderr().contains(&format!("/runs/b/{id}\n")),
        "{}",
        left.stderr()
    );

    let ended = server.run(&[&range[..], &["--cancel-on-timeout", "--output", "json"]].concat());
    let report = ended.expect_code(4).report();
    let id = report["runs"][0]["run_id"].as_str().unwrap();
    // Without a daemon that is as far as it gets.
    let status = backfill_status(server, id);
    assert!(status.starts_with("CANCEL"), "{status}");
    // A run that nobody has heard of.
    server
        .run(&["--follow", "abcdefgh"])
        .expect_code(4)
        .expect_stderr("no backfill `abcdefgh`");
}

fn backfill_status(server: &Deployment, id: &str) -> String {
    let data = server.ask(&format!(
        r#"{{ partitionBackfillOrError(backfillId: "{id}") {{ ... on PartitionBackfill {{ status }} }} }}"#
    ));
    data["partitionBackfillOrError"]["status"]
        .as_str()
        .unwrap()
        .to_owned()
}

pub fn a_range(server: &Deployment) {
    let run = server.run(&[
        "--asset-selection",
        "days",
        "--partition-range",
        "2026-01-02...2026-01-03",
    ]);
    run.expect_code(0)
        .expect_stderr("LAUNCH days [2026-01-02...2026-01-03] http://");
    assert!(!run.stderr().contains("is not running"), "{}", run.stderr());

    let run = server.run(&[
        "--job",
        "letters",
        "--partition-range",
        "b...d",
        "--output",
        "ndjson",
    ]);
    run.expect_code(4);
    let lines = lines(&run.stdout());
    let ended = of_type(&lines, "ended", "report")[0];
    assert_eq!(ended["status"], "failure");
    // Which of them it was.
    let message = ended["error"]["message"].as_str().unwrap();
    assert!(
        message.contains("1 run failed") && message.contains("[c]"),
        "{message}"
    );
    let said = of_type(&lines, "queued", "message");
    let last = said.last().unwrap().as_str().unwrap();
    assert_eq!(last, "3 of 3 runs ended for 3 partitions, 1 failed");
    let id = lines[0]["run_id"].as_str().unwrap();
    server
        .run(&["--follow", id])
        .expect_code(4)
        .expect_stderr("    FOLLOW backfill ");
}
