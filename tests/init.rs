//! `daglab init`: a project that works at once, and nothing of the user's that changes unasked.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that can't be set up has failed"
)]

mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use pretty_assertions::assert_eq;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use support::{Project, Run, python};

fn init(project: &Project, args: &[&str]) -> Run {
    let mut all = vec!["init"];
    all.extend(args);
    Run::of(project.daglab(&all))
}

/// Every file with its bytes, and every folder.
fn tree(root: &Path) -> BTreeMap<String, Option<Vec<u8>>> {
    fn visit(folder: &Path, root: &Path, tree: &mut BTreeMap<String, Option<Vec<u8>>>) {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            let name = path.strip_prefix(root).unwrap().display().to_string();
            if path.is_dir() {
                visit(&path, root, tree);
                tree.insert(name, None);
            } else {
                tree.insert(name, Some(std::fs::read(&path).unwrap()));
            }
        }
    }
    let mut found = BTreeMap::new();
    visit(root, root, &mut found);
    found
}

/// Runs a tool of the test environment in a folder; it has to succeed.
fn tool(folder: &Path, name: &str, args: &[&str]) -> String {
    let bin = python().parent().unwrap().to_owned();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let output = Command::new("timeout")
        .arg("120")
        .arg(bin.join(name))
        .args(args)
        .current_dir(folder)
        .env("PATH", path)
        .env_remove("DAGSTER_HOME")
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(
        output.status.success(),
        "{name} {args:?}\n{stdout}\n{stderr}"
    );
    stdout
}

