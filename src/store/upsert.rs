//! Writing mirrored rows under guard: the shared half of messages, folders, calendars and events.
//!
//! Per call one look at what is stored decides for every row whether it is older than the stored fetch or
//! tombstone (nothing happens), equal by its digest (at most stamped), or to be written; then each of these is written
//! in few statements. The look stays true until the end, because one home writes a mailbox at a time (`Tx::fence`).

use std::collections::{BTreeMap, HashMap};

use aws_lc_rs::digest::{Context, SHA256};

use super::bulk;
use super::codec::Value;
use super::dispatch::query;
use super::error::StoreError;
use super::pool::Backend;
use super::tx::Tx;
use crate::model::feed::ItemKind;
use crate::model::ids::{GraphId, MailboxId};
use crate::model::time::Timestamp;
use crate::model::work::Effect;

/// A table of mirrored rows. All have `mailbox_id, external_id, fetched_at, round, content_digest, created_at,
/// updated_at` and `raw` besides their content.
pub(super) struct Table {
    pub(super) name: &'static str,
    /// What its tombstones are called.
    pub(super) kind: ItemKind,
    /// What is mirrored; the digest covers it. `raw` stands apart: it differs with the way an item was asked for.
    pub(super) content: &'static [&'static str],
}

/// A row to be written.
pub(super) struct Incoming<'q> {
    pub(super) external_id: &'q GraphId,
    pub(super) fetched_at: Timestamp,
    pub(super) round: Option<i64>,
    /// In the order of [`Table::content`].
    pub(super) content: Vec<Value<'q>>,
    pub(super) raw: &'q str,
}

/// A row with its digest: all that can be computed without the database.
pub(super) struct Ready<'q> {
    row: Incoming<'q>,
    digest: Vec<u8>,
}

impl<'q> From<Incoming<'q>> for Ready<'q> {
    fn from(row: Incoming<'q>) -> Self {
        let digest = digest(&row.content);
        Self { row, digest }
    }
}

/// What is stored of an item.
struct Stored {
    fetched_at: Timestamp,
    /// None for a tombstone.
    digest: Option<Vec<u8>>,
}

impl Table {
    /// Writes rows; one id once per call. Effects come in the order given.
    pub(super) async fn upsert(
        &self,
        tx: &mut Tx,
        mailbox: MailboxId,
        rows: Vec<Ready<'_>>,
        now: Timestamp,
    ) -> Result<Vec<(GraphId, Effect)>, StoreError> {
        let ids = rows
            .iter()
            .map(|ready| ready.row.external_id)
            .collect::<Vec<_>>();
        let stored = self.look(tx, mailbox, &ids).await?;
        let mut effects = Vec::with_capacity(rows.len());
        let mut written = Vec::with_capacity(rows.len());
        let mut stamped: BTreeMap<(Timestamp, i64), Vec<&GraphId>> = BTreeMap::new();
        let mut risen = Vec::new();
        for ready in rows {
            let Ready { row, digest } = &ready;
            let effect = match stored.get(row.external_id) {
                Some(stored) if stored.fetched_at > row.fetched_at => Effect::Stale,
                Some(stored) => match &stored.digest {
                    Some(before) if before == digest => Effect::Unchanged,
                    Some(_) => Effect::Updated,
                    None => {
                        risen.push(row.external_id);
                        Effect::Created
                    }
                },
                None => Effect::Created,
            };
            effects.push((row.external_id.clone(), effect));
            match (effect, row.round) {
                (Effect::Created | Effect::Updated, _) => written.push(ready),
                (Effect::Unchanged, Some(round)) => stamped
                    .entry((row.fetched_at, round))
                    .or_default()
                    .push(row.external_id),
                _ => {}
            }
        }
        self.forget_tombstones(tx, mailbox, &risen).await?;
        self.insert(tx, mailbox, written, now).await?;
        for ((fetched_at, round), ids) in stamped {
            self.stamp(tx, mailbox, &ids, fetched_at, round).await?;
        }
        Ok(effects)
    }

