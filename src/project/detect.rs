//! Find the Dagster project as Dagster's own tools do, without starting Python.
//!
//! In a folder, what `dagster dev` reads comes first and in its order: `[tool.dagster]` and
//! `[tool.dg]` of a project in `pyproject.toml`, `workspace.yaml`, `workspace.yml`. Then what only
//! `dg dev` reads: `dg.toml`, and the projects of a `dg` workspace. Then a definitions file, which
//! neither would find by itself. A folder without any of them passes the search on to its parent,
//! up to the git root.

mod location;
mod python_files;
mod toml_files;
mod workspace_yaml;

use std::path::{Path, PathBuf};

pub use location::{CodeLocation, Target};
pub use toml_files::ProjectTables;

use super::error::{Error, Excerpt};

/// A Dagster project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Its folder, absolute and without symbolic links. Processes of the project run here, as they
    /// would under `dagster dev`.
    pub root: PathBuf,
    /// The folder's name.
    pub name: String,
    /// What is to be loaded, in the order the project lists it. Never empty; names are unique.
    pub locations: Vec<CodeLocation>,
    /// The file that named the locations, or `root` where flags did.
    pub marker: PathBuf,
    /// What the user may want to know about the choice, as sentences.
    pub notes: Vec<String>,
}

/// The flags of `dagster dev` that replace the search. All empty: search.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TargetFlags {
    /// `-w`, `--workspace`: workspace files; a later one replaces locations of the same name.
    pub workspace: Vec<PathBuf>,
    /// `-f`, `--python-file`.
    pub python_file: Vec<PathBuf>,
    /// `-m`, `--module-name`.
    pub module_name: Vec<String>,
    /// `--package-name`.
    pub package_name: Vec<String>,
    /// `-a`, `--attribute`; only with a single file, module or package.
    pub attribute: Option<String>,
    /// `-d`, `--working-directory`; not with workspace files.
    pub working_directory: Option<PathBuf>,
}

/// What [`detect`] needs to know.
pub struct DetectRequest<'a> {
    /// The folder the user named, or the current one.
    pub start: PathBuf,
    /// What the user said about code locations. Relative paths are seen from the current directory.
    pub flags: TargetFlags,
    /// Looks up an environment variable, for `{env: NAME}` in workspace files.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
}

/// What a marker file has given.
struct Found {
    locations: Vec<CodeLocation>,
    marker: PathBuf,
    notes: Vec<String>,
}

/// Finds the project, reads its code locations and checks that the files they name are there.
pub fn detect(request: &DetectRequest<'_>) -> Result<Project, Error> {
    let missing = || Error::NoSuchFolder {
        path: request.start.clone(),
    };
    let start = request.start.canonicalize().map_err(|_| missing())?;
    if !start.is_dir() {
        return Err(missing());
    }
    let (root, found) = if request.flags == TargetFlags::default() {
        search(&start, request.variable)?
    } else {
        let found = from_flags(&start, request)?;
        (start, found)
    };
    if found.locations.is_empty() {
        return Err(Error::NoLocations {
            marker: found.marker,
            hint: "list at least one entry under `load_from`".to_owned(),
        });
    }
    refuse_duplicates(&found)?;
    refuse_shadowed_dagster(&root, &found.locations)?;
    let name = root
        .file_name()
        .map_or_else(|| "project".into(), |n| n.to_string_lossy());
    Ok(Project {
        name: name.into_owned(),
        locations: found.locations,
        marker: found.marker,
        notes: found.notes,
        root,
    })
}

/// The nearest folder at or above `start` that holds `.git`.
pub fn git_root(start: &Path) -> Option<&Path> {
    start
        .ancestors()
        .find(|folder| folder.join(".git").exists())
}

