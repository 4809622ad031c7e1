//! `--module`: from a path or a dotted name to what a notebook imports.

use std::path::{Component, Path, PathBuf};

use ruff_python_parser::parse_expression;

use super::place::clean;
use crate::config::error::Place;
use crate::dagster::discover::most_similar;
use crate::error::{Diagnose, ExitStatus};
use crate::host::look_up::{Answer, TIME};
use crate::project::notebooks::is_worth_a_look;
use crate::ui::text::one_line;

/// How many names are listed in a hint.
const LISTED: usize = 8;

/// Why a module is of no use.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such file.
    #[error("there is no module `{given}`")]
    NotThere {
        /// As it was given.
        given: String,
        /// A file that was perhaps meant.
        suggestion: Option<String>,
    },
    /// It can't be imported by its path.
    #[error("`{given}` can't be imported: `{part}` is not a Python name")]
    NotAName {
        /// As it was given.
        given: String,
        /// The part that is none.
        part: String,
    },
    /// It is not in the project.
    #[error("`{0}` is not in the project")]
    Outside(String),
    /// The import failed.
    #[error("`import {module}` fails: {what}")]
    Import {
        /// The module.
        module: String,
        /// The exception.
        what: String,
        /// Where it was raised.
        place: Option<Box<Place>>,
        /// What to do about it.
        hint: Option<String>,
    },
    /// It goes on for too long.
    #[error("`import {module}` takes more than {} s", TIME.as_secs())]
    TooLong {
        /// The module.
        module: String,
    },
    /// It has no such asset or job.
    #[error("`{module}` has no {kind} `{name}`")]
    Lacks {
        /// The module.
        module: String,
        /// What was looked for.
        kind: &'static str,
        /// Its name.
        name: String,
        /// What it has.
        known: Vec<String>,
    },
}

impl Diagnose for Error {
    fn exit_status(&self) -> ExitStatus {
        ExitStatus::Validation
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NotThere { suggestion, .. } => Some(suggestion.as_ref().map_or_else(
                || {
                    "give a module of the project, by its file or its name: `assets/orders.py` or \
                     `assets.orders`"
                        .to_owned()
                },
                |file| format!("did you mean `{file}`?"),
            )),
            Self::NotAName { .. } => {
                Some("give the module of a code location, such as `assets/orders.py`".to_owned())
            }
            Self::Outside(_) => Some("give a path below the project's folder".to_owned()),
            Self::Import { hint, .. } => hint.clone(),
            Self::TooLong { .. } => {
                Some("move what takes so long out of the module and into a function".to_owned())
            }
            Self::Lacks {
                known, kind, name, ..
            } => Some(match known.as_slice() {
                [] => format!(
                    "it has no {kind} at all; leave out `--module`, and the definitions are used"
                ),
                known => match most_similar(name, known.iter().map(String::as_str)) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("it has `{}`", listed(known)),
                },
            }),
        }
    }

    fn detail(&self) -> Option<String> {
        match self {
            Self::Import { place, .. } => Some(place.as_ref()?.snippet()),
            _ => None,
        }
    }
}

fn listed(known: &[String]) -> String {
    let named = known.iter().take(LISTED).map(|name| one_line(name));
    let named = named.collect::<Vec<_>>().join("`, `");
    match known.len() {
        count if count > LISTED => format!("{named}` and {} more", count - LISTED),
        _ => named,
    }
}

/// A module of the project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Module {
    /// As it is imported: `assets.orders`.
    pub name: String,
    /// What must be on the import path, relative to the project; empty for the project itself.
    pub directory: String,
}

/// Finds the module that `--module` names: a path seen from the project, from a folder on the import
/// path or from `dir`; or a dotted name. `path` are the folders on the import path.
pub fn find(given: &str, root: &Path, path: &[PathBuf], dir: &Path) -> Result<Module, Error> {
    let bases = bases(root, path);
    let is_path = given.contains('/') || given.ends_with(".py");
    let file = if is_path {
        let candidates = std::iter::once(dir.join(given))
            .chain(std::iter::once(root.join(given)))
            .chain(bases.iter().map(|base| base.join(given)));
        candidates.filter_map(|file| module_file(&file)).next()
    } else {
        let relative: PathBuf = given.split('.').collect();
        bases
            .iter()
            .map(|base| base.join(&relative))
            .filter_map(|file| {
                module_file(&file.with_extension("py")).or_else(|| module_file(&file))
            })
            .next()
    };
    let Some(file) = file else {
        if is_path && leads_out(&dir.join(given), root) {
            return Err(Error::Outside(given.to_owned()));
        }
        return Err(Error::NotThere {
            given: given.to_owned(),
            suggestion: similar_file(given, root),
        });
    };
    let root_file = file.strip_prefix(root);
    if root_file.is_err() {
        return Err(Error::Outside(given.to_owned()));
    }
    // The longest: what is nearest to the module makes its name the shortest.
    let base = bases
        .iter()
        .filter(|base| file.starts_with(base))
        .max_by_key(|base| base.components().count())
        .map_or(root, PathBuf::as_path);
    let inside = file.strip_prefix(base).unwrap_or(&file).with_extension("");
    let mut parts = Vec::new();
    for component in inside.components() {
        let Component::Normal(part) = component else {
            return Err(Error::Outside(given.to_owned()));
        };
        let part = part.to_string_lossy().into_owned();
        if !is_identifier(&part) {
            let given = given.to_owned();
            return Err(Error::NotAName { given, part });
        }
        parts.push(part);
    }
    if parts.len() > 1 && parts.last().is_some_and(|last| last == "__init__") {
        parts.pop();
    }
    let directory = base.strip_prefix(root).unwrap_or(Path::new(""));
    Ok(Module {
        name: parts.join("."),
        directory: directory.to_string_lossy().into_owned(),
    })
}

