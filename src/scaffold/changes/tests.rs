use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::apply::{Halt, apply_with};
use super::*;
use crate::error::{Diagnose as _, ExitStatus};
use crate::supervise::cancel::Reason;

/// Everything below a folder: texts with permissions, targets of links, and folders.
fn tree(root: &Path) -> BTreeMap<String, String> {
    fn visit(folder: &Path, root: &Path, tree: &mut BTreeMap<String, String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let meta = path.symlink_metadata().unwrap();
            let name = path.strip_prefix(root).unwrap().display().to_string();
            let what = if meta.is_dir() {
                visit(&path, root, tree);
                "folder".to_owned()
            } else if meta.is_symlink() {
                format!("to {}", std::fs::read_link(&path).unwrap().display())
            } else {
                let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
                format!("{:o} {text}", meta.permissions().mode() & 0o777)
            };
            tree.insert(name, what);
        }
    }
    let mut found = BTreeMap::new();
    visit(root, root, &mut found);
    found
}

/// A folder with a file of the user's, and changes of every kind.
fn user() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str, mode: u32| {
        let path = dir.path().join(path);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
    };
    write("README.md", "mine\n", 0o640);
    write(".gitignore", "\u{feff}*.log\r\nlast", 0o604);
    dir
}

fn changes(root: &Path) -> Changes {
    let mut changes = Changes::new(root);
    changes.file("README.md", "ours\n");
    changes.file("src/deep/new.py", "x = 1\n");
    changes.file("src/empty", "");
    changes.region(".gitignore", Region::new("daglab", ".daglab/cache/\n"));
    changes.directory(".daglab/templates");
    changes
}

/// A copy of a folder, with modes and times.
fn copy_of(folder: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    let copied = std::process::Command::new("cp")
        .args(["-a", "--"])
        .arg(folder.join("."))
        .arg(copy.path())
        .status();
    assert!(copied.unwrap().success());
    copy
}

#[test]
fn what_is_planned_is_written_and_the_second_time_nothing_is() {
    let dir = user();
    let plan = changes(dir.path()).plan(Overwrite::Force).unwrap();
    let actions: Vec<Action> = plan.steps.iter().map(|step| step.action).collect();
    let expected = [
        Action::Overwrite,
        Action::Create,
        Action::Create,
        Action::Change,
    ];
    assert_eq!(actions, expected);
    plan.apply().unwrap();
    let after = tree(dir.path());
    assert_eq!(after["README.md"], "640 ours\n");
    assert_eq!(after["src/deep/new.py"], "644 x = 1\n");
    assert_eq!(after[".daglab/templates"], "folder");
    let region = "# >>> daglab >>>\r\n.daglab/cache/\r\n# <<< daglab <<<\r\n";
    assert_eq!(
        after[".gitignore"],
        format!("604 \u{feff}*.log\r\nlast\r\n\r\n{region}")
    );
    assert_eq!(after.len(), 8, "{after:#?}");

    let again = changes(dir.path()).plan(Overwrite::Never).unwrap();
    assert!(again.changes_nothing());
    assert_eq!(again.diff(), "");
    again.apply().unwrap();
    assert_eq!(tree(dir.path()), after);
}

