//! A transaction: what is written together, checked against the home's lease, and what is signalled once it is committed.

use std::sync::Arc;

use super::dispatch::{On, PostgresTransaction, Sql, SqliteTransaction, query};
use super::error::StoreError;
use super::gate::Pass;
use super::pool::{Backend, Core, Pools, UnderWay, alone};
use super::wake::Wake;
use crate::model::ids::MailboxId;
use crate::model::time::Timestamp;
use crate::model::work::Fence;

/// A transaction. Dropping it undoes it.
pub struct Tx {
    open: Open,
    core: Arc<Core>,
    wakes: Vec<Wake>,
    /// Whether a statement has changed a row.
    has_written: bool,
    _under_way: UnderWay,
}

pub(super) enum Open {
    Postgres(PostgresTransaction),
    // The pass comes second: the transaction ends before the next one may begin.
    Sqlite(SqliteTransaction, Pass),
}

impl std::fmt::Debug for Tx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Tx").field(&self.backend()).finish()
    }
}

impl Tx {
    /// One that was opened just now.
    pub(super) fn of(open: Open, core: &Arc<Core>, under_way: UnderWay) -> Self {
        Self {
            open,
            core: Arc::clone(core),
            wakes: Vec::new(),
            has_written: false,
            _under_way: under_way,
        }
    }

    /// Checks that the home still holds its mailbox, and locks the mailbox's row until the end, so that it
    /// keeps holding it. Every write of a home begins with this; no other lock is taken before it.
    pub async fn fence(&mut self, fence: &Fence) -> Result<(), StoreError> {
        const HELD: Sql = Sql {
            postgres: "SELECT id FROM mailboxes WHERE id = $1 AND lease_token = $2 FOR NO KEY UPDATE",
            sqlite: "SELECT id FROM mailboxes WHERE id = $1 AND lease_token = $2",
        };
        let held = query(HELD)
            .bind(fence.mailbox)
            .bind(fence.token)
            .row(self)
            .await?;
        if self.core.trusts_every_lease {
            return Ok(());
        }
        held.map(drop).ok_or(StoreError::LeaseLost)
    }

    /// Signals, once this is committed, that the mailbox has work.
    pub fn wake(&mut self, mailbox: MailboxId) {
        self.wake_with(Wake::Mailbox(mailbox));
    }

    pub(super) fn wake_with(&mut self, wake: Wake) {
        if !self.wakes.contains(&wake) {
            self.wakes.push(wake);
        }
    }

    /// Makes it last. It is done whole or not at all also when the caller goes away meanwhile.
    pub async fn commit(self) -> Result<(), StoreError> {
        alone(self.finish()).await
    }

    async fn finish(mut self) -> Result<(), StoreError> {
        if !self.wakes.is_empty() && self.backend() == Backend::Postgres {
            let (channel, payload) = self.core.wakes.notify(&self.wakes);
            query("SELECT CAST(pg_notify($1, $2) AS text)")
                .bind(channel)
                .bind(payload)
                .rows(&mut self)
                .await?;
        }
        match self.open {
            Open::Postgres(transaction) => {
                let committed = transaction.commit().await;
                self.core.heed(committed.map_err(StoreError::from))?;
            }
            Open::Sqlite(transaction, pass) => {
                let committed = transaction.commit().await;
                self.core.heed(committed.map_err(StoreError::from))?;
                drop(pass);
                if let Pools::Sqlite { checkpoints, .. } = &self.core.pools {
                    checkpoints.ask();
                }
            }
        }
        if self.has_written {
            self.core.writes.succeeded();
        }
        self.core.wakes.tell(&self.wakes);
        Ok(())
    }

    /// Undoes it, and waits until that is done.
    pub async fn rollback(self) -> Result<(), StoreError> {
        match self.open {
            Open::Postgres(transaction) => Ok(transaction.rollback().await?),
            Open::Sqlite(transaction, _pass) => Ok(transaction.rollback().await?),
        }
    }

    pub(super) fn backend(&self) -> Backend {
        self.core.backend()
    }

    pub(super) fn now(&self) -> Timestamp {
        self.core.clock.now()
    }

    /// Has in mind that a row was changed: once that is committed, the database takes writes.
    pub(super) fn wrote(&mut self, rows: u64) {
        self.has_written |= rows > 0;
    }

    /// Has a refusal in mind that concerns more than this transaction.
    pub(super) fn refused(&self, error: StoreError) -> StoreError {
        self.core.note(Some(&error));
        error
    }

    pub(super) fn connection(&mut self) -> On<'_> {
        match &mut self.open {
            Open::Postgres(transaction) => On::Postgres(transaction),
            Open::Sqlite(transaction, _) => On::Sqlite(transaction),
        }
    }
}
