//! What is known of an asset's contents: its type, its columns, and what it said of itself when it
//! was last materialized.

use serde_json::Value;

use super::asset_key::AssetKey;
use super::client::Client;
use super::error::Error;
use super::operations::AssetDetails;
use super::operations::wire::AssetKeys;
use super::operations::wire::scaffold::{AssetDetailsWire, EntryWire, TableSchemaWire};

/// What is known of an asset's contents.
#[derive(Debug, Clone, PartialEq)]
pub struct Contents {
    /// The asset.
    pub key: AssetKey,
    /// What its author says about it.
    pub description: Option<String>,
    /// The name of the type of its value.
    pub type_name: Option<String>,
    /// What its latest materialization says of it; none if there is none.
    pub latest: Option<Metadata>,
    /// What its definition says of it.
    pub defined: Metadata,
    /// What its type says of it.
    pub of_type: Metadata,
}

/// Metadata as far as it is about contents.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metadata {
    /// Schemas of tables, by their labels.
    pub schemas: Vec<(String, Vec<Column>)>,
    /// Tables, by their labels: columns, and records by column.
    pub tables: Vec<(String, Vec<Column>, Vec<Value>)>,
    /// Markdown, by its label.
    pub markdown: Vec<(String, String)>,
    /// JSON, by its label.
    pub json: Vec<(String, Value)>,
    /// How many rows there are.
    pub row_count: Option<u64>,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type, in the words of whoever made it: `int64`, `VARCHAR(20)`.
    pub kind: String,
    /// Whether values may be missing.
    pub nullable: bool,
}

impl Client {
    /// What is known of the contents of some assets. An asset that several locations know is there
    /// once for each.
    pub async fn contents(&self, assets: Vec<AssetKey>) -> Result<Vec<Contents>, Error> {
        let variables = AssetKeys { asset_keys: assets };
        let data = self.execute::<AssetDetails>(&variables).await?;
        Ok(data.asset_nodes.into_iter().map(read).collect())
    }
}

fn read(wire: AssetDetailsWire) -> Contents {
    let (type_name, of_type) = match wire.dagster_type {
        Some(it) => (Some(it.display_name), metadata(it.metadata_entries)),
        None => (None, Metadata::default()),
    };
    let latest = wire.asset_materializations.into_iter().next();
    Contents {
        key: wire.asset_key,
        description: wire.description.filter(|text| !text.trim().is_empty()),
        type_name,
        latest: latest.map(|it| metadata(it.metadata_entries)),
        defined: metadata(wire.metadata_entries),
        of_type,
    }
}

fn metadata(entries: Vec<EntryWire>) -> Metadata {
    let mut read = Metadata::default();
    for entry in entries {
        let label = entry.label;
        if let Some(table) = entry.table {
            let records = table.records.iter();
            let records = records.filter_map(|record| serde_json::from_str(record).ok());
            read.tables
                .push((label, columns(table.schema), records.collect()));
        } else if let Some(schema) = entry.schema {
            read.schemas.push((label, columns(schema)));
        } else if let Some(text) = entry.md_str {
            read.markdown.push((label, text));
        } else if let Some(json) = entry.json_string {
            read.json
                .extend(serde_json::from_str(&json).ok().map(|json| (label, json)));
        } else if let Some(number) = entry.int_repr
            && matches!(label.as_str(), "dagster/row_count" | "row_count" | "rows")
        {
            read.row_count = number.parse().ok();
        }
    }
    read
}

fn columns(schema: TableSchemaWire) -> Vec<Column> {
    let columns = schema.columns.into_iter().map(|column| Column {
        name: column.name,
        kind: column.kind,
        nullable: column.constraints.nullable,
    });
    columns.collect()
}
