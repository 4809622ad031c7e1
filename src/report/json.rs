//! The report as JSON: the value itself, and the schema of it.

use super::model::CiReport;
use crate::ui::text::harmless_json;

impl CiReport {
    /// The report as indented JSON with a newline at its end.
    pub fn to_json(&self) -> String {
        let mut json = serde_json::to_string_pretty(self)
            .expect("a report has string keys only and holds nothing that fails to serialise");
        json.push('\n');
        harmless_json(json)
    }

    /// Reads a report, and says where in it something is wrong.
    pub fn from_json(json: &str) -> Result<Self, serde_path_to_error::Error<serde_json::Error>> {
        serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_str(json))
    }
}

/// The JSON Schema (2020-12) of [`CiReport`], indented, with a newline at its end.
pub fn schema() -> String {
    let schema = schemars::schema_for!(CiReport);
    let mut json = serde_json::to_string_pretty(&schema).expect("a schema is plain JSON");
    json.push('\n');
    json
}