    /// Deletes the rows of items that Graph did not know when a request was sent at `fetched_at`, and keeps
    /// tombstones. What a later request has written stays. Returns those that had a row.
    pub(super) async fn bury(
        &self,
        tx: &mut Tx,
        mailbox: MailboxId,
        ids: &[GraphId],
        fetched_at: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<GraphId>, StoreError> {
        let ids = ids.iter().collect::<Vec<_>>();
        let stored = self.look(tx, mailbox, &ids).await?;
        let gone = ids
            .into_iter()
            .filter(|id| {
                stored
                    .get(id)
                    .is_none_or(|stored| stored.fetched_at <= fetched_at)
            })
            .collect::<Vec<_>>();
        for range in bulk::chunks(gone.len(), bulk::NARROW) {
            let chunk = &gone[range];
            let values = chunk.iter().flat_map(|id| {
                [
                    Value::from(mailbox),
                    self.kind.into(),
                    (*id).into(),
                    fetched_at.into(),
                    now.into(),
                ]
            });
            query(format!(
                "INSERT INTO tombstones (mailbox_id, kind, external_id, fetched_at, deleted_at) VALUES {}
                 ON CONFLICT (mailbox_id, kind, external_id) DO UPDATE SET fetched_at = excluded.fetched_at,
                    deleted_at = excluded.deleted_at",
                bulk::rows(tx.backend(), chunk.len(), 5)
            ))
            .bind_all(values)
            .execute(tx)
            .await?;
        }
        self.remove(tx, mailbox, &gone).await?;
        Ok(gone
            .into_iter()
            .filter(|id| stored.get(id).is_some_and(|stored| stored.digest.is_some()))
            .cloned()
            .collect())
    }

    /// Deletes rows, without tombstones.
    pub(super) async fn remove(
        &self,
        tx: &mut Tx,
        mailbox: MailboxId,
        ids: &[&GraphId],
    ) -> Result<(), StoreError> {
        for ids in ids.chunks(bulk::LIST_AT_MOST) {
            let (list, values) = bulk::list(tx.backend(), ids.iter().copied(), 2);
            query(format!(
                "DELETE FROM {} WHERE mailbox_id = $1 AND external_id IN {list}",
                self.name
            ))
            .bind(mailbox)
            .bind_all(values)
            .execute(tx)
            .await?;
        }
        Ok(())
    }

    async fn look(
        &self,
        tx: &mut Tx,
        mailbox: MailboxId,
        ids: &[&GraphId],
    ) -> Result<HashMap<GraphId, Stored>, StoreError> {
        let mut stored = HashMap::with_capacity(ids.len());
        for ids in ids.chunks(bulk::LIST_AT_MOST) {
            let (list, values) = bulk::list(tx.backend(), ids.iter().copied(), 3);
            let rows = query(format!(
                "SELECT external_id, fetched_at, content_digest FROM {}
                 WHERE mailbox_id = $1 AND external_id IN {list}
                 UNION ALL
                 SELECT external_id, fetched_at, NULL FROM tombstones
                 WHERE mailbox_id = $1 AND kind = $2 AND external_id IN {list}",
                self.name
            ))
            .bind(mailbox)
            .bind(self.kind)
            .bind_all(values)
            .rows(tx)
            .await?;
            for row in &rows {
                stored.insert(
                    row.get("external_id")?,
                    Stored {
                        fetched_at: row.get("fetched_at")?,
                        digest: row.find("content_digest")?,
                    },
                );
            }
        }
        Ok(stored)
    }

    async fn insert(
        &self,
        tx: &mut Tx,
        mailbox: MailboxId,
        rows: Vec<Ready<'_>>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let columns = self.content.len() + 8;
        let ranges = bulk::chunks(rows.len(), bulk::WIDE);
        let mut rows = rows.into_iter();
        for range in ranges {
            let mut values = Vec::with_capacity(range.len() * columns);
            for Ready { row, digest } in rows.by_ref().take(range.len()) {
                debug_assert_eq!(row.content.len(), self.content.len(), "{}", self.name);
                values.extend([
                    Value::from(mailbox),
                    row.external_id.into(),
                    row.fetched_at.into(),
                    row.round.into(),
                    digest.into(),
                    now.into(),
                    now.into(),
                ]);
                values.extend(row.content);
                values.push(Value::json(row.raw));
            }
            query(self.statement(tx.backend(), range.len()))
                .bind_all(values)
                .execute(tx)
                .await?;
        }
        Ok(())
    }

    fn statement(&self, backend: Backend, rows: usize) -> String {
        let content = self.content.join(", ");
        let set = self
            .content
            .iter()
            .map(|column| format!("{column} = excluded.{column}"))
            .collect::<Vec<_>>()
            .join(", ");
        format!(
            "INSERT INTO {name} (mailbox_id, external_id, fetched_at, round, content_digest, created_at, updated_at,
                {content}, raw) VALUES {values}
             ON CONFLICT (mailbox_id, external_id) DO UPDATE SET fetched_at = excluded.fetched_at,
                round = COALESCE(excluded.round, {name}.round), content_digest = excluded.content_digest,
                updated_at = excluded.updated_at, {set}, raw = excluded.raw",
            name = self.name,
            values = bulk::rows(backend, rows, self.content.len() + 8),
        )
    }

