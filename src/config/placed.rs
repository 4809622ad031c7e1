//! Values from several texts of the user's, merged, that know where each of them stands.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value};

use super::Loaded;
use super::error::{Error, Lines, Place};
use super::layers::{Layer, forget_replaced, layer_of, merge};
use super::origins::{Origin, Origins};
use super::tree;

/// A mapping of values, each with where it came from.
#[derive(Debug, Clone, Default)]
pub struct Placed {
    values: Map<String, Value>,
    origins: Origins,
}

impl Placed {
    /// Reads YAML, of which JSON is a part; `file` is what to call it in errors. What is not a
    /// mapping is refused.
    pub fn parse(text: &str, file: &Path) -> Result<Self, Error> {
        let node = tree::parse_yaml(text, file)?;
        let lines = Lines::of(file, text);
        let layer = layer_of(&node, |at| Origin::File(lines.place(at)));
        Self::of_layer(layer).ok_or_else(|| {
            let message = "it must be a mapping of keys to values";
            Error::syntax(message, Place::new(file, (1, 1), text))
        })
    }

    /// What the settings say below a dotted path, such as `ci.jobs.0.run_config`.
    pub fn of_settings(values: &Map<String, Value>, loaded: &Loaded, path: &str) -> Self {
        Self {
            values: values.clone(),
            origins: loaded.origins.below(path),
        }
    }

    /// Values that no text of the user's holds.
    pub fn without_place(values: Map<String, Value>) -> Self {
        Self {
            values,
            origins: Origins::default(),
        }
    }

    /// Lays other values over these: mappings merge key by key, anything else replaces.
    #[must_use]
    pub fn overlaid_by(self, above: Self) -> Self {
        let mut values = Value::Object(self.values);
        let mut origins: BTreeMap<String, Origin> = self.origins.into();
        let above_values = Value::Object(above.values);
        forget_replaced(&mut origins, &values, &above_values, "");
        merge(&mut values, above_values);
        origins.extend(BTreeMap::from(above.origins));
        Self::of_layer(Layer { values, origins }).expect("a merge of mappings is a mapping")
    }

    fn of_layer(layer: Layer) -> Option<Self> {
        match layer.values {
            Value::Object(values) => Some(Self {
                values,
                origins: layer.origins.into(),
            }),
            _ => None,
        }
    }

    /// The values without their places.
    pub fn value(&self) -> &Map<String, Value> {
        &self.values
    }

    /// Where the value at a path stands, or what it would be a part of.
    pub fn place(&self, path: &[String]) -> Option<&Place> {
        (0..=path.len()).rev().find_map(|length| {
            match self.origins.exactly(&path[..length].join(".")) {
                Some(Origin::File(place)) => Some(place),
                _ => None,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(placed: &Placed, path: &[&str]) -> Option<(String, (usize, usize))> {
        let path: Vec<String> = path.iter().map(|part| (*part).to_owned()).collect();
        let place = placed.place(&path)?;
        Some((place.file.display().to_string(), place.at?))
    }

    #[test]
    fn each_value_knows_the_text_it_came_from() {
        let below = Placed::parse("ops:\n  a: {config: {x: 1, y: 2}}\n", Path::new("one.yaml"));
        let above = Placed::parse("ops: {a: {config: {y: [3]}}}", Path::new("--config-yaml"));
        let merged = below.unwrap().overlaid_by(above.unwrap());
        let expected = serde_json::json!({"ops": {"a": {"config": {"x": 1, "y": [3]}}}});
        assert_eq!(Value::Object(merged.value().clone()), expected);
        let config = ["ops", "a", "config"];
        let of = |key| at(&merged, &[&config[..], &[key]].concat()).unwrap();
        assert_eq!(of("x"), ("one.yaml".to_owned(), (2, 16)));
        assert_eq!(of("y"), ("--config-yaml".to_owned(), (1, 20)));
        // What is missing would stand in what is there.
        assert_eq!(of("z").1, (1, 11));
    }

    #[test]
    fn only_mappings_are_read() {
        for text in ["- 1", "word"] {
            let error = Placed::parse(text, Path::new("run.yaml")).unwrap_err();
            assert!(error.to_string().contains("mapping"), "{error}");
        }
        assert!(
            Placed::parse("", Path::new("x"))
                .unwrap()
                .value()
                .is_empty()
        );
    }
}