/// From an empty folder to everything green, without an edit.
fn works_at_once(template: &str, job: &str, asset: &str, notebook: &str) {
    let project = Project::empty();
    let root = project.root().join("my project-2");
    let at = root.to_str().unwrap();
    init(&project, &["--bootstrap", "--template", template, at]).expect_code(0);
    let written = tree(&root);
    init(&project, &["--bootstrap", "--template", template, at]).expect_code(0);
    init(&project, &[at]).expect_code(0);
    assert_eq!(tree(&root), written, "the second run changes no byte");

    let python = python();
    let python = python.to_str().unwrap();
    let there = |args: &[&str]| {
        let mut command = project.daglab(&[args, &["--python", python]].concat());
        command.current_dir(&root);
        let run = Run::of(command);
        run.expect_code(0);
        run
    };
    there(&["scaffold", "--asset", asset]);
    there(&["scaffold", "--job", job, "--template", notebook]);
    there(&["run", "--ephemeral", "--job", job]);
    let report = there(&["ci", "--output", "json"]).report();
    // The two examples, and what was made here.
    assert_eq!(report["notebooks"].as_array().unwrap().len(), 4);
    assert!(!report["runs"].as_array().unwrap().is_empty());

    tool(&root, "dg", &["check", "defs"]);
    let defs = tool(&root, "dg", &["list", "defs", "--json"]);
    let defs: Value = serde_json::from_str(&defs).unwrap();
    let keys: Vec<&str> = defs["assets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["asset_key"].as_str().unwrap())
        .collect();
    assert!(keys.contains(&asset), "{keys:?}");
    tool(&root, "dagster", &["definitions", "validate"]);
    tool(
        &root,
        "dagster",
        &["definitions", "validate", "-f", "dagster/definitions.py"],
    );
    tool(&root, "pytest", &["-q", "-p", "no:cacheprovider"]);
    tool(&root, "ruff", &["check", "--no-cache", "."]);
    tool(&root, "ruff", &["format", "--no-cache", "--check", "."]);
    for (path, _) in tree(&root)
        .iter()
        .filter(|(path, _)| path.ends_with("_explore.py"))
    {
        tool(&root, "marimo", &["check", "--strict", path]);
    }
}

#[test]
fn minimal_works_at_once() {
    works_at_once("minimal", "refresh", "daily_revenue", "minimal");
}

#[test]
fn standard_works_at_once() {
    works_at_once(
        "standard",
        "weekly_summary",
        "weekly_report",
        "feature-store",
    );
}

#[test]
fn ml_works_at_once() {
    works_at_once("ml", "train", "evaluation", "ml");
}

#[test]
fn what_was_done_is_said() {
    let project = Project::empty();
    let run = init(&project, &["--bootstrap", "--template", "minimal", "new"]);
    run.expect_code(0);
    let root = project.root().canonicalize().unwrap();
    let said = run.stdout().replace(root.to_str().unwrap(), "[ROOT]");
    insta::assert_snapshot!("summary", said);
}

#[test]
fn a_dry_run_is_a_diff_and_writes_nothing() {
    let project = Project::empty();
    project
        .write(".gitignore", "*.log")
        .write("README.md", "# Mine\r\n");
    project.write("justfile", "dev:\n    echo mine\n");
    let before = tree(&project.root());
    let args = ["--bootstrap", "--name", "shop", "--dry-run"];
    let first = init(&project, &args);
    first.expect_code(0);
    assert_eq!(first.stdout(), init(&project, &args).stdout());
    assert_eq!(tree(&project.root()), before);
    let json = init(&project, &[&args[..], &["--output", "json"]].concat());
    let json: Value = serde_json::from_str(&json.stdout()).unwrap();
    assert_eq!(json["diff"].as_str().unwrap(), first.stdout());

    init(&project, &args[..3]).expect_code(0);
    let after = tree(&project.root());
    let text = |path: &str| String::from_utf8(after[path].clone().unwrap()).unwrap();
    assert_eq!(text("README.md"), "# Mine\r\n");
    assert!(text(".gitignore").starts_with("*.log\n\n# >>> daglab >>>\n"));
    assert!(text("justfile").starts_with("dev:\n    echo mine\n\n# >>> daglab >>>\n"));
    assert_eq!(text("justfile").matches("dev").count(), 1);

    // git makes the same of the diff, but for empty folders.
    let other = Project::empty();
    other
        .write(".gitignore", "*.log")
        .write("README.md", "# Mine\r\n");
    other.write("justfile", "dev:\n    echo mine\n");
    let diff = other.tmp().join("it.diff");
    std::fs::write(&diff, first.stdout()).unwrap();
    let applied = Command::new("git")
        .arg("apply")
        .arg(&diff)
        .current_dir(other.root())
        .status();
    assert!(applied.unwrap().success());
    let files = |tree: BTreeMap<String, Option<Vec<u8>>>| -> BTreeMap<_, _> {
        tree.into_iter()
            .filter(|(_, bytes)| bytes.is_some())
            .collect()
    };
    assert_eq!(files(tree(&other.root())), files(after));
}

#[test]
fn force_overwrites_and_shows_what() {
    let project = Project::empty();
    init(&project, &["--bootstrap", "--name", "shop"]).expect_code(0);
    let made = tree(&project.root());
    project.write("dagster/jobs/daily_shop.py", "mine = 1\n");
    // Nobody is overwritten unasked, whichever way it is called.
    let refused = init(&project, &["--bootstrap", "--name", "shop"]);
    refused
        .expect_code(8)
        .expect_stderr("is part of a Dagster project");
    init(&project, &[]).expect_code(0);
    let forced = init(&project, &["--bootstrap", "--name", "shop", "--force"]);
    forced
        .expect_code(0)
        .expect_stderr("-mine = 1\n")
        .expect_stderr("+daily_shop = dg.");
    assert_eq!(tree(&project.root()), made);

    let other = Project::empty();
    other
        .write("pyproject.toml", "[project]\nname = 'mine'\n")
        .write("daglab.yaml", "version: 1\n");
    let before = tree(&other.root());
    let refused = init(&other, &["--bootstrap"]);
    refused
        .expect_code(8)
        .expect_stderr("2 files exist and differ");
    assert_eq!(tree(&other.root()), before);
}

#[test]
fn projects_keep_to_their_conventions() {
    const DEFS: &str = "import dagster as dg\ndefs = dg.Definitions()\n";
    type Files = &'static [(&'static str, &'static str)];
    let cases: &[(Files, &str, &str)] = &[
        (
            &[("definitions.py", DEFS)],
            "dagster/notebooks",
            "definitions.py",
        ),
        (
            &[
                (
                    "pyproject.toml",
                    "[tool.dagster]\nmodule_name = 'shop.definitions'\n",
                ),
                ("shop/definitions.py", DEFS),
            ],
            "shop/notebooks",
            "shop.definitions",
        ),
        (
            &[
                (
                    "pyproject.toml",
                    "[tool.dg]\ndirectory_type = 'project'\n[tool.dg.project]\nroot_module = 'shop'\n",
                ),
                ("src/shop/definitions.py", DEFS),
            ],
            "src/shop/notebooks",
            "shop.definitions",
        ),
        (
            &[
                (
                    "dg.toml",
                    "directory_type = 'project'\n[project]\nroot_module = 'shop'\ncode_location_name = 'on'\n",
                ),
                ("shop/definitions.py", DEFS),
            ],
            "shop/notebooks",
            "on",
        ),
        (
            &[
                (
                    "workspace.yaml",
                    "load_from:\n  - python_file: code/repo.py\n",
                ),
                ("code/repo.py", DEFS),
            ],
            "code/notebooks",
            "repo.py",
        ),
        (
            &[
                (
                    "workspace.yaml",
                    "load_from:\n  - python_file: a/a.py\n  - python_file: b/b.py\n",
                ),
                ("a/a.py", DEFS),
                ("b/b.py", DEFS),
            ],
            "dagster/notebooks",
            "",
        ),
        (
            &[
                (
                    "dg.toml",
                    "directory_type = 'workspace'\n[[workspace.projects]]\npath = 'one'\n",
                ),
                (
                    "one/pyproject.toml",
                    "[tool.dg]\ndirectory_type = 'project'\n[tool.dg.project]\nroot_module = 'one'\n",
                ),
                ("one/src/one/definitions.py", DEFS),
            ],
            "one/src/one/notebooks",
            "one",
        ),
        (
            &[(
                "pyproject.toml",
                "[project]\nname = 'x'\ndependencies = ['dagster>=1.9']\n",
            )],
            "dagster/notebooks",
            "",
        ),
        (&[("dagster.yaml", "")], "dagster/notebooks", ""),
        (
            &[
                ("definitions.py", DEFS),
                ("daglab.yaml", "notebooks_dir: nb # mine\r\n"),
            ],
            "nb",
            "",
        ),
        (
            &[
                ("definitions.py", DEFS),
                (
                    "pyproject.toml",
                    "[tool.daglab]\nnotebooks_dir = 'explore'\n",
                ),
            ],
            "explore",
            "",
        ),
    ];
    for (files, notebooks, location) in cases {
        let project = Project::empty();
        for (path, text) in *files {
            project.write(path, text);
        }
        let run = init(&project, &["--output", "json"]);
        run.expect_code(0);
        let said: Value = serde_json::from_str(&run.stdout()).unwrap();
        assert_eq!(said["notebooks_dir"], *notebooks, "{files:?}");
        let after = tree(&project.root());
        for (path, text) in *files {
            assert_eq!(after[*path].as_deref(), Some(text.as_bytes()), "{path}");
        }
        assert!(after.contains_key(&format!("{notebooks}/examples/quickstart_explore.py")));
        assert!(!after.contains_key("dagster/__init__.py"));
        let show = Run::of(project.daglab(&["config", "show", "--output", "json"]));
        show.expect_code(0);
        let settings: Value = serde_json::from_str(&show.stdout()).unwrap();
        assert_eq!(settings["notebooks_dir"], *notebooks);
        let named = settings["dagster"]["repository_location_name"]
            .as_str()
            .unwrap_or("");
        // `dg dev` and `dagster dev` call the same location by different names.
        assert_eq!(named, "", "{files:?}");
        let locations = said["project"]["locations"].to_string();
        assert!(locations.contains(*location), "{locations}");
        let again = init(&project, &[]);
        again.expect_code(0);
        assert!(
            again.stdout().starts_with("nothing to change"),
            "{}",
            again.stdout()
        );
        assert_eq!(tree(&project.root()), after);
        let bootstrap = init(&project, &["--bootstrap", "--force"]);
        bootstrap.expect_code(
            if location.is_empty() && files.len() == 1 && !files[0].0.contains("space") {
                0
            } else {
                8
            },
        );
    }
}

#[test]
fn what_cannot_be_is_refused_and_nothing_is_written() {
    let project = Project::empty();
    project.write("sub/keep", "");
    let before = tree(&project.root());
    for (args, code, message) in [
        (&[][..], 3, "init --bootstrap"),
        (&["nowhere"], 3, "there is no folder"),
        (&["--bootstrap", "/"], 3, "the top of the file system"),
        (&["--template", "ml"], 2, "--bootstrap"),
        (
            &["--bootstrap", "--notebooks-dir", "../x"],
            2,
            "below the project",
        ),
        (
            &["--bootstrap", "--ports", "dagster=3010"],
            2,
            "the same port",
        ),
        (&["--bootstrap", "--template", "huge"], 2, "huge"),
        (&["--bootstrap", "--name", ""], 2, "a letter or a digit"),
        (
            &["--bootstrap", "--notebooks-dir", "dagster/assets"],
            2,
            "no folder for notebooks",
        ),
        (
            &["--bootstrap", "--notebooks-dir", "dagster.yaml"],
            2,
            "no folder for notebooks",
        ),
        (&["--bootstrap", "--notebooks-dir", "a\"b"], 2, "character"),
        (&["--bootstrap", "sub/keep"], 8, "is not a directory"),
    ] {
        init(&project, args)
            .expect_code(code)
            .expect_stderr(message);
        assert_eq!(tree(&project.root()), before, "{args:?}");
    }
    project
        .write(
            "definitions.py",
            "import dagster as dg\ndefs = dg.Definitions()\n",
        )
        .write(".git/HEAD", "")
        .write("daglab.yaml", "dagster: {port: 4000}\n");
    let other = init(&project, &["--ports", "dagster=5000"]);
    other
        .expect_code(8)
        .expect_stderr("`dagster.port` is `4000`");
    init(&project, &["--bootstrap", "sub/new"]).expect_code(8);
    // Something else is where daglab's folder would be, so nothing is written at all.
    project.write(".daglab", "mine");
    let before = tree(&project.root());
    init(&project, &[])
        .expect_code(8)
        .expect_stderr("`.daglab` is not a directory");
    assert_eq!(tree(&project.root()), before);
    std::fs::remove_file(project.root().join(".daglab")).unwrap();
    project.write("daglab.yaml", "notebook: x\n");
    for args in [&[][..], &["--force"]] {
        init(&project, args)
            .expect_code(7)
            .expect_stderr("daglab.yaml:1:1");
    }
    project.write("daglab.yaml", "notebooks_dir: ../..\n");
    for args in [&[][..], &["--force"]] {
        init(&project, args)
            .expect_code(7)
            .expect_stderr("`notebooks_dir` is `../..`: it has to be a folder below the project")
            .expect_stderr("daglab.yaml:1");
    }
}

#[test]
fn force_keeps_settings_and_mends_what_cannot_be_read() {
    let project = Project::empty();
    let mine =
        "dagster: {port: 4000, repository_location_name: shop}\nexport: {retention_days: 3}\n";
    project
        .write(
            "definitions.py",
            "import dagster as dg\ndefs = dg.Definitions()\n",
        )
        .write(".git/HEAD", "")
        .write("daglab.yaml", mine);
    let read = |path: &str| std::fs::read_to_string(project.root().join(path)).unwrap();
    init(&project, &["--force", "--no-examples"]).expect_code(0);
    assert_eq!(read("daglab.yaml"), mine);
    assert!(!read("dagster/notebooks/README.md").contains("examples/"));
    init(&project, &["--force", "--ports", "dagster=5000"])
        .expect_code(8)
        .expect_stderr("leave out the flag");

    project.write("daglab.yaml", "dagster: {port: [4000\n");
    init(&project, &[]).expect_code(7);
    init(&project, &["--force"])
        .expect_code(0)
        .expect_stderr("-dagster: {port: [4000\n")
        .expect_stderr("+  port: 3000\n");
    init(&project, &[]).expect_code(0);
    // A new project elsewhere says how its port is asked for.
    let new = init(
        &project,
        &["--bootstrap", "--ports", "dagster=4010", "../new"],
    );
    new.expect_code(0);
    assert!(
        new.stdout().contains("uv run dg dev --port 4010 "),
        "{}",
        new.stdout()
    );
    assert!(read("../new/README.md").contains("\nuv run dg dev --port 4010  # "));
}

/// Waits until there is a journal, or the process has ended. Looks without a pause: writing takes a
/// few milliseconds, and is over after any.
fn has_begun(journal: &Path, child: &mut Child) {
    let begun = Instant::now();
    while !journal.exists() && child.try_wait().unwrap().is_none() {
        assert!(begun.elapsed() < Duration::from_secs(20), "nothing happens");
    }
}

#[test]
fn whoever_is_killed_leaves_nothing_half() {
    let reference = Project::empty();
    reference
        .write("README.md", "mine")
        .write(".gitignore", "*.log\r\n");
    init(&reference, &["--bootstrap", "--name", "shop"]).expect_code(0);
    let whole = tree(&reference.root());
    let mut half = 0;
    for round in 0..24 {
        let project = Project::empty();
        project
            .write("README.md", "mine")
            .write(".gitignore", "*.log\r\n");
        let mut command = project.daglab(&["init", "--bootstrap", "--name", "shop"]);
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let journal = project.root().join(".daglab/changes.json");
        // As soon as it has begun to write, and a little later each time.
        has_begun(&journal, &mut child);
        std::thread::sleep(Duration::from_micros(round * 150));
        let _ = child.kill();
        child.wait().unwrap();
        half += usize::from(journal.exists());
        init(&project, &["--bootstrap", "--name", "shop"]).expect_code(0);
        assert_eq!(tree(&project.root()), whole, "in round {round}");
    }
    assert!(half > 0, "none was killed while it wrote");
}

#[test]
fn whoever_is_interrupted_is_undone_at_once() {
    let mut undone = 0;
    for round in 0..12 {
        let project = Project::empty();
        project
            .write("README.md", "mine")
            .write(".gitignore", "*.log\r\n");
        let old = tree(&project.root());
        let mut command = project.daglab(&["init", "--bootstrap", "--name", "shop"]);
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let journal = project.root().join(".daglab/changes.json");
        has_begun(&journal, &mut child);
        std::thread::sleep(Duration::from_micros(round * 100));
        let _ = kill_process(Pid::from_child(&child), Signal::INT);
        match child.wait().unwrap().code() {
            Some(130) => {
                undone += 1;
                assert_eq!(tree(&project.root()), old, "in round {round}");
            }
            // It had written everything already.
            code => assert!(code == Some(0) || !journal.exists(), "{code:?}"),
        }
    }
    assert!(undone > 0, "none was interrupted while it wrote");
}

#[test]
fn the_workflow_is_that_of_the_documentation_and_where_github_reads_it() {
    let project = Project::empty();
    std::fs::create_dir(project.root().join(".git")).unwrap();
    init(
        &project,
        &[
            "--bootstrap",
            "--name",
            "top",
            "--task-runner",
            "make",
            "--no-examples",
        ],
    )
    .expect_code(0);
    let workflow = std::fs::read_to_string(project.root().join(".github/workflows/notebooks.yml"));
    assert_eq!(
        workflow.unwrap(),
        include_str!("../examples/workflows/pull-request.yml")
    );
    let after = tree(&project.root());
    assert!(after.contains_key("Makefile") && !after.contains_key("justfile"));
    assert!(!after.contains_key("dagster/notebooks/examples"));

    let outer = Project::empty();
    std::fs::create_dir(outer.root().join(".git")).unwrap();
    let inner = init(&outer, &["--bootstrap", "below"]);
    inner
        .expect_code(0)
        .expect_stderr("no workflow was written");
    assert!(
        !tree(&outer.root())
            .keys()
            .any(|path| path.contains(".github"))
    );
}
