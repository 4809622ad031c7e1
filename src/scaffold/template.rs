//! Templates of notebooks: where they are found, and from one to the text of a notebook.
//!
//! Those of the project, in `.daglab/templates/NAME.py.j2`, come before those that daglab carries.
//! They are the project's own, yet may come from anywhere: what they include lies in the same folder,
//! they can't run for ever, and what they make must be a notebook.

use std::ops::Range;
use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior};

use super::context::{Context, Kind};
use super::{filters, mark};
use crate::config::error::Place;
use crate::dagster::discover::most_similar;
use crate::error::{Diagnose, ExitStatus};
use crate::marimo::source::{self, Unreadable};
use crate::report::model::Target;
use crate::supervise::left;

/// Those that daglab carries. `build.rs` watches the folder.
static OURS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/templates/notebooks");

/// Where a project's own templates are.
pub const FOLDER: &str = ".daglab/templates";

/// What a template's name is followed by.
const ENDING: &str = ".py.j2";

/// What leads from a project's template to the one that daglab carries under the same name:
/// `{% extends "daglab/default.py.j2" %}`.
const PREFIX: &str = "daglab/";

/// The largest template, in bytes.
const LARGEST: u64 = 1024 * 1024;

/// The largest notebook that is made, in bytes.
const LARGEST_RESULT: usize = 4 * 1024 * 1024;

/// How many steps a template may take; daglab's own take a few thousand.
const STEPS: u64 = 5_000_000;

/// Why a template makes no notebook.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no template of the name.
    #[error("there is no template `{name}`")]
    Unknown {
        /// The name.
        name: String,
        /// The name that was perhaps meant.
        suggestion: Option<String>,
        /// Those that there are.
        known: Vec<String>,
    },
    /// The template, or the folder of templates, is a link that is not followed.
    #[error("`{FOLDER}/{file}` {why}")]
    Link {
        /// The file, relative to the folder of templates.
        file: String,
        /// Where it leads.
        why: &'static str,
    },
    /// The template can't be rendered.
    #[error("{message}")]
    Broken {
        /// What is wrong.
        message: String,
        /// Where.
        place: Place,
        /// What to do about it.
        hint: Option<String>,
    },
    /// What it makes is not Python.
    #[error("the template `{template}` makes what is not Python: {message}")]
    NotPython {
        /// The template's name.
        template: String,
        /// What the parser said.
        message: String,
        /// Where, in what was made.
        place: Place,
    },
    /// What it makes is Python, but no notebook.
    #[error("the template `{0}` makes no marimo notebook")]
    NotANotebook(String),
    /// It makes too much.
    #[error("the template `{0}` makes more than 4 MB")]
    TooLarge(String),
}

impl Diagnose for Error {
    fn exit_status(&self) -> ExitStatus {
        ExitStatus::Validation
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Unknown {
                suggestion: Some(name),
                ..
            } => Some(format!("did you mean `{name}`?")),
            Self::Unknown { name, known, .. } => Some(format!(
                "there are `{}`; one of your own is `{FOLDER}/{name}{ENDING}`",
                known.join("`, `")
            )),
            Self::Link { .. } => Some(format!("copy the file to `{FOLDER}`")),
            Self::Broken { hint, .. } => hint.clone(),
            Self::NotPython { .. } => Some(
                "write values with the filter `py`, as in `name = {{ target.name|py }}`".to_owned(),
            ),
            Self::NotANotebook(_) => Some(
                "a notebook has `app = marimo.App()` and cells, `@app.cell` above functions"
                    .to_owned(),
            ),
            Self::TooLarge(_) => {
                Some("a table belongs into a file, not into a notebook".to_owned())
            }
        }
    }

    fn detail(&self) -> Option<String> {
        match self {
            Self::Broken { place, .. } | Self::NotPython { place, .. } => Some(place.snippet()),
            _ => None,
        }
    }
}

