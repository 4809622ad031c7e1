//! What can be wrong with a project or its environment.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::error::{Diagnose, ExitStatus};

/// A line of a user's file, shown with an arrow below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// The file.
    pub path: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
    /// The whole line.
    pub text: String,
}

impl Excerpt {
    /// The place at `line` and `column` (both from 1) of a file that holds `source`.
    pub fn at(path: &Path, source: &str, line: usize, column: usize) -> Self {
        let line = line.max(1);
        let text = source.lines().nth(line - 1).unwrap_or_default().to_owned();
        Self {
            path: path.to_owned(),
            line,
            column: column.max(1),
            text,
        }
    }

    /// The place at a byte offset of a file that holds `source`.
    pub fn at_offset(path: &Path, source: &str, offset: usize) -> Self {
        let mut end = offset.min(source.len());
        while !source.is_char_boundary(end) {
            end -= 1;
        }
        let before = &source[..end];
        let line = before.matches('\n').count() + 1;
        let column = before
            .rsplit('\n')
            .next()
            .unwrap_or_default()
            .chars()
            .count()
            + 1;
        Self::at(path, source, line, column)
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.line.to_string();
        let margin = " ".repeat(number.len());
        // Tabs are kept in front of the arrow, so that it lands where the terminal puts the text.
        let indent: String = self
            .text
            .chars()
            .take(self.column - 1)
            .map(|c| if c == '\t' { '\t' } else { ' ' })
            .collect();
        writeln!(
            f,
            "{margin}--> {}:{}:{}",
            self.path.display(),
            self.line,
            self.column
        )?;
        writeln!(f, "{margin} |")?;
        writeln!(f, "{number} | {}", self.text)?;
        write!(f, "{margin} | {indent}^")
    }
}

