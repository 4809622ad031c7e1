//! What the page shows, as text that only has to be laid out, and the cells' outputs as HTML that
//! is safe.

use minijinja::Value;
use minijinja::value::Serde;
use serde::Serialize;

use super::console::{self, Stretch};
use super::markup::clean::Cleaner;
use super::{PageInput, code, output};
use crate::marimo::page::{Output, Page, PageCell};
use crate::marimo::source::{Cell, Source};
use crate::report::model::{CellReport, CellStatus, NotebookReport};
use crate::report::summary::{self, Tone};
use crate::report::traceback::{self, keep_end};
use crate::ui::text::{bytes, count, duration, one_line, sanitize};

/// Room that is kept for what is said of cells, whatever their outputs take up.
const TRACEBACK: (usize, usize) = (400, 60_000);

#[derive(Serialize)]
pub(super) struct PageView {
    title: String,
    path: String,
    tone: &'static str,
    symbol: &'static str,
    /// `Failed`.
    verdict: String,
    /// `9 cells: 7 ok, 1 failed, 1 not run`.
    counts: String,
    reason: Option<String>,
    started: String,
    took: Option<String>,
    target: Option<String>,
    notes: Vec<String>,
    failures: Vec<Failure>,
    #[serde(skip)]
    cells: Vec<CellView>,
}

/// A line of the list of failed cells.
#[derive(Serialize)]
struct Failure {
    anchor: String,
    place: String,
    name: String,
    error: String,
}

#[derive(Serialize)]
struct CellView {
    number: usize,
    name: Option<String>,
    tone: &'static str,
    symbol: &'static str,
    word: &'static str,
    place: String,
    took: Option<String>,
    error: Option<ErrorView>,
    /// Why it was not run.
    blame: Option<Blame>,
    #[serde(skip)]
    outputs: String,
    #[serde(skip)]
    console: Vec<Stretch>,
    #[serde(skip)]
    code: String,
    code_label: String,
    open: bool,
}

#[derive(Serialize)]
struct ErrorView {
    line: String,
    place: Option<String>,
    /// A message of several lines.
    message: Option<String>,
    traceback: Vec<TracebackLine>,
}

#[derive(Serialize)]
struct TracebackLine {
    origin: &'static str,
    text: String,
}

#[derive(Serialize)]
struct Blame {
    text: String,
    /// The cell that is to blame, and its anchor.
    cell: Option<(String, String)>,
}

impl PageView {
    pub(super) fn of(input: &PageInput<'_>, room: usize) -> Self {
        let notebook = input.notebook;
        let tone = notebook.tone();
        let failed = |(index, cell): (usize, &CellReport)| {
            (cell.status == CellStatus::Failed).then(|| Failure {
                anchor: format!("cell-{}", index + 1),
                place: summary::place(&cell.path, summary::cell_line(cell), None),
                name: name(&cell.name, index),
                error: summary::cell_error_line(cell),
            })
        };
        Self {
            title: title(notebook),
            path: one_line(&notebook.path),
            tone: tone.name(),
            symbol: tone.symbol(),
            verdict: capitalized(notebook.status.word()),
            counts: counts(notebook),
            reason: notebook.reason.as_deref().map(one_line),
            started: started(input.started_at),
            took: (notebook.attempts > 0).then(|| duration(notebook.duration_s)),
            target: notebook.target.as_ref().map(summary::target_line),
            notes: notes(notebook),
            failures: notebook
                .cells
                .iter()
                .enumerate()
                .filter_map(failed)
                .collect(),
            cells: cells(input, Room::of(room)),
        }
    }

    /// The cells as the template takes them.
    pub(super) fn cells(&self) -> Vec<Value> {
        let safe = |html: &str| Value::from_safe_string(html.to_owned());
        let cell = |cell: &CellView| {
            let console: Vec<Value> = cell
                .console
                .iter()
                .map(|stretch| {
                    minijinja::context! {
                        name => stretch.name, html => safe(&stretch.html), text => stretch.text,
                    }
                })
                .collect();
            minijinja::context! {
                cell => Serde(cell),
                outputs => safe(&cell.outputs),
                console,
                code => safe(&cell.code),
            }
        };
        self.cells.iter().map(cell).collect()
    }
}

/// What is left of the room that a page has for outputs.
struct Room {
    whole: usize,
    left: usize,
}

impl Room {
    fn of(whole: usize) -> Self {
        Self { whole, left: whole }
    }

