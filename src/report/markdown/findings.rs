//! What was found beside what was run: errors in a table, the rest folded; and what could not be
//! attached.

use super::budget::{Importance, Section};
use super::emoji;
use super::escape::code;
use super::places::Places;
use crate::report::model::{CiReport, Finding, Severity};
use crate::report::summary::{self, Tone};
use crate::ui::text::count;

const HEAD: &str = "| | Finding | Rule |\n| :-- | :-- | :-- |\n";

/// The errors, and what weighs less.
pub(super) fn findings(report: &CiReport, places: Places<'_>) -> [Section; 2] {
    let of = |severity: Severity| {
        let found = report.findings.iter();
        found.filter(move |finding| finding.severity == severity)
    };
    let mut errors = Section::new("finding", format!("\n{HEAD}"), String::new());
    for finding in of(Severity::Error) {
        errors.push(Importance::Failure, row(finding, places));
    }
    let (warnings, notes) = (of(Severity::Warning).count(), of(Severity::Info).count());
    let parts = [(warnings, "warning"), (notes, "note")];
    let parts = parts.into_iter().filter(|(n, _)| *n > 0);
    let title: Vec<String> = parts.map(|(n, noun)| count(n, noun)).collect();
    let before = format!(
        "\n<details>\n<summary>{}</summary>\n\n{HEAD}",
        title.join(", ")
    );
    let mut folded = Section::new("finding", before, "\n</details>\n".to_owned());
    for finding in of(Severity::Warning) {
        folded.push(Importance::Warning, row(finding, places));
    }
    for finding in of(Severity::Info) {
        folded.push(Importance::Passed, row(finding, places));
    }
    [errors, folded]
}

fn row(finding: &Finding, places: Places<'_>) -> String {
    let path = finding.path.as_deref();
    let place = path.map(|path| places.link(path, finding.line, finding.column));
    let mut lines: Vec<String> = place.into_iter().collect();
    lines.push(code(&finding.message));
    lines.extend(
        finding
            .hint
            .as_ref()
            .map(|hint| format!("hint: {}", code(hint))),
    );
    let rule = code(finding.code.as_ref().unwrap_or(&finding.source));
    let mark = match finding.severity {
        Severity::Info => "ℹ️",
        severity => emoji(severity.tone()),
    };
    format!("| {mark} | {} | {rule} |\n", lines.join("<br>"))
}

pub(super) fn attachments(report: &CiReport) -> Section {
    let before = "\n### Not attached\n\n".to_owned();
    let mut section = Section::new("attachment", before, String::new());
    let failed = report.attachments.iter();
    for attachment in failed.filter(|attachment| !attachment.ok) {
        let message = attachment.message.as_deref();
        let line = format!(
            "- {} {} of {} to {}: {}\n",
            emoji(Tone::Bad),
            code(&attachment.kind),
            code(&attachment.notebook),
            code(&summary::target_line(&attachment.target)),
            code(message.unwrap_or("no reason was given")),
        );
        section.push(Importance::Warning, line);
    }
    section
}
