//! A bucket: objects are put whole, read, replaced only if nobody else did, listed and deleted.

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use object_store::path::Path as Key;
use object_store::{
    Attribute, Attributes, MultipartUpload, ObjectMeta, ObjectStoreExt as _, PutMode,
    PutMultipartOptions, PutOptions, UpdateVersion,
};

use super::address::{Address, Place};
use super::body::{self, Piece, Pieces, Room};
use super::connect::{Connection, Variables, connect};
use super::error::{Error, explain};
use super::files;
use super::kind::Kind;
use super::meter::Meter;
use crate::config::model::CloudStorage;
use crate::run::Emit;
use crate::supervise::cancel::Cancel;

/// Names the run that wrote an object, among the object's metadata. Azure allows letters and digits.
pub(super) const MARK: &str = "daglabrun";

/// How many parts of one file are under way at once.
const PARTS: usize = 4;

/// How long an upload that failed is cleaned up at most.
const CLEAN_UP: Duration = Duration::from_secs(10);

/// How many objects are deleted, or looked at, at once.
pub(super) const AT_ONCE: usize = 16;

/// Below this many bytes, compressing costs more than it saves.
const WORTH_IT: usize = 1024;

/// A bucket that objects are published in.
#[derive(Debug)]
pub struct RemoteStore {
    pub(super) connection: Connection,
    pub(super) address: Address,
    cancel: Cancel,
    room: Room,
    pub(super) meter: Meter,
    /// Whether texts are stored compressed.
    gzip: bool,
}

/// What to put.
#[derive(Debug)]
pub enum Content {
    /// These bytes.
    Bytes(Vec<u8>),
    /// A regular file.
    File(PathBuf),
}

/// How an object is stored.
#[derive(Debug, Clone, Copy)]
pub(super) struct Put<'a> {
    /// The run that writes it.
    pub(super) run: &'a str,
    /// Whether it leads to other objects and changes with the next run; else it never changes.
    pub(super) is_pointer: bool,
}

impl Put<'_> {
    fn cache_control(self) -> &'static str {
        if self.is_pointer {
            "no-cache"
        } else {
            "private, max-age=604800, immutable"
        }
    }
}

/// The state of an object that is to be replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Version(UpdateVersion);

impl RemoteStore {
    /// Connects. Credentials are looked for; nothing is sent to the bucket yet.
    pub async fn open(
        address: Address,
        settings: &CloudStorage,
        variables: Variables<'_>,
        gzip: bool,
        cancel: Cancel,
    ) -> Result<Self, Error> {
        let connection = tokio::select! {
            connection = connect(&address, settings, variables) => connection?,
            reason = cancel.cancelled() => return Err(Error::Cancelled(reason)),
        };
        Ok(Self {
            gzip: gzip && connection.attributes,
            connection,
            address,
            cancel,
            room: Room::default(),
            meter: Meter::default(),
        })
    }

    /// The same store, with somebody who watches how far it is.
    #[must_use]
    pub fn watched(self, emit: &Emit) -> Self {
        Self {
            meter: Meter::new(emit),
            ..self
        }
    }

    /// The same store, with somebody who counts the bytes that have arrived.
    #[must_use]
    pub fn counted(self, count: impl Fn(u64) + 'static) -> Self {
        Self {
            meter: Meter::counting(count),
            ..self
        }
    }

    /// Where it is, as people write it.
    pub fn address(&self) -> &Address {
        &self.address
    }

    fn key(&self, name: &str) -> Result<Key, Error> {
        Key::parse(name).map_err(|error| Error::Source {
            path: name.to_owned(),
            why: error.to_string(),
        })
    }

    /// Waits for a request, unless the command is to end.
    pub(super) async fn or_cancelled<T>(
        &self,
        request: impl Future<Output = object_store::Result<T>>,
        key: &str,
        verb: &str,
    ) -> Result<T, Error> {
        tokio::select! {
            done = request => done.map_err(|error| self.explain(&error, key, verb)),
            reason = self.cancel.cancelled() => Err(Error::Cancelled(reason)),
        }
    }

    fn explain(&self, error: &object_store::Error, key: &str, verb: &str) -> Error {
        explain(error, &self.address.place, key, &format!("{verb} `{key}`"))
    }

    fn attributes(&self, name: &str, put: Put<'_>, gzip: bool) -> Attributes {
        if !self.connection.attributes {
            return Attributes::new();
        }
        let mut all = Attributes::from_iter([
            (Attribute::ContentType, Kind::of(name).content_type),
            (Attribute::CacheControl, put.cache_control()),
        ]);
        if gzip {
            all.insert(Attribute::ContentEncoding, "gzip".into());
        }
        let mark = Attribute::Metadata(MARK.into());
        all.insert(mark, put.run.to_owned().into());
        all
    }

