//! The report as GitHub-flavoured Markdown: the text that a pull-request comment or a job summary
//! carries.
//!
//! Nothing foreign is ever written as Markdown: names, paths and messages stand in code spans,
//! tracebacks in fences, so that they can neither format, link, mention nor close what they stand
//! in. A hard budget is kept by leaving out whole rows and blocks, the least important first.
//!
//! What failed comes first and is short: a row with the cell, its line and its error. How it failed
//! is folded at the end; what was skipped, cached or only a warning is folded, too.

mod budget;
mod escape;
mod failures;
mod findings;
mod frame;
mod places;
mod tables;

use self::budget::{Document, Importance};
use self::places::Places;
use super::model::CiReport;
use super::summary::Tone;

/// What fits into a comment on GitHub (65,536), with room for what a caller adds.
pub const DEFAULT_BUDGET: usize = 65_000;

/// The report as Markdown of at most `budget` characters, counted as UTF-16 does: an emoji may
/// count twice, so that the text is short enough for whoever counts otherwise.
pub fn render(report: &CiReport, budget: usize) -> String {
    let places = Places::of(report);
    let mut sections = vec![tables::locations(report, places)];
    sections.extend(tables::notebooks(report, places));
    sections.extend(tables::runs(report, places));
    sections.extend(findings::findings(report, places));
    sections.push(failures::failures(report, places));
    sections.push(findings::attachments(report));
    Document {
        headline: frame::headline(report),
        shortest: frame::shortest(report),
        sections,
        elsewhere: frame::elsewhere(report),
        footer: frame::footer(report),
    }
    .render(budget)
}

/// Sentences of ours about what could not be told, as a block to stand below the report.
pub fn notes(notes: &[String]) -> String {
    let lines = notes
        .iter()
        .map(|note| format!("\n> {}\n", escape::prose(note)));
    lines.collect()
}

fn emoji(tone: Tone) -> &'static str {
    match tone {
        Tone::Bad => "❌",
        Tone::Warn => "⚠️",
        Tone::Idle => "⏭️",
        Tone::Good => "✅",
    }
}

fn importance(tone: Tone) -> Importance {
    match tone {
        Tone::Bad => Importance::Failure,
        Tone::Warn => Importance::Warning,
        Tone::Idle => Importance::Skipped,
        Tone::Good => Importance::Passed,
    }
}
