//! One notebook, from its bytes to the cells that marimo writes.

use std::collections::{BTreeMap, BTreeSet};

use ruff_python_ast::{Expr, Stmt};
use ruff_python_parser::parse_module;
use serde_json::{Map, Value};

use super::cells::{Cell, Context, Piece, Role};
use super::ipython::as_comment;
use super::magics::Need;
use super::read::{self, Invalid, Kind, Notebook};
use super::scope::{self, Access};
use super::stars::{self, Exports};
use super::{Issue, Severity, Statistics, cycles, definitions, markdown, outputs};

/// What was asked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Outputs are kept as comments.
    pub preserve_outputs: bool,
    /// daglab's helpers are imported.
    pub helpers: bool,
}

/// A notebook on its way.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    /// Its cells.
    pub pieces: Vec<Piece>,
    /// What there is to say.
    pub issues: Vec<Issue>,
    /// What is counted.
    pub statistics: Statistics,
    /// Options of the marimo notebook that it once was.
    pub app: Map<String, Value>,
    /// What stands at the top of the file.
    pub header: String,
    /// The format it was written in.
    pub format: String,
}

/// The helpers that are imported, as far as their names are free.
const HELPERS: &[&str] = &["attach_metadata", "discover", "run_job"];

/// Reads a notebook and translates its cells one by one.
pub fn draft(bytes: &[u8], options: Options) -> Result<Draft, Invalid> {
    let notebook = read::read(bytes)?;
    let context = Context::of(&notebook.cells);
    let mut draft = Draft {
        issues: notebook.issues.clone(),
        app: notebook.app.clone(),
        format: notebook.format.clone(),
        ..Draft::default()
    };
    order(&notebook, &mut draft.issues);
    let mut needs = BTreeSet::new();
    for cell in &notebook.cells {
        draft.cell(cell, &context, options, &mut needs);
    }
    draft.helpers(&needs, &context, options);
    Ok(draft)
}

/// Says if cells last ran in another order than they stand in.
fn order(notebook: &Notebook, issues: &mut Vec<Issue>) {
    let counts: Vec<(u64, usize)> = notebook
        .cells
        .iter()
        .filter_map(|cell| Some((cell.execution_count?, cell.number)))
        .collect();
    let Some(pair) = counts.windows(2).find(|pair| pair[0].0 > pair[1].0) else {
        return;
    };
    let reason = format!(
        "cells last ran in another order than they stand in: cell {} after cell {}",
        pair[0].1, pair[1].1
    );
    issues.push(
        Issue::new(Severity::Review, "order", reason)
            .done("they were taken to run from top to bottom")
            .action("run the original from top to bottom once, and see whether it still works"),
    );
}

impl Draft {
    fn cell(
        &mut self,
        cell: &read::Cell,
        context: &Context,
        options: Options,
        needs: &mut BTreeSet<Need>,
    ) {
        self.statistics.cells += 1;
        match &cell.kind {
            Kind::Code => self.statistics.code_cells += 1,
            Kind::Markdown => self.statistics.markdown_cells += 1,
            Kind::Raw(_) => self.statistics.raw_cells += 1,
        }
        self.tags(cell);
        let mut piece = match &cell.kind {
            _ if cell.source.trim().is_empty() => None,
            Kind::Markdown => {
                let text = markdown::with_attachments(cell, &mut self.issues, &mut self.statistics);
                needs.insert(Need::Import("import marimo as mo"));
                Some(Piece::of(cell, Role::Markdown, markdown::call(&text)))
            }
            Kind::Raw(mime) => {
                needs.insert(Need::Import("import marimo as mo"));
                let piece = Piece::of(cell, Role::Markdown, markdown::raw(&cell.source, mime));
                let issue = Issue::new(Severity::Info, "raw", "marimo has no raw cells");
                self.issues
                    .push(piece.about(issue.done("its text is shown by `mo.md`")));
                Some(piece)
            }
            Kind::Code => self.code(cell, context, needs),
        };
        let (comments, kept) = match (options.preserve_outputs, &piece) {
            (true, Some(_)) => outputs::comments(cell),
            _ => (String::new(), 0),
        };
        self.statistics.outputs_kept += kept;
        self.statistics.outputs_dropped += cell.outputs.len() - kept;
        match &mut piece {
            Some(piece) => piece.trailer = comments,
            None => self.statistics.empty_cells += 1,
        }
        self.pieces.extend(piece);
    }

