//! How far an upload is, told to whoever watches.

use std::cell::Cell;
use std::fmt;
use std::rc::{Rc, Weak};

use crate::run::Emit;
use crate::ui::progress::Event;
use crate::ui::text;

/// Counts files and bytes that have arrived.
#[derive(Default)]
pub(super) struct Meter {
    /// Weak, so that what is drawn can vanish before the last words.
    emit: Option<Weak<dyn Fn(Event)>>,
    /// Hears how many bytes have arrived.
    count: Option<Box<dyn Fn(u64)>>,
    files: Cell<usize>,
    total: Cell<usize>,
    bytes: Cell<u64>,
}

impl Meter {
    pub(super) fn new(emit: &Emit) -> Self {
        Self {
            emit: Some(Rc::downgrade(emit)),
            ..Self::default()
        }
    }

    /// One that tells bytes alone, as a number.
    pub(super) fn counting(count: impl Fn(u64) + 'static) -> Self {
        Self {
            count: Some(Box::new(count)),
            ..Self::default()
        }
    }

    /// So many files more are to be sent.
    pub(super) fn expect(&self, files: usize) {
        self.total.set(self.total.get() + files);
    }

    /// A file is there.
    pub(super) fn file(&self) {
        self.files.set(self.files.get() + 1);
        self.tell();
    }

    /// Some bytes are there.
    pub(super) fn bytes(&self, count: u64) {
        self.bytes.set(self.bytes.get() + count);
        if let Some(count) = &self.count {
            count(self.bytes.get());
        }
        self.tell();
    }

    fn tell(&self) {
        let watched = self.emit.as_ref().filter(|_| self.total.get() > 0);
        let Some(emit) = watched.and_then(Weak::upgrade) else {
            return;
        };
        emit(Event::Progress {
            title: "publishing".to_owned(),
            text: format!(
                "{} of {}, {}",
                self.files.get(),
                text::count(self.total.get(), "file"),
                text::bytes(self.bytes.get())
            ),
        });
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meter")
            .field("files", &self.files)
            .field("total", &self.total)
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn what_has_arrived_is_told() {
        let told = Rc::new(RefCell::new(Vec::new()));
        let heard = Rc::clone(&told);
        let emit: Emit = Rc::new(move |event| {
            if let Event::Progress { text, .. } = event {
                heard.borrow_mut().push(text);
            }
        });
        let meter = Meter::new(&emit);
        // A run's own list is no file of the user's.
        meter.bytes(700);
        meter.expect(2);
        meter.bytes(1024);
        meter.file();
        assert_eq!(
            *told.borrow(),
            ["0 of 2 files, 1.7 KiB", "1 of 2 files, 1.7 KiB"]
        );
        drop(emit);
        meter.file();
        assert_eq!(told.borrow().len(), 2);
    }
}
