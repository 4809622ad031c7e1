//! The pages that lead to pages as people see them: kept as pictures in target/screenshots.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::export::visit;
use super::site::{BUCKET, LINE, Site, next_second, page};
use super::support::Run;
use super::support::object_servers::{Cloud, open};

const LONG: &str = "notebooks/a_folder_with_a_long_name/and_another_one_below_it/\
                    of_all_orders_that_were_ever_made_by_anyone.py";

/// Turns the report of pages that passed into one in which a little of everything has happened.
fn with_trouble(site: &Site) {
    let mut report = site.told();
    report["result"] = json!("failed");
    report["started_at"] = json!("2026-01-02T03:08:59Z");
    report["origin"] = json!({
        "server_url": "https://github.com", "repository": "acme/shop", "event": "push",
        "pull_request": null, "head_sha": "fedcba9876543210fedcba9876543210fedcba98",
        "base_sha": null, "from_fork": false, "run_id": 100, "run_attempt": 1,
        "run_url": "https://github.com/acme/shop/actions/runs/100", "project_path": "",
        "comment_key": "", "archive_url": null,
    });
    let others = [
        (
            "failed",
            "notebooks/costs.py",
            "Costs of the year",
            "`KeyError: 'price'`",
        ),
        (
            "timed_out",
            LONG,
            "All orders that were ever made, by anyone, anywhere",
            "after 600 s",
        ),
        (
            "crashed",
            "notebooks/train.py",
            "OneWordThatIsFarTooLongToStandInOneLine_OfAPhone",
            "killed by SIGKILL",
        ),
        ("skipped", "notebooks/dev.py", "dev", "it needs `costs`"),
    ];
    for (status, path, title, reason) in others {
        let mut notebook = report["notebooks"][0].clone();
        notebook["status"] = json!(status);
        notebook["path"] = json!(path);
        notebook["title"] = json!(title);
        notebook["reason"] = json!(reason);
        let html = path.replace(".py", ".html");
        notebook["html"] = match status {
            "skipped" => Value::Null,
            _ => {
                site.file(&html, &page(title));
                json!(html)
            }
        };
        report["notebooks"].as_array_mut().unwrap().push(notebook);
    }
    let first = &mut report["notebooks"][0];
    first["status"] = json!("cached");
    site.file("report.json", report.to_string().as_bytes());
}

/// What holds of a page in the light, in the dark and on a phone.
#[track_caller]
fn expect_readable(name: &str, seen: &Value) {
    for way in ["light", "dark", "phone"] {
        let seen = &seen[way];
        assert_eq!(seen["overflow"], 0, "wider than the window ({name}, {way})");
        assert_eq!(seen["handlers"], json!([]), "({name}, {way})");
        assert_eq!(seen["owned"], Value::Null, "({name}, {way})");
        let contrast = &seen["contrast"];
        let ratio = contrast["ratio"].as_f64().unwrap();
        assert!(ratio >= 4.5, "{contrast} ({name}, {way})");
    }
}

#[test]
fn what_leads_to_pages_is_readable() {
    let site = Site::without_a_bucket(Cloud::S3);
    site.server.create_public_bucket(BUCKET);
    site.report(&[
        ("notebooks/sales.html", &page("Sales")),
        ("notebooks/stock.html", &page("Stock")),
    ]);
    let public = || Run::of(site.command(&["--links", "public"]));
    public().expect_code(0);
    next_second();
    site.report(&[("notebooks/sales.html", &page("Sales"))]);
    with_trouble(&site);
    public().expect_code(0);
    let published = site.told()["published"].clone();
    next_second();
    Run::of(site.command_to(&format!("{BUCKET}/signed"), &[])).expect_code(0);
    let signed = site.told()["published"].clone();
    let (runs, latest) = (
        &published["runs_url"],
        format!(
            "{}/{BUCKET}/{LINE}/latest/notebooks/sales.html",
            site.server.url()
        ),
    );

    let seen = visit(&json!([
        {"name": "publish-runs", "url": runs, "ways": true},
        {"name": "publish-latest", "url": latest, "stay": true, "ways": true},
        {"name": "publish-run", "url": published["index_url"], "ways": true},
        {"name": "publish-run-signed", "url": signed["index_url"], "ways": true},
    ]));
    for name in [
        "publish-runs",
        "publish-latest",
        "publish-run",
        "publish-run-signed",
    ] {
        expect_readable(name, &seen[name]);
    }

    let seen_of = |name: &str| seen[name]["light"].clone();
    let runs = seen_of("publish-runs");
    let text = runs["text"].as_str().unwrap();
    for part in [
        "project: main",
        "2 January 2026, 03:08:59 UTC",
        "latest",
        "fedcba98",
        "workflow run",
        "timed out",
        LONG,
    ] {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
    // Two runs with their pages, and the workflow run; what was skipped has none.
    assert_eq!(runs["links"].as_array().unwrap().len(), 2 + 2 + 4 + 1);
    assert_eq!(seen_of("publish-latest")["url"], latest);

    // Whoever has a signed link can open the pages.
    let links = seen_of("publish-run-signed")["links"].clone();
    let links = links.as_array().unwrap().iter().filter_map(Value::as_str);
    let pages: BTreeSet<&str> = links.filter(|link| link.contains("/signed/")).collect();
    assert_eq!(pages.len(), 4, "{pages:#?}");
    for link in pages {
        assert_eq!(open(link).status, 200, "{link}");
    }
}
