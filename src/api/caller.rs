//! Opens a request: whose key it carries.
//!
//! A handler that takes a [`Caller`] cannot be reached without a valid key, and everything it asks the
//! store for goes through the caller's owner, so that no owner ever sees another's mailbox.

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use super::problem::{Code, Problem};
use super::state::Api;
use crate::model::ids::{MailboxId, Owner};
use crate::model::mailbox::{Mailbox, MailboxState};
use crate::secrets::hash;

/// Who asks.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The owner the key is bound to.
    pub owner: Owner,
}

impl FromRequestParts<Api> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Self::Rejection> {
        let refused = |detail: &str| Problem::new(Code::Unauthorized, detail);
        let header = parts
            .headers
            .get(AUTHORIZATION)
            .ok_or_else(|| refused("the request carries no Authorization header"))?;
        let key = header
            .to_str()
            .ok()
            .and_then(|text| text.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, key)| key.trim())
            .filter(|key| !key.is_empty())
            .ok_or_else(|| refused("the Authorization header is not `Bearer` and a key"))?;
        let found = api.store.api_key_find(&hash(key)).await?;
        let key = found.ok_or_else(|| refused("the key is not known or was withdrawn"))?;
        Ok(Self { owner: key.owner })
    }
}

impl Caller {
    /// The mailbox with that id, when it belongs to the caller's owner.
    pub async fn mailbox(&self, api: &Api, id: MailboxId) -> Result<Mailbox, Problem> {
        api.store
            .mailbox_get(id)
            .await?
            .filter(|mailbox| mailbox.owner == self.owner)
            .ok_or_else(|| {
                Problem::new(
                    Code::MailboxNotFound,
                    "the owner of this key has no mailbox with that id",
                )
                .about(id)
            })
    }

    /// The mailbox that is meant: the named one, or the only one that was not disconnected.
    pub async fn only_mailbox(
        &self,
        api: &Api,
        named: Option<MailboxId>,
    ) -> Result<Mailbox, Problem> {
        if let Some(id) = named {
            return self.mailbox(api, id).await;
        }
        let mut connected: Vec<Mailbox> = api
            .store
            .mailboxes_list(Some(&self.owner))
            .await?
            .into_iter()
            .filter(|mailbox| mailbox.state != MailboxState::Disconnected)
            .collect();
        match (connected.pop(), connected.len()) {
            (Some(mailbox), 0) => Ok(mailbox),
            (Some(_), others) => Err(Problem::new(
                Code::MailboxAmbiguous,
                format!("the owner of this key has {} mailboxes", others + 1),
            )),
            (None, _) => Err(Problem::new(
                Code::NotConnected,
                "the owner of this key has no connected mailbox",
            )),
        }
    }
}
