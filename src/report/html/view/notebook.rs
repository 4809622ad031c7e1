//! A notebook's card: what became of it, its cells as blocks, and why it failed.

use serde::Serialize;

use super::{Piece, address, prose};
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
    /// marimo's own page.
    interactive: Option<String>,
    target: Option<String>,
    took: Option<String>,
    notes: Vec<String>,
    reason: Vec<Piece>,
    picture: Option<Picture>,
    map: Vec<Mark>,
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

/// A rectangle in the small drawing of a notebook that shows no picture.
#[derive(Serialize)]
struct Mark {
    class: String,
    x: u32,
    y: String,
    width: u32,
    height: String,
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
    pub(super) fn of(notebook: &NotebookReport, anchor: String) -> Self {
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
            interactive: notebook.interactive.as_deref().and_then(address::relative),
            target: notebook.target.as_ref().map(summary::target_line),
            took: (notebook.attempts > 0).then(|| duration(notebook.duration_s)),
            notes: notes(notebook),
            reason: notebook.reason.as_deref().map(prose).unwrap_or_default(),
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
            let reason: String = self
                .reason
                .iter()
                .map(|piece| piece.text.as_str())
                .collect();
            let reason = if reason.is_empty() {
                self.word
            } else {
                &reason
            };
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

/// A drawing of the notebook's source, 160 by 90, for notebooks that show no picture: a stroke for
/// each line and an edge for each cell. Long notebooks are drawn to a smaller scale, up to a point.
fn map(notebook: &NotebookReport) -> Vec<Mark> {
    const LINES: u32 = 26;
    let lines = |cell: &CellReport| match (cell.line, cell.end_line) {
        (Some(line), Some(end)) => end.saturating_sub(line) + 1,
        _ => 3,
    };
    let whole: u32 = notebook.cells.iter().map(lines).sum();
    let mut rows: Vec<(Tone, u32)> = Vec::new();
    let mut left = LINES;
    for cell in &notebook.cells {
        let share = (lines(cell) * LINES / whole.max(LINES))
            .clamp(1, 9)
            .min(left);
        if share == 0 {
            break;
        }
        left -= share;
        rows.push((cell_tone(cell.status), share));
    }
    const PITCH: f64 = 3.0;
    const GAP: f64 = 2.5;
    let strokes: u32 = rows.iter().map(|(_, lines)| lines).sum();
    let height = f64::from(strokes) * PITCH + rows.len().saturating_sub(1) as f64 * GAP;
    let scale = (78.0 / height.max(1.0)).min(1.35);
    let mut y = (90.0 - height * scale) / 2.0;
    let mut marks = Vec::new();
    let mut seed = 7_u32;
    for (tone, lines) in rows {
        let tall = (f64::from(lines) * PITCH - 1.2) * scale;
        marks.push(mark(&format!("edge {}", tone.name()), 38, y, 2, tall));
        for line in 0..lines {
            seed = seed.wrapping_mul(37).wrapping_add(11) % 101;
            let indent = if line == 0 { 0 } else { 6 };
            let stroke = if line == 0 {
                24 + seed / 5
            } else {
                22 + seed / 2
            };
            let top = y + f64::from(line) * PITCH * scale;
            marks.push(mark("stroke", 45 + indent, top, stroke, 1.8 * scale));
        }
        y += (f64::from(lines) * PITCH + GAP) * scale;
    }
    marks
}

fn mark(class: &str, x: u32, y: f64, width: u32, height: f64) -> Mark {
    let class = class.to_owned();
    Mark {
        class,
        x,
        y: format!("{y:.1}"),
        width,
        height: format!("{height:.1}"),
    }
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
