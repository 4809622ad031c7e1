//! Jupyter notebooks of all formats, as the newest one has them.

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
    let value = parsed(text).map_err(|error| {
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
    language(metadata, &mut notebook.issues)?;
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

/// JSON, and what Python's `json` takes and writes beside: `NaN`, and halves of surrogate pairs.
fn parsed(text: &str) -> Result<Value, serde_json::Error> {
    serde_json::from_str(text).or_else(|error| match lenient(text) {
        Some(text) => serde_json::from_str(&text).map_err(|_| error),
        None => Err(error),
    })
}

/// A text of Python's `json` as JSON, if there is a difference. Numbers that are none become null,
/// and halves of characters the sign for a character that is missing.
fn lenient(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut in_string = false;
    while let Some(c) = rest.chars().next() {
        let mut length = c.len_utf8();
        match (in_string, c) {
            (_, '"') => in_string = !in_string,
            (true, '\\') if rest[1..].starts_with('u') => {
                let unit = |at: usize| {
                    let digits = rest.get(at..at + 6)?.strip_prefix("\\u")?;
                    u16::from_str_radix(digits, 16).ok()
                };
                let is_pair = matches!(
                    (unit(0), unit(6)),
                    (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff))
                );
                match unit(0) {
                    _ if is_pair => length = 12,
                    Some(0xd800..=0xdfff) => {
                        out.push('\u{fffd}');
                        rest = &rest[6..];
                        continue;
                    }
                    _ => {}
                }
            }
            // The next may be a quote.
            (true, '\\') => length += rest[1..].chars().next().map_or(0, char::len_utf8),
            (false, 'N' | 'I' | '-') => {
                let numbers = ["NaN", "Infinity", "-Infinity"];
                if let Some(number) = numbers.iter().find(|number| rest.starts_with(**number)) {
                    out.push_str("null");
                    rest = &rest[number.len()..];
                    continue;
                }
            }
            _ => {}
        }
        out.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    (out != text).then_some(out)
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

/// Refuses what is not Python.
fn language(metadata: &Map<String, Value>, issues: &mut Vec<Issue>) -> Result<(), Invalid> {
    let (spec, info) = (
        object(metadata, "kernelspec"),
        object(metadata, "language_info"),
    );
    let kernel = string(spec, "name").unwrap_or_default().to_lowercase();
    let language = string(spec, "language").or_else(|| string(info, "name"));
    let language = language.map(str::to_lowercase).or_else(|| {
        let of_kernel = [
            ("ir", "r"),
            ("julia", "julia"),
            ("bash", "bash"),
            ("javascript", "javascript"),
            ("deno", "typescript"),
            ("scala", "scala"),
            ("almond", "scala"),
            ("octave", "octave"),
            ("matlab", "matlab"),
            (".net", "c#"),
            ("sparkkernel", "scala"),
            ("ruby", "ruby"),
            ("gophernotes", "go"),
            ("xcpp", "c++"),
            ("sagemath", "sage"),
            ("iperl", "perl"),
        ];
        let found = of_kernel
            .iter()
            .find(|(name, _)| kernel == *name || (name.len() > 2 && kernel.starts_with(name)));
        found.map(|(_, language)| (*language).to_owned())
    });
    let language = language.unwrap_or_else(|| "python".to_owned());
    if !matches!(
        &*language,
        "python" | "ipython" | "python2" | "python3" | "ipython3" | "cython"
    ) {
        let language = crate::ui::text::one_line(&language);
        let title = string(spec, "display_name").map(crate::ui::text::one_line);
        let title = title
            .map(|title| format!(", kernel `{title}`"))
            .unwrap_or_default();
        let refused = format!("its language is {language}{title}: marimo runs Python only");
        return Err(Invalid::at(refused, "$.metadata.kernelspec"));
    }
    let version = string(info, "version").unwrap_or_default();
    if version.starts_with("2.") || kernel == "python2" {
        issues.push(
            Issue::new(Severity::Review, "python2", "it was written for Python 2").action(
                "look at divisions, `print`, strings, and what dictionaries' methods return",
            ),
        );
    }
    if kernel.contains("spark") {
        issues.push(
            Issue::new(
                Severity::Manual,
                "kernel",
                "its kernel runs the code on a Spark cluster",
            )
            .action("make a session in the notebook, for example with `pyspark` or Spark Connect"),
        );
    }
    Ok(())
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
        Some(Value::Array(outputs)) => outputs.iter().map(output).collect(),
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

/// What one output is, in any format.
fn output(value: &Value) -> Output {
    let Value::Object(map) = value else {
        return Output::Data(BTreeMap::new());
    };
    let of = |key: &str| map.get(key).and_then(text).unwrap_or_default();
    match string(map, "output_type") {
        Some("stream") => {
            let name = string(map, "name").or_else(|| string(map, "stream"));
            Output::Stream(name.unwrap_or("stdout").to_owned(), of("text"))
        }
        Some("error" | "pyerr") => Output::Error(format!("{}: {}", of("ename"), of("evalue"))),
        _ => {
            let data = match map.get("data") {
                Some(Value::Object(data)) => data.iter().map(form).collect(),
                _ => old_data(map),
            };
            Output::Data(data)
        }
    }
}

fn form((mime, value): (&String, &Value)) -> (String, String) {
    (
        mime.clone(),
        text(value).unwrap_or_else(|| value.to_string()),
    )
}

/// Formats before 4 had short names for MIME types.
fn old_data(map: &Map<String, Value>) -> BTreeMap<String, String> {
    let names = [
        ("text", "text/plain"),
        ("html", "text/html"),
        ("png", "image/png"),
        ("jpeg", "image/jpeg"),
        ("svg", "image/svg+xml"),
        ("latex", "text/latex"),
        ("json", "application/json"),
        ("javascript", "application/javascript"),
    ];
    let forms = names
        .iter()
        .filter_map(|(name, mime)| Some(((*mime).to_owned(), text(map.get(*name)?)?)));
    forms.collect()
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
