//! Everything that changes a calendar (F11.6 to F11.9).
//!
//! Each operation returns what it changed for the subscriptions: a new event is `created` and then `updated`
//! once or twice, an edit is `updated` one to three times, and an edit of an occurrence names its master
//! (F10.25, F10.26, S63).

use chrono::NaiveDate;

use super::draft::Draft;
use super::event::{Details, OnlineProvider, Overrides, Person, Response};
use super::refusal::Refusal;
use super::series::Series;
use super::slot::{Slot, WhenPatch};
use super::state::{CalendarKey, CalendarState, Event, EventKey, ItemIds, Target};
use super::zones::Zone;
use crate::model::time::Timestamp;
use crate::sandbox::world::{Change, ChangeType};

/// What became of a POST of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// The event.
    pub key: EventKey,
    /// Whether its `transactionId` was known, so that nothing was made (S70).
    pub repeated: bool,
    /// What to announce.
    pub changes: Vec<Change>,
}

impl CalendarState {
    /// A new event in a calendar; the event of the same `transactionId` when there is one (S70).
    pub fn create(
        &mut self,
        calendar: CalendarKey,
        draft: Draft,
        now: Timestamp,
        rng: &mut fastrand::Rng,
    ) -> Result<Created, Refusal> {
        if let Some(key) = draft
            .transaction_id
            .as_ref()
            .and_then(|id| self.by_transaction.get(id))
        {
            return Ok(Created {
                key: *key,
                repeated: true,
                changes: Vec::new(),
            });
        }
        let organizer = self.owner.clone();
        let key = self.insert(calendar, draft, organizer, now)?;
        let changes = self.created(key, rng)?;
        Ok(Created {
            key,
            repeated: false,
            changes,
        })
    }

    pub(super) fn mint_ids(&mut self, key: EventKey) -> ItemIds {
        let ids = ItemIds {
            immutable_id: self.mint.immutable_id(),
            default_id: self.mint.default_id(),
        };
        self.by_id.insert(ids.immutable_id.clone(), key);
        self.by_id.insert(ids.default_id.clone(), key);
        ids
    }

    /// Puts an event into a calendar.
    pub(super) fn insert(
        &mut self,
        calendar: CalendarKey,
        draft: Draft,
        organizer: Person,
        now: Timestamp,
    ) -> Result<EventKey, Refusal> {
        if self.calendar_of(calendar).is_none() {
            return Err(Refusal::NotFound);
        }
        let mut slot = draft.when.onto(None)?;
        let series = match draft.recurrence.flatten() {
            None => None,
            Some((recurrence, zone)) => {
                let zone = zone.unwrap_or_else(|| zone_of(&draft.when, &slot));
                Some(Series::beginning_with(&slot, recurrence, zone)?)
            }
        };
        if let Some(series) = &series {
            slot = series.first_slot();
        }
        let is_organizer = organizer == self.owner;
        let mut details = Details::default();
        if !is_organizer {
            details.response = Response::NotResponded;
        }
        details.apply(&draft.overrides);
        stamp_online_meeting(&mut details, self.mint.rng());
        let key = EventKey(self.next_number());
        let ids = self.mint_ids(key);
        let uid = format!(
            "{:016X}000000000000000010000000{:032X}",
            now.timestamp_micros(),
            self.mint.rng().u128(..)
        );
        if let Some(transaction) = &draft.transaction_id {
            self.by_transaction.insert(transaction.clone(), key);
        }
        let event = Event {
            key,
            calendar,
            ids,
            uid,
            details,
            slot,
            series,
            organizer,
            is_organizer,
            transaction_id: draft.transaction_id,
            created_at: now,
            modified_at: now,
            version: 1,
            sequence: 0,
        };
        self.events.insert(key, event);
        self.touch(key);
        Ok(key)
    }

    pub(super) fn created(
        &self,
        key: EventKey,
        rng: &mut fastrand::Rng,
    ) -> Result<Vec<Change>, Refusal> {
        let event = self.event(key)?;
        let mut changes = vec![self.change_of(event, ChangeType::Created)];
        for _ in 0..rng.usize(1..=2) {
            changes.push(self.change_of(event, ChangeType::Updated));
        }
        Ok(changes)
    }

