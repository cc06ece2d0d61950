//! The book of subscriptions: who watches what, and what of it waits to be notified (facts §9, §10).
//!
//! Reading order: `request` and `resource` (what a client may ask for), `handshake` (its endpoint must
//! answer first), `endpoints` (the calls below `/subscriptions`), `notice` (an item of a notification),
//! `queue` (what waits for which endpoint). The posting itself is in `delivery`, lifecycle events in
//! `lifecycle`. Nothing here reads a clock or waits.

mod endpoints;
mod handshake;
mod notice;
pub mod queue;
pub mod request;
pub mod resource;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::sync::Notify;
use url::Url;

use super::delivery::Courier;
use super::knobs::Knobs;
use super::stamp;
use super::world::{Change, ChangeType, UserId};
use crate::model::time::{Timestamp, later};

pub use endpoints::handle;
pub(super) use notice::{expiry, render};
use queue::Queue;
use resource::Watched;

/// PATCH and reauthorize within this of each other are a client's mistake (F9.27).
const APART: Duration = Duration::from_mins(10);

/// How long notifications are kept for a subscription whose token has lapsed (F9.30).
const HELD: Duration = Duration::from_hours(4);

/// Which kinds of change a subscription is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ChangeTypes {
    created: bool,
    updated: bool,
    deleted: bool,
}

impl ChangeTypes {
    /// Reads `created,updated,deleted`; `None` when a word is none of them.
    pub fn parse(text: &str) -> Option<Self> {
        let mut types = Self::default();
        for word in text.split(',') {
            match word.trim().to_ascii_lowercase().as_str() {
                "created" => types.created = true,
                "updated" => types.updated = true,
                "deleted" => types.deleted = true,
                _ => return None,
            }
        }
        Some(types)
    }

    fn has(self, what: ChangeType) -> bool {
        match what {
            ChangeType::Created => self.created,
            ChangeType::Updated => self.updated,
            ChangeType::Deleted => self.deleted,
        }
    }
}

/// The certificate resource data would be encrypted with (F10.35).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// DER in base64.
    pub certificate: String,
    /// The client's name for it.
    pub id: String,
}

/// A subscription.
#[derive(Debug, Clone)]
pub struct Subscription {
    /// Its id, a guid.
    pub id: String,
    /// The order it came in.
    pub number: u64,
    /// Whose it is.
    pub app_id: String,
    /// The person whose token created it; none with the application's own.
    pub creator: Option<UserId>,
    /// The mailbox it watches.
    pub mailbox: UserId,
    /// What it watches there.
    pub watched: Watched,
    /// The resource as the client wrote it.
    pub resource: String,
    /// The kinds of change.
    pub types: ChangeTypes,
    /// The kinds as the client wrote them.
    pub change_type: String,
    /// Where notifications go.
    pub notification_url: Url,
    /// Where lifecycle events go.
    pub lifecycle_url: Option<Url>,
    /// What every notification repeats.
    pub client_state: Option<String>,
    /// When it ends.
    pub expires_at: Timestamp,
    /// The id format of its notifications, fixed at creation (S57).
    pub immutable_ids: bool,
    /// With resource data.
    pub certificate: Option<Certificate>,
    /// The lowest TLS it asks for.
    pub tls: String,
    /// Until when the token it holds is good (F9.30).
    pub authorised_until: Timestamp,
    /// When `reauthorizationRequired` is due next (S66).
    pub reauthorization_due: Timestamp,
    /// When it was last renewed by PATCH.
    pub patched_at: Option<Timestamp>,
    /// When it was last reauthorized.
    pub reauthorized_at: Option<Timestamp>,
    /// PATCH and reauthorize came too close (S55); with the knob nothing is delivered any more.
    pub wedged: bool,
    /// Waits for a fresh token, since when.
    held: Vec<(Timestamp, String)>,
}

impl Subscription {
    /// As Graph shows it; `client_state` is null on GET, as the knob says (S56).
    pub fn render(&self, root: &str, with_client_state: bool) -> Map<String, Value> {
        let shown = json!({
            "@odata.context": format!("{root}/$metadata#subscriptions/$entity"),
            "id": self.id,
            "resource": self.resource,
            "applicationId": self.app_id,
            "changeType": self.change_type,
            "clientState": self.client_state.as_ref().filter(|_| with_client_state),
            "notificationUrl": self.notification_url.as_str(),
            "notificationQueryOptions": null,
            "notificationContentType": null,
            "lifecycleNotificationUrl": self.lifecycle_url.as_ref().map(Url::as_str),
            "expirationDateTime": stamp::ticks(self.expires_at),
            "creatorId": self.creator.as_ref().map_or(self.app_id.as_str(), |user| &user.0),
            "includeResourceData": self.certificate.is_some(),
            "latestSupportedTlsVersion": self.tls,
            "encryptionCertificate": null,
            "encryptionCertificateId": self.certificate.as_ref().map(|held| &held.id),
            "notificationUrlAppId": null,
        });
        match shown {
            Value::Object(shown) => shown,
            _ => Map::new(),
        }
    }

