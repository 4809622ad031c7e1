//! The wheel that `DAGLAB_TEST_WHEEL` names, looked into, installed, used and uninstalled.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use super::environment::{Installer, Venv, base_of, interpreter, said, succeeds};
use super::support::listener::Listener;
use super::support::{self, Project};
use super::{PYTHONS, root, sources};

const VERSION: &str = env!("CARGO_PKG_VERSION");

fn wheel() -> PathBuf {
    let wheel = std::env::var_os("DAGLAB_TEST_WHEEL")
        .expect("DAGLAB_TEST_WHEEL must name a wheel; `scripts/test static` sets it");
    PathBuf::from(wheel)
}

/// What the wheel holds: contents, and modes as Unix has them.
fn contents() -> BTreeMap<String, (Vec<u8>, u32)> {
    let mut archive = zip::ZipArchive::new(std::fs::File::open(wheel()).unwrap()).unwrap();
    (0..archive.len())
        .map(|index| {
            let mut entry = archive.by_index(index).unwrap();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            let mode = entry.unix_mode().unwrap_or_default();
            (entry.name().unwrap().into_owned(), (bytes, mode))
        })
        .collect()
}

#[test]
fn holds_the_binary_and_the_package_and_nothing_else() {
    let contents = contents();
    let info = |name: &str| format!("daglab-{VERSION}.dist-info/{name}");
    let binary = format!("daglab-{VERSION}.data/scripts/daglab");
    let mut wanted: BTreeSet<String> = ["METADATA", "WHEEL", "RECORD", "licenses/LICENSE"]
        .iter()
        .map(|name| info(name))
        .collect();
    // What the binary is made of, for those who look for known vulnerabilities.
    wanted.insert(info("sboms/daglab.cyclonedx.json"));
    wanted.insert(binary.clone());
    for file in sources() {
        let name = file.to_str().unwrap().to_owned();
        let text = std::fs::read(root().join("python").join(&file)).unwrap();
        assert!(
            contents.get(&name).is_some_and(|(bytes, _)| *bytes == text),
            "{name}"
        );
        wanted.insert(name);
    }
    assert_eq!(contents.keys().cloned().collect::<BTreeSet<_>>(), wanted);

    let licence = std::fs::read(root().join("LICENSE")).unwrap();
    assert_eq!(contents[&info("licenses/LICENSE")].0, licence);
    let (bytes, mode) = &contents[&binary];
    assert!(bytes.starts_with(b"\x7fELF"));
    assert_eq!(mode & 0o777, 0o755);
    let size = std::fs::metadata(wheel()).unwrap().len();
    eprintln!(
        "the wheel has {size} bytes, the binary in it {}",
        bytes.len()
    );
    // What the index takes of one file, and no more.
    assert!(size < 100_000_000, "{size}");

    let record = String::from_utf8(contents[&info("RECORD")].0.clone()).unwrap();
    let recorded: BTreeMap<&str, &str> = record
        .lines()
        .map(|line| line.split_once(',').unwrap())
        .collect();
    assert_eq!(recorded.len(), contents.len());
    for (name, (bytes, _)) in &contents {
        let digest = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(bytes));
        let line = format!("sha256={digest},{}", bytes.len());
        let wanted = if *name == info("RECORD") { "," } else { &line };
        assert_eq!(recorded.get(name.as_str()), Some(&wanted), "{name}");
    }
}

/// By the rules that installers have, as `packaging` knows them.
#[test]
fn is_for_every_python_and_every_linux_of_its_architecture() {
    let program = r#"
import sys
from email.parser import Parser
from packaging.specifiers import SpecifierSet
from packaging.tags import compatible_tags
from packaging.utils import parse_wheel_filename
from zipfile import ZipFile

path, architecture, *pythons = sys.argv[1:]
name, version, build, tags = parse_wheel_filename(path.rsplit("/", 1)[1])
archive = ZipFile(path)
info = f"daglab-{version}.dist-info"
said = Parser().parsestr(archive.read(f"{info}/WHEEL").decode())
assert {str(tag) for tag in tags} == set(said.get_all("Tag")), (tags, said)
metadata = Parser().parsestr(archive.read(f"{info}/METADATA").decode())
assert metadata["Requires-Dist"] is None
assert metadata["License-Expression"] == "MIT", metadata["License-Expression"]
requires = SpecifierSet(metadata["Requires-Python"])
assert "3.9.20" not in requires
for python in pythons:
    assert f"{python}.1" in requires, python
    major, minor = python.split(".")
    for platform in ["manylinux_2_17", "manylinux2014", "musllinux_1_1"]:
        there = compatible_tags((int(major), int(minor)), f"cp3{minor}", [f"{platform}_{architecture}"])
        assert tags & set(there), (python, platform, tags)
    assert not tags & set(compatible_tags((3, int(minor)), f"cp3{minor}", ["win_amd64", "macosx_11_0_arm64"]))
print(name, version)
"#;
    let mut command = Command::new(support::python());
    command
        .args(["-c", program])
        .arg(wheel())
        .arg(std::env::consts::ARCH)
        .args(PYTHONS);
    assert_eq!(succeeds(&mut command), format!("daglab {VERSION}\n"));
}

