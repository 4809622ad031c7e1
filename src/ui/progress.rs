//! What `ci` shows while it works: the phase it is in, a line for everything that is running, and a
//! line that stays for everything that has ended.
//!
//! On a terminal the running lines are drawn below and vanish; in a pipe or a log only the lines
//! that stay are written. All of it goes to stderr.

use std::collections::HashMap;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::printer::Printer;
use super::runner::Stderr;
use super::style::{Paint, Role, wants_color};
use super::text;
use crate::report::model::{NotebookReport, RunReport};
use crate::report::summary::{self, Tone};

/// What an [`Event`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A notebook.
    Notebook,
    /// A Dagster run.
    Run,
}

/// Something that has ended.
#[derive(Debug, Clone)]
pub struct Finished {
    /// What it is.
    pub kind: Kind,
    /// Its title, as in [`Event::Started`].
    pub title: String,
    /// How the outcome weighs.
    pub tone: Tone,
    /// The outcome in a word: `passed`, `timed out`.
    pub word: String,
    /// How long it took; nothing if it was never started.
    pub duration: Option<Duration>,
    /// Lines to show below: what failed and where.
    pub details: Vec<String>,
}

impl Finished {
    /// A notebook that has ended. Its title is its path.
    pub fn notebook(notebook: &NotebookReport) -> Self {
        let mut details: Vec<String> = Vec::new();
        // Where a cell is to blame, the reason would only say the same again.
        if notebook.root_causes().next().is_none() {
            details.extend(notebook.reason.clone());
        }
        for cell in notebook.root_causes() {
            let place = summary::place(&cell.path, summary::cell_line(cell), None);
            let title = summary::cell_title(&cell.name);
            details.push(format!(
                "{place} {title} — {}",
                summary::cell_error_line(cell)
            ));
        }
        Self {
            kind: Kind::Notebook,
            title: notebook.path.clone(),
            tone: notebook.tone(),
            word: notebook.status.word().to_owned(),
            duration: duration(notebook.duration_s, notebook.attempts),
            details,
        }
    }

    /// A run that has ended. Its title is the report's.
    pub fn run(run: &RunReport) -> Self {
        let step = run.steps.iter().find(|step| step.error.is_some());
        let error = step
            .and_then(|step| step.error.as_ref())
            .or(run.error.as_ref());
        let detail = error.map(|error| {
            let mut parts: Vec<String> = Vec::new();
            parts.extend(
                error
                    .path
                    .as_deref()
                    .map(|path| summary::place(path, error.line, None)),
            );
            parts.extend(step.map(|step| format!("step {}", step.key)));
            let line = summary::error_line(error.class.as_deref(), &error.message);
            if parts.is_empty() {
                line
            } else {
                format!("{} — {line}", parts.join(" "))
            }
        });
        Self {
            kind: Kind::Run,
            title: run.title.clone(),
            tone: run.tone(),
            word: run.status.word().to_owned(),
            duration: duration(run.duration_s, run.attempts),
            details: detail.into_iter().collect(),
        }
    }
}

