//! What is wrong with the command line or the files it names.

use std::path::PathBuf;

use crate::error::{Diagnose, ExitStatus};

/// What is wrong with the command line or the files it names.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// There is no such file.
    #[error("there is no notebook `{}`", .0.display())]
    Missing(PathBuf),
    /// It is no notebook.
    #[error("`{}` is not a marimo notebook", .0.display())]
    NotANotebook(PathBuf),
    /// The pattern can't be read.
    #[error("`{0}` is no pattern: {1}")]
    Pattern(String, String),
    /// The pattern matches nothing.
    #[error("no notebook matches `{0}`")]
    NoMatch(String),
    /// The notebooks are of several projects.
    #[error("the notebooks are of two projects, `{}` and `{}`", .0.display(), .1.display())]
    Projects(PathBuf, PathBuf),
    /// One of the notebooks is of no project, and others are.
    #[error("`{}` is not in the project `{}`", .0.display(), .1.display())]
    Outside(PathBuf, PathBuf),
    /// `--attach` can't be read.
    #[error("`{0}` is not `asset://key` or `asset://key:partition`")]
    Target(String),
    /// The page could not be written where the user wants it.
    #[error("`{}` has no file name", .0.display())]
    NoName(PathBuf),
    /// One file for several notebooks.
    #[error("`--output {}` is a file, and there are {} notebooks", .0.display(), .1)]
    OneFile(PathBuf, usize),
    /// A file would be written over a notebook.
    #[error("`{}` is a notebook, and would be written over", .0.display())]
    OverNotebook(PathBuf),
    /// A file that somebody else has written is where an export would go.
    #[error("`{}` is in the way: daglab has not written it", .0.display())]
    InTheWay(PathBuf),
    /// Two exports have the same name.
    #[error("`{first}` and `{second}` would both be written to `{}`", file.display())]
    Collision {
        /// One notebook.
        first: String,
        /// The other, or the same.
        second: String,
        /// The file.
        file: PathBuf,
    },
    /// There is no Dagster to attach to.
    #[error("there is no Dagster to attach the link in: `DAGSTER_HOME` is not set")]
    NoDagster,
    /// Changes can't be watched.
    #[error("changes can't be watched: {0}")]
    Watch(String),
}

impl Diagnose for Error {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::Target(_) | Self::NoName(_) | Self::OneFile(..) | Self::OverNotebook(_) => {
                ExitStatus::Usage
            }
            Self::Missing(_)
            | Self::NotANotebook(_)
            | Self::Pattern(..)
            | Self::NoMatch(_)
            | Self::Projects(..)
            | Self::Outside(..) => ExitStatus::Validation,
            Self::Collision { .. } | Self::InTheWay(_) => ExitStatus::Conflict,
            Self::NoDagster | Self::Watch(_) => ExitStatus::Environment,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NotANotebook(path) if path.is_dir() => {
                "name its notebooks with a pattern in quotes, such as `'notebooks/*.py'`"
            }
            Self::NotANotebook(_) => "a Jupyter notebook becomes one with `marimo convert`",
            Self::NoMatch(_) => "patterns are relative to the current directory",
            Self::Projects(..) | Self::Outside(..) => "export them by one command for each project",
            Self::OneFile(..) => "name a folder, with a `/` at its end",
            Self::OverNotebook(_) => "choose another `--output`",
            Self::InTheWay(_) => "move it away, or choose another `--output`",
            Self::Collision { .. } => "rename one of them, or export them one after the other",
            Self::NoDagster => {
                "set it to the instance's directory, or name a deployment with `--dagster-url`"
            }
            Self::Watch(_) => "raise `fs.inotify.max_user_watches`, or export without `--watch`",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}
