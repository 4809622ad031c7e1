use std::collections::BTreeSet;

use clap::CommandFactory as _;
use daglab::cli::Cli;
use daglab::commands::action::NOT_INPUTS;

use super::*;

/// Inputs that are no flags of `ci`: its argument, what makes it comment only, and the token, which
/// no command line holds.
const OTHER_INPUTS: [&str; 3] = ["github-token", "project", "report"];

/// The names under a key of an action's file: the lines that are indented once.
fn names(file: &str, key: &str) -> BTreeSet<String> {
    let text = std::fs::read_to_string(format!("{}/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    text.lines()
        .skip_while(|line| *line != format!("{key}:"))
        .skip(1)
        .take_while(|line| line.is_empty() || line.starts_with([' ', '#']))
        .filter_map(|line| line.strip_prefix("  ")?.strip_suffix(':'))
        .filter(|name| !name.starts_with([' ', '#']))
        .map(str::to_owned)
        .collect()
}

#[test]
fn both_variants_have_an_input_for_each_flag() {
    let mut root = Cli::command();
    root.build();
    let ci = root.find_subcommand("ci").unwrap();
    let flags = ci
        .get_arguments()
        .filter(|arg| !arg.is_global_set())
        .filter_map(|arg| arg.get_long())
        .filter(|name| !NOT_INPUTS.contains(name))
        .map(str::to_owned);
    let expected: BTreeSet<String> = flags.chain(OTHER_INPUTS.map(str::to_owned)).collect();
    assert_eq!(names("action.yml", "inputs"), expected);
    let mut on_runner = names("on-runner/action.yml", "inputs");
    // Which program is run is nothing that it can be asked.
    for name in ["binary", "download-url"] {
        assert!(on_runner.remove(name), "{name}");
    }
    assert_eq!(on_runner, expected);
}

#[test]
fn outputs_are_those_that_are_set() {
    let (github, artifacts) = services();
    let project = Project::small();
    project.notebook("notebooks/good.py", &["1 + 1"]);
    let runner = Runner::of_pull_request(&github, &artifacts);
    run(&project, &runner).expect_code(0);
    let set: BTreeSet<String> = runner.outputs().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names("action.yml", "outputs"), set);
    assert_eq!(names("on-runner/action.yml", "outputs"), set);
}

#[test]
fn an_input_that_is_wrong_is_a_wrong_command_line() {
    let (github, artifacts) = services();
    let project = Project::small();
    for (input, value, part) in [
        ("INPUT_PLAN", "maybe", "neither `true` nor `false`"),
        ("INPUT_TIMEOUT", "soon", "--timeout"),
        ("INPUT_COMMENT", "sometimes", "--comment"),
    ] {
        let runner = Runner::of_pull_request(&github, &artifacts).with(input, value);
        run(&project, &runner).expect_code(2).expect_stderr(part);
    }
}
