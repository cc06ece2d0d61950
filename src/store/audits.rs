//! Audits: comparisons of mirror and mailbox.

use super::codec::{Row, Value};
use super::commands::{from_json, json};
use super::dispatch::query;
use super::error::StoreError;
use super::pool::Store;
use super::tx::Tx;
use crate::model::feed::Audit;
use crate::model::ids::MailboxId;

impl Store {
    /// The last comparison of a mailbox.
    pub async fn audit_last(&self, mailbox: MailboxId) -> Result<Option<Audit>, StoreError> {
        query("SELECT * FROM audits WHERE mailbox_id = $1 ORDER BY as_of DESC LIMIT 1")
            .bind(mailbox)
            .read_one(self)
            .await?
            .as_ref()
            .map(read)
            .transpose()
    }
}

impl Tx {
    /// Records a comparison; one for the same instant is replaced.
    pub async fn audit_add(&mut self, audit: &Audit) -> Result<(), StoreError> {
        query(
            "INSERT INTO audits (mailbox_id, as_of, equal, difference_count, differences, messages, events)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (mailbox_id, as_of) DO UPDATE SET equal = excluded.equal,
                difference_count = excluded.difference_count, differences = excluded.differences,
                messages = excluded.messages, events = excluded.events",
        )
        .bind(audit.mailbox)
        .bind(audit.as_of)
        .bind(audit.equal)
        .bind(audit.difference_count)
        .bind(Value::json(json(&audit.differences)?))
        .bind(audit.messages)
        .bind(audit.events)
        .execute(self)
        .await?;
        Ok(())
    }
}

fn read(row: &Row) -> Result<Audit, StoreError> {
    Ok(Audit {
        mailbox: row.get("mailbox_id")?,
        as_of: row.get("as_of")?,
        equal: row.get("equal")?,
        difference_count: row.get("difference_count")?,
        differences: from_json(row, "differences")?,
        messages: row.get("messages")?,
        events: row.get("events")?,
    })
}
