//! Reading what children left behind.
//!
//! A child may have put anything where a file is expected: a pipe that blocks whoever opens it, a
//! link to somewhere else, more bytes than memory holds.

use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Read, Result, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

/// Opens a regular file to read it.
pub fn open(path: &Path) -> Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        let problem = format!("`{}` is not a regular file", path.display());
        Err(Error::new(ErrorKind::InvalidInput, problem))
    }
}

/// Reads a regular file of at most `limit` bytes.
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let size = open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    if size as u64 > limit {
        let problem = format!("`{}` is larger than {limit} bytes", path.display());
        return Err(Error::new(ErrorKind::FileTooLarge, problem));
    }
    Ok(bytes)
}

/// Reads a regular file that may be reached by links, as files of a project are.
pub fn read_linked(path: &Path, limit: u64) -> Result<Vec<u8>> {
    read(&path.canonicalize()?, limit)
}

/// Reads the end of a regular file as text.
pub fn read_end(path: &Path, limit: u64) -> Result<String> {
    let mut file = open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(limit)))?;
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_of_a_bounded_size_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let plain = dir.path().join("plain");
        std::fs::write(&plain, "0123456789").unwrap();
        assert_eq!(read(&plain, 10).unwrap(), b"0123456789");
        assert!(read(&plain, 9).is_err());
        assert_eq!(read_end(&plain, 3).unwrap(), "789");

        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&plain, &link).unwrap();
        assert!(open(&link).is_err());
        let pipe = dir.path().join("pipe");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &pipe,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR,
            0,
        )
        .unwrap();
        // Without a writer this would wait for ever.
        assert!(open(&pipe).is_err());
        assert!(open(dir.path()).is_err());
    }
}
