//! Where environments and probes are kept, and how two daglabs share them.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Progress;
use crate::project::Error;

/// Part of every key: a change in how environments are made makes all of them anew.
const FORMAT: u32 = 1;

/// The file that says an environment is complete. Written last.
const MARKER: &str = "daglab.json";

/// Environments that were not used for so long are removed when another is made.
const KEPT_UNUSED: Duration = Duration::from_secs(30 * 24 * 3600);

/// The cache directory: `$DAGLAB_CACHE_DIR`, else `$XDG_CACHE_HOME/daglab`, else `~/.cache/daglab`.
pub fn cache_dir(variables: &BTreeMap<String, String>) -> PathBuf {
    let set = |name: &str| variables.get(name).filter(|value| !value.is_empty());
    if let Some(path) = set("DAGLAB_CACHE_DIR") {
        return std::path::absolute(path).unwrap_or_else(|_| path.into());
    }
    // The base directory specification: a relative path here is to be ignored.
    if let Some(path) = set("XDG_CACHE_HOME").filter(|path| path.starts_with('/')) {
        return Path::new(path).join("daglab");
    }
    match set("HOME") {
        Some(home) => Path::new(home).join(".cache").join("daglab"),
        None => std::env::temp_dir().join("daglab-cache"),
    }
}

/// All that an environment is made from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Recipe(BTreeMap<String, String>);

impl Recipe {
    pub(super) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    fn key(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(FORMAT.to_le_bytes());
        for part in self.0.iter().flat_map(|(name, value)| [name, value]) {
            // Lengths keep two different lists of parts from reading the same.
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        hex(&hash.finalize())
    }
}

/// The SHA-256 of a text, in hexadecimal.
pub(super) fn digest(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[derive(Serialize, Deserialize)]
struct Marker {
    format: u32,
    key: String,
    made_from: Recipe,
}

/// A place in the cache for one recipe.
#[derive(Debug)]
pub(super) struct Slot {
    /// Where the environment is, or will be. Environments cannot be moved, so it is built here,
    /// and it counts only once the marker is in it.
    pub path: PathBuf,
    key: String,
    recipe: Recipe,
}

impl Slot {
    /// The place for `recipe`; `label` makes the folder's name readable.
    pub(super) fn new(cache: &Path, label: &str, recipe: Recipe) -> Self {
        let key = recipe.key();
        let label: String = label
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() {
                    c.to_ascii_lowercase()
                } else {
                    '-'
                }
            })
            .take(40)
            .collect();
        Self {
            path: cache.join("envs").join(format!("{label}-{}", &key[..16])),
            key,
            recipe,
        }
    }

    /// The interpreter of the environment.
    pub(super) fn python(&self) -> PathBuf {
        self.path.join("bin").join("python")
    }

    /// Whether the environment is there, complete, and its interpreter can still be found.
    pub(super) fn is_complete(&self) -> bool {
        let marker = self.path.join(MARKER);
        let Ok(text) = std::fs::read_to_string(&marker) else {
            return false;
        };
        let complete = serde_json::from_str::<Marker>(&text)
            .is_ok_and(|m| m.format == FORMAT && m.key == self.key && m.made_from == self.recipe);
        if complete && self.python().exists() {
            touch(&marker);
            return true;
        }
        false
    }

    /// Waits for the right to build here. The lock ends with the value.
    pub(super) async fn lock(&self, progress: &dyn Fn(Progress)) -> Result<File, Error> {
        let path = self.path.with_added_extension("lock");
        let cannot = |source| Error::Cache {
            path: path.clone(),
            source,
        };
        create_folder(self.path.parent().unwrap_or(&self.path))?;
        let file = File::create(&path).map_err(cannot)?;
        let mut told = false;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(std::fs::TryLockError::WouldBlock) => {}
                Err(std::fs::TryLockError::Error(source)) => return Err(cannot(source)),
            }
            if !told {
                progress(Progress::Step(
                    "Waiting for another daglab to make this environment".to_owned(),
                ));
                told = true;
            }
            // Polled, so that a cancelled wait leaves no thread behind.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Removes what an interrupted build left. Only under the lock.
    pub(super) fn clear(&self) -> Result<(), Error> {
        match std::fs::remove_dir_all(&self.path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(Error::Cache {
                path: self.path.clone(),
                source,
            }),
            _ => Ok(()),
        }
    }

    /// Declares the environment complete.
    pub(super) fn complete(&self) -> Result<(), Error> {
        let marker = Marker {
            format: FORMAT,
            key: self.key.clone(),
            made_from: self.recipe.clone(),
        };
        write_json(&self.path.join(MARKER), &marker)
    }
}

