//! The races that every mirror of Graph must survive, each by its number: R1 to R20.
//!
//! What several parts do at the same time stands here; what one of them does stands with it.

mod calendars;
mod endpoints;
mod messages;
mod rounds;
mod subscriptions;
mod tokens;
