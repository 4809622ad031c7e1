//! A notebook's card: what became of it, its cells as blocks, and why it failed.

use serde::Serialize;

use super::{address, thousandths};
use crate::report::model::{CellReport, CellStatus, NotebookReport};
use crate::report::summary::{self, Tone};
use crate::report::traceback::{self, Origin, keep_end};
use crate::ui::text::{bytes, count, duration, one_line, sanitize};

/// One line of the list of what failed, with a link to where it is told.
#[derive(Serialize)]
pub(in crate::report::html) struct Cause {
    pub(super) tone: &'static str,
    pub(super) symbol: &'static str,
    pub(super) anchor: String,
    pub(super) place: Option<String>,
    pub(super) what: String,
    pub(super) error: String,
}

#[derive(Serialize)]
pub(in crate::report::html) struct NotebookView {
    anchor: String,
    tone: &'static str,
    symbol: &'static str,
    word: &'static str,
    title: String,
    path: String,
    href: Option<String>,
    target: Option<String>,
    took: Option<String>,
    bar: String,
    notes: Vec<String>,
    reason: Option<String>,
    picture: Option<Picture>,
    map: Vec<Block>,
    strip: String,
    cells: Vec<CellView>,
    failures: Vec<FailureView>,
    blame: Vec<String>,
}

#[derive(Serialize)]
struct Picture {
    src: String,
    alt: String,
}

/// A cell in the small map of a notebook: its place and height are its lines in the file.
#[derive(Serialize)]
struct Block {
    tone: &'static str,
    y: String,
    height: String,
    width: u32,
}

#[derive(Serialize)]
struct CellView {
    tone: &'static str,
    word: &'static str,
    name: String,
    place: String,
    took: Option<String>,
    kinds: String,
    anchor: Option<String>,
}

#[derive(Serialize)]
struct FailureView {
    anchor: String,
    place: String,
    name: String,
    error: String,
    traceback: Vec<Line>,
    console: String,
}

/// A line of a traceback.
#[derive(Serialize)]
pub(super) struct Line {
    origin: &'static str,
    text: String,
}

/// A traceback by lines, cut to what a page should hold.
pub(super) fn traceback_lines(text: Option<&str>) -> Vec<Line> {
    let text = text
        .map(|text| keep_end(text, 200, 20_000))
        .unwrap_or_default();
    let line = |(origin, text)| {
        let origin = match origin {
            Origin::Own => "own",
            Origin::Library => "library",
            Origin::Message => "message",
        };
        Line { origin, text }
    };
    traceback::lines(&text).into_iter().map(line).collect()
}

fn cell_tone(status: CellStatus) -> Tone {
    match status {
        CellStatus::Ok => Tone::Good,
        CellStatus::Failed => Tone::Bad,
        CellStatus::NotRun => Tone::Warn,
        CellStatus::Disabled => Tone::Idle,
    }
}

impl NotebookView {
    pub(super) fn of(notebook: &NotebookReport, anchor: String, longest: f64) -> Self {
        let tone = notebook.tone();
        let local = notebook.html.as_deref().and_then(address::relative);
        let failures: Vec<FailureView> = notebook
            .root_causes()
            .enumerate()
            .map(|(index, cell)| FailureView::of(cell, format!("{anchor}-{}", index + 1)))
            .collect();
        let mut anchors = failures.iter().map(|failure| failure.anchor.clone());
        let cell = |cell: &CellReport| {
            let failed = cell.status == CellStatus::Failed;
            CellView::of(cell, if failed { anchors.next() } else { None })
        };
        let cells: Vec<CellView> = notebook.cells.iter().map(cell).collect();
        Self {
            tone: tone.name(),
            symbol: tone.symbol(),
            word: notebook.status.word(),
            title: title(notebook),
            path: one_line(&notebook.path),
            href: local.or_else(|| notebook.url.as_deref().and_then(address::web)),
            target: notebook.target.as_ref().map(summary::target_line),
            took: (notebook.attempts > 0).then(|| duration(notebook.duration_s)),
            bar: thousandths(notebook.duration_s, longest),
            notes: notes(notebook),
            reason: notebook.reason.as_deref().map(one_line),
            picture: picture(notebook),
            map: map(notebook),
            strip: strip(notebook),
            cells,
            failures,
            blame: summary::blame_lines(notebook),
            anchor,
        }
    }

    /// Why the notebook failed, cell by cell, or by its reason if no cell is to blame.
    pub(super) fn causes(&self) -> Vec<Cause> {
        let cause = |anchor: &str, place: &str, what: &str, error: &str| Cause {
            tone: self.tone,
            symbol: self.symbol,
            anchor: anchor.to_owned(),
            place: Some(place.to_owned()),
            what: what.to_owned(),
            error: error.to_owned(),
        };
        if self.failures.is_empty() {
            let reason = self.reason.as_deref().unwrap_or(self.word);
            return vec![cause(&self.anchor, &self.path, "", reason)];
        }
        let causes = self.failures.iter();
        causes
            .map(|f| cause(&f.anchor, &f.place, &f.name, &f.error))
            .collect()
    }
}

