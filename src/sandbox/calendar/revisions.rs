//! Changes of what stands in a calendar: a new version of an event, of a whole series or of one of its
//! occurrences, which becomes an exception (F10.25, F10.26, S63).

use chrono::NaiveDate;

use super::draft::Draft;
use super::event::{Attendee, Overrides};
use super::refusal::Refusal;
use super::series::Series;
use super::state::{CalendarState, EventKey, Target};
use super::writes::{stamp_online_meeting, zone_of};
use crate::model::time::Timestamp;
use crate::sandbox::world::{Change, ChangeType};

impl CalendarState {
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
        for (id, value) in draft.extended {
            event.extended.retain(|(known, _)| *known != id);
            event.extended.push((id, value));
        }
        let overrides = keep_answers(&event.details.attendees, draft.overrides);
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
        let series = event.series.as_mut().ok_or(Refusal::NotFound)?;
        let own = series.exceptions().get(&date);
        let invited = own
            .and_then(|exception| exception.overrides.attendees.as_ref())
            .unwrap_or(&event.details.attendees);
        let overrides = keep_answers(invited, draft.overrides);
        let slot = draft.when.onto(Some(&series.slot_of(date)))?;
        series.except(date, slot, overrides, version, now)
    }
}

/// A list of attendees that is sent again keeps what they answered.
fn keep_answers(invited: &[Attendee], mut overrides: Overrides) -> Overrides {
    for attendee in overrides.attendees.iter_mut().flatten() {
        let known = invited.iter().find(|known| {
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sandbox::calendar::scene::Scene;
    use crate::sandbox::calendar::window::Window;
    use crate::sandbox::query::Query;

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
