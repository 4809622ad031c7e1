//! How much of a report is looked at that somebody else has made.
//!
//! A comment shows some tens of thousands of characters. What is far beyond that would only take
//! time, so it is dropped before anything else is done with it, and the report says so.

use serde_json::Value;

use crate::report::model::{CellStatus, CiReport, Finding, Severity};
use crate::ui::text::count;

/// How many notebooks, and as many runs, code locations and attachments.
const ROWS: usize = 2_000;
/// How many cells in all, and as many steps and materializations.
const PARTS: usize = 20_000;
/// How many cells that failed: each has a block of its own, and no comment has room for more.
const FAILED_CELLS: usize = 300;
/// How many findings.
const FINDINGS: usize = 5_000;
/// How many characters of a text are its beginning, and how many its end.
const TEXT: (usize, usize) = (2_000, 6_000);

/// The report without what is beyond the bounds, which a finding of it counts.
pub(super) fn without_excess(mut report: CiReport) -> CiReport {
    let mut cut = vec![
        (truncate(&mut report.notebooks, ROWS), "notebook"),
        (truncate(&mut report.runs, ROWS), "run"),
        (truncate(&mut report.locations, ROWS), "code location"),
        (truncate(&mut report.attachments, ROWS), "attachment"),
        (truncate(&mut report.findings, FINDINGS), "finding"),
        (cells(&mut report), "cell"),
    ];
    let (mut steps, mut materializations) = (PARTS, PARTS);
    let (mut cut_steps, mut cut_materializations) = (0, 0);
    for run in &mut report.runs {
        cut_steps += truncate(&mut run.steps, steps);
        steps -= run.steps.len();
        cut_materializations += truncate(&mut run.materializations, materializations);
        materializations -= run.materializations.len();
    }
    cut.push((cut_steps, "step"));
    cut.push((cut_materializations, "materialization"));
    cut.retain(|(number, _)| *number > 0);
    if !cut.is_empty() {
        let parts: Vec<String> = cut.iter().map(|(n, noun)| count(*n, noun)).collect();
        report.findings.insert(0, excess(&parts.join(", ")));
    }
    report
}

/// The report with its long texts cut in their middle.
pub(super) fn with_short_texts(report: CiReport) -> CiReport {
    let Ok(mut tree) = serde_json::to_value(&report) else {
        return report;
    };
    shorten_all(&mut tree);
    // The same tree with shorter texts reads back as well as it was written.
    serde_json::from_value(tree).unwrap_or(report)
}

fn excess(parts: &str) -> Finding {
    Finding {
        source: "daglab".to_owned(),
        code: None,
        severity: Severity::Warning,
        message: format!("the report is too long to be shown, so this is left out: {parts}"),
        path: None,
        line: None,
        column: None,
        hint: None,
    }
}

/// Drops what is beyond a number, and says how much that was.
fn truncate<T>(items: &mut Vec<T>, most: usize) -> usize {
    let beyond = items.len().saturating_sub(most);
    items.truncate(most);
    beyond
}

fn cells(report: &mut CiReport) -> usize {
    let (mut all, mut failed, mut cut) = (PARTS, FAILED_CELLS, 0);
    for notebook in &mut report.notebooks {
        let before = notebook.cells.len();
        notebook.cells.retain(|cell| {
            let is_failed = cell.status == CellStatus::Failed;
            let stays = all > 0 && (failed > 0 || !is_failed);
            all -= usize::from(stays);
            failed -= usize::from(stays && is_failed);
            stays
        });
        cut += before - notebook.cells.len();
    }
    cut
}

fn shorten_all(tree: &mut Value) {
    match tree {
        Value::String(text) => shorten(text),
        Value::Array(items) => items.iter_mut().for_each(shorten_all),
        Value::Object(fields) => {
            *fields = std::mem::take(fields)
                .into_iter()
                .map(|(mut name, mut value)| {
                    shorten(&mut name);
                    shorten_all(&mut value);
                    (name, value)
                })
                .collect();
        }
        _ => {}
    }
}

fn shorten(text: &mut String) {
    let (beginning, end) = TEXT;
    // No character is shorter than a byte.
    if text.len() <= beginning + end {
        return;
    }
    let at = |number: usize| text.char_indices().nth(number).map(|(at, _)| at);
    let from_end = |number: usize| text.char_indices().nth_back(number - 1).map(|(at, _)| at);
    if let (Some(first), Some(last)) = (at(beginning), from_end(end))
        && first < last
    {
        text.replace_range(first..last, "…");
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    #[test]
    fn what_is_left_out_is_counted() {
        let finding = serde_json::to_value(excess("x")).unwrap();
        let report = |findings: usize| -> CiReport {
            let report = serde_json::json!({
                "schema_version": 1, "daglab_version": "1", "result": "passed",
                "project": {"name": "x"}, "started_at": "", "duration_s": 1.0, "notebooks": [],
                "runs": [], "locations": [], "attachments": [], "timings": {},
                "findings": vec![finding.clone(); findings],
            });
            serde_json::from_value(report).unwrap()
        };
        let whole = without_excess(report(FINDINGS));
        assert_eq!(whole.findings.len(), FINDINGS);
        let cut = without_excess(report(FINDINGS + 2)).findings;
        assert_eq!(cut.len(), FINDINGS + 1);
        assert!(
            cut[0].message.ends_with(": 2 findings"),
            "{}",
            cut[0].message
        );
    }

    #[test]
    fn long_texts_keep_both_ends() {
        let short = "ä".repeat(8_000);
        let mut text = short.clone();
        shorten(&mut text);
        assert_eq!(text, short);
        let mut text = format!(
            "{}{}{}",
            "a".repeat(2_000),
            "ö".repeat(9),
            "z".repeat(6_000)
        );
        shorten(&mut text);
        let expected = format!("{}…{}", "a".repeat(2_000), "z".repeat(6_000));
        assert_eq!(text, expected);
        let mut tree = serde_json::json!({"x": [{"y".repeat(9_000): "z".repeat(9_000)}]});
        shorten_all(&mut tree);
        assert!(tree.to_string().chars().count() < 16_100);
    }
}
