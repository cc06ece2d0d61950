//! The one write path: rows, tombstones, thread summaries, feed entries, settled work and cursors, in one transaction.
//!
//! Whoever fetched something hands its [`Findings`] over here. Large ones are written in slices, because whoever
//! waits to acknowledge a notice waits for a slice at most; what says that the work is done (a cursor, a settled
//! notice) stands in the last slice, so that a crash in between repeats work and loses none (M5). Every slice begins with the
//! fence: a home that lost its mailbox writes nothing.

use std::collections::{BTreeMap, HashMap, HashSet};

use tracing::{Instrument as _, debug_span};

use super::Mirror;
use super::convert::message::may_have_attachments;
use super::error::MirrorError;
use super::findings::{Findings, FoundEvent, FoundMessage, FoundPart, FoundSeries};
use super::lag::Fresh;
use super::report::Tally;
use crate::model::calendar::{Event, EventKind};
use crate::model::feed::{ChangeKind, ItemKind};
use crate::model::ids::GraphId;
use crate::model::mail::Message;
use crate::model::time::Timestamp;
use crate::model::work::{ChangeHint, Cursor, CursorScope, Effect, Lane, NoticeKind};
use crate::store::{
    Backend, CursorFilter, EventWrite, MergeEffect, MessageHead, MessageMerge, MessageRows,
    MessageWrite, NewChange, NewNotice, Priority, SeenNotice, Tx,
};

/// Rows written at once on SQLite, where one writer serves everybody, while notices arrive.
const SLICE: usize = 64;
/// Rows written at once on SQLite while none do: a commit costs as much for many rows as for few.
const SLICE_ALONE: usize = 1_000;
/// Rows written at once on PostgreSQL.
const SLICE_POSTGRES: usize = 500;

/// What applying did.
#[derive(Debug, Default)]
pub(crate) struct Applied {
    pub rows: Tally,
    pub effects: HashMap<GraphId, Effect>,
    /// What is told once the slice is committed.
    pub fresh: Fresh,
}

impl Applied {
    fn count(&mut self, id: &GraphId, effect: Effect) {
        self.rows.count(effect);
        self.effects.insert(id.clone(), effect);
    }
}

impl Mirror {
    /// Makes findings true. The slices of one call are committed in order.
    pub(crate) async fn apply(
        &self,
        lane: Lane,
        findings: Findings,
    ) -> Result<Applied, MirrorError> {
        let span = debug_span!("apply", mailbox.id = %self.mailbox);
        self.write_down_all(lane, findings).instrument(span).await
    }

    async fn write_down_all(&self, lane: Lane, findings: Findings) -> Result<Applied, MirrorError> {
        let priority = match lane {
            Lane::Command | Lane::Live => Priority::Live,
            Lane::Repair | Lane::Backfill | Lane::Audit => Priority::Bulk,
        };
        let mut applied = Applied::default();
        let mut rest = Some(findings);
        while let Some(mut findings) = rest.take() {
            let mut slice = match findings.cut(self.slice()) {
                Some(part) => {
                    rest = Some(findings);
                    part
                }
                None => findings,
            };
            let messages = std::mem::take(&mut slice.messages);
            let rows = self.rows(&messages, slice.round)?;
            let before = applied.rows;
            let mut tx = self.store.write(priority).await?;
            tx.fence(&self.fence).await?;
            let mut writing = Writing::new(self, &mut tx, &mut applied, lane);
            writing.poll_at = slice.poll_at;
            writing.messages(&messages, rows, slice.is_first).await?;
            writing.slice(slice).await?;
            tx.commit().await?;
            self.tell_lag(lane, before, &mut applied);
        }
        Ok(applied)
    }

    /// Messages, ready before anybody waits for the writer.
    fn rows<'a>(
        &self,
        found: &'a [FoundMessage],
        round: Option<i64>,
    ) -> Result<MessageRows<'a>, MirrorError> {
        let writes: Vec<MessageWrite<'_>> = found
            .iter()
            .map(|found| MessageWrite {
                message: &found.message,
                fetched_at: self.asked_at(found.fetched_at),
                round,
            })
            .collect();
        Ok(MessageRows::of(&writes)?)
    }

    /// When the request for a row was sent: what an earlier one found never overwrites what a later one did (M36).
    fn asked_at(&self, fetched_at: Timestamp) -> Timestamp {
        if self.settings.sabotage.forgets_when_it_asked {
            self.clock.now()
        } else {
            fetched_at
        }
    }

    /// How many rows are written at once.
    fn slice(&self) -> usize {
        match self.store.backend() {
            Backend::Sqlite if self.store.is_hurried() => SLICE,
            Backend::Sqlite => SLICE_ALONE,
            Backend::Postgres => SLICE_POSTGRES,
        }
    }
}