#[test]
fn what_is_in_the_way_is_listed_kept_or_overwritten() {
    let dir = user();
    let mut two = changes(dir.path());
    std::fs::write(dir.path().join("other"), "mine").unwrap();
    two.file("other", "ours");
    let error = two.plan(Overwrite::Never).unwrap_err();
    assert_eq!(error.exit_status(), ExitStatus::Conflict);
    insta::assert_snapshot!(crate::ui::render_error(&error, false), @r"
    error: 2 files exist and differ

      README.md
      other

    hint: overwrite with `--force`; with `--dry-run` too, it shows the difference
    ");
    let kept = changes(dir.path()).plan(Overwrite::Keep).unwrap();
    assert_eq!(kept.steps[0].action, Action::Keep);
    assert!(!kept.diff().contains("README"));
    kept.apply().unwrap();
    assert_eq!(tree(dir.path())["README.md"], "640 mine\n");
}

#[test]
fn a_file_with_a_region_is_one_file() {
    let dir = user();
    let plan = |overwrite| {
        let mut changes = Changes::new(dir.path());
        for path in ["README.md", "new.toml"] {
            changes.file(path, "ours\n");
            changes.region(path, Region::new("daglab", "x"));
        }
        changes.plan(overwrite)
    };
    let actions = |plan: &Plan| -> Vec<Action> { plan.steps.iter().map(|s| s.action).collect() };
    assert!(matches!(plan(Overwrite::Never), Err(Error::Exists { paths }) if paths.len() == 1));
    let kept = plan(Overwrite::Keep).unwrap();
    assert_eq!(actions(&kept), [Action::Change, Action::Create]);
    kept.apply().unwrap();
    assert!(tree(dir.path())["README.md"].starts_with("640 mine\n\n<!-- >>> daglab >>> -->\nx\n"));
    let again = plan(Overwrite::Keep).unwrap();
    assert_eq!(actions(&again), [Action::Keep, Action::Unchanged]);
    assert!(again.changes_nothing());
    let force = plan(Overwrite::Force).unwrap();
    assert_eq!(actions(&force), [Action::Overwrite, Action::Unchanged]);
    force.apply().unwrap();
    assert!(plan(Overwrite::Never).unwrap().changes_nothing());
}

#[test]
fn the_diff_is_git_s() {
    let dir = user();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    let lines: String = (1..40).map(|n| format!("line {n}\n")).collect();
    write("long", &lines);
    write("no end", "a\nb");
    write("ü \"q\".txt", "a\r\nb\rc\n");
    let mut changes = changes(dir.path());
    changes.file(
        "long",
        lines.replace("line 3\n", "").replace("line 30", "changed"),
    );
    changes.file("no end", "a\nc");
    changes.file("ü \"q\".txt", "a\r\nb\rd\n");
    changes.file("one", "no end");
    let plan = changes.plan(Overwrite::Force).unwrap();
    let diff = plan.diff();
    insta::assert_snapshot!("diff", diff.replace('\r', "␍"));
    let colored = plan.shown(Paint::new(true));
    assert!(
        colored.contains("\u{1b}[1;32m+ours\u{1b}[0m\n"),
        "{colored}"
    );
    assert!(!plan.shown(Paint::new(false)).contains('\r'));

    // git makes of the old state what the plan makes of it.
    let copy = copy_of(dir.path());
    std::fs::write(copy.path().join("it.diff"), &diff).unwrap();
    let git = std::process::Command::new("git")
        .args(["apply", "--whitespace=nowarn", "it.diff"])
        .current_dir(copy.path())
        .output()
        .unwrap();
    assert!(git.status.success(), "{git:?}");
    std::fs::remove_file(copy.path().join("it.diff")).unwrap();
    plan.apply().unwrap();
    let files = |root: &Path| {
        let tree = tree(root).into_iter();
        tree.filter(|(path, _)| !path.starts_with(".daglab"))
            // git keeps no permissions but one.
            .map(|(path, what)| (path, what.split_once(' ').map(|it| it.1.to_owned())))
            .collect::<Vec<_>>()
    };
    assert_eq!(files(dir.path()), files(copy.path()));
}

#[test]
fn whoever_is_interrupted_leaves_the_old_state() {
    for point in 0.. {
        let dir = user();
        let old = tree(dir.path());
        let plan = changes(dir.path()).plan(Overwrite::Force).unwrap();
        let mut left = point;
        let result = apply_with(&plan, &mut || match left {
            0 => ControlFlow::Break(Halt::Undo(Error::Interrupted(Reason::Interrupt))),
            _ => {
                left -= 1;
                ControlFlow::Continue(())
            }
        });
        if result.is_ok() {
            assert!(point > 8, "there are as many points as things to do");
            break;
        }
        assert_eq!(result.unwrap_err().exit_status(), ExitStatus::Interrupted);
        assert_eq!(tree(dir.path()), old, "at point {point}");
    }
}

/// Files that nobody may write to are replaced and put back by whoever may write to their folder.
/// root may write to all files, unless it gives that up.
#[test]
fn what_is_read_only_is_put_back() {
    let own = rustix::thread::capabilities(None).unwrap();
    let without = rustix::thread::CapabilitySets {
        effective: own.effective - rustix::thread::CapabilitySet::DAC_OVERRIDE,
        ..own
    };
    rustix::thread::set_capabilities(None, without).unwrap();
    let read_only = || {
        let dir = user();
        let path = dir.path().join("README.md");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o444)).unwrap();
        let opened = std::fs::File::options().write(true).open(&path);
        let kind = opened.unwrap_err().kind();
        assert_eq!(kind, std::io::ErrorKind::PermissionDenied);
        dir
    };
    // All renamed, and then a signal or a kill.
    for is_killed in [false, true] {
        let dir = read_only();
        let old = tree(dir.path());
        let plan = changes(dir.path()).plan(Overwrite::Force).unwrap();
        let mut points = 0;
        let result = apply_with(&plan, &mut || {
            points += 1;
            match points {
                12 if is_killed => ControlFlow::Break(Halt::Killed),
                12 => ControlFlow::Break(Halt::Undo(Error::Interrupted(Reason::Interrupt))),
                _ => ControlFlow::Continue(()),
            }
        });
        if is_killed {
            result.unwrap();
            assert_eq!(tree(dir.path())["README.md"], "444 ours\n");
            let recovered = recover(dir.path()).unwrap().unwrap();
            assert_eq!(recovered.restored.len(), 4);
        } else {
            assert!(matches!(result, Err(Error::Interrupted(_))), "{result:?}");
        }
        assert_eq!(tree(dir.path()), old);
    }
}

