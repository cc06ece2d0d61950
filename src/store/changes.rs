//! The feed: what became of which row.
//!
//! Positions are allotted from the mailbox's row inside the writing transaction, so entries become visible in the
//! order of their positions, and a reader who polls by position misses none.

use super::bulk;
use super::codec::{Row, Value, words};
use super::dispatch::query;
use super::error::StoreError;
use super::gate::Priority;
use super::mailboxes::no_row;
use super::pool::Store;
use super::tx::Tx;
use crate::model::feed::{Change, ChangeKind, ItemKind};
use crate::model::ids::{GraphId, MailboxId};
use crate::model::time::Timestamp;

words! {
    ItemKind { Message = "message", Event = "event", Folder = "folder", Calendar = "calendar", Thread = "thread" }
    ChangeKind { Created = "created", Updated = "updated", Deleted = "deleted" }
}

/// An entry to be appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewChange {
    /// Which table.
    pub kind: ItemKind,
    /// Which row.
    pub external_id: GraphId,
    /// What became of it.
    pub change: ChangeKind,
}

impl Store {
    /// The entries of a mailbox after a position, in order.
    pub async fn changes_after(
        &self,
        mailbox: MailboxId,
        position: i64,
        limit: u32,
    ) -> Result<Vec<Change>, StoreError> {
        query(
            "SELECT position, kind, external_id, change, at, origin_command_id FROM changes
             WHERE mailbox_id = $1 AND position > $2 ORDER BY position LIMIT $3",
        )
        .bind(mailbox)
        .bind(position)
        .bind(i64::from(limit))
        .read(self)
        .await?
        .iter()
        .map(read)
        .collect()
    }

    /// Deletes entries of a mailbox up to and including a position.
    pub async fn changes_prune(&self, mailbox: MailboxId, up_to: i64) -> Result<u64, StoreError> {
        let mut tx = self.write(Priority::Bulk).await?;
        let deleted = query("DELETE FROM changes WHERE mailbox_id = $1 AND position <= $2")
            .bind(mailbox)
            .bind(up_to)
            .execute(&mut tx)
            .await?;
        tx.commit().await?;
        Ok(deleted)
    }
}

impl Tx {
    /// Appends entries to the feed of a mailbox. Returns the last position.
    pub async fn changes_append(
        &mut self,
        mailbox: MailboxId,
        changes: &[NewChange],
        now: Timestamp,
    ) -> Result<i64, StoreError> {
        let count = i64::try_from(changes.len()).unwrap_or(i64::MAX);
        let row = query(
            "UPDATE mailboxes SET feed_position = feed_position + $2 WHERE id = $1 RETURNING feed_position",
        )
        .bind(mailbox)
        .bind(count)
        .row(self)
        .await?
        .ok_or_else(no_row)?;
        let last = row.get::<i64>("feed_position")?;
        let mut position = last - count;
        for range in bulk::chunks(changes.len(), bulk::NARROW) {
            let chunk = &changes[range];
            let mut values = Vec::with_capacity(chunk.len() * 6);
            for change in chunk {
                position += 1;
                values.extend([
                    Value::from(mailbox),
                    position.into(),
                    change.kind.into(),
                    (&change.external_id).into(),
                    change.change.into(),
                    now.into(),
                ]);
            }
            query(format!(
                "INSERT INTO changes (mailbox_id, position, kind, external_id, change, at) VALUES {}",
                bulk::rows(self.backend(), chunk.len(), 6)
            ))
            .bind_all(values)
            .execute(self)
            .await?;
        }
        self.origins_named(mailbox, last - count).await?;
        Ok(last)
    }
}

fn read(row: &Row) -> Result<Change, StoreError> {
    Ok(Change {
        position: row.get("position")?,
        kind: row.get("kind")?,
        external_id: row.get("external_id")?,
        change: row.get("change")?,
        at: row.get("at")?,
        origin: row.find("origin_command_id")?,
    })
}
