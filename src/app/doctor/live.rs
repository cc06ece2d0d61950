//! The hands of the address check: one look from here, and one test subscription that is removed again.

use std::error::Error as _;
use std::time::Duration;

use futures_util::future::BoxFuture;
use url::Url;
use uuid::Uuid;

use super::address::{Here, Live};
use crate::graph::subscriptions::{SubscriptionRefusal, expiration};
use crate::graph::wire::SubscriptionObject;
use crate::graph::wire::subscription::SubscriptionRequest;
use crate::graph::{
    AccessToken, Answer, Fenced, Gate, GraphError, MailboxGraph, Permit, TokenError, TokenSource,
};
use crate::model::chain::chain;
use crate::model::ids::{MailboxId, SubscriptionKey};
use crate::model::mailbox::Mailbox;
use crate::model::time::{Timestamp, later};
use crate::model::work::Lane;
use crate::oauth::Keepers;
use crate::secrets::Signer;
use crate::store::Store;
use crate::subscriptions::address::{NOTIFICATIONS_PATH, is_at, lifecycle_url, notification_url};
use crate::subscriptions::list;

/// Graph gives an endpoint ten seconds.
const DEADLINE: Duration = Duration::from_secs(10);

/// What Graph makes of anything that is to end sooner (F9.10).
const LIFE: Duration = Duration::from_mins(45);

/// Stands in the address of a test subscription, so that one that was left is known again.
const MARK: &str = "&test=doctor";

/// Whether a subscription is one of ours to test with.
pub(super) fn is_a_test(notification_url: &str) -> bool {
    notification_url.ends_with(MARK)
}

/// The token of a mailbox, for looks alone.
pub(super) struct Borrowed {
    pub(super) keepers: Keepers,
    pub(super) mailbox: MailboxId,
}

impl Borrowed {
    async fn token(&self, refused: Option<&AccessToken>) -> Result<AccessToken, TokenError> {
        let token = self.keepers.glance(self.mailbox, refused).await;
        token
            .map_err(|error| TokenError::Transient {
                after: None,
                source: std::sync::Arc::new(error),
            })?
            .ok_or(TokenError::NoGrant)
    }
}

impl TokenSource for Borrowed {
    fn token(&self) -> BoxFuture<'_, Result<AccessToken, TokenError>> {
        Box::pin(self.token(None))
    }

    fn refresh_after_401<'a>(
        &'a self,
        refused: &'a AccessToken,
    ) -> BoxFuture<'a, Result<AccessToken, TokenError>> {
        Box::pin(self.token(Some(refused)))
    }
}

/// Subscriptions count against no mailbox (F3.10), and nothing else is asked for.
pub(super) struct Open;

impl Gate for Open {
    fn admit(&self, _: Lane, _: u32) -> BoxFuture<'_, Result<Permit, Fenced>> {
        Box::pin(std::future::ready(Ok(Permit::holding(()))))
    }

    fn fence(&self, _: Timestamp) {}
}

/// Asks the address as Graph does, from here.
pub(super) async fn look(base: &str) -> Here {
    let token = format!("doctor {}", Uuid::new_v4());
    let asked = async {
        let client = reqwest::Client::builder()
            .timeout(DEADLINE)
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        let answer = client
            .post(format!("{base}{NOTIFICATIONS_PATH}"))
            .query(&[("validationToken", &token)])
            .send()
            .await?;
        let status = answer.status().as_u16();
        Ok::<_, reqwest::Error>((status, answer.text().await?))
    };
    match asked.await {
        Ok((200, text)) if text == token => Here::Echoed,
        Ok((200, _)) => Here::OtherAnswer,
        Ok((status, _)) => Here::Status(status),
        Err(error) => {
            let is_untrusted = speaks_of_a_certificate(&error);
            let why = chain(&error.without_url());
            if is_untrusted {
                Here::Untrusted(why)
            } else {
                Here::Nobody(why)
            }
        }
    }
}

