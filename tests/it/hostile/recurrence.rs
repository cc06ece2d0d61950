//! The sandbox's expansion of a series, whatever somebody asks it to repeat (S48).

use chrono::NaiveDate;
use graph_mirror::sandbox::calendar::repeat_wire::{parse, render};
use graph_mirror::sandbox::calendar::zones::Zone;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::cases;
use super::damage::{damaged, wrecks};

fn recurrence() -> impl Strategy<Value = Value> {
    const KINDS: &[&str] = &[
        "daily",
        "weekly",
        "absoluteMonthly",
        "relativeMonthly",
        "absoluteYearly",
        "relativeYearly",
    ];
    let pattern = (
        prop::sample::select(KINDS),
        1..1_000_u32,
        0..13_u32,
        0..32_u32,
        prop::sample::subsequence(&["sunday", "monday", "wednesday", "saturday"][..], 0..4),
        prop::sample::select(&["first", "second", "third", "fourth", "last"][..]),
    );
    let ends = prop::sample::select(&["endDate", "noEnd", "numbered"][..]);
    let days = prop::sample::select(
        &[
            "0001-01-01",
            "1601-01-01",
            "2026-03-02",
            "2024-02-29",
            "9999-12-31",
        ][..],
    );
    (pattern, ends, days.clone(), days, any::<u32>()).prop_map(
        |((kind, interval, month, day, weekdays, index), end, from, until, count)| {
            json!({
                "pattern": { "type": kind, "interval": interval, "month": month, "dayOfMonth": day, "daysOfWeek": weekdays,
                    "firstDayOfWeek": "monday", "index": index },
                "range": { "type": end, "startDate": from, "endDate": until, "recurrenceTimeZone": "UTC",
                    "numberOfOccurrences": count },
            })
        },
    )
}

fn expand(recurrence: &Value) -> Result<(), TestCaseError> {
    let Ok((recurrence, _)) = parse(recurrence) else {
        return Ok(());
    };
    let dates: Vec<NaiveDate> = recurrence.dates().take(200).collect();
    prop_assert!(dates.windows(2).all(|pair| pair[0] < pair[1]), "in order");
    let from: NaiveDate = "2026-01-01".parse().expect("a day");
    let until: NaiveDate = "2028-01-01".parse().expect("a day");
    let inside: Vec<NaiveDate> = recurrence.dates_between(from, until).collect();
    prop_assert!(inside.iter().all(|date| (from..=until).contains(date)));
    prop_assert!(inside.iter().all(|date| *date >= recurrence.range.start));
    if let Some(date) = inside.first() {
        prop_assert!(recurrence.falls_on(*date));
        prop_assert!(recurrence.before(*date).is_none_or(|before| before < *date));
        prop_assert!(recurrence.after(*date).is_none_or(|after| after > *date));
    }
    for edge in [NaiveDate::MIN, NaiveDate::MAX] {
        let _ = (
            recurrence.before(edge),
            recurrence.after(edge),
            recurrence.falls_on(edge),
        );
    }
    // What is shown can be read again.
    let shown = serde_json::to_value(render(&recurrence, &Zone::utc())).expect("it can be shown");
    prop_assert!(parse(&shown).is_ok_and(|(again, _)| again == recurrence));
    Ok(())
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn any_series_has_its_dates_in_order(recurrence in recurrence()) {
        expand(&recurrence)?;
    }

    #[test]
    fn a_damaged_recurrence_is_refused_or_expanded(recurrence in recurrence(), wrecks in wrecks()) {
        if let Ok(recurrence) = serde_json::from_str::<Value>(&damaged(&recurrence, &wrecks)) {
            expand(&recurrence)?;
        }
    }
}
