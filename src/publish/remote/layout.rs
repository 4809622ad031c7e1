//! Where a run's objects lie: repository, branch or pull request, run.
//!
//! ```text
//! PREFIX/acme/shop/branches/main/index.html                     the branch's runs
//!                               /runs.json                      the same for programs
//!                               /latest/notebooks/sales.html    leads to the newest page
//!                               /20261121T210600123Z-1a2b3c4d-09f3e71c52/daglab-run.json
//!                                                                /index.html
//!                                                                /notebooks/sales.html
//! PREFIX/acme/shop/pulls/42/…
//! ```
//!
//! Every run has a directory of its own, so two at once never mix.

use std::hash::{BuildHasher as _, RandomState};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};

/// The file that says what a run has written; it marks the directory as one of a run.
pub(super) const MANIFEST: &str = "daglab-run.json";
/// The list of a branch's runs.
pub(super) const RUNS: &str = "runs.json";
/// The same for people.
pub(super) const INDEX: &str = "index.html";
/// What leads to the newest pages.
pub(super) const LATEST: &str = "latest";

/// How a run's directory begins: the time to the second, and then its milliseconds and `Z`.
const TIME: &str = "%Y%m%dT%H%M%S";

/// What a run is of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subject {
    /// `owner/name`, or a project's name where there is no repository.
    pub repository: String,
    /// The project's folder in the repository; empty for its root.
    pub project: String,
    /// The pull request, if there is one.
    pub pull_request: Option<u64>,
    /// The branch; `None` for a commit that is on none.
    pub branch: Option<String>,
    /// The commit, if there is one.
    pub commit: Option<String>,
}

/// The keys of one run, below the store's prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    /// The directory of the repository and the project.
    pub(super) scope: String,
    /// The directory of the branch or pull request, in the scope.
    pub(super) line: String,
    /// The name of the run's directory, in the line.
    pub(super) run: String,
}

impl Layout {
    /// Of a run that began at a time.
    pub(super) fn of(subject: &Subject, began: Timestamp) -> Self {
        let mut scope: Vec<String> = subject.repository.split('/').map(segment).collect();
        if !subject.project.is_empty() {
            scope.push(segment(&subject.project));
        }
        let line = match (&subject.pull_request, &subject.branch) {
            (Some(number), _) => format!("pulls/{number}"),
            (None, Some(branch)) => format!("branches/{}", segment(branch)),
            (None, None) => "commits/detached".to_owned(),
        };
        let time = began.to_zoned(TimeZone::UTC).strftime(TIME).to_string();
        let millis = began.subsec_millisecond();
        let commit = subject.commit.as_deref().unwrap_or("local");
        let commit: String = segment(commit).chars().take(8).collect();
        // The system's randomness: nobody else has the same time, commit and number.
        let chance = RandomState::new().hash_one(0_u8) & 0xff_ffff_ffff;
        Self {
            scope: scope.join("/"),
            line,
            run: format!("{time}{millis:03}Z-{commit}-{chance:010x}"),
        }
    }

    /// The directory of the branch or pull request.
    pub(super) fn line_dir(&self) -> String {
        format!("{}/{}", self.scope, self.line)
    }

    /// A key of the branch or pull request.
    pub(super) fn in_line(&self, name: &str) -> String {
        format!("{}/{}/{name}", self.scope, self.line)
    }

    /// A key of the run.
    pub(super) fn in_run(&self, name: &str) -> String {
        format!("{}/{}/{}/{name}", self.scope, self.line, self.run)
    }

    /// The key that leads to the newest page.
    pub(super) fn latest(&self, page: &str) -> String {
        self.in_line(&format!("{LATEST}/{page}"))
    }
}

/// When a run began, as its directory's name says; `None` for other directories.
pub(super) fn began(run: &str) -> Option<Timestamp> {
    let (time, rest) = run.split_once('-')?;
    let rest = rest.split_once('-')?.1;
    if rest.len() != 10 || !rest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let (time, millis) = time.strip_suffix('Z')?.split_at_checked(15)?;
    let millis: i64 = Some(millis).filter(|it| it.len() == 3)?.parse().ok()?;
    let time = jiff::civil::DateTime::strptime(TIME, time).ok()?;
    let time = time.to_zoned(TimeZone::UTC).ok()?.timestamp();
    time.checked_add(SignedDuration::from_millis(millis)).ok()
}

