//! The hidden first line by which a comment of ours is found again.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use crate::github::context::is_commit;

const BEGIN: &str = "<!-- daglab-comment ";
const END: &str = " -->";
/// A longer key is known by its checksum, in bytes as it is written.
const KEY: usize = 200;

/// Which run wrote a comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// The workflow run. A later one has a higher number.
    pub run_id: u64,
    /// Counts from 1.
    pub run_attempt: u32,
    /// The commit that was looked at.
    pub sha: String,
}

impl Stamp {
    /// Whether another run began after this one.
    pub fn is_older_than(&self, other: &Self) -> bool {
        (self.run_id, self.run_attempt) < (other.run_id, other.run_attempt)
    }
}

/// The first line of a comment.
pub(super) fn line(key: &str, stamp: &Stamp) -> String {
    // A commit's name comes from a payload; what is none is left out rather than written down.
    let sha = if is_commit(&stamp.sha) {
        &stamp.sha
    } else {
        "-"
    };
    format!(
        "{BEGIN}key={} run={} attempt={} sha={sha}{END}",
        encoded(key),
        stamp.run_id,
        stamp.run_attempt
    )
}

/// The stamp of a comment that begins with a marker of this key. Markers further down are quoted.
pub(super) fn stamp_of(body: &str, key: &str) -> Option<Stamp> {
    let first = body.lines().next()?.trim_end();
    let inside = first.strip_prefix(BEGIN)?.strip_suffix(END)?;
    let mut fields = inside.split(' ');
    let mut field = |name: &str| fields.next()?.strip_prefix(name)?.strip_prefix('=');
    if field("key")? != encoded(key) {
        return None;
    }
    let stamp = Stamp {
        run_id: field("run")?.parse().ok()?,
        run_attempt: field("attempt")?.parse().ok()?,
        sha: field("sha")?.to_owned(),
    };
    Some(stamp)
}

/// A key without anything that could end an HTML comment: letters, digits, `_` and `.` stay, all
/// else is `%XX`, the dash included.
fn encoded(key: &str) -> String {
    let mut out = String::new();
    for byte in key.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    if out.len() > KEY {
        // `%` is followed by two digits everywhere else, so no short key looks like this.
        let mut checksum = "%sha256.".to_owned();
        for byte in Sha256::digest(key.as_bytes()) {
            let _ = write!(checksum, "{byte:02x}");
        }
        return checksum;
    }
    out
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    fn stamp() -> Stamp {
        Stamp {
            run_id: 7,
            run_attempt: 2,
            sha: "ab".repeat(20),
        }
    }

    #[test]
    fn a_key_can_not_break_out_and_is_found_again() {
        let long = "x".repeat(500);
        for key in [
            "",
            "default",
            "a b",
            "--><script>",
            "a--b",
            "x\ny",
            "ä/ö",
            &long,
        ] {
            let line = line(key, &stamp());
            let inside = &line["<!--".len()..line.len() - "-->".len()];
            assert!(!inside.contains("--") && !inside.contains('>'), "{line}");
            assert!(!line.contains('\n') && line.len() < 400, "{line}");
            assert_eq!(stamp_of(&format!("{line}\r\ntext"), key), Some(stamp()));
            assert_eq!(stamp_of(&line, "another"), None);
        }
    }

    #[test]
    fn only_the_first_line_counts() {
        let line = line("k", &stamp());
        for body in [
            format!("> {line}"),
            format!("Hello\n{line}"),
            line.replace("run=7", "run=-7"),
            line.replace("attempt", "attempts"),
            line[..30].to_owned(),
            String::new(),
        ] {
            assert_eq!(stamp_of(&body, "k"), None, "{body}");
        }
    }

    #[test]
    fn what_is_no_commit_is_not_written() {
        let stamp = Stamp {
            sha: "--> boo".to_owned(),
            ..stamp()
        };
        assert!(line("k", &stamp).ends_with("sha=- -->"));
    }

    #[test]
    fn attempts_of_one_run_are_in_order() {
        let at = |run_id, run_attempt| Stamp {
            run_id,
            run_attempt,
            sha: String::new(),
        };
        assert!(at(7, 9).is_older_than(&at(8, 1)));
        assert!(at(7, 1).is_older_than(&at(7, 2)));
        assert!(!at(7, 2).is_older_than(&at(7, 2)));
        assert!(!at(8, 1).is_older_than(&at(7, 9)));
    }
}
