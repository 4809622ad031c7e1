//! The Python environment that a project runs in: found, completed, or made.
//!
//! In this order: `--python`, `$VIRTUAL_ENV`, the project's `.venv`, the one that daglab is installed
//! in, and what the project declares (`uv.lock`, `requirements.txt`, `pyproject.toml`, `setup.py`),
//! installed into the cache. An
//! environment of the user's is never written to: what it lacks goes into an overlay in the cache.
//! `docs/environments.md` says all of it for users; how the host is started is not this room's.

mod build;
mod cache;
mod choose;
mod declared;
mod interpreter;
mod layout;
mod overlay;
mod probe;
mod pyproject;
mod specifier;
mod tool;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

pub use cache::cache_dir;

use super::detect::git_root;
use super::error::Error;
use choose::Chosen;
use probe::Probe;
use specifier::Release;

/// The oldest Python that the warm host and current marimo run on.
pub const OLDEST_PYTHON: &str = "3.10";

/// The releases of Dagster that daglab's queries were checked against.
pub const SUPPORTED_DAGSTER: &str = ">=1.5,<2.0";

/// What must be installed beside `dagster` itself. The order is that of installation.
const COMPANIONS: &[&str] = &["dagster-webserver", "dagster-graphql", "marimo"];

/// Which tool makes environments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum InstallerChoice {
    /// uv where there is one, else pip.
    #[default]
    Auto,
    /// `python -m venv` and pip.
    Pip,
}

/// What [`prepare`] needs to know.
#[derive(Debug, Clone)]
pub struct EnvironmentRequest {
    /// The project's folder, absolute.
    pub root: PathBuf,
    /// `--python`: an interpreter, the folder of an environment, a name on PATH, or a version.
    pub python: Option<String>,
    /// Where made environments are kept.
    pub cache_dir: PathBuf,
    /// The variables daglab was started with.
    pub variables: BTreeMap<String, String>,
    /// The virtual environment that daglab itself was installed into.
    pub own: Option<PathBuf>,
    /// Which tool makes environments.
    pub installer: InstallerChoice,
}

impl EnvironmentRequest {
    /// A request with the variables of this process and the cache they name.
    pub fn new(root: impl Into<PathBuf>, python: Option<String>) -> Self {
        let variables: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self {
            root: root.into(),
            python,
            cache_dir: cache_dir(&variables),
            variables,
            own: own_environment(),
            installer: InstallerChoice::default(),
        }
    }
}

/// The virtual environment in whose `bin` this program is.
fn own_environment() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let folder = program.parent()?.parent()?;
    folder
        .join("pyvenv.cfg")
        .is_file()
        .then(|| folder.to_owned())
}

/// What is happening, for a person who waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// A new step has begun: `Installing the requirements of …`.
    Step(String),
    /// A line of the tool that is at work.
    Output(String),
}

/// How an environment was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// `--python` named it.
    Flag(String),
    /// `$VIRTUAL_ENV` named it.
    VirtualEnv(PathBuf),
    /// It is the `.venv` of the project or of a folder above it, or `$UV_PROJECT_ENVIRONMENT`.
    DotVenv(PathBuf),
    /// daglab is installed in it.
    Own(PathBuf),
    /// It was made in the cache from this file.
    Made(PathBuf),
    /// It is a Python on PATH that has Dagster.
    OnPath(PathBuf),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(value) => write!(f, "`--python {value}`"),
            Self::VirtualEnv(path) => write!(f, "`$VIRTUAL_ENV`, `{}`", path.display()),
            Self::DotVenv(path) => write!(f, "`{}`", path.display()),
            Self::Own(path) => write!(f, "`{}`, where daglab is installed", path.display()),
            Self::Made(file) => write!(f, "made from `{}`", file.display()),
            Self::OnPath(python) => write!(f, "`{}` on PATH", python.display()),
        }
    }
}

/// An environment that has Dagster, its web server and marimo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PythonEnv {
    /// How to start it.
    pub python: PathBuf,
    /// The interpreter's version: `3.11.7`.
    pub version: String,
    /// Installed versions of `dagster`, `dagster-webserver`, `dagster-graphql` and `marimo`.
    pub versions: BTreeMap<String, String>,
    /// How it was found.
    pub origin: Origin,
    /// What to put on PYTHONPATH, in this order, so that the project's modules are found whether or
    /// not the project is installed.
    pub pythonpath: Vec<PathBuf>,
    /// Variables of its processes: `PATH`, `VIRTUAL_ENV`, and where bytecode goes.
    pub env: BTreeMap<String, String>,
    /// Whether what the user's environment lacks was put in front of it.
    pub overlay: bool,
    /// What the user may want to know about the choice, as sentences.
    pub notes: Vec<String>,
}

/// What all steps of a preparation share.
struct Session<'a> {
    root: &'a Path,
    /// The folder above which nothing is looked for.
    top: &'a Path,
    cache: &'a Path,
    variables: &'a BTreeMap<String, String>,
    own: Option<&'a Path>,
    tool_variables: BTreeMap<String, String>,
    installer: InstallerChoice,
    progress: &'a dyn Fn(Progress),
    notes: std::cell::RefCell<Vec<String>>,
}

