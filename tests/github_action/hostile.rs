//! Code under test that wants more than to be run.

use super::*;
use crate::support::runner::commands;

/// A notebook that waits for the stored page of another, and puts something in its place.
fn replaces_the_page(with: &str) -> Project {
    let project = Project::small();
    project
        .write("daglab.yaml", "ci:\n  concurrency: 2\n  timeout: 60\n")
        .notebook("notebooks/a.py", &["1 + 1"])
        .notebook(
            "notebooks/b.py",
            &[&format!(
                "import os, pathlib, time\n\
                 _page = pathlib.Path('.daglab/artifacts/notebooks/a.html').resolve()\n\
                 while not _page.exists():\n    time.sleep(0.05)\n\
                 _page.unlink()\n{with}"
            )],
        );
    project
}

#[test]
fn a_page_that_leads_elsewhere_is_not_published() {
    for with in ["_page.symlink_to('/proc/self/environ')", "os.mkfifo(_page)"] {
        let (github, artifacts) = services();
        let project = replaces_the_page(with);
        let runner =
            Runner::of_pull_request(&github, &artifacts).with("DB_PASSWORD", "hunter2-and-more");
        let run = run(&project, &runner);
        run.expect_code(0);
        let names: Vec<String> = artifacts
            .artifacts()
            .iter()
            .map(|it| it.name.clone())
            .collect();
        assert!(
            !names.iter().any(|name| name == "notebooks-a.html"),
            "{with}: {names:?}"
        );
        for artifact in artifacts.artifacts() {
            let bytes = artifact.bytes();
            assert!(
                !String::from_utf8_lossy(&bytes).contains("hunter2"),
                "{}",
                artifact.name
            );
        }
        let comment = &github.comments(NUMBER)[0].body;
        assert!(comment.contains("was not published"), "{comment}");
    }
}

#[test]
fn a_notebook_that_is_no_file_any_more_holds_nothing_up() {
    let project = Project::small();
    project.notebook(
        "notebooks/gone.py",
        &["import os\nos.unlink('notebooks/gone.py')\nos.mkfifo('notebooks/gone.py')"],
    );
    let run = project.ci(&["--timeout", "5"]);
    assert_eq!(run.report()["notebooks"][0]["path"], "notebooks/gone.py");
}

#[test]
fn what_is_forged_goes_also_where_daglab_says_nothing() {
    let (github, artifacts) = services();
    let project = Project::small();
    let runner = Runner::of_pull_request(&github, &artifacts)
        .with("INPUT_SUMMARY", "false")
        .with("INPUT_ENV", "WHERE");
    let files = runner.file("GITHUB_ENV").parent().unwrap().to_owned();
    let runner = runner.with("WHERE", files.to_str().unwrap());
    project.notebook(
        "notebooks/forges.py",
        &["import os\n\
           for _name in ('github_output', 'github_step_summary'):\n    \
               open(os.path.join(os.environ['WHERE'], _name), 'a').write('result=forged\\n')"],
    );
    run(&project, &runner).expect_code(0);
    assert_eq!(runner.read("GITHUB_STEP_SUMMARY"), "");
    assert_eq!(runner.output("result"), "passed");
}

#[test]
fn an_input_of_several_lines_commands_nothing() {
    let (github, artifacts) = services();
    let project = Project::small();
    let runner = Runner::of_pull_request(&github, &artifacts)
        .with("INPUT_TIMEOUT", "1\n::warning::mine\n##[add-mask]a");
    let run = run(&project, &runner);
    run.expect_code(2).expect_stderr("--timeout");
    let log = format!("{}\n{}", run.stdout(), run.stderr());
    assert!(
        commands(&log)
            .iter()
            .all(|it| it.message != "mine" && it.message != "a"),
        "{log}"
    );
}
