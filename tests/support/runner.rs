//! GitHub's runner, as a step meets it: variables, files, the event, and what it makes of the log.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::artifact_server::{self, ArtifactServer};
use super::github_server::{GithubServer, Pull};

/// The commit at the head of the pull request.
pub const HEAD: &str = "0123456789abcdef0123456789abcdef01234567";
/// The commit that is checked out: the merge of head and base.
pub const MERGE: &str = "2223456789abcdef0123456789abcdef01234567";
/// The pull request.
pub const NUMBER: u64 = 7;

/// The files by which steps speak to the runner.
const FILES: [&str; 5] = [
    "GITHUB_ENV",
    "GITHUB_OUTPUT",
    "GITHUB_PATH",
    "GITHUB_STATE",
    "GITHUB_STEP_SUMMARY",
];

/// A runner in the middle of a job.
pub struct Runner {
    dir: tempfile::TempDir,
    pub variables: Vec<(String, String)>,
}

impl Runner {
    /// For an event with this payload.
    pub fn new(event: &str, payload: &Value) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut variables: Vec<(String, String)> = Vec::new();
        let mut set = |name: &str, value: &str| variables.push((name.to_owned(), value.to_owned()));
        for name in FILES {
            let file = dir.path().join(name.to_lowercase());
            std::fs::write(&file, "").unwrap();
            set(name, file.to_str().unwrap());
        }
        let file = dir.path().join("event.json");
        std::fs::write(&file, payload.to_string()).unwrap();
        set("GITHUB_EVENT_PATH", file.to_str().unwrap());
        for (name, value) in [
            ("CI", "true"),
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_EVENT_NAME", event),
            ("GITHUB_REPOSITORY", "octo-org/data"),
            ("GITHUB_REPOSITORY_OWNER", "octo-org"),
            ("GITHUB_RUN_ID", "100"),
            ("GITHUB_RUN_ATTEMPT", "1"),
            ("GITHUB_SERVER_URL", "https://github.com"),
            ("GITHUB_SHA", MERGE),
            ("GITHUB_ACTOR", "mona"),
            ("RUNNER_OS", "Linux"),
        ] {
            set(name, value);
        }
        Self { dir, variables }
    }

    /// In a job of a pull request, with both services.
    pub fn of_pull_request(github: &GithubServer, artifacts: &ArtifactServer) -> Self {
        Self::new("pull_request", &pull_request("octo-org"))
            .with_github(github)
            .with_artifacts(artifacts)
    }

    pub fn with_github(self, github: &GithubServer) -> Self {
        self.with("GITHUB_API_URL", &github.url())
            .with("GITHUB_GRAPHQL_URL", &format!("{}/graphql", github.url()))
            .with("INPUT_GITHUB-TOKEN", &github.token())
    }

    pub fn with_artifacts(self, artifacts: &ArtifactServer) -> Self {
        let token = artifact_server::token("run-1", "job-1");
        self.with("ACTIONS_RUNTIME_TOKEN", &token)
            .with("ACTIONS_RESULTS_URL", &format!("{}/", artifacts.url()))
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.retain(|(other, _)| other != name);
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Has a command run as a step.
    pub fn step(&self, command: &mut Command, workspace: &Path) {
        for (name, _) in std::env::vars() {
            if ["GITHUB_", "ACTIONS_", "INPUT_", "RUNNER_"]
                .iter()
                .any(|it| name.starts_with(it))
            {
                command.env_remove(name);
            }
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.env("GITHUB_WORKSPACE", workspace);
    }

    pub fn file(&self, variable: &str) -> PathBuf {
        self.dir.path().join(variable.to_lowercase())
    }

    pub fn read(&self, variable: &str) -> String {
        std::fs::read_to_string(self.file(variable)).unwrap()
    }

    /// The step's outputs.
    pub fn outputs(&self) -> Vec<(String, String)> {
        outputs(&self.read("GITHUB_OUTPUT"))
    }

    #[track_caller]
    pub fn output(&self, name: &str) -> String {
        let outputs = self.outputs();
        let found = outputs.iter().find(|(other, _)| other == name);
        found
            .unwrap_or_else(|| panic!("no {name} in {outputs:?}"))
            .1
            .clone()
    }
}

/// A step's outputs, read as the runner reads them.
pub fn outputs(text: &str) -> Vec<(String, String)> {
    let mut lines = text.lines();
    let mut outputs = Vec::new();
    while let Some(line) = lines.next() {
        let (name, delimiter) = line.split_once("<<").expect("only blocks are written");
        let value: Vec<&str> = lines
            .by_ref()
            .take_while(|line| *line != delimiter)
            .collect();
        outputs.push((name.to_owned(), value.join("\n")));
    }
    outputs
}

/// The payload of a pull request whose head is in a repository of this owner.
pub fn pull_request(owner: &str) -> Value {
    let fork = owner != "octo-org";
    json!({
        "action": "synchronize",
        "number": NUMBER,
        "pull_request": {
            "number": NUMBER,
            "state": "open",
            "head": {
                "ref": "change",
                "sha": HEAD,
                "user": {"login": owner},
                "repo": {"full_name": format!("{owner}/data"), "fork": fork, "owner": {"login": owner}},
            },
            "base": {
                "ref": "main",
                "sha": "1123456789abcdef0123456789abcdef01234567",
                "user": {"login": "octo-org"},
                "repo": {"full_name": "octo-org/data", "fork": false, "owner": {"login": "octo-org"}},
            },
        },
        "repository": {"full_name": "octo-org/data", "owner": {"login": "octo-org"}},
    })
}

/// A command that the runner found in a log, with its message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkflowCommand {
    pub name: String,
    pub properties: String,
    pub message: String,
}

