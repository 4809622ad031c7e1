//! Which names certainly have a value after a statement.

use std::collections::BTreeSet;

use ruff_python_ast::{Alias, ExceptHandler, Expr, Stmt};

/// Names that certainly have a value when a statement is over. A loop is taken to run at least once.
pub(super) fn sure(statement: &Stmt) -> BTreeSet<String> {
    let all = |body: &[Stmt]| -> BTreeSet<String> { body.iter().flat_map(sure).collect() };
    match statement {
        Stmt::If(node) => {
            let complete = node
                .elif_else_clauses
                .last()
                .is_some_and(|c| c.test.is_none());
            if !complete {
                return BTreeSet::new();
            }
            let branches = node
                .elif_else_clauses
                .iter()
                .map(|clause| all(&clause.body));
            branches.fold(all(&node.body), |sure, other| &sure & &other)
        }
        Stmt::Try(node) => {
            let handlers = node.handlers.iter().map(|handler| {
                let ExceptHandler::ExceptHandler(handler) = handler;
                all(&handler.body)
            });
            let body = &all(&node.body) | &all(&node.orelse);
            let both = handlers.fold(body, |sure, other| &sure & &other);
            &both | &all(&node.finalbody)
        }
        Stmt::With(node) => {
            let mut names = all(&node.body);
            for item in &node.items {
                names.extend(item.optional_vars.iter().flat_map(|vars| targets(vars)));
            }
            names
        }
        Stmt::For(node) => targets(&node.target),
        Stmt::Assign(node) => node.targets.iter().flat_map(targets).collect(),
        Stmt::AnnAssign(node) if node.value.is_some() => targets(&node.target),
        Stmt::FunctionDef(node) => [node.name.to_string()].into(),
        Stmt::ClassDef(node) => [node.name.to_string()].into(),
        Stmt::TypeAlias(node) => targets(&node.name),
        Stmt::Import(node) => node
            .names
            .iter()
            .map(|alias| bound(alias).to_owned())
            .collect(),
        Stmt::ImportFrom(node) => node
            .names
            .iter()
            .map(|alias| bound(alias).to_owned())
            .collect(),
        _ => BTreeSet::new(),
    }
}

/// The names in an assignment's target.
pub(super) fn targets(target: &Expr) -> BTreeSet<String> {
    match target {
        Expr::Name(name) => [name.id.to_string()].into(),
        Expr::Tuple(tuple) => tuple.elts.iter().flat_map(targets).collect(),
        Expr::List(list) => list.elts.iter().flat_map(targets).collect(),
        Expr::Starred(starred) => targets(&starred.value),
        _ => BTreeSet::new(),
    }
}

/// The name that an import binds.
pub(super) fn bound(alias: &Alias) -> &str {
    match &alias.asname {
        Some(name) => name,
        None => alias.name.split('.').next().unwrap_or(&alias.name),
    }
}
