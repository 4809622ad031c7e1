//! Following a run to its end: live over a websocket where that is wanted and works, otherwise by
//! looking again and again.
//!
//! Where a run stands is one cursor, moved by whichever of the two brought events. The server's
//! cursors mean the same to both, so either goes on where the other has stopped, and no event is
//! seen twice or missed. A websocket that the cursor was moved past by a look is given up, since
//! what is still on its way would be seen again.

mod live;

use std::time::{Duration, Instant};

use tokio::sync::Notify;

pub use super::captured::{CapturedOutput, CapturedTail};
use super::client::Client;
use super::error::Error;
use super::events::RunEvent;
use super::launch::TerminatePolicy;
use super::operations::wire::event::EventWire;
use super::operations::wire::{FollowVariables, LogsForRun, RunOrError};
use super::operations::{FollowRun, Operation};
use super::outcome::is_final;
pub use super::outcome::{Failure, RunOutcome, Step, StepStatus};
use live::Live;

/// The first wait between two looks; each is half as long again as the one before.
const FIRST_WAIT: Duration = Duration::from_millis(30);
/// The first wait where somebody will say when the run's process has ended. A look costs the server
/// more than most of what it would see.
const FIRST_WAIT_NUDGED: Duration = Duration::from_millis(500);
/// How many events one look asks for. A server may give fewer.
const PAGE: u32 = 1000;
/// How long a server may be away while a run is followed: it may be restarting.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many more looks are taken for the last event of a run whose status is final.
const LAST_LOOKS: u32 = 3;
/// How long a run may take to end after it was asked to, before it counts as cancelled.
const GRACE: Duration = Duration::from_secs(10);

/// How a run is followed.
#[derive(Debug, Clone)]
pub struct FollowOptions<'a> {
    /// The longest wait between two looks. The first are shorter.
    pub polling_interval: Duration,
    /// Notified by whoever learns that something has happened to the run, such as that its process
    /// has ended: it is looked at once.
    pub nudge: Option<&'a Notify>,
    /// When the run has taken this long, it is terminated.
    pub limit: Option<Duration>,
    /// Whether events are to come over a websocket, as they happen. Where there is none to be had,
    /// the run is looked at as often as `polling_interval` says.
    pub live: bool,
}

impl Default for FollowOptions<'_> {
    fn default() -> Self {
        Self {
            polling_interval: Duration::from_secs(1),
            nudge: None,
            limit: None,
            live: false,
        }
    }
}

/// What is seen of a run that is being followed.
#[derive(Debug, Clone, PartialEq)]
pub enum Observed {
    /// Something happened in it. Each event is seen once, in the order of Dagster's log.
    Event(RunEvent),
    /// Its status is another one: `QUEUED`, `STARTING`, `STARTED`, `CANCELING`, `SUCCESS` and so on.
    Status(String),
    /// Events come in another way than before. Never seen where live was not asked for.
    Feed(Feed),
}

/// How events come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Feed {
    /// As they happen.
    Live,
    /// By looking, and why.
    Polling {
        /// What stands in the way of a live connection.
        reason: String,
    },
}

/// A run that is being followed. What was seen is kept in it, so waiting may be given up and taken
/// up again at any time.
#[derive(Debug)]
pub struct Follow<'c> {
    client: &'c Client,
    cursor: Option<String>,
    saw_final_event: bool,
    /// Whether Dagster's record of the run says that it has ended.
    ended: bool,
    live: Live,
    outcome: RunOutcome,
}

impl Client {
    /// Follows a run to its end and hands each event on.
    pub async fn follow(
        &self,
        run_id: &str,
        options: &FollowOptions<'_>,
        mut on_event: impl FnMut(RunEvent),
    ) -> Result<RunOutcome, Error> {
        let events = |observed| {
            if let Observed::Event(event) = observed {
                on_event(event);
            }
        };
        self.observe(run_id, options, events).await
    }

    /// Follows a run to its end and hands on all that is seen: events, changes of its status, and
    /// how events come.
    pub async fn observe(
        &self,
        run_id: &str,
        options: &FollowOptions<'_>,
        mut observe: impl FnMut(Observed),
    ) -> Result<RunOutcome, Error> {
        let mut follow = Follow::new(self, run_id);
        let Some(limit) = options.limit else {
            follow.wait(options, &mut observe).await?;
            return Ok(follow.into_outcome());
        };
        match tokio::time::timeout(limit, follow.wait(options, &mut observe)).await {
            Ok(ended) => ended?,
            Err(_) => follow.end(options, &mut observe).await?,
        }
        Ok(follow.into_outcome())
    }
}

impl<'c> Follow<'c> {
    /// Begins with the run's first event.
    pub fn new(client: &'c Client, run_id: &str) -> Self {
        Self {
            client,
            cursor: None,
            saw_final_event: false,
            ended: false,
            live: Live::default(),
            outcome: RunOutcome::new(run_id.to_owned()),
        }
    }

    /// What is known so far.
    pub fn outcome(&self) -> &RunOutcome {
        &self.outcome
    }

    /// What is known, for keeps.
    pub fn into_outcome(self) -> RunOutcome {
        self.outcome
    }

