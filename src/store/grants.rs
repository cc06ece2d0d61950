//! Grants: the sealed OAuth tokens of mailboxes, and the sign-ins that are under way.
//!
//! What is sealed stays sealed here. A refresh is saved only over the rotation it began with, so that of two
//! processes that refreshed at once the later does not overwrite a newer token with an older one (M6).

use super::codec::Row;
use super::dispatch::query;
use super::error::StoreError;
use super::gate::Priority;
use super::mailboxes::no_row;
use super::pool::Store;
use super::tx::Tx;
use crate::model::ids::{GraphId, MailboxId, Owner};
use crate::model::time::Timestamp;

/// The sealed tokens of a mailbox.
#[derive(Clone, PartialEq, Eq)]
pub struct Grant {
    /// The mailbox.
    pub mailbox: MailboxId,
    /// The access token, sealed.
    pub sealed_access_token: Option<String>,
    /// The refresh token, sealed.
    pub sealed_refresh_token: Option<String>,
    /// When the access token ends.
    pub access_expires_at: Option<Timestamp>,
    /// The granted scopes, separated by blanks.
    pub scopes: String,
    /// Grows with every save.
    pub rotation: i64,
}

impl std::fmt::Debug for Grant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Grant")
            .field("mailbox", &self.mailbox)
            .field("access_expires_at", &self.access_expires_at)
            .field("rotation", &self.rotation)
            .finish_non_exhaustive()
    }
}

/// Tokens to be saved, sealed.
#[derive(Clone, PartialEq, Eq)]
pub struct NewGrant {
    /// The access token, sealed.
    pub sealed_access_token: Option<String>,
    /// The refresh token, sealed; `None` keeps the one that is stored.
    pub sealed_refresh_token: Option<String>,
    /// When the access token ends.
    pub access_expires_at: Option<Timestamp>,
    /// The granted scopes, separated by blanks.
    pub scopes: String,
}

/// A sign-in under way.
#[derive(Clone, PartialEq, Eq)]
pub struct OauthState {
    /// Hash of the state that travels through the browser.
    pub state_hash: String,
    /// Who began it.
    pub owner: Owner,
    /// The PKCE verifier, sealed.
    pub sealed_verifier: String,
    /// The redirect address it was begun with.
    pub redirect_uri: String,
    /// The account it was begun for, when named.
    pub login_hint: Option<String>,
    /// When it was begun.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// What a state that came back turned out to be.
#[derive(Clone, PartialEq, Eq)]
pub enum StateTaken {
    /// Ours, in time, and now used up.
    Fresh(OauthState),
    /// It came back before.
    Used,
    /// It came back too late.
    Expired,
    /// Somebody else began it; it stays usable for them.
    Foreign,
    /// Nobody began it.
    Unknown,
}

impl Store {
    /// The tokens of a mailbox.
    pub async fn grant_get(&self, mailbox: MailboxId) -> Result<Option<Grant>, StoreError> {
        query("SELECT * FROM oauth_tokens WHERE mailbox_id = $1")
            .bind(mailbox)
            .read_one(self)
            .await?
            .as_ref()
            .map(read)
            .transpose()
    }

    /// All tokens, for checking and changing the keys that seal them.
    pub async fn grants_list(&self) -> Result<Vec<Grant>, StoreError> {
        query("SELECT * FROM oauth_tokens ORDER BY mailbox_id")
            .read(self)
            .await?
            .iter()
            .map(read)
            .collect()
    }

