//! The book of subscriptions, and what waits to be notified.

use super::call::{Call, Reply};
use super::error::GraphFault;
use super::knobs::Knobs;
use super::world::{Change, UserId, World};
use crate::model::time::Timestamp;

/// All subscriptions.
#[derive(Debug, Default)]
pub struct SubscriptionBook {}

impl SubscriptionBook {
    /// Queues a notification for every subscription that a change matches.
    pub fn announce(
        &mut self,
        _user: &UserId,
        _changes: Vec<Change>,
        _now: Timestamp,
        _rng: &mut fastrand::Rng,
        _knobs: &Knobs,
    ) {
    }
}

/// Answers a call below `/subscriptions`; `rest` is the path after it.
#[expect(
    clippy::unused_async,
    reason = "the endpoints are called before the answer"
)]
pub async fn handle(_world: &World, _call: &Call, rest: &[String]) -> Result<Reply, GraphFault> {
    Err(GraphFault::no_such_resource(
        rest.first().map_or("subscriptions", String::as_str),
    ))
}
