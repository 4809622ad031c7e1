//! What the processes of a run have printed.

use super::client::Client;
use super::error::Error;
use super::events::LogKey;
use super::operations::CapturedLogs;
use super::operations::wire::{CapturedLogsVariables, CapturedLogsWire};
use super::outcome::RunOutcome;

/// How much of each stream is asked for at once, in bytes.
const CHUNK: u64 = 1024 * 1024;
/// How often it is asked: what lies behind is not read.
const CHUNKS: u32 = 64;
/// The most that is kept of each stream, in bytes, however long its lines are.
const KEPT: usize = 256 * 1024;
/// A cut inside a character may leave a text a few bytes away from the limit.
const CHARACTER: u64 = 4;

/// What a run's processes have printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapturedOutput {
    /// The steps that the process ran.
    pub steps: Vec<String>,
    /// Its standard output, from the beginning.
    pub stdout: String,
    /// Its standard error, from the beginning.
    pub stderr: String,
    /// Whether there was more than was asked for.
    pub truncated: bool,
}

/// The end of what a process has printed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CapturedTail {
    /// The last lines of its standard output.
    pub stdout: String,
    /// The last lines of its standard error.
    pub stderr: String,
    /// Whether something was printed before these lines.
    pub is_cut: bool,
    /// Whether these are the last lines. Output of more than 64 MiB is not read to its end.
    pub is_end: bool,
}

impl RunOutcome {
    /// Where the output of a step is, of its last attempt.
    pub fn log_key(&self, step: &str) -> Option<&LogKey> {
        let mut keys = self.log_keys.iter().rev();
        keys.find(|log| log.steps.iter().any(|of| of == step))
    }
}

impl Client {
    /// What the processes of a run have printed, at most `limit` bytes of each stream of each.
    pub async fn captured_output(
        &self,
        run: &RunOutcome,
        limit: u64,
    ) -> Result<Vec<CapturedOutput>, Error> {
        let mut outputs = Vec::with_capacity(run.log_keys.len());
        for log in &run.log_keys {
            let data = self.captured(&run.run_id, log, None, limit).await?;
            let stdout = data.stdout.unwrap_or_default();
            let stderr = data.stderr.unwrap_or_default();
            outputs.push(CapturedOutput {
                steps: log.steps.clone(),
                truncated: is_full(&stdout, limit) || is_full(&stderr, limit),
                stdout,
                stderr,
            });
        }
        Ok(outputs)
    }

    /// The last lines of what one process of a run has printed.
    ///
    /// A server gives output from the beginning on, so all of it is read and little kept. Where a
    /// character lies on the border between two answers, it is replaced by `\u{fffd}`.
    pub async fn captured_tail(
        &self,
        run_id: &str,
        log: &LogKey,
        lines: usize,
    ) -> Result<CapturedTail, Error> {
        let mut tail = CapturedTail::default();
        let mut cursor = None;
        for _ in 0..CHUNKS {
            let data = self.captured(run_id, log, cursor.clone(), CHUNK).await?;
            let stdout = data.stdout.unwrap_or_default();
            let stderr = data.stderr.unwrap_or_default();
            let is_more = is_full(&stdout, CHUNK) || is_full(&stderr, CHUNK);
            for (kept, read) in [(&mut tail.stdout, stdout), (&mut tail.stderr, stderr)] {
                kept.push_str(&read);
                tail.is_cut |= keep_end(kept, lines);
            }
            // A cursor that stays where it is leads nowhere.
            if !is_more || data.cursor.is_none() || data.cursor == cursor {
                tail.is_end = !is_more;
                return Ok(tail);
            }
            cursor = data.cursor;
        }
        Ok(tail)
    }

    async fn captured(
        &self,
        run_id: &str,
        log: &LogKey,
        cursor: Option<String>,
        limit: u64,
    ) -> Result<CapturedLogsWire, Error> {
        let variables = CapturedLogsVariables {
            log_key: vec![
                run_id.to_owned(),
                "compute_logs".to_owned(),
                log.key.clone(),
            ],
            cursor,
            limit,
        };
        let data = self.execute::<CapturedLogs>(&variables).await?;
        Ok(data.captured_logs)
    }
}

/// Whether a text is as long as was asked for, so that there may be more.
fn is_full(text: &str, limit: u64) -> bool {
    text.len() as u64 + CHARACTER > limit
}

/// Leaves the last lines of a text, and says whether there were others.
fn keep_end(text: &mut String, lines: usize) -> bool {
    let body = text.strip_suffix('\n').unwrap_or(text);
    let of_lines = match lines {
        0 => text.len(),
        _ => body
            .rmatch_indices('\n')
            .nth(lines - 1)
            .map_or(0, |(end, _)| end + 1),
    };
    let mut start = of_lines.max(text.len().saturating_sub(KEPT));
    while !text.is_char_boundary(start) {
        start += 1;
    }
    text.drain(..start);
    start > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_kept() {
        let kept = |text: &str, lines| {
            let mut text = text.to_owned();
            let cut = keep_end(&mut text, lines);
            (text, cut)
        };
        assert_eq!(kept("a\nb\nc\n", 2), ("b\nc\n".to_owned(), true));
        assert_eq!(kept("a\nb\nc", 2), ("b\nc".to_owned(), true));
        assert_eq!(kept("a\nb\n", 2), ("a\nb\n".to_owned(), false));
        assert_eq!(kept("\n\n\n", 1), ("\n".to_owned(), true));
        assert_eq!(kept("", 3), ("".to_owned(), false));
        assert_eq!(kept("a\n", 0), ("".to_owned(), true));
    }

    #[test]
    fn a_line_without_end_is_cut_between_characters() {
        let mut text = "ä".repeat(KEPT);
        text.insert(0, 'x');
        text.push('x');
        assert!(keep_end(&mut text, 10));
        assert!(text.len() <= KEPT && text.len() > KEPT - 4);
        assert!(text.ends_with("äx"));
    }
}
