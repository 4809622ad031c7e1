//! Values that must not leave the process: not printed, not stored, not published.
//!
//! Masks of a CI server cover its log and nothing else; a page, a comment or an artifact shows
//! whatever a notebook has printed. So daglab itself removes the secrets it knows of: variables of
//! its own environment whose names say so, those that the project names, passwords inside
//! addresses, and tokens that it is given on the way. Each is looked for as it is and as the usual
//! encodings write it.

mod finder;
mod forms;
mod json;
mod recognise;
mod texts;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::sync::{Arc, PoisonError, RwLock};

use finder::Finder;
pub use texts::Texts;

/// What stands in a secret's place.
pub const REMOVED: &str = "***";

/// How much is looked through at once, in bytes.
const CHUNK: usize = 256 * 1024;

/// Shorter values are words that texts are full of.
const SHORTEST: usize = finder::SHORTEST;

/// The secrets of this process.
static KNOWN: RwLock<Option<Arc<Secrets>>> = RwLock::new(None);

/// Values that were let out.
static SHOWN: RwLock<BTreeSet<String>> = RwLock::new(BTreeSet::new());

/// Values, and how to find them.
#[derive(Debug, Default)]
pub struct Secrets {
    values: BTreeSet<String>,
    finder: Finder,
}

/// Keeps the secrets among variables, and those of the variables that are named, from leaving the
/// process.
pub fn keep_variables<'a>(
    variables: impl IntoIterator<Item = (&'a str, &'a str)>,
    named: &[String],
) {
    let values = variables.into_iter().flat_map(|(name, value)| {
        let named = named.iter().any(|other| other == name);
        recognise::secrets_in(name, value, named)
    });
    keep(values.collect());
}

/// Keeps these values from leaving the process.
fn keep(values: BTreeSet<String>) {
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    let before = known.as_ref().map(|known| &known.values);
    let mut all = before.cloned().unwrap_or_default();
    let count = all.len();
    all.extend(without_shown(values));
    if all.len() > count {
        *known = Some(Arc::new(Secrets::new(all)));
    }
}

/// Lets values out after all: a signed link shows who signed it, by the key's id and the token of
/// temporary keys, and without them it is no link. The key itself is not among them.
pub fn show(values: &[String]) {
    let mut shown = SHOWN.write().unwrap_or_else(PoisonError::into_inner);
    shown.extend(values.iter().flat_map(|value| recognise::parts(value)));
    drop(shown);
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    if let Some(all) = known.take() {
        *known = Some(Arc::new(Secrets::new(without_shown(all.values.clone()))));
    }
}

fn without_shown(mut values: BTreeSet<String>) -> BTreeSet<String> {
    let shown = SHOWN.read().unwrap_or_else(PoisonError::into_inner);
    values.retain(|value| !shown.contains(value));
    values
}

/// The secrets known so far.
pub fn known() -> Arc<Secrets> {
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
    known.clone().unwrap_or_default()
}

impl Secrets {
    fn new(values: BTreeSet<String>) -> Self {
        let forms = values.iter().flat_map(|value| forms::forms(value));
        Self {
            finder: Finder::new(forms.collect()),
            values,
        }
    }

    /// The values, as a CI server wants them for its masks.
    pub fn values(&self) -> impl Iterator<Item = &str> {
        self.values.iter().map(String::as_str)
    }

    /// `text` without them.
    pub fn remove<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let bytes = text.as_bytes();
        let mut out = String::new();
        let mut written = 0;
        while let Some(found) = self.finder.find(bytes, written) {
            // Forms are whole characters, so these are the ends of such.
            out.push_str(&text[written..found.start]);
            out.push_str(in_place(bytes, found.start, found.end));
            written = found.end;
        }
        if written == 0 {
            return Cow::Borrowed(text);
        }
        out.push_str(&text[written..]);
        Cow::Owned(out)
    }

    /// A whole text without them. JSON stays JSON: its numbers and its structure are not touched.
    pub fn remove_from_document<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.finder.is_empty() {
            return Cow::Borrowed(text);
        }
        match self.remove_from_json(text) {
            Some(json) => Cow::Owned(json),
            None => self.remove(text),
        }
    }

    /// Copies all of `from` without them, in bounded memory.
    pub fn copy(&self, mut from: impl Read, mut to: impl Write) -> io::Result<()> {
        if self.finder.is_empty() {
            return io::copy(&mut from, &mut to).map(drop);
        }
        // One more on both sides tells a number from a part of such.
        let longest = self.finder.longest() + 2;
        let mut buffer: Vec<u8> = Vec::new();
        // How much at its beginning was written already.
        let mut written = 0;
        loop {
            let wanted = (CHUNK + longest).saturating_sub(buffer.len()) as u64;
            let read = from.by_ref().take(wanted).read_to_end(&mut buffer)?;
            // A match that begins after this may go on in what was not read yet.
            let safe = match read {
                0 => buffer.len(),
                _ => buffer.len().saturating_sub(longest).max(written),
            };
            while let Some(found) = self.finder.find(&buffer, written) {
                if found.start >= safe {
                    break;
                }
                to.write_all(&buffer[written..found.start])?;
                to.write_all(in_place(&buffer, found.start, found.end).as_bytes())?;
                written = found.end;
            }
            let rest = written.max(safe);
            to.write_all(&buffer[written..rest])?;
            let kept = rest.min(2);
            buffer.drain(..rest - kept);
            written = kept;
            if read == 0 {
                return Ok(());
            }
        }
    }

    /// A value without them in its texts. Its structure and what files are found by stay.
    pub fn remove_from<T: Texts>(&self, mut value: T) -> T {
        if !self.finder.is_empty() {
            value.visit_texts(&|text| {
                if let Cow::Owned(clean) = self.remove(text) {
                    *text = clean;
                }
            });
        }
        value
    }
}

