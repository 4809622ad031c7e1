//! Colour that only repeats what the words already say.

use std::io::IsTerminal;
use std::sync::OnceLock;

/// What a piece of text means, and with it how it looks where colour is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It went well.
    Good,
    /// It went wrong.
    Bad,
    /// It should be looked at.
    Warn,
    /// It can be passed over.
    Muted,
    /// It heads what follows.
    Heading,
    /// A file, a command, a name.
    Name,
}

/// Paints text, or leaves it as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paint {
    color: bool,
}

impl Paint {
    /// Paints if `color` is true.
    pub fn new(color: bool) -> Self {
        Self { color }
    }

    /// `text` in the colour of `role`.
    pub fn paint(self, role: Role, text: &str) -> String {
        if !self.color || text.is_empty() {
            return text.to_owned();
        }
        let code = match role {
            Role::Good => "1;32",
            Role::Bad => "1;31",
            Role::Warn => "1;33",
            Role::Muted => "2",
            Role::Heading => "1",
            Role::Name => "36",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

/// What `--color` said, for the whole process.
static CHOICE: OnceLock<bool> = OnceLock::new();

/// Settles for the whole process whether colour is used, whatever the streams are.
pub fn force_color(color: bool) {
    // Only the first word counts; there is one command line.
    let _ = CHOICE.set(color);
}

/// Whether `stream` should be written to in colour: never with `NO_COLOR` or on a dumb terminal,
/// always with `CLICOLOR_FORCE`, and otherwise if a terminal is at its other end.
pub fn wants_color(stream: &impl IsTerminal) -> bool {
    if let Some(choice) = CHOICE.get() {
        return *choice;
    }
    decide(stream.is_terminal(), |name| {
        std::env::var(name).ok().filter(|value| !value.is_empty())
    })
}

fn decide(terminal: bool, var: impl Fn(&str) -> Option<String>) -> bool {
    if var("NO_COLOR").is_some() {
        return false;
    }
    if var("CLICOLOR_FORCE").is_some_and(|value| value != "0") {
        return true;
    }
    terminal && var("TERM").is_none_or(|term| term != "dumb")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_is_asked_for_in_order() {
        let env = |pairs: &'static [(&str, &str)]| {
            move |name: &str| {
                let pair = pairs.iter().find(|(key, _)| *key == name);
                pair.map(|(_, value)| (*value).to_owned())
            }
        };
        assert!(decide(true, env(&[])));
        assert!(!decide(false, env(&[])));
        assert!(!decide(
            true,
            env(&[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")])
        ));
        assert!(decide(false, env(&[("CLICOLOR_FORCE", "1")])));
        assert!(!decide(true, env(&[("TERM", "dumb")])));
    }

    #[test]
    fn nothing_is_painted_without_colour() {
        assert_eq!(Paint::new(false).paint(Role::Bad, "failed"), "failed");
        assert_eq!(
            Paint::new(true).paint(Role::Bad, "x"),
            "\u{1b}[1;31mx\u{1b}[0m"
        );
        assert_eq!(Paint::new(true).paint(Role::Bad, ""), "");
    }
}
