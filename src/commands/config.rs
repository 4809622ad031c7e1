//! `daglab config`: what is configured, and where each value comes from.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Map, Value, json};

use super::connect::is_variable;
use super::{Context, Failure};
use crate::config::{self, Loaded, Origins, Settings};
use crate::dagster::address;
use crate::error::ExitStatus;
use crate::project;
use crate::ui::text::harmless_json;

/// Show what is configured, and where each value comes from.
#[derive(Debug, Clone, Args)]
pub struct ConfigArgs {
    /// What to show.
    #[command(subcommand)]
    pub command: ConfigCommand,
}

/// What to show.
#[derive(Debug, Clone, Subcommand)]
pub enum ConfigCommand {
    /// Print the settings that are in force
    Show {
        /// The project's directory
        #[arg(value_name = "PROJECT", default_value = ".")]
        project: PathBuf,
        /// Print where each value comes from
        #[arg(long)]
        origin: bool,
        /// The notation
        #[arg(long, short, default_value = "yaml", value_name = "FORMAT")]
        output: Notation,
    },
    /// Print the JSON Schema of `daglab.yaml`, for editors
    Schema,
}

/// The notation of settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Notation {
    /// YAML that can be read again
    Yaml,
    /// JSON
    Json,
}

/// Prints what was asked for.
pub fn run(args: &ConfigArgs, context: &Context) -> Result<ExitStatus, Failure> {
    let text = match &args.command {
        ConfigCommand::Schema => pretty(&config::model::schema()),
        ConfigCommand::Show {
            project,
            origin,
            output,
        } => {
            let root = root(project, context)?;
            let loaded = context.settings(&root, Vec::new())?;
            show(&loaded, *origin, *output)
        }
    };
    context.printer.result(&text).map_err(Failure::output)?;
    Ok(ExitStatus::Success)
}

/// The folder whose settings other commands would read: that of the project, or the folder itself
/// where there is no project.
pub(super) fn root(start: &Path, context: &Context) -> Result<PathBuf, project::Error> {
    match context.project(start) {
        Ok(project) => Ok(project.root),
        Err(project::Error::NotAProject { start, .. }) => Ok(start),
        Err(error) => Err(error),
    }
}

/// Renders settings, with the origin of each value where that is asked for.
pub fn show(loaded: &Loaded, origin: bool, notation: Notation) -> String {
    let mut settings = loaded.settings.clone();
    hide_secrets(&mut settings);
    let settings = serde_json::to_value(&settings).expect("settings are plain data");
    let text = match notation {
        Notation::Json if origin => {
            let mut values = Map::new();
            leaves(&settings, "", &mut |path, value| {
                let origin = loaded.origins.of(path).to_string();
                values.insert(path.to_owned(), json!({ "value": value, "origin": origin }));
            });
            pretty(&Value::Object(values))
        }
        Notation::Json => pretty(&settings),
        Notation::Yaml => {
            let mut text = String::new();
            yaml(
                &settings,
                "",
                0,
                origin.then_some(&loaded.origins),
                &mut text,
            );
            text
        }
    };
    // Every leaf is JSON in both.
    harmless_json(text)
}

/// Takes out what is a secret: in the address, and where somebody has written the token itself in
/// place of its variable's name.
fn hide_secrets(settings: &mut Settings) {
    let dagster = &mut settings.dagster;
    dagster.url = dagster.url.as_deref().map(address::shown);
    if !is_variable(&dagster.auth.token_env) {
        dagster.auth.token_env = "***".to_owned();
    }
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).expect("a JSON value is plain data") + "\n"
}

fn is_leaf(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.is_empty(),
        Value::Array(items) => items.iter().all(is_leaf),
        _ => true,
    }
}

fn leaves(value: &Value, path: &str, visit: &mut impl FnMut(&str, &Value)) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (key, value) in fields {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                leaves(value, &path, visit);
            }
        }
        _ => visit(path, value),
    }
}

/// Writes block YAML; every leaf is JSON, which is YAML.
fn yaml(value: &Value, path: &str, depth: usize, origins: Option<&Origins>, text: &mut String) {
    let indent = "  ".repeat(depth);
    let join = |key: &str| {
        if path.is_empty() {
            key.to_owned()
        } else {
            format!("{path}.{key}")
        }
    };
    let note = |path: &str| origins.map_or(String::new(), |all| format!("  # {}", all.of(path)));
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let path = join(key);
                if is_leaf(value) {
                    text.push_str(&format!("{indent}{key}: {value}{}\n", note(&path)));
                } else {
                    text.push_str(&format!("{indent}{key}:\n"));
                    yaml(value, &path, depth + 1, origins, text);
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                text.push_str(&format!(
                    "{indent}- {item}{}\n",
                    note(&join(&index.to_string()))
                ));
            }
        }
        _ => {}
    }
}
