//! Imports: once for the whole notebook, and by another name where they need one.

use std::collections::BTreeMap;

use ruff_text_size::{TextRange, TextSize};

use super::Resolver;
use crate::migrate::edits::{self, Edit};
use crate::migrate::scope::{Access, Imported, Use};
use crate::migrate::{Issue, Severity, Statistics};

/// A name that an import binds, and what it is called from now on.
type Kept<'a> = (&'a Use, &'a Imported, &'a str);

impl Resolver<'_> {
    /// Takes away what another cell imports, and writes anew what can't be changed in place.
    pub(super) fn imports(
        &self,
        edits: &mut [Vec<Edit>],
        issues: &mut Vec<Issue>,
        statistics: &mut Statistics,
    ) {
        let mut removed: Vec<(&(usize, String), &usize)> = self.removed.iter().collect();
        removed.sort();
        let mut gone: BTreeMap<(usize, TextSize), Vec<&Use>> = BTreeMap::new();
        for ((piece, name), version) in removed {
            for (used, import) in self.imports_of(*piece, |used, _| used.name == *name) {
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
        for piece in 0..self.pieces.len() {
            let is_renamed = |used: &Use, import: &Imported| {
                import.dotted && self.name_of(piece, used) != used.name
            };
            for (_, import) in self.imports_of(piece, is_renamed) {
                gone.entry((piece, import.statement.start())).or_default();
            }
        }
        for ((piece, start), gone) in gone {
            let text = &self.pieces[piece].code;
            let of_statement = |_: &Use, import: &Imported| import.statement.start() == start;
            let all = self.imports_of(piece, of_statement);
            let Some(range) = all.first().map(|(_, import)| import.statement) else {
                continue;
            };
            let kept: Vec<Kept<'_>> = all
                .into_iter()
                .filter(|(used, _)| !gone.contains(used))
                .map(|(used, import)| (used, import, self.name_of(piece, used)))
                .collect();
            let edit = match kept.is_empty() {
                true => without(text, range, gone.iter().any(|used| used.direct)),
                false => Edit {
                    range,
                    text: written(&kept),
                },
            };
            edits[piece].push(edit);
        }
    }

    fn imports_of(
        &self,
        piece: usize,
        which: impl Fn(&Use, &Imported) -> bool,
    ) -> Vec<(&Use, &Imported)> {
        let uses = self.names[piece].uses.iter();
        let imports = uses.filter_map(|used| match &used.access {
            Access::Import(import) if which(used, import) => Some((used, import)),
            _ => None,
        });
        imports.collect()
    }

    /// What a name that a cell imports is called from now on.
    fn name_of<'a>(&'a self, piece: usize, used: &'a Use) -> &'a str {
        match self.own.get(&(piece, used.name.clone())) {
            Some(own) => &self.versions[&used.name][own.version].name,
            None => &used.name,
        }
    }

    /// `import a.b` binds `a`, and `a.b` must be imported for it to be there: beside the import of `a`.
    fn move_dotted(&self, name: &str, version: usize, import: &Imported, edits: &mut [Vec<Edit>]) {
        let Some(plain) = &import.plain else { return };
        let kept = &self.versions[name][version];
        let Some(old) = &kept.import else { return };
        if old.plain.as_ref() == Some(plain) {
            return;
        }
        let (code, start) = (&self.pieces[kept.piece].code, old.statement.start());
        let text = match edits::before_on_line(code, start).trim().is_empty() {
            true => format!("\n{}import {plain}", edits::indent_at(code, start)),
            false => format!("; import {plain}"),
        };
        let edit = Edit::insert(old.statement.end(), text);
        if !edits[kept.piece].contains(&edit) {
            edits[kept.piece].push(edit);
        }
    }
}

/// The import, if a name is bound by imports of one thing only.
pub(super) fn one_import(writes: &[&Use]) -> Option<Imported> {
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

/// A name in its place. `import a.b` can't be renamed there.
pub(super) fn renamed(used: &Use, name: &str) -> Option<Edit> {
    let text = match &used.access {
        Access::Import(import) if import.dotted => return None,
        Access::Import(import) => match &import.plain {
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

/// An import of these names.
fn written(kept: &[Kept<'_>]) -> String {
    let mut head = "import ".to_owned();
    let mut listed = Vec::new();
    let mut apart = Vec::new();
    for (used, import, name) in kept {
        let what = match import.what.split_once(':') {
            Some((module, what)) => {
                head = format!("from {module} import ");
                what
            }
            None => import.plain.as_deref().unwrap_or(&import.what),
        };
        if import.plain.is_some() && *name == used.name {
            listed.push(what.to_owned());
        } else if import.dotted {
            // `import a.b as name` would bind `a.b`.
            apart.push(format!("{name} = __import__(\"{what}\")"));
        } else {
            listed.push(format!("{what} as {name}"));
        }
    }
    let mut statements = Vec::new();
    if !listed.is_empty() {
        statements.push(head + &listed.join(", "));
    }
    statements.extend(apart);
    statements.join("; ")
}

/// Nothing in the place of an import, or `pass` where something must stand.
fn without(text: &str, range: TextRange, direct: bool) -> Edit {
    let (start, end) = (range.start().to_usize(), range.end().to_usize());
    let alone = text[..start].is_empty() || text[..start].ends_with('\n');
    let (range, text) = match (direct && alone, text[end..].strip_prefix('\n')) {
        (true, Some(_)) => (
            TextRange::new(range.start(), range.end() + TextSize::new(1)),
            "",
        ),
        (true, None) if text[end..].is_empty() => (range, ""),
        _ => (range, "pass"),
    };
    Edit {
        range,
        text: text.to_owned(),
    }
}
