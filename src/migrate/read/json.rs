//! The JSON of notebooks.

use serde_json::Value;

/// JSON, and what Python's `json` takes and writes beside: `NaN`, and halves of surrogate pairs.
pub(super) fn parsed(text: &str) -> Result<Value, serde_json::Error> {
    serde_json::from_str(text).or_else(|error| match lenient(text) {
        Some(text) => serde_json::from_str(&text).map_err(|_| error),
        None => Err(error),
    })
}

/// A text of Python's `json` as JSON, if there is a difference. Numbers that are none become null,
/// and halves of characters the sign for a character that is missing.
fn lenient(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut in_string = false;
    while let Some(c) = rest.chars().next() {
        let mut length = c.len_utf8();
        match (in_string, c) {
            (_, '"') => in_string = !in_string,
            (true, '\\') if rest[1..].starts_with('u') => {
                let unit = |at: usize| {
                    let digits = rest.get(at..at + 6)?.strip_prefix("\\u")?;
                    u16::from_str_radix(digits, 16).ok()
                };
                let is_pair = matches!(
                    (unit(0), unit(6)),
                    (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff))
                );
                match unit(0) {
                    _ if is_pair => length = 12,
                    Some(0xd800..=0xdfff) => {
                        out.push('\u{fffd}');
                        rest = &rest[6..];
                        continue;
                    }
                    _ => {}
                }
            }
            // The next may be a quote.
            (true, '\\') => length += rest[1..].chars().next().map_or(0, char::len_utf8),
            (false, 'N' | 'I' | '-') => {
                let numbers = ["NaN", "Infinity", "-Infinity"];
                if let Some(number) = numbers.iter().find(|number| rest.starts_with(**number)) {
                    out.push_str("null");
                    rest = &rest[number.len()..];
                    continue;
                }
            }
            _ => {}
        }
        out.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    (out != text).then_some(out)
}
