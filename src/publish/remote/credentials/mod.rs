//! Credentials, found where each cloud's own tools find them. They are never in our settings, and
//! never printed.

pub(super) mod aws;
pub(super) mod google;

use jiff::Timestamp;

/// What a signed link's life depends on beside what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    /// The cloud's own limit, in seconds.
    UpTo(u64),
    /// Its own limit, and the end of temporary credentials; `None` where nobody says when they end.
    Temporary {
        /// The cloud's limit, in seconds.
        up_to: u64,
        /// When the credentials end.
        until: Option<Timestamp>,
    },
    /// Nothing can be signed.
    Never(&'static str),
}

/// A week, the longest time for which Amazon and Google accept a signature.
pub(super) const WEEK: u64 = 7 * 24 * 60 * 60;
