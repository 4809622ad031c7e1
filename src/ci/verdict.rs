//! Red or green.

use std::collections::HashSet;

use crate::report::model::{
    Attachment, Finding, NotebookReport, RunReport, RunResult, RunStatus, Severity,
};

/// The result of everything that was done. What was found about a notebook that may fail is no
/// error any more.
pub fn of(
    notebooks: &[NotebookReport],
    runs: &[RunReport],
    findings: &mut [Finding],
    attachments: &[Attachment],
) -> RunResult {
    let may_fail: HashSet<&str> = notebooks
        .iter()
        .filter(|notebook| notebook.allow_failure)
        .map(|notebook| notebook.path.as_str())
        .collect();
    for finding in findings.iter_mut() {
        let path = finding.path.as_deref();
        if finding.severity == Severity::Error && path.is_some_and(|path| may_fail.contains(path)) {
            finding.severity = Severity::Warning;
        }
    }
    let bad_notebook =
        |notebook: &NotebookReport| notebook.status.is_failure() && !notebook.allow_failure;
    let bad_run = |run: &RunReport| {
        (run.status.is_failure() || run.status == RunStatus::Skipped) && !run.allow_failure
    };
    let bad_attachment = |attachment: &Attachment| {
        !attachment.ok && !may_fail.contains(attachment.notebook.as_str())
    };
    if notebooks.iter().any(bad_notebook)
        || runs.iter().any(bad_run)
        || findings
            .iter()
            .any(|found| found.severity == Severity::Error)
        || attachments.iter().any(bad_attachment)
    {
        RunResult::Failed
    } else {
        RunResult::Passed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ci::session::finding;
    use crate::report::model::NotebookStatus;

    #[test]
    fn a_notebook_that_may_fail_fails_nothing() {
        let result = |allow_failure: bool| {
            let notebook = NotebookReport {
                path: "a.py".to_owned(),
                title: "a".to_owned(),
                status: NotebookStatus::Failed,
                reason: None,
                duration_s: 1.0,
                attempts: 1,
                allow_failure,
                html: None,
                interactive: None,
                url: None,
                url_expires_at: None,
                files: Vec::new(),
                target: None,
                args: Vec::new(),
                peak_memory_bytes: None,
                cells: Vec::new(),
            };
            let mut found = finding("marimo", "MB002", Severity::Error, "twice".to_owned());
            found.path = Some("a.py".to_owned());
            let mut findings = [found];
            let result = of(&[notebook], &[], &mut findings, &[]);
            (result, findings[0].severity)
        };
        assert_eq!(result(true), (RunResult::Passed, Severity::Warning));
        assert_eq!(result(false), (RunResult::Failed, Severity::Error));
        let mut about_all = [finding("daglab", "x", Severity::Error, "x".to_owned())];
        assert_eq!(of(&[], &[], &mut about_all, &[]), RunResult::Failed);
    }
}
