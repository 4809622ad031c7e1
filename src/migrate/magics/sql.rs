//! `%sql` and `%%sql`: queries, on DuckDB unless told otherwise.

use super::{Need, Translated};
use crate::migrate::literal::{identifier, quote};

/// What a line of the SQL magic says.
#[derive(Debug, PartialEq, Eq)]
struct Parts<'a> {
    /// The address of a database, or an option of the magic.
    connects: bool,
    /// The name that the result gets.
    result: Option<&'a str>,
    /// The query, as far as it stands on this line.
    query: &'a str,
}

/// `[address] [--options] [result <<] [query]`.
fn parts(line: &str) -> Parts<'_> {
    let (mut rest, mut connects) = (line.trim(), false);
    while let Some(word) = rest.split_whitespace().next() {
        let is_option = word
            .strip_prefix("--")
            .is_some_and(|option| option.starts_with(|c: char| c.is_ascii_alphabetic()));
        if !(word.contains("://") || word.starts_with('@') || is_option) {
            break;
        }
        connects = true;
        rest = rest[word.len()..].trim_start();
    }
    let (result, query) = named(rest);
    Parts {
        connects,
        result,
        query,
    }
}

/// `result << query`.
fn named(text: &str) -> (Option<&str>, &str) {
    match text.split_once("<<") {
        Some((name, query))
            if !name.trim().is_empty() && identifier(name.trim()) == name.trim() =>
        {
            (Some(name.trim()), query.trim_start())
        }
        _ => (None, text),
    }
}

/// `%sql …` as a statement, or where its value is used as an expression.
pub(super) fn line(text: &str, value: bool) -> Translated {
    translated(&parts(text), "", value)
}

/// `%%sql …` above a body.
pub(super) fn cell(rest: &str, body: &str) -> Translated {
    let mut parts = parts(rest);
    let mut body = body;
    if parts.result.is_none() && parts.query.is_empty() {
        (parts.result, body) = named(body.trim_start());
    }
    translated(&parts, body, false)
}

fn translated(parts: &Parts<'_>, below: &str, value: bool) -> Translated {
    if parts.connects {
        return Translated::manual(
            "it speaks to a database by an address",
            "make an engine in Python, and query it with `mo.sql(\"…\", engine=engine)`",
        );
    }
    let query = format!("{}\n{below}", parts.query);
    let query = query.trim();
    let parameters = query.contains('{') || query.contains(" :") || query.contains("=:");
    let literal = match quote(&query.replace('{', "{{").replace('}', "}}")) {
        raw if raw.starts_with('r') => format!("f{raw}"),
        plain => format!("f{plain}"),
    };
    let call = match value {
        true => format!("mo.sql({literal})"),
        false => format!("{} = mo.sql({literal})", parts.result.unwrap_or("_df")),
    };
    let mut translated = Translated::code(call)
        .needs(Need::Import("import marimo as mo"))
        .review(
            "`mo.sql` asks DuckDB, which sees this notebook's data frames; the connection of the SQL magic is another",
            "give it the database: `mo.sql(\"…\", engine=engine)`",
        );
    if parameters {
        translated.severity = crate::migrate::Severity::Manual;
        translated.action = "put the parameters in: `{name}` in the query".to_owned();
    }
    translated
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_halves_of_a_line_are_read() {
        let code = |rest: &str, body: &str| cell(rest, body).code;
        assert_eq!(
            code("out << SELECT a, b", "FROM t WHERE x").as_deref(),
            Some("out = mo.sql(f\"\"\"SELECT a, b\nFROM t WHERE x\"\"\")")
        );
        assert_eq!(
            code("", "out <<\nSELECT 1").as_deref(),
            Some("out = mo.sql(f\"SELECT 1\")")
        );
        assert_eq!(code("postgresql://u@h/d r <<", "SELECT 1"), None);
        assert_eq!(code("--save x", "SELECT 1"), None);
        assert_eq!(
            line("r << SELECT 1 << 2", false).code.as_deref(),
            Some("r = mo.sql(f\"SELECT 1 << 2\")")
        );
        assert_eq!(
            line("SELECT 1 -- one", true).code.as_deref(),
            Some("mo.sql(f\"SELECT 1 -- one\")")
        );
    }
}
