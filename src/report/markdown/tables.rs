//! The tables of notebooks, runs and code locations: what failed above what passed, with the cell,
//! the line and the error below its name; the rest folded away.

use super::budget::{Importance, Section};
use super::escape::{code, link, link_words, short_code};
use super::failures::run_failure;
use super::places::Places;
use super::{emoji, importance};
use crate::report::model::{
    CellReport, CiReport, LocationReport, NotebookReport, NotebookStatus, RunReport, Target,
};
use crate::report::summary::{self, Tone};
use crate::ui::text::{count, duration, one_line};

/// Above so many, what passed is folded away.
const PASSED_ROWS: usize = 10;

/// So many failed cells of a notebook are in its row.
pub(super) const CELLS: usize = 3;

/// Where a row stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Group {
    Shown,
    Passed,
    Cached,
    Skipped,
}

struct Row {
    tone: Tone,
    group: Group,
    what: String,
    took: String,
}

impl Row {
    /// What is called `name` is `word`; `lines` say more, below it.
    fn new(tone: Tone, name: &str, word: &str, lines: &[String], took: String) -> Self {
        let first = match tone {
            Tone::Good => name.to_owned(),
            Tone::Warn => format!("{name} {word} (allowed)"),
            Tone::Bad | Tone::Idle => format!("{name} {word}"),
        };
        let what: Vec<&str> = std::iter::once(&*first)
            .chain(lines.iter().map(String::as_str))
            .collect();
        Self {
            tone,
            group: match tone {
                Tone::Bad | Tone::Warn => Group::Shown,
                Tone::Good => Group::Passed,
                Tone::Idle => Group::Skipped,
            },
            what: what.join("<br>"),
            took,
        }
    }
}