    /// Puts an object. Whoever reads it sees the old one, or all of the new one. Returns the bytes
    /// that the bucket holds then.
    pub(super) async fn put(
        &self,
        name: &str,
        content: Content,
        put: Put<'_>,
    ) -> Result<u64, Error> {
        // What is read again is small, and some clouds unpack what they give in their own way.
        let is_text = self.gzip && !put.is_pointer && Kind::of(name).is_text;
        let (pieces, gzip) = match content {
            Content::Bytes(bytes) if is_text && bytes.len() >= WORTH_IT => {
                (body::of_bytes(body::gzip(&bytes)), true)
            }
            Content::Bytes(bytes) => (body::of_bytes(bytes), false),
            Content::File(path) => {
                let gzip = is_text && is_worth_it(&path);
                (body::of_file(path, gzip, &self.room), gzip)
            }
        };
        let key = self.key(name)?;
        let attributes = self.attributes(name, put, gzip);
        self.send(name, &key, pieces, attributes).await
    }

    async fn send(
        &self,
        name: &str,
        key: &Key,
        mut pieces: Pieces,
        attributes: Attributes,
    ) -> Result<u64, Error> {
        let first = next(&mut pieces, name).await?;
        let objects = &self.connection.objects;
        if first.is_last {
            let size = first.payload.content_length() as u64;
            let options = PutOptions {
                attributes,
                ..PutOptions::default()
            };
            let stored = objects.put_opts(key, first.payload, options);
            self.or_cancelled(stored, name, "store").await?;
            self.meter.bytes(size);
            return Ok(size);
        }
        let options = PutMultipartOptions {
            attributes,
            ..PutMultipartOptions::default()
        };
        let begun = objects.put_multipart_opts(key, options);
        let mut upload = self.or_cancelled(begun, name, "store").await?;
        let whole = async {
            let size = self.parts(&mut *upload, first, &mut pieces, name).await?;
            let completed = upload.complete().await;
            completed.map_err(|error| self.explain(&error, name, "store"))?;
            Ok(size)
        };
        let stored = tokio::select! {
            stored = whole => stored,
            reason = self.cancel.cancelled() => Err(Error::Cancelled(reason)),
        };
        if stored.is_err() {
            // Parts are kept, and paid for, until somebody says that they are not wanted.
            match tokio::time::timeout(CLEAN_UP, upload.abort()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    let error = self.explain(&error, name, "forget the parts of");
                    tracing::warn!("parts of `{name}` may be left: {error}");
                }
                Err(_) => tracing::warn!("parts of `{name}` may be left: no answer in time"),
            }
        }
        stored
    }

    /// Sends all pieces, some at a time. Returns their bytes.
    async fn parts(
        &self,
        upload: &mut dyn MultipartUpload,
        first: Piece,
        pieces: &mut Pieces,
        name: &str,
    ) -> Result<u64, Error> {
        let arrived = |sent: object_store::Result<u64>| -> Result<u64, Error> {
            let count = sent.map_err(|error| self.explain(&error, name, "store"))?;
            self.meter.bytes(count);
            Ok(count)
        };
        let mut under_way = FuturesUnordered::new();
        let mut size = 0;
        let mut piece = first;
        loop {
            let is_last = piece.is_last;
            let sent = upload.put_part(piece.payload.clone());
            under_way.push(async move {
                let count = piece.payload.content_length() as u64;
                let sent = sent.await;
                // Its room is free only now.
                drop(piece);
                sent.map(|()| count)
            });
            if is_last {
                break;
            }
            while under_way.len() >= PARTS
                && let Some(sent) = under_way.next().await
            {
                size += arrived(sent)?;
            }
            // What is under way goes on meanwhile: it holds the room that the next piece waits for.
            piece = loop {
                tokio::select! {
                    piece = next(pieces, name) => break piece?,
                    Some(sent) = under_way.next() => size += arrived(sent)?,
                }
            };
        }
        while let Some(sent) = under_way.next().await {
            size += arrived(sent)?;
        }
        Ok(size)
    }

    /// Reads an object of at most `limit` bytes; `None` if there is none.
    pub(super) async fn get(
        &self,
        name: &str,
        limit: u64,
    ) -> Result<Option<(Vec<u8>, Version)>, Error> {
        let key = self.key(name)?;
        let request = self.connection.objects.get(&key);
        let found = match self.or_cancelled(request, name, "read").await {
            Ok(found) => found,
            Err(Error::NoObject { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let version = Version(UpdateVersion {
            e_tag: found.meta.e_tag.clone(),
            version: found.meta.version.clone(),
        });
        if found.meta.size > limit {
            return Err(Error::Foreign {
                key: name.to_owned(),
                why: format!("it has {} bytes", found.meta.size),
            });
        }
        let bytes = self.or_cancelled(found.bytes(), name, "read").await?;
        Ok(Some((bytes.to_vec(), version)))
    }

    /// Puts a small object if it is still in this state, or if there is still none;
    /// [`Error::Changed`] otherwise. Servers that know no conditions overwrite it.
    pub(super) async fn replace(
        &self,
        name: &str,
        bytes: &[u8],
        before: Option<Version>,
        put: Put<'_>,
    ) -> Result<(), Error> {
        let key = self.key(name)?;
        let is_file = matches!(self.address.place, Place::File(_));
        let mode = match before {
            // Files are locked instead.
            _ if is_file => PutMode::Overwrite,
            Some(Version(version)) => PutMode::Update(version),
            None => PutMode::Create,
        };
        let put_with = |mode: PutMode| {
            let options = PutOptions {
                mode,
                attributes: self.attributes(name, put, false),
                ..PutOptions::default()
            };
            let payload = bytes.to_vec().into();
            self.connection.objects.put_opts(&key, payload, options)
        };
        let request = async {
            match put_with(mode).await {
                Err(error) if knows_no_conditions(&error) => put_with(PutMode::Overwrite).await,
                stored => stored,
            }
        };
        self.or_cancelled(request, name, "store").await.map(drop)
    }

    /// Everything below a prefix, which is not the beginning of a name.
    pub(super) async fn list(&self, prefix: &str) -> Result<Vec<ObjectMeta>, Error> {
        let key = self.key(prefix)?;
        let listed = self.connection.objects.list(Some(&key)).try_collect();
        self.or_cancelled(listed, prefix, "list").await
    }

    /// The run that wrote an object, as its metadata says.
    pub(super) async fn mark(&self, name: &str) -> Result<Option<String>, Error> {
        let key = self.key(name)?;
        let options = object_store::GetOptions {
            head: true,
            ..object_store::GetOptions::default()
        };
        let request = self.connection.objects.get_opts(&key, options);
        match self.or_cancelled(request, name, "look at").await {
            Ok(found) => {
                let mark = Attribute::Metadata(MARK.into());
                Ok(found.attributes.get(&mark).map(|run| run.to_string()))
            }
            Err(Error::NoObject { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Deletes objects, many at once, up to the first that can't be.
    pub(super) async fn delete_all(&self, names: Vec<String>) -> Result<(), Error> {
        stream::iter(names)
            .map(async |name| self.delete(&name).await)
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await
    }

    /// Deletes an object. One that is gone already is as good as deleted.
    pub(super) async fn delete(&self, name: &str) -> Result<(), Error> {
        let deleted = match &self.address.place {
            Place::File(directory) => files::delete(directory, name),
            _ => {
                let key = self.key(name)?;
                let request = self.connection.objects.delete(&key);
                self.or_cancelled(request, name, "delete").await
            }
        };
        match deleted {
            Err(Error::NoObject { .. }) => Ok(()),
            deleted => deleted,
        }
    }

    /// Keeps other processes on this machine away from pointers in a directory until the guard is
    /// dropped. Buckets have conditions instead.
    pub(super) async fn lock(&self, below: &str) -> Result<Option<std::fs::File>, Error> {
        let Place::File(directory) = &self.address.place else {
            return Ok(None);
        };
        tokio::select! {
            locked = files::lock(directory, below) => locked.map(Some),
            reason = self.cancel.cancelled() => Err(Error::Cancelled(reason)),
        }
    }
}

async fn next(pieces: &mut Pieces, name: &str) -> Result<Piece, Error> {
    let unreadable = |why: String| Error::Source {
        path: name.to_owned(),
        why,
    };
    match pieces.recv().await {
        Some(Ok(piece)) => Ok(piece),
        Some(Err(error)) => Err(unreadable(error.to_string())),
        None => Err(unreadable("its reader ended".to_owned())),
    }
}

fn is_worth_it(path: &Path) -> bool {
    path.symlink_metadata()
        .is_ok_and(|meta| meta.len() >= WORTH_IT as u64)
}

fn knows_no_conditions(error: &object_store::Error) -> bool {
    matches!(
        error,
        object_store::Error::NotImplemented { .. } | object_store::Error::NotSupported { .. }
    ) || error.to_string().contains("status code: 501")
}
