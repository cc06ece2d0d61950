//! What happens between an organizer and those invited, seen from one calendar (F11.8, F11.9, F6.37, F7.17).

use super::draft::Draft;
use super::event::{Overrides, Person, Response, ShowAs};
use super::refusal::Refusal;
use super::state::{CalendarState, Event, EventKey, Target};
use crate::model::time::Timestamp;
use crate::sandbox::world::Change;

impl CalendarState {
    /// A meeting that someone else calls and the owner has not answered yet.
    pub fn receive_invitation(
        &mut self,
        draft: Draft,
        organizer: Person,
        now: Timestamp,
        rng: &mut fastrand::Rng,
    ) -> Result<(EventKey, Vec<Change>), Refusal> {
        let calendar = self.default_calendar().key;
        let key = self.insert(calendar, draft, organizer, now)?;
        let changes = self.created(key, rng)?;
        Ok((key, changes))
    }

    /// The owner's copy of a meeting in another mailbox, new or brought up to date. What the owner answered
    /// stays, as does how the time is shown.
    pub fn receive_copy(
        &mut self,
        meeting: &Event,
        now: Timestamp,
        rng: &mut fastrand::Rng,
    ) -> Result<Vec<Change>, Refusal> {
        if let Some(key) = self.copy_of(&meeting.uid) {
            let event = self.events.get_mut(&key).ok_or(Refusal::NotFound)?;
            let before = std::mem::replace(&mut event.details, meeting.details.clone());
            event.details.response = before.response;
            event.details.responded_at = before.responded_at;
            event.details.show_as = before.show_as;
            event.slot = meeting.slot.clone();
            event.series.clone_from(&meeting.series);
            return self.updated(key, now, rng);
        }
        let key = EventKey(self.next_number());
        let ids = self.mint_ids(key);
        let mut details = meeting.details.clone();
        details.response = Response::NotResponded;
        details.responded_at = None;
        details.show_as = ShowAs::Tentative;
        let event = Event {
            key,
            calendar: self.default_calendar().key,
            ids,
            details,
            is_organizer: false,
            transaction_id: None,
            extended: Vec::new(),
            created_at: now,
            modified_at: now,
            version: 1,
            sequence: 0,
            ..meeting.clone()
        };
        self.events.insert(key, event);
        self.touch(key);
        self.created(key, rng)
    }

    /// The event of a meeting that several mailboxes share.
    pub fn copy_of(&self, uid: &str) -> Option<EventKey> {
        self.events
            .values()
            .find(|event| event.uid == uid)
            .map(|event| event.key)
    }

    /// The organizer took a meeting or one occurrence of it back: it stays until it is removed (F6.37).
    pub fn receive_cancellation(
        &mut self,
        target: Target,
        now: Timestamp,
        rng: &mut fastrand::Rng,
    ) -> Result<Vec<Change>, Refusal> {
        let event = self.event(target.key())?;
        let subject = &event.details.subject;
        let subject = if subject.starts_with("Canceled: ") {
            subject.clone()
        } else {
            format!("Canceled: {subject}")
        };
        let overrides = Overrides {
            subject: Some(subject),
            is_cancelled: Some(true),
            show_as: Some(ShowAs::Free),
            ..Overrides::default()
        };
        self.update(
            target,
            Draft {
                overrides,
                ..Draft::default()
            },
            now,
            rng,
        )
    }

    /// `accept`, `tentativelyAccept` or `decline`; declining removes it (F11.9).
    pub fn respond(
        &mut self,
        target: Target,
        response: Response,
        now: Timestamp,
        rng: &mut fastrand::Rng,
    ) -> Result<Vec<Change>, Refusal> {
        if self.event(target.key())?.is_organizer {
            return Err(Refusal::OwnMeeting);
        }
        if response == Response::Declined {
            return self.delete(target, now, rng);
        }
        let show_as = if response == Response::TentativelyAccepted {
            ShowAs::Tentative
        } else {
            ShowAs::Busy
        };
        let overrides = Overrides {
            response: Some((response, Some(now))),
            show_as: Some(show_as),
            ..Overrides::default()
        };
        self.update(
            target,
            Draft {
                overrides,
                ..Draft::default()
            },
            now,
            rng,
        )
    }

    /// Someone invited answers a meeting of the owner's, or one occurrence of it (F7.17).
    pub fn receive_response(
        &mut self,
        target: Target,
        address: &str,
        response: Response,
        now: Timestamp,
        rng: &mut fastrand::Rng,
    ) -> Result<Vec<Change>, Refusal> {
        let event = self
            .events
            .get_mut(&target.key())
            .ok_or(Refusal::NotFound)?;
        let mut of_occurrence = match target {
            Target::Whole(_) => None,
            Target::Occurrence(_, date) => {
                let series = event.series.as_ref().ok_or(Refusal::NotFound)?;
                let exception = series.exceptions().get(&date);
                let own = exception.and_then(|exception| exception.overrides.attendees.clone());
                Some(own.unwrap_or_else(|| event.details.attendees.clone()))
            }
        };
        let attendees = of_occurrence
            .as_mut()
            .unwrap_or(&mut event.details.attendees);
        let attendee = attendees
            .iter_mut()
            .find(|attendee| attendee.person.address.eq_ignore_ascii_case(address))
            .ok_or(Refusal::NotFound)?;
        attendee.response = response;
        attendee.responded_at = Some(now);
        if let (Target::Occurrence(_, date), Some(attendees)) = (target, of_occurrence) {
            let overrides = Overrides {
                attendees: Some(attendees),
                ..Overrides::default()
            };
            let version = event.version + 1;
            let series = event.series.as_mut().ok_or(Refusal::NotFound)?;
            let slot = series.slot_of(date);
            series.except(date, slot, overrides, version, now)?;
        }
        self.updated(target.key(), now, rng)
    }
}
