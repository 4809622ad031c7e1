//! Which notebooks are meant, and the project they are in.

use std::collections::{BTreeSet, HashSet};
use std::path::{Component, Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};
use ignore::WalkBuilder;

use super::Error;
use crate::commands::{Context, Failure};
use crate::project::Project;
use crate::project::notebooks::{self, Notebook};

/// Names that are patterns have one of these.
const WILD: &[char] = &['*', '?', '[', '{'];

/// What the command line names.
pub(super) struct Selection {
    /// The project they are in.
    pub(super) project: Project,
    /// The notebooks, each once: in the order of the command line, and of their paths within a
    /// pattern.
    pub(super) notebooks: Vec<Notebook>,
    /// How many there are, whether or not all are exported now.
    pub(super) named: usize,
    /// Files that a pattern matches and that are no notebooks.
    pub(super) skipped: Vec<PathBuf>,
}

impl Selection {
    /// Finds them. A project must be there if `required`.
    pub(super) fn find(
        context: &Context,
        names: &[PathBuf],
        required: bool,
    ) -> Result<Self, Failure> {
        let mut files = Vec::new();
        let mut skipped = Vec::new();
        for name in names {
            let text = name.to_string_lossy();
            match context.dir.join(name).canonicalize() {
                Ok(file) if !is_notebook(&file) => {
                    return Err(Error::NotANotebook(name.clone()).into());
                }
                Ok(file) => files.push(file),
                Err(_) if text.contains(WILD) => {
                    let (found, others): (Vec<_>, Vec<_>) = matches(&context.dir, &text)?
                        .into_iter()
                        .partition(|file| is_notebook(file));
                    if found.is_empty() {
                        return Err(Error::NoMatch(text.into_owned()).into());
                    }
                    files.extend(found);
                    skipped.extend(others);
                }
                Err(_) => return Err(Error::Missing(name.clone()).into()),
            }
        }
        let mut seen = HashSet::new();
        files.retain(|file| seen.insert(file.clone()));
        let project = project_of(context, &files, required)?;
        let notebooks = files
            .iter()
            .map(|file| {
                // It may have changed in this moment.
                Notebook::read(&project.root, file)
                    .ok_or_else(|| Error::NotANotebook(file.clone()).into())
            })
            .collect::<Result<_, Failure>>()?;
        Ok(Self {
            project,
            named: files.len(),
            notebooks,
            skipped,
        })
    }

    /// Says which files are left out.
    pub(super) fn tell_skipped(&self, context: &Context) {
        for file in &self.skipped {
            let note = format!(
                "`{}` is not a marimo notebook and is left out",
                file.display()
            );
            context.printer.message(&note);
        }
    }
}

fn is_notebook(file: &Path) -> bool {
    file.is_file() && Notebook::read(Path::new("/"), file).is_some()
}

/// The Python files that a pattern matches, sorted, without what git ignores and without folders
/// that hold other people's code.
fn matches(dir: &Path, pattern: &str) -> Result<Vec<PathBuf>, Error> {
    let (base, glob) = split(dir, pattern)?;
    let Ok(base) = base.canonicalize() else {
        return Ok(Vec::new());
    };
    let deep = pattern.contains("**");
    let depth = pattern.split('/').count();
    let mut walk = WalkBuilder::new(&base);
    walk.require_git(false)
        .filter_entry(notebooks::is_worth_a_look);
    if !deep {
        walk.max_depth(Some(depth));
    }
    let mut found: BTreeSet<PathBuf> = BTreeSet::new();
    for entry in walk.build().flatten() {
        let relative = entry.path().strip_prefix(&base).unwrap_or(entry.path());
        if entry.path().extension().is_some_and(|it| it == "py")
            && glob.is_match(relative)
            && let Ok(file) = entry.path().canonicalize()
        {
            found.insert(file);
        }
    }
    Ok(found.into_iter().collect())
}

/// The folder that a pattern begins in, and the rest of it.
fn split(dir: &Path, pattern: &str) -> Result<(PathBuf, GlobMatcher), Error> {
    let parts: Vec<Component<'_>> = Path::new(pattern).components().collect();
    let wild = |part: &Component<'_>| part.as_os_str().to_string_lossy().contains(WILD);
    let plain = parts.iter().take_while(|part| !wild(part)).count();
    let base: PathBuf = parts[..plain].iter().collect();
    let rest: PathBuf = parts[plain..].iter().collect();
    let glob = GlobBuilder::new(&rest.to_string_lossy())
        .literal_separator(true)
        .build()
        .map_err(|error| Error::Pattern(pattern.to_owned(), error.kind().to_string()))?;
    Ok((dir.join(base), glob.compile_matcher()))
}

