//! What a command wants to write into a user's folder: first a value, then a diff, then the disk.
//!
//! [`Changes`] collects whole files, empty directories and [`Region`]s of files that belong to the
//! user. [`Changes::plan`] compares them with the disk. [`Plan::apply`] writes all of it or none:
//! new texts are staged beside their places, a journal in `.daglab/` says what was there before, and
//! only then is anything renamed. An error or a signal on the way undoes what was done; where the
//! process was killed, [`recover`] undoes it before the next command writes there.
//!
//! Symbolic links that lead out of the folder are refused, others are followed once, while planning.
//! Writing goes by descriptors, without following any.

mod apply;
mod diff;
mod error;
mod journal;
mod place;
mod region;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::ui::Paint;

pub use error::Error;
pub use journal::{HOME, Recovered, recover};
pub use region::Region;

use place::{Held, Root};

/// What a command wants to write below a root; nothing is written until [`Plan::apply`].
#[derive(Debug)]
pub struct Changes {
    root: PathBuf,
    wanted: Vec<(PathBuf, Wanted)>,
}

#[derive(Debug)]
enum Wanted {
    File(String),
    Directory,
    Region(Region),
}

/// What becomes of files that are there and differ from what is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overwrite {
    /// They are an error, which lists all of them.
    Never,
    /// They stay as they are, and are listed.
    Keep,
    /// They are overwritten, and listed.
    Force,
}

impl Overwrite {
    /// What `--force` means for commands that may be run again.
    pub fn keeping_unless(force: bool) -> Self {
        if force { Self::Force } else { Self::Keep }
    }
}

/// What is done to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It is new.
    Create,
    /// Its whole text is replaced.
    Overwrite,
    /// A region of it is added or replaced; everything else stays byte for byte.
    Change,
    /// It is there, differs, and stays.
    Keep,
    /// It is there, and as wanted.
    Unchanged,
}

impl Action {
    /// Whether anything is written.
    pub fn writes(self) -> bool {
        matches!(self, Self::Create | Self::Overwrite | Self::Change)
    }
}

/// One file of a plan.
#[derive(Debug, Clone)]
pub struct Step {
    /// The file, relative to the root, as it was asked for.
    pub path: PathBuf,
    /// What is done.
    pub action: Action,
    /// Its text on the disk.
    pub before: Option<String>,
    /// Its text afterwards; with [`Action::Keep`], the text that was wanted.
    pub after: String,
    /// The same file with links followed.
    place: PathBuf,
}

/// What a root's files are to become.
#[derive(Debug)]
pub struct Plan {
    root: PathBuf,
    /// The files, in the order in which they were asked for.
    pub steps: Vec<Step>,
    /// The directories that were asked for and are not there, relative to the root.
    pub directories: Vec<PathBuf>,
}

impl Changes {
    /// Below this folder, which need not be there yet.
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            wanted: Vec::new(),
        }
    }

    /// The folder as the system calls it: absolute, without symbolic links.
    pub fn root(&self) -> Result<PathBuf, Error> {
        place::absolute(&self.root)
    }

    /// Wants a whole file; the path is relative to the root.
    pub fn file(&mut self, path: impl Into<PathBuf>, text: impl Into<String>) {
        self.wanted.push((path.into(), Wanted::File(text.into())));
    }

    /// Wants a directory, empty or not.
    pub fn directory(&mut self, path: impl Into<PathBuf>) {
        self.wanted.push((path.into(), Wanted::Directory));
    }

    /// Wants a text between markers in a file that belongs to the user. The file is created where
    /// there is none.
    pub fn region(&mut self, path: impl Into<PathBuf>, region: Region) {
        self.wanted.push((path.into(), Wanted::Region(region)));
    }

    /// Compares with the disk. Writes nothing.
    pub fn plan(self, overwrite: Overwrite) -> Result<Plan, Error> {
        let root = place::absolute(&self.root)?;
        let disk = Root::open_if_there(&root)?;
        if let Some(disk) = &disk {
            journal::refuse_unfinished(disk)?;
        }
        let mut files: Vec<Wish> = Vec::new();
        let mut directories = Vec::new();
        for (path, wanted) in self.wanted {
            let place = place::resolve(&root, &path)?;
            if matches!(wanted, Wanted::Directory) {
                if !is_directory(disk.as_ref(), &place, &path)? && !directories.contains(&place) {
                    directories.push(place);
                }
                continue;
            }
            let index = files.iter().position(|wish| wish.place == place);
            let index = index.unwrap_or_else(|| {
                files.push(Wish {
                    path: path.clone(),
                    place,
                    text: None,
                    regions: Vec::new(),
                });
                files.len() - 1
            });
            match wanted {
                Wanted::Region(region) => files[index].regions.push(region),
                Wanted::File(_) if files[index].text.is_some() => {
                    return Err(Error::Twice { path });
                }
                Wanted::File(text) => files[index].text = Some(text),
                Wanted::Directory => {}
            }
        }
        refuse_within(&files, &directories)?;
        let mut steps = Vec::new();
        let mut conflicts = Vec::new();
        for wish in files {
            match wish.step(disk.as_ref(), overwrite)? {
                Ok(step) => steps.push(step),
                Err(path) => conflicts.push(path),
            }
        }
        if !conflicts.is_empty() {
            return Err(Error::Exists { paths: conflicts });
        }
        Ok(Plan {
            root,
            steps,
            directories,
        })
    }
}