/// What stands in the place of a secret. A number among data, as pages have it in scripts, is
/// another number: all else would break the page.
fn in_place(text: &[u8], start: usize, end: usize) -> &'static str {
    let blank = |byte: &&u8| !matches!(byte, b' ' | b'\n');
    let number = text[start..end].iter().all(u8::is_ascii_digit)
        && matches!(
            text[..start].iter().rev().take(2).find(blank),
            Some(b':' | b',' | b'[')
        )
        && matches!(
            text[end..].iter().take(2).find(blank),
            Some(b',' | b'}' | b']')
        );
    if number { "0" } else { REMOVED }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn secrets(values: &[&str]) -> Secrets {
        Secrets::new(
            values
                .iter()
                .flat_map(|value| recognise::parts(value))
                .collect(),
        )
    }

    #[test]
    fn every_usual_writing_is_found() {
        for value in [r#"p4ss"w&rd'<x>/é\1"#, "wJal/K7MD+ENG", "pässwörd-9911"] {
            let secrets = secrets(&[value]);
            for form in forms::forms(value) {
                let text = format!("before {form} after");
                assert_eq!(secrets.remove(&text), "before *** after", "{form}");
            }
        }
    }

    #[test]
    fn a_longer_secret_goes_whole() {
        let secrets = secrets(&["secret-1", "secret-1-and-more"]);
        assert_eq!(secrets.remove("secret-1-and-more, secret-1"), "***, ***");
    }

    #[test]
    fn numbers_are_no_part_of_numbers() {
        let secrets = secrets(&["12345678"]);
        assert_eq!(
            secrets.remove("is 12345678, not 12345678901"),
            "is ***, not 12345678901"
        );
        assert_eq!(secrets.remove(r#"{"a": 12345678}"#), r#"{"a": 0}"#);
    }

    #[test]
    fn copies_find_what_lies_across_chunks() {
        let secrets = secrets(&["secret-1", "secret-1-and-more", "12345678"]);
        for shift in 0..60 {
            let head = "x".repeat(CHUNK - 40 + shift);
            let text = format!("{head}secret-1-and-more{head}secret-1 9912345678{head}12345678");
            let mut out = Vec::new();
            secrets.copy(text.as_bytes(), &mut out).unwrap();
            assert_eq!(
                String::from_utf8(out).unwrap(),
                format!("{head}***{head}*** 9912345678{head}***")
            );
        }
    }

    #[test]
    fn data_keeps_its_shape() {
        let secrets = secrets(&["secret-1", "observe"]);
        let before = serde_json::json!({"secret-1": ["a secret-1", 1, {"op": "observe"}]});
        assert_eq!(
            secrets.remove_from(before),
            serde_json::json!({"***": ["a ***", 1, {"op": "observe"}]})
        );
    }

    #[test]
    fn a_report_keeps_its_shape() {
        let json = serde_json::json!({
            "schema_version": 1, "daglab_version": "0.1.0", "result": "passed",
            "project": {"name": "hunter"}, "started_at": "now", "duration_s": f64::NAN,
            "notebooks": [{
                "path": "a.py", "title": "a.hunter", "status": "passed", "duration_s": 1.0,
                "attempts": 1, "allow_failure": false, "html": "notebooks/a.hunter.html",
                "target": {"kind": "asset", "key": "hunter", "partition": null}, "args": ["hunter"],
                "cells": [],
            }],
            "runs": [{
                "job": "j", "title": "j", "selection": [], "status": "success", "duration_s": 1.0,
                "attempts": 1, "allow_failure": false, "steps": [], "log": "runs/hunter.log",
                "materializations": [{"asset_key": "a", "partition": null,
                    "metadata": {"hunter": "x", "***": "is hunter"}}],
            }],
            "locations": [], "findings": [], "attachments": [], "timings": {"execute": 1.0},
        });
        let json = json.to_string().replacen("null", "0.5", 1);
        let mut report = crate::report::model::CiReport::from_json(&json).unwrap();
        // Which JSON has no word for.
        report.duration_s = f64::NAN;
        let secrets = Secrets::new(["hunter", "status", "passed"].map(str::to_owned).into());
        let clean = serde_json::to_value(secrets.remove_from(report)).unwrap();
        assert_eq!(clean["result"], "passed");
        assert_eq!(clean["project"]["name"], "***");
        let notebook = &clean["notebooks"][0];
        assert_eq!(notebook["title"], "a.***");
        assert_eq!(notebook["status"], "passed");
        assert_eq!(notebook["html"], "notebooks/a.hunter.html");
        assert_eq!(notebook["target"]["key"], "***");
        assert_eq!(clean["runs"][0]["log"], "runs/hunter.log");
        let metadata = &clean["runs"][0]["materializations"][0]["metadata"];
        assert_eq!(*metadata, serde_json::json!({"***": "is ***", "***'": "x"}));
    }
}
