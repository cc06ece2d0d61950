//! When an event happens, and how a body changes that (F7.3, F7.5).
//!
//! Instants are kept in UTC; an all-day event is kept as it stands in the calendar, midnight to midnight, and
//! is never shifted by a zone.

use chrono::NaiveDateTime;

use super::refusal::Refusal;
use super::zones::Zone;

/// When an event happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// The beginning: UTC, or midnight of the calendar's own day when it lasts all day.
    pub start: NaiveDateTime,
    /// The end, exclusive.
    pub end: NaiveDateTime,
    /// Midnight to midnight.
    pub all_day: bool,
    /// `originalStartTimeZone`.
    pub start_zone: String,
    /// `originalEndTimeZone`.
    pub end_zone: String,
}

impl Slot {
    /// Whether it has part in the window from `from` until before `until`.
    pub fn overlaps(&self, from: NaiveDateTime, until: NaiveDateTime) -> bool {
        self.start < until && (self.end > from || (self.start == self.end && self.start >= from))
    }
}

/// A wall clock reading in a zone, as bodies carry it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WallTime {
    /// What the clock shows.
    pub local: NaiveDateTime,
    /// Where it hangs.
    pub zone: Zone,
}

/// A change of when an event happens.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WhenPatch {
    /// `start`.
    pub start: Option<WallTime>,
    /// `end`.
    pub end: Option<WallTime>,
    /// `isAllDay`.
    pub all_day: Option<bool>,
}

impl WhenPatch {
    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.start.is_none() && self.end.is_none() && self.all_day.is_none()
    }

    /// The slot after the change; `current` is `None` for a new event, which needs both ends.
    pub fn onto(&self, current: Option<&Slot>) -> Result<Slot, Refusal> {
        let all_day = self
            .all_day
            .unwrap_or_else(|| current.is_some_and(|slot| slot.all_day));
        let place = |time: &WallTime| {
            if all_day {
                time.local
            } else {
                time.zone.to_utc(time.local)
            }
        };
        let missing =
            |name: &str| Refusal::validation(format!("The Event.{name} property is required."));
        let (start, start_zone) = match (&self.start, current) {
            (Some(time), _) => (place(time), time.zone.name().to_owned()),
            (None, Some(slot)) => (slot.start, slot.start_zone.clone()),
            (None, None) => return Err(missing("Start")),
        };
        let (end, end_zone) = match (&self.end, current) {
            (Some(time), _) => (place(time), time.zone.name().to_owned()),
            (None, Some(slot)) => (slot.end, slot.end_zone.clone()),
            (None, None) => return Err(missing("End")),
        };
        let midnight = |at: NaiveDateTime| at.time() == chrono::NaiveTime::MIN;
        if all_day && !(midnight(start) && midnight(end) && start < end) {
            return Err(Refusal::validation(
                "The Event.Start and Event.End properties of an all-day event need to be set to midnight, a day or more apart.",
            ));
        }
        if end < start {
            return Err(Refusal::validation(
                "The Event.End property must not be earlier than Event.Start.",
            ));
        }
        Ok(Slot {
            start,
            end,
            all_day,
            start_zone,
            end_zone,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wall(text: &str, zone: &str) -> WallTime {
        WallTime {
            local: text.parse().unwrap(),
            zone: Zone::named(zone).unwrap(),
        }
    }

    // F7.5
    #[test]
    fn an_all_day_event_is_never_shifted_by_its_zone() {
        let when = WhenPatch {
            start: Some(wall("2026-03-08T00:00:00", "Pacific Standard Time")),
            end: Some(wall("2026-03-09T00:00:00", "Pacific Standard Time")),
            all_day: Some(true),
        };

        let slot = when.onto(None).unwrap();

        assert_eq!(slot.start.to_string(), "2026-03-08 00:00:00");
        assert_eq!(slot.end.to_string(), "2026-03-09 00:00:00");
        assert_eq!(slot.start_zone, "Pacific Standard Time");
    }

    // F7.5
    #[test]
    fn an_all_day_event_that_begins_at_noon_is_refused() {
        let when = WhenPatch {
            start: Some(wall("2026-03-08T12:00:00", "UTC")),
            end: Some(wall("2026-03-09T00:00:00", "UTC")),
            all_day: Some(true),
        };

        assert!(matches!(when.onto(None), Err(Refusal::Validation(_))));
    }

    #[test]
    fn an_event_that_ends_before_it_begins_is_refused() {
        let when = WhenPatch {
            start: Some(wall("2026-03-08T12:00:00", "UTC")),
            end: Some(wall("2026-03-08T11:59:00", "UTC")),
            all_day: None,
        };

        assert!(matches!(when.onto(None), Err(Refusal::Validation(_))));
    }
}
