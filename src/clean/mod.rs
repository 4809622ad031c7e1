//! Removing what daglab has left in a project: [`plan`] says what and why, as a value; [`apply`]
//! carries it out; [`table`] shows either. [`remote`] does the first two for runs in an object store.

pub mod apply;
mod find;
pub mod plan;
pub mod remote;
pub mod table;

use std::path::{Path, PathBuf};

use crate::error::{Diagnose, ExitStatus};
use crate::publish::removal;

/// Why nothing, or not everything, was removed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The project is a folder that nobody means to clean.
    #[error("`{}` is {what}, and is not cleaned as a project", path.display())]
    Refused {
        /// The folder.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// The project's folder could not be opened.
    #[error("could not open `{}`", path.display())]
    Open {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: removal::Error,
    },
    /// Nobody is there to be asked.
    #[error("there is no terminal to ask on whether to delete {0}")]
    NobodyToAsk(String),
    /// Some of it is still there.
    #[error("{} of {all} could not be deleted", which.len())]
    Left {
        /// All of them, as a phrase.
        all: String,
        /// Which, and why, on a line each.
        which: Vec<String>,
    },
}

/// How many of those that are left are shown.
const SHOWN: usize = 50;

impl Diagnose for Error {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::Refused { .. } | Self::Open { .. } => ExitStatus::Environment,
            Self::NobodyToAsk(_) => ExitStatus::Usage,
            Self::Left { .. } => ExitStatus::Conflict,
        }
    }

    fn detail(&self) -> Option<String> {
        let Self::Left { which, .. } = self else {
            return None;
        };
        let mut lines = which[..which.len().min(SHOWN)].join("\n");
        if which.len() > SHOWN {
            lines.push_str(&format!("\nand {} more", which.len() - SHOWN));
        }
        Some(lines)
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Refused { .. } => Some("name the project's own folder".to_owned()),
            Self::NobodyToAsk(_) => {
                Some("delete without a question with `--yes`, or look with `--dry-run`".to_owned())
            }
            Self::Open { .. } | Self::Left { .. } => None,
        }
    }
}

/// Refuses folders that are no project whatever lies in them: the top of the file system, and a
/// home directory or a folder that holds it.
pub fn refuse_wrong(root: &Path, home: Option<&Path>) -> Result<(), Error> {
    let refused = |what| {
        let path = root.to_owned();
        Err(Error::Refused { path, what })
    };
    if root.parent().is_none() {
        return refused("the top of the file system");
    }
    let home = home.and_then(|home| home.canonicalize().ok());
    match home {
        Some(home) if home == root => refused("your home directory"),
        Some(home) if home.starts_with(root) => refused("above your home directory"),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn home_and_what_is_above_are_no_projects() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().canonicalize().unwrap().join("home/me");
        std::fs::create_dir_all(home.join("project")).unwrap();
        let refusal = |path: &Path| refuse_wrong(path, Some(&home)).is_err();
        assert!(refusal(Path::new("/")));
        assert!(refusal(&home));
        assert!(refusal(home.parent().unwrap()));
        assert!(!refusal(&home.join("project")));
        assert!(refuse_wrong(Path::new("/"), None).is_err());
    }
}
