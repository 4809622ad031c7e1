//! One zip out of several files.

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;

use zip::ZipWriter;
use zip::result::ZipError;
use zip::write::SimpleFileOptions;

use super::error::Error;
use super::names::shown;
use crate::publish::Source;
use crate::supervise::left;

/// Bytes of an entry's name, and of each part of it.
const LONGEST_NAME: usize = 1024;
const LONGEST_PART: usize = 255;

/// What is to be stored.
#[derive(Debug, Clone)]
pub enum Content {
    /// A regular file; it is read while it is stored, and links are not followed.
    File(PathBuf),
    /// These bytes.
    Bytes(Vec<u8>),
}

impl Content {
    /// Whether it can be read, as far as that can be known before.
    pub(super) fn check(&self) -> Result<(), Error> {
        match self {
            Self::Bytes(_) => Ok(()),
            Self::File(path) => match left::open(path) {
                Ok(_) => Ok(()),
                Err(source) => Err(file_error("read", path.clone(), source)),
            },
        }
    }
}

impl From<Source<'_>> for Content {
    fn from(source: Source<'_>) -> Self {
        match source {
            Source::File(path) => Self::File(path.to_owned()),
            Source::Bytes(bytes) => Self::Bytes(bytes.to_owned()),
        }
    }
}

/// A file of an archive.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its path in the archive: relative, with `/`.
    pub name: String,
    /// What is in it.
    pub content: Content,
}

/// Writes an archive into a temporary file without a name, and gives it from its beginning.
///
/// The same entries give the same bytes: they are sorted, and have neither a time nor an owner.
pub(super) fn write(mut entries: Vec<Entry>) -> Result<File, Error> {
    for entry in &entries {
        check_entry(&entry.name).map_err(|reason| Error::Name {
            name: shown(&entry.name),
            what: "a file of an archive",
            reason,
        })?;
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    if let Some(pair) = entries.windows(2).find(|pair| pair[0].name == pair[1].name) {
        return Err(Error::Name {
            name: shown(&pair[0].name),
            what: "two files of an archive",
            reason: "there can be one only".into(),
        });
    }
    let temporary = || std::env::temp_dir();
    let failed = |source| file_error("write a temporary archive in", temporary(), source);
    let file = tempfile::tempfile().map_err(failed)?;
    let mut writer = ZipWriter::new(file);
    for entry in entries {
        add(&mut writer, entry, &failed)?;
    }
    let mut file = writer.finish().map_err(|error| failed(io_error(error)))?;
    file.seek(SeekFrom::Start(0)).map_err(failed)?;
    Ok(file)
}

fn add(
    writer: &mut ZipWriter<File>,
    entry: Entry,
    failed: &dyn Fn(io::Error) -> Error,
) -> Result<(), Error> {
    let options = |size: u64| {
        SimpleFileOptions::default()
            .unix_permissions(0o644)
            .last_modified_time(zip::DateTime::default())
            .large_file(size >= u64::from(u32::MAX))
    };
    match entry.content {
        Content::Bytes(bytes) => {
            writer
                .start_file(entry.name, options(bytes.len() as u64))
                .map_err(|error| failed(io_error(error)))?;
            writer.write_all(&bytes).map_err(failed)
        }
        Content::File(path) => {
            let opened = left::open(&path).and_then(|file| Ok((file.metadata()?.len(), file)));
            let (size, mut file) =
                opened.map_err(|source| file_error("read", path.clone(), source))?;
            writer
                .start_file(entry.name, options(size))
                .map_err(|error| failed(io_error(error)))?;
            io::copy(&mut file, writer).map_err(|source| file_error("archive", path, source))?;
            Ok(())
        }
    }
}

/// Refuses names that would leave the directory an archive is unpacked into, or that are not the
/// same file everywhere. Says why.
pub(super) fn check_entry(name: &str) -> Result<(), String> {
    if name.len() > LONGEST_NAME {
        return Err(format!("it is longer than {LONGEST_NAME} bytes"));
    }
    if let Some(character) = name.chars().find(|it| it.is_control() || *it == '\\') {
        return Err(format!("it holds {character:?}"));
    }
    if name.starts_with('/') || name.as_bytes().get(1) == Some(&b':') {
        return Err("it is absolute".into());
    }
    for part in name.split('/') {
        match part {
            "" => return Err("a part of it is empty".into()),
            "." | ".." => return Err(format!("`{part}` is a part of it")),
            _ if part.len() > LONGEST_PART => {
                return Err(format!("a part of it is longer than {LONGEST_PART} bytes"));
            }
            _ => {}
        }
    }
    Ok(())
}

pub(super) fn file_error(action: &'static str, path: PathBuf, source: io::Error) -> Error {
    Error::File {
        action,
        path,
        source,
    }
}

fn io_error(error: ZipError) -> io::Error {
    match error {
        ZipError::Io(error) => error,
        error => io::Error::other(error),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use pretty_assertions::assert_eq;

    use super::*;

    fn entry(name: &str, text: &str) -> Entry {
        Entry {
            name: name.into(),
            content: Content::Bytes(text.into()),
        }
    }

    fn bytes(entries: Vec<Entry>) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(entries).unwrap().read_to_end(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn an_archive_depends_on_its_entries_alone() {
        let one = bytes(vec![entry("b/c.txt", "2"), entry("a.txt", "1")]);
        let two = bytes(vec![entry("a.txt", "1"), entry("b/c.txt", "2")]);
        assert_eq!(one, two);
        let mut archive = zip::ZipArchive::new(io::Cursor::new(one)).unwrap();
        let mut found = Vec::new();
        for index in 0..archive.len() {
            let file = archive.by_index(index).unwrap();
            found.push((file.name().unwrap().into_owned(), file.unix_mode()));
        }
        assert_eq!(
            found,
            [
                ("a.txt".to_owned(), Some(0o100_644)),
                ("b/c.txt".to_owned(), Some(0o100_644))
            ]
        );
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for name in [
            "",
            "/a",
            "../a",
            "a/../b",
            "a//b",
            "a/",
            "./a",
            "a\\b",
            "C:a",
            "a\0b",
            "a\nb",
            &"x".repeat(256),
            &"x/".repeat(600),
        ] {
            let error = write(vec![entry(name, "")]).unwrap_err();
            assert!(matches!(error, Error::Name { .. }), "{name:?}: {error}");
        }
        assert!(write(vec![entry("a", "1"), entry("a", "2")]).is_err());
    }

    #[test]
    fn a_link_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("report.html");
        std::os::unix::fs::symlink("/etc/passwd", &link).unwrap();
        let entry = Entry {
            name: "report.html".into(),
            content: Content::File(link),
        };
        assert!(matches!(write(vec![entry]), Err(Error::File { .. })));
    }
}
