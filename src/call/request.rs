//! Requests, each a JSON object without other keys.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::Error;

/// The longest request, in bytes.
pub const LONGEST: u64 = 16 * 1024 * 1024;

/// Reads a request. Nothing at all is an empty object.
pub fn read<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    let text = match text.trim() {
        "" => "{}",
        text => text,
    };
    // A list would do for the fields in their order, which is nobody's business.
    if !text.starts_with('{') {
        return Err(Error::Request("it is not a JSON object".to_owned()));
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    let read = serde_path_to_error::deserialize(&mut reader);
    read.map_err(|error| Error::Request(error.to_string()))
}

/// A request that says nothing.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// What to launch, or to look at.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Launch {
    /// The job; assets alone make one of their own.
    #[serde(default)]
    pub job: Option<String>,
    /// The repository, where several have a job of the name.
    #[serde(default)]
    pub repository: Option<String>,
    /// The code location.
    #[serde(default)]
    pub location: Option<String>,
    /// Keys and globs.
    #[serde(default)]
    pub assets: Vec<String>,
    /// Assets in Dagster's selection syntax, without a job.
    #[serde(default)]
    pub select: Option<String>,
    /// The run config.
    #[serde(default)]
    pub run_config: Option<RunConfig>,
    /// The partition.
    #[serde(default)]
    pub partition: Option<String>,
    /// Tags of the run.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Whether Dagster looks at the run config before the launch.
    #[serde(default = "yes")]
    pub validate: bool,
}

fn yes() -> bool {
    true
}

/// Run config as values, or as YAML whose lines errors name.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum RunConfig {
    /// YAML.
    Text(String),
    /// Values.
    Values(Map<String, Value>),
}

/// A run.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// Its id.
    pub run_id: String,
}

/// A run that is to end.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cancel {
    /// Its id.
    pub run_id: String,
    /// Whether it counts as cancelled at once, whatever its process does.
    #[serde(default)]
    pub force: bool,
}

/// A run that is to be launched again.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// Its id.
    pub run_id: String,
    /// Whether only what failed is run, and what follows from it.
    #[serde(default = "yes")]
    pub from_failure: bool,
}

/// A run that is to be followed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Follow {
    /// Its id.
    pub run_id: String,
    /// For how many seconds; 30 days if nothing is said.
    #[serde(default)]
    pub timeout: Option<f64>,
}

/// Runs that have not ended.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unfinished {
    /// How many at most.
    #[serde(default = "hundred")]
    pub limit: usize,
}

fn hundred() -> usize {
    100
}

/// What to list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Discover {
    /// `jobs`, `assets`, `repos`, `locations`, `sensors`, `schedules`; all if none is named.
    #[serde(default)]
    pub kinds: Vec<String>,
    /// Globs over names.
    #[serde(default)]
    pub patterns: Vec<String>,
    /// `KEY=VALUE`, or `KEY`.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Groups of assets.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Code locations.
    #[serde(default)]
    pub locations: Vec<String>,
    /// Assets in Dagster's selection syntax.
    #[serde(default)]
    pub select: Option<String>,
    /// Whether checks and latest materializations are asked for; up to 500 assets if nothing is said.
    #[serde(default)]
    pub details: Option<bool>,
}

/// A text that is to be YAML.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// The text.
    pub text: String,
}

/// Metadata for an asset.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attach {
    /// The asset's key, its parts joined by `/`.
    pub asset: String,
    /// One of its partitions.
    #[serde(default)]
    pub partition: Option<String>,
    /// By label.
    pub metadata: Map<String, Value>,
}

/// A file for an object store.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upload {
    /// The file.
    pub file: PathBuf,
    /// `s3`, `gcs`, `azure` or `file`.
    pub provider: String,
    /// The bucket, the container or the directory.
    pub bucket: String,
    /// The object's key.
    pub key: String,
}

/// A folder of exports.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// The folder.
    pub directory: PathBuf,
    /// For how many days a file stays; 0 keeps none.
    pub days: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_in_a_request_is_said_with_its_place() {
        for (text, said) in [
            ("{\"jobs\": \"a\"}", "unknown field `jobs`"),
            ("{\"assets\": [1]}", "assets[0]"),
            ("[]", "not a JSON object"),
            ("{", "EOF"),
        ] {
            let error = read::<Launch>(text).unwrap_err().to_string();
            assert!(error.contains(said), "{text}: {error}");
        }
        assert!(read::<Launch>("").unwrap().validate);
    }

    #[test]
    fn run_config_is_text_or_values() {
        let of = |text: &str| read::<Launch>(text).unwrap().run_config;
        assert!(matches!(
            of(r#"{"run_config": "a: 1"}"#),
            Some(RunConfig::Text(_))
        ));
        assert!(matches!(
            of(r#"{"run_config": {"a": 1}}"#),
            Some(RunConfig::Values(_))
        ));
        assert!(of(r#"{"run_config": null}"#).is_none());
    }
}