/// The table that is seen at once, and those that are folded away, with a noun for the rows of each.
fn sections(mut rows: Vec<Row>, title: &str, nouns: [&'static str; 4]) -> [Section; 4] {
    let passed = rows.iter().filter(|row| row.group == Group::Passed).count();
    if passed <= PASSED_ROWS {
        for row in rows.iter_mut().filter(|row| row.group == Group::Passed) {
            row.group = Group::Shown;
        }
    }
    rows.sort_by_key(|row| row.tone);
    let [noun, skipped, cached, passed] = nouns;
    [
        (Group::Shown, noun),
        (Group::Skipped, skipped),
        (Group::Cached, cached),
        (Group::Passed, passed),
    ]
    .map(|(group, noun)| {
        let rows: Vec<&Row> = rows.iter().filter(|row| row.group == group).collect();
        table(&rows, group, title, noun)
    })
}

/// The rows of a group. What never began has no time.
fn table(rows: &[&Row], group: Group, title: &str, noun: &'static str) -> Section {
    let timed = rows.iter().any(|row| !row.took.is_empty());
    let head = if timed {
        format!("| | {title} | Time |\n| :-- | :-- | --: |\n")
    } else {
        format!("| | {title} |\n| :-- | :-- |\n")
    };
    let mut section = if group == Group::Shown {
        Section::new(noun, format!("\n{head}"), String::new())
    } else {
        let summary = count(rows.len(), noun);
        let before = format!("\n<details>\n<summary>{summary}</summary>\n\n{head}");
        Section::new(noun, before, "\n</details>\n".to_owned())
    };
    for row in rows {
        let mark = emoji(row.tone);
        let text = if timed {
            format!("| {mark} | {} | {} |\n", row.what, row.took)
        } else {
            format!("| {mark} | {} |\n", row.what)
        };
        section.push(importance(row.tone), text);
    }
    section
}

/// The code locations that did not load: nothing of them could be run.
pub(super) fn locations(report: &CiReport, places: Places<'_>) -> Section {
    let head = "\n| | Code location |\n| :-- | :-- |\n".to_owned();
    let mut section = Section::new("code location", head, String::new());
    for location in report.locations.iter().filter(|location| !location.loaded) {
        section.push(Importance::Failure, location_row(location, places));
    }
    section
}

fn location_row(location: &LocationReport, places: Places<'_>) -> String {
    let mut what = format!("{} did not load", code(&location.name));
    if let Some(error) = &location.error {
        let line = summary::error_line(error.class.as_deref(), &error.message);
        let place = error.path.as_deref();
        let place = place.map(|path| format!("{}: ", places.link(path, error.line, None)));
        what.push_str(&format!(
            "<br>{}{}",
            place.unwrap_or_default(),
            short_code(&line)
        ));
    }
    let mark = emoji(Tone::Bad);
    format!("| {mark} | {what} |\n")
}

pub(super) fn notebooks(report: &CiReport, places: Places<'_>) -> [Section; 4] {
    let rows = report.notebooks.iter();
    let rows = rows.map(|notebook| notebook_row(notebook, places));
    let nouns = [
        "notebook",
        "skipped notebook",
        "cached notebook",
        "passed notebook",
    ];
    sections(rows.collect(), "Notebook", nouns)
}

fn notebook_row(notebook: &NotebookReport, places: Places<'_>) -> Row {
    let tone = notebook.tone();
    let mut lines: Vec<String> = Vec::new();
    for cell in notebook.root_causes().take(CELLS) {
        lines.push(failed_cell(notebook, cell, places));
    }
    let more = notebook.root_causes().count().saturating_sub(CELLS);
    if more > 0 {
        lines.push(format!("and {}", count(more, "more failed cell")));
    }
    if tone != Tone::Good && lines.is_empty() {
        lines.extend(notebook.reason.as_deref().map(short_code));
    }
    let not_run: usize = match tone {
        Tone::Bad | Tone::Warn => notebook.blame().iter().map(|(_, cells)| cells).sum(),
        Tone::Good | Tone::Idle => 0,
    };
    lines.extend(remarks(notebook.attempts, not_run));
    let mut name = link(&notebook.path, notebook.url.as_deref());
    if let (Tone::Good, Some(target)) = (tone, &notebook.target) {
        name.push_str(&format!(" · {}", of_target(target)));
    }
    let took = took(notebook.duration_s, notebook.attempts);
    let mut row = Row::new(tone, &name, notebook.status.word(), &lines, took);
    if notebook.status == NotebookStatus::Cached {
        row.group = Group::Cached;
    }
    row
}

/// `cell load_orders, line 27: KeyError: 'total'`.
fn failed_cell(notebook: &NotebookReport, cell: &CellReport, places: Places<'_>) -> String {
    let name = match &*cell.name {
        "" | "_" => "unnamed cell".to_owned(),
        name => format!("cell {}", code(name)),
    };
    let at = summary::cell_line(cell);
    let place = match at {
        Some(line) if cell.path == notebook.path => {
            let url = places.best(&cell.path, at);
            link_words(&format!("line\u{a0}{line}"), url.as_deref())
        }
        _ => places.link(&cell.path, at, None),
    };
    let error = short_code(&summary::cell_error_line(cell));
    format!("{name}, {place}: {error}")
}

/// What a notebook that passed is about.
fn of_target(target: &Target) -> String {
    match target {
        Target::Asset {
            key,
            partition: None,
        } => format!("asset {}", code(key)),
        Target::Asset {
            key,
            partition: Some(partition),
        } => format!("asset {}", code(&format!("{key}[{}]", one_line(partition)))),
        Target::Job { name } => format!("job {}", code(name)),
    }
}

pub(super) fn runs(report: &CiReport, places: Places<'_>) -> [Section; 4] {
    let rows = report.runs.iter().map(|run| run_row(run, places));
    let nouns = ["run", "skipped run", "cached run", "passed run"];
    sections(rows.collect(), "Run", nouns)
}

fn run_row(run: &RunReport, places: Places<'_>) -> Row {
    let tone = run.tone();
    let mut name = link(&run.title, run.url.as_deref());
    let mut lines: Vec<String> = Vec::new();
    if tone == Tone::Good {
        if !run.materializations.is_empty() {
            let made = count(run.materializations.len(), "materialization");
            name.push_str(&format!(" · {made}"));
        }
    } else if let Some((step, error)) = run_failure(run) {
        let step = step.map(|step| format!("step {}", code(step)));
        let place = error.path.as_deref();
        let place = place.map(|path| places.link(path, error.line, None));
        let place: Vec<String> = step.into_iter().chain(place).collect();
        let line = summary::error_line(error.class.as_deref(), &error.message);
        let colon = if place.is_empty() { "" } else { ": " };
        lines.push(format!("{}{colon}{}", place.join(", "), short_code(&line)));
    }
    lines.extend(remarks(run.attempts, 0));
    let took = took(run.duration_s, run.attempts);
    Row::new(tone, &name, run.status.word(), &lines, took)
}

/// What else there is to say, on a line.
fn remarks(attempts: u32, not_run: usize) -> Option<String> {
    let mut remarks = Vec::new();
    if attempts > 1 {
        remarks.push(format!("{attempts} attempts"));
    }
    if not_run > 0 {
        remarks.push(format!("{} not run", count(not_run, "cell")));
    }
    (!remarks.is_empty()).then(|| remarks.join(", "))
}

/// A duration, or nothing for what never began. The spaces in it must not break.
fn took(seconds: f64, attempts: u32) -> String {
    if attempts == 0 {
        String::new()
    } else {
        duration(seconds).replace(' ', "\u{a0}")
    }
}
