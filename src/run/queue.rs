//! Where a run stands that waits in Dagster's queue, and what it may wait for in vain.

use std::time::Duration;

use tokio::sync::watch::Sender;

use super::Runner;
use crate::dagster::Error;
use crate::dagster::queue::{QueuePosition, RUN_COORDINATOR};
use crate::ui::progress::Event;

/// The pause between two looks at the queue, at the least: a look reads all of it.
const PAUSE: Duration = Duration::from_secs(2);

/// Says where the run stands, as long as it waits. Never comes back.
pub(super) async fn watch(runner: &Runner, title: &str, run_id: &str, is_queued: &Sender<bool>) {
    let mut is_queued = is_queued.subscribe();
    loop {
        // The sender lives as long as the run is followed.
        if is_queued.wait_for(|queued| *queued).await.is_err() {
            return std::future::pending().await;
        }
        match place(runner, run_id).await {
            Ok(Some((text, position))) => runner.emit(Event::Queued {
                title: title.to_owned(),
                text,
                position: Some(position),
            }),
            Ok(None) => {}
            Err(error) => tracing::debug!(%error, run_id, "the queue"),
        }
        let pause = tokio::time::sleep(PAUSE.max(runner.polling));
        tokio::select! {
            () = pause => {}
            _ = is_queued.wait_for(|queued| !*queued) => {}
        }
    }
}

async fn place(runner: &Runner, run_id: &str) -> Result<Option<(String, QueuePosition)>, Error> {
    let Some(position) = runner.client.queue_position(run_id).await? else {
        return Ok(None);
    };
    let mut text = describe(position);
    // Only a run that is next is held up by nothing but this.
    if position.ahead == 0 {
        let daemons = runner.client.daemons().await?;
        let coordinator = daemons.iter().find(|daemon| daemon.kind == RUN_COORDINATOR);
        if coordinator.is_some_and(|daemon| daemon.is_missing()) {
            text.push_str(", and Dagster's daemon, which would launch it, is not running");
        }
    }
    Ok(Some((text, position)))
}

fn describe(position: QueuePosition) -> String {
    let about = if position.is_exact { "" } else { "about " };
    match position.ahead {
        0 => format!("next of {about}{} in Dagster's queue", position.total),
        ahead => format!("{about}{ahead} before it in Dagster's queue"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_said_in_words() {
        let place = |ahead, is_exact| {
            describe(QueuePosition {
                ahead,
                total: 3,
                is_exact,
            })
        };
        assert_eq!(place(0, true), "next of 3 in Dagster's queue");
        assert_eq!(place(2, false), "about 2 before it in Dagster's queue");
    }
}
