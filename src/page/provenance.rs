//! Where a page comes from, and where its interactive sister is: the one part of a page that is
//! different where the page is published.

use minijinja::context;
use minijinja::value::Serde;
use serde::Serialize;

use super::PageInput;
use crate::report::model::{Origin, ProjectInfo};
use crate::ui::text::one_line;

/// Around the part. Nothing foreign stands before it unescaped, and no comment of a notebook is kept.
const BEGIN: &str = "<!--from-->";
const END: &str = "<!--/from-->";

#[derive(Serialize, Default)]
struct From {
    project: String,
    branch: Option<String>,
    commit: Option<Link>,
    pull_request: Option<Link>,
    run: Option<Link>,
    /// A link to the interactive page, beside this one.
    interactive: Option<String>,
    /// Whether there is one, if it can't be reached from here.
    archived: bool,
    archive: Option<String>,
}

#[derive(Serialize)]
struct Link {
    text: String,
    href: Option<String>,
}

impl From {
    fn of(project: &ProjectInfo) -> Self {
        Self {
            project: one_line(&project.name),
            branch: project.branch.as_deref().map(one_line),
            commit: project.commit.as_deref().map(|commit| Link {
                text: short(commit),
                href: None,
            }),
            ..Self::default()
        }
    }

    fn fill(&self) -> String {
        let part = super::fill("from.html", context! { from => Serde(self) });
        format!("{BEGIN}{}{END}", part.trim())
    }
}

/// The part for a page in the artifacts directory.
pub(super) fn local(input: &PageInput<'_>) -> String {
    From {
        interactive: input.interactive.map(str::to_owned),
        ..From::of(input.project)
    }
    .fill()
}

/// Where a published page's interactive sister is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interactive<'a> {
    /// There is none.
    Nowhere,
    /// In the archive of the run's artifacts.
    Archived,
    /// At this address, which may be relative to the page.
    At(&'a str),
}

/// A page of the artifacts directory as it is published: with links to the commit, the pull request
/// and the workflow run, and with a link to the interactive page, or a word on where that is, instead
/// of a link to a file that may not be beside it.
pub fn published(
    page: &str,
    project: &ProjectInfo,
    origin: Option<&Origin>,
    interactive: Interactive<'_>,
) -> String {
    let Some(start) = page.find(BEGIN) else {
        return page.to_owned();
    };
    let Some(length) = page[start..].find(END) else {
        return page.to_owned();
    };
    let mut from = From {
        archived: interactive == Interactive::Archived,
        interactive: match interactive {
            Interactive::At(address) => Some(address.to_owned()),
            Interactive::Nowhere | Interactive::Archived => None,
        },
        ..From::of(project)
    };
    if let Some(origin) = origin {
        let repository = web(&format!("{}/{}", origin.server_url, origin.repository));
        let below = |path: String| repository.as_ref().map(|url| format!("{url}/{path}"));
        if !origin.repository.is_empty() {
            from.project = one_line(&origin.repository);
        }
        if !origin.head_sha.is_empty() {
            let is_hash = origin.head_sha.bytes().all(|byte| byte.is_ascii_hexdigit());
            from.commit = Some(Link {
                text: short(&origin.head_sha),
                href: below(format!("commit/{}", origin.head_sha)).filter(|_| is_hash),
            });
        }
        from.pull_request = origin.pull_request.map(|number| Link {
            text: format!("#{number}"),
            href: below(format!("pull/{number}")),
        });
        from.run = Some(Link {
            text: match origin.run_attempt {
                0 | 1 => format!("{}", origin.run_id),
                attempt => format!("{}, attempt {attempt}", origin.run_id),
            },
            href: web(&origin.run_url),
        });
        from.archive = origin.archive_url.as_deref().and_then(web);
    }
    let part = from.fill();
    let mut out = String::with_capacity(page.len() + part.len());
    out.push_str(&page[..start]);
    out.push_str(&part);
    out.push_str(&page[start + length + END.len()..]);
    out
}

fn short(commit: &str) -> String {
    one_line(commit).chars().take(8).collect()
}

fn web(url: &str) -> Option<String> {
    let url = url::Url::parse(url).ok()?;
    matches!(url.scheme(), "http" | "https").then(|| url.to_string())
}
