//! What keeps `scaffold` from knowing what a notebook is about.

use crate::error::{Diagnose, ExitStatus};
use crate::project;

/// What keeps `scaffold` from knowing what a notebook is about.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// There is nothing to scaffold for.
    #[error("there is no Dagster project here to make notebooks for")]
    NoProject(#[source] project::Error),
    /// A key that is none.
    #[error("`{0}` is not an asset key")]
    NotAKey(String),
    /// One name for several notebooks.
    #[error("`{flag}` is for one notebook, and the selection makes {count}")]
    Several {
        /// The flag.
        flag: &'static str,
        /// How many there are.
        count: usize,
    },
    /// Two notebooks would be the same file.
    #[error("two notebooks would be `{0}`")]
    SameFile(String),
    /// The file is about something else.
    #[error("`{file}` belongs to {kind} `{name}`")]
    Belongs {
        /// The file.
        file: String,
        /// `asset` or `job`.
        kind: &'static str,
        /// What it is about.
        name: String,
    },
    /// More than anybody reads.
    #[error("the selection makes {0} notebooks")]
    TooMany(usize),
    /// The server answers, and nobody started it for this project.
    #[error("there is no Python project here to import `{0}` from")]
    NoPython(String),
}

impl Diagnose for Error {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::NoProject(error) => error.exit_status(),
            Self::NotAKey(_) | Self::Several { .. } | Self::TooMany(_) => ExitStatus::Usage,
            Self::SameFile(_) | Self::Belongs { .. } => ExitStatus::Conflict,
            Self::NoPython(_) => ExitStatus::Environment,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NoProject(project::Error::NotAProject { .. }) => Some(
                "`daglab init` adds notebooks to a project, and `daglab init --bootstrap` makes a \
                 new one; name another folder with `--project`"
                    .to_owned(),
            ),
            Self::NoProject(error) => error.hint(),
            Self::NotAKey(_) => Some("write the parts of a key with `/` between them".to_owned()),
            Self::Several { .. } => Some("leave it out, or select less".to_owned()),
            Self::SameFile(_) => {
                Some("make them one by one, with `--asset` and `--filename`".to_owned())
            }
            Self::Belongs { .. } => {
                Some("name another file with `--filename NAME.py`, or remove this one".to_owned())
            }
            Self::TooMany(_) => Some("select less, or give `--per group`".to_owned()),
            Self::NoPython(_) => Some("leave out `--module`, or name the project".to_owned()),
        }
    }

    fn detail(&self) -> Option<String> {
        match self {
            Self::NoProject(error) => error.detail(),
            _ => None,
        }
    }
}
