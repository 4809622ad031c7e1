//! GitHub's runner, as far as a container can tell: what it mounts, which variables it sets, how it
//! starts and ends a container action (actions/runner, ContainerActionHandler and
//! DockerCommandManager).

use std::fs::File;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::artifact_server::{self, ArtifactServer, Options};
use crate::support::github_server::GithubServer;
use crate::support::runner::{MERGE, NUMBER, outputs, pull, pull_request};
use crate::support::{Run, eventually};
use serde_json::Value;

/// The user that the runner runs as on GitHub's machines.
pub const USER: u32 = 1001;

/// The folders that the runner mounts below `/github`, and what it calls them.
const MOUNTS: [&str; 5] = [
    "workspace",
    "home",
    "workflow",
    "file_commands",
    "runner_temp",
];

/// The image that is tested.
pub fn image() -> String {
    std::env::var("DAGLAB_TEST_IMAGE").expect(
        "DAGLAB_TEST_IMAGE must name an image and DOCKER_HOST the engine that has it; \
         `scripts/test image` sets both",
    )
}

/// What docker prints.
#[track_caller]
pub fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output().unwrap();
    assert!(
        output.status.success(),
        "docker {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// GitHub's API and its artifact service, where containers reach them: the runner gives a container
/// no network of its own, so it is in the engine's, whose gateway is this machine.
pub struct Services {
    pub github: GithubServer,
    pub artifacts: ArtifactServer,
    gateway: IpAddr,
}

impl Services {
    /// With the pull request that the event is about.
    pub fn start() -> Self {
        let format = "{{(index .IPAM.Config 0).Gateway}}";
        let gateway = docker(&["network", "inspect", "bridge", "--format", format]);
        let gateway: IpAddr = gateway.trim().parse().unwrap();
        let github = GithubServer::start_at(SocketAddr::new(gateway, 0));
        github.state().pulls.push(pull());
        let artifacts = ArtifactServer::start(Options {
            address: SocketAddr::new(gateway, 0).to_string(),
            ..Options::default()
        });
        Self {
            github,
            artifacts,
            gateway,
        }
    }

    /// The body of the one comment that there is.
    #[track_caller]
    pub fn comment(&self) -> String {
        let comments = self.github.comments(NUMBER);
        assert_eq!(comments.len(), 1, "{comments:?}");
        comments[0].body.clone()
    }

    /// The token that the artifact service knows.
    pub fn runtime_token() -> String {
        artifact_server::token("run-1", "job-1")
    }
}

/// A job's step that uses the action: its folders on the runner's machine.
pub struct Step {
    dir: tempfile::TempDir,
    label: String,
    variables: Vec<(String, String)>,
}

/// A container that was started.
pub struct Running {
    client: Child,
    name: String,
    log: PathBuf,
}

impl Step {
    pub fn new() -> Self {
        let dir = tempfile::Builder::new()
            .prefix("daglab-image-")
            .tempdir()
            .unwrap();
        for name in MOUNTS {
            std::fs::create_dir(dir.path().join(name)).unwrap();
        }
        for name in [
            "add_path",
            "save_state",
            "set_env",
            "set_output",
            "step_summary",
        ] {
            File::create(dir.path().join("file_commands").join(name)).unwrap();
        }
        let label = dir.path().file_name().unwrap().to_str().unwrap().to_owned();
        let step = Self {
            dir,
            label,
            variables: variables(),
        };
        step.of_event("pull_request", &pull_request("octo-org"))
    }

    /// In a workflow that another event has caused.
    pub fn of_event(self, name: &str, payload: &Value) -> Self {
        let file = self.dir.path().join("workflow/event.json");
        std::fs::write(file, payload.to_string()).unwrap();
        self.give_to_user();
        self.with("GITHUB_EVENT_NAME", name)
    }

    /// With one more variable, or another value of one: of the job, the step's `env`, or an input.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.retain(|(other, _)| other != name);
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// On a GitHub that is here.
    pub fn with_services(self, services: &Services) -> Self {
        let api = services.github.url();
        let artifacts = SocketAddr::new(services.gateway, services.artifacts.port());
        self.with("GITHUB_API_URL", &api)
            .with("GITHUB_GRAPHQL_URL", &format!("{api}/graphql"))
            .with("INPUT_GITHUB-TOKEN", &services.github.token())
            .with("ACTIONS_RUNTIME_TOKEN", &Services::runtime_token())
            .with("ACTIONS_RESULTS_URL", &format!("http://{artifacts}/"))
    }

    /// With a copy of a folder of the repository as the checkout.
    pub fn of_example(folder: &str) -> Self {
        let step = Self::new();
        let tracked = Command::new("git")
            .args(["ls-files", "-z", "--", "."])
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder))
            .output()
            .unwrap();
        let tracked = String::from_utf8(tracked.stdout).unwrap();
        let files = tracked
            .split_terminator('\0')
            .filter(|name| !name.contains("__marimo__"));
        for name in files {
            let from = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join(folder)
                .join(name);
            let to = step.workspace().join(name);
            std::fs::create_dir_all(to.parent().unwrap()).unwrap();
            std::fs::copy(from, to).unwrap();
        }
        step.commit();
        step
    }

    pub fn workspace(&self) -> PathBuf {
        self.dir.path().join("workspace")
    }

    pub fn artifacts(&self) -> PathBuf {
        self.workspace().join(".daglab/artifacts")
    }

    /// A folder that the runner mounts.
    pub fn folder(&self, name: &str) -> PathBuf {
        assert!(MOUNTS.contains(&name), "{name}");
        self.dir.path().join(name)
    }

    /// What is in a file by which steps speak to the runner.
    #[track_caller]
    pub fn told(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder("file_commands").join(name)).unwrap()
    }

    #[track_caller]
    pub fn output(&self, name: &str) -> String {
        let outputs = outputs(&self.told("set_output"));
        let found = outputs.iter().find(|(other, _)| other == name);
        found
            .unwrap_or_else(|| panic!("no {name} in {outputs:?}"))
            .1
            .clone()
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.workspace().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self.give_to_user();
    }

    /// What the runner's user can't read, or enter, of all that is there now.
    pub fn unreadable(&self) -> String {
        let user = USER.to_string();
        let found = Command::new("setpriv")
            .args(["--reuid", &user, "--regid", &user, "--clear-groups", "find"])
            .arg(self.dir.path())
            .args(["!", "-type", "l", "(", "!", "-readable"])
            .args(["-o", "-type", "d", "!", "-executable", ")"])
            .output()
            .unwrap();
        let text = [found.stdout, found.stderr].concat();
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Makes a repository with one commit of all that is there, as a checkout leaves it.
    pub fn commit(&self) {
        let workspace = self.workspace();
        for arguments in [
            &["init", "--quiet"][..],
            &["add", "--all"],
            &[
                "-c",
                "user.name=a",
                "-c",
                "user.email=a@b.c",
                "commit",
                "--quiet",
                "-m",
                "all",
            ],
        ] {
            let git = Command::new("git")
                .args(["-c", "safe.directory=*"])
                .args(arguments)
                .current_dir(&workspace)
                .env("GIT_CONFIG_NOSYSTEM", "1")
                .status();
            assert!(git.unwrap().success(), "{arguments:?}");
        }
        self.give_to_user();
    }

    /// The engine may be of root's, and so may this test; the runner's folders are not.
    fn give_to_user(&self) {
        let owner = format!("{USER}:{USER}");
        let status = Command::new("chown")
            .args(["-R", &owner])
            .arg(self.dir.path())
            .status();
        assert!(
            status.unwrap().success(),
            "the tests of the image need root"
        );
    }

    /// Containers of this step that are there.
    pub fn containers(&self) -> String {
        docker(&[
            "ps",
            "--all",
            "--quiet",
            "--filter",
            &format!("label={}", self.label),
        ])
    }

    /// Runs the action's container to its end.
    pub fn run(&self, arguments: &[&str]) -> Run {
        self.run_with(&[], arguments)
    }

    pub fn run_with(&self, options: &[&str], arguments: &[&str]) -> Run {
        Run::of(self.command(options, arguments))
    }

    /// Starts the action's container.
    pub fn start(&self, arguments: &[&str]) -> Running {
        let log = self.dir.path().join("log");
        let file = File::create(&log).unwrap();
        let mut command = self.command(&["--name", &self.label], arguments);
        let client = command
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .unwrap();
        Running {
            client,
            name: self.label.clone(),
            log,
        }
    }

    /// `docker run`, with the options that the runner gives it, and a label to find it by.
    fn command(&self, options: &[&str], arguments: &[&str]) -> Command {
        let mut command = Command::new("docker");
        command.args([
            "run",
            "--label",
            &self.label,
            "--workdir",
            "/github/workspace",
            "--rm",
        ]);
        for (name, value) in &self.variables {
            // As the runner does it: the name as an argument, the value in the client's environment.
            command.args(["-e", name]).env(name, value);
        }
        // The socket of this engine, wherever it is.
        let host = std::env::var("DOCKER_HOST").expect("DOCKER_HOST is not set");
        let socket = host
            .strip_prefix("unix://")
            .expect("DOCKER_HOST is no socket");
        command.args(["-v", &format!("{socket}:/var/run/docker.sock")]);
        for name in MOUNTS {
            let folder = self.dir.path().join(name);
            command.args(["-v", &format!("{}:/github/{name}", folder.display())]);
        }
        command
            .args(options)
            .arg(image())
            .args(arguments)
            .stdin(Stdio::null());
        command
    }
}

