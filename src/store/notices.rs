//! Notices: items that changed or may have, one row per item however often it was named.
//!
//! Whoever looks at an item settles the generation it saw: a notice that came meanwhile stays, and the item is looked
//! at again. Nothing here says what happened to the item; only Graph's answer does.

use super::bulk;
use super::codec::{Row, Value, Word as _, words};
use super::dispatch::{Sql, query};
use super::error::StoreError;
use super::gate::Priority;
use super::pool::Store;
use super::tx::Tx;
use crate::model::ids::{GraphId, MailboxId, SubscriptionKey, TraceId};
use crate::model::time::Timestamp;
use crate::model::work::{ChangeHint, Lane, Notice, NoticeKind};

words! {
    NoticeKind { Message = "message", Event = "event", Attachments = "attachments" }
    ChangeHint { Created = "created", Updated = "updated", Deleted = "deleted", Suspected = "suspected" }
    Lane { Command = "command", Live = "live", Repair = "repair", Backfill = "backfill", Audit = "audit" }
}

/// A notice to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewNotice {
    /// What it is about.
    pub kind: NoticeKind,
    /// The item.
    pub external_id: GraphId,
    /// [`Lane::Live`] or [`Lane::Repair`]; the others count as repair.
    pub lane: Lane,
    /// Why.
    pub hint: ChangeHint,
    /// Not before.
    pub due_at: Timestamp,
    /// What it is followed by, if somebody announced it.
    pub trace: Option<TraceId>,
}

/// A notice as somebody saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenNotice {
    /// What it is about.
    pub kind: NoticeKind,
    /// The item.
    pub external_id: GraphId,
    /// The generation that was looked at.
    pub generation: i64,
    /// When the first one of it was received.
    pub received_at: Timestamp,
    /// What that one is followed by.
    pub trace: Option<TraceId>,
}

impl From<&Notice> for SeenNotice {
    fn from(notice: &Notice) -> Self {
        Self {
            kind: notice.kind,
            external_id: notice.external_id.clone(),
            generation: notice.generation,
            received_at: notice.received_at,
            trace: notice.trace,
        }
    }
}

/// How much waits for a mailbox.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Announced items that wait.
    pub live: i64,
    /// Suspected items that wait.
    pub repair: i64,
    /// When the oldest announced item that has not failed yet was received; the lag of the mirror counts from there.
    pub oldest_live_at: Option<Timestamp>,
}

/// What became of parked notices.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ParkedOutcome {
    /// Their subscription is known by now, and they wait for the home of its mailbox.
    pub recorded: u64,
    /// They were parked long enough, or their mailbox is not mirrored.
    pub dropped: u64,
}

/// What a further notice does to the one that waits: an announced item goes before a suspected one and at once; a
/// suspicion does not hurry an item that has failed.
pub(super) const COALESCE: &str = "ON CONFLICT (mailbox_id, kind, external_id) DO UPDATE SET
    generation = notices.generation + 1,
    lane = CASE WHEN excluded.lane = 'live' THEN 'live' ELSE notices.lane END,
    hint = CASE WHEN excluded.lane = 'repair' AND notices.lane = 'live' THEN notices.hint ELSE excluded.hint END,
    due_at = CASE WHEN excluded.lane = 'repair' AND notices.attempts > 0 THEN notices.due_at
                  WHEN excluded.due_at < notices.due_at THEN excluded.due_at
                  ELSE notices.due_at END,
    attempts = CASE WHEN excluded.lane = 'live' THEN 0 ELSE notices.attempts END,
    trace_id = COALESCE(notices.trace_id, excluded.trace_id)";

