//! Removing what has been kept long enough.
//!
//! Only files that daglab itself wrote are ever removed: each store keeps a list of them, with the
//! time of the last write, in [`MANIFEST`]. A file that somebody else has put in their place is
//! left alone when it is a directory or a symbolic link, or newer than the list says.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::Error;
use super::local::{is_plain, write_whole};

/// The list of files, beside them.
pub const MANIFEST: &str = ".daglab-files.json";

/// A file's time may differ by this much from what the list says: file systems round.
const ROUNDING: Duration = Duration::from_secs(2);

#[derive(Debug, Default, Serialize, Deserialize)]
struct Manifest {
    version: u32,
    /// By key: seconds since 1970 of the last write.
    files: BTreeMap<String, u64>,
}

fn load(root: &Path) -> Manifest {
    // A list that can't be read makes us forget files, never remove foreign ones.
    std::fs::read(root.join(MANIFEST))
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default()
}

fn save(root: &Path, manifest: &Manifest) -> Result<(), Error> {
    let bytes = serde_json::to_vec_pretty(manifest).expect("a list of names is plain data");
    write_whole(&root.join(MANIFEST), &bytes).map(drop)
}

/// Adds files that were just written to the list.
pub fn record(root: &Path, keys: &[String]) -> Result<(), Error> {
    let mut manifest = load(root);
    manifest.version = 1;
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    for key in keys {
        manifest.files.insert(key.clone(), now);
    }
    save(root, &manifest)
}

/// Removes listed files whose last write is more than `days` ago, but none of those in `new`, which
/// 0 days would reach. Returns what was removed.
pub fn apply(root: &Path, days: u32, new: &[String]) -> Result<Vec<PathBuf>, Error> {
    let age = Duration::from_secs(u64::from(days) * 24 * 60 * 60);
    let Some(limit) = SystemTime::now().checked_sub(age) else {
        return Ok(Vec::new());
    };
    let mut manifest = load(root);
    let mut removed = Vec::new();
    manifest.files.retain(|key, written| {
        let written = UNIX_EPOCH + Duration::from_secs(*written);
        if written >= limit || new.contains(key) {
            return true;
        }
        let path = root.join(key);
        let ours = is_plain(key) && is_untouched(root, key, written);
        if ours && std::fs::remove_file(&path).is_ok() {
            removed.push(path);
        }
        false
    });
    if !removed.is_empty() {
        save(root, &manifest)?;
    }
    Ok(removed)
}

/// Whether a listed file is still the plain file that was written, reached through no link.
fn is_untouched(root: &Path, key: &str, written: SystemTime) -> bool {
    let mut path = root.to_owned();
    let mut parts = Path::new(key).components().peekable();
    while let Some(part) = parts.next() {
        path.push(part);
        let Ok(meta) = path.symlink_metadata() else {
            return false;
        };
        if parts.peek().is_some() {
            if !meta.is_dir() {
                return false;
            }
        } else {
            return meta.is_file()
                && meta
                    .modified()
                    .is_ok_and(|modified| modified <= written + ROUNDING);
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn age(root: &Path, key: &str, days: u64) {
        let mut manifest = load(root);
        let then = SystemTime::now() - Duration::from_secs(days * 86_400);
        let seconds = then.duration_since(UNIX_EPOCH).unwrap().as_secs();
        manifest.files.insert(key.to_owned(), seconds);
        save(root, &manifest).unwrap();
        let file = std::fs::File::options()
            .write(true)
            .open(root.join(key))
            .unwrap();
        file.set_modified(then).unwrap();
    }

    #[test]
    fn only_old_files_of_ours_go() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        for name in ["old.html", "new.html", "foreign.html", "replaced.html"] {
            std::fs::write(root.join(name), name).unwrap();
        }
        record(
            root,
            &["old.html".into(), "new.html".into(), "replaced.html".into()],
        )
        .unwrap();
        age(root, "old.html", 40);
        age(root, "replaced.html", 40);
        std::fs::write(root.join("replaced.html"), "the user's").unwrap();
        let removed = apply(root, 30, &[]).unwrap();
        assert_eq!(removed, [root.join("old.html")]);
        for name in ["new.html", "foreign.html", "replaced.html"] {
            assert!(root.join(name).exists(), "{name}");
        }
    }

    #[test]
    fn no_days_leave_what_was_just_written() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        let keys = ["old.html", "new.html"].map(str::to_owned);
        for key in &keys {
            std::fs::write(root.join(key), "page").unwrap();
            age(root, key, 1);
        }
        let removed = apply(root, 0, &keys[1..]).unwrap();
        assert_eq!(removed, [root.join("old.html")]);
    }

    #[test]
    fn a_list_that_points_outside_removes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("store");
        std::fs::create_dir(&root).unwrap();
        let outside = dir.path().join("outside.html");
        std::fs::write(&outside, "x").unwrap();
        std::os::unix::fs::symlink(dir.path(), root.join("link")).unwrap();
        let list = r#"{"version":1,"files":{"../outside.html":1,"link/outside.html":1}}"#;
        std::fs::write(root.join(MANIFEST), list).unwrap();
        assert!(apply(&root, 1, &[]).unwrap().is_empty());
        assert!(outside.exists());
    }
}
