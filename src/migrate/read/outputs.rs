//! Outputs of cells.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Output, string, text};

/// What one output is, in any format.
pub(super) fn output(value: &Value) -> Output {
    let Value::Object(map) = value else {
        return Output::Data(BTreeMap::new());
    };
    let of = |key: &str| map.get(key).and_then(text).unwrap_or_default();
    match string(map, "output_type") {
        Some("stream") => {
            let name = string(map, "name").or_else(|| string(map, "stream"));
            Output::Stream(name.unwrap_or("stdout").to_owned(), of("text"))
        }
        Some("error" | "pyerr") => Output::Error(format!("{}: {}", of("ename"), of("evalue"))),
        _ => {
            let data = match map.get("data") {
                Some(Value::Object(data)) => data.iter().map(form).collect(),
                _ => old_data(map),
            };
            Output::Data(data)
        }
    }
}

fn form((mime, value): (&String, &Value)) -> (String, String) {
    (
        mime.clone(),
        text(value).unwrap_or_else(|| value.to_string()),
    )
}

/// Formats before 4 had short names for MIME types.
fn old_data(map: &Map<String, Value>) -> BTreeMap<String, String> {
    let names = [
        ("text", "text/plain"),
        ("html", "text/html"),
        ("png", "image/png"),
        ("jpeg", "image/jpeg"),
        ("svg", "image/svg+xml"),
        ("latex", "text/latex"),
        ("json", "application/json"),
        ("javascript", "application/javascript"),
    ];
    let forms = names
        .iter()
        .filter_map(|(name, mime)| Some(((*mime).to_owned(), text(map.get(*name)?)?)));
    forms.collect()
}
