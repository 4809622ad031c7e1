//! What goes wrong on the way.

use std::process::Stdio;
use std::time::Duration;

use serde_json::json;

use super::site::{BUCKET, LINE, Site, noise, page};
use super::support::object_servers::{CLOUDS, Cloud, open};
use super::support::{Run, eventually};

/// The requests that send a part of a file, the second or a later one.
fn later_parts(cloud: Cloud) -> &'static str {
    match cloud {
        Cloud::S3 | Cloud::Gcs => "partNumber=[2-9]",
        Cloud::Azure => "comp=block&",
    }
}

/// Nothing leads to a run that did not become whole, and nothing is left of the file that did not
/// arrive.
fn nothing_is_published(site: &Site, missing: &str) {
    let start = format!("{LINE}/");
    for key in site.keys() {
        assert!(!key.ends_with(missing), "{key}");
        let name = key.strip_prefix(&start).unwrap();
        let leads = ["index.html", "runs.json"].contains(&name) || name.starts_with("latest/");
        assert!(!leads, "{key}");
    }
    assert_eq!(site.told()["published"], serde_json::Value::Null);
    assert_eq!(site.told()["notebooks"][0]["url"], serde_json::Value::Null);
}

#[test]
fn wrong_credentials_are_refused() {
    for cloud in CLOUDS {
        let mut site = Site::at(cloud);
        site.variables = site.server.wrong_variables();
        site.report(&[("sales.html", &page("Sales"))]);
        site.publish()
            .expect_code(6)
            .expect_stderr(&site.server.destination(BUCKET))
            .expect_stderr("hint: ");
        assert_eq!(site.keys(), Vec::<String>::new(), "{cloud:?}");
        assert_eq!(site.told()["published"], serde_json::Value::Null);
    }
}

#[test]
fn a_missing_bucket_is_named() {
    for cloud in CLOUDS {
        let site = Site::without_a_bucket(cloud);
        site.report(&[("sales.html", &page("Sales"))]);
        let what = if cloud == Cloud::Azure {
            "container"
        } else {
            "bucket"
        };
        let place = site.server.destination(BUCKET);
        site.publish()
            .expect_code(7)
            .expect_stderr(&format!("there is no {what} `{place}`"));
    }
}

/// A cut in the middle of an upload is mended by sending that part again.
#[test]
fn a_cut_is_mended() {
    for cloud in CLOUDS {
        let site = Site::at(cloud);
        let bytes = noise(20_000_000);
        site.report(&[("sales.html", &page("Sales"))])
            .file("table.parquet", &bytes);
        site.server.fault(&json!({
            "kind": "cut_request", "method": "PUT", "path": later_parts(cloud), "bytes": 1_000_000,
        }));
        // An answer may be lost although all was done.
        site.server
            .fault(&json!({"kind": "lost", "method": "PUT", "path": "sales.html"}));
        site.publish().expect_code(0);
        assert_eq!(site.server.faults_met(), [1, 1], "{cloud:?}");
        let key = site.server.key_ending(BUCKET, "table.parquet");
        assert!(site.server.get(BUCKET, &key).body == bytes, "{cloud:?}");
        assert_eq!(open(&site.url()).unpacked(), page("Sales"));
    }
}

/// When it is cut each time, it is given up, and no parts are left for which somebody would pay.
#[test]
fn an_upload_that_is_always_cut_is_cleaned_up() {
    for cloud in CLOUDS {
        let site = Site::at(cloud);
        site.report(&[("sales.html", &page("Sales"))])
            .file("table.parquet", &noise(20_000_000));
        site.server.fault(&json!({
            "kind": "cut_request", "method": "PUT", "path": later_parts(cloud), "bytes": 1_000_000,
            "times": null,
        }));
        site.publish().expect_code(5).expect_stderr("table.parquet");
        assert!(
            site.server.faults_met()[0] >= 4,
            "{cloud:?} {:?}",
            site.server.faults_met()
        );
        nothing_is_published(&site, "table.parquet");
        if cloud != Cloud::Azure {
            // Azure forgets them by itself, after a week.
            assert_eq!(
                site.server.uploads(BUCKET),
                Vec::<String>::new(),
                "{cloud:?}"
            );
        }
        // The next one is not disturbed by it.
        site.server.forget_faults();
        site.publish().expect_code(0);
        assert_eq!(open(&site.url()).status, 200);
    }
}

