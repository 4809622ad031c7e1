//! A report in the shapes in which GitHub takes it.

use std::collections::BTreeMap;

use crate::github::check::{self, Conclusion, Level};
use crate::report::annotations;
use crate::report::model::{CiReport, NotebookStatus, RunResult, RunStatus, Severity};
use crate::report::summary;

/// The files that a report speaks of, by their names in the artifacts directory.
pub(super) fn files(report: &CiReport) -> Vec<String> {
    let pages = report.notebooks.iter().flat_map(|notebook| {
        let pages = [&notebook.html, &notebook.interactive];
        let images = notebook.cells.iter().flat_map(|cell| &cell.images);
        pages.into_iter().flatten().chain(images)
    });
    let logs = report.runs.iter().filter_map(|run| run.log.as_ref());
    pages.chain(logs).cloned().collect()
}

/// The step's outputs.
pub(super) fn outputs(
    report: &CiReport,
    file: Option<String>,
    comment: Option<&str>,
) -> Vec<(&'static str, String)> {
    let notebooks = |wanted: fn(NotebookStatus) -> bool| {
        let all = report.notebooks.iter();
        all.filter(|notebook| wanted(notebook.status))
            .count()
            .to_string()
    };
    let runs = |wanted: fn(RunStatus) -> bool| {
        let all = report.runs.iter();
        all.filter(|run| wanted(run.status)).count().to_string()
    };
    let pages: BTreeMap<&str, &str> = report
        .notebooks
        .iter()
        .filter_map(|notebook| Some((&*notebook.path, notebook.url.as_deref()?)))
        .filter(|(_, url)| url.starts_with("https://") || url.starts_with("http://"))
        .collect();
    let archive = report
        .origin
        .as_ref()
        .and_then(|origin| origin.archive_url.clone());
    vec![
        ("result", summary::result_word(report.result).to_owned()),
        ("report", file.unwrap_or_default()),
        ("comment-url", comment.unwrap_or_default().to_owned()),
        ("archive-url", archive.unwrap_or_default()),
        (
            "notebooks-passed",
            notebooks(|status| matches!(status, NotebookStatus::Passed | NotebookStatus::Cached)),
        ),
        ("notebooks-failed", notebooks(NotebookStatus::is_failure)),
        ("runs-passed", runs(|status| status == RunStatus::Success)),
        ("runs-failed", runs(RunStatus::is_failure)),
        ("page-urls", serde_json::json!(pages).to_string()),
    ]
}

pub(super) fn conclusion(result: RunResult) -> Conclusion {
    match result {
        RunResult::Passed => Conclusion::Success,
        RunResult::Failed | RunResult::Error => Conclusion::Failure,
        RunResult::Cancelled => Conclusion::Cancelled,
    }
}

/// Those annotations that are about a line: a check run has no others.
pub(super) fn check_annotations(report: &CiReport) -> Vec<check::Annotation> {
    let about_files = annotations::of(report)
        .into_iter()
        .filter_map(|annotation| {
            let line = annotation.line.unwrap_or(1).max(1);
            Some(check::Annotation {
                path: annotation.path?,
                start_line: line,
                end_line: line,
                level: match annotation.severity {
                    Severity::Error => Level::Failure,
                    Severity::Warning => Level::Warning,
                    Severity::Info => Level::Notice,
                },
                message: annotation.message,
                title: Some(annotation.title),
            })
        });
    about_files.collect()
}
