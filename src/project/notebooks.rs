//! The project's notebooks: files that are marimo apps, wherever they are and whatever their name.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use ignore::WalkBuilder;

use crate::marimo::source::{self, Source, Unreadable};
use crate::report::model::Target;

/// A larger file is data, not a notebook.
const LARGEST: u64 = 8 * 1024 * 1024;

/// Folders that hold other people's Python, or copies.
const SKIPPED: &[&str] = &[
    "__marimo__",
    "__pycache__",
    "build",
    "dist",
    "node_modules",
    "site-packages",
    "venv",
];

/// Endings that a notebook's name has beside that of what it is about.
const ENDINGS: &[&str] = &["_explore", "_notebook", "_nb"];

/// A notebook of the project.
#[derive(Debug, Clone)]
pub struct Notebook {
    /// Its file, relative to the project, with `/`.
    pub path: String,
    /// Its file.
    pub file: PathBuf,
    /// Its source, or why it can't be read.
    pub source: Result<Source, Unreadable>,
}

impl Notebook {
    /// Its title: the author's, or the file's name.
    pub fn title(&self) -> String {
        let given = self
            .source
            .as_ref()
            .ok()
            .and_then(|source| source.title.clone());
        given.unwrap_or_else(|| stem(&self.path).to_owned())
    }

    /// Reads one file; `None` if it is no notebook.
    pub fn read(root: &Path, file: &Path) -> Option<Self> {
        let text = std::fs::read(file).ok()?;
        let text = String::from_utf8_lossy(&text);
        let source = match source::parse(&text) {
            Err(Unreadable::NotANotebook) => return None,
            other => other,
        };
        let path = file
            .strip_prefix(root)
            .unwrap_or(file)
            .to_string_lossy()
            .into_owned();
        Some(Self {
            path,
            file: file.to_owned(),
            source,
        })
    }
}

/// Finds all notebooks below a folder, in the order of their paths. What git ignores is left out.
pub fn find(root: &Path) -> Vec<Notebook> {
    let walk = WalkBuilder::new(root)
        .require_git(false)
        .max_filesize(Some(LARGEST))
        .filter_entry(is_worth_a_look)
        .build();
    let mut notebooks: Vec<Notebook> = walk
        .flatten()
        .filter(|entry| entry.file_type().is_some_and(|kind| kind.is_file()))
        .filter(|entry| {
            entry
                .path()
                .extension()
                .is_some_and(|extension| extension == "py")
        })
        .filter_map(|entry| Notebook::read(root, entry.path()))
        .collect();
    notebooks.sort_by(|a, b| a.path.cmp(&b.path));
    notebooks
}

/// Whether what a walk has come to may hold code of the project, and is not a folder of other
/// people's.
pub fn is_worth_a_look(entry: &ignore::DirEntry) -> bool {
    let name = entry.file_name().to_string_lossy();
    let folder = entry.depth() > 0 && entry.file_type().is_some_and(|kind| kind.is_dir());
    // An environment has this file, whatever its folder is called.
    !(folder && (SKIPPED.contains(&name.as_ref()) || entry.path().join("pyvenv.cfg").exists()))
}

/// The asset or job that a notebook is named after: by its stem, or its stem without an ending. An
/// asset that has no more to its key comes before one that ends in the name, which counts if it is
/// the only one.
pub fn pair_by_name(path: &str, assets: &[String], jobs: &[String]) -> Option<Target> {
    let stem = stem(path);
    let short = ENDINGS.iter().find_map(|ending| stem.strip_suffix(ending));
    for name in [Some(stem), short].into_iter().flatten() {
        let exact = assets.iter().find(|key| key.as_str() == name);
        let mut ends = assets
            .iter()
            .filter(|key| key.rsplit('/').next() == Some(name));
        // An asset that several code locations know is listed as often.
        let only = ends
            .next()
            .filter(|first| ends.all(|other| other == *first));
        if let Some(key) = exact.or(only) {
            return Some(Target::Asset {
                key: key.clone(),
                partition: None,
            });
        }
        if jobs.iter().any(|job| job == name) {
            return Some(Target::Job {
                name: name.to_owned(),
            });
        }
    }
    None
}