    /// Saves what a refresh brought, at once and by itself (M6). False when somebody saved since `seen_rotation`:
    /// then nothing is written, and the stored tokens are the newer ones.
    pub async fn grant_rotate(
        &self,
        mailbox: MailboxId,
        seen_rotation: i64,
        grant: &NewGrant,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write(Priority::Acknowledgement).await?;
        let saved = query(
            "UPDATE oauth_tokens SET sealed_access_token = $3,
                sealed_refresh_token = COALESCE($4, sealed_refresh_token), access_expires_at = $5, scopes = $6,
                rotation = rotation + 1, updated_at = $7
             WHERE mailbox_id = $1 AND rotation = $2",
        )
        .bind(mailbox)
        .bind(seen_rotation)
        .bind(&grant.sealed_access_token)
        .bind(&grant.sealed_refresh_token)
        .bind(grant.access_expires_at)
        .bind(&grant.scopes)
        .bind(now)
        .execute(&mut tx)
        .await?;
        tx.commit().await?;
        Ok(saved > 0)
    }

    /// Puts other seals on the tokens of a grant, if they are still exactly those of `seen`; a `None` leaves its token as it is.
    /// The tokens are the same, so the rotation stays: a refresh that is under way is saved all the same.
    pub async fn grant_reseal(
        &self,
        seen: &Grant,
        access: Option<&str>,
        refresh: Option<&str>,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write(Priority::Live).await?;
        let saved = query(
            "UPDATE oauth_tokens SET sealed_access_token = COALESCE($5, sealed_access_token),
                sealed_refresh_token = COALESCE($6, sealed_refresh_token)
             WHERE mailbox_id = $1 AND rotation = $2 AND COALESCE(sealed_access_token, '') = $3
                AND COALESCE(sealed_refresh_token, '') = $4",
        )
        .bind(seen.mailbox)
        .bind(seen.rotation)
        .bind(seen.sealed_access_token.as_deref().unwrap_or_default())
        .bind(seen.sealed_refresh_token.as_deref().unwrap_or_default())
        .bind(access)
        .bind(refresh)
        .execute(&mut tx)
        .await?;
        tx.commit().await?;
        Ok(saved > 0)
    }

    /// The sign-ins that may still come back.
    pub async fn oauth_states_open(&self, now: Timestamp) -> Result<Vec<OauthState>, StoreError> {
        query("SELECT * FROM oauth_states WHERE used_at IS NULL AND expires_at > $1 ORDER BY created_at")
            .bind(now)
            .read(self)
            .await?
            .iter()
            .map(read_state)
            .collect()
    }

    /// Puts another seal on the verifier of a sign-in, if it is still the one that was seen.
    pub async fn oauth_state_reseal(
        &self,
        state_hash: &str,
        seen: &str,
        sealed_verifier: &str,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write(Priority::Live).await?;
        let saved = query(
            "UPDATE oauth_states SET sealed_verifier = $3 WHERE state_hash = $1 AND sealed_verifier = $2",
        )
        .bind(state_hash)
        .bind(seen)
        .bind(sealed_verifier)
        .execute(&mut tx)
        .await?;
        tx.commit().await?;
        Ok(saved > 0)
    }

