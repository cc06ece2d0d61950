//! Notifications that nobody should trust (S68): sent on command, straight to an endpoint, so that one
//! can see how it takes them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::commands::{CommandError, Which};
use super::ids::guid;
use super::subscriptions::{Subscription, content, render};
use super::validation_tokens;
use super::world::{Change, ChangeType, Entity, State, World};

/// How many items the largest honest POST has.
const MANY: usize = 1_000;

/// How large an oversized body is.
const LARGE: usize = 16 * 1024 * 1024;

/// What is wrong with a POST.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hostility {
    /// Its items name another `clientState`.
    WrongClientState,
    /// Its items are of a subscription nobody has.
    UnknownSubscription,
    /// Its `changeType` is a word that does not exist yet (F10.8).
    UnknownChangeType,
    /// Its items lack what an item has.
    UnknownShape,
    /// It is not JSON.
    InvalidJson,
    /// It is 16 MiB long.
    Oversized,
    /// It has 1,000 items, all of them honest.
    ThousandItems,
    /// Of its five items three are honest.
    BadAmongGood,
}

impl World {
    /// Posts it to the endpoint of every subscription that is meant; answers the statuses that came
    /// back, `None` where none came.
    pub async fn send_hostile(
        &self,
        which: &Which,
        hostility: Hostility,
    ) -> Result<Vec<Option<u16>>, CommandError> {
        let (posts, courier) = {
            let mut state = self.lock();
            let which = which.resolve(&state)?;
            let subscriptions: Vec<_> = state
                .subscriptions
                .live(state.now())
                .into_iter()
                .filter(|subscription| which(subscription))
                .cloned()
                .collect();
            let posts: Vec<_> = subscriptions
                .iter()
                .map(|subscription| {
                    let url = subscription.notification_url.to_string();
                    let audience: BTreeSet<_> = subscription.audience().into_iter().collect();
                    (url, audience, items(&mut state, subscription, hostility))
                })
                .collect();
            (posts, state.subscriptions.courier())
        };
        let mut statuses = Vec::with_capacity(posts.len());
        for (url, audience, items) in posts {
            let body = match items {
                None => "{\"value\":[{\"subscriptionId\":".to_owned(),
                Some(items) => {
                    let mut body = json!({ "value": items });
                    if let Some(tokens) = validation_tokens::of(self, &audience).await {
                        body["validationTokens"] = tokens;
                    }
                    body.to_string()
                }
            };
            statuses.push(courier.post(&url, body).await);
        }
        Ok(statuses)
    }
}

/// The items of a POST; none when it is not JSON.
fn items(
    state: &mut State,
    subscription: &Subscription,
    hostility: Hostility,
) -> Option<Vec<Value>> {
    let changed = |state: &mut State, count: usize, fields: &[(&str, Value)]| {
        let mut items = honest(state, subscription, count);
        for item in &mut items {
            for (name, value) in fields {
                item[*name] = value.clone();
            }
        }
        items
    };
    let items = match hostility {
        Hostility::InvalidJson => return None,
        Hostility::UnknownShape => vec![json!({"subscriptionId": 7}), json!("item"), json!(null)],
        Hostility::WrongClientState => changed(state, 3, &[("clientState", json!("not yours"))]),
        Hostility::UnknownSubscription => {
            let id = guid(&mut state.rng);
            changed(state, 3, &[("subscriptionId", id.into())])
        }
        Hostility::UnknownChangeType => changed(state, 3, &[("changeType", json!("renamed"))]),
        Hostility::Oversized => changed(state, 1, &[("padding", json!("x".repeat(LARGE)))]),
        Hostility::ThousandItems => honest(state, subscription, MANY),
        Hostility::BadAmongGood => {
            let mut items = honest(state, subscription, 3);
            let forged = changed(state, 1, &[("clientState", json!("not yours"))]);
            items.splice(1..1, forged.into_iter().chain([json!({"value": 7})]));
            items
        }
    };
    Some(items)
}

/// Items as they are sent when all is well, about messages that are there.
fn honest(state: &mut State, subscription: &Subscription, count: usize) -> Vec<Value> {
    let index = state.find_mailbox(&subscription.mailbox.0);
    let State {
        mailboxes,
        rng,
        knobs,
        ..
    } = state;
    let Some(mailbox) = index.and_then(|index| mailboxes.get(index)) else {
        return Vec::new();
    };
    let mail = &mailbox.mail;
    let entities: Vec<_> = mail
        .newest_first()
        .iter()
        .filter_map(|(_, key)| mail.message(*key))
        .take(count)
        .map(|message| {
            let entity = Entity::Message {
                immutable_id: message.immutable_id.clone(),
                default_id: message.default_id.clone(),
                folder_id: mail.folder_id(message.folder).to_owned(),
            };
            (entity, message.etag())
        })
        .collect();
    entities
        .into_iter()
        .cycle()
        .take(count)
        .filter_map(|(entity, etag)| {
            let change = Change {
                what: ChangeType::Updated,
                entity,
                etag,
            };
            let (what, tampering) = (change.what, knobs.rich_tampering);
            let content = content(subscription, &change, what, mailbox, tampering);
            serde_json::from_str(&render(subscription, &change, what, content, rng)).ok()
        })
        .collect()
}
