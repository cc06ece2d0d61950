//! Recurrence as Exchange keeps it: a pattern, a range, and the dates they make (F7.9 to F7.11, S48).
//!
//! Pure. Dates are dates of the recurrence's own zone; only [`super::series`] turns one into an instant, so
//! that an appointment at nine stays at nine when the clocks change.

use chrono::{Datelike, Days, Months, NaiveDate, Weekday};

/// How a recurring event repeats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recurrence {
    /// On which days.
    pub pattern: Pattern,
    /// From when until when.
    pub range: Range,
}

/// The six patterns (F7.9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatternKind {
    /// Every so many days.
    Daily,
    /// On named weekdays, every so many weeks.
    Weekly,
    /// On a day of the month, every so many months.
    AbsoluteMonthly,
    /// On the first to last of some weekdays, every so many months.
    RelativeMonthly,
    /// On a day of one month, every so many years.
    AbsoluteYearly,
    /// On the first to last of some weekdays of one month, every so many years.
    RelativeYearly,
}

/// Which of a month's days that satisfy a relative pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WeekIndex {
    /// The first.
    First,
    /// The second.
    Second,
    /// The third.
    Third,
    /// The fourth.
    Fourth,
    /// The last.
    Last,
}

/// On which days an event repeats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// Which of the six.
    pub kind: PatternKind,
    /// Every how many days, weeks, months or years; at least one.
    pub interval: u32,
    /// The month of a yearly pattern, 1 to 12; 0 when unused.
    pub month: u32,
    /// The day of an absolute pattern, 1 to 31; 0 when unused. A day the month lacks is its last.
    pub day_of_month: u32,
    /// The weekdays of a weekly or relative pattern.
    pub days_of_week: Vec<Weekday>,
    /// The day a week begins with, which matters when every second week counts.
    pub first_day_of_week: Weekday,
    /// Which day of a relative pattern.
    pub index: WeekIndex,
}

/// The three ends a series can have (F7.10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RangeEnd {
    /// The last day it may fall on.
    On(NaiveDate),
    /// It goes on.
    Never,
    /// So many occurrences in all.
    After(u32),
}

/// From when until when a series runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// The day of the first occurrence.
    pub start: NaiveDate,
    /// How it ends.
    pub end: RangeEnd,
}

/// No series reaches past this; it keeps an endless one from being walked for ever.
const HORIZON_DAYS: u64 = 366 * 120;

