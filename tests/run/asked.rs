//! A deployment, and `daglab run` on it.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::support::dagster::{Server, block_on};
use crate::support::{Project, Run};

/// Longer than anything here takes on a machine that has other things to do.
pub const LIMIT: Duration = Duration::from_secs(120);
/// Runs start at once.
pub const AT_ONCE: &str =
    "run_coordinator: {module: dagster._core.run_coordinator, class: DefaultRunCoordinator}
run_launcher: {module: launcher, class: Quick}
";
/// Runs wait for a daemon.
pub const QUEUED: &str =
    "run_coordinator: {module: dagster._core.run_coordinator, class: QueuedRunCoordinator,
  config: {dequeue_interval_seconds: 1}}
run_launcher: {module: launcher, class: Quick}
";

/// A server with three code locations, one of which does not load, and the user's own directory.
pub struct Deployment {
    server: Server,
    code: Project,
    /// Where `daglab run` is called.
    pub here: Project,
}

impl Deployment {
    pub fn start(instance: &str) -> Self {
        let code = Project::copy_of("tests/run");
        Self {
            server: Server::with(&code.root(), 3, instance),
            code,
            here: Project::empty(),
        }
    }

    /// The command, to be changed before it is started.
    pub fn command(&self, args: &[&str]) -> Command {
        let all = [&["run", "--dagster-url", &self.server.url], args].concat();
        let mut command = self.here.daglab(&all);
        command.env_remove("NO_COLOR").env("TERM", "xterm");
        command
    }

    pub fn run(&self, args: &[&str]) -> Run {
        Run::of(self.command(args))
    }

    /// The same, of a job of the location that has most of them.
    pub fn job(&self, job: &str, args: &[&str]) -> Run {
        self.run(&[&["--location", "etl", "--job", job], args].concat())
    }

    /// Starts it and comes back at once.
    pub fn begin(&self, args: &[&str]) -> Begun {
        Begun::of(self.command(args))
    }

    /// Asks the server itself.
    pub fn ask(&self, query: &str) -> Value {
        let url = format!("{}/graphql", self.server.url);
        block_on(async {
            let http = reqwest::Client::builder().no_proxy().build().unwrap();
            let request = http.post(url).json(&json!({ "query": query }));
            let answer: Value = request.send().await.unwrap().json().await.unwrap();
            answer["data"].clone()
        })
    }

    /// How many runs there are.
    pub fn runs(&self) -> usize {
        let data = self.ask("{ runsOrError { ... on Runs { results { id } } } }");
        data["runsOrError"]["results"].as_array().unwrap().len()
    }

    pub fn status(&self, run_id: &str) -> String {
        let data = self.ask(&format!(
            r#"{{ runOrError(runId: "{run_id}") {{ ... on Run {{ status }} }} }}"#
        ));
        data["runOrError"]["status"].as_str().unwrap().to_owned()
    }

    /// The tags of a run.
    pub fn tags(&self, run_id: &str) -> Value {
        let data = self.ask(&format!(
            r#"{{ runOrError(runId: "{run_id}") {{ ... on Run {{ tags {{ key value }} }} }} }}"#
        ));
        let tags = data["runOrError"]["tags"].as_array().unwrap().clone();
        let tag = |tag: &Value| {
            (
                tag["key"].as_str().unwrap().to_owned(),
                tag["value"].clone(),
            )
        };
        Value::Object(tags.iter().map(tag).collect())
    }

    /// Where its code is.
    pub fn code(&self) -> PathBuf {
        self.code.root()
    }

    pub fn kill_server(&mut self) {
        self.server.kill();
    }

    pub fn start_server_again(&mut self) {
        self.server.start_again(&self.code.root());
    }

    pub fn start_daemon(&mut self) {
        self.server.start_daemon(&self.code.root(), "daemon");
    }

    /// Something that a run waits for.
    pub fn gate(&self, name: &str) -> Gate {
        Gate(self.here.tmp().join(name))
    }
}

pub struct Gate(PathBuf);

impl Gate {
    pub fn open(&self) {
        std::fs::write(&self.0, "").unwrap();
    }

    /// The run config that has an op wait for it.
    pub fn config(&self, op: &str) -> String {
        json!({"ops": {op: {"config": {"path": self.0}}}}).to_string()
    }
}

/// A process that ends with its test.
struct Bound(Child);

impl Drop for Bound {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A command that is running. Its lines come as they are written.
pub struct Begun {
    child: Bound,
    stderr: Receiver<String>,
    seen: String,
    begun: Instant,
}

impl Begun {
    pub fn of(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (send, stderr) = channel();
        let pipe = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || {
            for line in pipe.lines() {
                // Nobody listens any more when a test has failed.
                let _ = send.send(line.unwrap());
            }
        });
        Self {
            child: Bound(child),
            stderr,
            seen: String::new(),
            begun: Instant::now(),
        }
    }

    /// Waits for a line with this in it, and says the line.
    #[track_caller]
    pub fn until(&mut self, part: &str) -> String {
        loop {
            let left = LIMIT.saturating_sub(self.begun.elapsed());
            let Ok(line) = self.stderr.recv_timeout(left) else {
                panic!("no {part:?} in:\n{}", self.seen);
            };
            self.seen.push_str(&line);
            self.seen.push('\n');
            if line.contains(part) {
                return line;
            }
        }
    }

    /// Waits for the run's address and says the run's id.
    #[track_caller]
    pub fn until_launched(&mut self) -> String {
        let line = self.until("/runs/");
        line.rsplit('/').next().unwrap().to_owned()
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child.0), signal).unwrap();
    }

    /// Waits for its end.
    #[track_caller]
    pub fn end(mut self, code: i32) -> Ended {
        let mut stdout = String::new();
        let mut pipe = self.child.0.stdout.take().unwrap();
        pipe.read_to_string(&mut stdout).unwrap();
        let status = self.child.0.wait().unwrap();
        let rest: Vec<String> = self.stderr.iter().collect();
        self.seen.push_str(&rest.join("\n"));
        let stderr = self.seen;
        assert_eq!(
            status.code(),
            Some(code),
            "stdout:\n{stdout}\nstderr:\n{stderr}"
        );
        Ended { stdout, stderr }
    }
}

pub struct Ended {
    pub stdout: String,
    pub stderr: String,
}

/// The id of the run that a command has launched, by what it wrote to stderr.
#[track_caller]
pub fn run_id(run: &Run) -> String {
    let stderr = run.stderr();
    let line = stderr.lines().find(|line| line.contains("/runs/"));
    let line = line.unwrap_or_else(|| panic!("no address in:\n{stderr}"));
    line.rsplit('/').next().unwrap().to_owned()
}

/// The values of an NDJSON stream, of which nothing but the last line is a report.
#[track_caller]
pub fn lines(stdout: &str) -> Vec<Value> {
    let lines = stdout.lines();
    let lines: Vec<Value> = lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let reports = lines.iter().filter(|line| line["type"] == "report");
    assert_eq!(reports.count(), 1, "{stdout}");
    assert_eq!(lines.last().unwrap()["type"], "report");
    lines
}

/// What all lines of one type say in one field.
pub fn of_type<'a>(lines: &'a [Value], kind: &str, field: &str) -> Vec<&'a Value> {
    let of = lines.iter().filter(|line| line["type"] == kind);
    of.map(|line| &line[field]).collect()
}
