//! Removing what has been kept long enough.
//!
//! Only files that daglab itself wrote are ever removed: each store keeps a list of them in
//! [`MANIFEST`], with what each was after its last write. A file that was written to since, or that
//! somebody else has put in its place, is theirs and stays; so is what lies behind a symbolic link.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::Error;
use super::local::is_plain;
use super::removal::{self, Identity, Root};
use crate::config::model::Export;
use crate::redact::secrets;

/// The list of files, beside them.
pub const MANIFEST: &str = ".daglab-files.json";

/// The version that is written. The first had nothing but times.
const VERSION: u32 = 2;
/// A longer list is none of ours, in bytes.
const LONGEST: u64 = 64 * 1024 * 1024;
/// A file's time may differ by this much from what the list says: file systems round.
const ROUNDING: Duration = Duration::from_secs(2);
/// The first version had the time at which an export ended, for all of its files.
const LONGEST_EXPORT: Duration = Duration::from_secs(24 * 60 * 60);
/// How long another process may work on the list.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is kept. Nothing is removed for what is not set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Policy {
    /// For how many days after its last write a file stays; 0 keeps none.
    pub days: Option<u32>,
    /// How many exports of each branch stay at most.
    pub count: Option<u32>,
}

impl From<&Export> for Policy {
    fn from(settings: &Export) -> Self {
        Self {
            days: Some(settings.retention_days),
            count: settings.retention_count,
        }
    }
}

/// Why a file has been kept long enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// It is older than so many days.
    Age(u32),
    /// Its branch has so many newer exports.
    Count {
        /// How many stay.
        count: u32,
        /// The branch; none outside of git.
        branch: Option<String>,
    },
}

/// A listed file that has been kept long enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expired {
    /// Its path below the list's directory, with `/`.
    pub key: String,
    /// Why.
    pub why: Why,
    /// Its last write.
    pub written: SystemTime,
    /// What it is now; none if it is not what was written.
    pub untouched: Option<Identity>,
}

/// What the list says of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored")]
struct Entry {
    /// Seconds since 1970 of the last write.
    written: u64,
    /// The size then, in bytes; none in lists of the first version.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    /// The export that it is of: what all files of one have in common, and no other has.
    export: String,
    /// The branch that the export was made of.
    branch: Option<String>,
}

/// An entry of either version.
#[derive(Deserialize)]
#[serde(untagged)]
enum Stored {
    First(u64),
    Second {
        written: u64,
        bytes: Option<u64>,
        export: String,
        branch: Option<String>,
    },
}

impl From<Stored> for Entry {
    fn from(stored: Stored) -> Self {
        match stored {
            Stored::First(written) => Self {
                written,
                bytes: None,
                // All files of an export had the same time.
                export: format!("1-{written}"),
                branch: None,
            },
            Stored::Second {
                written,
                bytes,
                export,
                branch,
            } => Self {
                written,
                bytes,
                export,
                branch,
            },
        }
    }
}

impl Entry {
    fn written(&self) -> SystemTime {
        removal::time(self.written)
    }

    /// Whether a file is what was written.
    fn is(&self, file: &Identity) -> bool {
        let (written, modified) = (self.written(), file.modified());
        let earliest = match self.bytes {
            Some(_) => ROUNDING,
            None => LONGEST_EXPORT,
        };
        self.bytes.is_none_or(|bytes| bytes == file.bytes)
            && modified <= written + ROUNDING
            && modified + earliest >= written
    }
}

/// What the names of stored files end in.
const EXTENSIONS: &[&str] = &[
    "avif", "gif", "gz", "html", "ipynb", "jpeg", "jpg", "json", "md", "pdf", "png", "svg", "txt",
    "webp",
];

