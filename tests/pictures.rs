//! The comment and the job's summary as people see them: read as GitHub's Markdown, opened in a real
//! browser, and kept as pictures in target/screenshots.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that can't be set up has failed"
)]

mod support;

#[path = "report_sinks/reports.rs"]
mod reports;

use daglab::report::markdown;
use daglab::report::model::{CiReport, Origin, RunResult};
use serde_json::{Value, json};
use support::browser::{self, screenshots};
use support::runner::{HEAD, NUMBER};

use reports::{fixture, hostile, large};

const RUN: &str = "https://github.com/octo-org/data/actions/runs/100";

/// A report as it is when its pages are uploaded: what a pull request is told.
fn published(mut report: CiReport, folder: &str) -> CiReport {
    report.origin = Some(Origin {
        server_url: "https://github.com".to_owned(),
        repository: "octo-org/data".to_owned(),
        event: "pull_request".to_owned(),
        pull_request: Some(NUMBER),
        head_sha: HEAD.to_owned(),
        run_id: 100,
        run_attempt: 1,
        run_url: RUN.to_owned(),
        project_path: folder.to_owned(),
        comment_key: folder.to_owned(),
        archive_url: Some(format!("{RUN}/artifacts/1")),
        ..Origin::default()
    });
    for (index, notebook) in report.notebooks.iter_mut().enumerate() {
        if notebook.html.is_some() && notebook.url.is_none() {
            notebook.url = Some(format!("{RUN}/artifacts/{}", index + 2));
        }
    }
    report
}

fn hostile_key() -> CiReport {
    let mut report = published(hostile(), "");
    if let Some(origin) = &mut report.origin {
        origin.comment_key = reports::HOSTILE.to_owned();
    }
    report
}

fn cancelled() -> CiReport {
    let mut report = fixture("broken.json");
    report.result = RunResult::Cancelled;
    report
        .notebooks
        .retain(|notebook| !notebook.status.is_failure());
    report.runs.retain(|run| !run.status.is_failure());
    report.locations.clear();
    report.findings.clear();
    report.attachments.clear();
    report
}

/// Names that are longer than any column.
fn long_names() -> CiReport {
    let mut report = fixture("broken.json");
    let folder = "analytics/a_folder_with_a_long_name/and_another_one_below_it";
    for notebook in &mut report.notebooks {
        let path = format!(
            "{folder}/{}",
            notebook.path.replace(".py", "_of_the_year.py")
        );
        for cell in &mut notebook.cells {
            cell.path.clone_from(&path);
            cell.name = format!("a_cell_that_is_called_{}_and_more", cell.name);
        }
        notebook.path = path;
    }
    for run in &mut report.runs {
        run.title = format!("{}_{}", run.title, "asset_with_a_long_key".repeat(6));
    }
    report
}

/// What holds of every text, however it is looked at.
#[track_caller]
fn expect_sound(name: &str, seen: &Value) {
    let stubborn = &seen["light"]["stubborn"];
    assert_eq!(
        *stubborn,
        json!([]),
        "what is folded opens and closes ({name})"
    );
    for way in ["light", "dark", "phone"] {
        let of = format!("({name}, {way})");
        let seen = &seen[way];
        for empty in ["requests", "refused"] {
            assert_eq!(seen[empty], json!([]), "{empty} {of}");
        }
        for seen in [seen, &seen["open"]] {
            for empty in ["beyond", "raw", "references"] {
                assert_eq!(seen[empty], json!([]), "{empty} {of}");
            }
            assert_eq!(seen["overflow"], 0, "wider than the window {of}");
            assert_eq!(seen["owned"], Value::Null, "something ran {of}");
            assert_eq!(seen["pictures"], 0, "{of}");
            expect_tables(&seen["tables"], way, &of);
        }
        let links = seen["links"].as_array().unwrap();
        let outside = |link: &&Value| !link[1].as_str().unwrap().starts_with("https://github.com/");
        assert_eq!(links.iter().find(outside), None, "{of}");
    }
}

#[track_caller]
fn expect_tables(tables: &Value, way: &str, of: &str) {
    for table in tables.as_array().unwrap() {
        let cells = table["cells"].as_array().unwrap();
        assert!(cells.len() > 1, "an empty table {of}");
        assert!(cells.iter().all(|n| *n == cells[0]), "{cells:?} {of}");
        // GitHub lets a table scroll on a phone; on a desk all of it is to be seen.
        assert!(way == "phone" || table["scrolls"] == 0, "{table} {of}");
    }
}

/// The texts in the first cells of the tables that are seen at once.
fn statuses(seen: &Value) -> Vec<Vec<&str>> {
    let tables = seen["tables"].as_array().unwrap().iter();
    let shown = tables.filter(|table| table["folded"] == false);
    shown
        .map(|table| {
            let rows = table["rows"].as_array().unwrap().iter();
            rows.map(|row| row[0].as_str().unwrap()).collect()
        })
        .collect()
}

fn has_link(seen: &Value, words: &str, url: &str) -> bool {
    let mut links = seen["links"].as_array().unwrap().iter();
    links.any(|link| link[0] == words && link[1].as_str().unwrap().starts_with(url))
}

fn texts(reports: &[(&str, CiReport)], place: &str) -> Vec<Value> {
    let text = |(name, report): &(&str, CiReport)| {
        let markdown = markdown::render(report, markdown::DEFAULT_BUDGET);
        assert!(markdown.encode_utf16().count() <= markdown::DEFAULT_BUDGET);
        // Beside the pictures, for a person to paste.
        let file = screenshots().join(format!("{place}-{name}.md"));
        std::fs::write(file, &markdown).unwrap();
        json!({"name": name, "markdown": markdown, "place": place})
    };
    reports.iter().map(text).collect()
}

