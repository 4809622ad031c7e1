//! `docs/reference/cli.md` is what `--help` says, for those who read before they install, and
//! `docs/api-reference.md` what the docstrings of the helpers say.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that can't be set up has failed"
)]

use std::path::Path;

use clap::{Command, CommandFactory as _};
use daglab::cli::Cli;

/// The columns that a page has without scrolling.
const WIDTH: usize = 96;

fn reference() -> String {
    let mut cli = Cli::command().term_width(WIDTH);
    cli.build();
    let mut text = String::from(
        "# Command line\n\nWhat `daglab --help` and the help of each subcommand say. \
         `DAGLAB_TEST_UPDATE=1 cargo test --test reference` writes this page.\n",
    );
    describe(&mut cli, &mut text);
    text
}

fn describe(command: &mut Command, text: &mut String) {
    let name = command.get_bin_name().unwrap_or("daglab").to_owned();
    let help = command.render_long_help().to_string();
    let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
    text.push_str(&format!(
        "\n## {name}\n\n```text\n{}\n```\n",
        lines.join("\n").trim_end()
    ));
    for subcommand in command
        .get_subcommands_mut()
        .filter(|one| !one.is_hide_set())
    {
        describe(subcommand, text);
    }
}

#[test]
fn the_reference_is_the_help() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference/cli.md");
    let text = reference();
    if std::env::var_os("DAGLAB_TEST_UPDATE").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let documented = std::fs::read_to_string(&path).unwrap_or_default();
    pretty_assertions::assert_str_eq!(documented, text, "run it once with DAGLAB_TEST_UPDATE=1");
}

#[test]
fn the_api_reference_is_the_docstrings() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = root.join("scripts/write-api-reference.py");
    // It needs no package, so any Python will do.
    let python = std::env::var_os("DAGLAB_TEST_PYTHON").unwrap_or_else(|| "python3".into());
    let output = std::process::Command::new(python)
        .arg(program)
        .arg("--print")
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    let path = root.join("docs/api-reference.md");
    if std::env::var_os("DAGLAB_TEST_UPDATE").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let documented = std::fs::read_to_string(&path).unwrap_or_default();
    pretty_assertions::assert_str_eq!(documented, text, "run it once with DAGLAB_TEST_UPDATE=1");
}
