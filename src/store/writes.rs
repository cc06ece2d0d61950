//! Whether the database takes writes, by what came of those there were.
//!
//! Reads are answered by a full disk and by a standby too, so readiness alone would not tell. Nothing is tried for it: the
//! schedules write a row every few seconds, and their outcome is remembered here. Only a transaction that changed a row is proof
//! that writes are taken again; one that found nothing to do succeeds on a full disk as well.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::error::StoreError;
use super::gate::Priority;
use super::pool::{Backend, Store};
use crate::model::time::Timestamp;
use crate::store::OauthState;

/// Writes are refused, at present.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WritesRefused {
    /// Why, in a sentence that names nobody.
    pub reason: String,
    /// Since when this process knows.
    pub since: Timestamp,
}

/// What came of the last writes of this process.
#[derive(Debug, Default)]
pub(super) struct Writes(Mutex<Option<WritesRefused>>);

impl Writes {
    pub(super) fn failed(&self, error: &StoreError, backend: Backend, now: Timestamp) {
        let concerns_all = match error {
            StoreError::DiskFull(_) | StoreError::ReadOnly(_) | StoreError::Forbidden(_) => true,
            // The disk fails under the file: a server that is away fails reads as well.
            StoreError::Unreachable(_) => backend == Backend::Sqlite,
            _ => false,
        };
        if concerns_all {
            let mut refused = self.lock();
            let since = refused.as_ref().map_or(now, |before| before.since);
            let reason = error.to_string();
            *refused = Some(WritesRefused { reason, since });
        }
    }

    pub(super) fn succeeded(&self) {
        self.lock().take();
    }

    fn lock(&self) -> MutexGuard<'_, Option<WritesRefused>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store {
    /// Why the database takes no writes, as far as this process has met it and until one succeeds.
    pub fn writes_refused(&self) -> Option<WritesRefused> {
        self.core.writes.lock().clone()
    }

    /// Commits a row and deletes it again. It is a sign-in that ended before it began, which nobody can take and which the schedules
    /// clear away should the process end in between; a transaction that is undone would not show a full disk.
    pub async fn write_probe(&self) -> Result<(), StoreError> {
        let now = self.core.clock.now();
        let name = format!("probe-{}", uuid::Uuid::new_v4().simple());
        self.oauth_state_add(&OauthState {
            state_hash: name.clone(),
            owner: "probe".into(),
            sealed_verifier: String::new(),
            redirect_uri: String::new(),
            login_hint: None,
            created_at: now,
            expires_at: now,
        })
        .await?;
        let mut tx = self.write(Priority::Acknowledgement).await?;
        super::dispatch::query("DELETE FROM oauth_states WHERE state_hash = $1")
            .bind(&name)
            .execute(&mut tx)
            .await?;
        tx.commit().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_remembered_with_its_first_instant_until_a_row_is_written() {
        let writes = Writes::default();
        let full = || StoreError::DiskFull(sqlx::Error::RowNotFound);
        let first = Timestamp::UNIX_EPOCH;

        writes.failed(&StoreError::Busy, Backend::Sqlite, first);
        assert_eq!(*writes.lock(), None, "busy is no refusal");
        writes.failed(&full(), Backend::Sqlite, first);
        writes.failed(
            &full(),
            Backend::Sqlite,
            first + chrono::TimeDelta::hours(1),
        );

        let refused = writes.lock().clone().expect("it is refused");
        assert_eq!(refused.since, first);
        assert!(refused.reason.contains("full"), "{}", refused.reason);
        writes.succeeded();
        assert_eq!(*writes.lock(), None);
    }

    #[test]
    fn a_server_that_is_away_is_no_refusal_of_writes_and_a_failing_disk_is() {
        let away = || StoreError::Unreachable(sqlx::Error::PoolClosed);
        for (backend, is_refused) in [(Backend::Postgres, false), (Backend::Sqlite, true)] {
            let writes = Writes::default();

            writes.failed(&away(), backend, Timestamp::UNIX_EPOCH);

            assert_eq!(writes.lock().is_some(), is_refused, "{backend:?}");
        }
    }
}
