//! One random edit of each kind that people make in their calendars, seeded.

use chrono::{NaiveDate, TimeDelta};

use super::draft::Draft;
use super::event::{Attendee, AttendeeKind, Person, Response};
use super::random::{
    STRANGERS, SUBJECTS, moved_by, pick, random_draft, random_overrides, random_recurrence, shifted,
};
use super::refusal::Refusal;
use super::slot::WhenPatch;
use super::state::{CalendarKey, CalendarState, Event, EventKey, Target};
use crate::model::time::Timestamp;
use crate::sandbox::world::Change;

/// The kinds of edits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CalendarEdit {
    /// A new single event.
    CreateEvent,
    /// A new series.
    CreateSeries,
    /// Someone invites the owner.
    ReceiveInvitation,
    /// Subject, text, categories or place of a single or a whole series.
    EditEvent,
    /// A single event at another time.
    MoveEvent,
    /// A whole series at another time, which gives its occurrences new ids.
    RescheduleSeries,
    /// One occurrence says or happens otherwise.
    EditOccurrence,
    /// One occurrence falls out.
    DeleteOccurrence,
    /// A single or a whole series goes.
    DeleteEvent,
    /// The owner takes a meeting back.
    CancelMeeting,
    /// An organizer elsewhere takes a meeting back.
    ReceiveCancellation,
    /// The owner answers an invitation.
    Respond,
    /// Someone invited answers the owner.
    ReceiveResponse,
    /// A new calendar.
    CreateCalendar,
    /// A calendar with another name.
    RenameCalendar,
    /// A calendar goes with all that is in it.
    DeleteCalendar,
}

impl CalendarEdit {
    /// Every kind with its name and how often it comes up among the others.
    pub const ALL: &'static [(Self, &'static str, u32)] = &[
        (Self::CreateEvent, "event_create", 10),
        (Self::CreateSeries, "series_create", 4),
        (Self::ReceiveInvitation, "invitation_receive", 5),
        (Self::EditEvent, "event_edit", 12),
        (Self::MoveEvent, "event_move", 10),
        (Self::RescheduleSeries, "series_reschedule", 5),
        (Self::EditOccurrence, "occurrence_edit", 8),
        (Self::DeleteOccurrence, "occurrence_delete", 5),
        (Self::DeleteEvent, "event_delete", 6),
        (Self::CancelMeeting, "meeting_cancel", 3),
        (Self::ReceiveCancellation, "cancellation_receive", 3),
        (Self::Respond, "invitation_respond", 5),
        (Self::ReceiveResponse, "response_receive", 5),
        (Self::CreateCalendar, "calendar_create", 1),
        (Self::RenameCalendar, "calendar_rename", 1),
        (Self::DeleteCalendar, "calendar_delete", 1),
    ];

    /// The name of a kind.
    pub fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(kind, ..)| *kind == self)
            .map_or("", |(_, name, _)| name)
    }
}

/// An edit that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edited {
    /// The immutable id of the event, or the id of the calendar.
    pub id: String,
    /// What to announce.
    pub changes: Vec<Change>,
}

impl CalendarState {
    /// Makes one edit of a kind; `None` when there is nothing to make it on.
    pub fn edit(
        &mut self,
        kind: CalendarEdit,
        now: Timestamp,
        rng: &mut fastrand::Rng,
    ) -> Option<Edited> {
        match kind {
            CalendarEdit::CreateEvent | CalendarEdit::CreateSeries => {
                let calendar = pick(rng, &self.calendars)?.key;
                let mut draft = random_draft(now, rng);
                if kind == CalendarEdit::CreateSeries {
                    let recurrence = random_recurrence(&draft.when, rng)?;
                    draft.recurrence = Some(Some((recurrence, None)));
                }
                let made = self.create(calendar, draft, now, rng).ok()?;
                self.edited(made.key, made.changes)
            }
            CalendarEdit::EditEvent => {
                let key = self.pick_event(rng, |_| true)?;
                let draft = Draft {
                    overrides: random_overrides(rng),
                    ..Draft::default()
                };
                self.apply(Target::Whole(key), draft, now, rng)
            }
            CalendarEdit::MoveEvent | CalendarEdit::RescheduleSeries => {
                let series = kind == CalendarEdit::RescheduleSeries;
                let key = self.pick_event(rng, |event| event.series.is_some() == series)?;
                let by = moved_by(&self.events.get(&key)?.slot, rng);
                let draft = Draft {
                    when: shifted(&self.events.get(&key)?.slot, by),
                    ..Draft::default()
                };
                self.apply(Target::Whole(key), draft, now, rng)
            }
            CalendarEdit::EditOccurrence => self.edit_occurrence(now, rng),
            CalendarEdit::DeleteOccurrence => {
                let (key, date) = self.pick_occurrence(now, rng)?;
                let changes = self.delete(Target::Occurrence(key, date), now, rng).ok()?;
                self.edited(key, changes)
            }
            CalendarEdit::DeleteEvent => {
                let key = self.pick_event(rng, |_| true)?;
                self.remove(
                    key,
                    |state, rng| state.delete(Target::Whole(key), now, rng),
                    rng,
                )
            }
            CalendarEdit::ReceiveInvitation
            | CalendarEdit::CancelMeeting
            | CalendarEdit::ReceiveCancellation
            | CalendarEdit::Respond
            | CalendarEdit::ReceiveResponse => self.edit_meeting(kind, now, rng),
            CalendarEdit::CreateCalendar
            | CalendarEdit::RenameCalendar
            | CalendarEdit::DeleteCalendar => self.edit_calendar(kind, rng),
        }
    }

