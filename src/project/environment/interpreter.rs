//! Which interpreter: what `--python` means, what an environment's folder holds, what is on PATH.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::probe::{Probe, probe};
use super::specifier::{Release, allows};
use super::{OLDEST_PYTHON, Session};
use crate::project::Error;

/// What `--python` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Any interpreter of this version.
    Version(Release),
    /// This one.
    Interpreter(PathBuf),
}

/// Reads `--python`: a version, the folder of an environment, an interpreter, or a name on PATH.
pub(super) fn wanted(value: &str, session: &Session<'_>) -> Result<Wanted, Error> {
    let not_a_python = |reason: String| Error::NotAPython {
        value: value.to_owned(),
        reason,
    };
    if value.starts_with(|c: char| c.is_ascii_digit()) && !Path::new(value).exists() {
        return match value.parse::<Release>() {
            Ok(release) if value.chars().all(|c| c == '.' || c.is_ascii_digit()) => {
                Ok(Wanted::Version(release))
            }
            _ => Err(not_a_python(
                "it is no version of the form `3.12`".to_owned(),
            )),
        };
    }
    let path = std::path::absolute(value).unwrap_or_else(|_| value.into());
    if path.is_dir() {
        return match environment_python(&path)? {
            Some(python) => Ok(Wanted::Interpreter(python)),
            None => Err(not_a_python(
                "the folder is no virtual environment".to_owned(),
            )),
        };
    }
    if path.exists() {
        return Ok(Wanted::Interpreter(path));
    }
    if value.contains('/') {
        let reason = match path.symlink_metadata() {
            Ok(_) => "the link leads nowhere",
            Err(_) => "there is no such file",
        };
        return Err(not_a_python(reason.to_owned()));
    }
    match on_path(value, session).next() {
        Some(python) => Ok(Wanted::Interpreter(python)),
        None => Err(not_a_python(
            "there is no such file, and no such program on PATH".to_owned(),
        )),
    }
}

/// The interpreter of a virtual environment; `None` if the folder is not there or is none.
pub(super) fn environment_python(folder: &Path) -> Result<Option<PathBuf>, Error> {
    let broken = |reason: String| Error::BrokenEnvironment {
        path: folder.to_owned(),
        reason,
    };
    let mut dangling = None;
    for name in ["python", "python3"] {
        let python = folder.join("bin").join(name);
        if python.exists() {
            return Ok(Some(python));
        }
        if let Ok(target) = std::fs::read_link(&python) {
            dangling.get_or_insert((python, target));
        }
    }
    if let Some((python, target)) = dangling {
        let (python, target) = (python.display(), target.display());
        return Err(broken(format!(
            "`{python}` points to `{target}`, which is not there"
        )));
    }
    if folder.join("pyvenv.cfg").exists() {
        return Err(broken("it has no `bin/python`".to_owned()));
    }
    Ok(None)
}

/// All programs of this name on PATH, in its order.
pub(super) fn on_path<'s>(
    name: &'s str,
    session: &'s Session<'_>,
) -> impl Iterator<Item = PathBuf> + 's {
    let path = session.variables.get("PATH").map_or("", String::as_str);
    std::env::split_paths(path)
        .filter(|folder| folder.is_absolute())
        .map(move |folder| folder.join(name))
        .filter(|program| {
            std::fs::metadata(program)
                .is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
        })
}

/// What a new environment must be made with.
#[derive(Debug, Clone, Default)]
pub(super) struct Constraint {
    /// From `--python` or `.python-version`.
    pub version: Option<Release>,
    /// `requires-python` of the project.
    pub requires: Option<String>,
}

impl Constraint {
    /// Why an interpreter will not do.
    fn objection(&self, version: &Release) -> Option<String> {
        let oldest: Release = OLDEST_PYTHON.parse().ok()?;
        if *version < oldest {
            return Some(format!("older than {OLDEST_PYTHON}"));
        }
        if let Some(wanted) = &self.version
            && !version.starts_with(wanted)
        {
            return Some(format!("not {wanted}"));
        }
        match &self.requires {
            Some(requires) if !allows(requires, version) => {
                Some(format!("outside `requires-python` {requires}"))
            }
            _ => None,
        }
    }

    /// How to ask uv, or a person, for it.
    pub(super) fn request(&self) -> String {
        match (&self.version, &self.requires) {
            (Some(version), _) => version.to_string(),
            (None, Some(requires)) => requires.replace(' ', ""),
            (None, None) => format!(">={OLDEST_PYTHON}"),
        }
    }
}

/// The first interpreter on PATH that will do, or what was looked at.
pub(super) async fn find_base(
    constraint: &Constraint,
    session: &Session<'_>,
) -> Result<Probe, Vec<String>> {
    let mut names = vec!["python3".to_owned(), "python".to_owned()];
    if let Some(version) = &constraint.version {
        let text = version.to_string();
        let minor = text.splitn(3, '.').take(2).collect::<Vec<_>>().join(".");
        names.insert(0, format!("python{minor}"));
    }
    names.extend((10..=14).rev().map(|minor| format!("python3.{minor}")));
    let mut looked_at: Vec<String> = Vec::new();
    let mut seen: Vec<PathBuf> = Vec::new();
    for name in &names {
        for python in on_path(name, session) {
            let real = python.canonicalize().unwrap_or_else(|_| python.clone());
            let is_shim = real.components().any(|part| part.as_os_str() == "shims");
            if !is_shim && seen.contains(&real) {
                continue;
            }
            seen.push(real);
            let objection = match probe(&python, session).await {
                Ok(probe) => match probe
                    .release()
                    .map(|release| constraint.objection(&release))
                {
                    Some(None) => return Ok(probe),
                    Some(Some(objection)) => format!("{} is {objection}", probe.version),
                    None => "it has no version".to_owned(),
                },
                Err(reason) => reason,
            };
            looked_at.push(format!("`{}`: {objection}", python.display()));
        }
    }
    Err(looked_at)
}
