//! Subscriptions, as we know them.
//!
//! A row is registered before Graph is asked (R1), so that a notice that is faster than the 201 finds its mailbox.

use super::codec::{Row, words};
use super::dispatch::query;
use super::error::StoreError;
use super::pool::Store;
use super::tx::Tx;
use crate::model::ids::{GraphId, MailboxId, SubscriptionKey};
use crate::model::time::Timestamp;
use crate::model::work::{Subscription, SubscriptionScope, SubscriptionState};

words! {
    SubscriptionState { Creating = "creating", Active = "active", Retiring = "retiring" }
}

impl Store {
    /// The subscriptions of a mailbox, oldest first.
    pub async fn subscriptions_list(
        &self,
        mailbox: MailboxId,
    ) -> Result<Vec<Subscription>, StoreError> {
        query("SELECT * FROM subscriptions WHERE mailbox_id = $1 ORDER BY created_at, key")
            .bind(mailbox)
            .read(self)
            .await?
            .iter()
            .map(read)
            .collect()
    }

    /// The subscription with this key, whosever it is.
    pub async fn subscription_find(
        &self,
        key: SubscriptionKey,
    ) -> Result<Option<Subscription>, StoreError> {
        query("SELECT * FROM subscriptions WHERE key = $1")
            .bind(key)
            .read_one(self)
            .await?
            .as_ref()
            .map(read)
            .transpose()
    }
}

impl Tx {
    /// Registers a subscription, or saves what became of it. Whether it is doubted is only registered: a doubt that came
    /// or went meanwhile stands.
    pub async fn subscription_save(
        &mut self,
        subscription: &Subscription,
    ) -> Result<(), StoreError> {
        let (kind, calendar) = words_of(&subscription.scope);
        query(
            "INSERT INTO subscriptions (mailbox_id, key, kind, calendar_external_id, state, graph_id, public_url,
                expires_at, renew_at, not_before, failures, created_at, touched_at, doubted_at, client_state_key)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
             ON CONFLICT (mailbox_id, key) DO UPDATE SET state = excluded.state, graph_id = excluded.graph_id,
                public_url = excluded.public_url, expires_at = excluded.expires_at, renew_at = excluded.renew_at,
                not_before = excluded.not_before, failures = excluded.failures, touched_at = excluded.touched_at,
                client_state_key = excluded.client_state_key",
        )
        .bind(subscription.mailbox)
        .bind(subscription.key)
        .bind(kind)
        .bind(calendar)
        .bind(subscription.state)
        .bind(&subscription.graph_id)
        .bind(&subscription.public_url)
        .bind(subscription.expires_at)
        .bind(subscription.renew_at)
        .bind(subscription.not_before)
        .bind(subscription.failures)
        .bind(subscription.created_at)
        .bind(subscription.touched_at)
        .bind(subscription.doubted_at)
        .bind(&subscription.client_state_key)
        .execute(self)
        .await?;
        Ok(())
    }

    /// Asks that a subscription be renewed at the latest then. Whether there is one.
    pub async fn subscription_renew_ask(
        &mut self,
        mailbox: MailboxId,
        key: SubscriptionKey,
        renew_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let asked = query(
            "UPDATE subscriptions SET renew_at = CASE WHEN renew_at < $3 THEN renew_at ELSE $3 END
             WHERE mailbox_id = $1 AND key = $2",
        )
        .bind(mailbox)
        .bind(key)
        .bind(renew_at)
        .execute(self)
        .await?;
        Ok(asked > 0)
    }

    /// Has a subscription replaced and deleted at Graph: it retires, if it is there and Graph has it. Whether it is.
    pub async fn subscription_retire(
        &mut self,
        mailbox: MailboxId,
        key: SubscriptionKey,
    ) -> Result<bool, StoreError> {
        let retired = query(
            "UPDATE subscriptions SET state = 'retiring', renew_at = NULL, not_before = NULL
             WHERE mailbox_id = $1 AND key = $2 AND graph_id IS NOT NULL",
        )
        .bind(mailbox)
        .bind(key)
        .execute(self)
        .await?;
        Ok(retired > 0)
    }

    /// Doubts what has watched this since before `since`: a change made after that was not announced.
    pub async fn subscriptions_doubt(
        &mut self,
        mailbox: MailboxId,
        scope: &SubscriptionScope,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (kind, calendar) = words_of(scope);
        query(
            "UPDATE subscriptions SET doubted_at = $4
             WHERE mailbox_id = $1 AND kind = $2 AND COALESCE(calendar_external_id, '') = $3 AND state = 'active'
                AND created_at < $5",
        )
        .bind(mailbox)
        .bind(kind)
        .bind(calendar.map_or("", GraphId::as_str))
        .bind(now)
        .bind(since)
        .execute(self)
        .await?;
        Ok(())
    }

    /// Believes what watches this: a notice came, and it was there by then. What was made later is still to prove itself.
    pub async fn subscriptions_trust(
        &mut self,
        mailbox: MailboxId,
        scope: &SubscriptionScope,
        heard_at: Timestamp,
    ) -> Result<(), StoreError> {
        let (kind, calendar) = words_of(scope);
        query(
            "UPDATE subscriptions SET doubted_at = NULL
             WHERE mailbox_id = $1 AND kind = $2 AND COALESCE(calendar_external_id, '') = $3 AND created_at < $4",
        )
        .bind(mailbox)
        .bind(kind)
        .bind(calendar.map_or("", GraphId::as_str))
        .bind(heard_at)
        .execute(self)
        .await?;
        Ok(())
    }

    /// How many subscriptions of a mailbox are doubted.
    pub async fn subscriptions_doubted(&mut self, mailbox: MailboxId) -> Result<i64, StoreError> {
        let row = query(
            "SELECT count(*) AS doubted FROM subscriptions WHERE mailbox_id = $1 AND doubted_at IS NOT NULL",
        )
        .bind(mailbox)
        .row(self)
        .await?;
        row.map_or(Ok(0), |row| row.get("doubted"))
    }

    /// Forgets a subscription; whether there was one.
    pub async fn subscription_delete(
        &mut self,
        mailbox: MailboxId,
        key: SubscriptionKey,
    ) -> Result<bool, StoreError> {
        let deleted = query("DELETE FROM subscriptions WHERE mailbox_id = $1 AND key = $2")
            .bind(mailbox)
            .bind(key)
            .execute(self)
            .await?;
        Ok(deleted > 0)
    }
}

/// The kind and the calendar as they stand in the table.
fn words_of(scope: &SubscriptionScope) -> (&'static str, Option<&GraphId>) {
    match scope {
        SubscriptionScope::Messages => ("messages", None),
        SubscriptionScope::Events { calendar } => ("events", Some(calendar)),
    }
}

fn read(row: &Row) -> Result<Subscription, StoreError> {
    let scope = match row.find::<GraphId>("calendar_external_id")? {
        Some(calendar) => SubscriptionScope::Events { calendar },
        None => SubscriptionScope::Messages,
    };
    Ok(Subscription {
        key: row.get("key")?,
        mailbox: row.get("mailbox_id")?,
        scope,
        state: row.get("state")?,
        graph_id: row.find("graph_id")?,
        public_url: row.get("public_url")?,
        expires_at: row.find("expires_at")?,
        renew_at: row.find("renew_at")?,
        not_before: row.find("not_before")?,
        failures: row.get("failures")?,
        created_at: row.get("created_at")?,
        touched_at: row.find("touched_at")?,
        doubted_at: row.find("doubted_at")?,
        client_state_key: row.find("client_state_key")?,
    })
}
