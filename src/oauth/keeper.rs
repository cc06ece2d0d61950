//! Keeps the tokens of one mailbox fresh.
//!
//! A refresh is one flight: callers wait for it and share what it brought. It runs in a task of its own, so that a caller who
//! goes away never leaves a rotated refresh token unsaved; it is saved before its access token is used (M6), over the
//! rotation it began with, so that of two processes the later one takes what the earlier one saved (R10).

use std::collections::HashMap;
use std::sync::{Arc, Mutex as StdMutex, PoisonError, Weak};
use std::time::Duration;

use futures_util::future::BoxFuture;
use secrecy::ExposeSecret;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tracing::{info, warn};

use super::error::OauthError;
use super::platform::{Platform, Tokens};
use super::refusal::Meaning;
use crate::graph::throttle::backoff;
use crate::graph::{AccessToken, TokenError, TokenSource};
use crate::model::ids::MailboxId;
use crate::model::mailbox::{MailboxState, StateReason};
use crate::model::time::{Timestamp, later, until};
use crate::secrets::{Label, Vault, VaultError};
use crate::store::{Grant, MailboxMark, NewGrant, Priority, Store, StoreError};
use crate::telemetry::metrics::table;

/// A token is replaced so long before its end (M10), or a quarter of its life when that is shorter.
const SKEW: Duration = Duration::from_mins(5);

/// How long another process is given to save what it got for the refresh token we were refused.
const GRACE: Duration = Duration::from_millis(500);

/// A token that ends within this is not worth sending, refreshed or not.
const LEAST: Duration = Duration::from_secs(10);

/// The keepers of all mailboxes of this process: one for each, however often it is asked for. Cheap to clone.
#[derive(Clone)]
pub struct Keepers(pub(super) Arc<Shared>);

pub(super) struct Shared {
    pub(super) platform: Platform,
    pub(super) store: Store,
    pub(super) vault: Vault,
    alive: StdMutex<HashMap<MailboxId, Weak<Keeper>>>,
}

impl Keepers {
    /// With everything a refresh needs.
    pub fn new(platform: Platform, store: Store, vault: Vault) -> Self {
        Self(Arc::new(Shared {
            platform,
            store,
            vault,
            alive: StdMutex::default(),
        }))
    }

    /// The keeper of a mailbox.
    pub fn keeper(&self, mailbox: MailboxId) -> Arc<Keeper> {
        let mut alive = self.0.alive.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(keeper) = alive.get(&mailbox).and_then(Weak::upgrade) {
            return keeper;
        }
        alive.retain(|_, keeper| keeper.strong_count() > 0);
        let keeper = Arc::new(Keeper {
            shared: Arc::clone(&self.0),
            mailbox,
            flight: Arc::default(),
        });
        alive.insert(mailbox, Arc::downgrade(&keeper));
        keeper
    }

    /// Opens every stored grant without using it, and names the mailboxes whose grant does not open: a lost key is found at the
    /// start, before anything is overwritten.
    pub async fn unreadable(&self) -> Result<Vec<(MailboxId, VaultError)>, StoreError> {
        let grants = self.0.store.grants_list().await?;
        Ok(grants
            .iter()
            .filter_map(|grant| {
                let sealed = grant.sealed_refresh_token.as_deref()?;
                let label = Label::RefreshToken(grant.mailbox);
                let error = self.0.vault.open(&label, sealed).err()?;
                Some((grant.mailbox, error))
            })
            .collect())
    }
}

/// The token source of one mailbox.
pub struct Keeper {
    shared: Arc<Shared>,
    mailbox: MailboxId,
    flight: Arc<Mutex<Flight>>,
}

/// What is known between two calls; whoever holds it is the one flight.
#[derive(Default)]
struct Flight {
    current: Option<Current>,
    /// What a refresh brought and the database would not take: saved first, used never before (M6).
    unsaved: Option<(i64, Tokens)>,
    /// The rotation whose refresh token was refused for good, and why: it is not tried again (M7).
    dead: Option<(i64, StateReason)>,
    failures: u32,
    /// No refresh before, after a passing failure, and which.
    not_before: Option<(Timestamp, Cause)>,
}

