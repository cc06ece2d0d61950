//! Mail folders.

use std::collections::HashMap;

use super::codec::{JsonText, Row, Value};
use super::dispatch::query;
use super::error::StoreError;
use super::pool::Store;
use super::tx::Tx;
use super::upsert::{Incoming, Table};
use crate::model::feed::ItemKind;
use crate::model::ids::{GraphId, MailboxId};
use crate::model::mail::Folder;
use crate::model::time::Timestamp;
use crate::model::work::Effect;

/// A folder to be written.
#[derive(Debug, Clone, Copy)]
pub struct FolderWrite<'a> {
    /// The folder.
    pub folder: &'a Folder,
    /// When the request that produced it was sent.
    pub fetched_at: Timestamp,
    /// The full round that saw it.
    pub round: Option<i64>,
}

/// A folder as it stands in the mirror.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFolder {
    /// The folder.
    pub folder: Folder,
    /// When the request that produced it was sent.
    pub fetched_at: Timestamp,
    /// The last full round that saw it.
    pub round: Option<i64>,
}

const FOLDERS: Table = Table {
    name: "mail_folders",
    kind: ItemKind::Folder,
    content: &[
        "parent_external_id",
        "display_name",
        "well_known_name",
        "is_hidden",
        "total_item_count",
        "unread_item_count",
    ],
};

impl Store {
    /// The folders of a mailbox, by id.
    pub async fn folders_list(&self, mailbox: MailboxId) -> Result<Vec<StoredFolder>, StoreError> {
        query("SELECT * FROM mail_folders WHERE mailbox_id = $1 ORDER BY external_id")
            .bind(mailbox)
            .read(self)
            .await?
            .iter()
            .map(read)
            .collect()
    }

    /// Folders that a full round begun at `began_at` has not seen and that nothing else has fetched since.
    pub async fn folders_unseen(
        &self,
        mailbox: MailboxId,
        round: i64,
        began_at: Timestamp,
    ) -> Result<Vec<GraphId>, StoreError> {
        query(
            "SELECT external_id FROM mail_folders WHERE mailbox_id = $1
               AND (fetched_at < $3 OR (fetched_at = $3 AND (round IS NULL OR round <> $2)))",
        )
        .bind(mailbox)
        .bind(round)
        .bind(began_at)
        .read(self)
        .await?
        .iter()
        .map(|row| row.get("external_id"))
        .collect()
    }
}

impl Tx {
    /// Writes folders. A change of nothing but the item counts is written, and counts as [`Effect::Unchanged`]: the
    /// feed would else hold two entries for every message.
    pub async fn folders_upsert(
        &mut self,
        mailbox: MailboxId,
        writes: &[FolderWrite<'_>],
        now: Timestamp,
    ) -> Result<Vec<(GraphId, Effect)>, StoreError> {
        let rows = query("SELECT * FROM mail_folders WHERE mailbox_id = $1")
            .bind(mailbox)
            .rows(self)
            .await?;
        let mut stored = HashMap::with_capacity(rows.len());
        for row in &rows {
            let found = read(row)?;
            stored.insert(found.folder.external_id.clone(), found.folder);
        }
        let incoming = writes.iter().map(|write| incoming(*write).into()).collect();
        let effects = FOLDERS.upsert(self, mailbox, incoming, now).await?;
        Ok(writes
            .iter()
            .zip(effects)
            .map(|(write, (id, effect))| match effect {
                Effect::Updated
                    if stored
                        .get(&id)
                        .is_some_and(|before| differ_by_counts(before, write.folder)) =>
                {
                    (id, Effect::Unchanged)
                }
                _ => (id, effect),
            })
            .collect())
    }

    /// Deletes folders that Graph no longer knows, and keeps tombstones. Returns those that had a row. Their messages
    /// stay: they go through the disappearance check (M46).
    pub async fn folders_delete(
        &mut self,
        mailbox: MailboxId,
        folders: &[GraphId],
        fetched_at: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<GraphId>, StoreError> {
        FOLDERS.bury(self, mailbox, folders, fetched_at, now).await
    }
}

fn incoming(write: FolderWrite<'_>) -> Incoming<'_> {
    let folder = write.folder;
    Incoming {
        external_id: &folder.external_id,
        fetched_at: write.fetched_at,
        round: write.round,
        content: vec![
            (&folder.parent_external_id).into(),
            (&folder.display_name).into(),
            (&folder.well_known_name).into(),
            folder.is_hidden.into(),
            Value::from(folder.total_item_count),
            Value::from(folder.unread_item_count),
        ],
        raw: &folder.raw,
    }
}

fn differ_by_counts(one: &Folder, other: &Folder) -> bool {
    one.parent_external_id == other.parent_external_id
        && one.display_name == other.display_name
        && one.well_known_name == other.well_known_name
        && one.is_hidden == other.is_hidden
}

fn read(row: &Row) -> Result<StoredFolder, StoreError> {
    Ok(StoredFolder {
        folder: Folder {
            external_id: row.get("external_id")?,
            parent_external_id: row.find("parent_external_id")?,
            display_name: row.get("display_name")?,
            well_known_name: row.find("well_known_name")?,
            is_hidden: row.get("is_hidden")?,
            total_item_count: row.get("total_item_count")?,
            unread_item_count: row.get("unread_item_count")?,
            raw: row.get::<JsonText<'static>>("raw")?.0.into_owned(),
        },
        fetched_at: row.get("fetched_at")?,
        round: row.find("round")?,
    })
}
