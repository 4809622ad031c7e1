//! The page as a whole.

use super::*;
use crate::marimo::source;
use crate::report::model::{CellError, CellReport, CellStatus, NotebookStatus, Origin};

const TEXT: &str = "import marimo\n\napp = marimo.App()\n\n\n@app.cell\ndef load():\n    x = 1\n    return (x,)\n\n\n@app.cell\ndef _(x):\n    while x:\n        pass\n    return\n\n\n@app.cell\ndef last(x):\n    x\n    return\n";

fn cell(name: &str, status: CellStatus, line: u32, end_line: u32) -> CellReport {
    CellReport {
        name: name.to_owned(),
        status,
        path: "nb/a.py".to_owned(),
        line: Some(line),
        end_line: Some(end_line),
        duration_s: Some(0.5),
        error: None,
        blamed_on: None,
        console: String::new(),
        output_kinds: Vec::new(),
        images: Vec::new(),
    }
}

fn notebook() -> NotebookReport {
    let error = CellError {
        kind: "Timeout".to_owned(),
        message: "it was still running after 5 s".to_owned(),
        traceback: None,
        line: Some(14),
    };
    NotebookReport {
        path: "nb/a.py".to_owned(),
        title: "A <b>title</b>".to_owned(),
        status: NotebookStatus::TimedOut,
        reason: Some("it was still running after 5 s".to_owned()),
        duration_s: 5.0,
        attempts: 1,
        allow_failure: false,
        html: None,
        interactive: None,
        url: None,
        url_expires_at: None,
        files: Vec::new(),
        target: None,
        args: Vec::new(),
        peak_memory_bytes: None,
        cells: vec![
            cell("load", CellStatus::Ok, 6, 9),
            CellReport {
                error: Some(error),
                ..cell("_", CellStatus::Failed, 12, 16)
            },
            CellReport {
                blamed_on: Some("cell 2".to_owned()),
                ..cell("last", CellStatus::NotRun, 19, 22)
            },
        ],
    }
}

fn page(notebook: &NotebookReport, page: Option<&Page>, interactive: Option<&str>) -> String {
    let source = source::parse(TEXT).unwrap();
    let project = ProjectInfo {
        name: "orders".to_owned(),
        commit: Some("0123456789abcdef".to_owned()),
        branch: Some("main".to_owned()),
        ..ProjectInfo::default()
    };
    render(&PageInput {
        notebook,
        page,
        text: TEXT,
        source: Some(&source),
        project: &project,
        started_at: "2026-01-06T08:15:30Z",
        interactive,
    })
}

/// The page below its head, which is the style sheet for the most part.
fn body(page: &str) -> String {
    let body = page.split_once("<body>").unwrap().1;
    body.replace("&#x2f;", "/")
}

#[test]
fn a_notebook_that_was_not_exported_has_a_page() {
    insta::assert_snapshot!(body(&page(&notebook(), None, None)));
}

#[test]
fn a_published_page_says_where_it_comes_from() {
    let local = page(&notebook(), None, Some("a.interactive.html"));
    assert!(body(&local).contains("href=\"a.interactive.html\""));
    let origin = Origin {
        server_url: "https://github.com".to_owned(),
        repository: "org/orders".to_owned(),
        pull_request: Some(7),
        head_sha: "fedcba9876543210".to_owned(),
        run_id: 42,
        run_attempt: 2,
        run_url: "https://github.com/org/orders/actions/runs/42".to_owned(),
        archive_url: Some("https://github.com/org/orders/actions/runs/42/artifacts/1".to_owned()),
        ..Origin::default()
    };
    let project = ProjectInfo::default();
    let there = published(&local, &project, Some(&origin), Interactive::Archived);
    assert!(!there.contains("a.interactive.html"));
    let (head, rest) = there.split_once("<!--from-->").unwrap();
    let (part, tail) = rest.split_once("<!--/from-->").unwrap();
    assert!(
        local.starts_with(head) && local.ends_with(tail),
        "nothing else is changed"
    );
    insta::assert_snapshot!(part.replace("&#x2f;", "/"));

    let hostile = Origin {
        server_url: "javascript:alert(1)//".to_owned(),
        repository: "<script>".to_owned(),
        head_sha: "../x".to_owned(),
        run_url: "data:text/html,x".to_owned(),
        archive_url: Some("javascript:x".to_owned()),
        pull_request: Some(1),
        ..Origin::default()
    };
    let there = published(&local, &project, Some(&hostile), Interactive::Archived);
    assert!(
        !there.contains("<script>")
            && !there.contains("href=\"javascript")
            && !there.contains("href=\"data:")
    );
    assert_eq!(
        published("no page of ours", &project, None, Interactive::Archived),
        "no page of ours"
    );
}

#[test]
fn a_page_stays_openable_however_much_a_notebook_shows() {
    let picture = format!("data:image/png;base64,{}", "QUJD".repeat(20_000));
    let output = serde_json::json!({"type": "data", "data": {"image/png": picture}});
    let cells = ["A", "B", "C"].map(|id| crate::marimo::page::PageCell {
        id: id.to_owned(),
        code: "x".to_owned(),
        outputs: vec![serde_json::from_value(output.clone()).unwrap(); 2],
        ran: true,
        ..Default::default()
    });
    let exported = Page {
        cells: cells.to_vec(),
    };
    let report = notebook();
    let project = ProjectInfo::default();
    let input = PageInput {
        notebook: &report,
        page: Some(&exported),
        text: TEXT,
        source: None,
        project: &project,
        started_at: "",
        interactive: None,
    };
    let html = within(&input, 300_000);
    assert!(html.len() < 300_000 + 30_000);
    assert_eq!(html.matches("<img ").count(), 3);
    assert_eq!(
        html.matches("left out: the page would be larger than")
            .count(),
        3
    );
    assert!(html.trim_end().ends_with("</html>"));
}
