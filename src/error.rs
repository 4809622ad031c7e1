//! What can go wrong, which exit code says so, and what to do about it.
//!
//! Every room has its own error enum; it implements [`Diagnose`] and joins [`Error`] here, so that
//! the binary prints all of them in one way and nothing but this file knows about all rooms.

/// The exit codes that scripts may rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ExitStatus {
    /// Everything that was asked for was done, and it passed.
    Success = 0,
    /// The command line was wrong.
    Usage = 2,
    /// Something this machine must have is missing: a Python, a package, a Dagster project.
    Environment = 3,
    /// What was run has failed.
    RunFailed = 4,
    /// A server could not be reached, or did not answer as it should.
    Network = 5,
    /// A server refused who we are.
    Authentication = 6,
    /// Something the user wrote is not valid: configuration, run config, a notebook.
    Validation = 7,
    /// A port, a file or another run is in the way.
    Conflict = 8,
    /// Ended by Ctrl-C or SIGINT, as a shell reports it.
    Interrupted = 130,
    /// Ended by SIGTERM, as a shell reports it.
    Terminated = 143,
}

impl From<ExitStatus> for std::process::ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status as u8)
    }
}

/// What every error of this crate can say beside its message.
pub trait Diagnose: std::error::Error {
    /// The exit code that tells a script what kind of failure this was.
    fn exit_status(&self) -> ExitStatus;

    /// What to do next, as one sentence without a full stop, if there is something to do.
    fn hint(&self) -> Option<String> {
        None
    }

    /// Lines to show below the message as they are: a part of the user's file with an arrow, or a
    /// traceback.
    fn detail(&self) -> Option<String> {
        None
    }
}
