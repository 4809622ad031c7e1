//! One attempt at one notebook: the process, its time, and what it left.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde::Deserialize;

use super::plan::PlannedNotebook;
use crate::host::{Entry, Error, Exit, Host, Isolation, Running, Task};
use crate::marimo::events::LARGEST;
use crate::supervise::left;

/// The exit code with which `daglab._host.notebook` says that the kernel died.
const KERNEL_DIED: i32 = 70;

/// How long an interrupted notebook may take to export what it has.
const LAST_WORDS: Duration = Duration::from_secs(8);

/// A forked child that has not even started its kernel after this long hangs on a lock that it
/// inherited, and is started once more by its command line.
const SIGN_OF_LIFE: Duration = Duration::from_secs(20);

/// How often the side file is read for progress.
const WATCH: Duration = Duration::from_millis(150);

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Every cell that ran has ended well.
    Passed,
    /// A cell raised, or there is no page.
    Failed,
    /// Its time was over.
    TimedOut,
    /// Its kernel or its process died; the sentence says how.
    Crashed(String),
}

/// What an attempt left.
#[derive(Debug)]
pub struct Attempt {
    /// How it ended.
    pub verdict: Verdict,
    /// The exported page, which may be missing.
    pub page: PathBuf,
    /// The side file with the cells' beginnings and ends.
    pub events: PathBuf,
    /// What the process printed.
    pub log: PathBuf,
    /// From start to end.
    pub duration: Duration,
    /// Highest resident memory in bytes.
    pub peak_memory_bytes: Option<u64>,
}

/// A line of the side file, as far as this room cares.
#[derive(Deserialize)]
struct Event {
    event: String,
    #[serde(default)]
    what: Option<String>,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    signal: Option<i32>,
    #[serde(default)]
    code: Option<i32>,
}

/// Runs a notebook once. `dir` is a fresh private directory.
pub async fn run(
    host: &Host,
    notebook: &PlannedNotebook,
    dir: &Path,
    env: &BTreeMap<String, Option<String>>,
    on_cells: impl Fn(usize),
) -> Result<Attempt, Error> {
    let mut begun = Instant::now();
    let mut files = Files::in_dir(dir)?;
    let task = files.task(host, notebook, env, host.isolation(Entry::Notebook));
    let mut running = host.start(&task).await?;

    if host.isolation(Entry::Notebook) == Isolation::Fork
        && !shows_life(&mut running, &files.events).await
    {
        running.end(Duration::ZERO).await;
        host.note_degraded(format!(
            "`{}` hung after the fork and was started again by its command line",
            notebook.path
        ));
        files = Files::in_dir(&dir.join("spawned"))?;
        running = host.spawn(&files.task(host, notebook, env, Isolation::Spawn))?;
        // What was lost in the fork is not the notebook's time.
        begun = Instant::now();
    }

    let rest = notebook.policy.timeout.saturating_sub(begun.elapsed());
    let (exit, timed_out) = match watched(&mut running, &files.events, rest, on_cells).await {
        Some(exit) => (exit, false),
        None => (interrupt(&mut running).await, true),
    };
    let duration = begun.elapsed();
    // What the notebook left running in its process group goes with it.
    running.kill_stragglers();
    for what in events(&files.events)
        .filter(|e| e.event == "degraded")
        .filter_map(|e| e.what)
    {
        host.note_degraded(what);
    }
    let verdict = if timed_out {
        Verdict::TimedOut
    } else {
        verdict(exit, &files)
    };
    Ok(Attempt {
        verdict,
        page: files.page,
        events: files.events,
        log: files.log,
        duration,
        peak_memory_bytes: exit.peak_memory_bytes,
    })
}

struct Files {
    tmp: PathBuf,
    page: PathBuf,
    events: PathBuf,
    log: PathBuf,
}

impl Files {
    fn in_dir(dir: &Path) -> Result<Self, Error> {
        let tmp = dir.join("tmp");
        std::fs::create_dir_all(&tmp).map_err(|source| Error::Prepare {
            path: tmp.clone(),
            source,
        })?;
        Ok(Self {
            tmp,
            page: dir.join("page.html"),
            events: dir.join("events.ndjson"),
            log: dir.join("log.txt"),
        })
    }

