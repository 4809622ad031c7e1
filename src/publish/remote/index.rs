//! Pages that lead to pages: a branch's runs, and where the newest page of a notebook is.

use std::sync::OnceLock;

use minijinja::value::Serde;
use minijinja::{Environment, Value, context};
use percent_encoding::utf8_percent_encode;
use serde::Serialize;

use super::runs::{Entry, Runs};
use crate::percent::PATH;
use crate::report::html::{environment, policy, started};
use crate::ui::text::one_line;

const INDEX: &str = include_str!("../../../templates/publish/index.html");
const LATEST: &str = include_str!("../../../templates/publish/latest.html");
const STYLE: &str = concat!(
    include_str!("../../../templates/tokens.css"),
    include_str!("../../../templates/publish/style.css"),
);

/// How pages that daglab has made begin, so that nothing else is ever deleted in their place.
pub(super) const MARK: &str = "<!doctype html><!-- daglab -->";

#[derive(Serialize)]
struct Line {
    title: String,
    runs: Vec<Run>,
}

#[derive(Serialize)]
struct Run {
    href: String,
    started_at: String,
    commit: Option<String>,
    result: String,
    url: Option<String>,
    is_latest: bool,
    notebooks: Vec<Notebook>,
}

#[derive(Serialize)]
struct Notebook {
    title: String,
    path: String,
    status: String,
    href: Option<String>,
}

/// The page of a branch or pull request.
pub(super) fn of_runs(runs: &Runs) -> Vec<u8> {
    let what = match (runs.pull_request, &runs.branch) {
        (Some(number), _) => format!("pull request {number}"),
        (None, Some(branch)) => one_line(branch),
        (None, None) => "single commits".to_owned(),
    };
    let mut title = one_line(&runs.repository);
    if !runs.project.is_empty() {
        title = format!("{title}, {}", one_line(&runs.project));
    }
    let line = Line {
        title: format!("{title}: {what}"),
        runs: runs.runs.iter().map(|entry| run(entry, runs)).collect(),
    };
    fill("index.html", context! { line => Serde(line) })
}

fn run(entry: &Entry, runs: &Runs) -> Run {
    Run {
        href: href(&format!("{}/index.html", entry.run)),
        started_at: started(&entry.started_at),
        commit: entry
            .commit
            .as_deref()
            .map(|commit| one_line(commit).chars().take(8).collect()),
        result: one_line(&entry.result),
        url: entry
            .url
            .as_deref()
            .filter(|url| is_web(url))
            .map(str::to_owned),
        is_latest: runs.latest.as_ref() == Some(&entry.run),
        notebooks: entry
            .notebooks
            .iter()
            .map(|notebook| Notebook {
                title: one_line(&notebook.title),
                path: one_line(&notebook.path),
                status: one_line(&notebook.status),
                href: notebook
                    .page
                    .as_ref()
                    .map(|page| href(&format!("{}/{page}", entry.run))),
            })
            .collect(),
    }
}

/// The page that leads from `latest/PAGE` to the newest one.
pub(super) fn of_latest(page: &str, run: &str) -> Vec<u8> {
    // Out of `latest`, and out of each folder of the page.
    let up = "../".repeat(page.matches('/').count() + 1);
    let href = format!("{up}{}", href(&format!("{run}/{page}")));
    fill("latest.html", context! { href })
}

/// Whether a page is one of the two above.
pub(super) fn is_ours(page: &[u8]) -> bool {
    page.starts_with(MARK.as_bytes())
}

fn is_web(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}

fn href(path: &str) -> String {
    utf8_percent_encode(path, PATH).to_string()
}

fn fill(name: &str, context: Value) -> Vec<u8> {
    static ENVIRONMENT: OnceLock<Environment<'static>> = OnceLock::new();
    let shared = context! {
        style => Value::from_safe_string(STYLE.to_owned()),
        mark => Value::from_safe_string(MARK.to_owned()),
        policy => policy(STYLE, ""),
    };
    ENVIRONMENT
        .get_or_init(|| environment(&[("index.html", INDEX), ("latest.html", LATEST)]))
        .get_template(name)
        .and_then(|template| template.render(context! { ..context, ..shared }))
        .expect("the template is part of the program and asks only for what it gets")
        .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::super::layout::Subject;
    use super::super::runs::NotebookEntry;
    use super::*;

    #[test]
    fn pages_lead_to_pages_and_foreign_text_stays_text() {
        let mut runs = Runs::new(&Subject {
            repository: "acme/shop".to_owned(),
            branch: Some("<b>".to_owned()),
            ..Subject::default()
        });
        runs.add(Entry {
            run: "20260101T000000Z-1a2b3c4d-0011223344".to_owned(),
            started_at: "2026-01-01T00:00:00Z".to_owned(),
            commit: Some("1a2b3c4d5e6f".to_owned()),
            result: "passed".to_owned(),
            url: Some("javascript:alert(1)".to_owned()),
            notebooks: vec![NotebookEntry {
                path: "notebooks/a#1.py".to_owned(),
                title: "<script>".to_owned(),
                status: "passed".to_owned(),
                page: Some("notebooks/a#1.html".to_owned()),
            }],
        });
        let text = |page: Vec<u8>| String::from_utf8(page).unwrap().replace("&#x2f;", "/");
        let page = text(of_runs(&runs));
        assert!(is_ours(page.as_bytes()));
        assert!(page.contains("acme/shop: &lt;b&gt;"), "{page}");
        assert!(!page.contains("<script>") && !page.contains("javascript:"));
        let href = "20260101T000000Z-1a2b3c4d-0011223344/notebooks/a%231.html";
        assert!(page.contains(&format!("href=\"{href}\"")), "{page}");
        let latest = of_latest("notebooks/a#1.html", "20260101T000000Z-1a2b3c4d-0011223344");
        let latest = text(latest);
        assert!(is_ours(latest.as_bytes()));
        assert!(latest.contains(&format!("url=../../{href}")), "{latest}");
    }
}
