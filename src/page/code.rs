//! Python source as HTML: coloured, a line an element, so that lines can be counted and marked.

use ruff_python_ast::token::TokenKind;
use ruff_python_parser::{Mode, ParseOptions, parse_unchecked};
use ruff_text_size::Ranged as _;

use super::markup::push_escaped;
use crate::ui::text::sanitize;

/// So much of a cell's code is shown.
const LONGEST: usize = 256 * 1024;

/// Code as lines. `first` is the file's line of the first, where that is known; `hit` is the line to
/// be marked.
pub(super) fn render(code: &str, first: Option<u32>, hit: Option<u32>) -> String {
    let shown = super::markup::beginning(code, LONGEST);
    let clean = sanitize(shown);
    let mut out = String::with_capacity(clean.len() * 2);
    let mut lines = Lines {
        out: &mut out,
        number: first,
        hit,
    };
    lines.begin();
    let mut at = 0;
    for (start, end, class) in tokens(&clean) {
        if start < at {
            continue;
        }
        lines.push(&clean[at..start], "");
        lines.push(&clean[start..end], class);
        at = end;
    }
    lines.push(&clean[at..], "");
    out.push_str("</span>");
    if shown.len() < code.len() {
        out.push_str("<span class=\"line\">…</span>");
    }
    out
}

struct Lines<'a> {
    out: &'a mut String,
    number: Option<u32>,
    hit: Option<u32>,
}

impl Lines<'_> {
    fn begin(&mut self) {
        let hit = self.number.is_some() && self.number == self.hit;
        let class = if hit { "line hit" } else { "line" };
        match self.number {
            Some(number) => self
                .out
                .push_str(&format!("<span class=\"{class}\" data-n=\"{number}\">")),
            None => self.out.push_str("<span class=\"line\">"),
        }
    }

    fn push(&mut self, text: &str, class: &str) {
        for (index, part) in text.split('\n').enumerate() {
            if index > 0 {
                self.out.push_str("\n</span>");
                self.number = self.number.map(|number| number + 1);
                self.begin();
            }
            if class.is_empty() || part.is_empty() {
                push_escaped(part, self.out);
            } else {
                self.out.push_str(&format!("<span class=\"{class}\">"));
                push_escaped(part, self.out);
                self.out.push_str("</span>");
            }
        }
    }
}

/// Where the tokens are that have a colour, in order. Code that does not parse has them all the same.
fn tokens(code: &str) -> Vec<(usize, usize, &'static str)> {
    let parsed = parse_unchecked(code, ParseOptions::from(Mode::Module));
    let mut colored = Vec::new();
    let mut before = None;
    for token in parsed.tokens() {
        let kind = token.kind();
        let class = match kind {
            TokenKind::Comment => "t-c",
            TokenKind::String
            | TokenKind::FStringStart
            | TokenKind::FStringMiddle
            | TokenKind::FStringEnd
            | TokenKind::TStringStart
            | TokenKind::TStringMiddle
            | TokenKind::TStringEnd => "t-s",
            TokenKind::Int | TokenKind::Float | TokenKind::Complex => "t-m",
            TokenKind::Name if matches!(before, Some(TokenKind::Def | TokenKind::Class)) => "t-f",
            kind if kind.is_keyword() => "t-k",
            _ => "",
        };
        before = Some(kind);
        let (start, end) = (token.start().to_usize(), token.end().to_usize());
        if !class.is_empty()
            && start < end
            && code.is_char_boundary(start)
            && code.is_char_boundary(end)
        {
            colored.push((start, end, class));
        }
    }
    colored
}

/// The code between two lines of a file, counted from 1, without the indentation they share.
pub(super) fn of_file(text: &str, first: u32, last: u32) -> String {
    let first_index = (first as usize).saturating_sub(1);
    let count = (last.saturating_sub(first) as usize) + 1;
    let lines: Vec<&str> = text.lines().skip(first_index).take(count).collect();
    let indent = lines
        .iter()
        .filter(|line| !line.trim().is_empty())
        .map(|line| line.len() - line.trim_start_matches(' ').len())
        .min()
        .unwrap_or(0);
    let mut lines: Vec<&str> = lines
        .iter()
        .map(|line| line.get(indent..).unwrap_or_default())
        .collect();
    // The end of the function is marimo's, not the cell's.
    if lines
        .last()
        .is_some_and(|line| *line == "return" || line.starts_with("return "))
        && first < last
    {
        lines.pop();
    }
    lines.join("\n").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_those_of_the_file() {
        let html = render(
            "def f(x):  # why\n    return \"\"\"a\n<b>\"\"\" + 1",
            Some(7),
            Some(8),
        );
        insta::assert_snapshot!(html);
        assert!(render("x = (", Some(1), None).contains("x = ("));
        assert_eq!(
            of_file(
                "@app.cell\ndef f():\n    a\n    if b:\n        c\n    return (a,)\n",
                3,
                6
            ),
            "a\nif b:\n    c"
        );
    }
}
