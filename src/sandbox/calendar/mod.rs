//! Calendars and events.
//!
//! Reading order: `recurrence`, `series` and `zones` are pure and say when things happen; `event` says what
//! they are; `state` and `writes` keep and change them; `render`, `pages` and `delta` tell them; `routes`
//! leads a request to all that. Only `writes` changes anything a client can see, and whatever it changes it
//! reports, so that no change goes unnoticed by a subscription or a delta.

pub mod delta;
pub mod draft;
pub mod edits;
pub mod event;
pub mod meetings;
pub mod occurrence_id;
pub mod pages;
pub mod recurrence;
pub mod refusal;
pub mod render;
pub mod repeat_wire;
mod routes;
pub mod series;
pub mod state;
pub mod text;
pub mod truth;
pub mod window;
pub mod writes;
pub mod zones;

pub use routes::handle;
pub use state::CalendarState;
