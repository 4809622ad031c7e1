//! `daglab ci` from its command line to its report, on real projects.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that can't be set up has failed"
)]

mod support;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;
use support::{Project, Run, in_instance, notebook_of, processes_of, python, run_of};

/// Name and status of each cell.
fn cells(notebook: &Value) -> Vec<(&str, &str)> {
    let cells = notebook["cells"].as_array().unwrap();
    cells
        .iter()
        .map(|cell| {
            (
                cell["name"].as_str().unwrap(),
                cell["status"].as_str().unwrap(),
            )
        })
        .collect()
}

fn cell<'a>(notebook: &'a Value, name: &str) -> &'a Value {
    notebook["cells"]
        .as_array()
        .unwrap()
        .iter()
        .find(|cell| cell["name"] == name)
        .unwrap()
}

#[test]
fn the_orders_example_is_green_and_linked() {
    let project = Project::copy_of("examples/orders");
    let kept = project.tmp().join("kept");
    let junit = project.tmp().join("junit.xml");
    let run = project.ci(&[
        "--keep-instance",
        kept.to_str().unwrap(),
        "--junit",
        junit.to_str().unwrap(),
    ]);
    run.expect_code(0);
    let report = run.report();
    assert_eq!(report["schema_version"], 1);
    assert_eq!(report["result"], "passed", "{report:#}");
    assert_eq!(report["notebooks"].as_array().unwrap().len(), 5);
    for notebook in report["notebooks"].as_array().unwrap() {
        assert_eq!(notebook["status"], "passed", "{notebook:#}");
        let page = project.artifacts().join(notebook["html"].as_str().unwrap());
        let page = std::fs::read_to_string(page).unwrap();
        assert!(page.len() > 10_000 && !page.contains("<script"));
        let own = notebook["interactive"].as_str().unwrap();
        let own = std::fs::read_to_string(project.artifacts().join(own)).unwrap();
        assert!(own.len() > 10_000 && own.contains("__MARIMO_MOUNT_CONFIG__"));
        assert!(
            notebook["cells"]
                .as_array()
                .unwrap()
                .iter()
                .all(|cell| cell["status"] == "ok")
        );
    }
    let figure = cell(
        notebook_of(&report, "notebooks/revenue_report.py"),
        "figure",
    );
    let picture = project
        .artifacts()
        .join(figure["images"][0].as_str().unwrap());
    assert_eq!(&std::fs::read(picture).unwrap()[1..4], b"PNG");

    let daily = notebook_of(&report, "notebooks/daily_orders.py");
    assert_eq!(daily["target"]["partition"], "2026-01-05");
    assert_eq!(daily["args"][0], "--day");
    let built = run_of(&report, "build_orders");
    assert_eq!(built["status"], "success");
    assert_eq!(built["materializations"].as_array().unwrap().len(), 4);
    assert!(
        built["steps"]
            .as_array()
            .unwrap()
            .iter()
            .any(|step| step["key"] == "orders")
    );

    let attachments = report["attachments"].as_array().unwrap();
    assert_eq!(
        attachments.len(),
        8,
        "a link and a verdict for each of four"
    );
    assert!(
        attachments
            .iter()
            .all(|attachment| attachment["ok"] == true),
        "{attachments:#?}"
    );
    let index = std::fs::read_to_string(project.artifacts().join("index.html")).unwrap();
    assert!(
        index.contains("orders_explore.html") && index.contains("orders_explore.interactive.html")
    );
    assert!(
        std::fs::read_to_string(junit)
            .unwrap()
            .contains("<testsuites")
    );

    // The link has its type in the kept instance, and nothing there points at daglab any more.
    let settings = std::fs::read_to_string(kept.join("dagster.yaml")).unwrap();
    assert!(!settings.contains("WarmRunLauncher"));
    let seen = in_instance(
        &kept,
        "from dagster import AssetKey, DagsterInstance, EventRecordsFilter, DagsterEventType as T\n\
         i = DagsterInstance.get()\n\
         f = lambda t: i.get_event_records(EventRecordsFilter(t, asset_key=AssetKey('orders')))\n\
         o = f(T.ASSET_OBSERVATION)[0].asset_observation\n\
         print(type(o.metadata['exploration']).__name__, o.metadata['exploration'].url)\n",
    );
    assert!(seen.starts_with("UrlMetadataValue file://"), "{seen}");
    assert!(
        seen.trim().ends_with("notebooks/orders_explore.html"),
        "{seen}"
    );
}

