//! Following over a websocket, and when that is worth a try.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::{Feed, Follow, FollowOptions, Observed, nudged};
use crate::dagster::error::Error;
use crate::dagster::operations::RunEvents;
use crate::dagster::operations::wire::{RunEventsData, RunEventsPayload, RunEventsVariables};
use crate::dagster::subscribe::Subscription;

/// How long the server may take to read the first events. It answers even if there are none.
const FIRST_ANSWER: Duration = Duration::from_secs(10);
/// How long a websocket may be silent until the run is looked at. It says nothing about a run that
/// was deleted, and some servers take up to 16 s to see new events.
const SILENCE: Duration = Duration::from_secs(3);
/// The wait before a websocket that has worked is tried again; it doubles.
const RETRY_FIRST: Duration = Duration::from_secs(5);
const RETRY_LAST: Duration = Duration::from_secs(60);
/// How often in a row a look may find what the websocket did not tell.
const TOO_LATE: u32 = 2;

/// The websocket of a run, if there is one, and what is known about such.
#[derive(Debug)]
pub(super) struct Live {
    feed: Option<Subscription<RunEventsData>>,
    opened: Instant,
    /// When the next may be opened; never if none has worked.
    retry: Retry,
    wait: Duration,
    /// Whether one has outlived its first answer. Some servers fail only when they begin to watch.
    has_worked: bool,
    late: u32,
    shown: Option<Feed>,
}

#[derive(Debug)]
enum Retry {
    Now,
    At(Instant),
    Never,
}

impl Default for Live {
    fn default() -> Self {
        Self {
            feed: None,
            opened: Instant::now(),
            retry: Retry::Now,
            wait: RETRY_FIRST,
            has_worked: false,
            late: 0,
            shown: None,
        }
    }
}

impl Live {
    fn is_due(&self) -> bool {
        match self.retry {
            Retry::Now => true,
            Retry::At(at) => at <= Instant::now(),
            Retry::Never => false,
        }
    }

    /// Gives the websocket up for a while, or for good where none has worked.
    fn lost(&mut self, error: &Error, observe: &mut impl FnMut(Observed)) {
        let reason = match error {
            Error::NotLive { reason, .. } => reason.clone(),
            other => other.to_string(),
        };
        tracing::debug!(reason, "not live");
        if self.feed.take().is_some() && self.opened.elapsed() > RETRY_LAST {
            self.wait = RETRY_FIRST;
        }
        self.late = 0;
        self.retry = if self.has_worked {
            Retry::At(Instant::now() + self.wait)
        } else {
            Retry::Never
        };
        self.wait = (self.wait * 2).min(RETRY_LAST);
        if !matches!(self.shown, Some(Feed::Polling { .. })) {
            self.show(Feed::Polling { reason }, observe);
        }
    }

    /// A look has found events before the websocket told of them. What it has yet to tell would be
    /// told twice, so another is needed.
    pub(super) fn overtaken(&mut self, observe: &mut impl FnMut(Observed)) {
        if self.feed.is_none() {
            return;
        }
        self.late += 1;
        if self.late < TOO_LATE {
            self.feed = None;
            return;
        }
        let error = Error::NotLive {
            url: String::new(),
            reason: "the server does not tell of new events in time".to_owned(),
        };
        self.lost(&error, observe);
    }

    pub(super) async fn end(&mut self) {
        if let Some(feed) = self.feed.take() {
            feed.end().await;
        }
    }

    fn show(&mut self, feed: Feed, observe: &mut impl FnMut(Observed)) {
        if self.shown.as_ref() != Some(&feed) {
            self.shown = Some(feed.clone());
            observe(Observed::Feed(feed));
        }
    }
}

impl Follow<'_> {
    /// Says whether there is a websocket, and opens one if there is none and it is time for that.
    /// A server that does not even answer a look is not asked for one.
    pub(super) async fn go_live(
        &mut self,
        server_answers: bool,
        observe: &mut impl FnMut(Observed),
    ) -> bool {
        if self.live.feed.is_some() {
            return true;
        }
        if !server_answers || !self.live.is_due() {
            return false;
        }
        match self.subscribe().await {
            Ok((feed, data)) => {
                self.live.opened = Instant::now();
                self.live.feed = Some(feed);
                self.live.show(Feed::Live, observe);
                self.take_live(data, observe);
            }
            Err(error) => self.live.lost(&error, observe),
        }
        self.live.feed.is_some()
    }

    /// Subscribes from where the run stands, and waits for the first answer.
    async fn subscribe(&self) -> Result<(Subscription<RunEventsData>, RunEventsData), Error> {
        let variables = RunEventsVariables {
            run_id: self.outcome.run_id.clone(),
            cursor: self.cursor.clone(),
        };
        let mut feed = self.client.subscribe::<RunEvents>(&variables).await?;
        let first = timeout(FIRST_ANSWER, feed.next()).await.map_err(|_| {
            let limit = FIRST_ANSWER.as_secs();
            let reason = format!("the websocket says nothing for {limit} s");
            self.client.not_live(reason)
        })?;
        Ok((feed, first?))
    }

    /// Takes what the websocket tells until it is time for a look: it has fallen silent, it is
    /// gone, somebody knows something, or the run is over. Says whether anything was told.
    pub(super) async fn listen(
        &mut self,
        options: &FollowOptions<'_>,
        observe: &mut impl FnMut(Observed),
    ) -> bool {
        let mut has_told = false;
        while let (Some(feed), false) = (&mut self.live.feed, self.saw_final_event) {
            let told = tokio::select! {
                told = timeout(SILENCE, feed.next()) => told,
                () = nudged(options) => return has_told,
            };
            match told {
                Ok(Ok(data)) => {
                    has_told = true;
                    self.live.has_worked = true;
                    self.live.late = 0;
                    self.take_live(data, observe);
                }
                Ok(Err(error)) => self.live.lost(&error, observe),
                Err(_) => {
                    self.live.has_worked = true;
                    return has_told;
                }
            }
        }
        has_told
    }

    fn take_live(&mut self, data: RunEventsData, observe: &mut impl FnMut(Observed)) {
        match data.pipeline_run_logs {
            RunEventsPayload::PipelineRunLogsSubscriptionSuccess { cursor, messages } => {
                self.take(cursor, messages, observe);
            }
            RunEventsPayload::PipelineRunLogsSubscriptionFailure { message } => {
                let error = self.client.not_live(message);
                self.live.lost(&error, observe);
            }
        }
    }
}
