//! Drawings within HTML, as pictures: an SVG that is loaded as one runs no script and loads nothing.

use super::tree::{Element, Node, unescape};
use super::{escape, push_escaped};

/// Names that HTML accepts in lower case and XML does not.
const CASED: &[&str] = &[
    "viewBox",
    "preserveAspectRatio",
    "gradientUnits",
    "gradientTransform",
    "patternUnits",
    "pathLength",
    "markerWidth",
    "markerHeight",
    "refX",
    "refY",
    "textLength",
    "stdDeviation",
    "clipPathUnits",
    "linearGradient",
    "radialGradient",
    "clipPath",
    "textPath",
    "foreignObject",
    "feGaussianBlur",
    "feOffset",
    "feBlend",
    "feFlood",
    "feComposite",
    "feMerge",
    "feMergeNode",
    "feColorMatrix",
];

/// An `svg` element of HTML as a file of its own.
pub(super) fn document(svg: &Element<'_>) -> String {
    let mut out = String::with_capacity(svg.source.len() + 128);
    element(svg, true, &mut out);
    out
}

fn cased(name: &str) -> &str {
    CASED
        .iter()
        .find(|cased| name.eq_ignore_ascii_case(cased))
        .copied()
        .unwrap_or(name)
}

/// Whether a name may stand in XML as it is; prefixes other than these two would not be declared.
fn is_name(name: &str) -> bool {
    let local = name
        .strip_prefix("xlink:")
        .or_else(|| name.strip_prefix("xml:"))
        .unwrap_or(name);
    local.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && local
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

fn element(element: &Element<'_>, root: bool, out: &mut String) {
    if matches!(element.name.as_str(), "script" | "foreignobject") || !is_name(element.written) {
        return;
    }
    let name = if root { "svg" } else { cased(element.written) };
    out.push('<');
    out.push_str(name);
    if root {
        out.push_str(
            " xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\"",
        );
    }
    for (key, value) in &element.attributes {
        let handler = key.get(..2).is_some_and(|on| on.eq_ignore_ascii_case("on"));
        if is_name(key) && !key.starts_with("xmlns") && !handler {
            out.push_str(&format!(" {}=\"{}\"", cased(key), escape(&unescape(value))));
        }
    }
    if element.children.is_empty() {
        out.push_str("/>");
        return;
    }
    out.push('>');
    for child in &element.children {
        match child {
            Node::Text(text) => push_escaped(&unescape(text), out),
            Node::Element(child) => self::element(child, false, out),
        }
    }
    out.push_str(&format!("</{name}>"));
}

#[cfg(test)]
mod tests {
    use super::super::tree;
    use super::*;

    #[test]
    fn what_html_forgives_is_well_formed() {
        let tree = tree::parse(
            "<SVG viewbox='0 0 1 1' onload=x()><lineargradient id=g /><text>a &lt; b & c\
             <script>alert(1)</script></svg>",
            100,
        );
        let [Node::Element(svg)] = tree.nodes.as_slice() else {
            panic!()
        };
        insta::assert_snapshot!(document(svg));
    }
}
