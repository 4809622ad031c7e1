//! Texts that are to be YAML, without a server.

use std::path::Path;

use serde_json::{Value, json};

use super::launch::problem_of_text;
use super::request::Text;
use crate::config::Placed;
use crate::redact::secrets;

/// Reads a run config, within the bounds of all configuration: no tags that make objects, no aliases
/// that grow without end.
pub fn parse(asked: &Text) -> Value {
    let value = match Placed::parse(&asked.text, Path::new("run config")) {
        Ok(placed) => Value::Object(placed.value().clone()),
        Err(error) => {
            return json!({
                "valid": false,
                "message": error.to_string(),
                "problems": [problem_of_text(&error)],
                "value": null,
            });
        }
    };
    // What is printed has no secrets in it, and must not be taken for what was meant.
    if secrets::known().remove_from(value.clone()) != value {
        let message = "it holds the value of a secret variable; write `{env: NAME}` in its place";
        let problem = json!({
            "path": Vec::<String>::new(), "message": message, "suggestion": null,
            "line": null, "column": null,
        });
        return json!({
            "valid": false, "message": message, "problems": [problem], "value": null,
        });
    }
    json!({ "valid": true, "message": null, "problems": [], "value": value })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_text(text: &str) -> Value {
        parse(&Text {
            text: text.to_owned(),
        })
    }

    #[test]
    fn yaml_becomes_values_or_problems_with_places() {
        let good = parse_text("ops:\n  a: {config: {x: [1, 'two']}}\n");
        assert_eq!(good["value"]["ops"]["a"]["config"]["x"], json!([1, "two"]));
        for (text, line) in [
            ("a: 1\n  b: 2\n", 2),
            ("- 1\n", 1),
            ("a: !!python/object:os.system x\n", 1),
        ] {
            let bad = parse_text(text);
            assert_eq!(bad["valid"], false, "{text}");
            assert_eq!(bad["problems"][0]["line"], line, "{text}: {bad}");
        }
    }
}
