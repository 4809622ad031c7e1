//! Files that are where notebooks go.

use std::path::Path;

use ruff_python_ast::{Expr, Stmt};

use super::{Error, Setting};
use crate::commands::Failure;
use crate::marimo::source::{self, Unreadable};
use crate::report::model::Target as About;
use crate::scaffold::changes;
use crate::scaffold::context::Kind;
use crate::supervise::left;
use crate::ui::text::one_line;

/// The largest notebook that is read, in bytes.
const LARGEST: u64 = 8 * 1024 * 1024;

/// What notebooks of daglab's templates call the assets that they are about.
const SELECTION: &str = "TARGET_SELECTION";

/// What a file is.
#[derive(Debug, PartialEq, Eq)]
enum Theirs {
    /// Nothing that would be missed, or nothing that can be told: whoever writes says what is wrong.
    Nothing,
    /// A text that is no notebook.
    NoNotebook,
    /// A notebook that is about this.
    About(Kind, String),
}

impl Setting<'_> {
    /// Refuses to overwrite what is there, even if it is the same; and with `--force`, what is no
    /// notebook, or is about something else: two names may be one as a file.
    pub(super) fn refuse_existing<'a>(
        &self,
        files: impl Iterator<Item = (&'a str, Kind, &'a str)>,
    ) -> Result<(), Failure> {
        let mut paths = Vec::new();
        for (file, kind, name) in files {
            let path = self.root.join(file);
            if path.symlink_metadata().is_err() {
                continue;
            }
            match theirs(&path) {
                Theirs::NoNotebook => return Err(Error::NotANotebook(one_line(file)).into()),
                Theirs::About(theirs, other) if !is_same((theirs, &other), (kind, name)) => {
                    return Err(Error::Belongs {
                        file: one_line(file),
                        kind: theirs.as_str(),
                        name: one_line(&other),
                    }
                    .into());
                }
                Theirs::About(..) | Theirs::Nothing => paths.push(Path::new(file).to_owned()),
            }
        }
        match paths.is_empty() || self.args.force {
            true => Ok(()),
            false => Err(changes::Error::Exists { paths }.into()),
        }
    }
}

/// Whether two notebooks are about the same. One about an asset whose key has no place in the comment
/// that pairs it looks like one about a selection.
fn is_same(theirs: (Kind, &str), ours: (Kind, &str)) -> bool {
    theirs == ours || (theirs.0 == Kind::Selection && ours == (Kind::Asset, theirs.1))
}

fn theirs(path: &Path) -> Theirs {
    let Ok(bytes) = left::read(path, LARGEST) else {
        return Theirs::Nothing;
    };
    let text = String::from_utf8_lossy(&bytes);
    let source = match source::parse(&text) {
        Ok(source) => source,
        Err(Unreadable::NotANotebook) if !text.trim().is_empty() => return Theirs::NoNotebook,
        Err(_) => return Theirs::Nothing,
    };
    match source.target {
        Some(About::Asset { key, .. }) => Theirs::About(Kind::Asset, key),
        Some(About::Job { name }) => Theirs::About(Kind::Job, name),
        None => selection(&text).map_or(Theirs::Nothing, |it| Theirs::About(Kind::Selection, it)),
    }
}

/// The assets that a notebook without a pairing begins with.
fn selection(text: &str) -> Option<String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let module = ruff_python_parser::parse_module(text).ok()?.into_syntax();
    let cells = module.body.iter().filter_map(|statement| match statement {
        Stmt::FunctionDef(function) => Some(&function.body),
        _ => None,
    });
    let given = cells.flatten().find_map(|statement| {
        let Stmt::Assign(assign) = statement else {
            return None;
        };
        match (assign.targets.as_slice(), assign.value.as_ref()) {
            ([Expr::Name(name)], Expr::StringLiteral(text)) if name.id.as_str() == SELECTION => {
                Some(text.value.to_str().to_owned())
            }
            _ => None,
        }
    });
    given.filter(|given| !given.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_is_about_is_read_from_it() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("x.py");
        let begins = "import marimo\napp = marimo.App()\n@app.cell\ndef _():\n";
        let notebook = |comment: &str, body: &str| format!("{comment}{begins}    {body}\n");
        let about = |kind, name: &str| Theirs::About(kind, name.to_owned());
        let selection = "TARGET_SELECTION = (\n        'group:\"x\"'\n    )";
        for (text, expected) in [
            (
                notebook("# daglab: asset=a/b\n", selection),
                about(Kind::Asset, "a/b"),
            ),
            (
                notebook("# daglab: job=a\n", "return"),
                about(Kind::Job, "a"),
            ),
            (
                notebook("", selection),
                about(Kind::Selection, "group:\"x\""),
            ),
            (notebook("", "TARGET_SELECTION = ''"), Theirs::Nothing),
            (notebook("", "TARGET_SELECTION = names()"), Theirs::Nothing),
            (notebook("", "x = = 1"), Theirs::Nothing),
            ("import dagster\n".to_owned(), Theirs::NoNotebook),
            ("def broken(:\n".to_owned(), Theirs::NoNotebook),
            (" \n".to_owned(), Theirs::Nothing),
        ] {
            std::fs::write(&file, &text).unwrap();
            assert_eq!(theirs(&file), expected, "{text}");
        }
        assert_eq!(theirs(dir.path()), Theirs::Nothing);
    }

    #[test]
    fn a_key_with_a_blank_is_its_own() {
        assert!(is_same((Kind::Selection, "a b"), (Kind::Asset, "a b")));
        assert!(!is_same((Kind::Selection, "a b"), (Kind::Job, "a b")));
        assert!(!is_same((Kind::Selection, "*"), (Kind::Selection, "a")));
    }
}
