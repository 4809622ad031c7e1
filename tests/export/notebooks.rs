//! Many notebooks by one command, and where their files go.

use crate::support::Project;
use crate::{export, json, read, written};

/// Two notebooks of one name, and a module that is none.
fn three_files() -> Project {
    let project = Project::small();
    project.notebook("nb/a.py", &["print('first', 6 * 7)"]);
    project.notebook("nb/deep/a.py", &["print('second', 6 * 8)"]);
    project.write("nb/tools.py", "x = 1\n");
    project
}

#[test]
fn a_pattern_exports_every_notebook_beside_itself() {
    let project = three_files();
    let run = export(&project, &["nb/**/*.py"], &["--no-compress"]);
    run.expect_code(0)
        .expect_stderr("nb/tools.py` is not a marimo notebook and is left out");
    assert_eq!(written(&project, &run), ["nb/a.html", "nb/deep/a.html"]);
    assert!(read(&project, "nb/a.html").contains("first 42"));
    assert!(read(&project, "nb/deep/a.html").contains("second 48"));
    // Each folder knows its own, so that retention finds them there.
    for list in ["nb/.daglab-files.json", "nb/deep/.daglab-files.json"] {
        assert!(read(&project, list).contains("\"a.html\""), "{list}");
    }
}

#[test]
fn several_names_go_to_a_folder_and_never_meet() {
    let project = three_files();
    let run = export(
        &project,
        &["nb/a.py", "nb/deep/a.py", "./nb/a.py"],
        &["--output", "out", "--json", "--concurrency", "2"],
    );
    run.expect_code(0);
    let result = json(&run);
    assert_eq!(result["result"], "passed");
    let notebooks = result["notebooks"].as_array().unwrap();
    assert_eq!(notebooks.len(), 2, "{result:#}");
    let file = &notebooks[1]["files"][0];
    assert_eq!(file["format"], "html");
    assert!(
        file["path"]
            .as_str()
            .unwrap()
            .ends_with("out/nb/deep/a.html")
    );
    assert!(read(&project, "out/nb/a.html").contains("first 42"));
    assert!(read(&project, "out/nb/deep/a.html").contains("second 48"));
    assert!(!project.root().join("nb/a.html").exists());
}

#[test]
fn one_that_fails_does_not_stop_the_others() {
    let project = three_files();
    project.notebook("nb/bad.py", &["1 / 0"]);
    let run = export(&project, &["nb/*.py", "nb/deep/a.py"], &["--no-compress"]);
    run.expect_code(4).expect_stderr("ZeroDivisionError");
    // Its page shows why.
    assert_eq!(
        written(&project, &run),
        ["nb/a.html", "nb/bad.html", "nb/deep/a.html"]
    );
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_runs() {
    let project = three_files();
    let both = &["nb/a.py", "nb/deep/a.py"];
    export(&project, both, &["--output", "x.html"])
        .expect_code(2)
        .expect_stderr("`--output x.html` is a file, and there are 2 notebooks");
    export(&project, &["nb/a.py"], &["--output", "nb/a.py"])
        .expect_code(2)
        .expect_stderr("is a notebook");
    export(&project, &["none/*.py"], &[])
        .expect_code(7)
        .expect_stderr("no notebook matches `none/*.py`");
    export(&project, &["nb/t*.py"], &[])
        .expect_code(7)
        .expect_stderr("no notebook matches");
    export(&project, &["nb/a.py", "nb/tools.py"], &[])
        .expect_code(7)
        .expect_stderr("`nb/tools.py` is not a marimo notebook");
    export(&project, &["nb"], &[])
        .expect_code(7)
        .expect_stderr("'notebooks/*.py'");
    export(&project, &["nb/a.py"], &["--attach", "asset://x"])
        .expect_code(3)
        .expect_stderr("DAGSTER_HOME");
    assert!(!project.root().join("nb/a.html").exists());
}
