//! Mailboxes: who is connected, and in which state. Who serves them stands in `leases`.
//!
//! The row of the mailbox is always the first that a transaction locks, so that no two of them wait for each other.

use super::codec::{JsonText, Row, Value, words};
use super::commands;
use super::dispatch::{Sql, query};
use super::error::StoreError;
use super::gate::Priority;
use super::pool::Store;
use super::tx::Tx;
use crate::model::ids::{GraphId, MailboxId, Owner};
use crate::model::mailbox::{Mailbox, MailboxState, StateReason};
use crate::model::time::Timestamp;
use crate::model::work::Wish;

words! {
    MailboxState {
        Connected = "connected",
        NeedsReauth = "needs_reauth",
        Suspended = "suspended",
        Disconnected = "disconnected",
    }
    StateReason {
        GrantRevoked = "grant_revoked",
        GrantExpired = "grant_expired",
        InteractionRequired = "interaction_required",
        ConsentRequired = "consent_required",
        BlockedByPolicy = "blocked_by_policy",
        UserGone = "user_gone",
        AccessDenied = "access_denied",
        MailboxUnavailable = "mailbox_unavailable",
        TokenRefused = "token_refused",
        ByRequest = "by_request",
    }
}

/// An account that has just signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMailbox {
    /// Who owns it in the host application.
    pub owner: Owner,
    /// The account's object id.
    pub user_id: GraphId,
    /// Its tenant, when known.
    pub tenant_id: Option<String>,
    /// Its address.
    pub address: String,
    /// The person's name.
    pub display_name: Option<String>,
}

/// One thing worth remembering on the mailbox's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailboxMark {
    /// The folder tree was walked whole.
    FoldersAt(Timestamp),
    /// The calendars were listed.
    CalendarsAt(Timestamp),
    /// Complete as of this instant.
    SyncedAt(Timestamp),
    /// Everything was copied for the first time; a later mark changes nothing.
    BackfilledAt(Timestamp),
    /// A notice was taken up.
    NoticedAt(Timestamp),
    /// The next audit.
    AuditAt(Option<Timestamp>),
    /// No request before.
    NotBefore(Option<Timestamp>),
    /// Attention needed at the latest then; an earlier instant that stands there stays.
    WorkAt(Timestamp),
    /// Whether push is believed to work, and why.
    Push {
        /// Believed to work.
        healthy: bool,
        /// Why, for people.
        reason: Option<String>,
    },
    /// Whether messages are mirrored with all their headers.
    InternetHeaders(bool),
    /// What its home has asked of Graph in the last ten minutes: JSON, as `home` writes and reads it.
    RequestsSpent(String),
}

impl Store {
    /// One mailbox.
    pub async fn mailbox_get(&self, mailbox: MailboxId) -> Result<Option<Mailbox>, StoreError> {
        query("SELECT * FROM mailboxes WHERE id = $1")
            .bind(mailbox)
            .read_one(self)
            .await?
            .as_ref()
            .map(read)
            .transpose()
    }

    /// Whether the messages of the mailbox are mirrored with all their headers, as far as its cursors go.
    pub async fn mailbox_has_headers(&self, mailbox: MailboxId) -> Result<bool, StoreError> {
        let row = query("SELECT internet_headers FROM mailboxes WHERE id = $1")
            .bind(mailbox)
            .read_one(self)
            .await?;
        row.map_or(Ok(false), |row| row.get("internet_headers"))
    }

    /// What a home of the mailbox wrote down last as [`MailboxMark::RequestsSpent`].
    pub async fn mailbox_requests_spent(
        &self,
        mailbox: MailboxId,
    ) -> Result<Option<String>, StoreError> {
        let row = query("SELECT requests_spent FROM mailboxes WHERE id = $1")
            .bind(mailbox)
            .read_one(self)
            .await?;
        let json = row.map_or(Ok(None), |row| {
            row.find::<JsonText<'static>>("requests_spent")
        })?;
        Ok(json.map(|json| json.0.into_owned()))
    }

    /// The mailboxes of an owner, or all, by address.
    pub async fn mailboxes_list(&self, owner: Option<&Owner>) -> Result<Vec<Mailbox>, StoreError> {
        let found = match owner {
            Some(owner) => {
                query("SELECT * FROM mailboxes WHERE owner = $1 ORDER BY address, id").bind(owner)
            }
            None => query("SELECT * FROM mailboxes ORDER BY address, owner, id"),
        };
        found.read(self).await?.iter().map(read).collect()
    }

