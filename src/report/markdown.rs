//! The report as GitHub-flavoured Markdown: the text that a pull-request comment or a job summary
//! carries.
//!
//! Nothing foreign is ever written as Markdown: names, paths and messages stand in code spans,
//! tracebacks in fences, so that they can neither format, link, mention nor close what they stand
//! in. A hard budget is kept by leaving out whole rows and blocks, the least important first.

mod budget;
mod escape;
mod places;

use self::budget::{Document, Importance, Section};
use self::escape::{code, fence, html_code, link, link_words};
use self::places::Places;
use super::model::{
    CiReport, Finding, LocationReport, NotebookReport, RunError, RunReport, Severity,
};
use super::summary::{self, Tone};
use super::traceback::keep_end;
use crate::ui::text::{count, duration};

/// What fits into a comment on GitHub (65,536), with room for what a caller adds.
pub const DEFAULT_BUDGET: usize = 65_000;

/// Above so many, what passed is folded away.
const PASSED_ROWS: usize = 15;

/// The report as Markdown of at most `budget` characters.
pub fn render(report: &CiReport, budget: usize) -> String {
    let places = Places::of(report);
    let sections = vec![
        notebooks(report, places, false),
        runs(report, places, false),
        failures(report, places),
        findings(report, places),
        attachments(report),
        notebooks(report, places, true),
        runs(report, places, true),
    ];
    Document {
        headline: headline(report),
        sections,
        footer: footer(report),
    }
    .render(budget)
}

/// Sentences of ours about what could not be told, as a block to stand below the report.
pub fn notes(notes: &[String]) -> String {
    let lines = notes
        .iter()
        .map(|note| format!("\n> {}\n", escape::prose(note)));
    lines.collect()
}

/// The verdict, and which project it is about where the repository has several.
fn headline(report: &CiReport) -> String {
    let mark = emoji(summary::result_tone(report.result));
    let project = report.origin.as_ref().map(|origin| &*origin.project_path);
    let project = match project.filter(|path| !path.is_empty()) {
        Some(path) => format!(" {}", code(path)),
        None => String::new(),
    };
    format!("## {mark} daglab{project} {}\n", summary::verdict(report))
}

fn emoji(tone: Tone) -> &'static str {
    match tone {
        Tone::Bad => "❌",
        Tone::Warn => "⚠️",
        Tone::Idle => "⏭️",
        Tone::Good => "✅",
    }
}

fn importance(tone: Tone) -> Importance {
    match tone {
        Tone::Bad => Importance::Failure,
        Tone::Warn => Importance::Warning,
        Tone::Idle => Importance::Skipped,
        Tone::Good => Importance::Passed,
    }
}

/// A table of notebooks or runs: those that are shown, or those that passed and are folded away.
fn table<T>(
    rows: &[T],
    title: &str,
    noun: &'static str,
    folded: bool,
    print: &Print<'_, T>,
) -> Section {
    let passed = rows
        .iter()
        .filter(|row| (print.tone)(row) == Tone::Good)
        .count();
    let folds = passed > PASSED_ROWS;
    let head = format!("| Status | {title} | Time | |\n| :-- | :-- | --: | :-- |\n");
    let mut section = if folded {
        let before = format!(
            "\n<details>\n<summary>{} passed</summary>\n\n{head}",
            count(passed, noun)
        );
        Section::new(noun, before, "\n</details>\n".to_owned())
    } else {
        Section::new(noun, format!("\n{head}"), String::new())
    };
    for row in rows {
        let tone = (print.tone)(row);
        if (folds && tone == Tone::Good) == folded {
            section.push(importance(tone), (print.row)(row, print.places));
        }
    }
    section
}

struct Print<'a, T> {
    tone: fn(&T) -> Tone,
    row: fn(&T, Places<'_>) -> String,
    places: Places<'a>,
}

fn notebooks(report: &CiReport, places: Places<'_>, folded: bool) -> Section {
    let print = Print {
        tone: NotebookReport::tone,
        row: notebook_row,
        places,
    };
    table(&report.notebooks, "Notebook", "notebook", folded, &print)
}

