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

/// As a service account's file, with lines like those of a key.
const ACCOUNT: &str = r#"{"type": "service_account", "project_id": "orders-of-us",
"private_key": "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nq7+canary/of/the/account\n-----END PRIVATE KEY-----\n"}"#;

/// A variable, its value, and what a notebook prints of it.
const WRITTEN: &[(&str, &str, &str)] = &[
    (
        "AWS_SECRET_ACCESS_KEY",
        "wJal/K7MD+ENG",
        "urllib.parse.quote(s)",
    ),
    (
        "AWS_SECRET_ACCESS_KEY",
        "wJal/K7MD+ENG",
        "urllib.parse.quote(s, safe='')",
    ),
    ("WORDY_PASSWORD", "pässwörd-9911", "json.dumps(s)"),
    ("WORDY_PASSWORD", "pässwörd-9911", "repr(s.encode())"),
    ("WORDY_PASSWORD", "pässwörd-9911", "ascii(s)"),
    (
        "API_TOKEN",
        "canary-0815-of-api",
        "base64.urlsafe_b64encode(b'user:' + s.encode())",
    ),
    (
        "API_TOKEN",
        "canary-0815-of-api",
        "base64.b64encode(b'me:' + s.encode())",
    ),
    ("API_TOKEN", "canary-0815-of-api", "s.encode().hex()"),
    ("SA_CREDENTIALS", ACCOUNT, "json.loads(s)['private_key']"),
    (
        "STORE_URL",
        "mysql://me:h%40nter%2F22@db/x",
        "urllib.parse.unquote(urllib.parse.urlparse(s).password)",
    ),
    ("UV_INDEX_URL", "https://tok-4711-canary@host/simple", "s"),
    ("ADMIN_PASSWORD", "12345678", "s"),
];

/// What must not be left of them.
const LEFT: &[&str] = &[
    "wJal",
    "rd-9911",
    "Y2FuYXJ5LTA4",
    "canary-0815",
    "63616e6172792d30",
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC",
    "canary/of/the/account",
    "h@nter/22",
    "h%40nter",
    "tok-4711-canary",
];

#[test]
fn what_python_makes_of_secrets_is_nowhere_and_reports_stay_whole() {
    let names: std::collections::BTreeSet<&str> = WRITTEN.iter().map(|it| it.0).collect();
    let names: Vec<&str> = names.into_iter().collect();
    let project = Project::small();
    let lines = WRITTEN.iter().enumerate();
    let prints: Vec<String> = lines
        .map(|(index, (name, _, made))| {
            format!("s = os.environ['{name}']\nprint('made {index}:', {made})")
        })
        .collect();
    let cell = format!(
        "import base64, json, os, urllib.parse\n{}\nprint('status orders 12345678901')",
        prints.join("\n")
    );
    let settings = format!("ci:\n  env: [{}]\n", names.join(", "));
    project
        .write("daglab.yaml", &settings)
        .notebook("notebooks/orders.py", &[&cell]);
    let (github, artifacts) = services();
    let mut runner = Runner::of_pull_request(&github, &artifacts)
        .with("GITHUB_RUN_ID", "12345678901")
        .with("SORT_KEY", "status")
        .with("PRIVATE_KEY", "orders")
        .with("DB_PASSWORD", "status");
    for (name, value, _) in WRITTEN {
        runner = runner.with(name, value);
    }
    let run = run(&project, &runner);
    run.expect_code(0);
    let log = visible(&format!("{}\n{}", run.stdout(), run.stderr()));
    let mut texts = vec![
        ("log".to_owned(), log),
        ("summary".to_owned(), runner.read("GITHUB_STEP_SUMMARY")),
    ];
    let comments = github.comments(NUMBER).into_iter();
    texts.extend(comments.map(|it| ("comment".to_owned(), it.body)));
    for artifact in artifacts.artifacts() {
        let Ok(mut zip) = zip::ZipArchive::new(std::io::Cursor::new(artifact.bytes())) else {
            let text = String::from_utf8_lossy(&artifact.bytes()).into_owned();
            texts.push((artifact.name.clone(), text));
            continue;
        };
        for index in 0..zip.len() {
            let mut file = zip.by_index(index).unwrap();
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut file, &mut bytes).unwrap();
            let text = String::from_utf8_lossy(&bytes).into_owned();
            texts.push((file.name().unwrap().into_owned(), text));
        }
    }
    for (name, text) in &texts {
        for left in LEFT {
            assert!(!text.contains(left), "`{left}` is in {name}");
        }
    }
    let report = texts.iter().find(|(name, _)| name.ends_with("report.json"));
    let report: serde_json::Value = serde_json::from_str(&report.unwrap().1).unwrap();
    assert_eq!(report["origin"]["run_id"], 12_345_678_901_u64);
    let notebook = &report["notebooks"][0];
    assert_eq!(notebook["status"], "passed");
    assert_eq!(notebook["path"], "notebooks/orders.py");
    let console = notebook["cells"][0]["console"].as_str().unwrap();
    assert!(
        console.ends_with("status orders 12345678901\n"),
        "{console}"
    );
    assert_eq!(console.matches("made ").count(), WRITTEN.len(), "{console}");
    assert!(console.matches("***").count() >= WRITTEN.len(), "{console}");
    assert!(console.contains("made 11: ***\n"), "{console}");
}

#[test]
fn json_on_stdout_is_json_under_any_secret() {
    let project = Project::small();
    project.notebook("notebooks/one.py", &["print('a\\nhunter2', 12345678)"]);
    let python = python();
    let mut command = project.daglab(&["ci", "--output", "json", "--python"]);
    command
        .arg(python)
        .env("SORT_KEY", "status")
        .env("A_PASSWORD", "nhunter2")
        .env("C_PASSWORD", "12345678")
        .env("D_PASSWORD", "duration_s")
        .env("E_PASSWORD", "hunter2");
    let run = Run::of(command);
    run.expect_code(0);
    let report = run.report();
    assert_eq!(report["notebooks"][0]["status"], "passed");
    let console = &report["notebooks"][0]["cells"][0]["console"];
    assert_eq!(console, "a\n*** ***\n");
}
