//! `daglab clean`: what is deleted, and above all what is not.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that can't be set up has failed"
)]

mod support;

use std::collections::BTreeSet;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use daglab::clean::apply::apply;
use daglab::clean::plan::{self, Request};
use daglab::publish::retention::{self, Policy};
use daglab::scaffold::mark;
use pretty_assertions::assert_eq;
use serde_json::Value;
use support::terminal::on_a_terminal;
use support::{Project, Run, eventually, notebook, python};

const DAY: Duration = Duration::from_secs(86_400);

fn set_age(path: &Path, age: Duration) {
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.set_modified(SystemTime::now() - age).unwrap();
}

/// Exports of a branch in a directory, as a store lists them.
fn export(project: &Project, dir: &str, branch: &str, days: u32, keys: &[&str]) {
    let root = project.root().canonicalize().unwrap().join(dir);
    for key in keys {
        project.write(&format!("{dir}/{key}"), "<p>page</p>");
        set_age(&root.join(key), DAY * days + DAY / 2);
    }
    let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
    retention::record(&root, &keys, Some(branch)).unwrap();
}

fn clean(project: &Project, args: &[&str]) -> Run {
    Run::of(command(project, args))
}

fn command(project: &Project, args: &[&str]) -> Command {
    let mut all = vec!["clean"];
    all.extend(args);
    let mut command = project.daglab(&all);
    command.env("HOME", project.tmp());
    command
}

/// Everything below a directory, links as such.
fn tree(dir: &Path) -> BTreeSet<String> {
    fn add(dir: &Path, top: &Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(dir).unwrap().flatten() {
            let path = entry.path();
            found.insert(path.strip_prefix(top).unwrap().display().to_string());
            if entry.file_type().unwrap().is_dir() {
                add(&path, top, found);
            }
        }
    }
    let mut found = BTreeSet::new();
    add(dir, dir, &mut found);
    found
}

/// A project with something of each kind.
fn full() -> Project {
    let project = Project::small();
    export(
        &project,
        ".daglab/artifacts",
        "main",
        40,
        &["notebooks/old.html", "logs/old.txt"],
    );
    export(
        &project,
        ".daglab/artifacts",
        "main",
        3,
        &["notebooks/new.html"],
    );
    export(
        &project,
        "notebooks",
        "topic",
        100,
        &["a.html", "a.html.gz"],
    );
    project.write(".daglab/artifacts/report.json", "{}");
    project.write("notebooks/theirs.html", "not of daglab");
    set_age(&project.root().join("notebooks/theirs.html"), DAY * 400);
    project.write(".daglab/cache/discovery.json", "{}");
    project.write(".daglab/cache/deep/er/file", "0123456789");
    project.write("notebooks/.daglab-aB3dE6", "half a page");
    set_age(&project.root().join("notebooks/.daglab-aB3dE6"), DAY * 2);
    project.write("notebooks/.daglab-inUse1", "half a page");
    project
}

/// What `clean` deletes of [`full`].
const GOES: [&str; 11] = [
    ".daglab/artifacts/logs",
    ".daglab/artifacts/logs/old.txt",
    ".daglab/artifacts/notebooks/old.html",
    ".daglab/cache",
    ".daglab/cache/deep",
    ".daglab/cache/deep/er",
    ".daglab/cache/deep/er/file",
    ".daglab/cache/discovery.json",
    "notebooks/.daglab-aB3dE6",
    "notebooks/a.html",
    "notebooks/a.html.gz",
];

