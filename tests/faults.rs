//! What foreign code can do to daglab while it runs, and what must stay true nevertheless.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that can't be set up has failed"
)]

mod support;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use support::{Project, Run, eventually, in_instance, notebook_of, python, run_of};

fn findings_of(report: &Value, code: &str) -> Vec<String> {
    report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["code"] == code)
        .map(|finding| finding["message"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_location_that_ends_its_server_takes_nothing_else_with_it() {
    let project = Project::small();
    project
        .write(
            "kills.py",
            "import os, sys\nprint('so long', file=sys.stderr, flush=True)\nos._exit(7)\n",
        )
        .write(
            "workspace.yaml",
            "load_from:\n  - python_file: definitions.py\n  - python_file: kills.py\n",
        )
        .write("daglab.yaml", "ci:\n  jobs: [good_job]\n")
        .notebook("fine.py", &["1"]);
    let run = project.ci(&[]);
    run.expect_code(4);
    let report = run.report();
    assert_eq!(
        run_of(&report, "good_job")["status"],
        "success",
        "{report:#}"
    );
    assert_eq!(notebook_of(&report, "fine.py")["status"], "passed");
    let said = findings_of(&report, "location").join("\n");
    assert!(
        said.contains("kills.py") && said.contains("code 7") && said.contains("so long"),
        "{report:#}"
    );
    let locations = report["locations"].as_array().unwrap();
    let killed = locations.iter().find(|l| l["name"] == "kills.py").unwrap();
    assert_eq!(killed["loaded"], false);
}

#[test]
fn a_location_whose_interpreter_has_no_dagster_fails_alone() {
    let project = Project::small();
    project.write("other.py", "defs = None\n").write(
        "workspace.yaml",
        "load_from:\n  - python_file: definitions.py\n  - python_file: {relative_path: other.py, executable_path: /bin/false}\n",
    );
    let run = project.ci(&["--jobs", "good_job"]);
    run.expect_code(4);
    let report = run.report();
    assert_eq!(
        run_of(&report, "good_job")["status"],
        "success",
        "{report:#}"
    );
    assert!(findings_of(&report, "location")[0].contains("other.py"));
}

/// The code of a cell that kills a process: the host it comes from, or Dagster's.
fn kills(which: &str) -> String {
    format!(
        "import os, signal, time\n\
         def parent(pid):\n    \
         return int(open(f'/proc/{{pid}}/stat').read().rsplit(')', 1)[1].split()[1])\n\
         # The kernel's parent exports the notebook; its parent is the host, daglab's child.\n\
         own = parent(os.getppid())\n\
         daglab = parent(own)\n\
         hosts = map(int, open(f'/proc/{{daglab}}/task/{{daglab}}/children').read().split())\n\
         others = [pid for pid in hosts if pid != own]\n\
         for pid in {which}:\n    \
         os.kill(pid, signal.SIGKILL)\n\
         time.sleep(60)"
    )
}

#[test]
fn when_dagster_is_killed_the_report_says_what_was_done() {
    let project = Project::small();
    project
        .write("daglab.yaml", "ci:\n  concurrency: 1\n")
        .notebook("a_first.py", &["1"])
        .notebook("b_kills.py", &[&kills("others")])
        .notebook("c_never.py", &["3"]);
    let junit = project.tmp().join("junit.xml");
    let run = project.ci(&["--isolation", "fork", "--junit", junit.to_str().unwrap()]);
    run.expect_code(3).expect_stderr("the web server");
    let report = run.report();
    assert_eq!(report["result"], "error", "{report:#}");
    assert_eq!(notebook_of(&report, "a_first.py")["status"], "passed");
    let never = notebook_of(&report, "c_never.py");
    assert_eq!(never["status"], "skipped");
    assert!(
        never["reason"]
            .as_str()
            .unwrap()
            .contains("could not go on")
    );
    assert!(junit.is_file() && project.artifacts().join("index.html").is_file());
}

#[test]
fn a_notebook_that_kills_its_host_fails_alone() {
    let project = Project::small();
    project
        .write("daglab.yaml", "ci:\n  concurrency: 1\n")
        .notebook("a_kills.py", &[&kills("[own]")])
        .notebook("b_after.py", &["2"]);
    let run = project.ci(&[]);
    run.expect_code(4);
    let report = run.report();
    assert_eq!(notebook_of(&report, "a_kills.py")["status"], "crashed");
    assert_eq!(notebook_of(&report, "b_after.py")["status"], "passed");
    let slower = findings_of(&report, "slower").join("\n");
    assert!(slower.contains("the Python host of marimo"), "{report:#}");
}

#[test]
fn a_pipe_where_a_file_is_expected_holds_nothing_up() {
    let project = Project::small();
    let pipes = "import os, pathlib\n\
                 place = pathlib.Path(os.environ['TMPDIR']).parent\n\
                 for name in ('events.ndjson', 'page.html'):\n    \
                 (place / name).unlink(missing_ok=True)\n    \
                 os.mkfifo(place / name)";
    project
        .notebook("a_pipes.py", &[pipes])
        .notebook("b_after.py", &["2"]);
    let run = project.ci(&["--concurrency", "1", "--timeout", "5"]);
    run.expect_code(4);
    let report = run.report();
    assert_ne!(notebook_of(&report, "a_pipes.py")["status"], "passed");
    assert_eq!(notebook_of(&report, "b_after.py")["status"], "passed");
}

#[test]
fn no_way_leads_to_another_instance() {
    let project = Project::small();
    let home = project.root().join("production");
    std::fs::create_dir(&home).unwrap();
    std::fs::write(home.join("dagster.yaml"), "telemetry: {enabled: false}\n").unwrap();
    // An instance as it is in use: with databases, which must not change by a byte.
    in_instance(
        &home,
        "import dagster as dg\n\
         i = dg.DagsterInstance.get()\n\
         i.report_runless_asset_event(dg.AssetMaterialization('numbers'))",
    );
    let before = contents(&home);
    assert!(before.len() > 2, "{before:?}");
    let seen = "import os\nprint(os.environ.get('DAGSTER_HOME'), os.environ['FROM_DOTENV'])";
    project
        .write(".env", &format!("DAGSTER_HOME={}\nFROM_DOTENV=1\n", home.display()))
        .write(
            "daglab.yaml",
            "ci:\n  jobs: [good_job]\n  notebooks:\n    - path: seen.py\n      env: [DAGSTER_HOME, FROM_DOTENV]\n",
        )
        .notebook("seen.py", &[seen]);
    let python = python();
    let mut command = project.daglab(&["ci", "-o", "json", "--python", python.to_str().unwrap()]);
    command.env("DAGSTER_HOME", &home);
    let run = Run::of(command);
    run.expect_code(0);
    let report = run.report();
    let seen = notebook_of(&report, "seen.py");
    let said = seen["cells"][0]["console"].as_str().unwrap();
    assert!(said.ends_with("/home 1\n"), "{said}");
    assert_eq!(contents(&home), before);
}

fn contents(dir: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            all.extend(contents(&path));
        } else {
            all.push((path.clone(), std::fs::read(path).unwrap()));
        }
    }
    all.sort();
    all
}