    /// Counts a new version of an event; what to announce.
    pub(super) fn updated(
        &mut self,
        key: EventKey,
        now: Timestamp,
        rng: &mut fastrand::Rng,
    ) -> Result<Vec<Change>, Refusal> {
        let event = self.events.get_mut(&key).ok_or(Refusal::NotFound)?;
        event.version += 1;
        event.modified_at = now;
        self.touch(key);
        let event = self.event(key)?;
        let times = rng.usize(1..=3);
        Ok((0..times)
            .map(|_| self.change_of(event, ChangeType::Updated))
            .collect())
    }

    /// PATCH of an event, a master or an occurrence, which becomes an exception.
    pub fn update(
        &mut self,
        target: Target,
        draft: Draft,
        now: Timestamp,
        rng: &mut fastrand::Rng,
    ) -> Result<Vec<Change>, Refusal> {
        match target {
            Target::Whole(key) => self.update_whole(key, draft)?,
            Target::Occurrence(key, date) => self.update_occurrence(key, date, draft, now)?,
        }
        self.updated(target.key(), now, rng)
    }

    fn update_whole(&mut self, key: EventKey, draft: Draft) -> Result<(), Refusal> {
        let event = self.events.get_mut(&key).ok_or(Refusal::NotFound)?;
        let known = draft
            .transaction_id
            .as_ref()
            .is_none_or(|id| event.transaction_id.as_ref() == Some(id));
        if !known {
            return Err(Refusal::validation(
                "The transactionId property cannot be changed.",
            ));
        }
        let mut slot = draft.when.onto(Some(&event.slot))?;
        let series = match (draft.recurrence, &event.series) {
            (Some(None), _) | (None, None) => None,
            (Some(Some((recurrence, zone))), before) => {
                let zone = zone
                    .or_else(|| draft.when.start.as_ref().map(|start| start.zone.clone()))
                    .or_else(|| before.as_ref().map(|series| series.zone().clone()))
                    .unwrap_or_else(|| zone_of(&draft.when, &slot));
                Some(Series::beginning_with(&slot, recurrence, zone)?)
            }
            (None, Some(before)) if draft.when.is_empty() => Some(before.clone()),
            (None, Some(before)) => {
                let mut recurrence = before.recurrence().clone();
                let local = if slot.all_day {
                    slot.start
                } else {
                    before.zone().to_local(slot.start)
                };
                recurrence.range.start = local.date();
                Some(Series::beginning_with(
                    &slot,
                    recurrence,
                    before.zone().clone(),
                )?)
            }
        };
        event.series = match (series, event.series.take()) {
            (Some(mut series), Some(before)) => {
                // A series that nobody rescheduled is a clone of itself and keeps everything.
                series.succeed(&before);
                slot = series.first_slot();
                Some(series)
            }
            (Some(series), None) => {
                slot = series.first_slot();
                Some(series)
            }
            (None, _) => None,
        };
        event.slot = slot;
        let overrides = keep_answers(&event.details, draft.overrides);
        event.details.apply(&overrides);
        stamp_online_meeting(&mut event.details, self.mint.rng());
        Ok(())
    }

    fn update_occurrence(
        &mut self,
        key: EventKey,
        date: NaiveDate,
        draft: Draft,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        if draft
            .recurrence
            .is_some_and(|recurrence| recurrence.is_some())
        {
            return Err(Refusal::validation(
                "The Event.Recurrence property cannot be set on an occurrence of a series.",
            ));
        }
        let event = self.events.get_mut(&key).ok_or(Refusal::NotFound)?;
        let version = event.version + 1;
        let overrides = keep_answers(&event.details, draft.overrides);
        let series = event.series.as_mut().ok_or(Refusal::NotFound)?;
        let slot = draft.when.onto(Some(&series.slot_of(date)))?;
        series.except(date, slot, overrides, version, now)
    }

