//! The Dagster instance of one command: its home, its code servers and its web server.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs::File;
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use rustix::fs::FlockOperation;
use serde_json::json;

use super::launcher::{self, Launcher, LauncherConfig};
use super::writes;
use super::{Entry, Error, Host, Running, Task, tail};
use crate::supervise::workdir::Workdir;

/// How long a code server may take to listen; it loads nothing before.
const START_UP: Duration = Duration::from_secs(60);

/// A file that marks an instance directory as made by daglab.
const MARKER: &str = ".daglab-instance";

/// Which instance to use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A fresh one that is removed in the end.
    Ephemeral,
    /// A fresh one in this directory that stays.
    Kept(PathBuf),
    /// The one in the user's `DAGSTER_HOME`, with its own launcher and storage.
    Existing(PathBuf),
}

/// One code location to serve.
#[derive(Debug, Clone)]
pub struct CodeServer {
    /// The location's name.
    pub name: String,
    /// Arguments for `dagster api grpc` that say what to load.
    pub load: Vec<String>,
    /// The interpreter that this location alone runs with.
    pub python: Option<PathBuf>,
}

/// A code location's entry in the workspace that daglab writes.
#[derive(Debug, Clone)]
pub enum Location {
    /// Served by daglab.
    Code(CodeServer),
    /// Served by somebody else: its entry of `workspace.yaml`, as it was.
    Remote(serde_json::Value),
}

/// What an instance needs to start.
#[derive(Debug)]
pub struct Setup<'a> {
    /// The private directory.
    pub workdir: &'a Workdir,
    /// Which instance.
    pub kind: Kind,
    /// The code locations.
    pub locations: &'a [Location],
    /// How many runs go at once.
    pub concurrency: usize,
    /// Where the empty databases of this version of Dagster are kept; they take longer to make than
    /// to copy.
    pub template: &'a Path,
}

/// A Dagster instance whose servers are up, or coming up.
pub struct Instance {
    /// The web server's address, without a slash at the end.
    pub url: String,
    /// `DAGSTER_HOME`.
    pub home: PathBuf,
    /// The queue of runs; an existing instance has a launcher of its own.
    pub launcher: Option<Launcher>,
    /// A private directory for requests to the instance.
    pub scratch: PathBuf,
    web: Server,
    code: Vec<(String, Server)>,
    _claim: Option<File>,
}

struct Server {
    name: String,
    log: PathBuf,
    running: Running,
}

/// Ports that the system gives to nobody who did not ask for them: one that is free now is still
/// free when the web server comes to it.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// Chooses the port before anything is started, so that children can be told the address.
pub fn free_port() -> Result<u16, Error> {
    // Commands that start at the same time begin their search at different places.
    let begin = std::process::id() % u32::from(PORTS.end - PORTS.start);
    let from = PORTS.start + u16::try_from(begin).unwrap_or(0);
    free_port_from(from).map_err(|source| Error::Prepare {
        path: PathBuf::from("127.0.0.1"),
        source,
    })
}

fn free_port_from(from: u16) -> std::io::Result<u16> {
    let bound = |port| {
        TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .and_then(|listener| Ok(listener.local_addr()?.port()))
    };
    (from..PORTS.end)
        .chain(PORTS.start..from)
        .find_map(|port| bound(port).ok())
        .map_or_else(|| bound(0), Ok)
}

