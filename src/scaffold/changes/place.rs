//! Reaching what is below a root, without following links.

use std::ffi::OsStr;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use rustix::fs::{
    self, AtFlags, CWD, FileType, FlockOperation, Gid, Mode, OFlags, RenameFlags, Uid,
};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::Error;
use super::error::Fault;

/// The largest file that is read, in bytes: what is generated or has a region is never as large.
const LARGEST: u64 = 16 * 1024 * 1024;

/// A folder as the system calls it, or will call it once it is made.
pub(super) fn absolute(root: &Path) -> Result<PathBuf, Error> {
    let failed = |source| Error::Read {
        path: root.to_owned(),
        source,
    };
    let path = std::path::absolute(root).map_err(failed)?;
    let mut missing = Vec::new();
    for folder in path.ancestors() {
        match folder.canonicalize() {
            Ok(folder) if folder.is_dir() => {
                let missing = missing.iter().rev();
                return Ok(missing.fold(folder, |path, name| path.join(name)));
            }
            Ok(folder) => {
                let what = "directory";
                return Err(Error::Not { path: folder, what });
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                // A link that leads nowhere is not a place to make a folder.
                if folder.is_symlink() {
                    let path = folder.to_owned();
                    return Err(Error::Link { path });
                }
                let Some(name) = folder.file_name() else {
                    return Err(failed(error));
                };
                missing.push(name);
            }
            Err(error) => return Err(failed(error)),
        }
    }
    Err(failed(ErrorKind::NotFound.into()))
}

/// A path below the root with the links on it followed, which have to stay there.
pub(super) fn resolve(root: &Path, path: &Path) -> Result<PathBuf, Error> {
    let mut place = PathBuf::new();
    let mut is_there = true;
    for part in path.components() {
        let Component::Normal(name) = part else {
            let path = path.to_owned();
            return Err(Error::Outside { path });
        };
        place.push(name);
        if !is_there {
            continue;
        }
        let full = root.join(&place);
        match full.symlink_metadata() {
            Ok(meta) if meta.is_symlink() => {
                let target = full.canonicalize().ok();
                let below = target.and_then(|it| Some(it.strip_prefix(root).ok()?.to_owned()));
                place = below.ok_or(Error::Link { path: place })?;
            }
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => is_there = false,
            Err(error) if error.kind() == ErrorKind::NotADirectory => {
                let what = "directory";
                let path = place.parent().unwrap_or(&place).to_owned();
                return Err(Error::Not { path, what });
            }
            Err(source) => {
                let path = path.to_owned();
                return Err(Error::Read { path, source });
            }
        }
    }
    // Neither as it was asked for nor where links lead.
    if !is_below(path) || !is_below(&place) {
        let path = path.to_owned();
        return Err(Error::Outside { path });
    }
    Ok(place)
}

/// Whether a path, without following links, is of something below the root that is not git's own:
/// hooks and configuration in there are commands.
pub(super) fn is_below(path: &Path) -> bool {
    let mut parts = path.components().peekable();
    parts.peek().is_some()
        && parts.all(
            |part| matches!(part, Component::Normal(name) if !name.eq_ignore_ascii_case(".git")),
        )
}

/// What the file system calls a directory, and when it was made, in nanoseconds, where that is known:
/// nobody can tell for a directory that is not there yet.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Inode {
    number: u64,
    made: Option<u64>,
}

/// A file that is there.
pub(super) struct Held {
    pub text: String,
    /// Its permissions.
    pub mode: u32,
    owner: (u32, u32),
}

impl Held {
    /// The same with other permissions.
    pub(super) fn with_mode(self, mode: u32) -> Self {
        Self { mode, ..self }
    }
}

/// An open folder below which all is reached.
pub(super) struct Root {
    dir: OwnedFd,
}

impl Root {
    /// Opens a folder by its absolute path; none if it is not there.
    pub(super) fn open_if_there(path: &Path) -> Result<Option<Self>, Error> {
        match fs::openat(CWD, path, folder(OFlags::RDONLY), Mode::empty()) {
            Ok(dir) => Ok(Some(Self { dir })),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(Fault::from(error).at(path)),
        }
    }

    /// Keeps other writers out for as long as what is returned lives; none if one is there.
    pub(super) fn lock(&self) -> Result<Option<OwnedFd>, Errno> {
        let dir = fs::openat(&self.dir, c".", folder(OFlags::RDONLY), Mode::empty())?;
        match fs::flock(&dir, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => Ok(None),
            // A file system without locks: nobody else can be asked.
            Ok(()) | Err(_) => Ok(Some(dir)),
        }
    }

    /// What the file system calls this folder, or one in it.
    pub(super) fn inode(&self, place: Option<&Path>) -> Result<Inode, Fault> {
        let dir = match place {
            None => fs::openat(&self.dir, c".", folder(OFlags::RDONLY), Mode::empty())?,
            Some(place) => {
                let (dir, name) = self.parent(place)?;
                fs::openat(&dir, name, folder(OFlags::RDONLY), Mode::empty())?
            }
        };
        let meta = std::fs::File::from(dir).metadata()?;
        let made = meta.created().ok();
        let made = made.and_then(|made| made.duration_since(SystemTime::UNIX_EPOCH).ok());
        Ok(Inode {
            number: meta.ino(),
            made: made.and_then(|made| u64::try_from(made.as_nanos()).ok()),
        })
    }

