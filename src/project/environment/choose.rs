//! Which environment, of those that are there or could be made.

use std::path::{Path, PathBuf};

use super::declared::{Declared, declared};
use super::interpreter::{self, Constraint, Wanted, environment_python, on_path};
use super::probe::{Probe, probe};
use super::specifier::Release;
use super::{Origin, Session};
use crate::project::Error;

/// What was decided.
pub(super) enum Chosen {
    /// An environment that has Dagster.
    Existing { probe: Probe, origin: Origin },
    /// One to be made.
    Make {
        declared: Box<Declared>,
        base: Base,
        origin: Origin,
    },
}

/// What a new environment is made with.
#[derive(Debug, Clone)]
pub(super) enum Base {
    /// This interpreter.
    Found(Box<Probe>),
    /// One that uv finds or fetches for this request. `looked_at` says what was on PATH.
    Fetched {
        request: String,
        looked_at: Vec<String>,
    },
}

pub(super) async fn choose(python: Option<&str>, session: &Session<'_>) -> Result<Chosen, Error> {
    let mut looked_at = Vec::new();
    let version = match python
        .map(|value| interpreter::wanted(value, session))
        .transpose()?
    {
        Some(Wanted::Interpreter(path)) => {
            return from_flag(python.unwrap_or_default(), &path, session).await;
        }
        Some(Wanted::Version(version)) => Some(version),
        None => None,
    };
    for (folder, origin) in environments(session) {
        if let Some(probe) = usable(&folder, version.as_ref(), session, &mut looked_at).await? {
            return Ok(Chosen::Existing { probe, origin });
        }
    }
    // Whoever installs daglab beside a Dagster means that one. An environment of daglab alone, as uv
    // and pipx make them, is no project's: what it lacks is nothing to say.
    if let Some(folder) = session.own
        && let Ok(Some(probe)) = usable(folder, version.as_ref(), session, &mut Vec::new()).await
    {
        let origin = Origin::Own(folder.to_owned());
        return Ok(Chosen::Existing { probe, origin });
    }
    if let Some(declared) = declared(session.root, session.top)? {
        let version = version.or_else(|| python_version_file(session.root, session.top));
        let constraint = Constraint {
            version,
            requires: declared.requires_python.clone(),
        };
        let base = match interpreter::find_base(&constraint, session).await {
            Ok(probe) => Base::Found(Box::new(probe)),
            Err(looked_at) => Base::Fetched {
                request: constraint.request(),
                looked_at,
            },
        };
        for reason in looked_at {
            session.note(format!("passed over: {reason}"));
        }
        return Ok(make(declared, base));
    }
    let constraint = Constraint {
        version,
        requires: None,
    };
    on_path_with_dagster(&constraint, session, looked_at).await
}

fn make(declared: Declared, base: Base) -> Chosen {
    let origin = Origin::Made(declared.source.path().to_owned());
    Chosen::Make {
        declared: Box::new(declared),
        base,
        origin,
    }
}

/// `--python` with an interpreter: it is the environment if it has Dagster, and otherwise what the
/// environment is made with.
async fn from_flag(value: &str, python: &Path, session: &Session<'_>) -> Result<Chosen, Error> {
    let probe = probe(python, session)
        .await
        .map_err(|reason| Error::NotAPython {
            value: value.to_owned(),
            reason,
        })?;
    if probe.has("dagster") {
        return Ok(Chosen::Existing {
            probe,
            origin: Origin::Flag(value.to_owned()),
        });
    }
    super::refuse_unsupported(&probe)?;
    match declared(session.root, session.top)? {
        Some(declared) => Ok(make(declared, Base::Found(Box::new(probe)))),
        None => Err(Error::NoDagster {
            looked_at: vec![without_dagster(&probe)],
            root: session.root.to_owned(),
        }),
    }
}

fn without_dagster(probe: &Probe) -> String {
    format!(
        "`{}` ({}) has no `dagster`",
        probe.python.display(),
        probe.version
    )
}

/// The folders that may hold the user's environment, the first wins.
fn environments(session: &Session<'_>) -> Vec<(PathBuf, Origin)> {
    let set = |name: &str| {
        session
            .variables
            .get(name)
            .filter(|value| !value.is_empty())
    };
    let mut folders: Vec<(PathBuf, Origin)> = Vec::new();
    if let Some(folder) = set("VIRTUAL_ENV").map(PathBuf::from) {
        folders.push((folder.clone(), Origin::VirtualEnv(folder)));
    }
    let mut project = |folder: PathBuf| folders.push((folder.clone(), Origin::DotVenv(folder)));
    for parent in session.root.ancestors() {
        // uv resolves a relative name against the folder of the lock.
        if let Some(name) = set("UV_PROJECT_ENVIRONMENT")
            && parent.join("uv.lock").is_file()
        {
            project(parent.join(name));
        }
        project(parent.join(".venv"));
        if parent == session.top {
            break;
        }
    }
    folders
}

/// Asks an environment; `None`, with the reason in `looked_at`, if it is not one to use.
async fn usable(
    folder: &Path,
    version: Option<&Release>,
    session: &Session<'_>,
    looked_at: &mut Vec<String>,
) -> Result<Option<Probe>, Error> {
    let Some(python) = environment_python(folder)? else {
        return Ok(None);
    };
    let probe = probe(&python, session)
        .await
        .map_err(|reason| Error::BrokenEnvironment {
            path: folder.to_owned(),
            reason,
        })?;
    if !probe.has("dagster") {
        looked_at.push(without_dagster(&probe));
        return Ok(None);
    }
    if let Some(version) = version
        && !probe
            .release()
            .is_some_and(|release| release.starts_with(version))
    {
        let (folder, found) = (folder.display(), &probe.version);
        looked_at.push(format!("`{folder}` has Python {found}, not {version}"));
        return Ok(None);
    }
    Ok(Some(probe))
}

/// The version that `.python-version` pins, as uv and pyenv read it.
fn python_version_file(root: &Path, top: &Path) -> Option<Release> {
    for folder in root.ancestors() {
        if let Ok(text) = std::fs::read_to_string(folder.join(".python-version")) {
            let line = text
                .lines()
                .map(str::trim)
                .find(|l| !l.is_empty() && !l.starts_with('#'))?;
            return line
                .trim_start_matches("cpython@")
                .trim_start_matches("cpython-")
                .parse()
                .ok();
        }
        if folder == top {
            break;
        }
    }
    None
}

/// Where nothing is declared: a Python on PATH that has Dagster, as in a container.
async fn on_path_with_dagster(
    constraint: &Constraint,
    session: &Session<'_>,
    mut looked_at: Vec<String>,
) -> Result<Chosen, Error> {
    let mut any = false;
    for name in ["python3", "python"] {
        for python in on_path(name, session) {
            let Ok(probe) = probe(&python, session).await else {
                continue;
            };
            let wanted = constraint.version.as_ref();
            if wanted.is_some_and(|w| !probe.release().is_some_and(|r| r.starts_with(w))) {
                continue;
            }
            any = true;
            if probe.has("dagster") {
                let origin = Origin::OnPath(probe.python.clone());
                return Ok(Chosen::Existing { probe, origin });
            }
            let line = without_dagster(&probe);
            if !looked_at.contains(&line) {
                looked_at.push(line);
            }
        }
    }
    if any || !looked_at.is_empty() {
        return Err(Error::NoDagster {
            looked_at,
            root: session.root.to_owned(),
        });
    }
    let wanted = constraint.version.as_ref().map(Release::to_string);
    Err(Error::NoPython { wanted, looked_at })
}
