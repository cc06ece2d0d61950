//! Which versions of which items we wrote ourselves, so that the feed can say so (M42).
//!
//! What we write comes back as a notification and is refreshed like anybody's change. An entry of the feed whose row
//! carries a version that a command wrote names that command. The answer to a write and the refresh of its item are two
//! ways into the database: whichever comes second completes the entry.

use super::codec::Value;
use super::dispatch::query;
use super::error::StoreError;
use super::tx::Tx;
use crate::model::feed::ItemKind;
use crate::model::ids::{CommandId, GraphId, MailboxId};
use crate::model::time::Timestamp;

/// Entries of the feed later than `$2`, each with the command that wrote the version its row carries. A command that made an
/// item, or made it go, is named for that whatever the version.
const NAME: &str = "UPDATE changes SET origin_command_id = (
        SELECT o.command_id FROM origins o
        WHERE o.mailbox_id = changes.mailbox_id AND o.kind = changes.kind AND o.external_id = changes.external_id
          AND ((o.change_key = '' AND changes.change IN ('created', 'deleted'))
            OR o.change_key = (SELECT m.change_key FROM email_messages m
                WHERE m.mailbox_id = changes.mailbox_id AND m.external_id = changes.external_id)
            OR o.change_key = (SELECT e.change_key FROM calendar_events e
                WHERE e.mailbox_id = changes.mailbox_id AND e.external_id = changes.external_id))
        ORDER BY o.at DESC LIMIT 1)
    WHERE mailbox_id = $1 AND position > $2 AND origin_command_id IS NULL
      AND external_id IN (SELECT o.external_id FROM origins o WHERE o.mailbox_id = $1)";

/// So far back an entry is completed whose refresh was faster than the answer to the write.
const LOOK_BACK: i64 = 500;

impl Tx {
    /// Remembers that a command wrote this version of an item; with no version, that it made the item or made it go.
    pub async fn origin_add(
        &mut self,
        mailbox: MailboxId,
        command: CommandId,
        item: (ItemKind, &GraphId),
        change_key: Option<&str>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        query(
            "INSERT INTO origins (mailbox_id, kind, external_id, change_key, command_id, at)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (mailbox_id, kind, external_id, change_key)
             DO UPDATE SET command_id = excluded.command_id, at = excluded.at",
        )
        .bind(mailbox)
        .bind(item.0)
        .bind(item.1)
        .bind(change_key.unwrap_or_default())
        .bind(command)
        .bind(now)
        .execute(self)
        .await?;
        let row = query("SELECT feed_position FROM mailboxes WHERE id = $1")
            .bind(mailbox)
            .row(self)
            .await?;
        let position = row.map_or(Ok(0), |row| row.get::<i64>("feed_position"))?;
        self.origins_named(mailbox, position - LOOK_BACK).await
    }

    /// Names the origin of the entries after a position.
    pub(super) async fn origins_named(
        &mut self,
        mailbox: MailboxId,
        after: i64,
    ) -> Result<(), StoreError> {
        // Mailboxes that are only read pay one look into an empty index.
        let any = query("SELECT 1 AS found FROM origins WHERE mailbox_id = $1 LIMIT 1")
            .bind(mailbox)
            .row(self)
            .await?;
        if any.is_some() {
            query(NAME)
                .bind(mailbox)
                .bind(Value::from(after))
                .execute(self)
                .await?;
        }
        Ok(())
    }
}
