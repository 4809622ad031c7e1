//! `daglab run`: jobs and assets, launched and followed.

mod ephemeral;
mod remote;
mod report;

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use clap::{ArgGroup, Args, ValueEnum};

use super::children::{self, ChildArgs};
use super::connect::ConnectArgs;
use super::{Context, Failure};
use crate::completion;
use crate::config::model::LogLevel;
use crate::config::{FlagValue, Loaded, ci};
use crate::dagster::Error as DagsterError;
use crate::dagster::gate::Gate;
use crate::dagster::operations::{
    CancelPartitionBackfill, LaunchPartitionBackfill, LaunchRun, LaunchRunReexecution,
    Operation as _, TerminateRun,
};
use crate::error::{Diagnose, ExitStatus};
use crate::project;
use crate::run::Emit;
use crate::run::ndjson::Lines;
use crate::run::plan::Executor;
use crate::run::request::{Assets, ConfigText, Request};
use crate::ui::progress::{Event, Progress};
use crate::ui::steps::Detail;

/// Launch jobs or assets, and follow them to their ends.
///
/// Everything that is asked for is looked up and validated before the first run is launched. The
/// run's page in Dagster's UI is printed first, then what happens in it, and in the end what failed
/// and why. With `--ephemeral`, daglab starts Dagster by itself and nothing else needs to be running.
#[derive(Debug, Clone, Args)]
#[command(group = ArgGroup::new("what").required(true).multiple(true)
    .args(["job", "asset_selection", "asset_pattern", "select", "reexecute", "from_failure", "follow"]))]
pub struct RunArgs {
    /// Launch this job; may be given several times
    #[arg(long, value_name = "NAME", add = completion::jobs())]
    pub job: Vec<String>,

    /// Materialize these assets, or only these of the job
    #[arg(long, value_name = "KEY,…", value_delimiter = ',', add = completion::assets())]
    pub asset_selection: Vec<String>,

    /// Materialize the assets whose keys match, or only these of the job
    #[arg(long, value_name = "GLOB")]
    pub asset_pattern: Vec<String>,

    /// Materialize what this selects, in Dagster's asset selection syntax
    #[arg(long, value_name = "EXPR", add = completion::selections(),
        conflicts_with_all = ["job", "asset_selection", "asset_pattern"])]
    pub select: Option<String>,

    /// Run again what this run did
    #[arg(long, value_name = "RUN_ID", conflicts_with_all = LAUNCHING)]
    pub reexecute: Option<String>,

    /// Run again what failed in this run, and what follows from it
    #[arg(long, value_name = "RUN_ID", conflicts_with_all = LAUNCHING, conflicts_with = "reexecute")]
    pub from_failure: Option<String>,

    /// Follow this run, which is there already
    #[arg(long, value_name = "RUN_ID", conflicts_with_all = LAUNCHING,
        conflicts_with_all = ["reexecute", "from_failure", "no_wait"])]
    pub follow: Option<String>,

    /// The repository, where several have a job of the name
    #[arg(long, value_name = "NAME", add = completion::repositories())]
    pub repo: Option<String>,

    /// The code location, where several have a job of the name
    #[arg(long, value_name = "NAME", add = completion::locations())]
    pub location: Option<String>,

    /// A YAML file of run config, over that of `daglab.yaml`; a later one goes over an earlier
    #[arg(long, value_name = "PATH.yaml")]
    pub run_config: Vec<PathBuf>,

    /// Run config as YAML, over that of files
    #[arg(long, value_name = "YAML")]
    pub config_yaml: Option<String>,

    /// The partition; one run for each, if it is given several times
    #[arg(long, value_name = "KEY")]
    pub partition: Vec<String>,

    /// All partitions from one to another, as a backfill
    #[arg(long, value_name = "START...END", value_parser = range,
        conflicts_with_all = ["partition", "run_config", "config_yaml"])]
    pub partition_range: Option<(String, String)>,

    /// A tag for each run; may be given several times
    #[arg(long, value_name = "KEY=VALUE", value_parser = tag)]
    pub tags: Vec<(String, String)>,

    /// Look everything up, validate the run config, and launch nothing
    #[arg(long)]
    pub validate_only: bool,

    /// Wait for the end, which is the default
    #[arg(long, overrides_with = "no_wait")]
    pub wait: bool,

    /// Launch, print the page's address, and end
    #[arg(long, overrides_with = "wait",
        conflicts_with_all = ["ephemeral", "timeout", "cancel_on_timeout"])]
    pub no_wait: bool,

    /// How long to wait for each run [default: 300]
    #[arg(long, value_name = "SECONDS", value_parser = children::positive_seconds)]
    pub timeout: Option<f64>,

    /// Cancel a run whose time is over, instead of leaving it to itself
    #[arg(long)]
    pub cancel_on_timeout: bool,

    /// How much of what user code logs is shown
    #[arg(long, value_name = "LEVEL", default_value = "info", ignore_case = true)]
    pub log_level: LogLevelArg,

    /// What to print on stdout
    #[arg(long, short, value_name = "FORMAT", default_value = "table")]
    pub output: OutputArg,

    /// The project's directory, for `daglab.yaml` and `--ephemeral`
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub project: PathBuf,

    /// Start Dagster for this command alone, and end it afterwards
    #[arg(long, conflicts_with_all = ["dagster_url", "dagster_port", "auth_token", "repo", "reexecute",
        "from_failure", "follow", "partition_range", "repo"])]
    pub ephemeral: bool,

    /// How children of `--ephemeral` are started, and what they get
    #[command(flatten)]
    pub children: ChildArgs,

    /// Which server, and who asks
    #[command(flatten)]
    pub connect: ConnectArgs,
}

