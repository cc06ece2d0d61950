//! Calendars that look lived in: appointments in several zones, all-day events, meetings and invitations, and
//! series of all six patterns with exceptions and cancellations on either side of a clock change.

use std::fmt::Write as _;

use chrono::{Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};

use crate::model::time::Timestamp;
use crate::sandbox::calendar::CalendarState;
use crate::sandbox::calendar::draft::Draft;
use crate::sandbox::calendar::event::{
    EventBody, Importance, Location, Overrides, Person, Sensitivity, ShowAs,
};
use crate::sandbox::calendar::slot::{WallTime, WhenPatch};
use crate::sandbox::calendar::state::{CalendarKey, EventKey};
use crate::sandbox::calendar::zones::Zone;
use crate::sandbox::world::{Language, User};

/// Days before the clock that appointments reach back.
pub(super) const PAST: u64 = 182;
/// Days ahead of it.
pub(super) const AHEAD: u64 = 274;

/// The names of a person's calendars, the default one first.
fn names(language: Language) -> [&'static str; 4] {
    match language {
        Language::English => ["Calendar", "Projects", "Équipe Genève", "Birthdays"],
        Language::German => [
            "Kalender",
            "Mandantentermine",
            "Familie & Schule",
            "Geburtstage",
        ],
        Language::French => [
            "Calendrier",
            "Équipe projet",
            "Congés d’été",
            "Anniversaires",
        ],
    }
}

pub(super) const SUBJECTS: &[&str] = &[
    "Client call: Northwind",
    "Deposition of J. Marsh",
    "Draft review: share purchase agreement",
    "Lunch with Dana",
    "Dentist",
    "Quarterly forecast",
    "Court hearing, room 4.12",
    "Hiring interview",
    "Call with opposing counsel",
    "Mandantengespräch Fabrikam",
    "Notartermin",
    "Steuerberater",
    "Point d’étape Contoso",
    "Déjeuner avec Hélène",
    "Fire drill",
    "Product demo",
    "Budget sign-off",
    "Parents’ evening",
    "Car inspection",
    "Flight LH 1138 FRA–SEA",
    "Focus time",
    "Site visit Rotterdam",
];
const ALL_DAY: &[&str] = &[
    "Annual leave",
    "Bank holiday",
    "Conference: LegalTech",
    "Out of office",
    "Betriebsausflug",
    "Congé",
    "Trade fair",
    "Birthday of Sam",
];
const ROOMS: &[(&str, &str, &str, &str)] = &[
    (
        "Conf Room Adams",
        "1 Harbour Street",
        "Seattle",
        "United States",
    ),
    ("Besprechungsraum 2", "Neuer Wall 9", "Hamburg", "Germany"),
    ("Salle Voltaire", "12 rue de Rivoli", "Paris", "France"),
    ("Microsoft Teams Meeting", "", "", ""),
];
const ZONES: &[&str] = &[
    "UTC",
    "Pacific Standard Time",
    "Eastern Standard Time",
    "W. Europe Standard Time",
    "Romance Standard Time",
    "India Standard Time",
    "Tokyo Standard Time",
    "Europe/London",
];
const CATEGORIES: &[&str] = &[
    "Red category",
    "Blue category",
    "Green category",
    "Orange category",
];

/// An empty default calendar, named in the person's language.
pub fn empty(user: &User, rng: &mut fastrand::Rng) -> CalendarState {
    let [name, ..] = names(user.language);
    CalendarState::new(person(user), name, rng)
}

/// Filled calendars.
pub fn filled(
    user: &User,
    everyone: &[User],
    now: Timestamp,
    rng: &mut fastrand::Rng,
) -> CalendarState {
    let mut state = empty(user, rng);
    let [_, projects, local, birthdays] = names(user.language);
    let mut calendars = vec![state.default_calendar().key];
    for (name, color) in [
        (projects, "lightBlue"),
        (local, "lightGreen"),
        (birthdays, "lightPink"),
    ] {
        if let Ok(calendar) = state.create_calendar(name, color) {
            calendars.push(calendar.key);
        }
    }
    let mut planner = Planner {
        state,
        user,
        everyone,
        now,
        rng,
    };
    planner.singles(&calendars);
    planner.all_day(&calendars);
    planner.meetings();
    planner.series(&calendars);
    planner.state
}

pub(super) fn person(user: &User) -> Person {
    Person {
        name: user.display_name.clone(),
        address: user.address.clone(),
    }
}

pub(super) struct Planner<'a> {
    pub(super) state: CalendarState,
    pub(super) user: &'a User,
    pub(super) everyone: &'a [User],
    pub(super) now: Timestamp,
    pub(super) rng: &'a mut fastrand::Rng,
}

