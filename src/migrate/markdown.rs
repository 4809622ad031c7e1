//! Markdown and raw cells as calls of `mo.md`.

use std::collections::BTreeMap;

use super::literal::quote;
use super::{Issue, Severity, Statistics, read};
use crate::percent::ADDRESS;
use crate::ui::text;

/// The largest picture that is written into the notebook, in bytes of base64.
const LARGEST_ATTACHMENT: usize = 256 * 1024;

/// A call that shows Markdown, as marimo writes it where it can: its editor then knows the cell for
/// Markdown.
///
/// marimo writes `""` as `"\"` in such calls, whether the text is raw or not, and takes away what is
/// before the first line's text. What would come out different is given a name first, which marimo
/// leaves alone. `mo.md` itself takes away indentation that all lines have, so a text that is one
/// block of code is fenced.
pub fn call(markdown: &str) -> String {
    let lines: Vec<&str> = markdown
        .trim_matches('\n')
        .trim_end()
        .split('\n')
        .map(|line| if line.trim().is_empty() { "" } else { line })
        .collect();
    let written = || lines.iter().filter(|line| !line.is_empty());
    fn inner(line: &str) -> Option<&str> {
        line.strip_prefix("    ").or(line.strip_prefix('\t'))
    }
    let is_block = written().all(|line| inner(line).is_some()) && written().next().is_some();
    let text = match is_block {
        true => {
            let inner: Vec<&str> = lines
                .iter()
                .map(|line| inner(line).unwrap_or(line))
                .collect();
            fenced(&inner.join("\n"))
        }
        false => lines.join("\n"),
    };
    let odd = text
        .chars()
        .any(|c| (c.is_control() && c != '\n') || matches!(c, '\u{2028}' | '\u{2029}' | '\u{a0}'));
    let indented = text.starts_with(' ');
    let (quotes, slashes) = (text.contains("\"\""), text.contains('\\'));
    match (odd || indented, quotes, slashes) {
        // The first line would lose what is before it.
        (true, ..) if indented => {
            format!(
                "_markdown = {}\nmo.md(_markdown)",
                quote(&format!("\n{text}"))
            )
        }
        (true, ..) | (_, true, true) => format!("_markdown = {}\nmo.md(_markdown)", quote(&text)),
        (false, false, _) => format!("mo.md(r\"\"\"\n{text}\n\"\"\")"),
        (false, true, false) => {
            format!("mo.md(\"\"\"\n{}\n\"\"\")", text.replace("\"\"", "\"\\\""))
        }
    }
}

/// A text as a block that is shown as it is.
fn fenced(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}text\n{text}\n{fence}")
}

/// The text of a raw cell: as Jupyter shows it, unless it is something that can be shown better.
pub fn raw(source: &str, mime: &str) -> String {
    match mime {
        "text/markdown" | "markdown" => call(source),
        "text/html" | "html" => format!("mo.Html({})", quote(source.trim())),
        _ => call(&fenced(source.trim_matches('\n'))),
    }
}

/// Puts pictures that the cell carries into its text, up to a size.
pub fn with_attachments(
    cell: &read::Cell,
    issues: &mut Vec<Issue>,
    statistics: &mut Statistics,
) -> String {
    let mut source = cell.source.clone();
    let mut unused: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, (mime, data)) in &cell.attachments {
        let encoded = percent_encoding::utf8_percent_encode(name, ADDRESS);
        let written = [
            format!("attachment:{name}"),
            format!("attachment:{}", name.replace(' ', "%20")),
            format!("attachment:{encoded}"),
        ];
        let Some(written) = written.iter().find(|written| source.contains(*written)) else {
            unused.insert(name, data.len());
            continue;
        };
        let is_plain = |text: &str| {
            text.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"+/=.-".contains(&b))
        };
        if data.len() <= LARGEST_ATTACHMENT && is_plain(data) && is_plain(mime) {
            source = source.replace(written, &format!("data:{mime};base64,{data}"));
            statistics.attachments_inlined += 1;
        } else {
            statistics.attachments_lost += 1;
            let size = text::bytes(data.len() as u64 * 3 / 4);
            let issue = Issue::new(
                Severity::Manual,
                "attachment",
                format!(
                    "the picture `{}` inside the cell is too large for a Python file ({size})",
                    text::one_line(name)
                ),
            )
            .source(written)
            .done("the text still names it, and the picture is not there")
            .action("save it from Jupyter beside the notebook, in `public/`, and name that file");
            issues.push(about(cell, issue));
        }
    }
    for (name, _) in unused {
        statistics.attachments_lost += 1;
        let issue = Issue::new(
            Severity::Info,
            "attachment",
            format!(
                "the picture `{}` inside the cell is not shown by its text",
                text::one_line(name)
            ),
        );
        issues.push(about(cell, issue.done("it was left out")));
    }
    source
}

fn about(cell: &read::Cell, mut issue: Issue) -> Issue {
    issue.cell = Some(cell.number);
    issue
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_is_written_as_marimo_writes_it() {
        assert_eq!(
            call("# T\n\n$\\frac{a}{b}$ {x}\n"),
            "mo.md(r\"\"\"\n# T\n\n$\\frac{a}{b}$ {x}\n\"\"\")"
        );
        assert_eq!(call("<a b=\"\">"), "mo.md(\"\"\"\n<a b=\"\\\">\n\"\"\")");
        assert_eq!(
            call("a \"\"\" \\n"),
            "_markdown = \"a \\\"\\\"\\\" \\\\n\"\nmo.md(_markdown)"
        );
        assert_eq!(
            call("    code\n\tmore"),
            "mo.md(r\"\"\"\n```text\ncode\nmore\n```\n\"\"\")"
        );
        // `mo.md` leaves the indentation of a literal that begins with a line of its own.
        assert_eq!(
            call("    code\n\ntext"),
            "_markdown = \"\"\"\n    code\n\ntext\"\"\"\nmo.md(_markdown)"
        );
        assert_eq!(
            raw("a ```` b", ""),
            "mo.md(r\"\"\"\n`````text\na ```` b\n`````\n\"\"\")"
        );
        assert_eq!(raw("<b>\"</b>", "text/html"), "mo.Html(\"<b>\\\"</b>\")");
    }
}
