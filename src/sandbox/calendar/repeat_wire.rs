//! `patternedRecurrence` between the wire and [`Recurrence`] (F7.9, F7.10).

use chrono::{NaiveDate, Weekday};
use serde::Serialize;
use serde_json::{Map, Value};

use super::recurrence::{Pattern, PatternKind, Range, RangeEnd, Recurrence, WeekIndex};
use super::refusal::Refusal;
use super::zones::Zone;

const KINDS: [(PatternKind, &str); 6] = [
    (PatternKind::Daily, "daily"),
    (PatternKind::Weekly, "weekly"),
    (PatternKind::AbsoluteMonthly, "absoluteMonthly"),
    (PatternKind::RelativeMonthly, "relativeMonthly"),
    (PatternKind::AbsoluteYearly, "absoluteYearly"),
    (PatternKind::RelativeYearly, "relativeYearly"),
];

const INDEXES: [(WeekIndex, &str); 5] = [
    (WeekIndex::First, "first"),
    (WeekIndex::Second, "second"),
    (WeekIndex::Third, "third"),
    (WeekIndex::Fourth, "fourth"),
    (WeekIndex::Last, "last"),
];

const WEEKDAYS: [(Weekday, &str); 7] = [
    (Weekday::Sun, "sunday"),
    (Weekday::Mon, "monday"),
    (Weekday::Tue, "tuesday"),
    (Weekday::Wed, "wednesday"),
    (Weekday::Thu, "thursday"),
    (Weekday::Fri, "friday"),
    (Weekday::Sat, "saturday"),
];

/// `recurrence` as Graph writes it: what a pattern does not use is there all the same.
#[derive(Debug, Clone, Serialize)]
pub struct RecurrenceWire {
    pattern: PatternWire,
    range: RangeWire,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct PatternWire {
    #[serde(rename = "type")]
    kind: &'static str,
    interval: u32,
    month: u32,
    day_of_month: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    days_of_week: Vec<&'static str>,
    first_day_of_week: &'static str,
    index: &'static str,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct RangeWire {
    #[serde(rename = "type")]
    kind: &'static str,
    start_date: NaiveDate,
    end_date: String,
    recurrence_time_zone: String,
    number_of_occurrences: u32,
}

/// The recurrence as Graph writes it.
pub fn render(recurrence: &Recurrence, zone: &Zone) -> RecurrenceWire {
    let pattern = &recurrence.pattern;
    let placeholder = "0001-01-01".to_owned();
    let (kind, end_date, number_of_occurrences) = match recurrence.range.end {
        RangeEnd::On(last) => ("endDate", last.to_string(), 0),
        RangeEnd::Never => ("noEnd", placeholder, 0),
        RangeEnd::After(count) => ("numbered", placeholder, count),
    };
    RecurrenceWire {
        pattern: PatternWire {
            kind: name_of(&KINDS, pattern.kind),
            interval: pattern.interval,
            month: pattern.month,
            day_of_month: pattern.day_of_month,
            days_of_week: pattern
                .days_of_week
                .iter()
                .map(|day| name_of(&WEEKDAYS, *day))
                .collect(),
            first_day_of_week: name_of(&WEEKDAYS, pattern.first_day_of_week),
            index: name_of(&INDEXES, pattern.index),
        },
        range: RangeWire {
            kind,
            start_date: recurrence.range.start,
            end_date,
            recurrence_time_zone: zone.name().to_owned(),
            number_of_occurrences,
        },
    }
}

/// Reads a recurrence and the zone it names, if it does. Properties a pattern does not use are checked all
/// the same (F7.10).
pub fn parse(value: &Value) -> Result<(Recurrence, Option<Zone>), Refusal> {
    let fields = object("Recurrence", value.as_object())?;
    let pattern = object(
        "Recurrence.Pattern",
        fields.get("pattern").and_then(Value::as_object),
    )?;
    let range = object(
        "Recurrence.Range",
        fields.get("range").and_then(Value::as_object),
    )?;
    let pattern = parse_pattern(pattern)?;
    let zone = match text(range, "recurrenceTimeZone")? {
        None | Some("") => None,
        Some(name) => Some(Zone::named(name)?),
    };
    let start = date(range, "startDate")?.ok_or_else(|| invalid("Range.StartDate"))?;
    let count = number(range, "numberOfOccurrences")?.unwrap_or(0);
    let last = date(range, "endDate")?;
    let end = match text(range, "type")? {
        Some("endDate") => RangeEnd::On(last.ok_or_else(|| invalid("Range.EndDate"))?),
        Some("noEnd") => RangeEnd::Never,
        Some("numbered") => RangeEnd::After(count),
        _ => return Err(invalid("Range.Type")),
    };
    let range = Range { start, end };
    Ok((Recurrence { pattern, range }, zone))
}

fn parse_pattern(fields: &Map<String, Value>) -> Result<Pattern, Refusal> {
    let kind = text(fields, "type")?
        .and_then(|name| value_of(&KINDS, name))
        .ok_or_else(|| invalid("Pattern.Type"))?;
    let interval = number(fields, "interval")?.unwrap_or(0);
    if !(1..=999).contains(&interval) {
        return Err(invalid("Pattern.Interval"));
    }
    let month = number(fields, "month")?.unwrap_or(0);
    let day_of_month = number(fields, "dayOfMonth")?.unwrap_or(0);
    if month > 12 || day_of_month > 31 {
        return Err(invalid("Pattern.Month or DayOfMonth"));
    }
    let mut days_of_week = Vec::new();
    match fields.get("daysOfWeek") {
        None | Some(Value::Null) => {}
        Some(Value::Array(days)) => {
            for day in days {
                let day = day
                    .as_str()
                    .and_then(|name| value_of(&WEEKDAYS, name))
                    .ok_or_else(|| invalid("Pattern.DaysOfWeek"))?;
                if !days_of_week.contains(&day) {
                    days_of_week.push(day);
                }
            }
        }
        Some(_) => return Err(invalid("Pattern.DaysOfWeek")),
    }
    let first_day_of_week = match text(fields, "firstDayOfWeek")? {
        None => Weekday::Sun,
        Some(name) => value_of(&WEEKDAYS, name).ok_or_else(|| invalid("Pattern.FirstDayOfWeek"))?,
    };
    let index = match text(fields, "index")? {
        None => WeekIndex::First,
        Some(name) => value_of(&INDEXES, name).ok_or_else(|| invalid("Pattern.Index"))?,
    };
    let needs_days = matches!(
        kind,
        PatternKind::Weekly | PatternKind::RelativeMonthly | PatternKind::RelativeYearly
    );
    let needs_day = matches!(
        kind,
        PatternKind::AbsoluteMonthly | PatternKind::AbsoluteYearly
    );
    let needs_month = matches!(
        kind,
        PatternKind::AbsoluteYearly | PatternKind::RelativeYearly
    );
    if needs_days && days_of_week.is_empty() {
        return Err(invalid("Pattern.DaysOfWeek"));
    }
    if needs_day && day_of_month == 0 {
        return Err(invalid("Pattern.DayOfMonth"));
    }
    if needs_month && month == 0 {
        return Err(invalid("Pattern.Month"));
    }
    Ok(Pattern {
        kind,
        interval,
        month,
        day_of_month,
        days_of_week,
        first_day_of_week,
        index,
    })
}

fn invalid(property: &str) -> Refusal {
    Refusal::validation(format!("The Recurrence.{property} property is not valid."))
}

fn object<'v>(
    name: &str,
    fields: Option<&'v Map<String, Value>>,
) -> Result<&'v Map<String, Value>, Refusal> {
    fields.ok_or_else(|| Refusal::validation(format!("The {name} property is not valid.")))
}