fn runs(report: &CiReport, places: Places<'_>, folded: bool) -> Section {
    table(
        &report.runs,
        "Run",
        "run",
        folded,
        &Print {
            tone: RunReport::tone,
            row: run_row,
            places,
        },
    )
}

fn row(tone: Tone, word: &str, name: &str, took: &str, notes: &[String]) -> String {
    format!(
        "| {} {word} | {name} | {took} | {} |\n",
        emoji(tone),
        notes.join("<br>")
    )
}

/// A duration, or nothing for what never began. The spaces in it must not break.
fn took(seconds: f64, attempts: u32) -> String {
    if attempts == 0 {
        String::new()
    } else {
        duration(seconds).replace(' ', "\u{a0}")
    }
}

fn notebook_row(notebook: &NotebookReport, places: Places<'_>) -> String {
    let tone = notebook.tone();
    let mut notes: Vec<String> = Vec::new();
    for cell in notebook.root_causes().take(3) {
        let place = places.link(&cell.path, summary::cell_line(cell), None);
        let error = summary::cell_error_line(cell);
        notes.push(format!("{place} {}", short_code(&error)));
    }
    let more = notebook.root_causes().count().saturating_sub(3);
    if more > 0 {
        notes.push(format!("and {}", count(more, "more cell")));
    }
    if tone == Tone::Good {
        notes.extend(
            notebook
                .target
                .as_ref()
                .map(|target| code(&summary::target_line(target))),
        );
    } else if notes.is_empty() {
        notes.extend(notebook.reason.as_deref().map(short_code));
    }
    notes.extend(remarks(tone, notebook.attempts));
    let name = link(&notebook.path, notebook.url.as_deref());
    let took = took(notebook.duration_s, notebook.attempts);
    row(tone, notebook.status.word(), &name, &took, &notes)
}

fn run_row(run: &RunReport, places: Places<'_>) -> String {
    let tone = run.tone();
    let mut notes: Vec<String> = Vec::new();
    if tone == Tone::Good {
        if !run.materializations.is_empty() {
            notes.push(count(run.materializations.len(), "materialization"));
        }
    } else if let Some((_, error)) = run_failure(run) {
        let place = error
            .path
            .as_deref()
            .map(|path| format!("{} ", places.link(path, error.line, None)))
            .unwrap_or_default();
        let line = summary::error_line(error.class.as_deref(), &error.message);
        notes.push(format!("{place}{}", short_code(&line)));
    }
    notes.extend(remarks(tone, run.attempts));
    let name = link(&run.title, run.url.as_deref());
    row(
        tone,
        run.status.word(),
        &name,
        &took(run.duration_s, run.attempts),
        &notes,
    )
}

fn remarks(tone: Tone, attempts: u32) -> Vec<String> {
    let mut remarks = Vec::new();
    if tone == Tone::Warn {
        remarks.push("failure allowed".to_owned());
    }
    if attempts > 1 {
        remarks.push(format!("{attempts} attempts"));
    }
    remarks
}

/// The error that says most about a failed run: its failed step's, else its own.
fn run_failure(run: &RunReport) -> Option<(Option<&str>, &RunError)> {
    let mut steps = run.failed_steps();
    let step = steps.next().map(|(step, error)| (Some(&*step.key), error));
    step.or_else(|| run.error.as_ref().map(|error| (None, error)))
}

/// A message short enough for a table; all of it is below.
fn short_code(message: &str) -> String {
    const LONGEST: usize = 160;
    let line = crate::ui::text::one_line(message);
    match line.char_indices().nth(LONGEST) {
        Some((at, _)) => code(&format!("{}…", &line[..at])),
        None => code(&line),
    }
}

