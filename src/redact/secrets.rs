//! Values that must not leave the process: not printed, not stored, not published.
//!
//! Masks of a CI server cover its log and nothing else; a page, a comment or an artifact shows
//! whatever a notebook has printed. So daglab itself removes the secrets it knows of: variables of
//! its own environment whose names say so, those that the project names, passwords inside
//! addresses, and tokens that it is given on the way. Each is looked for as it is and as the usual
//! encodings write it.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What stands in a secret's place.
pub const REMOVED: &str = "***";

/// How much is looked through at once, in bytes.
const CHUNK: usize = 256 * 1024;

/// Shorter values are words that texts are full of.
const SHORTEST: usize = 6;

/// How many notations may stand inside each other.
const LAYERS: u32 = 3;

/// What Python's `quote` leaves as it is.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

/// Words of a variable's name that say that its value is secret.
const WORDS: &[&str] = &[
    "APIKEY",
    "CONNSTR",
    "CREDENTIAL",
    "CREDENTIALS",
    "DSN",
    "PASSPHRASE",
    "PASSWD",
    "PASSWORD",
    "PAT",
    "PRIVATE",
    "PWD",
    "SAS",
    "SECRET",
    "SECRETS",
    "TOKEN",
    "TOKENS",
    "WEBHOOK",
];

/// Last words of a name that say so.
const ENDINGS: &[&str] = &["AUTH", "CONNECTION_STRING", "KEY"];

/// The secrets of this process.
static KNOWN: RwLock<Option<Arc<Secrets>>> = RwLock::new(None);

/// Values, and how to find them.
#[derive(Debug, Default)]
pub struct Secrets {
    values: BTreeSet<String>,
    finder: Option<AhoCorasick>,
}

/// Keeps the secrets among variables, and those of the variables that are named, from leaving the
/// process.
pub fn keep_variables<'a>(
    variables: impl IntoIterator<Item = (&'a str, &'a str)>,
    named: &[String],
) {
    let values = variables.into_iter().flat_map(|(name, value)| {
        let whole = named.iter().any(|other| other == name) || is_secret(name, value);
        let whole = whole.then(|| value.to_owned());
        whole.into_iter().chain(password(value))
    });
    keep(&values.collect::<Vec<_>>());
}

/// Keeps these values from leaving the process.
fn keep(values: &[String]) {
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    let before = known.as_ref().map(|known| &known.values);
    let mut all = before.cloned().unwrap_or_default();
    let count = all.len();
    all.extend(values.iter().flat_map(|value| parts(value)));
    if all.len() > count {
        *known = Some(Arc::new(Secrets::new(all)));
    }
}

/// The secrets known so far.
pub fn known() -> Arc<Secrets> {
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
    known.clone().unwrap_or_default()
}

impl Secrets {
    fn new(values: BTreeSet<String>) -> Self {
        let forms: BTreeSet<String> = values.iter().flat_map(|value| forms(value)).collect();
        let finder = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(&forms);
        Self {
            values,
            finder: finder.ok(),
        }
    }

    /// The values, each on one line, as a CI server wants them for its masks.
    pub fn values(&self) -> impl Iterator<Item = &str> {
        self.values.iter().map(String::as_str)
    }

    /// `text` without them.
    pub fn remove<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match &self.finder {
            Some(finder) if finder.is_match(text) => {
                let mut out = String::with_capacity(text.len());
                finder.replace_all_with(text, &mut out, |_, _, out| {
                    out.push_str(REMOVED);
                    true
                });
                Cow::Owned(out)
            }
            _ => Cow::Borrowed(text),
        }
    }

    /// Copies all of `from` without them, in bounded memory.
    pub fn copy(&self, mut from: impl Read, mut to: impl Write) -> io::Result<()> {
        let Some(finder) = &self.finder else {
            return io::copy(&mut from, &mut to).map(drop);
        };
        let longest = finder.max_pattern_len();
        let mut buffer: Vec<u8> = Vec::new();
        loop {
            let wanted = (CHUNK + longest - buffer.len()) as u64;
            let read = from.by_ref().take(wanted).read_to_end(&mut buffer)?;
            // A match that begins after this may go on in what was not read yet.
            let safe = match read {
                0 => buffer.len(),
                _ => buffer.len().saturating_sub(longest),
            };
            let mut written = 0;
            for found in finder.find_iter(&buffer) {
                if found.start() >= safe {
                    break;
                }
                to.write_all(&buffer[written..found.start()])?;
                to.write_all(REMOVED.as_bytes())?;
                written = found.end();
            }
            let rest = written.max(safe);
            to.write_all(&buffer[written..rest])?;
            buffer.drain(..rest);
            if read == 0 {
                return Ok(());
            }
        }
    }

    /// A serialisable value without them, in keys and texts alike.
    pub fn remove_from<T: serde::Serialize + serde::de::DeserializeOwned>(&self, value: T) -> T {
        if self.finder.is_none() {
            return value;
        }
        let mut tree = match serde_json::to_value(&value) {
            Ok(tree) => tree,
            Err(_) => return value,
        };
        self.remove_from_tree(&mut tree);
        // The same tree with other texts reads back as well as it was written.
        serde_json::from_value(tree).unwrap_or(value)
    }

    fn remove_from_tree(&self, tree: &mut serde_json::Value) {
        match tree {
            serde_json::Value::String(text) => {
                if let Cow::Owned(clean) = self.remove(text) {
                    *text = clean;
                }
            }
            serde_json::Value::Array(items) => {
                for item in items {
                    self.remove_from_tree(item);
                }
            }
            serde_json::Value::Object(fields) => {
                *fields = std::mem::take(fields)
                    .into_iter()
                    .map(|(name, mut value)| {
                        self.remove_from_tree(&mut value);
                        (self.remove(&name).into_owned(), value)
                    })
                    .collect();
            }
            _ => {}
        }
    }
}

