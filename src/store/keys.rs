//! Bearer keys of the API, of which only hashes are kept.

use super::codec::Row;
use super::dispatch::query;
use super::error::StoreError;
use super::gate::Priority;
use super::pool::Store;
use crate::model::ids::{ApiKeyId, Owner};
use crate::model::time::Timestamp;

/// A key as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// Whose mailboxes it opens.
    pub owner: Owner,
    /// Hash of the key.
    pub key_hash: String,
    /// What it is for.
    pub label: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was withdrawn.
    pub revoked_at: Option<Timestamp>,
}

impl Store {
    /// Keeps a new key.
    pub async fn api_key_add(&self, key: &ApiKey) -> Result<(), StoreError> {
        let mut tx = self.write(Priority::Acknowledgement).await?;
        query(
            "INSERT INTO api_keys (id, owner, key_hash, label, created_at, revoked_at)
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(key.id)
        .bind(&key.owner)
        .bind(&key.key_hash)
        .bind(&key.label)
        .bind(key.created_at)
        .bind(key.revoked_at)
        .execute(&mut tx)
        .await?;
        tx.commit().await
    }

    /// The key with this hash, unless it was withdrawn.
    pub async fn api_key_find(&self, key_hash: &str) -> Result<Option<ApiKey>, StoreError> {
        query("SELECT * FROM api_keys WHERE key_hash = $1 AND revoked_at IS NULL")
            .bind(key_hash)
            .read_one(self)
            .await?
            .as_ref()
            .map(read)
            .transpose()
    }

    /// All keys, the withdrawn ones too, oldest first.
    pub async fn api_keys_list(&self) -> Result<Vec<ApiKey>, StoreError> {
        query("SELECT * FROM api_keys ORDER BY created_at, id")
            .read(self)
            .await?
            .iter()
            .map(read)
            .collect()
    }

    /// Withdraws a key; whether it was valid until now.
    pub async fn api_key_revoke(&self, id: ApiKeyId, now: Timestamp) -> Result<bool, StoreError> {
        let mut tx = self.write(Priority::Acknowledgement).await?;
        let revoked =
            query("UPDATE api_keys SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL")
                .bind(id)
                .bind(now)
                .execute(&mut tx)
                .await?;
        tx.commit().await?;
        Ok(revoked > 0)
    }
}

fn read(row: &Row) -> Result<ApiKey, StoreError> {
    Ok(ApiKey {
        id: row.get("id")?,
        owner: row.get("owner")?,
        key_hash: row.get("key_hash")?,
        label: row.find("label")?,
        created_at: row.get("created_at")?,
        revoked_at: row.find("revoked_at")?,
    })
}