    /// The HTML, or a word on why it is not there.
    fn take(&mut self, html: String, what: &str) -> String {
        if html.len() <= self.left {
            self.left -= html.len();
            return html;
        }
        format!(
            "<p class=\"note\">{what} of {} left out: the page would be larger than {}.</p>",
            bytes(html.len() as u64),
            bytes(self.whole as u64)
        )
    }
}

fn cells(input: &PageInput<'_>, mut room: Room) -> Vec<CellView> {
    let cleaner = Cleaner::new();
    let reports = input.notebook.cells.iter().enumerate();
    let views = reports.map(|(index, report)| {
        let cell = input.page.and_then(|page| page.cells.get(index));
        let place = place(input.page, input.source, index);
        let mut view = CellView::of(report, index, &input.notebook.cells);
        if let (Some(Blame { text, cell: None }), true) = (&mut view.blame, was_stopped(cell)) {
            text.push_str(" because a cell above it was ended with mo.stop");
        }
        let (code, first) = code_of(cell, place, input.text, report);
        // The code first: whatever a cell shows, it can be seen what it did.
        let hit = report.error.as_ref().and_then(|error| error.line);
        let lines = code.lines().count();
        view.code_label = format!("Code, {}", count(lines, "line"));
        if lines > 0 {
            view.code = room.take(code::render(&code, first, hit), "code");
        }
        if let Some(cell) = cell {
            for output in &cell.outputs {
                let html = output::render(&cleaner, index + 1, output);
                if !html.is_empty() {
                    let html = room.take(html, "an output");
                    view.outputs
                        .push_str(&format!("<div class=\"output\">{html}</div>"));
                }
            }
            for stretch in console::stretches(&cleaner, index + 1, &cell.console) {
                let large = stretch.html.len() > room.left;
                view.console.push(Stretch {
                    html: room.take(stretch.html, "output"),
                    text: stretch.text && !large,
                    name: stretch.name,
                });
            }
        }
        view
    });
    views.collect()
}

/// Whether marimo says that a cell above has ended itself.
fn was_stopped(cell: Option<&PageCell>) -> bool {
    let outputs = cell.map_or(&[][..], |cell| &cell.outputs);
    let mut errors = outputs.iter();
    errors
        .any(|output| matches!(output, Output::Error { ename, .. } if ename == "ancestor-stopped"))
}

/// A cell's place in the source: by order, where the numbers agree.
fn place<'a>(page: Option<&Page>, source: Option<&'a Source>, index: usize) -> Option<&'a Cell> {
    let source = source?;
    let same = page.is_none_or(|page| page.cells.len() == source.cells.len());
    source.cells.get(index).filter(|_| same)
}

/// A cell's code, and the line of the file where it begins.
fn code_of(
    cell: Option<&PageCell>,
    place: Option<&Cell>,
    text: &str,
    report: &CellReport,
) -> (String, Option<u32>) {
    let first = place.map(|place| place.body_line);
    match (cell, place) {
        (Some(cell), _) if !cell.code.is_empty() => (cell.code.clone(), first),
        (_, Some(place)) => (code::of_file(text, place.body_line, place.end_line), first),
        _ => match (report.line, report.end_line) {
            (Some(line), Some(end)) => (code::of_file(text, line, end), Some(line)),
            _ => (String::new(), None),
        },
    }
}

impl CellView {
    fn of(report: &CellReport, index: usize, all: &[CellReport]) -> Self {
        let tone = match report.status {
            CellStatus::Ok => Tone::Good,
            CellStatus::Failed => Tone::Bad,
            CellStatus::NotRun => Tone::Warn,
            CellStatus::Disabled => Tone::Idle,
        };
        let named = !matches!(report.name.as_str(), "" | "_");
        Self {
            number: index + 1,
            // marimo marks a function or class that is a cell by itself with a star.
            name: named.then(|| one_line(report.name.trim_start_matches('*'))),
            tone: tone.name(),
            symbol: tone.symbol(),
            word: report.status.word(),
            place: match (report.line, report.end_line) {
                (Some(line), Some(end)) if end > line => format!("lines {line}–{end}"),
                (Some(line), _) => format!("line {line}"),
                _ => String::new(),
            },
            took: report.duration_s.filter(|took| *took >= 0.05).map(duration),
            error: report.error.as_ref().map(|_| ErrorView::of(report)),
            blame: blame(report, all),
            outputs: String::new(),
            console: Vec::new(),
            code: String::new(),
            code_label: String::new(),
            open: report.status == CellStatus::Failed,
        }
    }
}