#[test]
fn the_broken_example_names_each_break() {
    let project = Project::copy_of("examples/broken");
    let run = project.ci(&[]);
    run.expect_code(4);
    let report = run.report();
    assert_eq!(report["result"], "failed");

    let expected = BTreeMap::from([
        ("deep_error.py", "failed"),
        ("disabled.py", "passed"),
        ("exits.py", "crashed"),
        ("forks.py", "passed"),
        ("hangs.py", "timed_out"),
        ("lints.py", "failed"),
        ("passes.py", "passed"),
        ("prints.py", "passed"),
        ("raises.py", "failed"),
        ("segfaults.py", "crashed"),
        ("setup_raises.py", "failed"),
        ("syntax_error.py", "failed"),
        ("team_a/report.py", "passed"),
        ("team_b/report.py", "passed"),
    ]);
    let of = |name: &str| notebook_of(&report, &format!("notebooks/{name}"));
    for (name, status) in &expected {
        assert_eq!(of(name)["status"], *status, "{name}: {:#}", of(name));
    }
    assert_eq!(
        report["notebooks"].as_array().unwrap().len(),
        expected.len()
    );

    let raises = of("raises.py");
    assert_eq!(
        cells(raises),
        [
            ("load", "ok"),
            ("divide", "failed"),
            ("show", "not_run"),
            ("unrelated", "ok")
        ]
    );
    let divide = cell(raises, "divide");
    assert_eq!(divide["error"]["type"], "ZeroDivisionError");
    assert_eq!(
        (&divide["line"], &divide["error"]["line"]),
        (&13.into(), &15.into())
    );
    assert!(
        divide["error"]["traceback"]
            .as_str()
            .unwrap()
            .contains("values[1] - 2")
    );
    assert_eq!(cell(raises, "show")["blamed_on"], "divide");
    assert_eq!(cell(raises, "unrelated")["console"], "6\n");

    assert_eq!(cell(of("deep_error.py"), "use")["error"]["line"], 16);
    assert_eq!(
        cells(of("hangs.py")),
        [("before", "ok"), ("sleep", "failed"), ("after", "not_run")]
    );
    assert_eq!(cells(of("exits.py")), [("fine", "ok"), ("leave", "failed")]);
    assert!(
        of("exits.py")["reason"]
            .as_str()
            .unwrap()
            .contains("code 3")
    );
    assert!(
        of("segfaults.py")["reason"]
            .as_str()
            .unwrap()
            .contains("SIGSEGV")
    );
    assert_eq!(cells(of("disabled.py"))[0], ("off", "disabled"));
    assert_eq!(cell(of("setup_raises.py"), "setup")["error"]["line"], 7);
    assert!(
        of("syntax_error.py")["reason"]
            .as_str()
            .unwrap()
            .contains("line 9")
    );
    assert_ne!(
        of("team_a/report.py")["html"],
        of("team_b/report.py")["html"]
    );
    let page = project
        .artifacts()
        .join(of("prints.py")["html"].as_str().unwrap());
    assert!(
        page.metadata().unwrap().len() < 20_000_000,
        "100 MB of output stay out of the page"
    );

    assert_eq!(run_of(&report, "fine")["status"], "success");
    let fails = run_of(&report, "fails");
    assert_eq!(
        (&fails["status"], &fails["error"]["path"]),
        (&"failure".into(), &"good.py".into())
    );
    assert_eq!(fails["error"]["line"], 42);
    assert_eq!(run_of(&report, "hangs")["status"], "timed_out");
    assert!(
        run_of(&report, "dies")["error"]["message"]
            .as_str()
            .unwrap()
            .contains("code 3")
    );
    let config = run_of(&report, "takes_config");
    assert_eq!(config["status"], "invalid");
    assert!(
        config["error"]["message"]
            .as_str()
            .unwrap()
            .contains("limt")
    );

    let locations = report["locations"].as_array().unwrap();
    let unloadable = locations
        .iter()
        .find(|location| location["name"] == "unloadable.py")
        .unwrap();
    assert_eq!(unloadable["error"]["path"], "broken_helpers.py");
    assert!(
        !unloadable["error"]["stack"]
            .as_str()
            .unwrap()
            .contains("site-packages")
    );
    let findings = report["findings"].to_string();
    assert!(
        findings.contains("BROKEN_SECRET_TOKEN") && findings.contains("MB002"),
        "{findings}"
    );
    assert!(processes_of(&project.tmp()).is_empty());
    assert_eq!(std::fs::read_dir(project.tmp()).unwrap().count(), 0);
}