/// Compiled as far as types go, which needs every file that is embedded by its name. Folders that are
/// embedded whole are compared.
#[test]
fn the_source_distribution_compiles_and_holds_nothing_else() {
    let unpacked = Path::new(env!("CARGO_TARGET_TMPDIR")).join("source-distribution");
    let _ = std::fs::remove_dir_all(&unpacked);
    std::fs::create_dir_all(&unpacked).unwrap();
    let sdist = wheel().with_file_name(format!("daglab-{VERSION}.tar.gz"));
    succeeds(
        Command::new("tar")
            .args(["-xzf".as_ref(), sdist.as_os_str()])
            .args(["--strip-components", "1", "-C"])
            .arg(&unpacked),
    );
    let there = files_of(&unpacked);
    for folder in ["python/daglab", "templates"] {
        for file in files_of(&root().join(folder)) {
            let file = Path::new(folder).join(file);
            assert!(there.contains(&file), "no {}", file.display());
        }
    }
    for name in ["LICENSE", "README.md", "pyproject.toml", "PKG-INFO"] {
        assert!(there.contains(Path::new(name)), "no {name}");
    }
    for file in &there {
        let known = ["python/daglab", "src", "templates", "examples/workflows"]
            .iter()
            .any(|folder| file.starts_with(folder))
            || file == Path::new("python/README.md")
            || file.components().count() == 1;
        assert!(known, "{}", file.display());
    }
    // Dependencies were compiled for the repository, or are now.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    succeeds(
        Command::new(env!("CARGO"))
            .args(["check", "--locked", "--offline", "--bins", "--target-dir"])
            .arg(target)
            .current_dir(&unpacked),
    );
}

/// The files below a folder, without what a Python has left there.
fn files_of(folder: &Path) -> BTreeSet<PathBuf> {
    ignore::WalkBuilder::new(folder)
        .standard_filters(false)
        .filter_entry(|entry| entry.file_name() != "__pycache__")
        .build()
        .map(|entry| entry.unwrap().into_path())
        .filter(|path| path.is_file())
        .map(|path| path.strip_prefix(folder).unwrap().to_owned())
        .collect()
}

/// An environment without Dagster and marimo, for each Python that this machine has.
#[test]
fn is_all_that_an_environment_needs_for_the_command_and_the_helpers() {
    let mut pythons: Vec<PathBuf> = PYTHONS.iter().filter_map(|it| interpreter(it)).collect();
    if pythons.is_empty() {
        pythons.push(base_of(&support::python()));
    }
    eprintln!("installed for {pythons:?}");
    // Both installers, whatever there is.
    let both = [Installer::Pip, Installer::Uv];
    let installers = std::iter::once(Installer::Pip).chain(both.iter().rev().copied().cycle());
    pythons.push(pythons[0].clone());
    for (python, installer) in pythons.iter().zip(installers) {
        in_a_bare_environment(python, installer);
    }
}

fn in_a_bare_environment(python: &Path, installer: Installer) {
    let venv = Venv::new(python);
    let before = venv.tree();
    venv.install(installer, &wheel());
    let installed = venv.freeze();
    assert!(
        installed.len() == 1 && installed[0].starts_with("daglab @ "),
        "{installed:?}"
    );
    let version = format!("daglab {VERSION}\n");
    assert_eq!(succeeds(venv.command("daglab").arg("--version")), version);
    let module = |args: &[&str]| {
        let mut command = venv.command("python");
        command.args(["-m", "daglab"]).args(args);
        command
    };
    assert_eq!(succeeds(&mut module(&["--version"])), version);
    let output = module(&["no-such-command"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));

    let program = "import compileall, daglab.helpers, pathlib, pkgutil, importlib, sys\n\
        from daglab.helpers import DagsterClient\n\
        for module in pkgutil.iter_modules(daglab.helpers.__path__, 'daglab.helpers.'):\n    \
            importlib.import_module(module.name)\n\
        assert not {'dagster', 'marimo'} & set(sys.modules)\n\
        assert compileall.compile_dir(daglab.__path__[0], quiet=1)\n\
        print(daglab.__version__, DagsterClient.__name__)";
    assert_eq!(venv.prints(program), format!("{VERSION} DagsterClient\n"));

    // What is missing is said, with what to do about it.
    let project = Project::small();
    let output = module(&["ci"])
        .current_dir(project.root())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    assert!(
        said(&output).contains("has no `dagster`"),
        "{}",
        said(&output)
    );
    assert!(said(&output).contains("hint: "), "{}", said(&output));
    let program = "from daglab.helpers import DaglabError, run_inprocess\n\
        try:\n    \
            run_inprocess('numbers', definitions='definitions.py')\n\
        except DaglabError as error:\n    \
            print(error.exit_code, error)";
    let mut command = venv.command("python");
    command.args(["-c", program]).current_dir(project.root());
    let text = succeeds(&mut command);
    assert!(
        text.starts_with("3 ") && text.contains("dagster") && text.contains("hint: "),
        "{text}"
    );

    venv.uninstall(installer);
    assert_eq!(venv.tree(), before, "{installer:?} leaves nothing");
}

