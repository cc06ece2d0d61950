//! What comes into a calendar and what goes (F11.6 to F11.9); `revisions` changes what stays.
//!
//! Each operation returns what it changed for the subscriptions: a new event is `created` and then `updated`
//! once or twice, an edit is `updated` one to three times, and an edit of an occurrence names its master
//! (F10.25, F10.26, S63).

use super::draft::Draft;
use super::event::{Details, OnlineProvider, Person, Response};
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
            extended: draft.extended,
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
pub(super) fn zone_of(when: &WhenPatch, slot: &Slot) -> Zone {
    match &when.start {
        Some(start) => start.zone.clone(),
        None => Zone::named(&slot.start_zone).unwrap_or_else(|_| Zone::utc()),
    }
}

/// An online meeting gets its link when it becomes one.
pub(super) fn stamp_online_meeting(details: &mut Details, rng: &mut fastrand::Rng) {
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
    use chrono::NaiveDate;
    use serde_json::json;

    use super::*;
    use crate::sandbox::calendar::scene::Scene;
    use crate::sandbox::world::Entity;

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
}
