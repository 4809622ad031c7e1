//! Foreign text as code, whatever is in it.

use std::fmt::Write as _;

use crate::ui::text::{one_line, sanitize};

/// `text` on one line as inline code that is safe in a table too. In code nothing formats, links or
/// mentions. Text with a pipe, which would end a table's cell, or with a word that would make a table
/// wider than its column is written as `<code>`, with nearly everything but letters, digits and
/// spaces as a character reference: those are never syntax.
pub(super) fn code(text: &str) -> String {
    let line = one_line(text);
    if line.is_empty() {
        return String::new();
    }
    if line.contains('|')
        || line
            .split(' ')
            .any(|word| word.chars().nth(LONGEST_WORD).is_some())
    {
        return format!("<code>{}</code>", breakable(&line));
    }
    let ticks = "`".repeat(longest_run(&line) + 1);
    // A space is stripped from both ends if both have one; a tick must not touch the fence.
    let pad = if line.starts_with('`') || line.ends_with('`') {
        " "
    } else {
        ""
    };
    format!("{ticks}{pad}{line}{pad}{ticks}")
}

/// A word longer than this may be broken.
const LONGEST_WORD: usize = 48;

/// `text` as HTML whose long words may be broken after a sign, or else anywhere.
fn breakable(text: &str) -> String {
    let mut out = String::new();
    for (index, word) in text.split(' ').enumerate() {
        if index > 0 {
            out.push(' ');
        }
        let long = word.chars().nth(LONGEST_WORD).is_some();
        let mut unbroken = 0;
        for c in word.chars() {
            out.push_str(&references(c.encode_utf8(&mut [0; 4])));
            unbroken += 1;
            let sign = matches!(c, '/' | '_' | '.' | '-' | ',' | ':');
            if long && (sign && unbroken >= 8 || unbroken >= 24) {
                out.push_str("<wbr>");
                unbroken = 0;
            }
        }
    }
    out
}

/// `text` on one line as code inside a line of HTML, where Markdown is not read.
pub(super) fn html_code(text: &str) -> String {
    format!("<code>{}</code>", breakable(&one_line(text)))
}

/// A message longer than this is cut in a row.
const LONGEST: usize = 160;

/// A message longer than this is cut in a summary.
const LONGEST_SUMMARY: usize = 60;

/// Whether a row has room for all of `text`.
pub(super) fn is_short(text: &str) -> bool {
    !text.trim_end().contains('\n') && text.chars().nth(LONGEST).is_none()
}

/// The beginning of `text` as code.
pub(super) fn short_code(text: &str) -> String {
    code(&beginning(text, LONGEST))
}

/// The beginning of `text` as code inside a line of HTML.
pub(super) fn html_short(text: &str) -> String {
    html_code(&beginning(text, LONGEST_SUMMARY))
}

fn beginning(text: &str, most: usize) -> String {
    let line = one_line(text);
    match line.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

/// A version as plain words if it looks like one, else as code.
pub(super) fn version(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '-');
    let begins = text.starts_with(|c: char| c.is_ascii_digit());
    if begins && text.len() <= 40 && text.chars().all(plain) {
        text.to_owned()
    } else {
        code(text)
    }
}

/// `text` as code, linked to `url` if that is an address a browser may follow.
pub(super) fn link(text: &str, url: Option<&str>) -> String {
    match url.and_then(web_address) {
        Some(url) => format!("[{}]({url})", code(text)),
        None => code(text),
    }
}

/// A sentence of ours that holds foreign words, with what stands between ticks as code. GitHub
/// looks for mentions and issues in what was rendered, so to escape their sign is not enough.
pub(super) fn prose(text: &str) -> String {
    let line = one_line(text);
    let parts: Vec<&str> = line.split('`').collect();
    let even = parts.len() % 2 == 1;
    let mut out = String::new();
    for (index, part) in parts.iter().enumerate() {
        if index % 2 == 1 && even {
            out.push_str(&code(part));
        } else {
            let part = references(part)
                .replace("&#64;", "&#64;\u{200b}")
                .replace("&#35;", "&#35;\u{200b}")
                .replace("www.", "www&#46;");
            out.push_str(&part);
        }
    }
    out
}