/// What can be wrong with a project or its environment.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The folder that was named is not there.
    #[error("there is no folder `{}`", path.display())]
    NoSuchFolder {
        /// What was named.
        path: PathBuf,
    },
    /// No marker of a Dagster project in the folder or above it.
    #[error("no Dagster project in `{}`", start.display())]
    NotAProject {
        /// Where the search began.
        start: PathBuf,
        /// The last folder that was searched: the git root, or `start`.
        top: PathBuf,
        /// Files further down that look like definitions, relative to `start`.
        candidates: Vec<PathBuf>,
    },
    /// A file of the project could not be read.
    #[error("cannot read `{}`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file of the project says something that Dagster would not accept.
    #[error("{}", problem)]
    Invalid {
        /// What is wrong, as a sentence.
        problem: String,
        /// Where.
        excerpt: Box<Excerpt>,
        /// What would be right.
        hint: Option<String>,
    },
    /// A marker was found and names no code location.
    #[error("`{}` names no code location", marker.display())]
    NoLocations {
        /// The file.
        marker: PathBuf,
        /// What to write there.
        hint: String,
    },
    /// Two code locations have one name.
    #[error("two code locations are named `{name}`")]
    DuplicateLocation {
        /// The name.
        name: String,
        /// The file that names them, unless flags did.
        marker: Option<PathBuf>,
    },
    /// A file or folder named on the command line is not there.
    #[error("there is no {what} `{}`", path.display())]
    MissingTarget {
        /// What it was to be.
        what: &'static str,
        /// The path.
        path: PathBuf,
    },
    /// Flags that exclude each other.
    #[error("{problem}")]
    Flags {
        /// Which, as a sentence.
        problem: String,
    },
    /// A folder of the project hides the installed Dagster.
    #[error("`{}` hides the installed `dagster` package", init.display())]
    ShadowedDagster {
        /// The file that makes the folder a package.
        init: PathBuf,
    },

    /// No interpreter that could be used.
    #[error("no Python found{}", wanted.as_ref().map(|w| format!(" that satisfies `{w}`")).unwrap_or_default())]
    NoPython {
        /// The version that was asked for.
        wanted: Option<String>,
        /// What was looked at, and why it would not do.
        looked_at: Vec<String>,
    },
    /// What `--python` names is no Python.
    #[error("`{value}` is not a Python: {reason}")]
    NotAPython {
        /// What was given.
        value: String,
        /// Why not.
        reason: String,
    },
    /// An environment that is there but cannot be started.
    #[error("the environment `{}` is broken: {reason}", path.display())]
    BrokenEnvironment {
        /// Its folder.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The interpreter is too old.
    #[error("Python {version} at `{}` is too old, daglab needs {} or later", python.display(), super::environment::OLDEST_PYTHON)]
    PythonTooOld {
        /// The interpreter.
        python: PathBuf,
        /// Its version.
        version: String,
    },
    /// The installed Dagster is outside the supported range.
    #[error("Dagster {version} in `{}` is not supported, daglab works with {}", python.display(), super::environment::SUPPORTED_DAGSTER)]
    UnsupportedDagster {
        /// The interpreter.
        python: PathBuf,
        /// The version of Dagster.
        version: String,
    },
    /// A Python without Dagster, and a project that declares nothing to install.
    #[error("no Python with Dagster: {}", looked_at.join("; "))]
    NoDagster {
        /// What was looked at.
        looked_at: Vec<String>,
        /// The project.
        root: PathBuf,
    },
    /// An installation tool has failed.
    #[error("could not {action}")]
    InstallFailed {
        /// What was to be done: `install the requirements of …`.
        action: String,
        /// The command line that failed.
        command: String,
        /// The last lines of its output.
        output: String,
        /// What is likely to help.
        hint: String,
    },
    /// The cache directory cannot be used.
    #[error("cannot use the cache directory `{}`", path.display())]
    Cache {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl Error {
    pub(crate) fn invalid(excerpt: Excerpt, problem: impl Into<String>) -> Self {
        Self::Invalid {
            problem: problem.into(),
            excerpt: Box::new(excerpt),
            hint: None,
        }
    }

    pub(crate) fn with_hint(self, text: impl Into<String>) -> Self {
        match self {
            Self::Invalid {
                problem, excerpt, ..
            } => Self::Invalid {
                problem,
                excerpt,
                hint: Some(text.into()),
            },
            other => other,
        }
    }
}

impl Diagnose for Error {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::Flags { .. } => ExitStatus::Usage,
            Self::Invalid { .. }
            | Self::NoLocations { .. }
            | Self::DuplicateLocation { .. }
            | Self::ShadowedDagster { .. } => ExitStatus::Validation,
            Self::NoSuchFolder { .. }
            | Self::NotAProject { .. }
            | Self::Unreadable { .. }
            | Self::MissingTarget { .. }
            | Self::NoPython { .. }
            | Self::NotAPython { .. }
            | Self::BrokenEnvironment { .. }
            | Self::PythonTooOld { .. }
            | Self::UnsupportedDagster { .. }
            | Self::NoDagster { .. }
            | Self::InstallFailed { .. }
            | Self::Cache { .. } => ExitStatus::Environment,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NoSuchFolder { .. } => Some("name the folder of the Dagster project".to_owned()),
            Self::NotAProject { start, top, candidates } => Some(not_a_project(start, top, candidates)),
            Self::Invalid { hint, .. } => hint.clone(),
            Self::NoLocations { hint, .. } | Self::InstallFailed { hint, .. } => Some(hint.clone()),
            Self::DuplicateLocation { marker, .. } => Some(match marker {
                Some(path) => format!("give each its own `location_name` in `{}`", path.display()),
                None => "list them in a `workspace.yaml` with a `location_name` each".to_owned(),
            }),
            Self::ShadowedDagster { init } => Some(format!(
                "delete `{}`: without it the folder's modules still import, and `import dagster` finds the installed package",
                init.display()
            )),
            Self::NoPython { wanted: Some(_), .. } => Some(
                "install that Python, or install uv, which fetches one by itself".to_owned(),
            ),
            Self::NoPython { wanted: None, .. } => Some(format!(
                "install Python {} or later, or uv, or name one with `--python`",
                super::environment::OLDEST_PYTHON
            )),
            Self::NotAPython { .. } => Some(
                "give `--python` an interpreter, the folder of a virtual environment, or a version such as `3.12`".to_owned(),
            ),
            Self::BrokenEnvironment { path, .. } => Some(format!(
                "make it anew (`uv sync`, or `python -m venv --clear {}`), or remove it and daglab makes its own",
                path.display()
            )),
            Self::PythonTooOld { .. } => Some("name a newer one with `--python 3.12`".to_owned()),
            Self::UnsupportedDagster { .. } => Some("upgrade `dagster` in that environment".to_owned()),
            Self::NoDagster { root, .. } => Some(format!(
                "list `dagster` in `{}` or in `requirements.txt` there, or name an environment that has it with `--python`",
                root.join("pyproject.toml").display()
            )),
            Self::Cache { .. } => Some("name another with `DAGLAB_CACHE_DIR`".to_owned()),
            Self::Unreadable { .. } | Self::MissingTarget { .. } | Self::Flags { .. } => None,
        }
    }

    fn detail(&self) -> Option<String> {
        match self {
            Self::Invalid { excerpt, .. } => Some(excerpt.to_string()),
            Self::InstallFailed {
                command, output, ..
            } => Some(format!("$ {command}\n{output}")),
            Self::NoPython { looked_at, .. } if !looked_at.is_empty() => Some(looked_at.join("\n")),
            _ => None,
        }
    }
}

fn not_a_project(start: &Path, top: &Path, candidates: &[PathBuf]) -> String {
    let looked_for = "`[tool.dagster]` or `[tool.dg]` in `pyproject.toml`, `workspace.yaml`, `dg.toml`, `definitions.py`";
    let place = if start == top {
        format!("`{}`", start.display())
    } else {
        format!(
            "`{}` and its parents up to `{}`",
            start.display(),
            top.display()
        )
    };
    let advice = match candidates {
        [] => {
            "name the project's folder, or its definitions with `-f FILE` or `-m MODULE`".to_owned()
        }
        [one, ..] => format!("if `{0}` is it, say `-f {0}`", one.display()),
    };
    format!("looked for {looked_for} in {place}; {advice}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_points_at_the_column() {
        let excerpt = Excerpt::at(
            Path::new("workspace.yaml"),
            "load_from:\n  - python_fil: a.py\n",
            2,
            5,
        );
        insta::assert_snapshot!(excerpt, @r"
         --> workspace.yaml:2:5
          |
        2 |   - python_fil: a.py
          |     ^
        ");
    }

    #[test]
    fn an_offset_is_counted_in_characters() {
        let excerpt = Excerpt::at_offset(Path::new("a"), "é\nüx", "é\nü".len());
        assert_eq!((excerpt.line, excerpt.column), (2, 2));
        let past_the_end = Excerpt::at_offset(Path::new("a"), "é", 99);
        assert_eq!((past_the_end.line, past_the_end.column), (1, 2));
    }
}
