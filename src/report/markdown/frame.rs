//! What stands above and below the tables: the verdict with its counts, and where it comes from.

use super::emoji;
use super::escape::{code, link, link_words, prose, short_code, version};
use crate::report::model::{CiReport, NotebookReport, NotebookStatus, RunReport, RunStatus};
use crate::report::summary::{self, Tallies, Tone};
use crate::ui::text::{count, duration};

/// The verdict, and which comment it is where a pull request has several; below it a line of counts.
pub(super) fn headline(report: &CiReport) -> String {
    let mark = emoji(summary::result_tone(report.result));
    let subject = subject(report);
    let word = summary::verdict_word(report);
    format!("## {mark} daglab{subject} {word}\n\n{}\n", counts(report))
}

/// The verdict alone.
pub(super) fn shortest(report: &CiReport) -> String {
    let mark = emoji(summary::result_tone(report.result));
    format!("## {mark} daglab {}\n", summary::verdict_word(report))
}

/// The project's folder, and the comment's key where that is another.
fn subject(report: &CiReport) -> String {
    let Some(origin) = &report.origin else {
        return String::new();
    };
    match (&*origin.project_path, &*origin.comment_key) {
        ("", "") => String::new(),
        (path, key) if path.rsplit('/').next() == Some(key) || path == key || key.is_empty() => {
            format!(" {}", short_code(path))
        }
        ("", key) => format!(" {}", short_code(key)),
        (path, key) => format!(" {} ({})", short_code(path), short_code(key)),
    }
}

/// `Notebooks: **2 failed**, 3 passed · Runs: 1 passed · 4.21 s`.
fn counts(report: &CiReport) -> String {
    let tallies = Tallies::of(report);
    let mut parts: Vec<String> = Vec::new();
    let notebooks = words(report.notebooks.iter().map(notebook_word));
    let runs = words(report.runs.iter().map(run_word));
    for (title, words) in [("Notebooks", notebooks), ("Runs", runs)] {
        if !words.is_empty() {
            parts.push(format!("{title}: {words}"));
        }
    }
    let locations = tallies.locations;
    if locations.bad > 0 {
        let all = count(locations.total, "code location");
        parts.push(format!("**{} of {all} did not load**", locations.bad));
    } else if parts.is_empty() {
        parts.push("nothing was run".to_owned());
    }
    if tallies.findings.bad > 0 {
        parts.push(format!("**{}**", count(tallies.findings.bad, "error")));
    }
    if tallies.findings.warn > 0 {
        parts.push(count(tallies.findings.warn, "warning"));
    }
    if tallies.attachments.bad > 0 {
        let all = count(tallies.attachments.total, "attachment");
        parts.push(format!("{} of {all} not made", tallies.attachments.bad));
    }
    parts.push(duration(report.duration_s).replace(' ', "\u{a0}"));
    parts.join(" · ")
}

fn notebook_word(notebook: &NotebookReport) -> &'static str {
    match notebook.tone() {
        Tone::Bad => "failed",
        Tone::Warn => "allowed to fail",
        Tone::Idle => "skipped",
        Tone::Good if notebook.status == NotebookStatus::Cached => "cached",
        Tone::Good => "passed",
    }
}

fn run_word(run: &RunReport) -> &'static str {
    match run.tone() {
        Tone::Bad => "failed",
        Tone::Warn => "allowed to fail",
        Tone::Idle => "skipped",
        Tone::Good if run.status == RunStatus::Launched => "launched",
        Tone::Good => "passed",
    }
}

/// `**2 failed**, 1 skipped`: how often each word came, without what never did.
fn words(all: impl Iterator<Item = &'static str>) -> String {
    const ORDER: [&str; 6] = [
        "failed",
        "allowed to fail",
        "skipped",
        "cached",
        "launched",
        "passed",
    ];
    let all: Vec<&str> = all.collect();
    let mut parts: Vec<String> = Vec::new();
    for word in ORDER {
        let n = all.iter().filter(|other| **other == word).count();
        match n {
            0 => {}
            n if word == "failed" => parts.push(format!("**{n} {word}**")),
            n => parts.push(format!("{n} {word}")),
        }
    }
    parts.join(", ")
}

/// Where everything is that this text has no room for.
pub(super) fn elsewhere(report: &CiReport) -> String {
    let url = report
        .origin
        .as_ref()
        .and_then(|origin| origin.archive_url.as_deref());
    format!(
        "{} has them",
        link_words("The report beside this text", url)
    )
}

/// Where everything else is, and small, what it was made with.
pub(super) fn footer(report: &CiReport) -> String {
    let project = &report.project;
    let mut links: Vec<String> = Vec::new();
    let published = report.published.as_ref();
    if let Some(url) = published.and_then(|published| published.index_url.as_deref()) {
        links.push(link_words("all pages", Some(url)));
    }
    if let Some(url) = published.and_then(|published| published.runs_url.as_deref()) {
        links.push(link_words("earlier runs", Some(url)));
    }
    if let Some(origin) = &report.origin {
        if origin.archive_url.is_some() {
            links.push(link_words("all files", origin.archive_url.as_deref()));
        }
        links.push(link_words("workflow run", Some(&origin.run_url)));
    }
    links.extend(commit(report));
    let mut versions = vec![format!("daglab {}", version(&report.daglab_version))];
    let found = [
        ("Python", &project.python),
        ("Dagster", &project.dagster),
        ("marimo", &project.marimo),
    ];
    for (name, found) in found {
        let found = found.as_ref();
        versions.extend(found.map(|found| format!("{name} {}", version(found))));
    }
    let end = published.and_then(summary::link_end);
    let end = end.map_or_else(String::new, |end| format!("<sub>{}</sub><br>", prose(&end)));
    let (links, versions) = (links.join(" · "), versions.join(" · "));
    let apart = if links.is_empty() { "" } else { "<br>" };
    format!("\n{links}{apart}{end}<sub>{versions}</sub>\n")
}

/// The commit that a reviewer sees, which is not the merge that a pull request's run checks out.
fn commit(report: &CiReport) -> Option<String> {
    let project = &report.project;
    let short = |sha: &str| -> String { sha.chars().take(8).collect() };
    if let Some(origin) = report
        .origin
        .as_ref()
        .filter(|origin| !origin.head_sha.is_empty())
    {
        let url = format!(
            "{}/{}/commit/{}",
            origin.server_url, origin.repository, origin.head_sha
        );
        return Some(format!(
            "commit {}",
            link(&short(&origin.head_sha), Some(&url))
        ));
    }
    let branch = project
        .branch
        .as_ref()
        .map(|branch| format!(" on {}", code(branch)));
    let commit = project.commit.as_ref()?;
    Some(format!(
        "commit {}{}",
        code(&short(commit)),
        branch.unwrap_or_default()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::model::Origin;

    #[test]
    fn the_headline_tells_comments_apart() {
        let json = include_str!("../../../tests/fixtures/report/green.json");
        let mut report = CiReport::from_json(json).unwrap();
        for (project_path, comment_key, expected) in [
            ("", "", "## ✅ daglab passed"),
            ("orders", "orders", "## ✅ daglab `orders` passed"),
            ("", "py314", "## ✅ daglab `py314` passed"),
            ("data/orders", "orders", "## ✅ daglab `data/orders` passed"),
            ("orders", "py314", "## ✅ daglab `orders` (`py314`) passed"),
        ] {
            report.origin = Some(Origin {
                project_path: project_path.to_owned(),
                comment_key: comment_key.to_owned(),
                ..Origin::default()
            });
            assert_eq!(headline(&report).lines().next(), Some(expected));
        }
    }
}
