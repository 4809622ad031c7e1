//! Text of the user's, read as values that know their place.
//!
//! Configuration is data: tags that would make anything else of it are refused, and aliases may
//! not grow the whole beyond [`LARGEST`] values and [`LARGEST_TEXT`], whatever a file of a few lines
//! claims.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use saphyr::{Scalar, ScalarStyle};
use saphyr_parser::{Event, Parser, Span, Tag};
use serde_json::{Map, Value};

use super::error::{Error, Place};

/// The most values one file may hold, aliases counted each time.
const LARGEST: usize = 100_000;

/// The most bytes of all values and of the paths to them, aliases counted each time.
const LARGEST_TEXT: usize = 64 * 1024 * 1024;

/// The deepest nesting, aliases counted.
const DEEPEST: usize = 64;

/// The largest text, in bytes.
pub const LARGEST_FILE: u64 = 4 * 1024 * 1024;

/// Reads a file, which may claim to be empty and never end.
pub fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?
        .take(LARGEST_FILE + 1)
        .read_to_string(&mut text)?;
    if text.len() as u64 > LARGEST_FILE {
        let message = format!("it has more than {LARGEST_FILE} bytes");
        return Err(io::Error::other(message));
    }
    Ok(text)
}

/// A value and where it stands.
#[derive(Debug, Clone)]
pub struct Node {
    /// Its place in the file: line and column, counted from 1.
    pub at: (usize, usize),
    /// The value.
    pub kind: Kind,
}

/// A key of a mapping, its place, and its value.
pub type Entry = (String, (usize, usize), Node);

/// The kinds of values.
#[derive(Debug, Clone)]
pub enum Kind {
    /// Anything without parts.
    Scalar(Value),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the file's order; each key with its place.
    Map(Vec<Entry>),
}

impl Node {
    /// The value without places.
    pub fn to_json(&self) -> Value {
        match &self.kind {
            Kind::Scalar(value) => value.clone(),
            Kind::List(items) => items.iter().map(Self::to_json).collect(),
            Kind::Map(entries) => Value::Object(
                entries
                    .iter()
                    .map(|(key, _, node)| (key.clone(), node.to_json()))
                    .collect::<Map<_, _>>(),
            ),
        }
    }

    /// Calls `visit` with the dotted path and place of every key and every item below.
    pub fn places(&self, prefix: &str, visit: &mut impl FnMut(&str, (usize, usize))) {
        let join = |part: &str| {
            if prefix.is_empty() {
                part.to_owned()
            } else {
                format!("{prefix}.{part}")
            }
        };
        match &self.kind {
            Kind::Scalar(_) => {}
            Kind::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    let path = join(&index.to_string());
                    visit(&path, item.at);
                    item.places(&path, visit);
                }
            }
            Kind::Map(entries) => {
                for (key, at, node) in entries {
                    let path = join(key);
                    visit(&path, *at);
                    node.places(&path, visit);
                }
            }
        }
    }
}

/// Reads YAML. An empty document is an empty mapping.
pub fn parse_yaml(text: &str, file: &Path) -> Result<Node, Error> {
    if text.len() as u64 > LARGEST_FILE {
        let message = format!("the text has more than {LARGEST_FILE} bytes");
        return Err(Error::syntax(message, Place::whole(file)));
    }
    let mut builder = Builder {
        file,
        text,
        anchors: HashMap::new(),
        values: LARGEST,
        bytes: LARGEST_TEXT,
    };
    let mut parser = Parser::new_from_str(text);
    let mut root = None;
    while let Some(next) = parser.next() {
        let (event, span) = next.map_err(|error| builder.scan_error(&error))?;
        match event {
            Event::DocumentStart(_) if root.is_some() => {
                return Err(builder.error(&span, "a second document is not read"));
            }
            Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::Nothing => {}
            event => root = Some(builder.node(event, span, &mut parser, Way::default())?.0),
        }
    }
    Ok(match root {
        None
        | Some(Node {
            kind: Kind::Scalar(Value::Null),
            ..
        }) => Node {
            at: (1, 1),
            kind: Kind::Map(Vec::new()),
        },
        Some(root) => root,
    })
}

/// Reads YAML as plain data, for run config and other files of the user's.
pub fn yaml_to_json(text: &str, file: &Path) -> Result<Value, Error> {
    Ok(parse_yaml(text, file)?.to_json())
}

struct Builder<'a> {
    file: &'a Path,
    text: &'a str,
    anchors: HashMap<usize, (Node, Size)>,
    /// How many more values there may be.
    values: usize,
    /// How many more bytes they may have.
    bytes: usize,
}

