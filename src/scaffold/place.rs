//! Where new notebooks go, and what they are called.

use std::path::{Component, Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::context::Kind;
use super::filters;
use crate::project::notebooks::Notebook;

/// What a new notebook's name ends in.
const ENDING: &str = "_explore";

/// How long a part of a path that is made from a name is at most, in bytes: Python, editors and
/// exports add to it, and file systems end at 255.
const LONGEST: usize = 100;

/// How much of a digest tells names apart that look alike as files.
const DIGITS: usize = 8;

/// What a notebook imports: Python finds a file of this name beside it first.
const IMPORTED: [&str; 3] = ["daglab", "dagster", "marimo"];

/// Why there is no place for a notebook.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `--filename` is not the name of a Python file.
    #[error("`{0}` is not the name of a Python file")]
    NotPython(String),
    /// It leads out of the project.
    #[error("`{0}` is not in the project")]
    Outside(String),
    /// It is git's own.
    #[error("`{0}` is in a folder of git")]
    Git(String),
    /// Python would take it for a package.
    #[error("a file `{0}.py` hides the package `{0}` from the notebooks beside it")]
    Hides(String),
    /// Nobody has said where notebooks go.
    #[error("there is no `{notebooks_dir}`, and no `daglab.yaml` that says where notebooks go")]
    NoFolder {
        /// Where they would go.
        notebooks_dir: String,
    },
    /// The settings lead out of the project.
    #[error("`notebooks_dir` is `{0}`, which is not in the project")]
    FolderOutside(String),
}

impl crate::error::Diagnose for Error {
    fn exit_status(&self) -> crate::error::ExitStatus {
        match self {
            Self::NotPython(_) | Self::Outside(_) | Self::Git(_) | Self::Hides(_) => {
                crate::error::ExitStatus::Usage
            }
            Self::NoFolder { .. } => crate::error::ExitStatus::Environment,
            Self::FolderOutside(_) => crate::error::ExitStatus::Validation,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NotPython(_) => "give a name such as `orders_explore.py`".to_owned(),
            Self::Hides(name) => format!("give another name, such as `{name}_explore.py`"),
            Self::Outside(_) | Self::Git(_) => {
                "give a name, or a path below the project's folder".to_owned()
            }
            Self::NoFolder { .. } => {
                "`daglab init` sets the project up; `--filename PATH.py` writes anywhere in it"
                    .to_owned()
            }
            Self::FolderOutside(_) => "give a path relative to the project's folder".to_owned(),
        })
    }
}

/// Where the project keeps its notebooks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// The folder, relative to the project, with `/`.
    path: String,
    /// Whether `assets/` and `jobs/` in it mirror what they are about.
    mirrors: bool,
}

impl Folder {
    /// The folder of the settings; `is_default` where nobody has set it, `is_configured` where there
    /// is a `daglab.yaml`. The notebooks that are there say how they are kept: in `assets/` and
    /// `jobs/`, or side by side.
    pub fn of(
        root: &Path,
        notebooks_dir: &str,
        is_default: bool,
        is_configured: bool,
    ) -> Result<Self, Error> {
        let path = relative(Path::new(notebooks_dir))
            .ok_or_else(|| Error::FolderOutside(notebooks_dir.to_owned()))?;
        let folder = root.join(&path);
        if !folder.is_dir() && is_default && !is_configured {
            return Err(Error::NoFolder {
                notebooks_dir: notebooks_dir.to_owned(),
            });
        }
        let has = |name: &str| folder.join(name).is_dir();
        let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        // A bound for folders of data.
        let flat = entries.take(1000).map(|entry| entry.path()).any(|path| {
            path.extension().is_some_and(|it| it == "py") && Notebook::read(root, &path).is_some()
        });
        Ok(Self {
            path,
            mirrors: has("assets") || has("jobs") || !flat,
        })
    }