/// `python -m daglab` is the binary: nothing is in between that a signal could end alone.
#[test]
fn the_module_becomes_the_binary() {
    let venv = Venv::new(&base_of(&support::python()));
    venv.install(Installer::Uv, &wheel());
    for (signal, number) in [("INT", 2), ("TERM", 15)] {
        let (send, asked) = mpsc::channel();
        let silent = Listener::start(move |_, stream| {
            send.send(()).unwrap();
            // Until the other side is gone.
            let _ = (&stream).read(&mut [0]);
        });
        let mut child = venv
            .command("python")
            .args(["-m", "daglab", "discover", "--dagster-url", &silent.url()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        asked.recv_timeout(Duration::from_secs(60)).unwrap();
        let program = std::fs::read_link(format!("/proc/{}/exe", child.id())).unwrap();
        assert_eq!(program, venv.program("daglab").canonicalize().unwrap());
        succeeds(Command::new("kill").args(["-s", signal, &child.id().to_string()]));
        assert_eq!(child.wait().unwrap().signal(), Some(number));
    }
}

const NOTEBOOK: [&str; 2] = [
    "import daglab\nfrom daglab.helpers import DagsterClient",
    "print('DAGLAB', daglab.__version__, daglab.__file__)",
];

#[test]
fn the_oldest_dagster_keeps_its_packages() {
    let release = oldest_release();
    let venv = Venv::new(&base_of(&support::versions::python_with_dagster(&release)));
    let lock = root().join(format!("scripts/dagster/{release}.txt"));
    let program = "source scripts/python-environment.sh && install_locked \"$@\"";
    let tools = support::python().with_file_name("");
    succeeds(
        Command::new("bash")
            .args(["-c", program, "install", tools.to_str().unwrap()])
            .arg(venv.python())
            .arg(lock)
            .current_dir(root()),
    );
    let (packages, before) = (venv.freeze(), venv.tree());
    assert!(
        packages
            .iter()
            .any(|line| line.starts_with(&format!("dagster=={release}.")))
    );
    venv.install(Installer::Pip, &wheel());
    succeeds(&mut venv.uv_pip(&["check", "--quiet"]));
    let mut now = venv.freeze();
    now.retain(|line| !line.starts_with("daglab @ "));
    assert_eq!(now, packages);
    let after = venv.tree();
    for (path, stamp) in &before {
        assert_eq!(after.get(path), Some(stamp), "{}", path.display());
    }

    let project = Project::small();
    project.notebook("notebooks/which.py", &NOTEBOOK);
    let in_project = |args: &[&str]| {
        let mut command = venv.command("python");
        command
            .args(["-m", "daglab"])
            .args(args)
            .current_dir(project.root());
        command.stdin(Stdio::null()).env("TMPDIR", project.tmp());
        command
    };
    succeeds(&mut in_project(&["ci", "--quiet"]));
    succeeds(&mut in_project(&[
        "run",
        "--ephemeral",
        "--job",
        "good_job",
    ]));
    let program = "from daglab.helpers import run_inprocess\n\
        result = run_inprocess('good_job', definitions='definitions.py')\n\
        print(result.success, result.recorded)";
    let mut command = venv.command("python");
    command.args(["-c", program]).current_dir(project.root());
    assert_eq!(succeeds(&mut command), "True False\n");

    venv.uninstall(Installer::Pip);
    assert_eq!(venv.freeze(), packages);
    let compiled = |path: &Path| {
        path.components()
            .any(|part| part.as_os_str() == "__pycache__")
    };
    let ours: Vec<PathBuf> = venv
        .tree()
        .into_keys()
        .filter(|path| !before.contains_key(path) && !compiled(path))
        .collect();
    assert_eq!(ours, Vec::<PathBuf>::new());
}

/// The oldest Dagster that installs on a Python of this machine.
fn oldest_release() -> String {
    let all = std::env::var("DAGLAB_TEST_PYTHONS").expect("`scripts/test` sets it");
    let (release, _) = all.split_once('=').expect("a release, and its interpreter");
    eprintln!("the oldest Dagster here is {release}");
    release.to_owned()
}

/// Puts another file in the place of one that uv may have linked to its cache.
fn replace(path: &Path, text: &str) {
    std::fs::remove_file(path).unwrap();
    std::fs::write(path, text).unwrap();
}

/// The cases of docs/installing.md, one after the other in one environment.
#[test]
fn versions_that_differ_are_said() {
    let venv = Venv::borrowing();
    venv.install(Installer::Uv, &wheel());
    let project = Project::small();
    project.notebook("notebooks/which.py", &NOTEBOOK);
    let helpers = "from daglab.helpers import DaglabError\n\
        from daglab.helpers.binary import find_binary\n\
        try:\n    \
            print(find_binary())\n\
        except DaglabError as error:\n    \
            print(error.exit_code, error)";
    let own = format!("{}\n", venv.program("daglab").display());

    // Another daglab is first on PATH: the one that was installed with the package counts.
    let other = project.tmp().join("other");
    std::fs::create_dir(&other).unwrap();
    let fake = other.join("daglab");
    std::fs::write(&fake, "#!/bin/sh\necho daglab 9.9.9\n").unwrap();
    succeeds(Command::new("chmod").arg("+x").arg(&fake));
    let path = format!("{}:/usr/bin:/bin", other.display());
    let python = |arguments: &[&str]| {
        let mut command = venv.command("python");
        command.args(arguments).env("PATH", &path);
        command
    };
    assert_eq!(succeeds(&mut python(&["-c", helpers])), own);
    let version = succeeds(&mut python(&["-m", "daglab", "--version"]));
    assert_eq!(version, format!("daglab {VERSION}\n"));

    // `DAGLAB_BIN` counts before all, and is of another version.
    let text = succeeds(python(&["-c", helpers]).env("DAGLAB_BIN", &fake));
    let both =
        |text: &str| text.contains("9.9.9") && text.contains(VERSION) && text.contains("hint: ");
    assert!(text.starts_with("3 ") && both(&text), "{text}");
    let output = python(&["-m", "daglab", "ci"])
        .env("DAGLAB_BIN", &fake)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(both(&said(&output)), "{}", said(&output));

    // The environment has an older package, whose host could not speak to this binary: what runs
    // under the binary gets the binary's own.
    let init = venv.package().join("__init__.py");
    let text = std::fs::read_to_string(&init).unwrap();
    replace(&init, &text.replace(VERSION, "0.0.1"));
    let host = venv.package().join("_host/__init__.py");
    replace(&host, "raise ImportError('the host of another version')\n");
    for isolation in ["fork", "spawn"] {
        let run = support::Run::of({
            let mut command = project.daglab(&["ci", "--output", "json", "--isolation", isolation]);
            command.arg("--python").arg(venv.python());
            command
        });
        run.expect_code(0);
        let report = run.report();
        let notebook = support::notebook_of(&report, "notebooks/which.py").to_string();
        let printed = notebook
            .split("DAGLAB ")
            .nth(1)
            .unwrap_or_else(|| panic!("{notebook}"));
        assert!(printed.starts_with(&format!("{VERSION} ")), "{printed}");
        let installed = venv.package();
        assert!(!printed.contains(installed.to_str().unwrap()), "{printed}");
    }
    // By hand, package and binary are what is installed, and don't go together.
    let text = succeeds(&mut python(&["-c", helpers]));
    assert!(
        text.starts_with("3 ") && text.contains("0.0.1") && text.contains(VERSION),
        "{text}"
    );

    // A package without a binary, as from a checkout: what is on PATH, if it is of its version.
    std::fs::remove_file(venv.program("daglab")).unwrap();
    let text = succeeds(&mut python(&["-c", helpers]));
    assert!(
        text.starts_with("3 ") && text.contains("9.9.9") && text.contains("0.0.1"),
        "{text}"
    );
    std::fs::write(&fake, "#!/bin/sh\necho daglab 0.0.1\n").unwrap();
    assert_eq!(
        succeeds(&mut python(&["-c", helpers])),
        format!("{}\n", fake.display())
    );
    let output = python(&["-m", "daglab", "ci"])
        .env("PATH", "/usr/bin:/bin")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(
        said(&output).contains("pip install daglab"),
        "{}",
        said(&output)
    );
}