/// What the runner sets for a container action, with made-up values.
fn variables() -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = [
        ("HOME", "/github/home"),
        ("CI", "true"),
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_JOB", "daglab"),
        ("GITHUB_REF", "refs/pull/7/merge"),
        ("GITHUB_SHA", MERGE),
        ("GITHUB_REPOSITORY", "octo-org/data"),
        ("GITHUB_REPOSITORY_OWNER", "octo-org"),
        ("GITHUB_RUN_ID", "100"),
        ("GITHUB_RUN_NUMBER", "3"),
        ("GITHUB_RUN_ATTEMPT", "1"),
        ("GITHUB_RETENTION_DAYS", "90"),
        ("GITHUB_ACTOR", "octocat"),
        ("GITHUB_WORKFLOW", "Notebooks"),
        ("GITHUB_HEAD_REF", "change"),
        ("GITHUB_BASE_REF", "main"),
        ("GITHUB_SERVER_URL", "https://github.com"),
        ("GITHUB_API_URL", "https://api.github.com"),
        ("GITHUB_GRAPHQL_URL", "https://api.github.com/graphql"),
        ("GITHUB_REF_NAME", "7/merge"),
        ("GITHUB_REF_TYPE", "branch"),
        ("GITHUB_ACTION", "daglab"),
        ("GITHUB_ACTION_REPOSITORY", "daglab/daglab-action"),
        ("GITHUB_ACTION_REF", "v1"),
        ("GITHUB_WORKSPACE", "/github/workspace"),
        ("GITHUB_EVENT_PATH", "/github/workflow/event.json"),
        ("GITHUB_PATH", "/github/file_commands/add_path"),
        ("GITHUB_ENV", "/github/file_commands/set_env"),
        ("GITHUB_STEP_SUMMARY", "/github/file_commands/step_summary"),
        ("GITHUB_STATE", "/github/file_commands/save_state"),
        ("GITHUB_OUTPUT", "/github/file_commands/set_output"),
        ("RUNNER_OS", "Linux"),
        ("RUNNER_ARCH", "X64"),
        ("RUNNER_NAME", "GitHub Actions 1"),
        ("RUNNER_ENVIRONMENT", "github-hosted"),
        ("RUNNER_TOOL_CACHE", "/opt/hostedtoolcache"),
        ("RUNNER_TEMP", "/github/runner_temp"),
        ("RUNNER_WORKSPACE", "/home/runner/work/data"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec();
    // Nobody listens there, until a test says where somebody does.
    for name in [
        "ACTIONS_RUNTIME_URL",
        "ACTIONS_RESULTS_URL",
        "ACTIONS_CACHE_URL",
    ] {
        all.push((name.to_owned(), "http://127.0.0.1:9/".to_owned()));
    }
    // Every input with its default, as the runner gives those that the workflow does not name.
    let action = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("action.yml"));
    let action = action.unwrap();
    let inputs = action
        .split("\ninputs:\n")
        .nth(1)
        .unwrap()
        .split("\noutputs:")
        .next()
        .unwrap();
    let mut name = "";
    for line in inputs.lines() {
        if let Some(input) = line
            .strip_prefix("  ")
            .filter(|rest| !rest.starts_with(' '))
        {
            name = input.trim_end_matches(':');
        } else if let Some(default) = line.strip_prefix("    default: ") {
            let value = if default.contains("github.token") {
                ""
            } else {
                default.trim_matches('"')
            };
            all.push((format!("INPUT_{}", name.to_uppercase()), value.to_owned()));
        }
    }
    assert!(
        all.iter()
            .any(|(name, value)| name == "INPUT_COMMENT" && value == "auto")
    );
    all.push(("ACTIONS_RUNTIME_TOKEN".to_owned(), "a.b.c".to_owned()));
    all
}

