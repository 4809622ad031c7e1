//! What a project says must be installed.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::pyproject::{Pyproject, strings};
use crate::project::Error;

/// How deep one requirements file, or one dependency group, may lead to the next.
pub(super) const DEPTH: usize = 8;

/// Where the requirements are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    /// `uv.lock`, of the project itself or of the workspace around it.
    UvLock(PathBuf),
    /// `requirements.txt`.
    Requirements(PathBuf),
    /// `[project]` of a `pyproject.toml` that lists its dependencies.
    Pyproject(PathBuf),
    /// `setup.py`, `setup.cfg`, Poetry or dynamic metadata: only the build backend knows.
    Backend(PathBuf),
}

impl Source {
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::UvLock(path)
            | Self::Requirements(path)
            | Self::Pyproject(path)
            | Self::Backend(path) => path,
        }
    }
}

/// What a project says must be installed, and all that its environment depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Declared {
    pub source: Source,
    /// The folder the source belongs to; tools run here.
    pub folder: PathBuf,
    /// `requires-python`.
    pub requires_python: Option<String>,
    /// The text of everything that decides what is installed.
    pub text: String,
    /// Whether something is installed from the work tree, so that another checkout needs another
    /// environment.
    pub is_local: bool,
    /// The requirement strings of [`Source::Pyproject`], the `dev` group's among them.
    pub requirements: Vec<String>,
    /// Whether there is a dependency group `dev`, which uv installs by default.
    pub has_dev_group: bool,
}

/// The nearest declaration at or above `root`, not beyond `top`.
pub(super) fn declared(root: &Path, top: &Path) -> Result<Option<Declared>, Error> {
    for folder in root.ancestors() {
        if let Some(found) = in_folder(folder, root, top)? {
            return Ok(Some(found));
        }
        if folder == top {
            break;
        }
    }
    Ok(None)
}

fn in_folder(folder: &Path, root: &Path, top: &Path) -> Result<Option<Declared>, Error> {
    let pyproject = Pyproject::read(folder)?;
    let lock = folder.join("uv.lock");
    if lock.is_file() {
        return uv_lock(folder, lock, pyproject.as_ref(), root).map(Some);
    }
    let requirements = folder.join("requirements.txt");
    if requirements.is_file() {
        return requirements_file(folder, requirements, pyproject.as_ref()).map(Some);
    }
    let Some(pyproject) = pyproject else {
        let setup = ["setup.py", "setup.cfg"].map(|name| folder.join(name));
        return match setup.into_iter().find(|path| path.is_file()) {
            Some(path) => backend(folder, path, None).map(Some),
            None => Ok(None),
        };
    };
    if pyproject.may_be_uv_member() {
        for parent in folder
            .ancestors()
            .skip(1)
            .take_while(|parent| parent.starts_with(top))
        {
            let lock = parent.join("uv.lock");
            if lock.is_file() && Pyproject::read(parent)?.is_some_and(|p| p.is_uv_workspace()) {
                return uv_lock(parent, lock, Some(&pyproject), root).map(Some);
            }
        }
    }
    pyproject_file(&pyproject, folder)
}

fn uv_lock(
    folder: &Path,
    lock: PathBuf,
    pyproject: Option<&Pyproject>,
    root: &Path,
) -> Result<Declared, Error> {
    let text = read(&lock)?;
    let member = root
        .strip_prefix(folder)
        .unwrap_or(root)
        .to_string_lossy()
        .into_owned();
    let is_local = lock_has_local_sources(&text);
    let tables = pyproject
        .map(Pyproject::dependency_tables)
        .unwrap_or_default();
    Ok(Declared {
        source: Source::UvLock(lock),
        // uv finds the member that is meant from where it runs.
        folder: root.to_owned(),
        requires_python: pyproject.and_then(Pyproject::requires_python),
        text: format!("{member}\n{tables}\n{text}"),
        is_local,
        requirements: Vec::new(),
        has_dev_group: false,
    })
}

/// Whether a lock names packages of the work tree beside the project itself, which is not
/// installed.
fn lock_has_local_sources(text: &str) -> bool {
    let Ok(lock) = text.parse::<Table>() else {
        return true;
    };
    let packages = lock
        .get("package")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    packages
        .iter()
        .filter_map(|package| package.get("source"))
        .any(|source| {
            ["editable", "directory", "path"]
                .iter()
                .filter_map(|key| source.get(key).and_then(Value::as_str))
                .any(|path| path != ".")
        })
}

fn requirements_file(
    folder: &Path,
    path: PathBuf,
    pyproject: Option<&Pyproject>,
) -> Result<Declared, Error> {
    let mut text = String::new();
    collect_requirements(&path, &mut text, DEPTH)?;
    let is_local = text.lines().map(str::trim).any(is_local_requirement);
    if is_local && let Some(pyproject) = pyproject {
        text.push_str(&pyproject.text);
    }
    Ok(Declared {
        source: Source::Requirements(path),
        folder: folder.to_owned(),
        requires_python: pyproject.and_then(Pyproject::requires_python),
        text,
        is_local,
        requirements: Vec::new(),
        has_dev_group: false,
    })
}

