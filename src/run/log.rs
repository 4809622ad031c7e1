//! The log of a run: what happened in it and what its processes printed, as one text.

use super::Runner;
use crate::dagster::events::RunEvent;
use crate::dagster::follow::RunOutcome;
use crate::host::tail;
use crate::publish::Source as File;
use crate::report::model::RunReport;
use crate::ui::text::sanitize;

/// How much of each stream of a run's captured output is kept, in bytes.
const CAPTURED: u64 = 256 * 1024;
/// How much of a run's events is kept, in bytes: a run may log millions of lines.
const EVENTS: usize = 16 * 1024 * 1024;
/// How many of the last lines of a run's process are kept.
const LAST_LINES: usize = 200;

/// The log of a run, as far as one is kept.
#[derive(Debug)]
pub(super) struct RunLog(Option<Text>);

#[derive(Debug, Default)]
struct Text {
    text: String,
    left_out: u64,
}

impl RunLog {
    pub(super) fn new(kept: bool) -> Self {
        Self(kept.then(Text::default))
    }

    /// Adds what an event says.
    pub(super) fn add(&mut self, event: &RunEvent) {
        let Some(Text { text, left_out }) = &mut self.0 else {
            return;
        };
        if event.message.is_empty() {
            return;
        }
        if text.len() > EVENTS {
            *left_out += 1;
            return;
        }
        let step = event.step.as_ref().map(|step| format!("{step}: "));
        let step = step.unwrap_or_default();
        let message = sanitize(&event.message);
        text.push_str(&format!("{:8} {step}{message}\n", event.level));
    }

    /// Adds what the run's processes have printed, and stores all of it.
    pub(super) async fn finish(self, runner: &Runner, run: &RunOutcome, report: &mut RunReport) {
        let (Some(Text { mut text, left_out }), Some(store)) = (self.0, &runner.logs) else {
            return;
        };
        if left_out > 0 {
            text.push_str(&format!("… and {left_out} more events\n"));
        }
        match runner.client.captured_output(run, CAPTURED).await {
            Ok(outputs) => {
                for output in outputs {
                    for stream in [&output.stdout, &output.stderr] {
                        if !stream.trim().is_empty() {
                            let steps = output.steps.join(", ");
                            let said = sanitize(stream);
                            text.push_str(&format!("\n--- output of {steps} ---\n{said}"));
                        }
                    }
                }
            }
            Err(error) => {
                text.push_str(&format!("\nthe captured output can't be read: {error}\n"));
            }
        }
        if let Some(launcher) = runner.launcher()
            && report.status.is_failure()
        {
            // What a crash leaves is in no event.
            let said = tail(&launcher.log(&run.run_id), LAST_LINES);
            if !said.trim().is_empty() {
                let said = sanitize(&said);
                text.push_str(&format!("\n--- output of the run's process ---\n{said}\n"));
            }
        }
        let key = format!("runs/{}.txt", run.run_id);
        match store.borrow_mut().put(&key, &File::Bytes(text.as_bytes())) {
            Ok(published) => report.log = Some(published.key),
            Err(error) => {
                tracing::warn!("the log of the run `{}` is not stored: {error}", run.run_id);
            }
        }
    }
}
