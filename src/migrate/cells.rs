//! One cell's code as Python that marimo can run.

use std::collections::BTreeSet;

use ruff_python_ast::{Alias, Stmt, StmtImportFrom};
use ruff_python_parser::parse_module;
use ruff_text_size::{Ranged as _, TextSize};

use super::edits::{Edit, apply, hashed, line_at};
use super::ipython::{TODO, as_comment};
use super::magics::{Need, Translated};
use super::scope::{self, Access, Imported, Names, Use};
use super::{Issue, Severity, Statistics, blank_lines, figures, ipython, read};

/// Where a piece comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Written by the migration.
    Helper,
    /// A Markdown or raw cell.
    Markdown,
    /// A code cell.
    Code,
}

/// A cell of the result.
#[derive(Debug, Clone)]
pub struct Piece {
    /// Its code.
    pub code: String,
    /// Comments that go to its end: what it came to in Jupyter.
    pub trailer: String,
    /// Where it comes from.
    pub role: Role,
    /// The cells of the original, counted from 1.
    pub origins: Vec<usize>,
    /// The number that Jupyter shows beside it.
    pub execution_count: Option<u64>,
    /// Whether its code is hidden.
    pub hidden: bool,
    /// Whether it is switched off.
    pub disabled: bool,
    /// Its name.
    pub name: Option<String>,
}

impl Piece {
    /// One that the migration writes.
    pub fn helper(code: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            trailer: String::new(),
            role: Role::Helper,
            origins: Vec::new(),
            execution_count: None,
            hidden: false,
            disabled: false,
            name: None,
        }
    }

    /// Of a cell of the original.
    pub fn of(cell: &read::Cell, role: Role, code: String) -> Self {
        Self {
            code,
            role,
            origins: vec![cell.number],
            execution_count: cell.execution_count,
            hidden: cell.hidden || role == Role::Markdown,
            disabled: cell.disabled || cell.tags.iter().any(|tag| tag == "skip-execution"),
            name: cell.name.clone(),
            ..Self::helper("")
        }
    }

    /// An issue of this cell.
    pub fn about(&self, mut issue: Issue) -> Issue {
        issue.cell = self.origins.first().copied();
        issue.execution_count = self.execution_count;
        issue
    }

    /// Its statements; none if it is not Python.
    pub fn body(&self) -> Vec<Stmt> {
        parse_module(&self.code)
            .map(|module| module.into_syntax().body.into_iter().collect())
            .unwrap_or_default()
    }

    /// The global names in it.
    pub fn names(&self) -> Names {
        scope::names(&self.body())
    }

    /// The code as it is written. A cell of comments alone gets a value, or marimo's linter would
    /// have it removed.
    pub fn text(&self) -> String {
        let code = self.code.trim_end();
        let code = match self.trailer.is_empty() {
            true => code.to_owned(),
            false => format!("{code}\n{}", self.trailer.trim_end()),
        };
        let nothing = self.role == Role::Code
            && parse_module(&code).is_ok_and(|m| m.syntax().body.iter().all(Stmt::is_pass_stmt));
        if nothing {
            format!("{}\nNone", code.trim_start())
        } else {
            code
        }
    }
}

/// What a cell must know of the others.
#[derive(Debug, Default)]
pub struct Context {
    /// All names that cells define.
    pub written: BTreeSet<String>,
    /// Names of `matplotlib.pyplot`.
    pub pyplot: BTreeSet<String>,
}

impl Context {
    /// Looks at all code cells.
    pub fn of(cells: &[read::Cell]) -> Self {
        let mut context = Self::default();
        for cell in cells.iter().filter(|cell| cell.kind == read::Kind::Code) {
            let Ok(body) = ipython::parse_cell(&cell.source) else {
                continue;
            };
            let names = scope::names(&body);
            for used in &names.uses {
                if let Access::Import(import) = &used.access
                    && matches!(
                        &*import.what,
                        "matplotlib.pyplot" | "matplotlib:pyplot" | "pylab"
                    )
                {
                    context.pyplot.insert(used.name.clone());
                }
            }
            let is_jupyters = |name: &str| is_jupyters(name) || name == "display";
            let written = names
                .written()
                .into_iter()
                .filter(|name| !is_jupyters(name) || gives(&names, name));
            context.written.extend(written.map(str::to_owned));
        }
        context
    }
}

/// What is said of a magic that becomes a comment.
pub const DROPPED: &str = "it became a comment";

/// A cell that is being translated.
#[derive(Debug)]
pub struct Cell<'a> {
    /// The original.
    pub cell: &'a read::Cell,
    /// What is counted.
    pub statistics: &'a mut Statistics,
    /// What is to be said.
    pub issues: &'a mut Vec<Issue>,
    /// What must be beside it.
    pub needs: &'a mut BTreeSet<Need>,
    /// Comments in place of what marimo does not need.
    pub dropped: Vec<String>,
    /// How many lines of the cell are above the code that is being looked at.
    pub above: usize,
}

