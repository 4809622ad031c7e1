//! A little of what a server said, fit to be shown: it may be anything, control sequences too.

use std::borrow::Cow;

use super::credentials::Credentials;

/// How much is shown, in characters.
const EXCERPT: usize = 200;

/// The beginning of a foreign text on one line, without control characters and without the
/// credentials that it may send back. Of an HTML page, its title.
pub(super) fn excerpt(credentials: Option<&Credentials>, body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(16 * 1024)]);
    let text = match credentials {
        Some(credentials) => Cow::Owned(credentials.hide(&text).into_owned()),
        None => text,
    };
    let lower = text.to_ascii_lowercase();
    let title = lower.find("<title>").and_then(|start| {
        let start = start + "<title>".len();
        let end = start + lower[start..].find("</title>")?;
        Some(text[start..end].to_owned())
    });
    let text = title.unwrap_or_else(|| text.into_owned());
    let printable: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let words: Vec<&str> = printable.split_whitespace().collect();
    let line = words.join(" ");
    match line.char_indices().nth(EXCERPT) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    #[test]
    fn excerpts_are_short_clean_and_on_one_line() {
        assert_eq!(excerpt(None, b"a\x1b[31m\n b"), "a [31m b");
        assert_eq!(
            excerpt(None, b"<html><head><TITLE>502 Bad Gateway</TITLE></head>"),
            "502 Bad Gateway"
        );
        assert_eq!(
            excerpt(None, "ä".repeat(900).as_bytes()).chars().count(),
            EXCERPT + 1
        );
        assert_eq!(excerpt(None, &[0xff, 0xfe]), "\u{fffd}\u{fffd}");
    }
}