#[test]
fn an_instance_that_stays_is_left_in_order() {
    let project = Project::small();
    let kept = project.tmp().join("kept");
    let python = python();
    let args = [
        "ci",
        "--jobs",
        "hanging_job",
        "--keep-instance",
        kept.to_str().unwrap(),
        "--python",
        python.to_str().unwrap(),
    ];
    let mut child = project
        .daglab(&args)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let run_started = || {
        let Ok(logs) = std::fs::read_dir(kept.join("storage")) else {
            return false;
        };
        logs.count() > 0
    };
    assert!(eventually(Duration::from_secs(60), run_started));
    let second = Run::of(project.daglab(&args));
    second
        .expect_code(8)
        .expect_stderr("in use by another daglab");

    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let settings = std::fs::read_to_string(kept.join("dagster.yaml")).unwrap();
    assert!(!settings.contains("daglab"), "{settings}");
    let states = in_instance(
        &kept,
        "from dagster import DagsterInstance\n\
         print([r.status.value for r in DagsterInstance.get().get_runs()])",
    );
    assert_eq!(states, "['CANCELED']\n");
}

#[test]
fn foreign_text_is_no_command_to_a_runner() {
    let project = Project::small();
    project.notebook(
        "speaks.py",
        &["raise ValueError('x\\n::add-mask::secret\\n ##[set-env name=A]b')"],
    );
    for output in ["table", "json", "markdown"] {
        let python = python();
        let args = [
            "ci",
            "-v",
            "-o",
            output,
            "--python",
            python.to_str().unwrap(),
        ];
        let mut command = project.daglab(&args);
        command.env("GITHUB_ACTIONS", "true");
        let run = Run::of(command);
        run.expect_code(4);
        let printed = run.stdout() + &run.stderr();
        assert!(printed.contains("add-mask"), "{printed}");
        for line in printed.lines() {
            assert!(!line.trim_start().starts_with("::"), "{output}: {line}");
            assert!(!line.contains("##["), "{output}: {line}");
        }
    }
}

