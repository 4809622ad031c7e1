//! Code that attaches a link from inside an asset, while it is computed: the way that needs nothing
//! but the user's own code.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::asset_key::AssetKey;

/// Words that can't be the name of a function.
const KEYWORDS: &[&str] = &[
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue",
    "def", "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import",
    "in", "is", "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while",
    "with", "yield",
];

/// A link and its label.
pub type Link = (String, String);

/// The two forms of the code, each a module of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snippet {
    /// An asset that returns a `MaterializeResult`.
    pub returned: String,
    /// An asset that returns its value, and adds the link through its context.
    pub added: String,
}

impl Snippet {
    /// The code for an asset that is to carry these links.
    pub fn new(key: &AssetKey, links: &[Link]) -> Self {
        let url = |(label, url): &Link| (label.clone(), format!("url({})", literal(url)));
        Self::of(key, &links.iter().map(url).collect::<Vec<_>>())
    }

    /// The code for an asset that is to carry this metadata: addresses as links, and everything else
    /// by its kind.
    pub fn of_metadata(key: &AssetKey, metadata: &Map<String, Value>) -> Self {
        let value = |(label, value): (&String, &Value)| (label.clone(), of_kind(value));
        Self::of(key, &metadata.iter().map(value).collect::<Vec<_>>())
    }

    /// Labels, and the calls that make their values.
    fn of(key: &AssetKey, values: &[(String, String)]) -> Self {
        let (decorator, name) = head(key);
        let metadata = |indent: &str| {
            let mut text = String::from("{\n");
            for (label, call) in values {
                let label = literal(label);
                let _ = writeln!(text, "{indent}    {label}: dg.MetadataValue.{call},");
            }
            text + indent + "}"
        };
        let returned = format!(
            "import dagster as dg\n\n\n{decorator}\n\
             def {name}() -> dg.MaterializeResult:\n    \
             return dg.MaterializeResult(\n        \
             metadata={},\n    )\n",
            metadata("        ")
        );
        let added = format!(
            "import dagster as dg\n\n\n{decorator}\n\
             def {name}(context: dg.AssetExecutionContext):\n    \
             context.add_output_metadata(\n        {},\n    )\n    \
             return None  # the asset's own value\n",
            metadata("        ")
        );
        Self { returned, added }
    }

    /// Both as one module: the first form as code, the second as comments to take in its place.
    pub fn to_module(&self) -> String {
        let mut text = format!(
            "# For an asset that stores its value itself:\n\n{}\n\n\
             # For one that returns its value, in place of the above:\n#\n",
            self.returned
        );
        for line in self.added.lines() {
            text.push_str(if line.is_empty() { "#" } else { "# " });
            text.push_str(line);
            text.push('\n');
        }
        text
    }
}

/// The method of `MetadataValue` that makes a value, with its argument.
fn of_kind(value: &Value) -> String {
    let is_address = |text: &str| {
        ["https://", "http://", "file://"]
            .iter()
            .any(|scheme| text.starts_with(scheme))
    };
    match value {
        Value::String(text) if is_address(text) => format!("url({})", literal(text)),
        Value::String(text) => format!("text({})", literal(text)),
        Value::Bool(yes) => format!("bool({})", if *yes { "True" } else { "False" }),
        Value::Number(number) if number.is_f64() => format!("float({number})"),
        Value::Number(number) => format!("int({number})"),
        Value::Null => "null()".to_owned(),
        Value::Array(_) | Value::Object(_) => format!("json({})", python(value)),
    }
}

/// A value as Python writes it.
fn python(value: &Value) -> String {
    match value {
        Value::String(text) => literal(text),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Null => "None".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(python).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(fields) => {
            let field =
                |(key, value): (&String, &Value)| format!("{}: {}", literal(key), python(value));
            let fields: Vec<String> = fields.iter().map(field).collect();
            format!("{{{}}}", fields.join(", "))
        }
    }
}

