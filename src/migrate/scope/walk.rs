//! The walk through a cell that finds its global names.

use std::collections::BTreeSet;

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{
    Alias, Comprehension, ExceptHandler, Expr, ExprCall, ExprContext, InterpolatedStringElement,
    Parameters, Pattern, Stmt, TypeParams,
};
use ruff_text_size::TextRange;

use super::bindings::{Bindings, captured};
use super::sure::{bound, targets};
use super::{Access, Imported, Use};

/// What surrounds the place that is looked at.
struct Scope {
    bound: BTreeSet<String>,
    global: BTreeSet<String>,
    is_class: bool,
}

/// The way through statements and expressions, and what was found on it.
#[derive(Default)]
pub(super) struct Walk {
    pub(super) uses: Vec<Use>,
    /// The words of all texts.
    pub(super) texts: Vec<Use>,
    /// Something evaluates texts.
    pub(super) evaluates: bool,
    /// Something evaluates what can't be seen, or takes all names.
    pub(super) opaque: bool,
    pub(super) statement: usize,
    /// The next statement is one of the cell's own.
    pub(super) top: bool,
    scopes: Vec<Scope>,
    direct: bool,
    before: bool,
    late: usize,
}

impl Walk {
    fn add(&mut self, name: &str, range: TextRange, access: Access) {
        if self.is_local(name) {
            return;
        }
        // A class's body reads the global until it has bound the name itself.
        let binds = matches!(access, Access::Write | Access::Change | Access::Import(_));
        let class = self.scopes.last_mut().filter(|scope| scope.is_class);
        if let Some(class) = class.filter(|class| binds && !class.global.contains(name)) {
            class.bound.insert(name.to_owned());
            return;
        }
        let used = self.used(name, range, access);
        self.uses.push(used);
    }

    fn used(&self, name: &str, range: TextRange, access: Access) -> Use {
        Use {
            name: name.to_owned(),
            range,
            access,
            statement: self.statement,
            late: self.late > 0,
            direct: self.direct,
            before: self.before,
        }
    }

    /// The words of a text, which may be names where something evaluates it.
    fn words(&mut self, text: &str, range: TextRange) {
        for word in text.split(|c: char| !(c.is_alphanumeric() || c == '_')) {
            let may_be_name = word.starts_with(|c: char| c.is_alphabetic() || c == '_');
            if may_be_name && !self.is_local(word) {
                let used = self.used(word, range, Access::Read);
                self.texts.push(used);
            }
        }
    }

    /// What a call says of the names that its texts may hold.
    fn called(&mut self, call: &ExprCall) {
        let is_text =
            |argument: &Expr| matches!(argument, Expr::StringLiteral(_) | Expr::FString(_));
        match &*call.func {
            Expr::Name(name) => match name.id.as_str() {
                "eval" | "exec" => {
                    self.evaluates = true;
                    self.opaque |= !call.arguments.args.first().is_some_and(is_text);
                }
                "globals" | "locals" | "vars" if call.arguments.args.is_empty() => {
                    self.evaluates = true;
                    self.opaque = true;
                }
                _ => {}
            },
            Expr::Attribute(method) => {
                let method = method.attr.as_str();
                self.evaluates |= matches!(method, "query" | "eval" | "sql" | "execute");
            }
            _ => {}
        }
    }

    fn is_local(&self, name: &str) -> bool {
        for (depth, scope) in self.scopes.iter().rev().enumerate() {
            if scope.global.contains(name) {
                return false;
            }
            // A class's names are not seen from functions inside it.
            if scope.bound.contains(name) && (!scope.is_class || depth == 0) {
                return true;
            }
        }
        false
    }

    fn within(&mut self, scope: Scope, work: impl FnOnce(&mut Self)) {
        self.scopes.push(scope);
        work(self);
        self.scopes.pop();
    }

    fn evaluated_before(&mut self, work: impl FnOnce(&mut Self)) {
        // Inside a loop or a branch, what comes first in a statement may come after another.
        let is_before = self.before || self.direct;
        let before = std::mem::replace(&mut self.before, is_before);
        work(self);
        self.before = before;
    }

