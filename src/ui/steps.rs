//! What happens inside runs, as lines: steps, what they materialize and check, what user code logs.

use std::collections::HashMap;

use super::style::{Paint, Role};
use super::text::{one_line, sanitize};
use crate::config::model::LogLevel;
use crate::dagster::PythonError;
use crate::dagster::events::{RunEvent, RunEventKind};

/// How much of what happens inside runs is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Detail {
    /// The least level of what user code logs; nothing of it if not set.
    pub level: Option<LogLevel>,
    /// Whether lines name their run: there are several.
    pub several: bool,
}

/// A step of a run, by the run's title and its own key.
pub(super) type StepKey = (String, String);

/// Turns events into lines, and knows which steps are running.
#[derive(Debug)]
pub(super) struct Steps {
    detail: Detail,
    paint: Paint,
    /// When each running step began, in seconds since 1970.
    running: HashMap<StepKey, f64>,
    /// How many steps of each run have ended.
    ended: HashMap<String, usize>,
}

/// What an event changes on the screen.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Change {
    /// A step that has begun.
    pub(super) begun: Option<StepKey>,
    /// A step that has ended.
    pub(super) ended: Option<StepKey>,
    /// Lines that stay.
    pub(super) lines: Option<String>,
}

impl Steps {
    pub(super) fn new(detail: Detail, paint: Paint) -> Self {
        Self {
            detail,
            paint,
            running: HashMap::new(),
            ended: HashMap::new(),
        }
    }

    /// Reads an event of the run with this title.
    pub(super) fn read(&mut self, title: &str, event: &RunEvent) -> Change {
        let key = || (title.to_owned(), event.step.clone().unwrap_or_default());
        let mut change = Change::default();
        match &event.kind {
            RunEventKind::StepStarted | RunEventKind::StepRestarted => {
                self.running.insert(key(), event.at);
                change.begun = Some(key());
            }
            RunEventKind::StepSucceeded => {
                change.ended = Some(key());
                change.lines = Some(self.ended(title, event, "DONE", Role::Good, None));
            }
            RunEventKind::StepFailed(error) => {
                change.ended = Some(key());
                change.lines = Some(self.ended(title, event, "FAIL", Role::Bad, error.as_deref()));
            }
            RunEventKind::StepSkipped => {
                change.ended = Some(key());
                change.lines = Some(self.ended(title, event, "SKIP", Role::Muted, None));
            }
            RunEventKind::StepWillRetry(error) => {
                change.ended = Some(key());
                let error = error.as_deref();
                change.lines = Some(self.ended(title, event, "RETRY", Role::Warn, error));
            }
            RunEventKind::Materialized(made) => {
                let asset = made.asset.as_ref().map(ToString::to_string);
                let partition = made.partition.as_ref().map(|key| format!(" [{key}]"));
                change.lines = asset.map(|asset| {
                    let text = format!("{asset}{}", partition.unwrap_or_default());
                    self.line(title, "ASSET", Role::Good, &text)
                });
            }
            RunEventKind::Checked(checked) => {
                let (word, role) = match (checked.passed, checked.is_error) {
                    (true, _) => ("passed", Role::Good),
                    (false, true) => ("failed", Role::Bad),
                    (false, false) => ("failed, which is a warning", Role::Warn),
                };
                let text = format!("{} of {} {word}", checked.check, checked.asset);
                change.lines = Some(self.line(title, "CHECK", role, &text));
            }
            RunEventKind::Log => change.lines = self.logged(title, event),
            _ if self.detail.level == Some(LogLevel::Debug) => {
                change.lines = self.logged(title, event);
            }
            _ => {}
        }
        if change.ended.is_some() {
            *self.ended.entry(title.to_owned()).or_default() += 1;
        }
        change
    }

    /// Forgets a run that has ended, and says which of its steps seemed to be running.
    pub(super) fn forget(&mut self, title: &str) -> Vec<StepKey> {
        let of_run = |key: &StepKey| key.0 == title;
        let left: Vec<StepKey> = self.running.keys().filter(|k| of_run(k)).cloned().collect();
        self.running.retain(|key, _| !of_run(key));
        left
    }

    /// How many steps of a run are running, and how many have ended.
    pub(super) fn count(&self, title: &str) -> (usize, usize) {
        let running = self.running.keys().filter(|key| key.0 == title).count();
        (running, self.ended.get(title).copied().unwrap_or_default())
    }

