//! What was there before, so that it can be put back.
//!
//! The journal is written before anything else and removed last. Undoing is the same after an
//! error, after a signal and after a kill, and may be interrupted and done again. What somebody has
//! written to since is left alone.
//!
//! A journal that is found is only believed where it was written: one may have come with a repository
//! that was cloned, and would have daglab write whatever it says. It holds what nobody can know
//! beforehand of the folder it is in, and may only name places that a plan can have.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Error;
use super::error::Fault;
use super::place::{self, Inode, Root};

/// daglab's own folder in a project.
pub const HOME: &str = ".daglab";
/// The journal.
const JOURNAL: &str = ".daglab/changes.json";
/// The journal while it is written.
const UNFINISHED: &str = ".daglab/changes.json.new";
/// What the names of staged files begin with; six hexadecimal digits follow. All temporary files of
/// daglab are named so, and `clean` knows one that is left.
pub(super) const STAGED: &str = ".daglab-";
/// The version of its format.
const VERSION: u32 = 1;

/// What is about to be written.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Journal {
    version: u32,
    /// Where it was written; none before it is.
    checkout: Option<Checkout>,
    /// Directories that are made, parents before children.
    pub directories: Vec<PathBuf>,
    /// Files that are written.
    pub files: Vec<Entry>,
}

/// What tells a folder from a copy of it. Its device is not in it, whose number may be another one
/// after the system has started anew.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Checkout {
    root: Inode,
    home: Inode,
    /// Who wrote the journal.
    user: u32,
}

impl Checkout {
    fn of(root: &Root) -> Result<Self, Fault> {
        Ok(Self {
            root: root.inode(None)?,
            home: root.inode(Some(Path::new(HOME)))?,
            user: rustix::process::geteuid().as_raw(),
        })
    }
}

/// A file that is written.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Entry {
    /// Where it goes, relative to the root.
    pub path: PathBuf,
    /// Where it is staged.
    pub staged: PathBuf,
    /// What was there; none if nothing was.
    pub before: Option<Before>,
    /// The digest of what is written.
    pub after: String,
}

/// A file as it was.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Before {
    pub text: String,
    pub mode: u32,
}

/// What was put back.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Files that are again as they were before.
    pub restored: Vec<PathBuf>,
    /// Files that somebody has written to since, and that were left alone.
    pub left: Vec<PathBuf>,
}

impl Journal {
    pub(super) fn new(directories: Vec<PathBuf>, files: Vec<Entry>) -> Self {
        Self {
            version: VERSION,
            checkout: None,
            directories,
            files,
        }
    }

    /// Writes it, in a folder that is there.
    pub(super) fn write(&mut self, root: &Root) -> Result<(), Error> {
        let checkout = Checkout::of(root).map_err(|error| error.writing(Path::new(HOME)))?;
        self.checkout = Some(checkout);
        let text = serde_json::to_string(self).map_err(|error| Error::Write {
            path: JOURNAL.into(),
            source: error.into(),
        })?;
        let (unfinished, journal) = (Path::new(UNFINISHED), Path::new(JOURNAL));
        root.remove_file(unfinished)
            .and_then(|()| root.write_new(unfinished, &text, None))
            .and_then(|()| root.rename(unfinished, journal, true))
            .map_err(|error| {
                // Texts of the user's are in it.
                let _ = root.remove_file(unfinished);
                error.writing(journal)
            })
    }

    /// Forgets it: what was written stays.
    pub(super) fn remove(root: &Root) -> Result<(), Error> {
        let journal = Path::new(JOURNAL);
        root.remove_file(journal)
            .map_err(|error| error.writing(journal))
    }

    /// Puts back what was there, and forgets the journal.
    pub(super) fn undo(&self, root: &Root) -> Result<Recovered, Error> {
        let mut recovered = Recovered::default();
        for file in self.files.iter().rev() {
            undo_file(file, root, &mut recovered)?;
        }
        recovered.restored.reverse();
        let (homes, others): (Vec<_>, Vec<_>) = self
            .directories
            .iter()
            .rev()
            .partition(|folder| folder.as_path() == Path::new(HOME));
        let remove = |folder: &PathBuf| {
            root.remove_directory(folder)
                .map_err(|error| error.writing(folder))
        };
        others.into_iter().try_for_each(remove)?;
        // The journal is the last to go, and then the folder that it was in.
        Self::remove(root)?;
        homes.into_iter().try_for_each(remove)?;
        Ok(recovered)
    }

