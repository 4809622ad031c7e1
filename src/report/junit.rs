//! The report as JUnit XML: a suite for each notebook with a test case for each cell, and suites
//! for runs (a case for each step), code locations, findings and attachments.
//!
//! Allowed failures are skipped cases, because a reader of JUnit cannot know that they are allowed.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite, XmlString};

use super::model::{
    CellReport, CellStatus, CiReport, Finding, NotebookReport, NotebookStatus, RunError, RunReport,
    Severity,
};
use super::summary;
use crate::ui::text::sanitize;

/// The report as JUnit XML with a newline at its end.
pub fn render(report: &CiReport) -> String {
    let mut junit = Report::new("daglab");
    junit.set_time(seconds(report.duration_s));
    junit.add_test_suites(report.notebooks.iter().map(notebook_suite));
    let suites = [
        suite("runs", report.runs.iter().flat_map(run_cases)),
        suite("locations", locations(report)),
        suite("findings", report.findings.iter().map(finding_case)),
        suite("attachments", attachments(report)),
    ];
    junit.add_test_suites(suites.into_iter().filter(|suite| suite.tests > 0));
    if report.started_at.parse::<jiff::Timestamp>().is_ok() {
        for suite in &mut junit.test_suites {
            suite
                .extra
                .insert(xml("timestamp"), xml(&report.started_at));
        }
    }
    let mut text = junit
        .to_string()
        .expect("serialising strings into memory cannot fail");
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

fn xml(text: &str) -> XmlString {
    XmlString::new(sanitize(text))
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

fn suite(name: &str, cases: impl IntoIterator<Item = TestCase>) -> TestSuite {
    let mut suite = TestSuite::new(xml(name));
    suite.add_test_cases(cases);
    suite
}

fn case(class: &str, name: &str, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(xml(name), status);
    case.set_classname(xml(class));
    case
}

fn locate(case: &mut TestCase, path: &str, line: Option<u32>) {
    case.extra.insert(xml("file"), xml(path));
    if let Some(line) = line {
        case.extra.insert(xml("line"), xml(&line.to_string()));
    }
}

/// What a failure is written as.
struct Failure<'a> {
    kind: NonSuccessKind,
    allowed: bool,
    class: Option<&'a str>,
    message: &'a str,
    /// `path:line`, written above the traceback.
    place: Option<String>,
    traceback: Option<&'a str>,
}

impl Failure<'_> {
    fn status(&self) -> TestCaseStatus {
        let line = summary::error_line(self.class, self.message);
        let mut status = if self.allowed {
            TestCaseStatus::skipped()
        } else {
            TestCaseStatus::non_success(self.kind)
        };
        let lead = if self.allowed {
            "failure allowed: "
        } else {
            ""
        };
        status.set_message(xml(&format!("{lead}{line}")));
        if let Some(class) = self.class {
            status.set_type(xml(class));
        }
        let mut text: Vec<&str> = self.place.as_deref().into_iter().collect();
        text.push(self.traceback.map_or(&*line, str::trim_end));
        status.set_description(xml(&text.join("\n")));
        status
    }
}

fn skipped(message: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    status.set_message(xml(message));
    status
}

fn notebook_suite(notebook: &NotebookReport) -> TestSuite {
    let cells = notebook.cells.iter();
    let cases = cells.map(|cell| cell_case(cell, notebook.allow_failure));
    let mut suite = suite(&notebook.path, cases);
    let explained = notebook.root_causes().next().is_some();
    if suite.tests == 0 || (notebook.status.is_failure() && !explained) {
        suite.add_test_case(whole_notebook(notebook));
    }
    suite.set_time(seconds(notebook.duration_s));
    suite.extra.insert(xml("file"), xml(&notebook.path));
    suite
}

/// A case for the notebook itself, where its cells do not tell what became of it.
fn whole_notebook(notebook: &NotebookReport) -> TestCase {
    let reason = notebook.reason.as_deref().unwrap_or(notebook.status.word());
    let status = match notebook.status {
        NotebookStatus::Skipped => skipped(reason),
        status if status.is_failure() => Failure {
            kind: NonSuccessKind::Error,
            allowed: notebook.allow_failure,
            class: None,
            message: reason,
            place: None,
            traceback: None,
        }
        .status(),
        _ => TestCaseStatus::success(),
    };
    let mut case = case(&notebook.path, "notebook", status);
    case.set_time(seconds(notebook.duration_s));
    locate(&mut case, &notebook.path, None);
    case
}

