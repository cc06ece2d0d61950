//! What the metrics ask of the database: a few counts and instants over all mailboxes, in one statement.
//!
//! Each part reads an index, or a table whose rows are few: mailboxes, and notices, which are gone when they are done.

use super::codec::Row;
use super::dispatch::query;
use super::error::StoreError;
use super::pool::{Pools, Store};
use crate::model::mailbox::MailboxState;
use crate::model::time::Timestamp;
use crate::model::work::Lane;

/// How all mailboxes fare.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vitals {
    /// How many mailboxes are in each state that occurs.
    pub mailboxes: Vec<(MailboxState, i64)>,
    /// Connected ones whose first copy has not ended.
    pub copying: i64,
    /// Connected ones without push that is believed in.
    pub without_push: i64,
    /// The instant as of which the least recently completed mirror is complete.
    pub oldest_synced_at: Option<Timestamp>,
    /// When the cursor was due that waits the longest for a round it was asked for.
    pub dirty_since: Option<Timestamp>,
    /// When the first subscription ends.
    pub subscription_ends_at: Option<Timestamp>,
    /// Subscriptions that are doubted.
    pub subscriptions_doubted: i64,
    /// Announced items that wait.
    pub live: i64,
    /// Suspected items that wait.
    pub repair: i64,
    /// When the oldest announced item was received that has not failed.
    pub oldest_live_at: Option<Timestamp>,
    /// Items that failed at least so often as was asked.
    pub failing: i64,
    /// When each schedule last fired, in any process.
    pub ticks: Vec<(String, Timestamp)>,
}

/// The connections of one pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolUse {
    /// The pool.
    pub pool: &'static str,
    /// Open and not in use.
    pub idle: usize,
    /// In use.
    pub used: usize,
}

/// Names of the parts, what they count, and an instant of theirs. The ticks are found by jumping from name to name in
/// their key: there are hundreds of thousands of them.
const VITALS: &str = "WITH RECURSIVE schedules (name) AS (
        SELECT min(schedule) FROM ticks
        UNION ALL
        SELECT (SELECT min(schedule) FROM ticks WHERE schedule > name) FROM schedules WHERE name IS NOT NULL
    )
    SELECT 'mailboxes' AS part, state AS name, count(*) AS number, min(synced_at) AS instant
        FROM mailboxes GROUP BY state
    UNION ALL
    SELECT 'copying', '', count(*), NULL FROM mailboxes WHERE state = 'connected' AND backfilled_at IS NULL
    UNION ALL
    SELECT 'without_push', '', count(*), NULL FROM mailboxes WHERE state = 'connected' AND NOT push_healthy
    UNION ALL
    SELECT 'dirty', '', count(*), min(c.due_at) FROM cursors c JOIN mailboxes m ON m.id = c.mailbox_id
        WHERE c.due_at <= $1 AND c.marks > c.settled_marks AND m.state = 'connected'
    UNION ALL
    SELECT 'subscriptions', '', count(s.doubted_at), min(s.expires_at)
        FROM subscriptions s JOIN mailboxes m ON m.id = s.mailbox_id
        WHERE s.state = 'active' AND m.state = 'connected'
    UNION ALL
    SELECT 'notices', n.lane, count(*), min(CASE WHEN n.attempts = 0 THEN n.received_at END)
        FROM notices n JOIN mailboxes m ON m.id = n.mailbox_id WHERE m.state = 'connected' GROUP BY n.lane
    UNION ALL
    SELECT 'failing', '', count(*), NULL FROM notices WHERE attempts > 0 AND attempts >= $2
    UNION ALL
    SELECT 'tick', name, 0, (SELECT max(instant) FROM ticks WHERE schedule = name)
        FROM schedules WHERE name IS NOT NULL";

impl Store {
    /// How all mailboxes fare; items count as failing after `attempts`.
    pub async fn vitals(&self, attempts: i64, now: Timestamp) -> Result<Vitals, StoreError> {
        let rows = query(VITALS).bind(now).bind(attempts).read(self).await?;
        let mut vitals = Vitals::default();
        for row in &rows {
            vitals.take(row)?;
        }
        Ok(vitals)
    }

    /// How the connections are used.
    pub fn pools(&self) -> Vec<PoolUse> {
        let of = |pool, open: u32, idle: usize| PoolUse {
            pool,
            idle,
            used: (open as usize).saturating_sub(idle),
        };
        match &self.core.pools {
            Pools::Postgres {
                pool,
                acknowledgements,
                ..
            } => vec![
                of("shared", pool.size(), pool.num_idle()),
                of(
                    "acknowledgements",
                    acknowledgements.size(),
                    acknowledgements.num_idle(),
                ),
            ],
            Pools::Sqlite {
                writer, readers, ..
            } => vec![
                of("writer", writer.size(), writer.num_idle()),
                of("readers", readers.size(), readers.num_idle()),
            ],
        }
    }

    /// Whether PostgreSQL refused the last write because it may only be read.
    pub fn is_read_only(&self) -> bool {
        match &self.core.pools {
            Pools::Postgres { is_read_only, .. } => {
                is_read_only.load(std::sync::atomic::Ordering::Relaxed)
            }
            Pools::Sqlite { .. } => false,
        }
    }
}

impl Vitals {
    fn take(&mut self, row: &Row) -> Result<(), StoreError> {
        let number: i64 = row.get("number")?;
        let instant: Option<Timestamp> = row.find("instant")?;
        match row.get::<String>("part")?.as_str() {
            "mailboxes" => {
                let state = row.get("name")?;
                self.mailboxes.push((state, number));
                if state == MailboxState::Connected {
                    self.oldest_synced_at = instant;
                }
            }
            "copying" => self.copying = number,
            "without_push" => self.without_push = number,
            "dirty" => self.dirty_since = instant,
            "subscriptions" => {
                self.subscriptions_doubted = number;
                self.subscription_ends_at = instant;
            }
            "notices" if row.get::<Lane>("name")? == Lane::Live => {
                self.live = number;
                self.oldest_live_at = instant;
            }
            "notices" => self.repair = number,
            "failing" => self.failing = number,
            _ => self.ticks.extend(
                instant
                    .map(|at| row.get("name").map(|name| (name, at)))
                    .transpose()?,
            ),
        }
        Ok(())
    }
}
