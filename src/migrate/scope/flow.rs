//! Whether a statement may use the value that a name had before it.

use ruff_python_ast::visitor::Visitor as _;
use ruff_python_ast::{ExceptHandler, Expr, Stmt};

use super::Access;
use super::sure::{sure, targets};
use super::walk::Walk;

/// Whether a statement of a cell may use the old value of a name, on any way through it. What the
/// statement evaluates before it binds anything does not count, unless a function does it.
pub fn may_use_old(statement: &Stmt, name: &str) -> bool {
    Flow {
        name,
        nested: false,
    }
    .statement(statement, false)
    .used
}

/// Whether no function can run while a statement does.
pub fn calls_nothing(statement: &Stmt) -> bool {
    match statement {
        Stmt::FunctionDef(node) => {
            let mut defaults = node.parameters.iter().filter_map(|p| p.default());
            node.decorator_list.is_empty() && defaults.all(is_plain)
        }
        Stmt::Import(_) | Stmt::ImportFrom(_) | Stmt::Pass(_) | Stmt::Global(_) => true,
        Stmt::Assign(node) => {
            is_plain(&node.value) && node.targets.iter().all(|target| target.is_name_expr())
        }
        Stmt::Expr(node) => is_plain(&node.value),
        _ => false,
    }
}

/// Names, constants and functions, by themselves or listed.
fn is_plain(expression: &Expr) -> bool {
    match expression {
        Expr::Name(_) | Expr::Lambda(_) => true,
        Expr::Tuple(node) => node.elts.iter().all(is_plain),
        Expr::List(node) => node.elts.iter().all(is_plain),
        other => other.is_literal_expr(),
    }
}

/// What is known of a name after a part of a cell.
#[derive(Clone, Copy)]
struct State {
    /// Its old value may have been used.
    used: bool,
    /// It has a new one for certain.
    bound: bool,
}

struct Flow<'a> {
    name: &'a str,
    /// Inside another statement.
    nested: bool,
}

impl Flow<'_> {
    fn body(&self, body: &[Stmt], bound: bool) -> State {
        let inner = Self {
            name: self.name,
            nested: true,
        };
        let mut state = State { used: false, bound };
        for statement in body {
            let next = inner.statement(statement, state.bound);
            state.used |= next.used;
            state.bound = next.bound;
        }
        state
    }

    fn statement(&self, statement: &Stmt, bound: bool) -> State {
        if bound {
            return State { used: false, bound };
        }
        let mut state = State { used: false, bound };
        match statement {
            Stmt::If(node) => {
                state.used = self.reads(&node.test);
                let first = self.body(&node.body, false);
                let mut all = vec![first];
                for clause in &node.elif_else_clauses {
                    state.used |= clause.test.as_ref().is_some_and(|test| self.reads(test));
                    all.push(self.body(&clause.body, false));
                }
                let clauses = &node.elif_else_clauses;
                let complete = clauses.last().is_some_and(|last| last.test.is_none());
                state.used |= all.iter().any(|state| state.used);
                state.bound = complete && all.iter().all(|state| state.bound);
            }
            Stmt::Try(node) => {
                let body = self.body(&node.body, false);
                let or_else = self.body(&node.orelse, body.bound);
                let mut all = vec![State {
                    used: body.used || or_else.used,
                    bound: or_else.bound,
                }];
                for handler in &node.handlers {
                    let ExceptHandler::ExceptHandler(handler) = handler;
                    all.push(self.body(&handler.body, false));
                }
                let finally = self.body(&node.finalbody, false);
                state.used = finally.used || all.iter().any(|state| state.used);
                state.bound = finally.bound || all.iter().all(|state| state.bound);
            }
            Stmt::With(node) => {
                for item in &node.items {
                    state.used |= !state.bound && self.reads(&item.context_expr);
                    let vars = item.optional_vars.as_deref();
                    state.bound |= vars.is_some_and(|vars| targets(vars).contains(self.name));
                }
                let body = self.body(&node.body, state.bound);
                state.used |= body.used;
                state.bound = body.bound;
            }
            Stmt::For(node) => {
                state.used = self.nested && self.reads(&node.iter);
                let bound = targets(&node.target).contains(self.name);
                let body = self.body(&node.body, bound);
                state.used |= body.used || self.body(&node.orelse, bound).used;
                state.bound = bound;
            }
            Stmt::While(node) => {
                state.used = self.reads(&node.test)
                    || self.body(&node.body, false).used
                    || self.body(&node.orelse, false).used;
            }
            simple => {
                let mut walk = Walk::default();
                walk.top = !self.nested;
                walk.visit_stmt(simple);
                // What is defined is called later.
                let defines = simple.is_function_def_stmt() || simple.is_class_def_stmt();
                state.used = self.first_is_use(&walk, !defines && !calls_nothing(simple));
                state.bound = sure(simple).contains(self.name);
            }
        }
        state
    }

    fn reads(&self, expression: &Expr) -> bool {
        let mut walk = Walk::default();
        walk.visit_expr(expression);
        self.first_is_use(&walk, true)
    }

    /// Whether the old value is used first, or by a function that may be called at once.
    fn first_is_use(&self, walk: &Walk, calls: bool) -> bool {
        let of_name = || walk.uses.iter().filter(|u| u.name == self.name);
        let by_function = calls && of_name().any(|u| u.late);
        let mut at_once = of_name().filter(|u| !u.late && !u.before);
        let uses = |access: &Access| !matches!(access, Access::Write | Access::Import(_));
        by_function || at_once.next().is_some_and(|u| uses(&u.access))
    }
}
