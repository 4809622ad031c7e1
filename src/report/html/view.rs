//! What the page shows, as text that only has to be laid out: the template decides nothing.

mod notebook;
mod run;
mod tiles;
mod time;

use serde::Serialize;

use super::address;
use crate::report::model::{CiReport, Finding};
use crate::report::summary::{self, Tone};
use crate::ui::text::one_line;

use self::notebook::{Cause, NotebookView};
use self::run::{LocationView, RunView};
use self::tiles::Tile;
use self::time::{Phase, Slow};

/// Above so many notebooks, cards lose their pictures and shrink.
const GALLERY: usize = 60;

/// So many causes are listed before the rest is folded.
const CAUSES: usize = 20;

#[derive(Serialize)]
pub(super) struct Page {
    name: String,
    tone: &'static str,
    symbol: &'static str,
    /// `Passed`, `Failed`.
    result: String,
    counts: String,
    branch: Option<String>,
    commit: Option<String>,
    started: String,
    icon: &'static str,
    tiles: Vec<Tile>,
    causes: Vec<Cause>,
    more_causes: Vec<Cause>,
    failed: Vec<NotebookView>,
    others: Vec<NotebookView>,
    compact: bool,
    /// Whether marimo's own pages are linked.
    has_interactive: bool,
    /// Whether tracebacks are folded, because there are many.
    brief: bool,
    runs: Vec<RunView>,
    locations: Vec<LocationView>,
    findings: Vec<FindingView>,
    attachments: Vec<AttachmentView>,
    timings: Vec<Phase>,
    slowest: Vec<Slow>,
    versions: Vec<String>,
    schema_version: u32,
}

#[derive(Serialize)]
struct FindingView {
    tone: &'static str,
    symbol: &'static str,
    word: &'static str,
    place: Option<String>,
    rule: String,
    message: Vec<Piece>,
    hint: Vec<Piece>,
}

#[derive(Serialize)]
struct AttachmentView {
    tone: &'static str,
    symbol: &'static str,
    kind: String,
    notebook: String,
    target: String,
    message: Vec<Piece>,
}

/// A part of a sentence: prose, or what stood in backticks.
#[derive(Debug, Serialize, PartialEq, Eq)]
struct Piece {
    code: bool,
    text: String,
}

impl Page {
    pub(super) fn of(report: &CiReport) -> Self {
        let tone = summary::result_tone(report.result);
        let views = report
            .notebooks
            .iter()
            .enumerate()
            .map(|(index, notebook)| {
                let anchor = format!("notebook-{}", index + 1);
                (
                    notebook.status.is_failure(),
                    NotebookView::of(notebook, anchor),
                )
            });
        let (failed, others): (Vec<_>, Vec<_>) = views.partition(|(failed, _)| *failed);
        let failed: Vec<NotebookView> = failed.into_iter().map(|(_, view)| view).collect();
        let runs = report.runs.iter().enumerate();
        let runs: Vec<RunView> = runs
            .map(|(i, run)| RunView::of(run, format!("run-{}", i + 1)))
            .collect();
        let locations: Vec<LocationView> = report
            .locations
            .iter()
            .enumerate()
            .map(LocationView::of)
            .collect();
        let mut causes: Vec<Cause> = Vec::new();
        causes.extend(locations.iter().filter_map(LocationView::cause));
        causes.extend(runs.iter().filter_map(RunView::cause));
        causes.extend(failed.iter().flat_map(NotebookView::causes));
        Self {
            name: one_line(&report.project.name),
            tone: tone.name(),
            symbol: tone.symbol(),
            result: capitalized(summary::result_word(report.result)),
            counts: summary::verdict_counts(report),
            branch: report.project.branch.as_deref().map(one_line),
            commit: report
                .project
                .commit
                .as_deref()
                .map(|c| one_line(c).chars().take(8).collect()),
            started: started(&report.started_at),
            icon: icon(tone),
            tiles: tiles::tiles(report),
            more_causes: causes.split_off(causes.len().min(CAUSES)),
            causes,
            brief: failed.len() > CAUSES,
            failed,
            others: others.into_iter().map(|(_, view)| view).collect(),
            compact: report.notebooks.len() > GALLERY,
            has_interactive: report.notebooks.iter().any(|n| n.interactive.is_some()),
            runs,
            locations,
            findings: findings(report),
            attachments: attachments(report),
            timings: time::timings(report),
            slowest: time::slowest(report),
            versions: versions(report),
            schema_version: report.schema_version,
        }
    }
}

fn capitalized(word: &str) -> String {
    let mut chars = word.chars();
    chars
        .next()
        .map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect())
}

