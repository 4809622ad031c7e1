//! What an export came to: files, links, and the exit code.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{ExportArgs, attach};
use crate::ci::{attach as attachments, deployment, formats, pairing};
use crate::commands::{Context, Failure};
use crate::error::ExitStatus;
use crate::report::model::{
    Attachment, CiReport, Finding, NotebookReport, NotebookStatus, PublishedRun, RunResult,
    Severity, Target,
};
use crate::report::summary;
use crate::report::terminal::{self, RenderOptions};
use crate::supervise::cancel::{Cancel, Reason};
use crate::ui::text::one_line;

/// What is said of an export.
pub(super) struct Told<'a> {
    pub(super) args: &'a ExportArgs,
    pub(super) context: &'a Context,
    pub(super) report: &'a CiReport,
    /// The folder that files are relative to.
    pub(super) root: &'a Path,
    /// Whether pages have gzip copies.
    pub(super) compress: bool,
    /// What links are called.
    pub(super) label: &'a str,
    pub(super) target: Option<&'a Target>,
}

/// The result as JSON.
#[derive(Serialize)]
struct Json<'a> {
    result: RunResult,
    notebooks: Vec<JsonNotebook<'a>>,
    attachments: &'a [Attachment],
    findings: &'a [Finding],
    published: Option<&'a PublishedRun>,
}

#[derive(Serialize)]
struct JsonNotebook<'a> {
    path: &'a str,
    status: NotebookStatus,
    reason: Option<&'a str>,
    duration_s: f64,
    url: Option<&'a str>,
    url_expires_at: Option<&'a str>,
    files: Vec<JsonFile>,
}

#[derive(Serialize)]
struct JsonFile {
    /// `html`, `html.gz`, `interactive.html`, `md`, `ipynb`, `pdf`.
    format: String,
    path: PathBuf,
}

impl Told<'_> {
    /// Tells it: files on stdout, the rest on stderr.
    pub(super) fn print(&self) -> Result<(), Failure> {
        let (printer, report) = (self.context.printer, self.report);
        if report.result != RunResult::Passed {
            let options = RenderOptions {
                width: None,
                color: printer.stderr_color(),
                index: None,
            };
            printer.message(&terminal::render(report, &options));
        } else {
            for found in report.findings.iter().filter(|found| is_news(found)) {
                printer.message(&format!("note: {}", found.message));
            }
        }
        for attachment in report.attachments.iter().filter(|it| it.ok) {
            if let Some(sentence) = attach::sentence(attachment) {
                printer.message(&sentence);
            }
        }
        for (key, code) in attach::snippets_left(report, self.label) {
            printer.message(&format!(
                "the link is not attached; to have the asset `{key}` attach it, add this to its \
                 code and materialize it:\n\n{code}"
            ));
        }
        printer.result(&self.result()).map_err(Failure::output)
    }

    fn result(&self) -> String {
        if self.args.json {
            return self.json() + "\n";
        }
        if self.args.print_snippet {
            return self.snippet().unwrap_or_default();
        }
        let notebooks = self.report.notebooks.iter();
        let files = notebooks.flat_map(|notebook| self.files(notebook));
        let files: String = files
            .filter(|file| file.format != "interactive.html")
            .map(|file| format!("{}\n", file.path.display()))
            .collect();
        files + &self.links()
    }

    /// Where others can open what was published.
    fn links(&self) -> String {
        let Some(published) = &self.report.published else {
            return String::new();
        };
        if let Some(end) = summary::link_end(published) {
            self.context.printer.message(&end);
        }
        let urls = self
            .report
            .notebooks
            .iter()
            .filter_map(|it| it.url.as_deref());
        urls.map(|url| format!("{}\n", one_line(url))).collect()
    }

    fn json(&self) -> String {
        let notebook = |notebook| JsonNotebook {
            files: self.files(notebook),
            path: &notebook.path,
            status: notebook.status,
            reason: notebook.reason.as_deref(),
            duration_s: notebook.duration_s,
            url: notebook.url.as_deref(),
            url_expires_at: notebook.url_expires_at.as_deref(),
        };
        let json = Json {
            result: self.report.result,
            notebooks: self.report.notebooks.iter().map(notebook).collect(),
            attachments: &self.report.attachments,
            findings: &self.report.findings,
            published: self.report.published.as_ref(),
        };
        let text = match self.args.watch {
            true => serde_json::to_string(&json),
            false => serde_json::to_string_pretty(&json),
        };
        text.expect("a result is plain data")
    }

    /// The code for the asset that `--attach` names.
    fn snippet(&self) -> Option<String> {
        let Some(Target::Asset { key, .. }) = self.target else {
            return None;
        };
        let notebooks = self.report.notebooks.iter();
        let links: Vec<(&str, &str)> = notebooks
            .filter_map(|notebook| Some((notebook.path.as_str(), notebook.url.as_deref()?)))
            .collect();
        attach::snippet(key, &links, self.label)
    }

    /// The files of a notebook that were written.
    fn files(&self, notebook: &NotebookReport) -> Vec<JsonFile> {
        let file = |format: &str, path: PathBuf| JsonFile {
            format: format.to_owned(),
            path,
        };
        let mut files = Vec::new();
        if let Some(key) = &notebook.html {
            let page = self.root.join(key);
            // A page of another name has no copy.
            let packed = self.compress && key.ends_with(".html");
            let packed = packed.then(|| page.with_added_extension("gz"));
            files.push(file("html", page));
            files.extend(packed.map(|path| file("html.gz", path)));
        }
        if let Some(key) = &notebook.interactive {
            files.push(file("interactive.html", self.root.join(key)));
        }
        for exported in &notebook.files {
            files.push(file(&exported.format, self.root.join(&exported.path)));
        }
        files
    }
}

