//! Which cursors are walked when, and when there is work again.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use tokio::task::JoinSet;
use tracing::{Instrument as _, debug_span};

use super::error::MirrorError;
use super::report::RoundsReport;
use super::round::Walked;
use super::{Mirror, Window};
use crate::model::time::{Timestamp, later};
use crate::model::work::{Cursor, CursorScope, CursorState, Lane};
use crate::store::MailboxMark;

/// Full rounds walked at once: a folder's pages are one chain, and a mailbox takes four requests at a time (F3.9).
const FULL_ROUNDS: usize = 4;
/// After so long a call of [`Mirror::rounds_due`] comes to its end.
const SPELL: Duration = Duration::from_mins(1);
/// Incremental rounds walked at once, beside the full ones; the gate lets them go first.
const SHORT_ROUNDS: usize = 4;

impl Mirror {
    /// Walks every cursor that is due, full rounds up to four at once and incremental ones beside them, until none is or a
    /// minute has passed: then the structure wants to be looked at, and the next call goes on where this one stopped.
    /// Between two pages of a round, whatever is more urgent goes first: the gate sees to it. May be dropped at any
    /// moment; what was walked so far stands in the cursors.
    pub async fn rounds_due(&self) -> Result<RoundsReport, MirrorError> {
        let mut report = RoundsReport::default();
        // Tasks of their own: a walk that nobody polls while this one waits for the database might hold the connection it waits
        // for.
        let mut full = JoinSet::new();
        let mut short = JoinSet::new();
        // Cursors that failed in this call are left alone until their time comes.
        let mut looked_at: HashSet<(CursorScope, Timestamp)> = HashSet::new();
        let until = later(self.clock.now(), SPELL);
        loop {
            let is_over = self.clock.now() >= until;
            let due = self
                .store
                .cursors_due(self.mailbox, self.clock.now())
                .await?;
            for cursor in due.into_iter().filter(|_| !is_over) {
                let is_full = is_full(&cursor);
                let (room, taken) = if is_full {
                    (FULL_ROUNDS, full.len())
                } else {
                    (SHORT_ROUNDS, short.len())
                };
                if looked_at.contains(&(cursor.scope.clone(), cursor.due_at)) {
                    continue;
                }
                if cursor.scope == CursorScope::Folders {
                    // A new folder does not wait for the end of a long backfill (M46).
                    looked_at.insert((cursor.scope, cursor.due_at));
                    short.spawn(self.clone().look_at_the_tree());
                    continue;
                }
                if taken >= room {
                    continue;
                }
                if let Some(walk) = self.start(&cursor, until).await? {
                    looked_at.insert((cursor.scope, cursor.due_at));
                    if is_full {
                        full.spawn(walk);
                    } else {
                        short.spawn(walk);
                    }
                }
            }
            let walked = tokio::select! {
                Some(walked) = short.join_next() => walked,
                Some(walked) = full.join_next() => walked,
                else => break,
            };
            let walked = match walked {
                Ok(walked) => walked?,
                Err(join) => match join.try_into_panic() {
                    Ok(panic) => std::panic::resume_unwind(panic),
                    // The runtime is shutting down.
                    Err(_) => break,
                },
            };
            report += walked.report;
        }
        self.mark_progress().await?;
        Ok(report)
    }

    async fn look_at_the_tree(self) -> Result<Walked, MirrorError> {
        let report = self.structure().await?;
        let mut walked = Walked::default();
        walked.report.rows = report.rows;
        Ok(walked)
    }