#[test]
fn both_isolations_give_the_same() {
    let project = Project::small();
    project
        .notebook("a.py", &["print('hi')", "1 / 0"])
        .write("daglab.yaml", "ci:\n  jobs: [good_job, bad_job]\n");
    let shape = |isolation: &str| {
        let run = project.ci(&["--isolation", isolation]);
        run.expect_code(4);
        let report = run.report();
        assert_eq!(report["project"]["isolation"], isolation);
        let notebook = notebook_of(&report, "a.py");
        let mut cells = notebook["cells"].clone();
        for cell in cells.as_array_mut().unwrap() {
            cell["duration_s"] = Value::Null;
            cell["error"]["traceback"] = Value::Null;
        }
        let runs = report["runs"].as_array().unwrap();
        let statuses: Vec<Value> = runs.iter().map(|run| run["status"].clone()).collect();
        (notebook["status"].clone(), cells, statuses)
    };
    assert_eq!(shape("fork"), shape("spawn"));
}

#[test]
fn without_configuration_nothing_is_launched() {
    let project = Project::small();
    project.notebook("numbers_explore.py", &["1"]);
    let report = project.ci(&[]).expect_code(0).report();
    assert!(report["runs"].as_array().unwrap().is_empty());
    assert_eq!(
        notebook_of(&report, "numbers_explore.py")["target"]["key"],
        "numbers"
    );
}

#[test]
fn a_process_that_ends_without_a_word_fails_its_run() {
    let project = Project::small();
    let run = project.ci(&["--jobs", "dying_job"]);
    run.expect_code(4);
    let report = run.report();
    let dying = run_of(&report, "dying_job");
    assert_eq!(dying["status"], "failure");
    assert!(
        dying["error"]["message"]
            .as_str()
            .unwrap()
            .contains("without finishing"),
        "{dying:#}"
    );
}

#[test]
fn a_notebook_that_fills_the_disk_fails_alone() {
    let project = Project::small();
    let fill = "import tempfile\n\
                full = tempfile.NamedTemporaryFile(delete=False)\n\
                block = b'x' * 1_000_000\n\
                while True:\n    full.write(block)";
    project
        .notebook("a_fills.py", &["first = 1", fill])
        .notebook("b_after.py", &["2"]);
    let python = python();
    let command = project.daglab(&["ci", "--output", "json", "--concurrency", "1", "--python"]);
    let run = Run::of(support::on_a_small_disk(&command, &python, &project.tmp()));
    run.expect_code(4);
    let report = run.report();
    let fills = notebook_of(&report, "a_fills.py");
    assert_eq!(fills["status"], "failed", "{fills:#}");
    let said = fills.to_string();
    assert!(
        said.contains("space left on") || said.contains("File too large"),
        "{fills:#}"
    );
    let after = notebook_of(&report, "b_after.py");
    assert_eq!(after["status"], "passed", "{after:#}");
}

