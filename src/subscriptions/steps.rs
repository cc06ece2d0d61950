//! The steps of a plan, one by one.
//!
//! What one subscription is refused waits in its own row and never stops the others; only what concerns the whole
//! account ends a run.

use std::time::Duration;

use chrono::TimeDelta;
use tracing::{info, warn};

use crate::graph::subscriptions::{SubscriptionRefusal, expiration};
use crate::graph::wire::subscription::SubscriptionRequest;
use crate::graph::{Advice, GraphError};
use crate::model::ids::SubscriptionKey;
use crate::model::time::{Timestamp, later};
use crate::model::work::{CursorScope, Subscription, SubscriptionScope, SubscriptionState};
use crate::store::{CursorFilter, Priority, Store, StoreError, Tx};

use super::address::{CHANGE_TYPE, lifecycle_url, notification_url, resource};
use super::error::SubscriptionsError;
use super::health::Trouble;
use super::lifetime::renew_at;
use super::listing::granted;
use super::plan::Action;
use super::reconcile::Run;

/// Refusals that only time or a person changes (M27).
const HOURS: TimeDelta = TimeDelta::hours(4);

impl Run<'_> {
    pub(super) async fn act(
        &mut self,
        action: Action,
        stored: &[Subscription],
    ) -> Result<(), SubscriptionsError> {
        let row = |key: SubscriptionKey| stored.iter().find(|row| row.key == key).cloned();
        match action {
            Action::List => Ok(()),
            Action::Create { scope, again } => {
                let row = if let Some(row) = again.and_then(row) {
                    row
                } else {
                    let of_scope = stored.iter().filter(|row| row.scope == scope);
                    let doubted_at = of_scope.filter_map(|row| row.doubted_at).max();
                    self.register(scope, doubted_at).await?
                };
                self.create(row).await
            }
            Action::Adopt {
                key,
                graph_id,
                expires_at,
            } => match row(key) {
                Some(row) => self.activate(row, graph_id, expires_at).await,
                None => Ok(()),
            },
            Action::Renew { key, graph_id } => match row(key) {
                Some(row) => self.renew(row, &graph_id).await,
                None => Ok(()),
            },
            Action::Delete { key, graph_id } => match row(key) {
                Some(row) => self.delete(row, &graph_id).await,
                None => Ok(()),
            },
            Action::Forget { key } => self.forget(key).await,
            Action::Remove { graph_id } => {
                let removed = self.graph.subscription_delete(&graph_id).await;
                removed.or_else(give_up_on)
            }
        }
    }

    /// Registers a row before Graph is asked, so that no notification is a stranger (R1). A doubt passes on to it (M33).
    async fn register(
        &self,
        scope: SubscriptionScope,
        doubted_at: Option<Timestamp>,
    ) -> Result<Subscription, SubscriptionsError> {
        let row = Subscription {
            key: SubscriptionKey::generate(),
            mailbox: self.mailbox.id,
            scope,
            state: SubscriptionState::Creating,
            graph_id: None,
            public_url: self.reached.present.clone().unwrap_or_default(),
            expires_at: None,
            renew_at: None,
            not_before: None,
            failures: 0,
            created_at: self.now(),
            touched_at: None,
            doubted_at,
            client_state_key: Some(self.reconciler.signer.fingerprint()),
        };
        self.save(&row).await?;
        Ok(row)
    }

    async fn create(&mut self, mut row: Subscription) -> Result<(), SubscriptionsError> {
        let key = Some(self.reconciler.signer.fingerprint());
        if row.client_state_key != key {
            // Before Graph is asked: also where the answer is lost it must be known which key its clientState needs.
            row.client_state_key = key;
            self.save(&row).await?;
        }
        loop {
            let request = SubscriptionRequest {
                change_type: CHANGE_TYPE.to_owned(),
                notification_url: notification_url(&row.public_url, row.key),
                lifecycle_notification_url: lifecycle_url(&row.public_url, row.key),
                resource: resource(&self.mailbox.user_id, &row.scope),
                expiration_date_time: expiration(
                    self.reconciler.lifetimes.ask(self.tenant(), self.now()),
                ),
                client_state: self.reconciler.signer.client_state(row.key),
                latest_supported_tls_version: "v1_2",
            };
            let error = match self.graph.subscription_create(&request).await {
                Ok(answer) => match granted(&answer.body) {
                    Ok((graph_id, expires_at)) => {
                        info!(mailbox.id = %self.mailbox.id, "subscribed to {} of mailbox {}", name(&row.scope), self.mailbox.id);
                        return self.activate(row, graph_id, expires_at).await;
                    }
                    Err(error) => error,
                },
                Err(error) => error,
            };
            let pause = match SubscriptionRefusal::of(&error) {
                SubscriptionRefusal::ExpiryTooLong => {
                    if self.reconciler.lifetimes.step_down(self.tenant()) {
                        continue;
                    }
                    self.note(Trouble::Refused, HOURS)
                }
                SubscriptionRefusal::Duplicate => {
                    if !self.conflicts.contains(&row.scope) {
                        // Who stands in the way is looked up before the next attempt (M26).
                        self.conflicts.push(row.scope.clone());
                        return Ok(());
                    }
                    self.note(Trouble::Conflict, HOURS)
                }
                SubscriptionRefusal::QuotaReached => self.note(Trouble::Quota, HOURS),
                SubscriptionRefusal::EndpointNotValidated => self.note(
                    Trouble::Unreachable,
                    backoff(row.failures, TimeDelta::hours(1)),
                ),
                SubscriptionRefusal::MailboxUnavailable => {
                    self.note(Trouble::Refused, TimeDelta::hours(1))
                }
                SubscriptionRefusal::Gone | SubscriptionRefusal::Other => {
                    self.pause_for(&row, &error)
                }
            };
            self.postpone(row, pause, &error).await?;
            return give_up_on(error);
        }
    }

    /// Graph has it: from now on it counts, and what changed before it is found by a round (M28).
    async fn activate(
        &self,
        row: Subscription,
        graph_id: String,
        expires_at: Timestamp,
    ) -> Result<(), SubscriptionsError> {
        let now = self.now();
        let row = Subscription {
            state: SubscriptionState::Active,
            graph_id: Some(graph_id),
            expires_at: Some(expires_at),
            renew_at: Some(renew_at(row.key, now, expires_at)),
            not_before: None,
            failures: 0,
            touched_at: Some(now),
            ..row
        };
        let cursors = self.store().cursors_list(self.mailbox.id).await?;
        let mut tx = self.begin().await?;
        tx.subscription_save(&row).await?;
        for cursor in cursors
            .iter()
            .filter(|cursor| covers(&row.scope, &cursor.scope))
        {
            let filter = CursorFilter::Scope(&cursor.scope);
            tx.cursors_mark_dirty(self.mailbox.id, filter, now).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// A PATCH alone also re-authorises (M29).
    async fn renew(&mut self, row: Subscription, graph_id: &str) -> Result<(), SubscriptionsError> {
        loop {
            let until = self.reconciler.lifetimes.ask(self.tenant(), self.now());
            let error = match self.graph.subscription_renew(graph_id, until).await {
                Ok(answer) => {
                    // Where the answer lacks the end, what was asked for is believed.
                    let expires_at = granted(&answer.body).map_or(until, |(_, at)| at);
                    return self.renewed(row, expires_at).await;
                }
                Err(error) => error,
            };
            let pause = match SubscriptionRefusal::of(&error) {
                SubscriptionRefusal::ExpiryTooLong
                    if self.reconciler.lifetimes.step_down(self.tenant()) =>
                {
                    continue;
                }
                SubscriptionRefusal::Gone => {
                    info!(mailbox.id = %self.mailbox.id, "a subscription of mailbox {} is gone and gets a successor", self.mailbox.id);
                    return self.retire(row).await;
                }
                _ => self.pause_for(&row, &error),
            };
            self.postpone(row, pause, &error).await?;
            return give_up_on(error);
        }
    }

    async fn renewed(
        &self,
        row: Subscription,
        expires_at: Timestamp,
    ) -> Result<(), SubscriptionsError> {
        let now = self.now();
        let row = Subscription {
            expires_at: Some(expires_at),
            renew_at: Some(renew_at(row.key, now, expires_at)),
            not_before: None,
            failures: 0,
            touched_at: Some(now),
            ..row
        };
        self.save_unless_retired(row).await
    }

    /// What was said to be gone keeps a row until its successor lives, and is deleted then.
    pub(super) async fn retire(&self, row: Subscription) -> Result<(), SubscriptionsError> {
        let row = Subscription {
            state: SubscriptionState::Retiring,
            renew_at: None,
            not_before: None,
            ..row
        };
        self.save(&row).await
    }

    async fn delete(
        &mut self,
        row: Subscription,
        graph_id: &str,
    ) -> Result<(), SubscriptionsError> {
        let Err(error) = self.graph.subscription_delete(graph_id).await else {
            return self.forget(row.key).await;
        };
        let pause = self.pause_for(&row, &error);
        let row = Subscription {
            state: SubscriptionState::Retiring,
            graph_id: Some(graph_id.to_owned()),
            renew_at: None,
            ..row
        };
        self.postpone(row, pause, &error).await?;
        give_up_on(error)
    }

    async fn forget(&self, key: SubscriptionKey) -> Result<(), SubscriptionsError> {
        let mut tx = self.begin().await?;
        tx.subscription_delete(self.mailbox.id, key).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Writes a failure into its row: no further attempt before a while.
    async fn postpone(
        &self,
        row: Subscription,
        pause: TimeDelta,
        error: &GraphError,
    ) -> Result<(), SubscriptionsError> {
        let now = self.now();
        warn!(
            mailbox.id = %self.mailbox.id, error = %error,
            "the subscription to {} of mailbox {} must wait {} seconds",
            name(&row.scope), self.mailbox.id, pause.num_seconds()
        );
        let row = Subscription {
            not_before: Some(now + pause),
            failures: row.failures + 1,
            touched_at: Some(now),
            ..row
        };
        if row.state == SubscriptionState::Active {
            self.save_unless_retired(row).await
        } else {
            self.save(&row).await
        }
    }

    /// Remembers what people should know, and how long to wait.
    fn note(&mut self, trouble: Trouble, pause: TimeDelta) -> TimeDelta {
        self.trouble = Some(trouble);
        pause
    }

    /// How long to wait after an error that says nothing about subscriptions in particular.
    fn pause_for(&mut self, row: &Subscription, error: &GraphError) -> TimeDelta {
        let growing = backoff(row.failures, TimeDelta::minutes(30));
        match error.advice() {
            Advice::Retry { after, .. } => {
                self.is_halted = true;
                let asked = after.map_or(TimeDelta::zero(), to_delta);
                growing.max(asked)
            }
            Advice::Forbidden => self.note(Trouble::Refused, HOURS),
            _ => growing,
        }
    }

    fn store(&self) -> &Store {
        &self.reconciler.store
    }

    async fn save(&self, row: &Subscription) -> Result<(), SubscriptionsError> {
        let mut tx = self.begin().await?;
        tx.subscription_save(row).await?;
        tx.commit().await?;
        Ok(())
    }

    /// A lifecycle event may have retired the row while Graph was being asked (R12): that stands.
    async fn save_unless_retired(&self, row: Subscription) -> Result<(), SubscriptionsError> {
        let mut tx = self.begin().await?;
        let present = self.store().subscription_find(row.key).await?;
        if present.is_some_and(|present| present.state == row.state) {
            tx.subscription_save(&row).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    pub(super) async fn begin(&self) -> Result<Tx, StoreError> {
        let mut tx = self.store().write(Priority::Live).await?;
        tx.fence(self.fence).await?;
        Ok(tx)
    }

    pub(super) async fn stored(&self) -> Result<Vec<Subscription>, StoreError> {
        self.reconciler
            .store
            .subscriptions_list(self.mailbox.id)
            .await
    }

    /// Lifetimes are remembered per tenant; unknown tenants share.
    fn tenant(&self) -> &str {
        self.mailbox.tenant_id.as_deref().unwrap_or_default()
    }

    pub(super) fn now(&self) -> Timestamp {
        self.reconciler.now()
    }
}

/// What concerns the whole account ends the run.
pub(super) fn give_up_on(error: GraphError) -> Result<(), SubscriptionsError> {
    match error.advice() {
        Advice::Reauth(_)
        | Advice::TokenRefused
        | Advice::Operator
        | Advice::MailboxSuspended(_) => Err(SubscriptionsError::Graph(error)),
        _ => Ok(()),
    }
}

/// Whether a cursor finds what the subscription's notifications tell.
fn covers(scope: &SubscriptionScope, cursor: &CursorScope) -> bool {
    match (scope, cursor) {
        (SubscriptionScope::Messages, CursorScope::Messages { .. } | CursorScope::Folders) => true,
        (SubscriptionScope::Events { calendar }, CursorScope::View { calendar: own, .. }) => {
            calendar == own
        }
        _ => false,
    }
}

fn name(scope: &SubscriptionScope) -> &'static str {
    match scope {
        SubscriptionScope::Messages => "the messages",
        SubscriptionScope::Events { .. } => "a calendar",
    }
}

/// A minute, doubled with each failure up to `most`, with a fifth of jitter.
pub(super) fn backoff(failures: i64, most: TimeDelta) -> TimeDelta {
    let doublings = u32::try_from(failures.clamp(0, 16)).unwrap_or(16);
    let whole = (TimeDelta::minutes(1) * 2_i32.pow(doublings.min(12))).min(most);
    let jitter = fastrand::i64(0..=whole.num_milliseconds() / 5);
    whole - TimeDelta::milliseconds(jitter)
}

fn to_delta(duration: Duration) -> TimeDelta {
    later(Timestamp::UNIX_EPOCH, duration) - Timestamp::UNIX_EPOCH
}