/// Whether a file is on the list of its directory, and still what was written.
pub fn is_ours(file: &Path) -> bool {
    let (Some(dir), Some(name)) = (file.parent(), file.file_name().and_then(OsStr::to_str)) else {
        return false;
    };
    let Ok(root) = Root::open(dir) else {
        return false;
    };
    let manifest = Manifest::read(&root);
    let listed = manifest.files.get(name);
    listed.is_some_and(|entry| root.look(Path::new(name)).is_ok_and(|file| entry.is(&file)))
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Manifest {
    version: u32,
    /// By key.
    files: BTreeMap<String, Entry>,
}

impl Manifest {
    /// A list that can't be read makes us forget files, never remove foreign ones.
    fn read(root: &Root) -> Self {
        root.read(OsStr::new(MANIFEST), LONGEST)
            .ok()
            .and_then(|bytes| serde_json::from_slice::<Self>(&bytes).ok())
            .filter(|manifest| manifest.version <= VERSION)
            .map(Self::without_sources)
            .unwrap_or_default()
    }

    /// A list may come with a repository, from anybody: what daglab never writes is not on it.
    fn without_sources(mut self) -> Self {
        self.files.retain(|key, _| {
            let extension = key.rsplit('.').next().unwrap_or_default();
            EXTENSIONS.contains(&extension)
        });
        self
    }

    fn write(&mut self, root: &Root) -> Result<(), removal::Error> {
        self.version = VERSION;
        let text = serde_json::to_string_pretty(self).expect("a list of names is plain data");
        let text = secrets::known().remove_from_document(&text);
        root.replace(OsStr::new(MANIFEST), text.as_bytes())
    }

    /// Which files have been kept long enough, but none of those in `new`, whose export counts as
    /// its branch's newest.
    fn expired(
        &self,
        policy: Policy,
        new: &HashSet<&str>,
        now: SystemTime,
    ) -> Vec<(&str, &Entry, Why)> {
        let surplus = policy.count.map(|count| (count, self.surplus(count, new)));
        let is_old = |entry: &Entry, days: u32| match days {
            // What was written within this second is meant, too; what is of the future is not ours.
            0 => entry.written() <= now + ROUNDING,
            _ => now
                .checked_sub(Duration::from_secs(u64::from(days) * 24 * 60 * 60))
                .is_some_and(|limit| entry.written() < limit),
        };
        let why = |entry: &Entry| {
            if let Some(days) = policy.days.filter(|days| is_old(entry, *days)) {
                return Some(Why::Age(days));
            }
            let (count, surplus) = surplus.as_ref()?;
            surplus.contains(&*entry.export).then(|| Why::Count {
                count: *count,
                branch: entry.branch.clone(),
            })
        };
        self.files
            .iter()
            .filter(|(key, _)| is_plain(key) && !new.contains(key.as_str()))
            .filter_map(|(key, entry)| Some((&**key, entry, why(entry)?)))
            .collect()
    }

    /// The exports beyond the newest `count` of their branches.
    fn surplus(&self, count: u32, new: &HashSet<&str>) -> HashSet<&str> {
        type Rank<'a> = (bool, u64, &'a str);
        let mut newest: BTreeMap<(Option<&str>, &str), Rank<'_>> = BTreeMap::new();
        for (key, entry) in &self.files {
            let rank: Rank<'_> = (new.contains(&**key), entry.written, &entry.export);
            let of = (entry.branch.as_deref(), &*entry.export);
            let best = newest.entry(of).or_insert(rank);
            *best = rank.max(*best);
        }
        let mut branches: BTreeMap<Option<&str>, BTreeSet<Rank<'_>>> = BTreeMap::new();
        for ((branch, _), rank) in newest {
            branches.entry(branch).or_default().insert(rank);
        }
        let stay = usize::try_from(count).unwrap_or(usize::MAX);
        branches
            .into_values()
            .flat_map(|exports| exports.into_iter().rev().skip(stay))
            .map(|(_, _, export)| export)
            .collect()
    }
}

