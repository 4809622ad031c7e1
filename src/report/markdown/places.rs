//! Places in files, linked to where a reviewer sees them.

use percent_encoding::utf8_percent_encode;
use sha2::{Digest as _, Sha256};

use super::escape::{code, link, link_words};
use crate::percent::PATH;
use crate::report::annotations::inside;
use crate::report::model::{CiReport, Origin};
use crate::report::summary;

/// Knows where the repository can be seen, if anywhere.
#[derive(Clone, Copy)]
pub(super) struct Places<'a>(Option<&'a Origin>);

impl<'a> Places<'a> {
    pub(super) fn of(report: &'a CiReport) -> Self {
        Self(report.origin.as_ref())
    }

    /// `path:line:column` as code, linked to the pull request's diff, or else to the file.
    pub(super) fn link(self, path: &str, line: Option<u32>, column: Option<u32>) -> String {
        let place = summary::place(path, line, column);
        match self.best(path, line) {
            Some(url) => link(&place, Some(&url)),
            None => code(&place),
        }
    }

    /// Where a reviewer sees the place: in the pull request's diff, or else in the file.
    pub(super) fn best(self, path: &str, line: Option<u32>) -> Option<String> {
        self.diff(path, line).or_else(|| self.file(path, line))
    }

    /// A line with links to all views of a place, and to the notebook's page.
    pub(super) fn views(self, path: &str, line: Option<u32>, page: Option<&str>) -> String {
        let views = [
            ("in the diff", self.diff(path, line)),
            ("in the file", self.file(path, line)),
            ("on its page", page.map(str::to_owned)),
        ];
        let views: Vec<String> = views
            .into_iter()
            .filter_map(|(words, url)| Some(link_words(words, Some(&url?))))
            // What is no web address stays words, which lead nowhere.
            .filter(|view| view.starts_with('['))
            .collect();
        if views.is_empty() {
            String::new()
        } else {
            format!("{}\n\n", views.join(" · "))
        }
    }

    /// The line in the pull request's diff. Where the file is not part of it, the page opens at its
    /// top.
    fn diff(self, path: &str, line: Option<u32>) -> Option<String> {
        let origin = self.0?;
        let number = origin.pull_request?;
        let path = inside(Some(&origin.project_path), path)?;
        let file: String = Sha256::digest(path.as_bytes())
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let line = line.map(|line| format!("R{line}")).unwrap_or_default();
        let Origin {
            server_url,
            repository,
            ..
        } = origin;
        Some(format!(
            "{server_url}/{repository}/pull/{number}/files#diff-{file}{line}"
        ))
    }

    /// The line in the file as it was run.
    fn file(self, path: &str, line: Option<u32>) -> Option<String> {
        let origin = self.0.filter(|origin| !origin.head_sha.is_empty())?;
        let path = inside(Some(&origin.project_path), path)?;
        let line = line.map(|line| format!("#L{line}")).unwrap_or_default();
        let Origin {
            server_url,
            repository,
            head_sha,
            ..
        } = origin;
        let path = utf8_percent_encode(&path, PATH);
        Some(format!(
            "{server_url}/{repository}/blob/{head_sha}/{path}{line}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(pull_request: Option<u64>) -> Origin {
        Origin {
            server_url: "https://github.com".to_owned(),
            repository: "acme/data".to_owned(),
            head_sha: "0123abcd".to_owned(),
            project_path: "orders".to_owned(),
            pull_request,
            ..Origin::default()
        }
    }

    #[test]
    fn places_are_linked_to_the_diff_or_else_to_the_file() {
        let at = |origin: &Origin, path| Places(Some(origin)).link(path, Some(3), None);
        insta::assert_snapshot!(at(&origin(Some(7)), "a.py"), @"[`a.py:3`](https://github.com/acme/data/pull/7/files#diff-badb8d9a3579dd5c044751aaee1265bf8e3afbb7b979fd3f9dea87a6769a5f86R3)");
        insta::assert_snapshot!(at(&origin(None), "a #1.py"), @"[`a #1.py:3`](https://github.com/acme/data/blob/0123abcd/orders/a%20%231.py#L3)");
        assert_eq!(at(&origin(Some(7)), "/etc/x.py"), "`/etc/x.py:3`");
        assert_eq!(Places(None).link("a.py", None, None), "`a.py`");
    }
}
