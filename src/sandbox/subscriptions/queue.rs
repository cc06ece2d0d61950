//! What waits for which endpoint, when it is tried again, and how the endpoint has been answering
//! (F10.11 to F10.17, S59 to S62).
//!
//! The queue decides; `delivery` posts what it is given and reports back. Everything for one address
//! goes the same way, whatever subscription or application it is of, several items to a POST.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use super::super::dump::{Waiting, WaitingItem};
use super::super::knobs::Knobs;
use super::health::{Health, Standing, WINDOW, host};
use super::parcel::{Answer, Notice, Parcel};
use crate::model::time::{Timestamp, later};

/// When an item that nobody took is given up (F10.13).
const GIVEN_UP: Duration = Duration::from_hours(4);

/// The wait before the second attempt; it doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_secs(10);

/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_mins(30);

type Place = (Timestamp, u64);

#[derive(Debug, Default)]
struct Endpoint {
    waiting: BTreeMap<Place, Notice>,
    retrying: BTreeMap<Place, Parcel>,
    in_flight: usize,
}

/// What waits for which endpoint.
#[derive(Debug, Default)]
pub struct Queue {
    endpoints: BTreeMap<String, Endpoint>,
    health: HashMap<String, Health>,
    last: u64,
    /// Items delivered so far.
    pub delivered: u64,
    /// POSTs made so far.
    pub posts: u64,
}

impl Queue {
    /// Queues an item for `url`, to go out at `due`.
    pub fn push(
        &mut self,
        url: &str,
        due: Timestamp,
        notice: Notice,
        now: Timestamp,
        rng: &mut fastrand::Rng,
        knobs: &Knobs,
    ) {
        let mut due = due;
        if knobs.endpoint_states
            && let Some(health) = self.health.get_mut(&host(url))
        {
            match health.standing(now) {
                Standing::Healthy => {}
                Standing::Slow(_) => due = later(due, WINDOW),
                Standing::Dropping(_) => {
                    health.lost.push(notice.subscription_id);
                    return;
                }
            }
        }
        self.last += 1;
        let order = if knobs.notification_reorder {
            rng.u64(..)
        } else {
            self.last
        };
        self.endpoint(url).waiting.insert((due, order), notice);
    }

    fn endpoint(&mut self, url: &str) -> &mut Endpoint {
        if !self.endpoints.contains_key(url) {
            self.endpoints.insert(url.to_owned(), Endpoint::default());
        }
        self.endpoints
            .get_mut(url)
            .expect("it was put there just now")
    }

    /// What is to be posted now. Each parcel must come back through [`Queue::answered`].
    pub fn take_due(
        &mut self,
        now: Timestamp,
        rng: &mut fastrand::Rng,
        knobs: &Knobs,
    ) -> Vec<Parcel> {
        let size = knobs.notification_batch.max(1);
        let mut parcels = Vec::new();
        for (url, endpoint) in &mut self.endpoints {
            while endpoint.in_flight < knobs.notification_connections.max(1) {
                let parcel = if let Some(entry) = due_entry(&mut endpoint.retrying, now) {
                    entry
                } else {
                    let mut notices = Vec::new();
                    while notices.len() < size
                        && let Some(notice) = due_entry(&mut endpoint.waiting, now)
                    {
                        notices.push(notice);
                    }
                    if notices.is_empty() {
                        break;
                    }
                    if knobs.notification_reorder {
                        rng.shuffle(&mut notices);
                    }
                    Parcel {
                        url: url.clone(),
                        notices,
                        attempt: 1,
                        first_at: now,
                    }
                };
                endpoint.in_flight += 1;
                self.posts += 1;
                parcels.push(parcel);
            }
        }
        parcels
    }

    /// When the next thing is to be posted that does not wait for an answer first.
    pub fn next_due(&self, knobs: &Knobs) -> Option<Timestamp> {
        self.endpoints
            .values()
            .filter(|endpoint| endpoint.in_flight < knobs.notification_connections.max(1))
            .flat_map(|endpoint| {
                let waiting = endpoint.waiting.first_key_value().map(|((due, _), _)| *due);
                let retrying = endpoint
                    .retrying
                    .first_key_value()
                    .map(|((due, _), _)| *due);
                waiting.into_iter().chain(retrying)
            })
            .min()
    }

