//! One cell's code as Python that marimo can run.

use std::collections::BTreeSet;

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Expr, Stmt};
use ruff_python_parser::parse_module;
use ruff_text_size::{Ranged, TextRange};

use super::definitions::{Edit, apply};
use super::ipython::{TODO, as_comment};
use super::magics::{Need, Translated};
use super::scope::{self, Access};
use super::{Issue, Severity, Statistics, ipython, read};

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
            let displays = names.uses.iter().any(|used| {
                matches!(&used.access, Access::Import(import) if import.what.starts_with("IPython.") && import.what.ends_with(":display"))
            });
            let written = names
                .written()
                .into_iter()
                .filter(|name| !(displays && *name == "display"));
            context.written.extend(written.map(str::to_owned));
        }
        context
    }
}

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
}

impl Cell<'_> {
    /// Something about this cell.
    pub fn issue(&mut self, mut issue: Issue) {
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
                "it became a comment".to_owned()
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
        let source = self.cell.source.trim_matches('\n').trim_end();
        let code = ipython::translate(self, source, &known);
        let code = self.statements(&code, context);
        let code = figures(self, code, context);
        let code = blank_lines(&code);
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
            let line = code[..statement.start().to_usize()].matches('\n').count() + 1;
            let source = &code[statement.range()];
            if let Some(text) = self.import(statement, source, line) {
                edits.push(Edit {
                    range: statement.range(),
                    text,
                });
                continue;
            }
            let of_jupyter = names.uses.iter().find(|used| {
                used.statement == index
                    && used.access == Access::Read
                    && is_jupyters(&used.name)
                    && !names.writes(&used.name)
                    && !context.written.contains(&used.name)
            });
            if let Some(used) = of_jupyter {
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
                edits.push(Edit {
                    range: whole(code, statement.range()),
                    text: on_lines(code, statement.range(), &text),
                });
            }
        }
        let shows = names
            .uses
            .iter()
            .any(|u| u.name == "display" && u.access == Access::Read);
        if shows && !context.written.contains("display") {
            self.needs.insert(Need::Display);
        }
        self.widgets(&names, &mut edits);
        apply(code, edits)
    }

    /// `from __future__` and `from IPython.display import display`.
    fn import(&mut self, statement: &Stmt, source: &str, line: usize) -> Option<String> {
        let node = statement.as_import_from_stmt()?;
        let module = node.module.as_ref()?.as_str();
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
            self.issue(issue.line(line).source(source).done("it became a comment"));
            let comment = format!("# {}", source.replace('\n', "\n# "));
            self.dropped.extend(comment.lines().map(str::to_owned));
            return Some(comment);
        }
        if !matches!(module, "IPython.display" | "IPython.core.display") {
            return None;
        }
        let (display, kept): (Vec<_>, Vec<_>) = node
            .names
            .iter()
            .partition(|alias| &*alias.name == "display" && alias.asname.is_none());
        if !kept.is_empty() {
            self.issue(
                Issue::new(Severity::Review, "ipython", "it needs the package `ipython` in marimo's environment")
                    .line(line).source(source).done("it was left as it is")
                    .action("add `ipython` to the project, or use `mo.Html`, `mo.md`, `mo.image`, `mo.video` and `mo.audio`"),
            );
        }
        if display.is_empty() {
            return None;
        }
        self.needs.insert(Need::Display);
        if kept.is_empty() {
            let comment = format!("# {}", source.replace('\n', "\n# "));
            self.dropped.extend(comment.lines().map(str::to_owned));
            return Some(comment);
        }
        let kept: Vec<String> = kept
            .iter()
            .map(|alias| match &alias.asname {
                Some(name) => format!("{} as {name}", alias.name),
                None => alias.name.to_string(),
            })
            .collect();
        Some(format!("from {module} import {}", kept.join(", ")))
    }

    fn widgets(&mut self, names: &scope::Names, edits: &mut Vec<Edit>) {
        let import = names.uses.iter().find_map(|used| match &used.access {
            Access::Import(import)
                if import.what.split(['.', ':']).next() == Some("ipywidgets") =>
            {
                Some(import)
            }
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
        let at = TextRange::empty(import.statement.start());
        edits.push(Edit {
            range: at,
            text: format!("{TODO} {reason}; {action}\n"),
        });
    }
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

/// A statement's range, with the `;` behind it.
fn whole(code: &str, range: TextRange) -> TextRange {
    let rest = &code[range.end().to_usize()..];
    let trimmed = rest.trim_start_matches([' ', '\t']);
    match trimmed.strip_prefix(';') {
        Some(after) => {
            let after = after.trim_start_matches([' ', '\t']);
            let length = u32::try_from(rest.len() - after.len()).unwrap_or(0);
            TextRange::new(
                range.start(),
                range.end() + ruff_text_size::TextSize::new(length),
            )
        }
        None => range,
    }
}

/// Comments on lines of their own.
fn on_lines(code: &str, range: TextRange, comment: &str) -> String {
    let before = &code[..range.start().to_usize()];
    let after = &code[whole(code, range).end().to_usize()..];
    let lead = if before.is_empty() || before.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    let tail = if after.is_empty() || after.starts_with('\n') {
        ""
    } else {
        "\n"
    };
    format!("{lead}{comment}{tail}")
}

/// Functions of pyplot that draw.
const DRAWS: &[&str] = &[
    "plot",
    "scatter",
    "bar",
    "barh",
    "hist",
    "hist2d",
    "imshow",
    "matshow",
    "boxplot",
    "violinplot",
    "pie",
    "fill_between",
    "contour",
    "contourf",
    "errorbar",
    "step",
    "stem",
    "subplots",
    "subplot",
    "figure",
    "title",
    "suptitle",
    "xlabel",
    "ylabel",
    "legend",
    "axhline",
    "axvline",
    "axis",
    "grid",
    "xlim",
    "ylim",
    "xticks",
    "yticks",
    "tight_layout",
    "text",
    "annotate",
    "loglog",
    "semilogx",
    "semilogy",
    "pcolormesh",
    "hexbin",
    "quiver",
    "streamplot",
    "stackplot",
    "specgram",
    "colorbar",
    "axes",
    "gca",
];

/// Jupyter showed every open figure when a cell ended; marimo shows the value of the last line.
fn figures(cell: &mut Cell<'_>, code: String, context: &Context) -> String {
    let Ok(module) = parse_module(&code) else {
        return code;
    };
    let body = &module.syntax().body;
    let mut drawing = Drawing {
        pyplot: &context.pyplot,
        drawn: None,
        shown: false,
    };
    drawing.visit_body(body);
    let ends_with_figure = body.last().is_some_and(|last| {
        last.as_expr_stmt()
            .is_some_and(|last| last.value.is_name_expr())
    });
    let Some(pyplot) = drawing
        .drawn
        .filter(|_| !drawing.shown && !ends_with_figure)
    else {
        return code;
    };
    cell.issue(
        Issue::new(
            Severity::Info,
            "figure",
            "Jupyter shows figures at a cell's end",
        )
        .done(format!("`{pyplot}.show()` was added")),
    );
    format!("{}\n{pyplot}.show()", code.trim_end())
}

struct Drawing<'a> {
    pyplot: &'a BTreeSet<String>,
    drawn: Option<String>,
    shown: bool,
}

impl<'a> Visitor<'a> for Drawing<'_> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        if !matches!(statement, Stmt::FunctionDef(_) | Stmt::ClassDef(_)) {
            visitor::walk_stmt(self, statement);
        }
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        if let Expr::Call(call) = expression
            && let Expr::Attribute(attribute) = &*call.func
        {
            let function = attribute.attr.as_str();
            if let Expr::Name(name) = &*attribute.value
                && self.pyplot.contains(name.id.as_str())
                && DRAWS.contains(&function)
            {
                self.drawn.get_or_insert_with(|| name.id.to_string());
            }
            self.shown |= matches!(function, "show" | "close");
        }
        visitor::walk_expr(self, expression);
    }
}