    /// Waits for the end of the run. Its last events have been seen when this returns.
    pub async fn wait(
        &mut self,
        options: &FollowOptions<'_>,
        observe: &mut impl FnMut(Observed),
    ) -> Result<(), Error> {
        let mut wait = FIRST_WAIT;
        if let Some(nudge) = options.nudge
            && self.cursor.is_none()
            && tokio::time::timeout(FIRST_WAIT_NUDGED, nudge.notified())
                .await
                .is_err()
        {
            wait = FIRST_WAIT_NUDGED;
        }
        let mut failing_since: Option<Instant> = None;
        let mut last_looks = LAST_LOOKS;
        loop {
            match self.look(observe).await {
                Ok(has_more) => {
                    failing_since = None;
                    if has_more {
                        continue;
                    }
                    if self.ended {
                        if self.saw_final_event || last_looks == 0 {
                            self.live.end().await;
                            return Ok(());
                        }
                        last_looks -= 1;
                        wait = FIRST_WAIT;
                    }
                }
                Err(error)
                    if error.is_transient()
                        && failing_since.get_or_insert_with(Instant::now).elapsed() < PATIENCE =>
                {
                    tracing::debug!(%error, run = self.outcome.run_id, "following");
                }
                Err(error) => return Err(error),
            }
            let may_be_live = options.live && !self.saw_final_event && !self.ended;
            if may_be_live && self.go_live(failing_since.is_none(), observe).await {
                if self.listen(options, observe).await {
                    failing_since = None;
                }
                wait = FIRST_WAIT;
                continue;
            }
            tokio::select! {
                () = nudged(options) => wait = FIRST_WAIT,
                () = tokio::time::sleep(wait) => {
                    wait = (wait * 3 / 2).min(options.polling_interval.max(FIRST_WAIT));
                }
            }
        }
    }

    /// Ends a run whose time is over: asks it to end, and after a while takes it for cancelled.
    pub async fn end(
        &mut self,
        options: &FollowOptions<'_>,
        observe: &mut impl FnMut(Observed),
    ) -> Result<(), Error> {
        self.outcome.timed_out = true;
        for policy in [TerminatePolicy::Safe, TerminatePolicy::MarkCanceled] {
            match self.client.terminate(&self.outcome.run_id, policy).await {
                // It may have ended on its own, or not have a process that can be asked.
                Ok(()) | Err(Error::TerminateRefused { .. }) => {}
                Err(error) => return Err(error),
            }
            let ended = tokio::time::timeout(GRACE, self.wait(options, observe)).await;
            if let Ok(ended) = ended {
                if self.outcome.status == "SUCCESS" {
                    self.outcome.timed_out = false;
                }
                return ended;
            }
        }
        Ok(())
    }

    /// Reads the next page of events and the status. Says whether more are there already.
    async fn look(&mut self, observe: &mut impl FnMut(Observed)) -> Result<bool, Error> {
        let name = FollowRun::DESCRIBED.name;
        let variables = FollowVariables {
            run_id: self.outcome.run_id.clone(),
            cursor: self.cursor.clone(),
            limit: PAGE,
        };
        let data = self.client.execute::<FollowRun>(&variables).await?;
        // Nothing is awaited from here on: a page is taken whole or not at all.
        let (cursor, has_more, events) = match data.logs_for_run {
            LogsForRun::EventConnection {
                cursor,
                has_more,
                events,
            } => (cursor, has_more, events),
            LogsForRun::RunNotFound => return Err(self.not_found()),
            LogsForRun::PythonError(error) => return Err(Error::python(name, error)),
        };
        let (status, start_time, end_time) = match data.run_or_error {
            RunOrError::Run {
                status,
                start_time,
                end_time,
                ..
            } => (status, start_time, end_time),
            RunOrError::RunNotFound => return Err(self.not_found()),
            RunOrError::PythonError(error) => return Err(Error::python(name, error)),
        };
        if !events.is_empty() {
            self.live.overtaken(observe);
        }
        let told_by_events = self.take(cursor, events, observe);
        self.ended = is_final(&status);
        self.outcome.started_at = start_time;
        self.outcome.ended_at = end_time;
        // With more to come, the record is ahead of the events. Without, an event of this very
        // moment may be ahead of the record.
        let behind = told_by_events && stage(&status) < stage(&self.outcome.status);
        if !has_more && !behind {
            self.set_status(status, observe);
        }
        Ok(has_more)
    }

    /// Takes a page of events, and says whether they told of another status.
    fn take(
        &mut self,
        cursor: String,
        events: Vec<EventWire>,
        observe: &mut impl FnMut(Observed),
    ) -> bool {
        let mut told = false;
        self.cursor = Some(cursor);
        for event in events.into_iter().map(RunEvent::read) {
            let status = event.status();
            self.saw_final_event |= event.is_final();
            self.outcome.add(&event);
            observe(Observed::Event(event));
            if let Some(status) = status {
                told = true;
                self.set_status(status.to_owned(), observe);
            }
        }
        told
    }

    fn set_status(&mut self, status: String, observe: &mut impl FnMut(Observed)) {
        if self.outcome.status != status {
            self.outcome.status.clone_from(&status);
            observe(Observed::Status(status));
        }
    }

    fn not_found(&self) -> Error {
        Error::RunNotFound {
            run_id: self.outcome.run_id.clone(),
        }
    }
}

async fn nudged(options: &FollowOptions<'_>) {
    match options.nudge {
        Some(nudge) => nudge.notified().await,
        None => std::future::pending().await,
    }
}

/// How far a run with this status has come.
fn stage(status: &str) -> u8 {
    match status {
        "QUEUED" => 1,
        "STARTING" => 2,
        "STARTED" => 3,
        "CANCELING" => 4,
        _ if is_final(status) => 5,
        _ => 0,
    }
}
