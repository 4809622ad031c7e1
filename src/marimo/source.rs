//! A notebook's source: its cells, where they stand, and what it is paired with.
//!
//! A marimo notebook is a Python file with `app = marimo.App(…)` at module level and cells as
//! decorated functions. It is parsed by a real Python parser, without Python.

use std::collections::BTreeSet;

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Decorator, Expr, Stmt, StmtFunctionDef, StmtWith};
use ruff_python_parser::parse_module;
use ruff_text_size::{Ranged, TextRange};

use crate::report::model::Target;

/// A parsed notebook.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Source {
    /// `app_title`, where the author gave one.
    pub title: Option<String>,
    /// The cells, in the order of the file.
    pub cells: Vec<Cell>,
    /// Top-level names of the modules it imports.
    pub imports: BTreeSet<String>,
    /// What its header pairs it with.
    pub target: Option<Target>,
    /// The first word of its header that is not understood, with its line.
    pub unknown_in_header: Option<(String, u32)>,
    /// Whether it speaks to Dagster: it imports it, or daglab's helpers, or reads the address.
    pub uses_dagster: bool,
}

/// What kind of cell it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellKind {
    /// `@app.cell`.
    Cell,
    /// `with app.setup:`.
    Setup,
    /// `@app.function` or `@app.class_definition`.
    Definition,
}

/// A cell's place and shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// The function's name, `_` for none, `setup` for the setup cell.
    pub name: String,
    /// What kind of cell it is.
    pub kind: CellKind,
    /// Its first line, the decorator's, counted from 1.
    pub line: u32,
    /// Its last line.
    pub end_line: u32,
    /// The line on which its code begins, as marimo counts it.
    pub body_line: u32,
    /// Whether the author disabled it.
    pub disabled: bool,
    /// Names it reads from other cells.
    pub reads: Vec<String>,
    /// Names it gives to other cells.
    pub gives: Vec<String>,
}

/// Why a file is not read as a notebook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unreadable {
    /// It is Python, but no notebook.
    NotANotebook,
    /// It looks like a notebook, but is not Python.
    Syntax {
        /// What the parser said.
        message: String,
        /// The line, counted from 1.
        line: u32,
        /// The column, counted from 1.
        column: u32,
    },
}

/// Whether a text may be a notebook at all, without parsing it.
pub fn may_be_notebook(text: &str) -> bool {
    text.contains("marimo") && text.contains("App(")
}

/// Reads a notebook's source.
pub fn parse(text: &str) -> Result<Source, Unreadable> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if !may_be_notebook(text) {
        return Err(Unreadable::NotANotebook);
    }
    let lines = Lines::of(text);
    let module = match parse_module(text) {
        Ok(parsed) => parsed.into_syntax(),
        Err(error) if looks_like_notebook(text) => {
            let (line, column) = lines.position(text, error.location.start().to_usize());
            return Err(Unreadable::Syntax {
                message: error.error.to_string(),
                line,
                column,
            });
        }
        Err(_) => return Err(Unreadable::NotANotebook),
    };
    let Some((app, title)) = find_app(&module.body) else {
        return Err(Unreadable::NotANotebook);
    };
    let mut source = Source {
        title,
        ..Source::default()
    };
    read_header(text, &mut source);
    for statement in &module.body {
        match statement {
            Stmt::FunctionDef(function) => {
                if let Some(cell) = function_cell(function, &app, text, &lines) {
                    source.cells.push(cell);
                }
            }
            Stmt::ClassDef(class) => {
                if let Some(decorator) = class
                    .decorator_list
                    .iter()
                    .find(|d| attribute_of(d, &app).is_some())
                {
                    let (line, end_line) = lines.span(decorator.range().cover(class.range));
                    source.cells.push(Cell {
                        name: class.name.to_string(),
                        kind: CellKind::Definition,
                        line,
                        end_line,
                        body_line: line + 1,
                        disabled: false,
                        reads: Vec::new(),
                        gives: vec![class.name.to_string()],
                    });
                }
            }
            Stmt::With(with) if is_setup(with, &app) => {
                let (line, end_line) = lines.span(with.range);
                let first = with
                    .body
                    .first()
                    .map_or(line, |first| lines.span(first.range()).0);
                source.cells.push(Cell {
                    name: "setup".to_owned(),
                    kind: CellKind::Setup,
                    line,
                    end_line,
                    body_line: first,
                    disabled: false,
                    reads: Vec::new(),
                    gives: Vec::new(),
                });
            }
            _ => {}
        }
    }
    collect_imports(&module.body, &mut source.imports);
    source.uses_dagster = text.contains("DAGLAB_DAGSTER_URL")
        || source.imports.contains("dagster")
        || source.imports.contains("daglab");
    Ok(source)
}

