//! Code that attaches a link from inside an asset, while it is computed: the way that needs nothing
//! but the user's own code.

use std::fmt::Write as _;

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
        let (decorator, name) = head(key);
        let metadata = |indent: &str| {
            let mut text = String::from("{\n");
            for (label, url) in links {
                let (label, url) = (literal(label), literal(url));
                let _ = writeln!(text, "{indent}    {label}: dg.MetadataValue.url({url}),");
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