/// One slice on its way into the database.
struct Writing<'a> {
    mirror: &'a Mirror,
    tx: &'a mut Tx,
    applied: &'a mut Applied,
    lane: Lane,
    now: Timestamp,
    conversations: HashSet<GraphId>,
    changes: Vec<NewChange>,
    notices: HashSet<(NoticeKind, GraphId)>,
    dirty: HashMap<CursorScope, Timestamp>,
    poll_at: Option<Timestamp>,
}

impl<'a> Writing<'a> {
    fn new(mirror: &'a Mirror, tx: &'a mut Tx, applied: &'a mut Applied, lane: Lane) -> Self {
        Self {
            mirror,
            tx,
            applied,
            lane,
            now: mirror.clock.now(),
            conversations: HashSet::new(),
            changes: Vec::new(),
            notices: HashSet::new(),
            dirty: HashMap::new(),
            poll_at: None,
        }
    }

    async fn slice(mut self, slice: Findings) -> Result<(), MirrorError> {
        let Findings {
            round,
            is_first: _,
            messages: _,
            parts,
            gone_messages,
            attachments,
            events,
            series,
            gone_events,
            dropped_events,
            suspicions,
            settled,
            postponed,
            dropped_cursors,
            dirty,
            poll_at: _,
            marks,
            cursor,
        } = slice;
        self.parts(&parts, round).await?;
        self.gone_messages(&gone_messages).await?;
        for (message, list, fetched_at) in &attachments {
            let id = self.mirror.mailbox;
            let is_new = self
                .tx
                .attachments_replace(id, message, list, *fetched_at)
                .await?;
            if is_new && self.mirror.fetches_ahead() {
                // Another lane fetches their contents, and may be resting.
                self.tx.wake(id);
            }
        }
        self.events(&events, round).await?;
        for whole in &series {
            self.series(whole).await?;
        }
        self.gone_events(&gone_events).await?;
        if !dropped_events.is_empty() {
            let dropped = self
                .tx
                .events_drop(self.mirror.mailbox, &dropped_events)
                .await?;
            self.events_written(
                dropped
                    .into_iter()
                    .map(|id| (id, Effect::Deleted))
                    .collect(),
            );
        }
        self.notices.extend(suspicions);
        self.dirty.extend(dirty);
        for scope in &dropped_cursors {
            let filter = CursorFilter::Scope(scope);
            self.tx.cursors_delete(self.mirror.mailbox, filter).await?;
        }
        if !marks.is_empty() {
            self.tx
                .mailbox_mark(self.mirror.mailbox, &marks, self.now)
                .await?;
        }
        self.finish(settled, &postponed, cursor.as_ref()).await
    }

    async fn messages(
        &mut self,
        found: &[FoundMessage],
        rows: MessageRows<'_>,
        is_first: bool,
    ) -> Result<(), MirrorError> {
        if found.is_empty() {
            return Ok(());
        }
        let mailbox = self.mirror.mailbox;
        let mut before = HashMap::new();
        if !is_first {
            let ids: Vec<GraphId> = found
                .iter()
                .map(|found| found.message.external_id.clone())
                .collect();
            before = heads(self.tx.messages_heads(mailbox, &ids).await?);
        }
        let effects: HashMap<GraphId, Effect> = self
            .tx
            .messages_write(mailbox, rows, self.now)
            .await?
            .into_iter()
            .collect();
        if is_first {
            // A row that a later fetch wrote was left alone, so that it still tells what stood there before.
            let stale: Vec<GraphId> = effects
                .iter()
                .filter(|(_, effect)| **effect == Effect::Stale)
                .map(|(id, _)| id.clone())
                .collect();
            before = heads(self.tx.messages_heads(mailbox, &stale).await?);
        }
        for found in found {
            let message = &found.message;
            let Some(&effect) = effects.get(&message.external_id) else {
                continue;
            };
            self.applied.count(&message.external_id, effect);
            let fresh = &mut self.applied.fresh;
            fresh.wrote(self.lane, effect, message.modified_at);
            self.message_written(message, before.get(&message.external_id), effect);
        }
        Ok(())
    }

    fn message_written(&mut self, message: &Message, before: Option<&MessageHead>, effect: Effect) {
        let id = &message.external_id;
        if effect == Effect::Stale {
            // A later fetch stands there. Unless it saw the same version, nobody knows which is newer (M37).
            if before.and_then(|head| head.change_key.as_ref()) != message.change_key.as_ref() {
                self.notices.insert((NoticeKind::Message, id.clone()));
            }
            return;
        }
        if !self.tell(ItemKind::Message, id, effect) {
            return;
        }
        self.message_places(message, before);
        self.conversations.extend(message.conversation_id.clone());
        self.conversations
            .extend(before.and_then(|head| head.thread_external_id.clone()));
        // Attachments change with a draft and come with a new message; a flag or a move leaves them alone (M40).
        let may_differ = before.is_none_or(|head| {
            head.is_draft || message.is_draft || head.has_attachments != message.has_attachments
        });
        let had = before.is_some_and(|head| head.is_draft || head.has_attachments);
        if may_differ && (may_have_attachments(message) || had) {
            self.notices.insert((NoticeKind::Attachments, id.clone()));
        }
    }

