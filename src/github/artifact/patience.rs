//! How long, how often and how much: every bound of the service's client.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;

/// The bounds of a [`Service`](super::Service).
///
/// The defaults are those of GitHub's own client, where it has any.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// How often a request is sent at most, the first time included.
    pub tries: u32,
    /// The pause after the first try.
    pub pause: Duration,
    /// By what each further pause is longer than the one before.
    pub growth: f64,
    /// No pause is longer, whatever the server asks for.
    pub longest_pause: Duration,
    /// How long a call to the service may take.
    pub call: Duration,
    /// How long sending one block, or the silence between two pieces of a download, may take.
    pub block: Duration,
    /// How long an upload, a download or a look at the list may take, with all pauses.
    pub total: Duration,
    /// Bytes of a block.
    pub block_size: usize,
    /// How many blocks are sent at the same time.
    pub parallel: usize,
    /// Bytes that a download may have.
    pub download: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            tries: 5,
            pause: Duration::from_secs(3),
            growth: 1.5,
            longest_pause: Duration::from_secs(60),
            call: Duration::from_secs(60),
            block: Duration::from_secs(300),
            total: Duration::from_secs(20 * 60),
            block_size: 8 * 1024 * 1024,
            parallel: 5,
            download: 1024 * 1024 * 1024,
        }
    }
}

impl Limits {
    /// How long to wait after `failed` failed tries, of which there was at least one.
    ///
    /// What the server asks for counts, up to the longest pause. Otherwise the pause grows, and
    /// from the second on it is stretched by chance, so that jobs that failed together do not come
    /// back together.
    pub(super) fn pause_after(&self, failed: u32, asked_for: Option<Duration>) -> Duration {
        if let Some(asked_for) = asked_for {
            return asked_for.min(self.longest_pause);
        }
        let exponent = failed.saturating_sub(1).min(64).cast_signed();
        let mut factor = self.growth.max(1.0).powi(exponent);
        if failed > 1 {
            factor *= 1.0 + chance() * (self.growth.max(1.0) - 1.0);
        }
        let longest = self.longest_pause.as_secs_f64();
        Duration::from_secs_f64((self.pause.as_secs_f64() * factor).min(longest))
    }
}

/// A number from 0 to 1. The keys of a `RandomState` are the system's randomness, which is plenty
/// for a pause.
fn chance() -> f64 {
    let bits = RandomState::new().hash_one(0_u8) >> 11;
    bits as f64 / (1_u64 << 53) as f64
}

/// What a `retry-after` header asks for: seconds, or a date.
pub(super) fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
    let seconds = date.as_second().saturating_sub(now.as_second());
    Some(Duration::from_secs(seconds.try_into().unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_by_half_with_some_chance_and_have_an_end() {
        let limits = Limits::default();
        assert_eq!(limits.pause_after(1, None), Duration::from_secs(3));
        for _ in 0..50 {
            for (failed, least) in [(2, 4.5), (3, 6.75), (4, 10.125)] {
                let pause = limits.pause_after(failed, None).as_secs_f64();
                assert!((least..=least * 1.5).contains(&pause), "{failed}: {pause}");
            }
        }
        assert_eq!(limits.pause_after(1000, None), Duration::from_secs(60));
    }

    #[test]
    fn a_server_may_ask_for_a_pause_but_not_for_any() {
        let limits = Limits::default();
        let asked = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(limits.pause_after(3, asked(1)), Duration::from_secs(1));
        assert_eq!(limits.pause_after(1, asked(0)), Duration::ZERO);
        assert_eq!(limits.pause_after(1, asked(86_400)), limits.longest_pause);
    }

    #[test]
    fn a_pause_is_asked_for_in_seconds_or_by_a_date() {
        let now: Timestamp = "2026-11-21T08:49:30Z".parse().unwrap();
        let read = |value| retry_after(value, now);
        assert_eq!(read(" 7 "), Some(Duration::from_secs(7)));
        let date = "Sat, 21 Nov 2026 08:49:37 GMT";
        assert_eq!(read(date), Some(Duration::from_secs(7)));
        let past = "Sat, 21 Nov 2026 08:49:27 GMT";
        assert_eq!(read(past), Some(Duration::ZERO));
        for nonsense in ["", "soon", "-1", "1.5"] {
            assert_eq!(read(nonsense), None, "{nonsense}");
        }
    }
}
