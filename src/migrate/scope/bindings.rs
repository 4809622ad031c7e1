//! Names that the body of a function or class binds.

use std::collections::BTreeSet;

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{ExceptHandler, Expr, ExprContext, Pattern, Stmt};
use ruff_text_size::TextRange;

use super::sure::{bound, targets};

/// The names of its own that a function or class has; of any other statement, none.
pub fn locals(statement: &Stmt) -> BTreeSet<String> {
    match statement {
        Stmt::FunctionDef(node) => {
            let mut bound = Bindings::of(&node.body).bound;
            bound.extend(node.parameters.iter().map(|p| p.name().to_string()));
            bound
        }
        Stmt::ClassDef(node) => Bindings::of(&node.body).bound,
        _ => BTreeSet::new(),
    }
}

/// Names bound in a function's or class's body itself.
#[derive(Default)]
pub(super) struct Bindings {
    pub(super) bound: BTreeSet<String>,
    pub(super) global: BTreeSet<String>,
}

impl Bindings {
    pub(super) fn of(body: &[Stmt]) -> Self {
        let mut bindings = Self::default();
        for statement in body {
            bindings.visit_stmt(statement);
        }
        for name in &bindings.global {
            bindings.bound.remove(name);
        }
        bindings
    }
}

impl<'a> Visitor<'a> for Bindings {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::FunctionDef(node) => {
                self.bound.insert(node.name.to_string());
            }
            Stmt::ClassDef(node) => {
                self.bound.insert(node.name.to_string());
            }
            Stmt::Import(node) => self
                .bound
                .extend(node.names.iter().map(|a| bound(a).to_owned())),
            Stmt::ImportFrom(node) => {
                self.bound
                    .extend(node.names.iter().map(|a| bound(a).to_owned()));
            }
            Stmt::Global(node) => self
                .global
                .extend(node.names.iter().map(ToString::to_string)),
            other => visitor::walk_stmt(self, other),
        }
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::Name(name) if name.ctx != ExprContext::Load => {
                self.bound.insert(name.id.to_string());
            }
            Expr::Lambda(_) => {}
            // Their targets are their own; a `:=` inside is not.
            Expr::ListComp(_) | Expr::SetComp(_) | Expr::DictComp(_) | Expr::Generator(_) => {
                let mut inner = Walruses(BTreeSet::new());
                inner.visit_expr(expression);
                self.bound.extend(inner.0);
            }
            other => visitor::walk_expr(self, other),
        }
    }

    fn visit_except_handler(&mut self, handler: &'a ExceptHandler) {
        let ExceptHandler::ExceptHandler(inner) = handler;
        self.bound
            .extend(inner.name.iter().map(ToString::to_string));
        visitor::walk_except_handler(self, handler);
    }

    fn visit_pattern(&mut self, pattern: &'a Pattern) {
        self.bound
            .extend(captured(pattern).map(|(name, _)| name.to_owned()));
        visitor::walk_pattern(self, pattern);
    }
}

struct Walruses(BTreeSet<String>);

impl<'a> Visitor<'a> for Walruses {
    fn visit_expr(&mut self, expression: &'a Expr) {
        if let Expr::Named(named) = expression {
            self.0.extend(targets(&named.target));
        }
        visitor::walk_expr(self, expression);
    }
}

/// The name that a pattern captures.
pub(super) fn captured(pattern: &Pattern) -> Option<(&str, TextRange)> {
    let name = match pattern {
        Pattern::MatchAs(node) => node.name.as_ref(),
        Pattern::MatchStar(node) => node.name.as_ref(),
        Pattern::MatchMapping(node) => node.rest.as_ref(),
        _ => None,
    }?;
    Some((name.as_str(), name.range))
}
