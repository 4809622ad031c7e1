//! Each name in one cell, as marimo asks.
//!
//! Jupyter's cells share one namespace, in the order in which they run; here it is taken that they
//! run from top to bottom. A name that several cells define becomes one name for each of them. What
//! reads it, reads the newest above. A cell that may keep the value it finds first takes it over:
//! `total_1 = total`. A definition that no other cell reads becomes private to its cell, `_i`, and
//! one that is private by name but read elsewhere, public.
//!
//! Texts are changed where a name stands and nowhere else, so comments and layout stay.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ruff_python_ast::Stmt;
use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_parser::parse_module;
use ruff_text_size::{Ranged, TextRange, TextSize};

use super::cells::{Piece, Role};
use super::scope::{self, Access, Imported, Names, Use};
use super::{Issue, Severity, Statistics};

/// One definition of a name by one cell.
#[derive(Debug)]
struct Version {
    piece: usize,
    import: Option<Imported>,
    read_elsewhere: bool,
    name: String,
}

/// How a cell stands to a name that it defines.
#[derive(Debug, Clone, Copy)]
struct Own {
    version: usize,
    /// The version before it.
    previous: Option<usize>,
    /// The previous value is taken over first.
    carry: bool,
    /// The statement that certainly defines it.
    sure: Option<usize>,
}

/// A change of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Edit {
    pub(super) range: TextRange,
    pub(super) text: String,
}

/// Carries out changes. None may overlap another.
pub(super) fn apply(text: &str, mut edits: Vec<Edit>) -> String {
    edits.sort_by_key(|edit| (edit.range.start(), edit.range.end()));
    edits.dedup();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for edit in edits {
        let (start, end) = (edit.range.start().to_usize(), edit.range.end().to_usize());
        if start < at {
            continue;
        }
        out.push_str(&text[at..start]);
        out.push_str(&edit.text);
        at = end;
    }
    out.push_str(&text[at..]);
    out
}

/// Whether marimo keeps a name inside its cell.
pub fn is_private(name: &str) -> bool {
    name == "__" || (name.starts_with('_') && !name.starts_with("__"))
}

/// Makes every definition the only one of its name.
pub fn resolve(pieces: &mut [Piece], issues: &mut Vec<Issue>, statistics: &mut Statistics) {
    let modules: Vec<Vec<Stmt>> = pieces
        .iter()
        .map(|piece| {
            parse_module(&piece.code).map_or_else(
                |_| Vec::new(),
                |m| m.into_syntax().body.into_iter().collect(),
            )
        })
        .collect();
    let names: Vec<Names> = modules.iter().map(|body| scope::names(body)).collect();
    let mut resolver = Resolver::new(pieces, &names);
    resolver.versions();
    resolver.reads(issues);
    resolver.choose_names();
    let edits = resolver.edits(&modules, issues, statistics);
    for (piece, edits) in pieces.iter_mut().zip(edits) {
        if !edits.is_empty() {
            piece.code = apply(&piece.code, edits);
        }
    }
}

struct Resolver<'a> {
    pieces: &'a [Piece],
    names: &'a [Names],
    /// Every name that stands anywhere.
    taken: BTreeSet<String>,
    versions: BTreeMap<String, Vec<Version>>,
    own: HashMap<(usize, String), Own>,
    /// Imports that are there already, and the version that is.
    removed: HashMap<(usize, String), usize>,
    /// For each use that needs another name: piece, index of the use, version.
    resolved: Vec<(usize, usize, usize)>,
    /// Names of Python itself that are read before a cell defines them.
    of_python: BTreeSet<String>,
}

impl<'a> Resolver<'a> {
    fn new(pieces: &'a [Piece], names: &'a [Names]) -> Self {
        let taken = names
            .iter()
            .flat_map(|n| n.uses.iter().map(|u| u.name.clone()))
            .collect();
        Self {
            pieces,
            names,
            taken,
            versions: BTreeMap::new(),
            own: HashMap::new(),
            removed: HashMap::new(),
            resolved: Vec::new(),
            of_python: BTreeSet::new(),
        }
    }

    fn versions(&mut self) {
        for (index, names) in self.names.iter().enumerate() {
            for name in names.written() {
                self.version(index, name, names);
            }
        }
    }

