//! Order and concurrency: what waits for what, and how many go at once.

use std::cell::RefCell;
use std::rc::Rc;

use tokio::sync::{Semaphore, SemaphorePermit, watch};

/// Whether something that others wait for went well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// It did, or its failure is allowed.
    Well,
    /// It did not.
    Badly,
}

/// The places and gates of one plan.
pub struct Schedule {
    places: Semaphore,
    gates: Vec<watch::Sender<Option<Done>>>,
}

impl Schedule {
    /// `concurrency` places, and a closed gate for each run.
    pub fn new(concurrency: usize, runs: usize) -> Self {
        Self {
            places: Semaphore::new(concurrency.max(1)),
            gates: (0..runs).map(|_| watch::Sender::new(None)).collect(),
        }
    }

    /// Waits for a place; it is free again when the permit is dropped.
    pub async fn place(&self) -> SemaphorePermit<'_> {
        self.places.acquire().await.expect("the places are never closed")
    }

    /// Opens the gate of a run that has ended.
    pub fn open(&self, run: usize, done: Done) {
        self.gates[run].send_replace(Some(done));
    }

    /// Waits until the gate of a run is open.
    pub async fn wait_for(&self, run: usize) -> Done {
        let mut gate = self.gates[run].subscribe();
        let done = gate.wait_for(Option::is_some).await.ok().and_then(|done| *done);
        done.unwrap_or(Done::Badly)
    }
}

/// Results by place in the plan; what has come in by the time of a cancellation is kept.
#[derive(Debug)]
pub struct Results<T>(Rc<RefCell<Vec<Option<T>>>>);

impl<T> Clone for Results<T> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<T> Results<T> {
    /// With room for `count` of them.
    pub fn new(count: usize) -> Self {
        Self(Rc::new(RefCell::new((0..count).map(|_| None).collect())))
    }

    /// Puts one in its place.
    pub fn put(&self, index: usize, result: T) {
        self.0.borrow_mut()[index] = Some(result);
    }

    /// Takes all of them.
    pub fn take(&self) -> Vec<Option<T>> {
        self.0.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_gate_that_opens_before_anybody_waits_stays_open() {
        let schedule = Schedule::new(1, 2);
        schedule.open(1, Done::Badly);
        assert_eq!(schedule.wait_for(1).await, Done::Badly);
        let waiting = schedule.wait_for(0);
        schedule.open(0, Done::Well);
        assert_eq!(waiting.await, Done::Well);
    }
}
