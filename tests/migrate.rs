//! `daglab migrate`: notebooks of all shapes, folders of them, and what is said of each.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that can't be set up has failed"
)]

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use support::{Project, Run, eventually, python};

fn migrate(project: &Project, args: &[&str]) -> Run {
    Run::of(command(project, args))
}

fn command(project: &Project, args: &[&str]) -> Command {
    let python = python();
    let mut all = vec!["migrate", "--python", python.to_str().unwrap()];
    all.extend(args);
    let mut command = project.daglab(&all);
    command.env("HOME", project.tmp());
    command
}

fn notebook(cells: &[Value]) -> String {
    json!({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}).to_string()
}

fn code(source: &str) -> Value {
    json!({"cell_type": "code", "source": source, "metadata": {}, "outputs": [], "execution_count": null})
}

/// Files below a folder with their bytes and times.
fn files(folder: &Path) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let modified = entry.metadata().unwrap().modified().unwrap();
                found.insert(path.clone(), (std::fs::read(&path).unwrap(), modified));
            }
        }
    }
    found
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/migrate")
        .join(name)
}

fn run_python(args: &[&Path]) -> (bool, String) {
    let output = Command::new(python())
        .args(args)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), text)
}

#[test]
fn a_corpus_of_real_shapes_is_migrated_and_every_result_is_looked_at() {
    let project = Project::empty();
    let (originals, truth) = (project.root().join("nb"), project.tmp().join("truth.json"));
    let (made, said) = run_python(&[&script("corpus.py"), &originals, &truth]);
    assert!(made, "{said}");
    let before = files(&originals);
    assert!(before.len() > 230, "{}", before.len());
    let run = migrate(
        &project,
        &[
            "nb",
            "--to",
            "out",
            "--report",
            "report.md",
            "--output",
            "json",
        ],
    );
    assert_eq!(run.code(), 7, "{}", run.stderr());
    assert_eq!(files(&originals), before);
    let report: Value = serde_json::from_str(&run.stdout()).unwrap();
    let written: Value =
        serde_json::from_slice(&std::fs::read(project.root().join("report.json")).unwrap())
            .unwrap();
    assert_eq!(report, written);
    assert_eq!(report["degraded"], json!([]));
    let markdown = std::fs::read_to_string(project.root().join("report.md")).unwrap();
    for notebook in report["notebooks"].as_array().unwrap() {
        let name = notebook["source"].as_str().unwrap();
        assert!(
            markdown.contains(&format!("## {}", name.replace('_', "\\_"))),
            "{name}"
        );
    }
    let (good, said) = run_python(&[
        &script("check.py"),
        &project.root().join("out"),
        &truth,
        &project.root().join("report.json"),
    ]);
    assert!(good, "{said}");
}

#[test]
fn one_notebook_becomes_a_file_beside_it() {
    let project = Project::empty();
    let cells = [
        json!({"cell_type": "markdown", "source": "# Sales\n\nPer *day*.", "metadata": {}}),
        code("%matplotlib inline\nimport pandas as pd\nimport matplotlib.pyplot as plt"),
        json!({"cell_type": "code", "metadata": {}, "execution_count": 3,
            "source": "df = pd.DataFrame({\"a\": [1, 2]})\nfor i in range(2):\n    print(i)",
            "outputs": [{"output_type": "stream", "name": "stdout", "text": "0\n1\nsecret hunter2hunter2\n"}]}),
        code("df = df.dropna()  # all of it\nfor i in df.a:\n    print(i)"),
        code("df.plot()\nplt.title(\"a\")"),
        code("files = !ls *.csv\n!echo {len(files)}"),
        code("%%R\nsummary(df)"),
        code("%time df.describe()"),
    ];
    project.write("sales.ipynb", &notebook(&cells));
    let mut first = command(
        &project,
        &[
            "--from-jupyter",
            "sales.ipynb",
            "--preserve-outputs",
            "--report",
            "report.md",
        ],
    );
    first.env("MY_PASSWORD", "hunter2hunter2");
    let run = Run::of(first);
    assert_eq!(run.code(), 0, "{}", run.stderr());
    let read = |name: &str| std::fs::read_to_string(project.root().join(name)).unwrap();
    let text = read("sales.py");
    assert!(!text.contains("hunter2"));
    let generated = text
        .lines()
        .find(|line| line.starts_with("__generated_with"))
        .unwrap()
        .to_owned();
    insta::assert_snapshot!(
        "sales_notebook",
        text.replace(&generated, "__generated_with = \"VERSION\"")
    );
    insta::assert_snapshot!("sales_terminal", run.stdout());
    let version = generated.split('"').nth(1).unwrap();
    insta::assert_snapshot!(
        "sales_report",
        read("report.md").replace(version, "VERSION")
    );

    // Again: nothing to do. Another text in its place: only when that is asked for.
    let mut again = command(&project, &["sales.ipynb", "--preserve-outputs"]);
    again.env("MY_PASSWORD", "hunter2hunter2");
    assert_eq!(Run::of(again).code(), 0);
    project.write("sales.py", "mine = 1\n");
    let run = migrate(&project, &["sales.ipynb"]);
    assert_eq!((run.code(), read("sales.py").as_str()), (8, "mine = 1\n"));
    assert!(
        run.stdout().contains("is there already"),
        "{}",
        run.stdout()
    );
    let run = migrate(&project, &["sales.ipynb", "--force", "--dry-run"]);
    assert_eq!((run.code(), read("sales.py").as_str()), (0, "mine = 1\n"));
    assert!(
        run.stdout().contains("-mine = 1") && run.stdout().contains("+import marimo"),
        "{}",
        run.stdout()
    );
    assert_eq!(
        migrate(&project, &["sales.ipynb", "--force", "--no-helpers"]).code(),
        0
    );
    assert!(!read("sales.py").contains("daglab.helpers"));

    // A report is replaced by the next, but nothing else is.
    assert_eq!(
        migrate(
            &project,
            &["sales.ipynb", "--no-helpers", "--report", "report.md"]
        )
        .code(),
        0
    );
    project.write("mine.md", "# Mine\n");
    let run = migrate(&project, &["sales.ipynb", "--report", "mine.md"]);
    assert_eq!(run.code(), 8, "{}", run.stderr());
}

