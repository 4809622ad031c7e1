//! Removing files below a directory, whatever is done to that directory meanwhile.
//!
//! A path is a promise that anybody may break between a look and a deletion: a folder on the way
//! may have become a symbolic link. So nothing here is done by path. A [`Root`] is opened once, and
//! everything below is reached from its descriptor, one component at a time, following no link and
//! entering no other file system.

use std::collections::HashSet;
use std::ffi::{CString, OsStr};
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{self, AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat, StatxFlags};
use rustix::io::Errno;

/// How deep a tree may be. Each level holds a descriptor.
const DEEPEST: usize = 128;
/// How many names of a directory are read at once.
const AT_ONCE: usize = 10_000;

/// Why something was not removed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It, or a folder on the way to it, is a symbolic link.
    #[error("`{}` is a symbolic link", .0.display())]
    Link(PathBuf),
    /// A folder on the way to it is none, or it is not what was to be removed.
    #[error("`{}` is not {what}", path.display())]
    Not {
        /// What was looked at.
        path: PathBuf,
        /// What it was to be.
        what: &'static str,
    },
    /// It is a mount point, or below one.
    #[error("`{}` is on another file system", .0.display())]
    Mounted(PathBuf),
    /// It is not the file that was looked at.
    #[error("it has changed since it was looked at")]
    Changed,
    /// Its path leads out of the root.
    #[error("`{}` does not lead to anything below the directory", .0.display())]
    Outside(PathBuf),
    /// It has too many levels.
    #[error("it is more than {DEEPEST} folders deep")]
    TooDeep,
    /// What the system said.
    #[error("{}", std::io::Error::from(*.0))]
    System(#[from] Errno),
}

impl Error {
    /// Whether it is gone already.
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::System(Errno::NOENT))
    }
}

/// What tells a file from another that has taken its place, and from itself once it is written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    device: u64,
    inode: u64,
    seconds: i64,
    nanoseconds: i64,
    /// Its size in bytes.
    pub bytes: u64,
}

impl Identity {
    fn of(stat: &Stat) -> Self {
        Self {
            device: stat.st_dev,
            inode: stat.st_ino,
            seconds: stat.st_mtime,
            nanoseconds: i64::try_from(stat.st_mtime_nsec).unwrap_or_default(),
            bytes: u64::try_from(stat.st_size).unwrap_or_default(),
        }
    }

    /// Its last write; 1970 for what is older.
    pub fn modified(&self) -> SystemTime {
        time(u64::try_from(self.seconds).unwrap_or_default())
    }
}

/// So many seconds after 1970, but not so late that nothing could be added.
pub(super) fn time(seconds: u64) -> SystemTime {
    const YEAR_9999: u64 = 253_370_764_800;
    UNIX_EPOCH + Duration::from_secs(seconds.min(YEAR_9999))
}

/// Which mount something is on: its device and, where the kernel tells, the mount itself, since a
/// folder may be mounted below its own file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mount {
    device: u64,
    id: Option<u64>,
}

impl Mount {
    fn of(dir: BorrowedFd<'_>) -> Result<Self, Errno> {
        let device = fs::fstat(dir)?.st_dev;
        let id = fs::statx(dir, c"", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID)
            .ok()
            .filter(|stat| stat.stx_mask & StatxFlags::MNT_ID.bits() != 0)
            .map(|stat| stat.stx_mnt_id);
        Ok(Self { device, id })
    }
}

/// A directory below which things are removed.
#[derive(Debug)]
pub struct Root {
    dir: OwnedFd,
    path: PathBuf,
    mount: Mount,
}

