//! Environments made and completed by the real uv, venv and pip, from stand-in packages in a local
//! folder: no index is asked, and what is installed is known to the byte.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use daglab::error::{Diagnose, ExitStatus};
use daglab::project::environment::{InstallerChoice, Origin};
use daglab::project::{EnvironmentRequest, Error, Progress, PythonEnv, prepare};

/// Writes wheels: `name version requirement…` a line.
const MAKE_WHEELS: &str = r#"
import sys, zipfile
for line in sys.stdin.read().splitlines():
    name, version, *requires = line.split()
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    files = {
        f"{module}/__init__.py": f"__version__ = {version!r}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        + "".join(f"Requires-Dist: {r}\n" for r in requires),
    }
    record = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(f"{sys.argv[1]}/{module}-{version}-py3-none-any.whl", "w") as wheel:
        for path, text in [*files.items(), (f"{info}/RECORD", record)]:
            wheel.writestr(path, text)
"#;

const WHEELS: &str = "dagster 1.4.17 click>=8
dagster 1.12.0 click>=8
dagster 1.13.27 click>=8
dagster-webserver 1.12.0 dagster==1.12.0 dagster-graphql==1.12.0
dagster-webserver 1.13.27 dagster==1.13.27 dagster-graphql==1.13.27
dagster-graphql 1.12.0 dagster==1.12.0
dagster-graphql 1.13.27 dagster==1.13.27
click 8.1.0
click 8.2.0
starlette 1.0.0
starlette 2.0.0
marimo 0.25.2 click>=8 starlette>=2
altair 5.5.0
pandas 2.3.0
";

struct World {
    folder: tempfile::TempDir,
    python: PathBuf,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let python = std::env::var_os("DAGLAB_TEST_PYTHON").map_or("python3".into(), PathBuf::from);
        // The interpreter behind shims and virtual environments.
        let code = "import sys; print(getattr(sys, '_base_executable', sys.executable))";
        let answer = Command::new(&python)
            .args(["-c", code])
            .output()
            .expect("Python is needed");
        let python = PathBuf::from(String::from_utf8_lossy(&answer.stdout).trim());
        let world = Self { folder, python };
        for name in ["wheels", "project", "cache", "home"] {
            std::fs::create_dir(world.path(name)).expect("a folder");
        }
        let config = format!(
            "no-index = true\nfind-links = [{:?}]\n",
            world.path("wheels")
        );
        std::fs::write(world.path("uv.toml"), config).expect("a file");
        world.add_wheels(WHEELS);
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder
            .path()
            .canonicalize()
            .expect("it exists")
            .join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path("project").join(name);
        std::fs::create_dir_all(path.parent().expect("inside")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }

    fn add_wheels(&self, list: &str) {
        let input = self.path("list.txt");
        std::fs::write(&input, list).expect("a file");
        let status = Command::new(&self.python)
            .args(["-c", MAKE_WHEELS])
            .arg(self.path("wheels"))
            .stdin(std::fs::File::open(input).expect("it was written"))
            .status()
            .expect("Python is needed");
        assert!(status.success());
    }

