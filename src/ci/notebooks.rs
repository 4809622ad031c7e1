//! One notebook of the plan, from waiting to its report.

use super::attempt::{self, Attempt, Verdict};
use super::formats;
use super::plan::PlannedNotebook;
use super::session::Session;
use crate::host::tail;
use crate::marimo::events::Events;
use crate::marimo::page::{self, Page, Unreadable};
use crate::marimo::results::{self, Results};
use crate::marimo::source::{self, Source};
use crate::page::{self as static_page, PageInput};
use crate::publish::{self, Published, Source as File};
use crate::report::model::{CellError, NotebookReport, NotebookStatus};
use crate::run::schedule::Done;
use crate::supervise::left;
use crate::ui::progress::{Event, Finished, Kind};
use crate::ui::text::sanitize;

/// A notebook of this many bytes is not one that somebody has written.
const LARGEST_SOURCE: u64 = 16 * 1024 * 1024;

/// A page of this many bytes is not one that a browser opens.
const LARGEST_PAGE: u64 = 512 * 1024 * 1024;

/// Waits for what the notebook needs, runs it as often as it may, stores its page, and reports.
pub async fn run(session: &Session, planned: &PlannedNotebook, runs: &[String]) -> NotebookReport {
    let mut report = blank(planned);
    if let Some(reason) = skip_reason(session, planned, runs).await {
        report.reason = Some(reason);
    } else {
        session.warm.wait().await;
        let place = session.runner.schedule.place().await;
        session.emit(Event::Started {
            kind: Kind::Notebook,
            title: planned.path.clone(),
        });
        while report.attempts <= planned.policy.retries {
            // What an earlier attempt has left says nothing about this one.
            report = NotebookReport {
                attempts: report.attempts + 1,
                ..blank(planned)
            };
            if planned.page {
                attempt_once(session, planned, &mut report).await;
            } else {
                report.status = NotebookStatus::Passed;
            }
            formats::export(session, planned, &mut report).await;
            if report.status == NotebookStatus::Passed {
                break;
            }
        }
        drop(place);
    }
    session.emit(Event::Finished(Finished::notebook(&report)));
    report
}

/// A notebook that has not been run.
pub fn blank(planned: &PlannedNotebook) -> NotebookReport {
    NotebookReport {
        path: planned.path.clone(),
        title: planned.title.clone(),
        status: NotebookStatus::Skipped,
        reason: None,
        duration_s: 0.0,
        attempts: 0,
        allow_failure: planned.policy.allow_failure,
        html: None,
        interactive: None,
        url: None,
        url_expires_at: None,
        files: Vec::new(),
        target: planned.target.clone(),
        args: planned.args.clone(),
        peak_memory_bytes: None,
        cells: Vec::new(),
    }
}

async fn skip_reason(
    session: &Session,
    planned: &PlannedNotebook,
    runs: &[String],
) -> Option<String> {
    if planned.skip.is_some() {
        return planned.skip.clone();
    }
    for index in &planned.needs {
        if session.runner.schedule.wait_for(*index).await == Done::Badly {
            return Some(format!(
                "it needs the run `{}`, which did not succeed",
                runs[*index]
            ));
        }
    }
    if planned.needs_dagster
        && let Err(why) = session.runner.dagster.wait().await
    {
        return Some(format!("it needs Dagster: {why}"));
    }
    None
}