impl CellView {
    fn of(cell: &CellReport, anchor: Option<String>) -> Self {
        let lines = match (cell.line, cell.end_line) {
            (Some(line), Some(end)) if end > line => format!("{line}–{end}"),
            (Some(line), _) => line.to_string(),
            _ => String::new(),
        };
        Self {
            tone: cell_tone(cell.status).name(),
            word: cell.status.word(),
            name: summary::cell_title(&cell.name),
            place: lines,
            took: cell.duration_s.map(duration),
            kinds: kinds(cell),
            anchor,
        }
    }
}

impl FailureView {
    fn of(cell: &CellReport, anchor: String) -> Self {
        let traceback = cell
            .error
            .as_ref()
            .and_then(|error| error.traceback.as_deref());
        Self {
            anchor,
            place: summary::place(&cell.path, summary::cell_line(cell), None),
            name: summary::cell_title(&cell.name),
            error: summary::cell_error_line(cell),
            traceback: traceback_lines(traceback),
            console: keep_end(sanitize(&cell.console).trim_end(), 400, 20_000),
        }
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

fn notes(notebook: &NotebookReport) -> Vec<String> {
    let mut notes = Vec::new();
    if notebook.tone() == Tone::Warn {
        notes.push("failure allowed".to_owned());
    }
    if notebook.attempts > 1 {
        notes.push(format!("{} attempts", notebook.attempts));
    }
    if !notebook.args.is_empty() {
        notes.push(one_line(&notebook.args.join(" ")));
    }
    notes.extend(notebook.peak_memory_bytes.map(bytes));
    notes
}

fn picture(notebook: &NotebookReport) -> Option<Picture> {
    let images = notebook.cells.iter().flat_map(|cell| {
        let alt = format!("output of {}", summary::cell_title(&cell.name));
        cell.images.iter().map(move |image| (image, alt.clone()))
    });
    let mut pictures = images.filter_map(|(image, alt)| {
        Some(Picture {
            src: address::relative(image)?,
            alt,
        })
    });
    pictures.next()
}

/// The map is 100 high; a cell whose lines are not known counts as three lines.
fn map(notebook: &NotebookReport) -> Vec<Block> {
    const MOST: usize = 24;
    let lines = |cell: &CellReport| match (cell.line, cell.end_line) {
        (Some(line), Some(end)) => f64::from(end.saturating_sub(line).clamp(1, 30) + 1),
        _ => 3.0,
    };
    let cells = &notebook.cells[..notebook.cells.len().min(MOST)];
    let gaps = cells.len().saturating_sub(1) as f64;
    let whole: f64 = cells.iter().map(lines).sum();
    // Few cells must not become a wall.
    let scale = ((100.0 - gaps * 3.0) / whole.max(1.0)).min(2.5);
    let mut y = (100.0 - gaps * 3.0 - whole * scale) / 2.0;
    let mut blocks = Vec::with_capacity(cells.len());
    for (index, cell) in cells.iter().enumerate() {
        let height = lines(cell) * scale;
        blocks.push(Block {
            tone: cell_tone(cell.status).name(),
            y: format!("{y:.1}"),
            height: format!("{height:.1}"),
            width: 52 + (index as u32 * 37) % 44,
        });
        y += height + 3.0;
    }
    blocks
}

/// The strip of cells for those who do not see it.
fn strip(notebook: &NotebookReport) -> String {
    let kinds = [
        CellStatus::Ok,
        CellStatus::Failed,
        CellStatus::NotRun,
        CellStatus::Disabled,
    ];
    let counted = kinds.iter().filter_map(|kind| {
        let n = notebook
            .cells
            .iter()
            .filter(|cell| cell.status == *kind)
            .count();
        (n > 0).then(|| format!("{n} {}", kind.word()))
    });
    let words: Vec<String> = counted.collect();
    match words.len() {
        0 => count(0, "cell"),
        _ => format!(
            "{}: {}",
            count(notebook.cells.len(), "cell"),
            words.join(", ")
        ),
    }
}

/// What a cell shows, in words people know.
fn kinds(cell: &CellReport) -> String {
    let word = |mime: &String| match mime.as_str() {
        "image/png" | "image/svg+xml" | "image/jpeg" => "picture".to_owned(),
        "text/markdown" => "text".to_owned(),
        "text/html" => "HTML".to_owned(),
        mime if mime.contains("vega") => "chart".to_owned(),
        mime => one_line(mime),
    };
    let mut words: Vec<String> = cell.output_kinds.iter().map(word).collect();
    words.dedup();
    words.join(", ")
}
