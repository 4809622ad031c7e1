//! The run config that a notebook begins with: what the job needs, what it was given in
//! `daglab.yaml`, and, as comments, what it could be given.

use serde_json::{Map, Value};

use crate::config::yaml::scalar;
use crate::dagster::config_schema::{ConfigSchema, ConfigType, Field};

/// How deep config is written out.
const DEEPEST: usize = 24;
/// How many lines are written; the rest is left out, and that is said.
const LONGEST: usize = 400;
/// How much of a description stands beside its field, in characters.
const DESCRIPTION: usize = 70;
/// How many words of an enum are named.
const WORDS: usize = 8;

/// A line before its comment sign is known.
struct Line {
    depth: usize,
    /// Whether it is config, or only says what could be.
    active: bool,
    text: String,
    note: String,
}

/// The skeleton as YAML; empty if the job takes nothing that is worth a line.
pub fn skeleton(schema: &ConfigSchema, given: &Map<String, Value>) -> String {
    let mut writer = Writer {
        schema,
        lines: Vec::new(),
    };
    let given = Value::Object(given.clone());
    writer.fields(&schema.root, Some(&given), &mut Vec::new(), true);
    let mut out = String::new();
    let mut left_out = 0;
    for (index, line) in writer.lines.iter().enumerate() {
        // What is in force is never left out.
        if index >= LONGEST && !line.active {
            left_out += 1;
            continue;
        }
        let sign = if line.active { "" } else { "# " };
        let indent = "  ".repeat(line.depth);
        let note = match line.note.is_empty() {
            true => String::new(),
            false => format!("  # {}", line.note),
        };
        out.push_str(&format!("{sign}{indent}{}{note}\n", line.text));
    }
    if left_out > 0 {
        out.push_str(&format!("# … and {left_out} more lines\n"));
    }
    out
}

struct Writer<'a> {
    schema: &'a ConfigSchema,
    lines: Vec<Line>,
}

