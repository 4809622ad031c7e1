//! What run config a job takes.

use std::collections::HashMap;

use serde_json::Value;

use super::client::Client;
use super::error::Error;
use super::launch::JobSelector;
use super::operations::wire::scaffold::{
    ConfigSchemaVariables, ConfigTypeWire, SchemaOrError, names,
};
use super::operations::{ConfigSchema as Ask, Operation};

/// The types of a job's run config.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ConfigSchema {
    /// The key of the type of the whole.
    pub root: String,
    /// All types by their keys. A server may leave some out.
    pub types: HashMap<String, ConfigType>,
}

/// A type of run config, or of a part of it.
#[derive(Debug, Clone, PartialEq)]
pub enum ConfigType {
    /// A scalar, by its name: `Int`, `String`, `Any`.
    Scalar(String),
    /// One of some words.
    Enum(Vec<String>),
    /// Fields by name; of a selector, exactly one of them.
    Fields {
        /// The fields.
        fields: Vec<Field>,
        /// Whether one of them is to be chosen.
        is_selector: bool,
    },
    /// A list of values of a type.
    List(String),
    /// Values of a type by keys of another.
    Map(String, String),
    /// A value of a type, or none.
    Nullable(String),
    /// A scalar of the first type, or a value of the second: `{env: NAME}`.
    ScalarOr(String, String),
    /// Something this version of daglab does not know.
    Other,
}

/// A field.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// What its author says about it.
    pub description: Option<String>,
    /// The key of its type.
    pub kind: String,
    /// Whether it must be given.
    pub is_required: bool,
    /// What it is if it is not given.
    pub default: Option<Value>,
}

impl Client {
    /// What run config a job takes, or some assets of it.
    pub async fn config_schema(&self, selector: &JobSelector) -> Result<ConfigSchema, Error> {
        let variables = ConfigSchemaVariables {
            pipeline: selector.to_pipeline(),
        };
        let data = self.execute::<Ask>(&variables).await?;
        match data.schema {
            SchemaOrError::RunConfigSchema {
                root_config_type,
                all_config_types,
            } => Ok(ConfigSchema {
                root: root_config_type.key,
                types: all_config_types.into_iter().map(read).collect(),
            }),
            SchemaOrError::PipelineNotFoundError { .. } => Err(Error::JobNotFound {
                name: selector.job.clone(),
                location: Some(selector.repository.location.clone()),
                suggestion: None,
                known: Vec::new(),
            }),
            SchemaOrError::InvalidSubsetError { message }
            | SchemaOrError::ModeNotFoundError { message } => Err(Error::LaunchRefused {
                job: selector.job.clone(),
                message,
            }),
            SchemaOrError::PythonError(error) => Err(Error::python(Ask::DESCRIBED.name, error)),
        }
    }
}

fn read(wire: ConfigTypeWire) -> (String, ConfigType) {
    let parameter = |index: usize| wire.type_param_keys.get(index).cloned();
    let kind = match (wire.kind.as_str(), parameter(0), parameter(1)) {
        ("RegularConfigType", ..) => ConfigType::Scalar(wire.given_name.unwrap_or_default()),
        ("EnumConfigType", ..) => ConfigType::Enum(names(wire.values)),
        ("CompositeConfigType", ..) => ConfigType::Fields {
            fields: wire
                .fields
                .into_iter()
                .map(|field| Field {
                    name: field.name,
                    description: field.description.filter(|text| !text.trim().is_empty()),
                    kind: field.config_type_key,
                    is_required: field.is_required,
                    default: field
                        .default_value_as_json
                        .and_then(|json| serde_json::from_str(&json).ok()),
                })
                .collect(),
            is_selector: wire.is_selector,
        },
        ("ArrayConfigType", Some(of), _) => ConfigType::List(of),
        ("MapConfigType", Some(key), Some(value)) => ConfigType::Map(key, value),
        ("NullableConfigType", Some(of), _) => ConfigType::Nullable(of),
        ("ScalarUnionConfigType", ..) => match (wire.scalar_type_key, wire.non_scalar_type_key) {
            (Some(scalar), Some(other)) => ConfigType::ScalarOr(scalar, other),
            _ => ConfigType::Other,
        },
        _ => ConfigType::Other,
    };
    (wire.key, kind)
}