/// Whether a finding says what was done, where nothing failed.
fn is_news(found: &Finding) -> bool {
    let code = found.code.as_deref();
    matches!(
        code,
        Some("assets-of-job" | "no-verdict" | attachments::KEPT_BACK)
    )
}

/// The exit code: of several troubles, a notebook that failed comes first.
pub(super) fn exit_status(report: &CiReport, cancel: &Cancel) -> ExitStatus {
    match report.result {
        // What was asked for by a flag is not there.
        RunResult::Passed if is_kept_back(report) => ExitStatus::Validation,
        RunResult::Passed => ExitStatus::Success,
        RunResult::Cancelled => cancel
            .reason()
            .map_or(ExitStatus::RunFailed, Reason::exit_status),
        RunResult::Failed | RunResult::Error => trouble(report),
    }
}

/// Whether the sandbox has kept links back; verdicts alone are not what was asked for.
fn is_kept_back(report: &CiReport) -> bool {
    let mut findings = report.findings.iter();
    let refused = findings.any(|found| found.code.as_deref() == Some(attachments::KEPT_BACK));
    let mut made = report.attachments.iter();
    refused && !made.any(|made| made.kind != "asset_check")
}

fn trouble(report: &CiReport) -> ExitStatus {
    let mut notebooks = report.notebooks.iter();
    let none_failed = notebooks.all(|notebook| !notebook.status.is_failure());
    let found = |code: &str| {
        report
            .findings
            .iter()
            .any(|found| found.code.as_deref() == Some(code) && found.severity == Severity::Error)
    };
    let kinds = [
        (formats::MISSING_PACKAGE, ExitStatus::Environment),
        (pairing::NO_TARGET, ExitStatus::Validation),
        (deployment::REFUSED, ExitStatus::Authentication),
        (deployment::UNREACHABLE, ExitStatus::Network),
    ];
    kinds
        .into_iter()
        .find(|(code, _)| none_failed && found(code))
        .map_or(ExitStatus::RunFailed, |(_, status)| status)
}
