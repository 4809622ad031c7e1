//! Metadata of assets and checks as label and text.

use std::collections::BTreeMap;

use serde_json::Value;

use super::operations::wire::event::{CodeReferenceWire, MetadataWire, TableSchemaWire, TableWire};

/// How many rows of a table are put into its text.
const ROWS: usize = 20;

/// All entries as label and text. Of several with one label, the last is kept, as Dagster does.
pub(super) fn texts(entries: Vec<MetadataWire>) -> BTreeMap<String, String> {
    entries
        .into_iter()
        .map(|mut entry| (std::mem::take(&mut entry.label), text(entry)))
        .collect()
}

/// The value of an entry as text: as the user wrote it where it is text already, JSON where it is
/// structured.
fn text(entry: MetadataWire) -> String {
    let known = match entry.kind.as_str() {
        "TextMetadataEntry" => entry.text,
        "UrlMetadataEntry" => entry.url,
        "PathMetadataEntry" | "NotebookMetadataEntry" => entry.path,
        "MarkdownMetadataEntry" => entry.md_str,
        "JsonMetadataEntry" => entry.json_string,
        "IntMetadataEntry" => entry.int_repr,
        "FloatMetadataEntry" => entry
            .float_repr
            .or(entry.float_value.map(|value| value.to_string()))
            // JSON has no NaN: the value was one, or infinite.
            .or(Some("nan".to_owned())),
        "BoolMetadataEntry" => entry.bool_value.map(|value| value.to_string()),
        "NullMetadataEntry" => Some("null".to_owned()),
        "PythonArtifactMetadataEntry" => entry
            .module
            .zip(entry.name)
            .map(|(module, name)| format!("{module}.{name}")),
        "PipelineRunMetadataEntry" => entry.run_id,
        "AssetMetadataEntry" => entry.asset_key.map(|key| key.to_string()),
        "JobMetadataEntry" => entry.job_name,
        "TimestampMetadataEntry" => entry.timestamp.map(timestamp),
        "TableMetadataEntry" => entry.table.as_ref().map(table),
        "TableSchemaMetadataEntry" => entry.schema.map(schema),
        "TableColumnLineageMetadataEntry" => entry.lineage.map(|columns| {
            let names: Vec<String> = columns.into_iter().map(|c| c.column_name).collect();
            names.join(", ")
        }),
        "CodeReferencesMetadataEntry" => entry.code_references.map(|references| {
            let references: Vec<String> = references.into_iter().map(code_reference).collect();
            references.join(", ")
        }),
        _ => None,
    };
    // A kind this version does not know is better named than dropped.
    known.unwrap_or_else(|| format!("({})", entry.kind.trim_end_matches("MetadataEntry")))
}

fn timestamp(seconds: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "milliseconds since 1970 fit"
    )]
    let milliseconds = (seconds * 1000.0).round() as i64;
    jiff::Timestamp::from_millisecond(milliseconds)
        .map_or_else(|_| seconds.to_string(), |time| time.to_string())
}

/// A table's rows, one a line, their columns' names first.
fn table(table: &TableWire) -> String {
    let rows: Vec<serde_json::Map<String, Value>> = table
        .records
        .iter()
        .filter_map(|record| serde_json::from_str(record).ok())
        .collect();
    let Some(first) = rows.first() else {
        return "(no rows)".to_owned();
    };
    let columns: Vec<&String> = first.keys().collect();
    let header: Vec<&str> = columns.iter().map(|name| name.as_str()).collect();
    let mut lines = vec![header.join(" | ")];
    for row in rows.iter().take(ROWS) {
        let cells: Vec<String> = columns
            .iter()
            .map(|name| match row.get(*name) {
                Some(Value::String(text)) => text.clone(),
                Some(value) => value.to_string(),
                None => String::new(),
            })
            .collect();
        lines.push(cells.join(" | "));
    }
    if rows.len() > ROWS {
        lines.push(format!("… and {} more rows", rows.len() - ROWS));
    }
    lines.join("\n")
}

fn schema(schema: TableSchemaWire) -> String {
    let columns: Vec<String> = schema
        .columns
        .into_iter()
        .map(|column| format!("{} {}", column.name, column.kind))
        .collect();
    columns.join(", ")
}

fn code_reference(reference: CodeReferenceWire) -> String {
    match (reference.file_path, reference.line_number, reference.url) {
        (Some(path), Some(line), _) => format!("{path}:{line}"),
        (Some(path), None, _) => path,
        (None, _, url) => url.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;

    #[test]
    fn every_kind_of_entry_has_a_text() {
        let cases = [
            (json!({"__typename": "TextMetadataEntry", "text": "t"}), "t"),
            (
                json!({"__typename": "UrlMetadataEntry", "url": "https://x"}),
                "https://x",
            ),
            (
                json!({"__typename": "PathMetadataEntry", "path": "/a"}),
                "/a",
            ),
            (
                json!({"__typename": "NotebookMetadataEntry", "path": "/n"}),
                "/n",
            ),
            (
                json!({"__typename": "MarkdownMetadataEntry", "mdStr": "# T"}),
                "# T",
            ),
            (
                json!({"__typename": "JsonMetadataEntry", "jsonString": "{}"}),
                "{}",
            ),
            (
                json!({"__typename": "IntMetadataEntry", "intRepr": "1099511627776"}),
                "1099511627776",
            ),
            (
                json!({"__typename": "FloatMetadataEntry", "floatValue": 0.5}),
                "0.5",
            ),
            (
                json!({"__typename": "FloatMetadataEntry", "floatValue": null, "floatRepr": "inf"}),
                "inf",
            ),
            (
                json!({"__typename": "FloatMetadataEntry", "floatValue": null}),
                "nan",
            ),
            (
                json!({"__typename": "BoolMetadataEntry", "boolValue": true}),
                "true",
            ),
            (json!({"__typename": "NullMetadataEntry"}), "null"),
            (
                json!({"__typename": "PythonArtifactMetadataEntry", "module": "m", "name": "n"}),
                "m.n",
            ),
            (
                json!({"__typename": "PipelineRunMetadataEntry", "runId": "r"}),
                "r",
            ),
            (
                json!({"__typename": "AssetMetadataEntry", "assetKey": {"path": ["a", "b"]}}),
                "a/b",
            ),
            (
                json!({"__typename": "JobMetadataEntry", "jobName": "j"}),
                "j",
            ),
            (
                json!({"__typename": "TimestampMetadataEntry", "timestamp": 1704164645.0}),
                "2024-01-02T03:04:05Z",
            ),
            (
                json!({"__typename": "TableMetadataEntry", "table": {"records": [r#"{"x": 1, "y": "a"}"#, r#"{"x": 2}"#]}}),
                "x | y\n1 | a\n2 | ",
            ),
            (
                json!({"__typename": "TableSchemaMetadataEntry", "schema": {"columns": [{"name": "x", "type": "int"}]}}),
                "x int",
            ),
            (
                json!({"__typename": "TableColumnLineageMetadataEntry", "lineage": [{"columnName": "x"}]}),
                "x",
            ),
            (
                json!({"__typename": "CodeReferencesMetadataEntry", "codeReferences": [{"filePath": "/d.py", "lineNumber": 3}, {"url": "u"}]}),
                "/d.py:3, u",
            ),
            (json!({"__typename": "FutureMetadataEntry"}), "(Future)"),
        ];
        for (entry, expected) in cases {
            let entry: MetadataWire = serde_json::from_value(entry).expect("an entry");
            assert_eq!(text(entry), expected);
        }
    }
}
