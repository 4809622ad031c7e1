//! `del name` of another cell's name, which marimo refuses.

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Expr, Stmt, StmtDelete};
use ruff_text_size::Ranged as _;

use super::Resolver;
use crate::migrate::edits::{self, Edit};
use crate::migrate::{Issue, Severity, scope};

impl Resolver<'_> {
    /// Takes the names of other cells out of the `del` statements of one.
    pub(super) fn deletions(&self, piece: usize, edits: &mut Vec<Edit>, issues: &mut Vec<Issue>) {
        let mut deletions = Deletions {
            top: true,
            found: Vec::new(),
        };
        deletions.visit_body(&self.modules[piece]);
        for (statement, top) in deletions.found {
            let code = &self.pieces[piece].code;
            let is_foreign = |target: &&Expr| {
                target.as_name_expr().is_some_and(|name| {
                    let key = (piece, name.id.to_string());
                    self.versions.contains_key(name.id.as_str()) && !self.own.contains_key(&key)
                })
            };
            let (foreign, kept): (Vec<_>, Vec<_>) = statement.targets.iter().partition(is_foreign);
            if foreign.is_empty() {
                continue;
            }
            let source = &code[statement.range];
            let edit = match (kept.is_empty(), top) {
                (true, true) => Edit::comment(code, statement.range, &edits::hashed(source)),
                (true, false) => {
                    let comment = format!("# {}", source.replace('\n', " "));
                    Edit::pass(code, statement.range, &comment)
                }
                (false, _) => {
                    let kept: Vec<String> = kept
                        .iter()
                        .map(|target| edits::part(code, target.range(), edits))
                        .collect();
                    Edit {
                        range: statement.range,
                        text: format!("del {}", kept.join(", ")),
                    }
                }
            };
            edits.retain(|inner| {
                !statement.range.contains_range(inner.range) || inner.range.is_empty()
            });
            edits.push(edit);
            issues.push(self.pieces[piece].about(not_deleted(source, &foreign)));
        }
    }
}

fn not_deleted(source: &str, foreign: &[&Expr]) -> Issue {
    let brings_back = foreign.iter().any(|target| {
        let name = target.as_name_expr().map(|name| name.id.as_str());
        name.is_some_and(scope::is_builtin)
    });
    let (severity, action) = match brings_back {
        true => (
            Severity::Review,
            "it was deleted to have Python's own again: give it another name where it is defined",
        ),
        false => (
            Severity::Info,
            "where memory matters, define and use it in one cell, or in a function",
        ),
    };
    Issue::new(
        severity,
        "deleted",
        "a cell can't delete what another defines",
    )
    .source(source)
    .done("it is not deleted")
    .action(action)
}

struct Deletions<'a> {
    top: bool,
    found: Vec<(&'a StmtDelete, bool)>,
}

impl<'a> Visitor<'a> for Deletions<'a> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        let top = std::mem::replace(&mut self.top, false);
        match statement {
            Stmt::Delete(node) => self.found.push((node, top)),
            Stmt::FunctionDef(_) | Stmt::ClassDef(_) => {}
            other => visitor::walk_stmt(self, other),
        }
        self.top = top;
    }
}