/// Byte offsets of line beginnings.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        let mut starts = vec![0];
        starts.extend(
            text.bytes()
                .enumerate()
                .filter(|(_, b)| *b == b'\n')
                .map(|(i, _)| i + 1),
        );
        Self(starts)
    }

    fn line(&self, offset: usize) -> u32 {
        let line = self.0.partition_point(|start| *start <= offset);
        u32::try_from(line).unwrap_or(u32::MAX)
    }

    fn span(&self, range: TextRange) -> (u32, u32) {
        let end = range
            .end()
            .to_usize()
            .saturating_sub(1)
            .max(range.start().to_usize());
        (self.line(range.start().to_usize()), self.line(end))
    }

    fn position(&self, text: &str, offset: usize) -> (u32, u32) {
        let line = self.line(offset);
        let start = self.0[line as usize - 1];
        let before = text.get(start..offset.min(text.len())).unwrap_or_default();
        (
            line,
            u32::try_from(before.chars().count() + 1).unwrap_or(u32::MAX),
        )
    }
}

/// Whether a file that is not Python is meant as a notebook.
fn looks_like_notebook(text: &str) -> bool {
    let has = |start: &str| text.lines().any(|line| line.starts_with(start));
    has("import marimo") && has("app = marimo.App(") && text.contains("@app.cell")
}

/// The name of the module-level variable that holds the app, and its title.
fn find_app(body: &[Stmt]) -> Option<(String, Option<String>)> {
    let mut marimo = None;
    for statement in body {
        match statement {
            Stmt::Import(import) => {
                for alias in import
                    .names
                    .iter()
                    .filter(|alias| alias.name.as_str() == "marimo")
                {
                    marimo = Some(alias.asname.as_ref().unwrap_or(&alias.name).to_string());
                }
            }
            Stmt::Assign(assign) => {
                let (Some(marimo), [Expr::Name(name)], Expr::Call(call)) =
                    (&marimo, assign.targets.as_slice(), assign.value.as_ref())
                else {
                    continue;
                };
                let Expr::Attribute(function) = call.func.as_ref() else {
                    continue;
                };
                let Expr::Name(module) = function.value.as_ref() else {
                    continue;
                };
                if function.attr.as_str() == "App" && module.id.as_str() == marimo {
                    let title = call
                        .arguments
                        .keywords
                        .iter()
                        .find(|keyword| keyword.arg.as_ref().is_some_and(|a| a == "app_title"))
                        .and_then(|keyword| string_value(&keyword.value));
                    return Some((name.id.to_string(), title));
                }
            }
            _ => {}
        }
    }
    None
}

fn string_value(expression: &Expr) -> Option<String> {
    match expression {
        Expr::StringLiteral(literal) => Some(literal.value.to_str().to_owned()),
        _ => None,
    }
}

/// The attribute of the app that a decorator names: `cell` for `@app.cell` and `@app.cell(…)`.
fn attribute_of<'a>(decorator: &'a Decorator, app: &str) -> Option<&'a str> {
    let expression = match &decorator.expression {
        Expr::Call(call) => call.func.as_ref(),
        other => other,
    };
    let Expr::Attribute(attribute) = expression else {
        return None;
    };
    let Expr::Name(name) = attribute.value.as_ref() else {
        return None;
    };
    (name.id.as_str() == app).then(|| attribute.attr.as_str())
}

fn is_disabled(decorator: &Decorator) -> bool {
    let Expr::Call(call) = &decorator.expression else {
        return false;
    };
    call.arguments.keywords.iter().any(|keyword| {
        keyword.arg.as_ref().is_some_and(|arg| arg == "disabled")
            && matches!(&keyword.value, Expr::BooleanLiteral(value) if value.value)
    })
}

fn function_cell(function: &StmtFunctionDef, app: &str, text: &str, lines: &Lines) -> Option<Cell> {
    let (decorator, attribute) = function
        .decorator_list
        .iter()
        .find_map(|decorator| attribute_of(decorator, app).map(|name| (decorator, name)))?;
    let kind = match attribute {
        "cell" => CellKind::Cell,
        "function" => CellKind::Definition,
        _ => return None,
    };
    let (line, end_line) = lines.span(decorator.range().cover(function.range));
    let body_line = match kind {
        CellKind::Cell => body_line(function, text, lines),
        // The whole definition is the cell's code.
        _ => lines.line(function.name.range.start().to_usize()),
    };
    let gives = match function.body.last() {
        Some(Stmt::Return(last)) => match last.value.as_deref() {
            Some(Expr::Tuple(tuple)) => tuple.elts.iter().filter_map(name_of).collect(),
            Some(other) => name_of(other).into_iter().collect(),
            None => Vec::new(),
        },
        _ => Vec::new(),
    };
    Some(Cell {
        name: function.name.to_string(),
        kind,
        line,
        end_line,
        body_line,
        disabled: is_disabled(decorator),
        reads: function
            .parameters
            .iter()
            .map(|parameter| parameter.name().to_string())
            .collect(),
        gives: if kind == CellKind::Definition {
            vec![function.name.to_string()]
        } else {
            gives
        },
    })
}

