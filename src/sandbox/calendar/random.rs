//! What random edits write: drafts, overrides, recurrences.

use chrono::{Days, TimeDelta};

use super::draft::Draft;
use super::event::{
    Attendee, AttendeeKind, EventBody, Location, Overrides, Person, Response, ShowAs,
};
use super::recurrence::{Pattern, PatternKind, Range, RangeEnd, Recurrence, WeekIndex};
use super::slot::{Slot, WallTime, WhenPatch};
use super::zones::Zone;
use crate::model::time::Timestamp;

pub(super) const SUBJECTS: &[&str] = &[
    "Client call",
    "Deposition preparation",
    "Contract review",
    "Lunch with the team",
    "Budget round",
    "Besprechung Mandant",
    "Réunion de suivi",
    "Dentist",
    "Hiring interview",
    "Site visit",
    "1:1",
];
pub(super) const CATEGORIES: &[&str] = &[
    "Red category",
    "Blue category",
    "Green category",
    "Purple category",
];
pub(super) const ROOMS: &[&str] = &[
    "Conf Room Adams",
    "Conf Room Baker",
    "Besprechungsraum 2",
    "Salle Voltaire",
];
pub(super) const STRANGERS: &[(&str, &str)] = &[
    ("Alex Wilber", "alex.wilber@fabrikam.example"),
    ("Megan Bowen", "megan.bowen@fabrikam.example"),
    ("Lidia Holloway", "lidia.holloway@litware.example"),
];
pub(super) const ZONES: &[&str] = &[
    "UTC",
    "W. Europe Standard Time",
    "Pacific Standard Time",
    "Tokyo Standard Time",
];

pub(super) fn pick<'t, T>(rng: &mut fastrand::Rng, items: &'t [T]) -> Option<&'t T> {
    if items.is_empty() {
        return None;
    }
    items.get(rng.usize(..items.len()))
}

pub(super) fn random_overrides(rng: &mut fastrand::Rng) -> Overrides {
    let mut overrides = Overrides::default();
    match rng.u32(0..5) {
        0 => {
            overrides.subject =
                pick(rng, SUBJECTS).map(|subject| format!("{subject} ({})", rng.u32(1..1000)));
        }
        1 => {
            overrides.body = Some(EventBody {
                html: true,
                content: format!(
                    "<html><body><p>Agenda, version {}</p><ul><li>Status</li><li>Next steps</li></ul></body></html>",
                    rng.u32(1..1000)
                ),
            });
        }
        2 => {
            overrides.categories =
                pick(rng, CATEGORIES).map(|category| vec![(*category).to_owned()]);
        }
        3 => {
            overrides.locations = pick(rng, ROOMS).map(|room| {
                vec![Location {
                    display_name: (*room).to_owned(),
                    ..Location::default()
                }]
            });
        }
        _ => overrides.show_as = pick(rng, ShowAs::ALL).copied(),
    }
    overrides
}

pub(super) fn random_recurrence(when: &WhenPatch, rng: &mut fastrand::Rng) -> Option<Recurrence> {
    use chrono::Datelike as _;
    let start = when.start.as_ref()?.local.date();
    let kinds = [
        PatternKind::Daily,
        PatternKind::Weekly,
        PatternKind::AbsoluteMonthly,
        PatternKind::RelativeMonthly,
        PatternKind::AbsoluteYearly,
        PatternKind::RelativeYearly,
    ];
    let indexes = [
        WeekIndex::First,
        WeekIndex::Second,
        WeekIndex::Third,
        WeekIndex::Fourth,
    ];
    let week = usize::try_from(start.day0() / 7).unwrap_or(0);
    let pattern = Pattern {
        kind: *pick(rng, &kinds)?,
        interval: rng.u32(1..=2),
        month: start.month(),
        day_of_month: start.day(),
        days_of_week: vec![start.weekday()],
        first_day_of_week: chrono::Weekday::Mon,
        index: indexes.get(week).copied().unwrap_or(WeekIndex::Last),
    };
    let end = match rng.u32(0..3) {
        0 => RangeEnd::After(rng.u32(2..20)),
        1 => RangeEnd::On(start + Days::new(rng.u64(30..400))),
        _ => RangeEnd::Never,
    };
    Some(Recurrence {
        pattern,
        range: Range { start, end },
    })
}

/// How far an event moves: all-day events by days.
pub(super) fn moved_by(slot: &Slot, rng: &mut fastrand::Rng) -> TimeDelta {
    if slot.all_day {
        TimeDelta::days(rng.i64(1..=6))
    } else {
        TimeDelta::minutes(rng.i64(-8..=8) * 30 + rng.i64(0..=2) * 1440 + 15)
    }
}

pub(super) fn shifted(slot: &Slot, by: TimeDelta) -> WhenPatch {
    WhenPatch {
        start: Some(WallTime {
            local: slot.start + by,
            zone: Zone::utc(),
        }),
        end: Some(WallTime {
            local: slot.end + by,
            zone: Zone::utc(),
        }),
        all_day: None,
    }
}

pub(super) fn random_draft(now: Timestamp, rng: &mut fastrand::Rng) -> Draft {
    let mut overrides = random_overrides(rng);
    overrides.subject = pick(rng, SUBJECTS).map(|subject| (*subject).to_owned());
    if rng.u32(0..3) == 0 {
        overrides.attendees = Some(
            STRANGERS
                .iter()
                .take(rng.usize(1..=STRANGERS.len()))
                .map(|(name, address)| Attendee {
                    person: Person {
                        name: (*name).to_owned(),
                        address: (*address).to_owned(),
                    },
                    kind: AttendeeKind::Required,
                    response: Response::None,
                    responded_at: None,
                })
                .collect(),
        );
    }
    let day = now.date_naive() + Days::new(rng.u64(0..60));
    let zone = pick(rng, ZONES)
        .and_then(|name| Zone::named(name).ok())
        .unwrap_or_else(Zone::utc);
    let all_day = rng.u32(0..6) == 0;
    let start = if all_day {
        day.and_time(chrono::NaiveTime::MIN)
    } else {
        day.and_time(chrono::NaiveTime::MIN) + TimeDelta::minutes(rng.i64(28..72) * 15)
    };
    let length = if all_day {
        TimeDelta::days(1)
    } else {
        TimeDelta::minutes(rng.i64(1..8) * 15)
    };
    Draft {
        overrides,
        when: WhenPatch {
            start: Some(WallTime {
                local: start,
                zone: zone.clone(),
            }),
            end: Some(WallTime {
                local: start + length,
                zone,
            }),
            all_day: Some(all_day),
        },
        ..Draft::default()
    }
}
