//! A recurring event in time: dates of the recurrence's zone turned into slots, with the exceptions and
//! cancellations among them (S48, F7.12, F7.13).
//!
//! An occurrence is known by its date and the generation of the series; rescheduling begins a new generation,
//! so that the ids made of the two are new ones (F12.7).

use std::collections::{BTreeMap, BTreeSet};

use chrono::{NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};

use super::event::Overrides;
use super::recurrence::{RangeEnd, Recurrence};
use super::refusal::Refusal;
use super::slot::Slot;
use super::zones::Zone;
use crate::model::time::Timestamp;

/// The most occurrences a numbered series may have.
pub const MOST_OCCURRENCES: u32 = 999;

/// An occurrence that was changed alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    /// What it says differently from its master.
    pub overrides: Overrides,
    /// When it happens now.
    pub slot: Slot,
    /// Its version, for its own change key.
    pub version: u64,
    /// When it was changed last.
    pub modified_at: Timestamp,
}

/// How a master repeats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    recurrence: Recurrence,
    zone: Zone,
    time: NaiveTime,
    duration: TimeDelta,
    all_day: bool,
    start_zone: String,
    end_zone: String,
    generation: u32,
    exceptions: BTreeMap<NaiveDate, Exception>,
    cancelled: BTreeSet<NaiveDate>,
}

impl Series {
    /// The series that begins with `slot`.
    ///
    /// `zone` is the recurrence's own. The range must begin on the slot's day (F7.10); when the pattern does
    /// not fall on that day, the range moves to the first day it does.
    pub fn beginning_with(
        slot: &Slot,
        recurrence: Recurrence,
        zone: Zone,
    ) -> Result<Self, Refusal> {
        let local = if slot.all_day {
            slot.start
        } else {
            zone.to_local(slot.start)
        };
        if recurrence.range.start != local.date() {
            return Err(Refusal::validation(
                "The Recurrence.Range.StartDate property must be the date of Event.Start.",
            ));
        }
        check_end(&recurrence)?;
        let mut series = Self {
            recurrence,
            zone,
            time: local.time(),
            duration: slot.end - slot.start,
            all_day: slot.all_day,
            start_zone: slot.start_zone.clone(),
            end_zone: slot.end_zone.clone(),
            generation: 0,
            exceptions: BTreeMap::new(),
            cancelled: BTreeSet::new(),
        };
        series.recurrence.range.start = series.first()?;
        Ok(series)
    }

    fn first(&self) -> Result<NaiveDate, Refusal> {
        self.recurrence.first().ok_or_else(|| {
            Refusal::validation("The recurrence pattern has no occurrence within its range.")
        })
    }

    /// The pattern and the range.
    pub fn recurrence(&self) -> &Recurrence {
        &self.recurrence
    }

    /// `recurrenceTimeZone`.
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// Which rescheduling this is.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// The changed occurrences, by the date they stand for.
    pub fn exceptions(&self) -> &BTreeMap<NaiveDate, Exception> {
        &self.exceptions
    }

    /// The dates that fell out.
    pub fn cancelled(&self) -> &BTreeSet<NaiveDate> {
        &self.cancelled
    }

    /// The slot the pattern gives a date, whether or not it is an occurrence.
    pub fn slot_on(&self, date: NaiveDate) -> Slot {
        let local = date.and_time(self.time);
        let start = if self.all_day {
            local
        } else {
            self.zone.to_utc(local)
        };
        Slot {
            start,
            end: start.checked_add_signed(self.duration).unwrap_or(start),
            all_day: self.all_day,
            start_zone: self.start_zone.clone(),
            end_zone: self.end_zone.clone(),
        }
    }

    /// The slot of the master: that of the first occurrence (F6.32).
    pub fn first_slot(&self) -> Slot {
        self.slot_on(self.recurrence.range.start)
    }

    /// Whether there is an occurrence or exception for `date`.
    pub fn has(&self, date: NaiveDate) -> bool {
        !self.cancelled.contains(&date)
            && (self.exceptions.contains_key(&date) || self.recurrence.falls_on(date))
    }

    /// The slot of the occurrence or exception for `date`.
    pub fn slot_of(&self, date: NaiveDate) -> Slot {
        self.exceptions
            .get(&date)
            .map_or_else(|| self.slot_on(date), |exception| exception.slot.clone())
    }

    /// The dates of the occurrences and exceptions that have part in a window, in order.
    pub fn dates_in(&self, from: NaiveDateTime, until: NaiveDateTime) -> Vec<NaiveDate> {
        // A day either way for the zone, and the length of the event before it.
        let margin = TimeDelta::days(2);
        let first = from
            .checked_sub_signed(margin)
            .and_then(|at| at.checked_sub_signed(self.duration))
            .unwrap_or(from)
            .date();
        let last = until.checked_add_signed(margin).unwrap_or(until).date();
        let mut dates: BTreeSet<NaiveDate> = self
            .recurrence
            .dates_between(first, last)
            .filter(|date| !self.cancelled.contains(date) && !self.exceptions.contains_key(date))
            .filter(|date| self.slot_on(*date).overlaps(from, until))
            .collect();
        dates.extend(
            self.exceptions
                .iter()
                .filter(|(_, exception)| exception.slot.overlaps(from, until))
                .map(|(date, _)| *date),
        );
        dates.into_iter().collect()
    }

