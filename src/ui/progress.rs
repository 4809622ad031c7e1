//! What `ci` shows while it works: the phase it is in, a line for everything that is running, and a
//! line that stays for everything that has ended.
//!
//! On a terminal the running lines are drawn below and vanish; in a pipe or a log only the lines
//! that stay are written. All of it goes to stderr.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{self, IsTerminal, Write};
use std::rc::Rc;
use std::time::Duration;

use indicatif::ProgressDrawTarget;

use super::drawn::{Drawn, shown};
use super::printer::Printer;
use super::runner::Stderr;
use super::steps::{Detail, Steps};
use super::style::{Paint, Role, wants_color};
use super::text;
use crate::dagster::events::{RunEvent, RunEventKind};
use crate::dagster::queue::QueuePosition;
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
        let (step, error) = match run.failed_steps().next() {
            Some((step, error)) => (Some(step), Some(error)),
            None => (None, run.error.as_ref()),
        };
        let detail = error.map(|error| {
            let mut parts: Vec<String> = Vec::new();
            parts.extend(summary::error_place(error));
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
    /// A run was launched, or is followed that was launched before.
    Launched {
        /// Its title.
        title: String,
        /// Dagster's id of it.
        run_id: String,
        /// Its page in Dagster's UI, if that can be opened.
        url: Option<String>,
        /// Whether it was launched just now.
        is_new: bool,
    },
    /// Something has happened in a run.
    Happened {
        /// The run's title.
        title: String,
        /// What.
        event: Box<RunEvent>,
    },
    /// A run waits for its turn.
    Queued {
        /// Its title.
        title: String,
        /// Where it stands, on one line.
        text: String,
        /// The same as numbers, of a run in Dagster's queue.
        position: Option<QueuePosition>,
    },
    /// What a running notebook or run, or the phase if there is none of this title, is at.
    Progress {
        /// The title of what is running.
        title: String,
        /// What it is at, on one line.
        text: String,
    },
    /// A notebook has ended for good.
    Finished(Finished),
    /// A run has ended for good, or is left to itself.
    RunEnded(Box<RunReport>),
    /// Something else that a person should know.
    Message(String),
}

/// Shows [`Event`]s. Whatever is still drawn vanishes when this is dropped.
pub struct Progress {
    screen: Screen,
    paint: Paint,
    /// What happens inside runs, where it is shown.
    steps: Option<Steps>,
    /// The waiting runs, as it was last said.
    queued: HashMap<String, String>,
    total: usize,
    done: usize,
    failed: usize,
}

enum Screen {
    Drawn(Drawn),
    Plain(Box<dyn Write + Send>),
    Hidden,
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

    /// The same, with what happens inside runs.
    #[must_use]
    pub fn with_steps(mut self, detail: Detail) -> Self {
        self.steps = Some(Steps::new(detail, self.paint));
        self
    }

    /// Progress as plain lines, written to `to`.
    pub fn plain(to: Box<dyn Write + Send>, color: bool) -> Self {
        Self::with(Screen::Plain(to), color)
    }

    fn with(screen: Screen, color: bool) -> Self {
        Self {
            screen,
            paint: Paint::new(color),
            steps: None,
            queued: HashMap::new(),
            total: 0,
            done: 0,
            failed: 0,
        }
    }

    /// The same as somebody who hears of events. What is drawn vanishes with the last clone.
    pub fn listening(self) -> Rc<dyn Fn(Event)> {
        let progress = RefCell::new(self);
        Rc::new(move |event| progress.borrow_mut().handle(event))
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
            Event::Launched {
                title,
                run_id,
                url,
                is_new,
            } => {
                // First of all, for whoever would rather watch it there.
                if self.steps.is_some() {
                    let word = if is_new { "LAUNCH" } else { "FOLLOW" };
                    let word = self.paint.paint(Role::Name, &format!("{word:>10}"));
                    let place = text::one_line(&url.unwrap_or(run_id));
                    self.write(&format!("{word} {} {place}", text::one_line(&title)));
                }
            }
            Event::Queued { title, text, .. } => self.queue(title, text),
            Event::Happened { title, event } => self.happened(title, &event),
            Event::Finished(finished) => self.finish(&finished),
            Event::RunEnded(report) => self.finish(&Finished::run(&report)),
            Event::Message(message) => {
                let message = text::sanitize(&message);
                self.write(message.trim_end());
            }
        }
    }

    fn happened(&mut self, title: String, event: &RunEvent) {
        self.queued.remove(&title);
        let Some(steps) = &mut self.steps else {
            if event.kind == RunEventKind::StepStarted
                && let Some(step) = &event.step
            {
                let text = format!("step {step}");
                self.handle(Event::Progress { title, text });
            }
            return;
        };
        let change = steps.read(&title, event);
        let (running, ended) = steps.count(&title);
        if let Screen::Drawn(drawn) = &mut self.screen {
            drawn.end_steps(change.ended.as_slice());
            if let Some(key) = change.begun {
                drawn.start_step(key);
            }
            if let Some(bar) = drawn.running.get(&title) {
                let text = format!("{} running, {ended} done", text::count(running, "step"));
                bar.set_message(shown(&title, &text, bar));
            }
        }
        if let Some(lines) = change.lines {
            self.write(&lines);
        }
    }

    /// Says where a waiting run is; in lines that stay, only what is new.
    fn queue(&mut self, title: String, text: String) {
        let news = self.queued.get(&title) != Some(&text);
        match &self.screen {
            Screen::Drawn(drawn) => {
                let bar = drawn.running.get(&title).unwrap_or(&drawn.status);
                bar.set_message(shown(&title, &text, bar));
            }
            _ if news => {
                let word = self.paint.paint(Role::Muted, "    QUEUED");
                let title = text::one_line(&title);
                self.write(&format!("{word} {title} {}", text::one_line(&text)));
            }
            _ => {}
        }
        self.queued.insert(title, text);
    }

    fn finish(&mut self, finished: &Finished) {
        self.done += 1;
        let left = self
            .steps
            .as_mut()
            .map(|steps| steps.forget(&finished.title));
        if let (Screen::Drawn(drawn), Some(left)) = (&mut self.screen, left) {
            drawn.end_steps(&left);
        }
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
