//! Foreign HTML as a tree, read leniently and within bounds.
//!
//! This is not what keeps the page safe: whatever comes out of it goes through [`super::clean`].
//! It exists because marimo's own elements have to become something that needs no script, and
//! because a browser's repairs of broken HTML can make a little text into a great deal of it. The
//! tree is balanced, so nothing is left to repair.

use std::borrow::Cow;

/// Deeper than this, tags are ignored and their content moves up.
const DEEPEST: usize = 80;

/// So many elements are read of one output.
pub(in crate::page) const MOST_ELEMENTS: usize = 60_000;

/// What an element may carry in attributes; pictures and marimo's data need much.
const MOST_ATTRIBUTES: usize = 64;

/// A part of the tree.
#[derive(Debug)]
pub(in crate::page) enum Node<'a> {
    /// Text as it stood, entities and all.
    Text(&'a str),
    /// An element with what is in it.
    Element(Element<'a>),
}

/// An element.
#[derive(Debug)]
pub(in crate::page) struct Element<'a> {
    /// In lower case.
    pub name: String,
    /// As it was written: in SVG case matters.
    pub written: &'a str,
    /// Names and values as they were written.
    pub attributes: Vec<(&'a str, &'a str)>,
    /// What is in it.
    pub children: Vec<Node<'a>>,
    /// From its first character to behind its end.
    pub source: &'a str,
}

impl Element<'_> {
    /// An attribute's value, its entities resolved.
    pub fn attribute(&self, name: &str) -> Option<Cow<'_, str>> {
        let mut all = self.attributes.iter();
        let (_, value) = all.find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        Some(unescape(value))
    }

    /// Whether an attribute is there, with or without a value.
    pub fn has(&self, name: &str) -> bool {
        let mut all = self.attributes.iter();
        all.any(|(key, _)| key.eq_ignore_ascii_case(name))
    }

    /// Whether one of its classes is this one.
    pub fn has_class(&self, class: &str) -> bool {
        self.attribute("class")
            .is_some_and(|classes| classes.split_whitespace().any(|one| one == class))
    }
}

/// The tree, and whether it is all there was.
#[derive(Debug, Default)]
pub(in crate::page) struct Tree<'a> {
    /// What is at the top.
    pub nodes: Vec<Node<'a>>,
    /// Whether elements were left out because there were too many.
    pub cut: bool,
    /// Whether elements were nested too deeply to be kept apart.
    pub flattened: bool,
}

/// Elements that hold nothing.
const VOID: &[&str] = &[
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source",
    "track", "wbr",
];

/// Elements whose content is text, whatever it looks like.
const RAW: &[&str] = &[
    "script", "style", "textarea", "title", "iframe", "noscript", "noembed", "noframes", "xmp",
];

/// What ends when an element begins, if it is open, and what keeps it from being looked for further up.
fn ends_before(name: &str) -> (&'static [&'static str], &'static [&'static str]) {
    match name {
        "li" => (&["li", "p"], &["ul", "ol", "menu", "table"]),
        "dt" | "dd" => (&["dt", "dd", "p"], &["dl", "table"]),
        "td" | "th" => (&["td", "th"], &["tr", "table"]),
        "tr" => (&["tr"], &["table"]),
        "thead" | "tbody" | "tfoot" => (
            &["thead", "tbody", "tfoot", "caption", "colgroup"],
            &["table"],
        ),
        "option" | "optgroup" => (&["option"], &["select"]),
        "a" | "button" | "nobr" => match name {
            "a" => (&["a"], &["table", "td", "th"]),
            "button" => (&["button"], &[]),
            _ => (&["nobr"], &[]),
        },
        "address" | "article" | "aside" | "blockquote" | "center" | "details" | "dialog"
        | "div" | "dl" | "fieldset" | "figure" | "footer" | "form" | "h1" | "h2" | "h3" | "h4"
        | "h5" | "h6" | "header" | "hr" | "main" | "nav" | "ol" | "p" | "pre" | "section"
        | "summary" | "table" | "ul" => (&["p"], &["button", "td", "th", "table"]),
        _ => (&[], &[]),
    }
}

/// An element that has no end yet.
struct Open<'a> {
    element: Element<'a>,
    start: usize,
}

struct Builder<'a> {
    html: &'a str,
    open: Vec<Open<'a>>,
    tree: Tree<'a>,
    elements: usize,
}

/// Reads HTML, at most so many elements of it.
pub(in crate::page) fn parse(html: &str, most: usize) -> Tree<'_> {
    let mut builder = Builder {
        html,
        open: Vec::new(),
        tree: Tree::default(),
        elements: 0,
    };
    let mut at = 0;
    while at < html.len() {
        let Some(tag) = html[at..].find('<').map(|offset| at + offset) else {
            builder.text(&html[at..]);
            break;
        };
        if tag > at {
            builder.text(&html[at..tag]);
        }
        if builder.elements >= most {
            builder.tree.cut = true;
            at = tag;
            break;
        }
        at = builder.markup(tag);
    }
    builder.close_to(0, at.min(html.len()));
    builder.tree
}

