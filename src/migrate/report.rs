//! What became of every notebook: one value, and how people and programs read it.

use std::fmt::Write as _;

use serde::Serialize;

use super::{Issue, Severity, Statistics};
use crate::error::ExitStatus;
use crate::ui::style::{Paint, Role};
use crate::ui::text;

/// The version of the JSON report.
const VERSION: u32 = 1;

/// What a report in Markdown begins with.
pub const HEADING: &str = "# Migration from Jupyter";

/// Whether a text is a report in JSON: other reports of daglab have notebooks, too.
pub fn is_json(text: &str) -> bool {
    let report: Result<serde_json::Map<String, serde_json::Value>, _> = serde_json::from_str(text);
    let keys = [
        "version",
        "daglab",
        "marimo",
        "dry_run",
        "totals",
        "notebooks",
    ];
    report.is_ok_and(|report| keys.iter().all(|key| report.contains_key(*key)))
}

/// What became of one notebook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It was written, or would be.
    Converted,
    /// What would be written is there already.
    Unchanged,
    /// Something else is in its place, or nothing can be written there.
    Exists,
    /// It can't be read, or is not Python.
    Invalid,
}

/// Why a notebook was not migrated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// Why.
    pub message: String,
    /// Where, as a JSON path or a line of the file.
    pub place: Option<String>,
    /// What to do.
    pub hint: Option<String>,
}

/// One notebook.
#[derive(Debug, Clone, Serialize)]
pub struct NotebookReport {
    /// The original, relative to where the command was started.
    pub source: String,
    /// The result.
    pub target: String,
    /// What became of it.
    pub status: Status,
    /// Why it was not migrated, or not written.
    pub refusal: Option<Refusal>,
    /// The format it was written in.
    pub format: String,
    /// What was counted.
    pub statistics: Statistics,
    /// What was changed or lost, and what is left to do.
    pub issues: Vec<Issue>,
    /// What marimo's linter remarks on the result, which works all the same.
    pub findings: Vec<String>,
}

impl NotebookReport {
    fn of(&self, severity: Severity) -> impl Iterator<Item = &Issue> {
        self.issues
            .iter()
            .filter(move |issue| issue.severity == severity)
    }
}

/// All of them.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The version of this format.
    pub version: u32,
    /// daglab's.
    pub daglab: &'static str,
    /// The version of marimo that wrote the notebooks.
    pub marimo: String,
    /// What went a slower way with this marimo, and why.
    pub degraded: Vec<String>,
    /// Nothing was written.
    pub dry_run: bool,
    /// How many there are of everything.
    pub totals: Totals,
    /// The notebooks.
    pub notebooks: Vec<NotebookReport>,
}

/// Sums over all notebooks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Notebooks that were looked at.
    pub notebooks: usize,
    /// Of these, migrated, now or before.
    pub converted: usize,
    /// Of these, in the way of which another file is.
    pub exists: usize,
    /// Of these, not migrated.
    pub invalid: usize,
    /// Things that need a person.
    pub manual: usize,
    /// Things to look at.
    pub review: usize,
    /// Things that were translated.
    pub info: usize,
}

impl Report {
    /// Of these notebooks.
    pub fn new(
        notebooks: Vec<NotebookReport>,
        marimo: String,
        degraded: Vec<String>,
        dry_run: bool,
    ) -> Self {
        let is = |status: &[Status]| {
            notebooks
                .iter()
                .filter(|n| status.contains(&n.status))
                .count()
        };
        let all = |severity| notebooks.iter().map(|n| n.of(severity).count()).sum();
        let totals = Totals {
            notebooks: notebooks.len(),
            converted: is(&[Status::Converted, Status::Unchanged]),
            exists: is(&[Status::Exists]),
            invalid: is(&[Status::Invalid]),
            manual: all(Severity::Manual),
            review: all(Severity::Review),
            info: all(Severity::Info),
        };
        Self {
            version: VERSION,
            daglab: env!("CARGO_PKG_VERSION"),
            marimo,
            degraded,
            dry_run,
            totals,
            notebooks,
        }
    }

    /// The worst that happened.
    pub fn exit_status(&self) -> ExitStatus {
        match (self.totals.invalid, self.totals.exists) {
            (0, 0) => ExitStatus::Success,
            (0, _) => ExitStatus::Conflict,
            _ => ExitStatus::Validation,
        }
    }

    /// For programs.
    pub fn json(&self) -> String {
        let json = serde_json::to_string_pretty(self).expect("a report is plain data");
        text::harmless_json(json)
    }