async fn attempt_once(session: &Session, planned: &PlannedNotebook, report: &mut NotebookReport) {
    let dir = match session.scratch_dir() {
        Ok(dir) => dir,
        Err(error) => {
            report.status = NotebookStatus::Crashed;
            report.reason = Some(format!("there is no place to run it: {error}"));
            return;
        }
    };
    let env = session.env_of(planned);
    let on_cells = |finished| {
        let text = format!("{finished} cells done");
        session.emit(Event::Progress {
            title: planned.path.clone(),
            text,
        });
    };
    let attempt = match attempt::run(&session.host, planned, dir.path(), &env, on_cells).await {
        Ok(attempt) => attempt,
        Err(error) => {
            report.status = NotebookStatus::Crashed;
            report.reason = Some(format!("it could not be started: {error}"));
            return;
        }
    };
    report.duration_s = attempt.duration.as_secs_f64();
    report.peak_memory_bytes = attempt.peak_memory_bytes;
    (report.status, report.reason) = match &attempt.verdict {
        Verdict::Passed => (NotebookStatus::Passed, None),
        Verdict::Failed => (NotebookStatus::Failed, None),
        Verdict::TimedOut => {
            let seconds = planned.policy.timeout.as_secs_f64();
            (
                NotebookStatus::TimedOut,
                Some(format!("it was still running after {seconds} s")),
            )
        }
        Verdict::Crashed(how) => (NotebookStatus::Crashed, Some(how.clone())),
    };
    let file = planned.file.clone();
    let path = planned.path.clone();
    let status = report.status;
    let reason = report.reason.clone();
    // Pages may be large; reading one must not hold up the others.
    let read = tokio::task::spawn_blocking(move || {
        // It may have made something else of itself.
        let text = left::read_linked(&file, LARGEST_SOURCE).unwrap_or_default();
        let text = String::from_utf8(text).unwrap_or_default();
        let source = source::parse(&text);
        let read = read_results(&attempt, &source, &path, status, reason.as_deref());
        Read {
            source: source.ok(),
            text,
            ..read
        }
    });
    let mut read = read.await.unwrap_or_else(|error| Read {
        reason: Some(format!("its page could not be read: {error}")),
        ..Read::default()
    });
    report.cells = std::mem::take(&mut read.results.cells);
    if report.reason.is_none() {
        report.reason = read.reason.take();
    }
    // First, so that they are gone when the page is made, which takes room, too.
    let pictures = std::mem::take(&mut read.results.pictures);
    store_pictures(session, planned, report, &pictures);
    drop(pictures);
    store_pages(session, planned, report, &mut read).await;
}

/// What is known of an attempt.
#[derive(Default)]
struct Read {
    results: Results,
    reason: Option<String>,
    /// The exported file, if it is whole.
    exported: Option<std::path::PathBuf>,
    /// What it says.
    page: Option<Page>,
    /// The notebook's text, and what it says.
    text: String,
    source: Option<Source>,
}

fn read_results(
    attempt: &Attempt,
    source: &Result<Source, source::Unreadable>,
    path: &str,
    status: NotebookStatus,
    reason: Option<&str>,
) -> Read {
    let events = Events::read(&attempt.events);
    let source = match source {
        Ok(source) => source,
        Err(source::Unreadable::Syntax {
            message,
            line,
            column,
        }) => {
            let reason = format!("it is not valid Python: line {line}, column {column}: {message}");
            return Read {
                reason: Some(reason),
                ..Read::default()
            };
        }
        Err(source::Unreadable::NotANotebook) => &Source::default(),
    };
    // A page that was cut off, by a full disk, is none.
    let html = left::read(&attempt.page, LARGEST_PAGE)
        .ok()
        .filter(|html| html.trim_ascii_end().ends_with(b"</html>"));
    // The file's text goes before what it says is worked on: there is no need to hold both.
    let page = html.map(|html| page::parse(&String::from_utf8_lossy(&html)));
    match page {
        Some(Ok(page)) => Read {
            results: results::of_page(&page, source, &events, path),
            exported: Some(attempt.page.clone()),
            page: Some(page),
            ..Read::default()
        },
        other => {
            let (kind, message) = match status {
                NotebookStatus::TimedOut => ("Timeout", reason.unwrap_or("its time was over")),
                _ => ("Crash", reason.unwrap_or("its process ended")),
            };
            let why = CellError {
                kind: kind.to_owned(),
                message: message.to_owned(),
                traceback: None,
                line: None,
            };
            let exported = matches!(other, Some(Err(_)));
            let reason = match other {
                Some(Err(Unreadable::NoResults)) => Some(
                    "this version of marimo writes no results into its pages; only the exit code \
                     is known"
                        .to_owned(),
                ),
                Some(Err(Unreadable::Malformed(what))) => {
                    Some(format!("the results in its page could not be read: {what}"))
                }
                _ => Some(no_space(&attempt.page).unwrap_or_else(|| last_words(&attempt.log))),
            };
            let cells = match status {
                NotebookStatus::Passed | NotebookStatus::Failed => Vec::new(),
                _ => results::without_page(source, &events, path, &why),
            };
            Read {
                results: Results {
                    cells,
                    pictures: Vec::new(),
                },
                reason: reason.filter(|_| status != NotebookStatus::Passed || exported),
                exported: exported.then(|| attempt.page.clone()),
                ..Read::default()
            }
        }
    }
}

