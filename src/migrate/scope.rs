//! Which global names a cell reads, writes and deletes, and where.

use std::collections::BTreeSet;

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{
    Alias, Comprehension, ExceptHandler, Expr, ExprContext, Parameters, Pattern, Stmt, TypeParams,
};
use ruff_text_size::TextRange;

/// What is done with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// Its value is used.
    Read,
    /// It gets a value.
    Write,
    /// It gets a value, and its old one is used for that.
    Change,
    /// It is deleted.
    Delete,
    /// An import binds it; what is imported, so that equal imports are equal.
    Import(Imported),
    /// A function says that the name is global.
    Global,
}

/// What an import binds to a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The module and, after a colon, what is taken from it.
    pub what: String,
    /// The text of the import without `as`, where the name must be added; `None` where it has one.
    pub plain: Option<String>,
    /// `import a.b`: it binds `a` and can't be renamed.
    pub dotted: bool,
    /// The statement it belongs to.
    pub statement: TextRange,
    /// How many names the statement imports.
    pub siblings: usize,
}

/// One place where a global name stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// The name.
    pub name: String,
    /// Where it stands; with an import without `as`, where that stands.
    pub range: TextRange,
    /// What is done.
    pub access: Access,
    /// The index of the statement of the cell.
    pub statement: usize,
    /// Inside a function: it happens when that is called.
    pub late: bool,
    /// The statement is only there to do this, and it is one of the cell's own.
    pub direct: bool,
    /// It is evaluated before the statement binds names.
    pub before: bool,
}

/// The global names of a cell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// Every place, in the order of the text as far as nothing is evaluated earlier.
    pub uses: Vec<Use>,
    /// For each statement, the names that certainly have a value after it.
    pub sure: Vec<BTreeSet<String>>,
    /// The statements that are `for` loops.
    pub loops: BTreeSet<usize>,
}

impl Names {
    /// Whether the cell gives the name a value.
    pub fn writes(&self, name: &str) -> bool {
        self.uses
            .iter()
            .any(|u| u.name == name && u.access != Access::Read && u.access != Access::Delete)
    }

    /// Whether the first that is done with a name in these statements is to read it, if there is
    /// anything.
    pub fn first_is_read(&self, name: &str, from: usize, to: usize) -> Option<bool> {
        let mut uses = self.uses.iter();
        let first = uses.find(|u| u.name == name && (from..to).contains(&u.statement))?;
        Some(matches!(first.access, Access::Read | Access::Change))
    }

    /// All names that get a value.
    pub fn written(&self) -> BTreeSet<&str> {
        let writes = |u: &&Use| !matches!(u.access, Access::Read | Access::Delete);
        self.uses.iter().filter(writes).map(|u| &*u.name).collect()
    }

    /// All names whose value is used.
    pub fn read(&self) -> BTreeSet<&str> {
        let reads = |u: &&Use| matches!(u.access, Access::Read | Access::Change);
        self.uses.iter().filter(reads).map(|u| &*u.name).collect()
    }
}

/// Looks at a cell's statements.
pub fn names(body: &[Stmt]) -> Names {
    let mut walk = Walk::default();
    for (index, statement) in body.iter().enumerate() {
        walk.statement = index;
        walk.top = true;
        walk.visit_stmt(statement);
    }
    Names {
        uses: walk.uses,
        sure: body.iter().map(sure).collect(),
        loops: (0..body.len())
            .filter(|index| body[*index].is_for_stmt())
            .collect(),
    }
}

/// Whether a cell below one uses the value that a name has there.
pub fn is_read_after(cells: &[Names], cell: usize, name: &str) -> bool {
    for names in cells.iter().skip(cell + 1) {
        match names.first_is_read(name, 0, usize::MAX) {
            Some(true) => return true,
            _ if names.sure.iter().any(|sure| sure.contains(name)) => return false,
            _ => {}
        }
    }
    false
}

