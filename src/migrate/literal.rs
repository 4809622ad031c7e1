//! Texts as Python literals, and command lines with what IPython would put into them.

use std::fmt::Write as _;

use ruff_python_ast::Expr;
use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_parser::parse_expression;

/// A Python literal of a text: on one line where it has one, else in triple quotes.
pub fn quote(text: &str) -> String {
    if text.contains('\n') {
        block(text)
    } else {
        format!("\"{}\"", escape(text, false))
    }
}

/// A triple-quoted literal; raw where that is possible, so that it reads as it did.
fn block(text: &str) -> String {
    let blank_line = |line: &str| !line.is_empty() && line.trim().is_empty();
    let raw = !text.contains("\"\"\"")
        && !text.ends_with(['"', '\\'])
        && !text.chars().any(is_control)
        && !text.split('\n').any(blank_line);
    match (raw, text.contains('\\')) {
        (true, true) => format!("r\"\"\"{text}\"\"\""),
        (true, false) => format!("\"\"\"{text}\"\"\""),
        (false, _) => format!("\"\"\"{}\"\"\"", escape(text, true)),
    }
}

fn is_control(c: char) -> bool {
    (c.is_control() && c != '\n' && c != '\t') || matches!(c, '\u{2028}' | '\u{2029}')
}

/// What stands between quotes. Lines of white space are written as escapes: marimo takes them for
/// empty ones.
fn escape(text: &str, lines: bool) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for (number, line) in text.split('\n').enumerate() {
        if number > 0 {
            out.push_str(if lines { "\n" } else { "\\n" });
        }
        let blank = lines && !line.is_empty() && line.trim().is_empty();
        for (index, c) in line.chars().enumerate() {
            match c {
                '\\' => out.push_str("\\\\"),
                '"' => out.push_str("\\\""),
                '\t' if !blank => out.push_str(if lines { "\t" } else { "\\t" }),
                ' ' if blank && index == 0 => out.push_str("\\x20"),
                '\r' => out.push_str("\\r"),
                c if is_control(c) || (blank && index == 0) => {
                    let _ = match u32::from(c) {
                        code @ ..=0xff => write!(out, "\\x{code:02x}"),
                        code => write!(out, "\\u{code:04x}"),
                    };
                }
                c => out.push(c),
            }
        }
    }
    out
}

/// A part of a command line.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Value(String),
}

/// A Python expression of a command line in which `{expression}` and `$name` stand for values, as
/// IPython puts them in. `known` says which names the notebook has; what IPython could not evaluate
/// stays as it is.
pub fn interpolate(line: &str, known: &dyn Fn(&str) -> bool) -> String {
    let Some(parts) = parts(line, known) else {
        return quote(line);
    };
    let awkward = |part: &Part| matches!(part, Part::Value(value) if value.contains(['"', '\'', '\\', '\n', '{', '#']));
    if !parts.iter().any(|part| matches!(part, Part::Value(_))) {
        let text: String = parts.iter().map(text_of).collect();
        return quote(&text);
    }
    if parts.iter().any(awkward) {
        let terms: Vec<String> = parts
            .iter()
            .map(|part| match part {
                Part::Text(text) => quote(text),
                Part::Value(value) => format!("str({value})"),
            })
            .collect();
        return terms.join(" + ");
    }
    let inner: String = parts
        .iter()
        .map(|part| match part {
            Part::Text(text) => escape(text, false).replace('{', "{{").replace('}', "}}"),
            Part::Value(value) => format!("{{{value}}}"),
        })
        .collect();
    format!("f\"{inner}\"")
}

fn text_of(part: &Part) -> &str {
    match part {
        Part::Text(text) | Part::Value(text) => text,
    }
}