/// A short name for each path that is fit for files and addresses; no two are the same.
pub fn slugs(paths: &[String]) -> Vec<String> {
    let plain: Vec<String> = paths.iter().map(|path| plain(stem(path))).collect();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for slug in &plain {
        *counts.entry(slug.to_lowercase()).or_default() += 1;
    }
    let mut used = HashSet::new();
    paths
        .iter()
        .zip(plain)
        .map(|(path, short)| {
            // Two of the same name carry their folders.
            let base = if counts[&short.to_lowercase()] > 1 {
                self::plain(path.strip_suffix(".py").unwrap_or(path))
            } else {
                short
            };
            let mut slug = base.clone();
            let mut number = 2;
            // Case does not tell files apart everywhere.
            while !used.insert(slug.to_lowercase()) {
                slug = format!("{base}-{number}");
                number += 1;
            }
            slug
        })
        .collect()
}

fn stem(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.strip_suffix(".py").unwrap_or(name)
}

fn plain(text: &str) -> String {
    let mut slug = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || c == '_' {
            slug.push(c);
        } else if !slug.ends_with('-') {
            slug.push('-');
        }
    }
    let slug = slug.trim_matches('-');
    let cut: String = slug.chars().take(100).collect();
    if cut.is_empty() {
        "notebook".to_owned()
    } else {
        cut
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTEBOOK: &str = "import marimo\napp = marimo.App()\n@app.cell\ndef _():\n    return\n";

    #[test]
    fn notebooks_are_found_by_what_they_are() {
        let dir = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("b/odd name.py", NOTEBOOK);
        write("a.py", NOTEBOOK);
        write("plain.py", "import marimo\n");
        write("data.txt", NOTEBOOK);
        write("env/pyvenv.cfg", "");
        write("env/x.py", NOTEBOOK);
        write("__marimo__/copy.py", NOTEBOOK);
        write("ignored/x.py", NOTEBOOK);
        write(".gitignore", "ignored/\n");
        std::os::unix::fs::symlink(dir.path(), dir.path().join("loop")).unwrap();
        let paths: Vec<String> = find(dir.path()).into_iter().map(|n| n.path).collect();
        assert_eq!(paths, ["a.py", "b/odd name.py"]);
    }

    #[test]
    fn names_pair_when_they_are_clear() {
        let assets = [
            "core/orders",
            "core/orders",
            "a/x",
            "b/x",
            "staging/daily",
            "daily",
        ]
        .map(str::to_owned);
        let jobs = ["refresh".to_owned()];
        let asset = |key: &str| {
            Some(Target::Asset {
                key: key.into(),
                partition: None,
            })
        };
        assert_eq!(
            pair_by_name("nb/orders_explore.py", &assets, &jobs),
            asset("core/orders")
        );
        assert_eq!(pair_by_name("daily.py", &assets, &jobs), asset("daily"));
        assert_eq!(pair_by_name("x.py", &assets, &jobs), None);
        let job = Some(Target::Job {
            name: "refresh".into(),
        });
        assert_eq!(pair_by_name("refresh_nb.py", &assets, &jobs), job);
    }

    #[test]
    fn slugs_are_safe_and_differ() {
        let paths = [
            "a/x.py",
            "b/x.py",
            "../../y.py",
            "ü 'q\".py",
            "Ü 'q\".py",
            "a-x.py",
        ];
        let slugs = slugs(&paths.map(str::to_owned));
        assert_eq!(
            slugs,
            ["a-x", "b-x", "y", "q", "q-2", "a-x-2"].map(str::to_owned)
        );
    }
}
