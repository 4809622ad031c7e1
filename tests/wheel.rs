//! The wheel: what is in it, what it does in an environment, and what happens where several daglabs
//! meet. The tests in `of_wheel` need one; `scripts/test static` builds it and runs them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that can't be set up has failed"
)]

#[path = "wheel/environment.rs"]
mod environment;
#[path = "wheel/of_wheel.rs"]
mod of_wheel;
mod support;

use std::path::{Path, PathBuf};

/// The Pythons that the wheel is for.
const PYTHONS: [&str; 5] = ["3.10", "3.11", "3.12", "3.13", "3.14"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files of the Python package, below `python/`.
fn sources() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = ignore::Walk::new(root().join("python/daglab"))
        .map(|entry| entry.unwrap().into_path())
        .filter(|path| path.is_file())
        .map(|path| path.strip_prefix(root().join("python")).unwrap().to_owned())
        .collect();
    files.sort();
    assert!(files.len() > 10, "{files:?}");
    files
}

#[test]
fn package_and_binary_have_one_version() {
    let text = std::fs::read_to_string(root().join("python/daglab/__init__.py")).unwrap();
    let version = format!("__version__ = \"{}\"\n", env!("CARGO_PKG_VERSION"));
    assert!(
        text.contains(&version),
        "python/daglab/__init__.py must say {version}"
    );
}

/// A newer Python than the oldest would take newer syntax, too.
#[test]
fn the_oldest_python_can_read_the_package() {
    let program = "import ast, sys\n\
        for file in sys.argv[1:]:\n    \
            ast.parse(open(file).read(), file, feature_version=(3, 10))\n";
    let files = sources();
    let output = std::process::Command::new(support::python())
        .args(["-c", program])
        .args(
            files
                .iter()
                .filter(|file| file.extension().is_some_and(|it| it == "py")),
        )
        .current_dir(root().join("python"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

#[test]
fn the_metadata_names_the_pythons_that_are_tested() {
    let text = std::fs::read_to_string(root().join("pyproject.toml")).unwrap();
    let named: Vec<&str> = text
        .lines()
        .filter_map(|line| {
            let line = line
                .trim()
                .strip_prefix("\"Programming Language :: Python :: 3.")?;
            line.strip_suffix("\",")
        })
        .collect();
    let wanted = PYTHONS.map(|version| version.strip_prefix("3.").unwrap());
    assert_eq!(named, wanted);
    let table: toml::Table = text.parse().unwrap();
    assert_eq!(
        table["project"]["requires-python"].as_str(),
        Some(format!(">={}", daglab::project::environment::OLDEST_PYTHON).as_str())
    );
    assert_eq!(
        table["project"]["description"].as_str(),
        Some(env!("CARGO_PKG_DESCRIPTION"))
    );
}
