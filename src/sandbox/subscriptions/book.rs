//! The book itself: every subscription, the order they came in, and what happens to them.
//!
//! Nothing here reads a clock or waits.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use url::Url;

use super::super::delivery::Courier;
use super::super::dump::{Waiting, WaitingItem};
use super::super::knobs::Knobs;
use super::super::world::{Change, Mailbox, UserId};
use super::parcel::Notice;
use super::queue::Queue;
use super::subscription::{Subscription, SubscriptionStatus};
use super::{notice, rich};
use crate::model::time::{Timestamp, later};

/// PATCH and reauthorize within this of each other are a client's mistake (F9.27).
const APART: Duration = Duration::from_mins(10);

/// How long notifications are kept for a subscription whose token has lapsed (F9.30).
const HELD: Duration = Duration::from_hours(4);

/// All subscriptions, and what waits to be delivered.
#[derive(Debug, Default)]
pub struct SubscriptionBook {
    subscriptions: HashMap<String, Subscription>,
    by_mailbox: HashMap<UserId, Vec<String>>,
    last_number: u64,
    /// What waits for which endpoint.
    pub queue: Queue,
    /// When the next of them ends or wants a lifecycle event, at the earliest.
    pub(in super::super) next_due: Option<Timestamp>,
    /// How often PATCH and reauthorize came too close (S55).
    pub conflicts: u64,
    wake: Arc<Notify>,
    courier: Courier,
}

/// Where and when something happened.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'s> {
    /// The mailbox, for those who see a filtered set of it (S64) or are shown its items (S67).
    pub mailbox: Option<&'s Mailbox>,
    /// When.
    pub now: Timestamp,
    /// How the knobs stand.
    pub knobs: &'s Knobs,
}

impl SubscriptionBook {
    /// Queues a notification for every subscription that a change matches (S57, S59, S62, S69).
    pub fn announce(
        &mut self,
        user: &UserId,
        changes: Vec<Change>,
        scene: &Scene<'_>,
        rng: &mut fastrand::Rng,
    ) {
        let Scene {
            mailbox,
            now,
            knobs,
        } = *scene;
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
                if silent || !covers || subscription.expires_at <= now {
                    continue;
                }
                let mut what = change.what;
                if let (Some(set), Some(mailbox)) = (&mut subscription.membership, mailbox) {
                    match set.seen(&change, &mailbox.mail, &subscription.watched) {
                        Some(seen) => what = seen,
                        None => continue,
                    }
                }
                if !subscription.types.has(what) {
                    continue;
                }
                if rng.u8(0..100) < knobs.notification_loss_percent {
                    continue;
                }
                let twice = rng.u8(0..100) < knobs.notification_duplicate_percent;
                for _ in 0..=u8::from(twice) {
                    let content = mailbox.and_then(|mailbox| {
                        let tampering = knobs.rich_tampering;
                        rich::content(subscription, &change, what, mailbox, tampering)
                    });
                    let notice = Notice {
                        subscription_id: id.clone(),
                        body: notice::render(subscription, &change, what, content, rng),
                        audience: subscription.audience(),
                    };
                    if knobs.token_lapse_pauses && subscription.authorised_until <= now {
                        subscription.held.push((now, notice));
                    } else {
                        let due = later(now, delay(rng, knobs));
                        let url = subscription.notification_url.as_str();
                        self.queue.push(url, due, notice, now, rng, knobs);
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
    pub(in super::super) fn reschedule(&mut self, due: Timestamp) {
        self.next_due = Some(self.next_due.map_or(due, |next| next.min(due)));
        self.wake.notify_one();
    }

    /// Finds out when the next of them ends or wants a lifecycle event.
    pub(in super::super) fn look_ahead(&mut self) {
        let terms = self.subscriptions.values().map(|subscription| {
            subscription
                .reauthorization_due
                .min(subscription.expires_at)
        });
        self.next_due = terms.min();
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
                && filter_of(other) == filter_of(asked)
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
        for (since, notice) in held {
            if later(since, HELD) > now {
                self.queue.push(&url, now, notice, now, rng, knobs);
            }
        }
        self.conflicts += u64::from(conflict);
        self.reschedule(due);
        self.reschedule(expires_at);
    }

    /// Drops what has been held for four hours; answers whose it was (S65).
    pub(in super::super) fn drop_held(&mut self, now: Timestamp) -> Vec<String> {
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

    /// Every item that has not been delivered yet: those in the queue, then those that are held.
    pub(in super::super) fn waiting_items(&self) -> Vec<WaitingItem> {
        let mut items = self.queue.items();
        let mut holding: Vec<_> = self.subscriptions.values().collect();
        holding.sort_by_key(|subscription| subscription.number);
        for subscription in holding {
            items.extend(subscription.held.iter().map(|_| WaitingItem {
                subscription_id: subscription.id.clone(),
                url: subscription.notification_url.to_string(),
                state: Waiting::Held,
                due: None,
                attempt: 1,
            }));
        }
        items
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

fn filter_of(subscription: &Subscription) -> Option<&str> {
    let membership = subscription.membership.as_ref();
    membership.map(|set| set.text.as_str())
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
