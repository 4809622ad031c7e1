//! Notebooks opened in Chromium, as a person would: under `marimo edit` and under `marimo run`.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use super::steps;
use super::support::dagster::{Server, free_port};
use super::support::{Project, Run, browser, eventually, python};

/// A notebook of the tests: its name, its template, and what it is about.
pub type Made = (&'static str, &'static str, [&'static str; 2]);

/// One of each template, and two whose runs are of interest.
const NOTEBOOKS: [Made; 6] = [
    ("quick", "default", ["--job", "quick"]),
    ("configured", "default", ["--job", "configured"]),
    ("failing", "default", ["--job", "failing"]),
    ("orders", "minimal", ["--asset", "orders"]),
    ("training", "ml", ["--job", "training"]),
    (
        "sales",
        "feature-store",
        ["--from-selection", "group:sales"],
    ),
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
fn by_a_person() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/notebooks/project");
    let server = Server::of(&fixture, 1);
    let project = scaffolded(&server.url, &NOTEBOOKS);
    let editor = Marimo::start("edit", &project, &server.url);
    let app = Marimo::start("run", &project, &server.url);
    let visit = |marimo: &Marimo, way: &str, notebook: &str, dark: bool, steps: Value| {
        json!({
            "name": format!("notebook-{notebook}-{way}"),
            "url": marimo.page(notebook),
            "dark": dark,
            "steps": steps,
        })
    };
    let seen = browser::drive(
        "notebook.mjs",
        &json!({
            "browser": browser::program(),
            "screenshots": browser::screenshots(),
            "visits": [
                visit(&editor, "edit", "quick", false, steps::everything()),
                visit(&editor, "edit", "configured", false, steps::run_config()),
                visit(&editor, "edit", "failing", false, steps::failure()),
                visit(&editor, "edit", "orders", false, steps::minimal(true)),
                visit(&editor, "edit", "training", false, steps::training(true)),
                visit(&editor, "edit", "sales", false, steps::features(true)),
                visit(&app, "run", "quick", true, steps::launched_twice()),
                visit(&app, "run", "orders", true, steps::minimal(false)),
                visit(&app, "run", "training", true, steps::training(false)),
                visit(&app, "run", "sales", true, steps::features(false)),
            ],
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
    let diagnostics = seen["notebook-quick-edit"]["kept"]["Diagnostics"]
        .as_str()
        .unwrap();
    let diagnostics: Value = serde_json::from_str(diagnostics).unwrap();
    assert!(diagnostics["runs"].is_array(), "{diagnostics:#}");
    let state = project.root().join(".daglab/state");
    let kept = std::fs::read_to_string(state.join("failing_explore.json")).unwrap();
    assert!(kept.contains("the first time never works"), "{kept}");
}
