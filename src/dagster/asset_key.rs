//! The key of an asset: one or more parts, written with `/` between them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An asset key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AssetKey {
    path: Vec<String>,
}

impl AssetKey {
    /// Reads a key as people write it: its parts joined by `/`. No part may be empty.
    pub fn parse(text: &str) -> Option<Self> {
        let path: Vec<String> = text.split('/').map(str::to_owned).collect();
        path.iter()
            .all(|part| !part.trim().is_empty())
            .then_some(Self { path })
    }

    /// The parts of the key.
    pub fn parts(&self) -> &[String] {
        &self.path
    }
}

impl fmt::Display for AssetKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path.join("/"))
    }
}

#[cfg(test)]
mod tests {
    use super::AssetKey;

    #[test]
    fn a_key_is_read_as_it_is_written() {
        let key = AssetKey::parse("warehouse/orders").expect("a key");
        assert_eq!(key.parts(), ["warehouse", "orders"]);
        assert_eq!(key.to_string(), "warehouse/orders");
        assert_eq!(
            serde_json::to_value(&key).expect("JSON"),
            serde_json::json!({"path": ["warehouse", "orders"]})
        );
        assert!(AssetKey::parse("").is_none());
        assert!(AssetKey::parse("a//b").is_none());
    }
}
