//! What Graph posts, taken apart (F10.1 to F10.10, F10.39).
//!
//! A post may mix items of several subscriptions, tenants and kinds (F10.6). Each is judged alone: one that is bad, forged
//! or of a kind we don't know is counted and left out, the others stand. Everything here is foreign text: it borrows, it
//! never panics, and nothing of it is logged. Pure: no clock, no database.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::graph::wire::Text;
use crate::model::ids::{GraphId, SubscriptionKey};
use crate::model::time::Timestamp;
use crate::model::work::ChangeHint;
use crate::secrets::sign::Signer;
use crate::store::IncomingNotice;

/// A lifecycle event of a subscription (F10.40).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LifecycleEvent {
    /// `reauthorizationRequired`: renew it.
    ReauthorizationRequired,
    /// `subscriptionRemoved`: it is gone.
    SubscriptionRemoved,
    /// `missed`: notifications were lost.
    Missed,
}

/// One lifecycle item, its clientState checked already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LifecycleNotice {
    /// The subscription its clientState names.
    pub subscription: SubscriptionKey,
    /// What happened.
    pub event: LifecycleEvent,
}

/// Items that were left out, by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Not an object of the known shape, or without an id.
    pub malformed: usize,
    /// Without a clientState of ours.
    pub forged: usize,
    /// A `changeType` or `lifecycleEvent` that we don't know (F10.8).
    pub unknown: usize,
}

/// What a post held.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Post {
    /// Changes.
    pub notices: Vec<IncomingNotice>,
    /// Lifecycle events, each once.
    pub lifecycle: Vec<LifecycleNotice>,
    /// The rest.
    pub dropped: Dropped,
}

/// The body is not a post at all.
#[derive(Debug, thiserror::Error)]
#[error("the body is not a JSON object with a list of notifications")]
pub struct NotAPost(#[source] serde_json::Error);

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    value: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item<'a> {
    #[serde(borrow, default)]
    subscription_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    client_state: Option<Text<'a>>,
    #[serde(borrow, default)]
    change_type: Option<Text<'a>>,
    #[serde(borrow, default)]
    lifecycle_event: Option<Text<'a>>,
    #[serde(borrow, default)]
    resource: Option<Text<'a>>,
    #[serde(borrow, default)]
    resource_data: Option<ResourceData<'a>>,
}

#[derive(Deserialize)]
struct ResourceData<'a> {
    #[serde(borrow, default)]
    id: Option<Text<'a>>,
}

/// Takes a post apart and checks the clientState of each item in constant time (F10.10, M18).
pub fn read(body: &[u8], signer: &Signer, received_at: Timestamp) -> Result<Post, NotAPost> {
    match serde_json::from_slice(body) {
        Ok(envelope) => Ok(sort(envelope, signer, received_at)),
        // Bytes that are no text cost the item they stand in, not the others.
        Err(_) if std::str::from_utf8(body).is_err() => {
            let text = String::from_utf8_lossy(body);
            let envelope = serde_json::from_str(&text).map_err(NotAPost)?;
            Ok(sort(envelope, signer, received_at))
        }
        Err(error) => Err(NotAPost(error)),
    }
}

fn sort(envelope: Envelope<'_>, signer: &Signer, received_at: Timestamp) -> Post {
    let mut post = Post {
        notices: Vec::with_capacity(envelope.value.len()),
        ..Post::default()
    };
    for raw in envelope.value {
        match serde_json::from_str::<Item<'_>>(raw.get()) {
            Ok(item) => post.take(&item, signer, received_at),
            Err(_) => post.dropped.malformed += 1,
        }
    }
    post
}

impl Post {
    fn take(&mut self, item: &Item<'_>, signer: &Signer, received_at: Timestamp) {
        let key = item
            .client_state
            .as_ref()
            .and_then(|state| signer.client_state_verify(state));
        let Some(subscription) = key else {
            self.dropped.forged += 1;
            return;
        };
        if let Some(name) = &item.lifecycle_event {
            self.take_lifecycle(subscription, name);
            return;
        }
        let Some(hint) = item.change_type.as_deref().and_then(hint_of) else {
            self.dropped.unknown += 1;
            return;
        };
        let Some(external_id) = item.external_id() else {
            self.dropped.malformed += 1;
            return;
        };
        self.notices.push(IncomingNotice {
            subscription,
            graph_subscription_id: item.subscription_id.as_deref().and_then(storable),
            external_id: GraphId(external_id),
            hint,
            received_at,
            raw: None,
            trace: None,
        });
    }

    fn take_lifecycle(&mut self, subscription: SubscriptionKey, name: &str) {
        let Some(event) = event_of(name) else {
            self.dropped.unknown += 1;
            return;
        };
        let notice = LifecycleNotice {
            subscription,
            event,
        };
        // Graph repeats itself (F10.46).
        if !self.lifecycle.contains(&notice) {
            self.lifecycle.push(notice);
        }
    }
}

impl Item<'_> {
    /// `resourceData.id`; where that lacks, the last segment of `resource`, in any of its shapes (F10.4).
    fn external_id(&self) -> Option<String> {
        let named = self
            .resource_data
            .as_ref()
            .and_then(|data| data.id.as_deref());
        match named {
            Some(id) => storable(id),
            None => storable(&last_segment(self.resource.as_deref()?)?),
        }
    }
}

fn hint_of(change_type: &str) -> Option<ChangeHint> {
    [
        ("created", ChangeHint::Created),
        ("updated", ChangeHint::Updated),
        ("deleted", ChangeHint::Deleted),
    ]
    .into_iter()
    .find_map(|(name, hint)| name.eq_ignore_ascii_case(change_type).then_some(hint))
}

fn event_of(name: &str) -> Option<LifecycleEvent> {
    [
        (
            "reauthorizationRequired",
            LifecycleEvent::ReauthorizationRequired,
        ),
        ("subscriptionRemoved", LifecycleEvent::SubscriptionRemoved),
        ("missed", LifecycleEvent::Missed),
    ]
    .into_iter()
    .find_map(|(known, event)| known.eq_ignore_ascii_case(name).then_some(event))
}

/// `Users/{user}/Messages/{id}` or `Users('{user}')/messages('{id}')`.
fn last_segment(resource: &str) -> Option<String> {
    let last = resource.trim_end_matches('/').rsplit('/').next()?;
    let id = match last.split_once("('") {
        Some((_, rest)) => rest.strip_suffix("')")?,
        None => last,
    };
    let decoded = percent_encoding::percent_decode_str(id)
        .decode_utf8()
        .ok()?;
    Some(decoded.into_owned())
}

fn storable(text: &str) -> Option<String> {
    GraphId::is_possible(text).then(|| text.to_owned())
}

#[cfg(test)]
#[path = "envelope_tests.rs"]
mod tests;
