//! Artifacts of this workflow run, whichever of its jobs has stored them: listed, downloaded, and
//! deleted.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use reqwest::Response;
use reqwest::header::CONTENT_TYPE;
use sha2::{Digest as _, Sha256};
use url::Url;

use super::archive::file_error;
use super::blob::{refused, written};
use super::call::{self, BLOB_STORE, Failed, persist};
use super::error::Error;
use super::extract::{ExtractLimits, extract, prepare};
use super::names::{check_name, shown};
use super::service::Service;
use super::wire::{Call as _, Ids, List, ListedArtifact, Sign};

const GET_BLOB: &str = "Get Blob";
/// How an archive begins, with files and without.
const ZIP_BEGINNINGS: &[&[u8]] = &[b"PK\x03\x04", b"PK\x05\x06"];

/// An artifact of the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// GitHub's number for it.
    pub id: u64,
    /// Its name. Another job chose it.
    pub name: String,
    /// Its bytes, as the service says.
    pub size: u64,
    /// When it was stored, if the service says so.
    pub created_at: Option<Timestamp>,
    /// The digest of its bytes, `sha256:` and hexadecimal digits, if the service knows it.
    pub digest: Option<String>,
    pub(super) ids: Ids,
}

impl From<ListedArtifact> for Artifact {
    fn from(listed: ListedArtifact) -> Self {
        Self {
            id: listed.database_id,
            name: listed.name,
            size: listed.size,
            created_at: listed.created_at.and_then(|text| text.parse().ok()),
            digest: listed.digest.filter(|digest| !digest.is_empty()),
            ids: Ids {
                run: listed.workflow_run_backend_id,
                job: listed.workflow_job_run_backend_id,
            },
        }
    }
}

/// What an artifact's bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A zip, to be unpacked.
    Archive,
    /// A file that was stored as it is; the artifact's name is its name.
    Plain,
}

/// A downloaded artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Downloaded {
    /// Its bytes.
    pub size: u64,
    /// Their digest, `sha256:` and hexadecimal digits.
    pub digest: String,
    /// What they are.
    pub kind: Kind,
}

impl Service {
    /// The run's artifacts, sorted by name, or the one with this name. Of several with the same name
    /// (a job that was run again leaves them) the newest counts.
    pub async fn list(&self, name: Option<&str>) -> Result<Vec<Artifact>, Error> {
        let what = || "the list of artifacts".into();
        self.in_time(what, self.look(name)).await
    }

    pub(super) async fn look(&self, name: Option<&str>) -> Result<Vec<Artifact>, Error> {
        let request = List {
            ids: &self.ids,
            name_filter: name,
        };
        let listed = self.call(&request).await.outcome?;
        let mut newest = BTreeMap::<String, Artifact>::new();
        for artifact in listed.artifacts.into_iter().map(Artifact::from) {
            let older = newest.get(&artifact.name);
            // Not every server has filters.
            let wanted = name.is_none_or(|name| name == artifact.name);
            if wanted && older.is_none_or(|older| older.id < artifact.id) {
                newest.insert(artifact.name.clone(), artifact);
            }
        }
        Ok(newest.into_values().collect())
    }

    /// Deletes an artifact of the run by its name, and says which it was.
    pub async fn delete(&self, name: &str) -> Result<u64, Error> {
        let work = async {
            let listed = self.look(Some(name)).await?;
            let artifact = listed
                .first()
                .ok_or_else(|| Error::NotFound { name: shown(name) })?;
            let deleted = self.delete_as(&artifact.ids, name).await?;
            Ok(deleted.unwrap_or(artifact.id))
        };
        self.in_time(|| format!("the deletion of `{name}`"), work)
            .await
    }

    /// Downloads an artifact's bytes into a new file, and checks them.
    pub async fn download(&self, artifact: &Artifact, path: &Path) -> Result<Downloaded, Error> {
        let create = || OpenOptions::new().write(true).create_new(true).open(path);
        let mut file = create().map_err(|source| file_error("create", path.into(), source))?;
        self.download_to(artifact, &mut file, path).await
    }

    /// Downloads an artifact and unpacks it into an empty directory, or puts it there under its
    /// name if it is no archive. Gives the files' paths below the directory.
    ///
    /// What is in it was written by somebody else: `limits` bound it, and nothing gets out of the
    /// directory. When this fails, the directory may hold a part of it.
    pub async fn fetch(
        &self,
        artifact: &Artifact,
        directory: &Path,
        limits: &ExtractLimits,
    ) -> Result<Vec<PathBuf>, Error> {
        prepare(directory)?;
        let temporary = std::env::temp_dir();
        let mut file = tempfile::tempfile_in(&temporary)
            .map_err(|source| file_error("create a file in", temporary.clone(), source))?;
        let downloaded = self.download_to(artifact, &mut file, &temporary).await?;
        let (directory, limits) = (directory.to_owned(), limits.clone());
        if downloaded.kind == Kind::Archive {
            let work = move || extract(file, &directory, &limits);
            return tokio::task::spawn_blocking(work)
                .await
                .unwrap_or_else(|error| Err(Error::Setup(error.to_string())));
        }
        check_name(&artifact.name)?;
        let path = directory.join(&artifact.name);
        let mut copy = || {
            file.seek(SeekFrom::Start(0))?;
            let mut target = File::create_new(&path)?;
            std::io::copy(&mut file, &mut target)
        };
        copy().map_err(|source| file_error("write", path.clone(), source))?;
        Ok(vec![PathBuf::from(&artifact.name)])
    }

