//! One file a subcommand: its flags, and what it calls. No business here.

pub mod action;
pub mod call;
pub mod children;
pub mod ci;
pub mod clean;
pub mod completions;
pub mod config;
mod connect;
pub mod discover;
pub mod export;
pub mod init;
pub mod migrate;
mod prepare;
pub mod run;
pub mod scaffold;
mod upload;

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use crate::config::{FlagValue, Loaded, Origin, Request};
use crate::error::{Diagnose, ExitStatus};
use crate::log::Log;
use crate::project::{self, DetectRequest, Project, TargetFlags};
use crate::redact::secrets;
use crate::scaffold::changes;
use crate::supervise::workdir::Workdir;
use crate::ui::Printer;

/// What is printed on stdout by commands that have nothing in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A table for people
    Table,
    /// One JSON value
    Json,
}

/// What every command gets from the process it runs in.
#[derive(Debug)]
pub struct Context {
    /// How to speak.
    pub printer: Printer,
    /// The log.
    pub log: Log,
    /// The environment's variables.
    pub env: Vec<(String, String)>,
    /// The current directory.
    pub dir: PathBuf,
    /// The private directory, for commands that start processes.
    pub workdir: Option<Workdir>,
}

impl Context {
    /// Of a directory, with these variables.
    #[cfg(test)]
    fn for_tests(env: Vec<(String, String)>, dir: &Path) -> Self {
        Self {
            printer: Printer::Silent,
            log: Log::none(),
            env,
            dir: dir.to_owned(),
            workdir: None,
        }
    }

    /// A variable, unless it is empty.
    pub fn variable(&self, name: &str) -> Option<&str> {
        let found = self.env.iter().find(|(other, _)| other == name);
        found
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// The project of a folder, which may be relative to the current directory.
    pub fn project(&self, folder: &Path) -> Result<Project, project::Error> {
        project::detect(&DetectRequest {
            start: self.folder(folder),
            flags: TargetFlags::default(),
            variable: &|name| self.variable(name).map(str::to_owned),
        })
    }

    /// A folder, without the `.` that stands for the folder itself: errors would name it.
    fn folder(&self, folder: &Path) -> PathBuf {
        self.dir.join(folder).components().collect()
    }

    /// The settings of a project; the log follows them.
    pub fn settings(
        &self,
        project: &Path,
        flags: Vec<FlagValue>,
    ) -> Result<Loaded, crate::config::Error> {
        let loaded = crate::config::load(&Request {
            dir: project.to_owned(),
            flags,
            env: self.env.clone(),
            home: self.variable("HOME").map(PathBuf::from),
        })?;
        if *loaded.origins.of("logging.level") != Origin::Default {
            self.log.follow(loaded.settings.logging.level);
        }
        let named = &loaded.settings.security.secrets;
        secrets::keep_variables(
            self.env.iter().map(|(name, value)| (&**name, &**value)),
            named,
        );
        tracing::debug!("settings come from {:?}", loaded.files);
        Ok(loaded)
    }

    /// Puts back what a daglab that was killed had begun to write below a folder, and says so.
    fn undo_interrupted(&self, folder: &Path) -> Result<(), changes::Error> {
        let Some(recovered) = changes::recover(folder)? else {
            return Ok(());
        };
        let say = |what: &str| self.printer.message(&format!("note: {what}"));
        say(&format!(
            "an earlier daglab was killed while it wrote in `{}`; that is undone",
            folder.display()
        ));
        for path in recovered.left {
            say(&format!("`{}` was edited since, and stays", path.display()));
        }
        Ok(())
    }
}

/// Why a command did not do what it was asked, whichever room it was in.
#[derive(Debug)]
pub struct Failure(Box<dyn Diagnose + Send + Sync>);

impl Failure {
    /// What to show.
    pub fn diagnose(&self) -> &dyn Diagnose {
        self.0.as_ref()
    }

    /// A result that could not be written.
    pub fn output(source: std::io::Error) -> Self {
        Output(source).into()
    }
}

impl<E: Diagnose + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(Box::new(error))
    }
}

/// A result could not be written to stdout.
#[derive(Debug, thiserror::Error)]
#[error("could not write the result")]
struct Output(#[source] std::io::Error);

impl Diagnose for Output {
    fn exit_status(&self) -> ExitStatus {
        ExitStatus::Conflict
    }
}