    fn variables(&self) -> BTreeMap<String, String> {
        let text = |path: PathBuf| path.to_string_lossy().into_owned();
        let bin = self
            .python
            .parent()
            .expect("a folder")
            .to_string_lossy()
            .into_owned();
        // An environment that is active where the tests are run is none of this user's.
        let path = std::env::var_os("PATH").expect("PATH is set");
        let others = std::env::split_paths(&path).filter(|folder| {
            !(folder.join("python").exists() && folder.join("../pyvenv.cfg").is_file())
        });
        let folders = std::iter::once(PathBuf::from(bin)).chain(others);
        let path = std::env::join_paths(folders).expect("no colons");
        let path = path.into_string().expect("a text");
        let mut variables: BTreeMap<String, String> = [
            ("PATH", path),
            ("HOME", text(self.path("home"))),
            ("PIP_NO_INDEX", "1".to_owned()),
            ("PIP_FIND_LINKS", text(self.path("wheels"))),
            ("UV_CONFIG_FILE", text(self.path("uv.toml"))),
            ("UV_CACHE_DIR", text(self.path("uv-cache"))),
            ("UV_PYTHON_DOWNLOADS", "never".to_owned()),
            ("PYTHONDONTWRITEBYTECODE", "1".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        // uv is often a shim, which needs to know where its versions are.
        if let Ok(home) = std::env::var("HOME") {
            let root = std::env::var("PYENV_ROOT").unwrap_or_else(|_| format!("{home}/.pyenv"));
            variables.insert("PYENV_ROOT".to_owned(), root);
        }
        variables
    }

    fn request(&self, installer: InstallerChoice) -> EnvironmentRequest {
        EnvironmentRequest {
            root: self.path("project"),
            python: None,
            cache_dir: self.path("cache"),
            variables: self.variables(),
            own: None,
            installer,
        }
    }

    /// A virtual environment of the user's with these packages.
    fn venv(&self, name: &str, packages: &[&str]) -> PathBuf {
        let path = self.path("project").join(name);
        self.run(Command::new(&self.python).args(["-m", "venv"]).arg(&path));
        if !packages.is_empty() {
            let mut pip = Command::new(path.join("bin/python"));
            self.run(pip.args(["-m", "pip", "install", "-q"]).args(packages));
        }
        path
    }

    fn run(&self, command: &mut Command) {
        let output = command
            .env_clear()
            .envs(self.variables())
            .current_dir(self.path("project"))
            .output()
            .expect("it can be started");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

async fn made(request: &EnvironmentRequest) -> (PythonEnv, Vec<Progress>) {
    let seen = RefCell::new(Vec::new());
    let env = prepare(request, &|progress| seen.borrow_mut().push(progress)).await;
    if let Err(error) = &env {
        eprintln!("{error}: {}", error.detail().unwrap_or_default());
    }
    (env.expect("an environment"), seen.into_inner())
}

async fn failure(request: &EnvironmentRequest) -> Error {
    prepare(request, &|_| {}).await.expect_err("it fails")
}

/// What a Python of the environment prints.
fn ask(env: &PythonEnv, code: &str) -> String {
    let output = Command::new(&env.python)
        .args(["-c", code])
        .env_clear()
        .envs(&env.env)
        .output()
        .expect("it can be started");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Every file below a folder with its content, and every link with its target.
fn snapshot(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut pending = vec![folder.to_owned()];
    while let Some(folder) = pending.pop() {
        for entry in std::fs::read_dir(&folder).expect("readable").flatten() {
            let path = entry.path();
            let kind = entry.file_type().expect("known");
            if kind.is_symlink() {
                let target = std::fs::read_link(&path).expect("a link");
                found.insert(path, target.to_string_lossy().as_bytes().to_vec());
            } else if kind.is_dir() {
                pending.push(path);
            } else {
                let content = std::fs::read(&path).expect("readable");
                found.insert(path, content);
            }
        }
    }
    found
}

/// Fails with the paths that differ; the contents would say nothing.
fn assert_unchanged(folder: &Path, before: &BTreeMap<PathBuf, Vec<u8>>, when: &str) {
    let after = snapshot(folder);
    let paths = before.keys().chain(after.keys());
    let changed: Vec<_> = paths
        .filter(|path| before.get(*path) != after.get(*path))
        .collect();
    assert!(changed.is_empty(), "changed {when}: {changed:?}");
}

const TOOLS: [InstallerChoice; 2] = [InstallerChoice::Auto, InstallerChoice::Pip];

#[tokio::test(flavor = "current_thread")]
async fn requirements_are_installed_once_and_completed() {
    for tool in TOOLS {
        let world = World::new();
        world.write("requirements.txt", "-r base.txt\naltair\n");
        world.write("base.txt", "dagster==1.12.0\n");
        let request = world.request(tool);
        let (env, seen) = made(&request).await;
        assert_eq!(env.versions["dagster"], "1.12.0");
        assert_eq!(env.versions["dagster-webserver"], "1.12.0");
        assert_eq!(env.versions["dagster-graphql"], "1.12.0");
        assert_eq!(env.versions["marimo"], "0.25.2");
        assert_eq!(
            env.origin,
            Origin::Made(request.root.join("requirements.txt"))
        );
        assert!(!env.overlay && env.notes.is_empty(), "{env:?}");
        assert!(
            seen.iter().any(|p| matches!(p, Progress::Output(_))),
            "{seen:?}"
        );
        assert_eq!(
            ask(&env, "import altair, marimo; print(altair.__version__)"),
            "5.5.0"
        );
        let compiled = "import importlib.util as u, os, marimo, dagster;\
            print(*[os.path.exists(u.cache_from_source(m.__file__)) for m in (marimo, dagster)])";
        assert_eq!(
            ask(&env, compiled),
            "True True",
            "compiled though PYTHONDONTWRITEBYTECODE is set"
        );

        let start = std::time::Instant::now();
        let (again, seen) = made(&request).await;
        assert_eq!(again, env);
        assert!(seen.is_empty(), "nothing is done the second time: {seen:?}");
        assert!(
            start.elapsed() < Duration::from_millis(250),
            "{:?}",
            start.elapsed()
        );

        world.write("base.txt", "dagster==1.13.27\n");
        let (newer, _) = made(&request).await;
        assert_eq!(newer.versions["dagster-webserver"], "1.13.27");
        assert_ne!(newer.python, env.python);
        assert!(env.python.exists(), "the other environment is still good");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn dependencies_of_a_pyproject_and_its_dev_group() {
    for tool in TOOLS {
        let world = World::new();
        world.write(
            "pyproject.toml",
            "[build-system]\nrequires = ['not-there']\nbuild-backend = 'not_there'\n\
             [project]\nname = 'orders'\nversion = '1'\ndependencies = ['dagster']\n\
             [dependency-groups]\ndev = [{include-group = 'plots'}]\nplots = ['altair']\n",
        );
        world.write("src/orders/__init__.py", "");
        let request = world.request(tool);
        let (env, _) = made(&request).await;
        assert_eq!(env.versions["dagster"], "1.13.27");
        assert_eq!(
            ask(&env, "import altair; print(altair.__version__)"),
            "5.5.0"
        );
        assert_eq!(
            env.pythonpath,
            [request.root.join("src"), request.root.clone()]
        );
        let left: Vec<_> = snapshot(&request.root).into_keys().collect();
        assert_eq!(left.len(), 2, "the work tree is as it was: {left:?}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_lock_is_followed_and_left_alone() {
    let world = World::new();
    world.write(
        "pyproject.toml",
        "[project]\nname = 'orders'\nversion = '1'\nrequires-python = '>=3.10'\n\
         dependencies = ['dagster', 'click<8.2']\n[dependency-groups]\ndev = ['altair']\n",
    );
    let request = world.request(InstallerChoice::Auto);
    world.run(
        Command::new("uv")
            .args(["lock", "--python"])
            .arg(&world.python),
    );
    let before = snapshot(&request.root);
    let (env, _) = made(&request).await;
    assert_eq!(env.origin, Origin::Made(request.root.join("uv.lock")));
    assert_eq!(env.versions["marimo"], "0.25.2");
    let versions = "import click, altair; print(click.__version__, altair.__version__)";
    assert_eq!(
        ask(&env, versions),
        "8.1.0 5.5.0",
        "what marimo needs did not change the lock's click"
    );
    assert_unchanged(&request.root, &before, "by the installation");
    assert!(env.env["VIRTUAL_ENV"].starts_with(&*request.cache_dir.to_string_lossy()));
}

#[tokio::test(flavor = "current_thread")]
async fn what_an_environment_lacks_goes_in_front_of_it() {
    for tool in TOOLS {
        let world = World::new();
        let venv = world.venv(".venv", &["dagster==1.12.0", "click==8.1.0", "pandas"]);
        // An editable install: a link in site-packages and a description.
        world.write("lib/shared/__init__.py", "where = 'the work tree'\n");
        let minor = String::from_utf8(
            Command::new(venv.join("bin/python"))
                .args([
                    "-c",
                    "import sys; print('python%d.%d' % sys.version_info[:2])",
                ])
                .output()
                .expect("it starts")
                .stdout,
        )
        .expect("text");
        let packages = venv.join("lib").join(minor.trim()).join("site-packages");
        let library = world.path("project").join("lib");
        std::fs::write(
            packages.join("shared.pth"),
            library.to_string_lossy().as_bytes(),
        )
        .expect("a file");
        // A module that every start of the environment imports, and that is not compiled.
        std::fs::write(packages.join("hook.pth"), "import hook\n").expect("a file");
        std::fs::write(packages.join("hook.py"), "").expect("a file");
        let before = snapshot(&venv);

        let request = world.request(tool);
        let (env, _) = made(&request).await;
        assert_unchanged(&venv, &before, &format!("by the overlay ({tool:?})"));
        assert!(env.overlay);
        assert_eq!(env.origin, Origin::DotVenv(venv.clone()));
        assert!(env.python.starts_with(&request.cache_dir));
        assert_eq!(env.versions["dagster-webserver"], "1.12.0");
        assert_eq!(env.versions["marimo"], "0.25.2");
        let code = "import dagster, click, marimo, pandas, shared, starlette;\
            print(dagster.__file__); print(click.__version__, starlette.__version__, shared.where)";
        let answer = ask(&env, code);
        let (dagster, rest) = answer.split_once('\n').expect("two lines");
        assert!(
            dagster.starts_with(&*venv.to_string_lossy()),
            "the user's own dagster: {dagster}"
        );
        assert_eq!(rest, "8.1.0 2.0.0 the work tree");
        let bins: Vec<&str> = env.env["PATH"].split(':').take(2).collect();
        assert_eq!(bins[1], venv.join("bin").to_string_lossy());

        let (again, seen) = made(&request).await;
        assert_eq!(again, env);
        assert!(seen.is_empty(), "{seen:?}");
        assert_unchanged(&venv, &before, "by the second preparation");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn where_versions_exclude_each_other_the_overlay_has_its_own() {
    for tool in TOOLS {
        let world = World::new();
        let venv = world.venv(".venv", &["dagster==1.12.0", "starlette==1.0.0"]);
        let before = snapshot(&venv);
        let (env, _) = made(&world.request(tool)).await;
        let answer = ask(
            &env,
            "import starlette, dagster; print(starlette.__version__, dagster.__version__)",
        );
        assert_eq!(answer, "2.0.0 1.12.0");
        assert_eq!(env.notes.len(), 1, "{:?}", env.notes);
        assert_unchanged(&venv, &before, "by the overlay");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn the_order_of_environments() {
    let world = World::new();
    let all = ["dagster-webserver==1.12.0", "marimo"];
    let active = world.venv("active", &all);
    let dot = world.venv(".venv", &all);
    let bare = world.venv("bare", &[]);
    world.write("requirements.txt", "dagster\n");
    let mut request = world.request(InstallerChoice::Auto);
    let text = |path: &Path| path.to_string_lossy().into_owned();

    let (env, _) = made(&request).await;
    assert_eq!(
        (env.origin, env.python),
        (Origin::DotVenv(dot.clone()), dot.join("bin/python"))
    );
    assert!(!env.overlay);

    request
        .variables
        .insert("VIRTUAL_ENV".to_owned(), text(&active));
    let (env, _) = made(&request).await;
    assert_eq!(env.origin, Origin::VirtualEnv(active.clone()));

    request
        .variables
        .insert("VIRTUAL_ENV".to_owned(), text(&bare));
    let (env, _) = made(&request).await;
    assert_eq!(
        env.origin,
        Origin::DotVenv(dot.clone()),
        "one without dagster is passed over"
    );

    request.python = Some(text(&dot));
    let (env, _) = made(&request).await;
    assert_eq!(env.origin, Origin::Flag(text(&dot)));

    request.python = Some(text(&bare.join("bin/python")));
    let (env, _) = made(&request).await;
    assert!(
        matches!(env.origin, Origin::Made(_)),
        "it is what the environment is made with"
    );

    let minor = env
        .version
        .splitn(3, '.')
        .take(2)
        .collect::<Vec<_>>()
        .join(".");
    request.python = Some(minor);
    let (env, _) = made(&request).await;
    assert_eq!(env.origin, Origin::DotVenv(dot.clone()));

    // Where daglab itself is installed, if it is beside a Dagster.
    std::fs::remove_dir_all(&dot).expect("a folder");
    request.python = None;
    request.variables.remove("VIRTUAL_ENV");
    request.own = Some(active.clone());
    let (env, _) = made(&request).await;
    assert_eq!(env.origin, Origin::Own(active));
    request.own = Some(bare);
    let (env, _) = made(&request).await;
    assert!(matches!(env.origin, Origin::Made(_)), "{:?}", env.origin);
    assert_eq!(env.notes, Vec::<String>::new());
}

#[tokio::test(flavor = "current_thread")]
async fn two_at_once_make_it_once() {
    let world = World::new();
    world.write("requirements.txt", "dagster\n");
    let request = world.request(InstallerChoice::Auto);
    let ((one, first), (two, second)) = tokio::join!(made(&request), made(&request));
    assert_eq!(one, two);
    let installs = |seen: &[Progress]| {
        seen.iter()
            .filter(|p| matches!(p, Progress::Step(s) if s.starts_with("Installing")))
            .count()
    };
    assert_eq!(
        installs(&first) + installs(&second),
        1,
        "{first:?} {second:?}"
    );
}

#[tokio::test(flavor = "current_thread")]
async fn a_half_made_environment_is_made_anew() {
    let world = World::new();
    world.write("requirements.txt", "dagster\n");
    let request = world.request(InstallerChoice::Pip);
    let started = tokio::sync::Notify::new();
    let notify = |progress| {
        if matches!(progress, Progress::Output(_)) {
            started.notify_one();
        }
    };
    tokio::select! {
        _ = prepare(&request, &notify) => panic!("it was to be interrupted"),
        () = started.notified() => {}
    }
    let envs = request.cache_dir.join("envs");
    assert!(
        envs.read_dir()
            .expect("it was begun")
            .flatten()
            .any(|e| e.path().is_dir())
    );
    let (env, seen) = made(&request).await;
    assert!(!seen.is_empty());
    assert_eq!(env.versions["marimo"], "0.25.2");
}

#[tokio::test(flavor = "current_thread")]
async fn no_environment_to_be_had() {
    let world = World::new();
    let mut request = world.request(InstallerChoice::Auto);
    let error = failure(&request).await;
    assert!(matches!(error, Error::NoDagster { .. }), "{error}");
    assert_eq!(error.exit_status(), ExitStatus::Environment);
    assert!(error.hint().expect("a hint").contains("requirements.txt"));

    request
        .variables
        .insert("PATH".to_owned(), "/nowhere".to_owned());
    let error = failure(&request).await;
    assert!(matches!(error, Error::NoPython { .. }), "{error}");

    world.write("requirements.txt", "dagster\n");
    let error = failure(&request).await;
    assert!(matches!(error, Error::NoPython { .. }), "{error}");

    for (value, reason) in [
        ("/nowhere/python", "there is no such file"),
        ("no-such-python", "no such program on PATH"),
        ("3.x", "no version"),
        ("/bin/sh", "it fails"),
        ("/etc", "no virtual environment"),
    ] {
        request.python = Some(value.to_owned());
        let error = failure(&request).await;
        assert!(matches!(error, Error::NotAPython { .. }), "{error}");
        assert!(error.to_string().contains(reason), "{error}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn environments_that_cannot_be_used() {
    let world = World::new();
    let request = world.request(InstallerChoice::Auto);
    let venv = world.venv(".venv", &["dagster==1.4.17"]);
    let error = failure(&request).await;
    assert_eq!(
        error.to_string(),
        format!(
            "Dagster 1.4.17 in `{}` is not supported, daglab works with >=1.5,<2.0",
            venv.join("bin/python").display()
        )
    );
    for name in ["python", "python3"] {
        let link = venv.join("bin").join(name);
        std::fs::remove_file(&link).expect("it is there");
        std::os::unix::fs::symlink("/nowhere/python3", &link).expect("a link");
    }
    let error = failure(&request).await;
    assert!(matches!(error, Error::BrokenEnvironment { .. }), "{error}");
    assert!(
        error
            .to_string()
            .contains("`/nowhere/python3`, which is not there"),
        "{error}"
    );
    assert!(error.hint().expect("a hint").contains("uv sync"));
}

#[tokio::test(flavor = "current_thread")]
async fn a_python_that_is_too_old() {
    let world = World::new();
    let fake = world.path("project").join("python3.9");
    let answer = r#"{"version": "3.9.18", "prefix": "/", "executable": "/old", "base_executable": "/old",
        "site_dirs": [], "scanned": [], "distributions": {"dagster": "1.8.0"}, "editable": [], "bytecode": false}"#;
    let script = format!("#!/bin/sh\necho '{}'\n", answer.replace('\n', " "));
    std::fs::write(&fake, script).expect("a file");
    std::fs::set_permissions(&fake, std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .expect("a mode");
    let mut request = world.request(InstallerChoice::Auto);
    request.python = Some(fake.to_string_lossy().into_owned());
    let error = failure(&request).await;
    assert!(matches!(error, Error::PythonTooOld { .. }), "{error}");
    assert!(error.to_string().contains("3.9.18"), "{error}");
}

#[tokio::test(flavor = "current_thread")]
async fn a_failed_installation_shows_the_tools_last_words() {
    for tool in TOOLS {
        let world = World::new();
        world.write("requirements.txt", "dagster\nno-such-package-here\n");
        let error = failure(&world.request(tool)).await;
        let Error::InstallFailed { output, .. } = &error else {
            panic!("{error}")
        };
        assert!(output.contains("no-such-package-here"), "{output}");
        assert_eq!(error.exit_status(), ExitStatus::Environment);
        assert!(error.hint().is_some());
        assert!(error.to_string().contains("requirements.txt"), "{error}");
    }
}
