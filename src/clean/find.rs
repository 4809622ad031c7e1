//! A walk through a project, for what daglab may have left there.

use std::path::{Path, PathBuf};

use ignore::{DirEntry, WalkBuilder};

use crate::publish::retention::MANIFEST;

/// How many files and folders are looked at.
const MOST: usize = 2_000_000;
/// How deep.
const DEEPEST: usize = 64;
/// Folders that hold other people's files, or copies.
const SKIPPED: &[&str] = &[
    ".git",
    ".venv",
    "__pycache__",
    "node_modules",
    "site-packages",
    "target",
];

/// What is there. All paths are relative to the project.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Directories with a list of exports.
    pub(super) stores: Vec<PathBuf>,
    /// Files of interrupted writes, however old.
    pub(super) temporary: Vec<PathBuf>,
    /// Python files, and links that are called so.
    pub(super) python: Vec<PathBuf>,
    /// Whether everything was looked at.
    pub(super) complete: bool,
}

/// Looks through a project, without its cache, and without folders that are projects of their own.
/// What git ignores is looked at, too: exports are ignored in most projects.
pub(super) fn walk(root: &Path, cache: &Path, python: bool) -> Found {
    let cache = root.join(cache);
    let walk = WalkBuilder::new(root)
        .standard_filters(false)
        .follow_links(false)
        .same_file_system(true)
        .max_depth(Some(DEEPEST))
        .filter_entry(move |entry| !is_skipped(entry) && entry.path() != cache)
        .build();
    let mut found = Found {
        complete: true,
        ..Found::default()
    };
    for (index, entry) in walk.enumerate() {
        if index >= MOST {
            found.complete = false;
            break;
        }
        let Ok(entry) = entry else { continue };
        let Ok(path) = entry.path().strip_prefix(root) else {
            continue;
        };
        let kind = entry.file_type();
        let is_file = kind.is_some_and(|kind| kind.is_file());
        let name = entry.file_name().to_string_lossy();
        if is_file && name == MANIFEST {
            found
                .stores
                .push(path.parent().unwrap_or(Path::new("")).to_owned());
        } else if is_file && is_temporary(&name) {
            found.temporary.push(path.to_owned());
        } else if python && name.ends_with(".py") && !kind.is_some_and(|kind| kind.is_dir()) {
            found.python.push(path.to_owned());
        }
    }
    found
}

fn is_skipped(entry: &DirEntry) -> bool {
    let is_folder = entry.file_type().is_some_and(|kind| kind.is_dir());
    if entry.depth() == 0 || !is_folder {
        return false;
    }
    let name = entry.file_name().to_string_lossy();
    // An environment has this file, whatever its folder is called.
    SKIPPED.contains(&&*name)
        || entry.path().join("pyvenv.cfg").exists()
        || entry.path().join(crate::config::layers::FILE).is_file()
}

/// Whether a file is called as those are that become exports: `.daglab-` and six letters or digits.
fn is_temporary(name: &str) -> bool {
    name.strip_prefix(".daglab-")
        .is_some_and(|rest| rest.len() == 6 && rest.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// How many files are in a directory, and how many bytes in them.
pub(super) fn size(dir: &Path) -> (usize, u64) {
    let walk = WalkBuilder::new(dir)
        .standard_filters(false)
        .follow_links(false)
        .build();
    let files = walk
        .take(MOST)
        .flatten()
        .filter(|entry| !entry.file_type().is_some_and(|kind| kind.is_dir()));
    files.fold((0, 0), |(count, bytes), entry| {
        let size = entry.metadata().map_or(0, |meta| meta.len());
        (count + 1, bytes + size)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_project_itself_is_looked_through() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        for path in [
            ".gitignore",
            ".daglab/artifacts/.daglab-files.json",
            ".daglab/cache/.daglab-files.json",
            ".git/.daglab-files.json",
            "env/pyvenv.cfg",
            "env/.daglab-files.json",
            "nb/.daglab-files.json",
            "nb/.daglab-Ab3xY9",
            "nb/.daglab-instance",
            "nb/a.py",
            "other/daglab.yaml",
            "other/.daglab-files.json",
            "daglab.yaml",
        ] {
            std::fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            std::fs::write(root.join(path), "*").unwrap();
        }
        std::os::unix::fs::symlink(root.join("nb"), root.join("link")).unwrap();
        std::os::unix::fs::symlink("a.py", root.join("nb/b.py")).unwrap();
        let sorted = |mut paths: Vec<PathBuf>| {
            paths.sort();
            paths
        };
        let found = walk(root, Path::new(".daglab/cache"), true);
        assert_eq!(
            sorted(found.stores),
            [".daglab/artifacts", "nb"].map(PathBuf::from)
        );
        assert_eq!(found.temporary, [Path::new("nb/.daglab-Ab3xY9")]);
        assert_eq!(
            sorted(found.python),
            ["nb/a.py", "nb/b.py"].map(PathBuf::from)
        );
        assert!(found.complete);
        assert!(walk(root, Path::new("x"), false).python.is_empty());
    }
}