    /// The file of a notebook about a job, an asset or a group, relative to the project.
    pub fn file(&self, kind: Kind, name: &str) -> String {
        let mut parts: Vec<String> = name
            .split('/')
            .filter(|part| !part.is_empty())
            .map(part_for)
            .collect();
        let mut last = parts.pop().unwrap_or_else(|| "notebook".to_owned());
        if !self.mirrors {
            parts.push(last);
            last = shortened(parts.join("_"), name);
            parts.clear();
        }
        let last = match kind {
            Kind::Selection => format!("{last}_group{ENDING}.py"),
            Kind::Job | Kind::Asset => format!("{last}{ENDING}.py"),
        };
        let folder = match kind {
            Kind::Job => "jobs",
            Kind::Asset | Kind::Selection => "assets",
        };
        if self.mirrors {
            parts.insert(0, folder.to_owned());
        }
        parts.push(last);
        self.below(&parts.join("/"))
    }

    /// The file that `--filename` names: a name goes where the notebook would go anyway, a path is
    /// seen from `dir`.
    pub fn named(
        &self,
        given: &str,
        by_itself: &str,
        root: &Path,
        dir: &Path,
    ) -> Result<String, Error> {
        let path = Path::new(given);
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        if path.extension().is_none_or(|it| it != "py")
            || stem.is_empty()
            || given.chars().any(char::is_control)
        {
            return Err(Error::NotPython(given.to_owned()));
        }
        // Not every file system tells case apart.
        if let Some(name) = IMPORTED.iter().find(|it| stem.eq_ignore_ascii_case(it)) {
            return Err(Error::Hides((*name).to_owned()));
        }
        if !given.contains('/') {
            let folder = by_itself.rsplit_once('/').map(|(folder, _)| folder);
            return Ok(match folder {
                Some(folder) => format!("{folder}/{given}"),
                None => given.to_owned(),
            });
        }
        let outside = || Error::Outside(given.to_owned());
        let dir = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
        let absolute = clean(&dir.join(path)).ok_or_else(outside)?;
        let inside = absolute.strip_prefix(root).map_err(|_| outside())?;
        let is_git = |part: Component<'_>| part.as_os_str().eq_ignore_ascii_case(".git");
        if inside.components().any(is_git) {
            return Err(Error::Git(given.to_owned()));
        }
        relative(inside).ok_or_else(outside)
    }

    /// What a notebook is called where no other may be called so, as its state is: its path in the
    /// folder, or in the project, with `.` for `/`.
    pub fn name(&self, file: &str) -> String {
        let inside = match self.path.is_empty() {
            true => Some(file),
            false => file
                .strip_prefix(&self.path)
                .and_then(|rest| rest.strip_prefix('/')),
        };
        let path = inside.unwrap_or(file);
        let path = path.strip_suffix(".py").unwrap_or(path);
        let parts = path
            .split('/')
            .map(|part| filters::joined_keeping(part, '_'));
        let name = parts
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(".");
        match name == path.replace('/', ".") {
            true => shortened(name, path),
            // What another path may become, too, is told apart.
            false => shortened(format!("{name}_{}", digits(path)), path),
        }
    }

    fn below(&self, rest: &str) -> String {
        match self.path.is_empty() {
            true => rest.to_owned(),
            false => format!("{}/{rest}", self.path),
        }
    }
}

/// A part of a name as a part of a path. What has no letter at all is named by its digest, or all
/// such names would be one.
fn part_for(part: &str) -> String {
    let kept = filters::joined_keeping(part, '_');
    match kept.chars().any(char::is_alphanumeric) {
        true => shortened(kept, part),
        false => format!("notebook_{}", digits(part)),
    }
}

/// A part that is not too long; what is cut off is told apart by the whole's digest.
fn shortened(part: String, whole: &str) -> String {
    if part.len() <= LONGEST {
        return part;
    }
    let end = part.floor_char_boundary(LONGEST - DIGITS - 1);
    format!("{}_{}", &part[..end], digits(whole))
}

fn digits(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    let digits = digest.iter().take(DIGITS / 2);
    digits.map(|byte| format!("{byte:02x}")).collect()
}

/// A path without `.` and `..`, if it stays where it begins.
pub(super) fn clean(path: &Path) -> Option<PathBuf> {
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                if !clean.pop() {
                    return None;
                }
            }
            other => clean.push(other),
        }
    }
    Some(clean)
}

/// A relative path with `/`, if it leads down.
fn relative(path: &Path) -> Option<String> {
    let mut parts = Vec::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::Normal(part) => parts.push(part.to_str()?.to_owned()),
            _ => return None,
        }
    }
    Some(parts.join("/"))
}

