//! Instants as Graph writes them.
//!
//! Written by hand because a page of messages holds thousands of them and a general formatter would
//! take most of the time of a page.

use chrono::{Datelike, Timelike};

use crate::model::time::Timestamp;

/// Appends `2026-01-09T20:30:00Z`.
pub fn push_seconds(out: &mut String, at: Timestamp) {
    push_naive(out, at);
    out.push('Z');
}

/// `2026-01-09T20:30:00Z`.
pub fn seconds(at: Timestamp) -> String {
    let mut out = String::with_capacity(20);
    push_seconds(&mut out, at);
    out
}

/// `2026-01-09T20:30:00`, as error envelopes have it.
pub fn seconds_without_zone(at: Timestamp) -> String {
    let mut out = String::with_capacity(19);
    push_naive(&mut out, at);
    out
}

/// `2026-01-09T20:30:00.1234567Z`, as subscriptions have it.
pub fn ticks(at: Timestamp) -> String {
    let mut out = String::with_capacity(28);
    push_naive(&mut out, at);
    out.push('.');
    push_digits(&mut out, at.nanosecond() % 1_000_000_000 / 100, 7);
    out.push('Z');
    out
}

fn push_naive(out: &mut String, at: Timestamp) {
    let year = u32::try_from(at.year()).unwrap_or(0).min(9999);
    push_digits(out, year, 4);
    out.push('-');
    push_digits(out, at.month(), 2);
    out.push('-');
    push_digits(out, at.day(), 2);
    out.push('T');
    push_digits(out, at.hour(), 2);
    out.push(':');
    push_digits(out, at.minute(), 2);
    out.push(':');
    push_digits(out, at.second(), 2);
}

fn push_digits(out: &mut String, value: u32, width: u32) {
    for place in (0..width).rev() {
        let digit = value / 10_u32.pow(place) % 10;
        out.push(char::from_digit(digit, 10).unwrap_or('0'));
    }
}

/// Reads an instant with its offset, as query options and bodies carry them. A bare date is refused
/// (F6.23).
pub fn parse(text: &str) -> Option<Timestamp> {
    chrono::DateTime::parse_from_rfc3339(text.trim())
        .ok()
        .map(|at| at.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_written_with_second_precision_and_z() {
        // F5.4
        let at = parse("2026-01-09T21:30:05.987+01:00").unwrap();

        assert_eq!(seconds(at), "2026-01-09T20:30:05Z");
        assert_eq!(ticks(at), "2026-01-09T20:30:05.9870000Z");
        assert_eq!(seconds_without_zone(at), "2026-01-09T20:30:05");
    }

    #[test]
    fn a_bare_date_is_not_an_instant() {
        // F6.23
        assert_eq!(parse("2026-01-09"), None);
    }
}
