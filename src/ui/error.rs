//! One way to show every error.

use std::io::Write as _;

use super::runner::Stderr;
use super::style::{Paint, Role, wants_color};
use super::text;
use crate::error::Diagnose;

/// Writes `err` to stderr: the message, its causes, the detail and the hint.
pub fn print_error(err: &dyn Diagnose) {
    let rendered = render_error(err, wants_color(&std::io::stderr()));
    // There is nowhere left to say that stderr cannot be written to; the exit code still speaks.
    let _ = Stderr::new().write_all(rendered.as_bytes());
}

/// The lines that [`print_error`] writes.
pub fn render_error(err: &dyn Diagnose, color: bool) -> String {
    let paint = Paint::new(color);
    let mut shown = text::sanitize(&err.to_string()).trim_end().to_owned();
    let mut out = format!("{} {}\n", paint.paint(Role::Bad, "error:"), hang(&shown, 7));
    let mut source = err.source();
    // Causes form a chain of Rust values, so it ends; the bound keeps a foolish one readable.
    for _ in 0..32 {
        let Some(cause) = source else { break };
        let message = text::sanitize(&cause.to_string()).trim_end().to_owned();
        // Many messages already end in their cause's.
        if !shown.ends_with(&message) {
            let label = paint.paint(Role::Muted, "caused by:");
            out.push_str(&format!("  {label} {}\n", hang(&message, 13)));
        }
        shown = message;
        source = cause.source();
    }
    if let Some(detail) = err.detail() {
        let detail = text::sanitize(&detail);
        out.push('\n');
        out.push_str(&text::indent(detail.trim_matches('\n'), "  "));
        out.push('\n');
    }
    if let Some(hint) = err.hint() {
        let hint = text::sanitize(&hint);
        out.push_str(&format!(
            "{} {}\n",
            paint.paint(Role::Name, "hint:"),
            hang(&hint, 6)
        ));
    }
    out
}

/// `text` with every line after the first indented.
fn hang(text: &str, indent: usize) -> String {
    text.replace('\n', &format!("\n{}", " ".repeat(indent)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ExitStatus;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot read `daglab.yaml`: {source}")]
    struct Broken {
        #[source]
        source: Middle,
        detail: Option<String>,
    }

    #[derive(Debug, thiserror::Error)]
    #[error("unknown key `notebook`")]
    struct Middle(#[source] std::io::Error);

    impl Diagnose for Broken {
        fn exit_status(&self) -> ExitStatus {
            ExitStatus::Validation
        }

        fn hint(&self) -> Option<String> {
            Some("did you mean `notebooks`?".to_owned())
        }

        fn detail(&self) -> Option<String> {
            self.detail.clone()
        }
    }

    fn broken(detail: Option<&str>) -> Broken {
        let io = std::io::Error::other("disk\n\u{1b}[31mgone");
        Broken {
            source: Middle(io),
            detail: detail.map(str::to_owned),
        }
    }

    #[test]
    fn everything_an_error_knows_is_shown_once() {
        let detail = "daglab.yaml:3:1\n3 | notebook: x\n  | ^^^^^^^^\n";
        insta::assert_snapshot!(render_error(&broken(Some(detail)), false), @r"
        error: cannot read `daglab.yaml`: unknown key `notebook`
          caused by: disk
                     gone

          daglab.yaml:3:1
          3 | notebook: x
            | ^^^^^^^^

        hint: did you mean `notebooks`?
        ");
    }

    #[test]
    fn colour_repeats_the_words() {
        let err = broken(None);
        let colored = render_error(&err, true);
        assert!(colored.contains('\u{1b}'));
        assert_eq!(text::sanitize(&colored), render_error(&err, false));
    }
}
