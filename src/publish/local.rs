//! The store that is a directory.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Component, Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::retention::{self, Policy};
use super::{Error, Published, Source};
use crate::redact::secrets;
use crate::supervise::left;

/// A directory that holds an `index.html` and all it links to.
#[derive(Debug)]
pub struct LocalStore {
    root: PathBuf,
    gzip_copies: bool,
    list_in_each_folder: bool,
    stored: Vec<String>,
}

impl LocalStore {
    /// Opens the directory, and makes it where there is none.
    pub fn open(root: &Path) -> Result<Self, Error> {
        if root.exists() && !root.is_dir() {
            return Err(Error::NotADirectory {
                path: root.to_owned(),
            });
        }
        std::fs::create_dir_all(root)
            .and_then(|()| root.canonicalize())
            .map(|root| Self {
                root,
                gzip_copies: false,
                list_in_each_folder: false,
                stored: Vec::new(),
            })
            .map_err(|source| Error::Write {
                path: root.to_owned(),
                source,
            })
    }

    /// The same store, with a gzip copy beside every page that is put into it, if `wanted`.
    pub fn with_gzip_copies(self, wanted: bool) -> Self {
        Self {
            gzip_copies: wanted,
            ..self
        }
    }

    /// The same store, for files that go beside others: each folder has a list of its own of what
    /// was put there.
    pub fn with_a_list_in_each_folder(self) -> Self {
        Self {
            list_in_each_folder: true,
            ..self
        }
    }

    /// The directory, absolute.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What was stored so far, by key; gzip copies are not told.
    pub fn stored(&self) -> impl Iterator<Item = &str> {
        let keys = self.stored.iter().map(String::as_str);
        keys.filter(|key| !(self.gzip_copies && key.ends_with(".gz")))
    }

    /// Where a file can be opened.
    pub fn url(&self, key: &str) -> String {
        file_url(&self.root.join(key))
    }

    /// Stores a file under a key. It appears whole or not at all.
    pub fn put(&mut self, key: &str, source: &Source<'_>) -> Result<Published, Error> {
        debug_assert!(
            is_plain(key),
            "keys are made by daglab and never leave the directory"
        );
        let path = self.root.join(key);
        let size = match source {
            Source::Bytes(bytes) => write_whole(&path, bytes)?,
            Source::File(file) => copy_whole(file, &path)?,
        };
        self.stored.push(key.to_owned());
        if self.gzip_copies && key.ends_with(".html") {
            compress_whole(&path, &path.with_added_extension("gz"))?;
            self.stored.push(format!("{key}.gz"));
        }
        Ok(Published {
            key: key.to_owned(),
            url: file_url(&path),
            size,
        })
    }

    /// Remembers what was stored, as one export of a branch, so that retention knows its own files,
    /// and removes those of earlier exports that have been kept long enough.
    pub fn finish(&self, branch: Option<&str>, policy: Policy) -> Result<(), Error> {
        for (folder, names) in self.lists() {
            retention::record(&folder, &names, branch)?;
            if policy != Policy::default() {
                retention::apply(&folder, policy, &names)?;
            }
        }
        Ok(())
    }

    /// What was stored, by the folder that has the list of it.
    fn lists(&self) -> BTreeMap<PathBuf, Vec<String>> {
        if !self.list_in_each_folder {
            return BTreeMap::from([(self.root.clone(), self.stored.clone())]);
        }
        let mut lists: BTreeMap<PathBuf, Vec<String>> = BTreeMap::new();
        for key in &self.stored {
            let (folder, name) = key.rsplit_once('/').unwrap_or(("", key));
            let names = lists.entry(self.root.join(folder)).or_default();
            names.push(name.to_owned());
        }
        lists
    }
}

/// Writes bytes beside their place and renames them into it, without secrets. JSON stays JSON
/// whatever they are. Returns the size.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<u64, Error> {
    write_with(path, |file| match std::str::from_utf8(bytes) {
        Ok(text) if path.extension().is_some_and(|it| it == "json") => {
            file.write_all(secrets::known().remove_from_document(text).as_bytes())
        }
        _ => secrets::known().copy(bytes, file),
    })
}

/// Copies a file whole, but without secrets.
pub fn copy_whole(from: &Path, to: &Path) -> Result<u64, Error> {
    write_with(to, |file| secrets::known().copy(left::open(from)?, file))
}