impl Planner<'_> {
    pub(super) fn pick<'t, T>(&mut self, items: &'t [T]) -> &'t T {
        &items[self.rng.usize(..items.len())]
    }

    pub(super) fn today(&self) -> NaiveDate {
        self.now.date_naive()
    }

    /// A day between half a year ago and nine months ahead.
    pub(super) fn some_day(&mut self) -> NaiveDate {
        self.today() - Days::new(PAST) + Days::new(self.rng.u64(0..PAST + AHEAD))
    }

    pub(super) fn working_hour(&mut self) -> NaiveTime {
        NaiveTime::MIN + TimeDelta::minutes(self.rng.i64(32..=70) * 15)
    }

    pub(super) fn own_zone(&self) -> Zone {
        Zone::named(self.user.time_zone).unwrap_or_else(|_| Zone::utc())
    }

    pub(super) fn some_zone(&mut self) -> Zone {
        // Most of it happens at home.
        if self.rng.u32(0..10) < 6 {
            return self.own_zone();
        }
        let name = *self.pick(ZONES);
        Zone::named(name).unwrap_or_else(|_| Zone::utc())
    }

    fn body(&mut self, subject: &str) -> EventBody {
        if self.rng.u32(0..4) == 0 {
            let content = format!("{subject}\r\n\r\nBring the file.\r\n");
            return EventBody {
                html: false,
                content,
            };
        }
        let mut content = String::from(
            "<html><head><meta http-equiv=\"Content-Type\" content=\"text/html; charset=utf-8\"></head><body>",
        );
        for point in 0..self.rng.usize(1..=4) {
            let other = *self.pick(SUBJECTS);
            let _ = write!(
                content,
                "<p>{}. {subject}: see <a href=\"https://intranet.contoso.example/files/{}\">{}</a> &amp; comment.</p>",
                point + 1,
                self.rng.u32(1000..9999),
                other.replace('&', "&amp;"),
            );
        }
        content.push_str("</body></html>");
        EventBody {
            html: true,
            content,
        }
    }

    pub(super) fn draft(
        &mut self,
        subject: &str,
        start: NaiveDateTime,
        length: TimeDelta,
        zone: &Zone,
    ) -> Draft {
        let mut overrides = Overrides {
            subject: Some(subject.to_owned()),
            body: Some(self.body(subject)),
            reminder_minutes: Some(*self.pick(&[0, 15, 15, 30, 1080])),
            is_reminder_on: Some(self.rng.u32(0..5) > 0),
            ..Overrides::default()
        };
        if self.rng.bool() {
            let (name, street, city, country) = *self.pick(ROOMS);
            let known = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            overrides.locations = Some(vec![Location {
                display_name: name.to_owned(),
                street: known(street),
                city: known(city),
                country: known(country),
            }]);
        }
        if self.rng.u32(0..4) == 0 {
            overrides.categories = Some(vec![(*self.pick(CATEGORIES)).to_owned()]);
        }
        match self.rng.u32(0..12) {
            0 => overrides.importance = Some(Importance::High),
            1 => overrides.sensitivity = Some(Sensitivity::Private),
            2 => {
                let shown = [ShowAs::Free, ShowAs::Tentative, ShowAs::Oof];
                overrides.show_as = Some(*self.pick(&shown));
            }
            _ => {}
        }
        Draft {
            overrides,
            when: WhenPatch {
                start: Some(WallTime {
                    local: start,
                    zone: zone.clone(),
                }),
                end: Some(WallTime {
                    local: start + length,
                    zone: zone.clone(),
                }),
                all_day: None,
            },
            ..Draft::default()
        }
    }

    /// When something for `day` was entered: some weeks before, never after now.
    pub(super) fn entered(&mut self, day: NaiveDate) -> Timestamp {
        let before = TimeDelta::minutes(self.rng.i64(60..60 * 24 * 40));
        let planned = day.and_time(NaiveTime::MIN).and_utc() - before;
        let latest = self.now - TimeDelta::minutes(self.rng.i64(5..60 * 24 * 30));
        crate::model::time::to_micros(planned.min(latest))
    }

    pub(super) fn put(
        &mut self,
        calendar: CalendarKey,
        draft: Draft,
        day: NaiveDate,
    ) -> Option<EventKey> {
        let at = self.entered(day);
        self.state
            .create(calendar, draft, at, self.rng)
            .ok()
            .map(|created| created.key)
    }

    fn singles(&mut self, calendars: &[CalendarKey]) {
        for index in 0..self.rng.usize(40..=62) {
            let day = self.some_day();
            let zone = self.some_zone();
            // An old client's own zone has no name that anyone knows (F7.3).
            let zone = if index == 7 {
                Zone::custom(zone.tz())
            } else {
                zone
            };
            let start = day.and_time(self.working_hour());
            let length = TimeDelta::minutes(*self.pick(&[15, 30, 30, 60, 60, 90, 180]));
            let subject = *self.pick(SUBJECTS);
            let draft = self.draft(subject, start, length, &zone);
            let calendar = if self.rng.u32(0..3) > 0 {
                calendars[0]
            } else {
                *self.pick(calendars)
            };
            self.put(calendar, draft, day);
        }
    }

    fn all_day(&mut self, calendars: &[CalendarKey]) {
        for _ in 0..self.rng.usize(6..=10) {
            let day = self.some_day();
            let zone = self.own_zone();
            let length = TimeDelta::days(*self.pick(&[1, 1, 1, 2, 5, 14]));
            let subject = *self.pick(ALL_DAY);
            let mut draft = self.draft(subject, day.and_time(NaiveTime::MIN), length, &zone);
            draft.when.all_day = Some(true);
            draft.overrides.show_as = Some(*self.pick(&[ShowAs::Free, ShowAs::Oof]));
            let calendar = *self.pick(calendars);
            self.put(calendar, draft, day);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::sandbox::calendar::recurrence::RangeEnd;
    use crate::sandbox::calendar::series::Series;
    use crate::sandbox::seed::people;
    use crate::sandbox::stamp;

    fn seeded(seed: u64) -> CalendarState {
        let mut rng = fastrand::Rng::with_seed(seed);
        let users = people::users(6, &mut rng);
        let now = stamp::parse("2026-02-10T09:00:00Z").unwrap();
        filled(&users[1], &users, now, &mut rng)
    }

    // S72
    #[test]
    fn the_same_seed_fills_the_same_calendars() {
        let (one, other, third) = (seeded(5), seeded(5), seeded(6));

        assert_eq!(one.truth(None), other.truth(None));
        assert_ne!(one.truth(None), third.truth(None));
    }

    #[test]
    fn a_seeded_mailbox_has_everything_that_is_hard_about_calendars() {
        let state = seeded(5);

        let count = state.events().count();
        assert!((60..=120).contains(&count), "{count} events");
        assert!(
            state
                .calendars()
                .iter()
                .any(|calendar| calendar.name == "Kalender")
        );
        assert!(state.calendars().len() > 2);
        let mut kinds: Vec<String> = Vec::new();
        let mut ends: Vec<bool> = Vec::new();
        let (mut exceptions, mut cancelled) = (0, 0);
        for series in state.events().filter_map(|event| event.series.as_ref()) {
            kinds.push(format!("{:?}", series.recurrence().pattern.kind));
            ends.push(series.recurrence().range.end == RangeEnd::Never);
            exceptions += series.exceptions().len();
            cancelled += series.cancelled().len();
        }
        kinds.sort();
        kinds.dedup();
        assert_eq!(kinds.len(), 6, "{kinds:?}");
        assert!(ends.contains(&true) && ends.contains(&false));
        assert!(
            exceptions >= 4 && cancelled >= 4,
            "{exceptions} {cancelled}"
        );
        assert!(
            state
                .events()
                .any(|event| event.slot.all_day && event.series.is_none())
        );
        assert!(state.events().any(|event| !event.is_organizer));
        assert!(state.events().any(|event| event.details.is_cancelled));
        assert!(
            state
                .events()
                .any(|event| event.slot.start_zone == "tzone://Microsoft/Custom")
        );
    }

    // S72
    #[test]
    fn every_seed_has_an_exception_before_a_clock_change_and_a_cancellation_after_it() {
        for seed in 1..=12 {
            let state = seeded(seed);

            let clock = |series: &Series, date: NaiveDate| series.slot_on(date).start.time();
            let around = state
                .events()
                .filter_map(|event| event.series.as_ref())
                .any(|series| {
                    series.exceptions().keys().any(|before| {
                        let after = series.recurrence().after(*before);
                        after.is_some_and(|after| {
                            series.cancelled().contains(&after)
                                && clock(series, *before) != clock(series, after)
                        })
                    })
                });
            assert!(around, "seed {seed}");
            let zones: BTreeSet<&str> = state
                .events()
                .map(|event| event.slot.start_zone.as_str())
                .collect();
            assert!(zones.len() >= 3, "seed {seed}: {zones:?}");
        }
    }

    // S72
    #[test]
    fn the_people_of_every_seed_live_in_several_zones() {
        for seed in 1..=12 {
            let users = people::users(3, &mut fastrand::Rng::with_seed(seed));
            let zones: BTreeSet<&str> = users.iter().map(|user| user.time_zone).collect();
            assert!(zones.len() >= 2, "seed {seed}: {zones:?}");
        }
    }
}