impl<'a> Writer<'a> {
    fn kind(&self, key: &str) -> Option<&'a ConfigType> {
        self.schema.types.get(key)
    }

    /// Writes the fields of a type; says whether any of them is in force. `path` are the names above;
    /// what is required in a mapping that need not be there need not be there either.
    fn fields(
        &mut self,
        key: &str,
        given: Option<&Value>,
        path: &mut Vec<String>,
        is_required: bool,
    ) -> bool {
        let is_required = is_required || given.is_some();
        let Some(ConfigType::Fields {
            fields,
            is_selector,
        }) = self.kind(key)
        else {
            return false;
        };
        let given = given.and_then(Value::as_object);
        let mut any = false;
        // Of a selector that must be there, the first stands for the choice.
        let chosen = match (*is_selector && is_required, given) {
            (true, None) => fields.first().map(|field| field.name.as_str()),
            _ => None,
        };
        for field in fields {
            let value = given.and_then(|given| given.get(&field.name));
            if value.is_none() && chosen != Some(&field.name) && is_noise(field, path, self) {
                continue;
            }
            let is_required = match is_selector {
                true => chosen == Some(&field.name),
                false => field.is_required && is_required,
            };
            any |= self.field(field, value, path, is_required);
        }
        // What the schema does not have is kept: it is for validation to tell.
        for (name, value) in given.into_iter().flatten() {
            if !fields.iter().any(|field| field.name == *name) {
                self.push(
                    path.len(),
                    true,
                    format!("{}: {}", scalar(name), inline(value)),
                    "",
                );
                any = true;
            }
        }
        any
    }

    /// Writes a field, and says whether it is in force.
    fn field(
        &mut self,
        field: &Field,
        given: Option<&Value>,
        path: &mut Vec<String>,
        is_required: bool,
    ) -> bool {
        let depth = path.len();
        let begin = self.lines.len();
        let described = described(field);
        let name = scalar(&field.name);
        let nested = matches!(self.kind(&field.kind), Some(ConfigType::Fields { fields, .. }) if !fields.is_empty());
        if nested && depth < DEEPEST && given.is_none_or(Value::is_object) {
            self.push(
                depth,
                false,
                format!("{name}:"),
                described.trim_start_matches(": "),
            );
            path.push(field.name.clone());
            let inner = self.fields(&field.kind, given, path, is_required);
            path.pop();
            if self.lines.len() == begin + 1 {
                // A mapping of nothing: only worth a line if it must be there.
                self.lines.truncate(begin);
                if is_required || given.is_some() {
                    self.push(depth, true, format!("{name}: {{}}"), "");
                }
                return is_required || given.is_some();
            }
            let line = &mut self.lines[begin];
            line.active = inner || is_required;
            // A required mapping of optional fields is a mapping all the same.
            if is_required && !inner {
                line.text = format!("{name}: {{}}");
                line.note = "required; leave out {} to set a field of it".to_owned();
            }
            return line.active;
        }
        let kind = self.label(&field.kind, 0);
        let default = field.default.as_ref().map(inline);
        let (value, note) = match (given, is_required) {
            (Some(value), _) => (inline(value), format!("{kind}{described}")),
            (None, true) => (
                self.placeholder(&field.kind, 0),
                format!("{kind}, required{described}"),
            ),
            (None, false) => match default {
                Some(default) => (default, format!("{kind}, the default{described}")),
                None => {
                    let word = if field.is_required {
                        "required"
                    } else {
                        "optional"
                    };
                    (
                        self.placeholder(&field.kind, 0),
                        format!("{kind}, {word}{described}"),
                    )
                }
            },
        };
        let active = given.is_some() || is_required;
        self.push(depth, active, format!("{name}: {value}"), &note);
        active
    }

    fn push(&mut self, depth: usize, active: bool, text: String, note: &str) {
        self.lines.push(Line {
            depth,
            active,
            text,
            note: note.to_owned(),
        });
    }

    /// A type in a few words.
    fn label(&self, key: &str, depth: usize) -> String {
        if depth > 3 {
            return "…".to_owned();
        }
        match self.kind(key) {
            Some(ConfigType::Scalar(name)) => clean(name),
            Some(ConfigType::Enum(words)) => {
                let mut named: Vec<String> =
                    words.iter().take(WORDS).map(|word| clean(word)).collect();
                if words.len() > WORDS {
                    named.push("…".to_owned());
                }
                format!("one of {}", named.join(" | "))
            }
            Some(ConfigType::List(of)) => format!("[{}]", self.label(of, depth + 1)),
            Some(ConfigType::Map(from, to)) => format!(
                "{{{}: {}}}",
                self.label(from, depth + 1),
                self.label(to, depth + 1)
            ),
            Some(ConfigType::Nullable(of)) => format!("{} or null", self.label(of, depth + 1)),
            Some(ConfigType::ScalarOr(scalar, other)) => {
                let scalar = self.label(scalar, depth + 1);
                match self.kind(other) {
                    Some(ConfigType::Fields { fields, .. })
                        if fields.len() == 1 && fields[0].name == "env" =>
                    {
                        format!("{scalar} or {{env: NAME}}")
                    }
                    _ => format!("{scalar} or {}", self.label(other, depth + 1)),
                }
            }
            Some(ConfigType::Fields { .. }) => "{…}".to_owned(),
            Some(ConfigType::Other) | None => "Any".to_owned(),
        }
    }

    /// A value of a type that says nothing, but fits.
    fn placeholder(&self, key: &str, depth: usize) -> String {
        let value = match self.kind(key) {
            Some(ConfigType::Scalar(name)) => match name.as_str() {
                "Int" => "0",
                "Float" => "0.0",
                "Bool" => "false",
                "Any" => "null",
                "Noneable" => "null",
                _ => "\"\"",
            },
            Some(ConfigType::Enum(words)) => {
                return words
                    .first()
                    .map_or_else(|| "null".to_owned(), |it| scalar(it));
            }
            Some(ConfigType::List(_)) => "[]",
            Some(ConfigType::Map(..) | ConfigType::Fields { .. }) => "{}",
            Some(ConfigType::ScalarOr(scalar, _)) if depth < 4 => {
                return self.placeholder(scalar, depth + 1);
            }
            _ => "null",
        };
        value.to_owned()
    }
}