    /// A POST has ended. What was not taken is tried again, ever more rarely, for four hours (S60);
    /// answers the subscriptions whose items were given up.
    pub fn answered(
        &mut self,
        mut parcel: Parcel,
        answer: Answer,
        now: Timestamp,
        knobs: &Knobs,
    ) -> Vec<String> {
        if knobs.endpoint_states {
            let health = self.health.entry(host(&parcel.url)).or_default();
            health.answered(now, answer.took);
        }
        self.last += 1;
        let place = self.last;
        let endpoint = self.endpoint(&parcel.url);
        endpoint.in_flight = endpoint.in_flight.saturating_sub(1);
        let mut lost = Vec::new();
        if answer.taken {
            self.delivered += parcel.notices.len() as u64;
        } else {
            let again = later(now, wait(parcel.attempt));
            if later(parcel.first_at, GIVEN_UP) <= again {
                lost = parcel
                    .notices
                    .into_iter()
                    .map(|notice| notice.subscription_id)
                    .collect();
            } else if !parcel.notices.is_empty() {
                parcel.attempt += 1;
                endpoint.retrying.insert((again, place), parcel);
            }
        }
        self.endpoints.retain(|_, endpoint| {
            endpoint.in_flight > 0 || !endpoint.waiting.is_empty() || !endpoint.retrying.is_empty()
        });
        lost
    }

    /// Those who lost something while their endpoint was in the drop state that has ended by now.
    pub fn ended_drops(&mut self, now: Timestamp) -> Vec<String> {
        let mut lost = Vec::new();
        for health in self.health.values_mut() {
            if !matches!(health.standing(now), Standing::Dropping(_)) {
                lost.append(&mut health.lost);
            }
        }
        lost.sort();
        lost.dedup();
        lost
    }

    /// When the next drop state ends.
    pub fn next_ended_drop(&self) -> Option<Timestamp> {
        self.health
            .values()
            .filter(|health| !health.lost.is_empty())
            .filter_map(|health| match health.last_standing() {
                Standing::Dropping(until) => Some(until),
                _ => None,
            })
            .min()
    }

    /// Forgets what waits for a subscription that has ended.
    pub fn forget(&mut self, subscription_id: &str) {
        for endpoint in self.endpoints.values_mut() {
            endpoint
                .waiting
                .retain(|_, notice| notice.subscription_id != subscription_id);
            for parcel in endpoint.retrying.values_mut() {
                parcel
                    .notices
                    .retain(|notice| notice.subscription_id != subscription_id);
            }
            endpoint
                .retrying
                .retain(|_, parcel| !parcel.notices.is_empty());
        }
    }

    /// Every item that waits for its time or another attempt, by the address it goes to.
    pub fn items(&self) -> Vec<WaitingItem> {
        let mut items = Vec::new();
        for (url, endpoint) in &self.endpoints {
            let item = |subscription_id: &str, state, due, attempt| WaitingItem {
                subscription_id: subscription_id.to_owned(),
                url: url.clone(),
                state,
                due: Some(due),
                attempt,
            };
            for ((due, _), notice) in &endpoint.waiting {
                items.push(item(&notice.subscription_id, Waiting::Queued, *due, 1));
            }
            for ((due, _), parcel) in &endpoint.retrying {
                let notices = parcel.notices.iter();
                items.extend(notices.map(|notice| {
                    let id = &notice.subscription_id;
                    item(id, Waiting::Retrying, *due, parcel.attempt)
                }));
            }
        }
        items
    }

    /// How many items wait or are on their way again.
    pub fn waiting(&self) -> usize {
        self.waiting_by_subscription().values().sum()
    }

    /// Whether a POST is on its way.
    pub fn in_flight(&self) -> usize {
        self.endpoints
            .values()
            .map(|endpoint| endpoint.in_flight)
            .sum()
    }

    /// The same by subscription.
    pub fn waiting_by_subscription(&self) -> HashMap<&str, usize> {
        let mut waiting = HashMap::new();
        for endpoint in self.endpoints.values() {
            let retrying = endpoint
                .retrying
                .values()
                .flat_map(|parcel| &parcel.notices);
            for notice in endpoint.waiting.values().chain(retrying) {
                *waiting.entry(notice.subscription_id.as_str()).or_insert(0) += 1;
            }
        }
        waiting
    }

    /// How each endpoint is treated.
    pub fn standings(&self) -> BTreeMap<String, Standing> {
        self.health
            .iter()
            .map(|(host, health)| (host.clone(), health.last_standing()))
            .collect()
    }
}

fn due_entry<T>(entries: &mut BTreeMap<Place, T>, now: Timestamp) -> Option<T> {
    let first = entries.first_entry()?;
    (first.key().0 <= now).then(|| first.remove())
}