/// The way from the folder of one file to another folder, both relative to the project, with `/`.
pub fn way(from_file: &str, to: &str) -> String {
    let from: Vec<&str> = from_file.split('/').filter(|it| !it.is_empty()).collect();
    let from = &from[..from.len().saturating_sub(1)];
    let to: Vec<&str> = to.split('/').filter(|it| !it.is_empty()).collect();
    let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n("..", from.len() - shared);
    let way: Vec<&str> = up.chain(to[shared..].iter().copied()).collect();
    match way.is_empty() {
        true => ".".to_owned(),
        false => way.join("/"),
    }
}

/// A file of the project in `root`, as seen from the folder `dir`: both are the system's own names.
/// From outside of the project, a file that is not below the folder has its whole path.
pub fn seen(root: &Path, file: &str, dir: &Path) -> String {
    let path = root.join(file);
    if let Ok(below) = path.strip_prefix(dir) {
        return below.to_string_lossy().into_owned();
    }
    match dir.strip_prefix(root) {
        Ok(inside) => way(&inside.join("_").to_string_lossy(), file),
        Err(_) => path.to_string_lossy().into_owned(),
    }
}

/// A name as a title: `core/daily_orders` as `Daily orders`.
pub fn title(name: &str) -> String {
    filters::title(name)
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    const NOTEBOOK: &str = "import marimo\napp = marimo.App()\n@app.cell\ndef _():\n    return\n";

    fn folder(root: &Path) -> Folder {
        Folder::of(root, "dagster/notebooks", true, true).unwrap()
    }

    #[test]
    fn notebooks_mirror_what_they_are_about() {
        let dir = tempfile::tempdir().unwrap();
        let it = folder(dir.path());
        assert_eq!(
            it.file(Kind::Asset, "core/daily orders"),
            "dagster/notebooks/assets/core/daily_orders_explore.py"
        );
        assert_eq!(
            it.file(Kind::Job, "a.b"),
            "dagster/notebooks/jobs/a_b_explore.py"
        );
        assert_eq!(
            it.file(Kind::Selection, "marts"),
            "dagster/notebooks/assets/marts_group_explore.py"
        );
        assert_eq!(
            it.file(Kind::Asset, "raw/ördérs-日本 (2)"),
            "dagster/notebooks/assets/raw/ördérs_日本_2__explore.py"
        );
    }

    #[test]
    fn names_without_letters_and_long_ones_stay_apart() {
        let dir = tempfile::tempdir().unwrap();
        let it = folder(dir.path());
        let file = |name: &str| it.file(Kind::Asset, name);
        assert_eq!(
            file("../🎉"),
            "dagster/notebooks/assets/notebook_5ec1f7e7/notebook_6146299c_explore.py"
        );
        assert_ne!(file("🎉"), file("🎈"));
        let (one, other) = ("日".repeat(240), "日".repeat(241));
        assert_ne!(file(&one), file(&other));
        for name in [one.as_str(), &"a/".repeat(3), &"b".repeat(240)] {
            let file = file(name);
            let longest = file.split('/').map(str::len).max();
            assert!(longest <= Some(LONGEST + "_explore.py".len()), "{file}");
        }
        let path = dir.path().join("dagster/notebooks");
        std::fs::create_dir_all(&path).unwrap();
        std::fs::write(path.join("x.py"), NOTEBOOK).unwrap();
        let flat = folder(dir.path()).file(Kind::Job, &["c".repeat(90), "d".repeat(90)].join("/"));
        assert_eq!(flat.rsplit('/').next().unwrap().len(), LONGEST + 11);
    }

    #[test]
    fn a_project_that_keeps_them_side_by_side_goes_on_so() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("dagster/notebooks");
        std::fs::create_dir_all(&path).unwrap();
        std::fs::write(path.join("conftest.py"), "").unwrap();
        assert!(folder(dir.path()).mirrors);
        std::fs::write(path.join("x.py"), NOTEBOOK).unwrap();
        let it = folder(dir.path());
        assert_eq!(
            it.file(Kind::Asset, "core/x"),
            "dagster/notebooks/core_x_explore.py"
        );
        std::fs::create_dir(path.join("jobs")).unwrap();
        assert!(folder(dir.path()).mirrors);
    }

    #[test]
    fn a_folder_is_made_where_somebody_asked_for_it() {
        let dir = tempfile::tempdir().unwrap();
        let of = |path: &str, is_default, is_configured| {
            Folder::of(dir.path(), path, is_default, is_configured)
        };
        assert!(matches!(
            of("dagster/notebooks", true, false),
            Err(Error::NoFolder { .. })
        ));
        assert!(of("nb", false, true).is_ok());
        assert!(matches!(
            of("../nb", false, true),
            Err(Error::FolderOutside(_))
        ));
        assert!(matches!(
            of("/nb", false, true),
            Err(Error::FolderOutside(_))
        ));
    }

    #[test]
    fn a_name_can_be_given() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let it = folder(&root);
        let by_itself = it.file(Kind::Asset, "core/x");
        let named = |given: &str| it.named(given, &by_itself, &root, &root);
        assert_eq!(named("y.py").unwrap(), "dagster/notebooks/assets/core/y.py");
        assert_eq!(named("a/../b/y.py").unwrap(), "b/y.py");
        assert!(matches!(named("../y.py"), Err(Error::Outside(_))));
        assert!(matches!(named("/etc/y.py"), Err(Error::Outside(_))));
        for bad in [".git/hooks/y.py", "a/.GIT/y.py"] {
            assert!(matches!(named(bad), Err(Error::Git(_))), "{bad}");
        }
        for bad in ["marimo.py", "nb/dagster.py", "Daglab.py"] {
            assert!(matches!(named(bad), Err(Error::Hides(_))), "{bad}");
        }
        for bad in ["y", "y.txt", ".py", "a/", "a\nb.py"] {
            assert!(matches!(named(bad), Err(Error::NotPython(_))), "{bad}");
        }
    }

    #[test]
    fn no_two_notebooks_have_one_name() {
        let dir = tempfile::tempdir().unwrap();
        let it = folder(dir.path());
        let name = |file: &str| it.name(file);
        assert_eq!(
            name(&it.file(Kind::Asset, "core/orders")),
            "assets.core.orders_explore"
        );
        assert_eq!(name(&it.file(Kind::Job, "orders")), "jobs.orders_explore");
        assert_eq!(name("elsewhere/ördérs.py"), "elsewhere.ördérs");
        assert_eq!(
            name("elsewhere/daily-orders.py"),
            "elsewhere.daily_orders_7dda41a6"
        );
        let alike = [
            "a/b.py",
            "a.b.py",
            "a/b_.py",
            "a/b-.py",
            "a/b .py",
            "a/🎉.py",
        ];
        let names: std::collections::BTreeSet<String> = alike.map(name).into();
        assert_eq!(names.len(), alike.len(), "{names:?}");
        let (one, other) = ("a/".repeat(80), "a/".repeat(81));
        assert_ne!(name(&format!("{one}x.py")), name(&format!("{other}x.py")));
        assert!(name(&format!("{one}x.py")).len() <= LONGEST);
        let root = Folder::of(dir.path(), ".", false, true).unwrap();
        assert_eq!(root.name("assets/x.py"), "assets.x");
    }

    #[test]
    fn a_notebook_is_called_as_it_is_seen() {
        let seen = |dir: &str| seen(Path::new("/p q"), "nb/x.py", Path::new(dir));
        for (dir, expected) in [
            ("/p q", "nb/x.py"),
            ("/p q/nb", "x.py"),
            ("/p q/src/deep", "../../nb/x.py"),
            ("/", "p q/nb/x.py"),
            ("/p", "/p q/nb/x.py"),
        ] {
            assert_eq!(seen(dir), expected, "{dir}");
        }
    }

    #[test]
    fn ways_between_folders() {
        assert_eq!(way("dagster/notebooks/assets/x.py", "dagster"), "../..");
        assert_eq!(way("dagster/notebooks/x.py", ""), "../..");
        assert_eq!(way("x.py", "src"), "src");
        assert_eq!(way("x.py", ""), ".");
        assert_eq!(way("nb/x.py", "src/a"), "../src/a");
    }
}