impl Root {
    /// Opens a directory by its absolute path, in which there must be no symbolic link.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let below = path
            .strip_prefix("/")
            .map_err(|_| Error::Outside(path.to_owned()))?;
        let mut dir = fs::openat(CWD, c"/", folder_flags(), Mode::empty())?;
        let mut passed = PathBuf::from("/");
        for name in names_of(below, true)? {
            passed.push(name);
            dir = enter(dir.as_fd(), name, &passed)?;
        }
        let mount = Mount::of(dir.as_fd())?;
        Ok(Self {
            dir,
            path: path.to_owned(),
            mount,
        })
    }

    /// Where it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A directory below it, as a root of its own.
    pub fn below(&self, relative: &Path) -> Result<Self, Error> {
        let mut dir = fs::openat(&self.dir, c".", folder_flags(), Mode::empty())?;
        let mut passed = PathBuf::new();
        for name in names_of(relative, true)? {
            passed.push(name);
            dir = self.enter(dir.as_fd(), name, &passed)?;
        }
        Ok(Self {
            dir,
            path: self.path.join(relative),
            mount: self.mount,
        })
    }

    /// What a file below it is.
    pub fn look(&self, relative: &Path) -> Result<Identity, Error> {
        let (parent, name) = self.parent(relative)?;
        Ok(Identity::of(&file(parent.as_fd(), name, relative)?))
    }

    /// Removes a file, if it is still the one that was looked at.
    pub fn remove_file(&self, relative: &Path, seen: &Identity) -> Result<(), Error> {
        let (parent, name) = self.parent(relative)?;
        let stat = file(parent.as_fd(), name, relative)?;
        if Identity::of(&stat) != *seen {
            return Err(Error::Changed);
        }
        Ok(fs::unlinkat(&parent, name, AtFlags::empty())?)
    }

    /// Removes a directory with all that is in it. Links in it are removed, what they lead to is
    /// not. Whatever can't be removed stays, and the first of it is why.
    pub fn remove_tree(&self, relative: &Path) -> Result<(), Error> {
        let (parent, name) = self.parent(relative)?;
        self.remove_folder(parent.as_fd(), name, relative, 0)
    }

    /// Removes the directories on the way to what has been removed, as long as they are empty.
    pub fn remove_empty_parents(&self, relative: &Path) {
        for folder in relative.ancestors().skip(1) {
            let Ok((parent, name)) = self.parent(folder) else {
                return;
            };
            if fs::unlinkat(&parent, name, AtFlags::REMOVEDIR).is_err() {
                return;
            }
        }
    }

    /// Reads a file of the directory itself, of at most `limit` bytes.
    pub fn read(&self, name: &OsStr, limit: u64) -> Result<Vec<u8>, Error> {
        let path = Path::new(name);
        file(self.dir.as_fd(), name, path)?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = fs::openat(&self.dir, name, flags, Mode::empty())?;
        // It may have been another one that was looked at.
        if FileType::from_raw_mode(fs::fstat(&opened)?.st_mode) != FileType::RegularFile {
            return Err(Error::Changed);
        }
        let mut bytes = Vec::new();
        std::fs::File::from(opened)
            .take(limit + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
        match bytes.len() as u64 > limit {
            true => Err(Errno::FBIG.into()),
            false => Ok(bytes),
        }
    }

    /// Writes a file of the directory itself, whole or not at all.
    pub fn replace(&self, name: &OsStr, bytes: &[u8]) -> Result<(), Error> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        // Named as the temporary files of all stores are, so that one that is left is found.
        let salt = u64::from(now.subsec_nanos()) ^ (u64::from(std::process::id()) << 30);
        let temporary = format!(".daglab-{:06x}", salt % 0x0100_0000);
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
        let file = fs::openat(&self.dir, &*temporary, flags, Mode::from_raw_mode(0o644))?;
        let written = std::fs::File::from(file)
            .write_all(bytes)
            .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
            .and_then(|()| fs::renameat(&self.dir, &*temporary, &self.dir, name));
        if written.is_err() {
            let _ = fs::unlinkat(&self.dir, &*temporary, AtFlags::empty());
        }
        Ok(written?)
    }

    /// Keeps others that ask for it out until what is returned is dropped; none where the file
    /// system has no locks, or where somebody else holds it for as long as `patience`.
    pub fn lock(&self, patience: Duration) -> Option<OwnedFd> {
        const PAUSE: Duration = Duration::from_millis(20);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = fs::openat(&self.dir, c".", flags, Mode::empty()).ok()?;
        let deadline = std::time::Instant::now() + patience;
        loop {
            match fs::flock(&dir, fs::FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Some(dir),
                Err(Errno::WOULDBLOCK | Errno::INTR) if std::time::Instant::now() < deadline => {
                    std::thread::sleep(PAUSE);
                }
                Err(_) => return None,
            }
        }
    }

    /// The directory that holds something, and its name there.
    fn parent<'a>(&self, relative: &'a Path) -> Result<(OwnedFd, &'a OsStr), Error> {
        let names = names_of(relative, false)?;
        let (name, folders) = names
            .split_last()
            .ok_or_else(|| Error::Outside(relative.to_owned()))?;
        let mut dir = fs::openat(&self.dir, c".", folder_flags(), Mode::empty())?;
        let mut passed = PathBuf::new();
        for folder in folders {
            passed.push(folder);
            dir = self.enter(dir.as_fd(), folder, &passed)?;
        }
        Ok((dir, name))
    }

    /// Enters a folder that is on the same mount.
    fn enter(&self, dir: BorrowedFd<'_>, name: &OsStr, path: &Path) -> Result<OwnedFd, Error> {
        let folder = enter(dir, name, path)?;
        self.refuse_mount(folder.as_fd(), path)?;
        Ok(folder)
    }

    fn refuse_mount(&self, folder: BorrowedFd<'_>, path: &Path) -> Result<(), Error> {
        if Mount::of(folder)? == self.mount {
            Ok(())
        } else {
            Err(Error::Mounted(path.to_owned()))
        }
    }

    fn remove_folder(
        &self,
        parent: BorrowedFd<'_>,
        name: &OsStr,
        path: &Path,
        depth: usize,
    ) -> Result<(), Error> {
        if depth > DEEPEST {
            return Err(Error::TooDeep);
        }
        // Before it is read: what is mounted elsewhere may take long to answer.
        self.enter(parent, name, path)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = fs::openat(parent, name, flags, Mode::empty())?;
        self.refuse_mount(folder.as_fd(), path)?;
        self.remove_contents(folder.as_fd(), path, depth)?;
        Ok(fs::unlinkat(parent, name, AtFlags::REMOVEDIR)?)
    }

    fn remove_contents(
        &self,
        folder: BorrowedFd<'_>,
        path: &Path,
        depth: usize,
    ) -> Result<(), Error> {
        let mut stays: HashSet<CString> = HashSet::new();
        let mut first = None;
        loop {
            let mut removed = false;
            for name in names_in(folder, &stays)? {
                let entry = OsStr::from_bytes(name.to_bytes());
                let done = match fs::unlinkat(folder, entry, AtFlags::empty()) {
                    Err(Errno::ISDIR | Errno::PERM) => {
                        self.remove_folder(folder, entry, &path.join(entry), depth + 1)
                    }
                    Ok(()) | Err(Errno::NOENT) => Ok(()),
                    Err(error) => Err(error.into()),
                };
                match done {
                    Ok(()) => removed = true,
                    Err(error) => {
                        stays.insert(name);
                        first.get_or_insert(error);
                    }
                }
            }
            if !removed || stays.len() >= AT_ONCE {
                return first.map_or(Ok(()), Err);
            }
        }
    }
}

