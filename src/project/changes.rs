//! Changes of a project's Python files, as they happen.
//!
//! Folders are watched, not files: many editors write a new file and give it the old one's name.
//! What counts is what a file says, so that a save without a change, or a notebook that writes the
//! same module each time it runs, starts nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ignore::WalkBuilder;
use notify::{ErrorKind, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use sha2::{Digest, Sha256};
use tokio::time::{Instant, timeout_at};

use super::notebooks::is_worth_a_look;
use crate::supervise::left;

/// How long it must be quiet: editors and version control write in several steps.
const QUIET: Duration = Duration::from_millis(200);

/// After this long, what has changed is said though it goes on.
const LONGEST: Duration = Duration::from_secs(2);

/// As many folders and files are watched; there are not more in a project that people write.
const MOST: usize = 50_000;

/// A larger file is data, in bytes.
const LARGEST: u64 = 16 * 1024 * 1024;

/// What the system has reported and nobody has looked at yet.
#[derive(Debug, Default)]
struct Reported {
    paths: BTreeSet<PathBuf>,
    /// Something was lost, so everything must be looked at.
    overflow: bool,
}

/// What the thread that hears of events shares with the one that waits.
#[derive(Debug, Default)]
struct Mailbox {
    reported: Mutex<Reported>,
    news: tokio::sync::Notify,
}

impl Mailbox {
    fn post(&self, event: notify::Result<Event>) {
        let mut reported = self.lock();
        match event {
            Ok(event) if event.need_rescan() => reported.overflow = true,
            // Reading changes nothing, and daglab reads.
            Ok(event) if matches!(event.kind, EventKind::Access(_)) => return,
            Ok(event) => {
                let before = reported.paths.len();
                reported
                    .paths
                    .extend(event.paths.into_iter().filter(|path| {
                        let extension = path.extension();
                        extension.is_some_and(|it| it == "py") || path.is_dir()
                    }));
                if reported.paths.len() > MOST {
                    reported.paths.clear();
                    reported.overflow = true;
                } else if reported.paths.len() == before {
                    return;
                }
            }
            Err(error) => {
                tracing::debug!(%error, "an event of the file system is lost");
                reported.overflow = true;
            }
        }
        drop(reported);
        self.news.notify_one();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Reported> {
        self.reported.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The Python files below a folder, and what they said when they were last looked at.
#[derive(Debug)]
pub struct Changes {
    root: PathBuf,
    watcher: RecommendedWatcher,
    mailbox: Arc<Mailbox>,
    seen: BTreeMap<PathBuf, [u8; 32]>,
}

impl Changes {
    /// Begins to watch a folder and all below it, without those that git ignores and those of other
    /// people's code.
    pub fn below(root: &Path) -> notify::Result<Self> {
        let mailbox = Arc::new(Mailbox::default());
        let posts = Arc::clone(&mailbox);
        let watcher = notify::recommended_watcher(move |event| posts.post(event))?;
        let mut changes = Self {
            root: root.to_owned(),
            watcher,
            mailbox,
            seen: BTreeMap::new(),
        };
        let files = changes.look(root)?;
        changes.compare(files);
        Ok(changes)
    }

    /// Waits until files say something else than before, or have come or gone, and it is quiet.
    pub async fn next(&mut self) -> BTreeSet<PathBuf> {
        loop {
            self.mailbox.news.notified().await;
            let last = Instant::now() + LONGEST;
            let quiet = || (Instant::now() + QUIET).min(last);
            while timeout_at(quiet(), self.mailbox.news.notified())
                .await
                .is_ok()
                && Instant::now() < last
            {}
            let reported = std::mem::take(&mut *self.mailbox.lock());
            let changed = self.changed(reported);
            if !changed.is_empty() {
                return changed;
            }
        }
    }

    fn changed(&mut self, reported: Reported) -> BTreeSet<PathBuf> {
        let mut files = BTreeSet::new();
        let folders: Vec<PathBuf> = match reported.overflow {
            true => {
                files.extend(self.seen.keys().cloned());
                vec![self.root.clone()]
            }
            false => reported
                .paths
                .iter()
                .filter(|path| path.is_dir())
                .cloned()
                .collect(),
        };
        files.extend(reported.paths.into_iter().filter(|path| !path.is_dir()));
        for folder in folders {
            match self.look(&folder) {
                Ok(found) => files.extend(found),
                Err(error) => tracing::warn!("`{}` is not watched: {error}", folder.display()),
            }
        }
        self.compare(files)
    }

    /// Watches a folder and those below it that are not watched yet, and says which files are there.
    fn look(&mut self, folder: &Path) -> notify::Result<BTreeSet<PathBuf>> {
        let mut files = BTreeSet::new();
        // From the root, so that what is left out there is left out of a new folder, too.
        let wanted = folder.to_owned();
        let walk = WalkBuilder::new(&self.root)
            .require_git(false)
            .filter_entry(move |entry| {
                let path = entry.path();
                let on_the_way = wanted.starts_with(path) || path.starts_with(&wanted);
                on_the_way && is_worth_a_look(entry)
            })
            .build();
        for entry in walk.flatten().take(MOST) {
            let path = entry.path();
            if !path.starts_with(folder) {
                continue;
            }
            if entry.file_type().is_some_and(|kind| kind.is_dir()) {
                // One that has come back under its name must be watched anew.
                match self.watcher.watch(path, RecursiveMode::NonRecursive) {
                    Err(error) if matches!(error.kind, ErrorKind::MaxFilesWatch) => {
                        return Err(error);
                    }
                    // It is gone again.
                    Err(error) => tracing::debug!("`{}` is not watched: {error}", path.display()),
                    Ok(()) => {}
                }
            } else if path.extension().is_some_and(|it| it == "py") {
                files.insert(path.to_owned());
            }
        }
        Ok(files)
    }

    /// Which of these files say something else than before.
    fn compare(&mut self, files: BTreeSet<PathBuf>) -> BTreeSet<PathBuf> {
        files
            .into_iter()
            .filter(|file| {
                let now = left::read_linked(file, LARGEST).ok();
                let now = now.map(|bytes| <[u8; 32]>::from(Sha256::digest(&bytes)));
                let before = match now {
                    Some(now) => self.seen.insert(file.clone(), now),
                    None => self.seen.remove(file),
                };
                before != now
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn next(changes: &mut Changes) -> Vec<String> {
        let wait = tokio::time::timeout(Duration::from_secs(20), changes.next());
        let changed = wait.await.expect("a change in time");
        let name = |file: &PathBuf| file.file_name().unwrap().to_string_lossy().into_owned();
        changed.iter().map(name).collect()
    }

    #[tokio::test]
    async fn only_what_says_something_else_has_changed() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        std::fs::write(root.join("a.py"), "1").unwrap();
        std::fs::create_dir(root.join("venv")).unwrap();
        let mut changes = Changes::below(&root).unwrap();

        // None of these counts, so the one after them is the first that is heard of.
        std::fs::write(root.join("a.py"), "1").unwrap();
        std::fs::write(root.join("a.html"), "page").unwrap();
        std::fs::write(root.join("venv/b.py"), "2").unwrap();
        std::fs::write(root.join("c.py"), "3").unwrap();
        assert_eq!(next(&mut changes).await, ["c.py"]);

        // As editors do it.
        std::fs::write(root.join("a.py~new"), "other").unwrap();
        std::fs::rename(root.join("a.py~new"), root.join("a.py")).unwrap();
        assert_eq!(next(&mut changes).await, ["a.py"]);

        std::fs::create_dir_all(root.join("node_modules/new")).unwrap();
        std::fs::write(root.join("node_modules/new/e.py"), "6").unwrap();
        std::fs::create_dir_all(root.join("deep/down")).unwrap();
        std::fs::write(root.join("deep/down/d.py"), "4").unwrap();
        assert_eq!(next(&mut changes).await, ["d.py"]);
        std::fs::write(root.join("deep/down/d.py"), "5").unwrap();
        assert_eq!(next(&mut changes).await, ["d.py"]);
        std::fs::remove_file(root.join("c.py")).unwrap();
        assert_eq!(next(&mut changes).await, ["c.py"]);
    }

    #[tokio::test]
    async fn what_was_lost_is_looked_for() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        std::fs::write(root.join("a.py"), "1").unwrap();
        let mut changes = Changes::below(&root).unwrap();
        std::fs::write(root.join("a.py"), "2").unwrap();
        let lost = Reported {
            overflow: true,
            ..Reported::default()
        };
        let changed = changes.changed(lost);
        assert_eq!(changed, BTreeSet::from([root.join("a.py")]));
    }
}
