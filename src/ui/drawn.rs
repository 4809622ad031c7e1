//! What is drawn on a terminal while things run.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::progress::Kind;
use super::steps::StepKey;
use super::text;

/// Lines that are drawn below what stays, and vanish.
pub(super) struct Drawn {
    pub(super) bars: MultiProgress,
    pub(super) status: ProgressBar,
    pub(super) running: HashMap<String, ProgressBar>,
    pub(super) steps: HashMap<StepKey, ProgressBar>,
    /// Steps that run and are not drawn for want of room, and since when.
    pub(super) not_drawn: VecDeque<(StepKey, Instant)>,
}

impl Drop for Drawn {
    fn drop(&mut self) {
        // A bar that is dropped unfinished would be drawn once more.
        let bars = self.running.values().chain(self.steps.values());
        for bar in bars.chain([&self.status]) {
            bar.finish_and_clear();
        }
        // Clearing can only fail if the terminal is gone, and then nothing is left to clear.
        let _ = self.bars.clear();
    }
}

impl Drawn {
    const TICK: Duration = Duration::from_millis(100);
    /// How many running steps are drawn at once.
    pub(super) const STEPS: usize = 10;

    pub(super) fn new(target: ProgressDrawTarget) -> Self {
        let bars = MultiProgress::with_draw_target(target);
        let status = bars.add(ProgressBar::new_spinner());
        status.set_style(style("{prefix:>10.bold} {wide_msg}"));
        status.enable_steady_tick(Self::TICK);
        Self {
            bars,
            status,
            running: HashMap::new(),
            steps: HashMap::new(),
            not_drawn: VecDeque::new(),
        }
    }

    /// Draws a step while it runs. Of very many at once, some are not drawn until others have
    /// ended: they would push the others off the screen.
    pub(super) fn start_step(&mut self, key: StepKey) {
        let is_there = self.not_drawn.iter().any(|(other, _)| *other == key);
        if is_there || self.steps.contains_key(&key) {
            return;
        }
        self.not_drawn.push_back((key, Instant::now()));
        self.draw_steps();
    }

    fn draw_steps(&mut self) {
        while self.steps.len() < Self::STEPS
            && let Some((key, since)) = self.not_drawn.pop_front()
        {
            self.draw_step(key, since.elapsed());
        }
    }

    fn draw_step(&mut self, key: StepKey, elapsed: Duration) {
        let bar = ProgressBar::new_spinner().with_elapsed(elapsed);
        let bar = self.bars.insert_before(&self.status, bar);
        bar.set_style(running_style());
        bar.set_prefix("step");
        bar.set_message(text::one_line(&key.1));
        bar.enable_steady_tick(Self::TICK);
        self.steps.insert(key, bar);
    }

    pub(super) fn end_steps(&mut self, keys: &[StepKey]) {
        self.not_drawn.retain(|(key, _)| !keys.contains(key));
        for key in keys {
            if let Some(bar) = self.steps.remove(key) {
                bar.finish_and_clear();
                self.bars.remove(&bar);
            }
        }
        self.draw_steps();
    }

    pub(super) fn phase(&self, name: &str) {
        self.status.set_prefix(name.to_owned());
        self.status.set_message("");
    }

    pub(super) fn start(&mut self, kind: Kind, title: &str) {
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
pub(super) fn shown(title: &str, news: &str, bar: &ProgressBar) -> String {
    let news = text::one_line(news);
    let title = text::one_line(title);
    if bar.message().starts_with(&title) && !title.is_empty() {
        format!("{title}  {news}")
    } else {
        news
    }
}