/// Names that certainly have a value when a statement is over. A loop is taken to run at least once.
fn sure(statement: &Stmt) -> BTreeSet<String> {
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
fn targets(target: &Expr) -> BTreeSet<String> {
    match target {
        Expr::Name(name) => [name.id.to_string()].into(),
        Expr::Tuple(tuple) => tuple.elts.iter().flat_map(targets).collect(),
        Expr::List(list) => list.elts.iter().flat_map(targets).collect(),
        Expr::Starred(starred) => targets(&starred.value),
        _ => BTreeSet::new(),
    }
}

/// The name that an import binds.
fn bound(alias: &Alias) -> &str {
    match &alias.asname {
        Some(name) => name,
        None => alias.name.split('.').next().unwrap_or(&alias.name),
    }
}

/// Names bound in a function's or class's body itself.
#[derive(Default)]
struct Bindings {
    bound: BTreeSet<String>,
    global: BTreeSet<String>,
}

impl Bindings {
    fn of(body: &[Stmt]) -> Self {
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
fn captured(pattern: &Pattern) -> Option<(&str, TextRange)> {
    let name = match pattern {
        Pattern::MatchAs(node) => node.name.as_ref(),
        Pattern::MatchStar(node) => node.name.as_ref(),
        Pattern::MatchMapping(node) => node.rest.as_ref(),
        _ => None,
    }?;
    Some((name.as_str(), name.range))
}

/// What surrounds the place that is looked at.
struct Scope {
    bound: BTreeSet<String>,
    global: BTreeSet<String>,
    is_class: bool,
}

#[derive(Default)]
struct Walk {
    uses: Vec<Use>,
    scopes: Vec<Scope>,
    statement: usize,
    /// The next statement is one of the cell's own.
    top: bool,
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
        self.uses.push(Use {
            name: name.to_owned(),
            range,
            access,
            statement: self.statement,
            late: self.late > 0,
            direct: self.direct,
            before: self.before,
        });
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
        let mut bound = BTreeSet::new();
        for generator in generators {
            bound.extend(targets(&generator.target));
        }
        if let Some(first) = generators.first() {
            self.visit_expr(&first.iter);
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
            Expr::Generator(node) => self.comprehension(&node.generators, &[&node.elt]),
            Expr::DictComp(node) => {
                let results: Vec<&Expr> = comprehension_results(expression);
                self.comprehension(&node.generators, &results);
            }
            other => visitor::walk_expr(self, other),
        }
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

/// Key and value of a dict comprehension, whichever way this parser keeps them.
fn comprehension_results(expression: &Expr) -> Vec<&Expr> {
    let Expr::DictComp(node) = expression else {
        return Vec::new();
    };
    let mut results: Vec<&Expr> = Vec::new();
    results.extend(node.key.as_deref());
    results.push(&node.value);
    results
}

/// Whether Python itself has a global of this name.
pub fn is_builtin(name: &str) -> bool {
    BUILTINS.binary_search(&name).is_ok()
}

/// Names of `builtins`, sorted.
const BUILTINS: &[&str] = &[
    "ArithmeticError",
    "AssertionError",
    "AttributeError",
    "BaseException",
    "BaseExceptionGroup",
    "BlockingIOError",
    "BrokenPipeError",
    "BufferError",
    "BytesWarning",
    "ChildProcessError",
    "ConnectionAbortedError",
    "ConnectionError",
    "ConnectionRefusedError",
    "ConnectionResetError",
    "DeprecationWarning",
    "EOFError",
    "Ellipsis",
    "EncodingWarning",
    "EnvironmentError",
    "Exception",
    "ExceptionGroup",
    "False",
    "FileExistsError",
    "FileNotFoundError",
    "FloatingPointError",
    "FutureWarning",
    "GeneratorExit",
    "IOError",
    "ImportError",
    "ImportWarning",
    "IndentationError",
    "IndexError",
    "InterruptedError",
    "IsADirectoryError",
    "KeyError",
    "KeyboardInterrupt",
    "LookupError",
    "MemoryError",
    "ModuleNotFoundError",
    "NameError",
    "None",
    "NotADirectoryError",
    "NotImplemented",
    "NotImplementedError",
    "OSError",
    "OverflowError",
    "PendingDeprecationWarning",
    "PermissionError",
    "ProcessLookupError",
    "RecursionError",
    "ReferenceError",
    "ResourceWarning",
    "RuntimeError",
    "RuntimeWarning",
    "StopAsyncIteration",
    "StopIteration",
    "SyntaxError",
    "SyntaxWarning",
    "SystemError",
    "SystemExit",
    "TabError",
    "TimeoutError",
    "True",
    "TypeError",
    "UnboundLocalError",
    "UnicodeDecodeError",
    "UnicodeEncodeError",
    "UnicodeError",
    "UnicodeTranslateError",
    "UnicodeWarning",
    "UserWarning",
    "ValueError",
    "Warning",
    "ZeroDivisionError",
    "__build_class__",
    "__builtins__",
    "__debug__",
    "__doc__",
    "__file__",
    "__import__",
    "__loader__",
    "__name__",
    "__package__",
    "__spec__",
    "abs",
    "aiter",
    "all",
    "anext",
    "any",
    "ascii",
    "bin",
    "bool",
    "breakpoint",
    "bytearray",
    "bytes",
    "callable",
    "chr",
    "classmethod",
    "compile",
    "complex",
    "copyright",
    "credits",
    "delattr",
    "dict",
    "dir",
    "divmod",
    "enumerate",
    "eval",
    "exec",
    "exit",
    "filter",
    "float",
    "format",
    "frozenset",
    "getattr",
    "globals",
    "hasattr",
    "hash",
    "help",
    "hex",
    "id",
    "input",
    "int",
    "isinstance",
    "issubclass",
    "iter",
    "len",
    "license",
    "list",
    "locals",
    "map",
    "max",
    "memoryview",
    "min",
    "next",
    "object",
    "oct",
    "open",
    "ord",
    "pow",
    "print",
    "property",
    "quit",
    "range",
    "repr",
    "reversed",
    "round",
    "set",
    "setattr",
    "slice",
    "sorted",
    "staticmethod",
    "str",
    "sum",
    "super",
    "tuple",
    "type",
    "vars",
    "zip",
];

#[cfg(test)]
mod tests {
    use super::*;
    use ruff_python_parser::parse_module;

    fn of(code: &str) -> Names {
        names(&parse_module(code).unwrap().into_syntax().body)
    }

    #[test]
    fn builtins_are_sorted() {
        assert!(BUILTINS.is_sorted());
    }

    #[test]
    fn only_global_names_count() {
        let code = "try:\n    0\nexcept E as e:\n    e\ndef f(a, b=outer):\n    c = a + late\n    return [d for d in c]\nclass K(Base):\n    x = 1\n    y = x\n    def m(self): return x2\nz = [w for w in it if w]\nlambda q: q + r\n";
        let names = of(code);
        assert_eq!(names.written(), ["K", "f", "z"].into());
        assert_eq!(
            names.read(),
            ["Base", "E", "it", "late", "outer", "r", "x2"].into()
        );
        let late: Vec<_> = names
            .uses
            .iter()
            .filter(|u| u.late)
            .map(|u| &*u.name)
            .collect();
        assert_eq!(late, ["late", "x2", "r"]);
    }

    #[test]
    fn what_is_certain_after_a_statement() {
        let names = of(
            "if a:\n    x = 1\nelse:\n    x = 2\n    y = 3\ntry:\n    import z\nexcept ImportError:\n    z = None\nfor i in a:\n    t = i\nx += 1\n",
        );
        let sure: Vec<Vec<&str>> = names
            .sure
            .iter()
            .map(|s| s.iter().map(|n| &**n).collect())
            .collect();
        assert_eq!(sure, [vec!["x"], vec!["z"], vec!["i"], vec![]]);
    }

    #[test]
    fn a_global_of_a_function_is_the_cells() {
        let names = of("def f():\n    global n\n    n += 1\n");
        assert!(names.writes("n"));
        assert!(
            names
                .uses
                .iter()
                .any(|u| u.access == Access::Change && u.late)
        );
    }
}
