//! Takes away the bytes at which nobody points any more.
//!
//! Rows go for many reasons: a message is deleted at Microsoft, an upload was never used, an application deletes what was mirrored.
//! So nobody counts; the sweep asks which bytes no row points at, waits a day, and asks again before it deletes. A blob's row goes in
//! a transaction that is committed only when the bytes are gone: whoever wants to keep the same bytes anew waits for it.

use std::time::Duration;

use tracing::{info, warn};

use super::error::AppError;
use super::parts::Parts;
use crate::model::chain::chain;
use crate::model::time::Timestamp;
use crate::store::Priority;

/// Bytes at which nobody points are kept for so long: somebody may be about to.
pub const GRACE: Duration = Duration::from_hours(24);

/// Looked at in one go.
const GO: i64 = 256;

/// A bucket may take so long to delete something; a database with one writer waits for it.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a sweep did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Uploads whose time was over.
    pub uploads: u64,
    /// Blobs at which nobody points since now.
    pub marked: u64,
    /// Blobs deleted.
    pub deleted: u64,
}

/// One sweep.
pub async fn sweep(parts: &Parts) -> Result<Swept, AppError> {
    let (store, now) = (&parts.store, parts.clock.now());
    let mut swept = Swept {
        uploads: store.uploads_prune(now).await?,
        ..Swept::default()
    };
    loop {
        let lonely = store.blobs_unreferenced(GO).await?;
        let marked = store.blobs_mark(&lonely, now).await?;
        swept.marked += marked;
        if marked == 0 {
            break;
        }
    }
    let before = now - GRACE;
    loop {
        let forgotten = store.blobs_forgotten(before, GO).await?;
        if forgotten.is_empty() {
            break;
        }
        for digest in forgotten {
            match delete(parts, digest, before).await? {
                Some(is_deleted) => swept.deleted += u64::from(is_deleted),
                // The place is away; what is left is found again the next time.
                None => return Ok(swept),
            }
        }
    }
    if let Err(error) = parts.blobs.clear_half_written() {
        warn!(error = %chain(&error), "half-written contents could not be cleared: {}", chain(&error));
    }
    if swept != Swept::default() {
        info!(
            deleted = swept.deleted,
            expired = swept.uploads,
            "swept contents that nobody points at: {} blobs deleted, {} uploads expired",
            swept.deleted,
            swept.uploads
        );
    }
    Ok(swept)
}

/// Deletes one blob, unless somebody points at it again. None when the place for contents would not do it.
async fn delete(
    parts: &Parts,
    digest: crate::model::blob::Digest,
    before: Timestamp,
) -> Result<Option<bool>, AppError> {
    let mut tx = parts.store.write(Priority::Bulk).await?;
    let is_taken = tx.blob_take(digest, before).await?;
    if is_taken {
        let deleted = tokio::time::timeout(PATIENCE, parts.blobs.delete(digest)).await;
        let why = match deleted {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(chain(&error)),
            Err(_) => Some("it did not answer in time".to_owned()),
        };
        if let Some(why) = why {
            warn!("contents could not be deleted: {why}");
            tx.rollback().await?;
            return Ok(None);
        }
    }
    tx.commit().await?;
    Ok(Some(is_taken))
}
