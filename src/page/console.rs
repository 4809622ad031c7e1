//! What a cell printed: stdout and stderr told apart, colours kept, everything else that controls a
//! terminal taken out.

use serde::Serialize;

use super::markup::clean::Cleaner;
use super::markup::{Writer, push_escaped};
use super::output;
use crate::marimo::page::Console;
use crate::ui::text::{bytes, sanitize};

/// So much of each end of a cell's output is shown.
const END: usize = 64 * 1024;

/// More entries than this are not looked at one by one.
const ENTRIES: usize = 20_000;

/// The MIME type of a traceback, which is shown with the error.
const TRACEBACK: &str = "application/vnd.marimo+traceback";

/// One stretch of output from one stream.
#[derive(Debug, Serialize)]
pub(super) struct Stretch {
    /// `stdout`, `stderr`, or nothing for what is not text.
    pub name: &'static str,
    /// HTML that may stand in the page.
    pub html: String,
    /// Whether it is text for a `pre`.
    pub text: bool,
}

/// What a cell printed, in order, neighbours from the same stream joined.
pub(super) fn stretches(cleaner: &Cleaner, cell: usize, console: &[Console]) -> Vec<Stretch> {
    let mut stretches: Vec<Stretch> = Vec::new();
    let mut open: Option<(&'static str, String)> = None;
    let close = |open: &mut Option<(&'static str, String)>, into: &mut Vec<Stretch>| {
        if let Some((name, text)) = open.take()
            && !text.is_empty()
        {
            let html = colored(&without_overwritten(&both_ends(&text)));
            into.push(Stretch {
                name,
                html,
                text: true,
            });
        }
    };
    for entry in console.iter().take(ENTRIES) {
        if entry.mimetype == TRACEBACK {
            continue;
        }
        let name = match entry.name.as_str() {
            "stderr" => "stderr",
            "stdin" => "stdin",
            _ => "stdout",
        };
        if entry.data.is_null() && entry.mimetype != "text/html" {
            let password = entry.mimetype == "text/password";
            let text = if password {
                "••••\n"
            } else {
                entry.text.as_str()
            };
            match &mut open {
                Some((same, all)) if *same == name => all.push_str(text),
                _ => {
                    close(&mut open, &mut stretches);
                    open = Some((name, text.to_owned()));
                }
            }
            continue;
        }
        close(&mut open, &mut stretches);
        let html = if entry.data.is_null() {
            let mut writer = Writer::new(cell);
            writer.fragment(&entry.text);
            output::finished(cleaner, &writer)
        } else if let Some(picture) = output::picture(&entry.mimetype, &entry.data) {
            picture
        } else {
            let mut writer = Writer::new(cell);
            output::data(&mut writer, &entry.mimetype, &entry.data);
            output::finished(cleaner, &writer)
        };
        stretches.push(Stretch {
            name: "",
            html,
            text: false,
        });
    }
    close(&mut open, &mut stretches);
    if console.len() > ENTRIES {
        stretches.push(Stretch {
            name: "",
            html: format!(
                "<p class=\"note\">{} more pieces are left out</p>",
                console.len() - ENTRIES
            ),
            text: false,
        });
    }
    stretches
}

/// A text without its middle, where it is too long.
fn both_ends(text: &str) -> std::borrow::Cow<'_, str> {
    if text.len() <= 2 * END {
        return text.into();
    }
    let first = super::markup::beginning(text, END);
    let mut from = text.len() - END;
    while !text.is_char_boundary(from) {
        from += 1;
    }
    let left_out = bytes((from - first.len()) as u64);
    format!("{first}\n[{left_out} left out]\n{}", &text[from..]).into()
}

/// A text without what a carriage return has written over, as a terminal would show it in the end.
pub(super) fn without_overwritten(text: &str) -> String {
    if !text.contains('\r') {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (body, end) = line
            .strip_suffix('\n')
            .map_or((line, ""), |body| (body, "\n"));
        let body = body.trim_end_matches('\r');
        out.push_str(body.rsplit('\r').next().unwrap_or(body));
        out.push_str(end);
    }
    out
}

/// How text looks: what escape sequences have set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Look {
    bold: bool,
    dim: bool,
    italic: bool,
    underlined: bool,
    /// 0 to 7, as terminals count them.
    color: Option<u8>,
}

impl Look {
    fn classes(self) -> String {
        let mut classes = Vec::new();
        let flags = [
            (self.bold, "bold"),
            (self.dim, "dim"),
            (self.italic, "italic"),
            (self.underlined, "under"),
        ];
        classes.extend(
            flags
                .iter()
                .filter(|(on, _)| *on)
                .map(|(_, class)| (*class).to_owned()),
        );
        classes.extend(self.color.map(|color| format!("ansi-{color}")));
        classes.join(" ")
    }

