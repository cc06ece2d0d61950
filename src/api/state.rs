//! What handlers share.

use std::time::Duration;

use super::metrics::Pulse;
use crate::blobs::Blobs;
use crate::mailboxes::Connections;
use crate::model::time::{SharedClock, Timestamp};
use crate::oauth::Platform;
use crate::store::Store;

/// How long a request waits for the outcome of work before it answers that the work goes on.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// What handlers share; cheap to clone.
#[derive(Clone)]
pub struct Api {
    /// The database.
    pub store: Store,
    /// Time.
    pub clock: SharedClock,
    /// Begins and completes sign-ins.
    pub connections: Connections,
    /// The identity platform, for what it thinks of our app registration.
    pub platform: Platform,
    /// Contents.
    pub blobs: Blobs,
    /// Whether the contents of attachments are fetched when somebody asks for them.
    pub fetches_attachments: bool,
    /// Since when this process answers.
    pub started_at: Timestamp,
    /// What the database said last of how it fares.
    pub pulse: Pulse,
    /// How long a request waits for the outcome of work; [`PATIENCE`] unless a test has less.
    pub patience: Duration,
}

impl Api {
    /// With everything a handler needs.
    pub fn new(
        store: Store,
        clock: SharedClock,
        connections: Connections,
        platform: Platform,
        blobs: Blobs,
    ) -> Self {
        let started_at = clock.now();
        Self {
            store,
            clock,
            connections,
            platform,
            blobs,
            fetches_attachments: true,
            started_at,
            pulse: Pulse::default(),
            patience: PATIENCE,
        }
    }
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api")
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}