    async fn start(
        &self,
        cursor: &Cursor,
        until: Timestamp,
    ) -> Result<Option<BoxFuture<'static, Result<Walked, MirrorError>>>, MirrorError> {
        let Some((cursor, claim)) = self.claim(&cursor.scope).await? else {
            return Ok(None);
        };
        if cursor.due_at > self.clock.now() {
            return Ok(None);
        }
        let lane = if is_full(&cursor) {
            Lane::Backfill
        } else {
            Lane::Repair
        };
        let mirror = self.clone();
        let span = debug_span!("round", mailbox.id = %self.mailbox);
        let walk = async move { mirror.walk(&claim, cursor, lane, &[], until).await };
        Ok(Some(walk.instrument(span).boxed()))
    }

    /// Writes down how far the mirror as a whole has come: complete as of the instant that the least recently polled cursor
    /// was, and copied for the first time once each cursor has been walked.
    pub(crate) async fn mark_progress(&self) -> Result<(), MirrorError> {
        let Some(mailbox) = self.store.mailbox_get(self.mailbox).await? else {
            return Ok(());
        };
        let cursors = self.store.cursors_list(self.mailbox).await?;
        let has_calendars = mailbox.calendars_at.is_some();
        let oldest = cursors.iter().map(complete_as_of).min().flatten();
        let Some(synced_at) = oldest.filter(|_| has_calendars) else {
            return Ok(());
        };
        let now = self.clock.now();
        let mut marks = Vec::new();
        if mailbox.synced_at != Some(synced_at) {
            marks.push(MailboxMark::SyncedAt(synced_at));
        }
        if mailbox.backfilled_at.is_none() {
            marks.push(MailboxMark::BackfilledAt(now));
        }
        if mailbox.audit_at.is_none() {
            marks.push(MailboxMark::AuditAt(Some(later(
                now,
                self.settings.first_audit_after,
            ))));
        }
        if !marks.is_empty() {
            self.mark(&marks).await?;
        }
        Ok(())
    }

    /// How long after the end of a round the next is due (M47).
    pub(crate) async fn poll_after(&self) -> Result<Duration, MirrorError> {
        let mailbox = self.store.mailbox_get(self.mailbox).await?;
        let push_works = mailbox.is_some_and(|mailbox| mailbox.push_healthy);
        let cursors = self.known_folders().await?.len();
        Ok(self.settings.poll_every(push_works, cursors))
    }

    /// When there is work next, notices that arrive and commands aside; past when there is some now.
    pub async fn next_work_at(&self) -> Result<Option<Timestamp>, MirrorError> {
        let rounds = self.next_round_at().await?;
        let notices = self.store.notices_next_due(self.mailbox).await?;
        Ok([rounds, notices].into_iter().flatten().min())
    }

    /// When the next waiting notice of a lane is due: what a caller of [`refresh_live`](Self::refresh_live) or
    /// [`refresh_repairs`](Self::refresh_repairs) waits for.
    pub async fn next_notice_at(&self, lane: Lane) -> Result<Option<Timestamp>, MirrorError> {
        Ok(self.store.notices_next_due_in(self.mailbox, lane).await?)
    }

    /// When the structure, a round or the audit is due next: the earliest of cursors, lists that grow old, windows that roll
    /// and the audit. A cursor that is being walked now counts no more.
    pub async fn next_round_at(&self) -> Result<Option<Timestamp>, MirrorError> {
        let now = self.clock.now();
        let Some(mailbox) = self.store.mailbox_get(self.mailbox).await? else {
            return Ok(None);
        };
        if self.memory.are_calendars_wanted() {
            return Ok(Some(now));
        }
        let mut instants = vec![
            grown_old(mailbox.calendars_at, self.settings.calendars_every, now),
            Window::next_roll(now),
        ];
        let tree_at = grown_old(mailbox.folders_at, self.settings.folders_afresh_every, now);
        // A tree that could not be walked rests as its cursor says, however old it is.
        if tree_at > now || !self.is_tree_resting().await? {
            instants.push(tree_at);
        }
        if self.memory.is_anything_walking() {
            let cursors = self.store.cursors_list(self.mailbox).await?;
            let resting = cursors
                .iter()
                .filter(|cursor| !self.memory.is_walking(&cursor.scope));
            instants.extend(resting.map(|cursor| cursor.due_at));
        } else {
            instants.extend(self.store.cursors_next_due(self.mailbox).await?);
        }
        instants.extend(mailbox.audit_at);
        Ok(instants.into_iter().min())
    }

    async fn is_tree_resting(&self) -> Result<bool, MirrorError> {
        let tree = self
            .store
            .cursor_get(self.mailbox, &CursorScope::Folders)
            .await?;
        Ok(tree.is_some_and(|cursor| cursor.failures > 0))
    }

    /// Whether the audit of this mailbox is due.
    pub async fn is_audit_due(&self) -> Result<bool, MirrorError> {
        let mailbox = self.store.mailbox_get(self.mailbox).await?;
        let audit_at = mailbox.and_then(|mailbox| mailbox.audit_at);
        Ok(audit_at.is_some_and(|at| at <= self.clock.now()))
    }
}

/// When a list that was made at `at` is to be made again; one that never was, now.
fn grown_old(at: Option<Timestamp>, after: Duration, now: Timestamp) -> Timestamp {
    at.map_or(now, |at| later(at, after))
}

/// The instant as of which a cursor's rows are complete: when its last round began, as far as that is still known.
fn complete_as_of(cursor: &Cursor) -> Option<Timestamp> {
    match cursor.state {
        CursorState::Idle => cursor.round_started_at,
        CursorState::Empty | CursorState::Fetching => cursor.last_ok_at,
    }
}

fn is_full(cursor: &Cursor) -> bool {
    match cursor.state {
        CursorState::Empty => true,
        CursorState::Fetching => cursor.is_full,
        CursorState::Idle => false,
    }
}
