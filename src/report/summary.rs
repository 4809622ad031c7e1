//! What every sink says in the same words: symbols, counts, blame and the verdict.

use std::collections::HashMap;

use super::model::{
    CellReport, CellStatus, CiReport, Finding, NotebookReport, NotebookStatus, PublishedRun,
    RunError, RunReport, RunResult, RunStatus, Severity, StepReport, Target,
};
use crate::ui::text::{count, duration, one_line};

/// How long the links of a published run are good for; nothing where they don't end.
pub fn link_end(published: &PublishedRun) -> Option<String> {
    let end = published.links_expire_at.as_deref()?;
    let mut text = format!("links end at {end}");
    if let Some(note) = &published.note {
        text.push_str(&format!("; {note}"));
    }
    Some(text)
}

/// How a status weighs, whatever it is the status of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tone {
    /// It went wrong, and the whole run with it.
    Bad,
    /// It went wrong and was allowed to, or should be looked at.
    Warn,
    /// It did not happen.
    Idle,
    /// It went well.
    Good,
}

impl Tone {
    /// The word that stands for the tone in class names.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bad => "bad",
            Self::Warn => "warn",
            Self::Idle => "idle",
            Self::Good => "good",
        }
    }

    /// The sign that stands before a status, so that its meaning is never in colour alone.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Bad => "✗",
            Self::Warn => "!",
            Self::Idle => "–",
            Self::Good => "✓",
        }
    }

    fn of(failed: bool, allowed: bool, idle: bool) -> Self {
        match (failed, allowed, idle) {
            (true, false, _) => Self::Bad,
            (true, true, _) => Self::Warn,
            (false, _, true) => Self::Idle,
            (false, _, false) => Self::Good,
        }
    }
}

impl NotebookStatus {
    /// The status in words.
    pub fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::TimedOut => "timed out",
            Self::Crashed => "crashed",
            Self::Cached => "cached",
            Self::Skipped => "skipped",
        }
    }
}

impl RunStatus {
    /// The status in words.
    pub fn word(self) -> &'static str {
        match self {
            Self::Success => "passed",
            Self::Failure => "failed",
            Self::Canceled => "canceled",
            Self::TimedOut => "timed out",
            Self::Invalid => "invalid",
            Self::Skipped => "skipped",
            Self::Launched => "launched",
        }
    }
}

impl CellStatus {
    /// The status in words.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::NotRun => "not run",
            Self::Disabled => "disabled",
        }
    }
}

impl Severity {
    /// The severity in words.
    pub fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }

    /// How the severity weighs.
    pub fn tone(self) -> Tone {
        match self {
            Self::Info => Tone::Idle,
            Self::Warning => Tone::Warn,
            Self::Error => Tone::Bad,
        }
    }
}

impl NotebookReport {
    /// How the notebook's status weighs, allowed failures taken into account.
    pub fn tone(&self) -> Tone {
        let idle = self.status == NotebookStatus::Skipped;
        Tone::of(self.status.is_failure(), self.allow_failure, idle)
    }

    /// The cells that failed by themselves, in the order of the file.
    pub fn root_causes(&self) -> impl Iterator<Item = &CellReport> {
        self.cells
            .iter()
            .filter(|cell| cell.status == CellStatus::Failed)
    }

    /// How many cells were not run, by the cell that is to blame (none where that is not known).
    pub fn blame(&self) -> Vec<(Option<&str>, usize)> {
        let mut blame: Vec<(Option<&str>, usize)> = Vec::new();
        // Where each name stands: cells may be many, and blame another one each.
        let mut places: HashMap<Option<&str>, usize> = HashMap::new();
        for cell in self
            .cells
            .iter()
            .filter(|cell| cell.status == CellStatus::NotRun)
        {
            let blamed = cell.blamed_on.as_deref();
            let place = *places.entry(blamed).or_insert(blame.len());
            match blame.get_mut(place) {
                Some((_, cells)) => *cells += 1,
                None => blame.push((blamed, 1)),
            }
        }
        blame
    }
}

impl RunReport {
    /// How the run's status weighs, allowed failures taken into account.
    pub fn tone(&self) -> Tone {
        let idle = self.status == RunStatus::Skipped;
        Tone::of(self.status.is_failure(), self.allow_failure, idle)
    }

    /// The steps that failed by themselves. Those of a run that was made to end were interrupted.
    pub fn failed_steps(&self) -> impl Iterator<Item = (&StepReport, &RunError)> {
        let was_ended = matches!(self.status, RunStatus::TimedOut | RunStatus::Canceled);
        let failed = self.steps.iter().filter(move |_| !was_ended);
        failed.filter_map(|step| Some((step, step.error.as_ref()?)))
    }
}

