//! What the parts of one execution share.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;

use crate::host::Host;
use crate::publish::local::LocalStore;
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
