//! The pages that need no network: made from what the real marimo exports, opened in a real browser.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that can't be set up has failed"
)]

mod support;

use std::io::Write as _;
use std::path::Path;

use serde_json::{Value, json};
use support::browser::{self, screenshots};
use support::{Project, notebook_of};

const EVERYTHING: &str = include_str!("pages/everything.py");
const HOSTILE: &str = include_str!("pages/hostile.py");

/// Opens pages of a folder in Chromium, and returns what it saw.
fn open(dir: &Path, pages: &[&str]) -> Value {
    let asked = json!({
        "browser": browser::program(), "dir": dir, "pages": pages, "screenshots": screenshots(),
    });
    browser::drive("page.mjs", &asked)
}

const WAYS: [&str; 4] = ["file", "dark", "mobile", "http"];

/// What holds of every page, however it is opened.
#[track_caller]
fn expect_sound(page: &Value) {
    for way in WAYS {
        let seen = &page[way];
        for empty in [
            "requests", "messages", "broken", "active", "handlers", "dangling", "repeated",
        ] {
            assert_eq!(seen[empty], json!([]), "{empty} ({way})");
        }
        assert_eq!(seen["owned"], Value::Null, "something ran ({way})");
        assert_eq!(seen["at"], true, "it led elsewhere ({way})");
        assert_eq!(seen["overflow"], 0, "it is wider than the window ({way})");
        assert_eq!(seen["unnamed"], 0, "a picture without a text ({way})");
        assert_eq!(seen["landmarks"], true, "landmarks ({way})");
        let contrast = seen["contrast"]["ratio"].as_f64().unwrap();
        assert!(
            contrast >= 4.5,
            "{contrast} for {} ({way})",
            seen["contrast"]["text"]
        );
    }
    assert_eq!(page["first"], "Skip to the cells");
}

/// The text of the cell with this name.
#[track_caller]
fn cell(seen: &Value, report: &Value, name: &str) -> String {
    let cells = report["cells"].as_array().unwrap();
    let index = cells.iter().position(|cell| cell["name"] == name);
    let index = index.unwrap_or_else(|| panic!("no cell {name}"));
    let text = &seen["cells"][format!("cell-{}", index + 1)];
    let words: Vec<&str> = text.as_str().unwrap().split_whitespace().collect();
    words.join(" ")
}

#[test]
fn whatever_a_notebook_shows_is_seen_without_a_network() {
    let project = Project::small();
    project.write("nb/everything.py", EVERYTHING);
    project.write("nb/hostile.py", HOSTILE);
    let run = project.ci(&[]);
    run.expect_code(4);
    let report = run.report();
    let everything = notebook_of(&report, "nb/everything.py");
    let hostile = notebook_of(&report, "nb/hostile.py");
    assert_eq!(everything["html"], "notebooks/everything.html");
    assert_eq!(
        everything["interactive"],
        "notebooks/everything.interactive.html"
    );
    let dir = project.artifacts().join("notebooks");
    let own = std::fs::read_to_string(dir.join("everything.interactive.html")).unwrap();
    assert!(own.contains("__MARIMO_MOUNT_CONFIG__"));

    // For a person to open, beside the pictures.
    std::fs::create_dir_all(screenshots()).unwrap();
    for name in ["everything", "hostile"] {
        for file in [format!("{name}.html"), format!("{name}.interactive.html")] {
            std::fs::copy(dir.join(&file), screenshots().join(&file)).unwrap();
        }
    }
    let all = open(&dir, &["everything.html", "hostile.html"]);
    for (way, name) in [("file", "light"), ("dark", "dark"), ("mobile", "phone")] {
        let picture = |name: &str| screenshots().join(format!("{name}.png"));
        let from = picture(&format!("everything-{way}"));
        std::fs::rename(from, picture(&format!("page-{name}"))).unwrap();
    }
    println!("the pictures are in {}", screenshots().display());
    assert_eq!(all["asked"], json!([]));
    expect_sound(&all["everything.html"]);
    expect_sound(&all["hostile.html"]);

    let seen = &all["everything.html"]["file"];
    assert_eq!(seen["heading"], "Everything");
    for (name, texts) in EXPECTED {
        let text = cell(seen, everything, name);
        for expected in *texts {
            assert!(
                text.contains(expected),
                "no {expected:?} in {name}:\n{text}"
            );
        }
    }
    assert!(seen["images"].as_u64().unwrap() >= 9, "{}", seen["images"]);
    let links = seen["links"].as_array().unwrap();
    assert!(
        links.contains(&json!("everything.interactive.html")),
        "{links:?}"
    );
    let cause = &seen["causes"][0];
    assert!(
        cause[1].as_str().unwrap().contains("KeyError: 'missing'"),
        "{cause}"
    );

    let seen = &all["hostile.html"]["file"];
    for (name, texts) in HARMLESS {
        let text = cell(seen, hostile, name);
        for expected in *texts {
            assert!(
                text.contains(expected),
                "no {expected:?} in {name}:\n{text}"
            );
        }
    }
    let links: Vec<&str> = seen["links"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let web = |link: &&str| {
        !link.starts_with("https://example.org/") && *link != "hostile.interactive.html"
    };
    assert_eq!(links.iter().copied().find(web), None, "{links:?}");
}

/// An export as marimo writes it, with a picture of 4 MB in each cell, and the report of it.
fn large_export(file: &Path, megabytes: usize) -> String {
    let mut out = std::io::BufWriter::new(std::fs::File::create(file).unwrap());
    let count = megabytes.div_ceil(4);
    let picture = "QUJD".repeat(1_000_000);
    let cells: Vec<Value> = (0..count)
        .map(|n| json!({"id": format!("c{n}"), "name": "_", "code": "x"}))
        .collect();
    let head = json!({"cells": cells});
    write!(
        out,
        "<html>__MARIMO_MOUNT_CONFIG__ Object.freeze({{\"notebook\": {head}, "
    )
    .unwrap();
    write!(out, "\"session\": {{\"cells\": [").unwrap();
    for n in 0..count {
        let comma = if n > 0 { "," } else { "" };
        write!(
            out,
            "{comma}{{\"id\": \"c{n}\", \"console\": [], \"outputs\": [{{\"type\": \"data\", \
             \"data\": {{\"image/png\": \"data:image/png;base64,{picture}\"}}}}]}}"
        )
        .unwrap();
    }
    write!(out, "]}}}})</html>").unwrap();
    let cell = |_| "\n@app.cell\ndef _():\n    x\n    return\n";
    let body: String = (0..count).map(cell).collect();
    format!("import marimo\napp = marimo.App()\n{body}")
}

/// The most memory that this process has had, in bytes.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.unwrap().trim().trim_end_matches(" kB");
    kilobytes.parse::<usize>().unwrap() * 1024
}