#[test]
fn a_journal_that_can_not_be_written_leaves_nothing() {
    let dir = user();
    std::fs::create_dir_all(dir.path().join(".daglab/changes.json")).unwrap();
    let before = tree(dir.path());
    let root = Root::open_if_there(dir.path()).unwrap().unwrap();
    let error = journal::Journal::new(Vec::new(), Vec::new()).write(&root);
    assert!(matches!(error, Err(Error::Write { .. })), "{error:?}");
    assert_eq!(tree(dir.path()), before);
}

#[test]
fn what_is_in_the_way_can_be_moved() {
    let dir = user();
    std::fs::write(dir.path().join(".daglab"), "").unwrap();
    let plan = changes(dir.path()).plan(Overwrite::Force);
    let said = crate::ui::render_error(&plan.unwrap_err(), false);
    insta::assert_snapshot!(said, @r"
    error: `.daglab` is not a directory
    hint: a directory has to be there: move `.daglab` away
    ");
    std::fs::remove_file(dir.path().join(".daglab")).unwrap();
    for path in ["../x", ".git/x"] {
        let mut changes = Changes::new(dir.path());
        changes.file(path, "");
        let error = changes.plan(Overwrite::Force).unwrap_err();
        assert!(error.hint().unwrap().contains("below the project's folder"));
    }
}

#[test]
fn whoever_is_killed_is_undone_by_the_next() {
    for point in 0.. {
        let dir = user();
        let old = tree(dir.path());
        let plan = changes(dir.path()).plan(Overwrite::Force).unwrap();
        let mut left = point;
        apply_with(&plan, &mut || match left {
            0 => ControlFlow::Break(Halt::Killed),
            _ => {
                left -= 1;
                ControlFlow::Continue(())
            }
        })
        .unwrap();
        if !dir.path().join(".daglab/changes.json").exists() {
            assert!(point > 8);
            assert_eq!(recover(dir.path()).unwrap(), None);
            break;
        }
        let unfinished = changes(dir.path()).plan(Overwrite::Force);
        assert!(matches!(unfinished, Err(Error::Unfinished { .. })));
        assert!(recover(dir.path()).unwrap().unwrap().left.is_empty());
        assert_eq!(tree(dir.path()), old, "at point {point}");
    }
}

#[test]
fn what_was_edited_after_a_kill_is_left_alone() {
    let dir = user();
    let plan = changes(dir.path()).plan(Overwrite::Force).unwrap();
    let mut points = 0;
    let mut kill_at = |last: usize| {
        apply_with(&plan, &mut || {
            points += 1;
            match points > last {
                true => ControlFlow::Break(Halt::Killed),
                false => ControlFlow::Continue(()),
            }
        })
    };
    // Three folders, four staged files, three of four renamed.
    kill_at(10).unwrap();
    std::fs::write(dir.path().join("README.md"), "edited\n").unwrap();
    std::fs::write(dir.path().join("src/mine.py"), "").unwrap();
    let recovered = recover(dir.path()).unwrap().unwrap();
    assert_eq!(recovered.left, [PathBuf::from("README.md")]);
    let now = tree(dir.path());
    assert_eq!(now["README.md"], "640 edited\n");
    assert_eq!(
        now.keys().map(String::as_str).collect::<Vec<_>>(),
        [".gitignore", "README.md", "src", "src/mine.py"]
    );
}

#[test]
fn what_fails_half_way_is_undone() {
    let dir = user();
    let root = dir.path().to_owned();
    let old = tree(dir.path());
    let plan = changes(dir.path()).plan(Overwrite::Force).unwrap();
    // Somebody is quicker, just before the new file would be renamed.
    let mut points = 0;
    let error = apply_with(&plan, &mut || {
        points += 1;
        if points == 9 {
            std::fs::write(root.join("src/deep/new.py"), "theirs").unwrap();
        }
        ControlFlow::Continue(())
    })
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "could not write `src/deep/new.py`",
        "{error:?}"
    );
    let mut now = tree(dir.path());
    assert_eq!(now.remove("src/deep/new.py").unwrap(), "644 theirs");
    now.retain(|path, _| !path.starts_with("src"));
    assert_eq!(now, old);

    // The same with one that is there, and with one that changed before it began.
    let dir = user();
    let plan = changes(dir.path()).plan(Overwrite::Force).unwrap();
    std::fs::write(dir.path().join("README.md"), "theirs").unwrap();
    let error = apply_with(&plan, &mut || ControlFlow::Continue(())).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`README.md` has changed since it was looked at"
    );
    assert_eq!(tree(dir.path()).len(), 2);
}