#[test]
fn what_stands_in_the_way_is_said_with_its_exit_code() {
    let project = Project::empty();
    project.write("a.ipynb", &notebook(&[code("x = 1")]));
    project.write("bad.ipynb", "{}");
    project.write("a.txt", "");
    let bare = |args: &[&str]| Run::of(project.daglab(args));
    assert_eq!(bare(&["migrate"]).code(), 2);
    assert_eq!(migrate(&project, &["a.txt"]).code(), 2);
    assert_eq!(migrate(&project, &["missing.ipynb"]).code(), 2);
    assert_eq!(migrate(&project, &[".", "--to", "x.py"]).code(), 2);
    let run = migrate(&project, &["a.ipynb", "bad.ipynb"]);
    assert_eq!(run.code(), 7, "{}", run.stderr());
    assert!(project.root().join("a.py").is_file() && !project.root().join("bad.py").exists());
    let run = bare(&["migrate", "a.ipynb", "--python", "/bin/sh"]);
    assert_eq!(run.code(), 3, "{}", run.stderr());
    let mut without = project.daglab(&["migrate", "a.ipynb"]);
    without
        .env("PATH", "/nonexistent")
        .env_remove("VIRTUAL_ENV");
    let run = Run::of(without);
    assert_eq!(run.code(), 3, "{}", run.stderr());
    assert!(
        run.stderr().contains("no Python with marimo"),
        "{}",
        run.stderr()
    );
}

#[test]
fn what_a_refused_cell_defines_is_missed() {
    let project = Project::empty();
    let cells = [
        code("import os\nwanted = 1\nreturn 5"),
        code("import os\nprint(os.sep, wanted)"),
    ];
    project.write("a.ipynb", &notebook(&cells));
    let run = migrate(&project, &["a.ipynb"]);
    assert_eq!(run.code(), 0, "{}", run.stderr());
    let said = run.stdout();
    assert!(said.contains("no cell defines `wanted`"), "{said}");
    let text = std::fs::read_to_string(project.root().join("a.py")).unwrap();
    assert!(text.contains("\n    import os\n"), "{text}");
}

#[test]
fn one_place_that_can_not_be_written_costs_the_others_nothing() {
    let project = Project::empty();
    for name in ["a.ipynb", "b.ipynb", "c.ipynb", "random.ipynb"] {
        project.write(name, &notebook(&[code("x = 1")]));
    }
    std::fs::create_dir(project.root().join("a.py")).unwrap();
    std::fs::write(project.root().join("b.py"), b"\xff").unwrap();
    let run = migrate(&project, &["."]);
    assert_eq!(run.code(), 8, "{}{}", run.stdout(), run.stderr());
    let said = run.stdout();
    assert!(
        said.contains("! a.ipynb: `a.py`") && said.contains("! b.ipynb: `b.py`"),
        "{said}"
    );
    assert!(said.contains("hides Python's module `random`"), "{said}");
    assert!(project.root().join("c.py").is_file());
}