#[test]
fn a_location_runs_with_the_interpreter_it_names() {
    let project = Project::small();
    // An interpreter that says who it is, and so shows up in what the location computes.
    let own = project.root().join("own-python");
    let script = format!(
        "#!/bin/sh\nexport WHICH_PYTHON=own\nexec {} \"$@\"\n",
        python().display()
    );
    std::fs::write(&own, script).unwrap();
    std::fs::set_permissions(&own, std::fs::Permissions::from_mode(0o755)).unwrap();
    project
        .write(
            "which.py",
            "import os\n\nimport dagster as dg\n\nHERE = os.environ.get('WHICH_PYTHON', 'shared')\n\n\n\
             @dg.op\ndef look():\n    assert os.environ.get('WHICH_PYTHON', 'shared') == HERE\n\n\n\
             @dg.job(name=f'which_{HERE}')\ndef which():\n    look()\n\n\n\
             defs = dg.Definitions(jobs=[which])\n",
        )
        .write(
            "workspace.yaml",
            "load_from:\n  - python_file: {relative_path: which.py, location_name: shared}\n  \
             - python_file: {relative_path: which.py, location_name: own, executable_path: own-python}\n",
        );
    let run = project.ci(&["--jobs", "which_own", "--jobs", "which_shared"]);
    let report = run.expect_code(0).report();
    for job in ["which_own", "which_shared"] {
        assert_eq!(run_of(&report, job)["status"], "success", "{report:#}");
    }
}

