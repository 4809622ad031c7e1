//! Settings from `daglab.yaml` and flags, as commands act on them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that can't be set up has failed"
)]

mod support;

use support::{Project, Run, python};

/// `daglab export` of `nb/a.py` with the test's interpreter.
fn export(project: &Project, args: &[&str]) -> Run {
    let python = python();
    let mut all = vec!["export", "--notebook", "nb/a.py", "--python"];
    all.push(python.to_str().unwrap());
    all.extend(args);
    Run::of(project.daglab(&all))
}

#[test]
fn an_export_follows_its_settings_and_flags_win() {
    let project = Project::empty();
    project.notebook("nb/a.py", &["print(1)"]);
    project.write(
        "nb/daglab.yaml",
        "export: {compress: false, retention_days: 0}\n",
    );
    let (page, packed) = (
        project.root().join("nb/a.html"),
        project.root().join("nb/a.html.gz"),
    );
    let run = export(&project, &[]);
    run.expect_code(0);
    assert_eq!(run.stdout().lines().count(), 1, "{}", run.stdout());
    assert!(page.exists() && !packed.exists());

    let run = export(&project, &["--compress"]);
    run.expect_code(0);
    assert!(run.stdout().contains("a.html.gz"), "{}", run.stdout());
    assert!(page.exists() && packed.exists());
}