    /// The mailbox of an owner with this account, if it was ever connected.
    pub async fn mailbox_find(
        &self,
        owner: &Owner,
        user_id: &GraphId,
    ) -> Result<Option<Mailbox>, StoreError> {
        query("SELECT * FROM mailboxes WHERE owner = $1 AND user_id = $2")
            .bind(owner)
            .bind(user_id)
            .read_one(self)
            .await?
            .as_ref()
            .map(read)
            .transpose()
    }

    /// The person signed in: makes the mailbox, or brings it back to work with its data kept. The second value says
    /// whether it is new.
    pub async fn mailbox_connect(
        &self,
        new: &NewMailbox,
        now: Timestamp,
    ) -> Result<(MailboxId, bool), StoreError> {
        let mut tx = self.write(Priority::Acknowledgement).await?;
        let connected = tx.mailbox_connect(new, now).await?;
        tx.commit().await?;
        Ok(connected)
    }

    /// Remembers things on the row of a mailbox, outside any larger transaction.
    pub async fn mailbox_mark(
        &self,
        mailbox: MailboxId,
        marks: &[MailboxMark],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.write(Priority::Live).await?;
        tx.mailbox_mark(mailbox, marks, now).await?;
        tx.commit().await
    }
}

impl Tx {
    /// See [`Store::mailbox_connect`]. Ends the wishes to disconnect that still wait, and signals the homes.
    pub async fn mailbox_connect(
        &mut self,
        new: &NewMailbox,
        now: Timestamp,
    ) -> Result<(MailboxId, bool), StoreError> {
        let fresh = MailboxId::generate();
        let row = query(
            "INSERT INTO mailboxes (id, owner, user_id, tenant_id, address, display_name, state, state_since,
                connected_at, work_at, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, 'connected', $7, $7, $7, $7, $7)
             ON CONFLICT (owner, user_id) DO UPDATE SET
                tenant_id = COALESCE(excluded.tenant_id, mailboxes.tenant_id),
                address = excluded.address,
                display_name = excluded.display_name,
                state_since = CASE WHEN mailboxes.state = 'connected' THEN mailboxes.state_since
                                   ELSE excluded.state_since END,
                state = 'connected', state_reason = NULL, not_before = NULL,
                work_at = excluded.work_at, updated_at = excluded.updated_at
             RETURNING id",
        )
        .bind(fresh)
        .bind(&new.owner)
        .bind(&new.user_id)
        .bind(&new.tenant_id)
        .bind(&new.address)
        .bind(&new.display_name)
        .bind(now)
        .row(self)
        .await?
        .ok_or_else(no_row)?;
        let id = row.get::<MailboxId>("id")?;
        self.disconnects_revoke(id, now).await?;
        self.wake(id);
        Ok((id, id == fresh))
    }

    /// Ends the wishes to disconnect that nobody has fulfilled yet: whoever signed in since then wants the mailbox, and a
    /// home that comes late must not undo it.
    async fn disconnects_revoke(
        &mut self,
        mailbox: MailboxId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let waiting = query("SELECT * FROM commands WHERE mailbox_id = $1 AND finished_at IS NULL")
            .bind(mailbox)
            .rows(self)
            .await?;
        for row in &waiting {
            let command = commands::read(row)?;
            if command.wish == Wish::Disconnect {
                let outcome = Err("the mailbox was connected again".to_owned());
                self.command_finish(mailbox, command.id, &outcome, now)
                    .await?;
            }
        }
        Ok(())
    }

    /// Moves a mailbox into a state. Nothing is written when it is in that state for that reason already; whether
    /// something was is the answer.
    pub async fn mailbox_state_set(
        &mut self,
        mailbox: MailboxId,
        state: MailboxState,
        reason: Option<StateReason>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        const SET: Sql = Sql {
            postgres: "UPDATE mailboxes SET state = $2, state_reason = $3, state_since = $4, updated_at = $4
                WHERE id = $1 AND (state <> $2 OR state_reason IS DISTINCT FROM $3)",
            sqlite: "UPDATE mailboxes SET state = $2, state_reason = $3, state_since = $4, updated_at = $4
                WHERE id = $1 AND (state <> $2 OR state_reason IS NOT $3)",
        };
        let changed = query(SET)
            .bind(mailbox)
            .bind(state)
            .bind(reason)
            .bind(now)
            .execute(self)
            .await?;
        Ok(changed > 0)
    }

    /// Remembers things on the row of a mailbox.
    pub async fn mailbox_mark(
        &mut self,
        mailbox: MailboxId,
        marks: &[MailboxMark],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        for mark in marks {
            let (statement, values): (&'static str, Vec<Value<'_>>) = match mark {
                MailboxMark::FoldersAt(at) => {
                    ("UPDATE mailboxes SET folders_at = $3, updated_at = $2 WHERE id = $1", vec![(*at).into()])
                }
                MailboxMark::CalendarsAt(at) => {
                    ("UPDATE mailboxes SET calendars_at = $3, updated_at = $2 WHERE id = $1", vec![(*at).into()])
                }
                MailboxMark::SyncedAt(at) => {
                    ("UPDATE mailboxes SET synced_at = $3, updated_at = $2 WHERE id = $1", vec![(*at).into()])
                }
                MailboxMark::BackfilledAt(at) => (
                    "UPDATE mailboxes SET backfilled_at = COALESCE(backfilled_at, $3), updated_at = $2 WHERE id = $1",
                    vec![(*at).into()],
                ),
                MailboxMark::NoticedAt(at) => {
                    ("UPDATE mailboxes SET noticed_at = $3, updated_at = $2 WHERE id = $1", vec![(*at).into()])
                }
                MailboxMark::AuditAt(at) => {
                    ("UPDATE mailboxes SET audit_at = $3, updated_at = $2 WHERE id = $1", vec![(*at).into()])
                }
                MailboxMark::NotBefore(at) => {
                    ("UPDATE mailboxes SET not_before = $3, updated_at = $2 WHERE id = $1", vec![(*at).into()])
                }
                MailboxMark::WorkAt(at) => (
                    "UPDATE mailboxes SET work_at = CASE WHEN work_at <= $3 THEN work_at ELSE $3 END, updated_at = $2
                     WHERE id = $1",
                    vec![(*at).into()],
                ),
                MailboxMark::Push { healthy, reason } => (
                    "UPDATE mailboxes SET push_healthy = $3, push_reason = $4, updated_at = $2 WHERE id = $1",
                    vec![(*healthy).into(), reason.into()],
                ),
                MailboxMark::InternetHeaders(with) => (
                    "UPDATE mailboxes SET internet_headers = $3, updated_at = $2 WHERE id = $1",
                    vec![(*with).into()],
                ),
                MailboxMark::RequestsSpent(json) => (
                    "UPDATE mailboxes SET requests_spent = $3, updated_at = $2 WHERE id = $1",
                    vec![Value::json(json.as_str())],
                ),
            };
            query(statement)
                .bind(mailbox)
                .bind(now)
                .bind_all(values)
                .execute(self)
                .await?;
        }
        Ok(())
    }
}

pub(super) fn no_row() -> StoreError {
    StoreError::Refused(sqlx::Error::RowNotFound)
}

pub(super) fn read(row: &Row) -> Result<Mailbox, StoreError> {
    Ok(Mailbox {
        id: row.get("id")?,
        owner: row.get("owner")?,
        user_id: row.get("user_id")?,
        tenant_id: row.find("tenant_id")?,
        address: row.get("address")?,
        display_name: row.find("display_name")?,
        state: row.get("state")?,
        state_reason: row.find("state_reason")?,
        state_since: row.get("state_since")?,
        connected_at: row.get("connected_at")?,
        lease_token: row.find("lease_token")?,
        lease_until: row.find("lease_until")?,
        not_before: row.find("not_before")?,
        work_at: row.find("work_at")?,
        feed_position: row.get("feed_position")?,
        push_healthy: row.get("push_healthy")?,
        push_reason: row.find("push_reason")?,
        folders_at: row.find("folders_at")?,
        calendars_at: row.find("calendars_at")?,
        synced_at: row.find("synced_at")?,
        backfilled_at: row.find("backfilled_at")?,
        noticed_at: row.find("noticed_at")?,
        audit_at: row.find("audit_at")?,
    })
}
