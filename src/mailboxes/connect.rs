//! From the return of a browser to a mailbox that is served.
//!
//! The mailbox's row, its grant and its work come in one transaction, in a task of its own: a browser that goes away in
//! between neither loses a grant nor leaves half a mailbox. Signing in again finds the row of (owner, account) and keeps
//! everything that hangs on it.

use std::sync::Arc;

use tracing::info;

use crate::model::ids::{MailboxId, Owner};
use crate::model::time::SharedClock;
use crate::oauth::keeper::seal;
use crate::oauth::{Begun, Callback, OauthError, SignIns, SignedIn};
use crate::secrets::Vault;
use crate::store::{NewMailbox, Priority, Store, StoreError};

/// Connects mailboxes. Cheap to clone.
#[derive(Clone)]
pub struct Connections {
    sign_ins: SignIns,
    store: Store,
    vault: Vault,
    clock: SharedClock,
}

/// A mailbox that was just connected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connected {
    /// The mailbox.
    pub mailbox: MailboxId,
    /// Its owner.
    pub owner: Owner,
    /// Its address.
    pub address: String,
    /// Whether it was never connected before.
    pub is_new: bool,
}

impl Connections {
    /// With everything a connection needs.
    pub fn new(sign_ins: SignIns, store: Store, vault: Vault, clock: SharedClock) -> Self {
        Self {
            sign_ins,
            store,
            vault,
            clock,
        }
    }

    /// Begins a sign-in.
    pub async fn begin(
        &self,
        owner: &Owner,
        login_hint: Option<&str>,
    ) -> Result<Begun, OauthError> {
        self.sign_ins.begin(owner, login_hint).await
    }

    /// Completes a sign-in and connects the mailbox. With an `owner`, only for a sign-in of theirs.
    pub async fn connect(
        &self,
        callback: &Callback,
        owner: Option<&Owner>,
    ) -> Result<Connected, OauthError> {
        let this = self.clone();
        let (callback, owner) = (callback.clone(), owner.cloned());
        // The code is good once: from here on the caller may go away.
        let connecting = tokio::spawn(async move {
            let signed_in = this.sign_ins.complete(&callback, owner.as_ref()).await?;
            Ok(this.save(signed_in).await?)
        });
        connecting
            .await
            .unwrap_or_else(|error| Err(OauthError::Unreachable(Arc::new(error))))
    }

    async fn save(&self, signed_in: SignedIn) -> Result<Connected, StoreError> {
        let SignedIn {
            owner,
            account,
            tokens,
        } = signed_in;
        let now = self.clock.now();
        let new = NewMailbox {
            owner: owner.clone(),
            user_id: account.user_id.clone(),
            tenant_id: account.tenant_id,
            address: account.address.clone(),
            display_name: account.display_name,
        };
        let mut tx = self.store.write(Priority::Live).await?;
        let (mailbox, is_new) = tx.mailbox_connect(&new, now).await?;
        let grant = seal(&self.vault, mailbox, &tokens);
        tx.grant_save(mailbox, &account.user_id, &grant, now)
            .await?;
        tx.commit().await?;
        info!(mailbox.id = %mailbox, is_new, "connected mailbox {mailbox}");
        Ok(Connected {
            mailbox,
            owner,
            address: account.address,
            is_new,
        })
    }
}
