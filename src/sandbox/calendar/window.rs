//! The window of a calendar view: `startDateTime` and `endDateTime` (F7.4, F6.30).

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime};

use crate::sandbox::error::GraphFault;
use crate::sandbox::query::Query;

/// The widest window, in days.
const WIDEST: i64 = 1825;

/// From when until before when, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The first instant inside.
    pub from: NaiveDateTime,
    /// The first instant after it.
    pub until: NaiveDateTime,
}

impl Window {
    /// The window a request names. Both ends honour their own offset and are UTC without one; the
    /// preferred zone has no say in it (F7.4).
    pub fn of(query: &Query) -> Result<Self, GraphFault> {
        let (Some(from), Some(until)) = (query.get("startDateTime"), query.get("endDateTime"))
        else {
            return Err(invalid(
                "This request requires a time window specified by the query string parameters StartDateTime and EndDateTime.",
            ));
        };
        let window = Self {
            from: instant(from).ok_or_else(|| unreadable("StartDateTime", from))?,
            until: instant(until).ok_or_else(|| unreadable("EndDateTime", until))?,
        };
        if window.until < window.from {
            return Err(invalid(
                "The parameter EndDateTime must not be earlier than StartDateTime.",
            ));
        }
        if (window.until - window.from).num_days() > WIDEST {
            return Err(GraphFault::bad_request(
                "ErrorCalendarViewRangeTooBig",
                format!(
                    "The requested time duration specified for calendar view is too long. It cannot be more than {WIDEST} days."
                ),
            ));
        }
        Ok(window)
    }
}

fn invalid(message: &str) -> GraphFault {
    GraphFault::bad_request("ErrorInvalidParameter", message)
}

fn unreadable(name: &str, value: &str) -> GraphFault {
    invalid(&format!(
        "The value '{value}' of parameter '{name}' is invalid."
    ))
}

fn instant(text: &str) -> Option<NaiveDateTime> {
    use chrono::Datelike as _;
    let text = text.trim();
    let instant = DateTime::parse_from_rfc3339(text)
        .map(|at| at.naive_utc())
        .ok()
        .or_else(|| text.parse::<NaiveDateTime>().ok())
        .or_else(|| NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M").ok())
        .or_else(|| Some(text.parse::<NaiveDate>().ok()?.and_time(NaiveTime::MIN)))?;
    (1601..=4500).contains(&instant.year()).then_some(instant)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(raw: &str) -> Result<Window, String> {
        Window::of(&Query::parse(raw).unwrap()).map_err(|fault| fault.code)
    }

    // F7.4
    #[test]
    fn an_offset_is_honoured_and_must_be_encoded() {
        let encoded =
            window("startDateTime=2026-03-01T00:00:00%2B01:00&endDateTime=2026-04-01").unwrap();
        let raw = window("startDateTime=2026-03-01T00:00:00+01:00&endDateTime=2026-04-01");

        assert_eq!(encoded.from.to_string(), "2026-02-28 23:00:00");
        assert_eq!(encoded.until.to_string(), "2026-04-01 00:00:00");
        assert_eq!(raw, Err("ErrorInvalidParameter".to_owned()));
    }

    // F6.30
    #[test]
    fn a_window_needs_both_ends_in_order_and_not_too_far_apart() {
        let code = |raw: &str| window(raw).unwrap_err();

        assert_eq!(code("startDateTime=2026-03-01"), "ErrorInvalidParameter");
        assert_eq!(
            code("startDateTime=2026-03-01&endDateTime=2026-02-01"),
            "ErrorInvalidParameter"
        );
        assert_eq!(
            code("startDateTime=2020-01-01&endDateTime=2026-01-01"),
            "ErrorCalendarViewRangeTooBig"
        );
    }
}
