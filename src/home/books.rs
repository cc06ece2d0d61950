//! The budgets of all mailboxes this process has served lately.
//!
//! They outlive the homes: a mailbox that is claimed anew has not forgotten its last ten minutes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::ids::MailboxId;
use crate::model::mailbox::Mailbox;
use crate::model::time::SharedClock;
use crate::store::{Store, StoreError};

use super::budget::Budget;
use super::limits::Limits;
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

    /// The budget of a mailbox, with what its row says: another process may have served it in between.
    pub(super) async fn open(
        &self,
        store: &Store,
        mailbox: &Mailbox,
    ) -> Result<Budget, StoreError> {
        let stored = store.mailbox_requests_spent(mailbox.id).await?;
        let spent = stored.map_or_else(Spent::default, |json| {
            serde_json::from_str(&json).unwrap_or_default()
        });
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let budget = known
            .entry(mailbox.id)
            .or_insert_with(|| Budget::new(Arc::clone(&self.clock), self.limits))
            .clone();
        drop(known);
        budget.restore(&spent, mailbox.not_before);
        Ok(budget)
    }

    /// Forgets budgets from which nothing counts any more.
    pub(super) fn sweep(&self) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, budget| budget.is_shared() || !budget.is_fresh());
    }
}