impl Instance {
    /// Starts the servers and returns at once; whether they answer is the GraphQL client's to say.
    pub async fn start(host: &Host, setup: Setup<'_>, port: u16) -> Result<Self, Error> {
        let claim = match &setup.kind {
            Kind::Kept(dir) => Some(claim(dir)?),
            Kind::Ephemeral | Kind::Existing(_) => None,
        };
        // A kept instance is used through a home of this command's own: its directory never names
        // our run launcher, which is gone with daglab, however daglab ends.
        let home = match &setup.kind {
            Kind::Existing(dir) => dir.clone(),
            Kind::Ephemeral | Kind::Kept(_) => private_dir(setup.workdir, "home")?,
        };
        let logs = private_dir(setup.workdir, "logs")?;
        let scratch = private_dir(setup.workdir, "scratch")?;
        let mut env = BTreeMap::from([
            ("DAGSTER_HOME".to_owned(), Some(home.display().to_string())),
            // Dagster's own switch; the instance's file says it too, where it is ours.
            ("DAGSTER_DISABLE_TELEMETRY".to_owned(), Some("1".to_owned())),
        ]);

        let data = match &setup.kind {
            Kind::Existing(_) => None,
            Kind::Kept(dir) => Some(dir),
            Kind::Ephemeral => Some(&home),
        };
        let launcher = if let Some(data) = data {
            env.insert(
                "DAGLAB_INSTANCE_DATA".to_owned(),
                Some(data.display().to_string()),
            );
            let socket = setup.workdir.path().join("launch.sock");
            write(&home.join("dagster.yaml"), &own_settings(data, &socket))?;
            make_databases(host, data, &scratch, setup.template).await?;
            let config = LauncherConfig {
                socket,
                logs: private_dir(setup.workdir, "runs")?,
                home: home.clone(),
                scratch: scratch.clone(),
                env: env.clone(),
                pythons: setup.locations.iter().filter_map(own_python).collect(),
                concurrency: setup.concurrency,
            };
            Some(Launcher::listen(host.clone(), config)?)
        } else {
            None
        };

        let mut entries = Vec::new();
        let mut code: Vec<(String, Server)> = Vec::new();
        let mut sockets: Vec<PathBuf> = Vec::new();
        for (index, location) in setup.locations.iter().enumerate() {
            match location {
                Location::Remote(entry) => entries.push(entry.clone()),
                Location::Code(server) => {
                    let socket = setup.workdir.path().join(format!("code{index}.sock"));
                    entries.push(json!({ "grpc_server": {
                        "host": "localhost", "socket": socket, "location_name": server.name,
                    }}));
                    let log = logs.join(format!("code{index}.log"));
                    let task = code_server(host, server, &socket, &log, &env);
                    let running = host.start_in(server.python.as_deref(), &task).await?;
                    let name = format!("the code server of `{}`", server.name);
                    code.push((server.name.clone(), Server { name, log, running }));
                    sockets.push(socket);
                }
            }
        }
        for ((_, server), socket) in code.iter_mut().zip(&sockets) {
            await_socket(server, socket).await;
        }
        let workspace = setup.workdir.path().join("workspace.yaml");
        write(&workspace, &json!({ "load_from": entries }))?;
        let log = logs.join("webserver.log");
        let running = host
            .start(&web_server(host, &workspace, port, &log, &env))
            .await?;
        let web = Server {
            name: "the web server".to_owned(),
            log,
            running,
        };
        Ok(Self {
            url: format!("http://127.0.0.1:{port}"),
            home,
            launcher,
            scratch,
            web,
            code,
            _claim: claim,
        })
    }

    /// Waits until the web server ends, which it should not, and says how. Hears of code servers
    /// that ended: each takes its own location with it, and nothing else.
    pub async fn watch(&mut self, code_server_ended: impl Fn(&str, Error)) -> Error {
        let code = self.code.iter_mut().map(|(location, server)| async {
            code_server_ended(location, server.ended().await);
        });
        let code = async {
            join_all(code).await;
            std::future::pending::<Infallible>().await
        };
        tokio::select! {
            error = self.web.ended() => error,
            never = code => match never {},
        }
    }

    /// The end of the web server's log, for an error message.
    pub fn web_log(&self) -> String {
        tail(&self.web.log, 30)
    }

    /// Ends the servers.
    pub async fn stop(&mut self) {
        let begun = Instant::now();
        self.web.running.signal_group(rustix::process::Signal::TERM);
        for (_, server) in &self.code {
            server.running.signal_group(rustix::process::Signal::TERM);
        }
        let code = self.code.iter_mut().map(|(_, server)| server);
        let all = std::iter::once(&mut self.web).chain(code);
        for server in all {
            let left = Duration::from_millis(700).saturating_sub(begun.elapsed());
            server.running.end(left).await;
        }
    }
}

