//! `daglab init`: a project that works at once, and nothing of the user's that changes unasked.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that can't be set up has failed"
)]

#[path = "init/at_once.rs"]
mod at_once;
#[path = "init/conventions.rs"]
mod conventions;
#[path = "init/ignored.rs"]
mod ignored;
#[path = "init/interrupted.rs"]
mod interrupted;
mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use pretty_assertions::assert_eq;
use serde_json::Value;
use support::terminal::on_a_terminal;
use support::{Project, Run};

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

#[test]
fn on_a_terminal_a_new_project_is_offered() {
    let project = Project::empty();
    for no in ["\n", "n\n"] {
        let (code, screen) = on_a_terminal(&project.daglab(&["init"]), no);
        assert_eq!(code, 3, "{screen}");
        assert!(
            screen.contains("There is no Dagster project in "),
            "{screen}"
        );
        assert!(screen.contains("template `standard`? [y/N] "), "{screen}");
        assert!(tree(&project.root()).is_empty());
    }
    let (code, screen) = on_a_terminal(&project.daglab(&["init", "--dry-run"]), "y\n");
    assert_eq!(code, 3, "{screen}");
    let (code, screen) = on_a_terminal(&project.daglab(&["init"]), "y\n");
    assert_eq!(code, 0, "{screen}");
    assert!(project.root().join("dagster/definitions.py").is_file());
}

#[test]
fn a_workspace_of_dg_takes_new_projects() {
    let project = Project::empty();
    project
        .write(
            "dg.toml",
            "directory_type = \"workspace\"\n[[workspace.projects]]\npath = \"projects/one\"\n",
        )
        .write(
            "projects/one/dg.toml",
            "directory_type = \"project\"\n[project]\nroot_module = \"one\"\n",
        )
        .write("projects/one/one/__init__.py", "");
    init(&project, &["--bootstrap", "projects/two"]).expect_code(0);
    for enclosed in ["projects/one/more", "projects/one"] {
        init(&project, &["--bootstrap", enclosed])
            .expect_code(8)
            .expect_stderr("is part of a Dagster project");
    }
}

#[test]
fn examples_that_were_deleted_stay_away() {
    let project = Project::small();
    init(&project, &[]).expect_code(0);
    let examples = project.root().join("dagster/notebooks/examples");
    assert!(examples.is_dir());
    std::fs::remove_dir_all(&examples).unwrap();
    init(&project, &["--workflow"]).expect_code(0);
    assert!(!examples.exists());
}

#[test]
fn a_folder_that_ruff_mistakes_is_told() {
    let project = Project::small();
    project.write("ruff.toml", "");
    let told = "as your own code: set `src`";
    init(&project, &["--dry-run"])
        .expect_code(0)
        .expect_stderr(told);
    let run = init(&project, &["--dry-run", "--notebooks-dir", "notebooks"]);
    run.expect_code(0);
    assert!(!run.stderr().contains(told), "{}", run.stderr());
}