    /// For a terminal.
    pub fn terminal(&self, color: bool) -> String {
        let paint = Paint::new(color);
        let mut out = String::new();
        for notebook in &self.notebooks {
            self.notebook(notebook, paint, &mut out);
        }
        let totals = &self.totals;
        let verb = if self.dry_run {
            "would be migrated"
        } else {
            "migrated"
        };
        let _ = write!(
            out,
            "{} of {} {verb}",
            totals.converted,
            text::count(totals.notebooks, "notebook")
        );
        for (count, what) in [
            (totals.manual, "to do"),
            (totals.review, "to look at"),
            (totals.exists, "in the way"),
            (totals.invalid, "invalid"),
        ] {
            if count > 0 {
                let _ = write!(out, ", {count} {what}");
            }
        }
        out.push('\n');
        out
    }

    fn notebook(&self, notebook: &NotebookReport, paint: Paint, out: &mut String) {
        let (source, target) = (
            text::one_line(&notebook.source),
            text::one_line(&notebook.target),
        );
        let _ = match notebook.status {
            Status::Converted | Status::Unchanged => {
                let mark = paint.paint(Role::Good, "✓");
                writeln!(out, "{mark} {source} → {target}")
            }
            Status::Exists => {
                let mark = paint.paint(Role::Warn, "!");
                let reason = match &notebook.refusal {
                    Some(refusal) => text::one_line(&refusal.message),
                    None => format!("`{target}` is there already, with another text"),
                };
                writeln!(out, "{mark} {source}: {reason}")
            }
            Status::Invalid => {
                let mark = paint.paint(Role::Bad, "✗");
                let (message, place, hint) = told(notebook.refusal.as_ref());
                writeln!(out, "{mark} {source}: {message}{place}{hint}")
            }
        };
        if notebook.status == Status::Invalid {
            return;
        }
        for issue in notebook
            .issues
            .iter()
            .filter(|issue| issue.severity > Severity::Info)
        {
            let role = if issue.severity == Severity::Manual {
                Role::Bad
            } else {
                Role::Warn
            };
            let word = if issue.severity == Severity::Manual {
                "to do"
            } else {
                "look at"
            };
            let _ = writeln!(
                out,
                "    {} {}: {}",
                paint.paint(role, word),
                place(issue),
                text::one_line(&sentence(issue))
            );
        }
    }

    /// For people, to keep.
    pub fn markdown(&self) -> String {
        let totals = &self.totals;
        let mut out = format!("{HEADING}\n\n");
        let _ = writeln!(
            out,
            "daglab {}, marimo {}. {} of {} migrated{}.\n\n| | |\n| --- | ---: |\n| to do by a person | {} |\n| to look at | {} |\n| translated | {} |\n| in the way of which another file is | {} |\n| invalid | {} |",
            self.daglab,
            inline(&self.marimo),
            totals.converted,
            text::count(totals.notebooks, "notebook"),
            if self.dry_run { " in a dry run" } else { "" },
            totals.manual,
            totals.review,
            totals.info,
            totals.exists,
            totals.invalid,
        );
        for reason in &self.degraded {
            let _ = writeln!(out, "\nDegraded: {}", inline(reason));
        }
        self.todo(&mut out);
        for notebook in &self.notebooks {
            markdown_of(notebook, &mut out);
        }
        out
    }

    /// What needs a person, of all notebooks.
    fn todo(&self, out: &mut String) {
        if self.totals.manual + self.totals.review == 0 {
            return;
        }
        out.push_str("\n## What needs a person\n\n| notebook | cell | line | | why | what was done | what to do |\n| --- | --- | --- | --- | --- | --- | --- |\n");
        for severity in [Severity::Manual, Severity::Review] {
            for notebook in &self.notebooks {
                for issue in notebook.of(severity) {
                    let _ = writeln!(
                        out,
                        "| {} | {} | {} | {} | {}{} | {} | {} |",
                        inline(&notebook.source),
                        cell(issue),
                        issue.line.map_or_else(String::new, |line| line.to_string()),
                        if severity == Severity::Manual {
                            "**to do**"
                        } else {
                            "look at"
                        },
                        inline(&issue.reason),
                        code(&issue.source),
                        inline(&issue.done),
                        inline(&issue.action),
                    );
                }
            }
        }
    }
}

fn told(refusal: Option<&Refusal>) -> (String, String, String) {
    let part = |lead: &str, text: Option<&String>| {
        text.map(|text| format!("{lead}{}", text::one_line(text)))
            .unwrap_or_default()
    };
    (
        part("", refusal.map(|refusal| &refusal.message)),
        part(", at ", refusal.and_then(|refusal| refusal.place.as_ref())),
        part("; ", refusal.and_then(|refusal| refusal.hint.as_ref())),
    )
}

/// `cell 3 [7], line 2`.
fn place(issue: &Issue) -> String {
    let mut out = match issue.cell {
        Some(number) => format!("cell {number}"),
        None => "notebook".to_owned(),
    };
    if let Some(count) = issue.execution_count {
        let _ = write!(out, " [{count}]");
    }
    if let Some(line) = issue.line {
        let _ = write!(out, ", line {line}");
    }
    out
}

