//! Times as Graph writes them.

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeZone};

use super::Unreadable;
use crate::graph::wire::event::ZonedObject;
use crate::graph::wire::{Field, Text};
use crate::model::time::{Timestamp, to_micros};
use crate::model::zone;

/// Before this year a time is a placeholder for none (`0001-01-01T00:00:00Z`).
const FIRST_YEAR: &str = "0002";

/// An instant with `Z` or an offset (F5.4). Placeholders and nulls are none, and so is what is no time: an item is worth more
/// than one of its dates, and the raw text says what came.
pub fn instant(field: &Field<Text<'_>>) -> Option<Timestamp> {
    let text = field.as_option()?.as_str();
    if text.is_empty() || text < FIRST_YEAR {
        return None;
    }
    let at = DateTime::parse_from_rfc3339(text).ok()?;
    Some(to_micros(at.to_utc()))
}

/// A wall clock's reading in a zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zoned {
    /// The instant.
    pub at: Timestamp,
    /// The day that the wall clock shows.
    pub day: NaiveDate,
    /// Reading and zone as Graph sent them.
    pub raw: String,
}

/// A start or an end (F7.3): UTC, as every call asks for. Were it another zone, it is resolved; one nobody knows is
/// read as UTC, and the raw text stands beside it (M54).
pub fn zoned(name: &'static str, field: &Field<ZonedObject<'_>>) -> Result<Zoned, Unreadable> {
    let object = field.as_option().ok_or(Unreadable::Missing(name))?;
    let reading = object
        .date_time
        .as_ref()
        .ok_or(Unreadable::Missing(name))?
        .as_str();
    let zone = object.time_zone.as_ref().map_or("UTC", Text::as_str);
    let wall: NaiveDateTime = reading
        .trim_end_matches(['Z', 'z'])
        .parse()
        .map_err(|_| Unreadable::Time(name))?;
    let at = match zone {
        "UTC" => wall.and_utc(),
        other => zone::iana(other)
            // A reading that a zone skips or repeats at a change of its clock means the earlier instant, or UTC.
            .and_then(|zone| zone.from_local_datetime(&wall).earliest())
            .map_or_else(|| wall.and_utc(), |at| at.to_utc()),
    };
    Ok(Zoned {
        at: to_micros(at),
        day: wall.date(),
        raw: format!("{reading} {zone}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value<'a>(text: &'a str, zone: &'a str) -> Field<ZonedObject<'a>> {
        Field::Value(ZonedObject {
            date_time: Some(Text::from(text)),
            time_zone: Some(Text::from(zone)),
        })
    }

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    #[test]
    fn a_start_has_seven_digits_and_a_zone_beside_it() {
        // F7.3
        let start = zoned("start", &value("2026-01-09T20:30:00.1234567", "UTC")).expect("a start");

        assert_eq!(start.at, at("2026-01-09T20:30:00.123456Z"));
        assert_eq!(start.raw, "2026-01-09T20:30:00.1234567 UTC");
    }

    #[test]
    fn another_zone_than_asked_for_is_resolved_or_read_as_utc() {
        let read = |text, zone| zoned("start", &value(text, zone)).expect("a start").at;

        let berlin = read("2026-07-09T20:30:00.0000000", "W. Europe Standard Time");
        assert_eq!(berlin, at("2026-07-09T18:30:00Z"));
        // The clock jumps from 2:00 to 3:00: the reading does not exist.
        let skipped = read("2026-03-29T02:30:00.0000000", "W. Europe Standard Time");
        assert_eq!(skipped, at("2026-03-29T02:30:00Z"));
        let unknown = read("2026-07-09T20:30:00", "tzone://Microsoft/Custom");
        assert_eq!(unknown, at("2026-07-09T20:30:00Z"));
    }

    #[test]
    fn placeholders_and_nonsense_are_no_time_and_no_start_at_all() {
        let read = |text| instant(&Field::Value(Text::from(text)));

        assert_eq!(read("0001-01-01T00:00:00Z"), None);
        assert_eq!(read(""), None);
        assert_eq!(
            read("2026-01-09T20:30:00Z"),
            Some(at("2026-01-09T20:30:00Z"))
        );
        assert_eq!(read("yesterday"), None);
        assert_eq!(instant(&Field::Null), None);
        assert!(zoned("start", &Field::Null).is_err());
        assert!(zoned("start", &value("2026-13-09T20:30:00", "UTC")).is_err());
    }
}
