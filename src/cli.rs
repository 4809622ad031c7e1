//! The command line: the tree of subcommands and the flags they share.

use clap::builder::Styles;
use clap::builder::styling::AnsiColor;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::commands::{ci, config, export};

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
    /// Validate and run a project's jobs, assets and notebooks, and report
    Ci(ci::CiArgs),
    /// Show what is configured, and where each value comes from
    Config(config::ConfigArgs),
    /// Run one notebook, export it to HTML, and attach the link in Dagster
    Export(export::ExportArgs),
}

impl Command {
    /// Whether it starts other processes and so runs under a guard.
    pub fn starts_processes(&self) -> bool {
        match self {
            Self::Ci(args) => !args.plan,
            Self::Export(_) => true,
            Self::Config(_) => false,
        }
    }
}
