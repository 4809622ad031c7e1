//! Order and concurrency: what waits for what, and how many go at once.

use std::cell::RefCell;

use tokio::sync::{Semaphore, SemaphorePermit};

use super::latch::Latch;

/// Whether something that others wait for went well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// It did, or its failure is allowed.
    Well,
    /// It did not.
    Badly,
}

/// The places and latches of one plan.
pub struct Schedule {
    places: Semaphore,
    latches: Vec<Latch<Done>>,
}

impl Schedule {
    /// `concurrency` places, and a closed latch for each run.
    pub fn new(concurrency: usize, runs: usize) -> Self {
        Self {
            places: Semaphore::new(concurrency.max(1)),
            latches: (0..runs).map(|_| Latch::new()).collect(),
        }
    }

    /// Waits for a place; it is free again when the permit is dropped.
    pub async fn place(&self) -> SemaphorePermit<'_> {
        self.places
            .acquire()
            .await
            .expect("the places are never closed")
    }

    /// Opens the latch of a run that has ended.
    pub fn open(&self, run: usize, done: Done) {
        self.latches[run].open(done);
    }

    /// Waits until the latch of a run is open.
    pub async fn wait_for(&self, run: usize) -> Done {
        self.latches[run].wait().await
    }
}

/// Results by place in the plan; what has come in by the time of a cancellation is kept.
#[derive(Debug)]
pub struct Results<T>(RefCell<Vec<Option<T>>>);

impl<T> Results<T> {
    /// With room for `count` of them.
    pub fn new(count: usize) -> Self {
        Self(RefCell::new((0..count).map(|_| None).collect()))
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
