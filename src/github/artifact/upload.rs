//! Storing an artifact: create, send the bytes, finalize.

use std::path::Path;

use jiff::{Timestamp, ToSpan as _};
use url::Url;

use super::archive::{self, Content, Entry};
use super::blob::{Blocks, Stored};
use super::call::SERVICE;
use super::error::Error;
use super::names::{check_name, shown};
use super::service::Service;
use super::wire::{Call as _, Create, Created, Delete, Finalize, Finished, Ids};

/// The version that knows of types, and the one before.
const WITH_TYPES: u32 = 7;
const WITHOUT_TYPES: u32 = 4;

const HTML: &str = "text/html";
const ZIP: &str = "application/zip";

/// How many artifacts a job can store; GitHub refuses more.
pub const MOST_OF_A_JOB: usize = 500;

/// What may be said about an upload.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UploadOptions {
    /// Whether an artifact of the same name is replaced. Its id changes, and so does its address.
    pub overwrite: bool,
    /// Days after which it is deleted, at most as many as the repository allows. The repository's
    /// own setting counts if none are given.
    pub retention_days: Option<u32>,
}

/// A stored artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uploaded {
    /// GitHub's number for it.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// The address for people. It shows the page if it is viewable, and else downloads a zip.
    pub url: String,
    /// Bytes that were stored.
    pub size: u64,
    /// Their digest, `sha256:` and hexadecimal digits.
    pub digest: String,
    /// Whether the address shows a page. False for archives, and for pages that had to be stored as
    /// an archive because the server knows nothing else.
    pub viewable: bool,
}

impl Service {
    /// Stores a page so that its address shows it. Its name is a file's name with `.html`.
    ///
    /// A server that can't do that gets a zip that holds the page.
    pub async fn upload_page(
        &self,
        name: &str,
        content: Content,
        options: UploadOptions,
    ) -> Result<Uploaded, Error> {
        check_name(name)?;
        let extension = Path::new(name).extension();
        if extension.is_none_or(|extension| extension != "html") {
            return Err(Error::Name {
                name: shown(name),
                what: "a page",
                reason: "it does not end with `.html`".into(),
            });
        }
        let work = async {
            // What can't be read is known before anything is created.
            content.check()?;
            let place = self.create(name, HTML, options).await?;
            if place.typed {
                let blocks = Blocks::of(content, self.limits.block_size)?;
                return self.fill(name, place, blocks, HTML).await;
            }
            tracing::warn!(
                name,
                "the server can't show pages, so this one is stored in an archive"
            );
            let entry = Entry {
                name: name.to_owned(),
                content,
            };
            self.fill(name, place, self.zipped(vec![entry]).await?, ZIP)
                .await
        };
        self.in_time(|| format!("the upload of `{name}`"), work)
            .await
    }

    /// Stores files as one zip. Names that lead out of a directory are refused.
    pub async fn upload_archive(
        &self,
        name: &str,
        entries: Vec<Entry>,
        options: UploadOptions,
    ) -> Result<Uploaded, Error> {
        check_name(name)?;
        let work = async {
            let blocks = self.zipped(entries).await?;
            let place = self.create(name, ZIP, options).await?;
            self.fill(name, place, blocks, ZIP).await
        };
        self.in_time(|| format!("the upload of `{name}`"), work)
            .await
    }

    async fn zipped(&self, entries: Vec<Entry>) -> Result<Blocks, Error> {
        let file = tokio::task::spawn_blocking(move || archive::write(entries))
            .await
            .unwrap_or_else(|error| Err(Error::Setup(error.to_string())))?;
        Ok(Blocks::of_archive(file, self.limits.block_size))
    }

    /// Sends the bytes to where they were promised to, and says that they are all there.
    async fn fill(
        &self,
        name: &str,
        place: Place,
        blocks: Blocks,
        kind: &'static str,
    ) -> Result<Uploaded, Error> {
        let stored = self.store(&place.url, blocks, kind).await?;
        let id = self.finalize(name, &stored).await?;
        Ok(Uploaded {
            id,
            name: name.to_owned(),
            url: self.page_of(id),
            size: stored.size,
            digest: stored.digest,
            viewable: kind == HTML,
        })
    }

    /// Creates an artifact, in the place of another if that is wanted.
    async fn create(
        &self,
        name: &str,
        kind: &'static str,
        options: UploadOptions,
    ) -> Result<Place, Error> {
        match self.create_once(name, kind, options).await {
            Err(Taken::Otherwise(error)) => return Err(error),
            Ok(place) => return Ok(place),
            // Somebody has that name. It may be us: an earlier try was carried out and its answer
            // lost. Such an artifact has no bytes, is in no list, and can go.
            Err(Taken::Name { uncertain }) => {
                let finished = self.look(Some(name)).await?;
                match finished.first() {
                    Some(artifact) if options.overwrite => {
                        self.delete_as(&artifact.ids, name).await?;
                    }
                    None if options.overwrite || uncertain => {
                        self.delete_as(&self.ids, name).await?;
                    }
                    _ => return Err(Error::Exists { name: name.into() }),
                }
            }
        }
        match self.create_once(name, kind, options).await {
            Ok(place) => Ok(place),
            Err(Taken::Otherwise(error)) => Err(error),
            Err(Taken::Name { .. }) => Err(Error::Exists { name: name.into() }),
        }
    }

