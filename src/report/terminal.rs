//! The report for a person at a terminal: what happened to each part, why, and one last line.

use std::path::Path;

use super::model::{CiReport, LocationReport, NotebookReport, RunError, RunReport, StepReport};
use super::summary::{self, Tone};
use super::traceback::user_frames;
use crate::ui::style::{Paint, Role};
use crate::ui::table::{Align, Table, TableCell};
use crate::ui::text::{count, duration, indent, one_line, sanitize, wrap};

/// Up to so many passed rows are listed by name; above, they are counted.
const PASSED_ROWS: usize = 40;

/// How [`render`] lays the report out.
#[derive(Debug, Clone, Copy, Default)]
pub struct RenderOptions<'a> {
    /// The columns of the terminal; nothing to neither cut nor fold (a pipe, a file).
    pub width: Option<usize>,
    /// Whether colour may be used.
    pub color: bool,
    /// The HTML report, as it should be named.
    pub index: Option<&'a Path>,
}

/// The report as text. The last line is the verdict, or where the HTML report is.
pub fn render(report: &CiReport, opts: &RenderOptions<'_>) -> String {
    let page = Page {
        paint: Paint::new(opts.color),
        width: opts.width,
    };
    let mut sections = vec![
        page.rows(
            "Notebooks",
            report
                .notebooks
                .iter()
                .map(|n| page.notebook_row(n))
                .collect(),
        ),
        page.rows(
            "Runs",
            report.runs.iter().map(|run| page.run_row(run)).collect(),
        ),
        page.failures(report),
        page.findings(report),
        page.attachments(report),
    ];
    sections.push(page.verdict(report, opts.index));
    sections.retain(|section| !section.is_empty());
    sections.join("\n")
}

struct Page {
    paint: Paint,
    width: Option<usize>,
}

struct Row {
    tone: Tone,
    cells: [TableCell; 4],
}

fn role(tone: Tone) -> Role {
    match tone {
        Tone::Bad => Role::Bad,
        Tone::Warn => Role::Warn,
        Tone::Idle => Role::Muted,
        Tone::Good => Role::Good,
    }
}

impl Page {
    fn heading(&self, text: &str) -> String {
        format!("{}\n", self.paint.paint(Role::Heading, text))
    }

    fn status(&self, tone: Tone, word: &str) -> TableCell {
        TableCell::painted(role(tone), &format!("{} {word}", tone.symbol()))
    }

    fn notebook_row(&self, notebook: &NotebookReport) -> Row {
        let tone = notebook.tone();
        let mut notes: Vec<String> = Vec::new();
        notes.extend(notebook.target.iter().map(summary::target_line));
        if tone == Tone::Warn {
            notes.push("failure allowed".to_owned());
        }
        if notebook.attempts > 1 {
            notes.push(format!("{} attempts", notebook.attempts));
        }
        if tone == Tone::Idle {
            notes.extend(notebook.reason.clone());
        }
        let took = took(notebook.duration_s, notebook.attempts);
        self.row(tone, notebook.status.word(), &notebook.path, &took, &notes)
    }

    fn run_row(&self, run: &RunReport) -> Row {
        let tone = run.tone();
        let mut notes: Vec<String> = Vec::new();
        if !run.steps.is_empty() {
            notes.push(count(run.steps.len(), "step"));
        }
        if !run.materializations.is_empty() {
            notes.push(count(run.materializations.len(), "materialization"));
        }
        if tone == Tone::Warn {
            notes.push("failure allowed".to_owned());
        }
        if run.attempts > 1 {
            notes.push(format!("{} attempts", run.attempts));
        }
        if tone == Tone::Idle {
            notes.extend(run.error.as_ref().map(|error| error.message.clone()));
        }
        let took = took(run.duration_s, run.attempts);
        self.row(tone, run.status.word(), &run.title, &took, &notes)
    }

    fn row(&self, tone: Tone, word: &str, name: &str, took: &str, notes: &[String]) -> Row {
        let cells = [
            self.status(tone, word),
            TableCell::plain(name),
            TableCell::plain(took),
            TableCell::painted(Role::Muted, &notes.join(", ")),
        ];
        Row { tone, cells }
    }

