//! Make an environment in the cache from what a project declares.

use std::path::Path;
use std::time::Duration;

use super::cache::{Recipe, Slot, prune};
use super::choose::Base;
use super::declared::{Declared, Source};
use super::interpreter::on_path;
use super::probe::{Probe, probe};
use super::tool::{self, ToolCommand, is_network_trouble};
use super::{COMPANIONS, InstallerChoice, Session};
use crate::project::Error;

/// Projects larger than this are not copied to ask their build backend for the dependencies.
const LARGEST_FILE: u64 = 8 << 20;

/// The tool at hand.
#[derive(Debug, Clone)]
pub(super) enum Installer {
    /// The beginning of a uv command line.
    Uv(ToolCommand),
    /// The `venv` and `pip` modules of the interpreter.
    Pip,
}

impl Installer {
    /// uv on PATH, uv as a module of the interpreter, or pip.
    pub(super) async fn find(base: Option<&Path>, session: &Session<'_>) -> Self {
        if session.installer == InstallerChoice::Pip {
            return Self::Pip;
        }
        let programs = on_path("uv", session).map(ToolCommand::new);
        let module = base.map(|python| ToolCommand::new(python).args(["-B", "-m", "uv"]));
        for candidate in programs.chain(module) {
            // A shim may be there for a Python that lacks uv, so it has to answer.
            let question = candidate.clone().arg("--version");
            let limit = Duration::from_secs(20);
            let answer =
                tool::capture(&question, session.root, &session.tool_variables, limit).await;
            if answer.is_ok_and(|answer| answer.success) {
                return Self::Uv(candidate);
            }
        }
        Self::Pip
    }

    /// Makes an empty environment.
    pub(super) async fn venv(
        &self,
        path: &Path,
        base: &Base,
        session: &Session<'_>,
    ) -> Result<(), Error> {
        let command = match (self, base) {
            (Self::Uv(uv), base) => uv
                .clone()
                .args(["venv", "--no-project", "--python"])
                .arg(base.request())
                .arg(path),
            (Self::Pip, Base::Found(probe)) => ToolCommand::new(&probe.python)
                .args(["-B", "-m", "venv"])
                .arg(path),
            (Self::Pip, Base::Fetched { request, looked_at }) => {
                return Err(Error::NoPython {
                    wanted: Some(request.clone()),
                    looked_at: looked_at.clone(),
                });
            }
        };
        self.run(&command, session.root, "make a Python environment", session)
            .await
    }

    /// The beginning of an installation into the environment of `python`.
    fn install(&self, python: &Path) -> ToolCommand {
        match self {
            Self::Uv(uv) => uv
                .clone()
                .args(["pip", "install", "--compile-bytecode", "--python"])
                .arg(python),
            // -B: behind an overlay, pip runs the user's `.pth` files, and what these import must
            // not be compiled beside its source. What pip installs it compiles all the same.
            Self::Pip => ToolCommand::new(python).args([
                "-B",
                "-m",
                "pip",
                "install",
                "--disable-pip-version-check",
                "--no-input",
                "--progress-bar",
                "off",
            ]),
        }
    }

    async fn run(
        &self,
        command: &ToolCommand,
        cwd: &Path,
        action: &str,
        session: &Session<'_>,
    ) -> Result<(), Error> {
        tool::install(
            command,
            cwd,
            &session.tool_variables,
            action,
            session.progress,
        )
        .await?;
        Ok(())
    }
}

impl Base {
    fn request(&self) -> String {
        match self {
            Self::Found(probe) => probe.python.to_string_lossy().into_owned(),
            Self::Fetched { request, .. } => request.clone(),
        }
    }

    fn python(&self) -> Option<&Path> {
        match self {
            Self::Found(probe) => Some(&probe.python),
            Self::Fetched { .. } => None,
        }
    }

    fn recipe(&self, recipe: Recipe) -> Recipe {
        match self {
            Self::Found(probe) => recipe
                .with("interpreter", probe.base_executable.to_string_lossy())
                .with("python", &probe.version),
            Self::Fetched { request, .. } => recipe.with("interpreter", request),
        }
    }
}

