//! The filters that templates have beside minijinja's own.

use std::fmt::Write as _;

use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Value};

/// How long lines of a notebook are: marimo's formatter breaks longer ones.
const WIDTH: usize = 79;

/// How deep a value may be nested.
const DEEPEST: usize = 32;

/// Makes the filters known.
pub(super) fn add(env: &mut Environment<'_>) {
    env.add_filter("py", |value: &Value, options: Kwargs| py(value, &options));
    env.add_filter("pystring", |text: &str, options: Kwargs| {
        pystring(text, &options)
    });
    env.add_filter("slug", |text: &str| slug(text));
    env.add_filter("title", |text: &str| title(text));
    env.add_filter("yaml", |value: &Value| yaml(value));
    env.add_filter("comment", |text: &str, options: Kwargs| {
        comment(text, &options)
    });
}

fn refused(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message.into())
}

/// `value|py(column=4, indent=0)`: a Python literal as ruff formats it. One that does not fit the line,
/// when it begins at `column`, has its items on lines of their own, four spaces further in than
/// `indent`.
fn py(value: &Value, options: &Kwargs) -> Result<String, Error> {
    let column: Option<usize> = options.get("column")?;
    let indent: Option<usize> = options.get("indent")?;
    options.assert_all_used()?;
    let line = literal(value, 0)?;
    let column = column.or(indent).unwrap_or(0);
    if column + line.chars().count() <= WIDTH {
        return Ok(line);
    }
    broken(value, indent.unwrap_or(0), 0)
}

fn literal(value: &Value, depth: usize) -> Result<String, Error> {
    if depth > DEEPEST {
        return Err(refused("the value is nested too deeply for `py`"));
    }
    Ok(match value.kind() {
        ValueKind::None => "None".to_owned(),
        ValueKind::Bool if value.is_true() => "True".to_owned(),
        ValueKind::Bool => "False".to_owned(),
        ValueKind::Number => number(value),
        ValueKind::String => quoted(value.as_str().unwrap_or_default()),
        ValueKind::Seq | ValueKind::Iterable => {
            let items: Vec<String> = value
                .try_iter()?
                .map(|item| literal(&item, depth + 1))
                .collect::<Result<_, _>>()?;
            format!("[{}]", items.join(", "))
        }
        ValueKind::Map => {
            let items: Vec<String> = entries(value, depth)?
                .into_iter()
                .map(|(key, item)| Ok(format!("{key}: {}", literal(&item, depth + 1)?)))
                .collect::<Result<_, Error>>()?;
            format!("{{{}}}", items.join(", "))
        }
        ValueKind::Undefined => return Err(Error::from(ErrorKind::UndefinedError)),
        kind => return Err(refused(format!("`py` can't write a {kind}"))),
    })
}

fn entries(value: &Value, depth: usize) -> Result<Vec<(String, Value)>, Error> {
    value
        .try_iter()?
        .map(|key| Ok((literal(&key, depth + 1)?, value.get_item(&key)?)))
        .collect()
}

fn number(value: &Value) -> String {
    match f64::try_from(value.clone()) {
        Ok(number) if number.is_nan() => "float(\"nan\")".to_owned(),
        Ok(number) if number.is_infinite() && number > 0.0 => "float(\"inf\")".to_owned(),
        Ok(number) if number.is_infinite() => "float(\"-inf\")".to_owned(),
        _ => value.to_string(),
    }
}

/// One item a line. A list or mapping that still does not fit is broken, too.
fn broken(value: &Value, indent: usize, depth: usize) -> Result<String, Error> {
    let inner = indent + 4;
    let item = |lead: &str, item: &Value| {
        let line = literal(item, depth + 1)?;
        if inner + lead.chars().count() + line.chars().count() < WIDTH {
            Ok::<_, Error>(line)
        } else {
            broken(item, inner, depth + 1)
        }
    };
    let (open, lines, close): (_, Vec<String>, _) = match value.kind() {
        ValueKind::Seq | ValueKind::Iterable => {
            let lines = value.try_iter()?.map(|value| item("", &value));
            ('[', lines.collect::<Result<_, _>>()?, ']')
        }
        ValueKind::Map => {
            let lines = entries(value, depth)?.into_iter().map(|(key, value)| {
                let lead = format!("{key}: ");
                Ok(format!("{lead}{}", item(&lead, &value)?))
            });
            ('{', lines.collect::<Result<_, Error>>()?, '}')
        }
        _ => return literal(value, depth),
    };
    if lines.is_empty() {
        return Ok(format!("{open}{close}"));
    }
    let mut out = format!("{open}\n");
    for line in lines {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{:inner$}{line},", "");
    }
    let _ = write!(out, "{:indent$}{close}", "");
    Ok(out)
}

