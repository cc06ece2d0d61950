//! Turns what Graph posts into durable work, and nothing more.
//!
//! Graph slows down and then drops what it sends to an endpoint that answers late (F10.15, F10.16), so nothing here
//! calls Graph, looks anything up, or waits for a worker: a post is taken apart, each item's clientState is checked, the
//! notices are committed together with everybody else's, and only then comes the 202 (M5, M17 to M20). Whatever is
//! committed here is worth doing even if no home runs today.
//!
//! In reading order: `handshake`, [`envelope`], `passage`, [`handler`], [`lifecycle`], [`parked`].

pub mod envelope;
pub mod handler;
mod handshake;
pub mod lifecycle;
pub mod parked;
mod passage;

pub use envelope::{Dropped, LifecycleEvent, LifecycleNotice, NotAPost, Post};
pub use handler::{Desk, LARGEST_BODY, router, router_at};
pub use parked::settle_parked;