/// The decorator and the function's name.
fn head(key: &AssetKey) -> (String, String) {
    let parts = key.parts();
    let last = parts.last().map_or("asset", String::as_str);
    let name = identifier(last);
    if parts.len() == 1 && name == last {
        return ("@dg.asset".to_owned(), name);
    }
    let parts: Vec<String> = parts.iter().map(|part| literal(part)).collect();
    (format!("@dg.asset(key=[{}])", parts.join(", ")), name)
}

/// The nearest name of a function.
fn identifier(text: &str) -> String {
    let mut name: String = text
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        name.insert(0, '_');
    }
    if KEYWORDS.contains(&name.as_str()) {
        name.push('_');
    }
    name
}

/// A text as Python writes it. Whatever is in it stays text.
fn literal(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            ' '..='~' => out.push(c),
            c if c.is_alphanumeric() => out.push(c),
            c => {
                let _ = write!(out, "\\U{:08x}", u32::from(c));
            }
        }
    }
    out + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snippet(key: &str, label: &str, url: &str) -> Snippet {
        let key = AssetKey::parse(key).unwrap();
        Snippet::new(&key, &[(label.to_owned(), url.to_owned())])
    }

    #[test]
    fn both_forms_are_shown() {
        let shown = snippet("orders", "exploration", "https://pages.example/x.html").to_module();
        insta::assert_snapshot!(shown, @r##"
        # For an asset that stores its value itself:

        import dagster as dg


        @dg.asset
        def orders() -> dg.MaterializeResult:
            return dg.MaterializeResult(
                metadata={
                    "exploration": dg.MetadataValue.url("https://pages.example/x.html"),
                },
            )


        # For one that returns its value, in place of the above:
        #
        # import dagster as dg
        #
        #
        # @dg.asset
        # def orders(context: dg.AssetExecutionContext):
        #     context.add_output_metadata(
        #         {
        #             "exploration": dg.MetadataValue.url("https://pages.example/x.html"),
        #         },
        #     )
        #     return None  # the asset's own value
        "##);
    }

    #[test]
    fn each_kind_of_value_is_written_as_such() {
        let metadata = serde_json::json!({
            "page": "https://x/y", "note": "a \"b\"", "rows": 3, "share": 0.5, "ok": true,
            "none": null, "all": [1, null, {"k": false}],
        });
        let key = AssetKey::parse("orders").unwrap();
        let text = Snippet::of_metadata(&key, metadata.as_object().unwrap()).returned;
        let calls: Vec<&str> = text
            .lines()
            .filter_map(|line| Some(line.split_once("MetadataValue.")?.1.trim_end_matches(',')))
            .collect();
        assert_eq!(
            calls,
            [
                "url(\"https://x/y\")",
                "text(\"a \\\"b\\\"\")",
                "int(3)",
                "float(0.5)",
                "bool(True)",
                "null()",
                "json([1, None, {\"k\": False}])",
            ]
        );
    }

    #[test]
    fn names_become_python_and_stay_what_they_are() {
        let of = |key: &str| snippet(key, "l", "u").returned;
        assert!(of("a/b-1").contains("@dg.asset(key=[\"a\", \"b-1\"])\ndef b_1("));
        assert!(of("2x").contains("@dg.asset(key=[\"2x\"])\ndef _2x("));
        assert!(of("class").contains("@dg.asset(key=[\"class\"])\ndef class_("));
        assert!(of("orders").contains("@dg.asset\ndef orders("));
    }

    #[test]
    fn whatever_is_in_a_link_stays_text() {
        let text = snippet("a", "x\"y", "https://h/\\\n\"); import os #\u{202e}é").returned;
        let line = text.lines().find(|line| line.contains("url(")).unwrap();
        assert_eq!(
            line.trim(),
            "\"x\\\"y\": dg.MetadataValue.url(\"https://h/\\\\\\U0000000a\\\"); import os #\\U0000202eé\"),"
        );
    }
}
