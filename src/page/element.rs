//! marimo's own elements, each as what it shows: a slider as its label and value, tabs one below
//! the other, a table as a table. What they hold stands in attributes, as JSON.

use serde_json::Value;

use super::markup::Writer;
use super::markup::tree::{Element, Node};
use super::{chart, frame, media, output, value};
use crate::ui::text;

/// An attribute's JSON.
pub(super) fn json(element: &Element<'_>, name: &str) -> Option<Value> {
    let text = element.attribute(name)?;
    serde_json::from_str(&text)
        .ok()
        .filter(|value: &Value| !value.is_null())
}

/// An attribute's text: a JSON string, or another value as it is written.
fn string(element: &Element<'_>, name: &str) -> Option<String> {
    json(element, name).map(|value| value::plain(&value))
}

/// Writes a marimo element.
pub(super) fn write(writer: &mut Writer, element: &Element<'_>) {
    match element.name.as_str() {
        "marimo-ui-element" | "marimo-sidebar" | "marimo-routes" | "marimo-island" => {
            writer.nodes(&element.children);
        }
        "marimo-tex" => math(writer, element),
        "marimo-table" => frame::table(writer, element),
        "marimo-dataframe" => frame::dataframe(writer, element),
        "marimo-data-editor" | "marimo-data-explorer" => frame::of_address(writer, element),
        "marimo-matrix" => frame::matrix(writer, element),
        "marimo-json-output" => {
            if let Some(data) = json(element, "data-json-data") {
                value::write(writer, &data);
            }
        }
        "marimo-vega" => match json(element, "data-spec") {
            Some(spec) => chart::vega(writer, &spec),
            None => unknown(writer, element),
        },
        "marimo-plotly" => match json(element, "data-figure") {
            Some(figure) => chart::plotly(writer, &figure),
            None => unknown(writer, element),
        },
        "marimo-mermaid" => diagram(writer, element),
        "marimo-callout-output" => callout(writer, element),
        "marimo-stat" => stat(writer, element),
        "marimo-accordion" => accordion(writer, element),
        "marimo-tabs" => tabs(writer, element),
        "marimo-carousel" => {
            for child in &element.children {
                writer.within("div", "tab", |writer| {
                    writer.nodes(std::slice::from_ref(child));
                });
            }
        }
        "marimo-lazy" if element.children.is_empty() => {
            writer
                .note("content that marimo loads when it is scrolled to; it is not in the export");
        }
        "marimo-lazy" => writer.nodes(&element.children),
        "marimo-outline" => writer.note("an outline of the notebook's headings"),
        "marimo-nav-menu" => menu(writer, element),
        "marimo-progress" => progress(writer, element),
        "marimo-image-comparison" => comparison(writer, element),
        "marimo-mime-renderer" => {
            let kind = string(element, "data-mime").unwrap_or_default();
            let data = json(element, "data-data").unwrap_or(Value::Null);
            output::data(writer, &kind, &data);
        }
        "marimo-download" => download(writer, element),
        "marimo-form" => writer.within("div", "form", |writer| {
            label(writer, element);
            writer.nodes(&element.children);
        }),
        "marimo-dict" if !element.children.is_empty() => {
            writer.within("div", "", |writer| {
                label(writer, element);
                writer.nodes(&element.children);
            });
        }
        "marimo-code-editor" => {
            label(writer, element);
            let code = string(element, "data-initial-value").unwrap_or_default();
            writer.within("pre", "plain", |writer| writer.text(&code));
        }
        _ => control(writer, element),
    }
}

/// An element's label, which is HTML.
fn label(writer: &mut Writer, element: &Element<'_>) {
    if let Some(html) = string(element, "data-label").filter(|html| !html.is_empty()) {
        writer.within("span", "label", |writer| writer.fragment(&html));
        writer.raw(" ");
    }
}

/// What an element is called: `range slider`.
fn kind(element: &Element<'_>) -> String {
    let name = element
        .name
        .strip_prefix("marimo-")
        .unwrap_or(&element.name);
    name.replace('-', " ")
}

