//! The Python in which marimo writes notebooks and checks them: one process for all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::Error;
use super::convert::Draft;
use super::stars::Exports;
use crate::supervise::{left, orphans};

/// How long marimo may take to be imported, and how long one notebook may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// What the worker can do.
#[derive(Debug, Clone, Deserialize)]
pub struct Ready {
    /// marimo's version.
    pub marimo: String,
    /// What goes a slower way with this marimo, and why.
    #[serde(default)]
    pub degraded: Vec<String>,
    /// Files are written by marimo's command, which takes code and nothing else.
    #[serde(default)]
    pub by_command: bool,
    /// The modules of Python itself.
    #[serde(default)]
    pub modules: BTreeSet<String>,
}

/// A cell that is not taken.
#[derive(Debug, Clone, Deserialize)]
pub struct Refused {
    /// The cell, counted from 0.
    pub cell: usize,
    /// Why.
    pub message: String,
    /// The line of the cell, counted from 1.
    #[serde(default)]
    pub line: Option<usize>,
}

/// A written notebook.
#[derive(Debug, Clone, Deserialize)]
pub struct Written {
    /// The file's text.
    #[serde(default)]
    pub text: String,
    /// Cells that marimo can't take, or that its linter calls broken.
    #[serde(default)]
    pub refused: Vec<Refused>,
    /// What the linter says beside.
    #[serde(default)]
    pub findings: Vec<String>,
    /// Cells that come out of the file other than they went in, counted from 0.
    #[serde(default)]
    pub changed: Vec<usize>,
    /// Whether marimo would write the same again.
    #[serde(default)]
    pub stable: bool,
}

/// The process.
#[derive(Debug)]
pub struct Worker {
    /// What it can do.
    pub ready: Ready,
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    log: PathBuf,
}

/// How the process is started.
#[derive(Debug, Clone)]
pub struct Setting {
    /// All of its variables.
    pub env: BTreeMap<String, String>,
    /// A private directory: it stands there, and leaves its log.
    pub dir: PathBuf,
}

impl Worker {
    /// Starts the first Python that has marimo.
    pub async fn start(pythons: &[PathBuf], setting: &Setting) -> Result<Self, Error> {
        let mut looked_at = Vec::new();
        for python in pythons {
            match Self::start_in(python, setting).await {
                Ok(worker) => return Ok(worker),
                Err(reason) => looked_at.push(format!("`{}` {reason}", python.display())),
            }
        }
        Err(Error::NoMarimo { looked_at })
    }

    async fn start_in(python: &Path, setting: &Setting) -> Result<Self, String> {
        let log = setting.dir.join("migrate.log");
        let stderr = std::fs::File::create(&log).map_err(|error| format!("has no log: {error}"))?;
        let mut child = Command::new(python)
            .args(["-m", "daglab._migrate"])
            .env_clear()
            .envs(&setting.env)
            .current_dir(&setting.dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("could not be started: {error}"))?;
        orphans::is_own(child.id());
        let input = child.stdin.take().expect("it is piped");
        let output = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let ready = Ready {
            marimo: String::new(),
            degraded: Vec::new(),
            by_command: false,
            modules: BTreeSet::new(),
        };
        let mut worker = Self {
            ready,
            child,
            input,
            output,
            log,
        };
        let answer = worker.answer().await.map_err(|error| match error {
            Error::Worker { what, .. } => what,
            other => other.to_string(),
        })?;
        if let Some(missing) = answer.get("missing").and_then(Value::as_str) {
            return Err(crate::ui::text::one_line(missing));
        }
        worker.ready =
            serde_json::from_value(answer).map_err(|error| format!("spoke nonsense: {error}"))?;
        Ok(worker)
    }

    async fn answer(&mut self) -> Result<Value, Error> {
        let failed = |what: String, log: &Path| Error::Worker {
            what,
            output: left::read_end(log, 4000).unwrap_or_default(),
        };
        let line = match tokio::time::timeout(PATIENCE, self.output.next_line()).await {
            Err(_) => return Err(failed("did not answer in time".to_owned(), &self.log)),
            Ok(Ok(Some(line))) => line,
            Ok(_) => {
                let ended =
                    match tokio::time::timeout(Duration::from_secs(2), self.child.wait()).await {
                        Ok(Ok(status)) => format!("ended: {status}"),
                        _ => "closed its output".to_owned(),
                    };
                return Err(failed(ended, &self.log));
            }
        };
        serde_json::from_str(&line)
            .map_err(|error| failed(format!("spoke nonsense: {error}"), &self.log))
    }

    async fn ask(&mut self, request: &Value) -> Result<Value, Error> {
        let mut line = request.to_string();
        line.push('\n');
        // If it has ended, the answer is missing, and says so better.
        let _ = self.input.write_all(line.as_bytes()).await;
        let _ = self.input.flush().await;
        self.answer().await
    }

    /// What modules export. No module of the project is run for it.
    pub async fn exports(
        &mut self,
        modules: &BTreeSet<String>,
        roots: &[&Path],
    ) -> Result<Exports, Error> {
        if modules.is_empty() {
            return Ok(Exports::new());
        }
        let roots: Vec<String> = roots
            .iter()
            .map(|root| root.display().to_string())
            .collect();
        let answer = self
            .ask(&json!({"exports": modules, "roots": roots}))
            .await?;
        Ok(serde_json::from_value(answer).unwrap_or_default())
    }

    /// Has marimo write a notebook and look at it.
    pub async fn write(&mut self, draft: &Draft) -> Result<Written, Error> {
        let cells: Vec<Value> = draft
            .pieces
            .iter()
            .map(|piece| {
                json!({
                    "code": piece.text(), "name": piece.name, "hide_code": piece.hidden,
                    "disabled": piece.disabled, "markdown": piece.role == super::cells::Role::Markdown,
                })
            })
            .collect();
        let request = json!({"write": cells, "app": draft.app, "header": draft.header});
        let answer = self.ask(&request).await?;
        let log = self.log.clone();
        serde_json::from_value(answer).map_err(|error| Error::Worker {
            what: format!("spoke nonsense: {error}"),
            output: left::read_end(&log, 4000).unwrap_or_default(),
        })
    }
}
