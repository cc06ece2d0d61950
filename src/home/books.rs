//! The budgets of all mailboxes this process has served lately.
//!
//! They outlive the homes: a mailbox that is claimed anew has not forgotten its last ten minutes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::ids::MailboxId;
use crate::model::mailbox::Mailbox;
use crate::model::time::SharedClock;

use super::budget::{Budget, Limits};
use super::window::Spent;

#[derive(Clone)]
pub(super) struct Budgets {
    clock: SharedClock,
    limits: Limits,
    known: Arc<Mutex<HashMap<MailboxId, Budget>>>,
}

impl Budgets {
    pub(super) fn new(clock: SharedClock, limits: Limits) -> Self {
        Self {
            clock,
            limits,
            known: Arc::default(),
        }
    }

    /// The budget of a mailbox, with what its row says.
    pub(super) fn open(&self, mailbox: &Mailbox) -> Budget {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let budget = known
            .entry(mailbox.id)
            .or_insert_with(|| Budget::new(Arc::clone(&self.clock), self.limits))
            .clone();
        budget.restore(&Spent::default(), mailbox.not_before);
        budget
    }

    /// Forgets budgets from which nothing counts any more.
    pub(super) fn sweep(&self) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, budget| budget.is_shared() || !budget.is_fresh());
    }
}
