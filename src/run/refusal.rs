//! Why a run is not launched.

use std::path::Path;

use serde_json::{Value, json};

use crate::config::Placed;
use crate::config::error::Place;
use crate::dagster::Error;
use crate::dagster::discover::most_similar;
use crate::dagster::selection::{ParseError, Untold};
use crate::dagster::validate::ConfigProblem;
use crate::error::{Diagnose, ExitStatus};
use crate::report::model::RunError;

/// Why a run is not launched.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Dagster says no, or there is nothing of the name.
    #[error(transparent)]
    Dagster(#[from] Error),
    /// A selector is no pattern.
    #[error("`{selector}` is not {what}")]
    NotASelector {
        /// As it was written.
        selector: String,
        /// What it should be.
        what: String,
    },
    /// A selector selects nothing.
    #[error("no asset that can be materialized matches `{selector}`")]
    NothingSelected {
        /// As it was written.
        selector: String,
        /// The key that was perhaps meant.
        suggestion: Option<String>,
    },
    /// A selection that can't be read.
    #[error("the selection can't be read: {0}")]
    Expression(#[source] ParseError),
    /// A selection by something that the server does not tell.
    #[error("the selection can't be made: {0}")]
    Untold(#[from] Untold),
    /// A partition was asked for, and there are none.
    #[error("none of the assets has partitions")]
    NoPartitions,
    /// The run config reads variables that the run will not see.
    #[error("the run config reads variables that are not set: {}", .names.join(", "))]
    UnsetVariables {
        /// Their names.
        names: Vec<String>,
    },
    /// The run config does not fit the job.
    #[error("the run config of `{job}` is not valid: {}", joined(.problems))]
    RunConfig {
        /// The job.
        job: String,
        /// All that is wrong with it, and where that stands.
        problems: Vec<(ConfigProblem, Option<Place>)>,
    },
}

/// How many problems the headline names.
const NAMED: usize = 3;

fn joined(problems: &[(ConfigProblem, Option<Place>)]) -> String {
    let named = problems
        .iter()
        .take(NAMED)
        .map(|(problem, _)| problem.said());
    let named: Vec<String> = named.collect();
    let more = problems.len().saturating_sub(NAMED);
    let more = (more > 0).then(|| format!(" (and {more} more)"));
    format!("{}{}", named.join("; "), more.unwrap_or_default())
}

impl Refusal {
    /// A selector that selects none of some assets.
    pub fn nothing_selected<'a>(selector: &str, keys: impl Iterator<Item = &'a str>) -> Self {
        Self::NothingSelected {
            selector: selector.to_owned(),
            suggestion: most_similar(selector, keys),
        }
    }

    /// A run config in which problems were found.
    pub fn run_config(job: &str, problems: Vec<ConfigProblem>, config: &Placed) -> Self {
        let placed = problems.into_iter().map(|problem| {
            let place = config.place(&problem.path).cloned();
            (problem, place)
        });
        Self::RunConfig {
            job: job.to_owned(),
            problems: placed.collect(),
        }
    }

    /// What is wrong with a run config, for programs; nothing if that is not why.
    pub fn problems_as_json(&self) -> Vec<Value> {
        let Self::RunConfig { problems, .. } = self else {
            return Vec::new();
        };
        let problems = problems.iter().map(|(problem, place)| {
            let place = place.as_ref();
            let at = place.and_then(|place| place.at);
            json!({
                "path": problem.path,
                "message": problem.said(),
                "suggestion": problem.suggestion,
                "file": place.map(|place| place.file.display().to_string()),
                "line": at.map(|at| at.0),
                "column": at.map(|at| at.1),
            })
        });
        problems.collect()
    }

    /// The same for a report; its paths are relative to `project`.
    pub fn to_run_error(&self, project: &Path) -> RunError {
        let place = match self {
            Self::RunConfig { problems, .. } => {
                problems.iter().find_map(|(_, place)| place.as_ref())
            }
            _ => None,
        };
        let file = place.map(|place| {
            let file = place.file.strip_prefix(project).unwrap_or(&place.file);
            file.display().to_string()
        });
        let line = place.and_then(|place| u32::try_from(place.at?.0).ok());
        let message = match (self, self.hint()) {
            // Its suggestions are in the message.
            (Self::RunConfig { .. }, _) | (_, None) => self.to_string(),
            (_, Some(hint)) => format!("{self}; {hint}"),
        };
        RunError {
            class: None,
            message,
            stack: None,
            path: file,
            line,
        }
    }
}

impl Diagnose for Refusal {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::Dagster(error) => error.exit_status(),
            _ => ExitStatus::Validation,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Dagster(error) => error.hint(),
            Self::Expression(error) => error.hint.clone(),
            Self::NothingSelected { suggestion, .. } => suggestion
                .as_ref()
                .map(|key| format!("did you mean `{key}`?")),
            Self::UnsetVariables { names } => Some(format!(
                "set them and pass them on with `--env {}` or `ci.env`",
                names.first()?
            )),
            _ => None,
        }
    }

    fn detail(&self) -> Option<String> {
        match self {
            Self::Dagster(error) => error.detail(),
            Self::Expression(error) => Some(error.excerpt()),
            Self::RunConfig { problems, .. } => {
                // The arrow that ends the snippet gets its say.
                let blocks: Vec<String> = problems
                    .iter()
                    .filter_map(|(problem, place)| {
                        let place = place.as_ref()?;
                        Some(format!("{} {}", place.snippet(), problem.beside()))
                    })
                    .collect();
                (!blocks.is_empty()).then(|| blocks.join("\n\n"))
            }
            _ => None,
        }
    }
}
