//! Settings from `daglab.yaml` and flags, as commands act on them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that can't be set up has failed"
)]

mod support;

use support::{Project, Run, python, run_of};

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

#[test]
fn times_and_counts_out_of_range_are_refused() {
    let project = Project::small();
    Run::of(project.daglab(&["ci", "--plan", "--timeout", "1e30"]))
        .expect_code(2)
        .expect_stderr("30 days");
    project.write("daglab.yaml", "ci:\n  timeout: 1e20\n");
    Run::of(project.daglab(&["ci", "--plan"]))
        .expect_code(7)
        .expect_stderr("30 days")
        .expect_stderr("daglab.yaml:2");
    project.write("daglab.yaml", "ci:\n  concurrency: 0\n");
    Run::of(project.daglab(&["ci", "--plan"]))
        .expect_code(7)
        .expect_stderr("from 1 to 512")
        .expect_stderr("daglab.yaml:2");
}

#[test]
fn config_shows_what_ci_would_read() {
    let project = Project::small();
    project.write(".git/HEAD", "");
    project.write("daglab.yaml", "marimo:\n  port: 4010\n");
    project.write("nb/daglab.yaml", "marimo:\n  port: 4020\n");
    // As `ci nb` does, which takes the project that the folder is in.
    let show = |folder: &str| Run::of(project.daglab(&["config", "show", folder]));
    for folder in [".", "nb"] {
        let run = show(folder);
        run.expect_code(0);
        assert!(run.stdout().contains("port: 4010"), "{}", run.stdout());
    }
    show("nowhere")
        .expect_code(3)
        .expect_stderr("there is no folder");
    let none = Project::empty();
    none.write("daglab.yaml", "marimo:\n  port: 4030\n");
    let run = Run::of(none.daglab(&["config", "show"]));
    assert!(run.stdout().contains("port: 4030"), "{}", run.stdout());
}

#[test]
fn the_log_follows_its_setting_unless_told_otherwise() {
    let project = Project::small();
    let logs = |args: &[&str], variable: Option<&str>| {
        let mut command = project.daglab(&[&["ci", "--plan"], args].concat());
        command.env_remove("DAGLAB_LOG");
        command.envs(variable.map(|filter| ("DAGLAB_LOG", filter)));
        Run::of(command).stderr().contains("settings come from")
    };
    assert!(!logs(&[], None));
    project.write("daglab.yaml", "logging: {level: DEBUG}\n");
    assert!(logs(&[], None));
    assert!(!logs(&["-v"], None) && !logs(&["-q"], None));
    assert!(!logs(&[], Some("warn")));
}

/// A cell that asks Dagster which jobs there are.
const ASKS: &str = r#"import json, os, urllib.request
query = {"query": "{repositoriesOrError {... on RepositoryConnection {nodes {jobs {name}}}}}"}
url = os.environ["DAGLAB_DAGSTER_URL"] + "/graphql"
request = urllib.request.Request(
    url, json.dumps(query).encode(), {"Content-Type": "application/json"}
)
answer = urllib.request.urlopen(request).read().decode()
assert "good_job" in answer, answer"#;

#[test]
fn an_exported_notebook_can_ask_dagster() {
    let project = Project::small();
    project.notebook("nb/a.py", &[ASKS]);
    export(&project, &[]).expect_code(0);

    let home = project.tmp().join("home");
    std::fs::create_dir(&home).unwrap();
    std::fs::write(home.join("dagster.yaml"), "telemetry: {enabled: false}\n").unwrap();
    let mut command = project.daglab(&["export", "--notebook", "nb/a.py", "--python"]);
    command.arg(python()).args(["--attach", "asset://numbers"]);
    command.env("DAGSTER_HOME", &home);
    Run::of(command).expect_code(0);
}

#[test]
fn an_asset_that_two_locations_define_is_made_by_the_one_that_is_named() {
    let project = Project::empty();
    for name in ["a", "b"] {
        let code = format!(
            "import dagster as dg\n\n\n@dg.asset\ndef orders():\n    \
             return dg.MaterializeResult(metadata={{'made_by': '{name}'}})\n\n\n\
             defs = dg.Definitions(assets=[orders])\n"
        );
        project.write(&format!("{name}.py"), &code);
    }
    let locations = "load_from:\n  - python_file: {relative_path: a.py, location_name: a}\n  \
                     - python_file: {relative_path: b.py, location_name: b}\n";
    project.write("workspace.yaml", locations);
    project.write(
        "daglab.yaml",
        "ci:
  assets: [{name: made, select: orders, location: b}]
",
    );
    let run = project.ci(&[]);
    run.expect_code(0);
    let report = run.report();
    let made = run_of(&report, "made");
    assert_eq!(made["status"], "success", "{made:#}");
    assert_eq!(made["materializations"][0]["metadata"]["made_by"], "b");
}
