//! How what failed has failed: tracebacks and output, each folded to a line.

use super::budget::{Importance, Section};
use super::emoji;
use super::escape::{fence, html_code, html_short, is_short};
use super::places::Places;
use super::tables::CELLS;
use crate::report::model::{
    CellReport, CiReport, LocationReport, NotebookReport, RunError, RunReport,
};
use crate::report::summary::{self, Tone};
use crate::report::traceback::keep_end;
use crate::ui::text::count;

pub(super) fn failures(report: &CiReport, places: Places<'_>) -> Section {
    let before = "\n### How it failed\n".to_owned();
    let mut section = Section::new("traceback", before, String::new());
    for location in report.locations.iter().filter(|location| !location.loaded) {
        if let Some(block) = location_details(location, places) {
            section.push(Importance::Detail, block);
        }
    }
    let mut notebooks: Vec<&NotebookReport> = report.notebooks.iter().collect();
    notebooks.retain(|notebook| notebook.status.is_failure());
    notebooks.sort_by_key(|notebook| notebook.tone());
    for notebook in notebooks {
        for block in notebook_details(notebook, places) {
            section.push(Importance::Detail, block);
        }
    }
    let mut runs: Vec<&RunReport> = report.runs.iter().collect();
    runs.retain(|run| run.status.is_failure());
    runs.sort_by_key(|run| run.tone());
    for run in runs {
        if let Some(block) = run_details(run, places) {
            section.push(Importance::Detail, block);
        }
    }
    section
}

/// A block that is folded to its summary.
fn details(tone: Tone, summary: &str, body: &str) -> String {
    let mark = emoji(tone);
    let body = body.trim_matches('\n');
    format!("\n<details>\n<summary>{mark} {summary}</summary>\n\n{body}\n\n</details>\n")
}

/// What is known of a failure beyond its row.
struct Body {
    /// Whether a row has no room for it: there is a reason to fold it out.
    more: bool,
    text: String,
}

impl Body {
    /// The whole message, if its row cuts it and the stack does not end in it, and the stack.
    fn of(message: &str, stack: Option<&str>) -> Self {
        let stack = stack.map(str::trim_end).filter(|stack| !stack.is_empty());
        let mut text = String::new();
        if !is_short(message) && !stack.is_some_and(|stack| stack.ends_with(message.trim_end())) {
            text.push_str(&fence(&keep_end(message, 40, 4_000)));
        }
        if let Some(stack) = stack {
            text.push_str(&fence(&keep_end(stack, 40, 4_000)));
        }
        Self {
            more: !text.is_empty(),
            text,
        }
    }

    fn output(&mut self, title: &str, output: &str) {
        if !output.trim().is_empty() {
            self.more = true;
            let fence = fence(&keep_end(output, 20, 2_000));
            self.text.push_str(&format!("\n{title}:\n\n{fence}"));
        }
    }
}

fn location_details(location: &LocationReport, places: Places<'_>) -> Option<String> {
    let error = location.error.as_ref()?;
    let body = Body::of(&error.message, error.stack.as_deref());
    let name = html_code(&location.name);
    let summary = format!("code location {name} — {}", error_summary(error));
    let views = views_of(error, places);
    body.more
        .then(|| details(Tone::Bad, &summary, &(views + &body.text)))
}

fn run_details(run: &RunReport, places: Places<'_>) -> Option<String> {
    let (step, error) = run_failure(run)?;
    let mut summary = format!("run {}", html_code(&run.title));
    if let Some(step) = step {
        summary.push_str(&format!(", step {}", html_code(step)));
    }
    summary.push_str(&format!(" — {}", error_summary(error)));
    let mut body = Body::of(&error.message, error.stack.as_deref());
    let output = run.steps.iter().filter(|other| Some(&*other.key) == step);
    for output in output.filter_map(|step| step.last_output.as_deref()) {
        body.output("Last output", output);
    }
    let views = views_of(error, places);
    body.more
        .then(|| details(run.tone(), &summary, &(views + &body.text)))
}

/// The error that says most about a failed run: its failed step's, else its own.
pub(super) fn run_failure(run: &RunReport) -> Option<(Option<&str>, &RunError)> {
    let mut steps = run.failed_steps();
    let step = steps.next().map(|(step, error)| (Some(&*step.key), error));
    step.or_else(|| run.error.as_ref().map(|error| (None, error)))
}

/// What tells one failure from the next; the row above says it all.
fn error_summary(error: &RunError) -> String {
    html_short(error.class.as_deref().unwrap_or(&error.message))
}

fn views_of(error: &RunError, places: Places<'_>) -> String {
    match &error.path {
        Some(path) => places.views(path, error.line, None),
        None => String::new(),
    }
}

fn notebook_details(notebook: &NotebookReport, places: Places<'_>) -> Vec<String> {
    let tone = notebook.tone();
    let mut blocks: Vec<String> = Vec::new();
    // Where a cell is to blame, the reason would only say the same again.
    if notebook.root_causes().next().is_none() {
        let reason = notebook.reason.as_deref().unwrap_or_default();
        let body = Body::of(reason, None);
        if body.more {
            let path = html_code(&notebook.path);
            let summary = format!("{path} — {}", html_short(reason));
            blocks.push(details(tone, &summary, &body.text));
        }
    }
    for (index, cell) in notebook.root_causes().enumerate() {
        let body = cell_body(notebook, cell);
        if body.more || index >= CELLS {
            let line = summary::cell_line(cell);
            let views = places.views(&cell.path, line, notebook.url.as_deref());
            let summary = cell_summary(cell);
            blocks.push(details(tone, &summary, &(views + &body.text)));
        }
    }
    blocks
}

fn cell_summary(cell: &CellReport) -> String {
    let name = match &*cell.name {
        "" | "_" => "unnamed cell".to_owned(),
        name => format!("cell {}", html_code(name)),
    };
    let place = html_code(&summary::place(&cell.path, summary::cell_line(cell), None));
    let error = match &cell.error {
        Some(error) => html_short(&error.kind),
        None => "it did not end".to_owned(),
    };
    format!("{place}, {name} — {error}")
}

fn cell_body(notebook: &NotebookReport, cell: &CellReport) -> Body {
    let error = cell.error.as_ref();
    let message = error.map_or("", |error| &error.message);
    let traceback = error.and_then(|error| error.traceback.as_deref());
    let mut body = Body::of(message, traceback);
    body.output("Console", &cell.console);
    let blamed = |(name, _): &(Option<&str>, usize)| *name == Some(&*cell.name);
    if let Some((_, cells)) = notebook.blame().into_iter().find(blamed) {
        let cells = count(cells, "cell");
        body.text
            .push_str(&format!("\n{cells} not run because of it\n"));
    }
    body
}
