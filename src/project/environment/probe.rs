//! What an interpreter is and what is installed in it, asked once and then remembered.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::Session;
use super::cache::{digest, write_json};
use super::specifier::Release;
use super::tool::{self, ToolCommand};

/// Raised when the answer changes its meaning.
const FORMAT: u32 = 1;

/// A first start on a slow disk takes seconds; this is for one that never answers.
const PATIENCE: Duration = Duration::from_secs(60);

/// What an interpreter has answered.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Probe {
    /// How to start it. Not resolved: the link in a virtual environment is what makes it one.
    #[serde(default)]
    pub python: PathBuf,
    pub version: String,
    pub prefix: PathBuf,
    pub executable: PathBuf,
    pub base_executable: PathBuf,
    /// The `site-packages` of the environment, the user's own among them.
    pub site_dirs: Vec<PathBuf>,
    /// All folders of the import path but the standard library.
    scanned: Vec<PathBuf>,
    /// Installed versions by normalized name (`dagster-webserver`).
    pub distributions: BTreeMap<String, String>,
    /// The names of those that are installed in place.
    pub editable: BTreeSet<String>,
    /// Whether Dagster and marimo, as far as they are there, were compiled.
    pub bytecode: bool,
}

impl Probe {
    /// The interpreter's version; nothing that runs lacks one.
    pub(super) fn release(&self) -> Option<Release> {
        self.version.parse().ok()
    }

    pub(super) fn has(&self, distribution: &str) -> bool {
        self.distributions.contains_key(distribution)
    }

    pub(super) fn bin(&self) -> Option<&Path> {
        self.python.parent()
    }

    /// Whether it is a virtual environment.
    pub(super) fn is_virtual(&self) -> bool {
        self.prefix.join("pyvenv.cfg").exists()
    }
}

/// A remembered answer and what it depends on.
#[derive(Serialize, Deserialize)]
struct Kept {
    format: u32,
    stamps: Vec<(PathBuf, Option<u128>)>,
    shim: Option<String>,
    probe: Probe,
}

/// Asks an interpreter, or the cache when nothing has changed since. The error is a sentence.
pub(super) async fn probe(python: &Path, session: &Session<'_>) -> Result<Probe, String> {
    let shim = is_script(python).then(|| shim_state(session));
    let file = session
        .cache
        .join("probes")
        .join(format!("{}.json", &digest(&python.to_string_lossy())[..24]));
    if let Some(kept) = read_kept(&file)
        && kept.shim == shim
        && kept
            .stamps
            .iter()
            .all(|(path, stamp)| modified(path) == *stamp)
    {
        return Ok(kept.probe);
    }
    let mut probe = ask(python, session).await?;
    probe.python = if shim.is_some() {
        probe.executable.clone()
    } else {
        python.to_owned()
    };
    let config = probe.prefix.join("pyvenv.cfg");
    let watched = [python.to_owned(), probe.executable.clone(), config].into_iter();
    let stamps = watched.chain(probe.scanned.iter().cloned()).map(|path| {
        let stamp = modified(&path);
        (path, stamp)
    });
    let kept = Kept {
        format: FORMAT,
        stamps: stamps.collect(),
        shim,
        probe,
    };
    // Without the cache the next run asks again; that is all.
    if let Err(error) = write_json(&file, &kept) {
        tracing::debug!("the probe of {} is not kept: {error}", python.display());
    }
    Ok(kept.probe)
}

fn read_kept(file: &Path) -> Option<Kept> {
    let kept: Kept = serde_json::from_slice(&std::fs::read(file).ok()?).ok()?;
    (kept.format == FORMAT).then_some(kept)
}

async fn ask(python: &Path, session: &Session<'_>) -> Result<Probe, String> {
    // -B: a question must not leave bytecode behind in the user's environment.
    let command = ToolCommand::new(python).args(["-B", "-c", include_str!("probe.py")]);
    let answer = tool::capture(&command, session.root, &session.tool_variables, PATIENCE)
        .await
        .map_err(|error| format!("it cannot be started: {error}"))?;
    if !answer.success {
        let last = answer
            .tail
            .lines()
            .last()
            .unwrap_or("it says nothing")
            .to_owned();
        return Err(format!("it fails: {last}"));
    }
    // A `sitecustomize` may print; the answer is the last line.
    let line = answer.stdout.lines().last().unwrap_or_default();
    serde_json::from_str(line).map_err(|_| "it does not answer like a Python".to_owned())
}

/// In nanoseconds since 1970; `None` where there is nothing.
fn modified(path: &Path) -> Option<u128> {
    let time = std::fs::metadata(path).ok()?.modified().ok()?;
    Some(time.duration_since(UNIX_EPOCH).ok()?.as_nanos())
}

/// Whether a program is a script, as the shims of pyenv and asdf are: what they start depends on
/// more than themselves.
fn is_script(path: &Path) -> bool {
    let mut start = [0; 2];
    std::fs::File::open(path)
        .and_then(|mut file| file.read_exact(&mut start))
        .is_ok()
        && start == *b"#!"
}

/// What a shim looks at to choose an interpreter.
fn shim_state(session: &Session<'_>) -> String {
    let variable = |name: &str| session.variables.get(name).cloned().unwrap_or_default();
    let read = |path: PathBuf| std::fs::read_to_string(path).ok();
    let local = session.root.ancestors().find_map(|folder| {
        read(folder.join(".python-version")).or_else(|| read(folder.join(".tool-versions")))
    });
    let root = match variable("PYENV_ROOT") {
        set if !set.is_empty() => PathBuf::from(set),
        _ => Path::new(&variable("HOME")).join(".pyenv"),
    };
    let global = read(root.join("version"));
    let parts = [
        variable("PYENV_VERSION"),
        local.unwrap_or_default(),
        global.unwrap_or_default(),
    ];
    digest(&parts.join("\0"))
}
