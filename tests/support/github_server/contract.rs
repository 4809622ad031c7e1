//! GitHub's own description of its REST API, by which every request and every answer is judged.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use jsonschema::{Draft, Validator};
use serde_json::{Map, Value, json};

/// The operations that the stand-in can serve. A request for any other is a violation.
const OPERATIONS: &[(&str, &str)] = &[
    ("get", "/user"),
    (
        "get",
        "/repos/{owner}/{repo}/issues/{issue_number}/comments",
    ),
    (
        "post",
        "/repos/{owner}/{repo}/issues/{issue_number}/comments",
    ),
    ("get", "/repos/{owner}/{repo}/issues/comments/{comment_id}"),
    (
        "patch",
        "/repos/{owner}/{repo}/issues/comments/{comment_id}",
    ),
    (
        "delete",
        "/repos/{owner}/{repo}/issues/comments/{comment_id}",
    ),
    ("get", "/repos/{owner}/{repo}/pulls"),
    ("get", "/repos/{owner}/{repo}/pulls/{pull_number}"),
    ("get", "/repos/{owner}/{repo}/commits/{commit_sha}/pulls"),
    ("get", "/repos/{owner}/{repo}/commits/{ref}/check-runs"),
    ("post", "/repos/{owner}/{repo}/check-runs"),
    ("get", "/repos/{owner}/{repo}/check-runs/{check_run_id}"),
    ("patch", "/repos/{owner}/{repo}/check-runs/{check_run_id}"),
];

/// The directory with `node_modules` that the test script has made.
pub fn node() -> PathBuf {
    let node = std::env::var_os("DAGLAB_TEST_NODE").expect(
        "DAGLAB_TEST_NODE must name a directory with `node_modules` that has @octokit/openapi and \
         @octokit/webhooks-examples; `scripts/test` sets it",
    );
    PathBuf::from(node)
}

/// The part of the description that is used, read once in a process.
pub struct Contract {
    operations: Vec<Operation>,
    /// All components that the operations refer to, by `kind/name`.
    components: BTreeMap<String, Value>,
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

pub struct Operation {
    pub method: &'static str,
    pub template: &'static str,
    value: Value,
}

impl Contract {
    pub fn get() -> &'static Self {
        static CONTRACT: OnceLock<Contract> = OnceLock::new();
        CONTRACT.get_or_init(Self::load)
    }

    fn load() -> Self {
        let file = node().join("node_modules/@octokit/openapi/generated/api.github.com.json");
        let used = used(&file);
        let components = used["components"].as_object().unwrap();
        let values = used["operations"].as_array().unwrap();
        Self {
            operations: OPERATIONS
                .iter()
                .zip(values)
                .map(|((method, template), value)| Operation {
                    method,
                    template,
                    value: value.clone(),
                })
                .collect(),
            components: components.clone().into_iter().collect(),
            validators: Mutex::new(HashMap::new()),
        }
    }

    /// The operation of a request, and the values in its path.
    pub fn find(&self, method: &str, path: &str) -> Option<(&Operation, HashMap<String, String>)> {
        let method = method.to_lowercase();
        let of_method = self.operations.iter().filter(|it| it.method == method);
        let mut fitting = of_method.filter_map(|it| Some((it, values(it.template, path)?)));
        fitting.next()
    }

