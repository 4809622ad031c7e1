//! What happens in a run, as it travels.

use serde::Deserialize;

use crate::dagster::asset_key::AssetKey;
use crate::dagster::python_error::PythonError;

/// Any event: the fields of the kinds that matter, each present where its kind is.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EventWire {
    #[serde(rename = "__typename")]
    pub kind: String,
    pub message: String,
    /// Milliseconds since 1970, as text.
    pub timestamp: String,
    pub level: String,
    pub step_key: Option<String>,
    pub error: Option<PythonError>,
    pub log_key: Option<String>,
    pub step_keys: Option<Vec<String>>,
    pub asset_key: Option<AssetKey>,
    pub partition: Option<String>,
    pub metadata_entries: Vec<MetadataWire>,
    pub evaluation: Option<EvaluationWire>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EvaluationWire {
    pub check_name: String,
    pub asset_key: AssetKey,
    pub success: bool,
    pub severity: String,
    pub description: Option<String>,
    pub partition: Option<String>,
    pub metadata_entries: Vec<MetadataWire>,
}

/// Any metadata entry: the value's field is the one that its kind has.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MetadataWire {
    #[serde(rename = "__typename")]
    pub kind: String,
    pub label: String,
    pub text: Option<String>,
    pub url: Option<String>,
    pub path: Option<String>,
    pub md_str: Option<String>,
    pub json_string: Option<String>,
    pub int_repr: Option<String>,
    pub float_value: Option<f64>,
    pub float_repr: Option<String>,
    pub bool_value: Option<bool>,
    pub module: Option<String>,
    pub name: Option<String>,
    pub run_id: Option<String>,
    pub asset_key: Option<AssetKey>,
    pub job_name: Option<String>,
    pub timestamp: Option<f64>,
    pub table: Option<TableWire>,
    pub schema: Option<TableSchemaWire>,
    pub lineage: Option<Vec<LineageWire>>,
    pub code_references: Option<Vec<CodeReferenceWire>>,
}

#[derive(Debug, Deserialize)]
pub struct TableWire {
    /// Each a JSON object as text.
    pub records: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub struct TableSchemaWire {
    pub columns: Vec<ColumnWire>,
}

#[derive(Debug, Deserialize)]
pub struct ColumnWire {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LineageWire {
    pub column_name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CodeReferenceWire {
    pub file_path: Option<String>,
    pub line_number: Option<u64>,
    pub url: Option<String>,
}
