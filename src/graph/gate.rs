//! Admission to one mailbox, as Graph's client sees it.
//!
//! The home of a mailbox implements [`Gate`]: at most 4 requests at a time and 10,000 in 10 minutes (F3.9), by
//! lane, and nothing at all while a Retry-After has not passed (M12).

use std::any::Any;
use std::fmt;

use futures_util::future::BoxFuture;

use crate::model::time::Timestamp;
use crate::model::work::Lane;

/// Admits requests to one mailbox.
pub trait Gate: Send + Sync + 'static {
    /// Waits for a place. `requests` are charged to the quota, and `min(requests, 4)` of the mailbox's four slots are
    /// held until the permit is dropped: a `$batch` of 20 parts asks for 20 and takes all four (F4.12).
    /// While the mailbox is fenced, or when the quota for this lane is used up, it answers [`Fenced`] at once
    /// instead of holding a worker; who already waited when the fence came up is answered so too.
    fn admit(&self, lane: Lane, requests: u32) -> BoxFuture<'_, Result<Permit, Fenced>>;

    /// Nothing more for this mailbox before `until`. A later fence stays; an earlier one never shortens it.
    fn fence(&self, until: Timestamp);
}

/// A place in the mailbox's concurrency, given back when dropped.
pub struct Permit(#[expect(dead_code, reason = "held for its drop")] Box<dyn Any + Send>);

impl Permit {
    /// A permit that keeps `guard` until it is dropped.
    pub fn holding(guard: impl Any + Send) -> Self {
        Self(Box::new(guard))
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Permit")
    }
}

/// The mailbox must be left alone until then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the mailbox must be left alone until {until}")]
pub struct Fenced {
    /// The first instant at which a request may be sent again.
    pub until: Timestamp,
}
