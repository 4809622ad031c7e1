//! `from module import *`, which marimo refuses, as imports of the names that are used.

use std::collections::{BTreeMap, BTreeSet};

use ruff_python_ast::Stmt;
use ruff_python_parser::parse_module;

use super::cells::{Piece, Role};
use super::definitions::{Edit, apply};
use super::{Issue, Severity, Statistics, scope};

/// What modules export, as far as it could be found out.
pub type Exports = BTreeMap<String, Option<BTreeSet<String>>>;

/// The modules that a notebook imports everything from.
pub fn modules(pieces: &[Piece]) -> BTreeSet<String> {
    let of = |piece: &Piece| match parse_module(&piece.code) {
        Ok(module) => star_imports(&module.into_syntax().body)
            .map(|(_, name)| name)
            .collect(),
        Err(_) => Vec::new(),
    };
    pieces.iter().flat_map(of).collect()
}

/// Star imports are only allowed at the top of a module, but may stand in `if` and `try`.
fn star_imports(body: &[Stmt]) -> std::vec::IntoIter<(&ruff_python_ast::StmtImportFrom, String)> {
    let mut found = Vec::new();
    collect(body, &mut found);
    found.into_iter()
}

fn collect<'a>(body: &'a [Stmt], found: &mut Vec<(&'a ruff_python_ast::StmtImportFrom, String)>) {
    for statement in body {
        match statement {
            Stmt::ImportFrom(node) if node.names.iter().any(|alias| &*alias.name == "*") => {
                let module = node.module.as_ref().map_or("", |name| name.as_str());
                found.push((node, format!("{}{module}", ".".repeat(node.level as usize))));
            }
            Stmt::If(node) => {
                collect(&node.body, found);
                for clause in &node.elif_else_clauses {
                    collect(&clause.body, found);
                }
            }
            Stmt::Try(node) => {
                collect(&node.body, found);
                for handler in &node.handlers {
                    let ruff_python_ast::ExceptHandler::ExceptHandler(handler) = handler;
                    collect(&handler.body, found);
                }
                collect(&node.orelse, found);
            }
            Stmt::With(node) => collect(&node.body, found),
            _ => {}
        }
    }
}

/// Names that no cell defines: those that Python has, and those that it hasn't.
#[derive(Debug, Default)]
struct Open {
    builtin: BTreeSet<String>,
    unknown: BTreeSet<String>,
}

fn open(pieces: &[Piece]) -> Open {
    let (mut read, mut written) = (BTreeSet::new(), BTreeSet::new());
    for piece in pieces.iter().filter(|piece| piece.role == Role::Code) {
        let Ok(module) = parse_module(&piece.code) else {
            continue;
        };
        let names = scope::names(&module.into_syntax().body);
        read.extend(names.read().into_iter().map(str::to_owned));
        written.extend(names.written().into_iter().map(str::to_owned));
    }
    for piece in pieces.iter().filter(|piece| piece.role == Role::Helper) {
        let Ok(module) = parse_module(&piece.code) else {
            continue;
        };
        let names = scope::names(&module.into_syntax().body);
        written.extend(names.written().into_iter().map(str::to_owned));
    }
    let open = read.into_iter().filter(|name| !written.contains(name));
    let (builtin, unknown) = open.partition(|name| scope::is_builtin(name));
    Open { builtin, unknown }
}

/// Replaces every star import.
pub fn resolve(
    pieces: &mut [Piece],
    exports: &Exports,
    issues: &mut Vec<Issue>,
    statistics: &mut Statistics,
) {
    let modules = modules(pieces);
    if modules.is_empty() {
        return;
    }
    let open = open(pieces);
    let unknown: Vec<&String> = modules
        .iter()
        .filter(|m| !matches!(exports.get(*m), Some(Some(_))))
        .collect();
    let mut left = open.unknown.clone();
    let mut taken: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    // A later import wins in Jupyter, but modules that export one name twice mean the same by it.
    for module in &modules {
        if let Some(Some(exported)) = exports.get(module) {
            let mut used: BTreeSet<String> = left.intersection(exported).cloned().collect();
            used.extend(open.builtin.intersection(exported).cloned());
            left.retain(|name| !used.contains(name));
            taken.insert(module, used);
        }
    }
    left.retain(|name| {
        !["get_ipython", "display", "In", "Out", "exit", "quit"].contains(&&**name)
            && !name.starts_with('_')
    });
    if let [only] = unknown[..] {
        taken.insert(only, left.clone());
    }
    for piece in pieces.iter_mut() {
        replace(piece, &taken, &left, exports, issues, statistics);
    }
}

fn replace(
    piece: &mut Piece,
    taken: &BTreeMap<&str, BTreeSet<String>>,
    left: &BTreeSet<String>,
    exports: &Exports,
    issues: &mut Vec<Issue>,
    statistics: &mut Statistics,
) {
    let Ok(module) = parse_module(&piece.code) else {
        return;
    };
    let module = module.into_syntax();
    let mut edits = Vec::new();
    for (node, name) in star_imports(&module.body) {
        let source = &piece.code[node.range];
        let line = piece.code[..node.range.start().to_usize()]
            .matches('\n')
            .count()
            + 1;
        let issue = |severity| {
            Issue::new(
                severity,
                "star-import",
                format!("marimo refuses `{source}`: it must know each name"),
            )
            .line(line)
            .source(source)
        };
        let at_top = module
            .body
            .iter()
            .any(|s| matches!(s, Stmt::ImportFrom(top) if top.range == node.range));
        let filler = if at_top { "" } else { "pass  " };
        let (text, issue) = match taken.get(&*name) {
            Some(names) if !names.is_empty() => {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                let known = matches!(exports.get(&*name), Some(Some(_)));
                let issue = issue(if known {
                    Severity::Info
                } else {
                    Severity::Review
                });
                let issue = issue.done(format!(
                    "the names that are used are imported: {}",
                    names.join(", ")
                ));
                (
                    format!("from {name} import {}", names.join(", ")),
                    match known {
                        true => issue,
                        false => issue.action(format!(
                            "see whether all of these come from `{name}`, which was not found here"
                        )),
                    },
                )
            }
            Some(_) => (
                format!("{filler}# {source}: nothing of it was used"),
                issue(Severity::Info).done("it was left out: no cell uses any of its names"),
            ),
            None => {
                statistics.kept_as_comment += 1;
                let names: Vec<&str> = left.iter().map(String::as_str).collect();
                let action = format!(
                    "import from `{name}` the names that come from it; without a definition are: {}",
                    names.join(", ")
                );
                (
                    format!(
                        "{filler}# TODO(migrate): import the names that are used, one by one\n# {source}"
                    ),
                    issue(Severity::Manual)
                        .done("it was kept as a comment")
                        .action(action),
                )
            }
        };
        edits.push(Edit {
            range: node.range,
            text,
        });
        issues.push(piece.about(issue));
    }
    if !edits.is_empty() {
        piece.code = apply(&piece.code, edits);
    }
}
