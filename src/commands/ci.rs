//! `daglab ci`: the main job.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Validate and run a project's jobs, assets and notebooks, and report.
///
/// Starts an ephemeral Dagster instance, loads every code location, runs what the `ci` section of
/// `daglab.yaml` names and every marimo notebook, stores the exported pages with an `index.html`,
/// and attaches their links to the assets. Without a `ci` section nothing is launched that writes.
#[derive(Debug, Clone, Args)]
pub struct CiArgs {
    /// The project's directory
    #[arg(value_name = "PROJECT", default_value = ".")]
    pub project: PathBuf,

    /// Where the report, its index and the exported pages go [default: .daglab/artifacts]
    #[arg(long, value_name = "DIR")]
    pub artifacts_dir: Option<PathBuf>,

    /// Run only notebooks that match, and the runs they need; may be given several times
    #[arg(long, value_name = "GLOB")]
    pub notebooks: Vec<String>,

    /// Run only this job; may be given several times
    #[arg(long, value_name = "NAME")]
    pub jobs: Vec<String>,

    /// How many runs and notebooks go at once [default: the number of processors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=512))]
    pub concurrency: Option<u16>,

    /// How long each run and each notebook may take [default: 600]
    #[arg(long, value_name = "SECONDS", value_parser = positive_seconds)]
    pub timeout: Option<f64>,

    /// How processes are started [default: fork, and spawn where that fails]
    #[arg(long, value_name = "HOW")]
    pub isolation: Option<IsolationArg>,

    /// Which Dagster instance to use
    #[arg(long, value_name = "WHICH", default_value = "ephemeral")]
    pub instance: InstanceArg,

    /// Keep the instance in this directory, to be opened in Dagster's UI
    #[arg(long, value_name = "DIR", conflicts_with = "instance")]
    pub keep_instance: Option<PathBuf>,

    /// The interpreter to use, or its version
    #[arg(long, value_name = "PATH|VERSION")]
    pub python: Option<String>,

    /// Let children see this variable; may be given several times
    #[arg(long, value_name = "NAME")]
    pub env: Vec<String>,

    /// Which executor jobs get that did not choose one
    #[arg(long, value_name = "WHICH")]
    pub executor: Option<ExecutorArg>,

    /// Print what would run, and why, and start nothing
    #[arg(long)]
    pub plan: bool,

    /// Also write the result as JUnit XML
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,

    /// What to print on stdout
    #[arg(long, short, value_name = "FORMAT", default_value = "table")]
    pub output: OutputArg,
}

/// How processes are started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum IsolationArg {
    /// Forked from one process that has imported the libraries
    Fork,
    /// Each by its own command line
    Spawn,
}

/// Which Dagster instance to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum InstanceArg {
    /// A fresh one that is removed in the end
    Ephemeral,
    /// The one in `DAGSTER_HOME`, with its own storage and run launcher
    Existing,
}

/// Which executor jobs get that did not choose one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExecutorArg {
    /// All steps in the run's process
    InProcess,
    /// The job's own
    Job,
}

/// What to print on stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputArg {
    /// A summary for people
    Table,
    /// The report as one JSON value
    Json,
    /// The text of a pull-request comment
    Markdown,
}

/// Reads a time limit: a finite number of seconds above zero.
pub(super) fn positive_seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds.is_finite() && seconds > 0.0 => Ok(seconds),
        _ => Err("not a number of seconds above 0".to_owned()),
    }
}
