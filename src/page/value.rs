//! JSON as nested lists. marimo writes what is not JSON as texts with a MIME type in front:
//! `text/plain+float:3.0`, `text/html:<b>…`.

use serde_json::Value;

use super::markup::{Writer, beginning};
use super::output;

/// So many values are shown of one output.
const MOST: usize = 2_000;

/// So deep, values are shown as lists; below, as text.
const DEEPEST: usize = 24;

/// So much is shown of one text.
const LONGEST: usize = 4_096;

/// A value in one line, without marimo's types.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(on) => if *on { "on" } else { "off" }.to_owned(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Null => String::new(),
        other => beginning(&other.to_string(), LONGEST).to_owned(),
    }
}

/// The beginning of [`plain`].
pub(super) fn short(value: &Value) -> String {
    let mut text = plain(value);
    let end = beginning(&text, LONGEST).len();
    if end < text.len() {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// Writes a value as nested lists.
pub(super) fn write(writer: &mut Writer, value: &Value) {
    let mut left = MOST;
    one(writer, value, 0, &mut left);
    if left == 0 {
        writer.note(&format!("only the first {MOST} values are shown"));
    }
}

fn one(writer: &mut Writer, value: &Value, level: usize, left: &mut usize) {
    match value {
        Value::Object(fields) if fields.is_empty() => writer.within("code", "", |w| w.text("{}")),
        Value::Array(items) if items.is_empty() => writer.within("code", "", |w| w.text("[]")),
        Value::Object(_) | Value::Array(_) if level >= DEEPEST => {
            let text = value.to_string();
            writer.within("code", "", |writer| writer.text(beginning(&text, LONGEST)));
        }
        Value::Object(fields) => writer.within("ul", "values", |writer| {
            for (key, value) in fields {
                if !entry(writer, key, value, level, left) {
                    break;
                }
            }
        }),
        Value::Array(items) => writer.within("ul", "values", |writer| {
            for (index, value) in items.iter().enumerate() {
                if !entry(writer, &index.to_string(), value, level, left) {
                    break;
                }
            }
        }),
        Value::String(text) => leaf(writer, text),
        other => writer.within("code", "", |writer| {
            writer.within("span", "t-m", |writer| writer.text(&other.to_string()));
        }),
    }
}

/// Writes one entry of a list; false if there was no room left for it.
fn entry(writer: &mut Writer, key: &str, value: &Value, level: usize, left: &mut usize) -> bool {
    if *left == 0 {
        return false;
    }
    *left -= 1;
    writer.within("li", "", |writer| {
        writer.within("span", "key", |writer| writer.text(beginning(key, LONGEST)));
        writer.raw(" ");
        one(writer, value, level + 1, left);
    });
    true
}

fn leaf(writer: &mut Writer, text: &str) {
    let typed = text
        .split_once(':')
        .filter(|(kind, _)| kind.len() < 60 && is_mime(kind));
    match typed {
        Some((kind, body)) if kind.starts_with("text/plain") => {
            writer.within("code", "", |writer| {
                if let Some(of) = kind.strip_prefix("text/plain+") {
                    writer.within("small", "type", |writer| writer.text(of));
                    writer.raw(" ");
                }
                writer.within("span", "t-m", |writer| {
                    writer.text(beginning(body, LONGEST));
                });
            });
        }
        Some((kind, body)) => output::data(writer, kind, &Value::String(body.to_owned())),
        None => writer.within("code", "", |writer| {
            let shown = beginning(text, LONGEST);
            let more = if shown.len() < text.len() { "…" } else { "" };
            writer.within("span", "t-s", |writer| {
                writer.text(&format!("\"{shown}{more}\""));
            });
        }),
    }
}

/// Whether a text is a MIME type of those that marimo puts before a value.
fn is_mime(text: &str) -> bool {
    let known = ["text/", "image/", "video/", "audio/", "application/"];
    known.iter().any(|start| text.starts_with(start))
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '+' | '.' | '-'))
}
