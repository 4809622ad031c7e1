//! Page and source joined: what became of each cell, and where it stands.

use std::collections::HashMap;

use base64::Engine as _;
use serde_json::Value;

use super::events::Events;
use super::page::{Output, Page, PageCell};
use super::source::{Cell, CellKind, Source};
use super::text::{keep_end, strip_html};
use crate::report::model::{CellError, CellReport, CellStatus};
use crate::ui::text::sanitize;

/// How much of a cell's console is kept, in bytes.
const CONSOLE: usize = 32 * 1024;

/// Pictures smaller than this are icons and sparklines.
const SMALLEST_PICTURE: usize = 256;

/// What an interruption without a traceback is called.
const INTERRUPTED: &str = "Interrupted";

/// The MIME type of a traceback among the console's entries.
const TRACEBACK: &str = "application/vnd.marimo+traceback";

/// What Python writes between the tracebacks of two exceptions of which one led to the other.
const CHAINED: &[&str] = &[
    "During handling of the above exception, another exception occurred:",
    "The above exception was the direct cause of the following exception:",
];

/// How the traceback of a group of exceptions begins.
const GROUP: &str = "  + Exception Group Traceback (most recent call last):";

/// A picture among a cell's outputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Which cell, counted from 0.
    pub cell: usize,
    /// `png`, `jpg`, `gif`, `webp` or `svg`.
    pub extension: &'static str,
    /// The file's bytes.
    pub bytes: Vec<u8>,
}

/// What is known of a notebook's cells.
#[derive(Debug, Clone, Default)]
pub struct Results {
    /// The cells, in the order of the file.
    pub cells: Vec<CellReport>,
    /// Pictures, in the order of the cells.
    pub pictures: Vec<Picture>,
}

/// Joins a page with its source. `path` is the notebook's, for the report.
pub fn of_page(page: &Page, source: &Source, events: &Events, path: &str) -> Results {
    let places = places(page, source);
    let bodies: HashMap<&str, u32> = page
        .cells
        .iter()
        .zip(&places)
        .filter_map(|(cell, place)| Some((cell.id.as_str(), source.cells[(*place)?].body_line)))
        .collect();
    let mut results = Results::default();
    for (index, cell) in page.cells.iter().enumerate() {
        let place = places[index].map(|place| &source.cells[place]);
        let mut report = blank(cell.name.clone(), path, place);
        report.duration_s = events.duration(&cell.id);
        report.console = console(cell);
        report.output_kinds = kinds(cell);
        fill_status(&mut report, cell, place);
        if let Some(traceback) = report.error.as_mut().and_then(|e| e.traceback.as_mut()) {
            *traceback = in_the_notebook(traceback, path, &bodies);
        }
        // Interrupted before it began: it was waiting for the cell that took all the time.
        let interrupted = report
            .error
            .as_ref()
            .is_some_and(|error| error.kind == INTERRUPTED);
        if interrupted && !events.ids.is_empty() && !events.times.contains_key(&cell.id) {
            report.status = CellStatus::NotRun;
            report.error = None;
        }
        pictures(cell, index, &mut results.pictures);
        results.cells.push(report);
    }
    blame(&mut results.cells, &places, source);
    results
}

/// What can be said of the cells without a page: a cell that began and never ended is to blame.
pub fn without_page(
    source: &Source,
    events: &Events,
    path: &str,
    why: &CellError,
) -> Vec<CellReport> {
    let mut guilty = None;
    let mut cells: Vec<CellReport> = Vec::new();
    for (index, cell) in source.cells.iter().enumerate() {
        let mut report = blank(cell.name.clone(), path, Some(cell));
        let times = events.ids.get(index).and_then(|id| events.times.get(id));
        match times {
            Some((start, Some(end))) => {
                report.status = CellStatus::Ok;
                report.duration_s = Some((end - start).max(0.0));
            }
            Some((_, None)) => {
                report.status = CellStatus::Failed;
                report.error = Some(CellError {
                    line: Some(cell.body_line),
                    ..why.clone()
                });
                guilty = Some(title(&cell.name, index));
            }
            None if cell.disabled => report.status = CellStatus::Disabled,
            None => {}
        }
        cells.push(report);
    }
    for cell in &mut cells {
        if cell.status == CellStatus::NotRun {
            cell.blamed_on.clone_from(&guilty);
        }
    }
    cells
}