    async fn create_once(
        &self,
        name: &str,
        kind: &'static str,
        options: UploadOptions,
    ) -> Result<Place, Taken> {
        let mut request = Create {
            ids: &self.ids,
            name,
            expires_at: self.expires_at(options.retention_days),
            version: WITH_TYPES,
            mime_type: Some(kind),
        };
        let mut uncertain = false;
        if self.knows_mime_type.get() {
            let tried = self.call_if_known(&request).await;
            uncertain = tried.uncertain;
            let created = tried.outcome.map_err(|error| Taken::by(error, uncertain))?;
            if let Some(created) = created {
                return Ok(self.place(&created, true)?);
            }
        }
        request.version = WITHOUT_TYPES;
        request.mime_type = None;
        let tried = self.call(&request).await;
        let created = tried
            .outcome
            .map_err(|error| Taken::by(error, uncertain || tried.uncertain))?;
        // Only now is it known that the type was what the server did not like.
        self.knows_mime_type.set(false);
        Ok(self.place(&created, false)?)
    }

    fn place(&self, created: &Created, typed: bool) -> Result<Place, Error> {
        if !created.ok {
            return Err(broken(Create::METHOD, "it is not ok"));
        }
        let url = self.signed(Create::METHOD, &created.signed_upload_url)?;
        Ok(Place { url, typed })
    }

    /// Reads a signed URL, and hides what is secret in it.
    pub(super) fn signed(&self, step: &'static str, text: &str) -> Result<Url, Error> {
        let url = Url::parse(text)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"))
            .ok_or_else(|| broken(step, "it has no signed URL"))?;
        self.hide(&url);
        Ok(url)
    }

    /// Finalizes, once: a lost answer is looked up in the list.
    async fn finalize(&self, name: &str, stored: &Stored) -> Result<u64, Error> {
        let request = Finalize {
            ids: &self.ids,
            name,
            size: stored.size.to_string(),
            hash: &stored.digest,
        };
        let tried = self.call(&request).await;
        let error = match tried.outcome {
            Ok(finished) => return id_of(Finalize::METHOD, &finished),
            Err(error @ (Error::TokenRefused { .. } | Error::Quota)) => return Err(error),
            Err(error) => error,
        };
        if tried.uncertain
            && let Ok(listed) = self.look(Some(name)).await
            && let Some(artifact) = listed.first()
            && artifact.ids == self.ids
            && artifact.size == stored.size
            && artifact
                .digest
                .as_ref()
                .is_none_or(|it| *it == stored.digest)
        {
            return Ok(artifact.id);
        }
        Err(error)
    }

    /// Deletes an artifact of a job. One that is gone already is as good.
    pub(super) async fn delete_as(&self, ids: &Ids, name: &str) -> Result<Option<u64>, Error> {
        match self.call(&Delete { ids, name }).await.outcome {
            Ok(finished) => id_of(Delete::METHOD, &finished).map(Some),
            Err(Error::Status { status: 404, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn expires_at(&self, days: Option<u32>) -> Option<String> {
        let asked = days.filter(|days| *days > 0)?;
        let days = self.retention_days.map_or(asked, |most| asked.min(most));
        if days < asked {
            tracing::warn!(
                "artifacts can be kept for {days} days in this repository, not for {asked}"
            );
        }
        let hours = i64::from(days).saturating_mul(24);
        let end = Timestamp::now().checked_add(hours.hours()).ok()?;
        Some(format!("{end:.3}"))
    }
}

/// Where bytes are expected.
struct Place {
    url: Url,
    /// Whether the server knows what kind of file it is.
    typed: bool,
}

/// Why a name was not to be had.
enum Taken {
    /// An artifact has it.
    Name {
        /// Whether it may be one that this job has just created.
        uncertain: bool,
    },
    /// Something else went wrong.
    Otherwise(Error),
}

impl Taken {
    fn by(error: Error, uncertain: bool) -> Self {
        match error {
            Error::Status { status: 409, .. } => Self::Name { uncertain },
            error => Self::Otherwise(error),
        }
    }
}

impl From<Error> for Taken {
    fn from(error: Error) -> Self {
        Self::Otherwise(error)
    }
}

fn id_of(step: &'static str, finished: &Finished) -> Result<u64, Error> {
    if finished.ok && finished.artifact_id > 0 {
        Ok(finished.artifact_id)
    } else {
        Err(broken(step, "it is not ok"))
    }
}

pub(super) fn broken(step: &'static str, reason: &str) -> Error {
    Error::BrokenAnswer {
        server: SERVICE,
        step,
        reason: reason.into(),
    }
}