    /// Which folders are to be polled because of a message (M47).
    fn message_places(&mut self, message: &Message, before: Option<&MessageHead>) {
        let folder = &message.folder_external_id;
        let Some(poll_at) = self.poll_at else {
            return;
        };
        let left = before
            .map(|head| &head.folder_external_id)
            .filter(|left| *left != folder);
        for folder in std::iter::once(folder).chain(left) {
            let folder = folder.clone();
            self.dirty.insert(CursorScope::Messages { folder }, poll_at);
        }
    }

    async fn parts(&mut self, found: &[FoundPart], round: Option<i64>) -> Result<(), MirrorError> {
        if found.is_empty() {
            return Ok(());
        }
        let mailbox = self.mirror.mailbox;
        let ids: Vec<GraphId> = found
            .iter()
            .map(|found| found.external_id.clone())
            .collect();
        let before = heads(self.tx.messages_heads(mailbox, &ids).await?);
        let merges: Vec<_> = found
            .iter()
            .map(|found| MessageMerge {
                message: &found.part,
                fetched_at: found.fetched_at,
                round,
            })
            .collect();
        let effects: HashMap<GraphId, MergeEffect> = self
            .tx
            .messages_merge(mailbox, &merges, self.now)
            .await?
            .into_iter()
            .collect();
        for found in found {
            let id = &found.external_id;
            let head = before.get(id);
            let must_fetch = match effects.get(id) {
                Some(MergeEffect::Merged(Effect::Stale)) => {
                    self.applied.count(id, Effect::Stale);
                    found.part.change_key.is_none()
                        || head.and_then(|head| head.change_key.as_ref())
                            != found.part.change_key.as_ref()
                }
                Some(MergeEffect::Merged(effect)) => {
                    self.applied.count(id, *effect);
                    if self.tell(ItemKind::Message, id, *effect) {
                        self.conversations
                            .extend(head.and_then(|head| head.thread_external_id.clone()));
                    }
                    // What we hold of this version already is whole.
                    let is_held = *effect == Effect::Unchanged
                        && found.part.change_key.is_some()
                        && head.and_then(|head| head.change_key.as_ref())
                            == found.part.change_key.as_ref();
                    !found.suffices && !is_held
                }
                Some(MergeEffect::Missing) | None => true,
            };
            if must_fetch {
                self.notices.insert((NoticeKind::Message, id.clone()));
            }
        }
        Ok(())
    }

    async fn gone_messages(&mut self, gone: &[(GraphId, Timestamp)]) -> Result<(), MirrorError> {
        if gone.is_empty() {
            return Ok(());
        }
        let mailbox = self.mirror.mailbox;
        for (fetched_at, ids) in by_instant(gone) {
            let deleted = self
                .tx
                .messages_delete(mailbox, &ids, fetched_at, self.now)
                .await?;
            for (id, conversation) in deleted {
                self.conversations.extend(conversation);
                self.applied.count(&id, Effect::Deleted);
                self.tell(ItemKind::Message, &id, Effect::Deleted);
            }
            // A row that a later request wrote stays; whether rightly, only a further look can tell.
            for left in self.tx.messages_heads(mailbox, &ids).await? {
                self.notices.insert((NoticeKind::Message, left.external_id));
            }
        }
        Ok(())
    }

    async fn events(
        &mut self,
        found: &[FoundEvent],
        round: Option<i64>,
    ) -> Result<(), MirrorError> {
        if found.is_empty() {
            return Ok(());
        }
        let writes: Vec<EventWrite<'_>> = found
            .iter()
            .map(|found| EventWrite {
                event: &found.event,
                fetched_at: self.mirror.asked_at(found.fetched_at),
                round: round.filter(|_| found.seen),
            })
            .collect();
        let effects = self
            .tx
            .events_upsert(self.mirror.mailbox, &writes, self.now)
            .await?;
        let stale: HashSet<GraphId> = self.events_written(effects);
        for found in found {
            // What an occurrence is, its series tells.
            if found.event.kind == EventKind::Occurrence {
                continue;
            }
            self.event_written(&found.event);
            if stale.contains(&found.event.external_id) {
                self.notices
                    .insert((NoticeKind::Event, found.event.external_id.clone()));
            }
        }
        Ok(())
    }

