//! Red or green.

use std::collections::HashSet;

use crate::report::model::{
    Attachment, Finding, NotebookReport, RunReport, RunResult, RunStatus, Severity,
};

/// The result of everything that was done.
pub fn of(
    notebooks: &[NotebookReport],
    runs: &[RunReport],
    findings: &[Finding],
    attachments: &[Attachment],
) -> RunResult {
    let may_fail: HashSet<&str> = notebooks
        .iter()
        .filter(|notebook| notebook.allow_failure)
        .map(|notebook| notebook.path.as_str())
        .collect();
    let bad_notebook = |notebook: &NotebookReport| {
        notebook.status.is_failure() && !may_fail.contains(notebook.path.as_str())
    };
    let bad_run = |run: &RunReport| {
        (run.status.is_failure() || run.status == RunStatus::Skipped) && !run.allow_failure
    };
    let bad_finding = |finding: &Finding| {
        let path = finding.path.as_deref();
        finding.severity == Severity::Error && !path.is_some_and(|path| may_fail.contains(path))
    };
    let bad_attachment = |attachment: &Attachment| {
        !attachment.ok && !may_fail.contains(attachment.notebook.as_str())
    };
    if notebooks.iter().any(bad_notebook)
        || runs.iter().any(bad_run)
        || findings.iter().any(bad_finding)
        || attachments.iter().any(bad_attachment)
    {
        RunResult::Failed
    } else {
        RunResult::Passed
    }
}
