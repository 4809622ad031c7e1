//! The command line: the tree of subcommands and the flags they share.

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

use clap::builder::Styles;
use clap::builder::styling::AnsiColor;
use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};
use clap_complete::CompleteEnv;
use tokio::task::LocalSet;

use crate::commands::{
    Context, Failure, action, call, ci, clean, completions, config, discover, export, init,
    migrate, run, scaffold,
};
use crate::completion;
use crate::error::{Diagnose as _, ExitStatus};
use crate::github::runner::Files;
use crate::log::Log;
use crate::redact::secrets;
use crate::supervise::guard::{self, Role};
use crate::supervise::{self, descendants, orphans};
use crate::ui::runner::Stderr;
use crate::ui::{self, Printer};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

const EXIT_CODES: &str = "\
Exit codes: 0 success, 2 usage, 3 environment missing, 4 run failed, 5 network, \
6 authentication, 7 validation, 8 conflict, 130 interrupted, 143 terminated";

/// Continuous integration for Dagster repositories and their marimo notebooks.
#[derive(Debug, Parser)]
#[command(name = "daglab", version, styles = STYLES, after_help = EXIT_CODES)]
#[command(propagate_version = true, disable_help_subcommand = true)]
pub struct Cli {
    /// The flags that every subcommand has.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The flags that every subcommand has.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Print nothing but results and errors; twice: not even results
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub quiet: u8,
    /// Print what is done and why; twice: everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Don't draw progress, even on a terminal
    #[arg(long, global = true)]
    pub no_progress: bool,
    /// Whether to use colours
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: ColorChoice,
}

/// Whether to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run `ci` as the inputs of a GitHub Action say, and report to GitHub
    #[command(hide = true)]
    Action,
    /// Answer a question of `daglab.helpers`
    #[command(hide = true)]
    Call(call::CallArgs),
    /// Add daglab to a Dagster project, or make a new one
    Init(init::InitArgs),
    /// Make notebooks for a job, an asset or a selection of assets
    Scaffold(Box<scaffold::ScaffoldArgs>),
    /// Validate and run a project's jobs, assets and notebooks, and report
    Ci(Box<ci::CiArgs>),
    /// Launch jobs or assets, and follow them to their ends
    Run(Box<run::RunArgs>),
    /// Run notebooks, export them, and attach the links in Dagster
    Export(export::ExportArgs),
    /// List code locations, repositories, jobs, assets, schedules and sensors
    Discover(discover::DiscoverArgs),
    /// Delete old exports, the cache and what interrupted commands left in a project
    Clean(clean::CleanArgs),
    /// Turn Jupyter notebooks into marimo notebooks
    Migrate(migrate::MigrateArgs),
    /// Show what is configured, and where each value comes from
    Config(config::ConfigArgs),
    /// Print the script that makes a shell complete daglab's command lines
    Completions(completions::CompletionsArgs),
}

impl Command {
    /// Whether it starts other processes and so runs under a guard.
    pub fn starts_processes(&self) -> bool {
        match self {
            Self::Ci(args) => !args.plan && args.command.is_none(),
            Self::Export(_) | Self::Migrate(_) | Self::Scaffold(_) => true,
            Self::Run(args) => args.ephemeral,
            Self::Action
            | Self::Call(_)
            | Self::Clean(_)
            | Self::Completions(_)
            | Self::Config(_)
            | Self::Discover(_)
            | Self::Init(_) => false,
        }
    }
}

/// Answers a shell that asks how a command line may go on, and ends the process; does nothing if
/// none does.
pub fn complete() {
    CompleteEnv::with_factory(Cli::command)
        .var(completion::VARIABLE)
        .complete();
}

