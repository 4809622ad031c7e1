//! Who hears what: results on stdout, everything for people on stderr.

use std::io::{self, Write};

use super::runner::{self, harmless, harmless_for_people};
use super::style::wants_color;

/// How much daglab says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Printer {
    /// Nothing at all; the exit code is the answer.
    Silent,
    /// Results and errors.
    Quiet,
    /// Results, errors, messages and live progress.
    #[default]
    Default,
    /// All of that, and details.
    Verbose,
    /// As `Default`, with progress as plain lines.
    NoProgress,
}

impl Printer {
    /// Writes a result to stdout. A reader that has gone away is not an error: whoever reads
    /// `daglab … | head` has seen what they wanted.
    pub fn result(self, text: &str) -> io::Result<()> {
        if self == Self::Silent {
            return Ok(());
        }
        let mut stdout = io::stdout().lock();
        match stdout
            .write_all(harmless(text).as_bytes())
            .and_then(|()| stdout.flush())
        {
            Err(err) if err.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other,
        }
    }

    /// Writes a result that only people read to stdout.
    pub fn page(self, text: &str) -> io::Result<()> {
        self.result(&harmless_for_people(text))
    }

    /// Writes a line for people to stderr.
    pub fn message(self, line: &str) {
        if self.says_messages() {
            write_line(line);
        }
    }

    /// Writes a line to stderr that only `--verbose` shows.
    pub fn detail(self, line: &str) {
        if self == Self::Verbose {
            write_line(line);
        }
    }

    /// Whether messages for people are wanted.
    pub fn says_messages(self) -> bool {
        matches!(self, Self::Default | Self::Verbose | Self::NoProgress)
    }

    /// Whether live progress is wanted, if there is a terminal to draw it on.
    pub fn draws_progress(self) -> bool {
        matches!(self, Self::Default | Self::Verbose)
    }

    /// Whether stdout should be written to in colour.
    pub fn stdout_color(self) -> bool {
        wants_color(&io::stdout())
    }

    /// Whether stderr should be written to in colour.
    pub fn stderr_color(self) -> bool {
        wants_color(&io::stderr())
    }

    /// The columns of the terminal at stdout; nothing if there is none, so that what goes into a
    /// file or a pipe is neither cut nor folded.
    pub fn stdout_width(self) -> Option<usize> {
        let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
        Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
    }
}

fn write_line(line: &str) {
    // There is nowhere to say that stderr is gone, and the work goes on without it.
    let _ = writeln!(runner::Stderr::new(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_level_says_less_than_the_next() {
        let levels = [
            Printer::Silent,
            Printer::Quiet,
            Printer::Default,
            Printer::Verbose,
        ];
        assert_eq!(
            levels.map(Printer::says_messages),
            [false, false, true, true]
        );
        assert_eq!(
            levels.map(Printer::draws_progress),
            [false, false, true, true]
        );
        assert!(Printer::NoProgress.says_messages());
        assert!(!Printer::NoProgress.draws_progress());
    }
}