/// `None` if IPython would leave all of it as it is.
fn parts(line: &str, known: &dyn Fn(&str) -> bool) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    let mut text = String::new();
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        match c {
            '{' if after.starts_with('{') => {
                text.push('{');
                rest = &after[1..];
            }
            '}' if after.starts_with('}') => {
                text.push('}');
                rest = &after[1..];
            }
            '{' => {
                let end = closing(after)?;
                let value = after[..end].trim();
                if !is_known(value, known) {
                    return None;
                }
                parts.push(Part::Text(std::mem::take(&mut text)));
                parts.push(Part::Value(value.to_owned()));
                rest = &after[end + 1..];
            }
            '}' => return None,
            '$' => {
                let (twice, word) = dollar(after);
                let name = &after[usize::from(twice)..][..word];
                match (word, twice) {
                    (0, _) => {
                        text.push('$');
                        rest = after;
                        continue;
                    }
                    (_, true) => {
                        text.push('$');
                        text.push_str(name);
                    }
                    (_, false) if is_known(name, known) => {
                        parts.push(Part::Text(std::mem::take(&mut text)));
                        parts.push(Part::Value(name.to_owned()));
                    }
                    _ => return None,
                }
                rest = &after[usize::from(twice) + word..];
            }
            c => {
                text.push(c);
                rest = after;
            }
        }
    }
    parts.push(Part::Text(text));
    parts.retain(|part| *part != Part::Text(String::new()));
    Some(parts)
}

/// What `$` stands for before a text: whether there is a second one, and how long the name is, with
/// attributes. Between single quotes there is none.
fn dollar(after: &str) -> (bool, usize) {
    let twice = after.starts_with('$');
    let name = &after[usize::from(twice)..];
    let is_end = |c: char| !(c.is_alphanumeric() || c == '_' || c == '.');
    let length = name.find(is_end).unwrap_or(name.len());
    // IPython looks as far as the next `{`.
    let text = after.split('{').next().unwrap_or(after);
    let quoted = text.matches('\'').count() % 2 == 1;
    (twice, if quoted { 0 } else { length })
}

/// The first `{expression}` or `$name` of a line that IPython may have put a value in for, and that
/// keeps all of them as they are: the notebook does not have its names, or it has a format.
pub fn unexpanded(line: &str, known: &dyn Fn(&str) -> bool) -> Option<String> {
    if parts(line, known).is_some() {
        return None;
    }
    let mut rest = line;
    while let Some(at) = rest.find(['{', '$']) {
        let after = &rest[at + 1..];
        rest = after;
        match line.as_bytes().get(line.len() - after.len() - 1) {
            Some(b'{') if after.starts_with('{') => rest = &after[1..],
            Some(b'{') => {
                let Some(end) = closing(after) else { continue };
                let of_shell = line[..line.len() - after.len() - 1].ends_with('$');
                if !of_shell && is_value(&after[..end]) && !is_known(&after[..end], known) {
                    return Some(format!("{{{}}}", &after[..end]));
                }
                rest = &after[end + 1..];
            }
            _ => {
                let (twice, length) = dollar(after);
                let name = &after[usize::from(twice)..][..length];
                if !twice && !is_of_shell(name, line) {
                    return Some(format!("${name}"));
                }
                rest = &after[usize::from(twice) + length..];
            }
        }
    }
    None
}

/// Whether what stands between braces can be a value of Python: `a,b` is the shell's.
fn is_value(text: &str) -> bool {
    let is_name = |text: &str| {
        parse_expression(text.trim()).is_ok_and(|parsed| match parsed.expr() {
            Expr::Tuple(_) => false,
            other => !other.is_literal_expr(),
        })
    };
    // What follows a colon is a format.
    is_name(text)
        || text
            .split_once(':')
            .is_some_and(|(value, _)| is_name(value))
}

/// Whether a name is no doubt a variable of the shell: `HOME`, or one that the line sets.
fn is_of_shell(name: &str, line: &str) -> bool {
    let sets = [
        format!("{name}="),
        format!("for {name} in"),
        format!("read {name}"),
        format!("read -r {name}"),
    ];
    identifier(name).is_empty()
        || !name.contains(char::is_lowercase)
        || sets.iter().any(|set| line.contains(set))
}