/// Says so if there was no room for the page; then there was none for any message, either.
fn no_space(page: &std::path::Path) -> Option<String> {
    /// Less than the smallest page.
    const ROOM: u64 = 64 * 1024;
    let dir = page.parent()?;
    let stat = rustix::fs::statvfs(dir).ok()?;
    (stat.f_bavail.saturating_mul(stat.f_frsize) < ROOM).then(|| {
        format!(
            "it was not exported: no space left on the device of `{}`",
            dir.display()
        )
    })
}

/// The last line of a process's output that says anything.
pub(super) fn last_words(log: &std::path::Path) -> String {
    let text = tail(log, 20);
    let line = text.lines().rev().find(|line| !line.trim().is_empty());
    line.map_or_else(
        || "it was not exported, and nothing was said about it".to_owned(),
        |line| sanitize(line.trim()).into_owned(),
    )
}

/// Stores the page that needs no network, and marimo's own beside it. Where nothing can be read of
/// marimo's, because its version writes no results, it is the only one.
async fn store_pages(
    session: &Session,
    planned: &PlannedNotebook,
    report: &mut NotebookReport,
    read: &mut Read,
) {
    if let (Some(exported), None) = (&read.exported, &read.page) {
        let stored = session
            .store
            .borrow_mut()
            .put(&planned.page_key, &File::File(exported));
        note_stored(stored, report);
        return;
    }
    if read.page.is_none() && report.cells.is_empty() {
        return;
    }
    if let Some(exported) = &read.exported {
        let key = planned.interactive_key();
        match session.store.borrow_mut().put(&key, &File::File(exported)) {
            Ok(published) => report.interactive = Some(published.key),
            Err(error) => {
                tracing::warn!(
                    "the interactive page of `{}` is not stored: {error}",
                    planned.path
                );
            }
        }
    }
    let (page, source, text) = (
        read.page.take(),
        read.source.take(),
        std::mem::take(&mut read.text),
    );
    let shown = report.clone();
    let project = session.project.clone();
    let started_at = session.started_at.clone();
    // It may be large, too.
    let rendered = tokio::task::spawn_blocking(move || {
        let interactive = shown.interactive.as_deref().and_then(beside);
        static_page::render(&PageInput {
            notebook: &shown,
            page: page.as_ref(),
            text: &text,
            source: source.as_ref(),
            project: &project,
            started_at: &started_at,
            interactive: interactive.as_deref(),
        })
    });
    match rendered.await {
        Ok(html) => {
            let stored = session
                .store
                .borrow_mut()
                .put(&planned.page_key, &File::Bytes(html.as_bytes()));
            note_stored(stored, report);
        }
        Err(error) => not_stored(&error, report),
    }
}

/// The relative address of a file from another in its folder.
fn beside(key: &str) -> Option<String> {
    /// What stands for itself in an address.
    const PLAIN: percent_encoding::AsciiSet = percent_encoding::NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'_')
        .remove(b'.');
    let name = key.rsplit('/').next()?;
    Some(percent_encoding::utf8_percent_encode(name, &PLAIN).to_string())
}

fn note_stored(stored: Result<Published, publish::Error>, report: &mut NotebookReport) {
    match stored {
        Ok(published) => {
            report.html = Some(published.key);
            report.url = Some(published.url);
        }
        Err(error) => not_stored(&error, report),
    }
}

fn not_stored(error: &dyn std::error::Error, report: &mut NotebookReport) {
    // Green promises a page that opens.
    if report.status == NotebookStatus::Passed {
        report.status = NotebookStatus::Failed;
    }
    report.reason = Some(format!("its page could not be stored: {error}"));
}

fn store_pictures(
    session: &Session,
    planned: &PlannedNotebook,
    report: &mut NotebookReport,
    pictures: &[results::Picture],
) {
    if !session.keep_pictures {
        return;
    }
    let mut store = session.store.borrow_mut();
    for (index, picture) in pictures.iter().enumerate() {
        let key = format!("notebooks/{}/{index}.{}", planned.slug, picture.extension);
        match store.put(&key, &File::Bytes(&picture.bytes)) {
            Ok(published) => report.cells[picture.cell].images.push(published.key),
            Err(error) => tracing::warn!("a picture of `{}` is not stored: {error}", planned.path),
        }
    }
}
