//! Grows the content of a sandbox from one integer.

pub mod people;

use super::Options;
use super::calendar::CalendarState;
use super::mail::MailState;
use super::world::Mailbox;
use crate::model::time::Timestamp;

/// All mailboxes.
pub fn mailboxes(options: &Options, _now: Timestamp, rng: &mut fastrand::Rng) -> Vec<Mailbox> {
    people::users(options.mailboxes, rng)
        .into_iter()
        .map(|user| Mailbox {
            user,
            mail: MailState::default(),
            calendar: CalendarState::default(),
            licensed: true,
        })
        .collect()
}