#[derive(Clone)]
struct Current {
    token: AccessToken,
    /// From then on it is to be replaced.
    refresh_at: Timestamp,
    expires_at: Timestamp,
}

impl Current {
    /// What is known of a stored token is its end only.
    fn stored(token: AccessToken, expires_at: Timestamp) -> Self {
        Self {
            token,
            refresh_at: earlier(expires_at, SKEW),
            expires_at,
        }
    }

    fn fresh(tokens: &Tokens) -> Self {
        let lifetime = until(tokens.asked_at, tokens.expires_at);
        Self {
            token: tokens.access.clone(),
            refresh_at: earlier(tokens.expires_at, SKEW.min(lifetime / 4)),
            expires_at: tokens.expires_at,
        }
    }
}

fn earlier(at: Timestamp, by: Duration) -> Timestamp {
    chrono::TimeDelta::from_std(by)
        .ok()
        .and_then(|by| at.checked_sub_signed(by))
        .unwrap_or(at)
}

impl TokenSource for Keeper {
    fn token(&self) -> BoxFuture<'_, Result<AccessToken, TokenError>> {
        Box::pin(self.fly(None))
    }

    fn refresh_after_401<'a>(
        &'a self,
        refused: &'a AccessToken,
    ) -> BoxFuture<'a, Result<AccessToken, TokenError>> {
        Box::pin(self.fly(Some(refused.clone())))
    }
}

impl Keeper {
    /// The mailbox it keeps.
    pub fn mailbox(&self) -> MailboxId {
        self.mailbox
    }

    /// A token other than `refused`.
    async fn fly(&self, refused: Option<AccessToken>) -> Result<AccessToken, TokenError> {
        let flight = Arc::clone(&self.flight).lock_owned().await;
        let now = self.shared.platform.clock().now();
        let is_good = |current: &Current| {
            now < current.refresh_at
                && refused
                    .as_ref()
                    .is_none_or(|refused| *refused != current.token)
        };
        if let Some(current) = flight.current.as_ref().filter(|current| is_good(current)) {
            return Ok(current.token.clone());
        }
        let errand = Errand {
            shared: Arc::clone(&self.shared),
            mailbox: self.mailbox,
            flight,
            refused,
        };
        tokio::spawn(errand.run()).await.unwrap_or_else(|error| {
            Err(TokenError::Transient {
                after: None,
                source: Arc::new(error),
            })
        })
    }
}

type Cause = Arc<dyn std::error::Error + Send + Sync>;

/// Two processes at work on one mailbox.
#[derive(Debug, thiserror::Error)]
#[error("the stored tokens keep changing")]
struct KeepsChanging;

/// One look for a token, with the flight in hand.
struct Errand {
    shared: Arc<Shared>,
    mailbox: MailboxId,
    flight: OwnedMutexGuard<Flight>,
    refused: Option<AccessToken>,
}

/// How a refresh ended.
enum Outcome {
    Refreshed(AccessToken),
    /// Somebody saved newer tokens meanwhile: look again.
    Overtaken,
}

impl Errand {
    async fn run(mut self) -> Result<AccessToken, TokenError> {
        // Overtaken once is a race; overtaken again and again would be two processes at work on one mailbox.
        for _ in 0..3 {
            if let Some((rotation, tokens)) = self.flight.unsaved.take() {
                self.save(rotation, tokens).await?;
            }
            let grant = self.grant().await?;
            if let Some(token) = self.stored(&grant) {
                return Ok(token);
            }
            match self.refresh(&grant).await? {
                Outcome::Refreshed(token) => return Ok(token),
                Outcome::Overtaken => {}
            }
        }
        Err(TokenError::Transient {
            after: Some(backoff(1)),
            source: Arc::new(KeepsChanging),
        })
    }

