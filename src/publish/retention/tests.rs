use super::*;

const DAY: Duration = Duration::from_secs(86_400);

fn dir() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().canonicalize().unwrap().join("store");
    std::fs::create_dir(&root).unwrap();
    (dir, root)
}

fn listed(root: &Path) -> Manifest {
    Manifest::read(&Root::open(root).unwrap())
}

fn set_age(path: &Path, days: u32) {
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.set_modified(SystemTime::now() - DAY * days).unwrap();
}

/// An export of these files that was made some days ago.
fn export(root: &Path, branch: &str, days: u32, keys: &[&str]) -> Vec<String> {
    for key in keys {
        let path = root.join(key);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, key).unwrap();
        set_age(&path, days);
    }
    let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
    record(root, &keys, Some(branch)).unwrap();
    keys
}

fn days(days: u32) -> Policy {
    Policy {
        days: Some(days),
        count: None,
    }
}

fn removed(root: &Path, policy: Policy, new: &[String]) -> Vec<String> {
    let name = |path: PathBuf| path.strip_prefix(root).unwrap().display().to_string();
    let removed = apply(root, policy, new).unwrap();
    removed.into_iter().map(name).collect()
}

#[test]
fn only_old_files_of_ours_go() {
    let (_dir, root) = dir();
    export(
        &root,
        "main",
        40,
        &["a/old.html", "written.html", "put.html"],
    );
    export(&root, "main", 20, &["new.html"]);
    std::fs::write(root.join("foreign.html"), "x").unwrap();
    set_age(&root.join("foreign.html"), 40);
    std::fs::write(root.join("written.html"), "the user's").unwrap();
    // As old as ours was, but not as long.
    std::fs::write(root.join("put.html"), "of the user").unwrap();
    set_age(&root.join("put.html"), 40);
    assert_eq!(removed(&root, days(30), &[]), ["a/old.html"]);
    for name in ["new.html", "foreign.html", "written.html", "put.html"] {
        assert!(root.join(name).exists(), "{name}");
    }
    assert!(!root.join("a").exists(), "it was empty");
    // What has become somebody else's is not looked at again.
    let listed: Vec<String> = listed(&root).files.into_keys().collect();
    assert_eq!(listed, ["new.html"]);
}

#[test]
fn no_days_leave_what_was_just_written() {
    let (_dir, root) = dir();
    export(&root, "main", 0, &["old.html"]);
    let new = export(&root, "main", 0, &["new.html"]);
    assert_eq!(removed(&root, days(0), &new), ["old.html"]);
}

#[test]
fn each_branch_keeps_its_newest_exports() {
    let (_dir, root) = dir();
    export(&root, "main", 9, &["m1/a.html", "m1/b.html"]);
    export(&root, "main", 8, &["m2/a.html"]);
    export(&root, "topic", 7, &["t1/a.html"]);
    export(&root, "main", 6, &["m3/a.html"]);
    export(&root, "topic", 5, &["t2/a.html"]);
    let policy = Policy {
        days: None,
        count: Some(2),
    };
    assert_eq!(removed(&root, policy, &[]), ["m1/a.html", "m1/b.html"]);
    // The export that has just ended is the newest, whatever its files' times are.
    let new = export(&root, "main", 100, &["m0/a.html"]);
    let one = Policy {
        count: Some(1),
        ..policy
    };
    let expected = ["m2/a.html", "m3/a.html", "t1/a.html"];
    assert_eq!(removed(&root, one, &new), expected);
    assert!(root.join("m0/a.html").exists());
}

#[test]
fn an_export_that_was_written_over_counts_no_more() {
    let (_dir, root) = dir();
    export(&root, "main", 3, &["page.html"]);
    export(&root, "main", 2, &["page.html"]);
    export(&root, "main", 1, &["other.html"]);
    let policy = Policy {
        days: None,
        count: Some(2),
    };
    assert!(removed(&root, policy, &[]).is_empty());
}

#[test]
fn lists_of_the_first_version_are_read() {
    let (_dir, root) = dir();
    let ended = SystemTime::now() - DAY * 40;
    let seconds = ended.duration_since(UNIX_EPOCH).unwrap().as_secs();
    for name in ["old.html", "written.html", "ancient.html"] {
        std::fs::write(root.join(name), name).unwrap();
    }
    set_age(&root.join("old.html"), 40);
    // Older than any file of that export can be.
    set_age(&root.join("ancient.html"), 50);
    let list = format!(
        r#"{{"version":1,"files":{{"ancient.html":{seconds},"old.html":{seconds},"written.html":{seconds}}}}}"#
    );
    std::fs::write(root.join(MANIFEST), list).unwrap();
    let new = export(&root, "main", 0, &["new.html"]);
    assert_eq!(removed(&root, days(30), &new), ["old.html"]);
    let text = std::fs::read_to_string(root.join(MANIFEST)).unwrap();
    assert!(text.contains(r#""version": 2"#), "{text}");
}

#[test]
fn a_list_that_points_outside_removes_nothing() {
    let (dir, root) = dir();
    let outside = dir.path().join("outside.html");
    std::fs::write(&outside, "x").unwrap();
    std::os::unix::fs::symlink(dir.path(), root.join("link")).unwrap();
    std::fs::write(root.join("page.html"), "x").unwrap();
    let list = r#"{"version":1,"files":
        {"../outside.html":1,"link/outside.html":1,"page.html":18446744073709551615}}"#;
    std::fs::write(root.join(MANIFEST), list).unwrap();
    set_age(&outside, 20_000);
    assert!(removed(&root, days(1), &[]).is_empty());
    assert!(removed(&root, days(0), &[]).is_empty());
    assert!(outside.exists() && root.join("page.html").exists());
}

#[test]
fn what_is_gone_is_forgotten() {
    let (_dir, root) = dir();
    export(&root, "main", 3, &["a.html", "b/b.html"]);
    let opened = Root::open(&root).unwrap();
    std::fs::remove_file(root.join("a.html")).unwrap();
    let left = expired(&opened, days(1), SystemTime::now());
    assert_eq!(left.len(), 1, "{left:?}");
    forget_gone(&opened).unwrap();
    assert_eq!(listed(&root).files.len(), 1);
    std::fs::remove_dir_all(root.join("b")).unwrap();
    forget_gone(&opened).unwrap();
    assert!(!root.join(MANIFEST).exists());
}

#[test]
fn lists_that_are_not_ours_are_left_alone() {
    let (_dir, root) = dir();
    std::fs::write(root.join("a.html"), "x").unwrap();
    for list in ["[", r#"{"version":3,"files":{"a.html":1}}"#, "{}"] {
        std::fs::write(root.join(MANIFEST), list).unwrap();
        assert!(removed(&root, days(0), &[]).is_empty());
        let opened = Root::open(&root).unwrap();
        forget_gone(&opened).unwrap();
        assert_eq!(std::fs::read_to_string(root.join(MANIFEST)).unwrap(), list);
    }
}

#[test]
fn exports_at_the_same_time_are_all_remembered() {
    let (_dir, root) = dir();
    let root = &root;
    std::thread::scope(|scope| {
        for n in 0..8 {
            scope.spawn(move || export(root, "main", 0, &[&format!("{n}.html")]));
        }
    });
    assert_eq!(listed(root).files.len(), 8);
}