/// The flags that say what to launch.
const LAUNCHING: [&str; 12] = [
    "job",
    "location",
    "repo",
    "select",
    "asset_selection",
    "asset_pattern",
    "run_config",
    "config_yaml",
    "partition",
    "partition_range",
    "tags",
    "validate_only",
];

/// How much of what user code logs is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogLevelArg {
    /// All, and what Dagster says about its own work
    Debug,
    /// All but debugging
    Info,
    /// Warnings and errors
    Warning,
    /// Errors
    Error,
    /// Nothing
    Off,
}

/// What to print on stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputArg {
    /// A summary for people
    Table,
    /// The report as one JSON value
    Json,
    /// What happens, one JSON value a line, and the report as the last
    Ndjson,
}

/// What is wrong with the command line.
#[derive(Debug, thiserror::Error)]
enum Error {
    /// Flags of a project, and no project.
    #[error("`--ephemeral` needs a Dagster project")]
    NoProject(#[source] project::Error),
    /// A flag that goes with assets or jobs.
    #[error("{0}")]
    Usage(String),
}

impl Diagnose for Error {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::NoProject(error) => error.exit_status(),
            Self::Usage(_) => ExitStatus::Usage,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NoProject(error) => error.hint(),
            Self::Usage(_) => None,
        }
    }
}

/// Carries out the command.
pub async fn run(args: &RunArgs, context: &Context) -> Result<ExitStatus, Failure> {
    let start = context.folder(&args.project);
    let found = context.project(&start);
    let root = found.as_ref().map_or(start, |project| project.root.clone());
    let loaded = context.settings(&root, args.flags())?;
    if !args.ephemeral && args.children.is_given() {
        let message = "`--python`, `--env` and `--isolation` go with `--ephemeral`";
        return Err(Error::Usage(message.to_owned()).into());
    }
    let request = args.request(&loaded);
    if args.ephemeral {
        let project = found.map_err(Error::NoProject)?;
        ephemeral::run(args, context, &project, &loaded, &request).await
    } else {
        let name = found.ok().map(|project| project.name);
        remote::run(args, context, &root, name, &loaded, &request).await
    }
}