impl Running {
    /// Signals the client, as the runner does.
    pub fn signal(&self, name: &str) {
        let pid = self.client.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-s", name, &pid])
                .status()
                .unwrap()
                .success()
        );
    }

    pub fn has_ended(&mut self) -> bool {
        self.client.try_wait().unwrap().is_some()
    }

    pub fn code(&mut self) -> i32 {
        self.client.wait().unwrap().code().unwrap_or(-1)
    }

    pub fn output(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// What a shell in the container prints.
    pub fn shell(&self, script: &str) -> String {
        docker(&["exec", &self.name, "sh", "-c", script])
    }

    /// What the engine keeps of the container's log, from the beginning to the container's end. The
    /// engine removes it with the container, so its last lines may be missing.
    pub fn engine_log(&self) -> String {
        // Of one that has not begun there is no log to follow.
        let format = "{{.State.Running}}";
        let runs = || {
            let inspect = ["container", "inspect", "--format", format, &self.name];
            let output = Command::new("docker").args(inspect).output();
            output.unwrap().stdout == b"true\n"
        };
        assert!(eventually(Duration::from_secs(60), runs));
        let follow = ["logs", "--follow", &self.name];
        let output = Command::new("docker").args(follow).output().unwrap();
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.has_ended() {
            let _ = Command::new("docker").args(["kill", &self.name]).output();
            let _ = self.client.wait();
        }
    }
}