#[test]
fn a_folder_that_is_not_there_is_made_and_unmade() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("a/b c");
    let new = || {
        let mut changes = Changes::new(&root);
        changes.file("x/y", "1");
        changes.plan(Overwrite::Never).unwrap()
    };
    let mut points = 0;
    let result = apply_with(&new(), &mut || {
        points += 1;
        match points {
            3 => ControlFlow::Break(Halt::Undo(Error::Interrupted(Reason::Terminate))),
            _ => ControlFlow::Continue(()),
        }
    });
    assert!(result.is_err());
    assert!(tree(dir.path()).is_empty());
    new().apply().unwrap();
    let names: Vec<String> = tree(dir.path()).into_keys().collect();
    assert_eq!(names, ["a", "a/b c", "a/b c/x", "a/b c/x/y"]);
}

#[test]
fn links_do_not_lead_out() {
    let outside = tempfile::tempdir().unwrap();
    let dir = user();
    let at = |name: &str| dir.path().join(name);
    symlink(outside.path(), at("out")).unwrap();
    symlink("README.md", at("in.md")).unwrap();
    symlink("nowhere", at("dangling")).unwrap();
    std::fs::create_dir(at("real")).unwrap();
    symlink("real", at("folder")).unwrap();
    let plan = |path: &str| {
        let mut changes = Changes::new(dir.path());
        changes.file(path, "ours");
        changes.plan(Overwrite::Force)
    };
    for path in ["out", "out/x", "dangling", "dangling/x"] {
        assert!(matches!(plan(path), Err(Error::Link { .. })), "{path}");
    }
    symlink(".git", at("hidden")).unwrap();
    std::fs::create_dir(at(".git")).unwrap();
    let git = [".git/x", ".GIT", "a/.Git/x", "hidden/x"];
    for path in ["../x", "/etc/x", "", "a/../../x"].into_iter().chain(git) {
        assert!(matches!(plan(path), Err(Error::Outside { .. })), "{path}");
    }
    for path in ["README.md/x", "real"] {
        assert!(matches!(plan(path), Err(Error::Not { .. })), "{path}");
    }
    plan("in.md").unwrap().apply().unwrap();
    plan("folder/x").unwrap().apply().unwrap();
    let now = tree(dir.path());
    assert_eq!(now["README.md"], "640 ours");
    assert_eq!(now["in.md"], "to README.md");
    assert_eq!(now["real/x"], "644 ours");

    symlink(outside.path(), at(".daglab")).unwrap();
    for error in [plan("x").unwrap_err(), recover(dir.path()).unwrap_err()] {
        assert!(matches!(error, Error::Link { path } if path == Path::new(".daglab")));
    }
    std::fs::remove_file(at(".daglab")).unwrap();

    // A folder that becomes a link after the plan.
    let late = plan("real/y").unwrap();
    std::fs::rename(at("real"), at("moved")).unwrap();
    symlink(outside.path(), at("real")).unwrap();
    assert!(matches!(late.apply(), Err(Error::Link { .. })));
    assert!(tree(outside.path()).is_empty());

    let mut twice = Changes::new(dir.path());
    twice.file("README.md", "a");
    twice.file("in.md", "b");
    let twice = twice.plan(Overwrite::Force);
    assert!(matches!(twice, Err(Error::Twice { .. })));
}

