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
        shown.push_str(&finished(cleaner, &writer));
    }
    shown
}

/// What a writer has written, cleaned, with a word on what was left out.
pub(super) fn finished(cleaner: &Cleaner, writer: &Writer) -> String {
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
            plain(writer, &crate::marimo::text::strip_html(html));
        }
        ("application/vnd.marimo+error", _) => plain(writer, &value::plain(value)),
        (kind, _) if kind.starts_with("application/vnd.vega") => {
            chart_of(writer, kind, value, chart::vega);
        }
        (kind, _) if kind.starts_with("application/vnd.plotly") => {
            chart_of(writer, kind, value, chart::plotly);
        }
        (kind, Some(text)) if kind.starts_with("image/") => match media::of_output(kind, text) {
            Some(address) => writer.raw(&media::img(&address, "", None)),
            None => writer.elsewhere(&format!("{kind} picture"), text, ""),
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What marimo has exported for each kind, pictures replaced by small ones.
    const OUTPUTS: &str = include_str!("../../tests/fixtures/page/outputs.json");

    #[test]
    fn every_kind_of_output_is_shown() {
        let outputs: Vec<(String, Output)> = serde_json::from_str(OUTPUTS).unwrap();
        let cleaner = Cleaner::new();
        let mut all = String::new();
        for (index, (name, output)) in outputs.iter().enumerate() {
            let html = render(&cleaner, index + 1, output);
            assert!(!html.is_empty(), "{name} shows nothing");
            let again = cleaner.clean(&html);
            let notes = html.matches("class=\"note\"").count();
            assert_eq!(again.matches("class=\"note\"").count(), notes, "{name}");
            all.push_str(&format!("== {name}\n{html}\n"));
        }
        insta::assert_snapshot!(all);
    }

    #[test]
    fn kinds_that_marimo_might_write_are_shown() {
        let cleaner = Cleaner::new();
        let show = |kind: &str, value: Value| {
            let mut data = serde_json::Map::new();
            data.insert(kind.to_owned(), value);
            format!(
                "== {kind}\n{}\n",
                render(&cleaner, 1, &Output::Data { data })
            )
        };
        let bundle =
            serde_json::json!({"text/plain": "p", "application/x-new": {"a": 1}}).to_string();
        let all = [
            show("text/plain", "a <b>\u{1b}[31m\rc".into()),
            show("text/csv", "a,b\n1,2".into()),
            show("text/latex", "$x^2$".into()),
            show("text/password", "secret".into()),
            show("image/png", "QUJD\nQUJD".into()),
            show("image/svg+xml", "<svg xmlns='http://www.w3.org/2000/svg'/>".into()),
            show("image/png", "./@file/10-a.png".into()),
            show("image/tiff", "data:image/tiff;base64,QUJD".into()),
            show("video/mp4", "QUJD".into()),
            show("audio/wav", "./@file/10-a.wav".into()),
            show("application/x-new", serde_json::json!({"k": [1, "<b>"]})),
            show(BUNDLE, bundle.into()),
            show(BUNDLE, "no object".into()),
            show(BUNDLE, serde_json::json!({"application/x-new": "<script>"})),
            show("application/vnd.jupyter.widget-view+json", serde_json::json!({"model_id": "x"})),
            show("text/html", "<marimo-anywidget data-model-id='1'></marimo-anywidget>".into()),
            show("text/html", "<marimo-image-comparison data-before-src='\"https://example.org/a.png\"' data-after-src='\"data:image/png;base64,QUJD\"'></marimo-image-comparison>".into()),
            show("text/html", "<marimo-mime-renderer data-mime='\"text/plain\"' data-data='\"text\"'></marimo-mime-renderer>".into()),
            show("text/html", "<marimo-plotly data-figure='{&quot;data&quot;:[{&quot;type&quot;:&quot;bar&quot;,&quot;name&quot;:&quot;n&quot;,&quot;y&quot;:[1,2]}],&quot;layout&quot;:{&quot;title&quot;:{&quot;text&quot;:&quot;T&quot;}}}'></marimo-plotly>".into()),
        ];
        assert!(!all.concat().contains("secret"));
        insta::assert_snapshot!(all.concat());
    }

    #[test]
    fn large_outputs_are_cut_and_say_so() {
        let cleaner = Cleaner::new();
        let show = |kind: &str, value: Value| {
            let mut data = serde_json::Map::new();
            data.insert(kind.to_owned(), value);
            render(&cleaner, 1, &Output::Data { data })
        };
        let text = show("text/plain", "x".repeat(1_000_000).into());
        assert!(text.len() < TEXT + 1000 && text.contains("are left out"));
        let many = show("text/html", "<i>a</i>".repeat(100_000).into());
        assert!(many.contains("Left out: what is behind its first 60,000 elements"));
        let list = show("application/json", serde_json::json!(vec![1; 10_000]));
        assert!(list.contains("only the first 2000 values are shown"));
        // What a browser would repair by opening elements again must not multiply.
        let html = format!(
            "{}{}",
            "<b x=1><i><u><s><em><small>",
            "<p>x<div>y</div>".repeat(20_000)
        );
        assert!(show("text/html", html.clone().into()).len() < 8 * html.len());
        let rows: Vec<Value> = (0..500).map(|n| serde_json::json!({"n": n})).collect();
        let mut writer = Writer::new(1);
        super::super::frame::write(&mut writer, Vec::new(), &rows, Some(9000), None);
        assert!(
            writer.out.contains("50 of 9000 rows, 1 column"),
            "{}",
            writer.out
        );
    }
}