impl Cell<'_> {
    /// Something about this cell.
    pub fn issue(&mut self, mut issue: Issue) {
        issue.line = issue.line.map(|line| line + self.above);
        issue.cell = Some(self.cell.number);
        issue.execution_count = self.cell.execution_count;
        self.issues.push(issue);
    }

    /// What became of a magic.
    pub fn note(&mut self, what: &Translated, source: &str, line: usize, done: &str) {
        self.needs.extend(what.needs.iter().copied());
        let done = match (&what.code, what.severity) {
            (Some(_), _) => {
                self.statistics.magics_translated += 1;
                done.to_owned()
            }
            (None, Severity::Manual) => {
                self.statistics.kept_as_comment += 1;
                "it was kept as a comment".to_owned()
            }
            (None, _) => {
                self.statistics.magics_dropped += 1;
                DROPPED.to_owned()
            }
        };
        let reason = match what.reason.is_empty() {
            true => "it is IPython's, not Python's".to_owned(),
            false => what.reason.clone(),
        };
        let issue = Issue::new(what.severity, "magic", reason)
            .line(line)
            .source(source)
            .done(done);
        self.issue(issue.action(what.action.clone()));
    }

    /// The cell's code, translated; `None` if nothing is left of it.
    pub fn code(&mut self, context: &Context) -> Option<String> {
        let known = |name: &str| context.written.contains(name);
        let source = self.cell.source.trim_start_matches('\n');
        self.above = self.cell.source.len() - source.len();
        let code = ipython::translate(self, source.trim_end(), &known);
        let code = self.statements(&code, context);
        let code = figures::shown(self, code, context);
        let code = blank_lines::emptied(&code);
        let is_left =
            |line: &str| !line.trim().is_empty() && !self.dropped.iter().any(|d| d == line.trim());
        let left = code.lines().any(is_left);
        left.then_some(code)
    }

    /// Statements that marimo's cells can't have, and what else must be said of them.
    fn statements(&mut self, code: &str, context: &Context) -> String {
        let Ok(module) = parse_module(code) else {
            return code.to_owned();
        };
        let body = module.into_syntax().body;
        let names = scope::names(&body);
        let mut edits = Vec::new();
        for (index, statement) in body.iter().enumerate() {
            let line = line_at(code, statement.start());
            let source = &code[statement.range()];
            if let Stmt::ImportFrom(node) = statement
                && let Some(edit) = self.import(node, code, line)
            {
                edits.push(edit);
                continue;
            }
            let of_jupyter = |used: &&Use| {
                used.statement == index
                    && used.access == Access::Read
                    && is_jupyters(&used.name)
                    && !gives(&names, &used.name)
                    && !context.written.contains(&used.name)
            };
            let mut of_jupyter = names.uses.iter().filter(of_jupyter);
            // A function that asks for the shell expects that there may be none.
            let Some(used) = of_jupyter.find(|used| !(used.late && used.name == "get_ipython"))
            else {
                continue;
            };
            let (reason, action) = jupyters(&used.name);
            self.statistics.kept_as_comment += 1;
            self.issue(
                Issue::new(Severity::Manual, "jupyter", &reason)
                    .line(line)
                    .source(source)
                    .done("the statement was kept as a comment")
                    .action(action),
            );
            let text = as_comment(source, &format!("{reason}; {action}"));
            edits.push(Edit::comment(code, statement.range(), &text));
        }
        let shows = names
            .uses
            .iter()
            .any(|u| u.name == "display" && u.access == Access::Read);
        if shows && !context.written.contains("display") {
            self.needs.insert(Need::Display);
        }
        self.of_ipython(&names, code);
        self.widgets(&names, &mut edits);
        apply(code, edits)
    }

    /// `from __future__` and `from IPython.display import display`, which become comments.
    fn import(&mut self, node: &StmtImportFrom, code: &str, line: usize) -> Option<Edit> {
        let module = node.module.as_ref()?.as_str();
        let source = &code[node.range];
        if module == "__future__" {
            let annotations = node.names.iter().any(|alias| &*alias.name == "annotations");
            let issue = match annotations {
                false => Issue::new(Severity::Info, "future", "Python 3 needs no such import"),
                true => Issue::new(
                    Severity::Review,
                    "future",
                    "such an import must be a file's first, and cells are functions",
                )
                .action("put annotations that name later classes in quotes"),
            };
            self.issue(issue.line(line).source(source).done(DROPPED));
            return Some(self.dropped(node, code));
        }
        if !is_display(module) {
            return None;
        }
        let is_plain = |alias: &&Alias| &*alias.name == "display" && alias.asname.is_none();
        let (display, kept): (Vec<_>, Vec<_>) = node.names.iter().partition(is_plain);
        if display.is_empty() {
            return None;
        }
        self.needs.insert(Need::Display);
        if kept.is_empty() {
            return Some(self.dropped(node, code));
        }
        let kept: Vec<String> = kept
            .iter()
            .map(|alias| match &alias.asname {
                Some(name) => format!("{} as {name}", alias.name),
                None => alias.name.to_string(),
            })
            .collect();
        Some(Edit {
            range: node.range,
            text: format!("from {module} import {}", kept.join(", ")),
        })
    }

    fn dropped(&mut self, node: &StmtImportFrom, code: &str) -> Edit {
        let comment = hashed(&code[node.range]);
        self.dropped.extend(comment.lines().map(str::to_owned));
        Edit::comment(code, node.range, &comment)
    }

    /// What is imported from IPython, wherever in the cell.
    fn of_ipython(&mut self, names: &Names, code: &str) {
        let mut told = BTreeSet::new();
        for used in &names.uses {
            let Access::Import(import) = &used.access else {
                continue;
            };
            let is_replaced = used.direct && import.plain.is_some() && is_its_display(import);
            if root(import) != "IPython" || is_replaced || !told.insert(import.statement.start()) {
                continue;
            }
            let reason = match import.what.split(':').next().is_some_and(is_display) {
                true => "it needs the package `ipython` in marimo's environment",
                false => "it needs the package `ipython`, and marimo does not run in its shell",
            };
            let issue = Issue::new(Severity::Review, "ipython", reason)
                .line(line_at(code, import.statement.start()))
                .source(&code[import.statement])
                .done("it was left as it is");
            self.issue(issue.action(
                "add `ipython` to the project, or use `mo.Html`, `mo.md`, `mo.image`, `mo.video` and `mo.audio`",
            ));
        }
        if let Some(at) = code.find("ast_node_interactivity") {
            let line = code[..at].matches('\n').count() + 1;
            self.issue(
                Issue::new(
                    Severity::Review,
                    "interactivity",
                    "Jupyter was told which values of a cell to show, and marimo shows the last",
                )
                .line(line)
                .source(code.lines().nth(line - 1).unwrap_or_default())
                .action("put several values into `mo.vstack([…])`, or print them"),
            );
        }
    }

    fn widgets(&mut self, names: &Names, edits: &mut Vec<Edit>) {
        let import = names.uses.iter().find_map(|used| match &used.access {
            Access::Import(import) if root(import) == "ipywidgets" => Some(import),
            _ => None,
        });
        let Some(import) = import else { return };
        let reason = "marimo does not show ipywidgets, and their callbacks don't run cells";
        let action = "use `mo.ui.slider`, `mo.ui.dropdown` and the like: cells that read their `.value` run again by themselves";
        self.issue(
            Issue::new(Severity::Manual, "widgets", reason)
                .source(&import.what)
                .done("the code was left as it is, with a comment")
                .action(action),
        );
        edits.push(Edit::insert(
            TextSize::new(0),
            format!("{TODO} {reason}; {action}\n"),
        ));
    }
}