/// The templates of a project, with those that daglab carries.
#[derive(Debug, Clone)]
pub struct Templates {
    root: PathBuf,
    folder: PathBuf,
}

impl Templates {
    /// Of the project in this folder.
    pub fn of(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            folder: root.join(FOLDER),
        }
    }

    /// The names of all, the project's and daglab's, in their order.
    pub fn names(&self) -> Vec<String> {
        let own = std::fs::read_dir(&self.folder)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok());
        let ours = OURS
            .files()
            .filter_map(|file| Some(file.path().to_str()?.to_owned()));
        let mut names: Vec<String> = own
            .chain(ours)
            .filter_map(|file| Some(file.strip_suffix(ENDING)?.to_owned()))
            .filter(|name| !name.is_empty() && !name.starts_with(['_', '.']))
            .collect();
        names.sort();
        names.dedup();
        names
    }

    /// Refuses a name that no template has, and one of the project's that leads out of it.
    pub fn find(&self, name: &str) -> Result<(), Error> {
        let known = self.names();
        if known.iter().any(|other| other == name) {
            let file = format!("{name}{ENDING}");
            return match own(&self.root, &file) {
                Err(why) => Err(Error::Link { file, why }),
                Ok(_) => Ok(()),
            };
        }
        Err(Error::Unknown {
            name: name.to_owned(),
            suggestion: most_similar(name, known.iter().map(String::as_str)),
            known,
        })
    }

    /// The notebook that a template makes, with its mark and with the line that pairs it with its
    /// asset or job.
    pub fn render(&self, name: &str, context: &Context) -> Result<String, Error> {
        self.find(name)?;
        let root = self.root.clone();
        let mut env = environment();
        env.set_debug(true);
        env.set_fuel(Some(STEPS));
        env.set_auto_escape_callback(|_| AutoEscape::None);
        env.set_loader(move |file| source_of(&root, file));
        filters::add(&mut env);
        let file = format!("{name}{ENDING}");
        let mut text = Bounded(Vec::new());
        let rendered = env
            .get_template(&file)
            .and_then(|template| template.render_captured_to(Serde(context), &mut text));
        if let Err(error) = rendered {
            if text.is_full() {
                return Err(Error::TooLarge(name.to_owned()));
            }
            return Err(self.broken(&file, &error));
        }
        let text = String::from_utf8_lossy(&text.0).into_owned();
        let text = paired(text.trim_start_matches(['\n', '\u{feff}']), context);
        check(name, &text)?;
        Ok(mark::stamp(&text, name))
    }

    /// What is wrong with a template, at its line.
    fn broken(&self, file: &str, error: &minijinja::Error) -> Error {
        // What an included template lacks is said of that one.
        let mut innermost = error;
        while let Some(inner) = std::error::Error::source(innermost)
            .and_then(|source| source.downcast_ref::<minijinja::Error>())
        {
            innermost = inner;
        }
        let named = innermost.name().or(error.name()).unwrap_or(file);
        let text = source_of(&self.root, named).ok().flatten();
        let text = text.unwrap_or_default();
        let range = innermost.range().or_else(|| error.range());
        let range = match innermost.kind() {
            ErrorKind::UndefinedError => range.map(|range| filtered(&text, range)),
            _ => range,
        };
        let what = range.clone().and_then(|range| text.get(range));
        let at = match range.filter(|range| text.is_char_boundary(range.start)) {
            Some(range) => position(&text, range.start),
            None => (innermost.line().or(error.line()).unwrap_or(1), 1),
        };
        let (message, hint) = said(innermost, what);
        Error::Broken {
            message,
            place: Place::new(&self.shown(named), at, &text),
            hint,
        }
    }

    /// What a template is called in errors: its path, or its name if it is one of daglab's.
    fn shown(&self, file: &str) -> PathBuf {
        let own = self.folder.join(file);
        if !file.starts_with(PREFIX) && own.is_file() {
            return Path::new(FOLDER).join(file);
        }
        Path::new(PREFIX).join(file.strip_prefix(PREFIX).unwrap_or(file))
    }
}