fn closing(text: &str) -> Option<usize> {
    let mut depth = 0;
    for (index, c) in text.char_indices() {
        match c {
            '{' | '[' | '(' => depth += 1,
            '}' if depth == 0 => return Some(index),
            '}' | ']' | ')' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// The identifier that a text begins with.
pub fn identifier(text: &str) -> &str {
    let end = text
        .char_indices()
        .find(|(index, c)| !(c.is_alphabetic() || *c == '_' || (*index > 0 && c.is_alphanumeric())))
        .map_or(text.len(), |(index, _)| index);
    &text[..end]
}

fn is_known(expression: &str, known: &dyn Fn(&str) -> bool) -> bool {
    struct Names<'a>(Vec<&'a str>);
    impl<'a> Visitor<'a> for Names<'a> {
        fn visit_expr(&mut self, expression: &'a Expr) {
            if let Expr::Name(name) = expression {
                self.0.push(&name.id);
            }
            visitor::walk_expr(self, expression);
        }
    }
    let Ok(parsed) = parse_expression(expression) else {
        return false;
    };
    let mut names = Names(Vec::new());
    names.visit_expr(parsed.expr());
    names
        .0
        .iter()
        .all(|name| known(name) || super::scope::is_builtin(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_literals_that_mean_the_same() {
        assert_eq!(quote("a \"b\" \\n"), r#""a \"b\" \\n""#);
        assert_eq!(quote("a\nb"), "\"\"\"a\nb\"\"\"");
        assert_eq!(quote("\\frac\nb"), "r\"\"\"\\frac\nb\"\"\"");
        assert_eq!(quote("a\n  \nb\""), "\"\"\"a\n\\x20 \nb\\\"\"\"\"");
        assert_eq!(quote("\u{1b}[0m"), r#""\x1b[0m""#);
    }

    #[test]
    fn values_are_put_in_where_ipython_would() {
        let known = |name: &str| name == "path" || name == "row";
        let of = |line: &str| interpolate(line, &known);
        assert_eq!(of("ls $path"), r#"f"ls {path}""#);
        assert_eq!(of("ls $HOME $1"), r#""ls $HOME $1""#);
        assert_eq!(of("ls {path.name} {{x}}"), r#"f"ls {path.name} {{x}}""#);
        assert_eq!(of("awk '{print $1}' $path"), r#""awk '{print $1}' $path""#);
        assert_eq!(of("echo {row['a']}"), r#""echo " + str(row['a'])"#);
        assert_eq!(of("echo {missing} $path"), r#""echo {missing} $path""#);
        assert_eq!(of("echo $$path é"), r#""echo $path é""#);
        assert_eq!(of("ls $path.name"), r#"f"ls {path.name}""#);
        assert_eq!(of("grep '$path' $path"), r#"f"grep '$path' {path}""#);
        assert_eq!(of("echo $$"), r#""echo $$""#);
    }

    #[test]
    fn what_may_have_had_a_value_is_found() {
        let known = |name: &str| name == "path";
        let of = |line: &str| unexpanded(line, &known);
        assert_eq!(of("ls $path {path}"), None);
        assert_eq!(
            of("ls {path} {missing.name}").as_deref(),
            Some("{missing.name}")
        );
        assert_eq!(of("ls {missing:>5} x").as_deref(), Some("{missing:>5}"));
        assert_eq!(of("ls $missing").as_deref(), Some("$missing"));
        for shells in [
            "echo $HOME ${x} $?",
            "awk '{print $1}'",
            "cp a.{b,c} .",
            "for f in *; do echo $f; done",
            "find . -exec ls {} +",
            "seq {1..3}",
        ] {
            assert_eq!(of(shells), None, "{shells}");
        }
    }
}
