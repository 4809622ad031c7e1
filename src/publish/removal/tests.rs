use std::os::unix::fs::symlink;

use super::*;

fn dir() -> (tempfile::TempDir, Root) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().canonicalize().unwrap();
    std::fs::create_dir(path.join("root")).unwrap();
    let root = Root::open(&path.join("root")).unwrap();
    (dir, root)
}

fn write(root: &Root, path: &str) {
    let path = root.path().join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, "x").unwrap();
}

#[test]
fn a_file_goes_and_so_do_the_folders_that_it_leaves_empty() {
    let (_dir, root) = dir();
    write(&root, "a/b/c.html");
    write(&root, "a/other");
    let file = Path::new("a/b/c.html");
    let seen = root.look(file).unwrap();
    root.remove_file(file, &seen).unwrap();
    root.remove_empty_parents(file);
    assert!(!root.path().join("a/b").exists());
    assert!(root.path().join("a/other").exists());
    assert!(root.look(file).unwrap_err().is_gone());
}

#[test]
fn another_file_in_the_same_place_stays() {
    let (_dir, root) = dir();
    write(&root, "page");
    let seen = root.look(Path::new("page")).unwrap();
    std::fs::rename(root.path().join("page"), root.path().join("kept")).unwrap();
    write(&root, "page");
    let refused = root.remove_file(Path::new("page"), &seen);
    assert!(matches!(refused, Err(Error::Changed)), "{refused:?}");
    assert!(root.path().join("page").exists());
}

#[test]
fn a_folder_that_became_a_link_or_a_file_leads_nowhere() {
    let (dir, root) = dir();
    write(&root, "a/page");
    let seen = root.look(Path::new("a/page")).unwrap();
    // The very same file, behind a link.
    std::fs::rename(root.path().join("a"), dir.path().join("outside")).unwrap();
    symlink(dir.path().join("outside"), root.path().join("a")).unwrap();
    let refused = root.remove_file(Path::new("a/page"), &seen);
    assert!(matches!(refused, Err(Error::Link(_))), "{refused:?}");
    assert!(matches!(
        root.remove_tree(Path::new("a")),
        Err(Error::Link(_))
    ));
    assert!(dir.path().join("outside/page").exists());
    std::fs::remove_file(root.path().join("a")).unwrap();
    write(&root, "a");
    let refused = root.remove_file(Path::new("a/page"), &seen);
    assert_eq!(refused.unwrap_err().to_string(), "`a` is not a directory");
}

#[test]
fn a_root_behind_a_link_is_not_opened() {
    let (dir, root) = dir();
    let link = dir.path().canonicalize().unwrap().join("link");
    symlink(root.path(), &link).unwrap();
    assert!(matches!(Root::open(&link), Err(Error::Link(_))));
    assert!(Root::open(Path::new("relative")).is_err());
    for outside in ["..", "../x", "/etc/passwd", "a/../../x", "", "."] {
        let looked = root.look(Path::new(outside));
        assert!(matches!(looked, Err(Error::Outside(_))), "{outside}");
    }
}

#[test]
fn a_tree_goes_and_what_its_links_lead_to_stays() {
    let (dir, root) = dir();
    let outside = dir.path().join("outside");
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("kept"), "x").unwrap();
    for n in 0..50 {
        write(&root, &format!("cache/{n}/deep/file"));
    }
    symlink(&outside, root.path().join("cache/link")).unwrap();
    symlink(outside.join("kept"), root.path().join("cache/7/file-link")).unwrap();
    root.remove_tree(Path::new("cache")).unwrap();
    assert!(!root.path().join("cache").exists());
    assert!(outside.join("kept").exists());
    assert!(
        root.remove_tree(Path::new("cache"))
            .is_err_and(|error| error.is_gone())
    );
}

#[test]
fn a_tree_that_is_too_deep_is_left() {
    let (_dir, root) = dir();
    let deep = vec!["d"; DEEPEST + 5].join("/");
    std::fs::create_dir_all(root.path().join("cache").join(deep)).unwrap();
    write(&root, "cache/file");
    let refused = root.remove_tree(Path::new("cache"));
    assert!(matches!(refused, Err(Error::TooDeep)), "{refused:?}");
    assert!(!root.path().join("cache/file").exists(), "the rest goes");
}

#[test]
fn other_file_systems_are_not_entered() {
    let root = Root::open(Path::new("/")).unwrap();
    let refused = root.look(Path::new("proc/version"));
    assert!(matches!(refused, Err(Error::Mounted(_))), "{refused:?}");
}

#[test]
fn a_file_is_replaced_whole() {
    let (_dir, root) = dir();
    root.replace(OsStr::new("list"), b"one").unwrap();
    root.replace(OsStr::new("list"), b"two").unwrap();
    let text = std::fs::read_to_string(root.path().join("list")).unwrap();
    assert_eq!(text, "two");
    assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 1);
}