/// What nobody who explores a job looks for: how it is executed and logged, outputs, and config that
/// may be anything.
fn is_noise(field: &Field, path: &[String], writer: &Writer<'_>) -> bool {
    if field.is_required {
        return false;
    }
    match path.len() {
        0 => matches!(field.name.as_str(), "execution" | "loggers" | "inputs"),
        _ => {
            let is_any = matches!(writer.kind(&field.kind), Some(ConfigType::Scalar(name)) if name == "Any")
                || matches!(writer.kind(&field.kind), Some(ConfigType::Other) | None);
            // Every job has one that nobody has to configure.
            let is_given = path.len() == 1 && path[0] == "resources" && field.name == "io_manager";
            let of_op = path
                .first()
                .is_some_and(|first| first == "ops" || first == "solids");
            is_given || (of_op && field.name == "outputs") || (is_any && field.name == "config")
        }
    }
}

/// `: what the author says`, shortened.
fn described(field: &Field) -> String {
    let Some(text) = &field.description else {
        return String::new();
    };
    let line = clean(text);
    let mut short: String = line.chars().take(DESCRIPTION).collect();
    if short.len() < line.len() {
        short = format!("{}…", short.trim_end());
    }
    format!(": {short}")
}

/// Foreign text on one line.
fn clean(text: &str) -> String {
    let line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A value on one line. JSON is a part of YAML.
fn inline(value: &Value) -> String {
    match value {
        Value::String(text) => scalar(text),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;

    fn field(name: &str, kind: &str, is_required: bool, default: Option<Value>) -> Field {
        Field {
            name: name.to_owned(),
            description: (name == "limit").then(|| "how many\nrows".to_owned()),
            kind: kind.to_owned(),
            is_required,
            default,
        }
    }

    fn schema() -> ConfigSchema {
        let fields = |fields: Vec<Field>| ConfigType::Fields {
            fields,
            is_selector: false,
        };
        let types = [
            ("Int", ConfigType::Scalar("Int".to_owned())),
            ("String", ConfigType::Scalar("String".to_owned())),
            ("Any", ConfigType::Scalar("Any".to_owned())),
            (
                "Env",
                ConfigType::Fields {
                    fields: vec![field("env", "String", true, None)],
                    is_selector: true,
                },
            ),
            (
                "Text",
                ConfigType::ScalarOr("String".to_owned(), "Env".to_owned()),
            ),
            (
                "Mode",
                ConfigType::Enum(vec!["fast".to_owned(), "off".to_owned()]),
            ),
            ("Keys", ConfigType::List("String".to_owned())),
            ("MaybeKeys", ConfigType::Nullable("Keys".to_owned())),
            (
                "Config",
                fields(vec![
                    field("name", "Text", true, None),
                    field("mode", "Mode", true, None),
                    field("limit", "Int", false, Some(json!(10))),
                    field("keys", "MaybeKeys", false, None),
                ]),
            ),
            (
                "Op",
                fields(vec![
                    field("config", "Config", true, None),
                    field("outputs", "Any", false, None),
                ]),
            ),
            ("Quiet", fields(vec![field("config", "Any", false, None)])),
            (
                "Ops",
                fields(vec![
                    field("load", "Op", true, None),
                    field("tidy", "Quiet", false, None),
                ]),
            ),
            (
                "Resource",
                fields(vec![field("config", "Warehouse", false, None)]),
            ),
            (
                "Warehouse",
                fields(vec![field("path", "String", false, Some(json!("a b")))]),
            ),
            (
                "Resources",
                fields(vec![field("warehouse", "Resource", false, None)]),
            ),
            (
                "Root",
                fields(vec![
                    field("execution", "Config", false, None),
                    field("ops", "Ops", true, None),
                    field("resources", "Resources", false, None),
                ]),
            ),
        ];
        ConfigSchema {
            root: "Root".to_owned(),
            types: types
                .into_iter()
                .map(|(key, kind)| (key.to_owned(), kind))
                .collect(),
        }
    }

    #[test]
    fn a_skeleton_has_what_is_required_and_says_what_could_be() {
        insta::assert_snapshot!(skeleton(&schema(), &Map::new()), @r#"
        ops:
          load:
            config:
              name: ""  # String or {env: NAME}, required
              mode: fast  # one of fast | off, required
        #       limit: 10  # Int, the default: how many rows
        #       keys: null  # [String] or null, optional
        # resources:
        #   warehouse:
        #     config:
        #       path: "a b"  # String, the default
        "#);
    }

    #[test]
    fn what_is_given_is_in_force() {
        let given = json!({
            "ops": {"load": {"config": {"name": "x: y", "limit": 3, "typo": [1]}}},
            "resources": {"warehouse": {"config": {"path": "off"}}},
            "execution": {"config": {"in_process": {}}},
        });
        let text = skeleton(&schema(), given.as_object().unwrap());
        let read = crate::config::tree::yaml_to_json(&text, std::path::Path::new("x")).unwrap();
        assert_eq!(read["ops"]["load"]["config"]["mode"], "fast");
        assert_eq!(read["ops"]["load"]["config"]["name"], "x: y");
        assert_eq!(read["ops"]["load"]["config"]["limit"], 3);
        assert_eq!(read["ops"]["load"]["config"]["typo"], json!([1]));
        assert_eq!(read["resources"], given["resources"]);
        assert!(text.contains("path: \"off\"  # String\n"), "{text}");
    }

    /// The schema of a mapping of `count` optional numbers in a required one.
    fn numbers(count: usize) -> ConfigSchema {
        let number = |index| field(&format!("n{index}"), "Int", false, Some(json!(index)));
        let fields = |fields| ConfigType::Fields {
            fields,
            is_selector: false,
        };
        let types = [
            ("Int", ConfigType::Scalar("Int".to_owned())),
            ("Root", fields(vec![field("ops", "Ops", true, None)])),
            ("Ops", fields((0..count).map(number).collect())),
        ];
        ConfigSchema {
            root: "Root".to_owned(),
            types: types.map(|(key, kind)| (key.to_owned(), kind)).into(),
        }
    }

    #[test]
    fn what_a_required_mapping_could_have_is_said() {
        insta::assert_snapshot!(skeleton(&numbers(2), &Map::new()), @r"
        ops: {}  # required; leave out {} to set a field of it
        #   n0: 0  # Int, the default
        #   n1: 1  # Int, the default
        ");
    }

    #[test]
    fn what_is_left_out_is_counted() {
        // The first line is the mapping's own.
        let text = skeleton(&numbers(LONGEST + 4), &Map::new());
        assert!(text.ends_with("\n# … and 5 more lines\n"), "{text}");
        let all: Map<String, Value> = (0..LONGEST + 4)
            .map(|index| (format!("n{index}"), json!(1)))
            .collect();
        let given = json!({ "ops": all });
        let text = skeleton(&numbers(LONGEST + 4), given.as_object().unwrap());
        assert_eq!(text.lines().count(), LONGEST + 5, "{text}");
        assert!(!text.contains('…'), "{text}");
    }

    #[test]
    fn of_nothing_there_is_nothing() {
        assert_eq!(skeleton(&ConfigSchema::default(), &Map::new()), "");
    }
}