/// Something that can be operated on the interactive page: its label, its value, and what it is.
fn control(writer: &mut Writer, element: &Element<'_>) {
    let secret = string(element, "data-kind").is_some_and(|kind| kind == "password");
    let value = json(element, "data-initial-value");
    writer.within("span", "widget", |writer| {
        label(writer, element);
        let shown = match &value {
            _ if secret => Some("••••".to_owned()),
            // How often it was pressed says nothing.
            _ if element.name == "marimo-button" => None,
            Some(value) => Some(value::short(value)).filter(|text| !text.is_empty()),
            None => None,
        };
        if let Some(shown) = shown {
            writer.within("span", "control", |writer| writer.text(&shown));
            writer.raw(" ");
        }
        let mut about = kind(element);
        let range = (string(element, "data-start"), string(element, "data-stop"));
        match (range, json(element, "data-options")) {
            ((Some(start), Some(stop)), _) if !element.name.contains("date") => {
                about.push_str(&format!(" from {start} to {stop}"));
            }
            (_, Some(Value::Array(options))) => {
                about.push_str(&format!(", {}", text::count(options.len(), "choice")));
            }
            _ => {}
        }
        writer.within("span", "kind", |writer| writer.text(&about));
        writer.nodes(&element.children);
    });
}

fn unknown(writer: &mut Writer, element: &Element<'_>) {
    writer.note(&format!("a {} that can't be shown here", kind(element)));
    writer.nodes(&element.children);
}

/// A formula as its source. marimo puts `||(…||)` around one in a line, `||[…||]` around its own.
fn math(writer: &mut Writer, element: &Element<'_>) {
    let source: String = element
        .children
        .iter()
        .map(|child| match child {
            Node::Text(text) => *text,
            Node::Element(element) => element.source,
        })
        .collect();
    let source = super::markup::tree::unescape(&source);
    let source = source.trim();
    let inner = |open, close| source.strip_prefix(open)?.strip_suffix(close);
    if let Some(block) = inner("||[", "||]") {
        writer.within("pre", "math", |writer| writer.text(block.trim()));
    } else {
        let line = inner("||(", "||)").unwrap_or(source);
        writer.within("span", "math", |writer| writer.text(line.trim()));
    }
}

fn diagram(writer: &mut Writer, element: &Element<'_>) {
    writer.within("div", "diagram", |writer| {
        writer.within("span", "kind", |writer| {
            writer.text("Mermaid diagram, as its source");
        });
        let source = string(element, "data-diagram").unwrap_or_default();
        writer.within("pre", "diagram", |writer| writer.text(&source));
    });
}

fn callout(writer: &mut Writer, element: &Element<'_>) {
    let class = match string(element, "data-kind").as_deref() {
        Some("warn") => "callout warn",
        Some("danger" | "alert") => "callout danger",
        Some("success") => "callout success",
        Some("info") => "callout info",
        _ => "callout",
    };
    let html = string(element, "data-html").unwrap_or_default();
    writer.within("div", class, |writer| writer.fragment(&html));
}

fn stat(writer: &mut Writer, element: &Element<'_>) {
    writer.within("div", "stat", |writer| {
        for (name, class) in [
            ("data-label", "label"),
            ("data-value", "value"),
            ("data-caption", "caption"),
        ] {
            let Some(text) = string(element, name).filter(|text| !text.is_empty()) else {
                continue;
            };
            writer.within("span", class, |writer| {
                if class == "caption" {
                    match string(element, "data-direction").as_deref() {
                        Some("increase") => writer.text("▲ "),
                        Some("decrease") => writer.text("▼ "),
                        _ => {}
                    }
                }
                writer.text(&text);
            });
        }
        if let Some(html) = string(element, "data-slot") {
            writer.fragment(&html);
        }
    });
}

/// The labels of an attribute, HTML each.
fn labels(element: &Element<'_>, name: &str) -> Vec<String> {
    match json(element, name) {
        Some(Value::Array(labels)) => labels.iter().map(value::plain).collect(),
        _ => Vec::new(),
    }
}