/// All that is wanted of one file.
struct Wish {
    path: PathBuf,
    place: PathBuf,
    /// Its text, without the regions that go into it.
    text: Option<String>,
    regions: Vec<Region>,
}

impl Wish {
    /// What is to be done, or the path of a file that is in the way.
    fn step(
        self,
        disk: Option<&Root>,
        overwrite: Overwrite,
    ) -> Result<Result<Step, PathBuf>, Error> {
        let before = text_of(disk, &self.place, &self.path)?;
        let mine = self.text.as_deref().or(before.as_deref());
        let mut after = self.with_regions(mine.unwrap_or_default())?;
        let action = match &before {
            None => Action::Create,
            Some(before) if *before == after => Action::Unchanged,
            Some(_) if self.text.is_none() => Action::Change,
            Some(before) => match overwrite {
                Overwrite::Force => Action::Overwrite,
                Overwrite::Never => return Ok(Err(self.path)),
                Overwrite::Keep => {
                    let kept = self.with_regions(before)?;
                    if kept == *before {
                        Action::Keep
                    } else {
                        after = kept;
                        Action::Change
                    }
                }
            },
        };
        Ok(Ok(Step {
            path: self.path,
            action,
            before,
            after,
            place: self.place,
        }))
    }

    fn with_regions(&self, text: &str) -> Result<String, Error> {
        let mut regions = self.regions.iter();
        regions.try_fold(text.to_owned(), |text, region| {
            region.put(&text, &self.path)
        })
    }
}

/// Refuses what can't be written as a whole: a file that is to be a directory, too.
fn refuse_within(files: &[Wish], directories: &[PathBuf]) -> Result<(), Error> {
    let is_file = |place: &Path| files.iter().find(|wish| wish.place == place);
    let others = files.iter().filter_map(|wish| {
        let parent = wish.place.parent()?;
        Some((parent, wish.path.as_path()))
    });
    let directories = directories
        .iter()
        .map(|place| (place.as_path(), place.as_path()));
    for (folder, inner) in others.chain(directories) {
        if let Some(wish) = folder.ancestors().find_map(is_file) {
            return Err(Error::Within {
                file: wish.path.clone(),
                inner: inner.to_owned(),
            });
        }
    }
    Ok(())
}

fn is_directory(disk: Option<&Root>, place: &Path, path: &Path) -> Result<bool, Error> {
    match disk {
        Some(disk) => disk.is_directory(place).map_err(|error| error.at(path)),
        None => Ok(false),
    }
}

/// A file's text; none if there is no file.
fn text_of(disk: Option<&Root>, place: &Path, path: &Path) -> Result<Option<String>, Error> {
    let Some(disk) = disk else { return Ok(None) };
    let held = disk.read(place).map_err(|error| error.at(path))?;
    Ok(held.map(|Held { text, .. }| text))
}

impl Plan {
    /// The folder below which it writes: absolute, without symbolic links.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whether there is nothing to write.
    pub fn changes_nothing(&self) -> bool {
        self.directories.is_empty() && !self.steps.iter().any(|step| step.action.writes())
    }

    /// What is written, as a unified diff with the headers that git writes: `git apply` takes it.
    pub fn diff(&self) -> String {
        diff::exact(self.steps.iter().filter(|step| step.action.writes()))
    }

    /// The same for a person to read: in colour where that is wanted, with the files' control
    /// characters made harmless.
    pub fn shown(&self, paint: Paint) -> String {
        self.shown_of(|step| step.action.writes(), paint)
    }

    /// The same of some steps.
    pub fn shown_of(&self, which: impl Fn(&Step) -> bool, paint: Paint) -> String {
        diff::shown(self.steps.iter().filter(|step| which(step)), paint)
    }

    /// Writes all of it or nothing. SIGINT, SIGTERM and SIGHUP undo it and are an error.
    pub fn apply(&self) -> Result<(), Error> {
        apply::apply(self)
    }

    /// The directories that are not there and have to be, parents before children.
    fn missing_directories(&self, disk: &Root) -> Result<Vec<PathBuf>, Error> {
        let writes = self.steps.iter().filter(|step| step.action.writes());
        let parents = writes.filter_map(|step| step.place.parent());
        let wanted = parents.chain(self.directories.iter().map(PathBuf::as_path));
        let mut missing = BTreeSet::new();
        for folder in wanted {
            for folder in folder.ancestors() {
                if folder.as_os_str().is_empty() || missing.contains(folder) {
                    break;
                }
                if !disk.is_directory(folder).map_err(|e| e.at(folder))? {
                    missing.insert(folder.to_owned());
                }
            }
        }
        // In the order of paths, a parent comes before what is in it.
        Ok(missing.into_iter().collect())
    }
}