/// A string literal on one line, in the quotes that need fewer escapes.
fn quoted(text: &str) -> String {
    let count = |quote| text.chars().filter(|c| *c == quote).count();
    let quote = if count('"') > count('\'') { '\'' } else { '"' };
    let mut out = String::with_capacity(text.len() + 2);
    out.push(quote);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\\' => out.push_str("\\\\"),
            c if c == quote => {
                out.push('\\');
                out.push(c);
            }
            c => escaped(c, &mut out),
        }
    }
    out.push(quote);
    out
}

/// What can't be seen in a source file is written by its number.
fn escaped(c: char, out: &mut String) {
    let number = u32::from(c);
    let hides = c.is_control()
        || matches!(number, 0x200b..=0x200f | 0x2028..=0x202e | 0x2066..=0x2069 | 0xfeff);
    // Writing to a String cannot fail.
    let _ = match number {
        _ if !hides => {
            out.push(c);
            Ok(())
        }
        0..=0xff => write!(out, "\\x{number:02x}"),
        0x100..=0xffff => write!(out, "\\u{number:04x}"),
        _ => write!(out, "\\U{number:08x}"),
    };
}

/// `text|pystring`: a string in triple quotes whose value is the text. With `indent=8`, it begins and
/// ends with a line break, and each line stands so many spaces in, for `inspect.cleandoc` and
/// `textwrap.dedent` to remove.
fn pystring(text: &str, options: &Kwargs) -> Result<String, Error> {
    let indent: Option<usize> = options.get("indent")?;
    options.assert_all_used()?;
    let mut body = String::with_capacity(text.len());
    let mut quotes = 0;
    for c in text.chars() {
        quotes = if c == '"' { quotes + 1 } else { 0 };
        match c {
            '\\' => body.push_str("\\\\"),
            '"' if quotes == 3 => {
                quotes = 0;
                body.push_str("\\\"");
            }
            '\n' | '\t' => body.push(c),
            '\r' => body.push_str("\\r"),
            c => escaped(c, &mut body),
        }
    }
    let Some(indent) = indent else {
        if body.ends_with('"') {
            let end = body.len() - 1;
            // After an escaped one there is nothing to escape.
            if !body[..end].ends_with('\\') {
                body.insert(end, '\\');
            }
        }
        return Ok(format!("\"\"\"{body}\"\"\""));
    };
    let mut out = String::from("\"\"\"\n");
    for line in body.trim_end_matches('\n').split('\n') {
        let pad = if line.trim().is_empty() { 0 } else { indent };
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{:pad$}{}", "", line.trim_end());
    }
    let _ = write!(out, "{:indent$}\"\"\"", "");
    Ok(out)
}

/// Lower-case words with `-` between them.
pub(super) fn slug(text: &str) -> String {
    joined(&text.to_lowercase(), '-')
}

/// Whether a character may be in a Python name: a letter of any script, a digit or `_`. Letters that
/// can't be seen, or that Python takes for signs, are none.
fn is_of_names(c: char) -> bool {
    let is_sign = matches!(
        u32::from(c),
        0x115f | 0x1160 | 0x3164 | 0xffa0 | 0x24b6..=0x24e9 | 0x1f130..=0x1f189
    );
    c == '_' || c.is_ascii_digit() || (c.is_alphabetic() && !is_sign)
}

/// What stands for a text where only letters, digits and `_` may; what it has of these is kept.
pub(super) fn joined_keeping(text: &str, sign: char) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_of_names(c) {
            out.push(c);
        } else if !out.is_empty() && !out.ends_with(sign) {
            out.push(sign);
        }
    }
    out
}

/// What stands for a text where only letters, digits and one sign may.
fn joined(text: &str, sign: char) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            out.push(c);
        } else if !out.is_empty() && !out.ends_with(sign) {
            out.push(sign);
        }
    }
    out.trim_end_matches(sign).to_owned()
}