fn cell_case(cell: &CellReport, allowed: bool) -> TestCase {
    let line = summary::cell_line(cell);
    let status = match cell.status {
        CellStatus::Ok => TestCaseStatus::success(),
        CellStatus::Disabled => skipped("the cell is disabled"),
        CellStatus::NotRun => skipped(&match &cell.blamed_on {
            Some(name) => format!("not run because of {}", summary::cell_title(name)),
            None => "not run".to_owned(),
        }),
        CellStatus::Failed => {
            let error = cell.error.as_ref();
            Failure {
                kind: NonSuccessKind::Failure,
                allowed,
                class: error.map(|error| &*error.kind),
                message: error.map_or("it did not end", |error| &*error.message),
                place: Some(summary::place(&cell.path, line, None)),
                traceback: error.and_then(|error| error.traceback.as_deref()),
            }
            .status()
        }
    };
    let name = match (&*cell.name, cell.line) {
        ("" | "_", Some(line)) => format!("unnamed cell at line {line}"),
        ("" | "_", None) => "unnamed cell".to_owned(),
        (name, _) => name.to_owned(),
    };
    let mut case = case(&cell.path, &name, status);
    locate(&mut case, &cell.path, line);
    if let Some(took) = cell.duration_s {
        case.set_time(seconds(took));
    }
    if !cell.console.is_empty() {
        case.set_system_out(xml(&cell.console));
    }
    case
}

fn run_error_status(error: Option<&RunError>, word: &str, allowed: bool) -> TestCaseStatus {
    Failure {
        kind: NonSuccessKind::Failure,
        allowed,
        class: error.and_then(|error| error.class.as_deref()),
        message: error.map_or(word, |error| &*error.message),
        place: error.and_then(|e| {
            e.path
                .as_deref()
                .map(|path| summary::place(path, e.line, None))
        }),
        traceback: error.and_then(|error| error.stack.as_deref()),
    }
    .status()
}

fn run_cases(run: &RunReport) -> Vec<TestCase> {
    let mut cases = Vec::new();
    let mut explained = false;
    for step in &run.steps {
        let failed = match &*step.status {
            "FAILURE" => true,
            // A step that was still at it when its run was ended is why the run has no success.
            "IN_PROGRESS" => run.status.is_failure(),
            _ => false,
        };
        let status = if failed {
            let error = step.error.as_ref().or(run.error.as_ref());
            run_error_status(error, &step.status, run.allow_failure)
        } else if step.status == "SUCCESS" {
            TestCaseStatus::success()
        } else {
            skipped(&step.status.to_lowercase())
        };
        explained |= failed;
        let mut case = case(&run.title, &step.key, status);
        if let Some(took) = step.duration_s {
            case.set_time(seconds(took));
        }
        if let Some(error) = &step.error {
            locate_error(&mut case, error);
        }
        cases.push(case);
    }
    if cases.is_empty() || (run.status.is_failure() && !explained) {
        cases.push(whole_run(run));
    }
    cases
}

/// A case for the run itself, where its steps do not tell what became of it.
fn whole_run(run: &RunReport) -> TestCase {
    let word = run.status.word();
    let status = if run.status.is_failure() {
        run_error_status(run.error.as_ref(), word, run.allow_failure)
    } else if run.status == super::model::RunStatus::Skipped {
        skipped(run.error.as_ref().map_or(word, |error| &*error.message))
    } else {
        TestCaseStatus::success()
    };
    let mut case = case(&run.title, "run", status);
    case.set_time(seconds(run.duration_s));
    if let Some(error) = &run.error {
        locate_error(&mut case, error);
    }
    case
}

fn locate_error(case: &mut TestCase, error: &RunError) {
    if let Some(path) = &error.path {
        locate(case, path, error.line);
    }
}

fn locations(report: &CiReport) -> impl Iterator<Item = TestCase> {
    report.locations.iter().map(|location| {
        let status = if location.loaded {
            TestCaseStatus::success()
        } else {
            run_error_status(location.error.as_ref(), "did not load", false)
        };
        let mut case = case("locations", &location.name, status);
        if let Some(error) = &location.error {
            locate_error(&mut case, error);
        }
        case
    })
}

fn finding_case(finding: &Finding) -> TestCase {
    let rule = finding.code.as_ref().unwrap_or(&finding.source);
    let place = summary::finding_place(finding);
    let name = match &place {
        Some(place) => format!("{rule} {place}"),
        None => rule.clone(),
    };
    let failed = finding.severity == Severity::Error;
    let status = if failed {
        Failure {
            kind: NonSuccessKind::Failure,
            allowed: false,
            class: Some(rule),
            message: &finding.message,
            place,
            traceback: None,
        }
        .status()
    } else {
        TestCaseStatus::success()
    };
    let mut case = case(&finding.source, &name, status);
    if let Some(path) = &finding.path {
        locate(&mut case, path, finding.line);
    }
    if !failed {
        case.set_system_out(xml(&format!(
            "{}: {}",
            finding.severity.word(),
            finding.message
        )));
    }
    case
}

fn attachments(report: &CiReport) -> impl Iterator<Item = TestCase> {
    report.attachments.iter().map(|attachment| {
        let status = if attachment.ok {
            TestCaseStatus::success()
        } else {
            Failure {
                kind: NonSuccessKind::Error,
                allowed: false,
                class: None,
                message: attachment
                    .message
                    .as_deref()
                    .unwrap_or("could not be attached"),
                place: None,
                traceback: None,
            }
            .status()
        };
        let target = summary::target_line(&attachment.target);
        case(
            &attachment.notebook,
            &format!("{} of {target}", attachment.kind),
            status,
        )
    })
}
