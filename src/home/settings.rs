//! How long leases last and how many homes one process keeps.

use std::time::Duration;

use super::limits::Limits;

/// How homes come and go. The defaults suit every installation; tests shorten them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HomeSettings {
    /// How long a lease lasts without a heartbeat: how soon others take over from a dead process.
    pub lease: Duration,
    /// Time between two heartbeats.
    pub beat: Duration,
    /// How long an idle home keeps its lease, so that the next notice of a burst finds it.
    pub linger: Duration,
    /// Time between two looks for mailboxes that have work, when no signal tells.
    pub poll: Duration,
    /// Homes at the same time, at most.
    pub limit: usize,
    /// After how long a working home may be asked to make place when others wait.
    pub turn: Duration,
    /// How long a home that must end may take to save where it is. Real time.
    pub grace: Duration,
    /// What Graph allows.
    pub limits: Limits,
}

impl Default for HomeSettings {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(30),
            beat: Duration::from_secs(10),
            linger: Duration::from_secs(3),
            poll: Duration::from_secs(2),
            limit: 64,
            turn: Duration::from_secs(20),
            // A process that is told to stop is gone within ten seconds, and has given everything back before.
            grace: Duration::from_secs(6),
            limits: Limits::default(),
        }
    }
}
