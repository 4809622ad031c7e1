//! GitHub's own client, as a process of its own.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::artifact_server::ArtifactServer;

/// What `@actions/artifact` made of a request, in a job with these variables.
pub fn with_environment(
    environment: &[(String, String)],
    request: &Value,
) -> Result<Value, String> {
    let packages = std::env::var_os("DAGLAB_TEST_NODE").expect(
        "DAGLAB_TEST_NODE must name a directory with the `node_modules` of the tests; \
         `scripts/setup-node.sh` prints it",
    );
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/node/artifact.mjs");
    let output = Command::new("node")
        .arg(script)
        .arg(request.to_string())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("DAGLAB_TEST_NODE", packages)
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let result = text.lines().find_map(|line| line.strip_prefix("RESULT "));
    let result = result.unwrap_or_else(|| {
        panic!("{text}\n{}", String::from_utf8_lossy(&output.stderr));
    });
    let mut result: Value = serde_json::from_str(result).unwrap();
    match result.get("error") {
        Some(error) => Err(error.to_string()),
        None => Ok(result["ok"].take()),
    }
}

pub fn call(server: &ArtifactServer, job: &str, request: &Value) -> Value {
    with_environment(&server.environment(job), request).unwrap()
}