    /// What is about a meeting and its people.
    fn edit_meeting(
        &mut self,
        kind: CalendarEdit,
        now: Timestamp,
        rng: &mut fastrand::Rng,
    ) -> Option<Edited> {
        match kind {
            CalendarEdit::ReceiveInvitation => {
                let mut draft = random_draft(now, rng);
                draft.overrides.attendees = Some(vec![self.own_attendance()]);
                let (name, address) = *pick(rng, STRANGERS)?;
                let organizer = Person {
                    name: name.to_owned(),
                    address: address.to_owned(),
                };
                let (key, changes) = self.receive_invitation(draft, organizer, now, rng).ok()?;
                self.edited(key, changes)
            }
            CalendarEdit::CancelMeeting => {
                let key = self.pick_event(rng, |event| {
                    event.is_organizer && !event.details.attendees.is_empty()
                })?;
                self.remove(
                    key,
                    |state, rng| state.cancel(Target::Whole(key), now, rng),
                    rng,
                )
            }
            CalendarEdit::ReceiveCancellation => {
                let key = self.pick_event(rng, |event| {
                    !event.is_organizer && !event.details.is_cancelled
                })?;
                let changes = self
                    .receive_cancellation(Target::Whole(key), now, rng)
                    .ok()?;
                self.edited(key, changes)
            }
            CalendarEdit::Respond => {
                let key = self.pick_event(rng, |event| !event.is_organizer)?;
                let answers = [
                    Response::Accepted,
                    Response::TentativelyAccepted,
                    Response::Declined,
                ];
                let answer = *pick(rng, &answers)?;
                self.remove(
                    key,
                    |state, rng| state.respond(Target::Whole(key), answer, now, rng),
                    rng,
                )
            }
            CalendarEdit::ReceiveResponse => {
                let key = self.pick_event(rng, |event| {
                    event.is_organizer && !event.details.attendees.is_empty()
                })?;
                let address = pick(rng, &self.events.get(&key)?.details.attendees)?
                    .person
                    .address
                    .clone();
                let answers = [
                    Response::Accepted,
                    Response::TentativelyAccepted,
                    Response::Declined,
                ];
                let answer = *pick(rng, &answers)?;
                let changes = self
                    .receive_response(Target::Whole(key), &address, answer, now, rng)
                    .ok()?;
                self.edited(key, changes)
            }
            _ => None,
        }
    }

    fn edit_calendar(&mut self, kind: CalendarEdit, rng: &mut fastrand::Rng) -> Option<Edited> {
        let name = format!("{} {}", pick(rng, SUBJECTS)?, rng.u32(100..1000));
        if kind == CalendarEdit::CreateCalendar {
            let id = self.create_calendar(&name, "lightGreen").ok()?.id.clone();
            return Some(Edited {
                id,
                changes: Vec::new(),
            });
        }
        let others: Vec<(CalendarKey, String)> = self
            .calendars
            .iter()
            .filter(|calendar| !calendar.is_default)
            .map(|calendar| (calendar.key, calendar.id.clone()))
            .collect();
        let (key, id) = pick(rng, &others)?.clone();
        let changes = if kind == CalendarEdit::RenameCalendar {
            self.update_calendar(key, Some(&name), None).ok()?;
            Vec::new()
        } else {
            self.delete_calendar(key).ok()?
        };
        Some(Edited { id, changes })
    }

