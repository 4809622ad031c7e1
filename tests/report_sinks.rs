//! Every sink, fed from the same reports as files: all green, everything broken, hostile, large.

use std::path::Path;

use daglab::report::model::{CellError, CellStatus, CiReport, NotebookStatus, RunResult, Severity};
use daglab::report::{html, json, junit, markdown, terminal};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn fixture(name: &str) -> CiReport {
    let path = root().join("tests/fixtures/report").join(name);
    let json = std::fs::read_to_string(path).expect("the fixture is there");
    CiReport::from_json(&json).expect("the fixture is a report")
}

/// What notebooks, jobs and branches could be called by someone who wants to do harm.
const HOSTILE: &str = "x`|</code></details><script>alert(1)</script>\u{1b}[2J\u{202e}@all #1 \
                       ](javascript:alert(1))\n\n```\n# h\n&amp; \"quoted\" 'single' \u{0}\u{ffff}";

/// The broken report with [`HOSTILE`] in every place that foreign text can reach.
fn hostile() -> CiReport {
    let poison = || HOSTILE.to_owned();
    let mut report = fixture("broken.json");
    report.project.name = poison();
    report.project.branch = Some(poison());
    report.project.commit = Some(poison());
    report.project.python = Some(poison());
    report.started_at = poison();
    report.daglab_version = poison();
    for notebook in &mut report.notebooks {
        notebook.path = poison();
        notebook.title = poison();
        notebook.reason = Some(poison());
        notebook.html = Some(poison());
        notebook.url = Some("javascript:alert(1)".to_owned());
        notebook.args = vec![poison()];
        for cell in &mut notebook.cells {
            cell.name = poison();
            cell.path = poison();
            cell.blamed_on = Some(poison());
            cell.console = poison();
            cell.output_kinds = vec![poison()];
            cell.images = vec![poison(), "../../secret.png".to_owned()];
            if let Some(error) = &mut cell.error {
                error.kind = poison();
                error.message = poison();
                error.traceback = Some(format!("  File \"{HOSTILE}\", line 1\n    {HOSTILE}"));
            }
        }
    }
    for run in &mut report.runs {
        run.title = poison();
        run.url = Some("javascript:alert(1)".to_owned());
        run.log = Some(poison());
        run.location = Some(poison());
        for step in &mut run.steps {
            step.key = poison();
        }
        for made in &mut run.materializations {
            made.asset_key = poison();
            made.metadata.insert(poison(), poison());
        }
        if let Some(error) = &mut run.error {
            error.message = poison();
            error.stack = Some(poison());
            error.path = Some(poison());
        }
    }
    for location in &mut report.locations {
        location.name = poison();
    }
    for finding in &mut report.findings {
        finding.code = Some(poison());
        finding.message = poison();
        finding.path = Some(poison());
        finding.hint = Some(poison());
    }
    for attachment in &mut report.attachments {
        attachment.notebook = poison();
        attachment.kind = poison();
        attachment.message = Some(poison());
    }
    report.timings.insert(poison(), 1.0);
    report
}

/// Five hundred notebooks, every tenth of them broken, with long tracebacks.
fn large() -> CiReport {
    let mut report = fixture("green.json");
    let model = report.notebooks[0].clone();
    report.notebooks = (0..500)
        .map(|n| {
            let mut notebook = model.clone();
            notebook.path = format!("notebooks/area_{:02}/notebook_{n:03}.py", n / 25);
            notebook.title = format!("Notebook {n}");
            for cell in &mut notebook.cells {
                cell.path.clone_from(&notebook.path);
            }
            if n % 10 == 3 {
                notebook.status = NotebookStatus::Failed;
                let cell = &mut notebook.cells[2];
                cell.status = CellStatus::Failed;
                cell.error = Some(CellError {
                    kind: "ValueError".to_owned(),
                    message: format!("row {n} is not a number"),
                    traceback: Some("  File \"lib.py\", line 1, in f\n    g()\n".repeat(100)),
                    line: Some(28),
                });
            }
            notebook
        })
        .collect();
    report.result = RunResult::Failed;
    report
}

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

mod as_markdown {
    use super::*;