    /// What is wrong with a request.
    pub fn judge_request(
        &self,
        operation: &Operation,
        values: &HashMap<String, String>,
        query: &[(String, String)],
        body: Option<&Value>,
    ) -> Vec<String> {
        let mut wrong = Vec::new();
        let parameters: Vec<&Value> = operation.value["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|parameter| self.deref(parameter))
            .collect();
        for parameter in &parameters {
            let name = parameter["name"].as_str().unwrap();
            let given = match parameter["in"].as_str() {
                Some("path") => values.get(name),
                Some("query") => query.iter().find(|(it, _)| it == name).map(|(_, it)| it),
                other => panic!("a parameter in {other:?}"),
            };
            match given {
                Some(text) => {
                    let value = typed(&parameter["schema"], text);
                    let id = format!("{} {} {name}", operation.method, operation.template);
                    wrong.extend(self.judge(&id, &parameter["schema"], &value));
                }
                None if parameter["required"] == true => wrong.push(format!("{name} is missing")),
                None => {}
            }
        }
        for (name, _) in query {
            let known = parameters
                .iter()
                .any(|it| it["in"] == "query" && it["name"] == name.as_str());
            if !known {
                wrong.push(format!("there is no query parameter {name}"));
            }
        }
        let wanted = operation
            .value
            .get("requestBody")
            .map(|body| &self.deref(body)["content"]["application/json"]["schema"]);
        match (wanted, body) {
            (Some(schema), Some(body)) => {
                let id = format!("{} {} body", operation.method, operation.template);
                wrong.extend(self.judge(&id, schema, body));
                self.unknown(schema, body, "", &mut wrong);
            }
            (Some(_), None) => wrong.push("the body is missing".to_owned()),
            (None, Some(_)) => wrong.push("no body is expected".to_owned()),
            (None, None) => {}
        }
        wrong
    }

    /// What is wrong with an answer. None: GitHub does not say what such an answer looks like.
    pub fn judge_answer(
        &self,
        operation: &Operation,
        status: u16,
        body: Option<&Value>,
    ) -> Option<Vec<String>> {
        let described = self.deref(operation.value["responses"].get(status.to_string())?);
        // Some failures are described by several media types.
        let schema = described
            .get("content")
            .and_then(|content| content.get("application/json"))
            .map(|json| &json["schema"]);
        Some(match (schema, body) {
            (Some(schema), Some(body)) => {
                let id = format!("{} {} {status}", operation.method, operation.template);
                self.judge(&id, schema, body)
            }
            (None, None) => Vec::new(),
            (Some(_), None) => vec!["the answer has no body".to_owned()],
            (None, Some(_)) => vec!["the answer has a body".to_owned()],
        })
    }

    /// GitHub's own example of an answer.
    pub fn example(&self, method: &str, template: &str) -> Value {
        let operation = self
            .operations
            .iter()
            .find(|it| it.method == method && it.template == template)
            .unwrap_or_else(|| panic!("no {method} {template}"));
        let responses = operation.value["responses"].as_object().unwrap();
        let (_, success) = responses
            .iter()
            .find(|(it, _)| it.starts_with('2'))
            .unwrap();
        let examples = &self.deref(success)["content"]["application/json"]["examples"];
        let (_, first) = examples.as_object().unwrap().iter().next().unwrap();
        self.deref(first)["value"].clone()
    }

    fn deref<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value.get("$ref").and_then(Value::as_str) {
            Some(name) => self.deref(&self.components[key(name)]),
            None => value,
        }
    }

    fn judge(&self, id: &str, schema: &Value, value: &Value) -> Vec<String> {
        let validator = {
            let mut validators = self.validators.lock().unwrap();
            let made = validators
                .entry(id.to_owned())
                .or_insert_with(|| Arc::new(self.validator(schema)));
            Arc::clone(made)
        };
        validator
            .iter_errors(value)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect()
    }

    /// A validator of a schema of OpenAPI 3.0, as one of JSON Schema's fourth draft, which it is made
    /// after: but for `nullable`.
    fn validator(&self, schema: &Value) -> Validator {
        let mut needed = BTreeMap::new();
        let all = json!({ "components": self.nested() });
        collect(&all, schema, &mut needed);
        let mut schemas = Map::new();
        for (name, value) in needed {
            let name = name.strip_prefix("schemas/").unwrap().to_owned();
            schemas.insert(name, with_null(&value));
        }
        let root = json!({
            "allOf": [with_null(schema)],
            "components": { "schemas": schemas },
        });
        jsonschema::options()
            .with_draft(Draft::Draft4)
            .should_validate_formats(true)
            .build(&root)
            .unwrap_or_else(|error| panic!("{error}"))
    }

    fn nested(&self) -> Value {
        let mut nested = Map::new();
        for (key, value) in &self.components {
            let (kind, name) = key.split_once('/').unwrap();
            if kind == "schemas" {
                let kind = nested.entry(kind).or_insert_with(|| json!({}));
                kind[name] = value.clone();
            }
        }
        Value::Object(nested)
    }

    /// Properties that the schema does not know: GitHub drops them silently, so that a mistyped name
    /// would go unnoticed.
    fn unknown(&self, schema: &Value, value: &Value, at: &str, wrong: &mut Vec<String>) {
        let schema = self.deref(schema);
        match value {
            Value::Object(fields) => {
                let Some(known) = schema["properties"].as_object() else {
                    return;
                };
                for (name, value) in fields {
                    match known.get(name) {
                        Some(schema) => {
                            self.unknown(schema, value, &format!("{at}/{name}"), wrong);
                        }
                        None => wrong.push(format!("{at}/{name} is not known")),
                    }
                }
            }
            Value::Array(items) => {
                for item in items {
                    self.unknown(&schema["items"], item, at, wrong);
                }
            }
            _ => {}
        }
    }
}

