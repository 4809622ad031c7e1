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
    /// The file is in another repository.
    #[error("`{file}` is in another repository than the project: `{repository}`")]
    Nested {
        /// The file.
        file: String,
        /// The other one's folder.
        repository: String,
    },
    /// Git commits only all of what it is about to join.
    #[error("a {0} is under way, during which git does not commit single files")]
    UnderWay(&'static str),
    /// Git or a hook said no.
    #[error("{}", if .said.is_empty() {
        "a hook of git refused the commit, and did not say why"
    } else {
        "git did not commit"
    })]
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
            Self::Nested { .. } | Self::UnderWay(_) | Self::Refused { .. } => ExitStatus::Conflict,
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
            Self::Nested { .. } => {
                "leave out `--git-commit`, and commit it in that repository".to_owned()
            }
            Self::UnderWay(what) => format!(
                "end it with `git {what} --continue` or `git {what} --abort`, or leave out \
                 `--git-commit`"
            ),
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
        for (head, what) in [("MERGE_HEAD", "merge"), ("CHERRY_PICK_HEAD", "cherry-pick")] {
            let path = repository.git(["rev-parse", "--git-path", head]).await?;
            let path = path.text.trim_end_matches('\n');
            if !path.is_empty() && root.join(path).exists() {
                let rebases = what == "cherry-pick" && repository.is_rebasing().await?;
                return Err(Error::UnderWay(if rebases { "rebase" } else { what }));
            }
        }
        Ok(repository)
    }

    /// Whether a rebase is under way: one that has stopped at a commit in which nothing is left looks
    /// like a cherry-pick.
    async fn is_rebasing(&self) -> Result<bool, Error> {
        for folder in ["rebase-merge", "rebase-apply"] {
            let path = self.git(["rev-parse", "--git-path", folder]).await?;
            if self.root.join(path.text.trim_end_matches('\n')).is_dir() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Refuses a file that git ignores, or that another repository has.
    pub async fn must_take(&self, file: &str) -> Result<(), Error> {
        self.must_be_ours(file).await?;
        let ignored = self.git(["check-ignore", "-q", "--", file]).await?;
        match ignored.ok {
            true => Err(Error::Ignored(file.to_owned())),
            false => Ok(()),
        }
    }

    /// Refuses a file in a repository inside of this one, checked out or not: git would pass it over.
    async fn must_be_ours(&self, file: &str) -> Result<(), Error> {
        let nested = |repository: &str| Error::Nested {
            file: file.to_owned(),
            repository: repository.to_owned(),
        };
        let top = ["rev-parse", "--show-toplevel"];
        let ours = self.git(top).await?;
        let folders = || Path::new(file).ancestors().skip(1);
        if let Some(folder) = folders().find(|it| self.root.join(it).is_dir()) {
            let inside = Self {
                root: self.root.join(folder),
            };
            let theirs = inside.git(top).await?;
            if theirs.ok && theirs.text != ours.text {
                return Err(nested(theirs.text.trim_end_matches('\n')));
            }
        }
        // A submodule that is not checked out is an empty folder, known by its mode.
        let folders: Vec<String> = folders()
            .filter_map(|it| it.to_str())
            .filter(|it| !it.is_empty())
            .map(str::to_owned)
            .collect();
        if folders.is_empty() {
            return Ok(());
        }
        let known = self
            .git(paths(&["ls-files", "--stage", "-z"], &folders))
            .await?;
        let mut links = known.text.split('\0').filter_map(|entry| {
            let (state, path) = entry.split_once('\t')?;
            state.starts_with("160000 ").then_some(path)
        });
        match links.find(|path| folders.iter().any(|it| it == path)) {
            Some(path) => Err(nested(path)),
            None => Ok(()),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn git(root: &Path, args: &[&str]) {
        let mut command = std::process::Command::new("git");
        for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
            command.env_remove(name);
        }
        let output = command.args(args).current_dir(root).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {args:?}: {said}");
    }

    fn repository(root: &Path) {
        std::fs::create_dir_all(root).unwrap();
        git(root, &["init", "--quiet"]);
        git(root, &["config", "user.name", "Ada"]);
        git(root, &["config", "user.email", "ada@example.com"]);
        git(root, &["config", "core.hooksPath", ".git/hooks"]);
        git(root, &["commit", "--quiet", "--allow-empty", "-m", "first"]);
    }

    #[tokio::test]
    async fn what_a_commit_would_pass_over_is_refused_before() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        repository(root);
        let of_root = Repository::of(root).await.unwrap();
        of_root.must_take("a/b/x.py").await.unwrap();
        repository(&root.join("nested"));
        std::fs::create_dir(root.join("nested/deep")).unwrap();
        for file in ["nested/x.py", "nested/deep/er/x.py"] {
            let error = of_root.must_take(file).await.unwrap_err();
            assert!(matches!(&error, Error::Nested { .. }), "{error}");
            assert_eq!(error.exit_status(), ExitStatus::Conflict);
        }
        // Not checked out.
        let link = "160000,1234567890123456789012345678901234567890,sub";
        git(root, &["update-index", "--add", "--cacheinfo", link]);
        std::fs::create_dir(root.join("sub")).unwrap();
        let error = of_root.must_take("sub/x.py").await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "`sub/x.py` is in another repository than the project: `sub`"
        );
        of_root.must_take("x.py").await.unwrap();
        for (head, what) in [("MERGE_HEAD", "merge"), ("CHERRY_PICK_HEAD", "cherry-pick")] {
            let head = root.join(".git").join(head);
            std::fs::write(&head, "").unwrap();
            let error = Repository::of(root).await.unwrap_err();
            assert!(error.to_string().contains(what), "{error}");
            assert_eq!(error.exit_status(), ExitStatus::Conflict);
            std::fs::remove_file(head).unwrap();
        }
    }

    #[tokio::test]
    async fn a_rebase_that_has_stopped_is_called_one() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        repository(root);
        let commit = |message: &str| {
            std::fs::write(root.join("x"), "the same").unwrap();
            git(root, &["add", "x"]);
            git(root, &["commit", "--quiet", "-m", message]);
        };
        git(root, &["checkout", "--quiet", "-b", "side"]);
        commit("one");
        git(root, &["checkout", "--quiet", "-b", "other", "HEAD~"]);
        commit("two");
        let stopped = std::process::Command::new("git")
            .args(["rebase", "--reapply-cherry-picks", "--empty=stop", "side"])
            .current_dir(root)
            .output()
            .unwrap();
        assert!(!stopped.status.success(), "{stopped:?}");
        assert!(root.join(".git/CHERRY_PICK_HEAD").exists());
        let error = Repository::of(root).await.unwrap_err();
        assert!(matches!(error, Error::UnderWay("rebase")), "{error}");
        assert!(error.hint().unwrap().contains("`git rebase --abort`"));
    }

    #[tokio::test]
    async fn a_hook_that_says_nothing_is_named() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        repository(root);
        let hook = root.join(".git/hooks/pre-commit");
        std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
        std::fs::write(&hook, "#!/bin/sh\nexit 1\n").unwrap();
        std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::write(root.join("x.py"), "").unwrap();
        let repository = Repository::of(root).await.unwrap();
        let error = repository.commit(&["x.py".to_owned()], "x").await;
        assert_eq!(
            error.unwrap_err().to_string(),
            "a hook of git refused the commit, and did not say why"
        );
    }
}
