//! What carrying out a plan needs from whoever asks for it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::plan::Plan;
use crate::dagster::ClientConfig;
use crate::host::instance::{self, Location};
use crate::host::{Interpreter, Isolation};
use crate::publish::Publisher;
use crate::publish::retention::Policy;
use crate::report::model::{Origin, ProjectInfo};
use crate::run::Emit;
use crate::supervise::cancel::Cancel;
use crate::supervise::workdir::Workdir;

/// Everything that carrying out a plan needs.
pub struct Job<'a> {
    /// The plan.
    pub plan: Plan,
    /// What the report says of the project; versions are filled in here.
    pub info: ProjectInfo,
    /// What caused the run, where a CI server did.
    pub origin: Option<Origin>,
    /// The project's root.
    pub root: PathBuf,
    /// The code locations.
    pub locations: Vec<Location>,
    /// Python, and what its children see.
    pub interpreter: Interpreter,
    /// Installed versions by distribution.
    pub versions: BTreeMap<String, String>,
    /// How processes are started; `None` for fork, and spawn where that fails.
    pub isolation: Option<Isolation>,
    /// Which instance; `None` where nothing needs Dagster, or a deployment is there.
    pub instance: Option<instance::Kind>,
    /// The deployment that takes an instance's place: notebooks speak to it, and links go there.
    pub deployment: Option<ClientConfig>,
    /// Whether links and verdicts are attached.
    pub attach: bool,
    /// Where the empty databases of this version of Dagster are kept.
    pub template: PathBuf,
    /// Whether logs of runs are stored as files.
    pub keep_logs: bool,
    /// Whether pictures among the outputs are stored as files.
    pub keep_pictures: bool,
    /// Whether the latest run of a job gets a link when the plan launches none.
    pub tag_latest_run: bool,
    /// Which files of earlier runs are kept.
    pub retention: Policy,
    /// Where pages are published beside the store, so that others can open them.
    pub publisher: Option<Publisher>,
    /// The label of links.
    pub metadata_key: String,
    /// daglab's own variables, for what single notebooks name.
    pub user_env: BTreeMap<String, String>,
    /// The longest pause between two looks at a run.
    pub polling: Duration,
    /// How patient requests to Dagster are, and what they may ask; the address is filled in here.
    pub client: ClientConfig,
    /// How long Dagster may take to come up.
    pub start_up: Duration,
    /// The private directory.
    pub workdir: &'a Workdir,
    /// Ends it early.
    pub cancel: Cancel,
    /// Hears what happens.
    pub emit: Emit,
    /// What took time before.
    pub timings: BTreeMap<String, f64>,
    /// When the command began.
    pub begun: Instant,
    /// The same, as the calendar has it.
    pub started_at: String,
}