fn blank(name: String, path: &str, place: Option<&Cell>) -> CellReport {
    CellReport {
        name,
        status: CellStatus::NotRun,
        path: path.to_owned(),
        line: place.map(|place| place.line),
        end_line: place.map(|place| place.end_line),
        duration_s: None,
        error: None,
        blamed_on: None,
        console: String::new(),
        output_kinds: Vec::new(),
        images: Vec::new(),
    }
}

/// For each cell of the page, its place among the source's cells: by order where the numbers agree,
/// which they do unless the file was changed under way, else by name.
fn places(page: &Page, source: &Source) -> Vec<Option<usize>> {
    if page.cells.len() == source.cells.len() {
        return (0..page.cells.len()).map(Some).collect();
    }
    page.cells
        .iter()
        .map(|cell| {
            let named = source
                .cells
                .iter()
                .position(|other| other.name == cell.name);
            named.filter(|_| cell.name != "_")
        })
        .collect()
}

/// What a cell is called where it has no name.
fn title(name: &str, index: usize) -> String {
    if name == "_" {
        format!("cell {}", index + 1)
    } else {
        name.to_owned()
    }
}

fn fill_status(report: &mut CellReport, cell: &PageCell, place: Option<&Cell>) {
    let error = cell.outputs.iter().find_map(|output| match output {
        Output::Error { ename, evalue } => Some((ename.as_str(), evalue.as_str())),
        _ => None,
    });
    match error {
        Some((ename, evalue)) if is_ancestors(ename, evalue) => {
            report.status = CellStatus::NotRun;
        }
        Some((ename, evalue)) => {
            report.status = CellStatus::Failed;
            report.error = Some(cell_error(ename, evalue, cell, place));
        }
        None if cell.disabled => report.status = CellStatus::Disabled,
        // Without a session entry, or without any output or event, it never ran; definitions and
        // empty cells have nothing to show and are fine.
        None if !cell.ran => report.status = CellStatus::NotRun,
        None => report.status = CellStatus::Ok,
    }
}

/// Whether an error says that another cell is to blame.
fn is_ancestors(ename: &str, evalue: &str) -> bool {
    matches!(ename, "ancestor-stopped" | "ancestor-prevented")
        || evalue.starts_with("An ancestor raised an exception")
        || evalue.starts_with("This cell wasn't run because an ancestor")
}

fn cell_error(ename: &str, evalue: &str, cell: &PageCell, place: Option<&Cell>) -> CellError {
    let traceback = cell
        .console
        .iter()
        .rev()
        .find(|entry| entry.mimetype == TRACEBACK)
        .map(|entry| sanitize(&strip_html(&entry.text)).trim_end().to_owned());
    // marimo says "exception" for any; Python's own name stands in the traceback's last line.
    let raised = traceback.as_deref().and_then(exception_of);
    let (kind, message) = match (&raised, ename) {
        (Some((kind, message)), _) if message.is_empty() => (kind.clone(), evalue.to_owned()),
        (Some((kind, message)), _) => (kind.clone(), message.clone()),
        (None, "interruption" | "interrupted") => (
            INTERRUPTED.to_owned(),
            "the cell was interrupted while it ran".to_owned(),
        ),
        (None, _) => (ename.to_owned(), evalue.to_owned()),
    };
    let line = place.and_then(|place| {
        let inside = traceback
            .as_deref()
            .and_then(|text| line_in_cell(text, &cell.id));
        match (inside, place.kind) {
            (Some(line), _) => Some(place.body_line + line - 1),
            (None, CellKind::Setup) => Some(place.body_line),
            (None, _) => None,
        }
        .map(|line| line.min(place.end_line))
    });
    CellError {
        kind,
        message: sanitize(&message).trim().to_owned(),
        traceback,
        line,
    }
}

