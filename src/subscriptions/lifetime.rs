//! How long a subscription may live, and when it is renewed (M24).
//!
//! Graph documents seven days, some tenants allow 4,230 minutes, and the clock that judges is Microsoft's: so less than
//! the maximum is asked for, and less still once that was refused. What was granted is Graph's to say.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chrono::TimeDelta;

use crate::model::ids::SubscriptionKey;
use crate::model::time::Timestamp;

/// What is asked for, in minutes: each maximum that was ever seen, less a margin of a quarter of an hour (F9.9, F9.10).
const LADDER: [i64; 5] = [10_080 - 15, 4_230 - 15, 2_880 - 15, 1_440 - 15, 60];

/// Which lifetimes the tenants accept, as far as this process has learned.
#[derive(Debug, Default)]
pub(super) struct Lifetimes(Mutex<HashMap<String, usize>>);

impl Lifetimes {
    /// What to ask for.
    pub(super) fn ask(&self, tenant: &str, now: Timestamp) -> Timestamp {
        let rung = self.lock().get(tenant).copied().unwrap_or_default();
        let minutes = LADDER.get(rung).copied().unwrap_or(60);
        now.checked_add_signed(TimeDelta::minutes(minutes))
            .unwrap_or(Timestamp::MAX_UTC)
    }

    /// What was asked for is too long: the next rung, from now on. False when there is none.
    pub(super) fn step_down(&self, tenant: &str) -> bool {
        let mut known = self.lock();
        let rung = known.entry(tenant.to_owned()).or_default();
        if *rung + 1 >= LADDER.len() {
            return false;
        }
        *rung += 1;
        true
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When to renew what was granted at `now` until `expires_at`: at half life, up to a tenth of the life earlier or later, so
/// that subscriptions made together are not renewed together. The same key always gets the same instant.
pub(super) fn renew_at(key: SubscriptionKey, now: Timestamp, expires_at: Timestamp) -> Timestamp {
    let life = (expires_at - now).max(TimeDelta::zero()).num_milliseconds();
    // 40 % to 60 % of the life; the last bytes of a version 7 UUID are random.
    let [.., high, low] = *key.0.as_bytes();
    let spread = i64::from(u16::from_be_bytes([high, low])) * 2_000 / i64::from(u16::MAX);
    now + TimeDelta::milliseconds(life / 10_000 * (4_000 + spread))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lifetime_that_was_refused_is_not_asked_for_again() {
        // F9.9, F9.10, M24.
        let lifetimes = Lifetimes::default();
        let now = Timestamp::UNIX_EPOCH;
        let asked = |tenant| (lifetimes.ask(tenant, now) - now).num_minutes();

        assert_eq!(asked("one"), 10_065);
        assert!(lifetimes.step_down("one"));
        assert_eq!(asked("one"), 4_215);
        assert_eq!(asked("two"), 10_065, "each tenant has its own maximum");

        while lifetimes.step_down("one") {}
        assert_eq!(asked("one"), 60);
    }

    #[test]
    fn renewal_comes_at_half_life_a_tenth_earlier_or_later() {
        // M24.
        let now = Timestamp::UNIX_EPOCH;
        let expires_at = now + TimeDelta::days(7);
        let mut instants = Vec::new();
        for _ in 0..200 {
            let at = renew_at(SubscriptionKey::generate(), now, expires_at);
            assert!(at >= now + TimeDelta::minutes(4_031) && at <= now + TimeDelta::minutes(6_049));
            instants.push(at);
        }
        instants.sort_unstable();
        instants.dedup();
        assert!(instants.len() > 100, "they are spread");
    }

    #[test]
    fn what_has_ended_already_is_due_at_once() {
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(
            renew_at(SubscriptionKey::generate(), now, now - TimeDelta::days(1)),
            now
        );
    }
}
