//! The API through its own router, on both stores where it matters.

mod bench;
mod callers;
mod health;
mod mailboxes;
mod sign_in;
mod sync;
mod uploads;