    fn edit_occurrence(&mut self, now: Timestamp, rng: &mut fastrand::Rng) -> Option<Edited> {
        let (key, date) = self.pick_occurrence(now, rng)?;
        let slot = self.events.get(&key)?.series.as_ref()?.slot_of(date);
        let mut draft = Draft {
            overrides: random_overrides(rng),
            ..Draft::default()
        };
        if rng.bool() && !slot.all_day {
            // Within the hour, so that it stays between its neighbours.
            draft.when = shifted(&slot, TimeDelta::minutes(rng.i64(1..=4) * 15));
        }
        let target = Target::Occurrence(key, date);
        match self.update(target, draft.clone(), now, rng) {
            Ok(changes) => self.edited(key, changes),
            Err(Refusal::CrossingBoundary) => {
                draft.when = WhenPatch::default();
                self.apply(target, draft, now, rng)
            }
            Err(_) => None,
        }
    }

    fn apply(
        &mut self,
        target: Target,
        draft: Draft,
        now: Timestamp,
        rng: &mut fastrand::Rng,
    ) -> Option<Edited> {
        let changes = self.update(target, draft, now, rng).ok()?;
        self.edited(target.key(), changes)
    }

    /// An edit after which the event may be gone.
    fn remove(
        &mut self,
        key: EventKey,
        act: impl FnOnce(&mut Self, &mut fastrand::Rng) -> Result<Vec<Change>, Refusal>,
        rng: &mut fastrand::Rng,
    ) -> Option<Edited> {
        let id = self.events.get(&key)?.ids.immutable_id.clone();
        let changes = act(self, rng).ok()?;
        Some(Edited { id, changes })
    }

    fn edited(&self, key: EventKey, changes: Vec<Change>) -> Option<Edited> {
        let id = self.events.get(&key)?.ids.immutable_id.clone();
        Some(Edited { id, changes })
    }

    fn pick_event(
        &self,
        rng: &mut fastrand::Rng,
        fits: impl Fn(&Event) -> bool,
    ) -> Option<EventKey> {
        let keys: Vec<EventKey> = self
            .events
            .values()
            .filter(|event| fits(event))
            .map(|event| event.key)
            .collect();
        pick(rng, &keys).copied()
    }

    /// An occurrence of any series, within half a year of now.
    fn pick_occurrence(
        &self,
        now: Timestamp,
        rng: &mut fastrand::Rng,
    ) -> Option<(EventKey, NaiveDate)> {
        let key = self.pick_event(rng, |event| event.series.is_some())?;
        let series = self.events.get(&key)?.series.as_ref()?;
        let half_a_year = TimeDelta::days(180);
        let now = now.naive_utc();
        let dates = series.dates_in(now - half_a_year, now + half_a_year);
        pick(rng, &dates).map(|date| (key, *date))
    }

    fn own_attendance(&self) -> Attendee {
        Attendee {
            person: self.owner.clone(),
            kind: AttendeeKind::Required,
            response: Response::None,
            responded_at: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::seed::{calendar, people};
    use crate::sandbox::stamp;

    // S72: every kind of edit can be made on a seeded mailbox, and the same seed makes the same ones.
    #[test]
    fn every_kind_of_edit_finds_something_to_do_and_does_it_again() {
        let now = stamp::parse("2026-02-10T09:00:00Z").unwrap();
        let run = || {
            let mut rng = fastrand::Rng::with_seed(11);
            let users = people::users(3, &mut rng);
            let mut state = calendar::filled(&users[0], &users, now, &mut rng);
            let mut made = Vec::new();
            for round in 0..10 {
                for (kind, name, _) in CalendarEdit::ALL {
                    let at = now + TimeDelta::minutes(round);
                    let before = state.sequence();
                    if let Some(edited) = state.edit(*kind, at, &mut rng) {
                        let silent = name.starts_with("calendar_");
                        assert!(silent || state.sequence() > before, "{name}");
                        assert!(silent || !edited.changes.is_empty(), "{name}");
                        made.push((*name, edited.id));
                    }
                }
            }
            (made, state.truth(None))
        };

        let (made, truth) = run();

        for (_, name, _) in CalendarEdit::ALL {
            assert!(made.iter().any(|(other, _)| other == name), "{name}");
        }
        assert_eq!((made, truth), run());
    }
}