    fn function(&mut self, parameters: Option<&Parameters>, body: &[Stmt], value: Option<&Expr>) {
        let mut bindings = Bindings::of(body);
        if let Some(parameters) = parameters {
            bindings
                .bound
                .extend(parameters.iter().map(|p| p.name().to_string()));
        }
        let scope = Scope {
            bound: bindings.bound,
            global: bindings.global,
            is_class: false,
        };
        self.late += 1;
        self.within(scope, |walk| {
            for statement in body {
                walk.visit_stmt(statement);
            }
            if let Some(value) = value {
                walk.visit_expr(value);
            }
        });
        self.late -= 1;
    }

    /// Names of types, which only what they stand at knows.
    fn typed(&mut self, parameters: Option<&TypeParams>, work: impl FnOnce(&mut Self)) {
        let Some(parameters) = parameters else {
            return work(self);
        };
        let scope = Scope {
            bound: parameters.iter().map(|p| p.name().to_string()).collect(),
            global: BTreeSet::new(),
            is_class: false,
        };
        self.within(scope, |walk| {
            walk.visit_type_params(parameters);
            work(walk);
        });
    }

    fn signature(&mut self, parameters: &Parameters) {
        for parameter in parameters {
            if let Some(default) = parameter.default() {
                self.visit_expr(default);
            }
            if let Some(annotation) = parameter.annotation() {
                self.visit_expr(annotation);
            }
        }
    }

    fn comprehension(&mut self, generators: &[Comprehension], results: &[&Expr]) {
        if let Some(first) = generators.first() {
            self.visit_expr(&first.iter);
        }
        self.inside(generators, results);
    }

    /// A comprehension but for what it goes through.
    fn inside(&mut self, generators: &[Comprehension], results: &[&Expr]) {
        let mut bound = BTreeSet::new();
        for generator in generators {
            bound.extend(targets(&generator.target));
        }
        let scope = Scope {
            bound,
            global: BTreeSet::new(),
            is_class: false,
        };
        self.within(scope, |walk| {
            for (index, generator) in generators.iter().enumerate() {
                if index > 0 {
                    walk.visit_expr(&generator.iter);
                }
                walk.visit_expr(&generator.target);
                for condition in &generator.ifs {
                    walk.visit_expr(condition);
                }
            }
            for result in results {
                walk.visit_expr(result);
            }
        });
    }

    fn import(&mut self, names: &[Alias], statement: TextRange, module: Option<&str>) {
        for alias in names {
            let dotted = module.is_none() && alias.asname.is_none() && alias.name.contains('.');
            let what = match module {
                Some(module) => format!("{module}:{}", alias.name),
                None if dotted => bound(alias).to_owned(),
                None => alias.name.to_string(),
            };
            let imported = Imported {
                what,
                plain: alias.asname.is_none().then(|| alias.name.to_string()),
                dotted,
                statement,
                siblings: names.len(),
            };
            let range = alias.asname.as_ref().map_or(alias.range, |name| name.range);
            self.add(bound(alias), range, Access::Import(imported));
        }
    }
}