    /// A fresh token takes the place of the one it held (F9.24, S55).
    pub fn authorise(&mut self, until: Timestamp, now: Timestamp) {
        self.authorised_until = until;
        self.reauthorization_due = reauthorization_due(until, now);
    }
}

/// When a quarter of the token's life is left (F10.42).
pub fn reauthorization_due(until: Timestamp, now: Timestamp) -> Timestamp {
    until - (until - now).max(chrono::TimeDelta::zero()) / 4
}

/// How the subscriptions stand, for the control interface.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SubscriptionStatus {
    /// Its id.
    pub id: String,
    /// The mailbox it watches.
    pub mailbox: String,
    /// The resource as the client wrote it.
    pub resource: String,
    /// The kinds of change.
    pub change_type: String,
    /// Where notifications go.
    pub notification_url: String,
    /// Where lifecycle events go.
    pub lifecycle_notification_url: Option<String>,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Until when the token it holds is good.
    pub authorised_until: Timestamp,
    /// Whether its notifications have immutable ids.
    pub immutable_ids: bool,
    /// Notifications that wait for its endpoint.
    pub waiting: usize,
    /// PATCH and reauthorize came within ten minutes of each other (S55).
    pub wedged: bool,
}

/// All subscriptions, and what waits to be delivered.
#[derive(Debug, Default)]
pub struct SubscriptionBook {
    subscriptions: HashMap<String, Subscription>,
    by_mailbox: HashMap<UserId, Vec<String>>,
    last_number: u64,
    /// What waits for which endpoint.
    pub queue: Queue,
    /// When the next of them ends or wants a lifecycle event, at the earliest.
    pub(super) next_due: Option<Timestamp>,
    /// How often PATCH and reauthorize came too close (S55).
    pub conflicts: u64,
    wake: Arc<Notify>,
    courier: Courier,
}

impl SubscriptionBook {
    /// Queues a notification for every subscription that a change matches (S57, S59, S62, S69).
    pub fn announce(
        &mut self,
        user: &UserId,
        changes: Vec<Change>,
        tenant_id: &str,
        now: Timestamp,
        rng: &mut fastrand::Rng,
        knobs: &Knobs,
    ) {
        let Some(ids) = self.by_mailbox.get(user) else {
            return;
        };
        let mut queued = false;
        for change in changes {
            for id in ids {
                let Some(subscription) = self.subscriptions.get_mut(id) else {
                    continue;
                };
                let silent = subscription.wedged && knobs.reauthorize_wedges;
                let covers = subscription
                    .watched
                    .covers(&change.entity, knobs.events_default_calendar_only);
                if silent
                    || !covers
                    || !subscription.types.has(change.what)
                    || subscription.expires_at <= now
                {
                    continue;
                }
                if rng.u8(0..100) < knobs.notification_loss_percent {
                    continue;
                }
                let twice = rng.u8(0..100) < knobs.notification_duplicate_percent;
                for _ in 0..=u8::from(twice) {
                    let body = notice::render(subscription, &change, tenant_id, rng);
                    if knobs.token_lapse_pauses && subscription.authorised_until <= now {
                        subscription.held.push((now, body));
                    } else {
                        let due = later(now, delay(rng, knobs));
                        let url = subscription.notification_url.as_str();
                        self.queue.push(url, due, id, body, now, rng, knobs);
                        queued = true;
                    }
                }
            }
        }
        if queued {
            self.wake.notify_one();
        }
    }

    /// Whoever delivers waits on this.
    pub fn wake(&self) -> Arc<Notify> {
        Arc::clone(&self.wake)
    }

    /// The client notifications are posted with.
    pub fn courier(&self) -> Courier {
        self.courier.clone()
    }

    /// Enters a new subscription; its number is its place in the book.
    pub fn insert(&mut self, mut subscription: Subscription) -> &Subscription {
        self.last_number += 1;
        subscription.number = self.last_number;
        self.by_mailbox
            .entry(subscription.mailbox.clone())
            .or_default()
            .push(subscription.id.clone());
        self.reschedule(subscription.expires_at);
        self.reschedule(subscription.reauthorization_due);
        let id = subscription.id.clone();
        self.subscriptions.entry(id).or_insert(subscription)
    }

    /// Sees to it that whoever delivers looks at the subscriptions at `due`.
    pub(super) fn reschedule(&mut self, due: Timestamp) {
        self.next_due = Some(self.next_due.map_or(due, |next| next.min(due)));
        self.wake.notify_one();
    }

    /// A subscription that is alive.
    pub fn get(&self, id: &str, now: Timestamp) -> Option<&Subscription> {
        self.subscriptions
            .get(id)
            .filter(|subscription| subscription.expires_at > now)
    }

    /// The same, to change it.
    pub fn get_mut(&mut self, id: &str, now: Timestamp) -> Option<&mut Subscription> {
        self.subscriptions
            .get_mut(id)
            .filter(|subscription| subscription.expires_at > now)
    }

