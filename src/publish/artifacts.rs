//! The store that is a workflow run's artifacts.

use std::cell::{Cell, RefCell};
use std::path::Path;

use super::Published;
use crate::github::artifact::{Content, Entry, Error, Names, Service, UploadOptions, Uploaded};

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
    pub async fn put_page(&self, notebook: &str, page: Vec<u8>) -> Result<Published, Error> {
        let name = self.names.borrow_mut().page(notebook);
        let content = Content::Bytes(page);
        let stored = self.service.upload_page(&name, content, self.options).await;
        self.published(stored)
    }

    /// Stores files of a directory, by their names inside it, as one archive.
    pub async fn put_archive(&self, root: &Path, keys: &[String]) -> Result<Published, Error> {
        let name = self.names.borrow_mut().archive(ARCHIVE);
        let entries = keys
            .iter()
            .map(|key| Entry {
                name: key.clone(),
                content: Content::File(root.join(key)),
            })
            .collect();
        let stored = self
            .service
            .upload_archive(&name, entries, self.options)
            .await;
        self.published(stored)
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
