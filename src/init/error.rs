//! Why a project was not initialised.

use std::path::PathBuf;

use crate::error::{Diagnose, ExitStatus};
use crate::project;

/// Why a project was not initialised.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no project, and nobody asked for a new one.
    #[error("{0}")]
    NoProject(project::Error),
    /// A new project was asked for where there is one.
    #[error("`{}` is part of a Dagster project: `{}` names its definitions", root.display(), marker.display())]
    AlreadyThere {
        /// The project.
        root: PathBuf,
        /// The file that makes it one.
        marker: PathBuf,
    },
    /// The folder is one that nobody means.
    #[error("`{}` is {what}, and is not made a project", path.display())]
    Refused {
        /// The folder.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// A folder for notebooks that is something else already.
    #[error("`{folder}` is no folder for notebooks: the new project has `{}` there", other.display())]
    Taken {
        /// The folder.
        folder: String,
        /// What else is there.
        other: PathBuf,
    },
    /// What is configured is no folder for notebooks.
    #[error("`notebooks_dir` is `{configured}`: {problem}")]
    Folder {
        /// The setting's value.
        configured: String,
        /// What is wrong with it.
        problem: String,
        /// Where it is set.
        origin: String,
    },
    /// What a flag says and what is configured differ.
    #[error("`{key}` is `{configured}` ({origin}), and not `{wanted}`")]
    Configured {
        /// The setting.
        key: &'static str,
        /// Its value.
        configured: String,
        /// The flag's.
        wanted: String,
        /// Where it is set.
        origin: String,
        /// The project's own settings.
        file: PathBuf,
    },
}

impl Diagnose for Error {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::NoProject(error) => error.exit_status(),
            Self::Refused { .. } => ExitStatus::Environment,
            Self::Taken { .. } => ExitStatus::Usage,
            Self::Folder { .. } => ExitStatus::Validation,
            Self::AlreadyThere { .. } | Self::Configured { .. } => ExitStatus::Conflict,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NoProject(project::Error::NotAProject { candidates, .. }) => {
                Some(no_project(candidates))
            }
            Self::NoProject(error) => {
                let new = "make a new project with `daglab init --bootstrap`";
                Some(match error.hint() {
                    Some(hint) => format!("{new}; {hint}"),
                    None => new.to_owned(),
                })
            }
            Self::AlreadyThere { .. } => Some(
                "leave `--bootstrap` out to add daglab to that project, or name another folder"
                    .to_owned(),
            ),
            Self::Refused { .. } => Some("name a folder for the project".to_owned()),
            Self::Taken { .. } => Some("name another with `--notebooks-dir`".to_owned()),
            Self::Folder { origin, .. } => Some(format!(
                "name a folder of the project in `{origin}`, as in `dagster/notebooks`"
            )),
            Self::Configured {
                key, wanted, file, ..
            } => Some(format!(
                "set `{key}` to `{wanted}` in `{}`, or leave out the flag",
                file.display()
            )),
        }
    }

    fn detail(&self) -> Option<String> {
        match self {
            Self::NoProject(error) => error.detail(),
            _ => None,
        }
    }
}

/// What to do in a folder that has no project: this command takes no flag that names definitions.
fn no_project(candidates: &[PathBuf]) -> String {
    let new = "make a new project with `daglab init --bootstrap`";
    let known = "in `workspace.yaml`, or in `[tool.dagster]` of `pyproject.toml`";
    match candidates {
        [] => format!("{new}, or name the folder of one; what it loads stands {known}"),
        [one, ..] => format!("{new}; if `{}` is yours, name it {known}", one.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_name_no_flag_that_init_has_not() {
        for candidates in [Vec::new(), vec![PathBuf::from("shop/defs.py")]] {
            let error = Error::NoProject(project::Error::NotAProject {
                start: "/a".into(),
                top: "/a".into(),
                candidates,
            });
            let hint = error.hint().unwrap();
            assert!(
                hint.contains("--bootstrap") && !hint.contains("-f "),
                "{hint}"
            );
            assert!(!hint.contains("-m "), "{hint}");
        }
    }
}
