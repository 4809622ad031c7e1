//! What a CI runner would take for a command to itself.
//!
//! GitHub's runner reads what steps print, on stdout and stderr alike: a line that begins with `::`,
//! blanks aside, or that holds `##[` anywhere, may set an environment variable or mask a word in
//! the log. What daglab prints holds foreign text, so under a runner such marks are broken by an
//! invisible character.
//! See <https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions>.

use std::borrow::Cow;
use std::io::{self, Write};
use std::sync::LazyLock;

static UNDER_A_RUNNER: LazyLock<bool> =
    LazyLock::new(|| std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true"));

/// What begins a command anywhere in a line: GitHub's older runners and Azure's.
const MARKS: [&str; 2] = ["##[", "##vso["];

/// A zero-width space.
const BREAK: char = '\u{200b}';

/// `text` without commands, where a runner reads it.
pub fn harmless(text: &str) -> Cow<'_, str> {
    if *UNDER_A_RUNNER {
        without_commands(text)
    } else {
        Cow::Borrowed(text)
    }
}

fn without_commands(text: &str) -> Cow<'_, str> {
    let command = |line: &str| line.trim_start().starts_with("::");
    if !MARKS.iter().any(|mark| text.contains(mark)) && !text.lines().any(command) {
        return Cow::Borrowed(text);
    }
    let mut text = text.to_owned();
    for mark in MARKS {
        text = text.replace(mark, &format!("#{BREAK}{}", &mark[1..]));
    }
    let lines = text.split_inclusive('\n').map(|line| {
        if command(line) {
            line.replacen("::", &format!(":{BREAK}:"), 1)
        } else {
            line.to_owned()
        }
    });
    Cow::Owned(lines.collect())
}

/// Stderr, with every write made harmless. A line is to be written whole.
#[derive(Debug)]
pub struct Stderr(io::Stderr);

impl Stderr {
    /// Of this process.
    pub fn new() -> Self {
        Self(io::stderr())
    }
}

impl Default for Stderr {
    fn default() -> Self {
        Self::new()
    }
}

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match std::str::from_utf8(bytes) {
            Ok(text) => self.0.write_all(harmless(text).as_bytes())?,
            Err(_) => self.0.write_all(bytes)?,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_broken_and_nothing_else() {
        for plain in ["a::b\n  x: 1", "## title", ""] {
            assert!(matches!(without_commands(plain), Cow::Borrowed(_)));
        }
        let broken = without_commands("ok\n  ::add-mask::x\nsaid ##[add-mask]y\n## h");
        assert_eq!(
            broken,
            "ok\n  :\u{200b}:add-mask::x\nsaid #\u{200b}#[add-mask]y\n## h"
        );
    }
}