/// Writes a gzip copy of a file.
fn compress_whole(from: &Path, to: &Path) -> Result<u64, Error> {
    write_with(to, |file| {
        let mut encoder = GzEncoder::new(file, Compression::default());
        let mut source = File::open(from)?;
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let count = source.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            encoder.write_all(&buffer[..count])?;
        }
        encoder.finish().map(drop)
    })
}

fn write_with(
    path: &Path,
    fill: impl FnOnce(&mut File) -> std::io::Result<()>,
) -> Result<u64, Error> {
    let failed = |source| Error::Write {
        path: path.to_owned(),
        source,
    };
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    std::fs::create_dir_all(parent).map_err(failed)?;
    let mut file = tempfile::Builder::new()
        .prefix(".daglab-")
        .tempfile_in(parent)
        .map_err(failed)?;
    fill(file.as_file_mut()).map_err(failed)?;
    let size = file.as_file().metadata().map_err(failed)?.len();
    // What is published is for others to read, unlike a temporary file.
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    file.as_file().set_permissions(mode).map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(size)
}

/// The `file://` address of an absolute path.
pub fn file_url(path: &Path) -> String {
    url::Url::from_file_path(path)
        .map_or_else(|()| path.display().to_string(), |url| url.to_string())
}

/// Whether a key stays inside its directory.
pub(super) fn is_plain(key: &str) -> bool {
    !key.is_empty()
        && Path::new(key)
            .components()
            .all(|part| matches!(part, Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_appear_whole_and_are_addressed() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = LocalStore::open(&dir.path().join("a b")).unwrap();
        let published = store
            .put("notebooks/x#1.html", &Source::Bytes(b"page"))
            .unwrap();
        assert_eq!(published.size, 4);
        assert!(
            published.url.ends_with("/a%20b/notebooks/x%231.html"),
            "{}",
            published.url
        );
        let left: Vec<_> = std::fs::read_dir(store.root().join("notebooks"))
            .unwrap()
            .collect();
        assert_eq!(left.len(), 1, "no temporary file stays");
    }

    #[test]
    fn gzip_copies_are_files_of_ours() {
        let dir = tempfile::tempdir().unwrap();
        let store = LocalStore::open(dir.path()).unwrap();
        let mut store = store.with_gzip_copies(true);
        store.put("page.html", &Source::Bytes(b"page")).unwrap();
        assert!(dir.path().join("page.html.gz").exists());
        assert_eq!(store.stored, ["page.html", "page.html.gz"]);
    }

    #[test]
    fn every_folder_keeps_the_list_of_its_own_files() {
        let dir = tempfile::tempdir().unwrap();
        let store = LocalStore::open(dir.path()).unwrap();
        let mut store = store.with_a_list_in_each_folder().with_gzip_copies(true);
        for key in ["a/x.html", "b/c/x.html", "b/c/x.md", "top.html"] {
            store.put(key, &Source::Bytes(b"page")).unwrap();
        }
        let policy = Policy {
            days: Some(30),
            count: None,
        };
        store.finish(None, policy).unwrap();
        let list = |folder: &str| {
            let file = dir.path().join(folder).join(retention::MANIFEST);
            std::fs::read_to_string(file).unwrap()
        };
        assert!(list("a").contains("\"x.html.gz\"") && !list("a").contains("x.md"));
        assert!(list("b/c").contains("\"x.md\"") && !list("b/c").contains("x.md.gz"));
        assert!(list("").contains("\"top.html\"") && !list("").contains("x.html"));
    }

    #[test]
    fn a_file_in_the_way_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "x").unwrap();
        assert!(matches!(
            LocalStore::open(&file),
            Err(Error::NotADirectory { .. })
        ));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "x");
    }

    #[test]
    fn the_gzip_copy_reads_back() {
        let dir = tempfile::tempdir().unwrap();
        let (page, packed) = (dir.path().join("p.html"), dir.path().join("p.html.gz"));
        std::fs::write(&page, "page ".repeat(50_000)).unwrap();
        let size = compress_whole(&page, &packed).unwrap();
        assert!(size < 5_000);
        let mut text = String::new();
        flate2::read::GzDecoder::new(File::open(&packed).unwrap())
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text, std::fs::read_to_string(&page).unwrap());
    }
}
