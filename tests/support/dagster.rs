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

/// Without a queue, which would need a daemon.
const INSTANCE: &str = "telemetry: {enabled: false}
run_coordinator: {module: dagster._core.run_coordinator, class: DefaultRunCoordinator}
";

pub struct Server {
    child: Child,
    pub url: String,
    home: tempfile::TempDir,
}

impl Server {
    /// Serves the `workspace.yaml` of a folder, and waits until so many code locations have loaded
    /// or failed to.
    pub fn of(project: &Path, locations: usize) -> Self {
        Self::with(&super::python(), project, locations)
    }

    /// The same, with another Python.
    pub fn with(python: &Path, project: &Path, locations: usize) -> Self {
        Self::start(python, project, locations, &[])
    }

    /// The same, with more arguments.
    pub fn with_args(project: &Path, locations: usize, args: &[&str]) -> Self {
        Self::start(&super::python(), project, locations, args)
    }

    fn start(python: &Path, project: &Path, locations: usize, args: &[&str]) -> Self {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("dagster.yaml"), INSTANCE).unwrap();
        let prefix = args
            .iter()
            .skip_while(|arg| **arg != "--path-prefix")
            .nth(1);
        let prefix = prefix.copied().unwrap_or_default();
        let port = free_port();
        let mut command = Command::new(python);
        command
            .args(["-m", "dagster_webserver", "-w", "workspace.yaml"])
            .args(["-h", "127.0.0.1", "-p", &port.to_string()])
            .args(args)
            .current_dir(project)
            .env("DAGSTER_HOME", home.path())
            .env_remove("PYTHONDONTWRITEBYTECODE")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Its code servers belong to its group and end with it.
            .process_group(0);
        let server = Self {
            child: command.spawn().unwrap(),
            url: format!("http://127.0.0.1:{port}{prefix}"),
            home,
        };
        let limit = Duration::from_secs(120);
        block_on(server.client().wait_ready(limit, locations)).unwrap();
        server
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
        let group = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        let _ = self.child.wait();
    }
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