    fn version(&mut self, piece: usize, name: &str, names: &Names) {
        let all = self.versions.entry(name.to_owned()).or_default();
        let previous = all.len().checked_sub(1);
        let writes: Vec<&Use> = names
            .uses
            .iter()
            .filter(|u| u.name == name && !matches!(u.access, Access::Read | Access::Delete))
            .collect();
        let import = one_import(&writes);
        if let Some(before) = previous
            && let (Some(old), Some(new)) = (&all[before].import, &import)
            && old.what == new.what
        {
            self.removed.insert((piece, name.to_owned()), before);
            return;
        }
        let sure = names.sure.iter().position(|sure| sure.contains(name));
        let carry = previous.is_some()
            && (needs_previous(name, names, sure) || self.may_be_left_by_a_loop(piece, name, sure));
        let all = self.versions.entry(name.to_owned()).or_default();
        if let (true, Some(before)) = (carry, previous) {
            all[before].read_elsewhere = true;
        }
        all.push(Version {
            piece,
            import,
            read_elsewhere: false,
            name: name.to_owned(),
        });
        let own = Own {
            version: all.len() - 1,
            previous,
            carry,
            sure,
        };
        self.own.insert((piece, name.to_owned()), own);
    }

    /// Whether a loop that never runs would leave a name to cells below as it was.
    fn may_be_left_by_a_loop(&self, piece: usize, name: &str, sure: Option<usize>) -> bool {
        let names = &self.names[piece];
        let Some(sure) = sure.filter(|sure| names.loops.contains(sure)) else {
            return false;
        };
        let is_set_again = names.sure.iter().enumerate().any(|(index, certain)| {
            index > sure && !names.loops.contains(&index) && certain.contains(name)
        });
        !is_set_again && scope::is_read_after(self.names, piece, name)
    }

    /// Which version each use means.
    fn reads(&mut self, issues: &mut Vec<Issue>) {
        let mut warned = BTreeSet::new();
        for (piece, names) in self.names.iter().enumerate() {
            for (index, used) in names.uses.iter().enumerate() {
                let Some(version) = self.meant(piece, used) else {
                    if self.versions.contains_key(&used.name) {
                        self.of_python.insert(used.name.clone());
                        if used.late && warned.insert((piece, used.name.clone())) {
                            issues.push(late_binding(&self.pieces[piece], used));
                        }
                    }
                    continue;
                };
                let all = self.versions.get_mut(&used.name).expect("it has a version");
                if all[version].piece != piece {
                    all[version].read_elsewhere = true;
                    let later = all.iter().skip(version + 1).find(|v| v.piece > piece);
                    if used.late && later.is_some() && warned.insert((piece, used.name.clone())) {
                        issues.push(late_binding(&self.pieces[piece], used));
                    }
                }
                self.resolved.push((piece, index, version));
            }
        }
        self.redefined_below(&mut warned, issues);
    }

    /// What a cell's functions read of its own, and a cell below defines again.
    fn redefined_below(&self, warned: &mut BTreeSet<(usize, String)>, issues: &mut Vec<Issue>) {
        for (piece, index, version) in &self.resolved {
            let names = &self.names[*piece];
            let used = &names.uses[*index];
            let all = &self.versions[&used.name];
            let is_own = all[*version].piece == *piece && self.pieces[*piece].role == Role::Code;
            let is_read = matches!(used.access, Access::Read);
            if !is_own || !is_read || !used.late || all.len() == version + 1 {
                continue;
            }
            // Only a function that others call can be called later.
            let escapes = names.uses.iter().any(|other| {
                let own = self.own.get(&(*piece, other.name.clone()));
                other.statement == used.statement
                    && !other.late
                    && other.access == Access::Write
                    && own.is_some_and(|own| self.versions[&other.name][own.version].read_elsewhere)
            });
            if escapes && warned.insert((*piece, used.name.clone())) {
                issues.push(late_binding(&self.pieces[*piece], used));
            }
        }
    }