    fn code(
        &mut self,
        cell: &read::Cell,
        context: &Context,
        needs: &mut BTreeSet<Need>,
    ) -> Option<Piece> {
        let (header, source) = script_metadata(&cell.source);
        if let Some(header) = header
            && self.header.is_empty()
        {
            self.header = header;
        }
        let cell = &read::Cell {
            source,
            ..cell.clone()
        };
        let mut translation = Cell {
            cell,
            statistics: &mut self.statistics,
            issues: &mut self.issues,
            needs,
            dropped: Vec::new(),
        };
        let code = translation.code(context)?;
        Some(Piece::of(cell, Role::Code, code))
    }

    fn tags(&mut self, cell: &read::Cell) {
        for tag in &cell.tags {
            let issue = match &**tag {
                "parameters" => Issue::new(
                    Severity::Review,
                    "tag",
                    "papermill puts parameters below this cell",
                )
                .action(
                    "read them with `mo.cli_args()`, and run the notebook with `-- --name value`",
                ),
                "raises-exception" => Issue::new(
                    Severity::Review,
                    "tag",
                    "the cell was expected to fail",
                )
                .action(
                    "catch the exception: marimo does not run cells that depend on a failed one",
                ),
                "skip-execution" => Issue::new(Severity::Info, "tag", "the cell was not to be run")
                    .done("it is disabled"),
                _ => continue,
            };
            let mut issue = issue.source(tag);
            issue.cell = Some(cell.number);
            issue.execution_count = cell.execution_count;
            self.issues.push(issue);
        }
    }

    /// Cells that hold what translations need.
    fn helpers(&mut self, needs: &BTreeSet<Need>, context: &Context, options: Options) {
        let imported = imports(&self.pieces);
        let mut imports = Vec::new();
        let mut functions = Vec::new();
        for need in needs {
            match need {
                Need::Import(import) if !imported.contains(*import) => imports.push(*import),
                Need::Import(_) => {}
                Need::RunShell => functions.push(RUN_SHELL),
                Need::ShellLines => functions.push(SHELL_LINES),
                Need::RunScript => functions.push(RUN_SCRIPT),
                Need::Display => functions.push(DISPLAY),
            }
        }
        let imports = (!imports.is_empty()).then(|| Piece::helper(imports.join("\n")));
        let functions = functions.into_iter().map(Piece::helper);
        let first: Vec<Piece> = imports.into_iter().chain(functions).collect();
        self.pieces.splice(0..0, first);
        let free: Vec<&str> = HELPERS
            .iter()
            .copied()
            .filter(|name| !context.written.contains(*name))
            .collect();
        if options.helpers && !free.is_empty() {
            let (names, nothing) = (free.join(", "), free.join(" = "));
            self.pieces.push(Piece::helper(format!(
                "# Launch a job, list what a Dagster has, attach this notebook to an asset.\n\
                 try:\n    from daglab.helpers import {names}\n\
                 except ImportError:  # daglab's package is not installed here\n    {nothing} = None"
            )));
        }
    }

    /// The modules that everything is imported from.
    pub fn stars(&self) -> BTreeSet<String> {
        stars::modules(&self.pieces)
    }

    /// What concerns the notebook as a whole, once it is known what modules export.
    pub fn finish(mut self, exports: &Exports) -> Self {
        let Self {
            pieces,
            issues,
            statistics,
            ..
        } = &mut self;
        stars::resolve(pieces, exports, issues, statistics);
        definitions::resolve(pieces, issues, statistics);
        pieces.retain(|piece| !piece.text().trim().is_empty());
        cycles::merge(pieces, issues, statistics);
        names_of_cells(pieces);
        undefined(pieces, issues);
        mutations(pieces, issues);
        if pieces.is_empty() {
            pieces.push(Piece::helper("import marimo as mo"));
        }
        statistics.cells_written = pieces.len();
        issues.sort_by_key(|issue| {
            (
                issue.cell.unwrap_or(0),
                std::cmp::Reverse(issue.severity),
                issue.line,
            )
        });
        self
    }

