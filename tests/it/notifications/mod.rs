//! What Graph posts: the handshake, the durable 202, lifecycle events.

mod durable;
mod handshake;
mod lifecycle;
pub(crate) mod post;
mod refusals;