impl ErrorView {
    fn of(report: &CellReport) -> Self {
        let error = report.error.as_ref();
        let text = error.and_then(|error| error.traceback.as_deref());
        let text = text.map(|text| keep_end(text, TRACEBACK.0, TRACEBACK.1));
        let lines = traceback::lines(&text.unwrap_or_default());
        let line = |(origin, text)| TracebackLine {
            origin: match origin {
                traceback::Origin::Own => "own",
                traceback::Origin::Library => "library",
                traceback::Origin::Message => "message",
            },
            text,
        };
        let message = error.map(|error| error.message.trim()).unwrap_or_default();
        // The traceback holds the message as it was written.
        let long = message.contains('\n') && lines.is_empty();
        Self {
            line: summary::cell_error_line(report),
            place: error
                .and_then(|error| error.line)
                .map(|line| summary::place(&report.path, Some(line), None)),
            message: long.then(|| keep_end(&sanitize(message), TRACEBACK.0, TRACEBACK.1)),
            traceback: lines.into_iter().map(line).collect(),
        }
    }
}

/// Why a cell was not run. Who is to blame is known by name, or by number if it has none.
fn blame(report: &CellReport, all: &[CellReport]) -> Option<Blame> {
    let text = match report.status {
        CellStatus::Ok | CellStatus::Failed => return None,
        CellStatus::Disabled => {
            let text = "It is disabled in the notebook".to_owned();
            return Some(Blame { text, cell: None });
        }
        CellStatus::NotRun => "It was not run",
    };
    let Some(blamed) = report.blamed_on.as_deref() else {
        let text = text.to_owned();
        return Some(Blame { text, cell: None });
    };
    let guilty = all.iter().enumerate().find(|(index, cell)| {
        matches!(cell.status, CellStatus::Failed | CellStatus::Disabled)
            && (cell.name == blamed || blamed == format!("cell {}", index + 1))
    });
    let cell = guilty.map(|(index, cell)| (name(&cell.name, index), format!("cell-{}", index + 1)));
    let said = format!("{text} because of {}", one_line(blamed));
    Some(match cell {
        Some(cell) => Blame {
            text: format!("{text} because of "),
            cell: Some(cell),
        },
        None => Blame {
            text: said,
            cell: None,
        },
    })
}

/// What to call a cell: `cell 3`, or `cell 3, load_orders`.
fn name(name: &str, index: usize) -> String {
    match name {
        "" | "_" => format!("cell {}", index + 1),
        name => format!(
            "cell {}, {}",
            index + 1,
            one_line(name.trim_start_matches('*'))
        ),
    }
}

fn title(notebook: &NotebookReport) -> String {
    let title = one_line(&notebook.title);
    if title.is_empty() {
        one_line(&notebook.path)
    } else {
        title
    }
}

fn capitalized(word: &str) -> String {
    let mut chars = word.chars();
    chars
        .next()
        .map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect())
}

fn counts(notebook: &NotebookReport) -> String {
    let kinds = [
        CellStatus::Ok,
        CellStatus::Failed,
        CellStatus::NotRun,
        CellStatus::Disabled,
    ];
    let words = kinds.iter().filter_map(|kind| {
        let cells = notebook.cells.iter().filter(|cell| cell.status == *kind);
        let n = cells.count();
        (n > 0).then(|| format!("{n} {}", kind.word()))
    });
    let words: Vec<String> = words.collect();
    let total = count(notebook.cells.len(), "cell");
    match words.len() {
        0 => total,
        _ => format!("{total}: {}", words.join(", ")),
    }
}

fn notes(notebook: &NotebookReport) -> Vec<String> {
    let mut notes = Vec::new();
    if notebook.tone() == Tone::Warn {
        notes.push("failure allowed".to_owned());
    }
    if notebook.attempts > 1 {
        notes.push(format!("{} attempts", notebook.attempts));
    }
    if !notebook.args.is_empty() {
        notes.push(format!("arguments {}", one_line(&notebook.args.join(" "))));
    }
    notes.extend(
        notebook
            .peak_memory_bytes
            .map(|peak| format!("up to {}", bytes(peak))),
    );
    notes
}

/// `6 January 2026, 08:15 UTC`, or the text as it is if it is no time.
fn started(at: &str) -> String {
    match at.parse::<jiff::Timestamp>() {
        Ok(time) => time.strftime("%-d %B %Y, %H:%M UTC").to_string(),
        Err(_) => one_line(at),
    }
}