impl<'a> Builder<'a> {
    /// Reads what begins with `<`, and returns where it ends.
    fn markup(&mut self, at: usize) -> usize {
        let html = self.html;
        let rest = &html[at..];
        let end_of = |mark: &str| {
            rest.find(mark)
                .map_or(html.len(), |end| at + end + mark.len())
        };
        match rest.as_bytes().get(1) {
            Some(b'!') if rest.starts_with("<!--") => {
                // `<!-->` is a whole comment.
                let from = if rest.starts_with("<!-->") { 2 } else { 4 };
                rest[from..]
                    .find("-->")
                    .map_or(html.len(), |end| at + from + end + 3)
            }
            Some(b'!' | b'?') => end_of(">"),
            Some(b'/') if rest.as_bytes().get(2).is_some_and(u8::is_ascii_alphabetic) => {
                let name = name_at(&rest[2..]).to_ascii_lowercase();
                let end = end_of(">");
                if let Some(index) = self.open.iter().rposition(|open| open.element.name == name) {
                    self.close_to(index, end);
                }
                end
            }
            Some(byte) if byte.is_ascii_alphabetic() => self.start_tag(at),
            _ => {
                // A lone `<` is text; alone it is recognised by whoever writes it.
                self.text(&html[at..=at]);
                at + 1
            }
        }
    }

    fn start_tag(&mut self, at: usize) -> usize {
        let html = self.html;
        let written = name_at(&html[at + 1..]);
        let name = written.to_ascii_lowercase();
        let (attributes, end, closed) = attributes(html, at + 1 + name.len());
        let Some(end) = end else {
            // Cut off within the tag.
            return html.len();
        };
        self.elements += 1;
        let (ended, barriers) = ends_before(&name);
        if !ended.is_empty() {
            let reachable = self
                .open
                .iter()
                .rposition(|open| barriers.contains(&open.element.name.as_str()));
            let from = reachable.map_or(0, |index| index + 1);
            let found = self.open[from..]
                .iter()
                .position(|open| ended.contains(&open.element.name.as_str()));
            if let Some(index) = found {
                self.close_to(from + index, at);
            }
        }
        let mut element = Element {
            attributes,
            children: Vec::new(),
            source: &html[at..end],
            name,
            written,
        };
        if RAW.contains(&element.name.as_str()) {
            let close = find_close(&html[end..], &element.name).map_or(html.len(), |i| end + i);
            if close > end {
                element.children.push(Node::Text(&html[end..close]));
            }
            let behind = html[close..]
                .find('>')
                .map_or(html.len(), |i| close + i + 1);
            element.source = &html[at..behind];
            self.push(Node::Element(element));
            return behind;
        }
        // In SVG, `<path/>` is over; in HTML the slash means nothing.
        let over = VOID.contains(&element.name.as_str())
            || (closed && self.open.iter().any(|open| open.element.name == "svg"));
        if over {
            self.push(Node::Element(element));
        } else if self.open.len() >= DEEPEST {
            self.tree.flattened = true;
        } else {
            self.open.push(Open { element, start: at });
        }
        end
    }

    fn text(&mut self, text: &'a str) {
        self.push(Node::Text(text));
    }

    fn push(&mut self, node: Node<'a>) {
        match self.open.last_mut() {
            Some(open) => open.element.children.push(node),
            None => self.tree.nodes.push(node),
        }
    }

    /// Ends all that is open from `index` on.
    fn close_to(&mut self, index: usize, end: usize) {
        while self.open.len() > index {
            let Some(Open { mut element, start }) = self.open.pop() else {
                return;
            };
            element.source = &self.html[start..end.max(start)];
            self.push(Node::Element(element));
        }
    }
}

/// The name that a tag begins with.
fn name_at(text: &str) -> &str {
    let end = text
        .find(|c: char| c.is_ascii_whitespace() || c == '/' || c == '>')
        .unwrap_or(text.len());
    &text[..end]
}

/// The end of the text of a raw element, without looking at case.
fn find_close(text: &str, name: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut from = 0;
    while let Some(found) = text[from..].find("</") {
        let at = from + found;
        let after = &bytes[at + 2..];
        if after.len() >= name.len()
            && after[..name.len()].eq_ignore_ascii_case(name.as_bytes())
            && after
                .get(name.len())
                .is_none_or(|byte| !byte.is_ascii_alphanumeric())
        {
            return Some(at);
        }
        from = at + 2;
    }
    None
}

type Attributes<'a> = Vec<(&'a str, &'a str)>;