/// Whether a variable holds a secret, by its name and what its value looks like.
fn is_secret(name: &str, value: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let words: Vec<&str> = name.split(['_', '-', '.', ' ']).collect();
    let says_so = words.iter().any(|word| WORDS.contains(word))
        || ENDINGS.iter().any(|ending| {
            let before = name.strip_suffix(ending);
            before.is_some_and(|before| before.is_empty() || before.ends_with(['_', '-']))
        });
    // `PWD`, `SSH_AUTH_SOCK` and files with credentials are named by their paths.
    says_so && !(value.starts_with('/') && Path::new(value).exists())
}

/// The password inside an address.
fn password(value: &str) -> Option<String> {
    let (scheme, rest) = value.split_once("://")?;
    if scheme.is_empty()
        || !scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    {
        return None;
    }
    let authority = rest.split(['/', '?', '#']).next()?;
    let (user, _) = authority.rsplit_once('@')?;
    let (_, password) = user.split_once(':')?;
    Some(password.to_owned())
}

/// What is looked for of a value: itself, and its lines, for a key is often printed in lines.
fn parts(value: &str) -> Vec<String> {
    let lines = value.lines().map(str::trim);
    lines
        .chain(std::iter::once(value.trim()))
        .filter(|part| part.chars().count() >= SHORTEST && !is_plain(part))
        .map(str::to_owned)
        .collect()
}

/// Values that say nothing: switches, and the frame of a PEM file.
fn is_plain(value: &str) -> bool {
    value.starts_with("-----")
        || ["false", "disabled", "enabled", "default"]
            .contains(&value.to_ascii_lowercase().as_str())
}

/// A value as it is, and as what is printed may hold it: in one writing inside another, as JSON that
/// is printed, shown in a page, and kept in the page's own data.
fn forms(value: &str) -> BTreeSet<String> {
    let mut forms = BTreeSet::from([value.to_owned()]);
    for _ in 0..LAYERS {
        forms = forms.iter().flat_map(|form| written(form)).collect();
    }
    // As a password of basic authentication, too, it is inside something longer: of a value that
    // is encoded at any offset, these characters are the same.
    for skip in 0..3 {
        forms.extend(encoded_inside(value.as_bytes(), skip));
    }
    forms.insert(STANDARD.encode(value));
    forms.insert(URL_SAFE_NO_PAD.encode(value));
    forms
}

/// A text, and as the usual notations write it.
fn written(text: &str) -> Vec<String> {
    let json = serde_json::Value::from(text).to_string();
    let json = json[1..json.len() - 1].to_owned();
    let markup = |c| matches!(c, '<' | '>' | '&');
    let html = |quote: &str, apostrophe: &str, slash: &str| {
        text.replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
            .replace('"', quote)
            .replace('\'', apostrophe)
            .replace('/', slash)
    };
    vec![
        text.to_owned(),
        html("&quot;", "&#x27;", "/"),
        html("&quot;", "&#x27;", "&#x2f;"),
        html("&quot;", "&#39;", "/"),
        html("\"", "'", "/"),
        html("&#34;", "&#39;", "/"),
        // In a script, and as Python writes it.
        escaped(&json, markup, false),
        escaped(&json, markup, true),
        escaped(&json, |c| !c.is_ascii(), false),
        escaped(&json, |c| markup(c) || !c.is_ascii(), true),
        json,
        text.replace('\\', "\\\\").replace('\'', "\\'"),
        utf8_percent_encode(text, NON_ALPHANUMERIC).to_string(),
        utf8_percent_encode(text, UNRESERVED).to_string(),
        url::form_urlencoded::byte_serialize(text.as_bytes()).collect(),
    ]
}

