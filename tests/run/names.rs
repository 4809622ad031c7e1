//! Jobs, code locations and assets by name.

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::asked::Deployment;

pub fn jobs(server: &Deployment) {
    let before = server.runs();
    let refused = |args: &[&str], parts: &[&str]| {
        let run = server.run(args);
        run.expect_code(7);
        parts.iter().for_each(|part| {
            run.expect_stderr(part);
        });
    };
    // One location that does not load keeps nobody from the others.
    let warning = "warning: code location `broken` did not load: ModuleNotFoundError";
    refused(
        &["--job", "weakly"],
        &["no job `weakly`", "did you mean `weekly`?", warning],
    );
    refused(&["--job", "good"], &["several places: `etl`, `reports`"]);
    refused(
        &["--job", "good", "--location", "etll"],
        &["did you mean `etl`?"],
    );
    refused(
        &[
            "--job",
            "good",
            "--location",
            "etl",
            "--repo",
            "__repository_",
        ],
        &["did you mean `__repository__`?"],
    );
    refused(
        &["--job", "weekly", "--location", "broken"],
        &[
            "`broken` did not load",
            "broken.py\", line 3",
            "import no_such_module",
        ],
    );
    refused(
        &["--job", "weekly", "--location", "etl"],
        &["no job `weekly`"],
    );
    assert_eq!(server.runs(), before, "nothing was launched");

    let weekly = server.run(&["--job", "weekly"]);
    weekly.expect_code(0).expect_stderr(warning);
    let good = [
        "--job",
        "good",
        "--location",
        "reports",
        "--repo",
        "__repository__",
    ];
    let good = server.run(&[&good[..], &["--output", "json"]].concat());
    assert_eq!(
        good.expect_code(0).report()["runs"][0]["location"],
        "reports"
    );
    assert!(!good.stderr().contains("warning"), "{}", good.stderr());
}

pub fn assets(server: &Deployment) {
    // What would be launched.
    let selected = |args: &[&str]| -> (Value, Value) {
        let args = [args, &["--validate-only", "--output", "json"]].concat();
        let answer = server.run(&args).expect_code(0).report();
        let run = &answer["runs"][0];
        assert_eq!(answer["runs"].as_array().unwrap().len(), 1);
        (run["job"].clone(), run["selection"].clone())
    };
    let implicit = |keys: &[&str]| (json!("__ASSET_JOB"), json!(keys));
    assert_eq!(
        selected(&["--asset-selection", "raw/orders,core/orders"]),
        implicit(&["raw/orders", "core/orders"])
    );
    assert_eq!(
        selected(&[
            "--asset-pattern",
            "*/orders",
            "--asset-selection",
            "raw/items"
        ]),
        implicit(&["raw/items", "core/orders", "raw/orders"])
    );
    assert_eq!(
        selected(&["--asset-selection", "reporting/totals"]),
        implicit(&["reporting/totals"])
    );
    assert_eq!(
        selected(&["--select", "+key:core/orders"]),
        implicit(&["core/orders", "raw/orders"])
    );
    let of_job = selected(&["--job", "core", "--asset-selection", "core/orders"]);
    assert_eq!(of_job, (json!("core"), json!(["core/orders"])));

    let before = server.runs();
    for (args, part) in [
        (
            &["--asset-selection", "raw/order"][..],
            "did you mean `raw/orders`?",
        ),
        (
            &["--asset-selection", "raw/orders,no/such"],
            "matches `no/such`",
        ),
        (
            &["--asset-selection", "outside"],
            "no asset that can be materialized matches `outside`",
        ),
        (&["--asset-pattern", "raw/["], "`raw/[` is not a pattern"),
        (
            &["--asset-selection", "raw/orders,reporting/totals"],
            "different code locations",
        ),
        (
            &["--job", "core", "--asset-selection", "raw/items"],
            "matches `raw/items`",
        ),
        (&["--select", "key:nothing"], "matches `key:nothing`"),
        (&["--select", "groop:raw"], "did you mean `group:`?"),
    ] {
        server.run(args).expect_code(7).expect_stderr(part);
    }
    assert_eq!(server.runs(), before, "nothing was launched");

    // They are made, and checked.
    let run = server.run(&["--select", "key:core/orders or key:raw/orders"]);
    run.expect_code(0)
        .expect_stderr("     ASSET core/orders\n")
        .expect_stderr("not_empty of core/orders failed, which is a warning");
    assert!(
        run.stdout().contains("2 materializations"),
        "{}",
        run.stdout()
    );
}
