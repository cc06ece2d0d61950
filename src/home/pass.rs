//! The right to have a request in flight.
//!
//! It gives its slots back by itself, so that no way out of a request can forget to.

use std::fmt;

use super::budget::Budget;

/// The right to have a request in flight; given back when dropped.
#[must_use = "the slot is given back at once when the pass is dropped"]
pub struct Pass {
    pub(super) budget: Budget,
    pub(super) slots: u32,
}

impl fmt::Debug for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pass({})", self.slots)
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.budget.give_back(self.slots);
    }
}