    #[test]
    fn green() {
        insta::assert_snapshot!(markdown::render(
            &fixture("green.json"),
            markdown::DEFAULT_BUDGET
        ));
    }

    #[test]
    fn broken() {
        let mut report = fixture("broken.json");
        report.notebooks[0].url = Some("https://example.org/runs/1/broken_cell.html".to_owned());
        insta::assert_snapshot!(markdown::render(&report, markdown::DEFAULT_BUDGET));
    }

    #[test]
    fn the_budget_is_hard_and_blocks_stay_whole() {
        let report = large();
        for budget in [
            0, 10, 100, 1_000, 5_000, 20_000, 65_000, 200_000, 10_000_000,
        ] {
            let text = markdown::render(&report, budget);
            assert!(
                text.chars().count() <= budget,
                "{budget}: {}",
                text.chars().count()
            );
            assert_eq!(
                text.matches("<details>").count(),
                text.matches("</details>").count()
            );
            assert_eq!(text.matches("```").count() % 2, 0);
            for row in text.lines().filter(|line| line.starts_with('|')) {
                assert_eq!(row.matches('|').count(), 5, "{row}");
            }
        }
        let text = markdown::render(&report, markdown::DEFAULT_BUDGET);
        assert!(text.contains("> Left out to stay within 65000 characters:"));
        let failed = text
            .lines()
            .filter(|line| line.starts_with("| ❌ failed"))
            .count();
        assert_eq!(
            failed, 50,
            "no failure is left out while anything else is shown"
        );
    }

    #[test]
    fn nothing_hostile_is_markdown() {
        let text = markdown::render(&hostile(), 1_000_000);
        assert!(!text.contains(['\u{1b}', '\u{202e}', '\u{0}']));
        let prose = outside_code(&text);
        for power in ["@", "#1 ", "javascript", "alert", "quoted", "<script"] {
            assert!(!prose.contains(power), "{power} in {prose}");
        }
        for row in text.lines().filter(|line| line.starts_with('|')) {
            assert_eq!(row.matches('|').count(), 5, "{row}");
        }
    }

    /// What is left of Markdown without fences, code spans and `<code>`.
    fn outside_code(text: &str) -> String {
        let mut prose = String::new();
        let mut fence: Option<String> = None;
        for line in text.lines() {
            let ticks: String = line.chars().take_while(|c| *c == '`').collect();
            match &fence {
                Some(open) if ticks.len() >= open.len() && ticks == line => fence = None,
                Some(_) => {}
                None if ticks.len() >= 3 && line == format!("{ticks}text") => fence = Some(ticks),
                None => {
                    prose.push_str(&outside_spans(line));
                    prose.push('\n');
                }
            }
        }
        prose
    }

    fn outside_spans(line: &str) -> String {
        let mut prose = String::new();
        let mut rest = line;
        while let Some(at) = rest.find(['`', '<']) {
            prose.push_str(&rest[..at]);
            rest = &rest[at..];
            if let Some(inner) = rest.strip_prefix("<code>") {
                rest = inner.split_once("</code>").expect("code is closed").1;
            } else if rest.starts_with('<') {
                prose.push('<');
                rest = &rest[1..];
            } else {
                let ticks = rest.len() - rest.trim_start_matches('`').len();
                rest = after_span(&rest[ticks..], ticks);
            }
        }
        prose + rest
    }

    /// What follows the first run of exactly `ticks` backticks.
    fn after_span(mut rest: &str, ticks: usize) -> &str {
        while let Some(at) = rest.find('`') {
            let run = rest[at..].len() - rest[at..].trim_start_matches('`').len();
            rest = &rest[at + run..];
            if run == ticks {
                return rest;
            }
        }
        panic!("a code span is not closed");
    }
}

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

mod as_html {
    use super::*;

    /// Values of attributes that make a browser load or follow something.
    fn addresses(page: &str) -> Vec<String> {
        let after = |name: &'static str| page.split(name).skip(1);
        let values = [
            " src=\"",
            " href=\"",
            " srcset=\"",
            " action=\"",
            " data=\"",
        ];
        values
            .into_iter()
            .flat_map(after)
            .map(|rest| {
                rest.split('"')
                    .next()
                    .unwrap_or_default()
                    .replace("&#x2f;", "/")
            })
            .collect()
    }

