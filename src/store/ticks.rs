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
        let row = query("SELECT max(taken_at) AS taken_at FROM ticks")
            .read_one(self)
            .await?;
        row.map_or(Ok(None), |row| row.find("taken_at"))
    }

    /// The last tick of each schedule that ever fired.
    pub async fn ticks_newest(&self) -> Result<Vec<(String, Timestamp)>, StoreError> {
        query("SELECT schedule, max(taken_at) AS taken_at FROM ticks GROUP BY schedule ORDER BY schedule")
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
