//! Where the time went: the phases, and what took longest.

use serde::Serialize;

use super::thousandths;
use crate::report::model::CiReport;
use crate::report::summary::Tone;
use crate::ui::text::{duration, one_line};

/// So many of the notebooks and runs that took longest are listed.
const SLOWEST: usize = 10;

/// One of the notebooks and runs that took longest.
#[derive(Serialize)]
pub(in crate::report::html) struct Slow {
    anchor: String,
    name: String,
    tone: &'static str,
    took: String,
    bar: String,
}

#[derive(Serialize)]
pub(in crate::report::html) struct Phase {
    name: String,
    took: String,
    x: String,
    width: String,
    shade: usize,
}

/// The phases in the order in which they happen; unknown ones come last.
pub(super) fn timings(report: &CiReport) -> Vec<Phase> {
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
pub(super) fn slowest(report: &CiReport) -> Vec<Slow> {
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