    /// Counts effects and gives back what a later fetch had written already.
    fn events_written(&mut self, effects: Vec<(GraphId, Effect)>) -> HashSet<GraphId> {
        let mut stale = HashSet::new();
        for (id, effect) in effects {
            self.applied.count(&id, effect);
            self.tell(ItemKind::Event, &id, effect);
            if effect == Effect::Stale {
                stale.insert(id);
            }
        }
        stale
    }

    /// Has an event told, if its row was written.
    fn event_written(&mut self, event: &Event) {
        if let Some(effect) = self.applied.effects.get(&event.external_id) {
            let fresh = &mut self.applied.fresh;
            fresh.wrote(self.lane, *effect, event.modified_at);
        }
    }

    async fn series(&mut self, whole: &FoundSeries) -> Result<(), MirrorError> {
        let mailbox = self.mirror.mailbox;
        let write = |event| EventWrite {
            event,
            fetched_at: whole.fetched_at,
            round: None,
        };
        let effects = self
            .tx
            .events_upsert(mailbox, &[write(&whole.master)], self.now)
            .await?;
        self.events_written(effects);
        self.event_written(&whole.master);
        let instances: Vec<EventWrite<'_>> = whole.instances.iter().map(write).collect();
        let effects = self
            .tx
            .events_replace_series(
                mailbox,
                &whole.master.external_id,
                (whole.window.start, whole.window.end),
                whole.fetched_at,
                &instances,
                self.now,
            )
            .await?;
        self.events_written(effects);
        Ok(())
    }

    async fn gone_events(&mut self, gone: &[(GraphId, Timestamp)]) -> Result<(), MirrorError> {
        for (fetched_at, ids) in by_instant(gone) {
            let deleted = self
                .tx
                .events_delete(self.mirror.mailbox, &ids, fetched_at, self.now)
                .await?;
            self.events_written(
                deleted
                    .into_iter()
                    .map(|id| (id, Effect::Deleted))
                    .collect(),
            );
        }
        Ok(())
    }

    /// Puts a change of a row into the feed; whether there was one.
    fn tell(&mut self, kind: ItemKind, external_id: &GraphId, effect: Effect) -> bool {
        let Some(change) = ChangeKind::of(effect) else {
            return false;
        };
        self.changes.push(NewChange {
            kind,
            external_id: external_id.clone(),
            change,
        });
        true
    }

    async fn finish(
        mut self,
        settled: Vec<SeenNotice>,
        postponed: &[(SeenNotice, Timestamp)],
        cursor: Option<&Cursor>,
    ) -> Result<(), MirrorError> {
        let mailbox = self.mirror.mailbox;
        if !self.conversations.is_empty() {
            let conversations: Vec<GraphId> = self.conversations.drain().collect();
            let effects = self
                .tx
                .threads_refresh(mailbox, &conversations, self.now)
                .await?;
            for (id, effect) in effects {
                self.tell(ItemKind::Thread, &id, effect);
            }
        }
        if !self.changes.is_empty() {
            self.tx
                .changes_append(mailbox, &self.changes, self.now)
                .await?;
        }
        if !settled.is_empty() {
            let gone = self.tx.notices_settle(mailbox, &settled).await?;
            self.applied.fresh.settled(self.lane, settled, gone);
        }
        for (notice, due_at) in postponed {
            self.tx.notices_postpone(mailbox, notice, *due_at).await?;
        }
        // The lanes that confirm suspicions and walk cursors wait for a signal.
        let is_due = |due_at: &Timestamp| *due_at <= self.now;
        if !self.notices.is_empty() || self.dirty.values().any(is_due) {
            self.tx.wake(mailbox);
        }
        if !self.notices.is_empty() {
            let new: Vec<NewNotice> = self
                .notices
                .drain()
                .map(|(kind, external_id)| NewNotice {
                    kind,
                    external_id,
                    lane: Lane::Repair,
                    hint: ChangeHint::Suspected,
                    due_at: self.now,
                    trace: None,
                })
                .collect();
            self.tx.notices_add(mailbox, &new, self.now).await?;
        }
        for (scope, due_at) in &self.dirty {
            let filter = CursorFilter::Scope(scope);
            self.tx.cursors_mark_dirty(mailbox, filter, *due_at).await?;
        }
        if let Some(cursor) = cursor {
            self.tx.cursor_save(mailbox, cursor, self.now).await?;
        }
        Ok(())
    }
}

fn heads(heads: Vec<MessageHead>) -> HashMap<GraphId, MessageHead> {
    heads
        .into_iter()
        .map(|head| (head.external_id.clone(), head))
        .collect()
}

fn by_instant(gone: &[(GraphId, Timestamp)]) -> BTreeMap<Timestamp, Vec<GraphId>> {
    let mut groups: BTreeMap<Timestamp, Vec<GraphId>> = BTreeMap::new();
    for (id, fetched_at) in gone {
        groups.entry(*fetched_at).or_default().push(id.clone());
    }
    groups
}
