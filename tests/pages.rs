//! The pages that need no network: made from what the real marimo exports, opened in a real browser.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that can't be set up has failed"
)]

mod support;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use support::{Project, notebook_of};

const EVERYTHING: &str = include_str!("pages/everything.py");
const HOSTILE: &str = include_str!("pages/hostile.py");

/// Where a person can look at what the tests have seen.
fn screenshots() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots")
}

fn browser() -> String {
    let names = [
        "chromium",
        "chromium-browser",
        "google-chrome",
        "google-chrome-stable",
    ];
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .flat_map(|dir| names.map(|name| dir.join(name)))
        .find(|file| file.is_file());
    found
        .expect("no Chromium on PATH; `scripts/setup-test.sh` installs it")
        .display()
        .to_string()
}

/// Opens pages of a folder in Chromium, and returns what it saw.
fn open(dir: &Path, pages: &[&str]) -> Value {
    let node = std::env::var_os("DAGLAB_TEST_NODE").expect(
        "DAGLAB_TEST_NODE must name a directory with the packages of tests/node; \
         `scripts/test` sets it",
    );
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/node/page.mjs");
    let mut child = Command::new("node")
        .arg(script)
        .env("DAGLAB_TEST_NODE", node)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let what = json!({
        "browser": browser(), "dir": dir, "pages": pages, "screenshots": screenshots(),
    });
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(what.to_string().as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "the browser could not be driven");
    serde_json::from_slice(&output.stdout).unwrap()
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
fn cell<'a>(seen: &'a Value, report: &Value, name: &str) -> &'a str {
    let cells = report["cells"].as_array().unwrap();
    let index = cells.iter().position(|cell| cell["name"] == name);
    let index = index.unwrap_or_else(|| panic!("no cell {name}"));
    seen["cells"][format!("cell-{}", index + 1)]
        .as_str()
        .unwrap()
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

    let all = open(&dir, &["everything.html", "hostile.html"]);
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
    assert!(seen["images"].as_u64().unwrap() >= 12, "{}", seen["images"]);
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

/// By cell: what has to be read on the page.
const EXPECTED: &[(&str, &[&str])] = &[];

/// By cell of the hostile notebook: what is to be read all the same.
const HARMLESS: &[(&str, &[&str])] = &[];