impl Store {
    /// The notices of a mailbox whose time has come: announced ones first, then the longest due.
    pub async fn notices_due(
        &self,
        mailbox: MailboxId,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<Notice>, StoreError> {
        query(
            "SELECT * FROM notices WHERE mailbox_id = $1 AND due_at <= $2
             ORDER BY lane, due_at, kind, external_id LIMIT $3",
        )
        .bind(mailbox)
        .bind(now)
        .bind(i64::from(limit))
        .read(self)
        .await?
        .iter()
        .map(read)
        .collect()
    }

    /// The notice that waits for an item, if one does.
    pub async fn notice_get(
        &self,
        mailbox: MailboxId,
        kind: NoticeKind,
        external_id: &GraphId,
    ) -> Result<Option<Notice>, StoreError> {
        query("SELECT * FROM notices WHERE mailbox_id = $1 AND kind = $2 AND external_id = $3")
            .bind(mailbox)
            .bind(kind)
            .bind(external_id)
            .read_one(self)
            .await?
            .as_ref()
            .map(read)
            .transpose()
    }

    /// When the next notice of a mailbox is due; past when one is now.
    pub async fn notices_next_due(
        &self,
        mailbox: MailboxId,
    ) -> Result<Option<Timestamp>, StoreError> {
        let row = query("SELECT min(due_at) AS due_at FROM notices WHERE mailbox_id = $1")
            .bind(mailbox)
            .read_one(self)
            .await?;
        row.map_or(Ok(None), |row| row.find("due_at"))
    }

    /// When the next notice of a lane is due.
    pub async fn notices_next_due_in(
        &self,
        mailbox: MailboxId,
        lane: Lane,
    ) -> Result<Option<Timestamp>, StoreError> {
        let row =
            query("SELECT min(due_at) AS due_at FROM notices WHERE mailbox_id = $1 AND lane = $2")
                .bind(mailbox)
                .bind(lane)
                .read_one(self)
                .await?;
        row.map_or(Ok(None), |row| row.find("due_at"))
    }

    /// How much waits for a mailbox.
    pub async fn notices_backlog(&self, mailbox: MailboxId) -> Result<Backlog, StoreError> {
        let rows = query(
            "SELECT lane, count(*) AS waiting, min(CASE WHEN attempts = 0 THEN received_at END) AS oldest_at
             FROM notices WHERE mailbox_id = $1 GROUP BY lane",
        )
        .bind(mailbox)
        .read(self)
        .await?;
        let mut backlog = Backlog::default();
        for row in &rows {
            let waiting = row.get("waiting")?;
            if row.get::<Lane>("lane")? == Lane::Live {
                backlog.live = waiting;
                backlog.oldest_live_at = row.find("oldest_at")?;
            } else {
                backlog.repair = waiting;
            }
        }
        Ok(backlog)
    }

    /// Notices that failed at least `attempts` times, for people: the longest failing first.
    pub async fn notices_failing(
        &self,
        mailbox: MailboxId,
        attempts: i64,
        limit: u32,
    ) -> Result<Vec<Notice>, StoreError> {
        query(
            "SELECT * FROM notices WHERE mailbox_id = $1 AND attempts >= $2
             ORDER BY received_at, kind, external_id LIMIT $3",
        )
        .bind(mailbox)
        .bind(attempts)
        .bind(i64::from(limit))
        .read(self)
        .await?
        .iter()
        .map(read)
        .collect()
    }

    /// Looks again at what was parked: notices whose subscription is known by now join the others, those parked before
    /// `parked_before` are dropped (M20).
    pub async fn parked_notices_match(
        &self,
        parked_before: Timestamp,
    ) -> Result<ParkedOutcome, StoreError> {
        let mut tx = self.write(Priority::Live).await?;
        let rows = query(
            "SELECT p.id, p.external_id, p.hint, p.received_at, p.trace_id, s.mailbox_id, s.kind, m.state
             FROM parked_notices p JOIN subscriptions s ON s.key = p.key JOIN mailboxes m ON m.id = s.mailbox_id
             ORDER BY p.received_at LIMIT 1000",
        )
        .rows(&mut tx)
        .await?;
        let mut outcome = ParkedOutcome::default();
        for row in &rows {
            query("DELETE FROM parked_notices WHERE id = $1")
                .bind(row.get::<uuid::Uuid>("id")?)
                .execute(&mut tx)
                .await?;
            if row.get::<String>("state")? != "connected" {
                outcome.dropped += 1;
                continue;
            }
            let mailbox = row.get::<MailboxId>("mailbox_id")?;
            let received_at = row.get("received_at")?;
            let notice = NewNotice {
                kind: kind_of_subscription(&row.get::<String>("kind")?),
                external_id: row.get("external_id")?,
                lane: Lane::Live,
                hint: row.get("hint")?,
                due_at: received_at,
                trace: read_trace(row)?,
            };
            tx.notices_add(mailbox, &[notice], received_at).await?;
            tx.wake(mailbox);
            outcome.recorded += 1;
        }
        outcome.dropped += query("DELETE FROM parked_notices WHERE received_at < $1")
            .bind(parked_before)
            .execute(&mut tx)
            .await?;
        tx.commit().await?;
        Ok(outcome)
    }

    /// Whether notices for this subscription are parked; it was asked for with a 201 that has not been seen.
    pub async fn parked_notices_exist(&self, key: SubscriptionKey) -> Result<bool, StoreError> {
        let row = query("SELECT id FROM parked_notices WHERE key = $1 LIMIT 1")
            .bind(key)
            .read_one(self)
            .await?;
        Ok(row.is_some())
    }
}

impl Tx {
    /// Adds notices; one that waits already for the same item takes them in. An item may be named once per call.
    pub async fn notices_add(
        &mut self,
        mailbox: MailboxId,
        notices: &[NewNotice],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        for range in bulk::chunks(notices.len(), bulk::NARROW) {
            let chunk = &notices[range];
            let text = format!(
                "INSERT INTO notices (mailbox_id, kind, external_id, lane, hint, generation, received_at, due_at,
                    attempts, trace_id) VALUES {} {COALESCE}",
                bulk::rows(self.backend(), chunk.len(), 10)
            );
            let values = chunk.iter().flat_map(|notice| {
                let lane = match notice.lane {
                    Lane::Live => Lane::Live,
                    Lane::Command | Lane::Repair | Lane::Backfill | Lane::Audit => Lane::Repair,
                };
                [
                    mailbox.into(),
                    notice.kind.into(),
                    (&notice.external_id).into(),
                    lane.into(),
                    notice.hint.into(),
                    Value::from(1),
                    now.into(),
                    notice.due_at.into(),
                    Value::from(0),
                    notice.trace.into(),
                ]
            });
            query(text).bind_all(values).execute(self).await?;
        }
        Ok(())
    }