    /// A group of rows in the order of the plan. Of many that passed, only the number is said.
    fn rows(&self, title: &str, rows: Vec<Row>) -> String {
        if rows.is_empty() {
            return String::new();
        }
        let passed = rows.iter().filter(|row| row.tone == Tone::Good).count();
        let folded = passed > PASSED_ROWS;
        let mut table = Table::new([Align::Left, Align::Left, Align::Right, Align::Left]);
        for row in rows {
            if !(folded && row.tone == Tone::Good) {
                table.row(row.cells);
            }
        }
        let mut out = self.heading(title);
        out.push_str(&table.render(self.paint, 2, self.width));
        if folded {
            let mark = self.paint.paint(Role::Good, Tone::Good.symbol());
            let more = if table.is_empty() { "" } else { " more" };
            out.push_str(&format!("  {mark} {passed}{more} passed\n"));
        }
        out
    }

    fn failures(&self, report: &CiReport) -> String {
        let mut blocks: Vec<String> = Vec::new();
        let broken = report.locations.iter().filter(|location| !location.loaded);
        blocks.extend(broken.map(|location| self.location_failure(location)));
        let runs = report.runs.iter().filter(|run| run.status.is_failure());
        blocks.extend(runs.map(|run| self.run_failure(run)));
        let notebooks = report
            .notebooks
            .iter()
            .filter(|notebook| notebook.status.is_failure());
        blocks.extend(notebooks.map(|notebook| self.notebook_failure(notebook)));
        if blocks.is_empty() {
            return String::new();
        }
        format!("{}{}", self.heading("What failed"), blocks.join("\n"))
    }

    fn title(&self, tone: Tone, kind: &str, name: &str, outcome: &str) -> String {
        let symbol = self.paint.paint(role(tone), tone.symbol());
        let name = self.paint.paint(Role::Heading, &one_line(name));
        format!("  {symbol} {kind} {name} {outcome}\n")
    }

    fn notebook_failure(&self, notebook: &NotebookReport) -> String {
        let outcome = outcome(
            notebook.status.word(),
            notebook.duration_s,
            notebook.attempts,
        );
        let mut out = self.title(notebook.tone(), "notebook", &notebook.path, &outcome);
        if let Some(reason) = &notebook.reason {
            out.push_str(&self.wrapped(4, &one_line(reason)));
        }
        for cell in notebook.root_causes() {
            let place = summary::place(&cell.path, summary::cell_line(cell), None);
            let name = summary::cell_title(&cell.name);
            out.push_str(&self.cause(&place, &name, &summary::cell_error_line(cell)));
            let traceback = cell
                .error
                .as_ref()
                .and_then(|error| error.traceback.as_deref());
            out.push_str(&self.frames(traceback));
        }
        for line in summary::blame_lines(notebook) {
            out.push_str(&format!("    {}\n", self.paint.paint(Role::Muted, &line)));
        }
        out
    }

    fn run_failure(&self, run: &RunReport) -> String {
        let outcome = outcome(run.status.word(), run.duration_s, run.attempts);
        let mut out = self.title(run.tone(), "run", &run.title, &outcome);
        let failed: Vec<(&StepReport, &RunError)> = run.failed_steps().collect();
        for (step, error) in &failed {
            out.push_str(&self.run_error(&format!("step {}", one_line(&step.key)), error));
            out.push_str(&self.last_output(step.last_output.as_deref()));
        }
        // A run's own error repeats its steps'.
        if let (true, Some(error)) = (failed.is_empty(), &run.error) {
            out.push_str(&self.run_error("", error));
        }
        if let Some(log) = &run.log {
            let line = format!("log: {}", one_line(log));
            out.push_str(&format!("    {}\n", self.paint.paint(Role::Muted, &line)));
        }
        out
    }

    /// What a step's process printed last, behind a bar: it is foreign text.
    fn last_output(&self, output: Option<&str>) -> String {
        let lines = output.unwrap_or_default().lines();
        lines
            .map(|line| {
                let line = format!("    │ {}", one_line_kept(line));
                format!("{}\n", self.paint.paint(Role::Muted, line.trim_end()))
            })
            .collect()
    }

    fn location_failure(&self, location: &LocationReport) -> String {
        let mut out = self.title(Tone::Bad, "code location", &location.name, "did not load");
        if let Some(error) = &location.error {
            out.push_str(&self.run_error("", error));
        }
        out
    }

    fn run_error(&self, what: &str, error: &RunError) -> String {
        let place = summary::error_place(error);
        let line = summary::error_line(error.class.as_deref(), &error.message);
        let mut out = match (place, what.is_empty()) {
            (Some(place), _) => self.cause(&place, what, &line),
            (None, false) => self.wrapped(4, &format!("{what} — {line}")),
            (None, true) => self.wrapped(4, &line),
        };
        out.push_str(&self.frames(error.stack.as_deref()));
        out
    }