impl RunArgs {
    /// Asks the gate before anything is sent: a run that the sandbox refuses, or that could not be
    /// cancelled when its time is over, is not even prepared.
    fn pass(&self, gate: &Gate) -> Result<(), DagsterError> {
        let is_backfill =
            self.partition_range.is_some() || self.follow.as_deref().is_some_and(is_backfill);
        if self.follow.is_none() && !self.validate_only {
            gate.pass(if self.reexecute.is_some() || self.from_failure.is_some() {
                &LaunchRunReexecution::DESCRIBED
            } else if is_backfill {
                &LaunchPartitionBackfill::DESCRIBED
            } else {
                &LaunchRun::DESCRIBED
            })?;
        }
        if self.cancel_on_timeout && !self.no_wait && !self.validate_only {
            gate.pass(match is_backfill {
                true => &CancelPartitionBackfill::DESCRIBED,
                false => &TerminateRun::DESCRIBED,
            })?;
        }
        Ok(())
    }

    /// The flags that are settings, for the topmost layer.
    fn flags(&self) -> Vec<FlagValue> {
        self.connect.flags().chain(self.children.flags()).collect()
    }

    /// What is asked for, as far as flags say it.
    fn request(&self, loaded: &Loaded) -> Request {
        let settings = &loaded.settings;
        let files = self.run_config.iter().cloned().map(ConfigText::File);
        let text = self.config_yaml.iter().cloned().map(ConfigText::Text);
        let executor = match settings.ci.executor {
            // On a deployment, its jobs are run as they are.
            ci::Executor::InProcess if self.ephemeral => Executor::InProcess,
            _ => Executor::Job,
        };
        Request {
            jobs: self.job.clone(),
            assets: if let Some(text) = &self.select {
                Assets::Expression(text.clone())
            } else if self.asset_selection.is_empty() && self.asset_pattern.is_empty() {
                Assets::None
            } else {
                Assets::Named {
                    keys: self.asset_selection.clone(),
                    patterns: self.asset_pattern.clone(),
                }
            },
            partitions: self.partition.clone(),
            tags: self.tags.clone(),
            config: files.chain(text).collect(),
            timeout: match self.timeout {
                Some(seconds) => Duration::from_secs_f64(seconds),
                None => settings.performance.max_wait_time.duration(),
            },
            executor,
            validate: settings.defaults.validate_config || self.validate_only,
        }
    }

    /// Shows what happens on stderr, and for programs on stdout.
    fn listen(&self, context: &Context, several: bool) -> Emit {
        let level = match self.log_level {
            LogLevelArg::Debug => Some(LogLevel::Debug),
            LogLevelArg::Info => Some(LogLevel::Info),
            LogLevelArg::Warning => Some(LogLevel::Warning),
            LogLevelArg::Error => Some(LogLevel::Error),
            LogLevelArg::Off => None,
        };
        let progress = Progress::new(context.printer).with_steps(Detail { level, several });
        let progress = RefCell::new(progress);
        let lines = (self.output == OutputArg::Ndjson).then(RefCell::<Lines>::default);
        let printer = context.printer;
        Rc::new(move |event: Event| {
            let line = lines
                .as_ref()
                .and_then(|lines| lines.borrow_mut().of(&event));
            if let Some(line) = line
                && let Err(error) = printer.result(&line)
            {
                tracing::warn!("an event could not be written: {error}");
            }
            progress.borrow_mut().handle(event);
        })
    }
}

/// Whether an id is that of a backfill: Dagster's ids of runs are UUIDs, those of backfills are short
/// words.
fn is_backfill(id: &str) -> bool {
    !id.contains('-')
}

/// Reads `START...END`.
fn range(text: &str) -> Result<(String, String), String> {
    match text.split_once("...") {
        Some((from, to)) if !from.is_empty() && !to.is_empty() => {
            Ok((from.to_owned(), to.to_owned()))
        }
        _ => Err("not `START...END`".to_owned()),
    }
}

/// Reads `KEY=VALUE`.
fn tag(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("not `KEY=VALUE`".to_owned()),
    }
}
