//! Ticks: what the schedules have set off.
//!
//! Every replica runs every schedule; the first to write the row of an instant takes the tick, so no leader is needed.

use super::dispatch::query;
use super::error::StoreError;
use super::gate::Priority;
use super::pool::Store;
use crate::model::time::Timestamp;

impl Store {
    /// Takes the tick of a schedule; false when another process has taken it.
    pub async fn ticks_take(
        &self,
        schedule: &str,
        instant: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write(Priority::Live).await?;
        let taken = query(
            "INSERT INTO ticks (schedule, instant, taken_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        )
        .bind(schedule)
        .bind(instant)
        .bind(now)
        .execute(&mut tx)
        .await?;
        tx.commit().await?;
        Ok(taken > 0)
    }

    /// The last tick that anybody took, of any schedule: an old one means that the schedules have stopped.
    pub async fn ticks_last(&self) -> Result<Option<Timestamp>, StoreError> {
        let newest = self.ticks_newest().await?;
        Ok(newest.into_iter().map(|(_, taken_at)| taken_at).max())
    }

    /// The last tick of each schedule that ever fired. A month of ticks is kept: the key is jumped through, from one schedule to the
    /// next and to its end.
    pub async fn ticks_newest(&self) -> Result<Vec<(String, Timestamp)>, StoreError> {
        query(
            "WITH RECURSIVE schedules (name) AS (
                SELECT min(schedule) FROM ticks
                UNION ALL
                SELECT (SELECT min(schedule) FROM ticks WHERE schedule > name) FROM schedules WHERE name IS NOT NULL
             )
             SELECT name AS schedule,
                (SELECT taken_at FROM ticks WHERE schedule = name ORDER BY instant DESC LIMIT 1) AS taken_at
             FROM schedules WHERE name IS NOT NULL ORDER BY name",
        )
            .read(self)
            .await?
            .iter()
            .map(|row| Ok((row.get("schedule")?, row.get("taken_at")?)))
            .collect()
    }

    /// Deletes what has served its time: ticks, tombstones, finished commands and sign-ins from before.
    pub async fn expired_prune(&self, before: Timestamp) -> Result<u64, StoreError> {
        let mut deleted = 0;
        for statement in [
            "DELETE FROM ticks WHERE taken_at < $1",
            "DELETE FROM tombstones WHERE deleted_at < $1",
            "DELETE FROM commands WHERE finished_at < $1",
            "DELETE FROM oauth_states WHERE expires_at < $1",
        ] {
            let mut tx = self.write(Priority::Bulk).await?;
            deleted += query(statement).bind(before).execute(&mut tx).await?;
            tx.commit().await?;
        }
        Ok(deleted)
    }
}
