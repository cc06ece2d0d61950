//! Who serves a mailbox: at most one home at a time.
//!
//! A lease is a token, a holder and an end on the mailbox's row. Claiming is one statement; whoever claims later has
//! another token, and with it every write of the former holder is refused ([`Tx::fence`](super::Tx::fence)).

use std::time::Duration;

use super::dispatch::{Sql, query};
use super::error::StoreError;
use super::gate::Priority;
use super::mailboxes::read;
use super::pool::Store;
use crate::model::ids::{LeaseToken, MailboxId};
use crate::model::mailbox::Mailbox;
use crate::model::time::{Timestamp, later};
use crate::model::work::Fence;

/// Whatever brings a mailbox to somebody's attention; each arm is one look into an index of what is due, so that
/// mailboxes without work cost nothing. A command is heard in every state, the rest where the mailbox is mirrored; a
/// suspended one is probed when its time has come.
macro_rules! due {
    () => {
        "SELECT id AS mailbox_id FROM mailboxes WHERE work_at <= $1 AND state IN ('connected', 'suspended')
         UNION SELECT id FROM mailboxes WHERE lease_until <= $1
         UNION SELECT mailbox_id FROM commands WHERE finished_at IS NULL AND (due_at IS NULL OR due_at <= $1)
         UNION SELECT d.mailbox_id FROM (
                   SELECT mailbox_id FROM notices WHERE due_at <= $1
                   UNION SELECT mailbox_id FROM cursors WHERE due_at <= $1
                   UNION SELECT mailbox_id FROM subscriptions
                         WHERE renew_at <= $1 AND (not_before IS NULL OR not_before <= $1)
               ) d JOIN mailboxes m ON m.id = d.mailbox_id WHERE m.state = 'connected'"
    };
}

const CLAIM: Sql = Sql {
    postgres: concat!(
        "WITH due AS (",
        due!(),
        "), free AS (
            SELECT m.id FROM mailboxes m JOIN due ON due.mailbox_id = m.id
            WHERE (m.lease_until IS NULL OR m.lease_until <= $1) AND (m.not_before IS NULL OR m.not_before <= $1)
            ORDER BY m.work_at NULLS FIRST, m.id LIMIT $5
            FOR NO KEY UPDATE OF m SKIP LOCKED
        )
        UPDATE mailboxes SET lease_token = $2, lease_holder = $3, lease_until = $4, work_at = NULL, updated_at = $1
        WHERE id IN (SELECT id FROM free) RETURNING *"
    ),
    sqlite: concat!(
        "WITH due AS (",
        due!(),
        "), free AS (
            SELECT m.id FROM mailboxes m JOIN due ON due.mailbox_id = m.id
            WHERE (m.lease_until IS NULL OR m.lease_until <= $1) AND (m.not_before IS NULL OR m.not_before <= $1)
            ORDER BY m.work_at NULLS FIRST, m.id LIMIT $5
        )
        UPDATE mailboxes SET lease_token = $2, lease_holder = $3, lease_until = $4, work_at = NULL, updated_at = $1
        WHERE id IN (SELECT id FROM free) RETURNING *"
    ),
};

impl Store {
    /// Claims up to `limit` mailboxes that nobody serves and that have work: their time has come, a notice, a
    /// cursor or a subscription is due, a command waits, or their last home died. Their `work_at` is cleared: what
    /// is set there during the lease is heard at its release.
    pub async fn mailbox_claim(
        &self,
        holder: &str,
        now: Timestamp,
        lease: Duration,
        limit: u32,
    ) -> Result<Vec<(Mailbox, Fence)>, StoreError> {
        let token = LeaseToken::generate();
        let mut tx = self.write(Priority::Live).await?;
        let rows = query(CLAIM)
            .bind(now)
            .bind(token)
            .bind(holder)
            .bind(later(now, lease))
            .bind(i64::from(limit))
            .rows(&mut tx)
            .await?;
        tx.commit().await?;
        rows.iter()
            .map(|row| {
                let mailbox = read(row)?;
                let fence = Fence {
                    mailbox: mailbox.id,
                    token,
                };
                Ok((mailbox, fence))
            })
            .collect()
    }

    /// Claims this mailbox whether or not it is due and whatever its state, unless somebody serves it or Graph asked
    /// for patience.
    pub async fn mailbox_claim_one(
        &self,
        mailbox: MailboxId,
        holder: &str,
        now: Timestamp,
        lease: Duration,
    ) -> Result<Option<(Mailbox, Fence)>, StoreError> {
        let token = LeaseToken::generate();
        let mut tx = self.write(Priority::Live).await?;
        let row = query(
            "UPDATE mailboxes SET lease_token = $2, lease_holder = $3, lease_until = $4, work_at = NULL,
                updated_at = $1
             WHERE id = $5 AND (lease_until IS NULL OR lease_until <= $1)
               AND (not_before IS NULL OR not_before <= $1)
             RETURNING *",
        )
        .bind(now)
        .bind(token)
        .bind(holder)
        .bind(later(now, lease))
        .bind(mailbox)
        .row(&mut tx)
        .await?;
        tx.commit().await?;
        let Some(row) = row else {
            return Ok(None);
        };
        Ok(Some((read(&row)?, Fence { mailbox, token })))
    }

    /// Who serves a mailbox, by the name it claimed under; nobody when `None`.
    pub async fn lease_holder(&self, mailbox: MailboxId) -> Result<Option<String>, StoreError> {
        let row = query("SELECT lease_holder FROM mailboxes WHERE id = $1")
            .bind(mailbox)
            .read_one(self)
            .await?;
        row.map_or(Ok(None), |row| row.find("lease_holder"))
    }

    /// Keeps a lease for another while.
    pub async fn lease_extend(
        &self,
        fence: &Fence,
        now: Timestamp,
        lease: Duration,
    ) -> Result<(), StoreError> {
        let mut tx = self.write(Priority::Live).await?;
        let kept = query(
            "UPDATE mailboxes SET lease_until = $3, updated_at = $4 WHERE id = $1 AND lease_token = $2",
        )
        .bind(fence.mailbox)
        .bind(fence.token)
        .bind(later(now, lease))
        .bind(now)
        .execute(&mut tx)
        .await?;
        tx.commit().await?;
        if kept == 0 {
            return Err(StoreError::LeaseLost);
        }
        Ok(())
    }

    /// Gives a mailbox back, to be looked at again at `next_work_at` or at what was asked for meanwhile, whichever is
    /// earlier. Says whether it has work already, and signals it if so: a notice that came while its home was
    /// leaving waits for nobody's poll.
    pub async fn lease_release(
        &self,
        fence: &Fence,
        next_work_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write(Priority::Live).await?;
        let released = query(
            "UPDATE mailboxes SET lease_token = NULL, lease_holder = NULL, lease_until = NULL, updated_at = $4,
                work_at = CASE WHEN work_at <= $3 OR $3 IS NULL THEN work_at ELSE $3 END
             WHERE id = $1 AND lease_token = $2",
        )
        .bind(fence.mailbox)
        .bind(fence.token)
        .bind(next_work_at)
        .bind(now)
        .execute(&mut tx)
        .await?;
        if released == 0 {
            return Err(StoreError::LeaseLost);
        }
        let is_due = query(concat!(
            "SELECT mailbox_id FROM (",
            due!(),
            ") due WHERE mailbox_id = $2"
        ))
        .bind(now)
        .bind(fence.mailbox)
        .row(&mut tx)
        .await?
        .is_some();
        if is_due {
            tx.wake(fence.mailbox);
        }
        tx.commit().await?;
        Ok(is_due)
    }
}
