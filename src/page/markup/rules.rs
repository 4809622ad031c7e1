//! What becomes of HTML's own elements, and which of our classes they get.

use super::tree::Element;

/// What is done with an element that marimo did not invent.
pub(super) enum Rule {
    /// It stays, by this name.
    Keep(&'static str),
    /// Only what is in it stays.
    Content,
    /// It goes with all that is in it, and this is said.
    Drop(&'static str),
    /// It goes with all that is in it.
    Silently,
}

pub(super) fn rule(name: &str) -> Rule {
    use Rule::{Content, Drop, Keep, Silently};
    match name {
        // The page's own headings are the first two levels.
        "h1" => Keep("h3"),
        "h2" => Keep("h4"),
        "h3" => Keep("h5"),
        "h4" | "h5" | "h6" => Keep("h6"),
        "p" => Keep("p"),
        "div" | "section" | "article" | "header" | "footer" | "aside" | "main" | "nav"
        | "center" | "address" | "fieldset" | "dialog" => Keep("div"),
        "ul" | "menu" => Keep("ul"),
        "ol" => Keep("ol"),
        "li" => Keep("li"),
        "dl" => Keep("dl"),
        "dt" => Keep("dt"),
        "dd" => Keep("dd"),
        "blockquote" => Keep("blockquote"),
        "pre" | "listing" => Keep("pre"),
        "hr" => Keep("hr"),
        "br" => Keep("br"),
        "wbr" => Keep("wbr"),
        "table" => Keep("table"),
        "caption" => Keep("caption"),
        "thead" => Keep("thead"),
        "tbody" => Keep("tbody"),
        "tfoot" => Keep("tfoot"),
        "tr" => Keep("tr"),
        "td" => Keep("td"),
        "th" => Keep("th"),
        "details" => Keep("details"),
        "summary" => Keep("summary"),
        "figure" => Keep("figure"),
        "figcaption" | "legend" => Keep("figcaption"),
        "a" => Keep("a"),
        "b" => Keep("b"),
        "strong" => Keep("strong"),
        "i" => Keep("i"),
        "em" => Keep("em"),
        "u" | "ins" => Keep("ins"),
        "s" | "strike" | "del" => Keep("del"),
        "mark" => Keep("mark"),
        "small" => Keep("small"),
        "sub" => Keep("sub"),
        "sup" => Keep("sup"),
        "code" | "tt" => Keep("code"),
        "kbd" => Keep("kbd"),
        "samp" => Keep("samp"),
        "var" => Keep("var"),
        "q" => Keep("q"),
        "cite" => Keep("cite"),
        "abbr" | "acronym" => Keep("abbr"),
        "span" | "font" | "label" | "time" | "bdi" => Keep("span"),
        "script" => Drop("a script"),
        "style" => Drop("a style sheet"),
        "link" | "base" | "meta" => Drop("a reference to another file"),
        "canvas" => Drop("a drawing that a script makes"),
        "object" | "embed" | "applet" | "param" => Drop("an embedded object"),
        "frame" | "frameset" => Drop("an embedded page"),
        "title" | "noscript" | "noembed" | "noframes" | "template" | "area" | "map" | "track"
        | "col" | "colgroup" | "head" => Silently,
        _ => Content,
    }
}

/// The class of ours for an element, where it means something.
pub(super) fn class(name: &str, element: &Element<'_>) -> Option<&'static str> {
    let style = element.attribute("style").unwrap_or_default();
    let class = element.attribute("class").unwrap_or_default();
    match name {
        // marimo's mo.hstack.
        "div" if style.contains("display: flex") && style.contains("flex-direction: row") => {
            Some("row")
        }
        "div" if style.contains("display: flex") => Some("column"),
        "div" if element.has_class("admonition") => Some("admonition"),
        "div" if element.has_class("footnote") => Some("footnote"),
        // marimo's rendering of a plain value.
        "pre" if element.has_class("text-xs") => Some("plain"),
        "span" if element.has_class("paragraph") => Some("paragraph"),
        "span" if element.has_class("admonition-title") => Some("admonition-title"),
        "ul" if element.has_class("task-list") => Some("tasks"),
        "table" if element.has_class("dataframe") => Some("frame"),
        "h3" if element.name == "h1" => Some("top"),
        "span" => token_class(&class),
        _ => None,
    }
}

/// The colour of a highlighter's class.
fn token_class(class: &str) -> Option<&'static str> {
    Some(match class {
        "k" | "kc" | "kd" | "kn" | "kp" | "kr" | "kt" | "ow" => "t-k",
        "s" | "s1" | "s2" | "sa" | "sb" | "sd" | "se" | "si" | "sr" => "t-s",
        "c" | "c1" | "cm" | "cp" => "t-c",
        "m" | "mf" | "mi" | "mh" | "il" => "t-m",
        "nf" | "nc" | "fm" => "t-f",
        _ => return None,
    })
}
