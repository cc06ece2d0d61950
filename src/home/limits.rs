//! What Graph allows one application on one mailbox, and how much of it each lane may use.
//!
//! Numbers only: who waits and who goes is the [`budget`](super::budget)'s affair.

use crate::model::work::Lane;

/// What Graph allows one app on one mailbox (F3.9: "subject to change", so they are settings).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Requests at a time.
    pub slots: u32,
    /// Requests in ten minutes.
    pub quota: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            slots: 4,
            quota: 10_000,
        }
    }
}

impl Limits {
    /// How much of the quota may be spent when a request of `lane` goes: each lane leaves room for the better ones.
    /// What even a command leaves is for requests that a killed process had not written down.
    pub fn quota_of(&self, lane: Lane) -> u32 {
        let per_mille = match lane {
            Lane::Command => 985,
            Lane::Live => 975,
            Lane::Repair => 955,
            Lane::Backfill => 930,
            Lane::Audit => 700,
        };
        let share = u64::from(self.quota) * per_mille / 1000;
        u32::try_from(share).unwrap_or(u32::MAX)
    }
}
