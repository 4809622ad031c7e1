//! One output of a cell, by its MIME type.

use serde_json::Value;

use super::markup::clean::Cleaner;
use super::markup::{Writer, beginning, escape};
use super::{chart, console, media, value};
use crate::marimo::page::Output;
use crate::ui::text::{bytes, sanitize};

/// So much of a text is shown.
const TEXT: usize = 256 * 1024;

/// So much HTML is read. Pictures within it count.
const MARKUP: usize = 24 * 1024 * 1024;

/// What marimo calls the renderings of one value in several formats.
const BUNDLE: &str = "application/vnd.marimo+mimebundle";

/// In a bundle, the first of these that is there is shown.
const PREFERRED: &[&str] = &[
    "image/svg+xml",
    "image/png",
    "image/jpeg",
    "image/gif",
    "image/webp",
    "image/avif",
    "image/bmp",
    "video/mp4",
    "text/markdown",
    "application/vnd.plotly.v1+json",
    "application/vnd.vegalite.v6+json",
    "application/vnd.vegalite.v5+json",
    "application/vnd.vega.v6+json",
    "application/vnd.vega.v5+json",
    "text/html",
    "text/latex",
    "text/csv",
    "text/plain",
    "application/json",
];

/// An output as HTML that may stand in the page; empty where there is nothing to show. `cell` counts
/// from 1.
pub(super) fn render(cleaner: &Cleaner, cell: usize, output: &Output) -> String {
    let data = match output {
        Output::Data { data } => data,
        // The cell's own box tells of errors.
        Output::Error { .. } => return String::new(),
        Output::Other => {
            return "<p class=\"note\">an output of a kind that is not known</p>".to_owned();
        }
    };
    let mut shown = String::new();
    for (kind, value) in data {
        if value.as_str().is_some_and(str::is_empty) || kind == "__metadata__" {
            continue;
        }
        // A picture may be large, and its address needs no cleaning: it is ours.
        if let Some(picture) = picture(kind, value) {
            shown.push_str(&picture);
            continue;
        }
        let mut writer = Writer::new(cell);
        self::data(&mut writer, kind, value);
        shown.push_str(&finished(cleaner, writer));
    }
    shown
}

/// What a writer has written, cleaned, with a word on what was left out.
pub(super) fn finished(cleaner: &Cleaner, writer: Writer) -> String {
    let mut html = cleaner.clean(&writer.out);
    if !writer.left_out.is_empty() {
        let what: Vec<&str> = writer.left_out.iter().copied().collect();
        html.push_str(&format!(
            "<p class=\"note\">Left out: {}.</p>",
            escape(&what.join(", "))
        ));
    }
    html
}

/// An output that is a picture, or has one among its formats.
pub(super) fn picture(kind: &str, value: &Value) -> Option<String> {
    if kind == BUNDLE {
        let bundle = bundle(value)?;
        let fields = bundle.as_object()?;
        let (kind, picture) = PREFERRED
            .iter()
            .filter(|kind| kind.starts_with("image/"))
            .find_map(|kind| fields.get_key_value(*kind))?;
        let address = media::of_output(kind, picture.as_str()?)?;
        let width = &fields
            .get("__metadata__")
            .map_or(&Value::Null, |m| &m[kind])["width"];
        let width = width.as_f64().map(|width| width.round().to_string());
        let width = width.as_deref().and_then(media::pixels);
        return Some(media::img(&address, "", width));
    }
    let address = media::of_output(kind, value.as_str()?)?;
    Some(media::img(&address, "", None))
}

/// A bundle is an object, or an object as text.
fn bundle(value: &Value) -> Option<std::borrow::Cow<'_, Value>> {
    match value {
        Value::String(text) => serde_json::from_str(text).ok().map(std::borrow::Cow::Owned),
        other => Some(std::borrow::Cow::Borrowed(other)),
    }
}

/// Writes a value of a MIME type.
pub(super) fn data(writer: &mut Writer, kind: &str, value: &Value) {
    let text = value.as_str();
    match (kind, text) {
        ("text/html" | "text/markdown", Some(html)) => markup(writer, html),
        (BUNDLE, _) => match bundle(value) {
            Some(bundle) => best_of(writer, &bundle),
            None => unknown(writer, kind, value),
        },
        ("application/json", _) => {
            let parsed = text.and_then(|text| serde_json::from_str(text).ok());
            value::write(writer, parsed.as_ref().unwrap_or(value));
        }
        ("text/password", _) => writer.within("span", "control", |writer| writer.text("••••")),
        ("application/vnd.marimo+traceback", Some(html)) => {
            plain(writer, &crate::marimo::text::strip_html(html))
        }
        ("application/vnd.marimo+error", _) => plain(writer, &value::plain(value)),
        (kind, _) if kind.starts_with("application/vnd.vega") => {
            chart_of(writer, kind, value, chart::vega)
        }
        (kind, _) if kind.starts_with("application/vnd.plotly") => {
            chart_of(writer, kind, value, chart::plotly);
        }
        (kind, Some(text)) if kind.starts_with("image/") => match media::of_output(kind, text) {
            Some(address) => writer.raw(&media::img(&address, "", None)),
            None => writer.elsewhere("picture", text, kind),
        },
        (kind, Some(text)) if kind.starts_with("video/") || kind.starts_with("audio/") => {
            let name = if kind.starts_with("audio/") {
                "audio"
            } else {
                "video"
            };
            if text.starts_with("data:") || text.starts_with("./") || text.starts_with("http") {
                writer.player(name, text);
            } else {
                writer.player(name, &format!("data:{kind};base64,{text}"));
            }
        }
        (kind, Some(text)) if kind.starts_with("text/") => plain(writer, text),
        _ => unknown(writer, kind, value),
    }
}

fn chart_of(
    writer: &mut Writer,
    kind: &str,
    value: &Value,
    write: impl FnOnce(&mut Writer, &Value),
) {
    match value {
        Value::String(text) => match serde_json::from_str(text) {
            Ok(spec) => write(writer, &spec),
            Err(_) => unknown(writer, kind, value),
        },
        spec => write(writer, spec),
    }
}

fn best_of(writer: &mut Writer, bundle: &Value) {
    let best = PREFERRED
        .iter()
        .find_map(|kind| Some((*kind, bundle.get(*kind)?)));
    match best {
        Some((kind, value)) => data(writer, kind, value),
        None => {
            for (kind, value) in bundle.as_object().into_iter().flatten().take(20) {
                unknown(writer, kind, value);
            }
        }
    }
}

fn markup(writer: &mut Writer, html: &str) {
    let read = beginning(html, MARKUP);
    writer.fragment(read);
    if read.len() < html.len() {
        writer.left_out.insert("what is behind its first 24 MiB");
    }
}

fn plain(writer: &mut Writer, text: &str) {
    let shown = beginning(text, TEXT);
    let clean = console::without_overwritten(shown);
    writer.within("pre", "plain", |writer| writer.text(&sanitize(&clean)));
    if shown.len() < text.len() {
        let rest = bytes((text.len() - shown.len()) as u64);
        writer.note(&format!("{rest} more are left out"));
    }
}

fn unknown(writer: &mut Writer, kind: &str, value: &Value) {
    let summary = format!(
        "An output of the kind {}, as its source",
        beginning(kind, 120)
    );
    match value {
        Value::String(text) => writer.folded(&summary, text),
        other => writer.folded(
            &summary,
            &serde_json::to_string_pretty(other).unwrap_or_default(),
        ),
    }
}
