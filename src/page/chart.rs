//! Charts that a script draws: without it, what they are and the data they show.

use serde_json::Value;

use super::frame;
use super::markup::{Writer, beginning};
use crate::ui::text::count;

/// So much of a specification is shown.
const LONGEST: usize = 64 * 1024;

/// A Vega or Vega-Lite chart.
pub(super) fn vega(writer: &mut Writer, spec: &Value) {
    let mark = spec.get("mark").map(|mark| match mark {
        Value::String(kind) => kind.clone(),
        other => other["type"].as_str().unwrap_or("mark").to_owned(),
    });
    let mut about = title(&spec["title"]).map_or_else(
        || "A Vega-Lite chart".to_owned(),
        |title| format!("“{title}”, a Vega-Lite chart"),
    );
    if let Some(mark) = mark {
        about.push_str(&format!(" of the kind {}", beginning(&mark, 60)));
    }
    let fields = encoding(&spec["encoding"]);
    if !fields.is_empty() {
        about.push_str(&format!(": {}", fields.join(", ")));
    }
    let rows = data_of(spec);
    unshown(writer, &about);
    if rows.is_empty() {
        let text = serde_json::to_string_pretty(spec).unwrap_or_default();
        writer.folded("Its specification", beginning(&text, LONGEST));
        return;
    }
    writer.within("details", "", |writer| {
        writer.within("summary", "", |writer| {
            writer.text(&format!("Its data, {}", count(rows.len(), "row")));
        });
        frame::write(writer, Vec::new(), &rows, None, None);
    });
}

/// A Plotly figure.
pub(super) fn plotly(writer: &mut Writer, figure: &Value) {
    let traces = figure["data"].as_array().map_or(&[][..], Vec::as_slice);
    let mut about = title(&figure["layout"]["title"]).map_or_else(
        || "A Plotly chart".to_owned(),
        |title| format!("“{title}”, a Plotly chart"),
    );
    about.push_str(&format!(" with {}", count(traces.len(), "trace")));
    unshown(writer, &about);
    for trace in traces.iter().take(20) {
        let kind = trace["type"].as_str().unwrap_or("scatter");
        let name = trace["name"].as_str().unwrap_or_default();
        let columns: serde_json::Map<String, Value> = trace
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(_, value)| value.is_array())
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let (rows, points) = frame::by_column(&columns);
        writer.within("details", "", |writer| {
            writer.within("summary", "", |writer| {
                let name = if name.is_empty() {
                    String::new()
                } else {
                    format!(" “{name}”")
                };
                writer.text(&format!("Trace{name}, {kind}, {}", count(points, "point")));
            });
            if rows.is_empty() {
                let text = serde_json::to_string_pretty(trace).unwrap_or_default();
                writer.within("pre", "plain", |w| w.text(beginning(&text, LONGEST)));
            } else {
                frame::write(writer, Vec::new(), &rows, Some(points as u64), None);
            }
        });
    }
}

fn unshown(writer: &mut Writer, about: &str) {
    writer.note(&format!(
        "{about}. It is drawn by a script, on the interactive page."
    ));
}

fn title(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.as_str(),
        other => other["text"].as_str()?,
    };
    Some(beginning(text, 200).to_owned())
}

/// `x = name, y = count`.
fn encoding(value: &Value) -> Vec<String> {
    let channel = |(channel, encoding): (&String, &Value)| {
        let name = encoding["field"]
            .as_str()
            .or(encoding["aggregate"].as_str())?;
        Some(format!(
            "{} = {}",
            beginning(channel, 40),
            beginning(name, 80)
        ))
    };
    let channels = value.as_object().into_iter().flatten();
    channels.filter_map(channel).take(8).collect()
}

/// The rows of a specification: by name, in place, or as a file.
fn data_of(spec: &Value) -> Vec<Value> {
    let data = &spec["data"];
    // Vega, unlike Vega-Lite, has a list of data sets.
    let data = data.get(0).unwrap_or(data);
    if let Some(name) = data["name"].as_str()
        && let Some(rows) = spec["datasets"][name].as_array()
    {
        return rows.clone();
    }
    if let Some(rows) = data["values"].as_array() {
        return rows.clone();
    }
    if let Some(Value::Object(sets)) = spec.get("datasets")
        && let Some(Value::Array(rows)) = sets.values().next()
    {
        return rows.clone();
    }
    match &data["url"] {
        url @ Value::String(text) if text.starts_with("data:") => frame::records(url),
        _ => Vec::new(),
    }
}
