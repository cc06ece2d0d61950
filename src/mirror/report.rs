//! What a piece of work did, for the home, for logs and for outcomes.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use crate::model::work::Effect;

/// How many rows a piece of work made, changed, left and deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// New rows.
    pub created: u64,
    /// Changed rows.
    pub updated: u64,
    /// Rows that were the same already, or had been fetched later.
    pub unchanged: u64,
    /// Rows that are gone.
    pub deleted: u64,
}

impl Tally {
    /// Counts what a write did.
    pub fn count(&mut self, effect: Effect) {
        match effect {
            Effect::Created => self.created += 1,
            Effect::Updated => self.updated += 1,
            Effect::Unchanged | Effect::Stale => self.unchanged += 1,
            Effect::Deleted => self.deleted += 1,
        }
    }

    /// Rows that are not what they were.
    pub fn changed(&self) -> u64 {
        self.created + self.updated + self.deleted
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.created += other.created;
        self.updated += other.updated;
        self.unchanged += other.unchanged;
        self.deleted += other.deleted;
    }
}

/// What [`super::Mirror::refresh_due`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RefreshReport {
    /// Notices settled.
    pub settled: u64,
    /// Notices put off: not yet visible, unreadable, or Graph asked to wait.
    pub postponed: u64,
    /// What it did to rows.
    pub rows: Tally,
    /// When there was more to do than one go takes: call again at once.
    pub more: bool,
}

impl AddAssign for RefreshReport {
    fn add_assign(&mut self, other: Self) {
        self.settled += other.settled;
        self.postponed += other.postponed;
        self.rows += other.rows;
        self.more |= other.more;
    }
}

/// What [`super::Mirror::structure`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StructureReport {
    /// Whether the folder tree was walked.
    pub folders_walked: bool,
    /// Whether the calendars were listed.
    pub calendars_listed: bool,
    /// New cursors.
    pub cursors_made: u64,
    /// Cursors of folders and calendars that are gone, and of windows that rolled.
    pub cursors_dropped: u64,
    /// What it did to rows.
    pub rows: Tally,
}

/// What [`super::Mirror::rounds_due`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RoundsReport {
    /// Rounds that came to their end.
    pub rounds: u64,
    /// Pages applied.
    pub pages: u64,
    /// Rounds put off after a failure.
    pub failed: u64,
    /// What it did to rows.
    pub rows: Tally,
}

impl AddAssign for RoundsReport {
    fn add_assign(&mut self, other: Self) {
        self.rounds += other.rounds;
        self.pages += other.pages;
        self.failed += other.failed;
        self.rows += other.rows;
    }
}