    /// Makes the occurrence for `date` an exception, or changes the one it is.
    pub fn except(
        &mut self,
        date: NaiveDate,
        slot: Slot,
        overrides: Overrides,
        version: u64,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        if !self.has(date) {
            return Err(Refusal::NotFound);
        }
        if slot != self.slot_of(date) {
            self.check_neighbours(date, &slot)?;
        }
        let exception = self.exceptions.entry(date).or_insert_with(|| Exception {
            overrides: Overrides::default(),
            slot: slot.clone(),
            version,
            modified_at: now,
        });
        exception.overrides.merge(overrides);
        exception.slot = slot;
        exception.version = version;
        exception.modified_at = now;
        Ok(())
    }

    /// An exception must stay strictly between the days of its neighbours (F7.12).
    fn check_neighbours(&self, date: NaiveDate, slot: &Slot) -> Result<(), Refusal> {
        let day = self.day_of(slot);
        let living = |step: fn(&Recurrence, NaiveDate) -> Option<NaiveDate>| {
            let mut at = step(&self.recurrence, date);
            while let Some(neighbour) = at.filter(|date| self.cancelled.contains(date)) {
                at = step(&self.recurrence, neighbour);
            }
            at.map(|neighbour| self.day_of(&self.slot_of(neighbour)))
        };
        let before = living(Recurrence::before);
        let after = living(Recurrence::after);
        if before.is_some_and(|before| day <= before) || after.is_some_and(|after| day >= after) {
            return Err(Refusal::CrossingBoundary);
        }
        Ok(())
    }

    fn day_of(&self, slot: &Slot) -> NaiveDate {
        if slot.all_day {
            slot.start.date()
        } else {
            self.zone.to_local(slot.start).date()
        }
    }

    /// Takes the occurrence for `date` out.
    pub fn cancel(&mut self, date: NaiveDate) -> Result<(), Refusal> {
        if !self.has(date) {
            return Err(Refusal::NotFound);
        }
        self.exceptions.remove(&date);
        self.cancelled.insert(date);
        Ok(())
    }

    /// Takes the place of `before` as its rescheduled self.
    ///
    /// Where pattern, time and zone stayed and only the end of the range moved, occurrences keep their ids
    /// and what was changed about them; otherwise a new generation begins without exceptions.
    pub fn succeed(&mut self, before: &Self) {
        let same = self.recurrence.pattern == before.recurrence.pattern
            && self.recurrence.range.start == before.recurrence.range.start
            && self.zone == before.zone
            && self.time == before.time
            && self.duration == before.duration
            && self.all_day == before.all_day;
        if !same {
            self.generation = before.generation + 1;
            return;
        }
        self.generation = before.generation;
        for (date, exception) in &before.exceptions {
            if self.recurrence.falls_on(*date) {
                self.exceptions.insert(*date, exception.clone());
            }
        }
        for date in &before.cancelled {
            if self.recurrence.falls_on(*date) {
                self.cancelled.insert(*date);
            }
        }
    }
}

