//! The inputs of a GitHub Action as a command line.
//!
//! A runner gives an action's inputs as variables: `INPUT_` and the name in upper case. Each flag of
//! `daglab ci` can be given as the input of its name; what an input says goes through the same
//! parser as the flag.

use std::ffi::OsString;

use clap::{ArgAction, CommandFactory as _};

use crate::cli::Cli;
use crate::error::{Diagnose, ExitStatus};

/// An input that can't be a flag.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the input `{name}` is `{value}`, which is neither `true` nor `false`")]
pub struct NotABoolean {
    name: String,
    value: String,
}

impl Diagnose for NotABoolean {
    fn exit_status(&self) -> ExitStatus {
        ExitStatus::Usage
    }

    fn hint(&self) -> Option<String> {
        Some(format!("write `{}: true` or leave it out", self.name))
    }
}

/// The flags of `ci` that an action has no use for: stdout is the runner's log, what runs on a
/// runner is gone with it, and that it runs for GitHub is why it is there.
pub const NOT_INPUTS: [&str; 5] = ["github", "help", "keep-instance", "output", "version"];

/// The command line that the inputs stand for. Those that are empty are as good as absent.
pub fn command_line(
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Vec<OsString>, NotABoolean> {
    let input = |name: &str| {
        let value = variable(&format!("INPUT_{}", name.to_uppercase()))?;
        Some(value.trim().to_owned()).filter(|value| !value.is_empty())
    };
    let mut root = Cli::command();
    root.build();
    let ci = root.find_subcommand("ci").expect("there is a main command");
    // A report that is there already is all that there is to be told.
    let command = match input("report") {
        Some(_) => ci
            .find_subcommand("comment")
            .expect("it can only comment, too"),
        None => ci,
    };
    let mut line: Vec<OsString> = vec!["daglab".into(), "ci".into()];
    if command.get_name() == "comment" {
        line.push("comment".into());
    } else {
        line.push("--github".into());
    }
    // How people ask a runner for more.
    if variable("RUNNER_DEBUG").as_deref() == Some("1") {
        line.push("--verbose".into());
    }
    for arg in command.get_arguments().filter(|arg| !arg.is_global_set()) {
        let Some(name) = arg.get_long().filter(|name| !NOT_INPUTS.contains(name)) else {
            continue;
        };
        let Some(value) = input(name) else { continue };
        match arg.get_action() {
            ArgAction::SetTrue => match &*value.to_lowercase() {
                "true" => line.push(format!("--{name}").into()),
                "false" => {}
                _ => {
                    let name = name.to_owned();
                    return Err(NotABoolean { name, value });
                }
            },
            ArgAction::Append => {
                let values = value
                    .lines()
                    .map(str::trim)
                    .filter(|value| !value.is_empty());
                line.extend(values.map(|value| format!("--{name}={value}").into()));
            }
            _ => line.push(format!("--{name}={value}").into()),
        }
    }
    if let Some(project) = input("project").filter(|_| command.get_name() == "ci") {
        line.extend(["--".into(), project.into()]);
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(inputs: &[(&str, &str)]) -> Result<String, NotABoolean> {
        let variable = |name: &str| {
            let found = inputs.iter().find(|(other, _)| *other == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let line = command_line(variable)?;
        let words: Vec<String> = line
            .into_iter()
            .map(|word| word.into_string().unwrap())
            .collect();
        Ok(words.join(" "))
    }

    #[test]
    fn inputs_are_flags() {
        let inputs = [
            ("INPUT_PROJECT", "comment"),
            ("INPUT_NOTEBOOKS", "a/*.py\n\n  b.py "),
            ("INPUT_CHECK-RUN", "TRUE"),
            ("INPUT_TIMEOUT", "  "),
            ("INPUT_COMMENT-KEY", "--x y"),
            ("INPUT_OUTPUT", "json"),
            ("RUNNER_DEBUG", "1"),
        ];
        assert_eq!(
            line(&inputs).unwrap(),
            "daglab ci --github --verbose --notebooks=a/*.py --notebooks=b.py \
             --comment-key=--x y --check-run -- comment"
        );
    }

    #[test]
    fn a_report_is_only_commented() {
        let inputs = [
            ("INPUT_REPORT", "dir"),
            ("INPUT_PROJECT", "x"),
            ("INPUT_ENV", "A"),
        ];
        assert_eq!(line(&inputs).unwrap(), "daglab ci comment --report=dir");
    }

    #[test]
    fn a_switch_is_true_or_false() {
        assert_eq!(
            line(&[("INPUT_PLAN", "false")]).unwrap(),
            "daglab ci --github"
        );
        let error = line(&[("INPUT_PLAN", "yes")]).unwrap_err();
        assert!(error.to_string().contains("`plan` is `yes`"), "{error}");
    }
}