#[test]
fn a_dry_run_says_what_and_why_and_deletes_nothing() {
    let project = full();
    let before = tree(&project.root());
    let run = clean(&project, &["--dry-run"]);
    run.expect_code(0);
    insta::assert_snapshot!(run.stdout(), @r"
    path                                  size       age  why
    .daglab/artifacts/logs/old.txt        11 B   40 days  export, older than 30 days
    .daglab/artifacts/notebooks/old.html  11 B   40 days  export, older than 30 days
    notebooks/a.html                      11 B  100 days  export, older than 30 days
    notebooks/a.html.gz                   11 B  100 days  export, older than 30 days
    .daglab/cache/                        12 B            cache
    notebooks/.daglab-aB3dE6              11 B    2 days  its writing was interrupted

    7 files (67 B) would be deleted
    ");
    assert_eq!(run.stderr(), "");
    assert_eq!(tree(&project.root()), before);
}

#[test]
fn with_yes_it_deletes_that_and_nothing_else() {
    let project = full();
    let before = tree(&project.root());
    clean(&project, &["--yes"]).expect_code(0);
    let after = tree(&project.root());
    let mut gone: Vec<&String> = before.difference(&after).collect();
    // Nothing is left that its list could name.
    assert_eq!(gone.pop().unwrap(), "notebooks/a.html.gz");
    let mut expected: Vec<&str> = GOES.to_vec();
    expected.insert(9, "notebooks/.daglab-files.json");
    expected.pop();
    expected.sort_unstable();
    assert_eq!(gone, expected);
    let list = project.artifacts().join(retention::MANIFEST);
    let list: Value = serde_json::from_slice(&std::fs::read(list).unwrap()).unwrap();
    let keys: Vec<&String> = list["files"].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["notebooks/new.html"]);

    let again = clean(&project, &["--yes"]);
    again.expect_code(0);
    assert_eq!(
        (again.stdout().as_str(), again.stderr().as_str()),
        ("", "nothing to delete\n")
    );
    assert_eq!(tree(&project.root()), after);
}

#[test]
fn on_a_terminal_it_asks() {
    let project = full();
    let before = tree(&project.root());
    for no in ["n\n", "\n", "later\n"] {
        let (code, screen) = on_a_terminal(&command(&project, &[]), no);
        assert_eq!(code, 0, "{screen}");
        assert!(screen.contains("Delete 7 files (67 B)? [y/N] "), "{screen}");
        assert!(screen.ends_with("nothing was deleted\n"), "{screen}");
        assert_eq!(tree(&project.root()), before, "{no:?}");
    }
    let (code, screen) = on_a_terminal(&command(&project, &[]), "y\n");
    assert_eq!(code, 0, "{screen}");
    assert!(screen.ends_with("7 files (67 B) deleted\n"), "{screen}");
    assert_eq!(screen.matches("notebooks/a.html.gz").count(), 1, "{screen}");
    let after = tree(&project.root());
    assert!(GOES.iter().all(|path| !after.contains(*path)), "{after:?}");
}

#[test]
fn without_a_terminal_it_does_not_guess() {
    let project = full();
    let before = tree(&project.root());
    for args in [&[][..], &["--output", "json"]] {
        clean(&project, args)
            .expect_code(2)
            .expect_stderr("there is no terminal to ask on whether to delete 7 files")
            .expect_stderr("--yes");
    }
    clean(&project, &["--force", "--yes"]).expect_code(2);
    assert_eq!(tree(&project.root()), before);
}

