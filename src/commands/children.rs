//! The flags of every command that runs jobs or notebooks.

use clap::{Args, ValueEnum};

use crate::config::{FlagValue, model};

/// How children are started, and what they get.
#[derive(Debug, Clone, Args)]
pub struct ChildArgs {
    /// How long each run and each notebook may take [default: 600]
    #[arg(long, value_name = "SECONDS", value_parser = positive_seconds)]
    pub timeout: Option<f64>,

    /// How processes are started [default: fork, and spawn where that fails]
    #[arg(long, value_name = "HOW")]
    pub isolation: Option<IsolationArg>,

    /// The interpreter to use, or its version
    #[arg(long, value_name = "PATH|VERSION")]
    pub python: Option<String>,

    /// Let children see this variable; may be given several times
    #[arg(long, value_name = "NAME")]
    pub env: Vec<String>,
}

/// How processes are started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum IsolationArg {
    /// Forked from one process that has imported the libraries
    Fork,
    /// Each by its own command line
    Spawn,
}

impl ChildArgs {
    /// The flags that are settings, for the topmost layer.
    pub(super) fn flags(&self) -> impl Iterator<Item = FlagValue> {
        let timeout = FlagValue::given("ci.timeout", self.timeout, "--timeout");
        let isolation = self.isolation.map(|how| match how {
            IsolationArg::Fork => "fork",
            IsolationArg::Spawn => "spawn",
        });
        let isolation = FlagValue::given("ci.isolation", isolation, "--isolation");
        timeout.into_iter().chain(isolation)
    }
}

/// Reads a time limit, within the bounds that settings have.
fn positive_seconds(text: &str) -> Result<f64, String> {
    model::Seconds::parse(text).map(|seconds| seconds.0)
}
