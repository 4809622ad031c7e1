//! The GraphQL operations, each a file of its own.
//!
//! Values reach the server as variables only. `tests/dagster_operations.rs` holds every operation
//! against the schema of every supported Dagster.

/// A GraphQL operation.
#[derive(Debug)]
pub struct Operation {
    /// Its name in the document.
    pub name: &'static str,
    /// Whether asking twice is harmless.
    pub is_read: bool,
    texts: &'static [&'static str],
}

impl Operation {
    /// The document that is sent: the operation and the fragments it uses.
    pub fn document(&self) -> String {
        self.texts.concat()
    }
}

macro_rules! text {
    ($name:literal) => {
        include_str!(concat!("operations/", $name, ".graphql"))
    };
}

/// Everything that is loaded.
pub const WORKSPACE: Operation = Operation {
    name: "Workspace",
    is_read: true,
    texts: &[text!("workspace"), text!("error")],
};

/// Whether a run config fits a job.
pub const VALIDATE: Operation = Operation {
    name: "ValidateRunConfig",
    is_read: true,
    texts: &[text!("validate"), text!("error")],
};

/// Launches a run.
pub const LAUNCH: Operation = Operation {
    name: "LaunchRun",
    is_read: false,
    texts: &[text!("launch"), text!("error")],
};

/// A run's status.
pub const STATUS: Operation = Operation {
    name: "RunStatus",
    is_read: true,
    texts: &[text!("status"), text!("error")],
};

/// A run's events.
pub const LOGS: Operation = Operation {
    name: "RunLogs",
    is_read: true,
    texts: &[text!("logs"), text!("error"), text!("metadata")],
};

/// The newest of some runs.
pub const LATEST_RUN: Operation = Operation {
    name: "LatestRun",
    is_read: true,
    texts: &[text!("latest_run"), text!("error")],
};

/// What a run's steps have printed.
pub const CAPTURED_LOGS: Operation = Operation {
    name: "CapturedLogs",
    is_read: true,
    texts: &[text!("captured_logs")],
};

/// Ends a run.
pub const TERMINATE: Operation = Operation {
    name: "TerminateRun",
    is_read: false,
    texts: &[text!("terminate"), text!("error")],
};

/// All of them.
pub const ALL: &[&Operation] = &[
    &WORKSPACE,
    &VALIDATE,
    &LAUNCH,
    &STATUS,
    &LOGS,
    &CAPTURED_LOGS,
    &TERMINATE,
];
