//! Notices whose subscription was not known when they came (M20, F10.28).
//!
//! A subscription is registered before Graph is asked for it, so this is rare: a database that was restored, a replica
//! that reads behind. They are matched for a minute and then dropped; the rounds find what they told.

use chrono::TimeDelta;

use crate::model::time::Timestamp;
use crate::store::{ParkedOutcome, Store, StoreError};

/// How long an unknown subscription may stay unknown.
pub const PARKED_FOR: TimeDelta = TimeDelta::seconds(60);

/// Matches parked notices with the subscriptions known by now, and drops those that waited long enough. To be called
/// by a schedule, every half minute or so.
pub async fn settle_parked(store: &Store, now: Timestamp) -> Result<ParkedOutcome, StoreError> {
    store.parked_notices_match(now - PARKED_FOR).await
}
