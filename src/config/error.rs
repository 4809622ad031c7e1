//! What can be wrong with a configuration, with the line of the user's file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Diagnose, ExitStatus};

/// A place in one of the user's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// Line and column, counted from 1; nothing for the whole file.
    pub at: Option<(usize, usize)>,
    /// The line's text, which places in it share: a file may be one long line of many values.
    pub line: Arc<str>,
}

/// How much of a line is shown on either side of a place, in characters.
const BESIDE: usize = 100;

/// The lines of a text, for many places in it.
#[derive(Debug)]
pub struct Lines<'a> {
    file: &'a Path,
    lines: Vec<Arc<str>>,
}

impl<'a> Lines<'a> {
    /// Of a file with this text.
    pub fn of(file: &'a Path, text: &str) -> Self {
        Self {
            file,
            lines: text.lines().map(Arc::from).collect(),
        }
    }

    /// A place in it.
    pub fn place(&self, at: (usize, usize)) -> Place {
        let line = self.lines.get(at.0.saturating_sub(1)).cloned();
        Place {
            file: self.file.to_owned(),
            at: Some(at),
            line: line.unwrap_or_default(),
        }
    }
}

impl Place {
    /// A place in a file with this text.
    pub fn new(file: &Path, at: (usize, usize), text: &str) -> Self {
        let line = text.lines().nth(at.0.saturating_sub(1));
        let line = line.unwrap_or_default().into();
        Self {
            file: file.to_owned(),
            at: Some(at),
            line,
        }
    }

    /// A file as a whole.
    pub fn whole(file: &Path) -> Self {
        Self {
            file: file.to_owned(),
            at: None,
            line: Arc::default(),
        }
    }

    /// The line of the file with an arrow below the column.
    pub fn snippet(&self) -> String {
        let file = self.file.display();
        let Some((line, column)) = self.at else {
            return format!("--> {file}");
        };
        let number = line.to_string();
        let margin = " ".repeat(number.len());
        let before = column.saturating_sub(1);
        let begin = before.saturating_sub(BESIDE);
        let mut rest = self.line.chars().skip(begin);
        let mut shown: String = rest.by_ref().take(before - begin + BESIDE).collect();
        if begin > 0 {
            shown.insert(0, '…');
        }
        // Tabs stay tabs, so that the arrow stands where the eye expects it.
        let indent: String = shown
            .chars()
            .take(before - begin + usize::from(begin > 0))
            .map(|c| if c == '\t' { '\t' } else { ' ' })
            .collect();
        if rest.next().is_some() {
            shown.push('…');
        }
        format!(
            "{margin}--> {file}:{line}:{column}\n{margin} |\n{number} | {shown}\n{margin} | {indent}^"
        )
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone)]
pub struct Problem {
    /// What it is.
    pub message: String,
    /// Where it stands, or which variable or flag it came from.
    pub source: Source,
    /// What may have been meant.
    pub suggestion: Option<String>,
}

/// Where a wrong value came from.
#[derive(Debug, Clone)]
pub enum Source {
    /// A file.
    File(Place),
    /// A variable or a flag, by name.
    Named(String),
}

/// Why a configuration can't be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file is not YAML or TOML.
    #[error("{message}")]
    Syntax {
        /// What the parser said.
        message: String,
        /// Where.
        place: Place,
    },
    /// Keys or values are wrong.
    #[error("{}", headline(problems))]
    Invalid {
        /// At least one.
        problems: Vec<Problem>,
    },
    /// A file is there but can't be read.
    #[error("could not read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

impl Error {
    pub(super) fn syntax(message: impl Into<String>, place: Place) -> Self {
        Self::Syntax {
            message: message.into(),
            place,
        }
    }
}

fn headline(problems: &[Problem]) -> String {
    match problems {
        [only] => only.message.clone(),
        [first, rest @ ..] => format!("{} (and {} more)", first.message, rest.len()),
        [] => "the configuration is not valid".to_owned(),
    }
}

impl Diagnose for Error {
    fn exit_status(&self) -> ExitStatus {
        ExitStatus::Validation
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Invalid { problems } => problems.iter().find_map(|p| p.suggestion.clone()),
            Self::Syntax { .. } | Self::Read { .. } => None,
        }
    }

    fn detail(&self) -> Option<String> {
        match self {
            Self::Syntax { place, .. } => Some(place.snippet()),
            Self::Read { .. } => None,
            Self::Invalid { problems } => Some(
                problems
                    .iter()
                    .enumerate()
                    .map(|(index, problem)| {
                        let place = match &problem.source {
                            Source::File(place) => place.snippet(),
                            Source::Named(name) => format!("--> {name}"),
                        };
                        if index == 0 {
                            place
                        } else {
                            format!("{}\n{place}", problem.message)
                        }
                    })
                    .collect::<Vec<_>>()
                    .join("\n\n"),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_line_only_what_is_near_is_shown() {
        let text = format!("{}X{}", "ä".repeat(300), "b".repeat(300));
        let place = Place::new(Path::new("run.yaml"), (1, 301), &text);
        let snippet = place.snippet();
        let lines: Vec<Vec<char>> = snippet.lines().map(|l| l.chars().collect()).collect();
        assert_eq!(lines[2].len(), "1 | ".len() + 2 * BESIDE + 2);
        let arrow = lines[3].iter().position(|c| *c == '^').unwrap();
        assert_eq!(lines[2][arrow], 'X', "{snippet}");
        let short = Place::new(Path::new("run.yaml"), (1, 3), "a: b");
        assert!(short.snippet().ends_with("\n1 | a: b\n  |   ^"));
    }
}
