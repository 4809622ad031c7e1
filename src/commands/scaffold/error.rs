//! What keeps `scaffold` from knowing what a notebook is about.

use crate::error::{Diagnose, ExitStatus};
use crate::project;
use crate::ui::text::shell_word;

/// What keeps `scaffold` from knowing what a notebook is about.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// There is nothing to scaffold for.
    #[error("there is no Dagster project here to make notebooks for")]
    NoProject(#[source] project::Error),
    /// A key that is none.
    #[error("`{0}` is not an asset key")]
    NotAKey(String),
    /// One name for several notebooks.
    #[error("`{flag}` is for one notebook, and the selection makes {count}")]
    Several {
        /// The flag.
        flag: &'static str,
        /// How many there are.
        count: usize,
    },
    /// Two notebooks would be the same file.
    #[error("two notebooks would be `{0}`")]
    SameFile(String),
    /// The file is about something else.
    #[error("`{file}` belongs to {kind} `{name}`")]
    Belongs {
        /// The file.
        file: String,
        /// `asset` or `job`.
        kind: &'static str,
        /// What it is about.
        name: String,
    },
    /// The file is nothing that daglab has written.
    #[error("`{0}` is not a marimo notebook")]
    NotANotebook(String),
    /// More than anybody reads.
    #[error("the selection makes {0} notebooks")]
    TooMany(usize),
    /// Both have the name.
    #[error("`{0}` is an asset, and a job, too")]
    Both(String),
    /// Nobody knows which has the name.
    #[error("nobody is asked whether `{0}` is an asset or a job")]
    Either(String),
    /// Neither has the name.
    #[error("there is no asset and no job `{name}`")]
    Neither {
        /// The name.
        name: String,
        /// The name that was perhaps meant.
        suggestion: Option<String>,
    },
    /// The module would be imported for nothing.
    #[error("`--module` changes nothing in the notebook")]
    ModuleUnused {
        /// The template.
        template: String,
        /// Whether `--no-inprocess` leaves out what would import it.
        no_inprocess: bool,
    },
    /// No server, and nothing to start one with.
    #[error("no Dagster server is named, and there is no project here to load")]
    NobodyToAsk,
    /// The server answers, and nobody started it for this project.
    #[error("there is no Python project here to import `{0}` from")]
    NoPython(String),
}

impl Diagnose for Error {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::NoProject(error) => error.exit_status(),
            Self::NotAKey(_)
            | Self::Several { .. }
            | Self::TooMany(_)
            | Self::Both(_)
            | Self::Either(_)
            | Self::ModuleUnused { .. } => ExitStatus::Usage,
            Self::SameFile(_) | Self::Belongs { .. } | Self::NotANotebook(_) => {
                ExitStatus::Conflict
            }
            Self::Neither { .. } => ExitStatus::Validation,
            Self::NoPython(_) | Self::NobodyToAsk => ExitStatus::Environment,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NoProject(project::Error::NotAProject { .. }) => Some(
                "`daglab init` adds notebooks to a project, and `daglab init --bootstrap` makes a \
                 new one; name another folder with `--project`"
                    .to_owned(),
            ),
            Self::NoProject(error) => error.hint(),
            Self::NotAKey(_) => Some("write the parts of a key with `/` between them".to_owned()),
            Self::Several { .. } => Some("leave it out, or select less".to_owned()),
            Self::SameFile(_) => {
                Some("make them one by one, with `--asset` and `--filename`".to_owned())
            }
            Self::Belongs { .. } | Self::NotANotebook(_) => {
                Some("name another file with `--filename NAME.py`, or remove this one".to_owned())
            }
            Self::TooMany(_) => Some("select less, or give `--per group`".to_owned()),
            Self::Both(name) | Self::Either(name) => {
                let name = shell_word(name);
                Some(format!("give `--asset {name}` or `--job {name}`"))
            }
            Self::Neither { suggestion, .. } => Some(suggestion.as_ref().map_or_else(
                || "`daglab discover` lists what there is".to_owned(),
                |name| format!("did you mean `{name}`?"),
            )),
            Self::ModuleUnused {
                no_inprocess: true, ..
            } => Some("leave out `--module` or `--no-inprocess`".to_owned()),
            Self::ModuleUnused { template, .. } => Some(format!(
                "leave it out: the template `{template}` does not name `target.module`"
            )),
            Self::NobodyToAsk => {
                Some("name one with `--dagster-url`, or a project with `--project`".to_owned())
            }
            Self::NoPython(_) => Some("leave out `--module`, or name the project".to_owned()),
        }
    }

    fn detail(&self) -> Option<String> {
        match self {
            Self::NoProject(error) => error.detail(),
            _ => None,
        }
    }
}
