//! `daglab completions`: what a shell has to read to complete daglab's command lines.

use clap::{Args, ValueEnum};
use clap_complete::env::Shells;

use super::{Context, Failure};
use crate::completion;
use crate::error::ExitStatus;

/// What clap's script for bash lacks.
const BASH: &str = include_str!("completions.bash");

/// Print the script that makes a shell complete daglab's command lines.
///
/// Names of jobs, assets, groups and code locations are those that the last `daglab discover` found
/// in the project.
///
///   bash  echo 'source <(daglab completions bash)' >> ~/.bashrc
///   zsh   echo 'source <(daglab completions zsh)' >> ~/.zshrc
///   fish  daglab completions fish > ~/.config/fish/completions/daglab.fish
#[derive(Debug, Clone, Args)]
#[command(verbatim_doc_comment)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub shell: Shell,
}

/// A shell that can be taught.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// Bash
    Bash,
    /// Elvish
    Elvish,
    /// Fish
    Fish,
    /// PowerShell
    Powershell,
    /// Zsh
    Zsh,
}

/// Prints the script.
pub fn run(args: &CompletionsArgs, context: &Context) -> Result<ExitStatus, Failure> {
    let name = match args.shell {
        Shell::Bash => "bash",
        Shell::Elvish => "elvish",
        Shell::Fish => "fish",
        Shell::Powershell => "powershell",
        Shell::Zsh => "zsh",
    };
    let shells = Shells::builtins();
    let shell = shells.completer(name).expect("a shell that clap knows");
    let mut script = Vec::new();
    shell
        .write_registration(
            completion::VARIABLE,
            "daglab",
            "daglab",
            "daglab",
            &mut script,
        )
        .map_err(Failure::output)?;
    let mut script = String::from_utf8_lossy(&script).into_owned();
    if args.shell == Shell::Bash {
        script.push_str(BASH);
    }
    context.printer.result(&script).map_err(Failure::output)?;
    Ok(ExitStatus::Success)
}
