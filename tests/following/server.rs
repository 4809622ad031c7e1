//! A real web server that can be killed and started again, and what is done to its runs.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use daglab::dagster::discover::Workspace;
use daglab::dagster::launch::LaunchRequest;
use daglab::dagster::{Client, ClientConfig};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};

const DEFINITIONS: &str = include_str!("defs.py");
const TELEMETRY: &str = "telemetry: {enabled: false}\n";
/// Runs start at once.
pub const AT_ONCE: &str =
    "run_coordinator: {module: dagster._core.run_coordinator, class: DefaultRunCoordinator}
run_launcher: {module: defs, class: Launcher}
";
/// Runs wait for a daemon, which nobody starts.
pub const QUEUED: &str =
    "run_coordinator: {module: dagster._core.run_coordinator, class: QueuedRunCoordinator}\n";

pub struct Server {
    child: Child,
    port: u16,
    home: tempfile::TempDir,
    project: tempfile::TempDir,
    /// Of all that were started: runs and code servers outlive their web server.
    groups: Vec<Pid>,
}

impl Server {
    pub fn start(instance: &str) -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let project = tempfile::tempdir().expect("a folder");
        let write = |path: PathBuf, text: &str| std::fs::write(path, text).expect("a written file");
        let instance = format!("{TELEMETRY}{instance}");
        write(home.path().join("dagster.yaml"), &instance);
        write(project.path().join("defs.py"), DEFINITIONS);
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = listener.local_addr().expect("its address").port();
        drop(listener);
        let child = spawn(&home, &project, port);
        Self {
            groups: vec![Pid::from_child(&child)],
            child,
            port,
            home,
            project,
        }
    }

    /// Ends the web server as a crash would, and nothing else.
    pub fn kill(&mut self) {
        self.child.kill().expect("a process that can be killed");
        self.child.wait().expect("an end");
    }

    /// Starts it again where it was.
    pub fn start_again(&mut self) {
        self.child = spawn(&self.home, &self.project, self.port);
        self.groups.push(Pid::from_child(&self.child));
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn client(&self) -> Client {
        client_at(self.port)
    }

    pub async fn ready(&self) -> Workspace {
        let ready = self.client().wait_ready(Duration::from_secs(120), 1).await;
        ready.expect("a server that becomes ready")
    }

    /// A path for a file that does not exist yet.
    pub fn gate(&self, name: &str) -> Gate {
        Gate(self.project.path().join(name))
    }

    /// What no operation of the client does.
    pub async fn graphql(&self, query: &str) -> Value {
        let url = format!("http://127.0.0.1:{}/graphql", self.port);
        let http = reqwest::Client::builder().no_proxy().build();
        let request = http
            .expect("a client")
            .post(url)
            .json(&json!({"query": query}));
        let answer = request.send().await.expect("an answer");
        answer.json().await.expect("a JSON answer")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for group in &self.groups {
            let _ = kill_process_group(*group, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

fn spawn(home: &tempfile::TempDir, project: &tempfile::TempDir, port: u16) -> Child {
    let python = std::env::var("DAGLAB_TEST_PYTHON")
        .expect("DAGLAB_TEST_PYTHON must name a Python that has dagster-webserver");
    Command::new(python)
        .args(["-m", "dagster_webserver", "-f", "defs.py"])
        .args(["-h", "127.0.0.1", "-p", &port.to_string()])
        .current_dir(project.path())
        .env("DAGSTER_HOME", home.path())
        // For the run launcher of `dagster.yaml`.
        .env("PYTHONPATH", project.path())
        .env_remove("PYTHONDONTWRITEBYTECODE")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .expect("a started web server")
}

pub fn client_at(port: u16) -> Client {
    Client::new(&ClientConfig::new(format!("http://127.0.0.1:{port}"))).expect("a client")
}

/// What a run waits for.
pub struct Gate(PathBuf);

impl Gate {
    pub fn open(&self) {
        std::fs::write(&self.0, "").expect("a written file");
    }

    pub fn path(&self) -> &str {
        self.0.to_str().expect("a path that is text")
    }
}

/// A run of a job with some run config.
pub fn request(workspace: &Workspace, job: &str, config: &Value) -> LaunchRequest {
    let run_config = config.as_object().expect("an object").clone();
    LaunchRequest {
        selector: workspace.job(job, None).expect("a job").selector(),
        run_config,
        tags: BTreeMap::new(),
    }
}

/// A run that says some lines behind each of its gates.
pub fn talk(workspace: &Workspace, gates: &[&Gate], lines: u32) -> LaunchRequest {
    let gates: Vec<&str> = gates.iter().map(|gate| gate.path()).collect();
    let config = json!({"ops": {"say": {"config": {"gates": gates, "lines": lines}}}});
    request(workspace, "talk", &config)
}
