//! From configuration, flags and the notebooks that are there to a [`Plan`].

mod notebooks;
mod runs;

use std::path::Path;

use super::error::Error;
use super::plan::{Plan, PlannedNotebook};
use super::session::finding;
use crate::config::{self, Loaded, Settings, ci};
use crate::dagster::discover::most_similar;
use crate::project::notebooks::Notebook;
use crate::report::model::{Finding, Severity, Target};
use crate::run::plan::{Executor, PlannedRun, Policy, Selection};

/// What flags choose.
#[derive(Debug, Clone, Default)]
pub struct Filters {
    /// `--notebooks`.
    pub notebooks: Vec<String>,
    /// `--jobs`.
    pub jobs: Vec<String>,
}

impl Filters {
    fn choose(&self, run: &PlannedRun) -> bool {
        if self.jobs.is_empty() {
            return self.notebooks.is_empty();
        }
        matches!(&run.selection, Selection::Job { name, .. } if self.jobs.contains(name))
    }
}

/// How many runs and notebooks go at once: as many as there are processors, unless it is set.
pub fn concurrency(settings: &Settings) -> usize {
    let processors = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    settings.ci.concurrency.map_or(processors, usize::from)
}

/// Makes the plan.
pub fn plan(
    root: &Path,
    loaded: &Loaded,
    found: &[Notebook],
    filters: &Filters,
) -> Result<Plan, Error> {
    let planner = Planner { root, loaded };
    let ci = &loaded.settings.ci;
    let mut runs = planner.runs(filters)?;
    let mut notebooks = planner.notebooks(found, filters, &runs)?;
    keep_chosen(&mut runs, &mut notebooks, filters);
    Ok(Plan {
        validate: ci.validate,
        check: ci.check,
        strict: ci.strict,
        concurrency: concurrency(&loaded.settings),
        findings: unused_settings(loaded)
            .chain(planner.nothing_discovered(found, filters))
            .chain(
                notebooks
                    .iter()
                    .filter_map(|n| notebooks::misread_header(n, found)),
            )
            .collect(),
        runs,
        notebooks,
    })
}

/// Settings that somebody has set and that this version does not act on.
pub fn unused_settings(loaded: &Loaded) -> impl Iterator<Item = Finding> {
    loaded.unused().map(|(path, origin)| {
        let message =
            format!("`{path}` is set in {origin}; this version of daglab does not act on it yet");
        finding("daglab", "unused-setting", Severity::Warning, message)
    })
}

/// Leaves out the runs that flags did not choose and no chosen notebook waits for.
fn keep_chosen(runs: &mut Vec<PlannedRun>, notebooks: &mut [PlannedNotebook], filters: &Filters) {
    let mut new_index = vec![None; runs.len()];
    let mut kept = Vec::new();
    for (old, run) in runs.drain(..).enumerate() {
        let needed = || notebooks.iter().any(|other| other.needs.contains(&old));
        if filters.choose(&run) || needed() {
            new_index[old] = Some(kept.len());
            kept.push(run);
        }
    }
    *runs = kept;
    for notebook in notebooks {
        notebook.needs = notebook
            .needs
            .iter()
            .filter_map(|old| new_index[*old])
            .collect();
    }
}

struct Planner<'a> {
    root: &'a Path,
    loaded: &'a Loaded,
}

impl Planner<'_> {
    fn error(&self, message: String, hint: Option<String>, path: &str) -> Error {
        Error::Plan {
            message,
            hint,
            snippet: self.loaded.origins.snippet(path),
        }
    }

    fn policy(&self, timeout: Option<config::model::Seconds>, retries: u32, allow: bool) -> Policy {
        let timeout = timeout
            .unwrap_or(self.loaded.settings.ci.timeout)
            .duration();
        Policy {
            timeout,
            retries,
            allow_failure: allow,
        }
    }

    fn executor(&self, own: Option<ci::Executor>) -> Executor {
        match own.unwrap_or(self.loaded.settings.ci.executor) {
            ci::Executor::InProcess => Executor::InProcess,
            ci::Executor::Job => Executor::Job,
        }
    }

    fn why(&self, path: &str) -> String {
        format!("`{path}` in {}", self.loaded.origins.of(path))
    }
}

/// The most similar of some names, as a question.
pub(super) fn did_you_mean(wanted: &str, names: &[String]) -> Option<String> {
    most_similar(wanted, names.iter().map(String::as_str))
        .map(|name| format!("did you mean `{name}`?"))
}

/// Reads `asset://a/b:partition`.
pub fn parse_target(text: &str) -> Option<Target> {
    let rest = text.strip_prefix("asset://")?.trim_matches('/');
    let (key, partition) = match rest.split_once(':') {
        Some((key, partition)) => (key, Some(partition.to_owned())),
        None => (rest, None),
    };
    let whole = !key.is_empty() && key.split('/').all(|part| !part.is_empty());
    (whole && partition.as_deref() != Some("")).then(|| Target::Asset {
        key: key.to_owned(),
        partition,
    })
}

#[cfg(test)]
mod tests;
