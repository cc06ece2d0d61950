//! Writing into mailboxes: once, whatever breaks on the way.

mod calendar;
mod kinds;
mod letters;
mod refusals;
mod stage;