/// The commands in a log, by both of the runner's grammars.
pub fn commands(log: &str) -> Vec<WorkflowCommand> {
    let command = |line: &str| {
        let new = line
            .trim_start()
            .strip_prefix("::")
            .and_then(|rest| rest.split_once("::"));
        let old = || {
            line.split_once("##[")
                .and_then(|(_, rest)| rest.split_once(']'))
        };
        let (head, message) = new.or_else(old)?;
        let (name, properties) = head.split_once(' ').unwrap_or((head, ""));
        Some(WorkflowCommand {
            name: name.to_owned(),
            properties: properties.to_owned(),
            message: message.to_owned(),
        })
    };
    log.lines().filter_map(command).collect()
}

/// A log as people see it: without the lines that the runner takes for itself.
pub fn visible(log: &str) -> String {
    let shown = log
        .lines()
        .filter(|line| commands(line).iter().all(|it| it.name != "add-mask"));
    shown.collect::<Vec<_>>().join("\n")
}

/// The pull request as GitHub has it.
pub fn pull() -> Pull {
    Pull {
        number: NUMBER,
        state: "open",
        head_owner: "octo-org".to_owned(),
        head_ref: "change".to_owned(),
        head_sha: HEAD.to_owned(),
        base_sha: "1123456789abcdef0123456789abcdef01234567".to_owned(),
        base_repository: None,
        merged_as: None,
    }
}

/// The payload of a workflow that a run for a fork has caused by ending.
pub fn workflow_run() -> Value {
    json!({
        "action": "completed",
        "workflow_run": {
            "id": 100,
            "run_attempt": 1,
            "event": "pull_request",
            "head_branch": "change",
            "head_sha": HEAD,
            "html_url": "https://github.com/octo-org/data/actions/runs/100",
            "head_repository": {"full_name": "mona/data", "fork": true, "owner": {"login": "mona"}},
            "pull_requests": [],
        },
        "repository": {"full_name": "octo-org/data", "owner": {"login": "octo-org"}},
    })
}
