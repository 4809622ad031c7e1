//! What the processes of failed steps printed last.

use super::Runner;
use crate::dagster::follow::RunOutcome;
use crate::report::model::RunReport;
use crate::ui::text::sanitize;

/// How many lines of each stream are shown.
const LINES: usize = 10;
/// How many are read: Dagster writes a traceback among them.
const READ: usize = 500;
/// Of how many failed steps: the first say most.
const STEPS: usize = 3;

/// Adds it to the report. That it can't be read is no reason to fail.
pub(super) async fn add(runner: &Runner, run: &RunOutcome, report: &mut RunReport) {
    let failed = report.steps.iter_mut().filter(|step| step.error.is_some());
    for step in failed.take(STEPS) {
        let Some(key) = run.log_key(&step.key) else {
            continue;
        };
        match runner.client.captured_tail(&run.run_id, key, READ).await {
            Ok(tail) => {
                let streams = [tail.stdout, without_dagsters_own(&tail.stderr)];
                let text: Vec<&str> = streams.iter().map(|text| last(text)).collect();
                let text = text.join("\n");
                let text = sanitize(text.trim_matches('\n'));
                step.last_output = Some(text.into_owned()).filter(|text| !text.trim().is_empty());
            }
            Err(error) => tracing::debug!(%error, step = step.key, "the step's output"),
        }
    }
}

/// The last lines of a text.
fn last(text: &str) -> &str {
    let text = text.trim_end();
    let start = text.rmatch_indices('\n').nth(LINES - 1);
    &text[start.map_or(0, |(index, _)| index + 1)..]
}

/// Dagster writes its events to the same stream, and a traceback that the report has anyway.
fn without_dagsters_own(stderr: &str) -> String {
    let mut own = false;
    let mut kept = Vec::new();
    for line in stderr.lines() {
        let begins = line.contains(" - dagster - ");
        own = begins || (own && is_continued(line));
        if !own {
            kept.push(line);
        }
    }
    kept.join("\n")
}

/// Whether a line goes on with the event before it: a traceback, a stack, or nothing.
fn is_continued(line: &str) -> bool {
    line.trim().is_empty()
        || line.starts_with(' ')
        || [
            "Stack Trace:",
            "The above exception",
            "dagster.",
            "Traceback",
        ]
        .iter()
        .any(|begin| line.starts_with(begin))
        || line
            .split_once(": ")
            .is_some_and(|(class, _)| class.ends_with("Error") || class.ends_with("Exception"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_user_printed_is_left() {
        let stderr = "mine\n\
            2026-11-21 15:00:00 +0000 - dagster - DEBUG - etl - r - 12 - STEP_START - Started\n\
            mine, too\n\
            2026-11-21 15:00:01 +0000 - dagster - ERROR - etl - r - 12 - STEP_FAILURE - failed\n\
            \n\
            dagster._core.errors.DagsterExecutionStepExecutionError: Error occurred:\n\
            \n\
            Stack Trace:\n  File \"x.py\", line 1, in y\n\
            \n\
            The above exception was caused by the following exception:\n\
            ValueError: no\n";
        assert_eq!(without_dagsters_own(stderr), "mine\nmine, too");
    }
}