/// How all of daglab's templates are read: what is not defined is an error, and lines that only have
/// blocks leave nothing.
pub fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .keep_trailing_newline(true)
        .build();
    environment.set_syntax(syntax.expect("the usual delimiters are valid"));
    environment
}

/// The text of a template: of the project's, if it has one of the name, or of daglab's.
fn source_of(root: &Path, file: &str) -> Result<Option<String>, minijinja::Error> {
    if let Some(ours) = file.strip_prefix(PREFIX) {
        return Ok(ours_named(ours));
    }
    let refused = |message: String| minijinja::Error::new(ErrorKind::InvalidOperation, message);
    let parts: Vec<&str> = file.split('/').collect();
    let is_inside = parts
        .iter()
        .all(|part| !part.is_empty() && *part != "." && *part != ".." && !part.contains('\\'));
    if !is_inside {
        return Err(refused(format!("`{file}` is not in `{FOLDER}`")));
    }
    let path = own(root, file).map_err(|why| refused(format!("`{FOLDER}/{file}` {why}")))?;
    let Some(path) = path else {
        return Ok(ours_named(file));
    };
    let failed = |why: String| refused(format!("`{FOLDER}/{file}` can't be read: {why}"));
    let bytes = left::read(&path, LARGEST + 1).map_err(|error| failed(error.to_string()))?;
    if bytes.len() as u64 > LARGEST {
        return Err(failed("it is larger than 1 MB".to_owned()));
    }
    let text = String::from_utf8(bytes).map_err(|_| failed("it is not UTF-8".to_owned()))?;
    Ok(Some(text))
}

/// A file of the project's folder of templates, without links, if there is one; or why it is not
/// read. What a link hides is not taken for absent, or daglab's own would stand in for it unsaid.
fn own(root: &Path, file: &str) -> Result<Option<PathBuf>, &'static str> {
    let folder = root.join(FOLDER);
    let path = folder.join(file);
    if path.symlink_metadata().is_err() {
        return Ok(None);
    }
    let nowhere = |_| "is a link that leads nowhere";
    let real = path.canonicalize().map_err(nowhere)?;
    if !real.starts_with(root.canonicalize().map_err(nowhere)?) {
        return Err("is a link that leads out of the project");
    }
    // The project has files that are nobody's template, such as those with secrets.
    match real.starts_with(folder.canonicalize().map_err(nowhere)?) {
        true => Ok(Some(real)),
        false => Err("is a link that leads out of the folder of templates"),
    }
}

fn ours_named(file: &str) -> Option<String> {
    Some(OURS.get_file(file)?.contents_utf8()?.to_owned())
}

/// Text that grows only so far.
struct Bounded(Vec<u8>);

impl Bounded {
    fn is_full(&self) -> bool {
        self.0.len() >= LARGEST_RESULT
    }
}

impl std::io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let room = LARGEST_RESULT.saturating_sub(self.0.len());
        self.0.extend_from_slice(&bytes[..bytes.len().min(room)]);
        if bytes.len() > room {
            return Err(std::io::Error::other("too much"));
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Of a filter that was given nothing, what it was given.
fn filtered(text: &str, range: Range<usize>) -> Range<usize> {
    let before = text.get(..range.start).unwrap_or_default().trim_end();
    let Some(before) = before.strip_suffix('|').map(str::trim_end) else {
        return range;
    };
    let is_path = |c: char| c.is_alphanumeric() || "_.[]'\"".contains(c);
    let name = before.trim_end_matches(is_path).len();
    match name == before.len() {
        true => range,
        false => name..before.len(),
    }
}

/// Line and column of a byte, counted from 1.
fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = &text[..offset];
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    (
        before.matches('\n').count() + 1,
        text[start..offset].chars().count() + 1,
    )
}