impl Session<'_> {
    fn step(&self, text: impl Into<String>) {
        (self.progress)(Progress::Step(text.into()));
    }

    fn note(&self, text: impl Into<String>) {
        self.notes.borrow_mut().push(text.into());
    }
}

/// Finds the project's environment, or makes it, and completes it.
///
/// When nothing has changed since the last time, no process is started. Dropping the future ends
/// what was started; what it left in the cache is not used.
pub async fn prepare(
    request: &EnvironmentRequest,
    progress: &dyn Fn(Progress),
) -> Result<PythonEnv, Error> {
    let session = Session {
        root: &request.root,
        top: git_root(&request.root).unwrap_or(&request.root),
        cache: &request.cache_dir,
        variables: &request.variables,
        own: request.own.as_deref(),
        tool_variables: tool::tool_variables(&request.variables),
        installer: request.installer,
        progress,
        notes: std::cell::RefCell::default(),
    };
    let env = match choose::choose(request.python.as_deref(), &session).await? {
        Chosen::Existing { probe, origin } => complete(probe, origin, &session).await?,
        Chosen::Make {
            declared,
            base,
            origin,
        } => {
            let probe = build::make(&declared, base, &session).await?;
            refuse_unsupported(&probe)?;
            describe(&probe, None, origin, &session)?
        }
    };
    Ok(PythonEnv {
        notes: session.notes.take(),
        ..env
    })
}

/// An environment of the user's, with an overlay in front of it if something is missing.
async fn complete(probe: Probe, origin: Origin, session: &Session<'_>) -> Result<PythonEnv, Error> {
    refuse_unsupported(&probe)?;
    let missing: Vec<&str> = COMPANIONS
        .iter()
        .copied()
        .filter(|name| !probe.has(name))
        .collect();
    if missing.is_empty() {
        return describe(&probe, None, origin, session);
    }
    let overlay = overlay::overlay(&probe, &missing, session).await?;
    describe(&overlay, Some(&probe), origin, session)
}

fn refuse_unsupported(probe: &Probe) -> Result<(), Error> {
    let parse = |text: &str| text.parse::<Release>().ok();
    let oldest = parse(OLDEST_PYTHON);
    if probe
        .release()
        .zip(oldest)
        .is_some_and(|(version, oldest)| version < oldest)
    {
        return Err(Error::PythonTooOld {
            python: probe.python.clone(),
            version: probe.version.clone(),
        });
    }
    if let Some(version) = probe.distributions.get("dagster")
        // A checkout of Dagster itself calls its version `1!0+dev`.
        && !version.contains('!')
        && let Some(release) = parse(version)
        && !specifier::allows(SUPPORTED_DAGSTER, &release)
    {
        return Err(Error::UnsupportedDagster {
            python: probe.python.clone(),
            version: version.clone(),
        });
    }
    Ok(())
}

/// `base` is the user's environment where `probe` is an overlay.
fn describe(
    probe: &Probe,
    base: Option<&Probe>,
    origin: Origin,
    session: &Session<'_>,
) -> Result<PythonEnv, Error> {
    let mut env = BTreeMap::new();
    let bins = [probe.bin(), base.and_then(Probe::bin)];
    let inherited = session.variables.get("PATH").map_or("", String::as_str);
    let path = bins.iter().flatten().map(|bin| bin.to_string_lossy());
    let path: Vec<_> = path
        .chain((!inherited.is_empty()).then(|| inherited.into()))
        .collect();
    env.insert("PATH".to_owned(), path.join(":"));
    if probe.is_virtual() {
        env.insert(
            "VIRTUAL_ENV".to_owned(),
            probe.prefix.to_string_lossy().into_owned(),
        );
    }
    if !matches!(origin, Origin::Made(_)) {
        keep_bytecode_out(&mut env, probe, session);
    }
    let installed = std::iter::once("dagster").chain(COMPANIONS.iter().copied());
    let versions = installed
        .filter_map(|name| Some((name.to_owned(), probe.distributions.get(name)?.clone())))
        .collect();
    Ok(PythonEnv {
        python: probe.python.clone(),
        version: probe.version.clone(),
        versions,
        pythonpath: layout::import_path(session.root)?,
        env,
        overlay: base.is_some(),
        origin,
        notes: Vec::new(),
    })
}

/// Python writes what it compiles beside the sources, and these are the user's. Where all that
/// matters is compiled, nothing needs to be written; otherwise it is written to the cache.
fn keep_bytecode_out(env: &mut BTreeMap<String, String>, probe: &Probe, session: &Session<'_>) {
    let (name, value) = if probe.bytecode {
        ("PYTHONDONTWRITEBYTECODE", "1".to_owned())
    } else {
        let folder = session.cache.join("bytecode");
        ("PYTHONPYCACHEPREFIX", folder.to_string_lossy().into_owned())
    };
    env.insert(name.to_owned(), value);
}
