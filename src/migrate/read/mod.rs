//! Jupyter notebooks of all formats, as the newest one has them.

mod json;
mod language;
mod outputs;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Issue, Severity};

/// The newest format, and the one that all are read as.
pub const NEWEST: u64 = 4;

/// More cells are no notebook.
const MOST_CELLS: usize = 20_000;

/// A notebook.
#[derive(Debug, Clone, Default)]
pub struct Notebook {
    /// Its cells.
    pub cells: Vec<Cell>,
    /// The format it was written in: `4.5`.
    pub format: String,
    /// The options of the marimo notebook that it was exported from.
    pub app: Map<String, Value>,
    /// What there is to say of the notebook as a whole.
    pub issues: Vec<Issue>,
}

/// What kind of cell it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Code.
    Code,
    /// Markdown.
    Markdown,
    /// Anything else, with its MIME type.
    Raw(String),
}

/// A cell.
#[derive(Debug, Clone)]
pub struct Cell {
    /// Its place in the notebook, counted from 1.
    pub number: usize,
    /// What kind it is.
    pub kind: Kind,
    /// Its text, with plain line ends.
    pub source: String,
    /// The number that Jupyter shows beside it.
    pub execution_count: Option<u64>,
    /// What it came to.
    pub outputs: Vec<Output>,
    /// Pictures inside Markdown: name, MIME type, base64.
    pub attachments: BTreeMap<String, (String, String)>,
    /// Its tags.
    pub tags: Vec<String>,
    /// Whether its code is not to be shown.
    pub hidden: bool,
    /// Whether marimo has it switched off.
    pub disabled: bool,
    /// The name that marimo gave it.
    pub name: Option<String>,
}

/// An output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// What was printed, on `stdout` or `stderr`.
    Stream(String, String),
    /// A value, in several forms: by MIME type, its text.
    Data(BTreeMap<String, String>),
    /// An exception.
    Error(String),
}

/// Why a file is not a notebook that can be migrated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// What is wrong.
    pub message: String,
    /// Where, as a JSON path or a line of the file.
    pub place: Option<String>,
    /// What to do.
    pub hint: Option<String>,
}

impl Invalid {
    fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            place: None,
            hint: None,
        }
    }

    fn at(message: impl Into<String>, place: impl Into<String>) -> Self {
        Self {
            place: Some(place.into()),
            ..Self::new(message)
        }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Reads a notebook.
pub fn read(bytes: &[u8]) -> Result<Notebook, Invalid> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes)
        .map_err(|error| Invalid::at("it is not UTF-8", format!("byte {}", error.valid_up_to())))?;
    if text.trim().is_empty() {
        return Err(Invalid::new("the file is empty"));
    }
    if text.starts_with("version https://git-lfs") {
        let error = Invalid::new("it is a pointer of Git LFS, not the notebook itself");
        return Err(error.hint("run `git lfs pull`"));
    }
    let value = json::parsed(text).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        let invalid = Invalid::at("it is not JSON", place);
        match text.lines().any(|line| line.starts_with("<<<<<<< ")) {
            true => invalid.hint("it has conflict markers of git: resolve them first"),
            false => invalid,
        }
    })?;
    let Value::Object(root) = value else {
        return Err(Invalid::at("a notebook is a JSON object", "$"));
    };
    let mut notebook = Notebook::default();
    let major = format(&root, &mut notebook)?;
    let metadata = object(&root, "metadata");
    language::check(metadata, &mut notebook.issues)?;
    if metadata.contains_key("widgets") {
        notebook.issues.push(
            Issue::new(
                Severity::Review,
                "widgets",
                "the saved state of widgets is Jupyter's",
            )
            .done("it was left out"),
        );
    }
    if let Some(Value::Object(app)) = metadata.get("marimo").and_then(|m| m.get("app_config")) {
        notebook.app = app.clone();
    }
    for (path, value) in cells(&root, major)? {
        let number = notebook.cells.len() + 1;
        if number > MOST_CELLS {
            return Err(Invalid::at(
                format!("it has more than {MOST_CELLS} cells"),
                "$.cells",
            ));
        }
        let cell = cell(value, number, major, &path, &mut notebook.issues)?;
        notebook.cells.push(cell);
    }
    Ok(notebook)
}

fn format(root: &Map<String, Value>, notebook: &mut Notebook) -> Result<u64, Invalid> {
    let major = match root.get("nbformat") {
        Some(value) => value
            .as_u64()
            .ok_or_else(|| Invalid::at("the format's number is not a number", "$.nbformat"))?,
        None if root.contains_key("cells") || root.contains_key("worksheets") => {
            let missing = Issue::new(Severity::Info, "repaired", "the format's number is missing");
            notebook
                .issues
                .push(missing.done("it was taken for the one that the cells look like"));
            if root.contains_key("cells") {
                NEWEST
            } else {
                3
            }
        }
        None => {
            return Err(Invalid::at(
                "it has neither a format's number nor cells",
                "$",
            ));
        }
    };
    if major > NEWEST || major == 0 {
        return Err(Invalid::at(
            format!("its format is {major}, which is not known"),
            "$.nbformat",
        )
        .hint("save it with a released version of Jupyter"));
    }
    let minor = root
        .get("nbformat_minor")
        .and_then(Value::as_u64)
        .unwrap_or(0);
    notebook.format = format!("{major}.{minor}");
    if major < NEWEST {
        let old = format!(
            "its format is {}, which is no longer written",
            notebook.format
        );
        let issue = Issue::new(Severity::Info, "format", old);
        notebook
            .issues
            .push(issue.done("it was read as format 4.5"));
    }
    Ok(major)
}

