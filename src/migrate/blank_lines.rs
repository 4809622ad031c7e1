//! Lines of white space.

use ruff_python_ast::token::TokenKind::{
    FStringEnd, FStringMiddle, FStringStart, String as Text, TStringEnd, TStringMiddle,
    TStringStart,
};
use ruff_python_parser::parse_module;
use ruff_text_size::{Ranged as _, TextRange};

/// marimo empties lines of white space when it reads a cell. Where that would change a text, they
/// are written as escapes; elsewhere they are emptied now.
pub fn emptied(code: &str) -> String {
    if !code
        .split('\n')
        .any(|line| !line.is_empty() && line.trim().is_empty())
    {
        return code.to_owned();
    }
    let Ok(parsed) = parse_module(code) else {
        return code.to_owned();
    };
    let mut plain: Vec<TextRange> = Vec::new();
    let mut raw: Vec<TextRange> = Vec::new();
    let is_raw = |range: TextRange| {
        let prefix = code[range].split(['"', '\'']).next().unwrap_or_default();
        prefix.to_lowercase().contains('r')
    };
    // Whether each of the f-strings that are open is raw.
    let mut open = Vec::new();
    for token in parsed.tokens() {
        let of_raw = match token.kind() {
            FStringStart | TStringStart => {
                open.push(is_raw(token.range()));
                continue;
            }
            FStringEnd | TStringEnd => {
                open.pop();
                continue;
            }
            Text => is_raw(token.range()),
            FStringMiddle | TStringMiddle => open.last().copied().unwrap_or(false),
            _ => continue,
        };
        match of_raw {
            true => raw.push(token.range()),
            false => plain.push(token.range()),
        }
    }
    let mut out = String::with_capacity(code.len());
    let mut at = 0usize;
    for line in code.split_inclusive('\n') {
        let text = line.strip_suffix('\n').unwrap_or(line);
        let inside = |ranges: &[TextRange]| {
            ranges
                .iter()
                .any(|r| r.start().to_usize() < at && at + text.len() < r.end().to_usize())
        };
        if text.is_empty() || !text.trim().is_empty() || inside(&raw) {
            out.push_str(line);
        } else if inside(&plain) {
            let first = if text.starts_with('\t') {
                "\\t"
            } else {
                "\\x20"
            };
            out.push_str(first);
            out.push_str(&text[text.chars().next().map_or(0, char::len_utf8)..]);
            out.push_str(&line[text.len()..]);
        } else {
            out.push_str(&line[text.len()..]);
        }
        at += line.len();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_keep_their_blank_lines() {
        assert_eq!(emptied("x = 1\n  \ny"), "x = 1\n\ny");
        assert_eq!(emptied("'''a\n  \nb'''"), "'''a\n\\x20 \nb'''");
        assert_eq!(emptied("f'''{a}\n  \nb'''"), "f'''{a}\n\\x20 \nb'''");
        // What can't be written as an escape stays.
        for raw in [
            "r'''a\n  \nb'''",
            "rf'''{a}\n  \nb'''",
            "fR'''{f'{a}'}\n  \nb'''",
        ] {
            assert_eq!(emptied(raw), raw);
        }
    }
}
