//! A real Dagster web server on a project, ended when it goes out of scope, and one that gives
//! prepared answers.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use daglab::dagster::{Client, ClientConfig};
use serde_json::Value;

const INSTANCE: &str = "telemetry: {enabled: false}\n";
/// A queue would need a daemon.
const WITHOUT_QUEUE: &str =
    "run_coordinator: {module: dagster._core.run_coordinator, class: DefaultRunCoordinator}\n";

pub struct Server {
    child: Child,
    pub url: String,
    home: tempfile::TempDir,
    /// What is started with it, and outlives it when it is killed.
    others: Vec<Child>,
}

impl Server {
    /// Serves the `workspace.yaml` of a folder, and waits until so many code locations have loaded
    /// or failed to.
    pub fn of(project: &Path, locations: usize) -> Self {
        Self::start(&super::python(), project, locations, WITHOUT_QUEUE, &[])
    }

    /// The same, with another Python.
    pub fn with_python(python: &Path, project: &Path, locations: usize) -> Self {
        Self::start(python, project, locations, WITHOUT_QUEUE, &[])
    }

    /// The same, with more arguments.
    pub fn with_args(project: &Path, locations: usize, args: &[&str]) -> Self {
        Self::start(&super::python(), project, locations, WITHOUT_QUEUE, args)
    }

    /// The same, with these lines in its `dagster.yaml`.
    pub fn with(project: &Path, locations: usize, instance: &str) -> Self {
        Self::start(&super::python(), project, locations, instance, &[])
    }

    fn start(
        python: &Path,
        project: &Path,
        locations: usize,
        instance: &str,
        args: &[&str],
    ) -> Self {
        let home = tempfile::tempdir().unwrap();
        let instance = format!("{INSTANCE}{instance}");
        std::fs::write(home.path().join("dagster.yaml"), instance).unwrap();
        let prefix = args
            .iter()
            .skip_while(|arg| **arg != "--path-prefix")
            .nth(1);
        let prefix = prefix.copied().unwrap_or_default();
        let port = free_port();
        let server = Self {
            child: web_server(python, project, home.path(), port, args),
            url: format!("http://127.0.0.1:{port}{prefix}"),
            home,
            others: Vec::new(),
        };
        let limit = Duration::from_secs(120);
        block_on(server.client().wait_ready(limit, locations)).unwrap();
        server
    }

    /// Ends the web server as a crash would. Its code servers and its runs go on.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again where it was, and does not wait.
    pub fn start_again(&mut self, project: &Path) {
        let (_, port) = self.url.rsplit_once(':').unwrap();
        let port = port.parse().unwrap();
        let again = web_server(&super::python(), project, self.home(), port, &[]);
        self.others.push(std::mem::replace(&mut self.child, again));
    }

    /// Starts the daemon of its instance, by this module.
    pub fn start_daemon(&mut self, project: &Path, module: &str) {
        let daemon = of_instance(&super::python(), project, self.home(), module)
            .args(["run", "-w", "workspace.yaml"])
            .spawn();
        self.others.push(daemon.unwrap());
    }

    pub fn client(&self) -> Client {
        Client::new(&ClientConfig::new(self.url.clone())).unwrap()
    }

    /// The folder of its instance.
    pub fn home(&self) -> &Path {
        self.home.path()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for child in self.others.iter_mut().chain([&mut self.child]) {
            let group = rustix::process::Pid::from_child(child);
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
            let _ = child.wait();
        }
    }
}

fn web_server(python: &Path, project: &Path, home: &Path, port: u16, args: &[&str]) -> Child {
    of_instance(python, project, home, "dagster_webserver")
        .args(["-w", "workspace.yaml"])
        .args(["-h", "127.0.0.1", "-p", &port.to_string()])
        .args(args)
        .spawn()
        .unwrap()
}

/// A module of Python's with an instance. What it starts belongs to its group and ends with it.
fn of_instance(python: &Path, project: &Path, home: &Path, module: &str) -> Command {
    let mut command = Command::new(python);
    command
        .args(["-m", module])
        .current_dir(project)
        .env("DAGSTER_HOME", home)
        .env_remove("PYTHONDONTWRITEBYTECODE")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0);
    command
}

/// A server that gives one answer after the other to each operation, the last for ever.
pub fn canned(answers: &'static [(&str, &str)]) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let mut given: BTreeMap<&str, usize> = BTreeMap::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut length = 0;
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                if line.trim().is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let request: Value = serde_json::from_slice(&body).unwrap();
            let asked = request["operationName"].as_str().unwrap();
            let mine: Vec<&(&str, &str)> = answers.iter().filter(|(n, _)| *n == asked).collect();
            let answer = match mine.as_slice() {
                [] => r#"{"errors": [{"message": "unexpected"}]}"#,
                mine => {
                    let turn = given.entry(mine[0].0).or_default();
                    *turn += 1;
                    mine[(*turn - 1).min(mine.len() - 1)].1
                }
            };
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close";
            let length = answer.len();
            write!(stream, "{head}\r\nContent-Length: {length}\r\n\r\n{answer}").unwrap();
        }
    });
    url
}

/// Waits for something in a runtime of its own.
pub fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(work)
}

/// A port that nobody listens on.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}
