//! Which notebooks are migrated, and where they go.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ignore::WalkBuilder;

use super::Error;
use crate::project::notebooks::is_worth_a_look;

/// A notebook and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The notebook.
    pub from: PathBuf,
    /// The file that is written.
    pub to: PathBuf,
}

fn is_notebook(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("ipynb"))
}

/// The notebooks of these files and folders. Below a folder, what git ignores, environments and
/// Jupyter's checkpoints are left out, and links are not followed.
pub fn find(dir: &Path, paths: &[PathBuf], to: Option<&Path>) -> Result<Vec<Source>, Error> {
    let mut found: Vec<(PathBuf, PathBuf)> = Vec::new();
    for path in paths {
        let full = dir.join(path);
        if full.is_dir() {
            found.extend(below(&full)?);
        } else if !full.exists() {
            return Err(Error::Missing { path: path.clone() });
        } else if is_notebook(&full) {
            let name = full.file_name().map(PathBuf::from).unwrap_or_default();
            found.push((full, name));
        } else {
            return Err(Error::NotANotebook { path: path.clone() });
        }
    }
    found.sort();
    found.dedup_by(|a, b| a.0 == b.0);
    if found.is_empty() {
        let named: Vec<String> = paths
            .iter()
            .map(|path| format!("`{}`", path.display()))
            .collect();
        return Err(Error::Nothing {
            what: named.join(", "),
        });
    }
    let to = to.map(|to| dir.join(to));
    let is_file = to
        .as_ref()
        .is_some_and(|to| to.extension().is_some_and(|e| e == "py") && !to.is_dir());
    let whole_folder = paths.iter().any(|path| dir.join(path).is_dir());
    if let Some(to) = to.as_ref().filter(|_| is_file)
        && (found.len() > 1 || whole_folder)
    {
        return Err(Error::SeveralToOne {
            to: to.clone(),
            count: found.len(),
        });
    }
    let sources: Vec<Source> = found
        .into_iter()
        .map(|(from, relative)| {
            let to = match &to {
                Some(to) if is_file => to.clone(),
                Some(to) => to.join(relative).with_extension("py"),
                None => from.with_extension("py"),
            };
            Source { from, to }
        })
        .collect();
    distinct(&sources)?;
    Ok(sources)
}

fn below(folder: &Path) -> Result<Vec<(PathBuf, PathBuf)>, Error> {
    let walk = WalkBuilder::new(folder)
        .require_git(false)
        .filter_entry(|entry| is_worth_a_look(entry) && entry.file_name() != ".ipynb_checkpoints")
        .build();
    let mut found = Vec::new();
    for entry in walk {
        let entry = entry.map_err(|error| Error::Unreadable {
            what: error.to_string(),
        })?;
        let is_file = entry.file_type().is_some_and(|kind| kind.is_file());
        if is_file
            && is_notebook(entry.path())
            && let Ok(relative) = entry.path().strip_prefix(folder)
        {
            found.push((entry.path().to_owned(), relative.to_owned()));
        }
    }
    Ok(found)
}

fn distinct(sources: &[Source]) -> Result<(), Error> {
    let mut seen: BTreeMap<&Path, &Path> = BTreeMap::new();
    for source in sources {
        if let Some(first) = seen.insert(&source.to, &source.from) {
            return Err(Error::SamePlace {
                first: first.to_owned(),
                second: source.from.clone(),
                to: source.to.clone(),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_mirrored_without_what_is_not_the_users() {
        let dir = tempfile::tempdir().unwrap();
        for file in [
            "nb/a.ipynb",
            "nb/deep/b.ipynb",
            "nb/.ipynb_checkpoints/a.ipynb",
            "nb/out/c.ipynb",
            "nb/env/pyvenv.cfg",
            "nb/env/d.ipynb",
            "nb/e.py",
        ] {
            let path = dir.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        std::fs::write(dir.path().join(".gitignore"), "out/\n").unwrap();
        let nb = [PathBuf::from("nb")];
        let places = |to: Option<&str>| -> Vec<String> {
            let found = find(dir.path(), &nb, to.map(Path::new)).unwrap();
            found
                .iter()
                .map(|s| s.to.strip_prefix(dir.path()).unwrap().display().to_string())
                .collect()
        };
        assert_eq!(places(None), ["nb/a.py", "nb/deep/b.py"]);
        assert_eq!(places(Some("new")), ["new/a.py", "new/deep/b.py"]);
        let one = find(
            dir.path(),
            &[PathBuf::from("nb/a.ipynb")],
            Some(Path::new("x.py")),
        )
        .unwrap();
        assert_eq!(one[0].to, dir.path().join("x.py"));
        assert!(matches!(
            find(dir.path(), &nb, Some(Path::new("x.py"))),
            Err(Error::SeveralToOne { .. })
        ));
        assert!(matches!(
            find(dir.path(), &["nb/e.py".into()], None),
            Err(Error::NotANotebook { .. })
        ));
        assert!(matches!(
            find(dir.path(), &["no".into()], None),
            Err(Error::Missing { .. })
        ));
        let both = ["nb/a.ipynb".into(), "nb".into()];
        assert_eq!(find(dir.path(), &both, None).unwrap().len(), 2);
    }
}