    /// Whether a directory is there.
    pub(super) fn is_directory(&self, place: &Path) -> Result<bool, Fault> {
        let Some((dir, name)) = self.parent_if_there(place)? else {
            return Ok(false);
        };
        match fs::statat(&dir, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => match FileType::from_raw_mode(stat.st_mode) {
                FileType::Directory => Ok(true),
                FileType::Symlink => Err(Fault::Link),
                _ => Err(Fault::Not("directory")),
            },
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads a text; none if there is no file.
    pub(super) fn read(&self, place: &Path) -> Result<Option<Held>, Fault> {
        let Some((dir, name)) = self.parent_if_there(place)? else {
            return Ok(None);
        };
        // Opened only once it is known to be a file: opening a device may do something.
        match fs::statat(&dir, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => regular(stat.st_mode)?,
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = fs::openat(&dir, name, flags, Mode::empty())?;
        let stat = fs::fstat(&file)?;
        regular(stat.st_mode)?;
        let mut bytes = Vec::new();
        std::fs::File::from(file)
            .take(LARGEST + 1)
            .read_to_end(&mut bytes)?;
        if bytes.len() as u64 > LARGEST {
            return Err(Errno::FBIG.into());
        }
        Ok(Some(Held {
            text: String::from_utf8(bytes).map_err(|_| Fault::NotText)?,
            mode: stat.st_mode & 0o777,
            owner: (stat.st_uid, stat.st_gid),
        }))
    }

    /// Makes a directory, which must not be there.
    pub(super) fn make_directory(&self, place: &Path) -> Result<(), Fault> {
        let (dir, name) = self.parent(place)?;
        Ok(fs::mkdirat(&dir, name, Mode::from_raw_mode(0o777))?)
    }

    /// Removes a directory, if it is empty.
    pub(super) fn remove_directory(&self, place: &Path) -> Result<(), Fault> {
        let Some((dir, name)) = self.parent_if_there(place)? else {
            return Ok(());
        };
        match fs::unlinkat(&dir, name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT | Errno::NOTEMPTY | Errno::EXIST | Errno::NOTDIR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes a new file, which must not be there, with the permissions and the owner of another.
    pub(super) fn write_new(
        &self,
        place: &Path,
        text: &str,
        like: Option<&Held>,
    ) -> Result<(), Fault> {
        let (dir, name) = self.parent(place)?;
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
        let mode = if like.is_some() { 0o600 } else { 0o666 };
        let file = fs::openat(&dir, name, flags, Mode::from_raw_mode(mode))?;
        if let Some(like) = like {
            let (uid, gid) = like.owner;
            // Only root may give files away; for others it is theirs already or stays so.
            let _ = fs::fchown(
                file.as_fd(),
                Some(Uid::from_raw(uid)),
                Some(Gid::from_raw(gid)),
            );
            fs::fchmod(file.as_fd(), Mode::from_raw_mode(like.mode))?;
        }
        Ok(std::fs::File::from(file).write_all(text.as_bytes())?)
    }

    /// Renames a file within its directory. One that must be new does not take another's place.
    pub(super) fn rename(&self, from: &Path, to: &Path, must_be_new: bool) -> Result<(), Fault> {
        let (dir, name) = self.parent(to)?;
        let from = from.file_name().ok_or(Errno::INVAL)?;
        if !must_be_new {
            return Ok(fs::renameat(&dir, from, &dir, name)?);
        }
        match fs::renameat_with(&dir, from, &dir, name, RenameFlags::NOREPLACE) {
            // A file system that can't tell.
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                match fs::statat(&dir, name, AtFlags::SYMLINK_NOFOLLOW) {
                    Err(Errno::NOENT) => Ok(fs::renameat(&dir, from, &dir, name)?),
                    Ok(_) => Err(Errno::EXIST.into()),
                    Err(error) => Err(error.into()),
                }
            }
            done => Ok(done?),
        }
    }

    /// Removes a file, if it is there.
    pub(super) fn remove_file(&self, place: &Path) -> Result<(), Fault> {
        let Some((dir, name)) = self.parent_if_there(place)? else {
            return Ok(());
        };
        match fs::unlinkat(&dir, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn parent_if_there<'a>(&self, place: &'a Path) -> Result<Option<(OwnedFd, &'a OsStr)>, Fault> {
        match self.parent(place) {
            Err(Fault::System(error)) if error.kind() == ErrorKind::NotFound => Ok(None),
            other => other.map(Some),
        }
    }

    /// The directory that holds something, and its name there.
    fn parent<'a>(&self, place: &'a Path) -> Result<(OwnedFd, &'a OsStr), Fault> {
        let mut names = Vec::new();
        for part in place.components() {
            match part {
                Component::Normal(name) => names.push(name),
                _ => return Err(Errno::INVAL.into()),
            }
        }
        let name = names.pop().ok_or(Errno::INVAL)?;
        let mut dir = fs::openat(&self.dir, c".", folder(OFlags::PATH), Mode::empty())?;
        for folder_name in names {
            dir = match fs::openat(&dir, folder_name, folder(OFlags::PATH), Mode::empty()) {
                Err(Errno::LOOP) => return Err(Fault::Link),
                Err(Errno::NOTDIR) => {
                    let stat = fs::statat(&dir, folder_name, AtFlags::SYMLINK_NOFOLLOW)?;
                    return Err(match FileType::from_raw_mode(stat.st_mode) {
                        FileType::Symlink => Fault::Link,
                        _ => Fault::Not("directory"),
                    });
                }
                opened => opened?,
            };
        }
        Ok((dir, name))
    }
}

fn folder(access: OFlags) -> OFlags {
    access | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC
}

fn regular(mode: u32) -> Result<(), Fault> {
    match FileType::from_raw_mode(mode) {
        FileType::RegularFile => Ok(()),
        FileType::Symlink => Err(Fault::Link),
        _ => Err(Fault::Not("file")),
    }
}
