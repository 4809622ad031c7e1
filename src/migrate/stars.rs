//! `from module import *`, which marimo refuses, as imports of the names that are used.

use std::collections::{BTreeMap, BTreeSet};

use ruff_python_ast::Stmt;
use ruff_text_size::{Ranged as _, TextSize};

use super::cells::{Piece, Role};
use super::edits::{Edit, apply, line_at};
use super::ipython::TODO;
use super::scope::Names;
use super::{Issue, Severity, Statistics, scope};

/// What modules export, as far as it could be found out.
pub type Exports = BTreeMap<String, Option<BTreeSet<String>>>;

/// The modules that a notebook imports everything from.
pub fn modules(pieces: &[Piece]) -> BTreeSet<String> {
    let of = |piece: &Piece| -> Vec<String> {
        let body = piece.body();
        star_imports(&body).map(|(_, name)| name).collect()
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

/// Names that neither a cell nor Python defines.
fn open(pieces: &[Piece]) -> BTreeSet<String> {
    let (mut read, mut written) = (BTreeSet::new(), BTreeSet::new());
    for piece in pieces.iter().filter(|piece| piece.role != Role::Markdown) {
        let names = piece.names();
        written.extend(names.written().into_iter().map(str::to_owned));
        if piece.role == Role::Code {
            read.extend(names.read().into_iter().map(str::to_owned));
        }
    }
    let is_open = |name: &String| !written.contains(name) && !scope::is_builtin(name);
    read.into_iter().filter(is_open).collect()
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
    let mut taken = taken(pieces, exports, &open);
    let mut left = open;
    left.retain(|name| !taken.values().any(|names| names.contains(name)));
    left.retain(|name| {
        !["get_ipython", "display", "In", "Out", "exit", "quit"].contains(&&**name)
            && !name.starts_with('_')
    });
    if let [only] = unknown[..] {
        for star in stars(pieces)
            .into_iter()
            .filter(|star| star.module == *only)
        {
            taken.insert((star.piece, star.start), left.clone());
        }
    }
    for (index, piece) in pieces.iter_mut().enumerate() {
        replace((index, piece), &taken, &left, exports, issues, statistics);
    }
}

/// The names that are imported in place of a star, by the cell and where it stands there.
type Taken = BTreeMap<(usize, TextSize), BTreeSet<String>>;

/// One `from module import *`.
#[derive(Debug)]
struct Star {
    piece: usize,
    /// Where it stands in the cell's text.
    start: TextSize,
    /// The statement of the cell that it is, or is in.
    statement: usize,
    module: String,
}

fn stars(pieces: &[Piece]) -> Vec<Star> {
    let mut found = Vec::new();
    for (piece, text) in pieces.iter().enumerate() {
        let body = text.body();
        for (node, module) in star_imports(&body) {
            let start = node.range.start();
            let statement = body.iter().position(|one| one.range().contains(start));
            found.push(Star {
                piece,
                start,
                statement: statement.unwrap_or(0),
                module,
            });
        }
    }
    found
}

/// Of what each star brings, what is read before a cell or another star gives the name anew.
fn taken(pieces: &[Piece], exports: &Exports, open: &BTreeSet<String>) -> Taken {
    let stars = stars(pieces);
    let names: Vec<Names> = pieces
        .iter()
        .map(|piece| match piece.role {
            Role::Markdown => Names::default(),
            Role::Helper | Role::Code => piece.names(),
        })
        .collect();
    let read: BTreeSet<&str> = names.iter().flat_map(|names| names.read()).collect();
    let mut taken = Taken::new();
    for (index, star) in stars.iter().enumerate() {
        let Some(Some(exported)) = exports.get(&star.module) else {
            continue;
        };
        let later = &stars[index + 1..];
        let needed = exported.iter().filter(|name| {
            read.contains(&***name) && is_needed(name, star, later, &names, exports)
        });
        taken.insert((star.piece, star.start), needed.cloned().collect());
    }
    // What only functions above a star read has it from the last.
    for name in open {
        let brings = |star: &&Star| matches!(exports.get(&star.module), Some(Some(all)) if all.contains(name));
        if !taken.values().any(|names| names.contains(name))
            && let Some(star) = stars.iter().rfind(brings)
        {
            taken
                .entry((star.piece, star.start))
                .or_default()
                .insert(name.clone());
        }
    }
    taken
}

fn is_needed(name: &str, star: &Star, later: &[Star], cells: &[Names], exports: &Exports) -> bool {
    for (cell, names) in cells.iter().enumerate().skip(star.piece) {
        let from = if cell == star.piece {
            star.statement + 1
        } else {
            0
        };
        let sure = names.sure.iter().enumerate().skip(from);
        let sure = sure
            .filter(|(_, certain)| certain.contains(name))
            .map(|(statement, _)| statement);
        let stars = later.iter().filter(|other| {
            other.piece == cell
                && matches!(exports.get(&other.module), Some(Some(all)) if all.contains(name))
        });
        let end = sure.chain(stars.map(|other| other.statement)).min();
        let to = end.map_or(usize::MAX, |end| end + 1);
        match (names.first_is_read(name, from, to), end) {
            (Some(true), _) => return true,
            (_, Some(_)) => return false,
            _ => {}
        }
    }
    false
}

fn replace(
    (index, piece): (usize, &mut Piece),
    taken: &Taken,
    left: &BTreeSet<String>,
    exports: &Exports,
    issues: &mut Vec<Issue>,
    statistics: &mut Statistics,
) {
    let body = piece.body();
    let mut edits = Vec::new();
    for (node, name) in star_imports(&body) {
        let source = &piece.code[node.range];
        let line = line_at(&piece.code, node.range.start());
        let issue = |severity| {
            Issue::new(
                severity,
                "star-import",
                format!("marimo refuses `{source}`: it must know each name"),
            )
            .line(line)
            .source(source)
        };
        let at_top = body
            .iter()
            .any(|s| matches!(s, Stmt::ImportFrom(top) if top.range == node.range));
        let comment = |text: &str| match at_top {
            true => Edit::comment(&piece.code, node.range, text),
            false => Edit::pass(&piece.code, node.range, text),
        };
        let (edit, issue) = match taken.get(&(index, node.range.start())) {
            Some(names) if !names.is_empty() => {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                let names = names.join(", ");
                let known = matches!(exports.get(&*name), Some(Some(_)));
                let severity = if known {
                    Severity::Info
                } else {
                    Severity::Review
                };
                let done = format!("the names that are used are imported: {names}");
                let issue = issue(severity).done(done);
                let edit = Edit {
                    range: node.range,
                    text: format!("from {name} import {names}"),
                };
                let action = format!(
                    "see whether all of these come from `{name}`, which was not found here"
                );
                (edit, if known { issue } else { issue.action(action) })
            }
            Some(_) => (
                comment(&format!("# {source}: nothing of it was used")),
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
                    comment(&format!(
                        "{TODO} import the names that are used, one by one\n# {source}"
                    )),
                    issue(Severity::Manual)
                        .done("it was kept as a comment")
                        .action(action),
                )
            }
        };
        edits.push(edit);
        issues.push(piece.about(issue));
    }
    if !edits.is_empty() {
        piece.code = apply(&piece.code, edits);
    }
}
