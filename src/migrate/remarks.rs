//! What is said of the notebook as a whole, and can't be mended.

use std::collections::{BTreeMap, BTreeSet};

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Expr, ExprCall, Stmt};

use super::cells::{Piece, Role};
use super::scope::{self, Access};
use super::{Issue, Severity};

/// Methods that change what they are called on.
const CHANGES: &[&str] = &[
    "add",
    "append",
    "appendleft",
    "clear",
    "discard",
    "extend",
    "insert",
    "pop",
    "popitem",
    "popleft",
    "remove",
    "reverse",
    "setdefault",
    "sort",
    "update",
];

/// What IPython's list of lines has, and a list has not.
const OF_LINES: &[&str] = &[
    "fields", "grep", "l", "list", "n", "nlstr", "p", "paths", "s", "spstr",
];

/// Names that nobody defines.
pub fn undefined(pieces: &[Piece], issues: &mut Vec<Issue>) {
    let mut written = BTreeSet::new();
    let mut read: BTreeMap<String, usize> = BTreeMap::new();
    for (index, piece) in pieces.iter().enumerate() {
        let names = piece.names();
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
pub fn mutations(pieces: &[Piece], issues: &mut Vec<Issue>) {
    for piece in pieces.iter().filter(|piece| piece.role == Role::Code) {
        let body = piece.body();
        let names = scope::names(&body);
        let mut changes = Changes(BTreeSet::new());
        changes.visit_body(&body);
        let mut changed = changes.0;
        changed.retain(|name| {
            let mut uses = names.uses.iter().filter(|u| u.name == *name).peekable();
            uses.peek().is_some()
                && !names.writes(name)
                && !uses.any(|u| matches!(u.access, Access::Import(_)))
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

/// Uses of what only IPython's list of lines has: `files = !ls` and `files.grep("x")`.
pub fn lines_of_shell(pieces: &[Piece], issues: &mut Vec<Issue>) {
    let bodies: Vec<(&Piece, Vec<Stmt>)> =
        pieces.iter().map(|piece| (piece, piece.body())).collect();
    let mut lines = Lines::default();
    for (_, body) in &bodies {
        lines.visit_body(body);
    }
    for (piece, body) in bodies {
        lines.used.clear();
        lines.visit_body(&body);
        for (name, method) in std::mem::take(&mut lines.used) {
            let reason = format!("`{name}` is a list now, which has no `{method}`");
            let issue = Issue::new(Severity::Review, "lines", reason)
                .source(&format!("{name}.{method}"))
                .action("write out what it does: `.s` is `\" \".join(lines)`, `.n` is `\"\\n\".join(lines)`, and `.grep(…)` a comprehension");
            issues.push(piece.about(issue));
        }
    }
}

/// A file that is called as a module is, and that Python finds in its place.
pub fn shadow(pieces: &[Piece], name: &str, of_python: &BTreeSet<String>, issues: &mut Vec<Issue>) {
    let is_imported = pieces.iter().any(|piece| {
        let mut uses = piece.names().uses.into_iter();
        uses.any(|used| match used.access {
            Access::Import(import) => import.what.split(['.', ':']).next() == Some(name),
            _ => false,
        })
    });
    let reason = match is_imported {
        true => format!("`{name}.py` hides the module `{name}`, which the notebook imports"),
        false if of_python.contains(name) => {
            format!("`{name}.py` hides Python's module `{name}` from all that import it")
        }
        false => return,
    };
    let issue = Issue::new(Severity::Review, "shadow", reason);
    issues.push(issue.action("give the notebook another name: `--to other_name.py`"));
}

/// The names of lists of lines, and what of them is used that lists have not.
#[derive(Default)]
struct Lines {
    names: BTreeSet<String>,
    used: BTreeSet<(String, String)>,
}

impl<'a> Visitor<'a> for Lines {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        if let Stmt::Assign(node) = statement
            && let Expr::Call(call) = &*node.value
            && call
                .func
                .as_name_expr()
                .is_some_and(|name| name.id.as_str() == "shell_lines")
        {
            let names = node.targets.iter().filter_map(Expr::as_name_expr);
            self.names.extend(names.map(|name| name.id.to_string()));
        }
        visitor::walk_stmt(self, statement);
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        if let Expr::Attribute(node) = expression
            && let Expr::Name(name) = &*node.value
            && self.names.contains(name.id.as_str())
            && OF_LINES.contains(&node.attr.as_str())
        {
            self.used
                .insert((name.id.to_string(), node.attr.to_string()));
        }
        visitor::walk_expr(self, expression);
    }
}

/// Names whose values statements change. Functions change them when they are called.
struct Changes(BTreeSet<String>);

impl Changes {
    fn part(&mut self, target: &Expr) {
        match target {
            Expr::Attribute(node) => self.0.extend(root(&node.value)),
            Expr::Subscript(node) => self.0.extend(root(&node.value)),
            Expr::Tuple(node) => node.elts.iter().for_each(|target| self.part(target)),
            _ => {}
        }
    }
}

impl<'a> Visitor<'a> for Changes {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::FunctionDef(_) | Stmt::ClassDef(_) => return,
            Stmt::Assign(node) => node.targets.iter().for_each(|target| self.part(target)),
            Stmt::AugAssign(node) => self.part(&node.target),
            Stmt::Delete(node) => node.targets.iter().for_each(|target| self.part(target)),
            _ => {}
        }
        visitor::walk_stmt(self, statement);
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::Lambda(_) => return,
            Expr::Call(call) => {
                if let Expr::Attribute(method) = &*call.func
                    && changes(method.attr.as_str(), call)
                {
                    self.0.extend(root(&method.value));
                }
            }
            _ => {}
        }
        visitor::walk_expr(self, expression);
    }
}

/// The name that an expression begins with.
fn root(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Name(name) => Some(name.id.to_string()),
        Expr::Attribute(node) => root(&node.value),
        Expr::Subscript(node) => root(&node.value),
        _ => None,
    }
}

fn changes(method: &str, call: &ExprCall) -> bool {
    let mut keywords = call.arguments.keywords.iter();
    let in_place = keywords.any(|keyword| keyword.arg.as_ref().is_some_and(|arg| arg == "inplace"));
    in_place || CHANGES.contains(&method)
}
