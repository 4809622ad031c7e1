//! Foreign text made harmless, and text measured and folded for a terminal.
//!
//! Names, messages and output come from notebooks, from Dagster and from whoever wrote them. Before
//! any of it reaches a terminal or a page, [`sanitize`] takes away its power to move the cursor, to
//! set the window's title or to make a line read differently from what it holds.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::iter::Peekable;
use std::str::Chars;
use std::time::Duration;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// `text` without control sequences, with every other invisible control escaped as `\u{…}`.
///
/// Newlines and tabs stay; `\r\n` and a lone `\r` become a newline. Escape sequences (CSI, OSC, DCS
/// and the like, in their 7-bit and 8-bit forms) are removed with what they carry.
pub fn sanitize(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => skip_escape(&mut chars),
            '\u{9b}' => skip_csi(&mut chars),
            '\u{90}' | '\u{98}' | '\u{9d}' | '\u{9e}' | '\u{9f}' => skip_string(&mut chars),
            '\r' => {
                if chars.peek() != Some(&'\n') {
                    out.push('\n');
                }
            }
            c if is_unsafe(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// [`sanitize`]d text on one line: every run of white space is one space, the ends are trimmed.
pub fn one_line(text: &str) -> String {
    let clean = sanitize(text);
    let mut out = String::with_capacity(clean.len());
    for word in clean.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

/// A text as a shell takes it, for commands that are shown.
pub fn shell_word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) && !text.starts_with('-') {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// JSON in which nothing has power over a terminal or a CI runner: what [`sanitize`] would take away
/// or escape, and what a runner would take for a command, is written as JSON's own escapes, so it
/// means the same as before. A line of JSON never begins with the other kind of command.
pub fn harmless_json(json: String) -> String {
    let json = if json.chars().any(is_unsafe) {
        let mut out = String::with_capacity(json.len());
        let mut units = [0; 2];
        for c in json.chars() {
            if is_unsafe(c) {
                for unit in c.encode_utf16(&mut units) {
                    // Writing to a String cannot fail.
                    let _ = write!(out, "\\u{unit:04x}");
                }
            } else {
                out.push(c);
            }
        }
        out
    } else {
        json
    };
    if json.contains("##") {
        json.replace("##[", "#\\u0023[")
            .replace("##vso[", "#\\u0023vso[")
    } else {
        json
    }
}

/// Controls of C0 and C1, bidirectional controls (which make a line read differently from what it
/// holds), line separators, invisible tag characters and the
/// two that XML cannot hold.
fn is_unsafe(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' => true,
        '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' => true,
        '\u{e0000}'..='\u{e007f}' | '\u{fffe}' | '\u{ffff}' => true,
        c => c.is_control(),
    }
}

/// Skips what follows ESC: a sequence by its introducer, or one final byte.
fn skip_escape(chars: &mut Peekable<Chars<'_>>) {
    match chars.peek() {
        Some('[') => {
            chars.next();
            skip_csi(chars);
        }
        Some(']' | 'P' | 'X' | '^' | '_') => {
            chars.next();
            skip_string(chars);
        }
        Some(' '..='/') => {
            while chars.next_if(|c| matches!(c, ' '..='/')).is_some() {}
            chars.next_if(|c| matches!(c, '0'..='~'));
        }
        Some('0'..='~') => {
            chars.next();
        }
        _ => {}
    }
}

/// Skips parameters and the final byte of a control sequence; an unfinished one ends at the first
/// character that cannot belong to it.
fn skip_csi(chars: &mut Peekable<Chars<'_>>) {
    while chars.next_if(|c| matches!(c, ' '..='?')).is_some() {}
    chars.next_if(|c| matches!(c, '@'..='~'));
}

/// Skips a control string to its terminator. One that never ends is cut at the end of its line, so
/// that a stray introducer cannot swallow the rest of a log.
fn skip_string(chars: &mut Peekable<Chars<'_>>) {
    while let Some(&c) = chars.peek() {
        match c {
            '\n' => return,
            '\u{7}' | '\u{9c}' => {
                chars.next();
                return;
            }
            '\u{1b}' => {
                chars.next();
                chars.next_if_eq(&'\\');
                return;
            }
            _ => {
                chars.next();
            }
        }
    }
}

/// The columns that `text` takes in a terminal.
pub fn width(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// `text` cut to `max` columns, its end replaced by `…` where something was cut.
pub fn truncate(text: &str, max: usize) -> Cow<'_, str> {
    if width(text) <= max {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        let columns = c.width().unwrap_or(0);
        if used + columns + 1 > max {
            break;
        }
        used += columns;
        out.push(c);
    }
    if max > 0 {
        out.push('…');
    }
    Cow::Owned(out)
}

/// `text` folded at spaces to at most `max` columns, continued lines indented by `indent` spaces.
/// A word longer than a line stays whole: a path that is cut can no longer be opened by a click.
pub fn wrap(text: &str, max: Option<usize>, indent: usize) -> String {
    let Some(max) = max else {
        return text.to_owned();
    };
    let mut out = String::with_capacity(text.len());
    let mut used = 0;
    for (index, word) in text.split(' ').enumerate() {
        let columns = width(word);
        if index > 0 {
            if used + 1 + columns > max && used > indent {
                out.push('\n');
                out.extend(std::iter::repeat_n(' ', indent));
                used = indent;
            } else {
                out.push(' ');
                used += 1;
            }
        }
        out.push_str(word);
        used += columns;
    }
    out
}

/// Every line of `text` with `indent` before it, empty lines without.
pub fn indent(text: &str, indent: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        if !line.is_empty() {
            out.push_str(indent);
            out.push_str(line);
        }
        out.push('\n');
    }
    out
}

/// `1 notebook`, `2 notebooks`.
pub fn count(n: usize, noun: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{n} {noun}{plural}")
}

/// A duration as people write it: `0.84 s`, `12.3 s`, `2 min 05 s`, `1 h 02 min`.
pub fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "0.00 s".to_owned();
    }
    if seconds < 9.995 {
        return format!("{seconds:.2} s");
    }
    if seconds < 59.95 {
        return format!("{seconds:.1} s");
    }
    let whole = Duration::from_secs_f64(seconds.min(1e9).round()).as_secs();
    let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
    if hours > 0 {
        format!("{hours} h {minutes:02} min")
    } else {
        format!("{minutes} min {seconds:02} s")
    }
}

