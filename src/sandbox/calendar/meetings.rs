//! What happens to a meeting in the mailboxes of the others.
//!
//! An invitation goes out at once (F11.6): whoever has a mailbox here gets a copy of the meeting in the default
//! calendar, sees it change and sees it called off; an answer shows with the organizer (F7.17).

use super::event::Response;
use super::state::{Event, EventKey, Target};
use crate::sandbox::world::State;

/// Brings a new or changed meeting to everyone invited.
pub fn spread(state: &mut State, mailbox: usize, key: EventKey) {
    let Some(meeting) = meeting(state, mailbox, key) else {
        return;
    };
    let now = state.now();
    for other in invited(state, mailbox, &meeting) {
        let State { mailboxes, rng, .. } = &mut *state;
        if let Some(held) = mailboxes.get_mut(other)
            && let Ok(changes) = held.calendar.receive_copy(&meeting, now, rng)
        {
            state.announce_at(other, changes);
        }
    }
}

/// Tells everyone invited that a meeting or one occurrence of it is off. Call it while it still stands.
pub fn tell_cancellation(state: &mut State, mailbox: usize, target: Target) {
    let Some(meeting) = meeting(state, mailbox, target.key()) else {
        return;
    };
    let now = state.now();
    for other in invited(state, mailbox, &meeting) {
        let State { mailboxes, rng, .. } = &mut *state;
        let Some(held) = mailboxes.get_mut(other) else {
            continue;
        };
        let Some(copy) = held.calendar.copy_of(&meeting.uid) else {
            continue;
        };
        let target = match target {
            Target::Whole(_) => Target::Whole(copy),
            Target::Occurrence(_, date) => Target::Occurrence(copy, date),
        };
        if let Ok(changes) = held.calendar.receive_cancellation(target, now, rng) {
            state.announce_at(other, changes);
        }
    }
}

/// Shows an answer to the organizer, if the meeting still stands there; `target` is what the one who
/// answers has of it.
pub fn tell_response(
    state: &mut State,
    mailbox: usize,
    event: &Event,
    target: Target,
    response: Response,
) {
    let Some(address) = state
        .mailboxes
        .get(mailbox)
        .map(|mailbox| mailbox.user.address.clone())
    else {
        return;
    };
    let Some(organizer) = state.find_mailbox(&event.organizer.address) else {
        return;
    };
    let now = state.now();
    let State { mailboxes, rng, .. } = &mut *state;
    if let Some(held) = mailboxes.get_mut(organizer)
        && let Some(key) = held.calendar.copy_of(&event.uid)
    {
        let target = match target {
            Target::Whole(_) => Target::Whole(key),
            Target::Occurrence(_, date) => Target::Occurrence(key, date),
        };
        let told = held
            .calendar
            .receive_response(target, &address, response, now, rng);
        if let Ok(changes) = told {
            state.announce_at(organizer, changes);
        }
    }
}

/// The event, if it is a meeting that its mailbox called.
fn meeting(state: &State, mailbox: usize, key: EventKey) -> Option<Event> {
    let event = state.mailboxes.get(mailbox)?.calendar.event(key).ok()?;
    (event.is_organizer && !event.details.attendees.is_empty()).then(|| event.clone())
}

/// The other mailboxes here that are invited.
fn invited(state: &State, mailbox: usize, meeting: &Event) -> Vec<usize> {
    let mut found: Vec<usize> = meeting
        .details
        .attendees
        .iter()
        .filter_map(|attendee| state.find_mailbox(&attendee.person.address))
        .filter(|other| *other != mailbox)
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}
