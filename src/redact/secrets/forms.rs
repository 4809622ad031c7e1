//! How programs write a value: as JSON, in a page, in an address, in base64.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::percent::{ADDRESS, COMPONENT, PATH, UNRESERVED};

/// How many characters a value may have to be looked for in notations inside each other. Longer
/// ones are found in any of them by their pieces.
const LAYERED: usize = 80;

/// How many letters and digits in a row are a piece of a long value that is told from other text.
const PIECE: usize = 20;

/// Shorter beginnings of base64 are found in other text by chance.
const ENCODED: usize = 7;

/// A value as it is, and as what is printed may hold it: in one notation inside another, as JSON
/// that is printed, shown in a page, and kept in the page's own data.
pub(super) fn forms(value: &str) -> BTreeSet<String> {
    let mut forms: BTreeSet<String> = written(value).into_iter().collect();
    forms.extend(encoded(value.as_bytes()));
    if value.len() <= LAYERED {
        for _ in 0..2 {
            forms = forms.iter().flat_map(|form| carried(form)).collect();
        }
    } else {
        // No notation but the encodings changes letters and digits.
        let pieces = value.split(|c: char| !c.is_ascii_alphanumeric());
        let pieces = pieces.filter(|piece| piece.len() >= PIECE && piece.len() < value.len());
        forms.extend(pieces.map(str::to_owned));
    }
    forms
}

/// A text, and as a program may write it itself.
fn written(text: &str) -> Vec<String> {
    let json = json(text);
    let markup = |c| matches!(c, '<' | '>' | '&');
    let with_apostrophe = |c| markup(c) || c == '\'';
    let mut forms = carried(text);
    for upper in [false, true] {
        forms.push(escaped(&json, |c| !c.is_ascii(), upper));
        forms.push(escaped(&json, |c| markup(c) || !c.is_ascii(), upper));
        forms.push(escaped(
            &json,
            |c| with_apostrophe(c) || !c.is_ascii(),
            upper,
        ));
        forms.push(escaped(&json, with_apostrophe, upper));
    }
    forms.push(json.replace('/', "\\/"));
    forms.push(escaped(&json.replace('/', "\\/"), |c| !c.is_ascii(), false));
    forms.extend(python(text));
    for kept in [NON_ALPHANUMERIC, UNRESERVED, PATH, COMPONENT, ADDRESS] {
        let upper = utf8_percent_encode(text, kept).to_string();
        forms.push(lower_percent(&upper));
        // As forms of pages are sent.
        let blanks = upper.replace("%20", "+");
        forms.push(lower_percent(&blanks));
        forms.push(blanks);
        forms.push(upper);
    }
    forms.push(url::form_urlencoded::byte_serialize(text.as_bytes()).collect());
    forms
}

/// A text, and as it is written where it is carried further: in pages, and in scripts of theirs.
fn carried(text: &str) -> Vec<String> {
    let json = json(text);
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
        html("&quot;", "&#x27;", "/"),
        html("&quot;", "&#x27;", "&#x2f;"),
        html("&quot;", "&#39;", "/"),
        html("&quot;", "'", "/"),
        html("\"", "'", "/"),
        html("&#34;", "&#39;", "/"),
        escaped(&json, markup, false),
        escaped(&json, markup, true),
        escaped(&json, |c| !c.is_ascii(), false),
        json,
        python_escaped(text, '\'', false),
        text.to_owned(),
    ]
}

/// As Python's `repr` and `ascii` write it, and `repr` of its bytes.
fn python(text: &str) -> Vec<String> {
    let mut forms = Vec::new();
    for quote in ['\'', '"'] {
        let quoted = python_escaped(text, quote, true);
        let bytes = quoted.chars().map(|c| match c {
            c if c.is_ascii() => c.to_string(),
            c => hex_of(c.encode_utf8(&mut [0; 4]).as_bytes(), "\\x"),
        });
        forms.push(bytes.collect());
        let ascii = quoted.chars().map(|c| match u32::from(c) {
            ..0x80 => c.to_string(),
            code @ ..0x100 => format!("\\x{code:02x}"),
            code @ ..0x1_0000 => format!("\\u{code:04x}"),
            code => format!("\\U{code:08x}"),
        });
        forms.push(ascii.collect());
        forms.push(quoted);
    }
    // In double quotes, for it has an apostrophe.
    forms.push(python_escaped(text, '\0', true));
    forms
}