/// The environment that a project declares, with what daglab needs beside it.
pub(super) async fn make(
    declared: &Declared,
    base: Base,
    session: &Session<'_>,
) -> Result<Probe, Error> {
    let mut recipe = Recipe::default()
        .with("kind", "project")
        .with(
            "source",
            format!("{:?}", std::mem::discriminant(&declared.source)),
        )
        .with("requirements", &declared.text)
        .with("installer", format!("{:?}", session.installer));
    recipe = base.recipe(recipe);
    if declared.is_local {
        recipe = recipe.with("root", session.root.to_string_lossy());
    }
    let label = session
        .root
        .file_name()
        .unwrap_or_default()
        .to_string_lossy();
    let slot = Slot::new(session.cache, &label, recipe);
    if !slot.is_complete() {
        let _lock = slot.lock(session.progress).await?;
        if !slot.is_complete() {
            slot.clear()?;
            let installer = Installer::find(base.python(), session).await;
            install_declared(&slot, declared, &base, &installer, session).await?;
            let made = reprobe(&slot.python(), session).await?;
            let missing: Vec<&str> = COMPANIONS
                .iter()
                .copied()
                .filter(|name| !made.has(name))
                .collect();
            if !missing.is_empty() {
                add_missing(&slot, &made, &missing, &installer, session).await?;
            }
            refuse_incomplete(&slot, session).await?;
            slot.complete()?;
            prune(session.cache);
        }
    }
    reprobe(&slot.python(), session).await
}

pub(super) async fn reprobe(python: &Path, session: &Session<'_>) -> Result<Probe, Error> {
    probe(python, session)
        .await
        .map_err(|reason| Error::BrokenEnvironment {
            path: python.to_owned(),
            reason,
        })
}

/// An installation can succeed and still not give what was asked for.
pub(super) async fn refuse_incomplete(slot: &Slot, session: &Session<'_>) -> Result<(), Error> {
    let made = reprobe(&slot.python(), session).await?;
    let needed = std::iter::once("dagster").chain(COMPANIONS.iter().copied());
    match needed
        .filter(|name| !made.has(name))
        .collect::<Vec<_>>()
        .as_slice()
    {
        [] => Ok(()),
        absent => Err(Error::BrokenEnvironment {
            path: slot.path.clone(),
            reason: format!(
                "{} cannot be found in it after the installation",
                absent.join(", ")
            ),
        }),
    }
}

async fn install_declared(
    slot: &Slot,
    declared: &Declared,
    base: &Base,
    installer: &Installer,
    session: &Session<'_>,
) -> Result<(), Error> {
    let file = declared.source.path();
    session.step(format!(
        "Installing the requirements of `{}`",
        file.display()
    ));
    let action = format!("install the requirements of `{}`", file.display());
    let folder = &declared.folder;
    if let (Source::UvLock(_), Installer::Uv(uv)) = (&declared.source, installer) {
        let command = uv
            .clone()
            .args([
                "sync",
                "--frozen",
                "--no-install-project",
                "--compile-bytecode",
                "--python",
            ])
            .arg(base.request())
            .env("UV_PROJECT_ENVIRONMENT", &slot.path);
        return installer.run(&command, folder, &action, session).await;
    }
    installer.venv(&slot.path, base, session).await?;
    let python = slot.python();
    let install = installer.install(&python);
    match (&declared.source, installer) {
        (Source::Requirements(file), _) => {
            let command = install.arg("-r").arg(file);
            installer.run(&command, folder, &action, session).await
        }
        (Source::Pyproject(file), Installer::Uv(_)) => {
            let mut command = install.arg("-r").arg(file);
            if declared.has_dev_group {
                command = command.args(["--group", "dev"]);
            }
            installer.run(&command, folder, &action, session).await
        }
        (Source::Pyproject(_), Installer::Pip) => {
            let command = with_requirements(install, &slot.path, &declared.requirements)?;
            installer.run(&command, folder, &action, session).await
        }
        (Source::UvLock(lock), _) => {
            session.note(format!(
                "`{}` is not followed because there is no uv: pip chose the versions",
                lock.display()
            ));
            install_from_copy(install, folder, installer, &action, session).await
        }
        (Source::Backend(_), _) => {
            install_from_copy(install, folder, installer, &action, session).await
        }
    }
}

/// Writes requirements to a file in the environment: a command line has limits, and markers would
/// need quoting in what a failure shows.
fn with_requirements(
    command: ToolCommand,
    environment: &Path,
    requirements: &[String],
) -> Result<ToolCommand, Error> {
    let file = environment.join("daglab-requirements.txt");
    write(&file, &requirements.join("\n"))?;
    Ok(command.arg("-r").arg(file))
}

