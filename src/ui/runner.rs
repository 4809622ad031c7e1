//! What a CI runner would take for a command to itself, or for an error to point at.
//!
//! GitHub's runner reads what steps print, on stdout and stderr alike: a line that begins with `::`,
//! blanks aside, or that holds `##[` anywhere, may set an environment variable or mask a word in
//! the log. What daglab prints holds foreign text, so under a runner such marks are broken by an
//! invisible character. So are places such as `a.py:3` in text for people: steps before may have
//! registered problem matchers, patterns that make annotations of such lines, and daglab annotates
//! what it has to say itself.
//! See <https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions>.

use std::borrow::Cow;
use std::io::{self, Write};
use std::sync::LazyLock;

use regex::Regex;

use crate::redact::secrets;

static UNDER_A_RUNNER: LazyLock<bool> =
    LazyLock::new(|| std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true"));

/// What begins a command anywhere in a line: GitHub's older runners and Azure's.
const MARKS: [&str; 2] = ["##[", "##vso["];

/// A zero-width space.
const BREAK: char = '\u{200b}';

/// Whether GitHub's runner reads what this process prints.
pub fn reads() -> bool {
    *UNDER_A_RUNNER
}

/// `text` without secrets, and without commands where a runner reads it. Programs can still read
/// what is written in a format of theirs.
pub fn harmless(text: &str) -> Cow<'_, str> {
    let known = secrets::known();
    match (known.remove_from_document(text), reads()) {
        (text, false) => text,
        (Cow::Borrowed(text), true) => without_commands(text),
        (Cow::Owned(text), true) => Cow::Owned(without_commands(&text).into_owned()),
    }
}

/// The same for text that only people read: it also points at no place that a problem matcher
/// would find.
pub fn harmless_for_people(text: &str) -> Cow<'_, str> {
    let text = harmless(text);
    if reads() {
        Cow::Owned(without_places(&text))
    } else {
        text
    }
}

/// `text` with a break before the line number of every place: after `a.py:`, `, line ` and `(`.
fn without_places(text: &str) -> String {
    static PLACE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?i)(:|\bline |\()(\d)").expect("the pattern is part of the program")
    });
    PLACE
        .replace_all(text, format!("${{1}}{BREAK}${{2}}"))
        .into_owned()
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

/// Writes a command of daglab's own for the runner, which reads it from stderr as well.
pub fn command(line: &str) {
    let known = secrets::known();
    mask(&known.remove(line));
}

/// Writes a command that may hold secrets: the one that has them hidden.
pub fn mask(line: &str) {
    if !reads() {
        return;
    }
    // There is nowhere to say that stderr is gone, and the work goes on without it.
    let _ = writeln!(io::stderr(), "{line}");
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
            Ok(text) => self.0.write_all(harmless_for_people(text).as_bytes())?,
            Err(_) => {
                let text = String::from_utf8_lossy(bytes);
                self.0.write_all(harmless_for_people(&text).as_bytes())?;
            }
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
    fn places_are_broken_and_stay_readable() {
        let text = "File \"a.py\", line 3, in f\na.py:12:5: error\nx.cs(3,4): at 10:30";
        let broken = without_places(text);
        assert_eq!(broken.replace(BREAK, ""), text);
        assert!(
            !Regex::new(r"(:|line |\()\d").unwrap().is_match(&broken),
            "{broken}"
        );
    }

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