/// The text of a requirements file and of all that it includes with `-r` and `-c`. An included file
/// that is not there is the installation tool's to report.
fn collect_requirements(path: &Path, text: &mut String, depth: usize) -> Result<(), Error> {
    let own = read(path)?;
    text.push_str(&own);
    text.push('\n');
    if depth == 0 {
        return Ok(());
    }
    for line in own.lines().map(str::trim) {
        let included = ["-r", "--requirement", "-c", "--constraint"]
            .iter()
            .find_map(|flag| {
                let rest = line.strip_prefix(flag)?;
                let rest = rest.trim_start_matches(['=', ' ', '\t']);
                Some(rest.split_whitespace().next()?.to_owned())
            });
        let included = included.map(|name| path.parent().unwrap_or(path).join(name));
        if let Some(file) = included.filter(|file| file.is_file()) {
            collect_requirements(&file, text, depth - 1)?;
        }
    }
    Ok(())
}

fn is_local_requirement(line: &str) -> bool {
    line.starts_with("-e")
        || line.starts_with("--editable")
        || line.starts_with(['.', '/'])
        || line.contains("file:")
        || (line.contains('/') && !line.contains("://") && !line.starts_with(['-', '#']))
}

fn backend(
    folder: &Path,
    source: PathBuf,
    pyproject: Option<&Pyproject>,
) -> Result<Declared, Error> {
    let mut text = String::new();
    for name in ["pyproject.toml", "setup.py", "setup.cfg", "poetry.lock"] {
        let path = folder.join(name);
        if path.is_file() {
            text.push_str(&read(&path)?);
            text.push('\0');
        }
    }
    Ok(Declared {
        source: Source::Backend(source),
        folder: folder.to_owned(),
        requires_python: pyproject.and_then(Pyproject::requires_python),
        text,
        is_local: false,
        requirements: Vec::new(),
        has_dev_group: false,
    })
}

fn pyproject_file(pyproject: &Pyproject, folder: &Path) -> Result<Option<Declared>, Error> {
    let dynamic = pyproject
        .at(&["project", "dynamic"])
        .and_then(Value::as_array);
    let is_dynamic =
        dynamic.is_some_and(|list| list.iter().any(|v| v.as_str() == Some("dependencies")));
    let project = pyproject.at(&["project"]).and_then(Value::as_table);
    let has_setup = ["setup.py", "setup.cfg"]
        .iter()
        .any(|name| folder.join(name).is_file());
    if is_dynamic
        || pyproject.at(&["tool", "poetry", "dependencies"]).is_some()
            && project.is_none_or(|table| !table.contains_key("dependencies"))
        || project.is_none() && has_setup
    {
        return backend(folder, pyproject.path.clone(), Some(pyproject)).map(Some);
    }
    let mut requirements = strings(pyproject.at(&["project", "dependencies"]));
    let own_group = pyproject.group("dev", DEPTH);
    let has_dev_group = !own_group.is_empty();
    requirements.extend(own_group);
    requirements.extend(strings(pyproject.at(&["tool", "uv", "dev-dependencies"])));
    if requirements.is_empty() {
        return Ok(None);
    }
    let sources = pyproject
        .at(&["tool", "uv", "sources"])
        .and_then(Value::as_table);
    let is_local = requirements.iter().any(|line| line.contains("file:"))
        || sources.is_some_and(|table| {
            table
                .values()
                .any(|source| source.get("path").is_some() || source.get("workspace").is_some())
        });
    Ok(Some(Declared {
        source: Source::Pyproject(pyproject.path.clone()),
        folder: folder.to_owned(),
        requires_python: pyproject.requires_python(),
        text: pyproject.dependency_tables(),
        is_local,
        requirements,
        has_dev_group,
    }))
}

