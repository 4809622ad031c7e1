//! Names of artifacts: valid, readable, and a different one for each file.

use std::collections::HashSet;
use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::error::Error;

/// What the service refuses in a name, beside line ends.
const FORBIDDEN: &[char] = &['"', ':', '<', '>', '|', '*', '?', '\\', '/'];
/// Bytes of a name that the service is known to take.
const LONGEST: usize = 255;
/// Characters of a name that is made here: what can still be read in a list.
const READABLE: usize = 100;
const LONGEST_SUFFIX: usize = 40;
const DIGITS: usize = 8;
/// What Windows takes for a device, whatever follows after a dot.
const DEVICES: &[&str] = &["con", "prn", "aux", "nul"];

/// Refuses a name that the service would refuse, or that is no file's name.
pub fn check_name(name: &str) -> Result<(), Error> {
    let wrong = |reason: String| {
        Err(Error::Name {
            name: shown(name),
            what: "an artifact",
            reason,
        })
    };
    if name.is_empty() || name.chars().all(|character| character == '.') {
        return wrong("it is no file's name".into());
    }
    if name.len() > LONGEST {
        return wrong(format!("it is longer than {LONGEST} bytes"));
    }
    let refused = |character: &char| FORBIDDEN.contains(character) || character.is_control();
    match name.chars().find(refused) {
        Some(character) => wrong(format!("it holds {character:?}")),
        None => Ok(()),
    }
}

/// A foreign name as text that does nothing to a terminal or a log, and has an end.
pub(super) fn shown(name: &str) -> String {
    let escaped = name.escape_debug().to_string();
    match escaped.char_indices().nth(READABLE) {
        Some((end, _)) => format!("{}…", &escaped[..end]),
        None => escaped,
    }
}

/// Gives out names, each once.
///
/// Artifacts are unpacked where upper and lower case may be the same, so they are the same here. A
/// name depends on its path alone, but for those that came before: the same paths in the same order
/// have the same names in each run.
#[derive(Debug, Default)]
pub struct Names {
    suffix: String,
    taken: HashSet<String>,
}

impl Names {
    /// Names without a suffix, or with one that tells the legs of a matrix apart: all jobs of a run
    /// share the names.
    pub fn new(suffix: Option<&str>) -> Self {
        let mut suffix = suffix.map(slug).unwrap_or_default();
        if suffix.lossy && !suffix.text.is_empty() {
            // Legs that differ in what was left out are still different legs.
            suffix.text = format!("{}-{}", suffix.text, suffix.digits);
        }
        let mut text = suffix.text;
        if text.len() > LONGEST_SUFFIX {
            text.truncate(LONGEST_SUFFIX - DIGITS - 1);
            text = format!("{}-{}", text.trim_end_matches(['-', '.']), suffix.digits);
        }
        Self {
            suffix: text,
            taken: HashSet::new(),
        }
    }

    /// The name of the page of a notebook, given the notebook's path.
    pub fn page(&mut self, path: &str) -> String {
        let stem = [".py", ".md", ".qmd", ".ipynb", ".html"]
            .iter()
            .find_map(|extension| path.strip_suffix(extension))
            .unwrap_or(path);
        self.give(path, stem, ".html")
    }

    /// The name of an archive.
    pub fn archive(&mut self, name: &str) -> String {
        self.give(name, name, "")
    }

    fn give(&mut self, whole: &str, stem: &str, extension: &str) -> String {
        let mut slug = slug(stem);
        let room = READABLE - extension.len() - self.suffix.len() - 1;
        let too_long = slug.text.len() > room;
        if slug.text.is_empty() {
            slug.text = "notebook".into();
            slug.lossy = true;
        }
        let device = slug.text.split('.').next().unwrap_or_default();
        let is_device = DEVICES.contains(&device.to_ascii_lowercase().as_str());
        if !(slug.lossy || too_long || is_device) {
            let name = self.joined(&slug.text, "", extension);
            if self.taken.insert(name.to_lowercase()) {
                return name;
            }
        }
        slug.text.truncate(room - DIGITS - 1);
        let text = slug.text.trim_end_matches(['-', '.']).to_owned();
        // The digest of the whole path is unique but for chance; a count takes care of that, and of
        // who asks for the same path twice.
        for count in 0_u32.. {
            let digits = digits(whole, count);
            let name = self.joined(&text, &digits, extension);
            if self.taken.insert(name.to_lowercase()) {
                return name;
            }
        }
        unreachable!("there are more counts than names were given")
    }

    fn joined(&self, text: &str, digits: &str, extension: &str) -> String {
        let parts: Vec<&str> = [text, digits, self.suffix.as_str()]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect();
        format!("{}{extension}", parts.join("-"))
    }
}

/// What is left of a foreign name.
#[derive(Debug, Default)]
struct Slug {
    /// ASCII letters and digits, with `-`, `_` and `.` between them.
    text: String,
    /// Whether something other than separators was left out, so that others may look the same.
    lossy: bool,
    digits: String,
}