    /// Remembers a sign-in that begins.
    pub async fn oauth_state_add(&self, state: &OauthState) -> Result<(), StoreError> {
        let mut tx = self.write(Priority::Acknowledgement).await?;
        query(
            "INSERT INTO oauth_states (state_hash, owner, sealed_verifier, redirect_uri, login_hint, created_at,
                expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(&state.state_hash)
        .bind(&state.owner)
        .bind(&state.sealed_verifier)
        .bind(&state.redirect_uri)
        .bind(&state.login_hint)
        .bind(state.created_at)
        .bind(state.expires_at)
        .execute(&mut tx)
        .await?;
        tx.commit().await
    }

    /// Whether a sign-in has come back: its state was used, or it is not known any more.
    pub async fn oauth_state_is_used(&self, state_hash: &str) -> Result<bool, StoreError> {
        let found = query("SELECT used_at FROM oauth_states WHERE state_hash = $1")
            .bind(state_hash)
            .read_one(self)
            .await?;
        match found {
            Some(row) => Ok(row.find::<Timestamp>("used_at")?.is_some()),
            None => Ok(true),
        }
    }

    /// Uses up a state that came back. With an `owner`, only that owner's; without, anybody's: the browser that
    /// brings it carries no key.
    pub async fn oauth_state_take(
        &self,
        state_hash: &str,
        owner: Option<&Owner>,
        now: Timestamp,
    ) -> Result<StateTaken, StoreError> {
        let mut tx = self.write(Priority::Acknowledgement).await?;
        let taken = query(
            "UPDATE oauth_states SET used_at = $2
             WHERE state_hash = $1 AND used_at IS NULL AND expires_at > $2 AND ($3 IS NULL OR owner = $3)
             RETURNING *",
        )
        .bind(state_hash)
        .bind(now)
        .bind(owner.map(Owner::as_str))
        .row(&mut tx)
        .await?;
        if let Some(row) = taken {
            let state = read_state(&row)?;
            tx.commit().await?;
            return Ok(StateTaken::Fresh(state));
        }
        let found = query("SELECT * FROM oauth_states WHERE state_hash = $1")
            .bind(state_hash)
            .row(&mut tx)
            .await?;
        let Some(row) = found else {
            return Ok(StateTaken::Unknown);
        };
        if owner.is_some_and(|owner| row.get::<Owner>("owner").is_ok_and(|begun| begun != *owner)) {
            return Ok(StateTaken::Foreign);
        }
        if row.find::<Timestamp>("used_at")?.is_some() {
            return Ok(StateTaken::Used);
        }
        Ok(StateTaken::Expired)
    }
}

impl Tx {
    /// Saves the tokens of a sign-in over whatever was there. Returns the new rotation.
    pub async fn grant_save(
        &mut self,
        mailbox: MailboxId,
        user_id: &GraphId,
        grant: &NewGrant,
        now: Timestamp,
    ) -> Result<i64, StoreError> {
        let row = query(
            "INSERT INTO oauth_tokens (mailbox_id, external_id, sealed_access_token, sealed_refresh_token,
                access_expires_at, scopes, rotation, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, 1, $7, $7)
             ON CONFLICT (mailbox_id, provider) DO UPDATE SET external_id = excluded.external_id,
                sealed_access_token = excluded.sealed_access_token,
                sealed_refresh_token = COALESCE(excluded.sealed_refresh_token, oauth_tokens.sealed_refresh_token),
                access_expires_at = excluded.access_expires_at, scopes = excluded.scopes,
                rotation = oauth_tokens.rotation + 1, updated_at = excluded.updated_at
             RETURNING rotation",
        )
        .bind(mailbox)
        .bind(user_id)
        .bind(&grant.sealed_access_token)
        .bind(&grant.sealed_refresh_token)
        .bind(grant.access_expires_at)
        .bind(&grant.scopes)
        .bind(now)
        .row(self)
        .await?
        .ok_or_else(no_row)?;
        row.get("rotation")
    }

    /// Forgets the tokens of a mailbox; whether there were any.
    pub async fn grant_delete(&mut self, mailbox: MailboxId) -> Result<bool, StoreError> {
        let deleted = query("DELETE FROM oauth_tokens WHERE mailbox_id = $1")
            .bind(mailbox)
            .execute(self)
            .await?;
        Ok(deleted > 0)
    }
}

fn read(row: &Row) -> Result<Grant, StoreError> {
    Ok(Grant {
        mailbox: row.get("mailbox_id")?,
        sealed_access_token: row.find("sealed_access_token")?,
        sealed_refresh_token: row.find("sealed_refresh_token")?,
        access_expires_at: row.find("access_expires_at")?,
        scopes: row.get("scopes")?,
        rotation: row.get("rotation")?,
    })
}

fn read_state(row: &Row) -> Result<OauthState, StoreError> {
    Ok(OauthState {
        state_hash: row.get("state_hash")?,
        owner: row.get("owner")?,
        sealed_verifier: row.get("sealed_verifier")?,
        redirect_uri: row.get("redirect_uri")?,
        login_hint: row.find("login_hint")?,
        created_at: row.get("created_at")?,
        expires_at: row.get("expires_at")?,
    })
}