fn sentence(issue: &Issue) -> String {
    let mut out = issue.reason.clone();
    for part in [&issue.done, &issue.action] {
        if !part.is_empty() {
            let _ = write!(out, "; {part}");
        }
    }
    out
}

/// `3 [7]`.
fn cell(issue: &Issue) -> String {
    match (issue.cell, issue.execution_count) {
        (Some(number), Some(count)) => format!("{number} \\[{count}\\]"),
        (Some(number), None) => number.to_string(),
        _ => String::new(),
    }
}

/// Foreign text inside a table: one line, in which nothing is Markdown but code between backticks.
fn inline(foreign: &str) -> String {
    let mut out = String::new();
    for c in text::one_line(foreign).chars() {
        if matches!(
            c,
            '|' | '<' | '>' | '[' | ']' | '*' | '_' | '\\' | '~' | '#' | '&' | '!'
        ) {
            out.push('\\');
        }
        out.push(c);
    }
    // An odd backtick would swallow the rest of the row.
    match out.matches('`').count() % 2 {
        0 => unescaped_in_code(&out),
        _ => out.replace('`', "\\`"),
    }
}

/// Between backticks a backslash is a backslash; a bar still ends a table's cell.
fn unescaped_in_code(text: &str) -> String {
    let parts: Vec<String> = text
        .split('`')
        .enumerate()
        .map(|(index, part)| match index % 2 {
            0 => part.to_owned(),
            _ => {
                let mut plain = String::new();
                let mut chars = part.chars();
                while let Some(c) = chars.next() {
                    match (c, chars.clone().next()) {
                        ('\\', Some('|')) => plain.push('\\'),
                        ('\\', Some(next)) => {
                            plain.push(next);
                            chars.next();
                        }
                        _ => plain.push(c),
                    }
                }
                plain
            }
        })
        .collect();
    parts.join("`")
}

fn code(source: &str) -> String {
    let source = text::one_line(source);
    if source.is_empty() {
        return String::new();
    }
    let source = source.replace('|', "\\|");
    match source.contains('`') {
        true => format!("<br>`` {source} ``"),
        false => format!("<br>`{source}`"),
    }
}

fn markdown_of(notebook: &NotebookReport, out: &mut String) {
    let _ = writeln!(out, "\n## {}\n", inline(&notebook.source));
    if notebook.status == Status::Invalid {
        let (message, place, hint) = told(notebook.refusal.as_ref());
        let _ = writeln!(
            out,
            "Not migrated: {}",
            inline(&format!("{message}{place}{hint}"))
        );
        return;
    }
    let _ = match notebook.status {
        Status::Exists => match &notebook.refusal {
            Some(refusal) => writeln!(out, "Not written: {}.", inline(&refusal.message)),
            None => writeln!(
                out,
                "Not written: {} is there already, with another text.",
                inline(&notebook.target)
            ),
        },
        _ => writeln!(out, "Written to {}.", inline(&notebook.target)),
    };
    let s = &notebook.statistics;
    let _ = writeln!(
        out,
        "\nFormat {}. {} ({} code, {} Markdown, {} raw, {} left out) became {}.",
        inline(&notebook.format),
        text::count(s.cells, "cell"),
        s.code_cells,
        s.markdown_cells,
        s.raw_cells,
        s.empty_cells,
        s.cells_written,
    );
    out.push_str("\n| | |\n| --- | ---: |\n");
    for (what, count) in [
        ("outputs dropped", s.outputs_dropped),
        ("outputs kept as comments", s.outputs_kept),
        ("attachments inlined", s.attachments_inlined),
        ("attachments lost", s.attachments_lost),
        ("magics and shell lines translated", s.magics_translated),
        ("magics that marimo does not need", s.magics_dropped),
        ("code kept as comments", s.kept_as_comment),
        ("names changed", s.names_renamed),
        ("imports that were there twice", s.imports_removed),
        ("cells merged", s.cells_merged),
    ] {
        if count > 0 {
            let _ = writeln!(out, "| {what} | {count} |");
        }
    }
    let translated: Vec<&Issue> = notebook.of(Severity::Info).collect();
    if !translated.is_empty() {
        out.push_str("\n<details><summary>What was translated</summary>\n\n| cell | line | why | what was done |\n| --- | --- | --- | --- |\n");
        for issue in translated {
            let line = issue.line.map_or_else(String::new, |line| line.to_string());
            let _ = writeln!(
                out,
                "| {} | {line} | {}{} | {} |",
                cell(issue),
                inline(&issue.reason),
                code(&issue.source),
                inline(&issue.done)
            );
        }
        out.push_str("\n</details>\n");
    }
    for finding in &notebook.findings {
        let _ = writeln!(out, "\nmarimo remarks: {}", inline(finding));
    }
}