/// Class and message of the exception that a traceback ends with; the message may have several lines,
/// and the last ones may be notes.
fn exception_of(traceback: &str) -> Option<(String, String)> {
    let lines: Vec<&str> = traceback.lines().collect();
    // Of exceptions that led to each other, the last one was raised.
    let last = lines.iter().rposition(|line| CHAINED.contains(line));
    let lines = &lines[last.map_or(0, |index| index + 1)..];
    // A group has a margin, and below its message the exceptions that it is made of.
    let in_group = lines.iter().find(|line| !line.is_empty()) == Some(&GROUP);
    let margin = if in_group { "  | " } else { "" };
    let text = lines
        .iter()
        .take_while(|line| !in_group || !line.starts_with("  +-"))
        .filter_map(|line| line.strip_prefix(margin))
        // Frames are indented; what a message says may look like anything.
        .skip_while(|line| {
            line.is_empty() || line.starts_with(' ') || line.starts_with("Traceback (most recent")
        })
        .collect::<Vec<_>>()
        .join("\n");
    let first = text.lines().next()?;
    let class = first.split_once(':').map_or(first, |(class, _)| class);
    let message = text[class.len()..].trim_start_matches(':').trim();
    let name = class.rsplit('.').next().unwrap_or(class);
    is_class(class).then(|| (name.to_owned(), message.to_owned()))
}

/// Whether a text is a class as a traceback names it: `pkg.mod.Odd`, or `function.<locals>.Odd`.
fn is_class(text: &str) -> bool {
    text.split('.').all(|part| {
        let word = part.chars().all(|c| c.is_alphanumeric() || c == '_');
        part == "<locals>" || word && part.starts_with(|c: char| !c.is_ascii_digit())
    })
}

/// The last line inside the cell's own code that a traceback names. marimo compiles a cell under a
/// file name that ends in `__marimo__cell_<id>_.py`, or with a number behind the id.
fn line_in_cell(traceback: &str, id: &str) -> Option<u32> {
    let mark = format!("__marimo__cell_{id}_");
    traceback
        .lines()
        .filter(|line| line.contains(&mark))
        .filter_map(|line| {
            let (_, rest) = line.split_once(", line ")?;
            rest.split(|c: char| !c.is_ascii_digit())
                .next()?
                .parse()
                .ok()
        })
        .next_back()
}

/// A traceback whose frames in cells name the notebook and its lines, where marimo names a temporary
/// file for each cell that nobody can open. `bodies` holds the first line of each cell's code.
fn in_the_notebook(traceback: &str, path: &str, bodies: &HashMap<&str, u32>) -> String {
    let frame = |line: &str| -> Option<String> {
        let (file, rest) = line
            .trim_start()
            .strip_prefix("File \"")?
            .split_once("\", line ")?;
        let id = file.split_once("__marimo__cell_")?.1.split('_').next()?;
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let inside: u32 = rest[..digits].parse().ok()?;
        let line_number = bodies.get(id)? + inside.saturating_sub(1);
        let indent = &line[..line.len() - line.trim_start().len()];
        let rest = &rest[digits..];
        Some(format!("{indent}File \"{path}\", line {line_number}{rest}"))
    };
    let lines: Vec<String> = traceback
        .lines()
        .map(|line| frame(line).unwrap_or_else(|| line.to_owned()))
        .collect();
    lines.join("\n")
}

fn console(cell: &PageCell) -> String {
    let text: String = cell
        .console
        .iter()
        .filter(|entry| entry.mimetype != TRACEBACK)
        .map(|entry| {
            if entry.mimetype == "text/html" {
                strip_html(&entry.text)
            } else {
                entry.text.clone()
            }
        })
        .collect();
    sanitize(&keep_end(&text, CONSOLE)).into_owned()
}

