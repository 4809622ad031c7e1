//! Publishing pages where others can open them.

use std::path::Path;

use futures_util::StreamExt as _;
use futures_util::stream;

use super::job::Job;
use super::session::{Session, finding};
use crate::error::Diagnose;
use crate::github::artifact::MOST_OF_A_JOB;
use crate::publish::artifacts::ArtifactStore;
use crate::report::model::{NotebookReport, Severity};
use crate::supervise::left;
use crate::ui::progress::Event;

/// A larger page is not one of ours, in bytes: what it shows is bounded, and what is around it.
const LARGEST: u64 = 4 * crate::page::LARGEST as u64;

/// How many pages are sent at once.
const AT_ONCE: usize = 4;

/// Publishes the notebooks' pages; their links lead there from then on. A page that can't be
/// published fails nothing: it is in the store.
pub(super) async fn pages(session: &Session, job: &Job<'_>, notebooks: &mut [NotebookReport]) {
    let Some(publisher) = &job.publisher else {
        return;
    };
    (job.emit)(Event::Phase("publishing pages".to_owned()));
    let root = session.store.borrow().root().to_owned();
    // One is for the archive, which has all pages.
    let room = MOST_OF_A_JOB - 1;
    let mut notebooks: Vec<&mut NotebookReport> = notebooks.iter_mut().collect();
    if notebooks.len() > room {
        let message = format!(
            "a job may store {MOST_OF_A_JOB} artifacts: {} pages are only in the archive",
            notebooks.len() - room
        );
        session.find(finding("daglab", "not-published", Severity::Info, message));
        notebooks.sort_by_key(|notebook| !notebook.status.is_failure());
        notebooks.truncate(room);
    }
    let all =
        stream::iter(notebooks).map(|notebook| page(session, job, publisher, &root, notebook));
    all.buffer_unordered(AT_ONCE).collect::<()>().await;
}

async fn page(
    session: &Session,
    job: &Job<'_>,
    publisher: &ArtifactStore,
    root: &Path,
    notebook: &mut NotebookReport,
) {
    let Some(html) = notebook.html.as_deref().filter(|_| !publisher.is_closed()) else {
        return;
    };
    // Code under test may have put anything in its place since it was stored.
    let alone = match left::read(&root.join(html), LARGEST) {
        Ok(page) => crate::page::published(
            &String::from_utf8_lossy(&page),
            &job.info,
            job.origin.as_ref(),
            notebook.interactive.is_some(),
        ),
        Err(error) => return not_published(session, notebook, &error, None),
    };
    match publisher.put_page(&notebook.path, alone).await {
        Ok(published) => notebook.url = Some(published.url),
        Err(error) => not_published(session, notebook, &error, error.hint()),
    }
}

fn not_published(
    session: &Session,
    notebook: &NotebookReport,
    error: &dyn std::error::Error,
    hint: Option<String>,
) {
    let message = format!("the page was not published: {error}");
    let mut found = finding("daglab", "not-published", Severity::Warning, message);
    found.path = Some(notebook.path.clone());
    found.hint = hint;
    session.find(found);
}
