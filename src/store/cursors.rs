//! Delta cursors: how far the rounds of a mailbox have come.
//!
//! A page and the link after it are saved in one transaction ([`Tx::cursor_save`] beside the rows). Marks that ask for
//! a round are counted, and a round settles those that had been made when its cursor was read: a mark made while the
//! round is under way survives its end.

use super::codec::{Row, Value, words};
use super::dispatch::query;
use super::error::StoreError;
use super::pool::Store;
use super::tx::Tx;
use crate::model::ids::{GraphId, MailboxId};
use crate::model::time::Timestamp;
use crate::model::work::{Cursor, CursorScope, CursorState, Link};

words! {
    CursorState { Empty = "empty", Fetching = "fetching", Idle = "idle" }
}

/// Which cursors of a mailbox are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CursorFilter<'a> {
    /// All.
    All,
    /// One.
    Scope(&'a CursorScope),
    /// Those of message folders, and the folder tree.
    Mail,
    /// Those of calendar windows.
    Views,
    /// The windows of one calendar.
    Calendar(&'a GraphId),
}

/// The columns by which a cursor is found.
struct Place<'a> {
    kind: &'static str,
    container: &'a str,
    window_start: Timestamp,
    window_end: Option<Timestamp>,
}

fn place(scope: &CursorScope) -> Place<'_> {
    match scope {
        CursorScope::Folders => Place {
            kind: "folders",
            container: "",
            window_start: Timestamp::UNIX_EPOCH,
            window_end: None,
        },
        CursorScope::Messages { folder } => Place {
            kind: "messages",
            container: folder.as_str(),
            window_start: Timestamp::UNIX_EPOCH,
            window_end: None,
        },
        CursorScope::View {
            calendar,
            start,
            end,
        } => Place {
            kind: "view",
            container: calendar.as_str(),
            window_start: *start,
            window_end: Some(*end),
        },
    }
}

impl Store {
    /// The cursors of a mailbox: the tree, then folders, then windows.
    pub async fn cursors_list(&self, mailbox: MailboxId) -> Result<Vec<Cursor>, StoreError> {
        query("SELECT * FROM cursors WHERE mailbox_id = $1 ORDER BY kind, container, window_start")
            .bind(mailbox)
            .read(self)
            .await?
            .iter()
            .map(read)
            .collect()
    }

    /// The cursors of a mailbox's calendars, in their order in [`cursors_list`](Self::cursors_list).
    pub async fn cursors_of_views(&self, mailbox: MailboxId) -> Result<Vec<Cursor>, StoreError> {
        query(
            "SELECT * FROM cursors WHERE mailbox_id = $1 AND kind = 'view' ORDER BY container, window_start",
        )
        .bind(mailbox)
        .read(self)
        .await?
        .iter()
        .map(read)
        .collect()
    }

    /// When the next cursor of a mailbox is due; past when one is now.
    pub async fn cursors_next_due(
        &self,
        mailbox: MailboxId,
    ) -> Result<Option<Timestamp>, StoreError> {
        let row = query("SELECT min(due_at) AS due_at FROM cursors WHERE mailbox_id = $1")
            .bind(mailbox)
            .read_one(self)
            .await?;
        row.map_or(Ok(None), |row| row.find("due_at"))
    }

    /// The cursors of a mailbox whose time has come, the longest due first.
    pub async fn cursors_due(
        &self,
        mailbox: MailboxId,
        now: Timestamp,
    ) -> Result<Vec<Cursor>, StoreError> {
        query(
            "SELECT * FROM cursors WHERE mailbox_id = $1 AND due_at <= $2
             ORDER BY due_at, kind, container, window_start",
        )
        .bind(mailbox)
        .bind(now)
        .read(self)
        .await?
        .iter()
        .map(read)
        .collect()
    }

    /// One cursor.
    pub async fn cursor_get(
        &self,
        mailbox: MailboxId,
        scope: &CursorScope,
    ) -> Result<Option<Cursor>, StoreError> {
        let place = place(scope);
        query(
            "SELECT * FROM cursors
             WHERE mailbox_id = $1 AND kind = $2 AND container = $3 AND window_start = $4",
        )
        .bind(mailbox)
        .bind(place.kind)
        .bind(place.container)
        .bind(place.window_start)
        .read_one(self)
        .await?
        .as_ref()
        .map(read)
        .transpose()
    }
}

