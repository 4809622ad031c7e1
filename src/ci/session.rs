//! What the parts of one execution share.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use super::gate::Gate;
use super::schedule::Schedule;
use crate::dagster::Client;
use crate::dagster::discover::Workspace;
use crate::host::Host;
use crate::host::launcher::Launcher;
use crate::publish::local::LocalStore;
use crate::report::model::{Finding, Severity};
use crate::ui::progress::Event;

/// Hears what happens.
pub type Emit = Rc<dyn Fn(Event)>;

/// Whether Dagster answers, and if so what it has loaded.
pub type Dagster = Result<Rc<Workspace>, Rc<str>>;

/// What the parts of one execution share.
pub struct Session {
    /// Where Python runs.
    pub host: Host,
    /// How Dagster is spoken to.
    pub client: Client,
    /// The queue of runs, unless the instance has a launcher of its own.
    pub launcher: Option<Launcher>,
    /// Places and gates.
    pub schedule: Schedule,
    /// Who hears what happens.
    pub emit: Emit,
    /// The project's root.
    pub root: PathBuf,
    /// The private directory for attempts at notebooks.
    pub scratch: PathBuf,
    /// Where finished files go.
    pub store: RefCell<LocalStore>,
    /// Variables for notebooks on top of the host's.
    pub notebook_env: BTreeMap<String, Option<String>>,
    /// daglab's own variables, for what single notebooks name.
    pub user_env: BTreeMap<String, String>,
    /// The longest pause between two looks at a run.
    pub polling: Duration,
    /// Whether links to Dagster's UI will work when daglab has ended.
    pub instance_stays: bool,
    /// The names of the asset checks that carry verdicts of the plan's notebooks.
    pub notebook_checks: BTreeSet<String>,
    /// Whether pictures among the outputs are stored as files.
    pub keep_pictures: bool,
    /// Open once Dagster answers, or never will.
    pub dagster: Gate<Dagster>,
    /// Open once the host has imported what notebooks need.
    pub warm: Gate<()>,
    /// Runs that were launched and are not known to have ended.
    pub open_runs: RefCell<BTreeSet<String>>,
    /// How code servers ended, by location.
    pub lost: RefCell<BTreeMap<String, String>>,
    /// What was found on the way.
    pub findings: RefCell<Vec<Finding>>,
}

impl Session {
    /// Tells whoever watches.
    pub fn emit(&self, event: Event) {
        (self.emit)(event);
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
