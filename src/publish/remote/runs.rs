//! What is known of runs: each run's own list of what it wrote, and a branch's list of its runs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::layout::Subject;

/// The version of both files' format.
const VERSION: u32 = 1;

/// How many runs a branch's list has at most.
const LONGEST: usize = 100;

/// The most that either file has, in bytes.
pub(super) const LARGEST: u64 = 32 * 1024 * 1024;

/// How many bytes a branch's list has at most, so that its page is far from the limit.
const LARGEST_LIST: usize = 8 * 1024 * 1024;

/// The longest title or path in a list, in characters.
const LONGEST_TEXT: usize = 300;

/// What a run has written, or is about to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    version: u32,
    /// The run's directory.
    pub(super) run: String,
    /// The version of daglab that wrote it.
    daglab: String,
    /// Whether everything is there.
    pub(super) complete: bool,
    /// By the name inside the run's directory: the entity tag, once it is known.
    pub(super) files: BTreeMap<String, Option<String>>,
}

impl Manifest {
    pub(super) fn new(run: &str) -> Self {
        Self {
            version: VERSION,
            run: run.to_owned(),
            daglab: env!("CARGO_PKG_VERSION").to_owned(),
            complete: false,
            files: BTreeMap::new(),
        }
    }

    /// Reads one; `None` if it is no list of ours for the run.
    pub(super) fn read(bytes: &[u8], run: &str) -> Option<Self> {
        let manifest: Self = serde_json::from_slice(bytes).ok()?;
        (manifest.version == VERSION && manifest.run == run).then_some(manifest)
    }

    pub(super) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(self).expect("names are plain data")
    }
}

/// A branch's or pull request's runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Runs {
    version: u32,
    /// `owner/name`.
    pub(super) repository: String,
    /// The project's folder.
    pub(super) project: String,
    /// The branch.
    pub(super) branch: Option<String>,
    /// The pull request.
    pub(super) pull_request: Option<u64>,
    /// The directory of the newest run.
    pub(super) latest: Option<String>,
    /// The newest first.
    pub(super) runs: Vec<Entry>,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its directory; set when it is published.
    #[serde(default)]
    pub run: String,
    /// When it began, RFC 3339.
    pub started_at: String,
    /// The commit.
    pub commit: Option<String>,
    /// What it came to: `passed`, `failed`, `cancelled`, `error`.
    pub result: String,
    /// Where it ran, if that has a page.
    pub url: Option<String>,
    /// Its notebooks.
    pub notebooks: Vec<NotebookEntry>,
}

/// A notebook of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotebookEntry {
    /// Its file in the project.
    pub path: String,
    /// Its title.
    pub title: String,
    /// What became of it: `passed`, `failed`.
    pub status: String,
    /// Its page, inside the run's directory.
    pub page: Option<String>,
}

impl Runs {
    pub(super) fn new(subject: &Subject) -> Self {
        Self {
            version: VERSION,
            repository: subject.repository.clone(),
            project: subject.project.clone(),
            branch: subject.branch.clone(),
            pull_request: subject.pull_request,
            latest: None,
            runs: Vec::new(),
        }
    }

    /// Reads a list; `None` if it is not one of ours.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let runs: Self = serde_json::from_slice(bytes).ok()?;
        (runs.version == VERSION).then_some(runs)
    }

    pub(super) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(self).expect("names are plain data")
    }

    /// Adds a run, or what is now known of it.
    pub(super) fn add(&mut self, mut entry: Entry) {
        for notebook in &mut entry.notebooks {
            for text in [&mut notebook.title, &mut notebook.path] {
                if let Some((end, _)) = text.char_indices().nth(LONGEST_TEXT) {
                    text.truncate(end);
                }
            }
        }
        self.runs.retain(|other| other.run != entry.run);
        self.runs.push(entry);
        // Their names begin with the time.
        self.runs.sort_by(|a, b| b.run.cmp(&a.run));
        self.runs.truncate(LONGEST);
        let size = |entry: &Entry| serde_json::to_vec_pretty(entry).map_or(0, |json| json.len());
        let mut room = LARGEST_LIST;
        let fitting = self.runs.iter().take_while(|entry| {
            room = room.saturating_sub(size(entry));
            room > 0
        });
        let fitting = fitting.count();
        self.runs.truncate(fitting.max(1));
        self.settle();
    }

    /// Forgets runs.
    pub(super) fn remove(&mut self, runs: &[String]) {
        self.runs.retain(|entry| !runs.contains(&entry.run));
        self.settle();
    }

    fn settle(&mut self) {
        self.latest = self.runs.first().map(|entry| entry.run.clone());
    }

    /// Each page with the newest run that has it.
    pub(super) fn newest_pages(&self) -> BTreeMap<&str, &Entry> {
        let mut pages = BTreeMap::new();
        for entry in self.runs.iter().rev() {
            for page in entry.notebooks.iter().filter_map(|it| it.page.as_deref()) {
                pages.insert(page, entry);
            }
        }
        pages
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(run: &str, pages: &[&str]) -> Entry {
        Entry {
            run: run.to_owned(),
            started_at: String::new(),
            commit: None,
            result: "passed".to_owned(),
            url: None,
            notebooks: pages
                .iter()
                .map(|page| NotebookEntry {
                    path: String::new(),
                    title: String::new(),
                    status: "passed".to_owned(),
                    page: Some((*page).to_owned()),
                })
                .collect(),
        }
    }

    #[test]
    fn the_latest_is_the_newest_whoever_ends_first() {
        let mut runs = Runs::new(&Subject::default());
        runs.add(entry("20260102", &["a", "b"]));
        runs.add(entry("20260101", &["a", "c"]));
        assert_eq!(runs.latest.as_deref(), Some("20260102"));
        let pages: Vec<(&str, &str)> = runs
            .newest_pages()
            .into_iter()
            .map(|(page, entry)| (page, &*entry.run))
            .collect();
        assert_eq!(
            pages,
            [("a", "20260102"), ("b", "20260102"), ("c", "20260101")]
        );
        runs.remove(&["20260102".to_owned()]);
        assert_eq!(runs.latest.as_deref(), Some("20260101"));
        assert_eq!(Runs::read(&runs.to_json()), Some(runs));
    }

    #[test]
    fn a_list_never_outgrows_what_is_read_of_it() {
        let mut runs = Runs::new(&Subject::default());
        let pages: Vec<String> = (0..3000).map(|page| format!("{page:0200}.html")).collect();
        let pages: Vec<&str> = pages.iter().map(String::as_str).collect();
        for run in 0..20 {
            let mut entry = entry(&format!("{run:03}"), &pages);
            entry.notebooks[0].title = "é".repeat(40_000);
            runs.add(entry);
        }
        assert!(runs.to_json().len() < LARGEST_LIST + 2_000_000);
        assert_eq!(runs.latest.as_deref(), Some("019"));
        assert!((2..20).contains(&runs.runs.len()), "{}", runs.runs.len());
    }

    #[test]
    fn files_of_others_are_not_read() {
        assert!(Runs::read(b"[]").is_none());
        assert!(Runs::read(br#"{"version": 2}"#).is_none());
        let manifest = Manifest::new("a");
        assert!(Manifest::read(&manifest.to_json(), "b").is_none());
        assert_eq!(Manifest::read(&manifest.to_json(), "a"), Some(manifest));
    }
}
