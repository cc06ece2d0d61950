//! What a home is, and what lives in it.
//!
//! A home is handed to a [`Resident`], which works until nothing is left to do and says when it wants to be called
//! again. The lease is held for as long as [`Resident::serve`] runs and a little longer, so that a burst of notices
//! claims once. A resident must watch [`Home::lost`]: nothing it writes after that will be accepted.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::model::mailbox::Mailbox;
use crate::model::time::Timestamp;
use crate::model::work::Fence;

use super::budget::Budget;

/// What a mailbox's home is given for one spell of work.
#[derive(Debug, Clone)]
pub struct Home {
    /// The mailbox as it was when the spell began.
    pub mailbox: Mailbox,
    /// The right to write for it.
    pub fence: Fence,
    /// The gate that every request to Graph for this mailbox passes. It outlives the spell.
    pub gate: Arc<Budget>,
    /// Tells that something new waits: a notice, a command, a lifecycle event.
    pub wake: Wake,
    /// Cancelled when the lease is lost or can no longer be proven: stop at once, every further write is refused.
    pub lost: CancellationToken,
    /// Cancelled when the process ends or others wait for a place: save where you are and return. Cancelled too
    /// when the lease is lost.
    pub stopping: CancellationToken,
}

/// How a spell of work ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Served {
    /// When the mailbox needs attention next, notices and commands aside; `None` if never.
    pub next_work_at: Option<Timestamp>,
}

/// A boxed future of a resident's spell.
pub type Spell<'a> = Pin<Box<dyn Future<Output = Served> + Send + 'a>>;

/// Whoever does the work of a mailbox.
pub trait Resident: Send + Sync + 'static {
    /// Works until nothing is left that can be done now. It is called again when something wakes the home or
    /// [`Served::next_work_at`] has come. It handles its own failures: a panic ends the spell and is tried again
    /// after a while.
    fn serve(&self, home: Home) -> Spell<'_>;
}

/// A signal that remembers one call while nobody waits; it has one waiter.
#[derive(Clone, Default)]
pub struct Wake(Arc<Notify>);

impl Wake {
    /// Wakes the waiter, or the next one to come.
    pub fn wake(&self) {
        self.0.notify_one();
    }

    /// Waits until somebody has called [`Wake::wake`] since the last wait ended.
    pub async fn woken(&self) {
        self.0.notified().await;
    }
}

impl fmt::Debug for Wake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wake")
    }
}