fn speaks_of_a_certificate(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(source) = cause {
        if source.to_string().contains("certificate") {
            return true;
        }
        cause = source.source();
    }
    false
}

/// What the name in the address leads to.
pub(super) async fn resolve(url: &Url) -> Result<Vec<std::net::IpAddr>, String> {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let port = url.port_or_known_default().unwrap_or(443);
    let found = tokio::time::timeout(DEADLINE, tokio::net::lookup_host((host, port))).await;
    let found: Vec<_> = match found {
        Err(_) => return Err("the name server does not answer".to_owned()),
        Ok(Err(error)) => return Err(error.to_string()),
        Ok(Ok(found)) => found.map(|address| address.ip()).collect(),
    };
    if found.is_empty() {
        return Err("it has no address".to_owned());
    }
    Ok(found)
}

/// Has Graph make a subscription that nobody needs, and removes it again whatever came of it.
pub(super) async fn subscribe(
    store: &Store,
    signer: &Signer,
    base: &str,
    mailbox: &Mailbox,
    graph: &MailboxGraph,
    now: Timestamp,
) -> Live {
    let key = SubscriptionKey::generate();
    let address = format!("{}{MARK}", notification_url(base, key));
    let request = SubscriptionRequest {
        // Another combination than the mirror's own: Graph may take each only once (F9.14). Little is deleted from drafts meanwhile,
        // and a notice of it is dropped by the intake like any of a subscription that nobody knows.
        change_type: "deleted".to_owned(),
        resource: format!("users/{}/mailFolders('drafts')/messages", mailbox.user_id),
        notification_url: address.clone(),
        lifecycle_notification_url: lifecycle_url(base, key),
        expiration_date_time: expiration(later(now, LIFE)),
        client_state: signer.client_state(key),
        latest_supported_tls_version: "v1_2",
    };
    let mut made = graph.subscription_create(&request).await;
    if let Err(error) = &made
        && SubscriptionRefusal::of(error) == SubscriptionRefusal::Duplicate
    {
        // One of an examination that was cut off stands in the way.
        clear(store, base, mailbox, graph, is_a_test).await;
        made = graph.subscription_create(&request).await;
    }
    let id = made.as_ref().ok().and_then(id_of);
    let is_removed = match &id {
        Some(id) => graph.subscription_delete(id).await.is_ok(),
        None => false,
    };
    let is_refused = made.as_ref().is_err_and(|error| error.refused().is_some());
    if !is_removed && !is_refused {
        // The answer may be lost and the subscription there all the same (F9.32): Graph's list tells.
        clear(store, base, mailbox, graph, |url| url == address).await;
    }
    match made {
        Ok(_) => Live::Passed,
        Err(error) => Live::Refused {
            why: SubscriptionRefusal::of(&error),
            words: words(&error),
        },
    }
}

/// Removes those that post to us and are meant. What is left after this ends by itself within the hour, and is known again by its
/// mark.
async fn clear(
    store: &Store,
    base: &str,
    mailbox: &Mailbox,
    graph: &MailboxGraph,
    is_meant: impl Fn(&str) -> bool,
) {
    let listed = list(store, mailbox.id, graph).await.unwrap_or_default();
    for left in listed {
        if is_at(&left.notification_url, base) && is_meant(&left.notification_url) {
            let _ = graph.subscription_delete(&left.graph_id).await;
        }
    }
}

fn id_of(answer: &Answer) -> Option<String> {
    let object: SubscriptionObject<'_> = answer.json().ok()?;
    object.id.map(String::from)
}

/// Graph's own words are for an operator's eyes; nothing of a mailbox stands in a refused subscription.
fn words(error: &GraphError) -> String {
    let told = error.refused().and_then(|refused| refused.message.clone());
    told.unwrap_or_else(|| format!("{}.", chain(error)))
}
