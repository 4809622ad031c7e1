//! What is to be deleted, and why.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::find::{self, Found};
use super::{Error, refuse_wrong};
use crate::publish::remote;
use crate::publish::removal::{self, Identity, Root};
use crate::publish::retention::{self, Policy, Why};
use crate::scaffold::mark;
use crate::supervise::{left, workdir};

/// A temporary file that is younger may be in use.
const IN_USE: Duration = Duration::from_secs(24 * 60 * 60);
/// A larger file is data, not a notebook, in bytes.
const LARGEST_NOTEBOOK: u64 = 8 * 1024 * 1024;
/// The project's cache.
const CACHE: &str = ".daglab/cache";

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The project's folder, absolute and without symbolic links.
    pub root: &'a Path,
    /// The user's home.
    pub home: Option<&'a Path>,
    /// Which exports stay.
    pub policy: Policy,
    /// Where `ci` puts its files, as the settings say it.
    pub artifacts_dir: &'a str,
    /// Whether generated notebooks go, too.
    pub notebooks: bool,
    /// Whether those go that were edited since.
    pub force: bool,
    /// The time that ages are told from.
    pub now: SystemTime,
}

/// What is to be deleted.
#[derive(Debug)]
pub struct Plan {
    /// The project's folder.
    pub root: PathBuf,
    /// What goes, in the order in which it is shown and deleted.
    pub items: Vec<Item>,
    /// What looks as if it should go, and stays.
    pub kept: Vec<Kept>,
}

/// Something that goes as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What it is called: its path in the project, with a `/` behind that of a directory, or an
    /// absolute path.
    pub path: String,
    /// Why it goes.
    pub reason: Reason,
    /// How many files it is.
    pub files: usize,
    /// How many bytes are in them.
    pub bytes: u64,
    /// Its last write; none for directories.
    pub written: Option<SystemTime>,
    /// Where it is.
    pub place: Place,
}

/// Where something is. Paths are relative to the project unless they say otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// On the list of the directory `store`, under `key`.
    Listed {
        /// The directory.
        store: PathBuf,
        /// The file, relative to it.
        key: String,
        /// What it was when it was found.
        seen: Identity,
    },
    /// A file.
    File {
        /// The file.
        path: PathBuf,
        /// What it was when it was found.
        seen: Identity,
    },
    /// A directory with all that is in it.
    Tree(PathBuf),
    /// The private directory of a command, with its absolute path.
    Workdir(PathBuf),
    /// A run in an object store, which [`remote`](super::remote) deletes.
    Run(remote::Item),
}

/// Why something goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// An export that has been kept long enough.
    Export(Why),
    /// The cache.
    Cache,
    /// A file whose writing was interrupted.
    Unfinished,
    /// The private directory of a command that was killed.
    Workdir,
    /// A generated notebook.
    Notebook {
        /// The template it was made from.
        template: String,
        /// Whether it was edited since.
        edited: bool,
    },
}

impl Reason {
    /// Its name in JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Export(_) => "export",
            Self::Cache => "cache",
            Self::Unfinished => "unfinished",
            Self::Workdir => "workdir",
            Self::Notebook { .. } => "notebook",
        }
    }

    /// As a phrase for people.
    pub fn describe(&self) -> String {
        match self {
            Self::Export(Why::Age(0)) => "export".to_owned(),
            Self::Export(Why::Age(1)) => "export, older than a day".to_owned(),
            Self::Export(Why::Age(days)) => format!("export, older than {days} days"),
            Self::Export(Why::Count { count, branch }) => {
                let of = branch
                    .as_ref()
                    .map_or(String::new(), |branch| format!(" of {branch}"));
                match count {
                    1 => format!("export, not the newest{of}"),
                    _ => format!("export, not one of the newest {count}{of}"),
                }
            }
            Self::Cache => "cache".to_owned(),
            Self::Unfinished => "its writing was interrupted".to_owned(),
            Self::Workdir => "left by a command that was killed".to_owned(),
            Self::Notebook { template, edited } => {
                let edited = if *edited { ", edited since" } else { "" };
                format!("notebook from the template {template}{edited}")
            }
        }
    }
}

/// Something that stays, although it is what is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// What it is called.
    pub path: String,
    /// Why it stays, as the end of a sentence.
    pub why: String,
}

/// Looks for what is to be deleted; deletes nothing.
pub fn plan(request: &Request<'_>) -> Result<Plan, Error> {
    refuse_wrong(request.root, request.home)?;
    let root = Root::open(request.root).map_err(|source| Error::Open {
        path: request.root.to_owned(),
        source,
    })?;
    let mut looking = Looking {
        request,
        root,
        items: Vec::new(),
        kept: Vec::new(),
    };
    looking.all();
    let Looking {
        mut items,
        mut kept,
        ..
    } = looking;
    // Kinds stay together, as they were looked for.
    items.sort_by(|a, b| (rank(&a.reason), &a.path).cmp(&(rank(&b.reason), &b.path)));
    kept.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(Plan {
        root: request.root.to_owned(),
        items,
        kept,
    })
}