#[test]
fn children_see_only_what_they_may() {
    let project = Project::small();
    project.notebook(
        "env.py",
        &["import os\nprint(sorted(k for k in os.environ if 'SECRET' in k))"],
    );
    let with = |args: &[&str]| {
        let python = python();
        let mut all = vec!["ci", "-o", "json", "--python", python.to_str().unwrap()];
        all.extend(args);
        let mut command = project.daglab(&all);
        command.env("SECRET_A", "canary-value").env("SECRET_B", "x");
        let run = Run::of(command);
        run.expect_code(0);
        assert!(!run.stdout().contains("canary-value"));
        run.report()["notebooks"][0]["cells"][0]["console"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(with(&[]), "[]\n");
    assert_eq!(with(&["--env", "SECRET_A"]), "['SECRET_A']\n");
}

#[test]
fn mistakes_are_explained() {
    let empty = Project::empty();
    empty
        .ci(&[])
        .expect_code(3)
        .expect_stderr("no Dagster project")
        .expect_stderr("hint:");

    let project = Project::small();
    project.write("daglab.yaml", "ci:\n  concurency: 2\n");
    project
        .ci(&[])
        .expect_code(7)
        .expect_stderr("unknown key `concurency`")
        .expect_stderr("daglab.yaml:2:3")
        .expect_stderr("did you mean `concurrency`?");
    project.write("daglab.yaml", "ci: [\n");
    project.ci(&[]).expect_code(7).expect_stderr("daglab.yaml");
    project.write("daglab.yaml", "ci:\n  timeout: soon\n");
    project
        .ci(&[])
        .expect_code(7)
        .expect_stderr("ci.timeout")
        .expect_stderr("timeout: soon");
    project.write("daglab.yaml", "");
    project
        .ci(&["--notebooks", "nope*"])
        .expect_code(7)
        .expect_stderr("no notebook matches");
    project.ci(&["--concurrency", "0"]).expect_code(2);
    Run::of(project.daglab(&["ci", "--python", "/nowhere/python"])).expect_code(3);
    let report = project.ci(&["--jobs", "god_job"]).expect_code(4).report();
    assert!(
        report["runs"][0]["error"]["message"]
            .as_str()
            .unwrap()
            .contains("`good_job`")
    );
}

#[test]
fn a_python_without_dagster_is_said_before_anything_starts() {
    let project = Project::small();
    let bare = project.tmp().join("bare");
    let made = std::process::Command::new(python())
        .args(["-m", "venv", "--without-pip"])
        .arg(&bare)
        .status()
        .unwrap();
    assert!(made.success());
    let bin = bare.join("bin/python");
    let run = Run::of(project.daglab(&["ci", "--python", bin.to_str().unwrap()]));
    run.expect_code(3).expect_stderr("dagster");
}

#[test]
fn artifacts_that_cannot_be_written_are_a_conflict() {
    let project = Project::small();
    project.write("taken", "a file");
    project
        .ci(&["--artifacts-dir", "taken"])
        .expect_code(8)
        .expect_stderr("taken");
}

#[test]
fn the_plan_is_printed_and_nothing_starts() {
    let project = Project::copy_of("examples/orders");
    let run = Run::of(project.daglab(&["ci", "--plan"]));
    run.expect_code(0);
    let text = run.stdout();
    for part in [
        "build_orders",
        "after daily_orders",
        "partition 2026-01-05",
        "daglab.yaml:",
    ] {
        assert!(text.contains(part), "no {part:?} in:\n{text}");
    }
    assert!(!project.root().join(".daglab").exists());
}

#[test]
fn settings_are_shown_with_their_origin() {
    let project = Project::small();
    project.write("daglab.yaml", "dagster:\n  port: 3333\n");
    let mut command = project.daglab(&["config", "show", "--origin"]);
    command.env("DAGLAB_CI__CONCURRENCY", "7");
    let run = Run::of(command);
    run.expect_code(0);
    let text = run.stdout();
    assert!(text.contains("port: 3333  # "), "{text}");
    assert!(text.contains("daglab.yaml:2"), "{text}");
    assert!(
        text.contains("concurrency: 7  # DAGLAB_CI__CONCURRENCY"),
        "{text}"
    );
    assert!(text.contains("retention_days: 30  # default"), "{text}");
}

#[test]
fn one_notebook_is_exported_and_attached() {
    let project = Project::small();
    project.notebook("nb/numbers.py", &["import sys\nprint(sys.argv[1:])"]);
    let home = project.tmp().join("home");
    std::fs::create_dir(&home).unwrap();
    std::fs::write(home.join("dagster.yaml"), "telemetry: {enabled: false}\n").unwrap();
    let python = python();
    let export = |args: &[&str]| {
        let mut all = vec!["export", "--notebook", "nb/numbers.py", "--python"];
        all.push(python.to_str().unwrap());
        all.extend(args);
        let mut command = project.daglab(&all);
        command.env("DAGSTER_HOME", &home);
        Run::of(command)
    };
    let plain = export(&["--compress", "--", "--limit", "3"]);
    plain.expect_code(0);
    let page = project.root().join("nb/numbers.html");
    assert!(plain.stdout().contains("nb/numbers.html.gz"));
    assert!(std::fs::read_to_string(&page).unwrap().contains("--limit"));
    assert_eq!(page.metadata().unwrap().permissions().mode() & 0o777, 0o644);

    export(&["--attach", "asset://numbers", "--metadata-key", "look"]).expect_code(0);
    let seen = in_instance(
        &home,
        "from dagster import AssetKey, DagsterInstance\n\
         i = DagsterInstance.get()\n\
         o = i.fetch_observations(AssetKey('numbers'), 1).records[0].asset_observation\n\
         print(o.metadata['look'].url)\n",
    );
    assert!(seen.trim().ends_with("nb/numbers.html"), "{seen}");
    export(&["--attach", "asset://nombers"])
        .expect_code(7)
        .expect_stderr("did you mean `numbers`?");
    export(&["--attach", "numbers"]).expect_code(2);
}
