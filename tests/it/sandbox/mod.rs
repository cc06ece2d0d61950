//! The sandbox against its conformance list: each test names the line it holds.

#![expect(
    clippy::unwrap_used,
    reason = "what a test asks for is there, or it fails"
)]

mod attachments;
mod bench;
mod calendar;
mod calendar_delta;
mod calendar_notices;
mod calendar_scene;
mod calendar_times;
mod client;
mod control;
mod delta_options;
mod delta_tokens;
mod diff;
mod dump;
mod edits;
mod envelope;
mod extended;
mod folder_delta;
mod folders;
mod handshake;
mod identity;
mod lifecycle;
mod limits;
mod mail_delta;
mod mail_notices;
mod mail_scene;
mod meetings;
mod messages;
mod mime;
mod notifications;
mod numbers;
mod pages;
mod reach;
mod renewal;
mod resource_data;
mod rich;
mod seeded_mail;
mod sending;
mod subscriptions;
mod uploads;
mod worlds;
mod writing;
