//! Why nothing was written.

use std::path::{Path, PathBuf};

use crate::error::{Diagnose, ExitStatus};
use crate::supervise::cancel::Reason;
use crate::ui::text;

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Files are in the way, and nobody said that they may be overwritten.
    #[error("{}", headline(paths))]
    Exists {
        /// Which, relative to the root.
        paths: Vec<PathBuf>,
    },
    /// A path that does not lead to anything below the root.
    #[error("`{}` does not lead to anything below the project", path.display())]
    Outside {
        /// The path.
        path: PathBuf,
    },
    /// A link on the way leads out of the root, or to nothing.
    #[error("`{}` is a symbolic link that leads out of the project", path.display())]
    Link {
        /// The link.
        path: PathBuf,
    },
    /// Two wanted files are the same one.
    #[error("`{}` would be written twice", path.display())]
    Twice {
        /// The second of them.
        path: PathBuf,
    },
    /// A wanted file is where a directory has to be for another wanted one.
    #[error("`{}` would be a file, and `{}` something in it", file.display(), inner.display())]
    Within {
        /// The file.
        file: PathBuf,
        /// What would be in it, or the directory that has its place.
        inner: PathBuf,
    },
    /// Something else is where a file or a directory has to be.
    #[error("`{}` is not a {what}", path.display())]
    Not {
        /// What is in the way.
        path: PathBuf,
        /// What it has to be.
        what: &'static str,
    },
    /// A file is there and can't be read.
    #[error("could not read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file is there and is no text.
    #[error("`{}` is not UTF-8", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// The markers in a file do not belong together.
    #[error("the markers in `{}` do not match: {problem}", path.display())]
    Markers {
        /// The file.
        path: PathBuf,
        /// What is wrong, with the line.
        problem: String,
    },
    /// A file whose format has no comments can't have a region.
    #[error("`{}` can't hold a marked region, its format has no comments", path.display())]
    NoComments {
        /// The file.
        path: PathBuf,
    },
    /// Somebody has written to a file between the plan and its turn.
    #[error("`{}` has changed since it was looked at", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// Something could not be written; what was done is undone.
    #[error("could not write `{}`", path.display())]
    Write {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Another daglab writes to the same root.
    #[error("another daglab is writing to `{}`", root.display())]
    Busy {
        /// The root.
        root: PathBuf,
    },
    /// A daglab was killed while it wrote here, and it is not undone yet.
    #[error("an earlier daglab was killed while it wrote here")]
    Unfinished {
        /// Its journal.
        journal: PathBuf,
    },
    /// The journal of a killed daglab makes no sense.
    #[error("`{}` can't be used to undo what an earlier daglab wrote: {problem}", journal.display())]
    Journal {
        /// The journal.
        journal: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Writing failed, and so did undoing it.
    #[error("could not undo what was written: {cause}")]
    Undo {
        /// Why it was to be undone.
        cause: Box<Self>,
        /// Why it was not.
        #[source]
        source: Box<Self>,
    },
    /// A signal has ended it; what was done is undone.
    #[error("interrupted; nothing was changed")]
    Interrupted(Reason),
}

/// How many files are listed.
const SHOWN: usize = 50;

fn headline(paths: &[PathBuf]) -> String {
    match paths {
        [only] => format!("`{}` exists and differs", only.display()),
        _ => format!("{} exist and differ", text::count(paths.len(), "file")),
    }
}

impl Diagnose for Error {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::Outside { .. }
            | Self::NotText { .. }
            | Self::Markers { .. }
            | Self::NoComments { .. } => ExitStatus::Validation,
            Self::Read { .. } => ExitStatus::Environment,
            Self::Exists { .. }
            | Self::Link { .. }
            | Self::Twice { .. }
            | Self::Within { .. }
            | Self::Not { .. }
            | Self::Changed { .. }
            | Self::Write { .. }
            | Self::Busy { .. }
            | Self::Unfinished { .. }
            | Self::Journal { .. }
            | Self::Undo { .. } => ExitStatus::Conflict,
            Self::Interrupted(reason) => reason.exit_status(),
        }
    }

    fn detail(&self) -> Option<String> {
        let Self::Exists { paths } = self else {
            return None;
        };
        if paths.len() < 2 {
            return None;
        }
        let shown = paths.iter().take(SHOWN);
        let mut lines: Vec<String> = shown.map(|path| path.display().to_string()).collect();
        if paths.len() > SHOWN {
            lines.push(format!("and {} more", paths.len() - SHOWN));
        }
        Some(lines.join("\n"))
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Exists { .. } => Some(
                "overwrite with `--force`; with `--dry-run` too, it shows the difference".into(),
            ),
            Self::Link { .. } => Some("put a file or a directory in its place".to_owned()),
            Self::NotText { .. } => Some("save it as UTF-8".to_owned()),
            Self::Markers { .. } => {
                Some("repair them by hand, or remove them, and the region is added anew".to_owned())
            }
            Self::Changed { .. } => Some("run the command again".to_owned()),
            Self::Busy { .. } => Some("wait until it has finished".to_owned()),
            Self::Unfinished { journal } => Some(format!(
                "run the command without `--dry-run`, which first puts back what `{}` has kept",
                journal.display()
            )),
            Self::Journal { journal, .. } => Some(format!(
                "look at `{}` and the files that it names, and then remove it",
                journal.display()
            )),
            Self::Undo { .. } => {
                Some("make the folder writable and run the command again".to_owned())
            }
            Self::Write { source, .. } => match source.kind() {
                std::io::ErrorKind::StorageFull => Some("free some space".to_owned()),
                std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
                    Some("make the folder writable; nothing was changed".to_owned())
                }
                _ => None,
            },
            Self::Outside { .. } => Some(
                "give a path below the project's folder, and not in a folder of git".to_owned(),
            ),
            Self::Within { .. } => Some("give one of them another name".to_owned()),
            Self::Not { path, what } => Some(format!(
                "a {what} has to be there: move `{}` away",
                path.display()
            )),
            Self::Read { path, source } => Some(match source.kind() {
                std::io::ErrorKind::FileTooLarge => {
                    format!("`{}` is larger than 16 MB; move it away", path.display())
                }
                _ => format!(
                    "see to it that you can read `{}`, and run the command again",
                    path.display()
                ),
            }),
            Self::Twice { .. } | Self::NoComments { .. } | Self::Interrupted(_) => None,
        }
    }
}

