//! How much of a mailbox is here.

use super::dispatch::query;
use super::error::StoreError;
use super::pool::Store;
use crate::model::ids::MailboxId;

/// Rows of one mailbox.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages in the database.
    pub messages: i64,
    /// Messages that Graph counts in the folders known so far.
    pub messages_announced: i64,
    /// Events in the database, occurrences included.
    pub events: i64,
}

impl Store {
    /// Counts the rows of a mailbox.
    pub async fn mailbox_counts(&self, mailbox: MailboxId) -> Result<Counts, StoreError> {
        let row = query(
            "SELECT (SELECT count(*) FROM email_messages WHERE mailbox_id = $1) AS messages,
                    CAST((SELECT coalesce(sum(total_item_count), 0) FROM mail_folders WHERE mailbox_id = $1) AS bigint)
                        AS messages_announced,
                    (SELECT count(*) FROM calendar_events WHERE mailbox_id = $1) AS events",
        )
        .bind(mailbox)
        .read_one(self)
        .await?;
        let Some(row) = row else {
            return Ok(Counts::default());
        };
        Ok(Counts {
            messages: row.get("messages")?,
            messages_announced: row.get("messages_announced")?,
            events: row.get("events")?,
        })
    }
}