/// The line of the body's first character: a comment counts, as it does in marimo's cell.
fn body_line(function: &StmtFunctionDef, text: &str, lines: &Lines) -> u32 {
    let Some(first) = function.body.first() else {
        return lines.span(function.range).1;
    };
    let header_end = function
        .returns
        .as_ref()
        .map_or(function.parameters.range.end(), |returns| {
            returns.range().end()
        })
        .to_usize();
    // Comments may stand between the colon and the first statement.
    let header_line = lines.line(header_end);
    let first_line = lines.line(first.range().start().to_usize());
    (header_line + 1..=first_line)
        .find(|line| {
            let start = lines.0[*line as usize - 1];
            text[start..]
                .lines()
                .next()
                .is_some_and(|line| !line.trim().is_empty())
        })
        .unwrap_or(first_line)
}

fn name_of(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Name(name) => Some(name.id.to_string()),
        _ => None,
    }
}

fn is_setup(with: &StmtWith, app: &str) -> bool {
    with.items.iter().any(|item| {
        let expression = match &item.context_expr {
            Expr::Call(call) => call.func.as_ref(),
            other => other,
        };
        let Expr::Attribute(attribute) = expression else {
            return false;
        };
        attribute.attr.as_str() == "setup"
            && matches!(attribute.value.as_ref(), Expr::Name(name) if name.id.as_str() == app)
    })
}

/// Top-level names of the modules that a file imports, wherever it does; `None` if it is not Python,
/// or imports by names that are made while it runs.
pub fn all_imports(text: &str) -> Option<BTreeSet<String>> {
    const BY_NAME: &[&str] = &["importlib", "__import__", "runpy"];
    if BY_NAME.iter().any(|way| text.contains(way)) {
        return None;
    }
    let module = parse_module(text.strip_prefix('\u{feff}').unwrap_or(text)).ok()?;
    let mut imports = Imports(BTreeSet::new());
    imports.visit_body(&module.into_syntax().body);
    Some(imports.0)
}

struct Imports(BTreeSet<String>);

impl<'a> Visitor<'a> for Imports {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::Import(_) | Stmt::ImportFrom(_) => {
                collect_imports(std::slice::from_ref(statement), &mut self.0);
            }
            other => visitor::walk_stmt(self, other),
        }
    }
}

/// Imports anywhere at the top of a cell, which is where notebooks have them.
fn collect_imports(body: &[Stmt], into: &mut BTreeSet<String>) {
    let add = |name: &str, into: &mut BTreeSet<String>| {
        if let Some(first) = name.split('.').next().filter(|first| !first.is_empty()) {
            into.insert(first.to_owned());
        }
    };
    for statement in body {
        match statement {
            Stmt::Import(import) => {
                for alias in &import.names {
                    add(&alias.name, into);
                }
            }
            Stmt::ImportFrom(import) if import.level == 0 => {
                if let Some(module) = &import.module {
                    add(module, into);
                }
            }
            Stmt::FunctionDef(function) => collect_imports(&function.body, into),
            Stmt::With(with) => collect_imports(&with.body, into),
            _ => {}
        }
    }
}

/// `# daglab: asset=KEY partition=KEY` or `# daglab: job=NAME`, in a comment before the first cell.
fn read_header(text: &str, source: &mut Source) {
    let head = text.lines().take_while(|line| !line.starts_with('@'));
    let header = (1..).zip(head).find_map(|(number, line)| {
        let comment = line.trim_start().strip_prefix('#')?;
        Some((number, comment.trim_start().strip_prefix("daglab:")?))
    });
    let Some((number, words)) = header else {
        return;
    };
    let (mut asset, mut partition, mut job) = (None, None, None);
    for word in words.split_whitespace() {
        match word.split_once('=') {
            Some(("asset", key)) if !key.is_empty() => asset = Some(key.to_owned()),
            Some(("partition", key)) if !key.is_empty() => partition = Some(key.to_owned()),
            Some(("job", name)) if !name.is_empty() => job = Some(name.to_owned()),
            _ if source.unknown_in_header.is_none() => {
                source.unknown_in_header = Some((word.to_owned(), number));
            }
            _ => {}
        }
    }
    source.target = match (asset, job) {
        (Some(key), _) => Some(Target::Asset { key, partition }),
        (None, job) => job.map(|name| Target::Job { name }),
    };
}

#[cfg(test)]
mod tests;