/// `6 January 2026, 08:15:30 UTC`, or the text as it is if it is no time.
pub(crate) fn started(at: &str) -> String {
    match at.parse::<jiff::Timestamp>() {
        Ok(time) => time.strftime("%-d %B %Y, %H:%M:%S UTC").to_string(),
        Err(_) => one_line(at),
    }
}

/// The page's icon says how it ended, so that a tab tells too. Percent-encoded by hand: it is an
/// SVG in a `data:` address.
fn icon(tone: Tone) -> &'static str {
    macro_rules! icon {
        ($color:literal, $path:literal) => {
            concat!(
                "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'",
                "%3E%3Crect width='16' height='16' rx='4' fill='%23",
                $color,
                "'/%3E%3Cpath fill='none' stroke='white' stroke-width='2' d='",
                $path,
                "'/%3E%3C/svg%3E"
            )
        };
    }
    match tone {
        Tone::Good => icon!("1a7f4b", "M4 8.5l3 3 5-6.500"),
        Tone::Bad => icon!("c0282d", "M5 5l6 6M11 5l-6 6"),
        Tone::Warn | Tone::Idle => icon!("8a5a00", "M8 4v5M8 10.500v2"),
    }
}

/// A share of `whole` in thousandths, as SVG wants it.
fn thousandths(part: f64, whole: f64) -> String {
    let share = part / whole;
    let share = if share.is_finite() {
        share.clamp(0.0, 1.0)
    } else {
        0.0
    };
    format!("{:.1}", share * 1000.0)
}

fn findings(report: &CiReport) -> Vec<FindingView> {
    let mut sorted: Vec<&Finding> = report.findings.iter().collect();
    sorted.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    let view = |finding: &Finding| FindingView {
        tone: finding.severity.tone().name(),
        symbol: finding.severity.tone().symbol(),
        word: finding.severity.word(),
        place: summary::finding_place(finding),
        rule: one_line(finding.code.as_ref().unwrap_or(&finding.source)),
        message: prose(&finding.message),
        hint: finding.hint.as_deref().map(prose).unwrap_or_default(),
    };
    sorted.into_iter().map(view).collect()
}

fn attachments(report: &CiReport) -> Vec<AttachmentView> {
    let mut sorted: Vec<_> = report.attachments.iter().collect();
    sorted.sort_by_key(|attachment| attachment.ok);
    let views = sorted.into_iter().map(|attachment| {
        let tone = if attachment.ok { Tone::Good } else { Tone::Bad };
        AttachmentView {
            tone: tone.name(),
            symbol: tone.symbol(),
            kind: one_line(&attachment.kind).replace('_', " "),
            notebook: one_line(&attachment.notebook),
            target: summary::target_line(&attachment.target),
            message: attachment.message.as_deref().map(prose).unwrap_or_default(),
        }
    });
    views.collect()
}

/// A sentence by its parts. An odd backtick is no quotation and stays as it is.
fn prose(text: &str) -> Vec<Piece> {
    let line = one_line(text);
    let parts: Vec<&str> = line.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return vec![Piece {
            code: false,
            text: line,
        }];
    }
    let pieces = parts
        .into_iter()
        .enumerate()
        .filter(|(_, text)| !text.is_empty());
    pieces
        .map(|(index, text)| Piece {
            code: index % 2 == 1,
            text: text.to_owned(),
        })
        .collect()
}

fn versions(report: &CiReport) -> Vec<String> {
    let project = &report.project;
    let mut versions = vec![format!("daglab {}", one_line(&report.daglab_version))];
    let known = [
        ("Python", &project.python),
        ("Dagster", &project.dagster),
        ("marimo", &project.marimo),
        ("isolation", &project.isolation),
    ];
    for (name, version) in known {
        versions.extend(
            version
                .as_ref()
                .map(|version| format!("{name} {}", one_line(version))),
        );
    }
    versions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backticks_become_code() {
        let shown = |text: &str| -> Vec<String> {
            let pieces = prose(text).into_iter();
            pieces
                .map(|p| {
                    if p.code {
                        format!("<{}>", p.text)
                    } else {
                        p.text
                    }
                })
                .collect()
        };
        assert_eq!(shown("set `A` or `B`"), ["set ", "<A>", " or ", "<B>"]);
        assert_eq!(shown("an odd ` tick"), ["an odd ` tick"]);
        assert_eq!(shown(""), Vec::<String>::new());
    }

    #[test]
    fn times_are_written_out() {
        assert_eq!(
            started("2026-01-06T08:15:30Z"),
            "6 January 2026, 08:15:30 UTC"
        );
        assert_eq!(started("yesterday"), "yesterday");
    }

    #[test]
    fn shares_stay_inside() {
        assert_eq!(thousandths(1.0, 0.0), "0.0");
        assert_eq!(thousandths(f64::NAN, 1.0), "0.0");
        assert_eq!(thousandths(3.0, 2.0), "1000.0");
    }
}