/// A number of bytes as `212 MiB`.
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1023.5 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    let mut out = String::new();
    let digits = usize::from(unit > 0 && value < 9.95);
    // Writing to a String cannot fail.
    let _ = write!(out, "{value:.digits$} {}", UNITS[unit]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clean_text_is_borrowed() {
        assert!(matches!(sanitize("größe\tπ\n🎉"), Cow::Borrowed(_)));
    }

    #[test]
    fn control_sequences_go_with_what_they_carry() {
        for (dirty, clean) in [
            ("\u{1b}[1;31mred\u{1b}[0m", "red"),
            ("\u{1b}[?25lhidden\u{1b}[2K", "hidden"),
            ("\u{1b}]0;title\u{7}text", "text"),
            ("\u{1b}]8;;http://x\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{9b}31mred", "red"),
            ("\u{9d}0;title\u{9c}text", "text"),
            ("\u{1b}Pdata\u{1b}\\after", "after"),
            ("\u{1b}(Bplain", "plain"),
            ("\u{1b}cfresh", "fresh"),
            ("\u{1b}]unfinished\nnext", "\nnext"),
            ("cut\u{1b}[", "cut"),
            ("cut\u{1b}", "cut"),
        ] {
            assert_eq!(sanitize(dirty), clean, "{dirty:?}");
        }
    }

    #[test]
    fn other_controls_are_shown() {
        assert_eq!(sanitize("a\u{0}b\u{7f}c\u{85}"), "a\\u{0}b\\u{7f}c\\u{85}");
        assert_eq!(sanitize("user\u{202e}gpj.exe"), "user\\u{202e}gpj.exe");
        assert_eq!(sanitize("a\r\nb\rc"), "a\nb\nc");
        assert_eq!(sanitize("x\u{e0041}"), "x\\u{e0041}");
    }

    #[test]
    fn sanitizing_twice_changes_nothing() {
        let hostile = "\u{1b}\u{1b}[[31m\u{9b}\u{9b}m\u{202e}x\u{1b}]\u{1b}]a\u{7}\r\r\n";
        let once = sanitize(hostile).into_owned();
        assert_eq!(sanitize(&once), once);
        assert!(!once.contains('\u{1b}'));
    }

    #[test]
    fn json_means_the_same_without_its_powers() {
        let hostile = "\u{1b}[31m\u{9b}m\u{202e}\u{7f}\u{e0041}ä\r\n##[add-mask]x ##vso[y]";
        let json = serde_json::json!({ "said": hostile }).to_string();
        let harmless = harmless_json(json);
        assert!(!harmless.chars().any(is_unsafe), "{harmless:?}");
        assert!(!harmless.contains("##"), "{harmless}");
        let read: serde_json::Value = serde_json::from_str(&harmless).unwrap();
        assert_eq!(read["said"], hostile);
    }

    #[test]
    fn lines_are_joined() {
        assert_eq!(one_line("  a\n\n b\tc\u{1b}[0m "), "a b c");
    }

    #[test]
    fn text_is_cut_by_columns() {
        assert_eq!(truncate("notebook", 8), "notebook");
        assert_eq!(truncate("notebook", 5), "note…");
        assert_eq!(truncate("日本語", 4), "日…");
        assert_eq!(truncate("abc", 0), "");
    }

    #[test]
    fn long_lines_hang() {
        assert_eq!(wrap("one two three", Some(7), 2), "one two\n  three");
        assert_eq!(
            wrap("a/very/long/path x", Some(5), 2),
            "a/very/long/path\n  x"
        );
        assert_eq!(wrap("one two", None, 2), "one two");
    }

    #[test]
    fn durations_are_readable() {
        for (seconds, text) in [
            (0.0, "0.00 s"),
            (0.842, "0.84 s"),
            (9.996, "10.0 s"),
            (12.34, "12.3 s"),
            (59.96, "1 min 00 s"),
            (125.0, "2 min 05 s"),
            (3725.0, "1 h 02 min"),
            (f64::NAN, "0.00 s"),
            (-1.0, "0.00 s"),
        ] {
            assert_eq!(duration(seconds), text);
        }
    }

    #[test]
    fn sizes_are_readable() {
        assert_eq!(bytes(12), "12 B");
        assert_eq!(bytes(1 << 20), "1.0 MiB");
        assert_eq!(bytes(212 << 20), "212 MiB");
    }
}
