//! Which name each definition gets.

use super::{Resolver, is_private};
use crate::migrate::cells::Role;
use crate::migrate::scope::{self, Access, Use};

impl Resolver<'_> {
    pub(super) fn choose_names(&mut self) {
        let mut versions = std::mem::take(&mut self.versions);
        for (name, all) in &mut versions {
            let private = is_private(name);
            let of_python = self.of_python.contains(name);
            let several = all.len() > 1 || of_python;
            let mut plain_is_free = !private && !of_python;
            // What a text means keeps its name: texts are left as they are.
            let of_text = self.in_texts.iter().filter(|text| text.name == *name);
            let of_text = of_text.map(|text| text.version).min();
            for (index, version) in all.iter_mut().enumerate() {
                let piece = &self.pieces[version.piece];
                let generated = piece.role != Role::Code;
                let imported = version.import.is_some() && !piece.disabled;
                let shared = version.read_elsewhere || imported || generated;
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
                    _ if plain_is_free && of_text.is_none_or(|kept| kept == index) => {
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
        let names = &self.names[piece];
        let is_global = |used: &Use| used.name == name && used.access == Access::Global;
        let is_named = names.texts.iter().any(|word| word.name == name);
        !names.opaque && !is_named && !names.uses.iter().any(is_global)
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
