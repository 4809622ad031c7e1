//! Sample data for a notebook, from what is known of an asset's contents. The same is made each time,
//! and nothing where nothing is known.

use serde_json::{Map, Number, Value, json};

use super::context::Seed;
use crate::dagster::contents::{Column, Contents, Metadata};

/// How many rows there are at most.
const ROWS: usize = 5;
/// How many columns.
const COLUMNS: usize = 50;
/// How long a text is at most, in characters.
const TEXT: usize = 200;

/// Sample data; or, as a sentence, why there is none.
pub fn seed(contents: &Contents) -> Result<Seed, String> {
    let none = Metadata::default();
    let latest = contents.latest.as_ref().unwrap_or(&none);
    let places = [
        (latest, "the latest materialization"),
        (&contents.defined, "the asset's definition"),
        (&contents.of_type, "the asset's type"),
    ];
    for (metadata, place) in places {
        if let Some(seed) = preview(metadata, place) {
            return Ok(seed);
        }
    }
    let count = latest.row_count.or(contents.defined.row_count);
    for (metadata, place) in places {
        let by_label = metadata
            .schemas
            .iter()
            .find(|(label, _)| label == "dagster/column_schema");
        let schema = by_label.or_else(|| metadata.schemas.first());
        let of_table = metadata.tables.first().map(|(_, columns, _)| columns);
        let columns = schema.map(|(_, columns)| columns).or(of_table);
        if let Some(columns) = columns.filter(|columns| !columns.is_empty()) {
            return Ok(made_of(columns, count, place));
        }
    }
    let key = &contents.key;
    Err(match &contents.type_name {
        Some(name) if name != "Any" && name != "Nothing" => {
            format!("nothing is known of what is in `{key}` but its type, `{name}`")
        }
        _ => format!("nothing is known of what is in `{key}`"),
    })
}

/// Rows that the asset itself has shown: of a table, of JSON, or of a table in Markdown.
fn preview(metadata: &Metadata, place: &str) -> Option<Seed> {
    let tables = metadata.tables.iter().map(|(label, _, rows)| (label, rows));
    let json = metadata.json.iter();
    let json = json.filter_map(|(label, value)| Some((label, value.as_array()?)));
    let of_records = tables
        .chain(json)
        .find_map(|(label, records)| Some((label, of_records(records)?)));
    let markdown = metadata.markdown.iter();
    let of_markdown = || {
        markdown
            .clone()
            .find_map(|(label, text)| Some((label, of_markdown(text)?)))
    };
    let (label, (columns, rows)) = of_records.or_else(of_markdown)?;
    Some(Seed {
        columns,
        rows,
        source: format!("rows that `{label}` of {place} shows"),
    })
}

type Rows = (Vec<String>, Vec<Vec<Value>>);

/// The columns are those of the first record.
fn of_records(records: &[Value]) -> Option<Rows> {
    let records: Vec<&Map<String, Value>> = records
        .iter()
        .take(ROWS)
        .map(Value::as_object)
        .collect::<Option<_>>()?;
    let columns: Vec<String> = records.first()?.keys().take(COLUMNS).cloned().collect();
    if columns.is_empty() {
        return None;
    }
    let rows = records.iter().map(|record| {
        let cell = |name| record.get(name).map_or(Value::Null, plain);
        columns.iter().map(cell).collect()
    });
    let rows = rows.collect();
    Some((columns, rows))
}

/// Only what fits a cell of a table.
fn plain(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(text.chars().take(TEXT).collect()),
        Value::Array(_) | Value::Object(_) => {
            Value::String(value.to_string().chars().take(TEXT).collect())
        }
        scalar => scalar.clone(),
    }
}

/// The first table of a text; a first column without a name that counts the rows, as pandas writes
/// it, is left out.
fn of_markdown(text: &str) -> Option<Rows> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let is_rule = |line: &str| {
        line.contains('-')
            && line
                .chars()
                .all(|c| matches!(c, '|' | '-' | ':' | ' ' | '+'))
    };
    let at = lines.windows(2).position(|pair| {
        pair[0].starts_with('|') && pair[1].starts_with('|') && is_rule(pair[1])
    })?;
    let cells = |line: &str| -> Vec<String> {
        let body = line.strip_prefix('|').unwrap_or(line);
        let body = body.strip_suffix('|').unwrap_or(body);
        body.split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    let header = cells(lines[at]);
    let skip = usize::from(header.first().is_some_and(String::is_empty));
    let columns: Vec<String> = header.into_iter().skip(skip).take(COLUMNS).collect();
    if columns.is_empty() || columns.iter().any(String::is_empty) {
        return None;
    }
    let rows: Vec<Vec<Value>> = lines[at + 2..]
        .iter()
        .take_while(|line| line.starts_with('|'))
        .take(ROWS)
        .map(|line| {
            let mut cells = cells(line).into_iter().skip(skip);
            columns
                .iter()
                .map(|_| cells.next().map_or(Value::Null, |cell| read(&cell)))
                .collect()
        })
        .collect();
    Some((columns, rows))
}

/// A cell's text as what it says it is.
fn read(cell: &str) -> Value {
    match cell {
        "" | "nan" | "NaN" | "None" | "null" | "<NA>" | "NaT" => Value::Null,
        "True" | "true" => true.into(),
        "False" | "false" => false.into(),
        text => {
            // A number that begins with a zero is a code: of a place, of a thing.
            let is_code = text.len() > 1 && text.starts_with('0') && !text.starts_with("0.");
            let number: Option<Number> = (!is_code).then(|| text.parse().ok()).flatten();
            number.map_or_else(|| plain(&text.into()), Value::Number)
        }
    }
}