    /// DELETE: a single, a whole series, or one occurrence of it.
    pub fn delete(
        &mut self,
        target: Target,
        now: Timestamp,
        rng: &mut fastrand::Rng,
    ) -> Result<Vec<Change>, Refusal> {
        match target {
            Target::Whole(key) => {
                let event = self.forget(key).ok_or(Refusal::NotFound)?;
                Ok(vec![self.change_of(&event, ChangeType::Deleted)])
            }
            Target::Occurrence(key, date) => {
                let event = self.events.get_mut(&key).ok_or(Refusal::NotFound)?;
                event
                    .series
                    .as_mut()
                    .ok_or(Refusal::NotFound)?
                    .cancel(date)?;
                self.updated(key, now, rng)
            }
        }
    }

    /// `cancel`: the organizer's way to take a meeting or one occurrence of it back (F11.8).
    pub fn cancel(
        &mut self,
        target: Target,
        now: Timestamp,
        rng: &mut fastrand::Rng,
    ) -> Result<Vec<Change>, Refusal> {
        if !self.event(target.key())?.is_organizer {
            return Err(Refusal::NotOrganizer);
        }
        self.delete(target, now, rng)
    }
}

/// The zone of a recurrence that names none: that of the event's start.
fn zone_of(when: &WhenPatch, slot: &Slot) -> Zone {
    match &when.start {
        Some(start) => start.zone.clone(),
        None => Zone::named(&slot.start_zone).unwrap_or_else(|_| Zone::utc()),
    }
}

/// A list of attendees that is sent again keeps what they answered.
fn keep_answers(details: &Details, mut overrides: Overrides) -> Overrides {
    for attendee in overrides.attendees.iter_mut().flatten() {
        let known = details.attendees.iter().find(|known| {
            known
                .person
                .address
                .eq_ignore_ascii_case(&attendee.person.address)
        });
        if let Some(known) = known {
            attendee.response = known.response;
            attendee.responded_at = known.responded_at;
        }
    }
    overrides
}