fn failures(report: &CiReport, places: Places<'_>) -> Section {
    let mut section = Section::new("traceback", "\n### What failed\n".to_owned(), String::new());
    for location in report.locations.iter().filter(|location| !location.loaded) {
        section.push(Importance::Failure, location_details(location));
    }
    for run in report.runs.iter().filter(|run| run.status.is_failure()) {
        section.push(Importance::Detail, run_details(run));
    }
    for notebook in report
        .notebooks
        .iter()
        .filter(|notebook| notebook.status.is_failure())
    {
        for block in notebook_details(notebook, places) {
            section.push(Importance::Detail, block);
        }
    }
    section
}

/// A block that is folded to its summary; one without a body is a line.
fn details(tone: Tone, summary: &str, body: &str) -> String {
    let mark = emoji(tone);
    if body.is_empty() {
        format!("\n{mark} {summary}\n")
    } else {
        let body = body.trim_start_matches('\n');
        format!("\n<details>\n<summary>{mark} {summary}</summary>\n\n{body}\n</details>\n")
    }
}

fn location_details(location: &LocationReport) -> String {
    let name = html_code(&location.name);
    match &location.error {
        Some(error) => {
            let summary = format!(
                "code location {name} did not load: {}",
                error_summary(error)
            );
            details(Tone::Bad, &summary, &stack(error.stack.as_deref()))
        }
        None => details(Tone::Bad, &format!("code location {name} did not load"), ""),
    }
}

fn run_details(run: &RunReport) -> String {
    let mut summary = format!("run {}", html_code(&run.title));
    let Some((step, error)) = run_failure(run) else {
        summary.push_str(&format!(" {}", run.status.word()));
        return details(run.tone(), &summary, "");
    };
    if let Some(step) = step {
        summary.push_str(&format!(", step {}", html_code(step)));
    }
    summary.push_str(&format!(": {}", error_summary(error)));
    let mut body = stack(error.stack.as_deref());
    let output = run.steps.iter().filter(|other| Some(&*other.key) == step);
    for output in output.filter_map(|step| step.last_output.as_deref()) {
        body.push_str(&format!(
            "\nLast output:\n\n{}",
            fence(&keep_end(output, 20, 2_000))
        ));
    }
    details(run.tone(), &summary, &body)
}

fn error_summary(error: &RunError) -> String {
    let place = error
        .path
        .as_deref()
        .map(|path| summary::place(path, error.line, None));
    let place = place
        .map(|place| format!("{} — ", html_code(&place)))
        .unwrap_or_default();
    let line = summary::error_line(error.class.as_deref(), &error.message);
    format!("{place}{}", html_code(&line))
}

fn notebook_details(notebook: &NotebookReport, places: Places<'_>) -> Vec<String> {
    let tone = notebook.tone();
    let mut blocks: Vec<String> = Vec::new();
    // Where a cell is to blame, the reason would only say the same again.
    if notebook.root_causes().next().is_none() {
        let reason = notebook.reason.as_deref().unwrap_or(notebook.status.word());
        let summary = format!("{}: {}", html_code(&notebook.path), html_code(reason));
        blocks.push(details(tone, &summary, ""));
    }
    for cell in notebook.root_causes() {
        let place = summary::place(&cell.path, summary::cell_line(cell), None);
        let name = match &*cell.name {
            "" | "_" => "unnamed cell".to_owned(),
            name => format!("cell {}", html_code(name)),
        };
        let error = html_code(&summary::cell_error_line(cell));
        let summary = format!("{} {name} — {error}", html_code(&place));
        let mut body = places.views(&cell.path, summary::cell_line(cell));
        body.push_str(&stack(
            cell.error
                .as_ref()
                .and_then(|error| error.traceback.as_deref()),
        ));
        if !cell.console.trim().is_empty() {
            body.push_str(&format!(
                "Console:\n\n{}",
                fence(&keep_end(&cell.console, 20, 2_000))
            ));
        }
        let blamed = |(name, _): &(Option<&str>, usize)| *name == Some(&*cell.name);
        if let Some((_, cells)) = notebook.blame().into_iter().find(blamed) {
            body.push_str(&format!(
                "\n{} not run because of it\n",
                count(cells, "cell")
            ));
        }
        blocks.push(details(tone, &summary, &body));
    }
    blocks
}

