//! Arguments in, exit code out.

use std::process::ExitCode;

use clap::Parser as _;
use daglab::cli::{self, Cli};

fn main() -> ExitCode {
    cli::complete();
    cli::run(Cli::parse())
}
