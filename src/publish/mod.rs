//! Where the files of a run go, and how each can be opened.
//!
//! A file is stored once, by one store; attachments and every page link to what the store says.
//! A store takes [`Source`]s and gives [`Published`]s.

pub mod artifacts;
pub mod local;
pub mod remote;
pub mod removal;
pub mod report;
pub mod retention;

use std::path::{Path, PathBuf};
use std::rc::Rc;

use self::artifacts::ArtifactStore;
use self::remote::Publication;
use crate::error::{Diagnose, ExitStatus};

/// What to store.
#[derive(Debug)]
pub enum Source<'a> {
    /// A finished file; it is moved or copied.
    File(&'a Path),
    /// These bytes.
    Bytes(&'a [u8]),
}

/// A stored file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// Its name inside the store, with `/`.
    pub key: String,
    /// Where a person can open it.
    pub url: String,
    /// Its size in bytes.
    pub size: u64,
}

/// Where pages are published beside the local store, so that others can open them.
#[derive(Debug, Clone)]
pub enum Publisher {
    /// As artifacts of a workflow run.
    Artifacts(Rc<ArtifactStore>),
    /// In an object store.
    Objects(Rc<Publication>),
}

/// Why a file could not be stored.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file or its directory could not be written.
    #[error("could not write `{}`", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The directory holds files of somebody else where ours would go.
    #[error("`{}` is not a directory", path.display())]
    NotADirectory {
        /// What was to be a directory.
        path: PathBuf,
    },
}

impl Diagnose for Error {
    fn exit_status(&self) -> ExitStatus {
        ExitStatus::Conflict
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Write { source, .. } if source.kind() == std::io::ErrorKind::StorageFull => {
                Some("free some space, or choose another directory with `--artifacts-dir`".into())
            }
            Self::Write { .. } | Self::NotADirectory { .. } => {
                Some("choose a directory you may write to with `--artifacts-dir`".into())
            }
        }
    }
}