fn look(texts: &[Value]) -> Value {
    let asked = json!({
        "browser": browser::program(), "screenshots": screenshots(), "texts": texts,
    });
    browser::drive("picture.mjs", &asked)
}

#[test]
fn the_comment_is_readable_wherever_it_is_read() {
    std::fs::create_dir_all(screenshots()).unwrap();
    let reports = [
        (
            "failed",
            published(fixture("broken.json"), "pipelines/orders"),
        ),
        ("passed", published(fixture("green.json"), "")),
        ("large", published(large(), "")),
        ("hostile", hostile_key()),
        ("cancelled", published(cancelled(), "")),
        ("long", published(long_names(), "")),
    ];
    let seen = look(&texts(&reports, "comment"));
    println!("the pictures are in {}", screenshots().display());
    for (name, _) in &reports {
        expect_sound(name, &seen[name]);
    }
    expect_failed(&seen["failed"]["light"]);
    expect_passed(&seen["passed"]["light"]);

    let headline = seen["cancelled"]["light"]["headings"][0].as_str();
    assert_eq!(headline, Some("h2 ⚠️ daglab cancelled"));

    let large = &seen["large"]["light"];
    assert!(
        large["counts"]
            .as_str()
            .unwrap()
            .contains("50 failed, 450 passed")
    );
    assert_eq!(statuses(large)[0].len(), 50, "what passed is folded");
    let height = large["height"].as_u64().unwrap();
    assert!(height < 6_000, "{height}");
}

#[track_caller]
fn expect_failed(seen: &Value) {
    assert_eq!(seen["headings"][0], "h2 ❌ daglab pipelines/orders failed");
    let counts = seen["counts"].as_str().unwrap();
    assert!(
        counts.starts_with("Notebooks: 5 failed, 1 allowed to fail, 1 skipped, 1 cached, 1 passed"),
        "{counts}"
    );
    let statuses = statuses(seen);
    let [locations, notebooks, runs, errors] = &statuses[..] else {
        panic!("{statuses:?}")
    };
    assert_eq!(locations, &["❌"]);
    let marks: Vec<char> = notebooks
        .iter()
        .filter_map(|it| it.chars().next())
        .collect();
    assert_eq!(marks, ['❌', '❌', '❌', '❌', '❌', '⚠', '✅']);
    assert_eq!(runs.last(), Some(&"✅"));
    assert_eq!(errors, &["❌"; 3]);
    let summaries = seen["summaries"].as_array().unwrap();
    for folded in [
        "1 skipped notebook",
        "1 cached notebook",
        "1 skipped run",
        "1 warning, 1 note",
    ] {
        assert!(
            summaries.contains(&json!(folded)),
            "{folded}: {summaries:?}"
        );
    }
    let diff = format!("https://github.com/octo-org/data/pull/{NUMBER}/files#diff-");
    let file = format!("https://github.com/octo-org/data/blob/{HEAD}/pipelines/orders/notebooks/");
    let artifacts = format!("{RUN}/artifacts/");
    for (words, url) in [
        ("notebooks/broken_cell.py", artifacts.as_str()),
        ("line 27", &diff),
        ("in the diff", &diff),
        ("in the file", &file),
        ("on its page", &artifacts),
        ("broken/assets.py:31", &diff),
        ("notebooks/lint_errors.py:16:5", &diff),
        ("all files", &artifacts),
        ("workflow run", RUN),
        (&HEAD[..8], "https://github.com/octo-org/data/commit/"),
    ] {
        assert!(has_link(seen, words, url), "{words}: {}", seen["links"]);
    }
}

#[track_caller]
fn expect_passed(seen: &Value) {
    assert_eq!(seen["headings"], json!(["h2 ✅ daglab passed"]));
    assert_eq!(
        seen["counts"],
        "Notebooks: 5 passed · Runs: 3 passed · 4.21 s"
    );
    assert_eq!(seen["folds"], 0);
    assert_eq!(seen["order"], json!(["h2", "p", "table", "table", "p"]));
    let footer = seen["footer"].as_str().unwrap();
    assert!(
        footer.starts_with("all files · workflow run · commit 01234567\ndaglab "),
        "{footer}"
    );
}

#[test]
fn the_summary_of_a_job_is_readable_too() {
    std::fs::create_dir_all(screenshots()).unwrap();
    let report = published(fixture("broken.json"), "");
    let mut texts = texts(&[("failed", report)], "summary");
    let notes = markdown::notes(&[
        "There is no comment: the pull request #7 of @somebody comes from a fork, see \
         www.example.org or https://example.org; `GITHUB_TOKEN` may only read."
            .to_owned(),
    ]);
    let text = texts[0]["markdown"].as_str().unwrap().to_owned() + &notes;
    texts[0]["markdown"] = json!(text);
    let seen = look(&texts);
    println!("the pictures are in {}", screenshots().display());
    let mut seen = seen["failed"].clone();
    // The note's address is text, and nothing else is.
    for way in ["light", "dark", "phone"] {
        assert_eq!(
            seen[way]["links"]
                .to_string()
                .matches("example.org")
                .count(),
            0
        );
        for at in ["/references", "/open/references"] {
            let found = seen[way].pointer_mut(at).unwrap();
            assert_eq!(*found, json!(["www.example.org", "https://example.org;"]));
            *found = json!([]);
        }
    }
    expect_sound("summary", &seen);
}
