//! Publishing pages where others can open them.

use std::path::Path;
use std::rc::Rc;

use futures_util::StreamExt as _;
use futures_util::stream;
use tempfile::TempDir;

use super::job::Job;
use super::session::{Session, finding};
use crate::error::Diagnose;
use crate::github::artifact::MOST_OF_A_JOB;
use crate::page::Interactive;
use crate::publish::Publisher;
use crate::publish::artifacts::ArtifactStore;
use crate::publish::remote::{Content, Error, Publication};
use crate::publish::{local, report};
use crate::report::model::{NotebookReport, Severity};
use crate::supervise::left;
use crate::ui::progress::Event;

/// A larger page is not one of ours, in bytes: what it shows is bounded, and what is around it.
const LARGEST: u64 = 4 * crate::page::LARGEST as u64;

/// How many pages are sent at once.
const AT_ONCE: usize = 4;

/// Publishes the notebooks' pages; their links lead there from then on. A page that can't be
/// published is still in the local store.
pub(super) async fn pages(session: &Session, job: &Job<'_>, notebooks: &mut [NotebookReport]) {
    let Some(publisher) = &job.publisher else {
        return;
    };
    (job.emit)(Event::Phase("publishing pages".to_owned()));
    let root = session.store.borrow().root().to_owned();
    match publisher {
        Publisher::Artifacts(store) => {
            tokio::select! {
                () = as_artifacts(session, job, store, &root, notebooks) => {}
                _ = job.cancel.cancelled() => {}
            }
        }
        // It cleans up after itself when the command is to end.
        Publisher::Objects(publication) => {
            as_objects(session, job, publication, &root, notebooks).await;
        }
    }
}

async fn as_artifacts(
    session: &Session,
    job: &Job<'_>,
    store: &ArtifactStore,
    root: &Path,
    notebooks: &mut [NotebookReport],
) {
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
    let all = stream::iter(notebooks).map(|notebook| artifact(session, job, store, root, notebook));
    all.buffer_unordered(AT_ONCE).collect::<()>().await;
}

async fn artifact(
    session: &Session,
    job: &Job<'_>,
    store: &ArtifactStore,
    root: &Path,
    notebook: &mut NotebookReport,
) {
    if notebook.html.is_none() || store.is_closed() {
        return;
    }
    let interactive = match notebook.interactive {
        Some(_) => Interactive::Archived,
        None => Interactive::Nowhere,
    };
    let page = match page(job, root, notebook, interactive) {
        Ok(page) => page,
        Err(error) => return not_published(session, notebook, &error, None),
    };
    match store.put_page(&notebook.path, page).await {
        Ok(published) => notebook.url = Some(published.url),
        Err(error) => not_published(session, notebook, &error, error.hint()),
    }
}

/// A notebook's page as it is published. Code under test may have put anything in its place since it
/// was stored.
fn page(
    job: &Job<'_>,
    root: &Path,
    notebook: &NotebookReport,
    interactive: Interactive<'_>,
) -> std::io::Result<String> {
    let html = notebook.html.as_deref().unwrap_or_default();
    let page = left::read(&root.join(html), LARGEST)?;
    Ok(crate::page::published(
        &String::from_utf8_lossy(&page),
        &job.info,
        job.origin.as_ref(),
        interactive,
    ))
}

async fn as_objects(
    session: &Session,
    job: &Job<'_>,
    publication: &Rc<Publication>,
    root: &Path,
    notebooks: &mut [NotebookReport],
) {
    let private = match tempfile::tempdir() {
        Ok(private) => private,
        Err(error) => {
            let error = Error::Source {
                path: std::env::temp_dir().display().to_string(),
                why: error.to_string(),
            };
            return all_failed(session, publication, &error);
        }
    };
    publication.rename(report::names(notebooks));
    let files = files(session, job, publication, root, &private, notebooks).await;
    let put = match publication.put_all(files).await {
        Ok(put) => put,
        Err(error) => return all_failed(session, publication, &error),
    };
    for (name, stored) in put {
        let Err(error) = stored else { continue };
        publication.fail(&error);
        let notebook = notebooks.iter().find(|it| it.html.as_ref() == Some(&name));
        let path = notebook.map(|notebook| notebook.path.clone());
        missed(
            session,
            path,
            &format!("`{name}` was"),
            &error,
            error.hint(),
        );
    }
    if let Err(error) = report::link(publication, notebooks).await {
        all_failed(session, publication, &error);
    }
}

/// The run's files, with pages as they are published.
async fn files(
    session: &Session,
    job: &Job<'_>,
    publication: &Publication,
    root: &Path,
    private: &TempDir,
    notebooks: &[NotebookReport],
) -> Vec<(String, Content)> {
    let stored: Vec<String> = session.store.borrow().stored().map(str::to_owned).collect();
    let mut files = Vec::new();
    for (index, name) in stored.iter().enumerate() {
        let notebook = notebooks.iter().find(|it| it.html.as_ref() == Some(name));
        let file = match notebook {
            None => root.join(name),
            Some(notebook) => {
                let copy = private.path().join(index.to_string());
                let sister = match &notebook.interactive {
                    Some(name) => publication.beside(name).await.ok(),
                    None => None,
                };
                let interactive = sister
                    .as_deref()
                    .map_or(Interactive::Nowhere, Interactive::At);
                let written = page(job, root, notebook, interactive)
                    .map_err(|error| error.to_string())
                    .and_then(|page| {
                        local::write_whole(&copy, page.as_bytes()).map_err(|it| it.to_string())
                    });
                if let Err(error) = written {
                    let error = Error::Source {
                        path: name.clone(),
                        why: error,
                    };
                    not_published(session, notebook, &error, None);
                    continue;
                }
                copy
            }
        };
        files.push((name.clone(), Content::File(file)));
    }
    files
}

fn all_failed(session: &Session, publication: &Publication, error: &Error) {
    publication.fail(error);
    missed(session, None, "the pages were", error, error.hint());
}

fn not_published(
    session: &Session,
    notebook: &NotebookReport,
    error: &dyn std::error::Error,
    hint: Option<String>,
) {
    let path = Some(notebook.path.clone());
    missed(session, path, "the page was", error, hint);
}

/// Notes what was not published.
fn missed(
    session: &Session,
    path: Option<String>,
    what: &str,
    error: &dyn std::error::Error,
    hint: Option<String>,
) {
    let message = format!("{what} not published: {error}");
    let mut found = finding("daglab", "not-published", Severity::Warning, message);
    found.path = path;
    found.hint = hint;
    session.find(found);
}
