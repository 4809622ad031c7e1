//! Much at once: a thousand files, several large ones, and one of 2 GB.

use std::process::Stdio;
use std::time::Duration;

use super::site::{BUCKET, Site, page};
use super::support::object_servers::Cloud;

/// The most memory that a process may ever have had: it is the same for any number of bytes.
const MOST: u64 = 150 * 1024 * 1024;

/// Publishes, and returns the most memory that the process ever had.
fn peak_of(site: &Site, within: Duration) -> u64 {
    let stderr = site.project.tmp().join("stderr");
    let mut command = site.command(&[]);
    command
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(&stderr).unwrap());
    let mut child = command.spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let ended = super::support::eventually(within, || {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes =
            line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse().ok());
        peak = peak.max(1024 * kilobytes.unwrap_or(0));
        child.try_wait().unwrap().is_some()
    });
    if !ended {
        child.kill().unwrap();
    }
    let status = child.wait().unwrap();
    let stderr = std::fs::read_to_string(&stderr).unwrap();
    assert_eq!(status.code(), Some(0), "{stderr}");
    peak
}

#[test]
fn a_thousand_files() {
    for cloud in [Cloud::S3, Cloud::Gcs] {
        let site = Site::at(cloud);
        site.report(&[("sales.html", &page("Sales"))]);
        for n in 0..1000 {
            let body = page(&n.to_string());
            site.file(&format!("pages/{:02}/{n}.html", n % 50), &body);
        }
        let peak = peak_of(&site, Duration::from_secs(240));
        assert!(peak < MOST, "{peak}");
        let objects = site.server.objects(BUCKET);
        let pages = objects
            .keys()
            .filter(|key| key.contains("/pages/") && key.ends_with(".html"));
        assert_eq!(pages.filter(|key| !key.contains("/latest/")).count(), 1000);
        let one = site.server.key_ending(BUCKET, "/pages/49/999.html");
        assert_eq!(site.server.get(BUCKET, &one).unpacked(), page("999"));
        let run = &site.runs()[0];
        let manifest = site.json(&format!("{}/{run}/daglab-run.json", super::site::LINE));
        assert_eq!(manifest["complete"], true);
        assert_eq!(manifest["files"].as_object().unwrap().len(), 1003);
    }
}

/// Each waits for room that the others have, and all of them arrive.
#[test]
fn several_large_files() {
    let site = Site::at(Cloud::S3);
    site.report(&[]);
    for n in 0..8 {
        let path = site.project.artifacts().join(format!("{n}.parquet"));
        let file = std::fs::File::create(&path).unwrap();
        file.set_len(40_000_000 + n).unwrap();
    }
    let peak = peak_of(&site, Duration::from_secs(240));
    assert!(peak < MOST, "{peak}");
    let objects = site.server.objects(BUCKET);
    for n in 0..8 {
        let key = site.server.key_ending(BUCKET, &format!("/{n}.parquet"));
        assert_eq!(objects[&key], 40_000_000 + n);
    }
    assert_eq!(site.server.uploads(BUCKET), Vec::<String>::new());
}

/// A file of 2 GB goes out in pieces.
#[test]
fn two_gigabytes() {
    let site = Site::at(Cloud::S3);
    site.report(&[]);
    let size = (2_u64 << 30) + 1;
    let path = site.project.artifacts().join("table.parquet");
    std::fs::File::create(&path).unwrap().set_len(size).unwrap();
    let peak = peak_of(&site, Duration::from_secs(540));
    assert!(peak < MOST, "{peak}");
    let key = site.server.key_ending(BUCKET, "table.parquet");
    assert_eq!(site.server.objects(BUCKET)[&key], size);
    assert_eq!(site.server.uploads(BUCKET), Vec::<String>::new());
}
