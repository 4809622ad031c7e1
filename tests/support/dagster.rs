//! A real Dagster web server on a project, ended when it goes out of scope.

use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use daglab::dagster::{Client, ClientConfig};

const INSTANCE: &str = "telemetry: {enabled: false}\n";

pub struct Server {
    child: Child,
    pub url: String,
    home: tempfile::TempDir,
}

impl Server {
    /// Serves the `workspace.yaml` of a folder, and waits until so many code locations have loaded
    /// or failed to.
    pub fn of(project: &Path, locations: usize) -> Self {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("dagster.yaml"), INSTANCE).unwrap();
        let port = free_port();
        let mut command = Command::new(super::python());
        command
            .args(["-m", "dagster_webserver", "-w", "workspace.yaml"])
            .args(["-h", "127.0.0.1", "-p", &port.to_string()])
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
            url: format!("http://127.0.0.1:{port}"),
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
