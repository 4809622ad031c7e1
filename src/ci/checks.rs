//! `marimo check` over the plan's notebooks, in one process.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::plan::Plan;
use super::session::{Session, finding};
use crate::host::{Entry, Task, tail};
use crate::marimo::check;
use crate::report::model::Severity;
use crate::supervise::left;

/// Linting reads text; two minutes are plenty for hundreds of notebooks.
const TIME: Duration = Duration::from_secs(120);

/// More findings than this are not for people.
const LARGEST: u64 = 64 * 1024 * 1024;

/// Runs `marimo check` and notes what it finds.
pub async fn run(session: &Session, plan: &Plan, dir: &Path) {
    let paths = paths(plan);
    if !plan.check || paths.is_empty() {
        return;
    }
    session.warm.wait().await;
    let place = session.runner.schedule.place().await;
    let mut argv = vec!["check".to_owned(), "--format".to_owned(), "json".to_owned()];
    argv.extend(paths);
    let task = Task {
        entry: Entry::Marimo,
        argv,
        env: BTreeMap::from([("NO_COLOR".to_owned(), Some("1".to_owned()))]),
        cwd: session.runner.root.clone(),
        stdout: dir.join("check.json"),
        stderr: dir.join("check.log"),
    };
    let ended = match session.host.start(&task).await {
        Ok(mut running) => tokio::time::timeout(TIME, running.wait()).await.is_ok(),
        Err(_) => false,
    };
    drop(place);
    let output = left::read(&task.stdout, LARGEST).unwrap_or_default();
    let output = String::from_utf8_lossy(&output);
    match check::parse(&output, &session.runner.root, plan.strict).filter(|_| ended) {
        Some(found) => found.into_iter().for_each(|finding| session.find(finding)),
        None => {
            let last = tail(&task.stderr, 1);
            // Before 0.16 there is no such command; everything else still works.
            let message = format!("`marimo check` gave no result: {}", last.trim());
            session.find(finding("daglab", "no-lint", Severity::Info, message));
        }
    }
}

/// The notebooks to look at: what is not run may be as broken as it likes.
fn paths(plan: &Plan) -> Vec<String> {
    let run = plan
        .notebooks
        .iter()
        .filter(|notebook| notebook.skip.is_none());
    run.map(|notebook| notebook.path.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ci::planner::{Filters, plan};
    use crate::config;
    use crate::project::notebooks;

    #[test]
    fn skipped_notebooks_are_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let yaml = "ci:
  notebooks:
    - path: a.py
    - path: b.py
    - {path: c.py, skip: later}
";
        std::fs::write(dir.path().join("daglab.yaml"), yaml).unwrap();
        for name in ["a.py", "b.py", "c.py"] {
            let text = "import marimo\napp = marimo.App()\n";
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        let loaded = config::load(&config::Request {
            dir: dir.path().to_owned(),
            ..Default::default()
        });
        let found = notebooks::find(dir.path());
        let plan = plan(dir.path(), &loaded.unwrap(), &found, &Filters::default()).unwrap();
        assert_eq!(paths(&plan), ["a.py", "b.py"]);
    }
}