    async fn stamp(
        &self,
        tx: &mut Tx,
        mailbox: MailboxId,
        ids: &[&GraphId],
        fetched_at: Timestamp,
        round: i64,
    ) -> Result<(), StoreError> {
        for ids in ids.chunks(bulk::LIST_AT_MOST) {
            let (list, values) = bulk::list(tx.backend(), ids.iter().copied(), 4);
            query(format!(
                "UPDATE {} SET fetched_at = $2, round = $3 WHERE mailbox_id = $1 AND external_id IN {list}",
                self.name
            ))
            .bind(mailbox)
            .bind(fetched_at)
            .bind(round)
            .bind_all(values)
            .execute(tx)
            .await?;
        }
        Ok(())
    }

    async fn forget_tombstones(
        &self,
        tx: &mut Tx,
        mailbox: MailboxId,
        ids: &[&GraphId],
    ) -> Result<(), StoreError> {
        for ids in ids.chunks(bulk::LIST_AT_MOST) {
            let (list, values) = bulk::list(tx.backend(), ids.iter().copied(), 3);
            query(format!(
                "DELETE FROM tombstones WHERE mailbox_id = $1 AND kind = $2 AND external_id IN {list}"
            ))
            .bind(mailbox)
            .bind(self.kind)
            .bind_all(values)
            .execute(tx)
            .await?;
        }
        Ok(())
    }
}

/// Half of a SHA-256 over values, each with its kind and length, so that no two lists of values look alike.
fn digest(values: &[Value<'_>]) -> Vec<u8> {
    let mut context = Context::new(&SHA256);
    let mut take = |kind: u8, bytes: Option<&[u8]>| {
        context.update(&[kind, u8::from(bytes.is_some())]);
        if let Some(bytes) = bytes {
            context.update(&(bytes.len() as u64).to_le_bytes());
            context.update(bytes);
        }
    };
    for value in values {
        match value {
            Value::Uuid(value) => take(1, value.as_ref().map(|id| id.as_bytes().as_slice())),
            Value::Text(value) => take(2, value.as_ref().map(|text| text.as_bytes())),
            Value::Json(value) => take(3, value.as_ref().map(|text| text.as_bytes())),
            Value::Int(value) => take(
                4,
                value
                    .map(i64::to_le_bytes)
                    .as_ref()
                    .map(<[u8; 8]>::as_slice),
            ),
            Value::Bool(value) => take(
                5,
                value
                    .map(|claim| [u8::from(claim)])
                    .as_ref()
                    .map(<[u8; 1]>::as_slice),
            ),
            Value::Time(value) => {
                let micros = value.map(|instant| instant.timestamp_micros().to_le_bytes());
                take(6, micros.as_ref().map(<[u8; 8]>::as_slice));
            }
            Value::Date(value) => {
                let text = value.map(|date| date.to_string());
                take(7, text.as_ref().map(String::as_bytes));
            }
            Value::Bytes(value) => take(8, value.as_deref()),
            // No column of a mirrored table is an array.
            Value::Uuids(_) | Value::Texts(_) | Value::Times(_) | Value::Ints(_) => take(9, None),
        }
    }
    context.finish().as_ref().iter().copied().take(16).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_and_an_empty_text_and_a_shifted_border_have_digests_of_their_own() {
        let texts = |texts: &[Option<&'static str>]| {
            digest(
                &texts
                    .iter()
                    .map(|text| Value::from(*text))
                    .collect::<Vec<_>>(),
            )
        };

        assert_ne!(texts(&[None]), texts(&[Some("")]));
        assert_ne!(
            texts(&[Some("ab"), Some("c")]),
            texts(&[Some("a"), Some("bc")])
        );
        assert_eq!(texts(&[Some("a"), None]), texts(&[Some("a"), None]));
    }
}
