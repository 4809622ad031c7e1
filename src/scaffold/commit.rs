//! Committing new notebooks, and nothing else.
//!
//! What the user has staged stays staged and out of the commit; hooks run as they do by hand.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use crate::error::{Diagnose, ExitStatus};

/// How much of what git and hooks say is shown, in bytes.
const SAID: usize = 16 * 1024;

/// Why notebooks can't be committed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no git.
    #[error("could not run `git`")]
    NoGit(#[source] std::io::Error),
    /// The project is not in a repository.
    #[error("`{}` is not in a git repository", .0.display())]
    NoRepository(PathBuf),
    /// Git does not know who commits.
    #[error("git does not know who you are")]
    NoIdentity {
        /// What it said.
        said: String,
    },
    /// Git would not take a file.
    #[error("git ignores `{0}`")]
    Ignored(String),
    /// Git or a hook said no.
    #[error("git did not commit")]
    Refused {
        /// What was said.
        said: String,
    },
}

impl Diagnose for Error {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::NoGit(_) | Self::NoRepository(_) | Self::NoIdentity { .. } => {
                ExitStatus::Environment
            }
            Self::Ignored(_) => ExitStatus::Validation,
            Self::Refused { .. } => ExitStatus::Conflict,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoGit(_) => "install git, or leave out `--git-commit`".to_owned(),
            Self::NoRepository(_) => {
                "`git init` makes one; without `--git-commit` nothing is committed".to_owned()
            }
            Self::NoIdentity { .. } => {
                "`git config user.name \"Your Name\"` and `git config user.email you@example.com`"
                    .to_owned()
            }
            Self::Ignored(_) => {
                "take it out of `.gitignore`, or leave out `--git-commit`".to_owned()
            }
            Self::Refused { .. } => {
                "the notebooks are written; commit them by hand once that is solved".to_owned()
            }
        })
    }

    fn detail(&self) -> Option<String> {
        match self {
            Self::NoIdentity { said } | Self::Refused { said } if !said.is_empty() => {
                Some(said.clone())
            }
            _ => None,
        }
    }
}

/// A repository that takes commits.
#[derive(Debug, Clone)]
pub struct Repository {
    root: PathBuf,
}

impl Repository {
    /// The one that a project is in. What would be in the way of a commit is found before anything is
    /// written.
    pub async fn of(root: &Path) -> Result<Self, Error> {
        let repository = Self {
            root: root.to_owned(),
        };
        let inside = repository
            .git(["rev-parse", "--is-inside-work-tree"])
            .await?;
        if inside.text.trim() != "true" {
            return Err(Error::NoRepository(root.to_owned()));
        }
        let identity = repository.git(["var", "GIT_COMMITTER_IDENT"]).await?;
        if !identity.ok {
            return Err(Error::NoIdentity {
                said: identity.said,
            });
        }
        Ok(repository)
    }

    /// Refuses a file that git ignores.
    pub async fn must_take(&self, file: &str) -> Result<(), Error> {
        let ignored = self.git(["check-ignore", "-q", "--", file]).await?;
        match ignored.ok {
            true => Err(Error::Ignored(file.to_owned())),
            false => Ok(()),
        }
    }

    /// Commits these files as they are now, and says the commit's name. Nothing is done if they are
    /// all committed.
    pub async fn commit(&self, files: &[String], message: &str) -> Result<Option<String>, Error> {
        let changed = self
            .git(paths(&["status", "--porcelain", "-z"], files))
            .await?;
        if changed.ok && changed.text.is_empty() {
            return Ok(None);
        }
        let known = self.git(paths(&["ls-files", "-z"], files)).await?;
        let known: Vec<&str> = known.text.split('\0').collect();
        let new: Vec<String> = files
            .iter()
            .filter(|file| !known.contains(&file.as_str()))
            .cloned()
            .collect();
        // Git commits only what it knows by name.
        let added = match new.is_empty() {
            true => None,
            false => Some(self.git(paths(&["add", "--intent-to-add"], &new)).await?),
        };
        let committed = match added {
            Some(added) if !added.ok => added,
            _ => {
                self.git(paths(
                    &["commit", "--quiet", "--only", "--message", message],
                    files,
                ))
                .await?
            }
        };
        if !committed.ok {
            if !new.is_empty() {
                let _ = self.git(paths(&["reset", "--quiet"], &new)).await;
            }
            return Err(Error::Refused {
                said: committed.said,
            });
        }
        let name = self.git(["rev-parse", "HEAD"]).await?;
        Ok(Some(name.text.trim().to_owned()))
    }

    async fn git<S: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = S>,
    ) -> Result<Said, Error> {
        let output = Command::new("git")
            .args(arguments)
            .current_dir(&self.root)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .map_err(Error::NoGit)?;
        let said = [output.stdout.as_slice(), &output.stderr].concat();
        let said = String::from_utf8_lossy(&said[..said.len().min(SAID)]);
        Ok(Said {
            ok: output.status.success(),
            text: String::from_utf8_lossy(&output.stdout).into_owned(),
            said: said.trim().to_owned(),
        })
    }
}

/// What git has said.
struct Said {
    ok: bool,
    text: String,
    said: String,
}

fn paths(arguments: &[&str], files: &[String]) -> Vec<String> {
    let arguments = arguments.iter().map(|it| (*it).to_owned());
    // A `*` in a name stands for itself.
    ["--literal-pathspecs".to_owned()]
        .into_iter()
        .chain(arguments)
        .chain(["--".to_owned()])
        .chain(files.iter().cloned())
        .collect()
}
