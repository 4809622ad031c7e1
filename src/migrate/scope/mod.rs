//! Which global names a cell reads, writes and deletes, and where.

mod bindings;
mod builtins;
mod flow;
mod sure;
mod walk;

use std::collections::{BTreeMap, BTreeSet};

use ruff_python_ast::Stmt;
use ruff_python_ast::visitor::Visitor as _;
use ruff_text_size::TextRange;

pub use bindings::locals;
pub use builtins::is_builtin;
pub use flow::{calls_nothing, may_use_old};

use sure::sure;
use walk::Walk;

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
    /// The statements that define a function or a class.
    pub defined: BTreeMap<usize, Definition>,
    /// Words of texts, where something in the cell evaluates texts: `df.query("a > @limit")`.
    pub texts: Vec<Use>,
    /// Something evaluates what can't be seen, or takes all names: `eval(text)`, `globals()`.
    pub opaque: bool,
}

/// A function or a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Definition {
    /// It is a class.
    pub is_class: bool,
    /// Another function gets it first.
    pub decorated: bool,
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
    let evaluates = walk.evaluates;
    Names {
        uses: walk.uses,
        sure: body.iter().map(sure).collect(),
        loops: (0..body.len())
            .filter(|index| body[*index].is_for_stmt())
            .collect(),
        defined: body
            .iter()
            .enumerate()
            .filter_map(|(index, statement)| Some((index, definition(statement)?)))
            .collect(),
        texts: if evaluates { walk.texts } else { Vec::new() },
        opaque: walk.opaque,
    }
}

fn definition(statement: &Stmt) -> Option<Definition> {
    let (is_class, decorators) = match statement {
        Stmt::FunctionDef(node) => (false, &node.decorator_list),
        Stmt::ClassDef(node) => (true, &node.decorator_list),
        _ => return None,
    };
    Some(Definition {
        is_class,
        decorated: !decorators.is_empty(),
    })
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

#[cfg(test)]
mod tests {
    use super::*;
    use ruff_python_parser::parse_module;

    fn of(code: &str) -> Names {
        names(&parse_module(code).unwrap().into_syntax().body)
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