#[test]
fn what_is_no_text_is_named() {
    let dir = user();
    std::fs::write(dir.path().join("binary"), [0xff, 0xfe]).unwrap();
    let pipe = dir.path().join("pipe");
    let kind = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, kind, rustix::fs::Mode::RUSR, 0).unwrap();
    for (name, message) in [
        ("binary", "`binary` is not UTF-8"),
        ("pipe", "`pipe` is not a file"),
    ] {
        let mut changes = Changes::new(dir.path());
        changes.region(name, Region::new("daglab", "x"));
        let error = changes.plan(Overwrite::Never).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
}

/// A folder with the journal of a daglab that was killed.
fn killed() -> (tempfile::TempDir, serde_json::Value) {
    let dir = user();
    let plan = changes(dir.path()).plan(Overwrite::Force).unwrap();
    apply_with(&plan, &mut || ControlFlow::Break(Halt::Killed)).unwrap();
    let journal = std::fs::read(dir.path().join(".daglab/changes.json")).unwrap();
    (dir, serde_json::from_slice(&journal).unwrap())
}

#[test]
fn a_foreign_journal_reaches_nothing() {
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("x"), "theirs").unwrap();
    let (dir, journal) = killed();
    let at = |name: &str| dir.path().join(name);
    let refused = |journal: &serde_json::Value| {
        std::fs::write(at(".daglab/changes.json"), journal.to_string()).unwrap();
        let error = recover(dir.path()).unwrap_err();
        assert!(matches!(error, Error::Journal { .. }), "{error:?}");
        assert_eq!(error.exit_status(), ExitStatus::Conflict);
        error.to_string()
    };
    std::fs::create_dir_all(at(".git/hooks")).unwrap();
    std::fs::write(at("notes.txt"), "theirs").unwrap();
    symlink(outside.path(), at("out")).unwrap();
    let before = tree(dir.path());
    let digest = journal::digest("theirs");
    let with = |path: &str, staged: &str| {
        let mut journal = journal.clone();
        journal["files"] = serde_json::json!([{
            "path": path, "staged": staged, "before": null, "after": digest,
        }]);
        journal
    };
    // Even if it is known where it will be: only what a plan can have is named.
    let absolute = outside.path().join("x").display().to_string();
    for (path, staged) in [
        ("../x", "../.daglab-000000"),
        (&absolute, "/tmp/.daglab-000000"),
        ("notes.txt", "notes.txt"),
        ("notes.txt", ".daglab-xyzxyz"),
        ("notes.txt", "src/.daglab-000000"),
        ("x", ".daglab-0000"),
        (".git/hooks/pre-commit", ".git/hooks/.daglab-000000"),
        ("a/.GIT/config", "a/.GIT/.daglab-000000"),
        ("..", ".daglab-000000"),
    ] {
        refused(&with(path, staged));
    }
    let mut folders = journal.clone();
    folders["directories"] = serde_json::json!([".git/hooks"]);
    refused(&folders);
    // From elsewhere, or from somebody else.
    let foreign = with("notes.txt", ".daglab-000000");
    for key in ["root", "home", "user"] {
        let mut foreign = foreign.clone();
        match key {
            "user" => foreign["checkout"][key] = 4_294_967_294_u32.into(),
            _ => foreign["checkout"][key]["number"] = 1.into(),
        }
        let said = refused(&foreign);
        assert!(said.contains("not written by you in this folder"), "{said}");
    }
    let mut nowhere = foreign;
    nowhere.as_object_mut().unwrap().remove("checkout");
    refused(&nowhere);
    let mut newer = journal.clone();
    newer["version"] = 2.into();
    for wrong in [newer, serde_json::json!({})] {
        refused(&wrong);
    }
    let mut now = tree(dir.path());
    now.remove(".daglab/changes.json");
    let mut before = before;
    before.remove(".daglab/changes.json");
    assert_eq!(now, before);

    // A place that is below a link is not reached, and left.
    let linked = with("out/x", "out/.daglab-000000").to_string();
    std::fs::write(at(".daglab/changes.json"), linked).unwrap();
    let recovered = recover(dir.path()).unwrap().unwrap();
    assert_eq!(recovered.left, [PathBuf::from("out/x")]);
    assert_eq!(tree(outside.path()).len(), 1);
}

