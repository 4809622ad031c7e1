//! Several runs, one after the other and at once.

use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::json;

use super::site::{BUCKET, LINE, Site, next_second, page};
use super::support::object_servers::{CLOUDS, Cloud, open};
use super::support::{Run, eventually};

fn spawned(site: &Site) -> Child {
    let mut command = site.command(&[]);
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn ended(child: Child) -> Run {
    Run {
        output: child.wait_with_output().unwrap(),
    }
}

/// The run that a page of `latest` leads to.
fn leads_to(site: &Site, page: &str) -> String {
    let key = format!("{LINE}/latest/{page}");
    let text = String::from_utf8(site.server.get(BUCKET, &key).unpacked()).unwrap();
    let runs = site.runs();
    let found: Vec<&String> = runs
        .iter()
        .filter(|run| text.contains(run.as_str()))
        .collect();
    assert_eq!(found.len(), 1, "{text}");
    found[0].clone()
}

/// What is listed is what is there, the newest first, and `latest` leads to the newest.
fn all_is_right(site: &Site, count: usize) {
    let mut runs = site.runs();
    assert_eq!(runs.len(), count);
    runs.reverse();
    let list = site.list();
    let listed: Vec<&str> = list["runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["run"].as_str().unwrap())
        .collect();
    assert_eq!(listed, runs);
    assert_eq!(list["latest"], runs[0].as_str());
    assert_eq!(leads_to(site, "sales.html"), runs[0]);
    for run in &runs {
        let manifest = site.json(&format!("{LINE}/{run}/daglab-run.json"));
        assert_eq!(manifest["complete"], true);
        let start = format!("{LINE}/{run}/");
        let keys = site.keys();
        let there = keys.iter().filter_map(|key| key.strip_prefix(&start));
        let mut there: Vec<&str> = there.filter(|name| *name != "daglab-run.json").collect();
        there.sort_unstable();
        let named: Vec<&String> = manifest["files"].as_object().unwrap().keys().collect();
        assert_eq!(there, named, "{run}");
    }
}

#[test]
fn each_run_is_listed_and_the_newest_is_led_to() {
    for cloud in CLOUDS {
        let site = Site::at(cloud);
        let mut pages = Vec::new();
        for round in ["first", "second"] {
            let body = page(round);
            site.report(&[("sales.html", &body)]);
            site.publish().expect_code(0);
            pages.push((site.url(), body));
            next_second();
        }
        // Both are still what they were.
        for (url, body) in pages {
            assert_eq!(open(&url).unpacked(), body, "{cloud:?}");
        }
        all_is_right(&site, 2);
    }
}

/// One run is held where it is about to be listed, a newer one overtakes it, and then the older one
/// goes on: both are listed, and the newer one stays the newest.
#[test]
fn a_run_that_is_overtaken_is_not_led_to() {
    for cloud in CLOUDS {
        let site = Site::at(cloud);
        site.report(&[("sales.html", &page("older"))]);
        site.server
            .fault(&json!({"kind": "hold", "method": "PUT", "path": "runs.json"}));
        let older = spawned(&site);
        let held = eventually(Duration::from_secs(60), || site.server.faults_met() == [1]);
        assert!(held, "{cloud:?}");
        next_second();

        // A copy of the project, with the same name, at the same server.
        site.report(&[("sales.html", &page("newer"))]);
        site.publish().expect_code(0);
        let newer = site.url();
        all_but_the_held(&site);
        site.server.forget_faults();
        ended(older).expect_code(0);
        all_is_right(&site, 2);
        assert_eq!(open(&newer).unpacked(), page("newer"), "{cloud:?}");
    }
}

fn all_but_the_held(site: &Site) {
    assert_eq!(site.runs().len(), 2);
    assert_eq!(site.list()["runs"].as_array().unwrap().len(), 1);
}

/// Eight at once, all of the same branch.
#[test]
fn runs_at_once_never_mix() {
    for cloud in [Cloud::S3, Cloud::Gcs] {
        let site = Site::at(cloud);
        site.report(&[("sales.html", &page("Sales"))]);
        let original = std::fs::read(site.project.artifacts().join("report.json")).unwrap();
        let mut children = Vec::new();
        for n in 0..8 {
            // Each has a folder of its own, for it writes its report anew.
            let folder = format!("artifacts-{n}");
            let dir = site.project.root().join(&folder);
            std::fs::create_dir_all(&dir).unwrap();
            std::fs::write(dir.join("report.json"), &original).unwrap();
            std::fs::write(dir.join("sales.html"), page(&format!("run {n}"))).unwrap();
            let mut command = site.command(&["--report", &folder]);
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            children.push(command.spawn().unwrap());
        }
        for child in children {
            ended(child).expect_code(0);
        }
        all_is_right(&site, 8);
        let mut seen = Vec::new();
        for run in site.runs() {
            let stored = site.server.get(BUCKET, &format!("{LINE}/{run}/sales.html"));
            let text = String::from_utf8(stored.unpacked()).unwrap();
            let title = text
                .split_once("<title>")
                .unwrap()
                .1
                .split_once('<')
                .unwrap()
                .0;
            seen.push(title.to_owned());
        }
        seen.sort();
        let expected: Vec<String> = (0..8).map(|n| format!("run {n}")).collect();
        assert_eq!(seen, expected, "{cloud:?}");
    }
}