fn rank(reason: &Reason) -> u8 {
    match reason {
        Reason::Export(_) => 0,
        Reason::Notebook { .. } => 1,
        Reason::Cache => 2,
        Reason::Unfinished => 3,
        Reason::Workdir => 4,
    }
}

/// A plan that is being made.
struct Looking<'a> {
    request: &'a Request<'a>,
    root: Root,
    items: Vec<Item>,
    kept: Vec<Kept>,
}

impl Looking<'_> {
    fn all(&mut self) {
        let Found {
            stores,
            temporary,
            python,
            complete,
        } = find::walk(self.request.root, Path::new(CACHE), self.request.notebooks);
        if !complete {
            self.keep(Path::new("."), "too large to be looked through to its end");
        }
        for store in &stores {
            self.exports(store);
        }
        self.artifacts_elsewhere();
        self.cache();
        for path in temporary {
            self.temporary(path);
        }
        for path in python {
            self.notebook(path);
        }
        for path in workdir::abandoned() {
            let (files, bytes) = find::size(&path);
            self.items.push(Item {
                path: shown(&path) + "/",
                reason: Reason::Workdir,
                files,
                bytes,
                written: None,
                place: Place::Workdir(path),
            });
        }
    }

    fn keep(&mut self, path: &Path, why: impl Into<String>) {
        self.kept.push(Kept {
            path: shown(path),
            why: why.into(),
        });
    }

    fn exports(&mut self, store: &Path) {
        let opened = match self.root.below(store) {
            Ok(opened) => opened,
            Err(error) => return self.keep(store, error.to_string()),
        };
        for expired in retention::expired(&opened, self.request.policy, self.request.now) {
            let path = store.join(&expired.key);
            let Some(seen) = expired.untouched else {
                self.keep(&path, "no longer what was exported");
                continue;
            };
            self.items.push(Item {
                path: shown(&path),
                reason: Reason::Export(expired.why),
                files: 1,
                bytes: seen.bytes,
                written: Some(expired.written),
                place: Place::Listed {
                    store: store.to_owned(),
                    key: expired.key,
                    seen,
                },
            });
        }
    }

    /// Exports outside of the project may be somebody else's as well.
    fn artifacts_elsewhere(&mut self) {
        let dir = self.request.root.join(self.request.artifacts_dir);
        let Ok(dir) = dir.canonicalize() else { return };
        if !dir.starts_with(self.request.root) && dir.join(retention::MANIFEST).exists() {
            self.keep(&dir, "outside of the project");
        }
    }

    fn cache(&mut self) {
        let mut path = self.request.root.to_owned();
        for name in Path::new(CACHE) {
            path.push(name);
            let Ok(meta) = path.symlink_metadata() else {
                return;
            };
            if meta.is_symlink() {
                let path = path.strip_prefix(self.request.root).unwrap_or(&path);
                return self.keep(path, "a symbolic link");
            }
            if !meta.is_dir() {
                return;
            }
        }
        let (files, bytes) = find::size(&path);
        if files > 0 {
            self.items.push(Item {
                path: format!("{CACHE}/"),
                reason: Reason::Cache,
                files,
                bytes,
                written: None,
                place: Place::Tree(CACHE.into()),
            });
        }
    }

    fn temporary(&mut self, path: PathBuf) {
        let Ok(seen) = self.root.look(&path) else {
            return;
        };
        let age = self.request.now.duration_since(seen.modified());
        if age.is_ok_and(|age| age > IN_USE) {
            self.file(path, Reason::Unfinished, seen);
        }
    }

    fn notebook(&mut self, path: PathBuf) {
        // Looked at before it is read: what is written meanwhile has changed.
        let looked = self.root.look(&path);
        let file = self.request.root.join(&path);
        let read = match looked {
            Err(removal::Error::Link(_)) => left::read_linked(&file, LARGEST_NOTEBOOK),
            _ => left::read(&file, LARGEST_NOTEBOOK),
        };
        let Some(mark) = read
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .and_then(|text| mark::read(&text))
        else {
            return;
        };
        match looked {
            Err(removal::Error::Link(_)) => {
                self.keep(&path, "a symbolic link to a generated notebook");
            }
            Err(error) => self.keep(&path, error.to_string()),
            Ok(_) if !mark.intact && !self.request.force => {
                self.keep(&path, "generated and edited since; `--force` deletes it");
            }
            Ok(seen) => {
                let reason = Reason::Notebook {
                    template: mark.template,
                    edited: !mark.intact,
                };
                self.file(path, reason, seen);
            }
        }
    }

    fn file(&mut self, path: PathBuf, reason: Reason, seen: Identity) {
        self.items.push(Item {
            path: shown(&path),
            reason,
            files: 1,
            bytes: seen.bytes,
            written: Some(seen.modified()),
            place: Place::File { path, seen },
        });
    }
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
