//! A value that many wait for and one sets, once.

use tokio::sync::watch;

/// Set once, waited for by any number.
#[derive(Debug)]
pub struct Latch<T>(watch::Sender<Option<T>>);

impl<T: Clone> Latch<T> {
    /// A closed one.
    pub fn new() -> Self {
        Self(watch::Sender::new(None))
    }

    /// Opens it. A second value is ignored: whoever waited has gone on with the first.
    pub fn open(&self, value: T) {
        self.0.send_if_modified(|slot| {
            let first = slot.is_none();
            if first {
                *slot = Some(value);
            }
            first
        });
    }

    /// The value, if it is open.
    pub fn get(&self) -> Option<T> {
        self.0.borrow().clone()
    }

    /// Waits until it is open.
    pub async fn wait(&self) -> T {
        let mut receiver = self.0.subscribe();
        loop {
            if let Some(value) = receiver.borrow_and_update().clone() {
                return value;
            }
            // The sender is `self`, so this can't fail while somebody waits.
            let _ = receiver.changed().await;
        }
    }
}

impl<T: Clone> Default for Latch<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_value_counts_and_stays() {
        let latch = Latch::new();
        assert_eq!(latch.get(), None);
        let waiting = latch.wait();
        latch.open(1);
        latch.open(2);
        assert_eq!(waiting.await, 1);
        assert_eq!(latch.wait().await, 1);
    }
}
