//! Which files of the project a notebook is made of, as far as its imports tell.

use std::collections::{BTreeSet, VecDeque};
use std::path::{Component, Path, PathBuf};

use ignore::WalkBuilder;

use super::imports::is_standard_library;
use super::notebooks::{Notebook, is_worth_a_look};
use crate::marimo::source::all_imports;
use crate::supervise::left;

/// A project of more files than this is not followed one by one.
const MOST: usize = 5_000;

/// A larger file is data, in bytes.
const LARGEST: u64 = 16 * 1024 * 1024;

/// The files that change what a notebook shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// Any of the project: it asks Dagster, or what it imports can't be known.
    Anything,
    /// Those of what it imports.
    Modules {
        /// The project.
        root: PathBuf,
        /// Modules and packages by their paths, without `.py`.
        places: BTreeSet<PathBuf>,
        /// Names that are at none of the usual places: of other people's packages, or of the
        /// project's own that lie deeper.
        elsewhere: BTreeSet<String>,
    },
}

impl Reach {
    /// Of a notebook as it is now. Modules of the project are those in its root, in `src`, and beside
    /// the notebook.
    pub fn of(notebook: &Notebook, root: &Path) -> Self {
        match &notebook.source {
            Ok(source) if !source.uses_dagster => {}
            // What Dagster serves is the project's own code.
            _ => return Self::Anything,
        }
        let beside = notebook.file.parent().unwrap_or(root).to_owned();
        let bases = BTreeSet::from([root.to_owned(), root.join("src"), beside]);
        let mut places = BTreeSet::new();
        let mut elsewhere = BTreeSet::new();
        let mut names = BTreeSet::new();
        let mut files = VecDeque::from([notebook.file.clone()]);
        let mut read = 0;
        while let Some(file) = files.pop_front() {
            read += 1;
            let text = left::read_linked(&file, LARGEST).unwrap_or_default();
            let Some(imports) = all_imports(&String::from_utf8_lossy(&text)) else {
                return Self::Anything;
            };
            if read > MOST {
                return Self::Anything;
            }
            for name in imports {
                if is_standard_library(&name) || !names.insert(name.clone()) {
                    continue;
                }
                let before = files.len();
                for base in &bases {
                    let module = base.join(&name);
                    files.extend(files_of(&module));
                    // Also where there is no such file yet.
                    places.insert(module);
                }
                if files.len() == before {
                    elsewhere.insert(name);
                }
            }
        }
        Self::Modules {
            root: root.to_owned(),
            places,
            elsewhere,
        }
    }

    /// Whether one of the changed files belongs to it. The notebooks that are exported are each
    /// other's only where they are imported by name.
    pub fn touches(&self, changed: &BTreeSet<PathBuf>, notebooks: &BTreeSet<PathBuf>) -> bool {
        let mut others = changed.iter().filter(|file| !notebooks.contains(*file));
        match self {
            Self::Anything => others.next().is_some(),
            Self::Modules {
                root,
                places,
                elsewhere,
            } => changed.iter().any(|file| {
                let module = file.with_extension("");
                let below = module.strip_prefix(root).unwrap_or(&module);
                let named = |name: Component<'_>| {
                    let name = name.as_os_str().to_str();
                    name.is_some_and(|name| elsewhere.contains(name))
                };
                module.ancestors().any(|path| places.contains(path))
                    || below.components().any(named)
            }),
        }
    }
}

/// The files of a module or package that is there.
fn files_of(module: &Path) -> Vec<PathBuf> {
    let file = module.with_added_extension("py");
    if file.is_file() {
        return vec![file];
    }
    if !module.is_dir() {
        return Vec::new();
    }
    let walk = WalkBuilder::new(module)
        .require_git(false)
        .filter_entry(is_worth_a_look)
        .build();
    walk.flatten()
        .map(|entry| entry.path().to_owned())
        .filter(|path| path.extension().is_some_and(|it| it == "py"))
        .take(MOST)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notebook_reaches_what_it_imports_and_what_that_imports() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let write = |path: &str, text: &str| {
            let file = root.join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, text).unwrap();
            file
        };
        let notebook = |body: &str| {
            let text = format!(
                "import marimo\napp = marimo.App()\n@app.cell\ndef _():\n    {body}\n    return\n"
            );
            let file = write("nb/a.py", &text);
            Notebook::read(&root, &file).unwrap()
        };
        write("orders/__init__.py", "");
        write(
            "orders/load.py",
            "if True:\n    from .deep import x\n    import rates\n",
        );
        write("src/rates.py", "import json\n");
        write("other.py", "");
        write("nb/near.py", "");
        let touches = |notebook: &Notebook, path: &str| {
            let reach = Reach::of(notebook, &root);
            reach.touches(
                &BTreeSet::from([root.join(path)]),
                &BTreeSet::from([root.join("nb/a.py"), root.join("nb/b.py")]),
            )
        };
        let plain = notebook("import orders.load, near, deeper");
        for path in [
            "libraries/x/deeper/y.py",
            "orders/load.py",
            "orders/new.py",
            "src/rates.py",
            "nb/near.py",
        ] {
            assert!(touches(&plain, path), "{path}");
        }
        for path in ["other.py", "json.py", "nb/b.py"] {
            assert!(!touches(&plain, path), "{path}");
        }
        write("nb/b.py", "");
        assert!(touches(&notebook("from b import value"), "nb/b.py"));
        for body in ["import dagster", "import importlib"] {
            let any = notebook(body);
            assert!(touches(&any, "other.py"), "{body}");
            assert!(!touches(&any, "nb/b.py"), "{body}");
        }
    }
}
