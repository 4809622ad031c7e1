//! What a user sees of a run, and what a program reads.

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::asked::{Deployment, lines, of_type, run_id};
use crate::support::Run;

pub fn a_job_that_works(server: &Deployment) {
    let run = server.job("good", &[]);
    run.expect_code(0);
    let (stdout, stderr) = (run.stdout(), run.stderr());
    // First of all the address, then what happens, then the end.
    let first = stderr.lines().next().unwrap();
    assert!(
        first.starts_with("    LAUNCH good http://127.0.0.1:"),
        "{first}"
    );
    let parts = [
        "LAUNCH good",
        "INFO extract: two lines\n           of one message\n",
        "ASSET landed",
        "s] extract\n",
        // Foreign text colours nothing and commands nothing.
        "WARNING load: only 3 rows red",
        "s] load\n",
        "PASS [",
    ];
    let places: Vec<Option<usize>> = parts.iter().map(|part| stderr.find(part)).collect();
    assert!(places.iter().all(Option::is_some), "{places:?}\n{stderr}");
    assert!(places.is_sorted(), "{places:?}\n{stderr}");
    assert!(!stderr.contains("read the index"), "{stderr}");
    assert!(stdout.contains("✓ passed  good"), "{stdout}");
    assert!(stdout.contains("2 steps, 1 materialization\n"), "{stdout}");
    assert!(stdout.ends_with('\n') && stdout.contains("\npassed: 1 run in "));
    for text in [&stdout, &stderr] {
        assert!(
            !text.chars().any(|c| c.is_control() && c != '\n'),
            "{text:?}"
        );
    }
    assert_eq!(server.status(&run_id(&run)), "SUCCESS");

    // More and less of it.
    let debug = server.job("good", &["--log-level", "debug", "--no-progress"]);
    debug.expect_stderr("DEBUG extract: read the index");
    let off = server.job("good", &["--log-level", "off"]);
    assert!(!off.stderr().contains("only 3 rows"), "{}", off.stderr());
    off.expect_stderr("s] load\n");
    let quiet = server.job("good", &["-q"]);
    assert_eq!(quiet.expect_code(0).stderr(), "");
    assert!(quiet.stdout().contains("✓ passed"));
    let silent = server.job("good", &["-qq"]);
    assert_eq!(silent.expect_code(0).stderr() + &silent.stdout(), "");
    // Whoever wants colours in a pipe gets them, and `NO_COLOR` is about terminals.
    let colored = server.job("good", &["--color", "always"]);
    assert!(colored.stderr().contains("\u{1b}[") && colored.stdout().contains("\u{1b}["));
    assert!(!colored.stderr().contains("\u{1b}[31mred"));

    a_report(&server.job("good", &["--output", "json"]));
    a_stream(&server.job("good", &["--output", "ndjson"]));
}

/// It is one value, and fits the schema.
#[track_caller]
pub fn a_report(run: &Run) -> Value {
    let report = run.report();
    let schema = include_str!("../../docs/reference/report.schema.json");
    let schema: Value = serde_json::from_str(schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors = validator.iter_errors(&report);
    let errors: Vec<String> = errors.map(|error| error.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new());
    report
}

fn a_stream(run: &Run) {
    run.expect_code(0);
    let lines = lines(&run.stdout());
    let types: Vec<&str> = lines
        .iter()
        .map(|line| line["type"].as_str().unwrap())
        .collect();
    assert_eq!(types[0], "launched");
    assert_eq!(types[types.len() - 2..], ["ended", "report"]);
    assert!(
        types[1..types.len() - 2].iter().all(|of| *of == "event"),
        "{types:?}"
    );
    let id = &lines[0]["run_id"];
    assert_eq!(lines[0]["is_new"], true);
    assert!(
        of_type(&lines, "event", "run_id")
            .iter()
            .all(|of| *of == id)
    );
    let kinds = of_type(&lines, "event", "kind");
    let at = |kind: &str| kinds.iter().position(|of| *of == kind).unwrap();
    let order = [
        "started",
        "step_started",
        "log",
        "materialized",
        "step_succeeded",
        "succeeded",
    ];
    assert!(order.map(at).is_sorted(), "{kinds:?}");
    let times: Vec<&str> = of_type(&lines, "event", "at")
        .iter()
        .map(|at| at.as_str().unwrap())
        .collect();
    assert!(times.iter().all(|at| at.parse::<jiff::Timestamp>().is_ok()));
    let made = lines
        .iter()
        .find(|line| line["kind"] == "materialized")
        .unwrap();
    assert_eq!(
        (&made["asset_key"], &made["step"]),
        (&json!("landed"), &json!("extract"))
    );
    let ended = of_type(&lines, "ended", "report")[0];
    assert_eq!(
        (&ended["run_id"], &ended["status"]),
        (id, &json!("success"))
    );
    assert_eq!(&lines.last().unwrap()["report"]["runs"][0], ended);
}

pub fn a_job_that_fails(server: &Deployment) {
    let run = server.job("bad", &[]);
    run.expect_code(4);
    run.expect_stderr("INFO breaks: about to fail");
    run.expect_stderr("s] breaks — ValueError: no rows: red\n");
    let stdout = run.stdout();
    assert!(
        stdout.contains("/etl.py:41 step breaks — ValueError: no rows: red\n"),
        "{stdout}"
    );
    // The last that the step itself has printed on either stream, and nothing of Dagster's.
    let printed: Vec<&str> = stdout
        .lines()
        .filter_map(|line| line.strip_prefix("    │ "))
        .collect();
    let expected: Vec<String> = (20..30)
        .map(|number| format!("stdout line {number}"))
        .chain(["last words on stderr".to_owned()])
        .collect();
    assert_eq!(printed, expected);
    assert!(stdout.contains("\nfailed: 1 of 1 run in "), "{stdout}");
    assert!(!stdout.contains('\u{1b}'));

    let report = a_report(server.job("bad", &["--output", "json"]).expect_code(4));
    assert_eq!(report["result"], "failed");
    let run = &report["runs"][0];
    assert_eq!(run["status"], "failure");
    let step = &run["steps"][0];
    assert!(
        step["error"]["stack"]
            .as_str()
            .unwrap()
            .contains("etl.py\", line 41")
    );
    let last = step["last_output"].as_str().unwrap();
    assert!(
        last.ends_with("stdout line 29\nlast words on stderr"),
        "{last}"
    );
}

/// As a pipe or a CI log has it.
pub fn many_steps(server: &Deployment) {
    let run = server.job("fan", &[]);
    run.expect_code(4);
    let code = format!("{}/", server.code().display());
    let stderr = run.stderr().replace(&code, "[code]/");
    let shown: Vec<String> = stderr.lines().map(without_what_varies).collect();
    insta::assert_snapshot!("many_steps", shown.join("\n"));
}

/// The line without times and addresses.
fn without_what_varies(line: &str) -> String {
    let line = match line.split_once(" http://") {
        Some((before, _)) => format!("{before} [address]"),
        None => line.to_owned(),
    };
    // `[   1.24s]` always has ten characters.
    let time = line
        .find('[')
        .filter(|start| line[*start..].get(8..10) == Some("s]"));
    match time {
        Some(start) => format!("{}[    time]{}", &line[..start], &line[start + 10..]),
        None => line,
    }
}