impl<'a> Visitor<'a> for Walk {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        let direct = std::mem::take(&mut self.top);
        let outer = std::mem::replace(&mut self.direct, direct);
        match statement {
            Stmt::FunctionDef(node) => {
                self.evaluated_before(|walk| {
                    for decorator in &node.decorator_list {
                        walk.visit_expr(&decorator.expression);
                    }
                    walk.typed(node.type_params.as_deref(), |walk| {
                        walk.signature(&node.parameters);
                        if let Some(returns) = &node.returns {
                            walk.visit_expr(returns);
                        }
                    });
                });
                self.add(&node.name, node.name.range, Access::Write);
                self.typed(node.type_params.as_deref(), |walk| {
                    walk.function(Some(&node.parameters), &node.body, None);
                });
            }
            Stmt::ClassDef(node) => {
                self.evaluated_before(|walk| {
                    for decorator in &node.decorator_list {
                        walk.visit_expr(&decorator.expression);
                    }
                    walk.typed(node.type_params.as_deref(), |walk| {
                        if let Some(arguments) = &node.arguments {
                            walk.visit_arguments(arguments);
                        }
                    });
                });
                self.add(&node.name, node.name.range, Access::Write);
                let scope = Scope {
                    bound: BTreeSet::new(),
                    global: Bindings::of(&node.body).global,
                    is_class: true,
                };
                self.typed(node.type_params.as_deref(), |walk| {
                    walk.within(scope, |walk| walk.visit_body(&node.body));
                });
            }
            Stmt::TypeAlias(node) => {
                self.visit_expr(&node.name);
                // It is evaluated when it is asked for.
                self.late += 1;
                self.typed(node.type_params.as_deref(), |walk| {
                    walk.visit_expr(&node.value);
                });
                self.late -= 1;
            }
            Stmt::Import(node) => self.import(&node.names, node.range, None),
            Stmt::ImportFrom(node) => {
                let dots = ".".repeat(node.level as usize);
                let module = node.module.as_ref().map_or("", |name| name.as_str());
                self.import(&node.names, node.range, Some(&format!("{dots}{module}")));
            }
            Stmt::Global(node) => {
                for name in &node.names {
                    self.add(name, name.range, Access::Global);
                }
            }
            Stmt::Assign(node) => {
                self.evaluated_before(|walk| walk.visit_expr(&node.value));
                for target in &node.targets {
                    self.visit_expr(target);
                }
            }
            Stmt::AnnAssign(node) => {
                self.evaluated_before(|walk| {
                    walk.visit_expr(&node.annotation);
                    if let Some(value) = &node.value {
                        walk.visit_expr(value);
                    }
                });
                self.visit_expr(&node.target);
            }
            Stmt::AugAssign(node) => {
                self.evaluated_before(|walk| walk.visit_expr(&node.value));
                match &*node.target {
                    Expr::Name(name) => self.add(&name.id, name.range, Access::Change),
                    other => self.visit_expr(other),
                }
            }
            Stmt::For(node) => {
                self.evaluated_before(|walk| walk.visit_expr(&node.iter));
                self.visit_expr(&node.target);
                self.visit_body(&node.body);
                self.visit_body(&node.orelse);
            }
            other => visitor::walk_stmt(self, other),
        }
        self.direct = outer;
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::Name(name) => {
                let access = match name.ctx {
                    ExprContext::Store => Access::Write,
                    ExprContext::Del => Access::Delete,
                    _ => Access::Read,
                };
                self.add(&name.id, name.range, access);
            }
            Expr::Lambda(node) => {
                if let Some(parameters) = &node.parameters {
                    self.signature(parameters);
                }
                self.function(node.parameters.as_deref(), &[], Some(&node.body));
            }
            Expr::ListComp(node) => self.comprehension(&node.generators, &[&node.elt]),
            Expr::SetComp(node) => self.comprehension(&node.generators, &[&node.elt]),
            // It runs when it is asked for; a function that gets one asks at once.
            Expr::Generator(node) => {
                if let Some(first) = node.generators.first() {
                    self.visit_expr(&first.iter);
                }
                self.late += 1;
                self.inside(&node.generators, &[&node.elt]);
                self.late -= 1;
            }
            Expr::DictComp(node) => {
                let mut results: Vec<&Expr> = node.key.as_deref().into_iter().collect();
                results.push(&node.value);
                self.comprehension(&node.generators, &results);
            }
            Expr::StringLiteral(node) => self.words(node.value.to_str(), node.range),
            Expr::Call(call) => {
                self.called(call);
                self.visit_expr(&call.func);
                for argument in &call.arguments.args {
                    match argument {
                        Expr::Generator(node) => {
                            self.comprehension(&node.generators, &[&node.elt]);
                        }
                        other => self.visit_expr(other),
                    }
                }
                for keyword in &call.arguments.keywords {
                    self.visit_expr(&keyword.value);
                }
            }
            other => visitor::walk_expr(self, other),
        }
    }

    fn visit_interpolated_string_element(&mut self, element: &'a InterpolatedStringElement) {
        if let InterpolatedStringElement::Literal(text) = element {
            self.words(&text.value, text.range);
        }
        visitor::walk_interpolated_string_element(self, element);
    }

    fn visit_except_handler(&mut self, handler: &'a ExceptHandler) {
        let ExceptHandler::ExceptHandler(inner) = handler;
        if let Some(kind) = &inner.type_ {
            self.visit_expr(kind);
        }
        // The name is gone after the handler, so it is nobody else's.
        let scope = Scope {
            bound: inner.name.iter().map(ToString::to_string).collect(),
            global: BTreeSet::new(),
            is_class: false,
        };
        self.within(scope, |walk| walk.visit_body(&inner.body));
    }

    fn visit_pattern(&mut self, pattern: &'a Pattern) {
        if let Some((name, range)) = captured(pattern) {
            self.add(name, range, Access::Write);
        }
        visitor::walk_pattern(self, pattern);
    }
}