fn stack(stack: Option<&str>) -> String {
    match stack.map(str::trim_end).filter(|stack| !stack.is_empty()) {
        Some(stack) => fence(&keep_end(stack, 40, 4_000)),
        None => String::new(),
    }
}

fn findings(report: &CiReport, places: Places<'_>) -> Section {
    let before = "\n### Findings\n\n| | Where | Rule | |\n| :-- | :-- | :-- | :-- |\n".to_owned();
    let mut section = Section::new("finding", before, String::new());
    let mut sorted: Vec<&Finding> = report.findings.iter().collect();
    sorted.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    for finding in sorted {
        let importance = match finding.severity {
            Severity::Error => Importance::Failure,
            Severity::Warning => Importance::Warning,
            Severity::Info => Importance::Passed,
        };
        section.push(importance, finding_row(finding, places));
    }
    section
}

fn finding_row(finding: &Finding, places: Places<'_>) -> String {
    let path = finding.path.as_deref();
    let place = path
        .map(|path| places.link(path, finding.line, finding.column))
        .unwrap_or_default();
    let rule = code(finding.code.as_ref().unwrap_or(&finding.source));
    let mut message = code(&finding.message);
    if let Some(hint) = &finding.hint {
        message.push_str(&format!("<br>hint: {}", code(hint)));
    }
    let severity = finding.severity;
    let mark = emoji(severity.tone());
    format!(
        "| {mark} {} | {place} | {rule} | {message} |\n",
        severity.word()
    )
}

fn attachments(report: &CiReport) -> Section {
    let before = "\n### Not attached\n\n".to_owned();
    let mut section = Section::new("attachment", before, String::new());
    for attachment in report
        .attachments
        .iter()
        .filter(|attachment| !attachment.ok)
    {
        let message = attachment
            .message
            .as_deref()
            .unwrap_or("no reason was given");
        let line = format!(
            "- {} {} of {} to {}: {}\n",
            emoji(Tone::Bad),
            code(&attachment.kind),
            code(&attachment.notebook),
            code(&summary::target_line(&attachment.target)),
            code(message),
        );
        section.push(Importance::Warning, line);
    }
    section
}

fn footer(report: &CiReport) -> String {
    let project = &report.project;
    let mut parts = vec![code(&format!("daglab {}", report.daglab_version))];
    let versions = [
        ("Python", &project.python),
        ("Dagster", &project.dagster),
        ("marimo", &project.marimo),
    ];
    for (name, version) in versions {
        parts.extend(
            version
                .as_ref()
                .map(|version| code(&format!("{name} {version}"))),
        );
    }
    parts.extend(commit(report));
    if let Some(origin) = &report.origin {
        parts.push(link_words("workflow run", Some(&origin.run_url)));
        if origin.archive_url.is_some() {
            parts.push(link_words("all files", origin.archive_url.as_deref()));
        }
    }
    format!("\n<sub>{}</sub>\n", parts.join(" · "))
}

/// The commit that a reviewer sees, which is not the merge that a pull request's run checks out.
fn commit(report: &CiReport) -> Option<String> {
    let project = &report.project;
    let short = |sha: &str| -> String { sha.chars().take(8).collect() };
    if let Some(origin) = report
        .origin
        .as_ref()
        .filter(|origin| !origin.head_sha.is_empty())
    {
        let url = format!(
            "{}/{}/commit/{}",
            origin.server_url, origin.repository, origin.head_sha
        );
        return Some(format!(
            "commit {}",
            link(&short(&origin.head_sha), Some(&url))
        ));
    }
    let branch = project
        .branch
        .as_ref()
        .map(|branch| format!(" on {}", code(branch)));
    let commit = project.commit.as_ref()?;
    Some(format!(
        "commit {}{}",
        code(&short(commit)),
        branch.unwrap_or_default()
    ))
}
