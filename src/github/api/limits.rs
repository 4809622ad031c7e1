//! How long is waited for GitHub, and when it is asked again.

use std::time::Duration;

use http::{HeaderMap, Method, StatusCode};
use jiff::Timestamp;

/// Bounds of everything that the client does. The sum of all of them is what a caller may have to
/// wait.
#[derive(Debug, Clone)]
pub struct Limits {
    /// How long one attempt of one request may take.
    pub timeout: Duration,
    /// How often a request is sent, at most.
    pub attempts: u32,
    /// The pause before a second attempt where GitHub does not say how long; it doubles.
    pub first_pause: Duration,
    /// The same where GitHub finds the pace too quick and does not say for how long.
    pub secondary_pause: Duration,
    /// No single pause is longer.
    pub longest_pause: Duration,
    /// All pauses of a client together are not longer.
    pub all_pauses: Duration,
    /// No answer is read beyond this, in bytes.
    pub answer: usize,
    /// No list is followed beyond this number of pages.
    pub pages: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            attempts: 5,
            first_pause: Duration::from_secs(1),
            // GitHub asks for a minute at least.
            secondary_pause: Duration::from_secs(60),
            longest_pause: Duration::from_secs(90),
            all_pauses: Duration::from_secs(240),
            answer: 32 * 1024 * 1024,
            pages: 100,
        }
    }
}

impl Limits {
    /// The pause after this attempt, counted from 1, where nobody says how long.
    pub(super) fn pause_after(&self, attempt: u32) -> Duration {
        growing(self.first_pause, attempt).min(self.longest_pause)
    }
}

fn growing(first: Duration, attempt: u32) -> Duration {
    first.saturating_mul(1_u32 << attempt.saturating_sub(1).min(16))
}

/// Whether a request only asks. GraphQL's questions come by POST.
pub(super) fn only_asks(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// A refusal because of the number or the pace of requests: nothing was carried out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// How long to wait before the next attempt.
    pub(super) pause: Duration,
    /// About the pace.
    pub(super) secondary: bool,
}

/// Whether an answer is such a refusal, and for how long, as of the answer's own clock.
pub(super) fn refusal(
    limits: &Limits,
    status: StatusCode,
    headers: &HeaderMap,
    message: &str,
    attempt: u32,
) -> Option<Refusal> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let number = |name: &str| text(name).and_then(|text| text.trim().parse::<i64>().ok());
    let retry_after = text("retry-after").and_then(seconds);
    let used_up = number("x-ratelimit-remaining") == Some(0);
    let lower = message.to_ascii_lowercase();
    let said = lower.contains("rate limit") || lower.contains("abuse detection");
    let limited = match status {
        StatusCode::TOO_MANY_REQUESTS => true,
        StatusCode::FORBIDDEN => retry_after.is_some() || used_up || said,
        _ => false,
    };
    if !limited {
        return None;
    }
    let until_reset = || {
        let reset = number("x-ratelimit-reset").filter(|_| used_up)?;
        let now = text("date")
            .and_then(|date| jiff::fmt::rfc2822::parse(date).ok())
            .map_or_else(Timestamp::now, |date| date.timestamp());
        // The second it names must be over.
        let seconds = reset.saturating_sub(now.as_second()).saturating_add(1);
        Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
    };
    let pause = retry_after
        .map(Duration::from_secs)
        .or_else(until_reset)
        .unwrap_or_else(|| growing(limits.secondary_pause, attempt));
    Some(Refusal {
        pause,
        secondary: !used_up,
    })
}

/// A number of seconds in a header. One that is too large for a number is still long.
pub(super) fn seconds(text: &str) -> Option<u64> {
    let text = text.trim();
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use pretty_assertions::assert_eq;

    use super::*;

    fn pause(status: u16, headers: &[(&'static str, &'static str)], message: &str) -> Option<u64> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, HeaderValue::from_static(value));
        }
        let status = StatusCode::from_u16(status).expect("a status");
        refusal(&Limits::default(), status, &map, message, 2).map(|it| it.pause.as_secs())
    }

    #[test]
    fn the_pause_is_what_github_says_or_grows() {
        let date = ("date", "Sat, 21 Nov 2026 12:00:00 GMT");
        let used_up = ("x-ratelimit-remaining", "0");
        // 12:00:40 on that day.
        let reset = ("x-ratelimit-reset", "1795262440");
        assert_eq!(
            pause(429, &[("retry-after", "7"), used_up, reset, date], ""),
            Some(7)
        );
        assert_eq!(pause(403, &[used_up, reset, date], ""), Some(41));
        assert_eq!(
            pause(
                403,
                &[("x-ratelimit-remaining", "9"), reset, date],
                "You have exceeded a secondary rate limit"
            ),
            Some(120)
        );
        assert_eq!(pause(429, &[], ""), Some(120));
        assert_eq!(pause(403, &[("retry-after", "soon")], "Forbidden"), None);
        assert_eq!(
            pause(
                403,
                &[reset, date],
                "Resource not accessible by integration"
            ),
            None
        );
        assert_eq!(pause(500, &[("retry-after", "7")], ""), None);
        assert_eq!(
            pause(403, &[used_up, ("x-ratelimit-reset", "1"), date], ""),
            Some(0)
        );
    }
}