/// JSON with `\u` in place of some characters, in either case of hexadecimal digits.
fn escaped(json: &str, wanted: impl Fn(char) -> bool, upper: bool) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if !wanted(c) {
            out.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            let digits = format!("{unit:04x}");
            out.push_str("\\u");
            out.push_str(&if upper { digits.to_uppercase() } else { digits });
        }
    }
    out
}

/// What base64 makes of `value` when `before` bytes (modulo 3) stand in front of it: the part that
/// depends on nothing but the value. None where that is too short to be told from other text.
fn encoded_inside(value: &[u8], before: usize) -> Option<String> {
    let mut bytes = vec![0; before];
    bytes.extend_from_slice(value);
    let whole = bytes.len() / 3 * 3;
    let encoded = STANDARD.encode(&bytes[..whole]);
    let own = &encoded[before.div_ceil(3) * 4..];
    (own.len() >= 12).then(|| own.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = r#"p4ss"w&rd'<x>/é\1"#;

    fn secrets(values: &[&str]) -> Secrets {
        Secrets::new(values.iter().flat_map(|value| parts(value)).collect())
    }

    #[test]
    fn names_say_what_is_secret() {
        for name in [
            "GITHUB_TOKEN",
            "INPUT_GITHUB-TOKEN",
            "db_password",
            "AWS_SECRET_ACCESS_KEY",
            "SNOWFLAKE_PRIVATE_KEY",
            "AZURE_STORAGE_CONNECTION_STRING",
            "SLACK_WEBHOOK",
            "KEY",
        ] {
            assert!(is_secret(name, "value"), "{name}");
        }
        for name in [
            "PATH",
            "KEYBOARD",
            "MONKEY",
            "TOKENIZERS_PARALLELISM",
            "SORT_KEYS",
        ] {
            assert!(!is_secret(name, "value"), "{name}");
        }
        assert!(!is_secret("PWD", "/"), "a path is none");
    }

    #[test]
    fn passwords_in_addresses_are_secret() {
        let found = |value: &str| password(value);
        assert_eq!(
            found("postgresql+psycopg://u:hunter22@db/x").as_deref(),
            Some("hunter22")
        );
        assert_eq!(
            found("https://u:p%40ss@h:80/a@b").as_deref(),
            Some("p%40ss")
        );
        assert_eq!(found("https://h/a:b@c"), None);
        assert_eq!(found("u:p@h"), None);
    }

    #[test]
    fn every_usual_writing_is_found() {
        let secrets = secrets(&[SECRET]);
        for form in forms(SECRET) {
            let text = format!("before {form} after");
            assert_eq!(secrets.remove(&text), "before *** after", "{form}");
        }
        for before in ["", "u", "us", "user:"] {
            let encoded = STANDARD.encode(format!("{before}{SECRET}"));
            assert!(secrets.remove(&encoded).contains(REMOVED), "{before}");
        }
    }

    #[test]
    fn a_longer_secret_goes_whole() {
        let secrets = secrets(&["secret-1", "secret-1-and-more"]);
        assert_eq!(secrets.remove("secret-1-and-more, secret-1"), "***, ***");
    }

    #[test]
    fn short_and_plain_values_stay() {
        let secrets = secrets(&[
            "short",
            "false",
            "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADAN\n",
        ]);
        assert_eq!(
            secrets.remove("short false -----BEGIN"),
            "short false -----BEGIN"
        );
        assert_eq!(secrets.remove("it said MIIEvQIBADAN"), "it said ***");
    }

    #[test]
    fn copies_find_what_lies_across_chunks() {
        let secrets = secrets(&["secret-1", "secret-1-and-more"]);
        for shift in 0..40 {
            let head = "x".repeat(CHUNK - 20 + shift);
            let text = format!("{head}secret-1-and-more{head}secret-1");
            let mut out = Vec::new();
            secrets.copy(text.as_bytes(), &mut out).unwrap();
            assert_eq!(
                String::from_utf8(out).unwrap(),
                format!("{head}***{head}***")
            );
        }
    }

    #[test]
    fn values_keep_their_shape() {
        let secrets = secrets(&["secret-1"]);
        let before = serde_json::json!({"secret-1": ["a secret-1", 1, {"b": null}]});
        assert_eq!(
            secrets.remove_from(before),
            serde_json::json!({"***": ["a ***", 1, {"b": null}]})
        );
    }
}