/// `core/daily_orders` as a title: `Daily orders`.
pub(super) fn title(text: &str) -> String {
    let last = text.rsplit('/').next().unwrap_or(text);
    let words: Vec<&str> = last
        .split(|c: char| c == '_' || c == '-' || c.is_whitespace())
        .filter(|word| !word.is_empty())
        .collect();
    let mut chars: Vec<char> = words.join(" ").chars().collect();
    if let Some(first) = chars.first_mut()
        && first.is_lowercase()
    {
        *first = first.to_uppercase().next().unwrap_or(*first);
    }
    chars.into_iter().collect()
}

/// A value as YAML on one line: JSON is a part of YAML.
fn yaml(value: &Value) -> Result<String, Error> {
    if value.is_undefined() {
        return Err(Error::from(ErrorKind::UndefinedError));
    }
    let value = serde_json::to_value(value)
        .map_err(|error| refused(format!("`yaml` can't write the value: {error}")))?;
    Ok(value.to_string())
}

/// `text|comment(indent=4)`: each line as a comment; only the first stands where it is.
fn comment(text: &str, options: &Kwargs) -> Result<String, Error> {
    let indent: Option<usize> = options.get("indent")?;
    options.assert_all_used()?;
    let indent = " ".repeat(indent.unwrap_or(0));
    let lines: Vec<String> = text
        .trim_end_matches('\n')
        .split('\n')
        .map(|line| {
            let line: String = line.chars().filter(|c| !c.is_control()).collect();
            format!("# {line}").trim_end().to_owned()
        })
        .collect();
    Ok(lines.join(&format!("\n{indent}")))
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;

    fn render(template: &str, value: serde_json::Value) -> String {
        let mut env = Environment::new();
        add(&mut env);
        let value = Value::from(minijinja::value::Serde(value));
        env.render_str(template, minijinja::context! { v => value })
            .unwrap()
    }

    #[test]
    fn values_become_literals() {
        for (value, expected) in [
            (json!(null), "None"),
            (json!(true), "True"),
            (json!(1.0), "1.0"),
            (json!(-3), "-3"),
            (json!("a"), "\"a\""),
            (json!("say \"x\""), "'say \"x\"'"),
            (json!("it's \"x\""), "'it\\'s \"x\"'"),
            (json!("a\n\\\u{0}\u{202e}"), "\"a\\n\\\\\\x00\\u202e\""),
            (json!([1, "b", null]), "[1, \"b\", None]"),
            (json!({"a": [true], "b": {}}), "{\"a\": [True], \"b\": {}}"),
        ] {
            assert_eq!(render("{{ v|py }}", value), expected);
        }
        let keys: Vec<String> = (0..9).map(|n| format!("warehouse/{n}")).collect();
        insta::assert_snapshot!(render("    keys = {{ v|py(column=11, indent=4) }}", json!(keys)), @r#"
            keys = [
                "warehouse/0",
                "warehouse/1",
                "warehouse/2",
                "warehouse/3",
                "warehouse/4",
                "warehouse/5",
                "warehouse/6",
                "warehouse/7",
                "warehouse/8",
            ]
        "#);
    }

    #[test]
    fn texts_become_strings_of_several_lines() {
        assert_eq!(
            render("{{ v|pystring }}", json!("a\nb")),
            "\"\"\"a\nb\"\"\""
        );
        assert_eq!(
            render("{{ v|pystring }}", json!("\"\"\"\\ end\"")),
            r#"""""""\"\\ end\"""""#.replacen("\"\"\"\"\"\"", "\"\"\"\"\"", 1)
        );
        assert_eq!(
            render("{{ v|pystring(indent=4) }}", json!("a: 1\n\n  b: 2\n")),
            "\"\"\"\n    a: 1\n\n      b: 2\n    \"\"\""
        );
    }

    #[test]
    fn names_become_titles_and_slugs() {
        assert_eq!(
            render("{{ v|title }}", json!("core/daily_orders")),
            "Daily orders"
        );
        assert_eq!(
            render("{{ v|slug }}", json!("Core/Daily Ördérs!")),
            "core-daily-rd-rs"
        );
        assert_eq!(
            render("{{ v|comment }}", json!("a\n\nb\u{7}")),
            "# a\n#\n# b"
        );
        assert_eq!(
            render("{{ v|yaml }}", json!({"a": "x: y"})),
            "{\"a\":\"x: y\"}"
        );
    }
}
