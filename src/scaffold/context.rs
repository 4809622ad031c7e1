//! What templates of notebooks are told: the context that `docs/templates.md` describes.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

/// All that a template can name.
#[derive(Debug, Clone, Serialize)]
pub struct Context {
    /// The notebook itself.
    pub notebook: Notebook,
    /// What it is about.
    pub target: Target,
    /// The server that it speaks to, unless it is told of another.
    pub dagster: Server,
    /// Run config.
    pub config: Config,
    /// Which parts are wanted.
    pub features: Features,
    /// What the settings say of exported pages.
    pub export: Export,
    /// Sample data, if it is wanted and something is known to make it from.
    pub seed: Option<Seed>,
    /// What `--template-vars` gives.
    pub vars: BTreeMap<String, String>,
    /// daglab.
    pub daglab: Daglab,
}

/// The notebook itself.
#[derive(Debug, Clone, Serialize)]
pub struct Notebook {
    /// Its title, for people.
    pub title: String,
    /// What only this notebook is called, as its state is: `assets.core.orders_explore`.
    pub name: String,
    /// Its file's name.
    pub filename: String,
    /// The template's name.
    pub template: String,
    /// The version that new notebooks begin with.
    pub version: String,
    /// Who made it.
    pub author: String,
    /// The day on which it was made, `2026-11-22`.
    pub created: String,
    /// The day on which it was last made anew.
    pub modified: String,
    /// marimo's version, for `__generated_with`.
    pub marimo_version: String,
}

/// What a notebook is about.
#[derive(Debug, Clone, Serialize)]
pub struct Target {
    /// Which of the three it is.
    pub kind: Kind,
    /// The job's name, the asset's key or the selection's text.
    pub name: String,
    /// The job's name.
    pub job: Option<String>,
    /// The assets' keys, their parts joined by `/`.
    pub assets: Vec<String>,
    /// The code location; none where nobody was asked.
    pub location: Option<String>,
    /// The repository; none where nobody was asked.
    pub repository: Option<String>,
    /// The assets' group, if all are of one.
    pub group: Option<String>,
    /// What its author says about it.
    pub description: Option<String>,
    /// The module that `--module` names, as it is imported: `assets.orders`.
    pub module: Option<String>,
    /// What is to be imported from it.
    pub attribute: Option<String>,
    /// The file, relative to the project, or the module that definitions are loaded from.
    pub definitions: Option<String>,
    /// What must be on the import path, relative to the notebook's folder.
    pub module_directory: Option<String>,
}

/// What a notebook is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A job.
    Job,
    /// One asset.
    Asset,
    /// Several assets.
    Selection,
}

impl Kind {
    /// The name in templates and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Job => "job",
            Self::Asset => "asset",
            Self::Selection => "selection",
        }
    }
}

/// A Dagster server.
#[derive(Debug, Clone, Serialize)]
pub struct Server {
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Dagster's version, where one was asked.
    pub version: Option<String>,
}

/// Run config.
#[derive(Debug, Clone, Serialize)]
pub struct Config {
    /// What the job takes, as YAML with comments; empty if that is nothing.
    pub yaml: String,
}

/// Which parts of a notebook are wanted.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Features {
    /// Running it in the notebook's own process.
    pub inprocess: bool,
    /// Exporting the page and attaching it to the asset.
    pub attach: bool,
    /// Sample data.
    pub seed_data: bool,
}

/// What the settings say of exported pages.
#[derive(Debug, Clone, Serialize)]
pub struct Export {
    /// The label of a page's link in an asset's metadata.
    pub metadata_key: String,
    /// Days after which a page may be removed.
    pub retention_days: u32,
    /// Whether a gzip copy is written.
    pub compress: bool,
}

/// A small table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Seed {
    /// The columns' names.
    pub columns: Vec<String>,
    /// Rows of as many values: text, numbers, booleans and none.
    pub rows: Vec<Vec<Value>>,
    /// What it is made from, as a part of a sentence.
    pub source: String,
}

/// daglab.
#[derive(Debug, Clone, Serialize)]
pub struct Daglab {
    /// Its version.
    pub version: String,
}

impl Default for Daglab {
    fn default() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}
