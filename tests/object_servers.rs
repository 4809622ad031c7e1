//! The object stores of the tests refuse what the real ones refuse. The clients here are the clouds'
//! own where there is one, so that a test of daglab's can't pass because a server lets everybody in.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that can't be set up has failed"
)]

mod support;

use std::process::Command;

use insta::assert_snapshot;
use serde_json::{Value, json};

use support::object_servers::{ACCOUNT, Cloud, ObjectServer, REGION, altered, open};

const BUCKET: &str = "exports";
const KEY: &str = "daglab/a page & more.html";

#[test]
fn s3_verifies_signatures() {
    let server = with_an_object(Cloud::S3);
    let said = python(&["s3", server.url(), REGION, BUCKET, KEY]);
    assert_snapshot!(codes(&said), @"
    good: OK
    unknown key: InvalidAccessKeyId
    wrong secret: SignatureDoesNotMatch
    wrong region: AuthorizationHeaderMalformed
    temporary: OK
    temporary without its token: InvalidAccessKeyId
    temporary with another token: InvalidToken
    missing bucket: NoSuchBucket
    ");
    address_is_verified(&server, said["address"].as_str().unwrap(), (403, 403));

    server.set_clock(16 * 60);
    let said = python(&["s3", server.url(), REGION, BUCKET, KEY]);
    assert_eq!(said["codes"]["good"], "RequestTimeTooSkewed");
}

#[test]
fn google_verifies_tokens_and_signatures() {
    let server = with_an_object(Cloud::Gcs);
    let account = server.service_account();
    let account = account.to_str().unwrap();
    let said = python(&["gcs", server.url(), BUCKET, KEY, account]);
    assert_snapshot!(codes(&said), @"
    good: 200
    of another key: 401
    of another account: 401
    expired: 401
    without a scope: 401
    made up: 401
    anonymous: 403
    ");
    address_is_verified(&server, said["address"].as_str().unwrap(), (400, 403));

    server.set_clock(-16 * 60);
    let said = python(&["gcs", server.url(), BUCKET, KEY, account]);
    assert_eq!(said["codes"]["good"], "401");
}

#[test]
fn azure_verifies_keys_and_signatures() {
    let server = with_an_object(Cloud::Azure);
    let (_, key) = server.variables().pop().unwrap();
    let asked = json!({
        "url": server.url(), "account": ACCOUNT, "key": key, "container": BUCKET, "blob": KEY,
    });
    let said = support::browser::drive("refusals.mjs", &asked);
    assert_snapshot!(codes(&said), @"
    good: OK
    wrong key: AuthorizationFailure
    missing container: ContainerNotFound
    ");
    address_is_verified(&server, said["address"].as_str().unwrap(), (403, 403));

    server.set_clock(16 * 60);
    let said = support::browser::drive("refusals.mjs", &asked);
    assert_eq!(said["codes"]["good"], "AuthenticationFailed");
}

#[test]
fn everybody_reads_a_public_bucket_and_no_other() {
    for cloud in support::object_servers::CLOUDS {
        let server = ObjectServer::start(cloud);
        server
            .create_public_bucket("open-to-all")
            .create_bucket(BUCKET);
        server
            .put("open-to-all", "a/page.html", b"public")
            .put(BUCKET, "a/page.html", b"private");
        assert_eq!(
            open(&format!("{}/open-to-all/a/page.html", server.url())).text(),
            "public"
        );
        let refused = open(&format!("{}/{BUCKET}/a/page.html", server.url()));
        assert_eq!(refused.status, 403, "{cloud:?} {}", refused.text());
    }
}

#[test]
fn faults_happen_as_often_as_they_should() {
    for cloud in support::object_servers::CLOUDS {
        let server = ObjectServer::start(cloud);
        server
            .create_public_bucket(BUCKET)
            .put(BUCKET, "page.html", b"a page");
        let url = format!("{}/{BUCKET}/page.html", server.url());
        server.fault(&json!({
            "kind": "status", "method": "GET", "path": "page", "skip": 1, "times": 2, "retry_after": "1",
        }));
        let statuses: Vec<u16> = (0..4).map(|_| open(&url).status).collect();
        assert_eq!(statuses, [200, 503, 503, 200], "{cloud:?}");
        assert_eq!(server.faults_met(), [2]);
        let came = server.requests();
        assert_eq!(came.len(), 4);
        assert_eq!(came[1].fault.as_deref(), Some("status"));
        assert_eq!(came[1].path, format!("/{BUCKET}/page.html"));
    }
}

fn with_an_object(cloud: Cloud) -> ObjectServer {
    let server = ObjectServer::start(cloud);
    server
        .create_bucket(BUCKET)
        .put(BUCKET, KEY, b"a page")
        .put(BUCKET, "other.html", b"another");
    server
}

/// An address opens what it was signed for, and nothing when it is altered, moved or old.
fn address_is_verified(server: &ObjectServer, address: &str, (expired, altered_one): (u16, u16)) {
    let opened = open(address);
    assert_eq!(
        (opened.status, opened.text().as_str()),
        (200, "a page"),
        "{address}"
    );
    assert_eq!(open(&altered(address)).status, altered_one);
    let (path, query) = address.split_once('?').unwrap();
    let (start, _) = path.split_once("/daglab/").unwrap();
    assert_eq!(open(&format!("{start}/other.html?{query}")).status, 403);
    assert_eq!(open(path).status, 403);
    server.set_clock(590);
    assert_eq!(open(address).status, 200);
    server.set_clock(610);
    assert_eq!(open(address).status, expired);
    server.set_clock(0);
}

/// What each case met, one a line.
fn codes(said: &Value) -> String {
    let codes = said["codes"].as_object().unwrap().iter();
    let lines = codes.map(|(case, code)| format!("{case}: {}\n", code.as_str().unwrap()));
    lines.collect()
}

fn python(arguments: &[&str]) -> Value {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/servers/refusals.py");
    let output = Command::new(support::python())
        .arg(script)
        .args(arguments)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    serde_json::from_slice(&output.stdout).unwrap()
}
