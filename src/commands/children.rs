//! The flags of every command that runs jobs or notebooks.

use clap::{Args, ValueEnum};

use crate::config::{FlagValue, model};

/// How children are started, and what they get.
#[derive(Debug, Clone, Args)]
pub struct ChildArgs {
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
    /// Whether any of them was given.
    pub(super) fn is_given(&self) -> bool {
        self.isolation.is_some() || self.python.is_some() || !self.env.is_empty()
    }

    /// The flags that are settings, for the topmost layer.
    pub(super) fn flags(&self) -> impl Iterator<Item = FlagValue> {
        let isolation = self.isolation.map(|how| match how {
            IsolationArg::Fork => "fork",
            IsolationArg::Spawn => "spawn",
        });
        FlagValue::given("ci.isolation", isolation, "--isolation").into_iter()
    }
}

/// Reads a time limit, within the bounds that settings have.
pub(super) fn positive_seconds(text: &str) -> Result<f64, String> {
    model::Seconds::parse(text).map(|seconds| seconds.0)
}
