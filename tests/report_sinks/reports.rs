//! The reports that every sink is fed.

use std::path::Path;

use daglab::report::model::{CellError, CellStatus, CiReport, NotebookStatus, RunResult};

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn fixture(name: &str) -> CiReport {
    let path = root().join("tests/fixtures/report").join(name);
    let json = std::fs::read_to_string(path).expect("the fixture is there");
    CiReport::from_json(&json).expect("the fixture is a report")
}

/// What notebooks, jobs and branches could be called by someone who wants to do harm.
pub const HOSTILE: &str = "x`|</code></details><script>alert(1)</script>\u{1b}[2J\u{202e}@all #1 \
                       ](javascript:alert(1))\n\n```\n# h\n&amp; \"quoted\" 'single' \u{0}\u{ffff}";

/// The broken report with [`HOSTILE`] in every place that foreign text can reach.
pub fn hostile() -> CiReport {
    let poison = || HOSTILE.to_owned();
    let mut report = fixture("broken.json");
    report.project.name = poison();
    report.project.branch = Some(poison());
    report.project.commit = Some(poison());
    report.project.python = Some(poison());
    report.started_at = poison();
    report.daglab_version = poison();
    for notebook in &mut report.notebooks {
        notebook.path = poison();
        notebook.title = poison();
        notebook.reason = Some(poison());
        notebook.html = Some(poison());
        notebook.interactive = Some(poison());
        notebook.url = Some("javascript:alert(1)".to_owned());
        notebook.args = vec![poison()];
        for cell in &mut notebook.cells {
            cell.name = poison();
            cell.path = poison();
            cell.blamed_on = Some(poison());
            cell.console = poison();
            cell.output_kinds = vec![poison()];
            cell.images = vec![poison(), "../../secret.png".to_owned()];
            if let Some(error) = &mut cell.error {
                error.kind = poison();
                error.message = poison();
                error.traceback = Some(format!("  File \"{HOSTILE}\", line 1\n    {HOSTILE}"));
            }
        }
    }
    for run in &mut report.runs {
        run.title = poison();
        run.url = Some("javascript:alert(1)".to_owned());
        run.log = Some(poison());
        run.location = Some(poison());
        for step in &mut run.steps {
            step.key = poison();
        }
        for made in &mut run.materializations {
            made.asset_key = poison();
            made.metadata.insert(poison(), poison());
        }
        if let Some(error) = &mut run.error {
            error.message = poison();
            error.stack = Some(poison());
            error.path = Some(poison());
        }
    }
    for location in &mut report.locations {
        location.name = poison();
    }
    for finding in &mut report.findings {
        finding.code = Some(poison());
        finding.message = poison();
        finding.path = Some(poison());
        finding.hint = Some(poison());
    }
    for attachment in &mut report.attachments {
        attachment.notebook = poison();
        attachment.kind = poison();
        attachment.message = Some(poison());
    }
    report.timings.insert(poison(), 1.0);
    report
}

/// Five hundred notebooks, every tenth of them broken, with long tracebacks.
pub fn large() -> CiReport {
    let mut report = fixture("green.json");
    let model = report.notebooks[0].clone();
    report.notebooks = (0..500)
        .map(|n| {
            let mut notebook = model.clone();
            notebook.path = format!("notebooks/area_{:02}/notebook_{n:03}.py", n / 25);
            notebook.title = format!("Notebook {n}");
            for cell in &mut notebook.cells {
                cell.path.clone_from(&notebook.path);
            }
            if n % 10 == 3 {
                notebook.status = NotebookStatus::Failed;
                let cell = &mut notebook.cells[2];
                cell.status = CellStatus::Failed;
                cell.error = Some(CellError {
                    kind: "ValueError".to_owned(),
                    message: format!("row {n} is not a number"),
                    traceback: Some("  File \"lib.py\", line 1, in f\n    g()\n".repeat(100)),
                    line: Some(28),
                });
            }
            notebook
        })
        .collect();
    report.result = RunResult::Failed;
    report
}