/// What is wrong in a sentence, and what to do about it.
fn said(error: &minijinja::Error, what: Option<&str>) -> (String, Option<String>) {
    let detail = error
        .detail()
        .map(str::trim)
        .filter(|text| !text.is_empty());
    match error.kind() {
        ErrorKind::UndefinedError => {
            let name = what.unwrap_or("a value").trim();
            let known = [
                "notebook", "target", "dagster", "config", "features", "export", "seed", "vars",
                "daglab",
            ];
            let root = name.split(['.', '[', '|', ' ']).next().unwrap_or(name);
            let key = name.strip_prefix("vars.").map(|rest| {
                let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
                &rest[..end.unwrap_or(rest.len())]
            });
            let hint = match key {
                Some(key) => Some(format!("give it with `--template-vars {key}=VALUE`")),
                None if !known.contains(&root) => most_similar(root, known.into_iter())
                    .map(|meant| format!("did you mean `{meant}`?")),
                None => None,
            };
            let hint = hint.unwrap_or_else(|| {
                "`docs/templates.md` lists what templates can name; `is defined` asks whether there \
                 is such a value"
                    .to_owned()
            });
            (
                format!("the template names `{name}`, which is not defined"),
                Some(hint),
            )
        }
        ErrorKind::SyntaxError => {
            let detail = detail.unwrap_or("it can't be read");
            (format!("the template is broken: {detail}"), None)
        }
        ErrorKind::TemplateNotFound => {
            let message = detail.map_or_else(
                || "a template is not there".to_owned(),
                |detail| {
                    // minijinja has the name only in its sentence.
                    detail.replace(['"', '\''], "`")
                },
            );
            (
                message,
                Some(format!("what a template includes lies in `{FOLDER}`")),
            )
        }
        ErrorKind::OutOfFuel => (
            format!("the template takes more than {STEPS} steps"),
            Some("a loop in it goes on for too long".to_owned()),
        ),
        kind => {
            let detail = detail.map_or_else(|| kind.to_string(), str::to_owned);
            let what = what
                .map(str::trim)
                .filter(|what| !what.is_empty() && what.len() < 100);
            match what {
                Some(what) => (format!("the template fails at `{what}`: {detail}"), None),
                None => (format!("the template fails: {detail}"), None),
            }
        }
    }
}

/// A notebook with the comment that pairs it with its asset or job, unless the template has written
/// one. It begins as marimo would write it: with a blank line between comments and code, so that
/// saving it unchanged leaves it as it is.
fn paired(text: &str, context: &Context) -> String {
    let target = &context.target;
    let has_one = source::parse(text).is_ok_and(|source| {
        matches!(
            source.target,
            Some(Target::Asset { .. } | Target::Job { .. })
        )
    });
    // A name with a blank has no place in the comment; such a notebook is paired by its own name.
    let has_none =
        target.kind == Kind::Selection || has_one || target.name.contains(char::is_whitespace);
    let comment = match has_none {
        true => String::new(),
        false => format!("# daglab: {}={}\n", target.kind.as_str(), target.name),
    };
    let blank = if text.starts_with('#') { "" } else { "\n" };
    format!("{comment}{blank}{text}")
}

/// Refuses what is not a notebook.
fn check(template: &str, text: &str) -> Result<(), Error> {
    let not_python = |message: String, at: (usize, usize)| Error::NotPython {
        template: template.to_owned(),
        message,
        place: Place::new(Path::new("the notebook"), at, text),
    };
    match source::parse(text) {
        Ok(source) if !source.cells.is_empty() => Ok(()),
        Err(Unreadable::Syntax {
            message,
            line,
            column,
        }) => Err(not_python(message, (line as usize, column as usize))),
        Ok(_) | Err(Unreadable::NotANotebook) => match ruff_python_parser::parse_module(text) {
            Ok(_) => Err(Error::NotANotebook(template.to_owned())),
            Err(error) => {
                let at = position(text, error.location.start().to_usize().min(text.len()));
                Err(not_python(error.error.to_string(), at))
            }
        },
    }
}

#[cfg(test)]
#[path = "template_tests.rs"]
mod tests;
