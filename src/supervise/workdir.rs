//! The private directory of one command: sockets, the ephemeral instance, unfinished files.

use std::fs::File;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;

use super::{Error, left};

/// What its name begins with.
const PREFIX: &str = "daglab-";

/// A Unix socket's address has 108 bytes; this many are left for names inside the directory.
const LONGEST_PATH: usize = 70;

/// A directory that only this user may enter. A lock on it tells the living from the dead: a
/// directory whose lock is free was left by a machine crash or by a kill of guard and worker at
/// once, and the next command removes it.
#[derive(Debug)]
pub struct Workdir {
    path: PathBuf,
    _lock: File,
}

impl Workdir {
    /// Where a fresh one may be made: in the system's temporary directory. Nothing is made yet, so
    /// that nothing is left when the process that asks is killed before another knows of it.
    pub fn choose() -> PathBuf {
        let parent = parent();
        sweep(&parent);
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        let name = format!("{PREFIX}{:x}-{:x}", std::process::id(), now.subsec_nanos());
        parent.join(name)
    }

    /// Makes it. One that is there already is somebody else's.
    pub fn create(path: PathBuf) -> Result<Self, Error> {
        let made = std::fs::DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .and_then(|()| {
                let lock = lock_file(&path)?;
                rustix::fs::flock(&lock, FlockOperation::NonBlockingLockShared)?;
                Ok(lock)
            });
        match made {
            Ok(lock) => Ok(Self { path, _lock: lock }),
            Err(source) => Err(Error::Workdir { dir: path, source }),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes a private directory inside it.
    pub fn subdir(&self, name: &str) -> Result<PathBuf, Error> {
        let path = self.path.join(name);
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&path)
            .map_err(|source| Error::Workdir {
                dir: path.clone(),
                source,
            })?;
        Ok(path)
    }

    /// Removes it with all it holds. Whoever is second finds nothing, which is fine.
    pub fn remove(&self) {
        remove_tree(&self.path);
    }
}

fn lock_file(dir: &Path) -> std::io::Result<File> {
    File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(dir.join(".lock"))
}

/// Removes a tree, trying again when a process that is just ending adds a file.
pub(super) fn remove_tree(path: &Path) {
    for _ in 0..20 {
        match std::fs::remove_dir_all(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            _ => return,
        }
    }
    tracing::warn!("could not remove `{}`", path.display());
}

/// Where private directories are made.
fn parent() -> PathBuf {
    let parent = std::env::temp_dir();
    if parent.as_os_str().len() > LONGEST_PATH && Path::new("/tmp").is_dir() {
        return PathBuf::from("/tmp");
    }
    parent
}

/// What earlier commands of this user had to leave behind.
pub fn abandoned() -> Vec<PathBuf> {
    abandoned_in(&parent())
}

fn abandoned_in(parent: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(parent) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX))
        .map(|entry| entry.path())
        .filter(|path| claim(path).is_some())
        .collect()
}

/// The lock of a directory that a command of this user has left behind; none if it is anything else,
/// or in use.
pub fn claim(path: &Path) -> Option<File> {
    let meta = path.symlink_metadata().ok()?;
    if !meta.is_dir() || meta.uid() != rustix::process::getuid().as_raw() {
        return None;
    }
    // Without the lock file it is not, or not yet, one of ours.
    let lock = left::open(&path.join(".lock")).ok()?;
    rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).ok()?;
    Some(lock)
}

/// Removes what earlier commands of this user had to leave behind.
fn sweep(parent: &Path) {
    for path in abandoned_in(parent) {
        if let Some(_lock) = claim(&path) {
            tracing::debug!("removing `{}`, left by an earlier command", path.display());
            remove_tree(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_in_use_survives_the_sweep_and_an_abandoned_one_does_not() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("daglab-one");
        let workdir = Workdir::create(path.clone()).unwrap();
        assert!(Workdir::create(path.clone()).is_err());
        let foreign = parent.path().join("daglab-foreign");
        std::fs::create_dir(&foreign).unwrap();
        sweep(parent.path());
        assert!(path.exists() && foreign.exists());
        drop(workdir);
        sweep(parent.path());
        assert!(!path.exists() && foreign.exists());
    }
}
