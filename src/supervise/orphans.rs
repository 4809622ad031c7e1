//! Reaping processes that have lost their parents.
//!
//! A worker is a subreaper, and in a container there is no other init: what a job leaves behind when
//! it detaches itself becomes a child of the worker, and stays in the table of processes until the
//! worker has asked how it ended.

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, WaitOptions};

use super::descendants;

/// How often it is looked. What is dead at two looks is waited for by nobody.
const LOOK: Duration = Duration::from_secs(1);

/// Children that somebody of ours waits for, maybe later.
static OWN: Mutex<Option<HashSet<i32>>> = Mutex::new(None);

/// Says that a child was started here and will be waited for.
pub fn is_own(pid: Option<u32>) {
    let Some(pid) = pid.and_then(|pid| i32::try_from(pid).ok()) else {
        return;
    };
    let mut own = OWN.lock().unwrap_or_else(PoisonError::into_inner);
    own.get_or_insert_default().insert(pid);
}

/// Reaps those that are nobody's, for as long as it is polled.
pub async fn reap() -> Infallible {
    let mut dead: HashSet<Pid> = HashSet::new();
    loop {
        tokio::time::sleep(LOOK).await;
        let before = std::mem::replace(&mut dead, descendants::dead_children());
        let own = OWN.lock().unwrap_or_else(PoisonError::into_inner);
        let is_own = |pid: &Pid| {
            let own = own.as_ref();
            own.is_some_and(|own| own.contains(&pid.as_raw_nonzero().get()))
        };
        for pid in dead.intersection(&before).filter(|pid| !is_own(pid)) {
            // Somebody was quicker: then it is gone, which is all that is wanted.
            let _ = rustix::process::waitpid(Some(*pid), WaitOptions::NOHANG);
        }
    }
}
