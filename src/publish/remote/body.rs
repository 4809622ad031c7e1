//! A file on its way out: read in a thread, without secrets, compressed if that helps, in pieces.

use std::io::{self, Read as _, Write};
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use object_store::PutPayload;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::redact::secrets;
use crate::supervise::left;

/// Bytes of a piece. The parts of an upload have 5 MiB at least, and there are 10,000 at most.
pub(super) const PIECE: usize = 8 * 1024 * 1024;

/// Bytes that are allocated at once. All alike, so that what one file has given back fits the next:
/// whole pieces, grown one by one, left more holes than they had bytes.
const CHUNK: usize = 256 * 1024;

/// Bytes of pieces that wait or are under way, over all files.
const ROOM: usize = 4 * PIECE;

/// How many files are read at once: each fills a piece of its own beside the others.
const READERS: usize = 2;

/// What all files on their way share, so that memory is bounded however many there are.
#[derive(Debug, Clone)]
pub(super) struct Room {
    bytes: Arc<Semaphore>,
    readers: Arc<Semaphore>,
}

impl Default for Room {
    fn default() -> Self {
        Self {
            bytes: Arc::new(Semaphore::new(ROOM)),
            readers: Arc::new(Semaphore::new(READERS)),
        }
    }
}

/// A part of a body; its room is free again when it is dropped.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) payload: PutPayload,
    pub(super) is_last: bool,
    _room: Option<OwnedSemaphorePermit>,
}

/// The pieces of a body, of which there is at least one.
pub(super) type Pieces = mpsc::Receiver<io::Result<Piece>>;

/// Bytes that are there already.
pub(super) fn of_bytes(bytes: Vec<u8>) -> Pieces {
    let (sender, receiver) = mpsc::channel(1);
    let piece = Piece {
        payload: bytes.into(),
        is_last: true,
        _room: None,
    };
    sender
        .try_send(Ok(piece))
        .expect("the channel is new and has room for one");
    receiver
}

/// A regular file, read by a thread of its own.
pub(super) fn of_file(path: PathBuf, gzip: bool, room: &Room) -> Pieces {
    let (sender, receiver) = mpsc::channel(1);
    let room = room.clone();
    tokio::spawn(async move {
        let Ok(_reader) = Arc::clone(&room.readers).acquire_owned().await else {
            return;
        };
        let handle = Handle::current();
        let mut out = PieceWriter {
            chunks: Vec::new(),
            buffer: Vec::new(),
            length: 0,
            room: room.bytes,
            sender,
            handle,
        };
        let read = tokio::task::spawn_blocking(move || {
            let copied = copy(&path, gzip, &mut out).and_then(|()| out.send(true));
            if let Err(error) = copied {
                // Nobody listens any more, or will hear of it.
                let _ = out.sender.blocking_send(Err(error));
            }
        });
        let _ = read.await;
    });
    receiver
}

fn copy(path: &std::path::Path, gzip: bool, out: &mut PieceWriter) -> io::Result<()> {
    let file = left::open(path)?;
    // What is added while it is read is not waited for.
    let length = file.metadata()?.len();
    let file = file.take(length);
    if gzip {
        let mut encoder = GzEncoder::new(out, Compression::default());
        secrets::known().copy(file, &mut encoder)?;
        encoder.finish().map(drop)
    } else {
        secrets::known().copy(file, out)
    }
}

/// Compresses bytes.
pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder
        .write_all(bytes)
        .and_then(|()| encoder.finish())
        .expect("memory takes what is written")
}

struct PieceWriter {
    /// What is full of the piece.
    chunks: Vec<Bytes>,
    /// What is not.
    buffer: Vec<u8>,
    /// Bytes of both.
    length: usize,
    room: Arc<Semaphore>,
    sender: mpsc::Sender<io::Result<Piece>>,
    handle: Handle,
}

impl PieceWriter {
    fn send(&mut self, is_last: bool) -> io::Result<()> {
        self.close_chunk();
        let chunks = std::mem::take(&mut self.chunks);
        let wanted = u32::try_from(std::mem::take(&mut self.length)).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).acquire_many_owned(wanted);
        let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
        let room = self.handle.block_on(room).map_err(|_| gone())?;
        let piece = Piece {
            payload: chunks.into_iter().collect(),
            is_last,
            _room: Some(room),
        };
        self.sender.blocking_send(Ok(piece)).map_err(|_| gone())
    }

    fn close_chunk(&mut self) {
        let chunk = std::mem::take(&mut self.buffer);
        if !chunk.is_empty() {
            self.chunks.push(chunk.into());
        }
    }
}

impl Write for PieceWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Only when there is more, so that the last piece is known to be the last.
        if self.length == PIECE {
            self.send(false)?;
        }
        if self.buffer.len() == CHUNK {
            self.close_chunk();
        }
        if self.buffer.capacity() == 0 && !self.chunks.is_empty() {
            self.buffer.reserve_exact(CHUNK);
        }
        let room = (PIECE - self.length).min(CHUNK - self.buffer.len());
        let count = bytes.len().min(room);
        self.buffer.extend_from_slice(&bytes[..count]);
        self.length += count;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn collect(mut pieces: Pieces) -> (Vec<u8>, usize) {
        let (mut all, mut count) = (Vec::new(), 0);
        while let Some(piece) = pieces.recv().await {
            let piece = piece.unwrap();
            for chunk in &piece.payload {
                all.extend_from_slice(chunk);
            }
            count += 1;
            if piece.is_last {
                break;
            }
            assert_eq!(piece.payload.content_length(), PIECE);
        }
        (all, count)
    }

    #[tokio::test]
    async fn files_come_in_whole_pieces() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        let room = Room::default();
        for (size, count) in [(0, 1), (1, 1), (PIECE, 1), (PIECE + 1, 2), (9 * PIECE, 9)] {
            std::fs::write(&path, vec![b'x'; size]).unwrap();
            let (all, pieces) = collect(of_file(path.clone(), false, &room)).await;
            assert_eq!((all.len(), pieces), (size, count));
        }
        // All of it is free again.
        assert_eq!(room.bytes.available_permits(), ROOM);
    }

    #[tokio::test]
    async fn compressed_files_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        std::fs::write(&path, "page ".repeat(100_000)).unwrap();
        let (packed, _) = collect(of_file(path, true, &Room::default())).await;
        let mut text = String::new();
        flate2::read::GzDecoder::new(&packed[..])
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text, "page ".repeat(100_000));
        assert!(packed.len() < 10_000);
    }

    #[tokio::test]
    async fn what_is_no_file_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink("/etc/passwd", &link).unwrap();
        let mut pieces = of_file(link, false, &Room::default());
        assert!(pieces.recv().await.unwrap().is_err());
    }

    #[tokio::test]
    async fn a_reader_ends_when_nobody_listens() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        std::fs::write(&path, vec![b'x'; 9 * PIECE]).unwrap();
        let room = Room::default();
        let mut pieces = of_file(path, false, &room);
        drop(pieces.recv().await);
        drop(pieces);
        // As many as there are, so none is taken for ever.
        let all = room.readers.acquire_many(u32::try_from(READERS).unwrap());
        let all = tokio::time::timeout(std::time::Duration::from_secs(60), all).await;
        assert!(all.is_ok());
    }
}
