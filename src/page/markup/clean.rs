//! The last word on what foreign HTML may reach the page.
//!
//! Everything foreign that is more than escaped text has been through [`Cleaner::clean`]: no element
//! that runs, loads, submits or lays itself over the page, no attribute but these few, no address
//! but these kinds, no class but those that the page's own style sheet has for outputs.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use ammonia::{Builder, UrlRelative};

use crate::page::media;

const ELEMENTS: &[&str] = &[
    "a",
    "abbr",
    "audio",
    "b",
    "blockquote",
    "br",
    "caption",
    "cite",
    "code",
    "dd",
    "del",
    "details",
    "div",
    "dl",
    "dt",
    "em",
    "figcaption",
    "figure",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "i",
    "img",
    "ins",
    "kbd",
    "li",
    "mark",
    "ol",
    "p",
    "pre",
    "q",
    "samp",
    "small",
    "span",
    "strong",
    "sub",
    "summary",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "tr",
    "ul",
    "var",
    "video",
    "wbr",
    "meter",
    "progress",
];

/// By element: classes that the style sheet gives to outputs.
const CLASSES: &[(&str, &[&str])] = &[
    (
        "div",
        &[
            "row",
            "column",
            "admonition",
            "footnote",
            "scroll",
            "callout",
            "callout info",
            "callout warn",
            "callout danger",
            "callout success",
            "info",
            "warn",
            "danger",
            "success",
            "stat",
            "tab",
            "form",
            "diagram",
        ],
    ),
    (
        "span",
        &[
            "paragraph",
            "admonition-title",
            "control",
            "widget",
            "note",
            "math",
            "value",
            "label",
            "caption",
            "t-k",
            "t-s",
            "t-c",
            "t-m",
            "t-f",
            "key",
            "kind",
        ],
    ),
    ("p", &["note", "label", "math"]),
    ("pre", &["diagram", "plain", "math"]),
    ("ul", &["tasks", "tree", "values"]),
    ("table", &["frame"]),
    ("td", &["number", "none"]),
    ("th", &["number"]),
    ("small", &["icon", "type"]),
    ("h3", &["top"]),
    ("details", &["tree"]),
    ("img", &["svg"]),
];

/// Cleans HTML.
pub(in crate::page) struct Cleaner(Builder<'static>);

impl Cleaner {
    /// With the rules above.
    pub fn new() -> Self {
        let set = |names: &[&'static str]| names.iter().copied().collect::<HashSet<_>>();
        let mut builder = Builder::empty();
        builder
            .tags(set(ELEMENTS))
            .clean_content_tags(set(&["script", "style"]))
            .tag_attributes(HashMap::from([
                ("a", set(&["href"])),
                ("img", set(&["src", "alt", "width"])),
                ("audio", set(&["src", "controls"])),
                ("video", set(&["src", "controls"])),
                ("details", set(&["open"])),
                ("td", set(&["colspan", "rowspan"])),
                ("th", set(&["colspan", "rowspan", "scope"])),
                ("ol", set(&["start"])),
                ("div", set(&["tabindex"])),
            ]))
            .generic_attributes(set(&["id", "title"]))
            .allowed_classes(
                CLASSES
                    .iter()
                    .map(|(name, classes)| (*name, set(classes)))
                    .collect(),
            )
            .url_schemes(set(&["http", "https", "mailto", "data"]))
            .url_relative(UrlRelative::PassThrough)
            .link_rel(Some("noopener noreferrer nofollow"))
            .attribute_filter(attribute);
        Self(builder)
    }

    /// What may stay of some HTML.
    pub fn clean(&self, html: &str) -> String {
        self.0.clean(html).to_string()
    }
}

/// Addresses by where they stand: links may lead away, what is shown must be in the page.
fn attribute<'v>(element: &str, name: &str, value: &'v str) -> Option<Cow<'v, str>> {
    let keep = match (element, name) {
        (_, "id") => value.starts_with("in-"),
        (_, "tabindex") => value == "0",
        ("a", "href") => {
            value.starts_with("#in-")
                || url::Url::parse(value)
                    .is_ok_and(|url| matches!(url.scheme(), "http" | "https" | "mailto"))
        }
        ("img", "src") => media::picture(value).is_some(),
        ("audio" | "video", "src") => media::is_playable(value),
        (_, "src" | "href") => false,
        (_, "width" | "colspan" | "rowspan" | "start") => {
            value.len() <= 4 && value.bytes().all(|byte| byte.is_ascii_digit())
        }
        _ => true,
    };
    keep.then_some(Cow::Borrowed(value))
}