    #[test]
    fn nothing_is_loaded_from_elsewhere() {
        for report in [fixture("green.json"), fixture("broken.json"), hostile()] {
            let page = html::render(&report);
            for address in addresses(&page) {
                let inside = address.starts_with('#') || address.starts_with("data:image/svg+xml,");
                let relative = !address.contains(':') && !address.starts_with('/');
                assert!(inside || relative, "{address}");
                assert!(!address.split('/').any(|part| part == ".."), "{address}");
            }
            let style = page
                .split("<style>")
                .nth(1)
                .unwrap()
                .split("</style>")
                .next()
                .unwrap();
            assert!(!style.contains("url(") && !style.contains("@import"));
            assert!(!page.contains("<script") && !page.contains("style=\""));
        }
    }

    #[test]
    fn the_policy_knows_the_style_sheet() {
        use base64::Engine as _;
        use sha2::Digest as _;
        let page = html::render(&fixture("green.json"));
        let style = page
            .split("<style>")
            .nth(1)
            .unwrap()
            .split("</style>")
            .next()
            .unwrap();
        let hash = base64::engine::general_purpose::STANDARD
            .encode(sha2::Sha256::digest(style.as_bytes()));
        let escaped = hash.replace('/', "&#x2f;");
        let known = page.contains(&format!("sha256-{escaped}"));
        assert!(known, "the policy does not allow the page's own style");
    }

    #[test]
    fn hostile_text_is_escaped() {
        let page = html::render(&hostile());
        assert!(!page.contains("<script>") && !page.contains("</details><script"));
        assert!(!page.contains(['\u{1b}', '\u{202e}', '\u{0}']));
        assert!(!page.contains("javascript:alert(1)\""));
        assert!(page.contains("&lt;script&gt;"));
    }

    #[test]
    fn the_same_report_is_the_same_page() {
        let report = fixture("broken.json");
        assert_eq!(html::render(&report), html::render(&report));
    }

    #[test]
    fn elements_are_closed() {
        for report in [
            fixture("green.json"),
            fixture("broken.json"),
            hostile(),
            large(),
        ] {
            let page = html::render(&report);
            for tag in [
                "article", "section", "div", "details", "table", "ul", "svg", "a", "p",
            ] {
                let opened = page.matches(&format!("<{tag} ")).count()
                    + page.matches(&format!("<{tag}>")).count();
                assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{tag}");
            }
            assert!(page.trim_end().ends_with("</html>"));
        }
    }

    #[test]
    fn links_lead_to_places_on_the_page() {
        let page = html::render(&fixture("broken.json"));
        for address in addresses(&page)
            .iter()
            .filter(|address| address.starts_with('#'))
        {
            assert!(
                page.contains(&format!("id=\"{}\"", &address[1..])),
                "{address}"
            );
        }
    }

    #[test]
    fn everything_is_told() {
        let page = html::render(&fixture("green.json"));
        for told in [
            "<strong>Passed</strong>",
            "5 notebooks, 3 runs in 4.21 s",
            "images/orders_explore/orders_per_day-1.png",
            "href=\"notebooks/orders_explore.html\"",
            "asset daily_orders[2026-01-05]",
            "6 January 2026, 08:15:30 UTC",
        ] {
            assert!(page.replace("&#x2f;", "/").contains(told), "{told}");
        }
    }

    /// Writes the pages to look at: `DAGLAB_TEST_PAGES=DIR cargo test --test report_sinks pages`.
    #[test]
    fn pages() {
        let Some(dir) = std::env::var_os("DAGLAB_TEST_PAGES") else {
            return;
        };
        let dir = Path::new(&dir);
        let reports = [
            ("green", fixture("green.json")),
            ("broken", fixture("broken.json")),
        ];
        for (name, report) in reports
            .into_iter()
            .chain([("large", large()), ("hostile", hostile())])
        {
            std::fs::write(dir.join(format!("{name}.html")), html::render(&report)).unwrap();
            let text = markdown::render(&report, markdown::DEFAULT_BUDGET);
            std::fs::write(dir.join(format!("{name}.md")), text).unwrap();
        }
    }
}
