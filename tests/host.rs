//! Where Python runs, from inside: the queue of runs, and what is left of a task that has ended.
#![allow(clippy::unwrap_used, reason = "a test that can't be set up has failed")]

mod support;

use std::collections::BTreeMap;
use std::os::unix::net::UnixStream as Connection;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use daglab::host::launcher::{Launcher, LauncherConfig};
use daglab::host::{Entry, Host, Interpreter, Isolation, Library, Running, Task, package};
use rustix::process::{
    Resource, Rlimit, Signal, getpid, getrlimit, set_child_subreaper, setrlimit,
};
use support::{Project, notebook_of, processes_of, python};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;

/// Limits and children are those of the process, which tests share.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs a test as daglab runs: one thread, with local tasks.
fn block_on(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, test);
}

const LIBRARIES: [Library; 2] = [Library::Dagster, Library::Marimo];

async fn host(project: &Project, isolation: Isolation) -> Host {
    let package = package::install(&project.tmp()).unwrap();
    let interpreter = Interpreter {
        python: python(),
        env: BTreeMap::from([("PYTHONPATH".to_owned(), package.display().to_string())]),
        cwd: project.root(),
        foreign_pythonpath: package.display().to_string(),
        package,
    };
    Host::start_up(interpreter, isolation, &LIBRARIES, &project.tmp())
        .await
        .unwrap()
}

fn launcher(project: &Project, host: Host) -> Launcher {
    let config = LauncherConfig {
        socket: project.tmp().join("launch.sock"),
        logs: project.tmp(),
        home: project.tmp(),
        scratch: project.tmp(),
        env: BTreeMap::new(),
        pythons: BTreeMap::new(),
        concurrency: 1,
    };
    Launcher::listen(host, config).unwrap()
}

async fn ask(socket: &Path, request: &str) -> String {
    let mut stream = UnixStream::connect(socket).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.unwrap();
    reply
}

const STATUS: &str = "{\"type\":\"status\",\"protocol\":1,\"run_id\":\"r\"}\n";

#[test]
fn a_connection_that_says_nothing_is_closed() {
    let _alone = alone();
    block_on(async {
        let project = Project::empty();
        let _launcher = launcher(&project, host(&project, Isolation::Spawn).await);
        let mut idle = UnixStream::connect(project.tmp().join("launch.sock"))
            .await
            .unwrap();
        let end = timeout(Duration::from_secs(20), idle.read(&mut [0])).await;
        assert_eq!(end.unwrap().unwrap(), 0);
    });
}

#[test]
fn requests_are_taken_again_after_too_many_open_files() {
    let _alone = alone();
    block_on(async {
        let project = Project::empty();
        let _launcher = launcher(&project, host(&project, Isolation::Spawn).await);
        let socket = project.tmp().join("launch.sock");
        let _waiting = Connection::connect(&socket).unwrap();
        let usual = getrlimit(Resource::Nofile);
        let none = Rlimit {
            current: Some(0),
            ..usual
        };
        setrlimit(Resource::Nofile, none).unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        setrlimit(Resource::Nofile, usual).unwrap();
        let reply = timeout(Duration::from_secs(20), ask(&socket, STATUS)).await;
        assert!(reply.unwrap().contains("unknown"));
    });
}

/// A cell that can't be interrupted, and a process that has nothing in common with it but its parent.
const GETS_AWAY: &str = "import os, subprocess\n\
    subprocess.Popen(['sleep', '601'], start_new_session=True)\n\
    subprocess.Popen(['sleep', '602'], start_new_session=True, env={'A': os.environ['PYTHONPATH']})\n\
    sum(range(10**13))";

/// Exports the notebook until it is at its worst.
async fn run_away(project: &Project, host: &Host) -> Running {
    project.notebook("away.py", &[GETS_AWAY]);
    let mut argv: Vec<String> = ["away.py", "-o", "page.html", "--events", "events"]
        .map(str::to_owned)
        .to_vec();
    if host.isolation(Entry::Notebook) == Isolation::Fork {
        argv.push("--fork-kernel".to_owned());
    }
    let task = Task {
        entry: Entry::Notebook,
        argv,
        env: BTreeMap::new(),
        cwd: project.root(),
        stdout: project.tmp().join("log"),
        stderr: project.tmp().join("log"),
    };
    let running = host.start(&task).await.unwrap();
    assert!(
        eventually(|| left(project, &[])
            .iter()
            .any(|command| command == "sleep 602"))
        .await
    );
    running
}

