//! What the page shows, as text that only has to be laid out: the template decides nothing.

mod notebook;
mod run;

use serde::Serialize;

use super::address;
use crate::report::model::{CellStatus, CiReport, Finding};
use crate::report::summary::{self, Tallies, Tally, Tone};
use crate::ui::text::{count, duration, one_line};

use self::notebook::{Cause, NotebookView};
use self::run::{LocationView, RunView};

/// Above so many notebooks, cards lose their pictures and shrink.
const GALLERY: usize = 60;

/// So many causes are listed before the rest is folded.
const CAUSES: usize = 20;

/// So many of the notebooks and runs that took longest are listed.
const SLOWEST: usize = 10;

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

/// A number at the head of the page, with a bar of its parts.
#[derive(Serialize)]
struct Tile {
    label: &'static str,
    href: Option<&'static str>,
    value: String,
    note: String,
    bar: Vec<Part>,
}

/// A part of a bar that is 1000 wide.
#[derive(Debug, Serialize)]
struct Part {
    tone: &'static str,
    x: String,
    width: String,
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

/// One of the notebooks and runs that took longest.
#[derive(Serialize)]
struct Slow {
    anchor: String,
    name: String,
    tone: &'static str,
    took: String,
    bar: String,
}

#[derive(Serialize)]
struct Phase {
    name: String,
    took: String,
    x: String,
    width: String,
    shade: usize,
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
            tiles: tiles(report),
            more_causes: causes.split_off(causes.len().min(CAUSES)),
            causes,
            brief: failed.len() > CAUSES,
            failed,
            others: others.into_iter().map(|(_, view)| view).collect(),
            compact: report.notebooks.len() > GALLERY,
            runs,
            locations,
            findings: findings(report),
            attachments: attachments(report),
            timings: timings(report),
            slowest: slowest(report),
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
fn started(at: &str) -> String {
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

fn parts(tally: Tally) -> Vec<Part> {
    let whole = tally.total as f64;
    let mut x = 0.0;
    let mut parts = Vec::new();
    let tones = [
        (Tone::Bad, tally.bad),
        (Tone::Warn, tally.warn),
        (Tone::Idle, tally.idle),
        (Tone::Good, tally.good),
    ];
    for (tone, n) in tones {
        if n > 0 {
            let part = Part {
                tone: tone.name(),
                x: thousandths(x, whole),
                width: thousandths(n as f64, whole),
            };
            parts.push(part);
            x += n as f64;
        }
    }
    parts
}

fn tile(label: &'static str, href: &'static str, tally: Tally, note: String) -> Tile {
    let all_good = tally.good == tally.total;
    let value = if all_good {
        tally.total.to_string()
    } else {
        format!("{} / {}", tally.good, tally.total)
    };
    let href = (tally.total > 0).then_some(href);
    Tile {
        label,
        href,
        value,
        note,
        bar: parts(tally),
    }
}

fn cell_tile(report: &CiReport, tally: Tally) -> Tile {
    let cells = || report.notebooks.iter().flat_map(|notebook| &notebook.cells);
    let words = [
        (CellStatus::Failed, "failed"),
        (CellStatus::NotRun, "not run"),
        (CellStatus::Disabled, "disabled"),
        (CellStatus::Ok, "ran"),
    ];
    let counted = words.into_iter().filter_map(|(status, word)| {
        let n = cells().filter(|cell| cell.status == status).count();
        (n > 0).then(|| format!("{n} {word}"))
    });
    let note = if tally.good == tally.total {
        if tally.total == 0 {
            "none".to_owned()
        } else {
            "all ran".to_owned()
        }
    } else {
        counted.collect::<Vec<_>>().join(", ")
    };
    Tile {
        href: None,
        value: tally.total.to_string(),
        ..tile("Cells", "", tally, note)
    }
}

fn tiles(report: &CiReport) -> Vec<Tile> {
    let tallies = Tallies::of(report);
    let words = |tally: Tally| match tally {
        Tally { total: 0, .. } => "none planned".to_owned(),
        Tally { total, good, .. } if total == good => "all passed".to_owned(),
        tally => tally.words(),
    };
    let found = tallies.findings;
    let finding_note = match (found.bad, found.warn) {
        (0, 0) if found.total == 0 => "nothing found".to_owned(),
        (0, 0) => "worth knowing only".to_owned(),
        (bad, warn) => format!("{}, {}", count(bad, "error"), count(warn, "warning")),
    };
    vec![
        tile(
            "Notebooks",
            "#notebooks",
            tallies.notebooks,
            words(tallies.notebooks),
        ),
        tile("Runs", "#runs", tallies.runs, words(tallies.runs)),
        cell_tile(report, tallies.cells),
        Tile {
            value: found.total.to_string(),
            ..tile("Findings", "#findings", found, finding_note)
        },
        Tile {
            label: "Time",
            href: Some("#time"),
            value: duration(report.duration_s),
            note: "from start to report".to_owned(),
            bar: Vec::new(),
        },
    ]
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

/// The phases in the order in which they happen; unknown ones come last.
fn timings(report: &CiReport) -> Vec<Phase> {
    const ORDER: [&str; 7] = [
        "environment",
        "project",
        "host",
        "ready",
        "execute",
        "publish",
        "attach",
    ];
    let place = |name: &str| {
        ORDER
            .iter()
            .position(|known| *known == name)
            .unwrap_or(ORDER.len())
    };
    let mut timings: Vec<(&String, f64)> = report.timings.iter().map(|(n, s)| (n, *s)).collect();
    timings.sort_by_key(|(name, _)| place(name));
    let whole: f64 = timings.iter().map(|(_, seconds)| seconds.max(0.0)).sum();
    let mut x = 0.0;
    let phase = |(name, seconds): (&String, f64)| {
        let start = x;
        x += seconds.max(0.0);
        Phase {
            name: one_line(name),
            took: duration(seconds),
            x: thousandths(start, whole),
            width: thousandths(seconds, whole),
            shade: place(name) % 8,
        }
    };
    timings.into_iter().map(phase).collect()
}

/// The notebooks and runs that took longest, the longest first. One alone compares with nothing.
fn slowest(report: &CiReport) -> Vec<Slow> {
    let notebooks = report.notebooks.iter().enumerate();
    let notebooks = notebooks.map(|(i, n)| {
        (
            n.duration_s,
            format!("notebook-{}", i + 1),
            one_line(&n.path),
            n.tone(),
        )
    });
    let runs = report.runs.iter().enumerate();
    let runs = runs.map(|(i, run)| {
        let name = format!("run {}", one_line(&run.title));
        (run.duration_s, format!("run-{}", i + 1), name, run.tone())
    });
    let mut all: Vec<_> = notebooks
        .chain(runs)
        .filter(|(seconds, ..)| *seconds > 0.0)
        .collect();
    if all.len() < 2 {
        return Vec::new();
    }
    all.sort_by(|(a, ..), (b, ..)| b.total_cmp(a));
    all.truncate(SLOWEST);
    let longest = all[0].0;
    let view = |(seconds, anchor, name, tone): (f64, String, String, Tone)| Slow {
        anchor,
        name,
        tone: tone.name(),
        took: duration(seconds),
        bar: thousandths(seconds, longest),
    };
    all.into_iter().map(view).collect()
}

/// A sentence by its parts. An odd backtick is no quotation and stays as it is.
fn prose(text: &str) -> Vec<Piece> {
    let line = one_line(text);
    let parts: Vec<&str> = line.split('`').collect();
    if parts.len() % 2 == 0 {
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
    fn parts_fill_the_bar() {
        let tally = Tally {
            total: 4,
            bad: 1,
            warn: 0,
            idle: 1,
            good: 2,
        };
        let shown: Vec<String> = parts(tally)
            .iter()
            .map(|p| format!("{} {}+{}", p.tone, p.x, p.width))
            .collect();
        assert_eq!(
            shown,
            ["bad 0.0+250.0", "idle 250.0+250.0", "good 500.0+500.0"]
        );
        assert!(parts(Tally::default()).is_empty());
    }

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