/// Whether a path, which need not be there, leads out of the project.
fn leads_out(path: &Path, root: &Path) -> bool {
    let Some(clean) = clean(path) else {
        return true;
    };
    // A folder may be given by a link to it.
    let real = clean.parent().and_then(|it| it.canonicalize().ok());
    !clean.starts_with(root) && real.is_none_or(|it| !it.starts_with(root))
}

/// The folders of the import path that are in the project, without links.
fn bases(root: &Path, path: &[PathBuf]) -> Vec<PathBuf> {
    let mut bases: Vec<PathBuf> = Vec::new();
    for folder in path.iter().map(PathBuf::as_path).chain([root]) {
        if let Ok(folder) = folder.canonicalize()
            && folder.starts_with(root)
            && !bases.contains(&folder)
        {
            bases.push(folder);
        }
    }
    bases
}

/// The file of a module, or of a package.
fn module_file(path: &Path) -> Option<PathBuf> {
    let file = if path.is_dir() {
        path.join("__init__.py")
    } else {
        path.to_owned()
    };
    let is_python = file.extension().is_some_and(|it| it == "py");
    (is_python && file.is_file())
        .then(|| file.canonicalize().ok())
        .flatten()
}

fn is_identifier(text: &str) -> bool {
    // A keyword is another expression, or none.
    text.chars().all(|c| c.is_alphanumeric() || c == '_')
        && parse_expression(text).is_ok_and(|parsed| parsed.expr().is_name_expr())
}

/// A file of the project whose name is like the last part.
fn similar_file(given: &str, root: &Path) -> Option<String> {
    let wanted = match given.ends_with(".py") || given.contains('/') {
        true => given.to_owned(),
        false => format!("{}.py", given.replace('.', "/")),
    };
    let name = wanted.rsplit('/').next()?.to_owned();
    let walk = ignore::WalkBuilder::new(root)
        .require_git(false)
        .max_depth(Some(8))
        .filter_entry(is_worth_a_look)
        .build();
    let files: Vec<String> = walk
        .flatten()
        .filter(|entry| entry.path().extension().is_some_and(|it| it == "py"))
        .take(5000)
        .filter_map(|entry| {
            let path = entry.path().strip_prefix(root).ok()?;
            Some(path.to_string_lossy().into_owned())
        })
        .collect();
    let same_name = files
        .iter()
        .find(|file| file.rsplit('/').next() == Some(&name));
    same_name
        .cloned()
        .or_else(|| most_similar(&wanted, files.iter().map(String::as_str)))
}

/// What is to be imported from a module, once it was looked into.
pub fn attribute(
    module: &Module,
    kind: &'static str,
    name: &str,
    answer: Option<Answer>,
    root: &Path,
    python: &Path,
) -> Result<String, Error> {
    let Some(answer) = answer else {
        let module = module.name.clone();
        return Err(Error::TooLong { module });
    };
    if !answer.ok {
        return Err(failed(module, &answer, root, python));
    }
    let names: Vec<String> = answer
        .found
        .into_iter()
        .filter(|it| is_identifier(it))
        .collect();
    // The one that is called like what it is, if there are several.
    let last = name.rsplit('/').next().unwrap_or(name);
    let found = names
        .iter()
        .find(|it| *it == last)
        .or_else(|| names.first());
    found.cloned().ok_or_else(|| Error::Lacks {
        module: module.name.clone(),
        kind,
        name: name.to_owned(),
        known: answer.known,
    })
}

