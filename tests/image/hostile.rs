//! Notebooks that want the secrets of the process that runs them, and to speak to the runner.

use super::*;
use crate::support::notebook;
use crate::support::runner::{commands, visible};

const PASSWORD: &str = "hunter22-of-the-db";

/// Keeps in the workspace, where nobody looks for secrets, what it can read of other processes. As
/// all of the container, it runs as root.
const SPIES: &str = r#"import glob, os
import marimo as mo
_found, _refused = [], []
for _file in glob.glob('/proc/[0-9]*/environ') + ['/proc/1/mem']:
    _pid = _file.split('/')[2]
    try:
        with open(_file, 'rb') as _open:
            _found.append(_pid.encode() + b' ' + _open.read(10_000_000))
    except OSError as _error:
        _refused.append(f'{_file} {type(_error).__name__}')
open('found', 'wb').write(b'\n'.join(_found))
open('refused', 'w').write('\n'.join(_refused))
print(dict(os.environ))
mo.md('signed in with ' + os.environ['DATABASE_URL'])"#;

/// Knows where the runner's files are without being told.
const SPEAKS: &str = r###"import os
for _name in ('set_env', 'add_path', 'save_state', 'set_output', 'step_summary'):
    with open('/github/file_commands/' + _name, 'a') as _file:
        _file.write('LD_PRELOAD=/github/workspace/x.so\n')
open('spoken', 'w').write('yes')
os.write(1, b'::set-output name=x::y\n  ::add-mask::a\n##[command]rm\n::error::mine\n')
os.system('echo ::stop-commands::x; echo "##[set-env name=PATH;]x" >&2')
raise RuntimeError('::set-env name=PATH::x\n::warning::also mine')"###;

/// Everything that has left the container, or will.
fn told(services: &Services, step: &Step) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for name in ["step_summary", "set_output"] {
        all.push((name.to_owned(), step.told(name).into_bytes()));
    }
    for request in services.github.requests() {
        let body = request.body.unwrap_or_default().to_string();
        all.push((request.path, body.into_bytes()));
    }
    for artifact in services.artifacts.artifacts() {
        let bytes = artifact.bytes();
        let Ok(mut zip) = zip::ZipArchive::new(std::io::Cursor::new(bytes.clone())) else {
            all.push((artifact.name, bytes));
            continue;
        };
        for index in 0..zip.len() {
            let mut file = zip.by_index(index).unwrap();
            let mut bytes = Vec::new();
            std::io::copy(&mut file, &mut bytes).unwrap();
            all.push((file.name().unwrap().into_owned(), bytes));
        }
    }
    for entry in ignore::WalkBuilder::new(step.artifacts())
        .hidden(false)
        .git_ignore(false)
        .build()
        .flatten()
        .filter(|entry| entry.path().is_file())
    {
        let name = entry.path().display().to_string();
        all.push((name, std::fs::read(entry.path()).unwrap()));
    }
    all
}

#[test]
fn secrets_are_nowhere_and_nobody_else_commands() {
    let services = Services::start();
    let url = format!("postgresql://me:{PASSWORD}@db/x");
    let step = Step::new()
        .with_services(&services)
        .with("DATABASE_URL", &url)
        .with("INPUT_ENV", "DATABASE_URL");
    step.write("definitions.py", ORPHANS);
    step.write("daglab.yaml", &ONE_JOB.replace("NAME", "orphans"));
    step.write("notebooks/spies.py", &notebook(&[SPIES]));
    step.write("notebooks/speaks.py", &notebook(&[SPEAKS]));
    let mut running = step.start(ARGUMENTS);
    let engine_log = running.engine_log();
    assert_eq!(running.code(), 4, "{}", running.output());
    let log = running.output();

    // It has spied, and what it could read was not what it is after.
    let found = std::fs::read(step.workspace().join("found")).unwrap();
    let refused = std::fs::read_to_string(step.workspace().join("refused")).unwrap();
    for file in ["/proc/1/environ", "/proc/1/mem"] {
        let line = format!("{file} PermissionError");
        assert!(refused.lines().any(|it| it == line), "{refused}");
    }
    let found = String::from_utf8_lossy(&found);
    assert!(found.contains(PASSWORD), "its own variables can be read");
    let token = services.github.token();
    let runtime = Services::runtime_token();
    for secret in [&token, &runtime] {
        assert!(!found.contains(secret.as_str()), "{found}");
    }
    // Any other process 1 would have told.
    let shell = ["-c", "(cat /proc/1/environ); true"];
    let other = step.run_with(&["--entrypoint", "sh"], &shell);
    assert!(other.stdout().contains(&token), "{}", other.stderr());

    let mut all = told(&services, &step);
    all.push(("log".to_owned(), visible(&log).into_bytes()));
    all.push(("engine's log".to_owned(), visible(&engine_log).into_bytes()));
    let names: Vec<&str> = all.iter().map(|(name, _)| &**name).collect();
    for name in ["notebooks-spies.html", "notebooks/spies.html", "log"] {
        assert!(names.contains(&name), "{names:?}");
    }
    for (name, bytes) in &all {
        let text = String::from_utf8_lossy(bytes);
        for secret in [PASSWORD, &token, &runtime] {
            assert!(!text.contains(secret), "`{secret}` is in {name}");
        }
    }
    let page = all.iter().find(|(name, _)| name == "notebooks-spies.html");
    assert!(String::from_utf8_lossy(&page.unwrap().1).contains("***"));

    // The engine keeps nothing that the runner does not get.
    assert!(engine_log.contains("::add-mask::"), "{engine_log}");
    for line in engine_log.lines() {
        assert!(log.lines().any(|it| it == line), "{line}");
    }
    let found = commands(&log);
    assert!(found.iter().any(|it| it.name == "error"), "{found:?}");
    for command in found {
        let known = ["add-mask", "error", "warning"].contains(&&*command.name);
        assert!(known, "{command:?}");
        let message = &*command.message;
        assert!(!["mine", "also mine", "a", "x"].contains(&message));
    }

    assert!(step.workspace().join("spoken").exists());
    for name in ["set_env", "add_path", "save_state"] {
        assert_eq!(step.told(name), "", "{name}");
    }
    assert!(!step.told("set_output").contains("LD_PRELOAD"));
    assert!(!step.told("step_summary").starts_with("LD_PRELOAD"));
    assert_eq!(step.unreadable(), "");
}