/// A tag's attributes, where the tag ends (nowhere, if it is cut off), and whether it ends in `/>`.
fn attributes(html: &str, mut at: usize) -> (Attributes<'_>, Option<usize>, bool) {
    let bytes = html.as_bytes();
    let mut found = Attributes::new();
    let mut closed = false;
    loop {
        match bytes.get(at) {
            None => return (found, None, closed),
            Some(b'>') => return (found, Some(at + 1), closed),
            Some(b'/') => {
                closed = true;
                at += 1;
            }
            Some(byte) if byte.is_ascii_whitespace() => at += 1,
            Some(_) => {
                closed = false;
                let start = at;
                // The first character belongs to the name even if it is `=`.
                at += html[at..].chars().next().map_or(1, char::len_utf8);
                while bytes.get(at).is_some_and(|byte| {
                    !byte.is_ascii_whitespace() && !matches!(byte, b'=' | b'>' | b'/')
                }) {
                    at += 1;
                }
                let name = &html[start..at];
                let (value, end) = value(html, at);
                at = end;
                if found.len() < MOST_ATTRIBUTES
                    && !found
                        .iter()
                        .any(|(other, _)| other.eq_ignore_ascii_case(name))
                {
                    found.push((name, value));
                }
            }
        }
    }
}

/// The value behind an attribute's name, and where it ends.
fn value(html: &str, mut at: usize) -> (&str, usize) {
    let bytes = html.as_bytes();
    let skip_space = |mut at: usize| {
        while bytes.get(at).is_some_and(u8::is_ascii_whitespace) {
            at += 1;
        }
        at
    };
    let behind_name = at;
    at = skip_space(at);
    if bytes.get(at) != Some(&b'=') {
        return ("", behind_name);
    }
    at = skip_space(at + 1);
    match bytes.get(at) {
        Some(quote @ (b'"' | b'\'')) => {
            let inside = &html[at + 1..];
            let end = inside.find(char::from(*quote)).unwrap_or(inside.len());
            (&inside[..end], (at + 1 + end + 1).min(html.len()))
        }
        _ => {
            let inside = &html[at..];
            let end = inside
                .find(|c: char| c.is_ascii_whitespace() || c == '>')
                .unwrap_or(inside.len());
            (&inside[..end], at + end)
        }
    }
}

/// Text with its entities resolved: numbers, and the names that escaping in Python writes. Others
/// stay as they are.
pub(in crate::page) fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('&') {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        let resolved = rest
            .bytes()
            .take(12)
            .position(|byte| byte == b';')
            .and_then(|end| Some((entity(&rest[1..end])?, end + 1)));
        match resolved {
            Some((character, length)) => {
                out.push(character);
                rest = &rest[length..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

fn entity(name: &str) -> Option<char> {
    match name {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some('\u{a0}'),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code).filter(|c| *c != '\0')
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tree in one line.
    fn shape(html: &str) -> String {
        fn write(nodes: &[Node<'_>], out: &mut String) {
            for node in nodes {
                match node {
                    Node::Text(text) => out.push_str(text),
                    Node::Element(element) => {
                        out.push_str(&format!("{}(", element.name));
                        write(&element.children, out);
                        out.push(')');
                    }
                }
            }
        }
        let mut out = String::new();
        write(&parse(html, MOST_ELEMENTS).nodes, &mut out);
        out
    }

    #[test]
    fn what_is_left_open_is_closed_where_a_browser_would() {
        assert_eq!(shape("<p>a<b>b<p>c</b>"), "p(ab(b))p(c)");
        assert_eq!(
            shape("<ul><li>a<li>b<ul><li>c</ul></ul>d"),
            "ul(li(a)li(bul(li(c))))d"
        );
        assert_eq!(
            shape("<table><tr><td>1<td>2<tr><td>3</table>"),
            "table(tr(td(1)td(2))tr(td(3)))"
        );
        assert_eq!(
            shape("a < b </nothing> <br/>c<!-- <b> -->d"),
            "a < b  br()cd"
        );
        assert_eq!(
            shape("<script>if (a<b) '</b>'</SCRIPT >x"),
            "script(if (a<b) '</b>')x"
        );
        assert_eq!(
            shape("<svg><path/><g><circle></g></svg>x"),
            "svg(path()g(circle()))x"
        );
        assert_eq!(shape("<!--><b>x"), "b(x)");
    }

    #[test]
    fn attributes_are_read_as_a_browser_reads_them() {
        let html = "<a HREF = 'x&quot;y' b=c/d e data-x=\"&#92;u003c\" href=twice>t</a>";
        let tree = parse(html, 10);
        let [Node::Element(a)] = tree.nodes.as_slice() else {
            panic!("{tree:?}")
        };
        assert_eq!(a.attribute("href").unwrap(), "x\"y");
        assert_eq!(a.attribute("b").unwrap(), "c/d");
        assert_eq!(a.attribute("data-x").unwrap(), "\\u003c");
        assert!(a.has("e") && !a.has("f"));
        assert_eq!(a.source, html);
    }

    #[test]
    fn nothing_grows_without_bound_or_panics() {
        let deep = "<div>".repeat(100_000);
        let tree = parse(&deep, MOST_ELEMENTS);
        assert!(tree.flattened && tree.cut);
        let html = "<p class='ä' x=\"ö\">é<b \u{1F600}=1>&#x1F600;</b><svg a='<>'/><!-- --><ä>";
        for (end, _) in html.char_indices() {
            parse(&html[..end], 50);
            parse(&html[end..], 50);
        }
    }
}
