//! What is missing before anything is launched.
//!
//! Dagster loads a location whose resources name variables that are not set; the run then fails.

use std::collections::BTreeMap;

use serde_json::Value;

use super::workspace::Workspace;

/// Variables that resources need and children will not see: by name, who needs them.
pub fn missing_variables(
    workspace: &Workspace,
    is_set: impl Fn(&str) -> bool,
) -> BTreeMap<String, Vec<String>> {
    let mut missing: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (_, repository) in workspace.repositories() {
        for resource in &repository.resources {
            for value in resource
                .configured_values
                .iter()
                .filter(|v| v.kind == "ENV_VAR")
            {
                if !is_set(&value.value) {
                    let user = format!("resource `{}`, field `{}`", resource.name, value.key);
                    missing.entry(value.value.clone()).or_default().push(user);
                }
            }
        }
    }
    missing
}

/// Variables that a run config names as `{env: NAME}`.
pub fn variables_of(run_config: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut queue = vec![run_config];
    while let Some(value) = queue.pop() {
        match value {
            Value::Object(fields) => {
                if let (1, Some(Value::String(name))) = (fields.len(), fields.get("env")) {
                    found.push(name.clone());
                } else {
                    queue.extend(fields.values());
                }
            }
            Value::Array(items) => queue.extend(items),
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_found_at_any_depth() {
        let config =
            serde_json::json!({"a": {"b": [{"env": "X"}, {"env": 1}]}, "env": {"env": "Y"}});
        let mut found = variables_of(&config);
        found.sort();
        assert_eq!(found, ["X", "Y"]);
    }
}