pub(super) fn read(path: &Path) -> Result<String, Error> {
    std::fs::read(path)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .map_err(|source| Error::Unreadable {
            path: path.to_owned(),
            source,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let tree = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            let path = tree.path().join(name);
            std::fs::create_dir_all(path.parent().expect("inside")).expect("a folder");
            std::fs::write(path, text).expect("a file");
        }
        tree
    }

    fn find(tree: &tempfile::TempDir, root: &str) -> Option<Declared> {
        declared(&tree.path().join(root), tree.path()).expect("readable")
    }

    const PROJECT: &str = "[project]\nname = 'p'\nrequires-python = '>=3.11'\n\
        dependencies = ['dagster', 'pandas>=2']\n\
        [dependency-groups]\ndev = ['pytest', {include-group = 'plots'}]\nplots = ['altair']\n";

    #[test]
    fn the_order_in_a_folder() {
        let tree = tree(&[
            ("pyproject.toml", PROJECT),
            ("requirements.txt", ""),
            ("uv.lock", ""),
        ]);
        let path = |name: &str| tree.path().join(name);
        let source = || find(&tree, "").map(|declared| declared.source);
        assert_eq!(source(), Some(Source::UvLock(path("uv.lock"))));
        std::fs::remove_file(path("uv.lock")).expect("it is there");
        assert_eq!(
            source(),
            Some(Source::Requirements(path("requirements.txt")))
        );
        std::fs::remove_file(path("requirements.txt")).expect("it is there");
        let declared = find(&tree, "").expect("a declaration");
        assert_eq!(declared.source, Source::Pyproject(path("pyproject.toml")));
        assert_eq!(
            declared.requirements,
            ["dagster", "pandas>=2", "pytest", "altair"]
        );
        assert_eq!(declared.requires_python.as_deref(), Some(">=3.11"));
        assert!(declared.has_dev_group && !declared.is_local);
    }

    #[test]
    fn settings_of_other_tools_do_not_count() {
        let one = tree(&[("pyproject.toml", PROJECT)]);
        let two = tree(&[(
            "pyproject.toml",
            &format!("{PROJECT}[tool.ruff]\nline-length = 90\n"),
        )]);
        let three = tree(&[("pyproject.toml", &PROJECT.replace("pandas>=2", "pandas>=3"))]);
        let text = |tree| find(tree, "").expect("a declaration").text;
        assert_eq!(text(&one), text(&two));
        assert_ne!(text(&one), text(&three));
    }

    #[test]
    fn what_only_the_backend_knows() {
        let poetry = "[tool.poetry.dependencies]\npython = '^3.10'\ndagster = '*'\n";
        let declared = find(&tree(&[("pyproject.toml", poetry)]), "").expect("a declaration");
        assert!(matches!(declared.source, Source::Backend(_)));
        assert_eq!(declared.requires_python.as_deref(), Some("^3.10"));
        let setup = tree(&[("pyproject.toml", "[tool.dagster]\n"), ("setup.py", "")]);
        assert!(matches!(
            find(&setup, "").expect("one").source,
            Source::Backend(_)
        ));
        let bare = tree(&[("setup.cfg", "")]);
        assert!(matches!(
            find(&bare, "").expect("one").source,
            Source::Backend(_)
        ));
        let dynamic = tree(&[(
            "pyproject.toml",
            "[project]\nname='p'\ndynamic=['dependencies']\n",
        )]);
        assert!(matches!(
            find(&dynamic, "").expect("one").source,
            Source::Backend(_)
        ));
    }

    #[test]
    fn included_requirements_count() {
        let files = [
            ("requirements.txt", "-r more/base.txt\n-c limits.txt\n"),
            ("limits.txt", "b<2\n"),
        ];
        let tree = tree(&[
            files[0],
            files[1],
            ("more/base.txt", "-r base.txt\ndagster\n"),
        ]);
        let declared = find(&tree, "").expect("a declaration");
        assert!(declared.text.contains("dagster") && declared.text.contains("b<2"));
        assert!(!declared.is_local);
    }

    #[test]
    fn local_requirements_bind_an_environment_to_its_checkout() {
        for line in [
            "-e .",
            ".",
            "./lib",
            "lib @ file:///srv/lib",
            "vendor/a.whl",
            "--editable=.",
        ] {
            assert!(is_local_requirement(line), "{line}");
        }
        for line in [
            "dagster",
            "# a/b",
            "-r a/b.txt",
            "x @ git+https://host/x",
            "--index-url https://i/s",
        ] {
            assert!(!is_local_requirement(line), "{line}");
        }
        let own = "[[package]]\nname='p'\nsource={editable='.'}\n";
        assert!(!lock_has_local_sources(own));
        assert!(lock_has_local_sources(&format!(
            "{own}[[package]]\nname='q'\nsource={{editable='q'}}\n"
        )));
    }

    #[test]
    fn a_member_of_a_uv_workspace_uses_its_lock() {
        let tree = tree(&[
            ("pyproject.toml", "[tool.uv.workspace]\nmembers = ['etl']\n"),
            ("uv.lock", ""),
            ("etl/pyproject.toml", PROJECT),
            ("scripts/requirements.txt", "dagster\n"),
            ("empty/README.md", ""),
        ]);
        let source = |root: &str| find(&tree, root).map(|declared| declared.source);
        assert_eq!(
            source("etl"),
            Some(Source::UvLock(tree.path().join("uv.lock")))
        );
        assert!(matches!(source("scripts"), Some(Source::Requirements(_))));
        assert!(matches!(source("empty"), Some(Source::UvLock(_))));
    }
}