    /// Keeps a cell that marimo can't take as a comment.
    pub fn mark(&mut self, index: usize, message: &str, line: Option<usize>) {
        let Some(piece) = self.pieces.get_mut(index) else {
            return;
        };
        let action = "correct it, and take away the comment signs";
        let issue = Issue::new(
            Severity::Manual,
            "refused",
            format!("marimo can't take the cell: {message}"),
        )
        .source(
            piece
                .code
                .lines()
                .nth(line.unwrap_or(1).saturating_sub(1))
                .unwrap_or_default(),
        )
        .done("the cell was kept as a comment")
        .action(action);
        let issue = piece.about(Issue { line, ..issue });
        piece.code = as_comment(piece.code.trim_end(), &format!("{message}; {action}"));
        piece.role = Role::Code;
        piece.hidden = false;
        self.statistics.kept_as_comment += 1;
        self.issues.push(issue);
    }
}

/// Imports that stand at the top of cells, as statements of one name.
fn imports(pieces: &[Piece]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for piece in pieces {
        let Ok(module) = parse_module(&piece.code) else {
            continue;
        };
        for used in scope::names(&module.into_syntax().body).uses {
            if let Access::Import(import) = used.access
                && used.direct
                && !import.dotted
                && !import.what.contains(':')
            {
                found.insert(match import.what == used.name {
                    true => format!("import {}", used.name),
                    false => format!("import {} as {}", import.what, used.name),
                });
            }
        }
    }
    found
}

/// The `# /// script` block of a cell, which belongs to the top of a file.
fn script_metadata(source: &str) -> (Option<String>, String) {
    let mut header: Option<Vec<&str>> = None;
    let mut rest = Vec::new();
    let mut open = false;
    for line in source.split('\n') {
        match (open, line.trim_end()) {
            (false, "# /// script") if header.is_none() => {
                open = true;
                header = Some(vec!["# /// script"]);
            }
            (true, line) if line == "#" || line.starts_with("# ") => {
                header.get_or_insert_default().push(line);
                open = line != "# ///";
            }
            _ => rest.push(line),
        }
    }
    match header {
        Some(header) if !open => (Some(header.join("\n")), rest.join("\n")),
        _ => (None, source.to_owned()),
    }
}

/// Names of cells that can't be names, or are there twice, are left out.
fn names_of_cells(pieces: &mut [Piece]) {
    let mut seen = BTreeSet::new();
    for piece in pieces {
        let usable = piece.name.as_ref().is_some_and(|name| {
            !matches!(&**name, "setup" | "app" | "marimo")
                && super::literal::identifier(name) == name
                && seen.insert(name.clone())
        });
        if !usable {
            piece.name = None;
        }
    }
}

/// Names that nobody defines.
fn undefined(pieces: &[Piece], issues: &mut Vec<Issue>) {
    let mut written = BTreeSet::new();
    let mut read: BTreeMap<String, usize> = BTreeMap::new();
    for (index, piece) in pieces.iter().enumerate() {
        let Ok(module) = parse_module(&piece.code) else {
            continue;
        };
        let names = scope::names(&module.into_syntax().body);
        written.extend(names.written().into_iter().map(str::to_owned));
        if piece.role == Role::Code {
            for name in names.read() {
                read.entry(name.to_owned()).or_insert(index);
            }
        }
    }
    for (name, index) in read {
        let of_modules = name.starts_with("__") && name.ends_with("__");
        if written.contains(&name) || scope::is_builtin(&name) || of_modules {
            continue;
        }
        let issue = Issue::new(Severity::Review, "undefined", format!("no cell defines `{name}`"))
            .source(&name)
            .action("define it: it may have come from a cell that was deleted, from a magic, or from a script that was run");
        issues.push(pieces[index].about(issue));
    }
}