fn failed(module: &Module, answer: &Answer, root: &Path, python: &Path) -> Error {
    let first = |name: &str| name.split('.').next().unwrap_or(name).to_owned();
    let hint = answer.missing.as_ref().map(|missing| {
        let missing = first(missing);
        let is_ours = root.join(&missing).exists()
            || root.join(format!("{missing}.py")).exists()
            || first(&module.name) == missing;
        match is_ours {
            true => format!(
                "`{missing}` is a module of the project: it is imported from `{}`; name another \
                 folder as the code location's working directory, or another module",
                match module.directory.as_str() {
                    "" => ".",
                    directory => directory,
                }
            ),
            false => format!(
                "`{}` has no package with `{missing}`; add it to the project's dependencies and \
                 install it there",
                python.display()
            ),
        }
    });
    let place = answer.file.as_ref().map(|file| {
        let shown = file.strip_prefix(root).unwrap_or(file);
        let text = match file.starts_with(root) {
            true => std::fs::read_to_string(file).unwrap_or_default(),
            false => String::new(),
        };
        match answer.line {
            Some(line) => {
                let column = text.lines().nth(line.saturating_sub(1)).map_or(1, |line| {
                    line.chars().take_while(|c| c.is_whitespace()).count() + 1
                });
                Box::new(Place::new(shown, (line, column), &text))
            }
            None => Box::new(Place::whole(shown)),
        }
    });
    let message = one_line(&answer.message);
    Error::Import {
        module: module.name.clone(),
        what: match message.is_empty() {
            true => answer.class.clone(),
            false => format!("{}: {message}", answer.class),
        },
        place,
        hint,
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    fn project() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        for file in [
            "dagster/assets/orders.py",
            "dagster/assets/__init__.py",
            "top.py",
            "bad-name.py",
            "class.py",
            "1st.py",
            "match.py",
        ] {
            let file = root.join(file);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "x = 1\n").unwrap();
        }
        (dir, root)
    }

    #[test]
    fn modules_are_found_by_path_and_by_name() {
        let (_dir, root) = project();
        let path = [root.join("dagster")];
        let find = |given: &str| {
            let found = find(given, &root, &path, &root);
            found.map(|it| (it.name, it.directory))
        };
        let orders = ("assets.orders".to_owned(), "dagster".to_owned());
        for given in [
            "assets/orders.py",
            "dagster/assets/orders.py",
            "assets.orders",
            "dagster.assets.orders",
        ] {
            assert_eq!(find(given).unwrap(), orders, "{given}");
        }
        assert_eq!(find("assets").unwrap().0, "assets");
        assert_eq!(find("assets/__init__.py").unwrap().0, "assets");
        assert_eq!(find("top.py").unwrap(), ("top".to_owned(), String::new()));
        let error = find("asets/orders.py").unwrap_err();
        assert_eq!(
            error.hint().unwrap(),
            "did you mean `dagster/assets/orders.py`?"
        );
        for file in ["bad-name.py", "class.py", "1st.py"] {
            assert!(matches!(find(file), Err(Error::NotAName { .. })), "{file}");
        }
        assert_eq!(find("match.py").unwrap().0, "match");
        let outside = tempfile::tempdir().unwrap();
        let file = outside.path().join("x.py");
        std::fs::write(&file, "").unwrap();
        for far in ["/etc/no_such.py", "../no_such.py", file.to_str().unwrap()] {
            assert!(matches!(find(far), Err(Error::Outside(_))), "{far}");
        }
        let unknown = find("zzz.qqq").unwrap_err();
        assert!(unknown.hint().unwrap().contains("`assets.orders`"));
    }

    #[test]
    fn what_fails_is_said_with_its_place() {
        let (_dir, root) = project();
        let module = Module {
            name: "assets.orders".to_owned(),
            directory: "dagster".to_owned(),
        };
        let python = Path::new("/venv/bin/python");
        let answer = Answer {
            class: "ModuleNotFoundError".to_owned(),
            message: "No module named 'polars'".to_owned(),
            missing: Some("polars".to_owned()),
            file: Some(root.join("dagster/assets/orders.py")),
            line: Some(1),
            ..Answer::default()
        };
        let error = attribute(&module, "asset", "orders", Some(answer), &root, python).unwrap_err();
        insta::assert_snapshot!(crate::ui::render_error(&error, false), @r"
        error: `import assets.orders` fails: ModuleNotFoundError: No module named 'polars'

           --> dagster/assets/orders.py:1:1
            |
          1 | x = 1
            | ^

        hint: `/venv/bin/python` has no package with `polars`; add it to the project's dependencies and install it there
        ");
        let hung = attribute(&module, "asset", "orders", None, &root, python).unwrap_err();
        assert_eq!(
            hung.to_string(),
            "`import assets.orders` takes more than 30 s"
        );
        assert_eq!(hung.exit_status(), ExitStatus::Validation);
        let known = |known: &[&str]| {
            let known = known.iter().map(|it| (*it).to_owned()).collect();
            let answer = Answer {
                ok: true,
                known,
                ..Answer::default()
            };
            let error = attribute(&module, "asset", "orders", Some(answer), &root, python);
            error.unwrap_err().hint().unwrap()
        };
        assert_eq!(known(&["order", "x"]), "did you mean `order`?");
        assert_eq!(known(&["x", "y"]), "it has `x`, `y`");
        let found = Answer {
            ok: true,
            found: vec!["a".to_owned(), "orders".to_owned()],
            ..Answer::default()
        };
        let found = attribute(&module, "asset", "shop/orders", Some(found), &root, python);
        assert_eq!(found.unwrap(), "orders");
    }
}