/// An online meeting gets its link when it becomes one.
fn stamp_online_meeting(details: &mut Details, rng: &mut fastrand::Rng) {
    if details.is_online_meeting && details.join_url.is_none() {
        if details.online_provider == OnlineProvider::Unknown {
            details.online_provider = OnlineProvider::TeamsForBusiness;
        }
        details.join_url = Some(format!(
            "https://teams.microsoft.example/l/meetup-join/19%3ameeting_{:032x}%40thread.v2/0",
            rng.u128(..)
        ));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sandbox::calendar::window::Window;
    use crate::sandbox::query::Query;
    use crate::sandbox::stamp;
    use crate::sandbox::world::Entity;

    struct Scene {
        state: CalendarState,
        rng: fastrand::Rng,
        now: Timestamp,
    }

    impl Scene {
        fn open() -> Self {
            let mut rng = fastrand::Rng::with_seed(3);
            let owner = Person {
                name: "Ada".to_owned(),
                address: "ada@contoso.example".to_owned(),
            };
            Self {
                state: CalendarState::new(owner, "Calendar", &mut rng),
                rng,
                now: stamp::parse("2026-02-10T09:00:00Z").unwrap(),
            }
        }

        fn weekly(&mut self, calendar: CalendarKey) -> Created {
            let body = json!({
                "subject": "weekly",
                "start": {"dateTime": "2026-03-02T09:00:00", "timeZone": "UTC"},
                "end": {"dateTime": "2026-03-02T10:00:00", "timeZone": "UTC"},
                "recurrence": {
                    "pattern": {"type": "weekly", "interval": 1, "daysOfWeek": ["monday"]},
                    "range": {"type": "numbered", "startDate": "2026-03-02", "numberOfOccurrences": 4},
                },
            });
            let draft = Draft::parse(&body).unwrap();
            self.state
                .create(calendar, draft, self.now, &mut self.rng)
                .unwrap()
        }
    }

    fn named(change: &Change) -> (ChangeType, &str, bool) {
        match &change.entity {
            Entity::Event {
                immutable_id,
                in_default_calendar,
                ..
            } => (change.what, immutable_id, *in_default_calendar),
            Entity::Message { .. } => panic!("calendars hold no messages"),
        }
    }

    // S63, F10.25
    #[test]
    fn s63_a_new_event_is_created_then_updated_and_an_edit_is_updated_one_to_three_times() {
        let mut scene = Scene::open();
        let calendar = scene.state.default_calendar().key;
        let mut seen = std::collections::BTreeSet::new();

        let created = scene.weekly(calendar);
        for round in 0..40 {
            let body = json!({"subject": format!("round {round}")});
            let draft = Draft::parse(&body).unwrap();
            let target = Target::Whole(created.key);
            let changes = scene
                .state
                .update(target, draft, scene.now, &mut scene.rng)
                .unwrap();
            assert!(
                changes
                    .iter()
                    .all(|change| change.what == ChangeType::Updated)
            );
            seen.insert(changes.len());
        }

        assert_eq!(created.changes[0].what, ChangeType::Created);
        assert!(created.changes.len() > 1);
        assert!(
            created.changes[1..]
                .iter()
                .all(|change| change.what == ChangeType::Updated)
        );
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), [1, 2, 3]);
    }

    // S63, F10.26
    #[test]
    fn s63_an_edit_of_an_occurrence_names_its_master() {
        let mut scene = Scene::open();
        let calendar = scene.state.default_calendar().key;
        let key = scene.weekly(calendar).key;
        let date: NaiveDate = "2026-03-09".parse().unwrap();
        let target = Target::Occurrence(key, date);

        let draft = Draft::parse(&json!({"subject": "other"})).unwrap();
        let edited = scene
            .state
            .update(target, draft, scene.now, &mut scene.rng)
            .unwrap();
        let deleted = scene
            .state
            .delete(target, scene.now, &mut scene.rng)
            .unwrap();

        let master = scene.state.event(key).unwrap().ids.immutable_id.clone();
        for change in edited.iter().chain(&deleted) {
            assert_eq!(named(change), (ChangeType::Updated, master.as_str(), true));
        }
    }

    // S69, F9.5
    #[test]
    fn s69_a_change_says_whether_it_happened_in_the_default_calendar() {
        let mut scene = Scene::open();
        let other = scene.state.create_calendar("Projects", "auto").unwrap();
        let (key, id) = (other.key, other.id.clone());

        let created = scene.weekly(key);
        let removed = scene.state.delete_calendar(key).unwrap();

        for change in created.changes.iter().chain(&removed) {
            let Entity::Event { calendar_id, .. } = &change.entity else {
                panic!("calendars hold no messages");
            };
            assert!(!named(change).2);
            assert_eq!(calendar_id, &id);
        }
        assert_eq!(removed.len(), 1);
        assert_eq!(removed[0].what, ChangeType::Deleted);
    }

    // F5.10, S45
    #[test]
    fn an_edit_of_an_occurrence_is_a_new_version_of_its_master_too() {
        let mut scene = Scene::open();
        let calendar = scene.state.default_calendar().key;
        let created = scene.weekly(calendar);
        let target = Target::Occurrence(created.key, "2026-03-09".parse().unwrap());

        let draft = Draft::parse(&json!({"subject": "other"})).unwrap();
        let edited = scene
            .state
            .update(target, draft, scene.now, &mut scene.rng)
            .unwrap();

        assert_ne!(edited[0].etag, created.changes[0].etag);
    }

    // S48: what an edit of the master does to an exception.
    #[test]
    fn a_new_subject_of_the_master_shows_in_exceptions_that_have_none_of_their_own() {
        let mut scene = Scene::open();
        let calendar = scene.state.default_calendar().key;
        let key = scene.weekly(calendar).key;
        let at = |day: &str| Target::Occurrence(key, day.parse().unwrap());
        let (now, rng) = (scene.now, &mut scene.rng);
        let parse = |body: serde_json::Value| Draft::parse(&body).unwrap();
        scene
            .state
            .update(at("2026-03-09"), parse(json!({"subject": "own"})), now, rng)
            .unwrap();
        scene
            .state
            .update(at("2026-03-16"), parse(json!({"showAs": "free"})), now, rng)
            .unwrap();

        scene
            .state
            .update(
                Target::Whole(key),
                parse(json!({"subject": "new"})),
                now,
                rng,
            )
            .unwrap();

        let query = Query::parse("startDateTime=2026-03-01&endDateTime=2026-05-01").unwrap();
        let truth = scene.state.truth(Some(Window::of(&query).unwrap()));
        let subjects: Vec<&str> = truth["occurrences"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["subject"].as_str().unwrap())
            .collect();
        assert_eq!(subjects, ["new", "own", "new", "new"]);
    }
}
