//! Lifecycle events: `reauthorizationRequired`, `subscriptionRemoved`, `missed` (F10.39 to F10.46, S66).
//!
//! They go to the subscription's lifecycle address, if it has one, through the same queue as
//! notifications. All of them are best effort: with the knob off none is ever sent.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::subscriptions::parcel::Notice;
use super::subscriptions::{Subscription, expiry};
use super::world::{State, UserId};
use crate::model::time::{Timestamp, later};

/// `reauthorizationRequired` comes again after this, until it is heeded (F10.42).
const REPEATED: Duration = Duration::from_mins(15);

/// A lifecycle event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LifecycleEvent {
    /// The subscription's token, or its time, runs out.
    ReauthorizationRequired,
    /// The subscription is gone.
    SubscriptionRemoved,
    /// Something was not delivered.
    Missed,
}

/// Sends an event of one subscription; whether it has an address for it and may be sent.
pub fn send(state: &mut State, subscription_id: &str, event: LifecycleEvent) -> bool {
    let now = state.now();
    let Some(subscription) = state.subscriptions.get(subscription_id, now).cloned() else {
        return false;
    };
    send_for(state, &subscription, event, now)
}

fn send_for(
    state: &mut State,
    subscription: &Subscription,
    event: LifecycleEvent,
    now: Timestamp,
) -> bool {
    let State {
        subscriptions,
        rng,
        knobs,
        ..
    } = state;
    let Some(url) = &subscription.lifecycle_url else {
        return false;
    };
    if !knobs.lifecycle_events {
        return false;
    }
    let body = json!({
        "subscriptionId": subscription.id,
        "subscriptionExpirationDateTime": expiry(subscription.expires_at, rng),
        "tenantId": subscription.tenant_id,
        "clientState": subscription.client_state,
        "lifecycleEvent": event,
    });
    let notice = Notice {
        subscription_id: subscription.id.clone(),
        body: body.to_string(),
        audience: None,
    };
    subscriptions
        .queue
        .push(url.as_str(), now, notice, now, rng, knobs);
    subscriptions.wake().notify_one();
    true
}

/// Ends subscriptions from Graph's side: nothing more is delivered, and `subscriptionRemoved` says so
/// unless `silently` (F10.43). Answers how many.
pub fn remove(state: &mut State, which: impl Fn(&Subscription) -> bool, silently: bool) -> usize {
    let now = state.now();
    let ended: Vec<_> = state
        .subscriptions
        .live(now)
        .into_iter()
        .filter(|subscription| which(subscription))
        .cloned()
        .collect();
    for subscription in &ended {
        state.subscriptions.remove(&subscription.id);
        state.subscriptions.queue.forget(&subscription.id);
        if !silently {
            send_for(
                state,
                subscription,
                LifecycleEvent::SubscriptionRemoved,
                now,
            );
        }
    }
    ended.len()
}

/// Ends every subscription a person's tokens created, as a password reset does (F9.31).
pub fn remove_of(state: &mut State, user: &UserId) -> usize {
    remove(
        state,
        |subscription| subscription.creator.as_ref() == Some(user),
        false,
    )
}

/// Some of a subscription's notifications will never come (F10.44).
pub(super) fn missed(state: &mut State, lost: &[String], now: Timestamp) {
    let mut told = Vec::new();
    for id in lost {
        if !told.contains(&id) {
            told.push(id);
            if let Some(subscription) = state.subscriptions.get(id, now).cloned() {
                send_for(state, &subscription, LifecycleEvent::Missed, now);
            }
        }
    }
}

/// What is due by now: subscriptions end, and those whose token runs out are told.
pub(super) fn tick(state: &mut State, now: Timestamp) {
    let lost = state.subscriptions.queue.ended_drops(now);
    missed(state, &lost, now);
    if state.subscriptions.next_due.is_none_or(|due| due > now) {
        return;
    }
    state.subscriptions.expire(now);
    let lost = state.subscriptions.drop_held(now);
    missed(state, &lost, now);
    let due: Vec<_> = state
        .subscriptions
        .live(now)
        .into_iter()
        .filter(|subscription| subscription.reauthorization_due <= now)
        .cloned()
        .collect();
    for subscription in due {
        if let Some(kept) = state.subscriptions.get_mut(&subscription.id, now) {
            kept.reauthorization_due = later(now, REPEATED);
        }
        if state.knobs.reauthorization_schedule {
            let event = LifecycleEvent::ReauthorizationRequired;
            send_for(state, &subscription, event, now);
        }
    }
    state.subscriptions.look_ahead();
}
