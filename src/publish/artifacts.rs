//! The store that is a workflow run's artifacts.

use std::cell::{Cell, RefCell};
use std::path::Path;

use super::{Published, local};
use crate::github::artifact::{Content, Entry, Error, Names, Service, UploadOptions, Uploaded};
use crate::redact::secrets;

/// What tells the archive with the report from pages.
const ARCHIVE: &str = "daglab-report";

/// Stores pages where their addresses show them, and everything else as one archive.
#[derive(Debug)]
pub struct ArtifactStore {
    service: Service,
    names: RefCell<Names>,
    options: UploadOptions,
    /// Set once nothing more will be taken: the storage is used up, the token has expired.
    closed: Cell<bool>,
}

/// An archive, and what is not in it.
#[derive(Debug)]
pub struct StoredArchive {
    /// Where it is.
    pub published: Published,
    /// The names of files that could not be read.
    pub left_out: Vec<String>,
}

impl ArtifactStore {
    /// A store whose artifacts are kept for so many days. `suffix` tells jobs of the same run apart
    /// that store the same files.
    pub fn new(service: Service, suffix: Option<&str>, retention_days: Option<u32>) -> Self {
        Self {
            service,
            names: RefCell::new(Names::new(suffix)),
            options: UploadOptions {
                overwrite: false,
                retention_days,
            },
            closed: Cell::new(false),
        }
    }

    /// Whether it is of no use to try once more.
    pub fn is_closed(&self) -> bool {
        self.closed.get()
    }

    /// Stores the page of the notebook with this path.
    pub async fn put_page(&self, notebook: &str, page: String) -> Result<Published, Error> {
        let name = self.names.borrow_mut().page(notebook);
        let page = secrets::known().remove(&page).into_owned();
        let content = Content::Bytes(page.into_bytes());
        let stored = self.service.upload_page(&name, content, self.options).await;
        self.published(stored)
    }

    /// Stores texts, and files of a directory by their names inside it, as one archive. A file that
    /// can't be read is left out.
    pub async fn put_archive(
        &self,
        texts: [(&str, String); 2],
        files: Option<(&Path, Vec<String>)>,
    ) -> Result<StoredArchive, Error> {
        let name = self.names.borrow_mut().archive(ARCHIVE);
        let mut entries: Vec<Entry> = texts
            .into_iter()
            .map(|(name, text)| Entry {
                name: name.to_owned(),
                content: Content::Bytes(text.into_bytes()),
            })
            .collect();
        // Copies, where nobody else knows of them, and without secrets once more: what lies in the
        // directory may be what code under test has put there since it was stored.
        let private = tempfile::tempdir().map_err(|error| Error::Setup(error.to_string()))?;
        let mut left_out = Vec::new();
        let (root, keys) = files.unwrap_or((Path::new(""), Vec::new()));
        for (index, key) in keys.into_iter().enumerate() {
            let copy = private.path().join(index.to_string());
            match local::copy_whole(&root.join(&key), &copy) {
                Ok(_) => entries.push(Entry {
                    name: key,
                    content: Content::File(copy),
                }),
                Err(_) => left_out.push(key),
            }
        }
        let stored = self
            .service
            .upload_archive(&name, entries, self.options)
            .await;
        Ok(StoredArchive {
            published: self.published(stored)?,
            left_out,
        })
    }

    fn published(&self, stored: Result<Uploaded, Error>) -> Result<Published, Error> {
        if let Err(Error::Quota | Error::TokenRefused { .. }) = &stored {
            self.closed.set(true);
        }
        stored.map(|stored| Published {
            key: stored.name,
            url: stored.url,
            size: stored.size,
        })
    }
}
