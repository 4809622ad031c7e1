//! From text to a [`Selection`], by recursive descent.
//!
//! ```text
//! or     := and ("or" and)*
//! and    := not ("and" not)*
//! not    := "not" not | "*" | walk
//! walk   := [[DIGITS] "+"] atom ["+" [DIGITS]]
//! atom   := ATTRIBUTE ":" VALUE ["=" VALUE] | ("roots" | "sinks") "(" or ")" | "(" or ")"
//! ```

use std::fmt;

use super::{Attribute, Expr, Selection};
use crate::dagster::discover::most_similar;
use crate::ui::text;

/// How deep parentheses and `not` may be nested; each level takes a little of the stack.
const DEEPEST: usize = 200;

/// The attributes that can be evaluated.
pub(crate) const ATTRIBUTES: [&str; 9] = [
    "key",
    "tag",
    "owner",
    "group",
    "kind",
    "code_location",
    "job",
    "partitions",
    "is",
];

/// The attributes that Dagster's syntax has and that only Dagster's UI can evaluate.
const IN_THE_UI: [&str; 8] = [
    "status",
    "column",
    "table_name",
    "column_tag",
    "changed_in_branch",
    "automation_type",
    "sensor",
    "schedule",
];

/// What is wrong with the text of a selection, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// What is wrong, or what was expected.
    pub message: String,
    /// The character at which it is, counted from 1.
    pub column: usize,
    /// What to do about it, if that is known.
    pub hint: Option<String>,
    text: String,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at column {}", self.message, self.column)
    }
}

impl std::error::Error for ParseError {}

impl ParseError {
    /// The text with an arrow below it.
    pub fn excerpt(&self) -> String {
        // One character each, so that the arrow stays where it belongs.
        let line: String = self
            .text
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        let before: String = line.chars().take(self.column - 1).collect();
        format!("{line}\n{}^", " ".repeat(text::width(&before)))
    }
}