pub(super) fn write(path: &Path, text: &str) -> Result<(), Error> {
    std::fs::write(path, text).map_err(|source| Error::Cache {
        path: path.to_owned(),
        source,
    })
}

/// Where only the build backend knows the dependencies, a copy of the project is installed: a build
/// in the work tree would leave its traces there. The live sources come first on the import path.
async fn install_from_copy(
    install: ToolCommand,
    folder: &Path,
    installer: &Installer,
    action: &str,
    session: &Session<'_>,
) -> Result<(), Error> {
    let copy = tempfile::tempdir().map_err(|source| Error::Cache {
        path: std::env::temp_dir(),
        source,
    })?;
    let target = copy
        .path()
        .join(folder.file_name().unwrap_or("project".as_ref()));
    copy_sources(folder, &target).map_err(|source| Error::Unreadable {
        path: folder.to_owned(),
        source,
    })?;
    // Without the git history such versions cannot be known; nothing depends on them here.
    let command = install
        .arg(&target)
        .env("SETUPTOOLS_SCM_PRETEND_VERSION", "0.0.0")
        .env("PBR_VERSION", "0.0.0")
        .env("POETRY_DYNAMIC_VERSIONING_BYPASS", "0.0.0");
    installer.run(&command, folder, action, session).await
}

/// Copies what git would not ignore, without large files.
fn copy_sources(from: &Path, to: &Path) -> std::io::Result<()> {
    let walk = ignore::WalkBuilder::new(from)
        .hidden(true)
        .require_git(false)
        .build();
    for entry in walk.flatten() {
        let Ok(relative) = entry.path().strip_prefix(from) else {
            continue;
        };
        let target = to.join(relative);
        let Some(kind) = entry.file_type() else {
            continue;
        };
        if kind.is_dir() {
            std::fs::create_dir_all(&target)?;
        } else if kind.is_file() && entry.metadata().is_ok_and(|m| m.len() <= LARGEST_FILE) {
            std::fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

/// Adds to an environment of ours what it lacks, without changing what was installed.
async fn add_missing(
    slot: &Slot,
    made: &Probe,
    missing: &[&str],
    installer: &Installer,
    session: &Session<'_>,
) -> Result<(), Error> {
    session.step(format!("Adding {}", missing.join(", ")));
    install_missing(slot, made, missing, installer, session).await
}

/// Installs `missing` in versions that go with what `installed` has. If that cannot be, packages
/// other than Dagster's and those installed in place may take another version, in our environment.
pub(super) async fn install_missing(
    slot: &Slot,
    installed: &Probe,
    missing: &[&str],
    installer: &Installer,
    session: &Session<'_>,
) -> Result<(), Error> {
    let action = format!("install {}", missing.join(", "));
    let dagster = installed.distributions.get("dagster");
    let requirements: Vec<String> = missing
        .iter()
        .map(
            |name| match dagster.filter(|_| name.starts_with("dagster-")) {
                Some(version) => format!("{name}=={version}"),
                None => (*name).to_owned(),
            },
        )
        .collect();
    let pinned = |keep: &dyn Fn(&str) -> bool| {
        let pins = installed
            .distributions
            .iter()
            .filter(|(name, _)| keep(name));
        pins.map(|(name, version)| format!("{name}=={version}\n"))
            .collect::<String>()
    };
    let constraints = slot.path.join("daglab-constraints.txt");
    let install = installer
        .install(&slot.python())
        .args(&requirements)
        .arg("-c")
        .arg(&constraints);
    write(&constraints, &pinned(&|_| true))?;
    let strict = installer
        .run(&install, session.root, &action, session)
        .await;
    let Err(error) = strict else { return Ok(()) };
    if matches!(&error, Error::InstallFailed { output, .. } if is_network_trouble(output)) {
        return Err(error);
    }
    let must_stay = |name: &str| name.starts_with("dagster") || installed.editable.contains(name);
    write(&constraints, &pinned(&must_stay))?;
    session.step("Trying again with other versions of shared packages");
    // The first message says what is in the way; a second failure only follows from it.
    installer
        .run(&install, session.root, &action, session)
        .await
        .map_err(|_| error)?;
    session.note(format!(
        "{} would not go with the installed versions of all packages: some are newer here",
        missing.join(", ")
    ));
    Ok(())
}
