//! Virtual environments that are made for a test, and what is in them.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::support;

/// The tools that install.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Installer {
    Pip,
    Uv,
}

/// A virtual environment without anything in it.
pub struct Venv {
    dir: tempfile::TempDir,
}

impl Venv {
    pub fn new(base: &Path) -> Self {
        let dir = tempfile::Builder::new()
            .prefix("daglab-test-")
            .tempdir()
            .unwrap();
        let venv = Self { dir };
        let mut command = uv(&["venv", "--quiet", "--no-python-downloads", "--python"]);
        succeeds(command.arg(base).arg(venv.folder()));
        venv
    }

    /// One that sees the packages of the test's environment behind its own.
    pub fn borrowing() -> Self {
        let venv = Self::new(&base_of(&support::python()));
        let site = site_packages(&support::python());
        let link = site_packages(&venv.python()).join("borrowed.pth");
        std::fs::write(link, format!("{}\n", site.display())).unwrap();
        venv
    }

    pub fn folder(&self) -> PathBuf {
        self.dir.path().join("venv")
    }

    pub fn program(&self, name: &str) -> PathBuf {
        self.folder().join("bin").join(name)
    }

    pub fn python(&self) -> PathBuf {
        self.program("python")
    }

    /// `daglab`'s folder in it.
    pub fn package(&self) -> PathBuf {
        site_packages(&self.python()).join("daglab")
    }

    pub fn install(&self, how: Installer, wheel: &Path) {
        // Without an index: there is nothing that it needs.
        let flags = ["install", "--quiet", "--no-index"];
        let mut command = match how {
            Installer::Pip => self.pip(&flags),
            Installer::Uv => self.uv_pip(&flags),
        };
        succeeds(command.arg(wheel));
    }

    pub fn uninstall(&self, how: Installer) {
        succeeds(&mut match how {
            Installer::Pip => self.pip(&["uninstall", "--quiet", "--yes", "daglab"]),
            Installer::Uv => self.uv_pip(&["uninstall", "--quiet", "daglab"]),
        });
    }

    /// What is installed, a line each.
    pub fn freeze(&self) -> Vec<String> {
        let text = succeeds(&mut self.uv_pip(&["freeze", "--quiet"]));
        text.lines().map(str::to_owned).collect()
    }

    fn pip(&self, args: &[&str]) -> Command {
        let mut command = Command::new(support::python());
        command
            .args(["-m", "pip", "--disable-pip-version-check", "--python"])
            .arg(self.python())
            .args(args);
        clean(&mut command);
        command
    }

    pub fn uv_pip(&self, args: &[&str]) -> Command {
        let mut command = uv(&["pip"]);
        command.args(args).arg("--python").arg(self.python());
        command
    }

    /// A program of it, with nothing of the machine's but the system's tools.
    pub fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.program(name));
        clean(&mut command);
        command
            .env(
                "PATH",
                format!("{}:/usr/bin:/bin", self.folder().join("bin").display()),
            )
            .env("DAGLAB_CACHE_DIR", self.dir.path().join("cache"))
            .env("HOME", self.dir.path())
            .current_dir(self.dir.path());
        command
    }

    /// What a Python program prints in it.
    #[track_caller]
    pub fn prints(&self, program: &str) -> String {
        succeeds(self.command("python").args(["-c", program]))
    }

    /// Every file and folder, with what changes when something is written to it.
    pub fn tree(&self) -> BTreeMap<PathBuf, (u64, i64, i64, u64)> {
        let mut tree = BTreeMap::new();
        for entry in ignore::WalkBuilder::new(self.folder())
            .standard_filters(false)
            .build()
        {
            let entry = entry.unwrap();
            let meta = entry.path().symlink_metadata().unwrap();
            let stamp = if meta.is_dir() {
                // A folder's own time says what its files say better.
                (0, 0, 0, 0)
            } else {
                (meta.len(), meta.mtime(), meta.mtime_nsec(), meta.ino())
            };
            let path = entry.path().strip_prefix(self.folder()).unwrap();
            // What uv holds while it changes an environment.
            if path == Path::new(".lock") {
                continue;
            }
            tree.insert(path.to_owned(), stamp);
        }
        assert!(tree.len() > 5, "{tree:?}");
        tree
    }
}

/// uv of the test's environment.
fn uv(args: &[&str]) -> Command {
    let mut command = Command::new(support::python().with_file_name("uv"));
    command.args(args);
    clean(&mut command);
    command
}

fn clean(command: &mut Command) {
    for name in [
        "PYTHONPATH",
        "PYTHONHOME",
        "PYTHONDONTWRITEBYTECODE",
        "VIRTUAL_ENV",
        "DAGLAB_BIN",
        "DAGSTER_HOME",
        "GITHUB_ACTIONS",
    ] {
        command.env_remove(name);
    }
}

/// Runs it, and returns what it printed.
#[track_caller]
pub fn succeeds(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}\n{}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// Both streams of a process.
pub fn said(output: &Output) -> String {
    let text = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    text.concat()
}

fn site_packages(python: &Path) -> PathBuf {
    let program = "import sysconfig; print(sysconfig.get_path('purelib'))";
    support::printed_by(python, program).trim().into()
}

/// The interpreter that an environment was made with.
pub fn base_of(python: &Path) -> PathBuf {
    support::printed_by(python, "import sys; print(sys._base_executable)")
        .trim()
        .into()
}

/// The interpreter of a version, if the machine has one: as uv finds it, or where pyenv and GitHub's
/// images keep theirs.
pub fn interpreter(version: &str) -> Option<PathBuf> {
    let works = |python: &Path| {
        Command::new(python)
            .args(["-c", "import sys; print('%d.%d' % sys.version_info[:2])"])
            .output()
            .is_ok_and(|output| output.stdout == format!("{version}\n").as_bytes())
    };
    let found = uv(&[
        "python",
        "find",
        "--quiet",
        "--no-python-downloads",
        version,
    ])
    .current_dir("/")
    .output()
    .unwrap();
    let found = PathBuf::from(String::from_utf8_lossy(&found.stdout).trim());
    if works(&found) {
        return Some(base_of(&found));
    }
    let home = std::env::var("HOME").unwrap_or_default();
    [
        format!("{home}/.pyenv/versions"),
        "/opt/hostedtoolcache/Python".to_owned(),
    ]
    .iter()
    .flat_map(std::fs::read_dir)
    .flatten()
    .map(|entry| entry.unwrap())
    .filter(|entry| {
        let name = entry.file_name();
        name.to_string_lossy().starts_with(&format!("{version}."))
    })
    .flat_map(|entry| ["bin", "x64/bin", "arm64/bin"].map(|bin| entry.path().join(bin)))
    .map(|bin| bin.join(format!("python{version}")))
    .find(|python| works(python))
}