/// The operations and what they refer to. The whole description is large and takes seconds to read,
/// so the part is kept beside what is built, under a name that changes with what it is made from.
fn used(file: &Path) -> Value {
    let size = std::fs::metadata(file).unwrap_or_else(|error| panic!("{file:?}: {error}"));
    let mut hasher = DefaultHasher::new();
    (file, size.len(), size.modified().unwrap(), OPERATIONS).hash(&mut hasher);
    let name = format!("github-contract-{:016x}.json", hasher.finish());
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if let Ok(text) = std::fs::read(&kept) {
        return serde_json::from_slice(&text).unwrap();
    }
    let document: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let mut components = BTreeMap::new();
    let mut operations = Vec::new();
    for (method, template) in OPERATIONS {
        let value = &document["paths"][template][method];
        assert!(value.is_object(), "GitHub has no {method} {template}");
        collect(&document, value, &mut components);
        operations.push(value.clone());
    }
    let used = json!({ "operations": operations, "components": components });
    // Tests run side by side: nobody must see half of it.
    let mut half = tempfile::NamedTempFile::new_in(kept.parent().unwrap()).unwrap();
    std::io::Write::write_all(&mut half, used.to_string().as_bytes()).unwrap();
    half.persist(&kept).unwrap();
    used
}

/// `#/components/schemas/x` as `schemas/x`.
fn key(name: &str) -> &str {
    name.strip_prefix("#/components/").unwrap()
}

/// All components that a value refers to, and so on.
fn collect(document: &Value, value: &Value, found: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(fields) => {
            if let Some(name) = fields.get("$ref").and_then(Value::as_str) {
                let key = key(name);
                if !found.contains_key(key) {
                    let (kind, name) = key.split_once('/').unwrap();
                    let component = document["components"][kind][name].clone();
                    assert!(!component.is_null(), "no {key}");
                    found.insert(key.to_owned(), component.clone());
                    collect(document, &component, found);
                }
            }
            for value in fields.values() {
                collect(document, value, found);
            }
        }
        Value::Array(items) => {
            for item in items {
                collect(document, item, found);
            }
        }
        _ => {}
    }
}

fn with_null(schema: &Value) -> Value {
    match schema {
        Value::Object(fields) => {
            let mut out: Map<String, Value> = Map::new();
            for (name, value) in fields {
                let value = match (name.as_str(), value) {
                    ("nullable" | "example" | "discriminator", _) => continue,
                    // Names of an object's, which may be any.
                    ("properties", Value::Object(properties)) => properties
                        .iter()
                        .map(|(name, schema)| (name.clone(), with_null(schema)))
                        .collect(),
                    (_, value) => with_null(value),
                };
                out.insert(name.clone(), value);
            }
            if fields.get("nullable") == Some(&Value::Bool(true)) {
                return json!({ "anyOf": [{ "type": "null" }, out] });
            }
            Value::Object(out)
        }
        Value::Array(items) => items.iter().map(with_null).collect(),
        other => other.clone(),
    }
}

/// The values in a path, if it is of this form.
fn values(template: &str, path: &str) -> Option<HashMap<String, String>> {
    let (wanted, given): (Vec<_>, Vec<_>) =
        (template.split('/').collect(), path.split('/').collect());
    if wanted.len() != given.len() {
        return None;
    }
    let mut values = HashMap::new();
    for (wanted, given) in wanted.iter().zip(given) {
        match wanted.strip_prefix('{').and_then(|it| it.strip_suffix('}')) {
            Some(name) => {
                values.insert(name.to_owned(), decoded(given));
            }
            None if *wanted == given => {}
            None => return None,
        }
    }
    Some(values)
}

pub fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text)
        .decode_utf8()
        .unwrap()
        .into_owned()
}

/// A text in a path or query, as the type that the schema says.
fn typed(schema: &Value, text: &str) -> Value {
    match schema["type"].as_str() {
        Some("integer") => text.parse::<i64>().map_or(json!(text), |it| json!(it)),
        Some("boolean") => text.parse::<bool>().map_or(json!(text), |it| json!(it)),
        _ => json!(text),
    }
}