/// The package that an import is of.
fn root(import: &Imported) -> &str {
    import.what.split(['.', ':']).next().unwrap_or_default()
}

fn is_display(module: &str) -> bool {
    matches!(module, "IPython.display" | "IPython.core.display")
}

/// `display` of IPython, which a function of the notebook's own replaces.
fn is_its_display(import: &Imported) -> bool {
    import.what.strip_suffix(":display").is_some_and(is_display)
}

/// Whether a cell defines a name that is else Jupyter's: `get_ipython` of IPython is Jupyter's still.
fn gives(names: &Names, name: &str) -> bool {
    names.uses.iter().any(|used| {
        used.name == name
            && match &used.access {
                Access::Read | Access::Delete => false,
                Access::Import(import) => root(import) != "IPython",
                _ => true,
            }
    })
}

/// Names that only Jupyter has.
fn is_jupyters(name: &str) -> bool {
    let numbered = |rest: &str| rest.bytes().all(|b| b.is_ascii_digit());
    match name {
        "get_ipython" | "In" | "Out" | "_" | "__" | "___" | "_i" | "_ii" | "_iii" | "_ih"
        | "_oh" | "_dh" | "_exit_code" => true,
        other => match other.strip_prefix('_') {
            Some(rest) if !rest.is_empty() => {
                numbered(rest)
                    || rest
                        .strip_prefix('i')
                        .is_some_and(|r| !r.is_empty() && numbered(r))
            }
            _ => false,
        },
    }
}

fn jupyters(name: &str) -> (String, &'static str) {
    match name {
        "get_ipython" => (
            "`get_ipython()` is Jupyter's shell".to_owned(),
            "find what the call did in Python or marimo",
        ),
        _ => (
            format!("`{name}` is Jupyter's history"),
            "give the value a name where it is made, and use that",
        ),
    }
}
