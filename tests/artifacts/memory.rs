//! A page of 300 MB goes through in the memory that a few blocks need.
//!
//! The client is a process of its own, which is this test's program again, so that nothing else is
//! measured.

use std::fs::File;
use std::process::Command;

use daglab::github::artifact::{Content, UploadOptions};

use crate::Job;
use crate::support::artifact_server::{ArtifactServer, Options, Types};

const MIB: u64 = 1024 * 1024;
const PAGE_BYTES: u64 = 300 * MIB;
/// Five blocks on their way and one being read are 48 MiB; the rest is the program.
const ALLOWED_KIB: u64 = 110 * 1024;

const VARIABLES: &str = "DAGLAB_TEST_ARTIFACT_VARIABLES";
const FILE: &str = "DAGLAB_TEST_ARTIFACT_FILE";

/// The other process.
#[tokio::test]
#[ignore = "started by the other tests here"]
async fn uploads_a_large_page() {
    let variables = std::env::var(VARIABLES).expect("started by another test");
    let variables: Vec<(String, String)> = serde_json::from_str(&variables).unwrap();
    let file = std::env::var_os(FILE).unwrap();
    let job = Job::from(&variables, crate::quick());
    let content = Content::File(file.into());
    let options = UploadOptions::default();
    let uploaded = job
        .service
        .upload_page("large.html", content, options)
        .await
        .unwrap();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    let peak = line.split_whitespace().nth(1).unwrap();
    println!("\nRESULT {peak} {}", uploaded.size);
}

/// The peak of that process, in KiB, and how many bytes it has sent.
fn upload(server: &ArtifactServer, bytes: u64) -> (u64, u64) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("large.html");
    // Zeros that need no room on the disk.
    File::create(&path).unwrap().set_len(bytes).unwrap();
    let variables = serde_json::to_string(&server.environment("job-1")).unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "memory::uploads_a_large_page",
            "--ignored",
            "--nocapture",
        ])
        .env(VARIABLES, variables)
        .env(FILE, path)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let result = text.lines().find_map(|line| line.strip_prefix("RESULT "));
    let result = result.unwrap_or_else(|| {
        panic!("{text}\n{}", String::from_utf8_lossy(&output.stderr));
    });
    let mut numbers = result.split(' ').map(|number| number.parse().unwrap());
    (numbers.next().unwrap(), numbers.next().unwrap())
}

#[test]
fn a_large_page_is_sent_in_little_memory() {
    let server = ArtifactServer::start(Options {
        keep_bytes: false,
        ..Options::default()
    });
    let (peak, sent) = upload(&server, PAGE_BYTES);
    assert_eq!(sent, PAGE_BYTES);
    assert_eq!(server.artifact("large.html").stored_size(), PAGE_BYTES);
    assert!(peak < ALLOWED_KIB, "{peak} KiB");
}

/// The archive is a file, too.
#[test]
fn a_large_page_is_archived_in_little_memory() {
    let server = ArtifactServer::start(Options {
        keep_bytes: false,
        types: Types::Refused(400, "unknown field"),
        ..Options::default()
    });
    let (peak, sent) = upload(&server, 100 * MIB);
    assert!(sent < 4 * MIB, "{sent}");
    assert!(peak < ALLOWED_KIB, "{peak} KiB");
}
