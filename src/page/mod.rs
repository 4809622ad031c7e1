//! A notebook's results as one page that opens anywhere: no script, nothing loaded.
//!
//! marimo's own page draws everything with a front end that it loads from the network; without one,
//! or opened out of an archive by a cautious viewer, it is blank. This page is made from the same
//! results, read by [`crate::marimo::page`], joined with what the report knows of each cell. What
//! needs a script is shown as what it holds, and said to be more on the interactive page.
//!
//! Outputs are foreign. Text is escaped; HTML is read, rewritten and cleaned ([`markup`]); the page's
//! policy forbids scripts, loading, submitting and foreign styles all the same.

mod chart;
mod code;
mod console;
mod element;
mod frame;
mod markup;
mod media;
mod output;
mod provenance;
mod value;
mod view;

use std::sync::OnceLock;

use minijinja::value::Serde;
use minijinja::{Environment, Value, context};

pub use self::provenance::{Interactive, published};
use crate::marimo::page::Page;
use crate::marimo::source::Source;
use crate::report::html::{environment, policy};
use crate::report::model::{NotebookReport, ProjectInfo};

const TEMPLATE: &str = include_str!("../../templates/page/page.html");
const FROM: &str = include_str!("../../templates/page/from.html");
const STYLE: &str = concat!(
    include_str!("../../templates/tokens.css"),
    include_str!("../../templates/page/style.css"),
);

/// The most that outputs, consoles and code may take up in a page, in bytes. A browser opens more,
/// but slowly, and whoever looks for a failed cell waits.
pub const LARGEST: usize = 30 * 1024 * 1024;

/// What a page is made from.
#[derive(Debug, Clone, Copy)]
pub struct PageInput<'a> {
    /// What became of the notebook.
    pub notebook: &'a NotebookReport,
    /// What marimo exported; none where the notebook did not get that far.
    pub page: Option<&'a Page>,
    /// The text of the notebook's file.
    pub text: &'a str,
    /// The same, parsed, if it is a notebook.
    pub source: Option<&'a Source>,
    /// The project and its commit.
    pub project: &'a ProjectInfo,
    /// When the run began, RFC 3339.
    pub started_at: &'a str,
    /// A relative link to marimo's own page, if that is stored.
    pub interactive: Option<&'a str>,
}

/// The page. It is complete in itself; only the link to the interactive page depends on its place.
pub fn render(input: &PageInput<'_>) -> String {
    within(input, LARGEST)
}

/// The page, with so much room for outputs, consoles and code.
fn within(input: &PageInput<'_>, room: usize) -> String {
    let page = view::PageView::of(input, room);
    let context = context! {
        page => Serde(&page),
        cells => page.cells(),
        from => Value::from_safe_string(provenance::local(input)),
        style => Value::from_safe_string(STYLE.to_owned()),
        // All that it shows is within it.
        policy => policy(STYLE, "img-src data:; media-src data:; "),
    };
    fill("page.html", context)
}

fn fill(template: &str, context: Value) -> String {
    static ENVIRONMENT: OnceLock<Environment<'static>> = OnceLock::new();
    ENVIRONMENT
        .get_or_init(|| environment(&[("page.html", TEMPLATE), ("from.html", FROM)]))
        .get_template(template)
        .and_then(|template| template.render(context))
        .expect("the template is part of the program and asks only for what the page has")
}

#[cfg(test)]
mod tests;
