//! Every sink, fed from the same reports as files: all green, everything broken, hostile, large.

use std::path::Path;

use daglab::report::model::{CiReport, RunResult, Severity};
use daglab::report::{html, json, junit, markdown, terminal};

#[path = "report_sinks/reports.rs"]
mod reports;

use reports::{HOSTILE, fixture, hostile, large, root};

fn terminal_text(report: &CiReport, width: Option<usize>, color: bool) -> String {
    let index = Some(Path::new(".daglab/artifacts/index.html"));
    terminal::render(
        report,
        &terminal::RenderOptions {
            width,
            color,
            index,
        },
    )
}

mod as_json {
    use super::*;

    #[test]
    fn a_report_survives_the_round_trip() {
        for name in ["green.json", "broken.json"] {
            let report = fixture(name);
            let json = report.to_json();
            assert!(json.ends_with("}\n"));
            assert_eq!(CiReport::from_json(&json).unwrap().to_json(), json);
        }
    }

    #[test]
    fn what_is_wrong_is_located() {
        let json = fixture("green.json")
            .to_json()
            .replacen("\"passed\"", "\"splendid\"", 2);
        let err = CiReport::from_json(&json).unwrap_err();
        assert_eq!(err.path().to_string(), "result");
    }

    #[test]
    fn the_schema_accepts_reports_and_refuses_others() {
        let schema = serde_json::from_str(&json::schema()).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        for report in [fixture("green.json"), fixture("broken.json"), hostile()] {
            let value = serde_json::from_str(&report.to_json()).unwrap();
            let errors: Vec<String> = validator
                .iter_errors(&value)
                .map(|err| err.to_string())
                .collect();
            assert_eq!(errors, Vec::<String>::new());
        }
        let mut value: serde_json::Value =
            serde_json::from_str(&fixture("green.json").to_json()).unwrap();
        value["notebooks"][0]["status"] = "splendid".into();
        assert!(!validator.is_valid(&value));
    }

    #[test]
    fn the_documented_schema_is_the_one_of_the_code() {
        let path = root().join("docs/reference/report.schema.json");
        if std::env::var_os("DAGLAB_TEST_UPDATE").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, json::schema()).unwrap();
        }
        let documented = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            documented == json::schema(),
            "`docs/reference/report.schema.json` is not up to date; \
             run the tests with DAGLAB_TEST_UPDATE=1"
        );
    }
}

mod in_a_terminal {
    use super::*;

    #[test]
    fn green() {
        insta::assert_snapshot!(terminal_text(&fixture("green.json"), Some(100), false));
    }

    #[test]
    fn broken() {
        insta::assert_snapshot!(terminal_text(&fixture("broken.json"), Some(100), false));
    }

    #[test]
    fn narrow() {
        insta::assert_snapshot!(terminal_text(&fixture("broken.json"), Some(60), false));
    }

    #[test]
    fn a_pipe_gets_whole_lines() {
        let text = terminal_text(&fixture("broken.json"), None, false);
        assert!(
            text.contains("ValueError: the upstream table is empty; expected at least 1 row\n")
        );
        assert!(!text.contains('…'));
    }

    #[test]
    fn colour_only_repeats_the_words() {
        for width in [None, Some(60), Some(100)] {
            let report = fixture("broken.json");
            let colored = terminal_text(&report, width, true);
            assert!(colored.contains("\u{1b}[1;31m"));
            let plain = daglab::ui::sanitize(&colored).into_owned();
            assert_eq!(plain, terminal_text(&report, width, false));
        }
    }

    #[test]
    fn what_passed_is_counted_when_it_is_much() {
        let text = terminal_text(&large(), Some(100), false);
        assert!(text.contains("  ✓ 450 more passed\n"), "{text}");
        assert!(text.contains("failed: 50 of 500 notebooks in 4.21 s"));
        assert!(text.lines().count() < 500);
    }

    #[test]
    fn nothing_hostile_reaches_the_terminal() {
        let text = terminal_text(&hostile(), Some(100), false);
        assert!(!text.contains(['\u{1b}', '\u{202e}', '\u{0}']));
    }

    #[test]
    fn a_run_that_never_began_has_a_verdict() {
        let mut report = fixture("green.json");
        report.result = RunResult::Error;
        report.notebooks.clear();
        report.runs.clear();
        report.locations.clear();
        report.attachments.clear();
        let text = terminal::render(&report, &terminal::RenderOptions::default());
        assert_eq!(text, "error: nothing could be run in 4.21 s\n");
    }
}

#[path = "report_sinks/as_markdown.rs"]
mod as_markdown;

mod as_junit {
    use super::*;
    use quick_junit::Report;

    #[test]
    fn counts_agree_with_the_report() {
        let report = fixture("broken.json");
        let junit = Report::deserialize_from_str(&junit::render(&report)).unwrap();
        let names: Vec<&str> = junit
            .test_suites
            .iter()
            .map(|suite| suite.name.as_str())
            .collect();
        assert_eq!(names[0], "notebooks/broken_cell.py");
        assert_eq!(names[9..], ["runs", "locations", "findings", "attachments"]);
        let broken = &junit.test_suites[0];
        assert_eq!((broken.tests, broken.failures, broken.skipped), (8, 2, 3));
        let allowed = &junit.test_suites[5];
        assert_eq!(
            (allowed.failures, allowed.errors, allowed.skipped),
            (0, 0, 2)
        );
        let findings = &junit.test_suites[11];
        assert_eq!((findings.tests, findings.failures), (5, 3));
    }

    #[test]
    fn every_failure_fails_a_case() {
        let report = fixture("broken.json");
        let junit = Report::deserialize_from_str(&junit::render(&report)).unwrap();
        for (notebook, suite) in report.notebooks.iter().zip(&junit.test_suites) {
            let fails = notebook.status.is_failure() && !notebook.allow_failure;
            assert_eq!(
                suite.failures + suite.errors > 0,
                fails,
                "{}",
                notebook.path
            );
        }
        let runs = &junit.test_suites[9];
        assert_eq!(runs.failures, 4);
        let errors = report
            .findings
            .iter()
            .filter(|f| f.severity == Severity::Error)
            .count();
        assert_eq!(junit.test_suites[11].failures, errors);
    }

    #[test]
    fn cases_point_to_their_lines() {
        let xml = junit::render(&fixture("broken.json"));
        assert!(
            xml.contains(r#"file="notebooks/broken_cell.py" line="27""#),
            "{xml}"
        );
        assert!(xml.contains(r#"type="KeyError""#));
        insta::assert_snapshot!(junit::render(&fixture("green.json")));
    }

    #[test]
    fn hostile_text_stays_text() {
        for report in [hostile(), large()] {
            let xml = junit::render(&report);
            assert!(!xml.contains(['\u{1b}', '\u{0}', '\u{ffff}']));
            let junit = Report::deserialize_from_str(&xml).expect("well-formed");
            assert!(junit.tests > 0);
        }
    }
}

#[path = "report_sinks/as_html.rs"]
mod as_html;