/// Runs a command and returns its exit code; everything there is to say has been said.
pub fn run(cli: Cli) -> ExitCode {
    match cli.global.color {
        ColorChoice::Auto => {}
        ColorChoice::Always => ui::style::force_color(true),
        ColorChoice::Never => ui::style::force_color(false),
    }
    let cli = match cli.command {
        Command::Action => match action::command_line(|name| std::env::var(name).ok()) {
            Ok(line) => match Cli::try_parse_from(line) {
                Ok(cli) => cli,
                Err(error) => {
                    // An input may hold lines that a runner would obey.
                    let _ = write!(Stderr::new(), "{}", error.render());
                    return ExitStatus::Usage.into();
                }
            },
            Err(error) => {
                ui::print_error(&error);
                return error.exit_status().into();
            }
        },
        _ => cli,
    };
    let printer = cli.global.printer();
    let is_call = matches!(cli.command, Command::Call(_));
    let log = Log::start(cli.global.log_level());
    match dispatch(cli, printer, log) {
        Ok(code) => code,
        Err(failure) => {
            if is_call || std::env::var_os(call::ERRORS_AS_JSON).is_some() {
                call::print_failure(&failure, printer);
                return failure.diagnose().exit_status().into();
            }
            let failure = failure.diagnose();
            if printer != Printer::Silent {
                ui::print_error(failure);
            }
            failure.exit_status().into()
        }
    }
}

fn dispatch(cli: Cli, printer: Printer, log: Log) -> Result<ExitCode, Failure> {
    let env: Vec<(String, String)> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    secrets::keep_variables(env.iter().map(|(name, value)| (&**name, &**value)), &[]);
    let workdir = if cli.command.starts_processes() {
        match guard::role()? {
            Role::Guard => {
                // Whatever becomes of the worker, what was run says nothing to later steps.
                let files = Files::take(|name| std::env::var(name).ok());
                let ended = guard::run(&answers(&cli.command));
                match &ended {
                    // What it has said itself stays.
                    Ok(ended) if !ended.was_killed => files.restore_others(),
                    _ => files.restore(),
                }
                return Ok(ended?.code);
            }
            Role::Worker(workdir) => Some(workdir),
        }
    } else {
        None
    };
    let context = Context {
        printer,
        log,
        env,
        dir: std::env::current_dir().unwrap_or_default(),
        workdir,
    };
    let result = match cli.command {
        Command::Action => unreachable!("the inputs have become a command"),
        Command::Call(args) => in_runtime(call::run(&args, &context)),
        Command::Clean(args) => in_runtime(clean::run(&args, &context)),
        Command::Completions(args) => completions::run(&args, &context),
        Command::Config(args) => config::run(&args, &context),
        Command::Discover(args) => in_runtime(discover::run(&args, &context)),
        Command::Init(args) => init::run(&args, &context),
        Command::Ci(args) => in_runtime(reaping(ci::run(&args, &context))),
        Command::Export(args) => in_runtime(reaping(export::run(&args, &context))),
        Command::Migrate(args) => in_runtime(reaping(migrate::run(&args, &context))),
        Command::Run(args) => in_runtime(reaping(run::run(&args, &context))),
        Command::Scaffold(args) => in_runtime(reaping(scaffold::run(&args, &context))),
    };
    if let Some(workdir) = &context.workdir {
        descendants::end_all();
        workdir.remove();
    }
    result.map(ExitCode::from)
}

/// What is asked at the terminal before the work begins, as arguments: the worker does not hear it.
fn answers(command: &Command) -> Vec<OsString> {
    let per = match command {
        Command::Scaffold(args) => scaffold::ask(args),
        _ => None,
    };
    let per = per.and_then(|per| per.to_possible_value());
    per.map(|per| format!("--per={}", per.get_name()).into())
        .into_iter()
        .collect()
}

/// Reaps what children leave while it works.
async fn reaping<T>(work: impl Future<Output = T>) -> T {
    tokio::select! {
        done = work => done,
        never = orphans::reap() => match never {},
    }
}

/// One thread for everything that waits: nothing here computes for long.
fn in_runtime<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(supervise::Error::System)?;
    let result = LocalSet::new().block_on(&runtime, work);
    // A thread that still reads a page must not hold up the end.
    runtime.shutdown_background();
    result
}

impl Global {
    fn printer(&self) -> Printer {
        match (self.quiet, self.verbose, self.no_progress) {
            (2.., ..) => Printer::Silent,
            (1, ..) => Printer::Quiet,
            (0, _, true) => Printer::NoProgress,
            (0, 0, false) => Printer::Default,
            (0, _, false) => Printer::Verbose,
        }
    }

    fn log_level(&self) -> Option<&'static str> {
        match (self.quiet, self.verbose) {
            (0, 0) => None,
            (1.., 0) => Some("warn"),
            (_, 1) => Some("daglab=info"),
            (_, 2..) => Some("daglab=debug"),
        }
    }
}
