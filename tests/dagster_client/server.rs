//! A real Dagster web server on a small project, ended when it goes out of scope.

use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use daglab::dagster::{Client, ClientConfig};

const DEFINITIONS: &str = include_str!("defs.py");
const BROKEN: &str = "import dagster as dg\nimport a_module_that_does_not_exist\n";
const WORKSPACE: &str = "load_from:
  - python_file: {relative_path: defs.py, location_name: main}
  - python_file: {relative_path: broken.py, location_name: broken}
";
const INSTANCE: &str = "telemetry: {enabled: false}
run_coordinator: {module: dagster._core.run_coordinator, class: DefaultRunCoordinator}
";

pub struct DagsterServer {
    child: Child,
    port: u16,
    project: PathBuf,
    _home: tempfile::TempDir,
    _project: tempfile::TempDir,
}

impl DagsterServer {
    /// Starts it with an interpreter that has `dagster-webserver`.
    pub fn start(python: &Path) -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let folder = tempfile::tempdir().expect("a folder");
        let project = folder.path().canonicalize().expect("its path");
        let write = |path: PathBuf, text| std::fs::write(path, text).expect("a written file");
        write(home.path().join("dagster.yaml"), INSTANCE);
        write(project.join("defs.py"), DEFINITIONS);
        write(project.join("broken.py"), BROKEN);
        write(project.join("workspace.yaml"), WORKSPACE);
        let port = free_port();
        let mut command = Command::new(python);
        command
            .args(["-m", "dagster_webserver", "-w", "workspace.yaml"])
            .args(["-h", "127.0.0.1", "-p", &port.to_string()])
            .current_dir(&project)
            .env("DAGSTER_HOME", home.path())
            .env_remove("PYTHONDONTWRITEBYTECODE")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Its code servers and runs belong to its group and end with it.
            .process_group(0);
        Self {
            child: command.spawn().expect("a started web server"),
            port,
            project,
            _home: home,
            _project: folder,
        }
    }

    pub fn client(&self) -> Client {
        self.client_at("127.0.0.1")
    }

    pub fn client_at(&self, host: &str) -> Client {
        let config = ClientConfig::new(format!("http://{host}:{}", self.port));
        Client::new(&config).expect("a client")
    }

    pub fn project(&self) -> &Path {
        &self.project
    }
}

impl Drop for DagsterServer {
    fn drop(&mut self) {
        let group = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.local_addr().expect("its address").port()
}
