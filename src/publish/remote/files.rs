//! What a directory needs beside what the library does: deleting without following links, and a lock
//! in the place of conditions.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::OFlags;

use super::error::Error;
use crate::publish::removal::Root;

/// How long somebody else may hold the lock: a list and its pages take no second.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often the lock is tried.
const LOOK: Duration = Duration::from_millis(20);

fn failed(key: &str, why: &dyn std::fmt::Display) -> Error {
    Error::Foreign {
        key: key.to_owned(),
        why: why.to_string(),
    }
}

/// Deletes a regular file below a directory, which no symbolic link leads to, and folders that are
/// empty then.
pub(super) fn delete(directory: &Path, name: &str) -> Result<(), Error> {
    let gone = |error: crate::publish::removal::Error| {
        if error.is_gone() {
            Error::NoObject {
                key: name.to_owned(),
            }
        } else {
            failed(name, &error)
        }
    };
    let root = Root::open(directory).map_err(gone)?;
    let path = Path::new(name);
    let seen = root.look(path).map_err(gone)?;
    root.remove_file(path, &seen).map_err(gone)?;
    root.remove_empty_parents(path);
    Ok(())
}

/// Locks a branch's lists, until the file is dropped.
pub(super) async fn lock(directory: &Path, below: &str) -> Result<File, Error> {
    let path = directory.join(below).join(".daglab-lock");
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(|error| failed(below, &error))?;
    }
    // Somebody else's file, or what a link leads to, is neither emptied nor waited for.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .custom_flags(flags.bits().cast_signed())
        .open(&path)
        .map_err(|error| failed(below, &error))?;
    let is_file = file.metadata().is_ok_and(|meta| meta.is_file());
    if !is_file {
        return Err(failed(below, &"its lock is not a regular file"));
    }
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if begun.elapsed() < PATIENCE => {
                tokio::time::sleep(LOOK).await;
            }
            Err(TryLockError::WouldBlock) => {
                return Err(failed(below, &"somebody else holds its lock"));
            }
            Err(TryLockError::Error(error)) => return Err(failed(below, &error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_lock_leaves_what_a_link_leads_to_alone() {
        let dir = tempfile::tempdir().unwrap();
        let precious = dir.path().join("precious");
        std::fs::write(&precious, "precious").unwrap();
        std::fs::create_dir_all(dir.path().join("store/line")).unwrap();
        let link = dir.path().join("store/line/.daglab-lock");
        std::os::unix::fs::symlink(&precious, &link).unwrap();
        assert!(lock(&dir.path().join("store"), "line").await.is_err());
        assert_eq!(std::fs::read_to_string(&precious).unwrap(), "precious");
    }

    #[test]
    fn nothing_is_deleted_through_a_link() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("elsewhere")).unwrap();
        std::fs::create_dir_all(root.join("store/run")).unwrap();
        std::fs::write(root.join("elsewhere/a.html"), "theirs").unwrap();
        std::fs::write(root.join("store/run/b.html"), "ours").unwrap();
        let link = root.join("store/run/notebooks");
        std::os::unix::fs::symlink(root.join("elsewhere"), link).unwrap();
        assert!(delete(&root.join("store"), "run/notebooks/a.html").is_err());
        assert!(root.join("elsewhere/a.html").exists());
        delete(&root.join("store"), "run/b.html").unwrap();
        assert!(matches!(
            delete(&root.join("store"), "run/b.html"),
            Err(Error::NoObject { .. })
        ));
    }
}
