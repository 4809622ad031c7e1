//! What the report has to say about single lines of the repository, the most important first.
//!
//! Paths are relative to the repository, as a code review shows them.

use super::model::{
    CiReport, Finding, LocationReport, NotebookReport, RunError, RunReport, Severity,
};
use super::summary::{self, Tone};
use super::traceback::keep_end;
use crate::ui::text::{count, sanitize};

/// Something to say about a line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation {
    /// How much it weighs.
    pub severity: Severity,
    /// The file, relative to the repository, if it is about one.
    pub path: Option<String>,
    /// The first line, counted from 1.
    pub line: Option<u32>,
    /// What it is about, on one line.
    pub title: String,
    /// What there is to say.
    pub message: String,
}

/// The annotations of a report: errors, then warnings. What is only worth knowing is none.
pub fn of(report: &CiReport) -> Vec<Annotation> {
    let mut all: Vec<Annotation> = Vec::new();
    all.extend(report.locations.iter().filter_map(location));
    all.extend(report.notebooks.iter().flat_map(notebook));
    all.extend(report.runs.iter().filter_map(run));
    let findings = report.findings.iter();
    all.extend(findings.filter_map(finding));
    let folder = report.origin.as_ref().map(|origin| &*origin.project_path);
    for annotation in &mut all {
        annotation.path = annotation
            .path
            .take()
            .and_then(|path| inside(folder, &path));
    }
    all.sort_by_key(|annotation| std::cmp::Reverse(annotation.severity));
    all
}

/// A project's path as the repository has it; none for what lies outside.
pub fn inside(project: Option<&str>, path: &str) -> Option<String> {
    let folder = project.unwrap_or_default();
    let mut parts: Vec<&str> = Vec::new();
    if path.starts_with('/') {
        return None;
    }
    for part in folder.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

fn severity(tone: Tone) -> Option<Severity> {
    match tone {
        Tone::Bad => Some(Severity::Error),
        Tone::Warn => Some(Severity::Warning),
        Tone::Idle | Tone::Good => None,
    }
}

fn location(location: &LocationReport) -> Option<Annotation> {
    if location.loaded {
        return None;
    }
    let title = format!("code location {} did not load", location.name);
    Some(match &location.error {
        Some(error) => of_error(Severity::Error, title, error),
        None => Annotation {
            severity: Severity::Error,
            path: None,
            line: None,
            message: title.clone(),
            title,
        },
    })
}

fn notebook(notebook: &NotebookReport) -> Vec<Annotation> {
    let Some(severity) = severity(notebook.tone()) else {
        return Vec::new();
    };
    let mut all: Vec<Annotation> = notebook
        .root_causes()
        .map(|cell| {
            let mut message = summary::cell_error_line(cell);
            let traceback = cell
                .error
                .as_ref()
                .and_then(|error| error.traceback.as_deref());
            if let Some(traceback) = traceback {
                message.push_str(&format!(
                    "\n\n{}",
                    keep_end(&sanitize(traceback), 20, 2_000)
                ));
            }
            Annotation {
                severity,
                path: Some(cell.path.clone()),
                line: summary::cell_line(cell),
                title: format!("{} failed", summary::cell_title(&cell.name)),
                message,
            }
        })
        .collect();
    if all.is_empty() {
        let word = notebook.status.word();
        all.push(Annotation {
            severity,
            path: Some(notebook.path.clone()),
            line: None,
            title: format!("notebook {word}"),
            message: notebook.reason.as_deref().unwrap_or(word).to_owned(),
        });
    }
    all
}

fn run(run: &RunReport) -> Option<Annotation> {
    let severity = severity(run.tone())?;
    let failed: Vec<_> = run.failed_steps().collect();
    let error = failed
        .first()
        .map(|(_, error)| *error)
        .or(run.error.as_ref())?;
    let title = match failed.as_slice() {
        [] => format!("run {} {}", run.title, run.status.word()),
        [(step, _)] => format!("step {} of run {} failed", step.key, run.title),
        steps => format!("{} of run {} failed", count(steps.len(), "step"), run.title),
    };
    Some(of_error(severity, title, error))
}

fn of_error(severity: Severity, title: String, error: &RunError) -> Annotation {
    let mut message = summary::error_line(error.class.as_deref(), &error.message);
    if let Some(stack) = &error.stack {
        message.push_str(&format!("\n\n{}", keep_end(&sanitize(stack), 20, 2_000)));
    }
    Annotation {
        severity,
        path: error.path.clone(),
        line: error.line,
        title,
        message,
    }
}

fn finding(finding: &Finding) -> Option<Annotation> {
    if finding.severity == Severity::Info {
        return None;
    }
    let mut message = finding.message.clone();
    if let Some(hint) = &finding.hint {
        message.push_str(&format!("\nhint: {hint}"));
    }
    Some(Annotation {
        severity: finding.severity,
        path: finding.path.clone(),
        line: finding.line,
        title: match &finding.code {
            Some(code) => format!("{} {code}", finding.source),
            None => finding.source.clone(),
        },
        message,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_repository_and_stay_in_it() {
        let inside = |folder, path| inside(Some(folder), path);
        assert_eq!(inside("", "a/b.py").as_deref(), Some("a/b.py"));
        assert_eq!(
            inside("data/orders", "./a.py").as_deref(),
            Some("data/orders/a.py")
        );
        assert_eq!(inside("data", "../lib/a.py").as_deref(), Some("lib/a.py"));
        assert_eq!(inside("data", "../../a.py"), None);
        assert_eq!(inside("data", "/etc/passwd"), None);
    }
}
