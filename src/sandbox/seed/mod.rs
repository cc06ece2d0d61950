//! Grows the content of a sandbox from one integer.

pub mod calendar;
pub mod people;

use super::Options;
use super::mail::MailState;
use super::world::Mailbox;
use crate::model::time::Timestamp;

/// All mailboxes.
pub fn mailboxes(options: &Options, now: Timestamp, rng: &mut fastrand::Rng) -> Vec<Mailbox> {
    let users = people::users(options.mailboxes, rng);
    users
        .iter()
        .map(|user| Mailbox {
            user: user.clone(),
            mail: MailState::new(user.language, rng),
            calendar: if options.events {
                calendar::filled(user, &users, now, rng)
            } else {
                calendar::empty(user, rng)
            },
            licensed: true,
        })
        .collect()
}
