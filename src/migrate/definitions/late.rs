//! What functions read when they are called, and a cell below defines again.

use std::collections::BTreeSet;

use ruff_python_ast::{Expr, Stmt};

use super::Resolver;
use crate::migrate::cells::{Piece, Role};
use crate::migrate::scope::Use;
use crate::migrate::{Issue, Severity};

/// Methods that keep what they get.
const KEEPERS: &[&str] = &[
    "add",
    "append",
    "connect",
    "extend",
    "insert",
    "observe",
    "on_click",
    "register",
    "setdefault",
    "subscribe",
    "update",
];

impl Resolver<'_> {
    /// What a cell's functions use of its own, and a cell below defines again.
    pub(super) fn redefined_below(
        &self,
        warned: &mut BTreeSet<(usize, String)>,
        issues: &mut Vec<Issue>,
    ) {
        for (piece, index, version) in &self.resolved {
            let used = &self.names[*piece].uses[*index];
            let all = &self.versions[&used.name];
            let is_own = all[*version].piece == *piece && self.pieces[*piece].role == Role::Code;
            if is_own
                && used.late
                && all.len() > version + 1
                && self.escapes(*piece, used.statement)
                && warned.insert((*piece, used.name.clone()))
            {
                issues.push(late_binding(&self.pieces[*piece], used));
            }
        }
    }

    /// Whether a function of a statement may be called by other cells: they read its name, or what
    /// it was put into, or the name of a function that calls it.
    fn escapes(&self, piece: usize, statement: usize) -> bool {
        let body = &self.modules[piece];
        let mut functions = Functions::default();
        let mut open = vec![statement];
        let mut seen: BTreeSet<usize> = open.iter().copied().collect();
        while let Some(index) = open.pop() {
            match body.get(index).map(|statement| functions.follow(statement)) {
                Some(Way::Kept) => return true,
                Some(Way::Named(names)) => functions.names.extend(names),
                Some(Way::Ended) | None => {}
            }
            for used in &self.names[piece].uses {
                if functions.names.contains(&used.name) && seen.insert(used.statement) {
                    open.push(used.statement);
                }
            }
        }
        functions.names.iter().any(|name| {
            let own = self.own.get(&(piece, name.clone()));
            own.is_some_and(|own| self.versions[name][own.version].read_elsewhere)
        })
    }
}

/// What becomes of a function in a statement.
enum Way {
    /// It goes into something that other cells may have.
    Kept,
    /// These names are, hold or call it.
    Named(Vec<String>),
    /// It is used, and that is all.
    Ended,
}

/// Names that are, hold or call a function.
#[derive(Default)]
struct Functions {
    names: BTreeSet<String>,
    classes: BTreeSet<String>,
}

impl Functions {
    fn follow(&mut self, statement: &Stmt) -> Way {
        match statement {
            // A decorator may put it anywhere.
            Stmt::FunctionDef(node) if node.decorator_list.is_empty() => {
                Way::Named(vec![node.name.to_string()])
            }
            Stmt::ClassDef(node) if node.decorator_list.is_empty() => {
                self.classes.insert(node.name.to_string());
                Way::Named(vec![node.name.to_string()])
            }
            Stmt::FunctionDef(_) | Stmt::ClassDef(_) => Way::Kept,
            Stmt::Assign(node) => self.assigned(&node.targets, Some(&node.value)),
            Stmt::AnnAssign(node) => {
                let target = std::slice::from_ref(&*node.target);
                self.assigned(target, node.value.as_deref())
            }
            Stmt::Expr(node) => match &*node.value {
                Expr::Call(call) if call.func.as_attribute_expr().is_some_and(is_keeper) => {
                    match call.arguments.args.iter().any(|value| self.holds(value)) {
                        true => Way::Kept,
                        false => Way::Ended,
                    }
                }
                _ => Way::Ended,
            },
            // What is inside a branch or a loop may be any of these.
            Stmt::If(_) | Stmt::Try(_) | Stmt::With(_) | Stmt::For(_) | Stmt::While(_) => {
                Way::Named(names_of(statement))
            }
            _ => Way::Ended,
        }
    }

    fn assigned(&self, targets: &[Expr], value: Option<&Expr>) -> Way {
        if !value.is_some_and(|value| self.holds(value)) {
            return Way::Ended;
        }
        if targets.iter().any(|target| !target.is_name_expr()) {
            return Way::Kept;
        }
        let names = targets.iter().filter_map(Expr::as_name_expr);
        Way::Named(names.map(|name| name.id.to_string()).collect())
    }

    /// Whether a value is or holds a function. What a call returns does not, unless it is an object
    /// with methods.
    fn holds(&self, value: &Expr) -> bool {
        let any = |values: &[Expr]| values.iter().any(|value| self.holds(value));
        match value {
            Expr::Lambda(_) => true,
            Expr::Name(name) => self.names.contains(name.id.as_str()),
            Expr::Attribute(node) => self.holds(&node.value),
            Expr::Starred(node) => self.holds(&node.value),
            Expr::Named(node) => self.holds(&node.value),
            Expr::If(node) => self.holds(&node.body) || self.holds(&node.orelse),
            Expr::Tuple(node) => any(&node.elts),
            Expr::List(node) => any(&node.elts),
            Expr::Set(node) => any(&node.elts),
            Expr::Dict(node) => node.items.iter().any(|item| self.holds(&item.value)),
            Expr::ListComp(node) => self.holds(&node.elt),
            Expr::Call(call) => match &*call.func {
                Expr::Name(name) if self.classes.contains(name.id.as_str()) => true,
                Expr::Name(name) if name.id.as_str() == "partial" => any(&call.arguments.args),
                Expr::Attribute(node) if node.attr.as_str() == "partial" => {
                    any(&call.arguments.args)
                }
                _ => false,
            },
            _ => false,
        }
    }
}

fn is_keeper(method: &ruff_python_ast::ExprAttribute) -> bool {
    KEEPERS.contains(&method.attr.as_str())
}

/// All names that a statement binds.
fn names_of(statement: &Stmt) -> Vec<String> {
    let names = crate::migrate::scope::names(std::slice::from_ref(statement));
    names.written().into_iter().map(str::to_owned).collect()
}

/// A function that uses a name which a cell below defines again.
pub(super) fn late_binding(piece: &Piece, used: &Use) -> Issue {
    let name = &used.name;
    let reason = format!("a function reads `{name}`, which a cell below defines again");
    piece.about(
        Issue::new(Severity::Review, "late-binding", reason)
            .source(name)
            .done("the function reads the one above it, whenever it is called")
            .action(format!(
                "give it `{name}` as a parameter if later calls need the newer one"
            )),
    )
}