    /// Temporary files go when the attempt does: a notebook that fills the disk with them leaves
    /// room for the next.
    fn with_own_tmp(
        &self,
        env: &BTreeMap<String, Option<String>>,
    ) -> BTreeMap<String, Option<String>> {
        let mut env = env.clone();
        env.insert("TMPDIR".to_owned(), Some(self.tmp.display().to_string()));
        env
    }

    fn task(
        &self,
        host: &Host,
        notebook: &PlannedNotebook,
        env: &BTreeMap<String, Option<String>>,
        isolation: Isolation,
    ) -> Task {
        let mut argv = vec![
            notebook.file.display().to_string(),
            "-o".to_owned(),
            self.page.display().to_string(),
            "--events".to_owned(),
            self.events.display().to_string(),
        ];
        if isolation == Isolation::Fork {
            argv.push("--fork-kernel".to_owned());
        }
        if !notebook.args.is_empty() {
            argv.push("--".to_owned());
            argv.extend(notebook.args.iter().cloned());
        }
        Task {
            entry: Entry::Notebook,
            argv,
            env: self.with_own_tmp(env),
            cwd: host.interpreter().cwd.clone(),
            stdout: self.log.clone(),
            stderr: self.log.clone(),
        }
    }
}

/// Waits until the side file says anything, or the process has ended.
async fn shows_life(running: &mut Running, events: &Path) -> bool {
    let deadline = Instant::now() + SIGN_OF_LIFE;
    while Instant::now() < deadline {
        if std::fs::metadata(events).is_ok_and(|meta| meta.len() > 0) {
            return true;
        }
        if tokio::time::timeout(Duration::from_millis(50), running.wait())
            .await
            .is_ok()
        {
            return true;
        }
    }
    false
}

/// Waits for the end and reports how many cells have run. `None` when the time is over.
async fn watched(
    running: &mut Running,
    events_file: &Path,
    time: Duration,
    on_cells: impl Fn(usize),
) -> Option<Exit> {
    let deadline = Instant::now() + time;
    let mut seen = 0;
    loop {
        let pause = WATCH.min(deadline.saturating_duration_since(Instant::now()));
        if let Ok(exit) = tokio::time::timeout(pause, running.wait()).await {
            return Some(exit);
        }
        if Instant::now() >= deadline {
            return None;
        }
        let size = std::fs::metadata(events_file).map_or(0, |meta| meta.len());
        if size != seen {
            seen = size;
            on_cells(
                events(events_file)
                    .filter(|event| {
                        event.event == "cell" && event.status.as_deref() == Some("idle")
                    })
                    .count(),
            );
        }
    }
}

/// Has the running cell interrupted, so that the page shows what there is, and kills what does not
/// listen.
async fn interrupt(running: &mut Running) -> Exit {
    running.signal(Signal::USR1);
    match tokio::time::timeout(LAST_WORDS, running.wait()).await {
        Ok(exit) => exit,
        Err(_) => running.end(Duration::ZERO).await,
    }
}

fn verdict(exit: Exit, files: &Files) -> Verdict {
    match exit.code {
        Some(0) if left::open(&files.page).is_ok() => Verdict::Passed,
        Some(0..=2) => Verdict::Failed,
        Some(KERNEL_DIED) => {
            let died = events(&files.events)
                .filter(|event| event.event == "kernel_died")
                .last();
            let kernel = died.map_or_else(Exit::default, |event| Exit {
                code: event.code,
                signal: event.signal,
                peak_memory_bytes: None,
            });
            Verdict::Crashed(format!("its kernel {}", kernel.describe()))
        }
        _ => Verdict::Crashed(format!("its process {}", exit.describe())),
    }
}

/// The lines of the side file; a last one that is cut off is left out.
fn events(path: &Path) -> impl Iterator<Item = Event> {
    let bytes = left::read(path, LARGEST).unwrap_or_default();
    let events: Vec<Event> = bytes
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect();
    events.into_iter()
}