/// Cells that change what another made: marimo does not see that.
fn mutations(pieces: &[Piece], issues: &mut Vec<Issue>) {
    for piece in pieces.iter().filter(|piece| piece.role == Role::Code) {
        let Ok(module) = parse_module(&piece.code) else {
            continue;
        };
        let body = module.into_syntax().body;
        let names = scope::names(&body);
        let mut changed = BTreeSet::new();
        for statement in &body {
            changed.extend(mutated(statement).filter(|name| !names.writes(name)));
        }
        changed.retain(|name| {
            names.uses.iter().any(|u| u.name == *name)
                && !names
                    .uses
                    .iter()
                    .any(|u| u.name == *name && matches!(u.access, Access::Import(_)))
        });
        if changed.is_empty() {
            continue;
        }
        let listed: Vec<String> = changed.iter().map(|name| format!("`{name}`")).collect();
        let listed = listed.join(", ");
        let issue = Issue::new(Severity::Info, "mutation", format!("the cell changes {listed}, which another cell made"))
            .source(changed.first().map_or("", String::as_str))
            .done("it was left as it is: in a run from top to bottom it works as before")
            .action("where cells are run again by hand, make a new value instead, or change it in the cell that made it");
        issues.push(piece.about(issue));
    }
}

fn mutated(statement: &Stmt) -> std::vec::IntoIter<String> {
    fn root(expression: &Expr) -> Option<String> {
        match expression {
            Expr::Name(name) => Some(name.id.to_string()),
            Expr::Attribute(node) => root(&node.value),
            Expr::Subscript(node) => root(&node.value),
            Expr::Call(_) => None,
            _ => None,
        }
    }
    let part = |target: &Expr| match target {
        Expr::Attribute(node) => root(&node.value),
        Expr::Subscript(node) => root(&node.value),
        _ => None,
    };
    let names: Vec<String> = match statement {
        Stmt::Assign(node) => node.targets.iter().filter_map(part).collect(),
        Stmt::AugAssign(node) => part(&node.target).into_iter().collect(),
        Stmt::Delete(node) => node.targets.iter().filter_map(part).collect(),
        Stmt::Expr(node) => match &*node.value {
            Expr::Call(call) => match &*call.func {
                Expr::Attribute(method) if changes(method.attr.as_str(), call) => {
                    root(&method.value).into_iter().collect()
                }
                _ => Vec::new(),
            },
            _ => Vec::new(),
        },
        _ => Vec::new(),
    };
    names.into_iter()
}

fn changes(method: &str, call: &ruff_python_ast::ExprCall) -> bool {
    let inplace = call
        .arguments
        .keywords
        .iter()
        .any(|keyword| keyword.arg.as_ref().is_some_and(|name| name == "inplace"));
    inplace
        || matches!(
            method,
            "append"
                | "extend"
                | "insert"
                | "remove"
                | "update"
                | "setdefault"
                | "popitem"
                | "clear"
                | "sort"
                | "reverse"
                | "discard"
        )
}

