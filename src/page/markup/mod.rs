//! Foreign HTML as HTML that needs no script and loads nothing.
//!
//! [`tree`] reads it, [`Writer`] writes what can be shown and says what can't, and [`clean`] has the
//! last word on what reaches the page.

pub(super) mod clean;
mod rules;
mod svg;
pub(super) mod tree;

use std::collections::BTreeSet;

use self::rules::{Rule, class, rule};
use self::tree::{Element, Node};
use super::element;
use super::media;

/// Fragments within attributes of fragments are followed so far.
const LEVELS: usize = 6;

/// A longer address is none that a person follows.
const LONGEST_ADDRESS: usize = 2048;

/// So much of what can't be shown is kept as text.
const FOLDED: usize = 16 * 1024;

/// `text` as HTML, fit for attributes, too.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 16);
    push_escaped(text, &mut out);
    out
}

pub(super) fn push_escaped(text: &str, out: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.find(['<', '>', '&', '"', '\'']) {
        out.push_str(&rest[..at]);
        out.push_str(match rest.as_bytes()[at] {
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'&' => "&amp;",
            b'"' => "&quot;",
            _ => "&#39;",
        });
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
}

/// The beginning of a text, cut at a character.
pub(super) fn beginning(text: &str, most: usize) -> &str {
    if text.len() <= most {
        return text;
    }
    let mut end = most;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Writes trees as HTML of ours. What it has written has to be cleaned all the same.
pub(super) struct Writer {
    /// What was written.
    pub out: String,
    /// What could not be shown, in words.
    pub left_out: BTreeSet<&'static str>,
    /// Put in front of anchors, so that two cells' do not meet.
    anchors: String,
    elements: usize,
    level: usize,
}

impl Writer {
    /// A writer for a cell, counted from 1.
    pub fn new(cell: usize) -> Self {
        Self {
            out: String::new(),
            left_out: BTreeSet::new(),
            anchors: format!("in-{cell}-"),
            elements: tree::MOST_ELEMENTS,
            level: 0,
        }
    }

    /// Writes HTML that may hold marimo's elements.
    pub fn fragment(&mut self, html: &str) {
        if self.level >= LEVELS || self.elements == 0 {
            self.left_out.insert("what is nested too deeply");
            return;
        }
        let tree = tree::parse(html, self.elements);
        if tree.cut {
            self.left_out
                .insert("what is behind its first 60,000 elements");
        }
        if tree.flattened {
            self.left_out.insert("the deeper levels of its nesting");
        }
        self.level += 1;
        self.nodes(&tree.nodes);
        self.level -= 1;
    }

    /// Writes nodes in order.
    pub fn nodes(&mut self, nodes: &[Node<'_>]) {
        for node in nodes {
            match node {
                Node::Text(text) => self.source_text(text),
                Node::Element(element) => {
                    self.elements = self.elements.saturating_sub(1);
                    self.element(element);
                }
            }
        }
    }

    /// Text that is HTML already: its entities stay, its lone brackets don't.
    fn source_text(&mut self, text: &str) {
        for (index, part) in text.split('<').enumerate() {
            if index > 0 {
                self.out.push_str("&lt;");
            }
            self.out.push_str(part);
        }
    }

    /// Text.
    pub fn text(&mut self, text: &str) {
        push_escaped(text, &mut self.out);
    }

    /// Markup of ours.
    pub fn raw(&mut self, markup: &str) {
        self.out.push_str(markup);
    }

    /// An element around what `inside` writes.
    pub fn within(&mut self, name: &str, class: &str, inside: impl FnOnce(&mut Self)) {
        match class {
            "" => self.raw(&format!("<{name}>")),
            class => self.raw(&format!("<{name} class=\"{class}\">")),
        }
        inside(self);
        self.raw(&format!("</{name}>"));
    }

    /// A sentence of ours in place of what can't be shown.
    pub fn note(&mut self, text: &str) {
        self.within("p", "note", |writer| writer.text(text));
    }

    /// Something that can't be shown, as text behind a summary.
    pub fn folded(&mut self, summary: &str, text: &str) {
        let shown = beginning(text, FOLDED);
        self.within("details", "", |writer| {
            writer.within("summary", "", |writer| writer.text(summary));
            writer.within("pre", "", |writer| writer.text(shown));
            if shown.len() < text.len() {
                let rest = text.len() - shown.len();
                writer.note(&format!("{rest} more bytes are left out"));
            }
        });
    }

    fn element(&mut self, element: &Element<'_>) {
        match element.name.as_str() {
            "img" | "image" => self.image(element),
            "svg" => self.drawing(element),
            "audio" | "video" => self.media(element),
            "iframe" => self.embedded_page(element),
            "input" => self.input(element),
            "select" => self.select(element),
            "textarea" => self.within("pre", "", |writer| {
                for child in &element.children {
                    if let Node::Text(text) = child {
                        writer.text(&tree::unescape(text));
                    }
                }
            }),
            "button" => self.within("span", "control", |writer| writer.nodes(&element.children)),
            "iconify-icon" => {
                let icon = element.attribute("icon").unwrap_or_default();
                let name = icon.rsplit(':').next().unwrap_or_default();
                self.within("small", "icon", |writer| {
                    writer.text(&format!("[icon: {name}]"));
                });
            }
            name if name.starts_with("marimo-") => element::write(self, element),
            name => match rule(name) {
                Rule::Keep(name) => self.kept(name, element),
                Rule::Content => self.nodes(&element.children),
                Rule::Drop(what) => {
                    self.left_out.insert(what);
                }
                Rule::Silently => {}
            },
        }
    }

    fn kept(&mut self, name: &str, element: &Element<'_>) {
        let href = if name == "a" {
            self.address(element)
        } else {
            None
        };
        // Without an address it is no link, and should not look like one.
        let name = if name == "a" && href.is_none() {
            "span"
        } else {
            name
        };
        self.raw("<");
        self.raw(name);
        if let Some(id) = element.attribute("id").filter(|id| id.len() <= 200) {
            let id = format!("{}{id}", self.anchors);
            self.attribute("id", &id);
        }
        if let Some(class) = class(name, element) {
            self.attribute("class", class);
        }
        for key in ["title", "colspan", "rowspan", "scope", "start"] {
            if let Some(value) = element.attribute(key).filter(|value| value.len() <= 500) {
                self.attribute(key, &value);
            }
        }
        if let Some(href) = href {
            self.attribute("href", &href);
        }
        if name == "details" && element.has("open") {
            self.raw(" open");
        }
        self.raw(">");
        if matches!(name, "br" | "hr" | "wbr") {
            return;
        }
        self.nodes(&element.children);
        self.raw(&format!("</{name}>"));
    }

    fn attribute(&mut self, key: &str, value: &str) {
        self.raw(&format!(" {key}=\"{}\"", escape(value)));
    }

    /// A link's address. One that is relative leads nowhere from here.
    fn address(&mut self, link: &Element<'_>) -> Option<String> {
        let href = link.attribute("href")?;
        let href = href.trim();
        if href.len() <= LONGEST_ADDRESS {
            if let Some(anchor) = href.strip_prefix('#') {
                return Some(format!("#{}{anchor}", self.anchors));
            }
            if let Ok(url) = url::Url::parse(href)
                && matches!(url.scheme(), "http" | "https" | "mailto")
            {
                return Some(url.into());
            }
        }
        self.left_out.insert("the address of a link");
        None
    }

    /// A picture, if it is in the page; otherwise where it would have come from.
    fn image(&mut self, element: &Element<'_>) {
        let source = element.attribute("src").unwrap_or_default();
        let alt = element.attribute("alt").unwrap_or_default();
        match media::picture(&source) {
            Some(source) => {
                self.raw(&media::img(&source, &alt, width(element)));
            }
            None => self.elsewhere("picture", &source, &alt),
        }
    }

    /// Says that something is not in the page, and where it is.
    pub fn elsewhere(&mut self, what: &str, source: &str, name: &str) {
        let shown = beginning(source, 200);
        self.within("span", "note", |writer| {
            writer.text(&format!("[{what}"));
            if !name.is_empty() {
                writer.text(&format!(" “{}”", beginning(name, 200)));
            }
            if let Some(data) = shown.strip_prefix("data:") {
                let kind = data.split([';', ',']).next().unwrap_or_default();
                writer.text(&format!(
                    " of the kind {}, not shown here",
                    beginning(kind, 60)
                ));
            } else if shown.starts_with("./@file/") || shown.starts_with("@file/") {
                writer.text(" that was not exported");
            } else if let Ok(url) = url::Url::parse(source)
                && matches!(url.scheme(), "http" | "https")
                && source.len() <= LONGEST_ADDRESS
            {
                writer.text(" from ");
                writer.raw(&format!("<a href=\"{}\">", escape(url.as_str())));
                writer.text(shown);
                writer.raw("</a>, not loaded");
            } else if !shown.is_empty() {
                writer.text(&format!(" from {shown}, not loaded"));
            }
            writer.text("]");
        });
    }

    fn drawing(&mut self, element: &Element<'_>) {
        let source = media::svg(&svg::document(element));
        let label = element.attribute("aria-label").unwrap_or_default();
        self.raw(&media::img(&source, &label, width(element)));
    }

    fn media(&mut self, element: &Element<'_>) {
        let own = element.attribute("src").map(std::borrow::Cow::into_owned);
        let inner = element.children.iter().find_map(|child| match child {
            Node::Element(child) if child.name == "source" => {
                child.attribute("src").map(std::borrow::Cow::into_owned)
            }
            _ => None,
        });
        let source = own.or(inner).unwrap_or_default();
        self.player(&element.name, &source);
    }

    /// Sound or a film, if it is in the page.
    pub fn player(&mut self, name: &str, source: &str) {
        let name = if name == "audio" { "audio" } else { "video" };
        if media::is_playable(source) {
            self.raw(&format!(
                "<{name} controls src=\"{}\"></{name}>",
                escape(source)
            ));
        } else {
            self.elsewhere(name, source, "");
        }
    }

    fn embedded_page(&mut self, element: &Element<'_>) {
        match element.attribute("srcdoc") {
            Some(source) if !source.is_empty() => {
                self.folded("An embedded page, as its source", &source);
            }
            _ => {
                let source = element.attribute("src").unwrap_or_default();
                self.elsewhere("embedded page", &source, "");
            }
        }
    }

    fn input(&mut self, element: &Element<'_>) {
        let kind = element.attribute("type").unwrap_or_default().to_lowercase();
        match kind.as_str() {
            "hidden" => {}
            "checkbox" | "radio" => self.raw(if element.has("checked") { "☑" } else { "☐" }),
            "password" => self.within("span", "control", |writer| writer.text("••••")),
            _ => {
                let value = element.attribute("value").unwrap_or_default();
                self.within("span", "control", |writer| writer.text(&value));
            }
        }
    }

    fn select(&mut self, element: &Element<'_>) {
        self.within("span", "control", |writer| {
            for (index, child) in element.children.iter().enumerate() {
                if let Node::Element(option) = child {
                    if index > 0 {
                        writer.text(" · ");
                    }
                    let name = if option.has("selected") {
                        "strong"
                    } else {
                        "span"
                    };
                    writer.within(name, "", |writer| writer.nodes(&option.children));
                }
            }
        });
    }
}

/// How wide a picture wants to be, as its attribute or its style says.
fn width(element: &Element<'_>) -> Option<u32> {
    let style = element.attribute("style").unwrap_or_default();
    let styled = style.split(';').find_map(|rule| {
        let (name, value) = rule.split_once(':')?;
        (name.trim() == "width").then(|| value.trim().to_owned())
    });
    let given = element.attribute("width").map(std::borrow::Cow::into_owned);
    media::pixels(&given.or(styled)?)
}
