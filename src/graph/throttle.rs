//! How long to wait: Retry-After, and our own backoff where Graph names nothing (F3.7, M12).

use std::time::Duration;

use chrono::DateTime;

use crate::model::time::{Timestamp, until};

/// Nobody waits longer than this on a header's word; Graph's own waits are minutes.
const LONGEST: Duration = Duration::from_hours(24);

/// A `Retry-After`: seconds, or an HTTP date, which is read against the answer's own `Date`, because the two clocks need
/// not agree. `now` stands in where there is no `Date`.
pub fn retry_after(header: &str, date: Option<&str>, now: Timestamp) -> Option<Duration> {
    let text = header.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds).min(LONGEST));
    }
    // Fractions have been seen; a wait is rounded up.
    if let Ok(seconds) = text.parse::<f64>() {
        return (seconds.is_finite() && seconds >= 0.0)
            .then(|| Duration::from_secs_f64(seconds.ceil().min(LONGEST.as_secs_f64())));
    }
    let at = http_date(text)?;
    let from = date.and_then(http_date).unwrap_or(now);
    Some(until(from, at).min(LONGEST))
}

pub(super) fn http_date(text: &str) -> Option<Timestamp> {
    DateTime::parse_from_rfc2822(text.trim())
        .ok()
        .map(|at| at.to_utc())
}

/// The wait after the `failures`-th failure in a row where nobody named one: 1 s doubled each time up to a minute, half
/// of it drawn, so that mailboxes that failed together don't come back together.
pub fn backoff(failures: u32) -> Duration {
    let ceiling =
        Duration::from_secs(1 << failures.saturating_sub(1).min(6)).min(Duration::from_mins(1));
    ceiling / 2 + ceiling.mul_f64(fastrand::f64() / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        Timestamp::UNIX_EPOCH + chrono::TimeDelta::days(20_000)
    }

    #[test]
    fn a_wait_is_named_in_seconds_or_by_a_date() {
        // F3.7
        assert_eq!(
            retry_after("10", None, now()),
            Some(Duration::from_secs(10))
        );
        assert_eq!(retry_after(" 0 ", None, now()), Some(Duration::ZERO));
        assert_eq!(
            retry_after("1.2", None, now()),
            Some(Duration::from_secs(2))
        );
        let date = "Fri, 09 Jan 2026 02:02:12 GMT";
        let later = "Fri, 09 Jan 2026 02:03:12 GMT";
        assert_eq!(
            retry_after(later, Some(date), now()),
            Some(Duration::from_mins(1))
        );
        assert_eq!(retry_after(date, Some(later), now()), Some(Duration::ZERO));
        let read = retry_after(later, None, http_date(date).expect("a date"));
        assert_eq!(read, Some(Duration::from_mins(1)));
    }

    #[test]
    fn nonsense_is_no_wait_and_a_huge_one_is_cut() {
        for text in ["", "soon", "-5", "NaN", "inf", "99999999999999999999999x"] {
            assert_eq!(retry_after(text, None, now()), None, "{text}");
        }
        assert_eq!(
            retry_after("18446744073709551615", None, now()),
            Some(LONGEST)
        );
        assert_eq!(retry_after("1e300", None, now()), Some(LONGEST));
    }

    #[test]
    fn backoff_grows_to_a_minute_and_is_never_nothing() {
        for failures in [0, 1, 2, 5, 7, 40, u32::MAX] {
            let wait = backoff(failures);
            assert!(wait >= Duration::from_millis(500), "{failures}: {wait:?}");
            assert!(wait <= Duration::from_mins(1), "{failures}: {wait:?}");
        }
        assert!(backoff(6) >= Duration::from_secs(16));
    }
}