/// How far from the root a value is.
#[derive(Clone, Copy, Default)]
struct Way {
    /// How many lists and mappings it is in.
    depth: usize,
    /// The length of its path.
    length: usize,
}

impl Way {
    fn into(self, part: usize) -> Self {
        Self {
            depth: self.depth + 1,
            length: self.length + part + 1,
        }
    }
}

/// What a value costs wherever it stands again.
#[derive(Clone, Copy, Default)]
struct Size {
    values: usize,
    /// Of its texts, and of the paths to its parts as seen from itself.
    bytes: usize,
    height: usize,
}

impl Size {
    /// Adds a part, and how long its name is.
    fn add(&mut self, part: Self, name: usize) {
        self.values += part.values;
        self.bytes += part.bytes + part.values * (name + 1);
        self.height = self.height.max(part.height + 1);
    }
}

impl<'a> Builder<'a> {
    fn error(&self, span: &Span, message: impl Into<String>) -> Error {
        let at = (span.start.line(), span.start.col() + 1);
        Error::syntax(message, Place::new(self.file, at, self.text))
    }

    fn scan_error(&self, error: &saphyr_parser::ScanError) -> Error {
        let at = (error.marker().line(), error.marker().col() + 1);
        Error::syntax(error.info(), Place::new(self.file, at, self.text))
    }

    /// Takes a value off the budgets, by what it costs where it stands.
    fn spend(&mut self, span: &Span, size: Size, way: Way) -> Result<(), Error> {
        if way.depth + size.height > DEEPEST {
            return Err(self.error(span, format!("nested more than {DEEPEST} levels deep")));
        }
        let values = self.values.checked_sub(size.values);
        let bytes = size.bytes + size.values * way.length;
        match (values, self.bytes.checked_sub(bytes)) {
            (Some(values), Some(bytes)) => {
                self.values = values;
                self.bytes = bytes;
                Ok(())
            }
            (None, _) => {
                Err(self.error(span, format!("more than {LARGEST} values, aliases counted")))
            }
            (_, None) => Err(self.error(
                span,
                format!("more than {LARGEST_TEXT} bytes of values, aliases counted"),
            )),
        }
    }

    fn node(
        &mut self,
        event: Event<'a>,
        span: Span,
        parser: &mut Parser<'a, saphyr_parser::StrInput<'a>>,
        way: Way,
    ) -> Result<(Node, Size), Error> {
        let mut size = Size {
            values: 1,
            ..Size::default()
        };
        if let Event::Alias(id) = event {
            let Some((node, size)) = self.anchors.get(&id) else {
                return Err(self.error(&span, "an alias inside of what it names"));
            };
            let (node, size) = (node.clone(), *size);
            self.spend(&span, size, way)?;
            return Ok((node, size));
        }
        if let Event::Scalar(text, ..) = &event {
            size.bytes = text.len();
        }
        self.spend(&span, size, way)?;
        let at = (span.start.line(), span.start.col() + 1);
        let (anchor, kind) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.check_tag(&span, tag.as_deref(), None)?;
                let scalar = Scalar::parse_from_cow_and_metadata(text, style, tag.as_ref())
                    .ok_or_else(|| self.error(&span, "the value does not fit its tag"))?;
                (anchor, Kind::Scalar(scalar_to_json(scalar, style)))
            }
            Event::SequenceStart(anchor, tag) => {
                self.check_tag(&span, tag.as_deref(), Some("seq"))?;
                let mut items = Vec::new();
                loop {
                    let (event, span) = self.next(parser)?;
                    if matches!(event, Event::SequenceEnd) {
                        break;
                    }
                    let digits = items.len().checked_ilog10().unwrap_or_default() as usize + 1;
                    let (item, of_item) = self.node(event, span, parser, way.into(digits))?;
                    size.add(of_item, digits);
                    items.push(item);
                }
                (anchor, Kind::List(items))
            }
            Event::MappingStart(anchor, tag) => {
                self.check_tag(&span, tag.as_deref(), Some("map"))?;
                (anchor, Kind::Map(self.mapping(parser, way, &mut size)?))
            }
            _ => return Err(self.error(&span, "not a value")),
        };
        let node = Node { at, kind };
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), size));
        }
        Ok((node, size))
    }

    /// Refuses a tag that is not of YAML's own; on a list or a mapping, any but its own.
    fn check_tag(&self, span: &Span, tag: Option<&Tag>, own: Option<&str>) -> Result<(), Error> {
        match tag {
            Some(tag) if !tag.is_yaml_core_schema() || own.is_some_and(|own| tag.suffix != own) => {
                let message = format!("the tag `{}{}` is not allowed", tag.handle, tag.suffix);
                Err(self.error(span, message))
            }
            _ => Ok(()),
        }
    }

    fn mapping(
        &mut self,
        parser: &mut Parser<'a, saphyr_parser::StrInput<'a>>,
        way: Way,
        size: &mut Size,
    ) -> Result<Vec<Entry>, Error> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut lines: HashMap<String, usize> = HashMap::new();
        loop {
            let (event, span) = self.next(parser)?;
            if matches!(event, Event::MappingEnd) {
                return Ok(entries);
            }
            let (key, _) = self.node(event, span, parser, way.into(0))?;
            let name = match key.kind {
                Kind::Scalar(Value::String(name)) => name,
                Kind::Scalar(value) => value.to_string(),
                _ => return Err(self.error(&span, "a key must be a plain name")),
            };
            if let Some(first) = lines.insert(name.clone(), key.at.0) {
                let message = format!("`{name}` stands here twice, first in line {first}");
                return Err(self.error(&span, message));
            }
            let (event, span) = self.next(parser)?;
            let (value, of_value) = self.node(event, span, parser, way.into(name.len()))?;
            size.values += 1;
            size.add(of_value, name.len());
            entries.push((name, key.at, value));
        }
    }

    fn next(
        &self,
        parser: &mut Parser<'a, saphyr_parser::StrInput<'a>>,
    ) -> Result<(Event<'a>, Span), Error> {
        match parser.next() {
            Some(Ok(next)) => Ok(next),
            Some(Err(error)) => Err(self.scan_error(&error)),
            None => Err(Error::syntax(
                "the file ends too early",
                Place::whole(self.file),
            )),
        }
    }
}

