//! Calendars and events.
//!
//! Reading order: `recurrence`, `series`, `slot` and `zones` are pure and say when things happen; `event` says
//! what they are; `state` keeps them; `writes`, `revisions`, `invitations` and `calendars` change them; `render`, `pages` and
//! `delta` tell them; `routes` leads a request to all that. Whatever changes something a client can see
//! reports it, so that no change goes unnoticed by a subscription or a delta.

mod calendar_calls;
pub mod calendar_wire;
pub mod calendars;
pub mod delta;
pub mod draft;
pub mod edits;
pub mod event;
mod event_calls;
pub mod invitations;
pub mod meetings;
pub mod occurrence_id;
pub mod pages;
mod random;
pub mod recurrence;
pub mod refusal;
pub mod render;
pub mod repeat_wire;
mod revisions;
mod routes;
#[cfg(test)]
mod scene;
pub mod series;
pub mod slot;
pub mod state;
pub mod text;
pub mod truth;
pub mod window;
pub mod writes;
pub mod zones;

pub use routes::handle;
pub use state::CalendarState;
