//! The numbers at the head of the page.

use serde::Serialize;

use super::thousandths;
use crate::report::model::{CellStatus, CiReport};
use crate::report::summary::{Tallies, Tally, Tone};
use crate::ui::text::{count, duration};

/// A number at the head of the page, with a bar of its parts.
#[derive(Serialize)]
pub(in crate::report::html) struct Tile {
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

pub(super) fn tiles(report: &CiReport) -> Vec<Tile> {
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
}
