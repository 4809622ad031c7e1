//! From Jupyter to marimo.
//!
//! [`read`] takes a notebook of any format apart. [`cells`] makes Python of each of its cells:
//! [`magics`] are translated, [`markdown`] and [`outputs`] become calls and comments. What marimo
//! asks of a notebook as a whole, each name defined in one cell and no circles, is the business of
//! [`definitions`] and [`cycles`]; [`remarks`] says what can't be mended. [`convert`] is all of these
//! for one notebook; nothing in it starts a process.
//! [`worker`] is the Python in which marimo writes the files and checks them. [`report`] shows what
//! became of every cell.

pub mod blank_lines;
pub mod cells;
pub mod convert;
pub mod cycles;
pub mod definitions;
pub mod edits;
pub mod figures;
pub mod find;
pub mod helpers;
pub mod ipython;
pub mod literal;
pub mod magics;
pub mod markdown;
pub mod outputs;
pub mod python2;
pub mod read;
pub mod remarks;
pub mod report;
pub mod scope;
pub mod stars;
pub mod worker;

use std::path::PathBuf;

use serde::Serialize;

use crate::error::{Diagnose, ExitStatus};

/// How much a person has to do about something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It was translated, and means what it did.
    Info,
    /// It was translated, and may mean something else.
    Review,
    /// It was not translated, or can't work without a change.
    Manual,
}

impl Severity {
    /// The name in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Review => "review",
            Self::Manual => "manual",
        }
    }
}

/// Something that was changed, lost, or is left to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Issue {
    /// How much there is to do.
    pub severity: Severity,
    /// What it is about, for programs: `magic`, `renamed`, `syntax`, …
    pub code: &'static str,
    /// The cell of the original, counted from 1; none for the notebook as a whole.
    pub cell: Option<usize>,
    /// The number that Jupyter shows beside the cell.
    pub execution_count: Option<u64>,
    /// The line of the cell, counted from 1.
    pub line: Option<usize>,
    /// The code it is about.
    pub source: String,
    /// Why.
    pub reason: String,
    /// What was done.
    pub done: String,
    /// What to do, if there is something to do.
    pub action: String,
}

impl Issue {
    /// About a whole notebook; the other fields are filled in by those who know them.
    pub fn new(severity: Severity, code: &'static str, reason: impl Into<String>) -> Self {
        Self {
            severity,
            code,
            cell: None,
            execution_count: None,
            line: None,
            source: String::new(),
            reason: reason.into(),
            done: String::new(),
            action: String::new(),
        }
    }

    /// In a line of the cell.
    pub fn line(mut self, line: usize) -> Self {
        self.line = Some(line);
        self
    }

    /// About this code; its first line is kept, shortened.
    pub fn source(mut self, source: &str) -> Self {
        let line = source.trim().lines().next().unwrap_or_default();
        self.source = crate::ui::text::truncate(line, 120).into_owned();
        self
    }

    /// What was done.
    pub fn done(mut self, done: impl Into<String>) -> Self {
        self.done = done.into();
        self
    }

    /// What to do.
    pub fn action(mut self, action: impl Into<String>) -> Self {
        self.action = action.into();
        self
    }
}

/// How much of what a notebook had, and what became of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Statistics {
    /// Cells of the original.
    pub cells: usize,
    /// Of these, code.
    pub code_cells: usize,
    /// Of these, Markdown.
    pub markdown_cells: usize,
    /// Of these, raw.
    pub raw_cells: usize,
    /// Cells that are left out: empty ones, and such of nothing that marimo needs.
    pub empty_cells: usize,
    /// Cells of the result.
    pub cells_written: usize,
    /// Outputs that are not in the result.
    pub outputs_dropped: usize,
    /// Outputs kept as comments.
    pub outputs_kept: usize,
    /// Pictures and files inside Markdown that are still inside.
    pub attachments_inlined: usize,
    /// Those that were too large.
    pub attachments_lost: usize,
    /// Magics, shell lines and calls of IPython that became Python.
    pub magics_translated: usize,
    /// Those that became comments because marimo needs no such thing.
    pub magics_dropped: usize,
    /// Code that was kept as a comment because it needs a person.
    pub kept_as_comment: usize,
    /// Definitions that got another name.
    pub names_renamed: usize,
    /// Imports that were there twice.
    pub imports_removed: usize,
    /// Cells that became one because each needs the other.
    pub cells_merged: usize,
}