    /// All that are alive, in the order they came.
    pub fn live(&self, now: Timestamp) -> Vec<&Subscription> {
        let mut live: Vec<_> = self
            .subscriptions
            .values()
            .filter(|subscription| subscription.expires_at > now)
            .collect();
        live.sort_by_key(|subscription| subscription.number);
        live
    }

    /// How many a mailbox has, over all applications (F9.13).
    pub fn count_of(&self, mailbox: &UserId, now: Timestamp) -> usize {
        let ids = self.by_mailbox.get(mailbox).map_or(&[][..], Vec::as_slice);
        ids.iter().filter(|id| self.get(id, now).is_some()).count()
    }

    /// The one that already watches the same for the same application (S53).
    pub fn twin(&self, asked: &Subscription, now: Timestamp) -> Option<&Subscription> {
        let ids = self.by_mailbox.get(&asked.mailbox)?;
        ids.iter().filter_map(|id| self.get(id, now)).find(|other| {
            other.app_id == asked.app_id
                && other.watched == asked.watched
                && other.types == asked.types
        })
    }

    /// Takes one out. What has been queued for it is still delivered (F9.28).
    pub fn remove(&mut self, id: &str) -> Option<Subscription> {
        let subscription = self.subscriptions.remove(id)?;
        if let Some(ids) = self.by_mailbox.get_mut(&subscription.mailbox) {
            ids.retain(|other| other != id);
        }
        Some(subscription)
    }

    /// Takes out those whose time has come, silently, with everything queued for them (S56, F9.29).
    pub fn expire(&mut self, now: Timestamp) -> usize {
        let ended: Vec<_> = self
            .subscriptions
            .values()
            .filter(|subscription| subscription.expires_at <= now)
            .map(|subscription| subscription.id.clone())
            .collect();
        for id in &ended {
            self.remove(id);
            self.queue.forget(id);
        }
        ended.len()
    }

    /// A PATCH or a reauthorize has come with a fresh token; what was held goes out (S55, F9.30).
    pub fn authorise(
        &mut self,
        id: &str,
        until: Timestamp,
        renewed: Renewal,
        now: Timestamp,
        rng: &mut fastrand::Rng,
        knobs: &Knobs,
    ) {
        let Some(subscription) = self.get_mut(id, now) else {
            return;
        };
        let before = match renewed {
            Renewal::Patch => {
                subscription.patched_at = Some(now);
                subscription.reauthorized_at
            }
            Renewal::Reauthorize => {
                subscription.reauthorized_at = Some(now);
                subscription.patched_at
            }
        };
        let conflict = before.is_some_and(|before| later(before, APART) > now);
        subscription.wedged |= conflict;
        subscription.authorise(until, now);
        let (due, expires_at) = (subscription.reauthorization_due, subscription.expires_at);
        let url = subscription.notification_url.to_string();
        let held = std::mem::take(&mut subscription.held);
        for (since, body) in held {
            if later(since, HELD) > now {
                self.queue.push(&url, now, id, body, now, rng, knobs);
            }
        }
        self.conflicts += u64::from(conflict);
        self.reschedule(due);
        self.reschedule(expires_at);
    }

    /// Drops what has been held for four hours; answers whose it was (S65).
    pub(super) fn drop_held(&mut self, now: Timestamp) -> Vec<String> {
        let mut lost = Vec::new();
        for subscription in self.subscriptions.values_mut() {
            let before = subscription.held.len();
            subscription
                .held
                .retain(|(since, _)| later(*since, HELD) > now);
            if subscription.held.len() < before {
                lost.push(subscription.id.clone());
            }
        }
        lost.sort();
        lost
    }

    /// How all of them stand.
    pub fn status(&self, now: Timestamp) -> Vec<SubscriptionStatus> {
        let waiting = self.queue.waiting_by_subscription();
        self.live(now)
            .into_iter()
            .map(|subscription| SubscriptionStatus {
                id: subscription.id.clone(),
                mailbox: subscription.mailbox.0.clone(),
                resource: subscription.resource.clone(),
                change_type: subscription.change_type.clone(),
                notification_url: subscription.notification_url.to_string(),
                lifecycle_notification_url: subscription.lifecycle_url.as_ref().map(Url::to_string),
                expires_at: subscription.expires_at,
                authorised_until: subscription.authorised_until,
                immutable_ids: subscription.immutable_ids,
                waiting: waiting.get(subscription.id.as_str()).copied().unwrap_or(0)
                    + subscription.held.len(),
                wedged: subscription.wedged,
            })
            .collect()
    }
}

/// How a subscription got a fresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    /// By PATCH.
    Patch,
    /// By `reauthorize`.
    Reauthorize,
}

/// S62: between an item's change and its notification.
fn delay(rng: &mut fastrand::Rng, knobs: &Knobs) -> Duration {
    let least = knobs.notification_delay_min_ms;
    let most = knobs.notification_delay_max_ms.max(least);
    Duration::from_millis(rng.u64(least..=most))
}