#[test]
fn a_copy_of_a_half_written_folder_is_not_touched() {
    let (dir, _) = killed();
    let copy = copy_of(dir.path());
    let before = tree(copy.path());
    assert!(matches!(recover(copy.path()), Err(Error::Journal { .. })));
    assert_eq!(tree(copy.path()), before);
}

#[test]
fn what_became_something_else_does_not_keep_the_rest_from_being_undone() {
    type Spoil = fn(&Path);
    let spoils: [Spoil; 4] = [
        |path| std::fs::create_dir(path).unwrap(),
        |path| symlink("nowhere", path).unwrap(),
        |path| std::fs::write(path, [0xff]).unwrap(),
        |path| std::fs::create_dir_all(path.join("x")).unwrap(),
    ];
    for spoil in spoils {
        let dir = user();
        let plan = changes(dir.path()).plan(Overwrite::Force).unwrap();
        let mut points = 0;
        // All renamed, and not yet forgotten.
        apply_with(&plan, &mut || {
            points += 1;
            match points {
                12 => ControlFlow::Break(Halt::Killed),
                _ => ControlFlow::Continue(()),
            }
        })
        .unwrap();
        let path = dir.path().join("README.md");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "ours\n");
        std::fs::remove_file(&path).unwrap();
        spoil(&path);
        let recovered = recover(dir.path()).unwrap().unwrap();
        assert_eq!(recovered.left, [PathBuf::from("README.md")]);
        assert_eq!(recovered.restored.len(), 3);
        assert!(!dir.path().join("src").exists());
        assert!(!dir.path().join(".daglab").exists());
        assert!(tree(dir.path())[".gitignore"].ends_with("last"));
    }
}

#[test]
fn a_file_is_no_directory_of_the_same_plan() {
    let dir = user();
    for (file, other) in [("a", "a/b"), ("a", "a/b/c"), ("x/y", "x/y/z")] {
        for is_first in [true, false] {
            let mut changes = Changes::new(dir.path());
            let (one, two) = if is_first {
                (file, other)
            } else {
                (other, file)
            };
            changes.file(one, "1");
            changes.file(two, "2");
            let error = changes.plan(Overwrite::Force).unwrap_err();
            assert!(matches!(error, Error::Within { .. }), "{error:?}");
        }
    }
    for folder in ["a", "a/b"] {
        let mut changes = Changes::new(dir.path());
        changes.directory(folder);
        changes.region("a", Region::new("daglab", "x"));
        let error = changes.plan(Overwrite::Force).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("`a` would be a file, and `{folder}` something in it")
        );
    }
}

#[test]
fn two_at_once_do_not_meet() {
    let dir = user();
    let plan = changes(dir.path()).plan(Overwrite::Force).unwrap();
    let other = changes(dir.path()).plan(Overwrite::Force).unwrap();
    let mut seen = None;
    apply_with(&plan, &mut || {
        seen.get_or_insert_with(|| (other.apply(), recover(dir.path())));
        ControlFlow::Continue(())
    })
    .unwrap();
    let (applied, recovered) = seen.unwrap();
    assert!(matches!(applied, Err(Error::Busy { .. })));
    assert!(matches!(recovered, Err(Error::Busy { .. })));
}