/// A server that asks for patience gets it.
#[test]
fn a_storm_passes() {
    for cloud in CLOUDS {
        let site = Site::at(cloud);
        let pages: Vec<(String, Vec<u8>)> = (0..30)
            .map(|n| (format!("page-{n}.html"), page(&n.to_string())))
            .collect();
        let pages: Vec<(&str, &[u8])> = pages
            .iter()
            .map(|(name, body)| (name.as_str(), body.as_slice()))
            .collect();
        site.report(&pages);
        // Not all at once: one page may not meet more of them than it is tried.
        for n in 0..30 {
            site.server.fault(&json!({
                "kind": "status", "method": "PUT", "path": format!("page-{n}.html"), "times": 2,
            }));
        }
        site.server
            .fault(&json!({"kind": "status", "method": "GET", "path": "list", "times": 2}));
        site.publish().expect_code(0);
        let told = site.told();
        for (index, (_, body)) in pages.iter().enumerate() {
            let url = told["notebooks"][index]["url"].as_str().unwrap();
            assert_eq!(&open(url).unpacked(), body, "{cloud:?}");
        }
        assert_eq!(
            site.server.faults_met().iter().sum::<u64>(),
            62,
            "{cloud:?}"
        );
    }
}

/// One that never has time is given up, and it is said why.
#[test]
fn a_storm_without_end_is_given_up() {
    for cloud in CLOUDS {
        let site = Site::at(cloud);
        site.report(&[("sales.html", &page("Sales"))]);
        site.server.fault(&json!({
            "kind": "status", "method": "PUT", "path": "sales.html", "times": null,
        }));
        let code = if cloud == Cloud::Azure {
            "ServerBusy"
        } else {
            "SlowDown"
        };
        site.publish().expect_code(5).expect_stderr(code);
        assert_eq!(site.server.faults_met(), [4], "{cloud:?}");
        nothing_is_published(&site, "sales.html");
    }
}

/// Signatures say when they were made. A machine whose clock is wrong learns that it is the clock.
#[test]
fn a_wrong_clock_is_found_out() {
    for offset in [3600, -3600] {
        for cloud in [Cloud::S3, Cloud::Azure] {
            let site = Site::at(cloud);
            site.report(&[("sales.html", &page("Sales"))]);
            site.server.set_clock(offset);
            site.publish()
                .expect_code(6)
                .expect_stderr("hint: set this machine's clock right");
        }
    }
    // Google says only that it does not accept the token.
    let site = Site::at(Cloud::Gcs);
    site.report(&[("sales.html", &page("Sales"))]);
    site.server.set_clock(2 * 3600);
    site.publish().expect_code(6);
}

#[test]
fn a_bucket_that_is_a_path_is_refused() {
    let site = Site::at(Cloud::S3);
    site.report(&[("sales.html", &page("Sales"))]);
    let bucket = "export:\n  cloud_storage: {provider: s3, bucket: exports/pages}\n";
    site.project.write("daglab.yaml", bucket);
    let command = site.prepared(site.project.daglab(&["ci", "publish", "--upload"]));
    Run::of(command)
        .expect_code(7)
        .expect_stderr("`exports/pages`")
        .expect_stderr("hint: the bucket is perhaps `exports`");
    for place in [
        "../exports/pages",
        "./pages",
        "/exports",
        "exports/../other",
    ] {
        let run = Run::of(site.command_to(place, &[]));
        run.expect_code(7);
    }
    assert_eq!(site.server.requests().len(), 0);
}

/// Nobody answers where the server should be.
#[test]
fn a_server_that_is_gone_is_a_fault_of_the_network() {
    let site = Site::at(Cloud::S3);
    site.report(&[("sales.html", &page("Sales"))]);
    let port = super::support::dagster::free_port();
    let text = format!(
        "export:\n  cloud_storage: {{provider: s3, region: eu-central-1, max_retries: 1, \
         endpoint: \"http://127.0.0.1:{port}\"}}\n"
    );
    site.project.write("daglab.yaml", &text);
    site.publish()
        .expect_code(5)
        .expect_stderr(&site.server.destination(BUCKET));
}

/// Whoever ends an upload half-way leaves nothing behind for which somebody would pay.
#[test]
fn an_upload_that_is_interrupted_is_cleaned_up() {
    for cloud in [Cloud::S3, Cloud::Gcs] {
        let site = Site::at(cloud);
        site.report(&[("sales.html", &page("Sales"))])
            .file("table.parquet", &noise(40_000_000));
        site.server.fault(&json!({
            "kind": "hold", "method": "PUT", "path": "partNumber=[2-9]", "times": null,
        }));
        let mut command = site.command(&[]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        let held = eventually(Duration::from_secs(60), || site.server.faults_met()[0] > 0);
        assert!(held, "{cloud:?}");
        assert_eq!(site.server.uploads(BUCKET).len(), 1);
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        let output = child.wait_with_output().unwrap();
        Run { output }.expect_code(130);
        assert_eq!(
            site.server.uploads(BUCKET),
            Vec::<String>::new(),
            "{cloud:?}"
        );
        nothing_is_published(&site, "table.parquet");
    }
}