/// The project's processes.
fn pids(project: &Project) -> Vec<i32> {
    let all = processes_of(&project.tmp()).into_iter();
    all.map(|(pid, _)| pid).collect()
}

/// The command lines of what is left of a project's tasks; a forked task has its host's.
fn left(project: &Project, hosts: &[i32]) -> Vec<String> {
    processes_of(&project.tmp())
        .into_iter()
        .filter(|(pid, _)| !hosts.contains(pid))
        .map(|(_, command)| command.trim_end().to_owned())
        .collect()
}

async fn eventually(what: impl Fn() -> bool) -> bool {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !what() {
        if Instant::now() > deadline {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    true
}

async fn assert_nothing_left(project: &Project, hosts: &[i32]) {
    let gone = eventually(|| left(project, hosts).is_empty()).await;
    assert!(gone, "{:?}", left(project, hosts));
}

#[test]
fn nothing_of_a_task_that_is_ended_survives() {
    let _alone = alone();
    set_child_subreaper(Some(getpid())).unwrap();
    for isolation in [Isolation::Fork, Isolation::Spawn] {
        block_on(async {
            let project = Project::empty();
            let host = host(&project, isolation).await;
            let hosts = pids(&project);
            let mut running = run_away(&project, &host).await;
            running.end(Duration::ZERO).await;
            assert_nothing_left(&project, &hosts).await;
            host.shut_down().await;
        });
    }
}

#[test]
fn what_a_killed_task_leaves_behind_is_found() {
    let _alone = alone();
    set_child_subreaper(Some(getpid())).unwrap();
    for isolation in [Isolation::Fork, Isolation::Spawn] {
        block_on(async {
            let project = Project::empty();
            let host = host(&project, isolation).await;
            let hosts = pids(&project);
            let mut running = run_away(&project, &host).await;
            running.signal(Signal::KILL);
            running.wait().await;
            assert!(left(&project, &hosts).contains(&"sleep 601".to_owned()));
            drop(running);
            assert_nothing_left(&project, &hosts).await;
            host.shut_down().await;
        });
    }
}

/// Launches the job whose process leaves with code 0 in the middle, and says what became of the run.
const LAUNCHES: &str = r#"import json, os, time, urllib.request
def ask(query, **variables):
    body = json.dumps({"query": query, "variables": variables}).encode()
    url = os.environ["DAGLAB_DAGSTER_URL"] + "/graphql"
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, body, headers)
    return json.load(urllib.request.urlopen(request))["data"]
found = ask("{ repositoriesOrError { ... on RepositoryConnection"
    " { nodes { name location { name } } } } }")
repository = found["repositoriesOrError"]["nodes"][0]
selector = {
    "repositoryName": repository["name"],
    "repositoryLocationName": repository["location"]["name"],
    "pipelineName": "dying_job",
}
launched = ask(
    "mutation($p: ExecutionParams!) { launchRun(executionParams: $p)"
    " { ... on LaunchRunSuccess { run { runId } } } }",
    p={"selector": selector, "mode": "default"},
)
run = launched["launchRun"]["run"]["runId"]
status, deadline = None, time.monotonic() + 30
while status not in ("SUCCESS", "FAILURE") and time.monotonic() < deadline:
    time.sleep(0.1)
    answer = ask("query($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }", id=run)
    status = answer["runOrError"]["status"]
assert status == "FAILURE", status"#;

#[test]
fn a_run_whose_process_exits_in_the_middle_has_failed() {
    for isolation in ["fork", "spawn"] {
        let project = Project::small();
        project.notebook("notebooks/launches.py", &[LAUNCHES]);
        let ended = project.ci(&["--isolation", isolation]);
        let report = ended.report();
        let notebook = notebook_of(&report, "notebooks/launches.py");
        assert_eq!(notebook["status"], "passed", "{notebook:#}");
    }
}
