//! Metadata on its way to an asset: by the server, or by the code that the user adds.

use serde_json::{Map, Value, json};

use super::Error;
use super::launch::loaded;
use super::request::Attach;
use crate::config::Settings;
use crate::dagster::attach::{Observation, Way};
use crate::dagster::snippet::Snippet;
use crate::dagster::{AssetKey, Client, Error as DagsterError};
use crate::error::Diagnose as _;
use crate::ui::text::one_line;

/// How much of one value stands in the description.
const SHOWN: usize = 500;

/// Attaches metadata to an asset. Where the server does not take it, the answer has the code that
/// attaches it from inside, and says why.
pub async fn attach(client: &Client, settings: &Settings, asked: &Attach) -> Result<Value, Error> {
    let key = key(&asked.asset)?;
    // A server takes what is said of assets that it has never heard of.
    loaded(client, settings).await?.asset(&key, None)?;
    let said = Observation {
        key: &key,
        partition: asked.partition.as_deref(),
        metadata: asked.metadata.clone(),
        description: describe(&asked.metadata),
    };
    let way = client.attach_observation(&said).await;
    Ok(match way {
        Ok(way) => json!({
            "attached": true,
            "way": match way {
                Way::Rest => "rest",
                Way::GraphQl => "graphql",
            },
            "message": null,
            "hint": null,
            "snippet": null,
        }),
        Err(error) if is_refusal(&error) => json!({
            "attached": false,
            "way": "snippet",
            "message": error.to_string(),
            "hint": error.hint(),
            "snippet": Snippet::of_metadata(&key, &asked.metadata).to_module(),
        }),
        Err(error) => return Err(error.into()),
    })
}

/// The code that attaches metadata while the asset is computed.
pub fn snippet(asked: &Attach) -> Result<Value, Error> {
    let snippet = Snippet::of_metadata(&key(&asked.asset)?, &asked.metadata);
    Ok(json!({
        "module": snippet.to_module(),
        "returned": snippet.returned,
        "added": snippet.added,
    }))
}

fn key(text: &str) -> Result<AssetKey, Error> {
    AssetKey::parse(text).ok_or_else(|| Error::AssetKey(text.to_owned()))
}

/// Whether the server is there and does not take it.
fn is_refusal(error: &DagsterError) -> bool {
    !error.is_transient()
}

/// The metadata in words. Dagster makes links of the addresses in it.
fn describe(metadata: &Map<String, Value>) -> String {
    let one = |(label, value): (&String, &Value)| {
        let value = match value {
            Value::String(text) => one_line(text),
            other => other.to_string(),
        };
        let shown: String = value.chars().take(SHOWN).collect();
        format!("{}: {shown}", one_line(label))
    };
    metadata.iter().map(one).collect::<Vec<_>>().join("; ")
}