    async fn download_to(
        &self,
        artifact: &Artifact,
        file: &mut File,
        path: &Path,
    ) -> Result<Downloaded, Error> {
        let name = &artifact.name;
        let limit = self.limits.download;
        let too_large = || Error::TooLarge {
            what: format!("the artifact `{}`", shown(name)),
            limit,
            unit: "bytes",
        };
        if artifact.size > limit {
            return Err(too_large());
        }
        let work = async {
            let url = self.sign(artifact).await?;
            let mut target = Target { file, path };
            let attempt = async || self.get(&url, &mut target, limit, &too_large).await;
            let downloaded = persist(&self.limits, GET_BLOB, attempt).await.outcome?;
            match &artifact.digest {
                Some(digest) if !digest.eq_ignore_ascii_case(&downloaded.digest) => {
                    Err(Error::Digest {
                        name: shown(name),
                        expected: shown(digest),
                        found: downloaded.digest,
                    })
                }
                _ => Ok(downloaded),
            }
        };
        self.in_time(|| format!("the download of `{}`", shown(name)), work)
            .await
    }

    /// A URL by which an artifact's bytes can be read for a while. Its signature is secret.
    async fn sign(&self, artifact: &Artifact) -> Result<Url, Error> {
        let request = Sign {
            ids: &artifact.ids,
            name: &artifact.name,
        };
        match self.call(&request).await.outcome {
            Ok(signed) => self.signed(Sign::METHOD, &signed.signed_url),
            Err(Error::Status { status: 404, .. }) => Err(Error::NotFound {
                name: shown(&artifact.name),
            }),
            Err(error) => Err(error),
        }
    }

    async fn get(
        &self,
        url: &Url,
        target: &mut Target<'_>,
        limit: u64,
        too_large: &dyn Fn() -> Error,
    ) -> Result<Downloaded, Failed> {
        target.restart().map_err(Failed::Final)?;
        let mut response = match self.http.get(url.clone()).send().await {
            Ok(response) => response,
            Err(error) => return Err(call::not_reached(BLOB_STORE, GET_BLOB, error)),
        };
        let (status, pause) = (response.status(), call::asked_pause(&response));
        if !status.is_success() {
            let body = call::read(response, BLOB_STORE, GET_BLOB).await?;
            return Err(refused(GET_BLOB, status, &body, pause));
        }
        if response.content_length().is_some_and(|size| size > limit) {
            return Err(Failed::Final(too_large()));
        }
        let said = said_kind(&response, url);
        let (mut digest, mut size, mut beginning) = (Sha256::new(), 0, Vec::new());
        loop {
            let chunk = match response.chunk().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => break,
                Err(error) => return Err(call::not_reached(BLOB_STORE, GET_BLOB, error)),
            };
            size += chunk.len() as u64;
            if size > limit {
                return Err(Failed::Final(too_large()));
            }
            if beginning.len() < 4 {
                beginning.extend(chunk.iter().take(4 - beginning.len()));
            }
            digest.update(&chunk);
            target.write(&chunk).map_err(Failed::Final)?;
        }
        let looks_zipped = ZIP_BEGINNINGS.contains(&beginning.as_slice());
        Ok(Downloaded {
            size,
            digest: written(digest),
            kind: said.unwrap_or(if looks_zipped {
                Kind::Archive
            } else {
                Kind::Plain
            }),
        })
    }
}

/// What the blob store says about the bytes, if it says anything: their type, or the name they have
/// there.
fn said_kind(response: &Response, url: &Url) -> Option<Kind> {
    let kind = response.headers().get(CONTENT_TYPE)?.to_str().ok()?;
    let kind = kind.split(';').next()?.trim().to_ascii_lowercase();
    match kind.as_str() {
        "application/zip" | "application/x-zip-compressed" | "application/zip-compressed" => {
            Some(Kind::Archive)
        }
        _ if url.path().to_ascii_lowercase().ends_with(".zip") => Some(Kind::Archive),
        "" | "application/octet-stream" => None,
        _ => Some(Kind::Plain),
    }
}

/// Where a download goes, from its beginning with each try.
struct Target<'a> {
    file: &'a mut File,
    path: &'a Path,
}

impl Target<'_> {
    fn restart(&mut self) -> Result<(), Error> {
        self.file
            .set_len(0)
            .and_then(|()| self.file.seek(SeekFrom::Start(0)))
            .map(drop)
            .map_err(|source| file_error("write", self.path.into(), source))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file
            .write_all(bytes)
            .map_err(|source| file_error("write", self.path.into(), source))
    }
}
