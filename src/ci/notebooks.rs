//! One notebook of the plan, from waiting to its report.

use super::attempt::{self, Attempt, Verdict};
use super::plan::PlannedNotebook;
use super::session::Session;
use crate::host::tail;
use crate::marimo::events::Events;
use crate::marimo::page::{self, Unreadable};
use crate::marimo::results::{self, Results};
use crate::marimo::source::{self, Source};
use crate::publish::Source as File;
use crate::redact;
use crate::report::model::{CellError, NotebookReport, NotebookStatus};
use crate::run::schedule::Done;
use crate::supervise::left;
use crate::ui::progress::{Event, Finished, Kind};
use crate::ui::text::sanitize;

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
            attempt_once(session, planned, &mut report).await;
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
    // Short: what a notebook puts there may be a socket, whose path has a limit.
    let dir = match tempfile::Builder::new()
        .prefix("")
        .tempdir_in(&session.scratch)
    {
        Ok(dir) => dir,
        Err(error) => {
            report.status = NotebookStatus::Crashed;
            report.reason = Some(format!("there is no place to run it: {error}"));
            return;
        }
    };
    let mut env = session.notebook_env.clone();
    for name in planned.env.iter().filter(|name| redact::may_be_named(name)) {
        if let Some(value) = session.user_env.get(name) {
            env.insert(name.clone(), Some(value.clone()));
        }
    }
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
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        read_results(
            &attempt,
            &source::parse(&text),
            &path,
            status,
            reason.as_deref(),
        )
    });
    let read = read.await.unwrap_or_else(|error| Read {
        results: Results::default(),
        reason: Some(format!("its page could not be read: {error}")),
        page: None,
    });
    report.cells = read.results.cells;
    if report.reason.is_none() {
        report.reason = read.reason;
    }
    store(
        session,
        planned,
        report,
        read.page.as_deref(),
        &read.results.pictures,
    );
}

struct Read {
    results: Results,
    reason: Option<String>,
    page: Option<std::path::PathBuf>,
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
                results: Results::default(),
                reason: Some(reason),
                page: None,
            };
        }
        Err(source::Unreadable::NotANotebook) => &Source::default(),
    };
    // A page that was cut off, by a full disk, is none.
    let html = left::read(&attempt.page, LARGEST_PAGE)
        .ok()
        .filter(|html| html.trim_ascii_end().ends_with(b"</html>"));
    let html = html.as_deref().map(String::from_utf8_lossy);
    let page = html.as_deref().map(page::parse);
    match page {
        Some(Ok(page)) => Read {
            results: results::of_page(&page, source, &events, path),
            reason: None,
            page: Some(attempt.page.clone()),
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
                page: exported.then(|| attempt.page.clone()),
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
fn last_words(log: &std::path::Path) -> String {
    let text = tail(log, 20);
    let line = text.lines().rev().find(|line| !line.trim().is_empty());
    line.map_or_else(
        || "it was not exported, and nothing was said about it".to_owned(),
        |line| sanitize(line.trim()).into_owned(),
    )
}

fn store(
    session: &Session,
    planned: &PlannedNotebook,
    report: &mut NotebookReport,
    page: Option<&std::path::Path>,
    pictures: &[results::Picture],
) {
    let mut store = session.store.borrow_mut();
    if let Some(page) = page {
        match store.put(&planned.page_key, &File::File(page)) {
            Ok(published) => {
                report.html = Some(published.key);
                report.url = Some(published.url);
            }
            Err(error) => {
                // Green promises a page that opens.
                if report.status == NotebookStatus::Passed {
                    report.status = NotebookStatus::Failed;
                }
                report.reason = Some(format!("its page could not be stored: {error}"));
            }
        }
    }
    if !session.keep_pictures {
        return;
    }
    for (index, picture) in pictures.iter().enumerate() {
        let key = format!("notebooks/{}/{index}.{}", planned.slug, picture.extension);
        match store.put(&key, &File::Bytes(&picture.bytes)) {
            Ok(published) => report.cells[picture.cell].images.push(published.key),
            Err(error) => tracing::warn!("a picture of `{}` is not stored: {error}", planned.path),
        }
    }
}