impl Selection {
    /// Reads a selection.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let mut parser = Parser {
            text,
            at: 0,
            depth: 0,
        };
        let expr = parser.or()?;
        parser.blanks();
        match parser.peek() {
            None => Ok(Self { expr }),
            Some(')') => Err(parser.error("there is no `(` for this `)`")),
            Some('+') => Err(parser.error("expected `and` or `or`, not a second `+`")),
            Some(_) => Err(parser.error("expected `and`, `or` or the end")),
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    /// The byte that is read next.
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
    }

    /// Takes a sign, if it comes next.
    fn sign(&mut self, sign: char) -> bool {
        self.blanks();
        let found = self.rest().starts_with(sign);
        if found {
            self.at += sign.len_utf8();
        }
        found
    }

    /// The word that comes next, if one does.
    fn word(&self) -> &'a str {
        let rest = self.rest();
        let end = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .unwrap_or(rest.len());
        &rest[..end]
    }

    /// Takes an operator, in small letters or capitals as in Dagster.
    fn operator(&mut self, small: &str, capital: &str) -> bool {
        self.blanks();
        let word = self.word();
        let found = word == small || word == capital;
        if found {
            self.at += word.len();
        }
        found
    }

    fn digits(&mut self) -> &'a str {
        self.blanks();
        let rest = self.rest();
        let end = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn error(&self, message: impl Into<String>) -> ParseError {
        self.error_at(self.at, message)
    }

    fn error_at(&self, at: usize, message: impl Into<String>) -> ParseError {
        ParseError {
            message: message.into(),
            column: self.text[..at].chars().count() + 1,
            hint: None,
            text: self.text.to_owned(),
        }
    }

    fn or(&mut self) -> Result<Expr, ParseError> {
        let mut parts = vec![self.and()?];
        while self.operator("or", "OR") {
            parts.push(self.and()?);
        }
        Ok(joined(parts, Expr::Or))
    }

    fn and(&mut self) -> Result<Expr, ParseError> {
        let mut parts = vec![self.not()?];
        while self.operator("and", "AND") {
            parts.push(self.not()?);
        }
        Ok(joined(parts, Expr::And))
    }

    fn not(&mut self) -> Result<Expr, ParseError> {
        if self.operator("not", "NOT") {
            return Ok(Expr::Not(Box::new(self.nested(Self::not)?)));
        }
        if self.sign('*') {
            return Ok(Expr::All);
        }
        self.walk()
    }

    /// Reads something that may hold itself.
    fn nested(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<Expr, ParseError>,
    ) -> Result<Expr, ParseError> {
        if self.depth == DEEPEST {
            return Err(self.error(format!("more than {DEEPEST} levels are too many")));
        }
        self.depth += 1;
        let expr = read(self);
        self.depth -= 1;
        expr
    }

    fn walk(&mut self) -> Result<Expr, ParseError> {
        self.blanks();
        let digits = self.digits();
        let up = self.sign('+').then(|| steps(digits));
        if up.is_none() && !digits.is_empty() {
            return Err(self.error(format!("expected `+` after `{digits}`")));
        }
        let from = self.atom()?;
        let down = self.sign('+').then(|| steps(self.digits()));
        if up.is_none() && down.is_none() {
            return Ok(from);
        }
        Ok(Expr::Walk {
            from: Box::new(from),
            up,
            down,
        })
    }

    fn atom(&mut self) -> Result<Expr, ParseError> {
        self.blanks();
        let start = self.at;
        if self.sign('(') {
            return self.closed(start);
        }
        let word = self.word();
        if word.is_empty() {
            return Err(match self.peek() {
                None => self.error("expected an attribute such as `key:` or `group:`, not the end"),
                Some('*') => self.error("`*` is to stand in parentheses beside a `+`"),
                Some(c) => self.error(format!("expected an attribute such as `key:`, not `{c}`")),
            });
        }
        self.at += word.len();
        if matches!(word, "roots" | "sinks") {
            if !self.sign('(') {
                return Err(self.error(format!("expected `(` after `{word}`")));
            }
            let inner = Box::new(self.closed(start)?);
            return Ok(match word {
                "roots" => Expr::Roots(inner),
                _ => Expr::Sinks(inner),
            });
        }
        if !self.sign(':') {
            return Err(self.bare(start, word));
        }
        self.attribute(start, word).map(Expr::Has)
    }

    fn closed(&mut self, start: usize) -> Result<Expr, ParseError> {
        let inner = self.nested(Self::or)?;
        if self.sign(')') {
            Ok(inner)
        } else if self.peek().is_none() {
            Err(self.error_at(start, "there is no `)` for the `(`"))
        } else {
            Err(self.error("expected `and`, `or` or `)`"))
        }
    }

    /// A word without a colon: mostly a key by itself.
    fn bare(&self, start: usize, word: &str) -> ParseError {
        if matches!(word, "and" | "AND" | "or" | "OR" | "not" | "NOT") {
            let message = format!("expected an attribute such as `key:`, not `{word}`");
            return self.error_at(start, message);
        }
        if ATTRIBUTES.contains(&word) {
            return self.error(format!("expected `:` after `{word}`"));
        }
        let value = bare_value(&self.text[start..]);
        ParseError {
            hint: (!value.contains(':')).then(|| format!("an asset by its key is `key:{value}`")),
            ..self.error_at(start, format!("`{value}` has no attribute"))
        }
    }

    fn attribute(&mut self, start: usize, name: &str) -> Result<Attribute, ParseError> {
        if IN_THE_UI.contains(&name) {
            let message = format!("`{name}:` can be evaluated only in Dagster's UI");
            return Err(self.error_at(start, message));
        }
        if !ATTRIBUTES.contains(&name) {
            let meant = most_similar(name, ATTRIBUTES.into_iter());
            let known = ATTRIBUTES.join("`, `");
            return Err(ParseError {
                hint: Some(match meant {
                    Some(meant) => format!("did you mean `{meant}:`?"),
                    None => format!("the attributes are `{known}`"),
                }),
                ..self.error_at(start, format!("there is no attribute `{name}:`"))
            });
        }
        self.blanks();
        let at = self.at;
        let value = self.value(name)?;
        let some = |value: Option<String>| {
            value.ok_or_else(|| self.error_at(at, format!("`{name}:` needs a value")))
        };
        Ok(match name {
            "key" => Attribute::Key(some(value)?),
            "tag" => {
                let key = some(value)?;
                let value = match self.sign('=') {
                    true => self.value(name)?,
                    false => None,
                };
                Attribute::Tag(key, value.unwrap_or_default())
            }
            "owner" => Attribute::Owner(value),
            "group" => Attribute::Group(value),
            "kind" => Attribute::Kind(value),
            "code_location" => Attribute::CodeLocation(value),
            "job" => Attribute::Job(value),
            "partitions" => Attribute::Partitions(value),
            _ => match value.as_deref() {
                Some("external") => Attribute::IsExternal,
                Some("materializable") => Attribute::IsMaterializable,
                _ => {
                    let message = "expected `is:external` or `is:materializable`";
                    return Err(self.error_at(at, message));
                }
            },
        })
    }

    /// A quoted or plain value, or `<null>`, which is none.
    fn value(&mut self, name: &str) -> Result<Option<String>, ParseError> {
        self.blanks();
        let rest = self.rest();
        if let Some(after) = rest.strip_prefix('"') {
            return match after.find(['"', '\\', '\r', '\n']) {
                Some(end) if after[end..].starts_with('"') => {
                    self.at += end + 2;
                    Ok(Some(after[..end].to_owned()))
                }
                Some(end) if after[end..].starts_with('\\') => {
                    Err(self.error_at(self.at + 1 + end, "a quoted value can't hold a `\\`"))
                }
                _ => Err(self.error("there is no second `\"` for this one")),
            };
        }
        if rest.starts_with("<null>") {
            self.at += "<null>".len();
            return Ok(None);
        }
        // `=` ends the name of a tag only.
        let value = bare_value(rest);
        let value = match name {
            "tag" => value.split('=').next().unwrap_or_default(),
            _ => value,
        };
        if matches!(value, "" | "and" | "AND" | "or" | "OR" | "not" | "NOT") {
            let mut error = self.error(format!("expected a value for `{name}:`"));
            error.hint = (!value.is_empty()).then(|| format!("if `{value}` is meant, quote it"));
            return Err(error);
        }
        self.at += value.len();
        Ok(Some(value.to_owned()))
    }
}

/// How many steps digits ask for; without any, all there are.
fn steps(digits: &str) -> usize {
    // What does not fit is more than any graph has.
    digits.parse().unwrap_or(usize::MAX)
}

/// What stands for itself at the beginning of a text.
fn bare_value(text: &str) -> &str {
    let ends = |c: char| c.is_whitespace() || matches!(c, '(' | ')' | '"' | '+' | ',' | '\\');
    &text[..text.find(ends).unwrap_or(text.len())]
}

fn joined(mut parts: Vec<Expr>, join: impl FnOnce(Vec<Expr>) -> Expr) -> Expr {
    match parts.len() {
        1 => parts.remove(0),
        _ => join(parts),
    }
}