fn kinds(cell: &PageCell) -> Vec<String> {
    let mut kinds: Vec<String> = Vec::new();
    for output in &cell.outputs {
        let Output::Data { data } = output else {
            continue;
        };
        for (kind, value) in data {
            // A cell without an output has an empty text.
            let empty = value.as_str().is_some_and(str::is_empty);
            if !empty && !kinds.contains(kind) {
                kinds.push(kind.clone());
            }
        }
    }
    kinds
}

/// Finds pictures: data URLs in any output, and outputs that are pictures themselves.
fn pictures(cell: &PageCell, index: usize, into: &mut Vec<Picture>) {
    for output in &cell.outputs {
        let Output::Data { data } = output else {
            continue;
        };
        for (kind, value) in data {
            match (kind.as_str(), value) {
                ("image/svg+xml", Value::String(text)) if text.trim_start().starts_with('<') => {
                    into.push(Picture {
                        cell: index,
                        extension: "svg",
                        bytes: text.clone().into(),
                    });
                }
                ("application/vnd.marimo+mimebundle", Value::String(text)) => {
                    if let Ok(bundle) = serde_json::from_str::<Value>(text) {
                        data_urls(&bundle, index, into);
                    }
                }
                (_, value) => data_urls(value, index, into),
            }
        }
    }
}

fn data_urls(value: &Value, cell: usize, into: &mut Vec<Picture>) {
    match value {
        Value::String(text) => {
            let mut rest = text.as_str();
            while let Some(start) = rest.find("data:image/") {
                rest = &rest[start..];
                let end = rest
                    .find(|c: char| c == '"' || c == '\'' || c == ')' || c.is_whitespace())
                    .unwrap_or(rest.len());
                if let Some((extension, bytes)) = decode(&rest[..end])
                    && bytes.len() >= SMALLEST_PICTURE
                {
                    into.push(Picture {
                        cell,
                        extension,
                        bytes,
                    });
                }
                rest = &rest[end..];
            }
        }
        Value::Array(items) => items.iter().for_each(|item| data_urls(item, cell, into)),
        Value::Object(fields) => fields
            .values()
            .for_each(|field| data_urls(field, cell, into)),
        _ => {}
    }
}

fn decode(url: &str) -> Option<(&'static str, Vec<u8>)> {
    let (head, body) = url.strip_prefix("data:image/")?.split_once(',')?;
    let extension = match head.split(';').next()? {
        "png" => "png",
        "jpeg" => "jpg",
        "gif" => "gif",
        "webp" => "webp",
        "svg+xml" => "svg",
        _ => return None,
    };
    if !head.ends_with("base64") {
        return None;
    }
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(body)
        .ok()?;
    Some((extension, bytes))
}

/// For every cell that was not run, finds the failed cell above it.
fn blame(cells: &mut [CellReport], places: &[Option<usize>], source: &Source) {
    let giver: HashMap<&str, usize> = places
        .iter()
        .enumerate()
        .filter_map(|(index, place)| Some((index, &source.cells[(*place)?])))
        .flat_map(|(index, cell)| cell.gives.iter().map(move |name| (name.as_str(), index)))
        .collect();
    let failed: Vec<usize> = (0..cells.len())
        .filter(|index| {
            matches!(
                cells[*index].status,
                CellStatus::Failed | CellStatus::Disabled
            )
        })
        .collect();
    for index in 0..cells.len() {
        if cells[index].status != CellStatus::NotRun {
            continue;
        }
        let mut seen = vec![false; cells.len()];
        let mut queue = vec![index];
        let mut root = None;
        while let Some(at) = queue.pop() {
            if std::mem::replace(&mut seen[at], true) {
                continue;
            }
            if failed.contains(&at) {
                root = Some(at);
                break;
            }
            let reads = places[at].map(|place| source.cells[place].reads.as_slice());
            queue.extend(
                reads
                    .unwrap_or_default()
                    .iter()
                    .filter_map(|name| giver.get(name.as_str())),
            );
        }
        // A setup cell is above all others, without any name to follow.
        let root = root.or(match failed.as_slice() {
            [only] => Some(*only),
            _ => None,
        });
        cells[index].blamed_on = root.map(|root| title(&cells[root].name, root));
    }
}

#[cfg(test)]
mod tests;
