//! `--git-commit`.

use std::process::Command;

use pretty_assertions::assert_eq;

use crate::shop::Shop;
use crate::support::{Run, python};

const NOTEBOOK: &str = "dagster/notebooks/assets/committed.py";
const SHORT: [&str; 2] = ["committed.py", "short"];
const OTHER: [&str; 2] = ["committed.py", "everything"];

/// git, with the configuration of the repository alone.
fn git(shop: &Shop, args: &[&str]) -> String {
    let output = isolated(Command::new("git"))
        .args(args)
        .current_dir(shop.project.root())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "git {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn isolated(mut command: Command) -> Command {
    for name in [
        "GIT_AUTHOR_NAME",
        "GIT_AUTHOR_EMAIL",
        "GIT_COMMITTER_NAME",
        "GIT_COMMITTER_EMAIL",
        "EMAIL",
    ] {
        command.env_remove(name);
    }
    command
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null");
    command
}

fn scaffold(shop: &Shop, [file, template]: [&str; 2], args: &[&str]) -> Run {
    let python = python();
    let base = [
        "scaffold",
        "--dagster-url",
        shop.url(),
        "--python",
        python.to_str().unwrap(),
        "--asset",
        "orders",
        "--template",
        template,
        "--filename",
        file,
    ];
    let command = shop.project.daglab(&[&base[..], args].concat());
    Run::of(isolated(command))
}

pub fn only_the_notebooks(shop: &Shop) {
    scaffold(shop, SHORT, &["--git-commit"])
        .expect_code(3)
        .expect_stderr("is not in a git repository")
        .expect_stderr("`git init`");
    git(shop, &["init", "--quiet"]);
    git(shop, &["config", "user.useConfigOnly", "true"]);
    scaffold(shop, SHORT, &["--git-commit"])
        .expect_code(3)
        .expect_stderr("git does not know who you are")
        .expect_stderr("git config user.name");
    assert!(!shop.is_there(NOTEBOOK));
    git(shop, &["config", "user.name", "Ada"]);
    git(shop, &["config", "user.email", "ada@example.com"]);
    // Staged by the user, in a repository without a commit yet and then in one with some.
    shop.project.write("mine.txt", "mine\n");
    git(shop, &["add", "mine.txt"]);
    let run = scaffold(shop, SHORT, &["--git-commit", "-o", "json"]);
    let report = run.expect_code(0).report();
    let name = git(shop, &["rev-parse", "HEAD"]);
    assert_eq!(report["committed"], name.trim());
    let show = |format: &str| git(shop, &["show", "--name-only", format, "HEAD"]);
    assert_eq!(
        show("--format=%an: %s"),
        format!("Ada: Add a notebook for the asset orders\n\n{NOTEBOOK}\n")
    );
    assert_eq!(
        git(shop, &["status", "--porcelain", "mine.txt", NOTEBOOK]),
        "A  mine.txt\n"
    );
    git(shop, &["commit", "--quiet", "--message", "mine"]);
    shop.project.write("mine.txt", "mine again\n");
    git(shop, &["add", "mine.txt"]);
    shop.project
        .write("daglab.yaml", "defaults: {git_commit: true}\n");
    scaffold(shop, OTHER, &["--force"]).expect_code(0);
    assert_eq!(
        show("--format=%s"),
        format!("Add a notebook for the asset orders\n\n{NOTEBOOK}\n")
    );
    assert_eq!(
        git(shop, &["status", "--porcelain", "mine.txt", NOTEBOOK]),
        "M  mine.txt\n"
    );
    // Nothing has changed, so nothing is committed.
    let again = scaffold(shop, OTHER, &["--force", "-o", "json"]);
    assert!(again.expect_code(0).report()["committed"].is_null());
    let before = git(shop, &["rev-parse", "HEAD"]);
    scaffold(shop, SHORT, &["--force", "--no-git-commit"]).expect_code(0);
    assert_eq!(git(shop, &["rev-parse", "HEAD"]), before);
    shop.remove("daglab.yaml");
}

pub fn what_is_in_the_way(shop: &Shop) {
    let hook = ".git/hooks/pre-commit";
    shop.project
        .write(hook, "#!/bin/sh\necho 'not on a Sunday' >&2\nexit 1\n");
    let made = Command::new("chmod")
        .arg("+x")
        .arg(shop.project.root().join(hook))
        .status();
    assert!(made.unwrap().success());
    let refused = scaffold(shop, ["hooked.py", "short"], &["--git-commit"]);
    refused
        .expect_code(8)
        .expect_stderr("git did not commit")
        .expect_stderr("not on a Sunday");
    // It is written, and as unknown to git as it was.
    let path = "dagster/notebooks/assets/hooked.py";
    assert_eq!(refused.stdout(), format!("{path}\n"));
    assert_eq!(
        git(shop, &["status", "--porcelain", path]),
        format!("?? {path}\n")
    );
    shop.remove(hook);
    shop.project.write(".gitignore", "hooked2.py\n");
    scaffold(shop, ["hooked2.py", "short"], &["--git-commit"])
        .expect_code(7)
        .expect_stderr("git ignores `dagster/notebooks/assets/hooked2.py`");
    assert!(!shop.is_there("dagster/notebooks/assets/hooked2.py"));
}
