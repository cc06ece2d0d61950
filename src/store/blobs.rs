//! Which bytes are kept beside the database, and whether anybody still points at them.
//!
//! Bytes are claimed here before they are laid down, and referred to afterwards, so that every object has a row and a crash
//! leaves at worst a claim that nobody took up. Nothing counts references: applications may delete mirrored rows as they like,
//! and what still points at a digest is asked of the rows themselves.

use super::bulk;
use super::dispatch::query;
use super::error::StoreError;
use super::gate::Priority;
use super::pool::Store;
use super::tx::Tx;
use crate::model::blob::{Digest, Stored};
use crate::model::time::Timestamp;

/// What points at the blob `b`.
const REFERENCED: &str = "EXISTS (SELECT 1 FROM email_attachments WHERE blob = b.digest)
    OR EXISTS (SELECT 1 FROM email_messages WHERE original = b.digest)
    OR EXISTS (SELECT 1 FROM uploads u WHERE u.digest = b.digest)";

impl Store {
    /// Claims bytes that are about to be laid down: they stay for a day from now on, whoever points at them or not.
    pub async fn blob_claim(&self, stored: Stored, now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.write(Priority::Live).await?;
        query(
            "INSERT INTO blobs (digest, size, created_at, unreferenced_at) VALUES ($1, $2, $3, $3)
             ON CONFLICT (digest) DO UPDATE
             SET unreferenced_at = CASE WHEN blobs.unreferenced_at IS NULL THEN NULL ELSE excluded.unreferenced_at END",
        )
        .bind(stored.digest)
        .bind(size(stored.size))
        .bind(now)
        .execute(&mut tx)
        .await?;
        tx.commit().await
    }

    /// Bytes that count as pointed at though no row does, at most so many.
    pub async fn blobs_unreferenced(&self, limit: i64) -> Result<Vec<Digest>, StoreError> {
        query(format!(
            "SELECT b.digest AS digest FROM blobs b WHERE b.unreferenced_at IS NULL AND NOT ({REFERENCED}) LIMIT $1"
        ))
        .bind(limit)
        .read(self)
        .await?
        .iter()
        .map(|row| row.get("digest"))
        .collect()
    }

    /// Notes that nobody points at these since now; those at which somebody does again are left alone.
    pub async fn blobs_mark(&self, digests: &[Digest], now: Timestamp) -> Result<u64, StoreError> {
        let mut tx = self.write(Priority::Bulk).await?;
        let mut marked = 0;
        for chunk in digests.chunks(bulk::LIST_AT_MOST) {
            let (list, values) = bulk::list(tx.backend(), chunk.iter().copied(), 2);
            marked += query(format!(
                "UPDATE blobs AS b SET unreferenced_at = $1
                 WHERE b.unreferenced_at IS NULL AND NOT ({REFERENCED}) AND b.digest IN {list}"
            ))
            .bind(now)
            .bind_all(values)
            .execute(&mut tx)
            .await?;
        }
        tx.commit().await?;
        Ok(marked)
    }

    /// Bytes at which nobody has pointed since before that instant, at most so many, the longest forgotten first.
    pub async fn blobs_forgotten(
        &self,
        before: Timestamp,
        limit: i64,
    ) -> Result<Vec<Digest>, StoreError> {
        query(
            "SELECT digest FROM blobs WHERE unreferenced_at < $1 ORDER BY unreferenced_at LIMIT $2",
        )
        .bind(before)
        .bind(limit)
        .read(self)
        .await?
        .iter()
        .map(|row| row.get("digest"))
        .collect()
    }

    /// How many blobs there are, and how many bytes.
    pub async fn blobs_sum(&self) -> Result<(i64, i64), StoreError> {
        let row = query(
            "SELECT count(*) AS blobs, CAST(COALESCE(sum(size), 0) AS bigint) AS bytes FROM blobs",
        )
        .read_one(self)
        .await?
        .ok_or_else(super::mailboxes::no_row)?;
        Ok((row.get("blobs")?, row.get("bytes")?))
    }
}

impl Tx {
    /// Notes that a row of this transaction points at the bytes. False when they were swept meanwhile: the row must not stand.
    pub async fn blob_refer(&mut self, digest: Digest) -> Result<bool, StoreError> {
        let found = query("UPDATE blobs SET unreferenced_at = NULL WHERE digest = $1")
            .bind(digest)
            .execute(self)
            .await?;
        Ok(found > 0)
    }

    /// Takes the row of forgotten bytes away, so that the bytes may go before this is committed: whoever claims them anew
    /// waits for that. False when somebody points at them or has claimed them since.
    pub async fn blob_take(
        &mut self,
        digest: Digest,
        before: Timestamp,
    ) -> Result<bool, StoreError> {
        let taken = query(format!(
            "DELETE FROM blobs AS b WHERE b.digest = $1 AND b.unreferenced_at < $2 AND NOT ({REFERENCED})"
        ))
        .bind(digest)
        .bind(before)
        .execute(self)
        .await?;
        if taken == 0 {
            query(format!(
                "UPDATE blobs AS b SET unreferenced_at = NULL WHERE b.digest = $1 AND ({REFERENCED})"
            ))
            .bind(digest)
            .execute(self)
            .await?;
        }
        Ok(taken > 0)
    }
}

/// A count of bytes as a column holds it.
pub(super) fn size(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