fn search(
    start: &Path,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<(PathBuf, Found), Error> {
    let top = git_root(start).unwrap_or(start);
    let mut inside_package = None;
    for folder in start.ancestors() {
        if let Some(found) = from_markers(folder, variable)? {
            return Ok((folder.to_owned(), found));
        }
        if let Some(file) = python_files::definitions_file(folder)? {
            // A definitions file beside `__init__.py` is a module of a package whose project is
            // further up: loaded as a file its relative imports would fail.
            if !folder.join("__init__.py").exists() {
                let named = named_above(folder, &file, variable);
                return Ok(named
                    .unwrap_or_else(|| (folder.to_owned(), from_definitions_file(folder, file))));
            }
            inside_package.get_or_insert((folder, file));
        }
        if folder == top {
            break;
        }
    }
    if let Some((folder, file)) = inside_package {
        return Ok((folder.to_owned(), from_definitions_file(folder, file)));
    }
    Err(Error::NotAProject {
        start: start.to_owned(),
        top: top.to_owned(),
        candidates: python_files::candidates_below(start),
    })
}

/// The project whose own files name a definitions file in a folder below it: there, who calls from
/// that folder works on the same project. What can't be read up there is of no concern down here.
fn named_above(
    folder: &Path,
    file: &Path,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Option<(PathBuf, Found)> {
    let mut found = folder.ancestors().skip(1).filter_map(|folder| {
        let found = from_markers(folder, variable).ok().flatten()?;
        Some((folder.to_owned(), found))
    });
    found.find(|(_, found)| found.locations.iter().any(|it| it.target.is_file(file)))
}

fn from_markers(
    folder: &Path,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<Found>, Error> {
    let tables = ProjectTables::read(folder)?;
    let workspace = ["workspace.yaml", "workspace.yml"]
        .map(|name| folder.join(name))
        .into_iter()
        .find(|path| path.is_file());
    if let Some((locations, marker)) = tables.dagster_locations(folder)? {
        let notes = workspace
            .iter()
            .map(|path| ignored(path, &marker))
            .collect();
        return Ok(Some(Found {
            locations,
            marker,
            notes,
        }));
    }
    if let Some(marker) = workspace {
        let locations = workspace_yaml::read(&marker, folder, variable)?;
        return Ok(Some(Found {
            locations,
            marker,
            notes: Vec::new(),
        }));
    }
    if let Some((locations, marker)) = tables.dg_locations(folder)? {
        return Ok(Some(Found {
            locations,
            marker,
            notes: Vec::new(),
        }));
    }
    Ok(None)
}

fn ignored(path: &Path, marker: &Path) -> String {
    format!(
        "`{}` is not read because `{}` names the code locations, as under `dagster dev`",
        path.display(),
        marker.display()
    )
}

fn from_definitions_file(folder: &Path, file: PathBuf) -> Found {
    let target = Target::PythonFile {
        path: file.clone(),
        working_directory: folder.to_owned(),
        attribute: None,
    };
    Found {
        locations: vec![CodeLocation::new(target, None, None)],
        notes: vec![format!(
            "`{}` is loaded because no `pyproject.toml` or `workspace.yaml` names a code location",
            file.display()
        )],
        marker: file,
    }
}

fn from_flags(root: &Path, request: &DetectRequest<'_>) -> Result<Found, Error> {
    let flags = &request.flags;
    let kinds = [
        ("-w", flags.workspace.len()),
        ("-f", flags.python_file.len()),
        ("-m", flags.module_name.len()),
        ("--package-name", flags.package_name.len()),
    ];
    let used: Vec<&str> = kinds
        .iter()
        .filter(|(_, n)| *n > 0)
        .map(|(flag, _)| *flag)
        .collect();
    let problem = |problem: String| Err(Error::Flags { problem });
    match used.as_slice() {
        [] => return problem("`-a` and `-d` need one of `-f`, `-m`, `--package-name`".to_owned()),
        [_] => {}
        several => return problem(format!("only one of {} can be used", several.join(", "))),
    }
    if !flags.workspace.is_empty() {
        if flags.attribute.is_some() || flags.working_directory.is_some() {
            return problem("`-a` and `-d` cannot be used with `-w`".to_owned());
        }
        return from_workspace_files(root, request);
    }
    if flags.attribute.is_some() && kinds.iter().any(|(_, n)| *n > 1) {
        return problem("`-a` needs a single file, module or package".to_owned());
    }
    let working_directory = match &flags.working_directory {
        Some(folder) => existing("folder", folder, Path::is_dir)?,
        None => root.to_owned(),
    };
    let attribute = flags.attribute.clone();
    let mut targets = Vec::new();
    for file in &flags.python_file {
        targets.push(Target::PythonFile {
            path: existing("file", file, Path::is_file)?,
            working_directory: working_directory.clone(),
            attribute: attribute.clone(),
        });
    }
    for name in &flags.module_name {
        targets.push(Target::Module {
            name: name.clone(),
            working_directory: working_directory.clone(),
            attribute: attribute.clone(),
        });
    }
    for name in &flags.package_name {
        targets.push(Target::Package {
            name: name.clone(),
            working_directory: working_directory.clone(),
            attribute: attribute.clone(),
        });
    }
    Ok(Found {
        locations: targets
            .into_iter()
            .map(|t| CodeLocation::new(t, None, None))
            .collect(),
        marker: root.to_owned(),
        notes: Vec::new(),
    })
}

fn from_workspace_files(root: &Path, request: &DetectRequest<'_>) -> Result<Found, Error> {
    let mut locations: Vec<CodeLocation> = Vec::new();
    let mut marker = root.to_owned();
    for file in &request.flags.workspace {
        let file = existing("workspace file", file, Path::is_file)?;
        let read = workspace_yaml::read(&file, root, request.variable)?;
        refuse_duplicates_in(&read, Some(&file))?;
        for location in read {
            match locations
                .iter_mut()
                .find(|known| known.name == location.name)
            {
                Some(known) => *known = location,
                None => locations.push(location),
            }
        }
        marker = file;
    }
    Ok(Found {
        locations,
        marker,
        notes: Vec::new(),
    })
}

fn existing(
    what: &'static str,
    path: &Path,
    test: impl Fn(&Path) -> bool,
) -> Result<PathBuf, Error> {
    std::path::absolute(path)
        .ok()
        .filter(|absolute| test(absolute))
        .ok_or_else(|| Error::MissingTarget {
            what,
            path: path.to_owned(),
        })
}

fn refuse_duplicates(found: &Found) -> Result<(), Error> {
    let marker = found.marker.is_file().then_some(found.marker.as_path());
    refuse_duplicates_in(&found.locations, marker)
}

fn refuse_duplicates_in(locations: &[CodeLocation], marker: Option<&Path>) -> Result<(), Error> {
    for (index, location) in locations.iter().enumerate() {
        if locations[..index]
            .iter()
            .any(|other| other.name == location.name)
        {
            return Err(Error::DuplicateLocation {
                name: location.name.clone(),
                marker: marker.map(Path::to_owned),
            });
        }
    }
    Ok(())
}

/// With `dagster/__init__.py` on the import path, `import dagster` gives the project's own folder,
/// and every message that follows from it misleads.
fn refuse_shadowed_dagster(root: &Path, locations: &[CodeLocation]) -> Result<(), Error> {
    let working = locations
        .iter()
        .filter_map(|location| location.target.working_directory());
    for folder in std::iter::once(root).chain(working) {
        let init = folder.join("dagster").join("__init__.py");
        if init.is_file() {
            return Err(Error::ShadowedDagster { init });
        }
    }
    Ok(())
}

fn read_text(path: &Path) -> Result<String, Error> {
    let bytes = std::fs::read(path).map_err(|source| Error::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
        let excerpt = Excerpt::at_offset(path, &text, valid);
        Error::invalid(excerpt, format!("`{}` is not UTF-8", path.display()))
    })
}

#[cfg(test)]
mod tests;