    async fn grant(&self) -> Result<Grant, TokenError> {
        self.shared
            .store
            .grant_get(self.mailbox)
            .await
            .map_err(away)?
            .ok_or(TokenError::NoGrant)
    }

    /// The stored access token, if it is good: another process may have refreshed it, and after a start it is all there is.
    fn stored(&mut self, grant: &Grant) -> Option<AccessToken> {
        let sealed = grant.sealed_access_token.as_deref()?;
        let expires_at = grant.access_expires_at?;
        let label = Label::AccessToken(self.mailbox);
        // One that does not open is replaced by a refresh, if the refresh token opens.
        let secret = self.shared.vault.open(&label, sealed).ok()?;
        let token = AccessToken::new(secret.expose_secret());
        if self.refused.as_ref() == Some(&token) {
            return None;
        }
        // The refresh instant of a token that this process fetched is better known here than in the database.
        let known = self
            .flight
            .current
            .take()
            .filter(|current| current.token == token);
        let current = known.unwrap_or_else(|| Current::stored(token, expires_at));
        let is_good = self.shared.platform.clock().now() < current.refresh_at;
        let token = current.token.clone();
        self.flight.current = Some(current);
        is_good.then_some(token)
    }

    async fn refresh(&mut self, grant: &Grant) -> Result<Outcome, TokenError> {
        if let Some((_, reason)) = self.flight.dead.filter(|(dead, _)| *dead == grant.rotation) {
            return Err(TokenError::NeedsReauth { reason });
        }
        let now = self.shared.platform.clock().now();
        if let Some((not_before, cause)) = self.flight.not_before.clone()
            && now < not_before
        {
            return self.make_do(now, Some(until(now, not_before)), cause);
        }
        let Some(sealed) = grant.sealed_refresh_token.as_deref() else {
            return Err(self.needs_reauth(grant, StateReason::GrantExpired).await);
        };
        let label = Label::RefreshToken(self.mailbox);
        let refresh_token = self
            .shared
            .vault
            .open(&label, sealed)
            .map_err(|error| TokenError::Unreadable(Arc::new(error)))?;
        match self.shared.platform.refresh(&refresh_token).await {
            Ok(tokens) => {
                self.flight.failures = 0;
                self.flight.not_before = None;
                self.save(grant.rotation, tokens).await
            }
            Err(error) => self.failed(grant, error).await,
        }
    }

    /// Saves, then lets use. What the database does not take now is kept and saved first next time.
    async fn save(&mut self, rotation: i64, tokens: Tokens) -> Result<Outcome, TokenError> {
        let new = seal(&self.shared.vault, self.mailbox, &tokens);
        let now = self.shared.platform.clock().now();
        let saved = self
            .shared
            .store
            .grant_rotate(self.mailbox, rotation, &new, now)
            .await;
        match saved {
            Ok(true) => {
                table::TOKEN_REFRESHES.count(&["refreshed"]);
                info!(mailbox.id = %self.mailbox, "refreshed the tokens of mailbox {}", self.mailbox);
                // What was just refreshed is not dead, whatever another process made of the token before it.
                heal(&self.shared, self.mailbox).await.map_err(away)?;
                self.flight.current = Some(Current::fresh(&tokens));
                Ok(Outcome::Refreshed(tokens.access))
            }
            Ok(false) => {
                table::TOKEN_REFRESHES.count(&["overtaken"]);
                self.flight.current = None;
                Ok(Outcome::Overtaken)
            }
            Err(error) => {
                self.flight.unsaved = Some((rotation, tokens));
                Err(away(error))
            }
        }
    }

