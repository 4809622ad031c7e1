//! Where a project's modules are imported from.

use std::path::{Path, PathBuf};

use toml::Value;

use super::pyproject::Pyproject;
use crate::project::Error;

/// What makes the project's modules importable without installing it: the folder its packages are
/// in, and its root, which `dagster dev` has on the path as the current directory.
pub(super) fn import_path(root: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut folders = Vec::new();
    if let Some(pyproject) = Pyproject::read(root)? {
        folders.extend(
            package_folders(&pyproject)
                .into_iter()
                .map(|name| root.join(name)),
        );
    }
    folders.push(root.join("src"));
    folders.retain(|folder| folder.is_dir() && !folder.join("__init__.py").exists());
    folders.push(root.to_owned());
    let mut unique: Vec<PathBuf> = Vec::new();
    for folder in folders {
        if !unique
            .iter()
            .any(|known| known.components().eq(folder.components()))
        {
            unique.push(folder);
        }
    }
    Ok(unique)
}

/// The folders that setuptools and Poetry are told of.
fn package_folders(pyproject: &Pyproject) -> Vec<String> {
    let mut names = Vec::new();
    let mut add =
        |value: Option<&Value>| names.extend(value.and_then(Value::as_str).map(str::to_owned));
    let found = pyproject.at(&["tool", "setuptools", "packages", "find", "where"]);
    for value in found.and_then(Value::as_array).into_iter().flatten() {
        add(Some(value));
    }
    add(pyproject.at(&["tool", "setuptools", "package-dir", ""]));
    let packages = pyproject
        .at(&["tool", "poetry", "packages"])
        .and_then(Value::as_array);
    for package in packages.into_iter().flatten() {
        add(package.get("from"));
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_folder_comes_before_the_root() {
        let tree = tempfile::tempdir().expect("a folder");
        let path = |name: &str| tree.path().join(name);
        let found = || import_path(tree.path()).expect("readable");
        assert_eq!(found(), [tree.path()]);
        std::fs::create_dir_all(path("src/orders")).expect("a folder");
        std::fs::create_dir_all(path("lib")).expect("a folder");
        assert_eq!(found(), [path("src"), tree.path().to_owned()]);
        std::fs::write(
            path("pyproject.toml"),
            "[tool.setuptools.packages.find]\nwhere = ['lib', '.']\n",
        )
        .expect("a file");
        assert_eq!(found(), [path("lib"), tree.path().join("."), path("src")]);
        std::fs::write(path("src/__init__.py"), "").expect("a file");
        std::fs::write(path("pyproject.toml"), "").expect("a file");
        assert_eq!(found(), [tree.path()], "`src` itself is the package");
    }
}