fn text<'v>(fields: &'v Map<String, Value>, name: &str) -> Result<Option<&'v str>, Refusal> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_str().map(Some).ok_or_else(|| invalid(name)),
    }
}

fn number(fields: &Map<String, Value>, name: &str) -> Result<Option<u32>, Refusal> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value
            .as_u64()
            .and_then(|number| u32::try_from(number).ok())
            .map(Some)
            .ok_or_else(|| invalid(name)),
    }
}

fn date(fields: &Map<String, Value>, name: &str) -> Result<Option<NaiveDate>, Refusal> {
    match text(fields, name)? {
        None => Ok(None),
        Some(text) => text.parse().map(Some).map_err(|_| invalid(name)),
    }
}

fn name_of<T: PartialEq + Copy>(names: &[(T, &'static str)], value: T) -> &'static str {
    names
        .iter()
        .find(|(candidate, _)| *candidate == value)
        .map_or("", |(_, name)| name)
}

fn value_of<T: Copy>(names: &[(T, &'static str)], name: &str) -> Option<T> {
    names
        .iter()
        .find(|(_, candidate)| candidate.eq_ignore_ascii_case(name))
        .map(|(value, _)| *value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn weekly() -> Value {
        json!({
            "pattern": {"type": "weekly", "interval": 2, "daysOfWeek": ["monday", "friday"]},
            "range": {"type": "numbered", "startDate": "2026-03-02", "numberOfOccurrences": 6,
                      "recurrenceTimeZone": "Eastern Standard Time"},
        })
    }

    // F7.9, F7.10
    #[test]
    fn what_a_pattern_does_not_use_is_written_as_zero() {
        let (recurrence, zone) = parse(&weekly()).unwrap();

        let wire = serde_json::to_value(render(&recurrence, &zone.unwrap())).unwrap();

        assert_eq!(
            wire,
            json!({
                "pattern": {"type": "weekly", "interval": 2, "month": 0, "dayOfMonth": 0,
                            "daysOfWeek": ["monday", "friday"], "firstDayOfWeek": "sunday", "index": "first"},
                "range": {"type": "numbered", "startDate": "2026-03-02", "endDate": "0001-01-01",
                          "recurrenceTimeZone": "Eastern Standard Time", "numberOfOccurrences": 6},
            })
        );
    }

    // F7.10
    #[test]
    fn fields_a_pattern_does_not_use_are_validated_all_the_same() {
        for (pointer, value) in [
            ("/pattern/index", json!("fifth")),
            ("/pattern/month", json!(13)),
            ("/pattern/interval", json!(0)),
            ("/pattern/daysOfWeek", json!([])),
            ("/pattern/daysOfWeek", json!(["someday"])),
            ("/range/endDate", json!("tomorrow")),
            ("/range/recurrenceTimeZone", json!("Atlantis")),
        ] {
            let mut body = weekly();
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            body.pointer_mut(parent).unwrap()[name] = value;

            assert!(parse(&body).is_err(), "{pointer}");
        }
    }
}