#[test]
fn json_says_what_became_of_each() {
    let project = full();
    let items = |run: &Run| {
        let value = run.report();
        assert_eq!(value["schema_version"], 1);
        let items = value["items"].as_array().unwrap();
        items
            .iter()
            .map(|item| {
                assert_eq!(item["error"], Value::Null);
                let text = |name: &str| item[name].as_str().unwrap().to_owned();
                let bytes = item["bytes"].as_u64().unwrap();
                let deleted = item["deleted"].as_bool().unwrap();
                (text("path"), bytes, text("reason"), deleted)
            })
            .collect::<Vec<_>>()
    };
    let run = clean(&project, &["--dry-run", "--output", "json"]);
    let planned = items(run.expect_code(0));
    let row = |path: &str, bytes, reason: &str| (path.to_owned(), bytes, reason.to_owned(), false);
    let expected = [
        row(".daglab/artifacts/logs/old.txt", 11, "export"),
        row(".daglab/artifacts/notebooks/old.html", 11, "export"),
        row("notebooks/a.html", 11, "export"),
        row("notebooks/a.html.gz", 11, "export"),
        row(".daglab/cache/", 12, "cache"),
        row("notebooks/.daglab-aB3dE6", 11, "unfinished"),
    ];
    assert_eq!(planned, expected);
    let run = clean(&project, &["--yes", "--output", "json"]);
    let done = items(run.expect_code(0));
    assert_eq!(
        done,
        planned
            .into_iter()
            .map(|(path, bytes, reason, _)| (path, bytes, reason, true))
            .collect::<Vec<_>>()
    );
    let run = clean(&project, &["--yes", "--output", "json"]);
    assert!(items(run.expect_code(0)).is_empty());
}