    fn meant(&self, piece: usize, used: &Use) -> Option<usize> {
        let all = self.versions.get(&used.name)?;
        if self.pieces[piece].role != Role::Code && !is_private(&used.name) {
            return Some(0);
        }
        let key = (piece, used.name.clone());
        if let Some(own) = self.own.get(&key) {
            let earlier = !used.late
                && match (own.sure, &used.access) {
                    (_, Access::Write | Access::Import(_) | Access::Global) => false,
                    (Some(sure), _) => {
                        used.statement < sure || (used.statement == sure && used.before)
                    }
                    (None, _) => true,
                };
            let is_of_python = own.sure.is_some() && scope::is_builtin(&used.name);
            return match own.previous {
                Some(previous) if earlier && !own.carry => Some(previous),
                None if earlier && is_of_python => None,
                _ => Some(own.version),
            };
        }
        if let Some(version) = self.removed.get(&key) {
            return Some(*version);
        }
        let above = all.iter().rposition(|version| version.piece < piece);
        if above.is_none() && scope::is_builtin(&used.name) {
            return None;
        }
        // What is defined below only, marimo runs first.
        Some(above.unwrap_or(0)).filter(|version| *version < all.len())
    }

    fn choose_names(&mut self) {
        let mut versions = std::mem::take(&mut self.versions);
        for (name, all) in &mut versions {
            let private = is_private(name);
            let of_python = self.of_python.contains(name);
            let several = all.len() > 1 || of_python;
            let mut plain_is_free = !private && !of_python;
            for (index, version) in all.iter_mut().enumerate() {
                let generated = self.pieces[version.piece].role != Role::Code;
                let shared = version.read_elsewhere || version.import.is_some() || generated;
                version.name = match (private, shared) {
                    (true, false) => name.clone(),
                    (true, true) if !version.read_elsewhere => name.clone(),
                    (true, true) => {
                        let bare = name.trim_start_matches('_');
                        let bare =
                            if bare.is_empty() || bare.starts_with(|c: char| c.is_ascii_digit()) {
                                "shared".to_owned() + bare
                            } else {
                                bare.to_owned()
                            };
                        self.free(&bare, 0)
                    }
                    (false, _) if !several => name.clone(),
                    (false, false) if self.may_be_private(version.piece, name) => {
                        self.private_name(version.piece, name)
                    }
                    _ if plain_is_free => {
                        plain_is_free = false;
                        name.clone()
                    }
                    _ => self.free(name, index.max(1)),
                };
            }
        }
        self.versions = versions;
    }

    /// marimo does not look for private names in texts, nor in `global`.
    fn may_be_private(&self, piece: usize, name: &str) -> bool {
        let uses = &self.names[piece].uses;
        let global = |used: &Use| used.name == name && used.access == Access::Global;
        !self.is_named_in_text(piece, name) && !uses.iter().any(global)
    }

    /// A name in a text that is evaluated can't be seen.
    fn is_named_in_text(&self, piece: usize, name: &str) -> bool {
        let code = &self.pieces[piece].code;
        [
            ".query(",
            ".eval(",
            "eval(",
            "exec(",
            "globals()",
            "locals()",
            "vars()",
            "mo.sql(",
        ]
        .iter()
        .any(|way| code.contains(way))
            && code.matches(name).count() > 0
    }

    fn private_name(&mut self, piece: usize, name: &str) -> String {
        let private = format!("_{name}");
        let used = self.names[piece].uses.iter().any(|u| u.name == private);
        match used || name.starts_with('_') {
            true => self.free(name, 1),
            false => private,
        }
    }

    fn free(&mut self, name: &str, from: usize) -> String {
        let candidate = |number: usize| match number {
            0 => name.to_owned(),
            number => format!("{name}_{number}"),
        };
        let free = (from..).map(candidate).find(|name| {
            !self.taken.contains(name) && !scope::is_builtin(name) && !is_keyword(name)
        });
        let free = free.expect("numbers don't end");
        self.taken.insert(free.clone());
        free
    }