    /// Deletes notices that were looked at, unless they were renewed meanwhile. Returns how many are gone.
    pub async fn notices_settle(
        &mut self,
        mailbox: MailboxId,
        seen: &[SeenNotice],
    ) -> Result<u64, StoreError> {
        // PostgreSQL locks in the order of the key, as the intake does: no two of them wait for each other.
        const DELETE: Sql = Sql {
            postgres: "WITH seen AS (
                    SELECT n.kind, n.external_id FROM notices n
                    JOIN UNNEST($2::text[], $3::text[], $4::bigint[]) AS s (kind, external_id, generation)
                      ON n.kind = s.kind AND n.external_id = s.external_id AND n.generation = s.generation
                    WHERE n.mailbox_id = $1 ORDER BY n.kind, n.external_id FOR UPDATE OF n
                )
                DELETE FROM notices n USING seen
                WHERE n.mailbox_id = $1 AND n.kind = seen.kind AND n.external_id = seen.external_id",
            sqlite: "DELETE FROM notices WHERE mailbox_id = $1 AND kind = $2 AND external_id = $3 AND generation = $4",
        };
        if seen.is_empty() {
            return Ok(0);
        }
        match self.backend() {
            super::pool::Backend::Postgres => {
                query(DELETE)
                    .bind(mailbox)
                    .bind(Value::Texts(
                        seen.iter()
                            .map(|notice| super::codec::Word::word(notice.kind).into())
                            .collect(),
                    ))
                    .bind(Value::Texts(
                        seen.iter()
                            .map(|notice| notice.external_id.as_str().into())
                            .collect(),
                    ))
                    .bind(Value::Ints(
                        seen.iter().map(|notice| notice.generation).collect(),
                    ))
                    .execute(self)
                    .await
            }
            super::pool::Backend::Sqlite => {
                let mut deleted = 0;
                for notice in seen {
                    deleted += query(DELETE)
                        .bind(mailbox)
                        .bind(notice.kind)
                        .bind(&notice.external_id)
                        .bind(notice.generation)
                        .execute(self)
                        .await?;
                }
                Ok(deleted)
            }
        }
    }

    /// Puts a notice off after a failure, unless it was renewed meanwhile.
    pub async fn notices_postpone(
        &mut self,
        mailbox: MailboxId,
        seen: &SeenNotice,
        due_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let postponed = query(
            "UPDATE notices SET due_at = $5, attempts = attempts + 1
             WHERE mailbox_id = $1 AND kind = $2 AND external_id = $3 AND generation = $4",
        )
        .bind(mailbox)
        .bind(seen.kind)
        .bind(&seen.external_id)
        .bind(seen.generation)
        .bind(due_at)
        .execute(self)
        .await?;
        Ok(postponed > 0)
    }

    /// Has items that failed at least `attempts` times looked at again now, as if they had never failed: one, or all of a
    /// mailbox. Signals the mailbox's home once committed. How many there were.
    pub async fn notices_retry(
        &mut self,
        mailbox: MailboxId,
        item: Option<(NoticeKind, &GraphId)>,
        attempts: i64,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let retried = query(
            "UPDATE notices SET due_at = $5, attempts = 0
             WHERE mailbox_id = $1 AND attempts >= $2 AND ($3 = '' OR kind = $3) AND ($4 = '' OR external_id = $4)",
        )
        .bind(mailbox)
        .bind(attempts)
        .bind(item.map_or("", |(kind, _)| kind.word()))
        .bind(item.map_or("", |(_, id)| id.as_str()))
        .bind(now)
        .execute(self)
        .await?;
        if retried > 0 {
            self.wake(mailbox);
        }
        Ok(retried)
    }

    /// Forgets items that failed at least `attempts` times: one, or all of a mailbox. Only a further notice, round or audit
    /// brings them up again. How many there were.
    pub async fn notices_release(
        &mut self,
        mailbox: MailboxId,
        item: Option<(NoticeKind, &GraphId)>,
        attempts: i64,
    ) -> Result<u64, StoreError> {
        query(
            "DELETE FROM notices
             WHERE mailbox_id = $1 AND attempts >= $2 AND ($3 = '' OR kind = $3) AND ($4 = '' OR external_id = $4)",
        )
        .bind(mailbox)
        .bind(attempts)
        .bind(item.map_or("", |(kind, _)| kind.word()))
        .bind(item.map_or("", |(_, id)| id.as_str()))
        .execute(self)
        .await
    }

    /// Forgets all notices of a mailbox.
    pub async fn notices_clear(&mut self, mailbox: MailboxId) -> Result<u64, StoreError> {
        query("DELETE FROM notices WHERE mailbox_id = $1")
            .bind(mailbox)
            .execute(self)
            .await
    }
}

/// What a subscription of this kind announces.
fn kind_of_subscription(kind: &str) -> NoticeKind {
    if kind == "events" {
        NoticeKind::Event
    } else {
        NoticeKind::Message
    }
}

fn read(row: &Row) -> Result<Notice, StoreError> {
    Ok(Notice {
        kind: row.get("kind")?,
        external_id: row.get("external_id")?,
        lane: row.get("lane")?,
        hint: row.get("hint")?,
        generation: row.get("generation")?,
        received_at: row.get("received_at")?,
        due_at: row.get("due_at")?,
        attempts: row.get("attempts")?,
        trace: read_trace(row)?,
    })
}

fn read_trace(row: &Row) -> Result<Option<TraceId>, StoreError> {
    Ok(row.find("trace_id")?.and_then(TraceId::new))
}