const RUN_SHELL: &str = r#"def run_shell(command):
    """Run a command line and print what it says, as `!command` did in Jupyter."""
    import subprocess

    done = subprocess.run(
        command,
        shell=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    print(done.stdout, end="")"#;

const SHELL_LINES: &str = r#"def shell_lines(command):
    """Run a command line and return the lines it prints, as `name = !command` did."""
    import subprocess

    done = subprocess.run(
        command, shell=True, stdout=subprocess.PIPE, text=True, errors="replace"
    )
    return done.stdout.splitlines()"#;

const RUN_SCRIPT: &str = r#"def run_script(program, text):
    """Give a text to a program and print what it says, as `%%bash` did in Jupyter."""
    import subprocess

    done = subprocess.run(
        [program],
        input=text,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    print(done.stdout, end="")
    done.check_returncode()"#;

const DISPLAY: &str = r#"def display(*values, **options):
    """Show values in the cell's output, as Jupyter's `display` did."""
    import marimo

    for value in values:
        marimo.output.append(value)"#;

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use serde_json::json;

    use super::*;

    /// Cells of code, as they come out, and what is said of them.
    fn converted(cells: &[&str], exports: &Exports) -> String {
        let cells: Vec<Value> = cells
            .iter()
            .map(|source| json!({"cell_type": "code", "source": source, "metadata": {}, "outputs": []}))
            .collect();
        let notebook = json!({"nbformat": 4, "metadata": {}, "cells": cells}).to_string();
        let draft = draft(notebook.as_bytes(), Options::default())
            .unwrap()
            .finish(exports);
        let mut out = String::new();
        for piece in draft.pieces.iter().filter(|piece| piece.role == Role::Code) {
            let _ = writeln!(out, "--- {:?}\n{}", piece.origins, piece.text());
        }
        for issue in &draft.issues {
            let _ = writeln!(
                out,
                "{} {} {:?}: {}; {}",
                issue.severity.as_str(),
                issue.code,
                issue.cell,
                issue.reason,
                issue.done
            );
        }
        out
    }

    fn of(cells: &[&str]) -> String {
        converted(cells, &Exports::new())
    }

    #[test]
    fn each_definition_gets_a_name_and_readers_follow() {
        insta::assert_snapshot!(of(&[
            "df = load()  # first\ndf_1 = 0",
            "print(df)\ndf = df.dropna()\nprint(df, df_1)",
            "if x:\n    df = None",
            "def show(): return df\nx = [df for df in df]",
            "for i in df: pass",
            "for i in df: total = i",
            "print(f\"{df.shape} {df:>{i}}\")",
        ]));
    }

    #[test]
    fn imports_are_there_once() {
        insta::assert_snapshot!(of(&[
            "import os\nfrom a import (b,\n    c as d)",
            "import os, sys  # again\nfrom a import b, e\nif os:\n    import os",
            "import os.path\nimport os as system\nx = os.path",
            "from time import time",
            "import time\ntime.sleep(0)",
            "os = 3",
            "import os",
        ]));
    }

    #[test]
    fn functions_and_deletions() {
        insta::assert_snapshot!(of(&[
            "def f():\n    global n\n    n += k\nn = 1",
            "n = f()",
            "del n, k\nif k:\n    del n",
            "k = 2; m = 1\ndel m",
            "def a(): return b()",
            "def b(): return a()",
            "_x = 1",
            "print(_x)",
            "class K:\n    n = n\n    def m(self): return n",
        ]));
    }

    #[test]
    fn types_of_functions_and_classes_are_their_own() {
        let cells = [
            "T = 1",
            "def f[T](x: T) -> T:\n    return x\nclass A[U](list[U]):\n    def g(self, x: U) -> U: return x\ntype P[V] = list[V] | W",
            "T = 5; U = 6; V = 7\nprint(T, U, V)",
            "W = f(A)",
        ];
        let text = of(&cells);
        assert!(text.contains("def f[T](x: T) -> T:"), "{text}");
        assert!(!text.contains("no cell defines"), "{text}");
    }

    #[test]
    fn stars_become_names() {
        let names = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
        let exports: Exports = [
            ("math".to_owned(), names(&["sqrt", "pow"])),
            ("numpy".to_owned(), names(&["array", "sum"])),
            ("gone".to_owned(), None),
        ]
        .into();
        let cells = [
            "from math import *\nif 1:\n    from numpy import *",
            "from gone import *",
            "array([sqrt(2), mystery, sum, len])",
        ];
        insta::assert_snapshot!(converted(&cells, &exports));
        let two: Exports = [("gone".to_owned(), None), ("lost".to_owned(), None)].into();
        let cells = ["from gone import *\nfrom lost import *\nx = mystery"];
        insta::assert_snapshot!(converted(&cells, &two));
    }

    #[test]
    fn what_only_jupyter_has_is_marked() {
        insta::assert_snapshot!(of(&[
            "a = Out[3]; b = 1\nprint(b)",
            "x = %unheard of",
            "if b:\n    %unheard of\n    %matplotlib inline",
            "%matplotlib inline",
            "# a comment\n%matplotlib inline",
            "print 'a'",
            "x = = 1",
            "%%capture\nprint('''a\nb''')",
            "%%capture\nif b:\n    print(b)",
            "%%time\n%%bash\nls",
            "from __future__ import division\nfrom IPython.display import display, HTML\ndisplay(1)",
            "import ipywidgets as w",
        ]));
    }
}