fn wait(attempt: u32) -> Duration {
    let doublings = attempt.saturating_sub(1).min(16);
    (FIRST_WAIT * 2_u32.pow(doublings)).min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use super::super::parcel::{FIRST_ALLOWANCE, RETRY_ALLOWANCE};
    use super::*;

    const URL: &str = "http://127.0.0.1:1/notify";

    struct Bench {
        queue: Queue,
        rng: fastrand::Rng,
        knobs: Knobs,
        now: Timestamp,
    }

    impl Bench {
        fn new() -> Self {
            Self {
                queue: Queue::default(),
                rng: fastrand::Rng::with_seed(1),
                knobs: Knobs::default(),
                now: Timestamp::UNIX_EPOCH,
            }
        }

        fn push(&mut self, subscription: &str, body: &str) {
            let (due, now) = (self.now, self.now);
            let notice = Notice {
                subscription_id: subscription.to_owned(),
                body: body.to_owned(),
                audience: None,
            };
            self.queue
                .push(URL, due, notice, now, &mut self.rng, &self.knobs);
        }

        fn take(&mut self) -> Vec<Parcel> {
            self.queue.take_due(self.now, &mut self.rng, &self.knobs)
        }

        fn answer(&mut self, parcel: Parcel, taken: bool, seconds: u64) -> Vec<String> {
            let took = Duration::from_secs(seconds);
            self.queue
                .answered(parcel, Answer { taken, took }, self.now, &self.knobs)
        }
    }

    #[test]
    fn s59_items_of_several_subscriptions_share_one_post() {
        let mut bench = Bench::new();
        bench.knobs.notification_batch = 3;
        for (subscription, body) in [("a", "1"), ("b", "2"), ("a", "3"), ("b", "4")] {
            bench.push(subscription, body);
        }

        let bodies: Vec<_> = bench
            .take()
            .iter()
            .map(|parcel| parcel.body(None))
            .collect();

        assert_eq!(bodies, ["{\"value\":[1,2,3]}", "{\"value\":[4]}"]);
    }

    #[test]
    fn s60_what_is_not_taken_is_tried_ever_more_rarely_for_four_hours() {
        let mut bench = Bench::new();
        bench.push("a", "1");
        let mut attempts = Vec::new();
        let mut lost = Vec::new();

        while lost.is_empty() {
            let parcel = bench.take().pop().expect("it is due");
            attempts.push((bench.now - Timestamp::UNIX_EPOCH, parcel.allowance()));
            lost = bench.answer(parcel, false, 0);
            if lost.is_empty() {
                bench.now = bench.queue.next_due(&bench.knobs).expect("it waits");
            }
        }

        assert_eq!(lost, ["a"]);
        assert_eq!(attempts[0].1, FIRST_ALLOWANCE);
        assert!(
            attempts[1..]
                .iter()
                .all(|(_, allowance)| *allowance == RETRY_ALLOWANCE)
        );
        let waits: Vec<_> = attempts
            .windows(2)
            .map(|pair| pair[1].0 - pair[0].0)
            .collect();
        assert!(waits.windows(2).all(|pair| pair[0] <= pair[1]));
        let final_at = attempts.last().unwrap().0;
        assert!(final_at < chrono::TimeDelta::hours(4) && final_at > chrono::TimeDelta::hours(3));
        assert_eq!(bench.queue.next_due(&bench.knobs), None);
    }

    #[test]
    fn s60_a_fast_refusal_is_tried_again_and_does_not_make_an_endpoint_slow() {
        let mut bench = Bench::new();
        for _ in 0..50 {
            bench.push("a", "1");
            let parcel = bench.take().pop().unwrap();
            bench.answer(parcel, false, 0);
        }

        assert!(
            bench
                .queue
                .standings()
                .values()
                .all(|standing| *standing == Standing::Healthy)
        );
        assert_eq!(bench.queue.waiting(), 50);
    }

    #[test]
    fn s61_a_slow_endpoint_waits_ten_minutes_and_a_dropping_one_loses_what_is_new() {
        let mut bench = Bench::new();
        for _ in 0..10 {
            bench.push("a", "1");
            let parcel = bench.take().pop().unwrap();
            bench.answer(parcel, true, 4);
        }
        bench.push("a", "late");
        assert!(bench.take().is_empty());
        bench.now = later(bench.now, WINDOW);
        assert_eq!(bench.take().len(), 1);

        let mut bench = Bench::new();
        for _ in 0..10 {
            bench.push("a", "1");
            let parcel = bench.take().pop().unwrap();
            bench.answer(parcel, true, 11);
        }
        bench.push("a", "lost");
        assert!(bench.take().is_empty());
        assert!(bench.queue.ended_drops(bench.now).is_empty());
        bench.now = bench
            .queue
            .next_ended_drop()
            .expect("something was dropped");
        assert_eq!(bench.queue.ended_drops(bench.now), ["a"]);
        bench.push("a", "new");
        assert_eq!(bench.take().len(), 1);
    }
}
