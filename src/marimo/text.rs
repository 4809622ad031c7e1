//! Highlighted text made plain again.

/// Removes tags and resolves the entities that an HTML highlighter writes.
pub(crate) fn strip_html(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(start) = rest.find(['<', '&']) {
        text.push_str(&rest[..start]);
        rest = &rest[start..];
        if rest.starts_with('<') {
            match rest.find('>') {
                Some(end) => rest = &rest[end + 1..],
                None => return text,
            }
        } else {
            let (character, length) = entity(rest);
            text.push_str(character);
            rest = &rest[length..];
        }
    }
    text.push_str(rest);
    text
}

fn entity(text: &str) -> (&'static str, usize) {
    const ENTITIES: [(&str, &str); 8] = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&amp;", "&"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&#x27;", "'"),
        ("&#34;", "\""),
        ("&nbsp;", " "),
    ];
    ENTITIES
        .iter()
        .find(|(name, _)| text.starts_with(name))
        .map_or(("&", 1), |(name, character)| (character, name.len()))
}

/// The last part of a text that is too long, with a word about what is missing.
pub(super) fn keep_end(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let mut start = text.len() - most;
    while !text.is_char_boundary(start) {
        start += 1;
    }
    format!("[{start} bytes left out]\n{}", &text[start..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceback_reads_as_python_wrote_it() {
        let html = "<span class=\"x\">File <b>&quot;a.py&quot;</b>, in &lt;module&gt; a &amp;&amp; b</span";
        assert_eq!(strip_html(html), "File \"a.py\", in <module> a && b");
        assert_eq!(strip_html("a & b &unknown; <"), "a & b &unknown; ");
    }

    #[test]
    fn the_end_is_kept_at_a_character() {
        assert_eq!(keep_end("short", 10), "short");
        assert!(keep_end(&"ä".repeat(100), 11).ends_with("ääääää"[..10].trim_start_matches('x')));
    }
}
