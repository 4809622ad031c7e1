//! Notebooks opened in Chromium, as a person would: under `marimo edit` and under `marimo run`.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use super::support::dagster::{Server, free_port};
use super::support::{Project, Run, browser, eventually, python};
use super::{headless, steps};

/// A notebook of the tests: its name, its template, and what it is about.
pub type Made = (&'static str, &'static str, [&'static str; 2]);

/// The default template, with runs that need something, fail, or just work.
const OF_DEFAULT: [Made; 4] = [
    ("quick", "default", ["--job", "quick"]),
    ("slow", "default", ["--job", "slow"]),
    ("configured", "default", ["--job", "configured"]),
    ("failing", "default", ["--job", "failing"]),
];

/// marimo on the notebooks' folder, ended when it goes out of scope.
struct Marimo {
    child: Child,
    url: String,
}

impl Marimo {
    fn start(mode: &str, project: &Project, server: &str) -> Self {
        let port = free_port();
        let theme = if mode == "run" { "dark" } else { "light" };
        let config = project.tmp().join(mode);
        std::fs::create_dir_all(config.join("marimo")).unwrap();
        let display = format!("[display]\ntheme = \"{theme}\"\n");
        std::fs::write(config.join("marimo/marimo.toml"), display).unwrap();
        let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("python");
        let mut command = Command::new(python());
        command
            .args([
                "-m",
                "marimo",
                "-q",
                mode,
                "notebooks",
                "--headless",
                "--no-token",
            ])
            .args(["--host", "127.0.0.1", "-p", &port.to_string()])
            .current_dir(project.root())
            .env("PYTHONPATH", package)
            .env("DAGLAB_BIN", env!("CARGO_BIN_EXE_daglab"))
            .env("DAGLAB_DAGSTER_URL", server)
            .env("XDG_CONFIG_HOME", config)
            .env_remove("PYTHONDONTWRITEBYTECODE")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
        let child = command.spawn().unwrap();
        let url = format!("http://127.0.0.1:{port}");
        let marimo = Self { child, url };
        let answers = || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok();
        assert!(
            eventually(Duration::from_secs(60), answers),
            "marimo does not answer"
        );
        marimo
    }

    fn page(&self, notebook: &str) -> String {
        format!("{}/?file={notebook}_explore.py", self.url)
    }
}

impl Drop for Marimo {
    fn drop(&mut self) {
        let group = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        let _ = self.child.wait();
    }
}

/// A project with notebooks as `daglab scaffold` makes them.
pub fn scaffolded(server: &str, notebooks: &[Made]) -> Project {
    let project = Project::copy_of("tests/notebooks/project");
    project.write("daglab.yaml", "notebooks_dir: notebooks\n");
    for (name, template, about) in notebooks {
        let filename = format!("notebooks/{name}_explore.py");
        let python = python();
        let mut args = vec!["scaffold", "--dagster-url", server, "--template", template];
        args.extend(["--python", python.to_str().unwrap(), "--seed-data"]);
        args.extend(["--filename", &filename]);
        args.extend(about);
        Run::of(project.daglab(&args)).expect_code(0);
    }
    project
}

#[test]
fn default_in_the_editor() {
    let (project, seen) = visited(
        "edit",
        &OF_DEFAULT,
        &[
            ("quick", steps::everything()),
            ("configured", steps::run_config()),
            ("failing", steps::failure()),
            ("slow", steps::stopped()),
        ],
    );
    let diagnostics = seen["notebook-quick-edit"]["kept"]["Diagnostics"]
        .as_str()
        .unwrap();
    let diagnostics: Value = serde_json::from_str(diagnostics).unwrap();
    assert!(diagnostics["runs"].is_array(), "{diagnostics:#}");
    let state = project.root().join(".daglab/state");
    let kept = std::fs::read_to_string(state.join("failing_explore.json")).unwrap();
    assert!(kept.contains("the first time never works"), "{kept}");
}

#[test]
fn others_in_the_editor() {
    visited(
        "edit",
        &headless::NOTEBOOKS[1..],
        &[
            ("orders", steps::minimal(true)),
            ("training", steps::training(true)),
            ("sales", steps::features(true)),
        ],
    );
}

#[test]
fn all_as_apps() {
    visited(
        "run",
        &headless::NOTEBOOKS,
        &[
            ("quick", steps::launched_twice()),
            ("orders", steps::minimal(false)),
            ("training", steps::training(false)),
            ("sales", steps::features(false)),
        ],
    );
}

/// Opens notebooks with `marimo edit` or `marimo run`, which is dark then, does the steps, and checks
/// that nothing went wrong and that there is a link to the run.
fn visited(mode: &str, made: &[Made], visits: &[(&str, Value)]) -> (Project, Value) {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/notebooks/project");
    let server = Server::of(&fixture, 1);
    let project = scaffolded(&server.url, made);
    let marimo = Marimo::start(mode, &project, &server.url);
    let visits: Vec<Value> = visits
        .iter()
        .map(|(notebook, steps)| {
            json!({
                "name": format!("notebook-{notebook}-{mode}"),
                "url": marimo.page(notebook),
                "dark": mode == "run",
                "steps": steps,
            })
        })
        .collect();
    let seen = browser::drive(
        "notebook.mjs",
        &json!({
            "browser": browser::program(),
            "screenshots": browser::screenshots(),
            "visits": visits,
        }),
    );
    for (name, page) in seen.as_object().unwrap() {
        assert_eq!(page["errors"], json!([]), "{name}");
        assert_eq!(page["messages"], json!([]), "{name}");
        let text = page["text"].as_str().unwrap();
        for failed in [
            "An ancestor raised an exception",
            "Traceback (most recent call last)",
        ] {
            assert!(!text.contains(failed), "{name}: {text}");
        }
        let links = page["links"].as_array().unwrap();
        let leads_to_run = |link: &Value| {
            let address = link[1].as_str().unwrap();
            address.starts_with(&format!("{}/runs/", server.url))
        };
        let was_reset = name == "notebook-quick-edit";
        assert_eq!(
            links.iter().any(leads_to_run),
            !was_reset,
            "{name}: {links:?}"
        );
    }
    (project, seen)
}
