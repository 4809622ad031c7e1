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
    /// What a flag says and what is configured differ.
    #[error("`{key}` is `{configured}` in `{}`, and not `{wanted}`", file.display())]
    Configured {
        /// The setting.
        key: &'static str,
        /// Its value.
        configured: String,
        /// The flag's.
        wanted: String,
        /// Where it is set.
        file: PathBuf,
    },
}

impl Diagnose for Error {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::NoProject(error) => error.exit_status(),
            Self::Refused { .. } => ExitStatus::Environment,
            Self::AlreadyThere { .. } | Self::Configured { .. } => ExitStatus::Conflict,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
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
            Self::Configured { .. } => {
                Some("change it there, or write the file anew with `--force`".to_owned())
            }
        }
    }

    fn detail(&self) -> Option<String> {
        match self {
            Self::NoProject(error) => error.detail(),
            _ => None,
        }
    }
}