/// Adds files that were just written to the list, as one export of a branch.
pub fn record(root: &Path, keys: &[String], branch: Option<&str>) -> Result<(), Error> {
    let (opened, _lock) = open(root)?;
    let mut manifest = Manifest::read(&opened);
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let export = format!("{:x}-{:x}", now.as_nanos(), std::process::id());
    for key in keys {
        let Ok(file) = opened.look(Path::new(key)) else {
            // Somebody was quicker; there is nothing to remember.
            manifest.files.remove(key);
            continue;
        };
        let written = file.modified().duration_since(UNIX_EPOCH);
        let entry = Entry {
            written: written.unwrap_or_default().as_secs(),
            bytes: Some(file.bytes),
            export: export.clone(),
            branch: branch.map(str::to_owned),
        };
        manifest.files.insert(key.clone(), entry);
    }
    manifest
        .write(&opened)
        .map_err(|error| unwritten(root, error))
}

/// Removes listed files that have been kept long enough, but none of those in `new`, which 0 days
/// would reach. Returns what was removed.
pub fn apply(root: &Path, policy: Policy, new: &[String]) -> Result<Vec<PathBuf>, Error> {
    let (opened, _lock) = open(root)?;
    let mut manifest = Manifest::read(&opened);
    let new: HashSet<&str> = new.iter().map(String::as_str).collect();
    let expired: Vec<String> = manifest
        .expired(policy, &new, SystemTime::now())
        .into_iter()
        .map(|(key, _, _)| key.to_owned())
        .collect();
    let mut removed = Vec::new();
    let before = manifest.files.len();
    for key in expired {
        let path = Path::new(&key);
        let seen = opened.look(path).ok();
        let seen = seen.filter(|file| manifest.files.get(&key).is_some_and(|it| it.is(file)));
        match seen.map(|seen| opened.remove_file(path, &seen)) {
            Some(Ok(())) => {
                opened.remove_empty_parents(path);
                removed.push(root.join(&key));
            }
            // Still ours, and perhaps possible next time.
            Some(Err(removal::Error::System(error))) => {
                tracing::warn!("could not remove `{key}`: {}", std::io::Error::from(error));
                continue;
            }
            // Gone, or somebody else's by now.
            Some(Err(_)) | None => {}
        }
        manifest.files.remove(&key);
    }
    if manifest.files.len() < before {
        manifest
            .write(&opened)
            .map_err(|error| unwritten(root, error))?;
    }
    Ok(removed)
}

/// The listed files of a directory that have been kept long enough, without those that are gone.
pub fn expired(root: &Root, policy: Policy, now: SystemTime) -> Vec<Expired> {
    let manifest = Manifest::read(root);
    manifest
        .expired(policy, &HashSet::new(), now)
        .into_iter()
        .filter_map(|(key, entry, why)| {
            let file = match root.look(Path::new(key)) {
                Err(error) if error.is_gone() => return None,
                looked => looked.ok(),
            };
            Some(Expired {
                key: key.to_owned(),
                why,
                written: entry.written(),
                untouched: file.filter(|file| entry.is(file)),
            })
        })
        .collect()
}

/// Takes files off the list that are gone. A list of nothing goes, too.
pub fn forget_gone(root: &Root) -> Result<(), removal::Error> {
    let _lock = root.lock(PATIENCE);
    let mut manifest = Manifest::read(root);
    let before = manifest.files.len();
    let is_gone = |key: &str| {
        let looked = root.look(Path::new(key));
        looked.is_err_and(|error| error.is_gone())
    };
    manifest.files.retain(|key, _| !is_gone(key));
    if manifest.files.len() == before {
        return Ok(());
    }
    if manifest.files.is_empty() {
        let list = Path::new(MANIFEST);
        return root
            .look(list)
            .and_then(|seen| root.remove_file(list, &seen));
    }
    manifest.write(root)
}

/// The directory, and what keeps other processes off its list.
fn open(root: &Path) -> Result<(Root, Option<OwnedFd>), Error> {
    let opened = Root::open(root).map_err(|error| unwritten(root, error))?;
    let lock = opened.lock(PATIENCE);
    Ok((opened, lock))
}

fn unwritten(root: &Path, error: removal::Error) -> Error {
    Error::Write {
        path: root.join(MANIFEST),
        source: match error {
            removal::Error::System(error) => error.into(),
            other => std::io::Error::other(other.to_string()),
        },
    }
}

#[cfg(test)]
mod tests;
