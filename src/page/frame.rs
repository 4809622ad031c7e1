//! Tables: data frames and lists of records.

use serde_json::Value;

use super::element::json;
use super::markup::tree::Element;
use super::markup::{Writer, beginning};
use super::{media, value};

/// So many rows are shown.
const ROWS: usize = 50;

/// So many columns are shown.
const COLUMNS: usize = 40;

/// So much of a cell is shown.
const LONGEST: usize = 400;

/// A column: its name, and its type if that is known.
pub(super) struct Column {
    pub name: String,
    pub kind: Option<String>,
}

impl Column {
    fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            kind: None,
        }
    }
}

/// marimo's own columns.
fn is_internal(name: &str) -> bool {
    name == "_marimo_row_id"
}

/// `marimo-table`: the rows of its first page stand in the export.
pub(super) fn table(writer: &mut Writer, element: &Element<'_>) {
    label(writer, element);
    let rows = json(element, "data-data").map(|data| records(&data));
    let total = json(element, "data-total-rows").and_then(|total| total.as_u64());
    let types = [
        json(element, "data-row-headers"),
        json(element, "data-field-types"),
    ];
    let typed = types.iter().flatten().filter_map(Value::as_array).flatten();
    let columns: Vec<Column> = typed.filter_map(column).collect();
    let all = json(element, "data-total-columns").and_then(|total| total.as_u64());
    match rows {
        Some(rows) => write(writer, columns, &rows, total, all),
        None => writer.note("a table whose rows are not in the export"),
    }
}

/// `["name", ["string", "str"]]`, or `["name", "string", "str"]`.
fn column(entry: &Value) -> Option<Column> {
    let name = entry.get(0)?.as_str()?;
    let kind = entry[1]
        .get(1)
        .or_else(|| entry.get(2))
        .and_then(Value::as_str);
    Some(Column {
        name: name.to_owned(),
        kind: kind.map(str::to_owned),
    })
}

/// `marimo-dataframe`, which asks the kernel for its rows.
pub(super) fn dataframe(writer: &mut Writer, element: &Element<'_>) {
    label(writer, element);
    let columns = json(element, "data-columns");
    let columns: Vec<Column> = columns
        .iter()
        .filter_map(Value::as_array)
        .flatten()
        .filter_map(column)
        .collect();
    let total = json(element, "data-total").map(|total| value::plain(&total));
    write(writer, columns, &[], None, None);
    writer.note(&format!(
        "a data frame of {} rows that is asked for by the page; its rows are not in the export",
        total.as_deref().unwrap_or("unknown many")
    ));
}

/// An element whose data is a file in its `data-data`.
pub(super) fn of_address(writer: &mut Writer, element: &Element<'_>) {
    label(writer, element);
    match json(element, "data-data").map(|data| records(&data)) {
        Some(rows) => write(writer, Vec::new(), &rows, None, None),
        None => writer.note("a table whose rows are not in the export"),
    }
}

/// `marimo-matrix`: numbers in rows.
pub(super) fn matrix(writer: &mut Writer, element: &Element<'_>) {
    label(writer, element);
    let Some(Value::Array(rows)) = json(element, "data-initial-value") else {
        return;
    };
    writer.within("div", "scroll", |writer| {
        writer.within("table", "frame", |writer| {
            for row in rows.iter().filter_map(Value::as_array).take(ROWS) {
                writer.within("tr", "", |writer| {
                    for number in row.iter().take(COLUMNS) {
                        writer.within("td", "number", |writer| writer.text(&value::plain(number)));
                    }
                });
            }
        });
    });
}

fn label(writer: &mut Writer, element: &Element<'_>) {
    if let Some(Value::String(html)) = json(element, "data-label")
        && !html.is_empty()
    {
        writer.within("p", "label", |writer| writer.fragment(&html));
    }
}

/// Records from what marimo writes: a list, a list as text, or a file as an address.
pub(super) fn records(data: &Value) -> Vec<Value> {
    match data {
        Value::Array(rows) => rows.clone(),
        Value::String(text) if text.starts_with("data:") => {
            let body = media::text_of(text).unwrap_or_default();
            match text.starts_with("data:text/csv") {
                true => csv(&body),
                false => serde_json::from_str(&body).unwrap_or_default(),
            }
        }
        Value::String(text) => serde_json::from_str(text).unwrap_or_default(),
        // By column, as some data frames write themselves.
        Value::Object(columns) => by_column(columns).0,
        _ => Vec::new(),
    }
}

/// The first records of what is written column by column, and how many there are.
pub(super) fn by_column(columns: &serde_json::Map<String, Value>) -> (Vec<Value>, usize) {
    let lists = columns.values().filter_map(Value::as_array);
    let longest = lists.map(Vec::len).max().unwrap_or(0);
    let row = |index: usize| -> Value {
        let cells = columns
            .iter()
            .map(|(name, cells)| (name.clone(), cells[index].clone()));
        Value::Object(cells.collect())
    };
    ((0..longest.min(ROWS)).map(row).collect(), longest)
}