fn check_end(recurrence: &Recurrence) -> Result<(), Refusal> {
    match recurrence.range.end {
        RangeEnd::On(last) if last < recurrence.range.start => Err(Refusal::validation(
            "The Recurrence.Range.EndDate property must not be earlier than StartDate.",
        )),
        RangeEnd::After(count) if !(1..=MOST_OCCURRENCES).contains(&count) => {
            Err(Refusal::validation(format!(
                "The Recurrence.Range.NumberOfOccurrences property must be between 1 and {MOST_OCCURRENCES}."
            )))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use chrono::Weekday;

    use super::super::recurrence::{Pattern, PatternKind, Range, WeekIndex};
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn at(text: &str) -> NaiveDateTime {
        text.parse().unwrap()
    }

    fn slot(start: &str, end: &str) -> Slot {
        Slot {
            start: at(start),
            end: at(end),
            all_day: false,
            start_zone: "UTC".to_owned(),
            end_zone: "UTC".to_owned(),
        }
    }

    fn weekly(first: &str, start: &str, end: &str, count: u32) -> Series {
        let recurrence = Recurrence {
            pattern: Pattern {
                kind: PatternKind::Weekly,
                interval: 1,
                month: 0,
                day_of_month: 0,
                days_of_week: vec![Weekday::Mon],
                first_day_of_week: Weekday::Sun,
                index: WeekIndex::First,
            },
            range: Range {
                start: day(first),
                end: RangeEnd::After(count),
            },
        };
        let zone = Zone::named("W. Europe Standard Time").unwrap();
        Series::beginning_with(&slot(start, end), recurrence, zone).unwrap()
    }

    fn starts(series: &Series) -> Vec<String> {
        series
            .dates_in(at("2020-01-01T00:00:00"), at("2030-01-01T00:00:00"))
            .into_iter()
            .map(|date| series.slot_of(date).start.to_string())
            .collect()
    }

    // S48
    #[test]
    fn a_meeting_at_nine_stays_at_nine_when_the_clocks_change() {
        let series = weekly(
            "2026-03-16",
            "2026-03-16T08:00:00",
            "2026-03-16T09:00:00",
            3,
        );

        assert_eq!(
            starts(&series),
            [
                "2026-03-16 08:00:00",
                "2026-03-23 08:00:00",
                "2026-03-30 07:00:00"
            ]
        );
    }

    // S48, F7.12
    #[test]
    fn an_exception_cannot_reach_its_neighbours_day() {
        let mut series = weekly(
            "2026-03-02",
            "2026-03-02T08:00:00",
            "2026-03-02T09:00:00",
            3,
        );
        let now = Timestamp::UNIX_EPOCH;
        let mut moved = |date: &str, to: &str| {
            let slot = slot(to, "2026-04-01T00:00:00");
            series.except(day(date), slot, Overrides::default(), 1, now)
        };

        assert_eq!(
            moved("2026-03-09", "2026-03-16T05:00:00"),
            Err(Refusal::CrossingBoundary)
        );
        assert_eq!(
            moved("2026-03-09", "2026-03-02T20:00:00"),
            Err(Refusal::CrossingBoundary)
        );
        assert_eq!(moved("2026-03-09", "2026-03-15T12:00:00"), Ok(()));
        // Its neighbour's day is now the day it was moved to.
        assert_eq!(
            moved("2026-03-16", "2026-03-15T20:00:00"),
            Err(Refusal::CrossingBoundary)
        );
        assert_eq!(
            moved("2026-03-10", "2026-03-10T20:00:00"),
            Err(Refusal::NotFound)
        );
    }

    // S48
    #[test]
    fn a_cancelled_date_falls_out_and_stays_out() {
        let mut series = weekly(
            "2026-03-02",
            "2026-03-02T08:00:00",
            "2026-03-02T09:00:00",
            3,
        );

        series.cancel(day("2026-03-09")).unwrap();

        assert_eq!(
            starts(&series),
            ["2026-03-02 08:00:00", "2026-03-16 08:00:00"]
        );
        assert_eq!(series.cancel(day("2026-03-09")), Err(Refusal::NotFound));
    }

    // S48
    #[test]
    fn an_exception_is_seen_in_the_window_it_moved_to() {
        let mut series = weekly(
            "2026-03-02",
            "2026-03-02T08:00:00",
            "2026-03-02T09:00:00",
            3,
        );
        let to = slot("2026-03-20T08:00:00", "2026-03-20T09:00:00");
        series
            .except(
                day("2026-03-16"),
                to,
                Overrides::default(),
                1,
                Timestamp::UNIX_EPOCH,
            )
            .unwrap();

        let there = series.dates_in(at("2026-03-20T00:00:00"), at("2026-03-21T00:00:00"));
        let here = series.dates_in(at("2026-03-16T00:00:00"), at("2026-03-17T00:00:00"));

        assert_eq!(there, [day("2026-03-16")]);
        assert!(here.is_empty());
    }

    // S45, F12.7
    #[test]
    fn rescheduling_begins_a_generation_and_a_longer_range_does_not() {
        let mut before = weekly(
            "2026-03-02",
            "2026-03-02T08:00:00",
            "2026-03-02T09:00:00",
            3,
        );
        before.cancel(day("2026-03-09")).unwrap();
        let mut longer = weekly(
            "2026-03-02",
            "2026-03-02T08:00:00",
            "2026-03-02T09:00:00",
            5,
        );
        let mut later = weekly(
            "2026-03-02",
            "2026-03-02T10:00:00",
            "2026-03-02T11:00:00",
            3,
        );

        longer.succeed(&before);
        later.succeed(&before);

        assert_eq!((longer.generation(), longer.cancelled().len()), (0, 1));
        assert_eq!((later.generation(), later.cancelled().len()), (1, 0));
    }

    // F7.10
    #[test]
    fn a_range_that_begins_elsewhere_is_refused_and_a_pattern_that_begins_later_moves_it() {
        let series = weekly(
            "2026-03-04",
            "2026-03-04T08:00:00",
            "2026-03-04T09:00:00",
            2,
        );
        let recurrence = Recurrence {
            range: Range {
                start: day("2026-03-05"),
                end: RangeEnd::Never,
            },
            ..series.recurrence().clone()
        };
        let first = slot("2026-03-04T08:00:00", "2026-03-04T09:00:00");

        assert_eq!(series.recurrence().range.start, day("2026-03-09"));
        assert!(Series::beginning_with(&first, recurrence, Zone::utc()).is_err());
    }
}
