//! Importing one module of the project, as a notebook would, to see whether that works and what it
//! has.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Entry, Error, Host, Task, tail};
use crate::supervise::left;

/// How long an import may take.
pub const TIME: Duration = Duration::from_secs(30);

/// The largest answer that is read, in bytes.
const LARGEST: u64 = 1024 * 1024;

/// What is to be imported, and what is looked for in it.
#[derive(Debug, Clone, Serialize)]
pub struct LookUp {
    /// The module, as it is imported.
    pub module: String,
    /// What must be on the import path.
    pub path: Vec<PathBuf>,
    /// The project's folder.
    pub root: PathBuf,
    /// `asset` or `job`.
    pub kind: &'static str,
    /// The asset's key or the job's name; none if only the import is of interest.
    pub name: Option<String>,
}

/// What became of it. All of it is foreign.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Answer {
    /// Whether it was imported.
    pub ok: bool,
    /// The attributes of the module that are what is looked for, the plainest first.
    pub found: Vec<String>,
    /// The keys or names of all that there is.
    pub known: Vec<String>,
    /// The class of the exception.
    #[serde(rename = "type")]
    pub class: String,
    /// What the exception says.
    pub message: String,
    /// The module that was not there, if that was it.
    pub missing: Option<String>,
    /// The file in which it happened: of the project, if there is one.
    pub file: Option<PathBuf>,
    /// The line.
    pub line: Option<usize>,
}

/// Imports a module in a process of its own; none if it takes too long.
pub async fn look_up(
    host: &Host,
    python: Option<&Path>,
    scratch: &Path,
    request: &LookUp,
) -> Result<Option<Answer>, Error> {
    let prepare = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::Prepare { path, source }
    };
    let dir = tempfile::tempdir_in(scratch).map_err(prepare(scratch))?;
    let question = dir.path().join("request.json");
    let response = dir.path().join("response.json");
    let log = dir.path().join("log");
    let body = serde_json::to_vec(request).expect("a request is plain data");
    std::fs::write(&question, body).map_err(prepare(&question))?;
    let task = Task {
        entry: Entry::LookUp,
        argv: vec![
            question.display().to_string(),
            response.display().to_string(),
        ],
        env: [("DAGSTER_DISABLE_TELEMETRY".to_owned(), Some("1".to_owned()))].into(),
        cwd: host.interpreter().cwd.clone(),
        stdout: log.clone(),
        stderr: log.clone(),
    };
    let mut running = host.start_in(python, &task).await?;
    let Ok(exit) = tokio::time::timeout(TIME, running.wait()).await else {
        running.end(Duration::ZERO).await;
        return Ok(None);
    };
    running.kill_stragglers();
    let answer = left::read(&response, LARGEST)
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok());
    // Code that ends its process can't say so itself.
    Ok(Some(answer.unwrap_or_else(|| Answer {
        class: format!("the process {}", exit.describe()),
        message: tail(&log, 1),
        ..Answer::default()
    })))
}
