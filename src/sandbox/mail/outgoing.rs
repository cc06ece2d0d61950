//! Mail on its way out.

use crate::model::time::Timestamp;
use crate::sandbox::world::State;

/// What was sent and has not left yet.
#[derive(Debug, Default)]
pub struct Outgoing {}

impl Outgoing {
    /// When the next one leaves.
    pub fn next_due(&self) -> Option<Timestamp> {
        None
    }
}

/// Lets leave what is due.
pub fn settle(_state: &mut State) {}
