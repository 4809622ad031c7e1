//! Changes of a text, and what goes in the place of a statement.
//!
//! A comment ends its line, and a statement need not: `del df; gc.collect()`. What stands beside a
//! statement that becomes a comment stays code.

use ruff_text_size::{TextRange, TextSize};

/// A change of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// What is replaced.
    pub range: TextRange,
    /// By what.
    pub text: String,
}

impl Edit {
    /// Puts a text in where nothing is taken away.
    pub fn insert(at: TextSize, text: impl Into<String>) -> Self {
        Self {
            range: TextRange::empty(at),
            text: text.into(),
        }
    }

    /// Comments, on lines of their own, in the place of a statement of the cell itself.
    pub fn comment(code: &str, range: TextRange, comment: &str) -> Self {
        let range = with_semicolon(code, range);
        let before = &code[..range.start().to_usize()];
        let after = code[range.end().to_usize()..].trim_start_matches([' ', '\t']);
        let lead = if before.is_empty() || before.ends_with('\n') {
            ""
        } else {
            "\n"
        };
        let tail = if after.is_empty() || after.starts_with(['\n', '#']) {
            ""
        } else {
            "\n"
        };
        Self {
            range,
            text: format!("{lead}{comment}{tail}"),
        }
    }

    /// `pass` in the place of a statement inside another, with a comment where that ends the line.
    pub fn pass(code: &str, range: TextRange, comment: &str) -> Self {
        let after = code[range.end().to_usize()..].trim_start_matches([' ', '\t']);
        let text = match after.is_empty() || after.starts_with(['\n', '#']) {
            true => format!("pass  {comment}"),
            false => "pass".to_owned(),
        };
        Self { range, text }
    }
}

/// Carries out changes. None may overlap another.
pub fn apply(text: &str, mut edits: Vec<Edit>) -> String {
    edits.sort_by_key(|edit| (edit.range.start(), edit.range.end()));
    edits.dedup();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for edit in edits {
        let (start, end) = (edit.range.start().to_usize(), edit.range.end().to_usize());
        if start < at {
            continue;
        }
        out.push_str(&text[at..start]);
        out.push_str(&edit.text);
        at = end;
    }
    out.push_str(&text[at..]);
    out
}

/// A part of a text, with those of the changes that lie in it.
pub fn part(text: &str, range: TextRange, edits: &[Edit]) -> String {
    let inside = edits
        .iter()
        .filter(|edit| range.contains_range(edit.range))
        .map(|edit| Edit {
            range: edit.range - range.start(),
            text: edit.text.clone(),
        });
    apply(&text[range], inside.collect())
}

/// A text as a comment.
pub fn hashed(source: &str) -> String {
    format!("# {}", source.replace('\n', "\n# "))
}

/// The line of a text that a place is in, counted from 1.
pub fn line_at(text: &str, at: TextSize) -> usize {
    text[..at.to_usize()].matches('\n').count() + 1
}

/// The white space that the line of a place begins with.
pub fn indent_at(text: &str, at: TextSize) -> &str {
    let line = before_on_line(text, at);
    &line[..line.len() - line.trim_start().len()]
}

/// What stands before a place on its line.
pub fn before_on_line(text: &str, at: TextSize) -> &str {
    let before = &text[..at.to_usize()];
    before.rsplit('\n').next().unwrap_or(before)
}

/// A statement's range, with the `;` behind it.
fn with_semicolon(code: &str, range: TextRange) -> TextRange {
    let rest = &code[range.end().to_usize()..];
    let Some(after) = rest.trim_start_matches([' ', '\t']).strip_prefix(';') else {
        return range;
    };
    let after = after.trim_start_matches([' ', '\t']);
    let length = u32::try_from(rest.len() - after.len()).unwrap_or(0);
    TextRange::new(range.start(), range.end() + TextSize::new(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_beside_a_comment_stays_code() {
        let commented = |code: &str, statement: &str| {
            let start = u32::try_from(code.find(statement).unwrap()).unwrap();
            let length = u32::try_from(statement.len()).unwrap();
            let range = TextRange::at(TextSize::new(start), TextSize::new(length));
            apply(code, vec![Edit::comment(code, range, &hashed(statement))])
        };
        assert_eq!(commented("del a; f()", "del a"), "# del a\nf()");
        assert_eq!(commented("f(); del a\ng()", "del a"), "f(); \n# del a\ng()");
        assert_eq!(commented("del a  # why\n", "del a"), "# del a  # why\n");
        assert_eq!(commented("del a ;\nf()", "del a"), "# del a\nf()");
    }
}
