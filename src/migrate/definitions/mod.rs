//! Each name in one cell, as marimo asks.
//!
//! Jupyter's cells share one namespace, in the order in which they run; here it is taken that they
//! run from top to bottom. A name that several cells define becomes one name for each of them. What
//! reads it, reads the newest above. A cell that may keep the value it finds first takes it over:
//! `total_1 = total`. A definition that no other cell reads becomes private to its cell, `_i`, and
//! one that is private by name but read elsewhere, public.
//!
//! Texts are changed where a name stands and nowhere else, so comments and layout stay.

mod deletions;
mod imports;
mod labels;
mod late;
mod naming;
mod texts;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ruff_python_ast::Stmt;
use ruff_text_size::TextSize;

use super::cells::{Piece, Role};
use super::edits::{Edit, apply};
use super::scope::{self, Access, Definition, Imported, Names, Use};
use super::{Issue, Severity, Statistics};

use imports::{one_import, renamed};
use labels::{Label, labelled};
use late::late_binding;
use texts::InText;

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

/// Whether marimo keeps a name inside its cell.
pub fn is_private(name: &str) -> bool {
    name == "__" || (name.starts_with('_') && !name.starts_with("__"))
}

/// Makes every definition the only one of its name.
pub fn resolve(pieces: &mut [Piece], issues: &mut Vec<Issue>, statistics: &mut Statistics) {
    let modules: Vec<Vec<Stmt>> = pieces.iter().map(Piece::body).collect();
    let names: Vec<Names> = modules.iter().map(|body| scope::names(body)).collect();
    let mut resolver = Resolver::new(pieces, &modules, &names);
    resolver.versions();
    resolver.reads(issues);
    resolver.choose_names();
    let edits = resolver.edits(issues, statistics);
    for (piece, edits) in pieces.iter_mut().zip(edits) {
        if !edits.is_empty() {
            piece.code = apply(&piece.code, edits);
        }
    }
}

struct Resolver<'a> {
    pieces: &'a [Piece],
    modules: &'a [Vec<Stmt>],
    names: &'a [Names],
    /// Every name that stands anywhere.
    taken: BTreeSet<String>,
    versions: BTreeMap<String, Vec<Version>>,
    own: HashMap<(usize, String), Own>,
    /// Imports that are there already, and the version that is.
    removed: HashMap<(usize, String), usize>,
    /// For each use that needs another name: piece, index of the use, version.
    resolved: Vec<(usize, usize, usize)>,
    /// What texts that are evaluated may name.
    in_texts: Vec<InText>,
    /// Names of Python itself that are read before a cell defines them.
    of_python: BTreeSet<String>,
}

