//! Series for a seeded calendar: all six patterns and three ranges, with occurrences moved and taken out where
//! the clocks change.

use chrono::{Datelike, Days, NaiveDate, NaiveTime, TimeDelta, Weekday};

use super::calendar::{AHEAD, PAST, Planner};
use crate::sandbox::calendar::draft::Draft;
use crate::sandbox::calendar::recurrence::{
    Pattern, PatternKind, Range, RangeEnd, Recurrence, WeekIndex,
};
use crate::sandbox::calendar::refusal::Refusal;
use crate::sandbox::calendar::slot::{WallTime, WhenPatch};
use crate::sandbox::calendar::state::{CalendarKey, EventKey, Target};
use crate::sandbox::calendar::zones::Zone;
use crate::sandbox::world::Language;

impl Planner<'_> {
    /// A series of each pattern, and the two every calendar is full of: a daily stand-up and a weekly 1:1.
    pub(super) fn series(&mut self, calendars: &[CalendarKey]) {
        let plans: [(&str, PatternKind, u32, bool); 9] = [
            ("Daily stand-up", PatternKind::Weekly, 1, false),
            ("1:1", PatternKind::Weekly, 1, false),
            ("Sprint review", PatternKind::Weekly, 2, false),
            ("Medication", PatternKind::Daily, 3, false),
            ("Pay run", PatternKind::AbsoluteMonthly, 1, false),
            ("Partners’ meeting", PatternKind::RelativeMonthly, 1, false),
            ("Birthday", PatternKind::AbsoluteYearly, 1, true),
            ("Company party", PatternKind::RelativeYearly, 1, false),
            ("Quartalsabschluss", PatternKind::AbsoluteMonthly, 3, true),
        ];
        for (index, (subject, kind, interval, all_day)) in plans.into_iter().enumerate() {
            let first = self.today() - Days::new(self.rng.u64(20..PAST));
            let end = match index % 3 {
                0 => RangeEnd::Never,
                1 => RangeEnd::On(self.today() + Days::new(self.rng.u64(90..AHEAD))),
                _ => RangeEnd::After(match kind {
                    PatternKind::Daily => 120,
                    PatternKind::Weekly => 26,
                    _ => 14,
                }),
            };
            let weekdays = if index == 0 {
                vec![Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu]
            } else {
                vec![*self.pick(&[Weekday::Mon, Weekday::Wed, Weekday::Fri])]
            };
            let mut recurrence = Recurrence {
                pattern: Pattern {
                    kind,
                    interval,
                    month: self.rng.u32(1..=12),
                    day_of_month: if subject == "Pay run" {
                        31
                    } else {
                        self.rng.u32(1..=28)
                    },
                    days_of_week: weekdays,
                    first_day_of_week: if self.user.language == Language::English {
                        Weekday::Sun
                    } else {
                        Weekday::Mon
                    },
                    index: *self.pick(&[WeekIndex::First, WeekIndex::Third, WeekIndex::Last]),
                },
                range: Range { start: first, end },
            };
            recurrence.range.start = recurrence.first().unwrap_or(first);
            let first = recurrence.range.start;
            let zone = self.own_zone();
            let mut draft = if all_day {
                let mut draft = self.draft(
                    subject,
                    first.and_time(NaiveTime::MIN),
                    TimeDelta::days(1),
                    &zone,
                );
                draft.when.all_day = Some(true);
                draft
            } else {
                let hour = self.working_hour();
                self.draft(subject, first.and_time(hour), TimeDelta::minutes(30), &zone)
            };
            if index == 1 || index == 5 {
                draft.overrides.attendees = Some(self.attendees(first));
                draft.overrides.is_online_meeting = Some(true);
            }
            draft.recurrence = Some(Some((recurrence, Some(zone))));
            let calendar = if index < 4 {
                calendars[0]
            } else {
                *self.pick(calendars)
            };
            if let Some(key) = self.put(calendar, draft, first) {
                self.disturb(key);
            }
        }
    }

    /// Moves the occurrence before a clock change, takes the one after it out, and does the same to a few more.
    fn disturb(&mut self, key: EventKey) {
        let Ok(event) = self.state.event(key) else {
            return;
        };
        let Some(series) = &event.series else {
            return;
        };
        let now = self.now.naive_utc();
        let reach = |days: u64| TimeDelta::days(i64::try_from(days).unwrap_or(0));
        let dates = series.dates_in(now - reach(PAST), now + reach(AHEAD));
        let clock = |date: &NaiveDate| series.slot_on(*date).start.time();
        let mut moved = Vec::new();
        let mut dropped = Vec::new();
        for pair in dates.windows(2) {
            if let [before, after] = pair
                && clock(before) != clock(after)
            {
                moved.push(*before);
                dropped.push(*after);
            }
        }
        if dates.len() > 6 {
            moved.push(dates[dates.len() / 3]);
            dropped.push(dates[dates.len() / 2]);
        }
        let entered = event.created_at + TimeDelta::minutes(7);
        for date in moved {
            let Some(slot) = self
                .state
                .event(key)
                .ok()
                .and_then(|event| Some(event.series.as_ref()?.slot_of(date)))
            else {
                continue;
            };
            let mut draft = Draft::default();
            draft.overrides.subject = Some(format!("Moved: week {}", date.iso_week().week()));
            if !slot.all_day {
                let by = TimeDelta::minutes(45);
                let zone = Zone::utc();
                draft.when.start = Some(WallTime {
                    local: slot.start + by,
                    zone: zone.clone(),
                });
                draft.when.end = Some(WallTime {
                    local: slot.end + by,
                    zone,
                });
            }
            let target = Target::Occurrence(key, date);
            let mut stays = draft.clone();
            stays.when = WhenPatch::default();
            let mut done = self.state.update(target, draft, entered, self.rng);
            if let Err(Refusal::CrossingBoundary) = done {
                // Late in the day before its neighbour's it may not move further: then it is only renamed.
                done = self.state.update(target, stays, entered, self.rng);
            }
            done.expect("the series has the date, and a name fits every occurrence");
        }
        dropped.sort_unstable();
        dropped.dedup();
        for date in dropped {
            self.state
                .delete(Target::Occurrence(key, date), entered, self.rng)
                .expect("the series has the date, and drops it only once");
        }
    }
}
