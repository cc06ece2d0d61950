//! The sandbox against its conformance list: each test names the line it holds.

#![expect(
    clippy::unwrap_used,
    reason = "what a test asks for is there, or it fails"
)]

mod bench;
mod calendar;
mod calendar_delta;
mod calendar_notices;
mod calendar_scene;
mod client;
mod control;
mod edits;
mod identity;
mod lifecycle;
mod limits;
mod mail_delta;
mod meetings;
mod messages;
mod notifications;
mod sending;
mod subscriptions;