#[test]
fn a_target_that_does_not_exist_is_a_clear_error() {
    let project = Project::small();
    let target = |text: &str| {
        project
            .write(
                "daglab.yaml",
                &format!("ci:\n  notebooks:\n    - path: a.py\n      attach: {text}\n"),
            )
            .notebook("a.py", &["1"]);
        let run = project.ci(&[]);
        run.expect_code(4);
        findings_of(&run.report(), "no-target").join("\n")
    };
    let said = target("asset://nombers");
    assert!(
        said.contains("nombers") && said.contains("does not exist"),
        "{said}"
    );
    let said = target("asset://numbers:2026-01-01");
    assert!(said.contains("2026-01-01"), "{said}");
}

/// Secrets are in daglab's own environment; its children run as the same user.
#[test]
fn daglabs_own_environment_is_closed() {
    let project = Project::small();
    // An interpreter that keeps daglab waiting.
    let python = project.root().join("python");
    std::fs::write(&python, "#!/bin/sh\nsleep 60\n").unwrap();
    std::fs::set_permissions(&python, std::fs::Permissions::from_mode(0o755)).unwrap();
    let binary = project.root().join("daglab");
    std::fs::copy(env!("CARGO_BIN_EXE_daglab"), &binary).unwrap();
    // Root may read everything: then this is for somebody else to try.
    let as_user = |program: &Path| {
        if !rustix::process::getuid().is_root() {
            return Command::new(program);
        }
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        command.arg(program);
        command
    };
    if rustix::process::getuid().is_root() {
        let dir = project.tmp().parent().unwrap().to_owned();
        let owned = Command::new("chown")
            .args(["-R", "65534"])
            .arg(dir)
            .status();
        assert!(owned.unwrap().success());
    }
    let mut child = as_user(&binary)
        .args(["ci", "--python"])
        .arg(&python)
        .current_dir(project.root())
        .env("TMPDIR", project.tmp())
        .env("HOME", project.tmp())
        .env("XDG_CACHE_HOME", project.tmp().join("cache"))
        .env("SECRET", "canary")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let guard = child.id();
    let children = format!("/proc/{guard}/task/{guard}/children");
    let mut worker = String::new();
    let ready = eventually(Duration::from_secs(20), || {
        worker = std::fs::read_to_string(&children).unwrap_or_default();
        worker = worker.trim().to_owned();
        // It has hidden itself before it starts anything.
        let started = format!("/proc/{worker}/task/{worker}/children");
        !worker.is_empty()
            && !std::fs::read_to_string(started)
                .unwrap_or_default()
                .is_empty()
    });
    let read = |pid: &str| {
        let output = as_user(Path::new("cat"))
            .arg(format!("/proc/{pid}/environ"))
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let seen = [read(&guard.to_string()), read(&worker)];
    let sanity = read("self");
    kill_process(
        Pid::from_raw(i32::try_from(guard).unwrap()).unwrap(),
        Signal::INT,
    )
    .unwrap();
    child.wait().unwrap();
    assert!(ready, "the worker started nothing");
    assert_eq!(seen, ["", ""]);
    assert!(sanity.contains("PATH="));
}
