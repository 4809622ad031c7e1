//! What IPython adds to Python, as Python.

mod cell;
mod line;
mod shell;
mod sql;

use std::collections::BTreeSet;

use super::Severity;
use super::literal::unexpanded;

pub use cell::{CellMagic, Within, cell};
pub use line::line;
pub use shell::shell;

/// Code that a translation needs beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// A module, by its `import` statement.
    Import(&'static str),
    /// The function `run_shell`.
    RunShell,
    /// The function `shell_lines`.
    ShellLines,
    /// The function `run_script`.
    RunScript,
    /// The function `display`.
    Display,
}

/// What becomes of one magic or shell line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Translated {
    /// The Python in its place; `None` where it becomes a comment.
    pub code: Option<String>,
    /// How much there is to do.
    pub severity: Severity,
    /// Why, where it was not simply translated.
    pub reason: String,
    /// What to do.
    pub action: String,
    /// What the code needs.
    pub needs: BTreeSet<Need>,
}

impl Translated {
    fn code(code: impl Into<String>) -> Self {
        Self {
            code: Some(code.into()),
            severity: Severity::Info,
            reason: String::new(),
            action: String::new(),
            needs: BTreeSet::new(),
        }
    }

    fn dropped(reason: &str) -> Self {
        Self {
            code: None,
            reason: reason.to_owned(),
            ..Self::code("")
        }
    }

    fn manual(reason: impl Into<String>, action: impl Into<String>) -> Self {
        Self {
            code: None,
            severity: Severity::Manual,
            reason: reason.into(),
            action: action.into(),
            needs: BTreeSet::new(),
        }
    }

    fn review(mut self, reason: impl Into<String>, action: impl Into<String>) -> Self {
        self.severity = Severity::Review;
        self.reason = reason.into();
        self.action = action.into();
        self
    }

    fn needs(mut self, need: Need) -> Self {
        self.needs.insert(need);
        self
    }

    /// Says so if IPython may have put a value into a text where none could be put in here.
    fn expanded(self, text: &str, known: Known<'_>) -> Self {
        match unexpanded(text, known) {
            Some(place) if self.severity == Severity::Info => self.review(
                format!("`{place}` stayed as it is: no value could be put in for it"),
                "put the value in, if it is Python's and not the shell's",
            ),
            _ => self,
        }
    }
}

/// Whether the notebook has a name.
pub type Known<'a> = &'a dyn Fn(&str) -> bool;

/// Whether code may be wrapped as an expression.
fn is_expression(code: &str) -> bool {
    ruff_python_parser::parse_expression(code).is_ok()
}

fn split(line: &str) -> (&str, &str) {
    let line = line.trim();
    match line.split_once(char::is_whitespace) {
        Some((name, rest)) => (name, rest.trim()),
        None => (line, ""),
    }
}

/// Without options, `-n 10` and `-r3` as `%timeit` has them.
fn without_options(line: &str) -> &str {
    let mut rest = line.trim();
    while let Some(option) = rest.strip_prefix('-') {
        let (word, after) = split(option);
        let takes_value = matches!(
            word,
            "n" | "r" | "p" | "t" | "s" | "l" | "T" | "D" | "f" | "m"
        );
        rest = if takes_value { split(after).1 } else { after };
    }
    rest
}

/// Words that IPython takes for magics without their `%`.
pub const AUTOMAGIC: &[&str] = &[
    "pip",
    "conda",
    "cd",
    "ls",
    "ll",
    "pwd",
    "cat",
    "cp",
    "mv",
    "mkdir",
    "rm",
    "rmdir",
    "who",
    "whos",
    "matplotlib",
    "load_ext",
    "timeit",
    "time",
    "env",
    "run",
    "history",
    "config",
    "pylab",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn known(name: &str) -> bool {
        matches!(name, "path" | "df")
    }

    #[test]
    fn lines_become_python() {
        let shown: Vec<String> = [
            "matplotlib inline",
            "matplotlib widget",
            "load_ext autoreload",
            "time x = f()",
            "time",
            "timeit -n 10 -r3 f(x)",
            "timeit x = 1",
            "pip install -q pandas==2 polars",
            "env A=b c",
            "env A=$path",
            "env A",
            "env",
            "set_env A {path}",
            "cd ..",
            "cd",
            "cd -",
            "cd ~/x",
            "pwd",
            "ls -la $path",
            "run a.py",
            "run a.py --x",
            "run b.ipynb",
            "store -r x",
            "foo bar",
            "who",
            "sql SELECT 1",
            "sql postgresql://u@h/d",
            "prun f()",
        ]
        .iter()
        .map(|text| {
            let t = line(text, false, &known);
            format!(
                "%{text} → {} [{}]",
                t.code.as_deref().unwrap_or("#"),
                t.severity.as_str()
            )
        })
        .collect();
        insta::assert_snapshot!(shown.join("\n"));
    }

    #[test]
    fn cells_become_python() {
        let shown: Vec<String> = [
            ("time", "", "x = 1"),
            ("bash", "", "echo \"a\"\nls"),
            ("script", "perl", "print 1"),
            ("bash", "--bg", "sleep 1"),
            ("html", "", "<b>\"x\"</b>"),
            ("capture", "", "x = 1"),
            ("capture", "out", "x = 1"),
            ("writefile", "a/b.txt", "one\n  \ntwo"),
            ("writefile", "-a b", "x"),
            ("sql", "", "SELECT *\nFROM df"),
            ("sql", "r <<", "SELECT 1"),
            ("sql", "sqlite://", "SELECT 1"),
            ("R", "", "x <- 1"),
            ("foo", "", "x"),
        ]
        .iter()
        .map(|(name, rest, body)| {
            format!("%%{name} {rest} → {:#?}", cell(name, rest, body, &known))
        })
        .collect();
        insta::assert_snapshot!(shown.join("\n"));
    }

    #[test]
    fn shell_lines_become_calls() {
        let of = |text: &str, value| shell(text, value, &known).code;
        assert_eq!(of("ls $path", false).unwrap(), "run_shell(f\"ls {path}\")");
        assert_eq!(
            of("ls | wc -l", true).unwrap(),
            "shell_lines(\"ls | wc -l\")"
        );
        assert_eq!(of("pip install x", false), None);
        assert_eq!(of("python -m pip install x", false), None);
        assert_eq!(of("cd x", false), None);
    }
}
