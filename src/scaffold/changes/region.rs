//! A part of a user's file that is ours: the lines between two markers, which are comments.
//!
//! ```text
//! # >>> daglab >>>
//! .daglab/cache/
//! # <<< daglab <<<
//! ```

use std::ops::Range;
use std::path::Path;

use super::Error;

/// A text between markers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    name: String,
    text: String,
}

impl Region {
    /// The region of this name, which is part of its markers: `daglab`, or `daglab templates` where
    /// a file has several.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            text: text.into(),
        }
    }

    /// A file's text with this region in it: in place of what is between its markers, or at the end
    /// where there are none. Nothing else is touched; lines end as those of the file do.
    pub(super) fn put(&self, before: &str, path: &Path) -> Result<String, Error> {
        let (open, close) = comments(path).ok_or_else(|| Error::NoComments {
            path: path.to_owned(),
        })?;
        let begins = format!("{open}>>> {} >>>{close}", self.name);
        let ends = format!("{open}<<< {} <<<{close}", self.name);
        let found = find(before, &begins, &ends).map_err(|problem| Error::Markers {
            path: path.to_owned(),
            problem,
        })?;
        if let Some(inner) = found {
            let end = line_end(&before[..inner.start]);
            let body = self.body(end);
            return Ok([&before[..inner.start], &body, &before[inner.end..]].concat());
        }
        let end = line_end(before);
        let mut after = before.to_owned();
        if !after.is_empty() && after != "\u{feff}" {
            if !after.ends_with('\n') {
                after.push_str(end);
            }
            // A line of space, unless there is one.
            if !after.ends_with(&format!("{end}{end}")) {
                after.push_str(end);
            }
        }
        after.push_str(&format!("{begins}{end}{}{ends}{end}", self.body(end)));
        Ok(after)
    }

    /// The lines between the markers.
    fn body(&self, end: &str) -> String {
        let lines = self.text.lines();
        lines.flat_map(|line| [line, end]).collect()
    }
}

/// What begins and ends a comment of a line of its own, by the file's name.
fn comments(path: &Path) -> Option<(&'static str, &'static str)> {
    let extension = path.extension().and_then(|it| it.to_str()).unwrap_or("");
    match extension.to_ascii_lowercase().as_str() {
        "md" | "html" | "htm" | "xml" | "svg" => Some(("<!-- ", " -->")),
        "css" => Some(("/* ", " */")),
        "js" | "mjs" | "ts" | "rs" | "jsonc" => Some(("// ", "")),
        "sql" => Some(("-- ", "")),
        "json" | "ipynb" | "csv" => None,
        _ => Some(("# ", "")),
    }
}

/// What is between the two markers, each alone on its line; none where there is neither.
fn find(text: &str, begins: &str, ends: &str) -> Result<Option<Range<usize>>, String> {
    let mut at = 0;
    let mut first: Option<(usize, usize)> = None;
    let mut found = None;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let number = index + 1;
        let shown = line.strip_prefix('\u{feff}').unwrap_or(line).trim();
        if shown == begins {
            match first {
                None => first = Some((number, at + line.len())),
                Some((other, _)) => {
                    return Err(format!("`{begins}` stands in lines {other} and {number}"));
                }
            }
        } else if shown == ends {
            match (first, &found) {
                (Some((_, start)), None) => found = Some(start..at),
                _ => return Err(format!("`{ends}` in line {number} ends nothing")),
            }
        }
        at += line.len();
    }
    match (first, found) {
        (Some((number, _)), None) => Err(format!("`{begins}` in line {number} has no end")),
        (_, found) => Ok(found),
    }
}

/// How lines end: as the last one that has an end.
fn line_end(text: &str) -> &'static str {
    match text.rfind('\n') {
        Some(at) if text[..at].ends_with('\r') => "\r\n",
        _ => "\n",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(before: &str, text: &str) -> String {
        let region = Region::new("daglab", text);
        let after = region.put(before, Path::new(".gitignore")).unwrap();
        let again = region.put(&after, Path::new(".gitignore")).unwrap();
        assert_eq!(after, again, "it is put once");
        after
    }

    #[test]
    fn what_is_outside_stays_byte_for_byte() {
        let cases = [
            ("", ""),
            ("a\n", "\n"),
            ("a\n\n", ""),
            ("a", "\n\n"),
            ("\u{feff}a\r\nb\r\n", "\r\n"),
            ("a\r\nb", "\r\n\r\n"),
            ("a\tb \n\n\n\u{b}x\r", "\n\n"),
        ];
        for (before, gap) in cases {
            let after = put(before, "x\ny");
            let region = after.strip_prefix(before).expect("the text is kept");
            let end = if before.contains("\r\n") {
                "\r\n"
            } else {
                "\n"
            };
            let lines = ["# >>> daglab >>>", "x", "y", "# <<< daglab <<<", ""];
            assert_eq!(region, format!("{gap}{}", lines.join(end)), "{before:?}");
        }
    }

    #[test]
    fn a_region_is_replaced_where_it_is() {
        let cases = [
            (
                "a\n# >>> daglab >>>\nold\nold\n# <<< daglab <<<\nb",
                "a\n# >>> daglab >>>\nnew\n# <<< daglab <<<\nb",
            ),
            (
                "\u{feff}# >>> daglab >>>\r\n# <<< daglab <<<",
                "\u{feff}# >>> daglab >>>\r\nnew\r\n# <<< daglab <<<",
            ),
            (
                "a\n  # >>> daglab >>> \nold\n\t# <<< daglab <<<\r\nb\r\n",
                "a\n  # >>> daglab >>> \nnew\n\t# <<< daglab <<<\r\nb\r\n",
            ),
        ];
        for (before, after) in cases {
            assert_eq!(put(before, "new"), after);
        }
    }

    #[test]
    fn several_regions_live_in_one_file() {
        let path = Path::new("justfile");
        let one = Region::new("daglab", "a").put("", path).unwrap();
        let two = Region::new("daglab more", "b").put(&one, path).unwrap();
        assert_eq!(Region::new("daglab", "a").put(&two, path).unwrap(), two);
        insta::assert_snapshot!(two, @r"
        # >>> daglab >>>
        a
        # <<< daglab <<<

        # >>> daglab more >>>
        b
        # <<< daglab more <<<
        ");
    }

    #[test]
    fn markers_that_do_not_match_are_refused() {
        let (begin, end) = ("# >>> daglab >>>\n", "# <<< daglab <<<\n");
        for text in [
            begin.to_owned(),
            end.to_owned(),
            format!("{end}{begin}"),
            format!("{begin}{begin}{end}"),
            format!("{begin}{end}{end}"),
            format!("{begin}{end}{begin}{end}"),
        ] {
            let put = Region::new("daglab", "x").put(&text, Path::new("a.toml"));
            assert!(matches!(put, Err(Error::Markers { .. })), "{text:?}");
        }
        let put = Region::new("daglab", "x").put("{}", Path::new("a.json"));
        assert!(matches!(put, Err(Error::NoComments { .. })));
    }

    #[test]
    fn markers_are_comments_of_the_file() {
        let first = |path: &str| {
            let text = Region::new("daglab", "").put("", Path::new(path)).unwrap();
            text.lines().next().unwrap().to_owned()
        };
        assert_eq!(first("README.md"), "<!-- >>> daglab >>> -->");
        assert_eq!(first("Makefile"), "# >>> daglab >>>");
        assert_eq!(first("a.sql"), "-- >>> daglab >>>");
        assert_eq!(first("a.css"), "/* >>> daglab >>> */");
    }
}