fn python_escaped(text: &str, quote: char, controls: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' if controls => out.push_str("\\n"),
            '\r' if controls => out.push_str("\\r"),
            '\t' if controls => out.push_str("\\t"),
            c if c == quote => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out
}

/// The inside of a JSON string.
fn json(text: &str) -> String {
    let json = serde_json::Value::from(text).to_string();
    json[1..json.len() - 1].to_owned()
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

/// Percent-encoded text with small hexadecimal digits.
fn lower_percent(text: &str) -> String {
    let mut parts = text.split('%');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (digits, rest) = part.split_at(2.min(part.len()));
        out.push('%');
        out.push_str(&digits.to_lowercase());
        out.push_str(rest);
    }
    out
}

fn hex_of(bytes: &[u8], before: &str) -> String {
    bytes.iter().map(|it| format!("{before}{it:02x}")).collect()
}

/// What is left of a value in none of the forms above: hexadecimal digits and base64, of the value
/// alone and inside something longer, as the password of basic authentication is.
fn encoded(value: &[u8]) -> Vec<String> {
    let hex = hex_of(value, "");
    let mut forms = vec![
        hex.to_uppercase(),
        hex,
        STANDARD.encode(value),
        STANDARD_NO_PAD.encode(value),
        URL_SAFE_NO_PAD.encode(value),
    ];
    for before in 0..3 {
        let inside = encoded_inside(value, before);
        forms.push(inside.replace('+', "-").replace('/', "_"));
        forms.push(inside);
    }
    forms.retain(|form| form.len() >= ENCODED);
    forms
}

/// What base64 makes of `value` when `before` bytes (modulo 3) stand in front of it: the part that
/// depends on nothing but the value.
fn encoded_inside(value: &[u8], before: usize) -> String {
    let mut bytes = vec![0; before];
    bytes.extend_from_slice(value);
    let encoded = STANDARD_NO_PAD.encode(&bytes);
    encoded[(before * 8).div_ceil(6)..bytes.len() * 8 / 6].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = r#"p4ss"w&rd'<x>/é\1"#;

    #[track_caller]
    fn has(value: &str, form: &str) {
        let forms = forms(value);
        assert!(forms.contains(form), "{form} of {value}");
    }

    #[test]
    fn programs_write_it_like_this() {
        has("wJal/K7MD+ENG", "wJal/K7MD%2BENG");
        has("wJal/K7MD+ENG", "wJal%2FK7MD%2BENG");
        has("wJal/K7MD+ENG", "wJal%2fK7MD%2bENG");
        has("a b-c.d!e", "a%20b-c.d!e");
        has("a b-c.d!e", "a+b-c.d%21e");
        has("pässwörd-9911", r"p\u00e4ssw\u00f6rd-9911");
        has("pässwörd-9911", r"p\u00E4ssw\u00F6rd-9911");
        has("pässwörd-9911", r"p\xc3\xa4ssw\xc3\xb6rd-9911");
        has("pässwörd-9911", r"p\xe4ssw\xf6rd-9911");
        has("pässwörd-9911", "p%C3%A4ssw%C3%B6rd-9911");
        has("hunter-22", "68756e7465722d3232");
        has("hunter-22", "68756E7465722D3232");
        has("it's-22", r"it\'s-22");
        has("it's\\22", r"it's\\22");
    }

    #[test]
    fn inside_base64_it_is_found_at_any_offset() {
        for value in ["secret", "hunter2", "wJal/K7MD+ENG??>>", SECRET] {
            let forms = forms(value);
            for before in ["", "u", "us", "user:"] {
                for after in ["", "@", "@h", ":rest"] {
                    let whole = format!("{before}{value}{after}");
                    for encoded in [STANDARD.encode(&whole), URL_SAFE_NO_PAD.encode(&whole)] {
                        assert!(forms.iter().any(|it| encoded.contains(it)), "{whole}");
                    }
                }
            }
        }
    }

    #[test]
    fn notations_stand_inside_each_other() {
        let forms = forms(SECRET);
        for first in written(SECRET) {
            for second in carried(&first) {
                for third in carried(&second) {
                    assert!(forms.contains(&third), "{third}");
                }
            }
        }
    }

    #[test]
    fn there_are_not_too_many() {
        let count = forms(SECRET).len();
        assert!(count < 6_000, "{count}");
        let long = format!("{SECRET}{}", "0123456789abcdef/".repeat(200));
        let count = forms(&long).len();
        assert!(count < 80, "{count}");
    }
}
