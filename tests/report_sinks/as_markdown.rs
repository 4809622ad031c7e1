//! Markdown: what it says, that its budget is hard, and that foreign text stays code.

use super::*;

#[test]
fn green() {
    insta::assert_snapshot!(markdown::render(
        &fixture("green.json"),
        markdown::DEFAULT_BUDGET
    ));
}

#[test]
fn broken() {
    let mut report = fixture("broken.json");
    report.notebooks[0].url = Some("https://example.org/runs/1/broken_cell.html".to_owned());
    insta::assert_snapshot!(markdown::render(&report, markdown::DEFAULT_BUDGET));
}

#[test]
fn the_budget_is_hard_and_blocks_stay_whole() {
    let report = large();
    for budget in [
        0, 10, 100, 1_000, 5_000, 20_000, 65_000, 200_000, 10_000_000,
    ] {
        let text = markdown::render(&report, budget);
        assert!(
            text.encode_utf16().count() <= budget,
            "{budget}: {}",
            text.encode_utf16().count()
        );
        assert_eq!(
            text.matches("<details>").count(),
            text.matches("</details>").count()
        );
        assert_eq!(text.matches("```").count() % 2, 0);
        for row in text.lines().filter(|line| line.starts_with('|')) {
            let cells = row.matches('|').count() - 1;
            assert!(cells == 3 || cells == 2, "{row}");
        }
    }
    let text = markdown::render(&report, markdown::DEFAULT_BUDGET);
    assert!(text.contains("> Left out to stay within 65000 characters:"));
    let failed = text
        .lines()
        .filter(|line| line.starts_with("| ❌ |"))
        .count();
    assert_eq!(
        failed, 50,
        "no failure is left out while anything else is shown"
    );
}

#[test]
fn what_is_cut_is_ours() {
    let mut report = hostile();
    report.origin = Some(daglab::report::model::Origin {
        project_path: HOSTILE.to_owned(),
        comment_key: "key".to_owned(),
        ..Default::default()
    });
    for budget in (0..3_000).step_by(37) {
        let text = markdown::render(&report, budget);
        assert!(text.encode_utf16().count() <= budget);
        let prose = outside_code(&text);
        assert!(!prose.contains("alert"), "{budget}: {prose}");
    }
}

#[test]
fn nothing_hostile_is_markdown() {
    let text = markdown::render(&hostile(), 1_000_000);
    assert!(!text.contains(['\u{1b}', '\u{202e}', '\u{0}']));
    let prose = outside_code(&text);
    for power in ["@", "#1 ", "javascript", "alert", "quoted", "<script"] {
        assert!(!prose.contains(power), "{power} in {prose}");
    }
    for row in text.lines().filter(|line| line.starts_with('|')) {
        let cells = row.matches('|').count() - 1;
        assert!(cells == 3 || cells == 2, "{row}");
    }
}

/// What is left of Markdown without fences, code spans and `<code>`.
fn outside_code(text: &str) -> String {
    let mut prose = String::new();
    let mut fence: Option<String> = None;
    for line in text.lines() {
        let ticks: String = line.chars().take_while(|c| *c == '`').collect();
        match &fence {
            Some(open) if ticks.len() >= open.len() && ticks == line => fence = None,
            Some(_) => {}
            None if ticks.len() >= 3 && line == format!("{ticks}text") => fence = Some(ticks),
            None => {
                prose.push_str(&outside_spans(line));
                prose.push('\n');
            }
        }
    }
    prose
}

fn outside_spans(line: &str) -> String {
    let mut prose = String::new();
    let mut rest = line;
    while let Some(at) = rest.find(['`', '<']) {
        prose.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(inner) = rest.strip_prefix("<code>") {
            rest = inner.split_once("</code>").expect("code is closed").1;
        } else if rest.starts_with('<') {
            prose.push('<');
            rest = &rest[1..];
        } else {
            let ticks = rest.len() - rest.trim_start_matches('`').len();
            rest = after_span(&rest[ticks..], ticks);
        }
    }
    prose + rest
}

/// What follows the first run of exactly `ticks` backticks.
fn after_span(mut rest: &str, ticks: usize) -> &str {
    while let Some(at) = rest.find('`') {
        let run = rest[at..].len() - rest[at..].trim_start_matches('`').len();
        rest = &rest[at + run..];
        if run == ticks {
            return rest;
        }
    }
    unreachable!("a code span is not closed")
}