    async fn failed(&mut self, grant: &Grant, error: OauthError) -> Result<Outcome, TokenError> {
        match self.shared.platform.meaning(&error) {
            Some(Meaning::Account(reason)) => {
                // Where a refresh token is good for one use, it may have been used up by another process, which is about
                // to save what it got.
                for wait in [Duration::ZERO, GRACE] {
                    tokio::time::sleep(wait).await;
                    if self.grant().await?.rotation != grant.rotation {
                        table::TOKEN_REFRESHES.count(&["overtaken"]);
                        return Ok(Outcome::Overtaken);
                    }
                }
                Err(self.needs_reauth(grant, reason).await)
            }
            Some(Meaning::Transient { after }) => {
                table::TOKEN_REFRESHES.count(&["failed"]);
                self.flight.failures = self.flight.failures.saturating_add(1);
                let wait = after.unwrap_or_else(|| backoff(self.flight.failures));
                let now = self.shared.platform.clock().now();
                let cause: Cause = Arc::new(error);
                self.flight.not_before = Some((later(now, wait), Arc::clone(&cause)));
                self.make_do(now, Some(wait), cause)
            }
            _ => {
                table::TOKEN_REFRESHES.count(&["app_refused"]);
                Err(TokenError::Operator {
                    code: match &error {
                        OauthError::Refused { refusal, .. } => refusal.to_string(),
                        other => other.to_string(),
                    },
                })
            }
        }
    }

    /// A refresh that failed in passing does no harm while the token in hand is good.
    fn make_do(
        &self,
        now: Timestamp,
        after: Option<Duration>,
        source: Cause,
    ) -> Result<Outcome, TokenError> {
        self.flight
            .current
            .as_ref()
            .filter(|current| now < earlier(current.expires_at, LEAST))
            .filter(|current| self.refused.as_ref() != Some(&current.token))
            .map(|current| Outcome::Refreshed(current.token.clone()))
            .ok_or(TokenError::Transient { after, source })
    }

    /// Puts the mailbox into its named state; its data and its cursors stay (M7).
    async fn needs_reauth(&mut self, grant: &Grant, reason: StateReason) -> TokenError {
        let mailbox = self.mailbox;
        self.flight.dead = Some((grant.rotation, reason));
        table::TOKEN_REFRESHES.count(&["needs_sign_in"]);
        match mark(&self.shared, grant, reason).await {
            Ok(true) => warn!(
                mailbox.id = %mailbox, reason = ?reason,
                "mailbox {mailbox} must be connected again: {reason:?}"
            ),
            Ok(false) => {}
            Err(error) => return away(error),
        }
        TokenError::NeedsReauth { reason }
    }
}

async fn heal(shared: &Shared, mailbox: MailboxId) -> Result<(), StoreError> {
    let row = shared.store.mailbox_get(mailbox).await?;
    if row.is_none_or(|row| row.state != MailboxState::NeedsReauth) {
        return Ok(());
    }
    let now = shared.platform.clock().now();
    let mut tx = shared.store.write(Priority::Live).await?;
    tx.mailbox_state_set(mailbox, MailboxState::Connected, None, now)
        .await?;
    tx.mailbox_mark(mailbox, &[MailboxMark::WorkAt(now)], now)
        .await?;
    tx.commit().await
}

async fn mark(shared: &Shared, grant: &Grant, reason: StateReason) -> Result<bool, StoreError> {
    let now = shared.platform.clock().now();
    let mut tx = shared.store.write(Priority::Live).await?;
    let changed = tx
        .mailbox_state_set(grant.mailbox, MailboxState::NeedsReauth, Some(reason), now)
        .await?;
    tx.commit().await?;
    Ok(changed)
}

/// Tokens as they are stored.
pub fn seal(vault: &Vault, mailbox: MailboxId, tokens: &Tokens) -> NewGrant {
    NewGrant {
        sealed_access_token: Some(vault.seal(&Label::AccessToken(mailbox), tokens.access.expose())),
        sealed_refresh_token: tokens
            .refresh
            .as_ref()
            .map(|token| vault.seal(&Label::RefreshToken(mailbox), token.expose_secret())),
        access_expires_at: Some(tokens.expires_at),
        scopes: tokens.scopes.clone(),
    }
}

fn away(error: StoreError) -> TokenError {
    TokenError::Transient {
        after: error.retry_after(),
        source: Arc::new(error),
    }
}