    fn ended(
        &mut self,
        title: &str,
        event: &RunEvent,
        word: &str,
        role: Role,
        error: Option<&PythonError>,
    ) -> String {
        let step = event.step.clone().unwrap_or_default();
        let begun = self.running.remove(&(title.to_owned(), step.clone()));
        let took = match begun {
            Some(begun) => format!("[{:>7.2}s]", (event.at - begun).max(0.0)),
            None => "[        ]".to_owned(),
        };
        let why = error.map(|error| format!(" — {}", one_line(&error.headline())));
        let text = format!("{took} {}{}", one_line(&step), why.unwrap_or_default());
        self.line(title, word, role, &text)
    }

    /// What user code logs, and for those who want everything what Dagster says, too.
    fn logged(&self, title: &str, event: &RunEvent) -> Option<String> {
        let least = self.detail.level?;
        if rank(&event.level) < rank_of(least) || event.message.trim().is_empty() {
            return None;
        }
        let role = match rank(&event.level) {
            0..=1 => Role::Muted,
            2 => Role::Warn,
            _ => Role::Bad,
        };
        let step = event
            .step
            .as_ref()
            .map(|step| format!("{}: ", one_line(step)));
        let step = self.paint.paint(Role::Muted, &step.unwrap_or_default());
        // Lines that follow stand below the first.
        let message = sanitize(event.message.trim_end());
        let message = message.replace('\n', "\n           ");
        Some(self.line(title, &event.level, role, &format!("{step}{message}")))
    }

    fn line(&self, title: &str, word: &str, role: Role, text: &str) -> String {
        let word = self.paint.paint(role, &format!("{:>10}", one_line(word)));
        let run = match self.detail.several {
            true => self
                .paint
                .paint(Role::Name, &format!("{} ", one_line(title))),
            false => String::new(),
        };
        format!("{word} {run}{text}")
    }
}

/// The order of Dagster's levels.
fn rank(level: &str) -> u8 {
    match level {
        "DEBUG" => 0,
        "INFO" => 1,
        "WARNING" => 2,
        "ERROR" => 3,
        _ => 4,
    }
}

fn rank_of(level: LogLevel) -> u8 {
    match level {
        LogLevel::Debug => 0,
        LogLevel::Info => 1,
        LogLevel::Warning => 2,
        LogLevel::Error => 3,
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    fn event(at: f64, step: &str, level: &str, kind: RunEventKind) -> RunEvent {
        RunEvent {
            at,
            level: level.to_owned(),
            step: Some(step.to_owned()),
            message: "said\n\u{1b}[31mmore".to_owned(),
            kind,
        }
    }

    #[test]
    fn a_step_has_its_time_and_a_failure_its_reason() {
        let detail = Detail {
            level: Some(LogLevel::Info),
            several: false,
        };
        let mut steps = Steps::new(detail, Paint::new(false));
        let begun = steps.read("job", &event(1.0, "a", "INFO", RunEventKind::StepStarted));
        assert_eq!(begun.begun, Some(("job".to_owned(), "a".to_owned())));
        assert_eq!((begun.lines, steps.count("job")), (None, (1, 0)));
        let error = PythonError {
            message: "ValueError: no\n".to_owned(),
            class_name: Some("ValueError".to_owned()),
            ..PythonError::default()
        };
        let failed = RunEventKind::StepFailed(Some(Box::new(error)));
        let ended = steps.read("job", &event(2.5, "a", "ERROR", failed));
        assert_eq!(
            ended.lines.as_deref(),
            Some("      FAIL [   1.50s] a — ValueError: no")
        );
        assert_eq!((ended.ended, steps.count("job")), (begun.begun, (0, 1)));
    }

    #[test]
    fn only_what_is_loud_enough_is_shown() {
        let detail = Detail {
            level: Some(LogLevel::Warning),
            several: true,
        };
        let mut steps = Steps::new(detail, Paint::new(false));
        let mut logged = |level| steps.read("job", &event(1.0, "a", level, RunEventKind::Log));
        assert_eq!(logged("INFO").lines, None);
        let shown = logged("WARNING").lines.expect("a line");
        assert_eq!(shown, "   WARNING job a: said\n           more");
    }
}
