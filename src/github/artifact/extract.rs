//! Unpacking an archive that somebody else has made.

use std::cell::Cell;
use std::fs::{DirBuilder, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use zip::ZipArchive;
use zip::result::ZipError;

use super::archive::{check_entry, file_error};
use super::error::Error;
use super::names::shown;

/// Bytes of the table of contents for each entry that is allowed: a name and what goes with it.
const TABLE_PER_ENTRY: u64 = 2048;
/// What the search for the table may read beside it: the longest comment, and the records around.
const AROUND_THE_TABLE: u64 = 1024 * 1024;

/// How much an archive may hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtractLimits {
    /// Files and directories.
    pub entries: usize,
    /// Bytes of all files together, unpacked.
    pub bytes: u64,
}

impl Default for ExtractLimits {
    fn default() -> Self {
        Self {
            entries: 10_000,
            bytes: 2 * 1024 * 1024 * 1024,
        }
    }
}

/// Unpacks an archive into an empty directory, which is made if it is missing. Gives the files'
/// paths below it, in the archive's order.
///
/// Only files and directories are unpacked, all of them below the directory: a link, an absolute
/// name, one with `..`, or the same name twice is an error, and so is more than `limits` allow. A
/// part of the archive may be there when this fails.
pub fn extract(
    archive: File,
    directory: &Path,
    limits: &ExtractLimits,
) -> Result<Vec<PathBuf>, Error> {
    prepare(directory)?;
    let allowance = Rc::new(Cell::new(table_allowance(&archive, limits)));
    let reader = Metered {
        file: archive,
        allowance: Rc::clone(&allowance),
    };
    let mut archive = ZipArchive::new(reader).map_err(|error| unreadable(&error))?;
    // The table was the part whose size nothing else bounds.
    allowance.set(u64::MAX);
    if archive.len() > limits.entries {
        return Err(Error::TooLarge {
            what: "the archive".into(),
            limit: limits.entries as u64,
            unit: "files",
        });
    }
    let mut room = limits.bytes;
    let mut files = Vec::new();
    for index in 0..archive.len() {
        let mut entry = archive
            .by_index(index)
            .map_err(|error| unreadable(&error))?;
        let name = entry
            .name()
            .map_err(|error| unreadable(&error))?
            .into_owned();
        let kind = entry.unix_mode().map_or(0, |mode| mode & 0o170_000);
        if !matches!(kind, 0 | 0o040_000 | 0o100_000) {
            return Err(harmful(&name, "is neither a file nor a directory"));
        }
        let is_directory = entry.is_dir();
        let path = name
            .strip_suffix('/')
            .filter(|_| is_directory)
            .unwrap_or(&name);
        check_entry(path).map_err(|reason| harmful(&name, &format!("can't be: {reason}")))?;
        let target = directory.join(path);
        let parent = if is_directory {
            Some(&*target)
        } else {
            target.parent()
        };
        make_directories(parent.unwrap_or(directory), &name)?;
        if !is_directory {
            let written = write_file(&mut entry, &target, &name, room)?;
            room = room.checked_sub(written).ok_or(Error::TooLarge {
                what: "what the archive unpacks to".into(),
                limit: limits.bytes,
                unit: "bytes",
            })?;
            files.push(PathBuf::from(path));
        }
    }
    Ok(files)
}

/// Makes a directory for foreign files: one that is there already must be empty, so that there is no
/// link to follow and no file to take for one of them.
pub(super) fn prepare(directory: &Path) -> Result<(), Error> {
    let failed = |source| file_error("unpack into", directory.into(), source);
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder.create(directory).map_err(failed)?;
    let mut entries = std::fs::read_dir(directory).map_err(failed)?;
    if entries.next().is_some() {
        return Err(failed(io::ErrorKind::DirectoryNotEmpty.into()));
    }
    Ok(())
}

fn make_directories(path: &Path, name: &str) -> Result<(), Error> {
    std::fs::create_dir_all(path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => {
            harmful(name, "is in a directory that is a file")
        }
        _ => file_error("create", path.into(), error),
    })
}

/// Writes a new file of at most one byte more than there is room for.
fn write_file(entry: &mut impl Read, target: &Path, name: &str, room: u64) -> Result<u64, Error> {
    let mut file = File::create_new(target).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => harmful(name, "is there twice"),
        _ => file_error("create", target.into(), error),
    })?;
    let mut buffer = vec![0; 64 * 1024];
    let mut entry = entry.take(room.saturating_add(1));
    let mut size = 0;
    loop {
        // Reading and writing fail for different reasons, and only one is the archive's.
        let count = entry
            .read(&mut buffer)
            .map_err(|error| harmful(name, &format!("can't be read: {error}")))?;
        if count == 0 {
            return Ok(size);
        }
        file.write_all(&buffer[..count])
            .map_err(|error| file_error("write", target.into(), error))?;
        size += count as u64;
    }
}

fn harmful(name: &str, what: &str) -> Error {
    Error::Archive {
        reason: format!("`{}` {what}", shown(name)),
    }
}

fn unreadable(error: &ZipError) -> Error {
    Error::Archive {
        reason: shown(&error.to_string()),
    }
}

fn table_allowance(file: &File, limits: &ExtractLimits) -> u64 {
    let size = file.metadata().map_or(u64::MAX, |metadata| metadata.len());
    let table = TABLE_PER_ENTRY.saturating_mul(limits.entries as u64);
    size.saturating_mul(2)
        .min(table)
        .saturating_add(AROUND_THE_TABLE)
}

/// A file of which only so much may be read: an archive's table may name millions of entries, each
/// of which takes memory.
struct Metered {
    file: File,
    allowance: Rc<Cell<u64>>,
}

impl Read for Metered {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        let left = self.allowance.get().checked_sub(count as u64);
        let left = left.ok_or_else(|| io::Error::other("its table of contents is too large"))?;
        self.allowance.set(left);
        Ok(count)
    }
}

impl Seek for Metered {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.file.seek(position)
    }
}

#[cfg(test)]
mod tests;
