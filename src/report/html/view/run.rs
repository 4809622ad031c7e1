//! A run's card, and a code location's line.

use serde::Serialize;

use super::notebook::{Cause, Line, traceback_lines};
use super::{address, thousandths};
use crate::report::model::{LocationReport, Materialization, RunError, RunReport, StepReport};
use crate::report::summary::{self, Tone};
use crate::ui::text::{count, duration, one_line, sanitize};

#[derive(Serialize)]
pub(in crate::report::html) struct RunView {
    anchor: String,
    tone: &'static str,
    symbol: &'static str,
    word: &'static str,
    title: String,
    href: Option<String>,
    log: Option<String>,
    took: Option<String>,
    notes: Vec<String>,
    steps: Vec<StepView>,
    materializations: Vec<MaterializationView>,
    errors: Vec<ErrorView>,
}

#[derive(Serialize)]
struct StepView {
    tone: &'static str,
    symbol: &'static str,
    word: String,
    key: String,
    took: Option<String>,
    bar: String,
}

#[derive(Serialize)]
struct MaterializationView {
    asset: String,
    metadata: Vec<(String, String)>,
}

#[derive(Serialize)]
struct ErrorView {
    place: Option<String>,
    what: String,
    line: String,
    traceback: Vec<Line>,
}

#[derive(Serialize)]
pub(in crate::report::html) struct LocationView {
    anchor: String,
    tone: &'static str,
    symbol: &'static str,
    word: &'static str,
    name: String,
    holds: String,
    errors: Vec<ErrorView>,
}

impl RunView {
    pub(super) fn of(run: &RunReport, anchor: String) -> Self {
        let tone = run.tone();
        let longest = run
            .steps
            .iter()
            .filter_map(|step| step.duration_s)
            .fold(0.0, f64::max);
        Self {
            anchor,
            tone: tone.name(),
            symbol: tone.symbol(),
            word: run.status.word(),
            title: one_line(&run.title),
            href: run.url.as_deref().and_then(address::web),
            log: run.log.as_deref().and_then(address::relative),
            took: (run.attempts > 0).then(|| duration(run.duration_s)),
            notes: notes(run),
            steps: run
                .steps
                .iter()
                .map(|step| StepView::of(step, run, longest))
                .collect(),
            materializations: run
                .materializations
                .iter()
                .map(MaterializationView::of)
                .collect(),
            errors: errors(run),
        }
    }

    /// Why the run did not end well, if it did not.
    pub(super) fn cause(&self) -> Option<Cause> {
        let failed = self.tone == Tone::Bad.name() || self.tone == Tone::Warn.name();
        failed.then(|| {
            let error = self.errors.first();
            Cause {
                tone: self.tone,
                symbol: self.symbol,
                anchor: self.anchor.clone(),
                place: error.and_then(|error| error.place.clone()),
                what: format!("run {}", self.title),
                error: error.map_or_else(|| self.word.to_owned(), |error| error.line.clone()),
            }
        })
    }
}

fn notes(run: &RunReport) -> Vec<String> {
    let mut notes = Vec::new();
    if run.tone() == Tone::Warn {
        notes.push("failure allowed".to_owned());
    }
    if run.attempts > 1 {
        notes.push(format!("{} attempts", run.attempts));
    }
    notes.extend(run.location.as_deref().map(one_line));
    notes.extend(run.run_id.as_deref().map(|id| {
        let short: String = one_line(id).chars().take(8).collect();
        format!("run {short}")
    }));
    notes
}

/// The steps' errors; the run's own only where no step has one, because it repeats theirs.
fn errors(run: &RunReport) -> Vec<ErrorView> {
    let errors: Vec<ErrorView> = run
        .failed_steps()
        .map(|(step, error)| ErrorView::of(error, format!("step {}", one_line(&step.key))))
        .collect();
    if errors.is_empty() {
        run.error
            .iter()
            .map(|error| ErrorView::of(error, String::new()))
            .collect()
    } else {
        errors
    }
}

impl StepView {
    fn of(step: &StepReport, run: &RunReport, longest: f64) -> Self {
        let (tone, word) = match &*step.status {
            "SUCCESS" => (Tone::Good, "passed".to_owned()),
            "FAILURE" => (Tone::Bad, "failed".to_owned()),
            "SKIPPED" => (Tone::Idle, "skipped".to_owned()),
            "IN_PROGRESS" if run.status.is_failure() => (Tone::Bad, "did not end".to_owned()),
            other => (Tone::Idle, one_line(other).to_lowercase().replace('_', " ")),
        };
        Self {
            tone: tone.name(),
            symbol: tone.symbol(),
            word,
            key: one_line(&step.key),
            took: step.duration_s.map(duration),
            bar: thousandths(step.duration_s.unwrap_or(0.0), longest),
        }
    }
}

impl MaterializationView {
    fn of(materialization: &Materialization) -> Self {
        let key = one_line(&materialization.asset_key);
        let metadata = materialization.metadata.iter();
        Self {
            asset: match &materialization.partition {
                Some(partition) => format!("{key}[{}]", one_line(partition)),
                None => key,
            },
            metadata: metadata
                // Often a table in a block of Markdown, which only its lines make readable.
                .map(|(label, text)| (one_line(label), sanitize(text).into_owned()))
                .collect(),
        }
    }
}

impl ErrorView {
    fn of(error: &RunError, what: String) -> Self {
        Self {
            place: error
                .path
                .as_deref()
                .map(|path| summary::place(path, error.line, None)),
            what,
            line: summary::error_line(error.class.as_deref(), &error.message),
            traceback: traceback_lines(error.stack.as_deref()),
        }
    }
}

impl LocationView {
    pub(super) fn of((index, location): (usize, &LocationReport)) -> Self {
        let tone = if location.loaded {
            Tone::Good
        } else {
            Tone::Bad
        };
        let assets = count(location.assets as usize, "asset");
        let jobs = count(location.jobs as usize, "job");
        Self {
            anchor: format!("location-{}", index + 1),
            tone: tone.name(),
            symbol: tone.symbol(),
            word: if location.loaded {
                "loaded"
            } else {
                "did not load"
            },
            name: one_line(&location.name),
            holds: if location.loaded {
                format!("{assets}, {jobs}")
            } else {
                String::new()
            },
            errors: location
                .error
                .iter()
                .map(|error| ErrorView::of(error, String::new()))
                .collect(),
        }
    }

    /// Why the location did not load, if it did not.
    pub(super) fn cause(&self) -> Option<Cause> {
        (self.tone == Tone::Bad.name()).then(|| Cause {
            tone: self.tone,
            symbol: self.symbol,
            anchor: self.anchor.clone(),
            place: self.errors.first().and_then(|error| error.place.clone()),
            what: format!("code location {}", self.name),
            error: self
                .errors
                .first()
                .map_or_else(|| self.word.to_owned(), |error| error.line.clone()),
        })
    }
}