/// A file's name inside a run as it is in the bucket: of characters that no cloud signs differently
/// from another.
pub(super) fn plain(name: &str) -> String {
    let parts: Vec<String> = name.split('/').map(plain_part).collect();
    parts.join("/")
}

fn plain_part(part: &str) -> String {
    let stem_and_extension = part.rsplit_once('.').filter(|(stem, extension)| {
        !stem.is_empty() && extension.bytes().all(|byte| byte.is_ascii_alphanumeric())
    });
    match stem_and_extension {
        Some((stem, extension)) => format!("{}.{extension}", segment(stem)),
        None => segment(part),
    }
}

/// A name as one part of a key. Names that differ stay different: where something had to be replaced
/// the name gets a part of its digest.
fn segment(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let mut out: String = name
        .chars()
        .map(|c| if plain(c) { c } else { '-' })
        .take(80)
        .collect();
    let is_kept = out == name && !out.trim_matches('.').is_empty();
    if !is_kept {
        let digest = Sha256::digest(name.as_bytes());
        out = format!(
            "{}-{:02x}{:02x}{:02x}",
            out.trim_matches('.'),
            digest[0],
            digest[1],
            digest[2]
        );
    }
    out.trim_start_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject() -> Subject {
        Subject {
            repository: "acme/shop".to_owned(),
            branch: Some("main".to_owned()),
            commit: Some("1a2b3c4d5e6f".to_owned()),
            ..Subject::default()
        }
    }

    #[test]
    fn a_run_lies_below_its_branch_or_pull_request() {
        let began_at: Timestamp = "2026-11-21T21:06:00.5Z".parse().unwrap();
        let layout = Layout::of(&subject(), began_at);
        let key = layout.in_run("notebooks/a.html");
        assert!(
            key.starts_with("acme/shop/branches/main/20261121T210600500Z-1a2b3c4d-"),
            "{key}"
        );
        assert!(key.ends_with("/notebooks/a.html"));
        assert_eq!(
            began(&layout.run).unwrap().to_string(),
            "2026-11-21T21:06:00.5Z"
        );
        let pull = Subject {
            pull_request: Some(7),
            project: "team/etl".to_owned(),
            ..subject()
        };
        let layout = Layout::of(&pull, began_at);
        assert!(layout.line_dir().starts_with("acme/shop/team-etl-"));
        assert!(layout.line_dir().ends_with("/pulls/7"));
    }

    #[test]
    fn two_runs_never_share_a_directory() {
        let now = Timestamp::now();
        let all: std::collections::BTreeSet<String> =
            (0..1000).map(|_| Layout::of(&subject(), now).run).collect();
        assert_eq!(all.len(), 1000);
    }

    #[test]
    fn names_become_parts_of_keys_and_stay_different() {
        assert_eq!(segment("main"), "main");
        let names = ["feature/x", "feature-x", "..", ".", "a b", "a_b", "é", "-x"];
        let all: std::collections::BTreeSet<String> =
            names.iter().map(|name| segment(name)).collect();
        assert_eq!(all.len(), names.len(), "{all:?}");
        for part in &all {
            assert!(!part.is_empty() && !part.contains('/') && !part.starts_with(['.', '-']));
        }
    }

    #[test]
    fn files_keep_their_extensions() {
        assert_eq!(
            plain("notebooks/a.interactive.html"),
            "notebooks/a.interactive.html"
        );
        let odd = plain("notebooks/a #1 é.html");
        assert!(
            odd.starts_with("notebooks/a--1---") && odd.ends_with(".html"),
            "{odd}"
        );
        assert_ne!(plain("a b.html"), plain("a c.html"));
    }

    #[test]
    fn other_directories_are_none_of_a_run() {
        for name in [
            "latest",
            "2026",
            "20261121T210600123Z",
            "20261121T210600Z-local-0123456789",
            "20261121T210600Z-x-y",
            "a-b-0123456789",
        ] {
            assert_eq!(began(name), None, "{name}");
        }
    }
}