impl<'a> Resolver<'a> {
    fn new(pieces: &'a [Piece], modules: &'a [Vec<Stmt>], names: &'a [Names]) -> Self {
        let taken = names
            .iter()
            .flat_map(|n| n.uses.iter().map(|u| u.name.clone()))
            .collect();
        Self {
            pieces,
            modules,
            names,
            taken,
            versions: BTreeMap::new(),
            own: HashMap::new(),
            removed: HashMap::new(),
            resolved: Vec::new(),
            in_texts: Vec::new(),
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

    /// A cell that is switched off defines nothing for others.
    fn is_enabled(&self, version: &Version) -> bool {
        !self.pieces[version.piece].disabled
    }

    fn version(&mut self, piece: usize, name: &str, names: &Names) {
        let all = self.versions.get(name).map_or(&[][..], Vec::as_slice);
        let previous = all.iter().rposition(|version| self.is_enabled(version));
        let writes: Vec<&Use> = names
            .uses
            .iter()
            .filter(|u| u.name == name && !matches!(u.access, Access::Read | Access::Delete))
            .collect();
        let import = one_import(&writes);
        if let Some(before) = previous
            && let (Some(old), Some(new)) = (&all[before].import, &import)
            && old.what == new.what
            && self.is_certain(name, before)
        {
            self.removed.insert((piece, name.to_owned()), before);
            return;
        }
        let sure = names.sure.iter().position(|sure| sure.contains(name));
        let carry = previous.is_some()
            && (self.needs_previous(piece, name, sure)
                || self.may_be_left_by_a_loop(piece, name, sure));
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

    /// Whether a cell that defines a name may use, or leave, the value it had before.
    fn needs_previous(&self, piece: usize, name: &str, sure: Option<usize>) -> bool {
        let Some(sure) = sure else { return true };
        let body = &self.modules[piece];
        let of_name = || self.names[piece].uses.iter().filter(|u| u.name == name);
        let mut above = of_name().filter(|u| u.statement < sure);
        let may_be_used = above.any(|u| match u.late {
            // A function means the old value until the new one is there, if it is called before.
            true => !body[u.statement..=sure].iter().all(scope::calls_nothing),
            false => u.access != Access::Read,
        });
        may_be_used || scope::may_use_old(&body[sure], name)
    }

    /// Whether a loop that never runs would leave a name to what is below as it was.
    fn may_be_left_by_a_loop(&self, piece: usize, name: &str, sure: Option<usize>) -> bool {
        let names = &self.names[piece];
        let Some(sure) = sure.filter(|sure| names.loops.contains(sure)) else {
            return false;
        };
        let is_set_again = names.sure.iter().enumerate().any(|(index, certain)| {
            index > sure && !names.loops.contains(&index) && certain.contains(name)
        });
        let is_read_here = names.first_is_read(name, sure + 1, usize::MAX) == Some(true);
        !is_set_again && (is_read_here || scope::is_read_after(self.names, piece, name))
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
                if self.read(piece, used, version) {
                    let mut later = self.versions[&used.name].iter().skip(version + 1);
                    let is_redefined = later.any(|version| version.piece > piece);
                    if used.late && is_redefined && warned.insert((piece, used.name.clone())) {
                        issues.push(late_binding(&self.pieces[piece], used));
                    }
                }
                self.resolved.push((piece, index, version));
            }
            for word in &names.texts {
                if self.pieces[piece].role == Role::Code
                    && let Some(version) = self.meant(piece, word)
                {
                    self.read(piece, word, version);
                    let name = word.name.clone();
                    self.in_texts.push(InText {
                        piece,
                        name,
                        range: word.range,
                        version,
                    });
                }
            }
        }
        self.redefined_below(&mut warned, issues);
    }

    /// Marks what a cell reads of another, and says whether it is another.
    fn read(&mut self, piece: usize, used: &Use, version: usize) -> bool {
        let all = self.versions.get_mut(&used.name).expect("it has a version");
        let is_foreign = all[version].piece != piece;
        all[version].read_elsewhere |= is_foreign;
        is_foreign
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
        let is_enabled = |version: &Version| self.is_enabled(version);
        let above = all
            .iter()
            .rposition(|version| version.piece < piece && is_enabled(version));
        if above.is_none() && scope::is_builtin(&used.name) {
            return None;
        }
        // What is defined below only, marimo runs first.
        let below = || all.iter().position(is_enabled);
        Some(above.or_else(below).unwrap_or(0)).filter(|version| *version < all.len())
    }

    fn edits(&self, issues: &mut Vec<Issue>, statistics: &mut Statistics) -> Vec<Vec<Edit>> {
        let mut edits: Vec<Vec<Edit>> = vec![Vec::new(); self.pieces.len()];
        let labels: Vec<Vec<Label>> = self
            .pieces
            .iter()
            .zip(self.modules)
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
        for (piece, name) in self.owned() {
            self.note(piece, name, &mut edits[piece], issues, statistics);
        }
        self.texts(&mut edits, issues);
        self.imports(&mut edits, issues, statistics);
        for (piece, edits) in edits.iter_mut().enumerate() {
            self.deletions(piece, edits, issues);
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
            edits.push(Edit::insert(TextSize::new(0), text));
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
        let issue = match self.definition(piece, name) {
            // Others may go by the name: Dagster calls an asset after its function.
            Some(definition) if definition.decorated || definition.is_class => {
                Issue::new(Severity::Review, "renamed", reason).action(format!(
                    "where the name itself is used, as Dagster does with assets and jobs, give it: `name=\"{name}\"`"
                ))
            }
            _ => Issue::new(Severity::Info, "renamed", reason),
        };
        issues.push(self.pieces[piece].about(issue.source(name).done(done)));
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

    /// The function or class that a cell's definition of a name is.
    fn definition(&self, piece: usize, name: &str) -> Option<Definition> {
        let names = &self.names[piece];
        let mut writes = names
            .uses
            .iter()
            .filter(|u| u.name == name && u.direct && !u.late && u.access == Access::Write);
        writes.find_map(|u| names.defined.get(&u.statement).copied())
    }
}
