//! The bytes of an artifact, on their way to the blob store: Azure's block blobs.
//!
//! Blocks are sent side by side, each with a name, and then the list of their names makes the blob.
//! Both can be repeated: a block replaces the one of its name, and a list the list before.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Request, StatusCode};
use sha2::{Digest as _, Sha256};
use url::Url;

use super::archive::{Content, file_error};
use super::call::{self, BLOB_STORE, Failed, persist};
use super::error::Error;
use super::service::Service;
use crate::supervise::left;

/// The version of the store's protocol. Any since 2019 has blocks that are large enough.
const PROTOCOL: &str = "2023-11-03";
const PUT_BLOCK: &str = "Put Block";
const PUT_BLOCK_LIST: &str = "Put Block List";

/// What was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) size: u64,
    /// `sha256:` and hexadecimal digits.
    pub(super) digest: String,
}

/// Bytes that are read once, block by block.
pub(super) struct Blocks {
    reader: Box<dyn Read + Send>,
    path: PathBuf,
    digest: Sha256,
    size: u64,
    block_size: usize,
}

impl Blocks {
    pub(super) fn of(content: Content, block_size: usize) -> Result<Self, Error> {
        match content {
            Content::Bytes(bytes) => Ok(Self::reading(
                Box::new(io::Cursor::new(bytes)),
                PathBuf::new(),
                block_size,
            )),
            Content::File(path) => {
                let file =
                    left::open(&path).map_err(|source| file_error("read", path.clone(), source))?;
                Ok(Self::reading(Box::new(file), path, block_size))
            }
        }
    }

    pub(super) fn of_archive(file: File, block_size: usize) -> Self {
        Self::reading(Box::new(file), std::env::temp_dir(), block_size)
    }

    fn reading(reader: Box<dyn Read + Send>, path: PathBuf, block_size: usize) -> Self {
        Self {
            reader,
            path,
            digest: Sha256::new(),
            size: 0,
            block_size,
        }
    }

    /// The next block, empty at the end. Disks and digests take their time, so a thread does it.
    async fn next(mut self) -> Result<(Self, Vec<u8>), Error> {
        let read = move || {
            // Room that is not used costs nothing; growing would cost twice as much as is needed.
            let mut block = Vec::with_capacity(self.block_size);
            let limit = self.block_size as u64;
            match (&mut self.reader).take(limit).read_to_end(&mut block) {
                Ok(_) => {
                    self.digest.update(&block);
                    self.size += block.len() as u64;
                    Ok((self, block))
                }
                Err(source) => Err(file_error("read", self.path, source)),
            }
        };
        tokio::task::spawn_blocking(read)
            .await
            .unwrap_or_else(|error| Err(Error::Setup(error.to_string())))
    }

    fn stored(self) -> Stored {
        Stored {
            size: self.size,
            digest: written(self.digest),
        }
    }
}

/// A finished digest as the service writes it.
pub(super) fn written(digest: Sha256) -> String {
    let mut text = String::from("sha256:");
    for byte in digest.finalize() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

impl Service {
    /// Stores all of it at a signed URL.
    pub(super) async fn store(
        &self,
        url: &Url,
        mut blocks: Blocks,
        kind: &'static str,
    ) -> Result<Stored, Error> {
        let mut list = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>");
        let mut sending = FuturesUnordered::new();
        for index in 0_u32.. {
            if sending.len() >= self.limits.parallel.max(1)
                && let Some(sent) = sending.next().await
            {
                sent?;
            }
            let (rest, block) = blocks.next().await?;
            blocks = rest;
            if block.is_empty() {
                break;
            }
            // The names of all blocks must have the same length.
            let id = STANDARD.encode(format!("daglab-block-{index:08}"));
            let _ = write!(list, "<Latest>{id}</Latest>");
            sending.push(self.put_block(url, &id, block)?);
        }
        while let Some(sent) = sending.next().await {
            sent?;
        }
        list.push_str("</BlockList>");
        self.put_block_list(url, list, kind).await?;
        Ok(blocks.stored())
    }

    fn put_block(
        &self,
        url: &Url,
        id: &str,
        block: Vec<u8>,
    ) -> Result<impl Future<Output = Result<(), Error>> + use<'_>, Error> {
        let mut url = url.clone();
        url.query_pairs_mut()
            .append_pair("comp", "block")
            .append_pair("blockid", id);
        let request = self
            .http
            .put(url)
            .header("x-ms-version", PROTOCOL)
            .header(CONTENT_TYPE, "application/octet-stream")
            .timeout(self.limits.block)
            .body(block)
            .build()
            .map_err(|error| Error::Setup(call::innermost(&error.without_url())))?;
        Ok(self.put(PUT_BLOCK, request))
    }

    async fn put_block_list(
        &self,
        url: &Url,
        list: String,
        kind: &'static str,
    ) -> Result<(), Error> {
        let mut url = url.clone();
        url.query_pairs_mut().append_pair("comp", "blocklist");
        let request = self
            .http
            .put(url)
            .header("x-ms-version", PROTOCOL)
            .header("x-ms-blob-content-type", kind)
            .header(CONTENT_TYPE, "application/xml")
            .timeout(self.limits.call)
            .body(list)
            .build()
            .map_err(|error| Error::Setup(call::innermost(&error.without_url())))?;
        self.put(PUT_BLOCK_LIST, request).await
    }

    async fn put(&self, step: &'static str, request: Request) -> Result<(), Error> {
        let attempt = async || {
            // Bytes are shared between the tries, not copied.
            let request = request
                .try_clone()
                .ok_or_else(|| Failed::Final(Error::Setup("a body can't be sent twice".into())))?;
            let response = match self.http.execute(request).await {
                Ok(response) => response,
                Err(error) => return Err(call::not_reached(BLOB_STORE, step, error)),
            };
            let (status, pause) = (response.status(), call::asked_pause(&response));
            let body = call::read(response, BLOB_STORE, step).await?;
            if status.is_success() {
                Ok(())
            } else {
                Err(refused(step, status, &body, pause))
            }
        };
        persist(&self.limits, step, attempt).await.outcome
    }
}

/// What a status of the blob store means that is not a success.
pub(super) fn refused(
    step: &'static str,
    status: StatusCode,
    body: &[u8],
    pause: Option<std::time::Duration>,
) -> Failed {
    let message = call::azure_code(body);
    if status == StatusCode::UNAUTHORIZED || status == StatusCode::FORBIDDEN {
        return Failed::Final(Error::LinkRefused { step, message });
    }
    call::judged(BLOB_STORE, step, status, message, pause)
}