#[test]
fn a_report_goes_where_nothing_else_is() {
    let project = Project::empty();
    project.write("a.ipynb", &notebook(&[code("x = 1")]));
    let original = std::fs::read(project.root().join("a.ipynb")).unwrap();
    let to = |report: &str| migrate(&project, &["a.ipynb", "--force", "--report", report]).code();
    assert_eq!((to("a.py"), to("a.ipynb"), to(".")), (2, 2, 2));
    assert!(!project.root().join("a.py").exists());
    assert_eq!(
        std::fs::read(project.root().join("a.ipynb")).unwrap(),
        original
    );
    assert_eq!(to("report.json"), 0);
    for name in ["report.json", "report.md"] {
        assert!(project.root().join(name).is_file(), "{name}");
    }
    // What `daglab ci` writes has notebooks, too.
    project.write(
        "ci.json",
        "{\n  \"schema_version\": 1,\n  \"notebooks\": []\n}\n",
    );
    let again = |report: &str| migrate(&project, &["a.ipynb", "--report", report]).code();
    assert_eq!((again("report.md"), again("ci.md")), (0, 8));
}

/// A marimo that has lost its private functions is used by its commands.
#[test]
fn another_marimo_is_used_by_its_commands() {
    let project = Project::empty();
    project.write(
        "a.ipynb",
        &notebook(&[
            json!({"cell_type": "markdown", "source": "# T", "metadata": {}}),
            code("x = 1\n!ls"),
            code("x = 2\nprint(x)"),
            json!({"cell_type": "code", "source": "raise SystemExit(3)", "outputs": [],
                "metadata": {"tags": ["skip-execution"]}}),
        ]),
    );
    // marimo keeps all it has; only those who are not marimo can't get at it.
    let shim = "import builtins
real = builtins.__import__
def hidden(name, globals=None, *rest, **named):
    if name.startswith('marimo._') and (globals or {}).get('__name__') == 'daglab._migrate.write':
        raise ImportError(f'there is no {name}')
    return real(name, globals, *rest, **named)
builtins.__import__ = hidden
";
    std::fs::create_dir_all(project.tmp().join("shim")).unwrap();
    std::fs::write(project.tmp().join("shim/sitecustomize.py"), shim).unwrap();
    let mut command = command(&project, &["a.ipynb"]);
    command.env("PYTHONPATH", project.tmp().join("shim"));
    let run = Run::of(command);
    assert_eq!(run.code(), 0, "{}{}", run.stdout(), run.stderr());
    assert!(
        run.stderr()
            .contains("degraded: marimo writes files by its command"),
        "{}",
        run.stderr()
    );
    let text = std::fs::read_to_string(project.root().join("a.py")).unwrap();
    assert!(
        text.contains("app = marimo.App(") && text.contains("run_shell("),
        "{text}"
    );
    // The command can't switch off a cell.
    assert!(text.contains("# raise SystemExit(3)"), "{text}");
    assert!(
        run.stdout().contains("it was kept as a comment"),
        "{}",
        run.stdout()
    );
}

#[test]
fn a_kill_leaves_the_old_state_or_the_new() {
    let project = Project::empty();
    let cells: Vec<Value> = (0..30)
        .map(|n| code(&format!("x = {n}\nprint(x)")))
        .collect();
    for n in 0..40 {
        project.write(&format!("nb/{n:02}.ipynb"), &notebook(&cells));
    }
    let mut child = command(&project, &["nb", "--to", "out"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let out = project.root().join("out");
    // As soon as anything is written, or before.
    eventually(Duration::from_secs(60), || {
        out.exists() || child.try_wait().unwrap().is_some()
    });
    child.kill().unwrap();
    child.wait().unwrap();
    let whole = |path: &Path| {
        let text = std::fs::read_to_string(path).unwrap();
        text.is_empty() || text.ends_with("app.run()\n")
    };
    if out.exists() {
        for (path, _) in files(&out) {
            let in_place = path.extension().is_some_and(|e| e == "py")
                && !path.to_string_lossy().contains(".daglab");
            assert!(!in_place || whole(&path), "{}", path.display());
        }
    }
    // What was killed may still be ending.
    let again = || migrate(&project, &["nb", "--to", "out", "--force"]).code() == 0;
    assert!(eventually(Duration::from_secs(60), again));
    let written = files(&out)
        .into_keys()
        .filter(|p| p.extension().is_some_and(|e| e == "py"))
        .count();
    assert_eq!(written, 40);
}