/// What went wrong with a path, before it is known how the user calls it.
#[derive(Debug)]
pub(super) enum Fault {
    /// What the system said.
    System(std::io::Error),
    /// It is something else.
    Not(&'static str),
    /// It is no text.
    NotText,
    /// A link, where none was while planning.
    Link,
}

impl Fault {
    /// Whether something else is there than a file that daglab writes: a directory, a link, bytes, or
    /// more than daglab reads.
    pub(super) fn is_something_else(&self) -> bool {
        match self {
            Self::System(error) => matches!(
                error.kind(),
                std::io::ErrorKind::IsADirectory | std::io::ErrorKind::FileTooLarge
            ),
            Self::Not(_) | Self::NotText | Self::Link => true,
        }
    }

    /// As an error of reading this path.
    pub(super) fn at(self, path: &Path) -> Error {
        let path = path.to_owned();
        match self {
            Self::System(source) => Error::Read { path, source },
            Self::Not(what) => Error::Not { path, what },
            Self::NotText => Error::NotText { path },
            Self::Link => Error::Link { path },
        }
    }

    /// As an error of writing this path.
    pub(super) fn writing(self, path: &Path) -> Error {
        match self {
            Self::System(source) => Error::Write {
                path: path.to_owned(),
                source,
            },
            other => other.at(path),
        }
    }
}

impl From<rustix::io::Errno> for Fault {
    fn from(error: rustix::io::Errno) -> Self {
        Self::System(error.into())
    }
}

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Self {
        Self::System(error)
    }
}
