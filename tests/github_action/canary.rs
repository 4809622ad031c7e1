use super::*;
use crate::support::runner::{commands, visible};

const CANARY: &str = "canary-7f3a\"9<&'";
const PASSWORD: &str = "hunter22-of-the-db";

/// A notebook and a job that try to get at secrets, to show them, and to speak to the runner.
fn hostile() -> Project {
    let project = Project::small();
    project
        .write(
            "daglab.yaml",
            "ci:\n  jobs: [good_job]\n  env: [NAMED_TOKEN, DATABASE_URL]\n",
        )
        .notebook(
            "notebooks/shows.py",
            &[
                "import os as _os\nprint(dict(_os.environ))\nprint(_os.environ['NAMED_TOKEN'])",
                "import base64, json, os as _os, urllib.parse\n\
                 _t = _os.environ['NAMED_TOKEN']\n\
                 print(json.dumps(_t), urllib.parse.quote(_t), base64.b64encode(_t.encode()))\n\
                 import marimo as mo\nmo.md('token ' + _t)",
                "import os as _os\nraise RuntimeError('no login with ' + _os.environ['DATABASE_URL'])",
            ],
        )
        .notebook(
            "notebooks/speaks.py",
            &[
                "print('::set-output name=x::y\\n  ::add-mask::a\\n##[command]rm\\n::error::mine')",
                "import glob, os\n\
                 _files = os.environ.get('WHERE', '')\n\
                 for _name in ('github_env', 'github_path', 'github_output', 'github_state'):\n    \
                     open(os.path.join(_files, _name), 'a').write('LD_PRELOAD=/tmp/x.so\\n')",
                "raise RuntimeError('::set-env name=PATH::x\\n::warning::also mine')",
            ],
        );
    project
}

#[test]
fn secrets_are_nowhere_and_nobody_else_commands() {
    let (github, artifacts) = services();
    let project = hostile();
    let runner = Runner::of_pull_request(&github, &artifacts)
        .with("NAMED_TOKEN", CANARY)
        .with("DATABASE_URL", &format!("postgresql://me:{PASSWORD}@db/x"))
        .with("INPUT_ENV", "WHERE");
    let files = runner.file("GITHUB_ENV").parent().unwrap().to_owned();
    let runner = runner.with("WHERE", files.to_str().unwrap());
    let run = run(&project, &runner);
    run.expect_code(4);

    let mut outputs: Vec<(String, Vec<u8>)> = vec![
        ("stdout".to_owned(), visible(&run.stdout()).into_bytes()),
        ("stderr".to_owned(), visible(&run.stderr()).into_bytes()),
        (
            "summary".to_owned(),
            runner.read("GITHUB_STEP_SUMMARY").into_bytes(),
        ),
        (
            "outputs".to_owned(),
            runner.read("GITHUB_OUTPUT").into_bytes(),
        ),
    ];
    let comments = github.comments(NUMBER);
    outputs.extend(
        comments
            .into_iter()
            .map(|it| ("comment".to_owned(), it.body.into_bytes())),
    );
    for artifact in artifacts.artifacts() {
        if let Ok(mut zip) = zip::ZipArchive::new(std::io::Cursor::new(artifact.bytes())) {
            for index in 0..zip.len() {
                let mut file = zip.by_index(index).unwrap();
                let mut bytes = Vec::new();
                std::io::Read::read_to_end(&mut file, &mut bytes).unwrap();
                outputs.push((file.name().unwrap().into_owned(), bytes));
            }
        } else {
            outputs.push((artifact.name.clone(), artifact.bytes()));
        }
    }
    assert!(
        outputs.len() > 8,
        "{:?}",
        outputs.iter().map(|it| &it.0).collect::<Vec<_>>()
    );
    let runtime = support::artifact_server::token("run-1", "job-1");
    let token = github.token();
    let secrets = [
        "canary-7f3a",
        "Y2FuYXJ5LTdmM2Ei",
        PASSWORD,
        &runtime,
        &token,
    ];
    for (name, bytes) in &outputs {
        let text = String::from_utf8_lossy(bytes);
        for secret in secrets {
            if let Some((before, after)) = text.split_once(secret) {
                let before: String = before.chars().rev().take(40).collect();
                let before: String = before.chars().rev().collect();
                let after: String = after.chars().take(40).collect();
                panic!("`{secret}` is in {name}: {before}[…]{after}");
            }
        }
    }
    // What the notebook printed is there, but for the secret.
    let page = outputs
        .iter()
        .find(|(name, _)| name == "notebooks-shows.html")
        .unwrap();
    assert!(String::from_utf8_lossy(&page.1).contains("***"));

    let log = format!("{}\n{}", run.stdout(), run.stderr());
    for command in commands(&log) {
        assert!(
            ["add-mask", "error", "warning"].contains(&&*command.name),
            "{command:?}"
        );
        assert!(
            !command.message.contains("mine") || command.name == "error",
            "{command:?}"
        );
        assert_ne!(command.message, "mine");
        assert_ne!(command.message, "also mine");
        assert_ne!(command.message, "a");
    }
    for variable in ["GITHUB_ENV", "GITHUB_PATH", "GITHUB_STATE"] {
        assert_eq!(runner.read(variable), "", "{variable}");
    }
    assert!(
        runner
            .outputs()
            .iter()
            .all(|(_, value)| !value.contains("LD_PRELOAD"))
    );
}

#[test]
fn a_project_names_its_own_secrets() {
    let project = Project::small();
    project
        .write(
            "daglab.yaml",
            "security:\n  secrets: [LICENCE]\nci:\n  env: [LICENCE]\n",
        )
        .notebook(
            "notebooks/shows.py",
            &["import os\nprint(os.environ['LICENCE'])"],
        );
    let python = python();
    let mut command = project.daglab(&["ci", "--output", "json", "--python"]);
    command.arg(python).env("LICENCE", "LIC-0042-XYZ");
    let run = Run::of(command);
    run.expect_code(0);
    assert!(!run.stdout().contains("LIC-0042-XYZ"));
    assert!(run.report()["notebooks"][0]["cells"][0]["console"] == "***\n");
}
