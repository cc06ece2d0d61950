//! What applications sent us to attach to something.

use super::blobs::size;
use super::codec::Row;
use super::dispatch::query;
use super::error::StoreError;
use super::gate::Priority;
use super::pool::Store;
use super::tx::Tx;
use crate::model::blob::{Stored, Upload};
use crate::model::ids::{MailboxId, UploadId};
use crate::model::time::Timestamp;

impl Store {
    /// Keeps an upload whose bytes have been laid down. False when the bytes are gone again: they must be sent once more.
    pub async fn upload_add(&self, upload: &Upload) -> Result<bool, StoreError> {
        let mut tx = self.write(Priority::Live).await?;
        if !tx.blob_refer(upload.stored.digest).await? {
            return Ok(false);
        }
        query(
            "INSERT INTO uploads (mailbox_id, id, digest, name, content_type, size, created_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(upload.mailbox)
        .bind(upload.id)
        .bind(upload.stored.digest)
        .bind(&upload.name)
        .bind(&upload.content_type)
        .bind(size(upload.stored.size))
        .bind(upload.created_at)
        .bind(upload.expires_at)
        .execute(&mut tx)
        .await?;
        tx.commit().await?;
        Ok(true)
    }

    /// One upload.
    pub async fn upload_get(
        &self,
        mailbox: MailboxId,
        id: UploadId,
    ) -> Result<Option<Upload>, StoreError> {
        query("SELECT * FROM uploads WHERE mailbox_id = $1 AND id = $2")
            .bind(mailbox)
            .bind(id)
            .read_one(self)
            .await?
            .as_ref()
            .map(read)
            .transpose()
    }

    /// Forgets the uploads whose time is over; their bytes go with the next sweep but one, a day later.
    pub async fn uploads_prune(&self, now: Timestamp) -> Result<u64, StoreError> {
        let mut tx = self.write(Priority::Bulk).await?;
        let deleted = query("DELETE FROM uploads WHERE expires_at < $1")
            .bind(now)
            .execute(&mut tx)
            .await?;
        tx.commit().await?;
        Ok(deleted)
    }
}

impl Tx {
    /// Keeps an upload until then at least, because something still needs it. False when there is none.
    pub async fn upload_hold(
        &mut self,
        mailbox: MailboxId,
        id: UploadId,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        let held = query(
            "UPDATE uploads SET expires_at = CASE WHEN expires_at < $3 THEN $3 ELSE expires_at END
             WHERE mailbox_id = $1 AND id = $2",
        )
        .bind(mailbox)
        .bind(id)
        .bind(until)
        .execute(self)
        .await?;
        Ok(held > 0)
    }
}

fn read(row: &Row) -> Result<Upload, StoreError> {
    Ok(Upload {
        mailbox: row.get("mailbox_id")?,
        id: row.get("id")?,
        stored: Stored {
            digest: row.get("digest")?,
            size: u64::try_from(row.get::<i64>("size")?).unwrap_or(0),
        },
        name: row.get("name")?,
        content_type: row.get("content_type")?,
        created_at: row.get("created_at")?,
        expires_at: row.get("expires_at")?,
    })
}
