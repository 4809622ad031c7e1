//! The composite action's two steps as the runner starts them, with a program in daglab's place.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use super::{ACTIONS, action, root};

/// What one step has: a folder of its own with `GITHUB_OUTPUT` and `RUNNER_TEMP`.
struct Step {
    dir: tempfile::TempDir,
}

impl Step {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("output"), "").unwrap();
        Self { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn outputs(&self) -> String {
        std::fs::read_to_string(self.path("output")).unwrap()
    }

    fn program(&self, name: &str, script: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, format!("#!/usr/bin/env bash\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        path
    }

    /// The first step, of a copy of the action with this release.
    fn install(&self, release: Option<&str>, variables: &[(&str, &str)]) -> Output {
        let copy = self.path("action");
        if !copy.exists() {
            std::fs::create_dir(&copy).unwrap();
            std::fs::copy(root().join("on-runner/install.sh"), copy.join("install.sh")).unwrap();
        }
        if let Some(release) = release {
            std::fs::write(copy.join("release.txt"), release).unwrap();
        }
        let script = action(ACTIONS[1])["runs"]["steps"][0]["run"].clone();
        Command::new("bash")
            .args([
                "--noprofile",
                "--norc",
                "-eo",
                "pipefail",
                "-c",
                script.as_str().unwrap(),
            ])
            .env("ACTION_PATH", &copy)
            .env("GITHUB_OUTPUT", self.path("output"))
            .env("RUNNER_TEMP", self.dir.path())
            .envs(variables.iter().copied())
            .output()
            .unwrap()
    }

    /// The second step: github-script runs the script as the body of an asynchronous function, and
    /// makes its value the output `result`.
    fn run(&self, program: &Path) -> Child {
        let script = action(ACTIONS[1])["runs"]["steps"][1]["with"]["script"].clone();
        let wrapper = "const f = Object.getPrototypeOf(async () => {}).constructor;\
            new f('require', process.env.INPUT_SCRIPT)(require).then((value) => \
            require('fs').appendFileSync(process.env.GITHUB_OUTPUT, `result<<d\\n${value}\\nd\\n`));";
        Command::new("node")
            .args(["-e", wrapper])
            .env("INPUT_SCRIPT", script.as_str().unwrap())
            .env("INPUT_RESULT-ENCODING", "string")
            .env("INPUT_GITHUB-TOKEN", "token")
            .env("INPUT_ARTIFACTS-DIR", "out")
            .env("ACTION_PATH", root().join("on-runner"))
            .env("DAGLAB", program)
            .env("GITHUB_OUTPUT", self.path("output"))
            .env("ACTIONS_RUNTIME_TOKEN", "runtime")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    }
}

/// A release in a folder: an archive with a program that says what it is.
fn release(step: &Step) -> (String, String) {
    let served = step.path("served/v9.9.9");
    std::fs::create_dir_all(&served).unwrap();
    step.program("daglab", "echo the released one");
    let arch = std::env::consts::ARCH;
    let name = format!("daglab-{arch}-unknown-linux-gnu.tar.gz");
    let script = "tar -czf \"$1/$2\" -C \"$0\" daglab && cd \"$1\" && sha256sum \"$2\"";
    let sums = Command::new("sh")
        .args(["-c", script])
        .args([step.dir.path(), &served])
        .arg(&name)
        .output()
        .unwrap();
    let url = format!("file://{}", step.path("served").display());
    (
        format!("v9.9.9\n{}", String::from_utf8(sums.stdout).unwrap()),
        url,
    )
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_release_is_downloaded_and_compared() {
    let step = Step::new();
    let (release, url) = release(&step);
    let output = step.install(Some(&release), &[("DOWNLOAD_URL", &url)]);
    assert!(
        output.status.success(),
        "{}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    let outputs = step.outputs();
    let path = outputs.trim().strip_prefix("path=").unwrap();
    assert_eq!(
        text(&Command::new(path).output().unwrap().stdout),
        "the released one\n"
    );
}

#[test]
fn what_was_not_released_is_not_run() {
    let step = Step::new();
    let (release, url) = release(&step);
    // The same name, another content: as if the mirror had been changed.
    let wrong = release.replace(&release.lines().nth(1).unwrap()[..8], "00000000");
    let output = step.install(Some(&wrong), &[("DOWNLOAD_URL", &url)]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("its checksum is another one"));
    assert_eq!(step.outputs(), "");

    let output = step.install(Some(&release), &[("DOWNLOAD_URL", "file:///nowhere")]);
    assert!(text(&output.stdout).contains("could not be downloaded"));
    let output = step.install(Some("v9.9.9\n"), &[("DOWNLOAD_URL", &url)]);
    assert!(text(&output.stdout).contains("no checksum of"));
}

#[test]
fn a_branch_has_no_release() {
    let step = Step::new();
    let output = step.install(None, &[("DOWNLOAD_URL", "file:///nowhere")]);
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stdout).contains("pinned to no release"));
    let there = step.program("mine", "true");
    let there = there.to_str().unwrap();
    assert!(step.install(None, &[("BINARY", there)]).status.success());
    assert_eq!(step.outputs(), format!("path={there}\n"));
    let output = step.install(None, &[("BINARY", "/nowhere/daglab")]);
    assert!(text(&output.stdout).contains("there is no program"));
}

#[test]
fn daglab_gets_its_inputs_and_the_runtime_and_nothing_of_the_script() {
    let step = Step::new();
    let program = step.program(
        "daglab",
        "env -0; printf 'ARGUMENTS=%s\\0' \"$*\"; echo 'result=failed' >>\"$GITHUB_OUTPUT\"; exit 4",
    );
    let output = step.run(&program).wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(4));
    let seen = text(&output.stdout);
    let seen: Vec<&str> = seen.split('\0').collect();
    for wanted in [
        "ARGUMENTS=action",
        "INPUT_ARTIFACTS-DIR=out",
        "INPUT_GITHUB-TOKEN=token",
        "ACTIONS_RUNTIME_TOKEN=runtime",
    ] {
        assert!(seen.contains(&wanted), "no {wanted} in {seen:#?}");
    }
    for unwanted in [
        "INPUT_SCRIPT=",
        "INPUT_RESULT-ENCODING=",
        "ACTION_PATH=",
        "DAGLAB=",
    ] {
        assert!(
            !seen.iter().any(|entry| entry.starts_with(unwanted)),
            "{unwanted}"
        );
    }
    // The script's own output of the same name says the same, and comes last.
    assert!(
        step.outputs().ends_with("result<<d\nfailed\nd\n"),
        "{}",
        step.outputs()
    );
}

#[test]
fn signals_are_passed_on_and_waited_for() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let step = Step::new();
        let script = "printf 'result<<x\\ncancelled\\nx\\n' >>\"$GITHUB_OUTPUT\"\n\
            trap 'echo asked; exit 130' INT; trap 'echo asked; exit 143' TERM\n\
            echo ready; while :; do read -rt 1 <> <(:) || :; done";
        let mut child = step.run(&step.program("daglab", script));
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "ready");
        let pid = child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-s", signal, &pid])
                .status()
                .unwrap()
                .success()
        );
        assert_eq!(lines.next().unwrap().unwrap(), "asked");
        assert_eq!(child.wait().unwrap().code(), Some(code));
        assert!(
            step.outputs().ends_with("result<<d\ncancelled\nd\n"),
            "{}",
            step.outputs()
        );
    }
}

#[test]
fn a_program_that_is_not_there_fails() {
    let step = Step::new();
    let output = step
        .run(Path::new("/nowhere/daglab"))
        .wait_with_output()
        .unwrap();
    assert!(!output.status.success());
    let steps = action(ACTIONS[1])["runs"]["steps"].clone();
    assert_eq!(steps.as_array().map(Vec::len), Some(2), "{steps:?}");
}