/// marimo empties lines of white space when it reads a cell. Where that would change a text, they
/// are written as escapes; elsewhere they are emptied now.
fn blank_lines(code: &str) -> String {
    if !code
        .split('\n')
        .any(|line| !line.is_empty() && line.trim().is_empty())
    {
        return code.to_owned();
    }
    let Ok(parsed) = parse_module(code) else {
        return code.to_owned();
    };
    let mut plain: Vec<TextRange> = Vec::new();
    let mut raw: Vec<TextRange> = Vec::new();
    for token in parsed.tokens() {
        use ruff_python_ast::token::TokenKind::{FStringMiddle, String as Text, TStringMiddle};
        if !matches!(token.kind(), Text | FStringMiddle | TStringMiddle) {
            continue;
        }
        let prefix = code[token.range()]
            .split(['"', '\''])
            .next()
            .unwrap_or_default();
        match prefix.to_lowercase().contains('r') && token.kind() == Text {
            true => raw.push(token.range()),
            false => plain.push(token.range()),
        }
    }
    let mut out = String::with_capacity(code.len());
    let mut at = 0usize;
    for line in code.split_inclusive('\n') {
        let text = line.strip_suffix('\n').unwrap_or(line);
        let inside = |ranges: &[TextRange]| {
            ranges
                .iter()
                .any(|r| r.start().to_usize() < at && at + text.len() < r.end().to_usize())
        };
        if text.is_empty() || !text.trim().is_empty() || inside(&raw) {
            out.push_str(line);
        } else if inside(&plain) {
            let first = if text.starts_with('\t') {
                "\\t"
            } else {
                "\\x20"
            };
            out.push_str(first);
            out.push_str(&text[text.chars().next().map_or(0, char::len_utf8)..]);
            out.push_str(&line[text.len()..]);
        } else {
            out.push_str(&line[text.len()..]);
        }
        at += line.len();
    }
    out
}
