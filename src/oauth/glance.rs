//! A token of a mailbox for whoever only looks.
//!
//! A keeper draws conclusions from a refusal and writes them on the mailbox; whoever looks for what is wrong must change nothing by
//! looking, least of all when it is the settings that are wrong. What a refresh brings is saved all the same: the token before it is
//! to be forgotten (F1.10).

use secrecy::ExposeSecret;

use super::error::OauthError;
use super::keeper::{Keepers, seal};
use crate::graph::AccessToken;
use crate::model::ids::MailboxId;
use crate::model::time::later;
use crate::secrets::Label;

/// A stored token that ends sooner is refreshed.
const LEAST: std::time::Duration = std::time::Duration::from_mins(1);

impl Keepers {
    /// A token of a mailbox other than `refused`; the stored one where it is still good. None where there is no grant.
    pub async fn glance(
        &self,
        mailbox: MailboxId,
        refused: Option<&AccessToken>,
    ) -> Result<Option<AccessToken>, OauthError> {
        let shared = &self.0;
        let Some(grant) = shared.store.grant_get(mailbox).await? else {
            return Ok(None);
        };
        let now = shared.platform.clock().now();
        let is_good = grant
            .access_expires_at
            .is_some_and(|end| end > later(now, LEAST));
        if let Some(sealed) = grant.sealed_access_token.as_deref().filter(|_| is_good) {
            let stored = shared.vault.open(&Label::AccessToken(mailbox), sealed)?;
            let stored = AccessToken::new(stored.expose_secret());
            if refused != Some(&stored) {
                return Ok(Some(stored));
            }
        }
        let Some(sealed) = grant.sealed_refresh_token.as_deref() else {
            return Err(OauthError::NoRefreshToken);
        };
        let refresh = shared.vault.open(&Label::RefreshToken(mailbox), sealed)?;
        let tokens = shared.platform.refresh(&refresh).await?;
        let new = seal(&shared.vault, mailbox, &tokens);
        // Where somebody else has saved meanwhile, theirs stays; ours is good for this look.
        shared
            .store
            .grant_rotate(mailbox, grant.rotation, &new, now)
            .await?;
        Ok(Some(tokens.access))
    }
}