    fn edits(
        &self,
        modules: &[Vec<Stmt>],
        issues: &mut Vec<Issue>,
        statistics: &mut Statistics,
    ) -> Vec<Vec<Edit>> {
        let mut edits: Vec<Vec<Edit>> = vec![Vec::new(); self.pieces.len()];
        let labels: Vec<Vec<Label>> = self
            .pieces
            .iter()
            .zip(modules)
            .map(|(piece, body)| Label::all(&piece.code, body))
            .collect();
        for (piece, index, version) in &self.resolved {
            let used = &self.names[*piece].uses[*index];
            let is_removed = self.removed.contains_key(&(*piece, used.name.clone()));
            if is_removed && matches!(used.access, Access::Import(_)) {
                continue;
            }
            let name = &self.versions[&used.name][*version].name;
            if *name != used.name {
                edits[*piece].extend(renamed(used, name));
                edits[*piece].extend(labelled(&labels[*piece], used));
            }
        }
        for (piece, own) in self.owned() {
            self.note(piece, own, &mut edits[piece], issues, statistics);
        }
        self.remove_imports(&mut edits, issues, statistics);
        for (piece, body) in modules.iter().enumerate() {
            self.deletions(piece, body, &mut edits[piece], issues);
        }
        edits
    }

    /// Definitions in the order of cells and names.
    fn owned(&self) -> Vec<(usize, &str)> {
        let mut all: Vec<(usize, &str)> = self
            .own
            .keys()
            .map(|(piece, name)| (*piece, &**name))
            .collect();
        all.sort_unstable();
        all
    }

    fn note(
        &self,
        piece: usize,
        name: &str,
        edits: &mut Vec<Edit>,
        issues: &mut Vec<Issue>,
        statistics: &mut Statistics,
    ) {
        let own = self.own[&(piece, name.to_owned())];
        let all = &self.versions[name];
        let new = &all[own.version].name;
        if let (true, Some(previous)) = (own.carry, own.previous) {
            let old = &all[previous].name;
            let text = match self.is_certain(name, previous) {
                true => format!("{new} = {old}\n"),
                false => format!(
                    "try:\n    {new} = {old}\nexcept NameError:  # not defined yet\n    pass\n"
                ),
            };
            edits.push(Edit {
                range: TextRange::empty(TextSize::new(0)),
                text,
            });
        }
        if new == name {
            return;
        }
        statistics.names_renamed += 1;
        let (reason, done) = if is_private(name) {
            (
                format!(
                    "other cells read `{name}`, and marimo keeps names with an underscore in their cell"
                ),
                format!("it is `{new}` now"),
            )
        } else if is_private(new) {
            (
                format!("several cells define `{name}`, and no other cell reads this one"),
                format!("it is `{new}` here, private to the cell"),
            )
        } else {
            (
                format!("several cells define `{name}`"),
                format!("this one is `{new}`, for this cell and those below that read it"),
            )
        };
        let at = &self.pieces[piece];
        issues.push(
            at.about(
                Issue::new(Severity::Info, "renamed", reason)
                    .source(name)
                    .done(done),
            ),
        );
        if self.is_named_in_text(piece, name) {
            let reason = format!("`{name}` was renamed, and texts that are evaluated may name it");
            let issue = Issue::new(Severity::Review, "renamed-in-text", reason).source(name);
            issues.push(at.about(issue.action(format!(
                "look for `{name}` in the texts of this cell and those below"
            ))));
        }
    }

    fn remove_imports(
        &self,
        edits: &mut [Vec<Edit>],
        issues: &mut Vec<Issue>,
        statistics: &mut Statistics,
    ) {
        let mut removed: Vec<(&(usize, String), &usize)> = self.removed.iter().collect();
        removed.sort();
        let mut gone: BTreeMap<(usize, TextSize), Vec<&Use>> = BTreeMap::new();
        for ((piece, name), version) in removed {
            let uses = self.names[*piece].uses.iter().filter(|u| u.name == *name);
            for used in uses {
                let Access::Import(import) = &used.access else {
                    continue;
                };
                gone.entry((*piece, import.statement.start()))
                    .or_default()
                    .push(used);
                if import.dotted {
                    self.move_dotted(name, *version, import, edits);
                }
            }
            statistics.imports_removed += 1;
            let reason = format!("`{name}` is imported by another cell already");
            let issue = Issue::new(Severity::Info, "import", reason).source(name);
            issues.push(self.pieces[*piece].about(issue.done("it is imported once")));
        }
        for ((piece, _), uses) in gone {
            let text = &self.pieces[piece].code;
            edits[piece].extend(without(text, &uses, &self.names[piece]));
        }
    }

    /// Whether a name has a value for certain when the cell of a version is over.
    fn is_certain(&self, name: &str, version: usize) -> bool {
        let piece = self.versions[name][version].piece;
        let Some(own) = self.own.get(&(piece, name.to_owned())) else {
            return true;
        };
        let before = || {
            own.previous
                .is_some_and(|before| self.is_certain(name, before))
        };
        own.sure.is_some() || (own.carry && before())
    }

