//! A real Chromium, driven by the scripts of tests/node, and the folder of its pictures.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// Where a person can look at what the tests have seen.
pub fn screenshots() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots")
}

/// The browser.
pub fn program() -> String {
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

/// Has a script of tests/node do what is asked, and returns what it saw.
pub fn drive(script: &str, asked: &Value) -> Value {
    let node = std::env::var_os("DAGLAB_TEST_NODE").expect(
        "DAGLAB_TEST_NODE must name a directory with the packages of tests/node; \
         `scripts/test` sets it",
    );
    let script = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/node")
        .join(script);
    let mut child = Command::new("node")
        .arg(script)
        .env("DAGLAB_TEST_NODE", node)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(asked.to_string().as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "the browser could not be driven");
    serde_json::from_slice(&output.stdout).unwrap()
}