/// Where an error arose, for people. A deployment has its code elsewhere than in the project: then
/// it is the last frame of what was raised.
pub fn error_place(error: &RunError) -> Option<String> {
    if let Some(path) = &error.path {
        return Some(place(path, error.line, None));
    }
    let stack = error.stack.as_deref()?;
    let own = stack.lines().take_while(|line| {
        !line.starts_with("The direct cause") && !line.starts_with("It happened while")
    });
    let frame = own.filter_map(frame_place).last()?;
    Some(place(frame.0, Some(frame.1), None))
}

/// The place that the first line of a frame names, unless it is of an installed package.
fn frame_place(line: &str) -> Option<(&str, u32)> {
    let rest = line.trim_start().strip_prefix("File \"")?;
    let (file, rest) = rest.split_once("\", line ")?;
    let digits = rest.find(|c: char| !c.is_ascii_digit());
    let number = rest[..digits.unwrap_or(rest.len())].parse().ok()?;
    let foreign = ["/site-packages/", "/dist-packages/", "/lib/python3."];
    let is_foreign = foreign.iter().any(|part| file.contains(part));
    (!is_foreign).then_some((file, number))
}

/// What to call a cell: `cell load_orders`, or that it has no name.
pub fn cell_title(name: &str) -> String {
    match name {
        "" | "_" => "unnamed cell".to_owned(),
        name => format!("cell {}", one_line(name)),
    }
}

/// The line that sends a reader to the failure: where it raised, else where the cell begins.
pub fn cell_line(cell: &CellReport) -> Option<u32> {
    cell.error
        .as_ref()
        .and_then(|error| error.line)
        .or(cell.line)
}

/// `path:line:column`, as far as it is known.
pub fn place(path: &str, line: Option<u32>, column: Option<u32>) -> String {
    let mut place = one_line(path);
    for part in [line, line.and(column)].into_iter().flatten() {
        place.push_str(&format!(":{part}"));
    }
    place
}

/// Where a finding points to, if anywhere.
pub fn finding_place(finding: &Finding) -> Option<String> {
    finding
        .path
        .as_deref()
        .map(|path| place(path, finding.line, finding.column))
}

/// `Type: message` on one line; either part may be missing.
pub fn error_line(kind: Option<&str>, message: &str) -> String {
    let message = one_line(message);
    match kind.map(one_line).filter(|kind| !kind.is_empty()) {
        Some(kind) if message.is_empty() => kind,
        Some(kind) => format!("{kind}: {message}"),
        None if message.is_empty() => "no message".to_owned(),
        None => message,
    }
}

/// Why a cell failed, on one line.
pub fn cell_error_line(cell: &CellReport) -> String {
    match &cell.error {
        Some(error) => error_line(Some(&error.kind), &error.message),
        None => "it did not end".to_owned(),
    }
}

/// `2 cells not run because of cell load_orders`, one sentence for each cell that is to blame.
pub fn blame_lines(notebook: &NotebookReport) -> Vec<String> {
    let line = |(blamed, cells): (Option<&str>, usize)| match blamed {
        Some(name) => format!(
            "{} not run because of {}",
            count(cells, "cell"),
            cell_title(name)
        ),
        None => format!("{} not run", count(cells, "cell")),
    };
    notebook.blame().into_iter().map(line).collect()
}

/// `asset daily_orders[2026-01-05]` or `job build_orders`.
pub fn target_line(target: &Target) -> String {
    match target {
        Target::Asset {
            key,
            partition: None,
        } => format!("asset {}", one_line(key)),
        Target::Asset {
            key,
            partition: Some(partition),
        } => {
            format!("asset {}[{}]", one_line(key), one_line(partition))
        }
        Target::Job { name } => format!("job {}", one_line(name)),
    }
}

/// How many there are, and how many of them weigh what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// All of them.
    pub total: usize,
    /// Failures that fail the run.
    pub bad: usize,
    /// Allowed failures, or warnings.
    pub warn: usize,
    /// What was skipped or not run.
    pub idle: usize,
    /// What went well.
    pub good: usize,
}

impl Tally {
    /// Counts tones.
    pub fn of(tones: impl IntoIterator<Item = Tone>) -> Self {
        let mut tally = Self::default();
        for tone in tones {
            tally.total += 1;
            match tone {
                Tone::Bad => tally.bad += 1,
                Tone::Warn => tally.warn += 1,
                Tone::Idle => tally.idle += 1,
                Tone::Good => tally.good += 1,
            }
        }
        tally
    }

