//! A sign-in: out to the identity platform, and back with a code.
//!
//! The state that travels through the browser is random, kept as its hash, bound to the owner that began it, good once and for
//! 10 minutes; the PKCE verifier stays here, sealed. Whatever comes back uses the state up, also a refusal.

use std::time::Duration;

use oauth2::{CsrfToken, PkceCodeChallenge, RedirectUrl, Scope};
use url::Url;

use super::error::OauthError;
use super::platform::{Platform, Tokens};
use super::refusal::TokenRefusal;
use super::settings::SCOPES;
use crate::graph::Graph;
use crate::model::ids::{GraphId, Owner};
use crate::model::time::later;
use crate::model::write::WriteScope;
use crate::secrets::{Label, Vault, hash};
use crate::store::{OauthState, StateTaken, Store};

/// How long a person has to sign in.
pub const LIFETIME: Duration = Duration::from_mins(10);

/// Begins and completes sign-ins. Cheap to clone.
#[derive(Clone)]
pub struct SignIns {
    platform: Platform,
    graph: Graph,
    store: Store,
    vault: Vault,
    /// Permissions to write that are asked for beside those to read.
    writing: Vec<WriteScope>,
}

/// A sign-in that was begun.
#[derive(Debug, Clone)]
pub struct Begun {
    /// Where the person's browser must go.
    pub auth_url: Url,
    /// The state that will come back with it.
    pub state: String,
}

/// What came back from the identity platform (F1.3).
#[derive(Clone, Default)]
pub struct Callback {
    /// The code, when the person agreed.
    pub code: Option<String>,
    /// The state.
    pub state: String,
    /// The error, when not.
    pub error: Option<String>,
    /// Its text.
    pub error_description: Option<String>,
}

/// The account that signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its object id.
    pub user_id: GraphId,
    /// Its tenant, when the answer told.
    pub tenant_id: Option<String>,
    /// Its address.
    pub address: String,
    /// The person's name.
    pub display_name: Option<String>,
}

/// A sign-in that succeeded.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// Who began it.
    pub owner: Owner,
    /// Who signed in.
    pub account: Account,
    /// Their tokens, not stored yet.
    pub tokens: Tokens,
}

impl SignIns {
    /// With everything a sign-in needs.
    pub fn new(platform: Platform, graph: Graph, store: Store, vault: Vault) -> Self {
        Self {
            platform,
            graph,
            store,
            vault,
            writing: Vec::new(),
        }
    }

    /// The same, asking for these permissions too.
    #[must_use]
    pub fn asking_to_write(mut self, scopes: &[WriteScope]) -> Self {
        self.writing = scopes.to_vec();
        self
    }

    /// Begins a sign-in for `owner`; `login_hint` names the account that is expected.
    pub async fn begin(
        &self,
        owner: &Owner,
        login_hint: Option<&str>,
    ) -> Result<Begun, OauthError> {
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let client = self.platform.client();
        let mut request = client
            .authorize_url(|| CsrfToken::new_random_len(32))
            .add_scopes(SCOPES.iter().map(|scope| Scope::new((*scope).to_owned())))
            .add_scopes(
                self.writing
                    .iter()
                    .map(|scope| Scope::new(scope.name().to_owned())),
            )
            .set_pkce_challenge(challenge)
            .add_extra_param("response_mode", "query");
        request = match login_hint {
            Some(hint) => request.add_extra_param("login_hint", hint.to_owned()),
            // A browser that is signed in already would silently take the wrong account.
            None => request.add_extra_param("prompt", "select_account"),
        };
        let (auth_url, state) = request.url();

        let now = self.platform.clock().now();
        let state_hash = hash(state.secret());
        let redirect_uri = client.redirect_uri().map(|uri| uri.as_str().to_owned());
        self.store
            .oauth_state_add(&OauthState {
                sealed_verifier: self
                    .vault
                    .seal(&Label::Verifier(state_hash.clone()), verifier.secret()),
                state_hash,
                owner: owner.clone(),
                redirect_uri: redirect_uri.unwrap_or_default(),
                login_hint: login_hint.map(str::to_owned),
                created_at: now,
                expires_at: later(now, LIFETIME),
            })
            .await?;
        Ok(Begun {
            auth_url,
            state: state.secret().clone(),
        })
    }

    /// Completes a sign-in with what came back. With an `owner`, only that owner's own; without, anybody's, because the
    /// browser that brings it carries no key.
    pub async fn complete(
        &self,
        callback: &Callback,
        owner: Option<&Owner>,
    ) -> Result<SignedIn, OauthError> {
        let now = self.platform.clock().now();
        let state_hash = hash(&callback.state);
        let begun = match self.store.oauth_state_take(&state_hash, owner, now).await? {
            StateTaken::Fresh(begun) => begun,
            StateTaken::Used => return Err(OauthError::StateUsed),
            StateTaken::Expired => return Err(OauthError::StateExpired),
            StateTaken::Foreign => return Err(OauthError::StateForeign),
            StateTaken::Unknown => return Err(OauthError::StateUnknown),
        };
        if let Some(error) = &callback.error {
            return Err(OauthError::Declined(Box::new(TokenRefusal {
                error: error.clone(),
                error_description: callback.error_description.clone(),
                ..TokenRefusal::default()
            })));
        }
        let code = callback
            .code
            .clone()
            .filter(|code| !code.is_empty())
            .ok_or(OauthError::NoCode)?;
        let verifier = self
            .vault
            .open(&Label::Verifier(state_hash), &begun.sealed_verifier)?;
        // The address must be the one of the authorize leg, also when the setting changed meanwhile (F1.4).
        let redirect_uri =
            RedirectUrl::new(begun.redirect_uri).map_err(|_| OauthError::StateUnknown)?;
        let tokens = self
            .platform
            .exchange(code, &verifier, &redirect_uri)
            .await?;
        if tokens.refresh.is_none() {
            return Err(OauthError::NoRefreshToken);
        }
        let account = self.account(&tokens).await?;
        Ok(SignedIn {
            owner: begun.owner,
            account,
            tokens,
        })
    }

    async fn account(&self, tokens: &Tokens) -> Result<Account, OauthError> {
        let me = self
            .graph
            .me(&tokens.access)
            .await
            .map_err(OauthError::Account)?;
        let address = me
            .mail
            .or(me.user_principal_name)
            .filter(|address| !address.is_empty())
            .ok_or(OauthError::NoAddress)?;
        if me.id.is_empty() {
            return Err(OauthError::NoAddress);
        }
        Ok(Account {
            user_id: GraphId::from(me.id),
            tenant_id: tokens.tenant_id.clone(),
            address,
            display_name: me.display_name,
        })
    }
}

impl std::fmt::Debug for Callback {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Callback")
            .field("has_code", &self.code.is_some())
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}