/// Gives a fresh instance its databases. One process makes them before any server starts: two at
/// once trip over each other.
async fn make_databases(
    host: &Host,
    home: &Path,
    scratch: &Path,
    template: &Path,
) -> Result<(), Error> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::Prepare { path, source }
    };
    // A kept instance that is used again has its own.
    if home.join("history").exists() {
        return Ok(());
    }
    if template.is_dir() {
        return copy_tree(template, home).map_err(failed(home));
    }
    let parent = template.parent().unwrap_or(template);
    std::fs::create_dir_all(parent).map_err(failed(parent))?;
    let fresh = tempfile::Builder::new()
        .prefix(".new-")
        .tempdir_in(parent)
        .map_err(failed(parent))?;
    let settings = fresh.path().join("dagster.yaml");
    write(&settings, &plain_settings())?;
    writes::write_to_instance(host, fresh.path(), scratch, &[]).await?;
    std::fs::remove_file(&settings).map_err(failed(fresh.path()))?;
    copy_tree(fresh.path(), home).map_err(failed(home))?;
    let fresh = fresh.keep();
    if std::fs::rename(&fresh, template).is_err() {
        // Another daglab was quicker.
        let _ = std::fs::remove_dir_all(&fresh);
    }
    Ok(())
}

fn copy_tree(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

fn own_python(location: &Location) -> Option<(String, PathBuf)> {
    match location {
        Location::Code(server) => Some((server.name.clone(), server.python.clone()?)),
        Location::Remote(_) => None,
    }
}

impl Server {
    /// Waits until it ends, and says how.
    async fn ended(&mut self) -> Error {
        let exit = self.running.wait().await;
        Error::Server {
            what: format!("{} {}", self.name, exit.describe()),
            output: tail(&self.log, 30),
        }
    }
}

/// Waits until a code server listens: a web server that finds nobody gives the location up. One
/// that never will, because its interpreter has no Dagster, is for [`Instance::watch`] to tell.
async fn await_socket(server: &mut Server, socket: &Path) {
    const PAUSE: Duration = Duration::from_millis(10);
    let deadline = Instant::now() + START_UP;
    // The file alone is not enough: it is there a moment before anybody listens.
    while std::os::unix::net::UnixStream::connect(socket).is_err() {
        let ended = tokio::time::timeout(PAUSE, server.running.wait()).await;
        if ended.is_ok() {
            return;
        }
        if Instant::now() > deadline {
            server.running.end(Duration::ZERO).await;
            return;
        }
    }
}

fn code_server(
    host: &Host,
    server: &CodeServer,
    socket: &Path,
    log: &Path,
    env: &BTreeMap<String, Option<String>>,
) -> Task {
    // Lazily: a location that does not load is served with its error, which GraphQL then shows.
    let mut argv: Vec<String> = ["api", "grpc", "--lazy-load-user-code", "--socket"]
        .map(str::to_owned)
        .to_vec();
    argv.push(socket.display().to_string());
    argv.extend(server.load.iter().cloned());
    task(host, Entry::Dagster, argv, log, env)
}

fn web_server(
    host: &Host,
    workspace: &Path,
    port: u16,
    log: &Path,
    env: &BTreeMap<String, Option<String>>,
) -> Task {
    let argv = vec![
        "-h".to_owned(),
        "127.0.0.1".to_owned(),
        "-p".to_owned(),
        port.to_string(),
        "-w".to_owned(),
        workspace.display().to_string(),
    ];
    task(host, Entry::Webserver, argv, log, env)
}

fn task(
    host: &Host,
    entry: Entry,
    argv: Vec<String>,
    log: &Path,
    env: &BTreeMap<String, Option<String>>,
) -> Task {
    Task {
        entry,
        argv,
        env: env.clone(),
        cwd: host.interpreter().cwd.clone(),
        stdout: log.to_owned(),
        stderr: log.to_owned(),
    }
}

/// The settings of an instance while daglab runs, with its data in `data`. No daemon is needed: runs
/// are launched as they come.
fn own_settings(data: &Path, socket: &Path) -> serde_json::Value {
    let mut settings = plain_settings();
    settings["storage"] = json!({ "sqlite": { "base_dir": data } });
    settings["local_artifact_storage"] = json!({
        "module": "dagster._core.storage.root",
        "class": "LocalArtifactStorage",
        "config": { "base_dir": data },
    });
    settings["compute_logs"] = json!({
        "module": "dagster._core.storage.local_compute_log_manager",
        "class": "LocalComputeLogManager",
        "config": { "base_dir": data.join("storage") },
    });
    settings["run_coordinator"] = json!({
        "module": "dagster._core.run_coordinator",
        "class": "DefaultRunCoordinator",
    });
    settings["run_launcher"] = launcher::dagster_yaml(socket);
    settings
}

/// The settings of an instance that stays: without questions to whoever opens it first.
fn plain_settings() -> serde_json::Value {
    json!({ "telemetry": { "enabled": false }, "nux": { "enabled": false } })
}

/// Writes JSON, which is YAML, too.
fn write(path: &Path, value: &serde_json::Value) -> Result<(), Error> {
    let text = serde_json::to_string_pretty(value).expect("settings are plain data");
    let text: String = text.chars().map(yaml_text).collect();
    std::fs::write(path, text + "\n").map_err(|source| Error::Prepare {
        path: path.to_owned(),
        source,
    })
}

/// A character of JSON for Python's reader of YAML, which takes some for no text at all.
fn yaml_text(c: char) -> String {
    match c {
        '\n' => c.into(),
        c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {
            format!("\\u{:04x}", u32::from(c))
        }
        c => c.into(),
    }
}

fn private_dir(workdir: &Workdir, name: &str) -> Result<PathBuf, Error> {
    workdir.subdir(name).map_err(|error| Error::Prepare {
        path: workdir.path().join(name),
        source: std::io::Error::other(error),
    })
}

/// Takes a directory for an instance that stays: a new one, an empty one, or one of ours that nobody
/// uses. It is ours until the file is closed.
fn claim(dir: &Path) -> Result<File, Error> {
    let failed = |source| Error::Prepare {
        path: dir.to_owned(),
        source,
    };
    std::fs::create_dir_all(dir).map_err(failed)?;
    let marker = dir.join(MARKER);
    let empty = std::fs::read_dir(dir).map_err(failed)?.next().is_none();
    if !empty && !marker.is_file() {
        return Err(Error::InstanceDir {
            dir: dir.to_owned(),
        });
    }
    let mut claimed = File::create(&marker).map_err(failed)?;
    rustix::fs::flock(&claimed, FlockOperation::NonBlockingLockExclusive).map_err(|_| {
        Error::InstanceInUse {
            dir: dir.to_owned(),
        }
    })?;
    claimed
        .write_all(b"made by `daglab ci --keep-instance`\n")
        .map_err(failed)?;
    write(&dir.join("dagster.yaml"), &plain_settings())?;
    Ok(claimed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_is_in_use_is_passed_over() {
        let first = free_port_from(31_000).unwrap();
        let _busy = TcpListener::bind((Ipv4Addr::LOCALHOST, first)).unwrap();
        let second = free_port_from(31_000).unwrap();
        assert!(second > first, "{second} after {first}");
        // The search goes round: the last port of all may be taken, too.
        let _last = TcpListener::bind((Ipv4Addr::LOCALHOST, PORTS.end - 1));
        assert!(PORTS.contains(&free_port_from(PORTS.end - 1).unwrap()));
    }

    #[test]
    fn a_directory_with_foreign_files_is_not_claimed() {
        let dir = tempfile::tempdir().unwrap();
        let claimed = claim(&dir.path().join("new")).unwrap();
        let again = claim(&dir.path().join("new"));
        assert!(matches!(again, Err(Error::InstanceInUse { .. })));
        drop(claimed);
        claim(&dir.path().join("new")).unwrap();
        std::fs::write(dir.path().join("theirs"), "x").unwrap();
        assert!(matches!(claim(dir.path()), Err(Error::InstanceDir { .. })));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
    }
}