fn slug(name: &str) -> Slug {
    let mut text = String::new();
    let mut lossy = false;
    let mut separator = None;
    for part in name.chars() {
        match part {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '_' => {
                if let Some(separator) = separator.take()
                    && !text.is_empty()
                {
                    text.push(separator);
                }
                text.push(part);
            }
            '.' | '-' if separator.is_none() => separator = Some(part),
            // Two in a row, or one beside another separator: `..` is not to be seen anywhere.
            '.' | '-' | '/' | ' ' => {
                lossy |= part == '.';
                separator = Some('-');
            }
            _ => {
                lossy = true;
                separator = Some('-');
            }
        }
    }
    Slug {
        text,
        lossy,
        digits: digits(name, 0),
    }
}

/// The first digits of a digest.
fn digits(text: &str, count: u32) -> String {
    let mut digest = Sha256::new();
    digest.update(text);
    if count > 0 {
        digest.update(count.to_be_bytes());
    }
    let mut digits = String::new();
    for byte in &digest.finalize()[..DIGITS / 2] {
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    fn pages(suffix: Option<&str>, paths: &[&str]) -> Vec<String> {
        let mut names = Names::new(suffix);
        paths.iter().map(|path| names.page(path)).collect()
    }

    #[test]
    fn ordinary_paths_stay_readable() {
        assert_eq!(
            pages(
                None,
                &[
                    "report.py",
                    "notebooks/sales/q1 2026.py",
                    "a_b.v2.py",
                    "x.md"
                ]
            ),
            [
                "report.html",
                "notebooks-sales-q1-2026.html",
                "a_b.v2.html",
                "x.html"
            ]
        );
        assert_eq!(
            pages(Some("ubuntu / 3.12"), &["report.py"]),
            ["report-ubuntu-3.12.html"]
        );
    }

    #[test]
    fn hostile_paths_become_names_that_the_service_takes() {
        let hostile = [
            "../../x.py",
            "/etc/passwd",
            "a\"b'c.py",
            "a|b.py",
            "a\nb\rc.py",
            "📈.py",
            "売上.py",
            "<img src=x onerror=alert(1)>.py",
            "C:\\temp\\x.py",
            "a*b?.py",
            "con.py",
            "NUL.v1.py",
            "..",
            "",
            ".py",
            "-.-",
            "\u{202e}yp.x.py",
            "\u{1b}[31mred.py",
            &format!("{}.py", "long/".repeat(400)),
        ];
        let names = pages(Some("shard: \"1/2\"\n"), &hostile);
        for (path, name) in hostile.iter().zip(&names) {
            check_name(name).unwrap();
            assert!(
                name.ends_with(".html") && name.len() <= READABLE,
                "{path:?}: {name}"
            );
            assert!(name.is_ascii() && !name.contains(".."), "{path:?}: {name}");
            assert!(!name.starts_with(['.', '-']), "{path:?}: {name}");
        }
        let different: HashSet<_> = names.iter().map(|name| name.to_lowercase()).collect();
        assert_eq!(different.len(), hostile.len());
    }

    #[test]
    fn no_two_paths_have_the_same_name_in_whatever_case() {
        let mut names = Names::new(None);
        let mut seen = HashSet::new();
        for index in 0..500 {
            for path in [
                format!("Dir/note {index}.py"),
                format!("dir-note-{index}.py"),
                format!("dir/note_{index}?.py"),
                format!("DIR/NOTE-{index}.py"),
                format!("dir/note {index}.md"),
            ] {
                let name = names.page(&path);
                check_name(&name).unwrap();
                assert!(seen.insert(name.to_lowercase()), "{path}: {name}");
            }
        }
        assert_ne!(names.page("same.py"), names.page("same.py"));
        assert_ne!(names.archive("report"), names.archive("Report"));
    }

    #[test]
    fn legs_of_a_matrix_keep_apart() {
        let long = "x".repeat(300);
        let legs = [
            "1",
            "2",
            "a/b",
            "a|b",
            "a?b",
            "",
            &long,
            &format!("{long}y"),
        ];
        let names: HashSet<_> = legs
            .iter()
            .map(|leg| pages(Some(leg), &["n.py"]).remove(0))
            .collect();
        assert_eq!(names.len(), legs.len());
    }

    #[test]
    fn what_the_service_refuses_is_refused_here() {
        for name in [
            "",
            ".",
            "..",
            "a/b",
            "a\\b",
            "a:b",
            "a\nb",
            "a\tb",
            "a\"b",
            &"x".repeat(256),
        ] {
            let error = check_name(name).unwrap_err();
            assert!(!error.to_string().contains(['\n', '\t']), "{error}");
        }
        check_name("notebook (1) ü.html").unwrap();
    }
}