fn object<'a>(map: &'a Map<String, Value>, key: &str) -> &'a Map<String, Value> {
    static EMPTY: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
    map.get(key).and_then(Value::as_object).unwrap_or(&EMPTY)
}

fn string<'a>(map: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    map.get(key)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
}

/// A cell and its JSON path.
type Placed<'a> = (String, &'a Map<String, Value>);

/// The cells with their JSON paths, wherever the format keeps them.
fn cells(root: &Map<String, Value>, major: u64) -> Result<Vec<Placed<'_>>, Invalid> {
    let mut lists = Vec::new();
    match (major, root.get("worksheets")) {
        (2 | 3, Some(Value::Array(sheets))) => {
            for (index, sheet) in sheets.iter().enumerate() {
                let path = format!("$.worksheets[{index}].cells");
                lists.push((path, sheet.get("cells").unwrap_or(&Value::Null)));
            }
        }
        (2 | 3, Some(_)) => return Err(Invalid::at("it is not a list", "$.worksheets")),
        _ => lists.push((
            "$.cells".to_owned(),
            root.get("cells").unwrap_or(&Value::Null),
        )),
    }
    let mut found = Vec::new();
    for (path, list) in lists {
        let Value::Array(list) = list else {
            return Err(Invalid::at(
                "the list of cells is missing, or not a list",
                path,
            ));
        };
        for (index, cell) in list.iter().enumerate() {
            let path = format!("{path}[{index}]");
            let Value::Object(cell) = cell else {
                return Err(Invalid::at("a cell is not an object", path));
            };
            found.push((path, cell));
        }
    }
    Ok(found)
}

/// A text that may be written as lines. `None` if it is neither.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(lines) => lines.iter().map(Value::as_str).collect(),
        Value::Null => Some(String::new()),
        _ => None,
    }
}

fn plain_lines(text: &str) -> String {
    match text.contains('\r') {
        true => text.replace("\r\n", "\n").replace('\r', "\n"),
        false => text.to_owned(),
    }
}

fn cell(
    value: &Map<String, Value>,
    number: usize,
    major: u64,
    path: &str,
    issues: &mut Vec<Issue>,
) -> Result<Cell, Invalid> {
    let kind_name = match value.get("cell_type") {
        Some(Value::String(kind)) => kind.as_str(),
        Some(_) => {
            return Err(Invalid::at(
                "the cell's type is not a text",
                format!("{path}.cell_type"),
            ));
        }
        None => {
            return Err(Invalid::at(
                "the cell has no type",
                format!("{path}.cell_type"),
            ));
        }
    };
    let fields: &[&str] = match (major, kind_name) {
        (1, "code") => &["code", "input", "source"],
        (1, _) => &["text", "source"],
        (2 | 3, "code") => &["input", "source"],
        _ => &["source"],
    };
    let field = fields.iter().find(|field| value.contains_key(**field));
    let source = match field {
        Some(field) => text(&value[*field]).ok_or_else(|| {
            Invalid::at(
                "it is neither a text nor a list of lines",
                format!("{path}.{field}"),
            )
        })?,
        None => {
            let mut issue = Issue::new(Severity::Info, "repaired", "the cell has no source");
            issue.cell = Some(number);
            issues.push(issue.done("it was taken for an empty one"));
            String::new()
        }
    };
    let metadata = object(value, "metadata");
    let mut source = plain_lines(&source);
    let kind = match kind_name {
        "code" => Kind::Code,
        "markdown" | "text" | "html" => Kind::Markdown,
        "heading" => {
            let level = value
                .get("level")
                .and_then(Value::as_u64)
                .unwrap_or(1)
                .clamp(1, 6);
            source = format!(
                "{} {}",
                "#".repeat(usize::try_from(level).unwrap_or(1)),
                source.replace('\n', " ")
            );
            Kind::Markdown
        }
        "raw" | "rst" => {
            let mime = string(metadata, "raw_mimetype").or_else(|| string(metadata, "format"));
            Kind::Raw(mime.unwrap_or_default().to_owned())
        }
        other => {
            let what = format!(
                "the cell's type, `{}`, is not known",
                crate::ui::text::one_line(other)
            );
            return Err(Invalid::at(what, format!("{path}.cell_type")));
        }
    };
    let count = value
        .get("execution_count")
        .or_else(|| value.get("prompt_number"));
    let outputs = match value.get("outputs") {
        Some(Value::Array(outputs)) => outputs.iter().map(outputs::output).collect(),
        None | Some(Value::Null) => Vec::new(),
        Some(_) => return Err(Invalid::at("it is not a list", format!("{path}.outputs"))),
    };
    let tags = match metadata.get("tags") {
        Some(Value::Array(tags)) => tags
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        _ => Vec::new(),
    };
    let marimo = object(metadata, "marimo");
    let config = object(marimo, "config");
    let is_set =
        |map: &Map<String, Value>, key: &str| map.get(key).and_then(Value::as_bool) == Some(true);
    let hides = |tag: &String| {
        matches!(
            &**tag,
            "hide-input" | "hide_input" | "remove-input" | "remove_input" | "hide-cell"
        )
    };
    let hidden = is_set(metadata, "hide_input")
        || is_set(config, "hide_code")
        || is_set(object(metadata, "jupyter"), "source_hidden")
        || tags.iter().any(hides);
    Ok(Cell {
        number,
        source,
        execution_count: count.and_then(Value::as_u64),
        outputs,
        attachments: attachments(object(value, "attachments")),
        hidden,
        disabled: is_set(config, "disabled"),
        name: string(marimo, "name").map(str::to_owned),
        tags,
        kind,
    })
}