/// Why nothing, or not all, was migrated.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A path that is not there.
    #[error("there is no `{}`", path.display())]
    Missing {
        /// The path.
        path: PathBuf,
    },
    /// Something below a folder that can't be looked at.
    #[error("not all notebooks can be found: {what}")]
    Unreadable {
        /// What the system says of it.
        what: String,
    },
    /// A folder or list without notebooks.
    #[error("there are no Jupyter notebooks in {what}")]
    Nothing {
        /// Where was looked.
        what: String,
    },
    /// Something that is neither a folder nor a notebook.
    #[error("`{}` is not a Jupyter notebook: its name does not end in `.ipynb`", path.display())]
    NotANotebook {
        /// The path.
        path: PathBuf,
    },
    /// `--to` names a file, and there are several notebooks.
    #[error("{count} notebooks can't be written to one file, `{}`", to.display())]
    SeveralToOne {
        /// What `--to` says.
        to: PathBuf,
        /// How many there are.
        count: usize,
    },
    /// Two notebooks would be written to one place.
    #[error("`{}` and `{}` would both become `{}`", first.display(), second.display(), to.display())]
    SamePlace {
        /// One notebook.
        first: PathBuf,
        /// The other.
        second: PathBuf,
        /// Where both go.
        to: PathBuf,
    },
    /// No Python with marimo.
    #[error("no Python with marimo was found")]
    NoMarimo {
        /// What was looked at, and why it would not do.
        looked_at: Vec<String>,
    },
    /// Python could not be started.
    #[error("the Python that writes notebooks {what}")]
    Worker {
        /// What became of it.
        what: String,
        /// The end of what it printed.
        output: String,
    },
    /// `--report` names what is no place for a report.
    #[error("`{}` is no place for a report", path.display())]
    ReportPlace {
        /// The path.
        path: PathBuf,
    },
    /// `--report` names a file that is something else.
    #[error("`{}` is there already, and is not a report of a migration", path.display())]
    NotAReport {
        /// The file.
        path: PathBuf,
    },
}

impl Diagnose for Error {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::Missing { .. }
            | Self::Nothing { .. }
            | Self::NotANotebook { .. }
            | Self::SeveralToOne { .. }
            | Self::Unreadable { .. }
            | Self::ReportPlace { .. } => ExitStatus::Usage,
            Self::NoMarimo { .. } | Self::Worker { .. } => ExitStatus::Environment,
            Self::SamePlace { .. } | Self::NotAReport { .. } => ExitStatus::Conflict,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::SeveralToOne { .. } => "give `--to` a folder",
            Self::Unreadable { .. } => "make it readable, or name the notebooks one by one",
            Self::ReportPlace { .. } => {
                "name a file such as `report.md`: the same as JSON goes beside it"
            }
            Self::NotAReport { .. } => {
                "name another file with `--report`, or overwrite this one with `--force`"
            }
            Self::SamePlace { .. } => "migrate them one by one, each with a `--to` of its own",
            Self::NoMarimo { .. } => {
                "name one with `--python`, or install marimo: `uv add marimo` or `pip install marimo`"
            }
            _ => return None,
        };
        Some(hint.to_owned())
    }

    fn detail(&self) -> Option<String> {
        match self {
            Self::NoMarimo { looked_at } if !looked_at.is_empty() => Some(looked_at.join("\n")),
            Self::Worker { output, .. } if !output.trim().is_empty() => {
                Some(output.trim_end().to_owned())
            }
            _ => None,
        }
    }
}