impl Recurrence {
    /// The dates of the series in order, from the first one on.
    pub fn dates(&self) -> impl Iterator<Item = NaiveDate> + '_ {
        self.walk(0, self.range.start)
    }

    /// The dates of the series from `from` to `to`, both included.
    pub fn dates_between(
        &self,
        from: NaiveDate,
        to: NaiveDate,
    ) -> impl Iterator<Item = NaiveDate> + '_ {
        // A numbered series has to be counted from its beginning; any other can be entered in the middle.
        let first = match self.range.end {
            RangeEnd::After(_) => 0,
            RangeEnd::On(_) | RangeEnd::Never => self.period_before(from),
        };
        self.walk(first, from).take_while(move |date| *date <= to)
    }

    /// Whether the series has an occurrence on `date`.
    pub fn falls_on(&self, date: NaiveDate) -> bool {
        self.dates_between(date, date).next().is_some()
    }

    /// The first date of the series, if it has any.
    pub fn first(&self) -> Option<NaiveDate> {
        self.dates().next()
    }

    /// The last date of the series, if it has an end.
    pub fn last(&self) -> Option<NaiveDate> {
        match self.range.end {
            RangeEnd::Never => None,
            RangeEnd::On(_) | RangeEnd::After(_) => self.dates().last(),
        }
    }

    /// The date of the series before `date`.
    pub fn before(&self, date: NaiveDate) -> Option<NaiveDate> {
        let span = Days::new(u64::from(self.longest_gap_in_days()));
        let from = date.checked_sub_days(span).unwrap_or(self.range.start);
        let until = date.pred_opt()?;
        self.dates_between(from, until).last()
    }

    /// The date of the series after `date`.
    pub fn after(&self, date: NaiveDate) -> Option<NaiveDate> {
        let from = date.succ_opt()?;
        let span = Days::new(u64::from(self.longest_gap_in_days()));
        self.dates_between(from, from.checked_add_days(span)?)
            .next()
    }

    /// Every date not before `from`, beginning with the period `period`.
    fn walk(&self, period: u32, from: NaiveDate) -> impl Iterator<Item = NaiveDate> + '_ {
        let last = match self.range.end {
            RangeEnd::On(last) => last,
            RangeEnd::Never | RangeEnd::After(_) => self
                .range
                .start
                .checked_add_days(Days::new(HORIZON_DAYS))
                .unwrap_or(NaiveDate::MAX),
        };
        let count = match self.range.end {
            RangeEnd::After(count) => usize::try_from(count).unwrap_or(usize::MAX),
            RangeEnd::On(_) | RangeEnd::Never => usize::MAX,
        };
        (period..)
            .map_while(move |period| self.period(period))
            .take_while(move |(begins, _)| *begins <= last)
            .flat_map(|(_, dates)| dates)
            .filter(move |date| *date >= self.range.start)
            .take_while(move |date| *date <= last)
            .take(count)
            .filter(move |date| *date >= from)
    }

    /// The first day and the dates of one period, counted from the one that holds the range's start.
    fn period(&self, number: u32) -> Option<(NaiveDate, Vec<NaiveDate>)> {
        let pattern = &self.pattern;
        let steps = number.checked_mul(pattern.interval.max(1))?;
        match pattern.kind {
            PatternKind::Daily => {
                let date = self
                    .range
                    .start
                    .checked_add_days(Days::new(u64::from(steps)))?;
                Some((date, vec![date]))
            }
            PatternKind::Weekly => {
                let first_week = self
                    .range
                    .start
                    .week(pattern.first_day_of_week)
                    .checked_first_day()?;
                let begins = first_week.checked_add_days(Days::new(u64::from(steps) * 7))?;
                let dates = begins
                    .iter_days()
                    .take(7)
                    .filter(|date| pattern.days_of_week.contains(&date.weekday()))
                    .collect();
                Some((begins, dates))
            }
            PatternKind::AbsoluteMonthly | PatternKind::RelativeMonthly => {
                let begins = self
                    .range
                    .start
                    .with_day(1)?
                    .checked_add_months(Months::new(steps))?;
                Some((begins, self.date_in_month(begins).into_iter().collect()))
            }
            PatternKind::AbsoluteYearly | PatternKind::RelativeYearly => {
                let begins = NaiveDate::from_ymd_opt(self.range.start.year(), pattern.month, 1)?
                    .checked_add_months(Months::new(steps.checked_mul(12)?))?;
                Some((begins, self.date_in_month(begins).into_iter().collect()))
            }
        }
    }

    fn date_in_month(&self, begins: NaiveDate) -> Option<NaiveDate> {
        let days = u32::from(begins.num_days_in_month());
        let pattern = &self.pattern;
        match pattern.kind {
            PatternKind::AbsoluteMonthly | PatternKind::AbsoluteYearly => {
                begins.with_day(pattern.day_of_month.min(days))
            }
            _ => {
                // Of several weekdays, any that satisfies the pattern counts (F7.11).
                let mut fitting = (1..=days)
                    .filter_map(|day| begins.with_day(day))
                    .filter(|date| pattern.days_of_week.contains(&date.weekday()));
                match pattern.index {
                    WeekIndex::First => fitting.next(),
                    WeekIndex::Second => fitting.nth(1),
                    WeekIndex::Third => fitting.nth(2),
                    WeekIndex::Fourth => fitting.nth(3),
                    WeekIndex::Last => fitting.next_back(),
                }
            }
        }
    }

    /// A period that surely begins before `date`.
    fn period_before(&self, date: NaiveDate) -> u32 {
        let days = (date - self.range.start).num_days().max(0);
        let days = u32::try_from(days).unwrap_or(u32::MAX);
        let interval = self.pattern.interval.max(1);
        let passed = match self.pattern.kind {
            PatternKind::Daily => days / interval,
            PatternKind::Weekly => days / 7 / interval,
            PatternKind::AbsoluteMonthly | PatternKind::RelativeMonthly => days / 31 / interval,
            PatternKind::AbsoluteYearly | PatternKind::RelativeYearly => days / 366 / interval,
        };
        passed.saturating_sub(1)
    }

    fn longest_gap_in_days(&self) -> u32 {
        let unit: u32 = match self.pattern.kind {
            PatternKind::Daily => 1,
            PatternKind::Weekly => 7,
            PatternKind::AbsoluteMonthly | PatternKind::RelativeMonthly => 31,
            PatternKind::AbsoluteYearly | PatternKind::RelativeYearly => 366,
        };
        unit.saturating_mul(self.pattern.interval.max(1))
            .saturating_add(unit * 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn pattern(kind: PatternKind, interval: u32) -> Pattern {
        Pattern {
            kind,
            interval,
            month: 0,
            day_of_month: 0,
            days_of_week: Vec::new(),
            first_day_of_week: Weekday::Sun,
            index: WeekIndex::First,
        }
    }

    fn dates(pattern: Pattern, start: &str, end: RangeEnd) -> Vec<String> {
        let range = Range {
            start: day(start),
            end,
        };
        let recurrence = Recurrence { pattern, range };
        recurrence
            .dates()
            .take(5)
            .map(|date| date.to_string())
            .collect()
    }

    // S48
    #[test]
    fn daily_steps_over_the_interval_and_stops_on_the_end_date() {
        let found = dates(
            pattern(PatternKind::Daily, 3),
            "2026-02-25",
            RangeEnd::On(day("2026-03-05")),
        );

        assert_eq!(found, ["2026-02-25", "2026-02-28", "2026-03-03"]);
    }

    // S48
    #[test]
    fn weekly_counts_its_weeks_from_the_first_day_of_the_week() {
        let mut biweekly = pattern(PatternKind::Weekly, 2);
        biweekly.days_of_week = vec![Weekday::Tue, Weekday::Sun];

        let sunday = dates(biweekly.clone(), "1997-08-05", RangeEnd::After(4));
        biweekly.first_day_of_week = Weekday::Mon;
        let monday = dates(biweekly, "1997-08-05", RangeEnd::After(4));

        assert_eq!(
            sunday,
            ["1997-08-05", "1997-08-17", "1997-08-19", "1997-08-31"]
        );
        assert_eq!(
            monday,
            ["1997-08-05", "1997-08-10", "1997-08-19", "1997-08-24"]
        );
    }

    // S48, F7.11
    #[test]
    fn the_thirty_first_is_the_last_day_of_shorter_months() {
        let mut monthly = pattern(PatternKind::AbsoluteMonthly, 1);
        monthly.day_of_month = 31;

        let found = dates(monthly, "2028-01-31", RangeEnd::After(4));

        assert_eq!(
            found,
            ["2028-01-31", "2028-02-29", "2028-03-31", "2028-04-30"]
        );
    }

    // S48
    #[test]
    fn the_leap_day_falls_on_the_28th_in_other_years() {
        let mut yearly = pattern(PatternKind::AbsoluteYearly, 1);
        yearly.month = 2;
        yearly.day_of_month = 29;

        let found = dates(yearly, "2028-02-29", RangeEnd::After(3));

        assert_eq!(found, ["2028-02-29", "2029-02-28", "2030-02-28"]);
    }

    // S48, F7.11
    #[test]
    fn a_relative_pattern_of_several_weekdays_takes_the_one_that_fits() {
        let mut monthly = pattern(PatternKind::RelativeMonthly, 1);
        monthly.days_of_week = vec![Weekday::Thu, Weekday::Fri];
        let first = dates(monthly.clone(), "2026-05-01", RangeEnd::After(3));
        monthly.index = WeekIndex::Last;
        let last = dates(monthly, "2026-05-01", RangeEnd::After(3));

        assert_eq!(first, ["2026-05-01", "2026-06-04", "2026-07-02"]);
        assert_eq!(last, ["2026-05-29", "2026-06-26", "2026-07-31"]);
    }

    // S48
    #[test]
    fn a_relative_year_finds_the_fourth_thursday_of_november() {
        let mut yearly = pattern(PatternKind::RelativeYearly, 1);
        yearly.month = 11;
        yearly.days_of_week = vec![Weekday::Thu];
        yearly.index = WeekIndex::Fourth;

        let found = dates(yearly, "2025-11-27", RangeEnd::Never);

        assert_eq!(
            found,
            [
                "2025-11-27",
                "2026-11-26",
                "2027-11-25",
                "2028-11-23",
                "2029-11-22"
            ]
        );
    }

    // S48
    #[test]
    fn a_numbered_series_ends_after_its_number_wherever_it_is_entered() {
        let range = Range {
            start: day("2026-01-01"),
            end: RangeEnd::After(10),
        };
        let series = Recurrence {
            pattern: pattern(PatternKind::Daily, 1),
            range,
        };

        let tail: Vec<_> = series
            .dates_between(day("2026-01-09"), day("2026-02-01"))
            .collect();

        assert_eq!(tail, [day("2026-01-09"), day("2026-01-10")]);
        assert_eq!(series.last(), Some(day("2026-01-10")));
    }

    // S48
    #[test]
    fn a_window_in_the_middle_holds_what_walking_from_the_start_gives() {
        let kinds = [
            PatternKind::Daily,
            PatternKind::Weekly,
            PatternKind::AbsoluteMonthly,
            PatternKind::RelativeMonthly,
            PatternKind::AbsoluteYearly,
            PatternKind::RelativeYearly,
        ];
        for kind in kinds {
            for interval in 1..=4 {
                let mut pattern = pattern(kind, interval);
                pattern.month = 3;
                pattern.day_of_month = 30;
                pattern.days_of_week = vec![Weekday::Mon, Weekday::Sat];
                pattern.index = WeekIndex::Last;
                let range = Range {
                    start: day("2019-05-17"),
                    end: RangeEnd::Never,
                };
                let series = Recurrence { pattern, range };
                let (from, to) = (day("2026-02-03"), day("2031-08-11"));

                let entered: Vec<_> = series.dates_between(from, to).collect();
                let walked: Vec<_> = series
                    .dates()
                    .skip_while(|date| *date < from)
                    .take_while(|date| *date <= to)
                    .collect();

                assert_eq!(entered, walked, "{kind:?} every {interval}");
                assert!(!entered.is_empty());
                let (first, second) = (entered[0], entered[1]);
                assert_eq!(series.after(first), Some(second));
                assert_eq!(series.before(second), Some(first));
                assert!(series.falls_on(first));
            }
        }
    }
}