/// The project of the notebooks: that of the current directory, or else of their folders. One that
/// is not required need not be one: any folder will do.
fn project_of(context: &Context, files: &[PathBuf], required: bool) -> Result<Project, Failure> {
    if let Ok(project) = context.project(&context.dir)
        && files.iter().all(|file| file.starts_with(&project.root))
    {
        return Ok(project);
    }
    let folders: BTreeSet<&Path> = files.iter().filter_map(|file| file.parent()).collect();
    let mut projects: Vec<Project> = Vec::new();
    let mut problem = None;
    for folder in &folders {
        match context.project(folder) {
            Ok(found) if projects.iter().any(|other| other.root == found.root) => {}
            Ok(found) => projects.push(found),
            Err(error) => problem = Some(error),
        }
    }
    match (projects.len(), problem) {
        (1, None) => Ok(projects.swap_remove(0)),
        (0, Some(error)) if required => Err(error.into()),
        (0, _) => Ok(no_project(&common_folder(files))),
        (1, Some(_)) => {
            let root = projects[0].root.clone();
            let outside = files.iter().find(|file| !file.starts_with(&root));
            Err(Error::Outside(outside.cloned().unwrap_or_default(), root).into())
        }
        _ => Err(Error::Projects(projects[0].root.clone(), projects[1].root.clone()).into()),
    }
}

/// A folder in the place of a project.
fn no_project(folder: &Path) -> Project {
    Project {
        name: folder
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        locations: Vec::new(),
        marker: folder.to_owned(),
        notes: Vec::new(),
        root: folder.to_owned(),
    }
}

/// The deepest folder that all files are in.
pub(super) fn common_folder<'a>(files: impl IntoIterator<Item = &'a PathBuf>) -> PathBuf {
    let mut common: Option<&Path> = None;
    for file in files {
        let folder = file.parent().unwrap_or(Path::new("/"));
        common = Some(match common {
            None => folder,
            Some(common) => common
                .ancestors()
                .find(|above| folder.starts_with(above))
                .unwrap_or(Path::new("/")),
        });
    }
    common.unwrap_or(Path::new("/")).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path, pattern: &str) -> Vec<String> {
        let base = dir.canonicalize().unwrap();
        let found = matches(dir, pattern).unwrap();
        found
            .iter()
            .map(|file| file.strip_prefix(&base).unwrap().display().to_string())
            .collect()
    }

    #[test]
    fn patterns_are_relative_to_the_current_directory() {
        let dir = tempfile::tempdir().unwrap();
        for file in [
            "nb/a.py",
            "nb/b.txt",
            "nb/deep/c.py",
            "d.py",
            "nb/venv/e.py",
        ] {
            let file = dir.path().join(file);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "").unwrap();
        }
        assert_eq!(names(dir.path(), "nb/*.py"), ["nb/a.py"]);
        assert_eq!(
            names(dir.path(), "./nb/**/*.py"),
            ["nb/a.py", "nb/deep/c.py"]
        );
        assert_eq!(names(dir.path(), "**/[a-d].py").len(), 3);
        assert_eq!(names(dir.path(), "*/*.py"), ["nb/a.py"]);
        let above = matches(&dir.path().join("nb/deep"), "../{a,x}.py").unwrap();
        assert_eq!(above, [dir.path().canonicalize().unwrap().join("nb/a.py")]);
        let absolute = format!("{}/nb/?.py", dir.path().display());
        assert_eq!(matches(Path::new("/"), &absolute).unwrap().len(), 1);
        assert!(names(dir.path(), "none/*.py").is_empty());
        assert!(matches(dir.path(), "nb/[").is_err());
    }

    #[test]
    fn the_common_folder_is_the_deepest() {
        let of = |files: &[&str]| {
            let files: Vec<PathBuf> = files.iter().map(PathBuf::from).collect();
            common_folder(&files).display().to_string()
        };
        assert_eq!(of(&["/a/b/x.py"]), "/a/b");
        assert_eq!(of(&["/a/b/x.py", "/a/b/c/y.py"]), "/a/b");
        assert_eq!(of(&["/a/b/x.py", "/a/bc/y.py"]), "/a");
        assert_eq!(of(&["/a/x.py", "/b/y.py"]), "/");
    }
}
