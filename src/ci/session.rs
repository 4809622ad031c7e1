//! What the parts of one execution share.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;

use super::plan::PlannedNotebook;
use crate::dagster;
use crate::host::Host;
use crate::marimo::format::{Ability, Format};
use crate::publish::local::LocalStore;
use crate::redact;
use crate::report::model::{Finding, ProjectInfo, Severity};
use crate::run::Runner;
use crate::run::latch::Latch;
use crate::ui::progress::Event;

/// What the parts of one execution share.
pub struct Session {
    /// What its runs share.
    pub runner: Runner,
    /// Where Python runs.
    pub host: Host,
    /// The private directory for attempts at notebooks.
    pub scratch: PathBuf,
    /// Where finished files go.
    pub store: Rc<RefCell<LocalStore>>,
    /// What pages say of the project.
    pub project: ProjectInfo,
    /// When the command began, RFC 3339.
    pub started_at: String,
    /// Variables for notebooks on top of the host's.
    pub notebook_env: BTreeMap<String, Option<String>>,
    /// daglab's own variables, for what single notebooks name.
    pub user_env: BTreeMap<String, String>,
    /// Whether pictures among the outputs are stored as files.
    pub keep_pictures: bool,
    /// Open once the host has imported what notebooks need.
    pub warm: Latch<()>,
    /// What the installed marimo can export to.
    pub abilities: BTreeMap<Format, Ability>,
    /// Why a deployment can't be asked.
    pub unanswered: RefCell<Option<dagster::Error>>,
    /// How code servers ended, by location.
    pub lost: RefCell<BTreeMap<String, String>>,
    /// What was found on the way.
    pub findings: RefCell<Vec<Finding>>,
}

impl Session {
    /// Tells whoever watches.
    pub fn emit(&self, event: Event) {
        self.runner.emit(event);
    }

    /// A private directory for one attempt. Its name is short: what a notebook puts there may be a
    /// socket, whose path has a limit.
    pub(super) fn scratch_dir(&self) -> std::io::Result<tempfile::TempDir> {
        tempfile::Builder::new()
            .prefix("")
            .tempdir_in(&self.scratch)
    }

    /// The variables that a notebook gets on top of the host's.
    pub(super) fn env_of(&self, planned: &PlannedNotebook) -> BTreeMap<String, Option<String>> {
        let mut env = self.notebook_env.clone();
        for name in planned.env.iter().filter(|name| redact::may_be_named(name)) {
            if let Some(value) = self.user_env.get(name) {
                env.insert(name.clone(), Some(value.clone()));
            }
        }
        env
    }

    /// Notes a finding.
    pub fn find(&self, finding: Finding) {
        self.findings.borrow_mut().push(finding);
    }
}

/// A finding of daglab's own.
pub fn finding(source: &str, code: &str, severity: Severity, message: String) -> Finding {
    Finding {
        source: source.to_owned(),
        code: Some(code.to_owned()),
        severity,
        message,
        path: None,
        line: None,
        column: None,
        hint: None,
    }
}