fn attachments(all: &Map<String, Value>) -> BTreeMap<String, (String, String)> {
    let mut found = BTreeMap::new();
    for (name, forms) in all {
        let first = forms.as_object().and_then(|forms| forms.iter().next());
        if let Some((mime, data)) = first
            && let Some(data) = text(data)
        {
            let data: String = data.split_whitespace().collect();
            found.insert(name.clone(), (mime.clone(), data));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> (String, Option<String>) {
        let invalid = read(text.as_bytes()).unwrap_err();
        (invalid.message, invalid.place)
    }

    #[test]
    fn every_format_is_read_as_the_newest() {
        let v1 = r#"{"nbformat": 1, "cells": [{"cell_type": "code", "code": "x", "prompt_number": 4}, {"cell_type": "text", "text": "t"}]}"#;
        let notebook = read(v1.as_bytes()).unwrap();
        assert_eq!(
            (
                notebook.cells[0].source.as_str(),
                notebook.cells[0].execution_count
            ),
            ("x", Some(4))
        );
        assert_eq!(notebook.cells[1].kind, Kind::Markdown);
        let v3 = r#"{"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": [
            {"cell_type": "heading", "level": 2, "source": ["Title"]},
            {"cell_type": "code", "input": ["a\r\n", "b"], "language": "python", "outputs": [
              {"output_type": "pyout", "prompt_number": 1, "text": ["3"], "png": "aaaa"},
              {"output_type": "pyerr", "ename": "E", "evalue": "v", "traceback": []},
              {"output_type": "stream", "stream": "stderr", "text": "w"}]}]}]}"#;
        let notebook = read(v3.as_bytes()).unwrap();
        assert_eq!(notebook.format, "3.0");
        assert_eq!(notebook.cells[0].source, "## Title");
        assert_eq!(notebook.cells[1].source, "a\nb");
        let [
            Output::Data(data),
            Output::Error(error),
            Output::Stream(name, _),
        ] = &notebook.cells[1].outputs[..]
        else {
            panic!()
        };
        assert_eq!(
            (data.len(), error.as_str(), name.as_str()),
            (2, "E: v", "stderr")
        );
    }

    #[test]
    fn what_is_no_notebook_says_where() {
        assert_eq!(refused(""), ("the file is empty".into(), None));
        assert_eq!(
            refused("{\n \"cells\": [}"),
            ("it is not JSON".into(), Some("line 2, column 12".into()))
        );
        let cell = r#"{"nbformat": 4, "cells": [{"cell_type": "code", "source": 3}]}"#;
        assert_eq!(refused(cell).1.as_deref(), Some("$.cells[0].source"));
        assert_eq!(
            refused(r#"{"nbformat": 9, "cells": []}"#).1.as_deref(),
            Some("$.nbformat")
        );
        let r = r#"{"nbformat": 4, "cells": [], "metadata": {"kernelspec": {"name": "ir", "language": "R", "display_name": "R 4"}}}"#;
        assert_eq!(
            refused(r).0,
            "its language is r, kernel `R 4`: marimo runs Python only"
        );
        assert!(read(b"<<<<<<< HEAD\n").is_err());
    }

    #[test]
    fn what_python_writes_as_json_is_read() {
        let text = r#"{"nbformat": 4, "cells": [{"cell_type": "code", "source": "a \"NaN\" \\ \ud83d\ude00 \ud83d!",
            "metadata": {"x": [NaN, Infinity, -Infinity, -1]}, "outputs": []}]}"#;
        let notebook = read(text.as_bytes()).unwrap();
        assert_eq!(notebook.cells[0].source, "a \"NaN\" \\ 😀 \u{fffd}!");
        assert_eq!(refused("{\"a\": nope}").0, "it is not JSON");
    }
}
