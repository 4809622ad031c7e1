//! The names that shell completion offers: those of the last discovery, in a file of the project.

use std::collections::BTreeSet;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::dagster::catalog::{Ask, Catalog};
use crate::supervise::left;

/// The file, in the project's `.daglab`.
const FILE: &str = "cache/discovery.json";
/// How many names of a kind are kept.
const MOST: usize = 20_000;
/// How many bytes of names of a kind are kept.
const MOST_BYTES: usize = 1024 * 1024;
/// A file that is longer is none of ours.
const LIMIT: u64 = 16 * 1024 * 1024;
/// In how many folders above the current one names are looked for.
pub const HIGHEST: usize = 32;

/// The names that were found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Names {
    /// The server that they are of.
    pub server: String,
    /// Jobs.
    pub jobs: BTreeSet<String>,
    /// Asset keys.
    pub assets: BTreeSet<String>,
    /// Asset groups.
    pub groups: BTreeSet<String>,
    /// Kinds of assets.
    pub kinds: BTreeSet<String>,
    /// Owners of assets.
    pub owners: BTreeSet<String>,
    /// Tags of assets and jobs: `KEY=VALUE`.
    pub tags: BTreeSet<String>,
    /// Code locations.
    pub locations: BTreeSet<String>,
    /// Repositories.
    pub repositories: BTreeSet<String>,
}

impl Names {
    /// Takes over what a server's catalog has; what it was not asked for stays, if it is the same
    /// server's.
    pub fn learn(&mut self, server: &str, catalog: &Catalog, ask: Ask) {
        if self.server != server {
            *self = Self {
                server: server.to_owned(),
                ..Self::default()
            };
        }
        let text = |name: &str| name.to_owned();
        self.locations = kept(catalog.locations.iter().map(|it| text(&it.name)));
        self.repositories = kept(catalog.repositories().map(|at| text(at.repository)));
        let pair = |(key, value): (&String, &String)| format!("{key}={value}");
        let job_tags = catalog.jobs().flat_map(|at| at.item.tags.iter().map(pair));
        let asset_tags = catalog
            .assets()
            .flat_map(|at| at.item.tags.iter().flatten().map(pair));
        if ask.jobs {
            self.jobs = kept(catalog.jobs().map(|at| text(&at.item.name)));
        }
        if ask.assets {
            self.assets = kept(catalog.assets().map(|at| at.item.key.to_string()));
            self.groups = kept(catalog.assets().map(|at| text(&at.item.group)));
            let kinds = catalog
                .assets()
                .flat_map(|at| at.item.kinds.iter().flatten());
            self.kinds = kept(kinds.cloned());
            let owners = catalog
                .assets()
                .flat_map(|at| at.item.owners.iter().flatten());
            self.owners = kept(owners.cloned());
        }
        self.tags = match ask.jobs && ask.assets {
            true => kept(job_tags.chain(asset_tags)),
            false => kept(self.tags.iter().cloned().chain(job_tags).chain(asset_tags)),
        };
    }

    /// What the last discovery in a project has left there; nothing if there was none.
    pub fn read(root: &Path) -> Option<Self> {
        let text = left::read(&root.join(".daglab").join(FILE), LIMIT).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// What the last discovery in this folder or the nearest one above has left.
    pub fn nearest(dir: &Path) -> Option<Self> {
        dir.ancestors().take(HIGHEST).find_map(Self::read)
    }

    /// Leaves the names in a project.
    pub fn write(&self, root: &Path) -> io::Result<PathBuf> {
        let path = root.join(".daglab").join(FILE);
        let folder = path.parent().unwrap_or(root);
        std::fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        file.persist(&path).map_err(|error| error.error)?;
        Ok(path)
    }
}

/// The names that a shell may be given, up to the limits.
fn kept(names: impl Iterator<Item = String>) -> BTreeSet<String> {
    let mut bytes = 0;
    let names = names.filter(|name| is_plain(name)).take(MOST);
    names
        .take_while(|name| {
            bytes += name.len();
            bytes <= MOST_BYTES
        })
        .collect()
}

/// Whether a shell takes a name as it stands: what completion puts into the command line is
/// carried out with it.
pub fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('-')
        && name
            .chars()
            .all(|c| c.is_alphanumeric() || "_-./:@=+,%".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_from_below_and_nothing_else_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let below = dir.path().join("a/b");
        std::fs::create_dir_all(&below).unwrap();
        let names = Names {
            jobs: ["nightly".to_owned()].into(),
            ..Names::default()
        };
        names.write(dir.path()).unwrap();
        assert_eq!(Names::nearest(&below), Some(names));
        // Nothing but the file itself is left.
        let folder = dir.path().join(".daglab/cache");
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
        std::fs::write(folder.join("discovery.json"), "[").unwrap();
        assert_eq!(Names::read(dir.path()), None);
    }

    #[test]
    fn what_a_shell_would_carry_out_is_not_offered() {
        let names = [
            "a/b", "größe", "$(rm x)", "a b", "`x`", "-x", "a;b", "a=b", "\u{1b}[m", "",
        ];
        let names = kept(names.into_iter().map(str::to_owned));
        let expected = ["a/b", "a=b", "größe"].map(str::to_owned);
        assert_eq!(names, expected.into());
        let many = kept((0..30_000).map(|n| format!("{n:0>100}")));
        assert!(many.len() < 11_000);
    }
}
