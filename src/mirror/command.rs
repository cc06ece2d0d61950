//! What somebody wishes of a mailbox: to be polled now, to have some messages or events fetched, to be compared.

use serde_json::{Value, json};

use super::error::MirrorError;
use super::report::Tally;
use super::{Mirror, Remedy};
use crate::model::time::Timestamp;
use crate::model::work::{Command, CursorScope, CursorState, Wish};
use crate::store::{CursorFilter, MailboxMark, Priority};
use crate::telemetry::metrics::table;

/// Goes of repair after a sync: each confirms twenty suspicions.
const MOST_GOES: usize = 5_000;

impl Mirror {
    /// Does what a command wishes and says how it went: a JSON object, or the error that stopped it. The caller records the
    /// outcome. What is none of the mirror's business, [`Wish::Disconnect`] and writes, answers an empty object.
    pub async fn command(&self, command: &Command) -> Result<Value, MirrorError> {
        match &command.wish {
            Wish::Sync { full } => {
                let rows = self.sync(*full).await?;
                Ok(json!({ "full": full, "rows": rows }))
            }
            Wish::SyncMessages { max_results, since } => {
                self.sync_messages(*max_results, *since).await
            }
            Wish::SyncEvents {
                max_results,
                start,
                end,
            } => self.sync_events(*max_results, *start, *end).await,
            Wish::Verify { repair } => {
                let audit = self.audit(*repair).await?;
                Ok(json!({
                    "equal": audit.equal,
                    "as_of": audit.as_of,
                    "messages": audit.messages,
                    "events": audit.events,
                    "differences": { "count": audit.difference_count, "first": audit.differences },
                }))
            }
            Wish::FetchAttachment {
                message,
                attachment,
            } => self.fetch_attachment(message, attachment).await,
            Wish::FetchMime { message } => self.fetch_mime(message).await,
            Wish::Disconnect | Wish::Unreadable { .. } | Wish::Write(_) => Ok(json!({})),
        }
    }

    /// Polls everything, from the beginning when `full`, and confirms what that made suspect.
    pub async fn sync(&self, full: bool) -> Result<Tally, MirrorError> {
        let asked_at = self.clock.now();
        if full {
            self.reset_all(asked_at).await?;
        } else {
            let mut tx = self.store.write(Priority::Live).await?;
            tx.fence(&self.fence).await?;
            tx.cursors_mark_dirty(self.mailbox, CursorFilter::All, asked_at)
                .await?;
            tx.commit().await?;
        }
        self.memory.want_calendars();
        let mut rows = self.structure().await?.rows;
        rows += self.rounds_until(asked_at).await?;
        for _ in 0..MOST_GOES {
            let report = self.refresh_due().await?;
            rows += report.rows;
            if report.settled == 0 && !report.more {
                break;
            }
        }
        self.mark_progress().await?;
        Ok(rows)
    }

    /// Has every message asked for anew when they are to be mirrored with their headers, or no longer: a link keeps what it was
    /// made with (F6.2), also in the middle of a full round.
    pub(super) async fn heed_selection(&self) -> Result<(), MirrorError> {
        let wanted = self.settings.internet_headers;
        if self.store.mailbox_has_headers(self.mailbox).await? == wanted {
            return Ok(());
        }
        let now = self.clock.now();
        for cursor in self.store.cursors_list(self.mailbox).await? {
            if matches!(cursor.scope, CursorScope::Messages { .. }) {
                self.reset(&cursor.scope, now).await?;
            }
        }
        self.mark(&[MailboxMark::InternetHeaders(wanted)]).await
    }

    /// Throws every link away.
    async fn reset_all(&self, now: Timestamp) -> Result<(), MirrorError> {
        for cursor in self.store.cursors_list(self.mailbox).await? {
            // Its full round is under way, or about to begin.
            if cursor.is_full && cursor.state != CursorState::Idle {
                continue;
            }
            self.reset(&cursor.scope, now).await?;
            table::RESYNCS.count(&["command"]);
        }
        Ok(())
    }

    /// Throws a link away. A cursor that is being walked is waited for: its walk would put its link back.
    async fn reset(&self, scope: &CursorScope, now: Timestamp) -> Result<(), MirrorError> {
        let claim = self.memory.claim_in_turn(scope).await;
        let mut tx = self.store.write(Priority::Live).await?;
        tx.fence(&self.fence).await?;
        tx.cursors_reset(self.mailbox, CursorFilter::Scope(scope), now)
            .await?;
        tx.commit().await?;
        drop(claim);
        Ok(())
    }

    /// Walks until every cursor has ended a round that began after `asked_at`, or rests after a failure. Somebody else may be
    /// walking some of them.
    async fn rounds_until(&self, asked_at: Timestamp) -> Result<Tally, MirrorError> {
        let mut rows = Tally::default();
        loop {
            rows += self.rounds_due().await?.rows;
            let cursors = self.store.cursors_list(self.mailbox).await?;
            let open = cursors.into_iter().find(|cursor| {
                let is_done = cursor.round_started_at >= Some(asked_at) && !cursor.is_dirty;
                let is_due = cursor.due_at <= self.clock.now();
                !is_done && is_due && cursor.scope != CursorScope::Folders
            });
            let Some(open) = open else {
                return Ok(rows);
            };
            drop(self.memory.claim_in_turn(&open.scope).await);
        }
    }
}

impl Remedy {
    /// Whether the same command may be tried again by itself.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Later(_) | Self::NotBefore(_))
    }
}