    /// `2 failed, 1 allowed to fail, 1 skipped, 3 passed`, without what is zero.
    pub fn words(self) -> String {
        let parts = [
            (self.bad, "failed"),
            (self.warn, "allowed to fail"),
            (self.idle, "skipped"),
            (self.good, "passed"),
        ];
        let words = parts.into_iter().filter(|(n, _)| *n > 0);
        words
            .map(|(n, word)| format!("{n} {word}"))
            .collect::<Vec<_>>()
            .join(", ")
    }
}

/// The counts that every sink shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tallies {
    /// Notebooks.
    pub notebooks: Tally,
    /// Runs.
    pub runs: Tally,
    /// Code locations.
    pub locations: Tally,
    /// Cells of all notebooks.
    pub cells: Tally,
    /// Findings.
    pub findings: Tally,
    /// Attachments that could not be made count as bad.
    pub attachments: Tally,
}

impl Tallies {
    /// Counts what is in a report.
    pub fn of(report: &CiReport) -> Self {
        let loaded = |ok: bool| if ok { Tone::Good } else { Tone::Bad };
        let cell = |cell: &CellReport| match cell.status {
            CellStatus::Ok => Tone::Good,
            CellStatus::Failed => Tone::Bad,
            CellStatus::NotRun | CellStatus::Disabled => Tone::Idle,
        };
        Self {
            notebooks: Tally::of(report.notebooks.iter().map(NotebookReport::tone)),
            runs: Tally::of(report.runs.iter().map(RunReport::tone)),
            locations: Tally::of(report.locations.iter().map(|place| loaded(place.loaded))),
            cells: Tally::of(report.notebooks.iter().flat_map(|n| &n.cells).map(cell)),
            findings: Tally::of(report.findings.iter().map(|f| f.severity.tone())),
            attachments: Tally::of(report.attachments.iter().map(|made| loaded(made.ok))),
        }
    }
}

/// The result in a word.
pub fn result_word(result: RunResult) -> &'static str {
    match result {
        RunResult::Passed => "passed",
        RunResult::Failed => "failed",
        RunResult::Cancelled => "cancelled",
        RunResult::Error => "error",
    }
}

/// The result in a word, for people. Runs that go on have neither passed nor been cancelled.
pub fn verdict_word(report: &CiReport) -> &'static str {
    let goes_on = |run: &RunReport| run.status == RunStatus::Launched;
    match (report.result, report.runs.iter().any(goes_on)) {
        (RunResult::Passed, true) => "launched",
        (RunResult::Cancelled, true) => "interrupted",
        (result, _) => result_word(result),
    }
}

/// How the result weighs.
pub fn result_tone(result: RunResult) -> Tone {
    match result {
        RunResult::Passed => Tone::Good,
        RunResult::Cancelled => Tone::Warn,
        RunResult::Failed | RunResult::Error => Tone::Bad,
    }
}

/// What a reader should know first, without the word for the result: `5 notebooks, 3 runs in
/// 4.21 s`, or `2 of 5 notebooks, 1 of 3 runs failed in 34.2 s`.
pub fn verdict_counts(report: &CiReport) -> String {
    let tallies = Tallies::of(report);
    let all = [
        (tallies.notebooks, "notebook"),
        (tallies.runs, "run"),
        (tallies.locations, "code location"),
        (tallies.attachments, "attachment"),
    ];
    let took = duration(report.duration_s);
    let mut parts: Vec<String> = Vec::new();
    if report.result == RunResult::Failed {
        let bad = all.iter().filter(|(tally, _)| tally.bad > 0);
        parts.extend(bad.map(|(t, noun)| format!("{} of {}", t.bad, count(t.total, noun))));
        if tallies.findings.bad > 0 {
            parts.push(count(tallies.findings.bad, "error"));
        }
    } else {
        let some = all.iter().take(2).filter(|(tally, _)| tally.total > 0);
        parts.extend(some.map(|(tally, noun)| count(tally.total, noun)));
    }
    if parts.is_empty() {
        parts.push(match report.result {
            RunResult::Error => "nothing could be run".to_owned(),
            _ => count(tallies.locations.total, "code location"),
        });
    }
    let mut line = format!("{} in {took}", parts.join(", "));
    let aside = [
        (
            tallies.notebooks.warn + tallies.runs.warn,
            "allowed failure",
        ),
        (tallies.findings.warn, "warning"),
    ];
    let aside = aside.into_iter().filter(|(n, _)| *n > 0);
    let aside: Vec<String> = aside.map(|(n, noun)| count(n, noun)).collect();
    if !aside.is_empty() {
        line.push_str(&format!(", with {}", aside.join(" and ")));
    }
    line
}

/// The verdict on one line: `passed: 5 notebooks, 3 runs in 4.21 s`.
pub fn verdict(report: &CiReport) -> String {
    format!("{}: {}", verdict_word(report), verdict_counts(report))
}
