//! Writing into mailboxes: once, whatever breaks on the way.

mod calendar;
mod kinds;
mod letters;
mod meetings;
mod refusals;
mod stage;
