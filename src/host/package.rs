//! The Python package `daglab`, carried in the binary.
//!
//! A project that has not installed it still gets it, on its children's `PYTHONPATH`. It is written
//! out once for each version of its text, so that Python can keep compiled bytecode beside it.

use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};
use sha2::{Digest, Sha256};

use super::Error;

/// Built in by `build.rs`, which watches the folder.
static PACKAGE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/python/daglab");

/// Writes the package below a cache directory, unless it is there, and returns what goes on the
/// `PYTHONPATH`.
pub fn install(cache: &Path) -> Result<PathBuf, Error> {
    let mut files = Vec::new();
    collect(&PACKAGE, &mut files);
    files.sort();
    let mut hash = Sha256::new();
    for (path, bytes) in &files {
        hash.update(path.to_string_lossy().as_bytes());
        hash.update([0]);
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    }
    let hash = hash.finalize();
    let name: String = hash
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let place = cache.join("python").join(name);
    if place.is_dir() {
        return Ok(place);
    }
    let failed = |source| Error::Prepare {
        path: place.clone(),
        source,
    };
    let parent = cache.join("python");
    std::fs::create_dir_all(&parent).map_err(failed)?;
    let fresh = tempfile::Builder::new()
        .prefix(".new-")
        .tempdir_in(&parent)
        .map_err(failed)?;
    for (path, bytes) in files {
        let path = fresh.path().join("daglab").join(path);
        std::fs::create_dir_all(path.parent().expect("a file has a directory")).map_err(failed)?;
        std::fs::write(&path, bytes).map_err(failed)?;
    }
    let fresh = fresh.keep();
    match std::fs::rename(&fresh, &place) {
        Ok(()) => Ok(place),
        Err(error) => {
            // Another daglab was quicker; otherwise the error stands.
            let _ = std::fs::remove_dir_all(&fresh);
            if place.is_dir() {
                Ok(place)
            } else {
                Err(failed(error))
            }
        }
    }
}

/// The package's sources, without what a Python that ran in the source tree has left there.
fn collect<'a>(dir: &'a Dir<'_>, files: &mut Vec<(&'a Path, &'a [u8])>) {
    for file in dir.files() {
        if file
            .path()
            .extension()
            .is_none_or(|extension| extension != "pyc")
        {
            files.push((file.path(), file.contents()));
        }
    }
    for inner in dir.dirs() {
        collect(inner, files);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_package_is_written_once_and_whole() {
        let cache = tempfile::tempdir().unwrap();
        let first = install(cache.path()).unwrap();
        assert!(first.join("daglab/_host/__main__.py").is_file());
        assert_eq!(install(cache.path()).unwrap(), first);
        assert_eq!(
            std::fs::read_dir(cache.path().join("python"))
                .unwrap()
                .count(),
            1
        );
    }
}