    /// `path:line what — error`, the place first so that a terminal can open it.
    fn cause(&self, place: &str, what: &str, error: &str) -> String {
        let gap = if what.is_empty() { "" } else { " " };
        let line = self.wrapped(4, &format!("{place}{gap}{what} — {error}"));
        line.replacen(place, &self.paint.paint(Role::Name, place), 1)
    }

    fn frames(&self, traceback: Option<&str>) -> String {
        let frames = traceback
            .map(|traceback| user_frames(traceback, 2))
            .unwrap_or_default();
        let lines = frames
            .iter()
            .map(|line| self.paint.paint(Role::Muted, line));
        indent(&lines.collect::<Vec<_>>().join("\n"), "        ")
    }

    fn wrapped(&self, by: usize, text: &str) -> String {
        let line = format!("{}{text}", " ".repeat(by));
        format!("{}\n", wrap(&line, self.width, by + 2))
    }

    fn findings(&self, report: &CiReport) -> String {
        if report.findings.is_empty() {
            return String::new();
        }
        let mut out = self.heading("Findings");
        for finding in &report.findings {
            let tone = finding.severity.tone();
            let word = format!("{} {}", tone.symbol(), finding.severity.word());
            let source = finding.code.as_ref().unwrap_or(&finding.source);
            let mut parts: Vec<String> = summary::finding_place(finding).into_iter().collect();
            parts.push(one_line(source));
            parts.push(one_line(&finding.message));
            let line = self.wrapped(2, &format!("{word} {}", parts.join(" ")));
            out.push_str(&line.replacen(&word, &self.paint.paint(role(tone), &word), 1));
            if let Some(hint) = &finding.hint {
                let hint = self.wrapped(4, &format!("hint: {}", one_line(hint)));
                out.push_str(&hint.replacen("hint:", &self.paint.paint(Role::Name, "hint:"), 1));
            }
        }
        out
    }

    fn attachments(&self, report: &CiReport) -> String {
        let failed: Vec<_> = report.attachments.iter().filter(|made| !made.ok).collect();
        if failed.is_empty() {
            return String::new();
        }
        let mut out = self.heading("Not attached");
        for attachment in failed {
            let symbol = Tone::Bad.symbol();
            let message = attachment
                .message
                .as_deref()
                .unwrap_or("no reason was given");
            let line = format!(
                "{symbol} {} of {} to {}: {}",
                one_line(&attachment.kind).replace('_', " "),
                one_line(&attachment.notebook),
                summary::target_line(&attachment.target),
                one_line(message),
            );
            let painted = self.paint.paint(Role::Bad, symbol);
            out.push_str(&self.wrapped(2, &line).replacen(symbol, &painted, 1));
        }
        out
    }

    fn verdict(&self, report: &CiReport, index: Option<&Path>) -> String {
        let word = format!("{}:", summary::verdict_word(report));
        let tone = summary::result_tone(report.result);
        let counts = summary::verdict_counts(report);
        let mut out = format!("{} {counts}\n", self.paint.paint(role(tone), &word));
        if let Some(index) = index {
            let path = one_line(&index.display().to_string());
            out.push_str(&format!(
                "report: {}\n",
                self.paint.paint(Role::Name, &path)
            ));
        }
        out + &published_at(report, self.paint)
    }
}

/// Where a report was published, and until when that is of use; nothing if it was not.
pub fn published(report: &CiReport, opts: &RenderOptions<'_>) -> String {
    published_at(report, Paint::new(opts.color))
}

fn published_at(report: &CiReport, paint: Paint) -> String {
    let Some(published) = &report.published else {
        return String::new();
    };
    let url = published.index_url.as_deref();
    let url = one_line(url.unwrap_or(&published.place));
    let mut out = format!("published: {}\n", paint.paint(Role::Name, &url));
    if let Some(end) = summary::link_end(published) {
        out.push_str(&format!("{}\n", one_line(&end)));
    }
    out
}

/// A line of foreign text, its blanks as they are.
fn one_line_kept(line: &str) -> String {
    sanitize(line).replace('\n', " ")
}

/// A duration, or nothing for what never began.
fn took(seconds: f64, attempts: u32) -> String {
    if attempts == 0 {
        String::new()
    } else {
        duration(seconds)
    }
}

fn outcome(word: &str, seconds: f64, attempts: u32) -> String {
    match attempts {
        0 => word.to_owned(),
        1 => format!("{word} after {}", duration(seconds)),
        n => format!("{word} after {} ({n} attempts)", duration(seconds)),
    }
}
