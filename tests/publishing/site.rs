//! A report with its pages, and a server to publish it at.

use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::support::object_servers::{Cloud, ObjectServer};
use super::support::{Project, Run, eventually};

pub const BUCKET: &str = "exports";
/// Where the runs of the report's branch are.
pub const LINE: &str = "pages/project/branches/main";

/// A project in which `daglab ci` has left a report, and the store it goes to.
pub struct Site {
    pub project: Project,
    pub server: ObjectServer,
    /// What the environment holds.
    pub variables: Vec<(String, String)>,
}

impl Site {
    /// With a bucket and credentials for it.
    pub fn at(cloud: Cloud) -> Self {
        let site = Self::without_a_bucket(cloud);
        site.server.create_bucket(BUCKET);
        site
    }

    pub fn without_a_bucket(cloud: Cloud) -> Self {
        let server = ObjectServer::start(cloud);
        let site = Self {
            project: Project::empty(),
            variables: server.variables(),
            server,
        };
        site.settings("");
        site
    }

    /// `export.cloud_storage` as the server wants it, and more of `export`.
    pub fn settings(&self, more: &str) {
        let cloud = self.server.settings();
        let cloud = cloud.trim_end_matches('}');
        // Pauses between tries double; the third is the last.
        let text = format!("export:\n  cloud_storage: {cloud}, max_retries: 3}}\n{more}");
        self.project.write("daglab.yaml", &text);
    }

    /// Writes the report, with a notebook for each of these pages.
    pub fn report(&self, pages: &[(&str, &[u8])]) -> &Self {
        let mut notebooks = Vec::new();
        for (name, body) in pages {
            self.file(name, body);
            notebooks.push(json!({
                "path": name.replace(".html", ".py"), "title": name, "status": "passed",
                "reason": null, "duration_s": 1.0, "attempts": 1, "allow_failure": false,
                "html": name, "url": null, "target": null, "args": [],
                "peak_memory_bytes": null, "cells": [],
            }));
        }
        let report = json!({
            "schema_version": 1, "daglab_version": "0.1.0", "result": "passed",
            "project": {
                "name": "project", "commit": "1a2b3c4d5e6f70819203a4b5c6d7e8f901234567",
                "branch": "main", "python": null, "dagster": null, "marimo": null,
                "isolation": null,
            },
            "started_at": "2026-01-02T03:04:05Z", "duration_s": 1.0, "notebooks": notebooks,
            "runs": [], "locations": [], "findings": [], "attachments": [], "timings": {},
        });
        self.file("report.json", report.to_string().as_bytes());
        self
    }

    /// Writes a file beside the report.
    pub fn file(&self, name: &str, body: &[u8]) -> &Self {
        let path = self.project.artifacts().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, body).unwrap();
        self
    }

    /// `daglab ci publish` to `pages` in the bucket.
    pub fn command(&self, more: &[&str]) -> Command {
        self.command_to(&format!("{BUCKET}/pages"), more)
    }

    pub fn command_to(&self, place: &str, more: &[&str]) -> Command {
        let destination = self.server.destination(place);
        let arguments = [&["ci", "publish", "--upload", &destination], more].concat();
        self.prepared(self.project.daglab(&arguments))
    }

    /// With the site's credentials, and none of this machine's.
    pub fn prepared(&self, mut command: Command) -> Command {
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            let foreign = ["AWS_", "AZURE_", "GOOGLE_", "GITHUB_", "CLOUDSDK_"];
            if foreign.iter().any(|start| name.starts_with(start)) {
                command.env_remove(name);
            }
        }
        command
            .env("HOME", self.project.tmp())
            .env("NO_PROXY", "127.0.0.1")
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    pub fn publish(&self) -> Run {
        Run::of(self.command(&[]))
    }

    /// The report as it is now.
    pub fn told(&self) -> Value {
        let path = self.project.artifacts().join("report.json");
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    }

    /// Where the first notebook's page can be opened.
    #[track_caller]
    pub fn url(&self) -> String {
        let told = self.told();
        told["notebooks"][0]["url"].as_str().unwrap().to_owned()
    }

    pub fn keys(&self) -> Vec<String> {
        self.server.keys(BUCKET)
    }

    /// The directories of the runs, the oldest first.
    pub fn runs(&self) -> Vec<String> {
        let start = format!("{LINE}/");
        let keys = self.keys();
        let of_line = keys.iter().filter_map(|key| key.strip_prefix(&start));
        let mut runs: Vec<String> = of_line
            .filter_map(|rest| rest.strip_suffix("/daglab-run.json"))
            .map(str::to_owned)
            .collect();
        runs.sort();
        runs
    }

    /// A JSON object in the bucket.
    #[track_caller]
    pub fn json(&self, key: &str) -> Value {
        let reply = self.server.get(BUCKET, key);
        serde_json::from_slice(&reply.unpacked())
            .unwrap_or_else(|error| panic!("{key}: {error} {}", reply.text()))
    }

    /// The list of the branch's runs.
    #[track_caller]
    pub fn list(&self) -> Value {
        self.json(&format!("{LINE}/runs.json"))
    }
}

/// A page that is worth compressing.
pub fn page(text: &str) -> Vec<u8> {
    let line = format!("<p>{text} é ∑ &amp; what is said in every line of this page</p>\n");
    let body = line.repeat(80);
    format!("<!doctype html><html><head><title>{text}</title></head><body>\n{body}</body></html>\n")
        .into_bytes()
}

/// Bytes that can't be compressed, the same each time.
pub fn noise(length: usize) -> Vec<u8> {
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// Names of runs begin with the second.
pub fn next_second() {
    let second = || {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs()
    };
    let now = second();
    assert!(eventually(Duration::from_secs(5), || second() > now));
}