    /// `import a.b` binds `a`, and `a.b` must be imported for it to be there: beside the import of `a`.
    fn move_dotted(&self, name: &str, version: usize, import: &Imported, edits: &mut [Vec<Edit>]) {
        let Some(plain) = &import.plain else { return };
        let kept = &self.versions[name][version];
        let Some(old) = &kept.import else { return };
        if old.plain.as_ref() == Some(plain) {
            return;
        }
        let text = format!("\nimport {plain}");
        let edit = Edit {
            range: TextRange::empty(old.statement.end()),
            text,
        };
        if !edits[kept.piece].contains(&edit) {
            edits[kept.piece].push(edit);
        }
    }

    /// `del name` of another cell's name is refused by marimo.
    fn deletions(
        &self,
        piece: usize,
        body: &[Stmt],
        edits: &mut Vec<Edit>,
        issues: &mut Vec<Issue>,
    ) {
        let mut deletions = Deletions {
            top: true,
            found: Vec::new(),
        };
        deletions.visit_body(body);
        for (statement, top) in deletions.found {
            let code = &self.pieces[piece].code;
            let is_foreign = |target: &&ruff_python_ast::Expr| {
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
            let text = match (kept.is_empty(), top) {
                (true, true) => format!("# {}", source.replace('\n', "\n# ")),
                (true, false) => format!("pass  # {}", source.replace('\n', " ")),
                (false, _) => {
                    let kept: Vec<&str> = kept.iter().map(|target| &code[target.range()]).collect();
                    format!("del {}", kept.join(", "))
                }
            };
            edits.retain(|edit| {
                !statement.range.contains_range(edit.range) || edit.range.is_empty()
            });
            edits.push(Edit {
                range: statement.range,
                text,
            });
            let brings_back = foreign.iter().any(|target| {
                let name = target.as_name_expr().map(|name| name.id.as_str());
                name.is_some_and(scope::is_builtin)
            });
            let reason = "a cell can't delete what another defines";
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
            let issue = Issue::new(severity, "deleted", reason)
                .source(source)
                .done("it is not deleted")
                .action(action);
            issues.push(self.pieces[piece].about(issue));
        }
    }
}

struct Deletions<'a> {
    top: bool,
    found: Vec<(&'a ruff_python_ast::StmtDelete, bool)>,
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

fn late_binding(piece: &Piece, used: &Use) -> Issue {
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

/// The import, if a name is bound by imports of one thing only.
fn one_import(writes: &[&Use]) -> Option<Imported> {
    let mut found: Option<&Imported> = None;
    for used in writes {
        let Access::Import(import) = &used.access else {
            return None;
        };
        if used.late || found.is_some_and(|other| other.what != import.what) {
            return None;
        }
        found = found.or(Some(import));
    }
    found.cloned()
}

/// Whether a cell that defines a name may use, or leave, the value it had before.
fn needs_previous(name: &str, names: &Names, sure: Option<usize>) -> bool {
    let Some(sure) = sure else { return true };
    let here = || names.uses.iter().filter(|u| u.name == name && !u.late);
    let early_write = here().any(|u| u.statement < sure && u.access != Access::Read);
    let mut inside = here().filter(|u| u.statement == sure && !u.before);
    early_write
        || inside
            .next()
            .is_some_and(|u| matches!(u.access, Access::Read | Access::Change))
}

/// `{name=}` of an f-string, which shows the name itself.
struct Label {
    /// Where it stands, braces and all.
    range: TextRange,
    /// What it shows.
    text: String,
    /// What follows the expression up to a conversion, a format or the end.
    equals: TextRange,
    /// It is neither converted nor formatted.
    plain: bool,
}

impl Label {
    fn all(code: &str, body: &[Stmt]) -> Vec<Self> {
        struct Labels<'a>(&'a str, Vec<Label>);
        impl<'a> Visitor<'a> for Labels<'_> {
            fn visit_interpolated_string_element(
                &mut self,
                element: &'a ruff_python_ast::InterpolatedStringElement,
            ) {
                if let Some(one) = element.as_interpolation()
                    && one.debug_text.is_some()
                {
                    let start = one.range.start() + TextSize::new(1);
                    let rest = &self.0[one.expression.end().to_usize()..one.range.end().to_usize()];
                    // Closing parentheses belong to the expression, and white space to the sign.
                    let sign = rest.find('=').unwrap_or(0);
                    let after = &rest[sign + 1..];
                    let spaces = after.len() - after.trim_start().len();
                    let begin = rest[..sign].trim_end().len();
                    let at = |offset: usize| {
                        one.expression.end() + TextSize::new(u32::try_from(offset).unwrap_or(0))
                    };
                    let equals = TextRange::new(at(begin), at(sign + 1 + spaces));
                    let shown = &self.0[TextRange::new(start, equals.end())];
                    self.1.push(Label {
                        range: one.range,
                        text: shown.replace('{', "{{").replace('}', "}}"),
                        equals,
                        plain: one.conversion == ruff_python_ast::ConversionFlag::None
                            && one.format_spec.is_none(),
                    });
                }
                visitor::walk_interpolated_string_element(self, element);
            }
        }
        let mut labels = Labels(code, Vec::new());
        labels.visit_body(body);
        labels.1
    }
}

/// What keeps a label as it was where a name in it becomes another.
fn labelled(labels: &[Label], used: &Use) -> Vec<Edit> {
    let around = labels
        .iter()
        .filter(|label| label.range.contains_range(used.range));
    let Some(label) = around.max_by_key(|label| label.range.start()) else {
        return Vec::new();
    };
    if used.range.end() > label.equals.start() {
        return Vec::new();
    }
    let value = if label.plain { "!r" } else { "" };
    vec![
        Edit {
            range: TextRange::empty(label.range.start()),
            text: label.text.clone(),
        },
        Edit {
            range: label.equals,
            text: value.to_owned(),
        },
    ]
}

fn renamed(used: &Use, name: &str) -> Option<Edit> {
    let text = match &used.access {
        Access::Import(import) => match &import.plain {
            Some(_) if import.dotted && import.siblings > 1 => return None,
            Some(plain) if import.dotted => {
                let text = format!("{name} = __import__(\"{plain}\")");
                return Some(Edit {
                    range: import.statement,
                    text,
                });
            }
            Some(plain) => format!("{plain} as {name}"),
            None => name.to_owned(),
        },
        _ => name.to_owned(),
    };
    Some(Edit {
        range: used.range,
        text,
    })
}

/// An import without some of its names; without all of them, nothing.
fn without(text: &str, gone: &[&Use], names: &Names) -> Option<Edit> {
    let Access::Import(import) = &gone.first()?.access else {
        return None;
    };
    let range = import.statement;
    if gone.len() < import.siblings {
        let head = text[range].split("import").next()?;
        let in_statement = names.uses.iter().filter_map(|used| match &used.access {
            Access::Import(other) if other.statement == range => Some((used, other)),
            _ => None,
        });
        let kept: Vec<String> = in_statement
            .filter(|(used, _)| !gone.contains(used))
            .map(|(used, other)| match &other.plain {
                Some(plain) => plain.clone(),
                None => {
                    let what = other.what.rsplit(':').next().unwrap_or_default();
                    format!("{what} as {}", used.name)
                }
            })
            .collect();
        let text = format!("{head}import {}", kept.join(", "));
        return Some(Edit { range, text });
    }
    if !gone.iter().any(|used| used.direct) {
        return Some(Edit {
            range,
            text: "pass".to_owned(),
        });
    }
    // The whole line, where it stands alone.
    let (start, end) = (range.start().to_usize(), range.end().to_usize());
    let alone = text[..start].is_empty() || text[..start].ends_with('\n');
    match text[end..].strip_prefix('\n') {
        Some(_) if alone => Some(Edit {
            range: TextRange::new(range.start(), range.end() + TextSize::new(1)),
            text: String::new(),
        }),
        _ if alone && text[end..].is_empty() => Some(Edit {
            range,
            text: String::new(),
        }),
        _ => Some(Edit {
            range,
            text: "pass".to_owned(),
        }),
    }
}

fn is_keyword(name: &str) -> bool {
    [
        "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del",
        "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is",
        "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while", "with",
        "yield",
    ]
    .contains(&name)
}