fn elements<'e, 'a>(element: &'e Element<'a>) -> impl Iterator<Item = &'e Node<'a>> {
    let nodes = element.children.iter();
    nodes.filter(|node| matches!(node, Node::Element(_)))
}

fn accordion(writer: &mut Writer, element: &Element<'_>) {
    let labels = labels(element, "data-labels");
    for (index, child) in elements(element).enumerate() {
        writer.raw("<details open>");
        writer.within("summary", "", |writer| match labels.get(index) {
            Some(label) => writer.fragment(label),
            None => writer.text("…"),
        });
        writer.nodes(std::slice::from_ref(child));
        writer.raw("</details>");
    }
}

fn tabs(writer: &mut Writer, element: &Element<'_>) {
    let labels = labels(element, "data-tabs");
    for (index, child) in elements(element).enumerate() {
        writer.within("div", "tab", |writer| {
            if let Some(label) = labels.get(index) {
                writer.within("p", "label", |writer| writer.fragment(label));
            }
            writer.nodes(std::slice::from_ref(child));
        });
    }
}

fn menu(writer: &mut Writer, element: &Element<'_>) {
    let Some(Value::Array(items)) = json(element, "data-items") else {
        return;
    };
    menu_items(writer, &items, 0);
}

fn menu_items(writer: &mut Writer, items: &[Value], level: usize) {
    writer.within("ul", "", |writer| {
        for item in items.iter().take(200) {
            writer.within("li", "", |writer| {
                let label = item["label"].as_str().unwrap_or_default();
                match item["href"].as_str() {
                    // Places within the notebook's own app are none here.
                    Some(href) if href.starts_with("http") && href.len() < 2000 => {
                        let href = super::markup::escape(href);
                        writer.raw(&format!("<a href=\"{href}\">"));
                        writer.fragment(label);
                        writer.raw("</a>");
                    }
                    _ => writer.fragment(label),
                }
                if let (Value::Array(items), true) = (&item["items"], level < 3) {
                    menu_items(writer, items, level + 1);
                }
            });
        }
    });
}

fn progress(writer: &mut Writer, element: &Element<'_>) {
    writer.within("span", "widget", |writer| {
        for name in ["data-title", "data-subtitle"] {
            if let Some(html) = string(element, name).filter(|html| !html.is_empty()) {
                writer.within("span", "label", |writer| writer.fragment(&html));
                writer.raw(" ");
            }
        }
        let done = match (
            json(element, "data-progress"),
            string(element, "data-total"),
        ) {
            (Some(Value::Number(done)), Some(total)) => format!("{done} of {total}"),
            (Some(Value::Number(done)), None) => done.to_string(),
            _ => "under way".to_owned(),
        };
        writer.within("span", "control", |writer| writer.text(&done));
    });
}

fn comparison(writer: &mut Writer, element: &Element<'_>) {
    writer.within("div", "row", |writer| {
        for side in ["before", "after"] {
            let address = string(element, &format!("data-{side}-src")).unwrap_or_default();
            match media::picture(&address) {
                Some(address) => writer.raw(&media::img(&address, side, None)),
                None => writer.elsewhere("picture", &address, side),
            }
        }
    });
}

fn download(writer: &mut Writer, element: &Element<'_>) {
    writer.within("span", "widget", |writer| {
        label(writer, element);
        let name = string(element, "data-filename").unwrap_or_else(|| "a file".to_owned());
        writer.within("span", "control", |writer| writer.text(&name));
        writer.raw(" ");
        let data = string(element, "data-data").unwrap_or_default();
        let size = data
            .strip_prefix("data:")
            .and_then(|data| data.split_once(";base64,"))
            .map(|(_, body)| body.trim_end_matches('=').len() / 4 * 3);
        let about = match size {
            Some(size) => format!("download, about {}", text::bytes(size as u64)),
            None => "download".to_owned(),
        };
        writer.within("span", "kind", |writer| writer.text(&about));
    });
}
