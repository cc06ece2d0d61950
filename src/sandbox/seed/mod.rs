//! Grows the content of a sandbox from one integer.

mod author;
pub mod calendar;
pub mod mail;
mod meetings;
mod odd;
pub mod people;
pub mod series;
pub mod stock;
pub mod text;

use super::Options;
use super::mail::MailState;
use super::tokens::DeltaTokens;
use super::world::{Mailbox, User};
use crate::model::time::Timestamp;

/// All mailboxes.
pub fn mailboxes(options: &Options, now: Timestamp, rng: &mut fastrand::Rng) -> Vec<Mailbox> {
    let users = people::users(options.mailboxes, rng);
    let stock = stock::Stock::new(options, &users, rng);
    users
        .iter()
        .map(|user| Mailbox {
            user: user.clone(),
            mail: filled(user, options, &stock, now, rng),
            calendar: if options.events {
                calendar::filled(user, &users, now, rng)
            } else {
                calendar::empty(user, rng)
            },
            tokens: DeltaTokens::new(rng),
            licensed: true,
        })
        .collect()
}

fn filled(
    user: &User,
    options: &Options,
    stock: &stock::Stock,
    now: Timestamp,
    rng: &mut fastrand::Rng,
) -> MailState {
    let mut state = MailState::new(user.language, rng);
    mail::fill(&mut state, user, options, stock, now, rng);
    state
}