/// Rows made up from the types of columns.
fn made_of(columns: &[Column], count: Option<u64>, place: &str) -> Seed {
    let columns = &columns[..columns.len().min(COLUMNS)];
    let rows = count
        .and_then(|count| usize::try_from(count).ok())
        .unwrap_or(ROWS)
        .min(ROWS);
    // Columns are nullable unless somebody says that they are not.
    let is_said = columns.iter().any(|column| !column.nullable);
    Seed {
        columns: columns.iter().map(|column| column.name.clone()).collect(),
        rows: (1..=rows)
            .map(|row| {
                let cell = |column: &Column| match is_said && column.nullable && row == ROWS {
                    // So that what reads it has met a missing value.
                    true => Value::Null,
                    false => value(column, row),
                };
                columns.iter().map(cell).collect()
            })
            .collect(),
        source: format!("made up from the column schema of {place}"),
    }
}

/// A value of a column's type; none where the type's name says nothing.
fn value(column: &Column, row: usize) -> Value {
    let kind = column.kind.to_lowercase();
    let is = |words: &[&str]| words.iter().any(|word| kind.contains(word));
    if is(&["bool"]) {
        (row % 2 == 1).into()
    } else if is(&["timestamp", "datetime"]) {
        format!("2026-01-{row:02}T12:00:00").into()
    } else if is(&["date"]) {
        format!("2026-01-{row:02}").into()
    } else if kind == "time" || is(&["time("]) {
        format!("{:02}:00:00", 8 + row).into()
    } else if is(&["interval", "point"]) {
        Value::Null
    } else if is(&["int", "serial", "long"]) {
        row.into()
    } else if is(&["float", "double", "decimal", "numeric", "number", "real"]) {
        json!(f64::from(u32::try_from(row).unwrap_or(1)) * 1.5)
    } else if is(&["str", "char", "text", "object", "category", "uuid"]) {
        format!("{} {row}", column.name).into()
    } else {
        Value::Null
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::seed as sample;
    use super::*;
    use crate::dagster::AssetKey;

    fn contents() -> Contents {
        Contents {
            key: AssetKey::parse("orders").unwrap(),
            description: None,
            type_name: Some("DataFrame".to_owned()),
            latest: None,
            defined: Metadata::default(),
            of_type: Metadata::default(),
        }
    }

    fn columns() -> Vec<Column> {
        let column = |(name, kind, nullable): (&str, &str, bool)| Column {
            name: name.to_owned(),
            kind: kind.to_owned(),
            nullable,
        };
        [
            ("id", "int64", false),
            ("note", "VARCHAR(20)", true),
            ("price", "DECIMAL", false),
            ("day", "date", false),
            ("at", "timestamp with time zone", false),
            ("paid", "boolean", false),
            ("shape", "geometry", false),
        ]
        .map(column)
        .to_vec()
    }

    #[test]
    fn rows_are_made_from_columns() {
        let mut contents = contents();
        contents.of_type.schemas = vec![("columns".to_owned(), columns())];
        let seed = seed(&contents).unwrap();
        assert_eq!(
            seed.source,
            "made up from the column schema of the asset's type"
        );
        let row = |row: usize| Value::Array(seed.rows[row].clone()).to_string();
        assert_eq!(
            row(0),
            r#"[1,"note 1",1.5,"2026-01-01","2026-01-01T12:00:00",true,null]"#
        );
        assert_eq!(
            row(4),
            r#"[5,null,7.5,"2026-01-05","2026-01-05T12:00:00",true,null]"#
        );
        contents.latest = Some(Metadata {
            row_count: Some(2),
            ..Metadata::default()
        });
        assert_eq!(sample(&contents).unwrap().rows.len(), 2);
    }

    #[test]
    fn rows_that_were_shown_come_first() {
        let mut contents = contents();
        contents.of_type.schemas = vec![("columns".to_owned(), columns())];
        let table = "Some\n\n|    | id | name |\n|---:|---:|:-----|\n|  0 |  1 | a b |\n|  1 | 007 | nan |\n\nend";
        contents.latest = Some(Metadata {
            markdown: vec![("preview".to_owned(), table.to_owned())],
            ..Metadata::default()
        });
        let seed = sample(&contents).unwrap();
        assert_eq!(seed.columns, ["id", "name"]);
        assert_eq!(
            seed.rows,
            [[json!(1), json!("a b")], [json!("007"), Value::Null]]
        );
        assert_eq!(
            seed.source,
            "rows that `preview` of the latest materialization shows"
        );

        let records = json!([{"a": 1.5, "b": {"c": []}}, {"a": null}]);
        contents.latest.as_mut().unwrap().json = vec![("head".to_owned(), records)];
        let seed = sample(&contents).unwrap();
        assert_eq!(
            seed.rows,
            [
                [json!(1.5), json!("{\"c\":[]}")],
                [Value::Null, Value::Null]
            ]
        );
    }

    #[test]
    fn nothing_is_made_up_from_a_type_alone() {
        assert_eq!(
            seed(&contents()).unwrap_err(),
            "nothing is known of what is in `orders` but its type, `DataFrame`"
        );
        let mut contents = contents();
        contents.type_name = Some("Any".to_owned());
        contents.defined.markdown = vec![("text".to_owned(), "no | table".to_owned())];
        assert_eq!(
            seed(&contents).unwrap_err(),
            "nothing is known of what is in `orders`"
        );
    }
}