/// `DAGLAB_TEST_EXPORT_MB=300` makes it as large as marimo's exports get.
#[test]
fn a_large_export_takes_no_more_memory_than_it_must() {
    use daglab::marimo::{events::Events, page as exported, results, source};
    let megabytes = std::env::var("DAGLAB_TEST_EXPORT_MB").ok();
    let megabytes = megabytes.map_or(60, |megabytes| megabytes.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("page.html");
    let text = large_export(&file, megabytes);
    let size = file.metadata().unwrap().len() as usize;
    let before = peak();

    let html = std::fs::read(&file).unwrap();
    let page = exported::parse(&String::from_utf8_lossy(&html)).unwrap();
    drop(html);
    let source = source::parse(&text).unwrap();
    let mut results = results::of_page(&page, &source, &Events::default(), "a.py");
    drop(std::mem::take(&mut results.pictures));
    let report = daglab::report::model::NotebookReport {
        cells: std::mem::take(&mut results.cells),
        ..passed()
    };
    let rendered = daglab::page::render(&daglab::page::PageInput {
        notebook: &report,
        page: Some(&page),
        text: &text,
        source: Some(&source),
        project: &Default::default(),
        started_at: "",
        interactive: None,
    });
    let used = peak() - before;
    eprintln!(
        "an export of {size} bytes took {used} bytes; the page has {}",
        rendered.len()
    );
    assert!(rendered.len() < daglab::page::LARGEST + 200_000);
    assert!(rendered.contains("left out: the page would be larger than 30 MiB"));
    // The text and what it says; and the page, a few times over.
    assert!(
        used < size * 9 / 4 + 4 * daglab::page::LARGEST,
        "{used} bytes for {size}"
    );
}

fn passed() -> daglab::report::model::NotebookReport {
    serde_json::from_value(json!({
        "path": "a.py", "title": "a", "status": "passed", "reason": null, "duration_s": 1.0,
        "attempts": 1, "allow_failure": false, "html": null, "url": null, "target": null, "args": [],
        "peak_memory_bytes": null, "cells": [],
    }))
    .unwrap()
}

/// By cell: what has to be read on the page.
const EXPECTED: &[(&str, &[&str])] = &[
    (
        "intro",
        &[
            "Heading one",
            "Some bold text with code and a link",
            "x^2 + \\frac{1}{2}",
            "quote",
            "return x",
            "Summary of details",
            "inside details",
            "An admonition",
            "☑ done",
            "☐ open",
            "foot note",
        ],
    ),
    ("text", &["\"plain 'text' <b>&\""]),
    ("number", &["42.5"]),
    (
        "struct",
        &["set [1, 2]", "(1+2j)", "in json", "slider from 1 to 3"],
    ),
    (
        "console",
        &[
            "stdout",
            "to stdout",
            "stderr",
            "to stderr",
            "red and blue bold green bg",
            "UserWarning: careful",
            "progress 2",
        ],
    ),
    (
        "frame",
        &[
            "datetime64[us]",
            "0.14285714285714285",
            "10 of 500 rows, 5 columns",
        ],
    ),
    ("uitable", &["A table", "5 of 500 rows"]),
    ("plaintable", &["0.142857"]),
    ("dictable", &["<b>", "2 rows, 2 columns"]),
    (
        "chart",
        &[
            "A Vega-Lite chart of the kind bar: x = name, y = v",
            "Its data, 20 rows",
            "n19",
        ],
    ),
    ("uichart", &["A Vega-Lite chart", "n19"]),
    ("image", &["a caption"]),
    (
        "remote_image",
        &["[picture from https://example.org/x.png, not loaded]"],
    ),
    (
        "pdf",
        &["embedded page of the kind application/pdf, not shown here"],
    ),
    ("download", &["Get it", "d.csv"]),
    (
        "ui",
        &[
            "Slide me 4 slider from 1 to 10",
            "2, 5",
            "Multi a, c",
            "Check on",
            "Switch off",
            "hello",
            "x = 1",
            "2026-01-01, 2026-02-01",
            "Press",
            "Secret ••••",
        ],
    ),
    ("forms", &["Inner"]),
    ("batch", &["A 1", "and why"]),
    ("arr", &["Arr", "checkbox"]),
    ("dct", &["Dic", "k"]),
    ("tabs", &["First", "one", "Second", "slider from 1 to 9"]),
    ("accordion", &["Door", "behind door", "Other"]),
    ("callout", &["Careful now"]),
    ("stat", &["Orders", "1.2k", "▲ up", "42"]),
    ("mermaid", &["Mermaid diagram", "A --> B"]),
    ("tree", &["c 3"]),
    ("lazy", &["not in the export"]),
    ("sidebar", &["side", "Home", "Ext"]),
    (
        "iframe",
        &[
            "An embedded page, as its source",
            "<h1>framed</h1><script>alert(1)</script>",
        ],
    ),
    ("carousel", &["one", "two"]),
    ("outline", &["an outline"]),
    ("explorer", &["3 rows, 5 columns"]),
    ("dataframe_ui", &["float64", "a data frame of 30 rows"]),
    ("editor", &["1 row, 2 columns"]),
    ("chat", &["chatbot"]),
    ("matrix", &["Mat", "4"]),
    ("icon_", &["[icon: rocket]"]),
    ("progress", &["Going", "3 of 3"]),
    ("multi", &["first", "second"]),
    ("latex", &["a^2"]),
    ("routes", &["styled"]),
    (
        "plotlylike",
        &[
            "A Plotly chart with 1 trace",
            "scatter, 2 points",
            "2 rows, 2 columns",
        ],
    ),
    (
        "cerr",
        &[
            "✗ failed",
            "KeyError: 'missing'",
            "in <module>",
            "before",
            "bad = d[\"missing\"]",
        ],
    ),
    (
        "below",
        &["! not run", "It was not run because of cell 60, cerr."],
    ),
    ("stopped", &["stopped here"]),
    (
        "afterstop",
        &["because a cell above it was ended with mo.stop"],
    ),
    ("disabled_", &["It is disabled in the notebook", "1 / 0"]),
    ("cyc", &["ValueError: multi line <b>error</b>", "logged"]),
    ("dt", &["datetime.date(2026, 1, 1)"]),
];

/// By cell of the hostile notebook: what is to be read all the same.
const HARMLESS: &[(&str, &[&str])] = &[
    (
        "scripts",
        &["visible-1", "visible-2", "Left out: a script."],
    ),
    (
        "links",
        &[
            "link-1",
            "link-5",
            "link-6",
            "link-7",
            "Left out: the address of a link.",
        ],
    ),
    ("styles", &["over-all", "classes", "a style sheet"]),
    (
        "elsewhere",
        &["not loaded", "in-form", "an embedded object"],
    ),
    (
        "pictures",
        &["after-pictures", "of the kind text/html, not shown here"],
    ),
    ("nested", &["deep-text", "the deeper levels of its nesting"]),
    ("formatting", &["formatted-end"]),
    ("unclosed", &["before-open", "cell-text"]),
    ("mutation", &["mutation-end"]),
    (
        "elements",
        &[
            "<script>window.owned=18</script>",
            "callout-text",
            "slider-label",
            "<b>",
            "</pre><script>window.owned=21</script>",
            "menu-label",
            "json-text",
            "unheard-label",
            "unheard of",
        ],
    ),
    (
        "printed",
        &[
            "</pre><script>window.owned=24</script>printed link",
            "</span>red",
            "\\u{202e}trojan",
        ],
    ),
    (
        "failing",
        &[
            "ValueError: </code></p><script>window.owned=26</script>",
            "<img src=x onerror=window.owned=27>",
        ],
    ),
];
