//! The shapes of what a notebook for a job or an asset is made from, as they travel.

use serde::{Deserialize, Serialize};

use super::PipelineSelectorWire;
use crate::dagster::asset_key::AssetKey;
use crate::dagster::python_error::PythonError;

#[derive(Debug, Serialize)]
pub struct ConfigSchemaVariables {
    pub pipeline: PipelineSelectorWire,
}

#[derive(Debug, Deserialize)]
pub struct ConfigSchemaData {
    pub schema: SchemaOrError,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "__typename")]
pub enum SchemaOrError {
    #[serde(rename_all = "camelCase")]
    RunConfigSchema {
        root_config_type: KeyWire,
        all_config_types: Vec<ConfigTypeWire>,
    },
    PythonError(PythonError),
    PipelineNotFoundError {
        message: String,
    },
    InvalidSubsetError {
        message: String,
    },
    ModeNotFoundError {
        message: String,
    },
}

#[derive(Debug, Deserialize)]
pub struct KeyWire {
    pub key: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigTypeWire {
    #[serde(rename = "__typename")]
    pub kind: String,
    pub key: String,
    pub type_param_keys: Vec<String>,
    pub is_selector: bool,
    pub given_name: Option<String>,
    #[serde(default)]
    pub values: Vec<ValueWire>,
    #[serde(default)]
    pub fields: Vec<FieldWire>,
    pub scalar_type_key: Option<String>,
    pub non_scalar_type_key: Option<String>,
}

#[derive(Debug, Deserialize)]
pub struct ValueWire {
    pub value: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FieldWire {
    pub name: String,
    pub description: Option<String>,
    pub config_type_key: String,
    pub is_required: bool,
    pub default_value_as_json: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AssetDetailsData {
    pub asset_nodes: Vec<AssetDetailsWire>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AssetDetailsWire {
    pub asset_key: AssetKey,
    pub description: Option<String>,
    #[serde(rename = "type")]
    pub dagster_type: Option<TypeWire>,
    pub metadata_entries: Vec<EntryWire>,
    pub asset_materializations: Vec<MaterializationWire>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TypeWire {
    pub display_name: String,
    pub metadata_entries: Vec<EntryWire>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MaterializationWire {
    pub metadata_entries: Vec<EntryWire>,
}

/// A metadata entry: the fields of the kind that it is.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EntryWire {
    pub label: String,
    pub schema: Option<TableSchemaWire>,
    pub table: Option<TableWire>,
    pub md_str: Option<String>,
    pub json_string: Option<String>,
    pub int_repr: Option<String>,
}

#[derive(Debug, Deserialize)]
pub struct TableWire {
    pub records: Vec<String>,
    pub schema: TableSchemaWire,
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
    pub constraints: ConstraintsWire,
}

#[derive(Debug, Deserialize)]
pub struct ConstraintsWire {
    pub nullable: bool,
}

/// The names of an enum's values.
pub fn names(values: Vec<ValueWire>) -> Vec<String> {
    values.into_iter().map(|value| value.value).collect()
}
