//! Nothing outlives daglab: process groups, cancellation, and the pair of processes that watch
//! each other.
//!
//! A command that starts other processes runs as two: the *guard* that the user started and the
//! *worker* that it starts. Both are child subreapers, so everything a job or a notebook leaves
//! behind, even after a double fork, stays below one of them. Whichever of the two is killed, the
//! other ends what is left and removes the private directory.

pub mod cancel;
pub mod descendants;
pub mod guard;
pub mod left;
pub mod orphans;
pub mod workdir;

use crate::error::{Diagnose, ExitStatus};

/// Why supervision could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The private directory could not be made.
    #[error("could not make a private directory in `{}`", dir.display())]
    Workdir {
        /// Where it was to be made.
        dir: std::path::PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The worker process could not be started.
    #[error("could not start the worker process")]
    Worker(#[source] std::io::Error),
    /// The guard was gone before the worker began.
    #[error("the process that started this one is gone")]
    Orphaned,
    /// The kernel refused to set up signals or reaping.
    #[error("could not set up the supervision of child processes")]
    System(#[source] std::io::Error),
}

impl Diagnose for Error {
    fn exit_status(&self) -> ExitStatus {
        ExitStatus::Environment
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Workdir { .. } => Some("set `TMPDIR` to a directory you may write to".to_owned()),
            _ => None,
        }
    }
}