/// Comma-separated values with quotes, as Python writes them.
fn csv(text: &str) -> Vec<Value> {
    let mut lines = Vec::new();
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let field = fields.last_mut().expect("a line has at least one field");
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            '\n' if !quoted => lines.push(std::mem::replace(&mut fields, vec![String::new()])),
            '\r' if !quoted => {}
            c => field.push(c),
        }
    }
    if fields.len() > 1 || !fields[0].is_empty() {
        lines.push(fields);
    }
    let mut lines = lines.into_iter();
    let names = lines.next().unwrap_or_default();
    let record = |line: Vec<String>| {
        let cells = names
            .iter()
            .cloned()
            .zip(line.into_iter().map(Value::String));
        Value::Object(cells.collect())
    };
    lines.map(record).collect()
}

/// Writes records as a table. `total` and `all` say how many rows and columns there are, where that
/// is known to be more.
pub(super) fn write(
    writer: &mut Writer,
    columns: Vec<Column>,
    rows: &[Value],
    total: Option<u64>,
    all: Option<u64>,
) {
    let mut columns = columns;
    if columns.is_empty() {
        columns = match rows.first() {
            Some(Value::Object(fields)) => fields.keys().map(|name| Column::named(name)).collect(),
            Some(_) => vec![Column::named("value")],
            None => Vec::new(),
        };
    }
    columns.retain(|column| !is_internal(&column.name));
    let many = columns.len();
    columns.truncate(COLUMNS);
    let shown = &rows[..rows.len().min(ROWS)];
    let numeric: Vec<bool> = columns
        .iter()
        .map(|column| is_numeric(column, shown))
        .collect();
    writer.raw("<div class=\"scroll\" tabindex=\"0\">");
    writer.within("table", "frame", |writer| {
        writer.within("thead", "", |writer| {
            writer.within("tr", "", |writer| {
                for (column, numeric) in columns.iter().zip(&numeric) {
                    let class = if *numeric { " class=\"number\"" } else { "" };
                    writer.raw(&format!("<th scope=\"col\"{class}>"));
                    writer.text(beginning(&column.name, LONGEST));
                    if let Some(kind) = &column.kind {
                        writer.within("small", "type", |writer| writer.text(beginning(kind, 60)));
                    }
                    writer.raw("</th>");
                }
            });
        });
        writer.within("tbody", "", |writer| {
            for row in shown {
                writer.within("tr", "", |writer| {
                    for (column, numeric) in columns.iter().zip(&numeric) {
                        let field = match row {
                            Value::Object(fields) => {
                                fields.get(&column.name).unwrap_or(&Value::Null)
                            }
                            other => other,
                        };
                        cell(writer, field, *numeric);
                    }
                });
            }
        });
    });
    writer.raw("</div>");
    let total = total.unwrap_or(rows.len() as u64).max(rows.len() as u64);
    let all = all.unwrap_or(many as u64).max(many as u64);
    let mut counts = Vec::new();
    if !rows.is_empty() {
        counts.push(match shown.len() as u64 {
            shown if shown < total => format!("{shown} of {total} rows"),
            1 => "1 row".to_owned(),
            shown => format!("{shown} rows"),
        });
    }
    counts.push(match columns.len() as u64 {
        shown if shown < all => format!("{shown} of {all} columns"),
        1 => "1 column".to_owned(),
        shown => format!("{shown} columns"),
    });
    writer.note(&counts.join(", "));
}

fn is_numeric(column: &Column, rows: &[Value]) -> bool {
    let mut seen = rows
        .iter()
        .map(|row| row.get(&column.name).unwrap_or(&Value::Null))
        .filter(|field| !field.is_null())
        .peekable();
    seen.peek().is_some()
        && seen.all(|field| match field {
            Value::Number(_) => true,
            // Of a file with commas, everything is text.
            Value::String(text) => text.parse::<f64>().is_ok(),
            _ => false,
        })
}

fn cell(writer: &mut Writer, field: &Value, numeric: bool) {
    if field.is_null() {
        writer.within("td", "none", |writer| writer.text("None"));
        return;
    }
    let text = match field {
        // What has a look of its own is shown by its text.
        Value::Object(fields) if fields.contains_key("mimetype") => {
            let data = fields.get("data").map(value::plain).unwrap_or_default();
            crate::marimo::text::strip_html(&data)
        }
        Value::Object(_) | Value::Array(_) => field.to_string(),
        Value::Bool(flag) => if *flag { "True" } else { "False" }.to_owned(),
        other => value::plain(other),
    };
    let shown = beginning(&text, LONGEST);
    let class = if numeric { "number" } else { "" };
    writer.within("td", class, |writer| {
        writer.text(shown);
        if shown.len() < text.len() {
            writer.text("…");
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_and_quotes_are_told_apart() {
        let rows = csv("a,b\n1,\"x, \"\"y\"\"\nz\"\r\n2,\n");
        assert_eq!(
            serde_json::to_string(&rows).unwrap(),
            r#"[{"a":"1","b":"x, \"y\"\nz"},{"a":"2","b":""}]"#
        );
        assert!(csv("").is_empty());
    }
}