    /// Takes over what a `CSI … m` sequence says.
    fn set(&mut self, parameters: &str) {
        let mut numbers = parameters
            .split([';', ':'])
            .map(|number| number.parse::<u32>().unwrap_or(0));
        while let Some(number) = numbers.next() {
            match number {
                0 => *self = Self::default(),
                1 => self.bold = true,
                2 => self.dim = true,
                3 => self.italic = true,
                4 => self.underlined = true,
                22 => (self.bold, self.dim) = (false, false),
                23 => self.italic = false,
                24 => self.underlined = false,
                30..=37 => self.color = Some((number - 30) as u8),
                90..=97 => self.color = Some((number - 90) as u8),
                39 => self.color = None,
                38 | 48 => {
                    let color = match numbers.next() {
                        Some(5) => numbers.next().map(of_palette),
                        Some(2) => {
                            let mut part = || numbers.next().unwrap_or(0).min(255);
                            Some(nearest(part(), part(), part()))
                        }
                        _ => None,
                    };
                    if number == 38 {
                        self.color = color;
                    }
                }
                _ => {}
            }
        }
    }
}

/// The nearest of the eight colours to one of the 256.
fn of_palette(index: u32) -> u8 {
    match index {
        0..=15 => (index % 8) as u8,
        16..=231 => {
            let index = index - 16;
            let part = |n: u32| n * 51;
            nearest(part(index / 36), part(index / 6 % 6), part(index % 6))
        }
        _ => nearest(index * 10 % 256, index * 10 % 256, index * 10 % 256),
    }
}

/// The nearest of the eight colours: each part is on or off, seen beside the strongest.
fn nearest(red: u32, green: u32, blue: u32) -> u8 {
    let strongest = red.max(green).max(blue);
    if strongest < 64 {
        return 0;
    }
    let on = |part: u32| u8::from(part * 3 > strongest * 2);
    on(red) | on(green) << 1 | on(blue) << 2
}

/// Text with its colours as HTML.
fn colored(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    let mut look = Look::default();
    let mut rest = text;
    while !rest.is_empty() {
        // Up to the next sequence that sets colours; all others are taken out.
        let next = sequences(rest);
        let (before, after) = match next {
            Some((start, end)) => (&rest[..start], Some(&rest[start + 2..end])),
            None => (rest, None),
        };
        if !before.is_empty() {
            let classes = look.classes();
            if classes.is_empty() {
                push_escaped(&sanitize(before), &mut out);
            } else {
                out.push_str(&format!("<span class=\"{classes}\">"));
                push_escaped(&sanitize(before), &mut out);
                out.push_str("</span>");
            }
        }
        match (after, next) {
            (Some(parameters), Some((_, end))) => {
                look.set(parameters);
                rest = &rest[end + 1..];
            }
            _ => break,
        }
    }
    out
}

/// Where the first `ESC [ … m` begins, and where its `m` is.
fn sequences(text: &str) -> Option<(usize, usize)> {
    let mut from = 0;
    while let Some(found) = text[from..].find("\u{1b}[") {
        let start = from + found;
        let parameters = &text[start + 2..];
        let length = parameters
            .bytes()
            .take(64)
            .take_while(|byte| byte.is_ascii_digit() || matches!(byte, b';' | b':'))
            .count();
        if parameters.as_bytes().get(length) == Some(&b'm') {
            return Some((start, start + 2 + length));
        }
        from = start + 2;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_kept_and_controls_are_not() {
        insta::assert_snapshot!(colored(
            "a\u{1b}[1;31mred <b>\u{1b}[0m b\u{1b}[2J\u{1b}]0;title\u{7}c \u{1b}[38;5;33mblue\u{1b}[39m \u{1b}[38;2;10;200;10mgreen\u{1b}[m."
        ));
        assert_eq!(colored("\u{1b}[31"), "");
    }

    #[test]
    fn a_line_is_shown_as_it_was_left() {
        assert_eq!(
            without_overwritten("10%\r20%\r30%\rdone\nnext\r\n"),
            "done\nnext\n"
        );
        assert_eq!(without_overwritten("50%\r100%\r"), "100%");
    }

    #[test]
    fn streams_are_told_apart_and_long_ones_cut() {
        let entry = |name: &str, text: &str| Console {
            name: name.to_owned(),
            mimetype: "text/plain".to_owned(),
            text: text.to_owned(),
            ..Console::default()
        };
        let long = "x".repeat(1_000_000);
        let console = [
            entry("stdout", "a"),
            entry("stdout", "b"),
            entry("stderr", "c"),
            entry("stdout", &long),
        ];
        let stretches = stretches(&Cleaner::new(), 1, &console);
        let names: Vec<_> = stretches.iter().map(|stretch| stretch.name).collect();
        assert_eq!(names, ["stdout", "stderr", "stdout"]);
        assert_eq!(stretches[0].html, "ab");
        assert!(
            stretches[2].html.len() < 2 * END + 100 && stretches[2].html.contains("KiB left out")
        );
    }
}