fn duration(seconds: f64, attempts: u32) -> Option<Duration> {
    (attempts > 0).then(|| Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

/// What happens during `ci`, in the order in which it happens.
#[derive(Debug, Clone)]
pub enum Event {
    /// So many notebooks and runs will be started or skipped.
    Planned {
        /// How many [`Event::Finished`] there will be.
        total: usize,
    },
    /// A phase begins, and the one before it is over.
    Phase(String),
    /// A notebook or a run was started, perhaps not for the first time.
    Started {
        /// What it is.
        kind: Kind,
        /// Its title, the same in all events about it.
        title: String,
    },
    /// What a running notebook or run, or the phase if there is none of this title, is at.
    Progress {
        /// The title of what is running.
        title: String,
        /// What it is at, on one line.
        text: String,
    },
    /// A notebook or a run has ended for good.
    Finished(Finished),
    /// Something else that a person should know.
    Message(String),
}

/// Shows [`Event`]s. Whatever is still drawn vanishes when this is dropped.
pub struct Progress {
    screen: Screen,
    paint: Paint,
    total: usize,
    done: usize,
    failed: usize,
}

enum Screen {
    Drawn(Drawn),
    Plain(Box<dyn Write + Send>),
    Hidden,
}

struct Drawn {
    bars: MultiProgress,
    status: ProgressBar,
    running: HashMap<String, ProgressBar>,
}

impl Progress {
    /// Progress on stderr as `printer` and the terminal want it.
    pub fn new(printer: Printer) -> Self {
        let stderr = io::stderr();
        let color = wants_color(&stderr);
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        if !printer.says_messages() {
            Self::with(Screen::Hidden, color)
        } else if printer.draws_progress() && stderr.is_terminal() && !dumb {
            Self::with(
                Screen::Drawn(Drawn::new(ProgressDrawTarget::stderr())),
                color,
            )
        } else {
            Self::plain(Box::new(Stderr::new()), color)
        }
    }

    /// Progress as plain lines, written to `to`.
    pub fn plain(to: Box<dyn Write + Send>, color: bool) -> Self {
        Self::with(Screen::Plain(to), color)
    }

    fn with(screen: Screen, color: bool) -> Self {
        Self {
            screen,
            paint: Paint::new(color),
            total: 0,
            done: 0,
            failed: 0,
        }
    }

    /// Shows an event.
    pub fn handle(&mut self, event: Event) {
        match event {
            Event::Planned { total } => {
                self.total = total;
                self.update_status();
            }
            Event::Phase(name) => {
                if let Screen::Drawn(drawn) = &self.screen {
                    drawn.phase(&text::one_line(&name));
                }
            }
            Event::Started { kind, title } => {
                if let Screen::Drawn(drawn) = &mut self.screen {
                    drawn.start(kind, &title);
                }
                self.update_status();
            }
            Event::Progress { title, text } => {
                if let Screen::Drawn(drawn) = &self.screen {
                    let bar = drawn.running.get(&title).unwrap_or(&drawn.status);
                    bar.set_message(shown(&title, &text, bar));
                }
            }
            Event::Finished(finished) => self.finish(&finished),
            Event::Message(message) => {
                let message = text::sanitize(&message);
                self.write(message.trim_end());
            }
        }
    }

    fn finish(&mut self, finished: &Finished) {
        self.done += 1;
        self.failed += usize::from(finished.tone == Tone::Bad);
        if let Screen::Drawn(drawn) = &mut self.screen
            && let Some(bar) = drawn.running.remove(&finished.title)
        {
            bar.finish_and_clear();
            drawn.bars.remove(&bar);
        }
        self.write(&finished_lines(finished, self.paint));
        self.update_status();
    }

    fn update_status(&self) {
        if let Screen::Drawn(drawn) = &self.screen
            && self.total > 0
        {
            let mut status = format!("{} of {} done", self.done, self.total);
            if self.failed > 0 {
                let failed = self
                    .paint
                    .paint(Role::Bad, &format!("{} failed", self.failed));
                status.push_str(&format!(", {failed}"));
            }
            drawn.status.set_message(status);
        }
    }

    fn write(&mut self, lines: &str) {
        // Progress is a courtesy: that it cannot be shown must not end the work.
        match &mut self.screen {
            Screen::Drawn(drawn) => {
                let _ = drawn.bars.println(lines);
            }
            Screen::Plain(to) => {
                let _ = writeln!(to, "{lines}").and_then(|()| to.flush());
            }
            Screen::Hidden => {}
        }
    }
}

impl Drop for Drawn {
    fn drop(&mut self) {
        // A bar that is dropped unfinished would be drawn once more.
        for bar in self.running.values().chain([&self.status]) {
            bar.finish_and_clear();
        }
        // Clearing can only fail if the terminal is gone, and then nothing is left to clear.
        let _ = self.bars.clear();
    }
}

impl Drawn {
    const TICK: Duration = Duration::from_millis(100);

    fn new(target: ProgressDrawTarget) -> Self {
        let bars = MultiProgress::with_draw_target(target);
        let status = bars.add(ProgressBar::new_spinner());
        status.set_style(style("{prefix:>10.bold} {wide_msg}"));
        status.enable_steady_tick(Self::TICK);
        Self {
            bars,
            status,
            running: HashMap::new(),
        }
    }

    fn phase(&self, name: &str) {
        self.status.set_prefix(name.to_owned());
        self.status.set_message("");
    }

    fn start(&mut self, kind: Kind, title: &str) {
        // A second attempt starts the clock anew on the line that is there.
        if let Some(bar) = self.running.get(title) {
            bar.reset_elapsed();
            bar.set_message(text::one_line(title));
            return;
        }
        let bar = self
            .bars
            .insert_before(&self.status, ProgressBar::new_spinner());
        bar.set_style(running_style());
        bar.set_prefix(match kind {
            Kind::Notebook => "notebook",
            Kind::Run => "run",
        });
        bar.set_message(text::one_line(title));
        bar.enable_steady_tick(Self::TICK);
        self.running.insert(title.to_owned(), bar);
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the templates of this file are valid")
}

/// Running lines stand in the columns of the finished ones.
fn running_style() -> ProgressStyle {
    style("{prefix:>10.dim} [{took}] {wide_msg}").with_key(
        "took",
        |state: &ProgressState, line: &mut dyn std::fmt::Write| {
            // Nothing can be done about a line that cannot be written to.
            let _ = write!(line, "{:>7.1}s", state.elapsed().as_secs_f64());
        },
    )
}

/// A running line keeps its title before the news; the status line shows only the news.
fn shown(title: &str, news: &str, bar: &ProgressBar) -> String {
    let news = text::one_line(news);
    let title = text::one_line(title);
    if bar.message().starts_with(&title) && !title.is_empty() {
        format!("{title}  {news}")
    } else {
        news
    }
}

/// The lines that stay: `      PASS [   1.24s] notebooks/orders_explore.py`, and what failed.
fn finished_lines(finished: &Finished, paint: Paint) -> String {
    let (word, role) = match (finished.tone, finished.word.as_str()) {
        (Tone::Good, "passed") => ("PASS".to_owned(), Role::Good),
        (Tone::Good, word) => (word.to_uppercase(), Role::Good),
        (Tone::Bad, "failed") => ("FAIL".to_owned(), Role::Bad),
        (Tone::Bad, word) => (word.to_uppercase(), Role::Bad),
        (Tone::Warn, _) => ("ALLOWED".to_owned(), Role::Warn),
        (Tone::Idle, _) => ("SKIP".to_owned(), Role::Muted),
    };
    let took = match finished.duration {
        Some(duration) => format!("[{:>7.2}s]", duration.as_secs_f64()),
        None => "[        ]".to_owned(),
    };
    let kind = match finished.kind {
        Kind::Notebook => "",
        Kind::Run => "run ",
    };
    let title = text::one_line(&finished.title);
    let word = paint.paint(role, &format!("{word:>10}"));
    let mut lines = format!("{word} {took} {kind}{title}");
    for detail in &finished.details {
        lines.push_str(&format!("\n{:11}{}", "", text::one_line(detail)));
    }
    lines
}

#[cfg(test)]
#[path = "progress_tests.rs"]
mod tests;
