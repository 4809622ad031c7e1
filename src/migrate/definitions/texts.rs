//! Names in texts that are evaluated.
//!
//! A word in a text may be a name, a column, or nothing of the kind, so texts stay as they are, and
//! the report says where to look. Queries are clear enough: `@limit` is a name in those of pandas,
//! and what follows `FROM` in those of `mo.sql` a data frame.

use std::collections::BTreeSet;

use ruff_text_size::{TextRange, TextSize};

use super::Resolver;
use crate::migrate::edits::Edit;
use crate::migrate::{Issue, Severity};

/// A word of a text that is evaluated, and the definition it means.
#[derive(Debug)]
pub(super) struct InText {
    pub(super) piece: usize,
    pub(super) name: String,
    /// The text.
    pub(super) range: TextRange,
    pub(super) version: usize,
}

/// Words that may follow a table in a query; any other is another name for it.
const AFTER_TABLE: &[&str] = &[
    "anti",
    "asof",
    "cross",
    "except",
    "fetch",
    "for",
    "full",
    "group",
    "having",
    "inner",
    "intersect",
    "join",
    "lateral",
    "left",
    "limit",
    "natural",
    "offset",
    "on",
    "order",
    "outer",
    "pivot",
    "positional",
    "qualify",
    "right",
    "sample",
    "select",
    "semi",
    "tablesample",
    "union",
    "unpivot",
    "using",
    "where",
    "window",
];

impl Resolver<'_> {
    /// Says where texts may name what has another name now.
    pub(super) fn texts(&self, edits: &mut [Vec<Edit>], issues: &mut Vec<Issue>) {
        let mut told = BTreeSet::new();
        let mut tell = |piece: usize, name: &str, new: &str, is_done: bool| {
            if !told.insert((piece, name.to_owned())) {
                return;
            }
            let reason =
                format!("`{name}` is `{new}` here, and texts that are evaluated may name it");
            let issue = Issue::new(Severity::Review, "renamed-in-text", reason).source(name);
            let issue = match is_done {
                true => issue
                    .done(format!("the query reads `{new}`"))
                    .action("see whether it is the one that is meant"),
                false => issue.action(format!(
                    "look for `{name}` in the texts of this cell, and write `{new}` where it is meant"
                )),
            };
            issues.push(self.pieces[piece].about(issue));
        };
        for text in &self.in_texts {
            let new = &self.versions[&text.name][text.version].name;
            if *new == text.name {
                continue;
            }
            let code = &self.pieces[text.piece].code;
            let of_query = in_query(code, text.range, &text.name, new);
            tell(text.piece, &text.name, new, !of_query.is_empty());
            edits[text.piece].extend(of_query);
        }
        for (piece, name) in self.owned() {
            let new = &self.versions[name][self.own[&(piece, name.to_owned())].version].name;
            if new != name && self.names[piece].opaque {
                tell(piece, name, new, false);
            }
        }
    }
}

/// The places of a query where a name is one for certain. `FROM df` becomes `FROM df_1 AS df`, so
/// that `df.a` in it stays right.
fn in_query(code: &str, range: TextRange, name: &str, new: &str) -> Vec<Edit> {
    let text = &code[range];
    let (of_sql, of_pandas) = (
        code.contains("mo.sql("),
        code.contains(".query(") || code.contains(".eval("),
    );
    let words = words(text);
    let mut edits = Vec::new();
    for (index, (start, word)) in words.iter().enumerate() {
        let before = index.checked_sub(1).map(|before| words[before]);
        let is_table = of_sql
            && before.is_some_and(|(at, before)| {
                ["from", "join"].contains(&&*before.to_lowercase())
                    && text[at + before.len()..*start].trim().is_empty()
            });
        let is_local = of_pandas && text[..*start].ends_with('@');
        let end = start + word.len();
        let is_other = is_table && text[end..].starts_with(['.', '(']);
        if *word != name || is_other || !(is_table || is_local) {
            continue;
        }
        let has_alias = words.get(index + 1).is_some_and(|(at, after)| {
            text[end..*at].trim().is_empty() && !AFTER_TABLE.contains(&&*after.to_lowercase())
        });
        let at = range.start() + TextSize::new(u32::try_from(*start).unwrap_or(0));
        edits.push(Edit {
            range: TextRange::at(at, TextSize::of(*word)),
            text: match has_alias || is_local {
                true => new.to_owned(),
                false => format!("{new} AS {name}"),
            },
        });
    }
    edits
}

/// The words of a text, and where they begin.
fn words(text: &str) -> Vec<(usize, &str)> {
    let is_end = |c: char| !(c.is_alphanumeric() || c == '_');
    let mut found = Vec::new();
    let mut at = 0;
    for word in text.split(is_end) {
        if !word.is_empty() {
            found.push((at, word));
        }
        at += word.len();
        at += text[at..].chars().next().map_or(0, char::len_utf8);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrate::edits::apply;

    #[test]
    fn tables_of_a_query_follow() {
        let of = |text: &str| {
            let code = format!("{text}'''; mo.sql() + x.query()");
            let range = TextRange::up_to(TextSize::of(text));
            let edits = in_query(&code, range, "df", "df_1");
            apply(text, edits)
        };
        assert_eq!(of("a > @df and df < 3"), "a > @df_1 and df < 3");
        assert_eq!(of("SELECT df.a FROM df"), "SELECT df.a FROM df_1 AS df");
        assert_eq!(
            of("select * from df é join\n  df as b on df.df = b.df where df > 1"),
            "select * from df_1 é join\n  df_1 as b on df.df = b.df where df > 1"
        );
        assert_eq!(
            of("FROM df WHERE a IN (SELECT df FROM df d)"),
            "FROM df_1 AS df WHERE a IN (SELECT df FROM df_1 d)"
        );
        assert_eq!(
            of("SELECT 'from', df, df() FROM df.t"),
            "SELECT 'from', df, df() FROM df.t"
        );
    }
}