/// Marks a file as used today; at most once a day, to spare the disk.
fn touch(path: &Path) {
    let age = std::fs::metadata(path)
        .and_then(|m| m.modified())
        .ok()
        .and_then(|t| t.elapsed().ok());
    if age.is_some_and(|age| age > Duration::from_secs(24 * 3600))
        && let Ok(file) = File::options().append(true).open(path)
    {
        let _ = file.set_modified(SystemTime::now());
    }
}

/// Removes environments that were not used for a month. A failure is no reason to fail: the next
/// build tries again.
pub(super) fn prune(cache: &Path) {
    let Ok(entries) = std::fs::read_dir(cache.join("envs")) else {
        return;
    };
    for entry in entries.flatten() {
        let marker = entry.path().join(MARKER);
        let age = std::fs::metadata(&marker)
            .and_then(|m| m.modified())
            .ok()
            .and_then(|t| t.elapsed().ok());
        if age.is_some_and(|age| age > KEPT_UNUSED) {
            // The marker first: a half-removed environment must not look complete.
            let _ = std::fs::remove_file(&marker);
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// Makes a folder of the cache.
pub(super) fn create_folder(path: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(path).map_err(|source| Error::Cache {
        path: path.to_owned(),
        source,
    })
}

/// Writes a file of the cache beside its place and renames it.
pub(super) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), Error> {
    let cannot = |source| Error::Cache {
        path: path.to_owned(),
        source,
    };
    let folder = path.parent().unwrap_or(Path::new("."));
    create_folder(folder)?;
    // Others read the cache, too: an action runs as root, and the runner's own user keeps the cache
    // for the next run.
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    let mut file = tempfile::Builder::new()
        .permissions(mode)
        .tempfile_in(folder)
        .map_err(cannot)?;
    serde_json::to_writer(&mut file, value).map_err(|error| cannot(error.into()))?;
    file.persist(path).map_err(|error| cannot(error.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_is_where_the_user_says() {
        let dir = |pairs: &[(&str, &str)]| {
            cache_dir(
                &pairs
                    .iter()
                    .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
                    .collect(),
            )
        };
        let home = ("HOME", "/home/u");
        let xdg = ("XDG_CACHE_HOME", "/x");
        assert_eq!(dir(&[home]), Path::new("/home/u/.cache/daglab"));
        assert_eq!(dir(&[home, xdg]), Path::new("/x/daglab"));
        assert_eq!(
            dir(&[home, xdg, ("DAGLAB_CACHE_DIR", "/d")]),
            Path::new("/d")
        );
        assert_eq!(
            dir(&[home, ("XDG_CACHE_HOME", "x"), ("DAGLAB_CACHE_DIR", "")]),
            Path::new("/home/u/.cache/daglab")
        );
    }

    #[test]
    fn a_key_depends_on_every_part() {
        let recipe = Recipe::default().with("a", "bc").with("d", "e");
        assert_eq!(
            recipe.key(),
            Recipe::default().with("d", "e").with("a", "bc").key()
        );
        for other in [
            Recipe::default().with("a", "bc"),
            Recipe::default().with("ab", "c").with("d", "e"),
            Recipe::default().with("a", "bc").with("d", "f"),
        ] {
            assert_ne!(recipe.key(), other.key());
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_half_made_environment_is_not_complete() {
        let cache = tempfile::tempdir().expect("a folder");
        let slot = Slot::new(cache.path(), "My Project", Recipe::default().with("a", "b"));
        assert!(
            slot.path
                .file_name()
                .expect("a name")
                .to_string_lossy()
                .starts_with("my-project-")
        );
        std::fs::create_dir_all(slot.path.join("bin")).expect("a folder");
        std::fs::write(slot.python(), "").expect("a file");
        assert!(!slot.is_complete());
        let lock = slot.lock(&|_| {}).await.expect("nobody has it");
        slot.complete().expect("it can be written");
        assert!(slot.is_complete());
        std::fs::remove_file(slot.python()).expect("it is there");
        assert!(!slot.is_complete(), "its interpreter is gone");
        let second = tokio::time::timeout(Duration::from_millis(250), slot.lock(&|_| {})).await;
        assert!(second.is_err(), "the lock is held");
        drop(lock);
        slot.lock(&|_| {}).await.expect("the lock is free");
        slot.clear().expect("it can be removed");
        assert!(!slot.path.exists());
        slot.clear().expect("nothing to remove");
    }
}