impl Tx {
    /// Saves a cursor, in the transaction of what it stands behind. One that is not dirty settles the marks it was
    /// read with; when more have been made since, it stays dirty, and is due no later than they asked.
    pub async fn cursor_save(
        &mut self,
        mailbox: MailboxId,
        cursor: &Cursor,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let place = place(&cursor.scope);
        let marks = cursor.marks.max(i64::from(cursor.is_dirty));
        let settled = if cursor.is_dirty { marks - 1 } else { marks };
        query(
            "INSERT INTO cursors (mailbox_id, kind, container, window_start, window_end, state, link, round, is_full,
                round_started_at, marks, settled_marks, due_at, last_ok_at, failures, page_size, seen, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
             ON CONFLICT (mailbox_id, kind, container, window_start) DO UPDATE SET
                window_end = excluded.window_end, state = excluded.state, link = excluded.link,
                round = excluded.round, is_full = excluded.is_full, round_started_at = excluded.round_started_at,
                marks = CASE WHEN cursors.marks < excluded.marks THEN excluded.marks ELSE cursors.marks END,
                settled_marks = CASE
                    WHEN excluded.marks = excluded.settled_marks AND cursors.settled_marks < excluded.settled_marks
                        THEN excluded.settled_marks
                    WHEN excluded.marks > excluded.settled_marks AND cursors.settled_marks >= excluded.marks
                        THEN cursors.marks - 1
                    ELSE cursors.settled_marks END,
                due_at = CASE WHEN cursors.marks > excluded.marks AND cursors.due_at < excluded.due_at
                        THEN cursors.due_at ELSE excluded.due_at END,
                last_ok_at = excluded.last_ok_at, failures = excluded.failures, page_size = excluded.page_size,
                seen = excluded.seen, updated_at = excluded.updated_at",
        )
        .bind(mailbox)
        .bind(place.kind)
        .bind(place.container)
        .bind(place.window_start)
        .bind(place.window_end)
        .bind(cursor.state)
        .bind(cursor.link.as_ref().map(|link| link.0.as_str()))
        .bind(cursor.round)
        .bind(cursor.is_full)
        .bind(cursor.round_started_at)
        .bind(marks)
        .bind(settled)
        .bind(cursor.due_at)
        .bind(cursor.last_ok_at)
        .bind(cursor.failures)
        .bind(cursor.page_size)
        .bind(cursor.seen)
        .bind(now)
        .execute(self)
        .await?;
        Ok(())
    }

    /// Asks for a round of some cursors, at `due_at` or when they are due anyway, whichever is earlier.
    pub async fn cursors_mark_dirty(
        &mut self,
        mailbox: MailboxId,
        filter: CursorFilter<'_>,
        due_at: Timestamp,
    ) -> Result<u64, StoreError> {
        const MARK: &str = "UPDATE cursors SET marks = marks + 1,
            due_at = CASE WHEN due_at < $2 THEN due_at ELSE $2 END, updated_at = $3 WHERE mailbox_id = $1";
        let (condition, values) = condition(filter);
        query(format!("{MARK}{condition}"))
            .bind(mailbox)
            .bind(due_at)
            .bind(self.now())
            .bind_all(values)
            .execute(self)
            .await
    }

    /// Throws links away: the next round of these cursors is full, from the beginning, and due at `due_at`.
    pub async fn cursors_reset(
        &mut self,
        mailbox: MailboxId,
        filter: CursorFilter<'_>,
        due_at: Timestamp,
    ) -> Result<u64, StoreError> {
        const RESET: &str =
            "UPDATE cursors SET state = 'empty', link = NULL, round_started_at = NULL, seen = 0,
            marks = marks + 1, due_at = $2, updated_at = $3 WHERE mailbox_id = $1";
        let (condition, values) = condition(filter);
        query(format!("{RESET}{condition}"))
            .bind(mailbox)
            .bind(due_at)
            .bind(self.now())
            .bind_all(values)
            .execute(self)
            .await
    }

    /// Forgets cursors.
    pub async fn cursors_delete(
        &mut self,
        mailbox: MailboxId,
        filter: CursorFilter<'_>,
    ) -> Result<u64, StoreError> {
        // `$2` and `$3` are there so that the conditions count alike for all three statements.
        let (condition, values) = condition(filter);
        query(format!(
            "DELETE FROM cursors WHERE mailbox_id = $1 AND $2 AND $3{condition}"
        ))
        .bind(mailbox)
        .bind(true)
        .bind(true)
        .bind_all(values)
        .execute(self)
        .await
    }
}

/// The rest of a WHERE whose next placeholder is `$4`, and its values.
fn condition(filter: CursorFilter<'_>) -> (&'static str, Vec<Value<'_>>) {
    match filter {
        CursorFilter::All => ("", Vec::new()),
        CursorFilter::Mail => (" AND kind IN ('folders', 'messages')", Vec::new()),
        CursorFilter::Views => (" AND kind = 'view'", Vec::new()),
        CursorFilter::Calendar(calendar) => (
            " AND kind = 'view' AND container = $4",
            vec![calendar.into()],
        ),
        CursorFilter::Scope(scope) => {
            let place = place(scope);
            (
                " AND kind = $4 AND container = $5 AND window_start = $6",
                vec![
                    place.kind.into(),
                    place.container.into(),
                    place.window_start.into(),
                ],
            )
        }
    }
}

fn read(row: &Row) -> Result<Cursor, StoreError> {
    let container = row.get::<GraphId>("container")?;
    let scope = match row.get::<String>("kind")?.as_str() {
        "messages" => CursorScope::Messages { folder: container },
        "view" => CursorScope::View {
            calendar: container,
            start: row.get("window_start")?,
            end: row.get("window_end")?,
        },
        _ => CursorScope::Folders,
    };
    let marks = row.get::<i64>("marks")?;
    Ok(Cursor {
        scope,
        state: row.get("state")?,
        link: row.find::<String>("link")?.map(Link),
        round: row.get("round")?,
        is_full: row.get("is_full")?,
        round_started_at: row.find("round_started_at")?,
        is_dirty: marks > row.get::<i64>("settled_marks")?,
        marks,
        due_at: row.get("due_at")?,
        last_ok_at: row.find("last_ok_at")?,
        failures: row.get("failures")?,
        page_size: row.get("page_size")?,
        seen: row.get("seen")?,
    })
}
