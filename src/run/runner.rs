//! What all runs of one command share.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use super::latch::Latch;
use super::schedule::Schedule;
use crate::dagster::Client;
use crate::dagster::discover::Workspace;
use crate::host::launcher::Launcher;
use crate::publish::local::LocalStore;
use crate::ui::progress::Event;

/// Hears what happens.
pub type Emit = Rc<dyn Fn(Event)>;

/// Whether Dagster answers, and if so what it has loaded.
pub type Dagster = Result<Rc<Workspace>, Rc<str>>;

/// How long a launched run is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Not at all.
    No,
    /// Until it ends, or until its time is over; it then goes on.
    UntilItsTime,
    /// Until it ends, which it is made to when its time is over.
    UntilItsEnd,
}

/// Launches runs and follows them.
pub struct Runner {
    /// How Dagster is spoken to.
    pub client: Client,
    /// Places and latches.
    pub schedule: Schedule,
    /// Who hears what happens.
    pub emit: Emit,
    /// The project's root, to which paths in errors are made relative.
    pub root: PathBuf,
    /// How long a launched run is waited for.
    pub wait: Wait,
    /// The longest pause between two looks at a run.
    pub polling: Duration,
    /// Whether runs are listened to over a websocket rather than looked at.
    pub live: bool,
    /// Whether links to Dagster's UI will work when daglab has ended.
    pub instance_stays: bool,
    /// The names of asset checks that are left out, for their verdicts come from elsewhere.
    pub own_checks: BTreeSet<String>,
    /// What there is only where daglab itself runs Dagster.
    pub local: Option<Local>,
    /// Where logs of runs go, if they are kept.
    pub logs: Option<Rc<RefCell<LocalStore>>>,
    /// Open once Dagster answers, or never will.
    pub dagster: Latch<Dagster>,
    /// Runs that were launched and are not known to have ended, with their titles.
    pub open_runs: RefCell<BTreeMap<String, String>>,
    /// The titles of runs that are being launched at this moment.
    pub launching: RefCell<BTreeSet<String>>,
}

/// What there is only where daglab itself runs Dagster.
pub struct Local {
    /// The queue of runs, unless the instance has a launcher of its own.
    pub launcher: Option<Launcher>,
    /// The variables that runs see.
    pub env: BTreeMap<String, String>,
}

impl Runner {
    /// For a run of a server that is there already, which nobody waits for.
    pub fn new(client: Client, root: &Path) -> Self {
        Self {
            client,
            schedule: Schedule::new(1, 1),
            emit: Rc::new(|_| {}),
            root: root.to_owned(),
            wait: Wait::No,
            polling: Duration::from_secs(1),
            live: false,
            instance_stays: true,
            own_checks: BTreeSet::new(),
            local: None,
            logs: None,
            dagster: Latch::new(),
            open_runs: RefCell::default(),
            launching: RefCell::default(),
        }
    }

    /// The queue of runs, where daglab itself is the launcher.
    pub(super) fn launcher(&self) -> Option<&Launcher> {
        self.local.as_ref()?.launcher.as_ref()
    }

    /// Tells whoever watches.
    pub fn emit(&self, event: Event) {
        (self.emit)(event);
    }
}