#[test]
fn ages_and_counts_are_what_settings_and_flags_say() {
    let project = Project::small();
    project.write(
        "daglab.yaml",
        "export: {retention_days: 20, retention_count: 1}\n",
    );
    export(&project, "out", "main", 30, &["m30.html"]);
    export(&project, "out", "main", 10, &["m10.html"]);
    export(&project, "out", "main", 5, &["m5.html"]);
    export(&project, "out", "topic", 15, &["t15.html"]);
    let planned = |args: &[&str]| {
        let run = clean(
            &project,
            &[&["--dry-run", "--output", "json"], args].concat(),
        );
        let value = run.expect_code(0).report();
        let items = value["items"].as_array().unwrap();
        items
            .iter()
            .map(|item| {
                let path = item["path"].as_str().unwrap().trim_start_matches("out/");
                format!("{path}: {}", item["why"].as_str().unwrap())
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(
        planned(&[]),
        [
            "m10.html: export, not the newest of main",
            "m30.html: export, older than 20 days"
        ]
    );
    // Who asks for an age gets no less and no more.
    assert_eq!(
        planned(&["--older-than", "12"]),
        [
            "m30.html: export, older than 12 days",
            "t15.html: export, older than 12 days"
        ]
    );
    assert_eq!(planned(&["--older-than", "0"]).len(), 4);
    assert!(planned(&["--older-than", "4000"]).is_empty());
    // From below, too, up to the git root.
    std::fs::create_dir(project.root().join(".git")).unwrap();
    let run = clean(&project, &["out", "--older-than", "0", "--yes"]);
    run.expect_code(0);
    assert!(!project.root().join("out").join("m5.html").exists());
}

#[test]
fn what_was_written_to_since_is_the_users() {
    let project = Project::small();
    export(
        &project,
        "out",
        "main",
        50,
        &["edited.html", "swapped.html"],
    );
    let out = project.root().join("out");
    project.write("out/edited.html", "<p>page</p> and more");
    std::fs::remove_file(out.join("swapped.html")).unwrap();
    std::fs::create_dir(out.join("swapped.html")).unwrap();
    let before = tree(&project.root());
    let run = clean(&project, &["--yes", "--older-than", "0"]);
    run.expect_code(0);
    insta::assert_snapshot!(run.stderr(), @r"
    kept `out/edited.html`: no longer what was exported
    kept `out/swapped.html`: no longer what was exported
    nothing to delete
    ");
    assert_eq!(tree(&project.root()), before);
}

#[test]
fn lists_of_the_first_version_are_read() {
    let project = Project::small();
    project.write("out/old.html", "page");
    project.write("out/edited.html", "page");
    set_age(&project.root().join("out/old.html"), DAY * 50);
    let written = (SystemTime::now() - DAY * 50)
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let list = serde_json::json!({
        "version": 1,
        "files": {"old.html": written, "edited.html": written, "gone.html": written},
    });
    project.write("out/.daglab-files.json", &list.to_string());
    clean(&project, &["--yes"])
        .expect_code(0)
        .expect_stderr("kept `out/edited.html`");
    assert!(!project.root().join("out/old.html").exists());
    assert!(project.root().join("out/edited.html").exists());
}

#[test]
fn links_are_not_followed() {
    let outside = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(outside.path().join("cache/deep")).unwrap();
    std::fs::write(outside.path().join("cache/deep/kept"), "x").unwrap();
    let kept = tree(outside.path());

    let project = Project::small();
    let root = project.root();
    project.write(".daglab/cache/file", "x");
    symlink(outside.path(), root.join(".daglab/cache/inside")).unwrap();
    symlink(
        outside.path().join("cache/deep/kept"),
        root.join(".daglab/cache/to-a-file"),
    )
    .unwrap();
    clean(&project, &["--yes"]).expect_code(0);
    assert!(!root.join(".daglab/cache").exists());
    assert_eq!(tree(outside.path()), kept);

    symlink(outside.path().join("cache"), root.join(".daglab/cache")).unwrap();
    clean(&project, &["--yes"])
        .expect_code(0)
        .expect_stderr("kept `.daglab/cache`: a symbolic link");
    std::fs::remove_dir_all(root.join(".daglab")).unwrap();
    symlink(outside.path(), root.join(".daglab")).unwrap();
    clean(&project, &["--yes"])
        .expect_code(0)
        .expect_stderr("kept `.daglab`: a symbolic link");
    assert_eq!(tree(outside.path()), kept);
}

#[test]
fn exports_behind_links_stay() {
    let project = Project::small();
    export(&project, "real", "main", 50, &["sub/page.html"]);
    let outside = tempfile::tempdir().unwrap();
    let (sub, moved) = (project.root().join("real/sub"), outside.path().join("sub"));
    std::fs::create_dir(&moved).unwrap();
    std::fs::rename(sub.join("page.html"), moved.join("page.html")).unwrap();
    std::fs::remove_dir(&sub).unwrap();
    symlink(&moved, &sub).unwrap();
    clean(&project, &["--yes", "--older-than", "0"]).expect_code(0);
    assert!(moved.join("page.html").exists());
}

#[test]
fn a_wrong_directory_is_refused() {
    // A folder with everything but a project in it.
    let project = full();
    std::fs::remove_file(project.root().join("definitions.py")).unwrap();
    let before = tree(&project.root());
    clean(&project, &["--yes"])
        .expect_code(3)
        .expect_stderr("no Dagster project");
    // A home directory is none, whatever lies in it.
    project.write("definitions.py", "");
    for home in [project.root(), project.root().join("notebooks")] {
        let mut command = command(&project, &["--yes"]);
        command.env("HOME", home);
        Run::of(command)
            .expect_code(3)
            .expect_stderr("home directory, and is not cleaned");
    }
    clean(&project, &["--yes", "/"])
        .expect_code(3)
        .expect_stderr("the top of the file system");
    clean(&project, &["--yes", "nowhere"]).expect_code(3);
    std::fs::remove_file(project.root().join("definitions.py")).unwrap();
    assert_eq!(tree(&project.root()), before);

    // Settings of daglab are enough.
    project.write("daglab.yaml", "");
    std::fs::create_dir(project.root().join(".git")).unwrap();
    clean(&project, &["--yes", "notebooks"]).expect_code(0);
    assert!(!project.root().join(".daglab/cache").exists());
}

#[test]
fn generated_notebooks_go_and_edited_ones_stay() {
    let project = Project::small();
    let text = mark::stamp(&notebook(&["1 + 1"]), "default");
    project.write("nb/generated.py", &text);
    project.write("nb/edited.py", &text.replace("1 + 1", "2 + 2"));
    project.notebook("nb/mine.py", &["1 + 1"]);
    project.write("elsewhere/daglab.yaml", "");
    project.write("elsewhere/generated.py", &text);
    let root = project.root();
    set_age(&root.join("nb/generated.py"), DAY * 3);
    symlink("generated.py", root.join("nb/link.py")).unwrap();
    let there = |name: &str| root.join("nb").join(name).symlink_metadata().is_ok();

    let run = clean(&project, &["--yes"]);
    run.expect_code(0).expect_stderr("nothing to delete");
    let run = clean(&project, &["--yes", "--notebooks"]);
    run.expect_code(0);
    insta::assert_snapshot!(run.stderr(), @r"
    kept `nb/edited.py`: generated and edited since; `--force` deletes it
    kept `nb/link.py`: a symbolic link to a generated notebook
    ");
    insta::assert_snapshot!(run.stdout(), @r"
    path              size     age  why
    nb/generated.py  276 B  3 days  notebook from the template default

    1 file (276 B) deleted
    ");
    assert!(!there("generated.py"));
    assert!(there("edited.py") && there("mine.py") && there("link.py"));
    clean(&project, &["--yes", "--notebooks", "--force"]).expect_code(0);
    assert!(!there("edited.py"));
    assert!(there("mine.py") && there("link.py"));
    assert!(root.join("elsewhere/generated.py").exists());
}

#[test]
fn marimo_keeps_the_mark() {
    let project = Project::empty();
    let header = "# /// script\n# requires-python = \">=3.10\"\n# ///\n\"\"\"About it.\"\"\"\n\n";
    for (name, header) in [("plain.py", ""), ("header.py", header)] {
        let text = mark::stamp(&(header.to_owned() + &notebook(&["1 + 1"])), "default");
        // As marimo itself writes it, so that saving it changes nothing.
        project.write(name, &text);
        let file = project.root().join(name);
        in_marimo(&file, SAVE);
        let saved = std::fs::read_to_string(&file).unwrap();
        assert_eq!(saved.lines().next(), text.lines().next(), "{name}");
        let text = mark::stamp(&saved, "default");
        project.write(name, &text);
        in_marimo(&file, SAVE);
        for args in [&["check", "--strict"][..], &["check", "--fix"]] {
            let mut marimo = Command::new(python());
            marimo.args(["-m", "marimo"]).args(args).arg(&file);
            let output = marimo.output().unwrap();
            assert!(output.status.success(), "{name}: {output:?}");
        }
        let kept = std::fs::read_to_string(&file).unwrap();
        assert_eq!(kept, text, "{name}");
        assert!(mark::read(&kept).unwrap().intact, "{name}");
    }
}

/// What marimo does when somebody saves a notebook in its editor.
const SAVE: &str = "\
import sys
from marimo._server.models.models import SaveNotebookRequest
from marimo._session.notebook import AppFileManager

file = sys.argv[1]
manager = AppFileManager(file)
cells = manager.app.cell_manager
manager.save(
    SaveNotebookRequest(
        cell_ids=list(cells.cell_ids()),
        codes=list(cells.codes()),
        names=list(cells.names()),
        configs=list(cells.configs()),
        filename=file,
        persist=True,
    )
)
";

fn in_marimo(file: &Path, program: &str) {
    let mut command = Command::new(python());
    command.args(["-W", "ignore", "-c", program]).arg(file);
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn killed_half_way_it_is_finished_by_the_next() {
    let project = Project::small();
    let names: Vec<String> = (0..3000).map(|n| format!("{n:04}.html")).collect();
    let keys: Vec<&str> = names.iter().map(String::as_str).collect();
    export(&project, "out", "main", 50, &keys);
    export(&project, "out", "main", 1, &["new.html"]);
    let out = project.root().join("out");
    let left = || std::fs::read_dir(&out).unwrap().count();
    let mut child = command(&project, &["--yes"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let first = out.join("0000.html");
    assert!(eventually(Duration::from_secs(60), || !first.exists()));
    child.kill().unwrap();
    child.wait().unwrap();
    // Whichever moment it was, the list names all that is left.
    let list = std::fs::read(out.join(retention::MANIFEST)).unwrap();
    let list: Value = serde_json::from_slice(&list).unwrap();
    let listed = list["files"].as_object().unwrap();
    for entry in std::fs::read_dir(&out).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        assert!(
            name == retention::MANIFEST || listed.contains_key(&name),
            "{name}"
        );
    }
    clean(&project, &["--yes"]).expect_code(0);
    assert_eq!(left(), 2, "the new one, and the list");
    assert!(out.join("new.html").exists());
}

#[test]
fn what_changes_after_the_question_stays_and_the_rest_goes() {
    let project = full();
    let root = project.root().canonicalize().unwrap();
    let planned = plan::plan(&Request {
        root: &root,
        home: None,
        policy: Policy {
            days: Some(30),
            count: None,
        },
        artifacts_dir: ".daglab/artifacts",
        notebooks: false,
        force: false,
        now: SystemTime::now(),
    })
    .unwrap();
    // A folder becomes a file, a page is written again, the cache becomes a link.
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("kept"), "x").unwrap();
    std::fs::remove_dir_all(root.join(".daglab/artifacts/logs")).unwrap();
    std::fs::write(root.join(".daglab/artifacts/logs"), "x").unwrap();
    std::fs::write(root.join("notebooks/a.html"), "<p>page</p>").unwrap();
    std::fs::remove_dir_all(root.join(".daglab/cache")).unwrap();
    symlink(outside.path(), root.join(".daglab/cache")).unwrap();
    let done = apply(planned).unwrap();
    let said: Vec<String> = done
        .iter()
        .filter(|done| !done.item.path.starts_with('/'))
        .map(|done| {
            let error = done.error.as_deref().unwrap_or("deleted");
            format!("{}: {error}", done.item.path)
        })
        .collect();
    insta::assert_snapshot!(said.join("\n"), @r"
    .daglab/artifacts/logs/old.txt: `logs` is not a directory
    .daglab/artifacts/notebooks/old.html: deleted
    notebooks/a.html: it has changed since it was looked at
    notebooks/a.html.gz: deleted
    .daglab/cache/: `.daglab/cache` is a symbolic link
    notebooks/.daglab-aB3dE6: deleted
    ");
    assert!(outside.path().join("kept").exists());
    assert!(root.join("notebooks/a.html").exists());
    assert!(!root.join("notebooks/a.html.gz").exists());
}

/// The command as a user who is not root, to whom modes of files mean something.
fn as_nobody(project: &Project, args: &[&str]) -> Command {
    let ours = command(project, args);
    let open = |path: &Path, mode| {
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(path, mode).unwrap();
    };
    let top: PathBuf = project.root().parent().unwrap().to_owned();
    open(&top, 0o755);
    let program = top.join("daglab");
    std::fs::copy(ours.get_program(), &program).unwrap();
    let mut command = Command::new(program);
    command.args(ours.get_args()).current_dir(project.root());
    for (name, value) in ours.get_envs() {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    command.stdin(Stdio::null());
    if rustix::process::getuid().is_root() {
        for path in tree(&project.root()) {
            let path = project.root().join(path);
            open(&path, if path.is_dir() { 0o777 } else { 0o644 });
        }
        open(&project.root(), 0o777);
        command.uid(65534).gid(65534);
    }
    command
}

#[test]
fn what_may_not_be_deleted_is_said_and_the_rest_goes() {
    let project = full();
    let mut command = as_nobody(&project, &["--yes", "--quiet"]);
    let read_only = project.root().join("notebooks");
    let mode = |mode| {
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(&read_only, mode).unwrap();
    };
    mode(0o555);
    let run = Run {
        output: command.output().unwrap(),
    };
    mode(0o755);
    run.expect_code(8);
    insta::assert_snapshot!(run.stderr(), @r"
    error: 3 of 6 items could not be deleted

      `notebooks/a.html`: Permission denied (os error 13)
      `notebooks/a.html.gz`: Permission denied (os error 13)
      `notebooks/.daglab-aB3dE6`: Permission denied (os error 13)
    ");
    assert!(read_only.join("a.html").exists());
    assert!(!project.root().join(".daglab/cache").exists());
    assert!(!project.artifacts().join("notebooks/old.html").exists());
    // It was ours and still is.
    clean(&project, &["--yes"]).expect_code(0);
    assert!(!read_only.join("a.html").exists());
}

#[test]
fn the_list_is_right_after_some_could_not_be_deleted() {
    let project = Project::small();
    export(&project, "out", "main", 50, &["a/one.html", "b/two.html"]);
    let mut command = as_nobody(&project, &["--yes", "--output", "json"]);
    let mode = |mode| {
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(project.root().join("out/a"), mode).unwrap();
    };
    mode(0o555);
    let run = Run {
        output: command.output().unwrap(),
    };
    mode(0o755);
    let items = &run.expect_code(8).report()["items"];
    assert_eq!(items[0]["deleted"], false);
    assert_eq!(items[0]["error"], "Permission denied (os error 13)");
    assert_eq!(items[1]["deleted"], true);
    let list = std::fs::read(project.root().join("out").join(retention::MANIFEST)).unwrap();
    let list: Value = serde_json::from_slice(&list).unwrap();
    let keys: Vec<&String> = list["files"].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["a/one.html"]);
    assert!(!project.root().join("out/b").exists());
}

#[test]
fn private_directories_go_unless_they_are_in_use() {
    let project = Project::small();
    let dir = |name: &str| {
        let dir = project.tmp().join(name);
        std::fs::create_dir_all(dir.join("tmp")).unwrap();
        std::fs::write(dir.join("tmp/file"), "x").unwrap();
        dir
    };
    let (left, used, foreign) = (dir("daglab-1"), dir("daglab-2"), dir("daglab-3"));
    std::fs::write(left.join(".lock"), "").unwrap();
    let lock = std::fs::File::create(used.join(".lock")).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockShared).unwrap();
    let run = clean(&project, &["--yes"]);
    run.expect_code(0);
    assert!(run.stdout().contains("daglab-1/"), "{}", run.stdout());
    assert!(!left.exists());
    assert!(used.exists() && foreign.exists());
}

#[test]
fn exports_of_a_branch_are_counted() {
    let project = Project::empty();
    project.write("daglab.yaml", "");
    for name in ["one", "two"] {
        project.notebook(&format!("nb/{name}.py"), &["1 + 1"]);
    }
    let git = Command::new("git")
        .args(["init", "-q", "-b", "topic"])
        .current_dir(project.root())
        .status()
        .unwrap();
    assert!(git.success());
    for name in ["one", "two"] {
        let notebook = format!("nb/{name}.py");
        let python = python();
        let mut args = vec!["export", "--notebook", &notebook, "--retention-count", "1"];
        args.extend(["--python", python.to_str().unwrap()]);
        Run::of(project.daglab(&args)).expect_code(0);
    }
    let dir = project.root().join("nb");
    assert!(!dir.join("one.html").exists() && !dir.join("one.html.gz").exists());
    assert!(dir.join("two.html").exists() && dir.join("two.html.gz").exists());
    let list = std::fs::read(dir.join(retention::MANIFEST)).unwrap();
    let list: Value = serde_json::from_slice(&list).unwrap();
    let files = list["files"].as_object().unwrap();
    let exports: BTreeSet<&str> = files
        .values()
        .map(|file| {
            assert_eq!(file["branch"], "topic");
            file["export"].as_str().unwrap()
        })
        .collect();
    assert_eq!(exports.len(), 1);
}