fn scalar_to_json(scalar: Scalar<'_>, style: ScalarStyle) -> Value {
    match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(value) => value.into(),
        Scalar::Integer(value) => value.into(),
        Scalar::FloatingPoint(value) if style == ScalarStyle::Plain => {
            serde_json::Number::from_f64(value.into_inner())
                .map_or_else(|| Value::String(value.to_string()), Value::Number)
        }
        Scalar::FloatingPoint(value) => Value::String(value.to_string()),
        Scalar::String(value) => Value::String(value.into_owned()),
    }
}

/// Reads the `[tool.daglab]` table of a `pyproject.toml`; `None` where there is none.
pub fn parse_pyproject(text: &str, file: &Path) -> Result<Option<Node>, Error> {
    let document = toml_edit::Document::parse(text).map_err(|error| {
        let at = error
            .span()
            .map_or((1, 1), |span| line_and_column(text, span.start));
        Error::syntax(error.message(), Place::new(file, at, text))
    })?;
    let table = document.get("tool").and_then(|tool| tool.get("daglab"));
    Ok(table.map(|item| from_toml(item, text)))
}

fn from_toml(item: &toml_edit::Item, text: &str) -> Node {
    let at = item
        .span()
        .map_or((1, 1), |span| line_and_column(text, span.start));
    let kind = if let Some(table) = item.as_table_like() {
        let entries = table.iter().map(|(key, value)| {
            let at = table
                .key(key)
                .and_then(toml_edit::Key::span)
                .map_or(at, |span| line_and_column(text, span.start));
            (key.to_owned(), at, from_toml(value, text))
        });
        Kind::Map(entries.collect())
    } else if let Some(tables) = item.as_array_of_tables() {
        let items = tables
            .iter()
            .map(|table| from_toml(&toml_edit::Item::Table(table.clone()), text));
        Kind::List(items.collect())
    } else if let Some(array) = item.as_array() {
        let items = array
            .iter()
            .map(|value| from_toml(&toml_edit::Item::Value(value.clone()), text));
        Kind::List(items.collect())
    } else {
        Kind::Scalar(toml_scalar(item))
    };
    Node { at, kind }
}

fn toml_scalar(item: &toml_edit::Item) -> Value {
    match item.as_value() {
        Some(toml_edit::Value::String(value)) => value.value().clone().into(),
        Some(toml_edit::Value::Integer(value)) => (*value.value()).into(),
        Some(toml_edit::Value::Float(value)) => (*value.value()).into(),
        Some(toml_edit::Value::Boolean(value)) => (*value.value()).into(),
        Some(toml_edit::Value::Datetime(value)) => value.value().to_string().into(),
        _ => Value::Null,
    }
}

fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = &text[..offset.min(text.len())];
    let line = before.matches('\n').count() + 1;
    let column = before
        .rsplit('\n')
        .next()
        .map_or(1, |rest| rest.chars().count() + 1);
    (line, column)
}

#[cfg(test)]
mod tests;