/// To reach what is below; not to read it.
fn folder_flags() -> OFlags {
    OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC
}

fn enter(dir: BorrowedFd<'_>, name: &OsStr, path: &Path) -> Result<OwnedFd, Error> {
    match fs::openat(dir, name, folder_flags(), Mode::empty()) {
        Ok(folder) => Ok(folder),
        Err(error @ (Errno::NOTDIR | Errno::LOOP)) => {
            let stat = fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW).map_err(|_| error)?;
            Err(not(&stat, path, "a directory"))
        }
        Err(error) => Err(error.into()),
    }
}

/// What a name is, if it is a regular file.
fn file(dir: BorrowedFd<'_>, name: &OsStr, path: &Path) -> Result<Stat, Error> {
    let stat = fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Ok(stat),
        _ => Err(not(&stat, path, "a regular file")),
    }
}

fn not(stat: &Stat, path: &Path, what: &'static str) -> Error {
    let path = path.to_owned();
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Symlink => Error::Link(path),
        _ => Error::Not { path, what },
    }
}

/// The parts of a path that neither begins at the top nor goes up.
fn names_of(relative: &Path, may_be_empty: bool) -> Result<Vec<&OsStr>, Error> {
    let names = relative.components().map(|part| match part {
        Component::Normal(name) => Some(name),
        _ => None,
    });
    names
        .collect::<Option<Vec<_>>>()
        .filter(|names| may_be_empty || !names.is_empty())
        .ok_or_else(|| Error::Outside(relative.to_owned()))
}

/// Names in a directory, but for those that are known to stay.
fn names_in(folder: BorrowedFd<'_>, stays: &HashSet<CString>) -> Result<Vec<CString>, Errno> {
    let mut names = Vec::new();
    for entry in Dir::read_from(folder)? {
        let name = entry?.file_name().to_owned();
        if ![&b"."[..], b".."].contains(&name.to_bytes()) && !stays.contains(&name) {
            names.push(name);
            if names.len() == AT_ONCE {
                break;
            }
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests;