    fn read(root: &Root, path: &Path) -> Result<Option<Self>, Error> {
        let journal = Path::new(JOURNAL);
        let refused = |problem: String| Error::Journal {
            journal: path.join(journal),
            problem,
        };
        let Some(held) = root.read(journal).map_err(unreadable)? else {
            return Ok(None);
        };
        let read: Self =
            serde_json::from_str(&held.text).map_err(|error| refused(error.to_string()))?;
        if read.version != VERSION {
            let problem = format!("this daglab reads version {VERSION}, not {}", read.version);
            return Err(refused(problem));
        }
        let checkout = Checkout::of(root).map_err(unreadable)?;
        if read.checkout.as_ref() != Some(&checkout) {
            let problem = "it was not written by you in this folder";
            return Err(refused(problem.to_owned()));
        }
        if let Some(path) = read.foreign_place() {
            let problem = format!("nothing is written to `{}`", path.display());
            return Err(refused(problem));
        }
        Ok(Some(read))
    }

    /// A place that is in no plan.
    fn foreign_place(&self) -> Option<&Path> {
        let files = self.files.iter();
        let staged = files.clone().find(|file| !file.is_staged_beside());
        let mut paths = files
            .map(|file| &file.path)
            .chain(&self.directories)
            .map(PathBuf::as_path);
        staged
            .map(|file| file.staged.as_path())
            .or_else(|| paths.find(|path| !place::is_below(path)))
    }
}

impl Entry {
    /// Whether it is staged beside its place, under a name that only daglab gives.
    fn is_staged_beside(&self) -> bool {
        let name = self.staged.file_name().and_then(|name| name.to_str());
        let salt = name.and_then(|name| name.strip_prefix(STAGED));
        let is_ours =
            salt.is_some_and(|salt| salt.len() == 6 && salt.bytes().all(|c| c.is_ascii_hexdigit()));
        is_ours && place::is_below(&self.staged) && self.staged.parent() == self.path.parent()
    }
}

/// Puts one file back. What has become something else than a text since is somebody's, and no reason
/// to leave the others as they are.
fn undo_file(file: &Entry, root: &Root, recovered: &mut Recovered) -> Result<(), Error> {
    match put_back(file, root) {
        Ok(Undone::Nothing) => {}
        Ok(Undone::Restored) => recovered.restored.push(file.path.clone()),
        Ok(Undone::Left) => recovered.left.push(file.path.clone()),
        Err(fault) if fault.is_something_else() => recovered.left.push(file.path.clone()),
        Err(fault) => return Err(fault.writing(&file.path)),
    }
    Ok(())
}

/// What became of a file.
enum Undone {
    /// It was as before.
    Nothing,
    Restored,
    Left,
}

fn put_back(file: &Entry, root: &Root) -> Result<Undone, Fault> {
    match root.remove_file(&file.staged) {
        Err(fault) if !fault.is_something_else() => return Err(fault),
        _ => {}
    }
    let held = root.read(&file.path)?;
    let now = held.as_ref().map(|held| held.text.as_str());
    let before = file.before.as_ref();
    if now == before.map(|before| before.text.as_str()) {
        return Ok(Undone::Nothing);
    }
    if now.is_none_or(|now| digest(now) != file.after) {
        return Ok(Undone::Left);
    }
    match before {
        None => root.remove_file(&file.path)?,
        Some(before) => {
            let like = held.map(|held| held.with_mode(before.mode & 0o777));
            root.write_new(&file.staged, &before.text, like.as_ref())?;
            root.rename(&file.staged, &file.path, false)?;
        }
    }
    Ok(Undone::Restored)
}

/// Puts back what a daglab that was killed had begun to write below a root; none if there was
/// nothing. Commands that write call it before they look at the folder.
pub fn recover(root: &Path) -> Result<Option<Recovered>, Error> {
    let root = place::absolute(root)?;
    let Some(disk) = Root::open_if_there(&root)? else {
        return Ok(None);
    };
    if !is_unfinished(&disk)? {
        return Ok(None);
    }
    let Some(_lock) = disk.lock().map_err(|error| Error::Write {
        path: root.clone(),
        source: error.into(),
    })?
    else {
        return Err(Error::Busy { root });
    };
    match Journal::read(&disk, &root)? {
        Some(journal) => journal.undo(&disk).map(Some),
        None => Ok(None),
    }
}

/// Refuses to plan on what is half-written.
pub(super) fn refuse_unfinished(root: &Root) -> Result<(), Error> {
    match is_unfinished(root)? {
        true => Err(Error::Unfinished {
            journal: JOURNAL.into(),
        }),
        false => Ok(()),
    }
}

/// What is wrong with the journal, or with the folder that it is in.
fn unreadable(fault: Fault) -> Error {
    match fault {
        Fault::Not("directory") => fault.at(Path::new(HOME)),
        fault => fault.at(Path::new(JOURNAL)),
    }
}

fn is_unfinished(root: &Root) -> Result<bool, Error> {
    // Where the folder is a link, it is the one to name.
    let home = Path::new(HOME);
    if !root.is_directory(home).map_err(|error| error.at(home))? {
        return Ok(false);
    }
    let held = root.read(Path::new(JOURNAL)).map_err(unreadable)?;
    Ok(held.is_some())
}

/// The digest of a text.
pub(super) fn digest(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