/// Plain words of ours, linked to `url` if that is an address a browser may follow.
pub(super) fn link_words(words: &str, url: Option<&str>) -> String {
    match url.and_then(web_address) {
        Some(url) => format!("[{words}]({url})"),
        None => words.to_owned(),
    }
}

/// `text` in a fence that it cannot close.
pub(super) fn fence(text: &str) -> String {
    let clean = sanitize(text);
    let ticks = "`".repeat((longest_run(&clean) + 1).max(3));
    format!("{ticks}text\n{}\n{ticks}\n", clean.trim_end())
}

/// An `http` or `https` address with everything encoded that could end a link or a table's cell.
fn web_address(url: &str) -> Option<String> {
    let url = url::Url::parse(url)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"))?;
    let mut out = String::new();
    for c in url.as_str().chars() {
        match c {
            '(' | ')' | '<' | '>' | '|' | '`' | '\\' | '"' | '\'' | '*' | '[' | ']' | ' ' => {
                // Writing to a String cannot fail.
                let _ = write!(out, "%{:02X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    Some(out)
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

fn references(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            ' ' | '/' | '.' | ',' | '-' => out.push(c),
            c if c.is_ascii_punctuation() => {
                // Writing to a String cannot fail.
                let _ = write!(out, "&#{};", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_cannot_be_left() {
        assert_eq!(code("a.py:3"), "`a.py:3`");
        assert_eq!(code("@team #12 <b>"), "`@team #12 <b>`");
        assert_eq!(code("a`b``c"), "```a`b``c```");
        assert_eq!(code("`x`"), "`` `x` ``");
        assert_eq!(code("a\n\nb"), "`a b`");
        assert_eq!(code("a|b`"), "<code>a&#124;b&#96;</code>");
        assert_eq!(code(" "), "");
    }

    #[test]
    fn prose_is_text_and_code() {
        assert_eq!(
            prose("No: <b>@team</b>\n#1 www.x.org `A_B`."),
            "No&#58; &#60;b&#62;&#64;\u{200b}team&#60;/b&#62; &#35;\u{200b}1 www&#46;x.org `A_B`."
        );
        assert_eq!(prose("`@x"), "&#64;\u{200b}x");
    }

    #[test]
    fn a_version_is_plain_only_if_it_is_one() {
        assert_eq!(version("3.14.0rc1+x"), "3.14.0rc1+x");
        assert_eq!(version("1.0 @team"), "`1.0 @team`");
        assert_eq!(version("www.x.org"), "`www.x.org`");
    }

    #[test]
    fn what_is_long_is_cut_between_characters() {
        let long = "é ".repeat(LONGEST);
        let cut = &long[..LONGEST / 2 * 3];
        assert_eq!(short_code(&long), format!("`{cut}…`"));
        assert!(is_short(cut) && !is_short(&long) && !is_short("a\nb"));
    }

    #[test]
    fn a_long_word_may_be_broken() {
        let path = "analytics/orders/a_folder_below/another_one_below_it.py";
        assert_eq!(
            code(&format!("{path} a_b")),
            "<code>analytics/<wbr>orders/a&#95;<wbr>folder&#95;below/<wbr>another&#95;<wbr>\
             one&#95;below&#95;<wbr>it.py a&#95;b</code>"
        );
        let long = code(&"é".repeat(60));
        assert_eq!(long.matches("<wbr>").count(), 2);
    }

    #[test]
    fn html_code_holds_no_markup() {
        assert_eq!(
            html_code("</summary>*x*"),
            "<code>&#60;/summary&#62;&#42;x&#42;</code>"
        );
    }

    #[test]
    fn only_web_addresses_become_links() {
        assert_eq!(
            link("a", Some("https://x.org/a(b)")),
            "[`a`](https://x.org/a%28b%29)"
        );
        assert_eq!(
            link("a", Some("https://x.org/?a|b")),
            "[`a`](https://x.org/?a%7Cb)"
        );
        for refused in [
            "javascript:alert(1)",
            "file:///etc/passwd",
            "notebooks/a.html",
            "",
        ] {
            assert_eq!(link("a", Some(refused)), "`a`");
        }
    }

    #[test]
    fn a_fence_is_longer_than_what_it_holds() {
        assert_eq!(fence("x\n````\ny\n"), "`````text\nx\n````\ny\n`````\n");
    }
}
