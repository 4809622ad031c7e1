//! The exported page: its machine-readable part.
//!
//! The page calls `Object.defineProperty(window, "__MARIMO_MOUNT_CONFIG__", {value:
//! Object.freeze({"version": …, "notebook": …, "session": …})})`; every field is JSON. `notebook`
//! has the cells with id, name and code, `session` their outputs and console, by id.

use serde::Deserialize;
use serde_json::Value;

const MARK: &str = "__MARIMO_MOUNT_CONFIG__";

/// What is read of a page.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// The cells, in the order of the notebook.
    pub cells: Vec<PageCell>,
}

/// A cell of the page.
#[derive(Debug, Clone, Default)]
pub struct PageCell {
    /// marimo's id.
    pub id: String,
    /// The function's name.
    pub name: String,
    /// Its code, without the function around it.
    pub code: String,
    /// Whether the author disabled it.
    pub disabled: bool,
    /// What it gave.
    pub outputs: Vec<Output>,
    /// What it printed.
    pub console: Vec<Console>,
    /// Whether the session knows it at all.
    pub ran: bool,
}

/// One output.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Output {
    /// A value, by MIME type.
    Data {
        /// By MIME type.
        data: serde_json::Map<String, Value>,
    },
    /// An error.
    Error {
        /// marimo's name for the kind of error.
        #[serde(default)]
        ename: String,
        /// The message.
        #[serde(default)]
        evalue: String,
    },
    /// A kind that this version does not know.
    #[serde(other)]
    Other,
}

/// One piece of console output.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Console {
    /// `stdout` or `stderr`.
    pub name: String,
    /// Its MIME type.
    pub mimetype: String,
    /// Its text.
    pub text: String,
    /// What it shows, where that is no text: a picture, or a chart.
    pub data: Value,
}

/// Why a page could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unreadable {
    /// There is no machine-readable part; marimo before 0.17 writes none.
    NoResults,
    /// It is there, but not as expected.
    Malformed(String),
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Notebook {
    cells: Vec<NotebookCell>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct NotebookCell {
    id: String,
    name: Option<String>,
    code: String,
    config: Config,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Config {
    disabled: Option<bool>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Session {
    cells: Vec<SessionCell>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct SessionCell {
    id: String,
    outputs: Vec<Output>,
    console: Vec<Value>,
}

/// Reads an exported page.
pub fn parse(html: &str) -> Result<Page, Unreadable> {
    let marked = html.find(MARK).ok_or(Unreadable::NoResults)?;
    let after = &html[marked..];
    let object = after.find("Object.freeze(").ok_or(Unreadable::NoResults)?;
    let mut rest = after[object + "Object.freeze(".len()..].trim_start();
    rest = rest
        .strip_prefix('{')
        .ok_or_else(|| malformed("no object"))?;
    let (mut notebook, mut session) = (None, None);
    // The fields one by one: the object is JavaScript, only its values are surely JSON.
    while let Some(field) = rest.trim_start().strip_prefix('"') {
        let (name, value) = field
            .split_once('"')
            .ok_or_else(|| malformed("a name has no end"))?;
        let value = value
            .trim_start()
            .strip_prefix(':')
            .ok_or_else(|| malformed("a name has no value"))?;
        rest = match name {
            "notebook" => read(value, &mut notebook)?,
            "session" => read(value, &mut session)?,
            _ => read(value, &mut None::<serde::de::IgnoredAny>)?,
        };
        rest = rest.trim_start();
        rest = rest.strip_prefix(',').unwrap_or(rest);
    }
    let notebook: Notebook = notebook.ok_or(Unreadable::NoResults)?;
    let session: Session = session.ok_or(Unreadable::NoResults)?;
    Ok(join(notebook, session))
}

fn malformed(what: &(impl ToString + ?Sized)) -> Unreadable {
    Unreadable::Malformed(what.to_string())
}

/// Reads one JSON value from the front of a text and returns what is behind it.
fn read<'a, T: Deserialize<'a>>(
    text: &'a str,
    into: &mut Option<T>,
) -> Result<&'a str, Unreadable> {
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<Option<T>>();
    *into = stream
        .next()
        .ok_or_else(|| malformed("the page is cut off"))?
        .map_err(|error| malformed(&error))?;
    Ok(&text[stream.byte_offset()..])
}

fn join(notebook: Notebook, session: Session) -> Page {
    let mut by_id: std::collections::HashMap<String, SessionCell> = session
        .cells
        .into_iter()
        .map(|cell| (cell.id.clone(), cell))
        .collect();
    let cells = notebook.cells.into_iter().map(|cell| {
        let ran = by_id.remove(&cell.id);
        let known = ran.is_some();
        let ran = ran.unwrap_or_default();
        PageCell {
            id: cell.id,
            name: cell
                .name
                .filter(|name| !name.is_empty())
                .unwrap_or_else(|| "_".to_owned()),
            code: cell.code,
            disabled: cell.config.disabled.unwrap_or(false),
            outputs: ran.outputs,
            console: ran
                .console
                .into_iter()
                // A kind that is not known is not worth the rest.
                .filter_map(|entry| serde_json::from_value(entry).ok())
                .collect(),
            ran: known,
        }
    });
    Page {
        cells: cells.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = r#"<html><script data-marimo="true">
      Object.defineProperty(window, "__MARIMO_MOUNT_CONFIG__", {
        value: Object.freeze({
            "filename": "a.py",
            "notebook": {"cells": [{"code": "x = '}{'", "config": {"disabled": false}, "id": "Hbol", "name": "one"},
                                   {"code": "y", "config": {"disabled": true}, "id": "MJUe", "name": "_"}]},
            "session": {"cells": [{"console": [{"mimetype": "text/plain", "name": "stdout", "text": "hi", "type": "stream"}],
              "id": "Hbol", "outputs": [{"type": "error", "ename": "exception", "evalue": "no", "traceback": null},
                                        {"type": "new kind", "x": 1}]}]},
            "runtimeConfig": null
        }),
        writable: false,
      });
    </script></html>"#;

    #[test]
    fn cells_and_results_are_joined_by_id() {
        let page = parse(PAGE).unwrap();
        assert_eq!(page.cells[0].name, "one");
        assert_eq!(page.cells[0].console[0].text, "hi");
        assert!(
            matches!(&page.cells[0].outputs[0], Output::Error { evalue, .. } if evalue == "no")
        );
        assert!(matches!(page.cells[0].outputs[1], Output::Other));
        assert!(page.cells[1].disabled && !page.cells[1].ran);
    }

    #[test]
    fn no_text_makes_it_panic() {
        for end in 0..PAGE.len() {
            let _ = parse(&PAGE[..end]);
        }
        assert_eq!(parse("<html>").unwrap_err(), Unreadable::NoResults);
        let broken = PAGE.replace("\"cells\": [{\"console\"", "\"cells\": 7, [{\"console\"");
        assert!(matches!(parse(&broken), Err(Unreadable::Malformed(_))));
    }
}
