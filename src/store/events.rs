//! Events of calendars.
//!
//! Single events and masters are rows like messages. The occurrences and exceptions of a series are a set: a look at
//! the series replaces them all inside its window, because Graph is silent about slots that vanish (F6.34, M50).

use super::error::StoreError;
use super::pool::{Store, Tx};
use crate::model::calendar::{Event, EventKind};
use crate::model::ids::{GraphId, MailboxId};
use crate::model::time::Timestamp;
use crate::model::work::Effect;

/// An event to be written.
#[derive(Debug, Clone, Copy)]
pub struct EventWrite<'a> {
    /// The event, whole.
    pub event: &'a Event,
    /// When the request that produced it was sent.
    pub fetched_at: Timestamp,
    /// The full round that saw it.
    pub round: Option<i64>,
}

/// An event as it stands in the mirror.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredEvent {
    /// The event.
    pub event: Event,
    /// When the request that produced it was sent.
    pub fetched_at: Timestamp,
    /// The last full round that saw it.
    pub round: Option<i64>,
}

/// What sweeps and audits compare of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventKey {
    /// The event.
    pub external_id: GraphId,
    /// What it is.
    pub kind: EventKind,
    /// The master of its series.
    pub series_master_id: Option<GraphId>,
    /// Its version.
    pub change_key: Option<String>,
    /// Start.
    pub start_at: Timestamp,
    /// End.
    pub end_at: Timestamp,
    /// When the request that produced the row was sent.
    pub fetched_at: Timestamp,
}

impl Store {
    /// One event.
    pub async fn event_get(
        &self,
        mailbox: MailboxId,
        event: &GraphId,
    ) -> Result<Option<StoredEvent>, StoreError> {
        let _ = (mailbox, event);
        unimplemented!()
    }

    /// The events of a mailbox after an id, in the order of ids.
    pub async fn events_page(
        &self,
        mailbox: MailboxId,
        after: Option<&GraphId>,
        limit: u32,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        let _ = (mailbox, after, limit);
        unimplemented!()
    }

    /// How many events the mirror holds of a mailbox.
    pub async fn events_count(&self, mailbox: MailboxId) -> Result<i64, StoreError> {
        let _ = mailbox;
        unimplemented!()
    }

    /// What sweeps and audits compare, of all events of a calendar.
    pub async fn events_in_calendar(
        &self,
        mailbox: MailboxId,
        calendar: &GraphId,
    ) -> Result<Vec<EventKey>, StoreError> {
        let _ = (mailbox, calendar);
        unimplemented!()
    }

    /// The occurrences and exceptions of a series, in the order of time.
    pub async fn events_in_series(
        &self,
        mailbox: MailboxId,
        master: &GraphId,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        let _ = (mailbox, master);
        unimplemented!()
    }

    /// Events of a calendar inside a window that a full round begun at `began_at` has not seen and that nothing else
    /// has fetched since. A master counts as inside when its series has, or may have, an occurrence there.
    pub async fn events_unseen(
        &self,
        mailbox: MailboxId,
        calendar: &GraphId,
        window: (Timestamp, Timestamp),
        round: i64,
        began_at: Timestamp,
    ) -> Result<Vec<EventKey>, StoreError> {
        let _ = (mailbox, calendar, window, round, began_at);
        unimplemented!()
    }
}

impl Tx {
    /// Writes whole events; see [`Tx::messages_upsert`] for the rules.
    pub async fn events_upsert(
        &mut self,
        mailbox: MailboxId,
        writes: &[EventWrite<'_>],
        now: Timestamp,
    ) -> Result<Vec<(GraphId, Effect)>, StoreError> {
        let _ = (mailbox, writes, now);
        unimplemented!()
    }

    /// Makes `set` the occurrences and exceptions of a series inside a window: writes them, and deletes, without
    /// tombstones, those of the series that overlap the window and are not in the set, unless they were fetched after
    /// `fetched_at`.
    pub async fn events_replace_series(
        &mut self,
        mailbox: MailboxId,
        master: &GraphId,
        window: (Timestamp, Timestamp),
        fetched_at: Timestamp,
        set: &[EventWrite<'_>],
        now: Timestamp,
    ) -> Result<Vec<(GraphId, Effect)>, StoreError> {
        let _ = (mailbox, master, window, fetched_at, set, now);
        unimplemented!()
    }

    /// Deletes events that Graph no longer knows, masters with their occurrences and exceptions, and keeps tombstones of
    /// those named. Returns all that had a row.
    pub async fn events_delete(
        &mut self,
        mailbox: MailboxId,
        events: &[GraphId],
        fetched_at: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<GraphId>, StoreError> {
        let _ = (mailbox, events, fetched_at, now);
        unimplemented!()
    }

    /// Deletes all events of a calendar that is gone, without tombstones. Returns them.
    pub async fn events_delete_calendar(
        &mut self,
        mailbox: MailboxId,
        calendar: &GraphId,
    ) -> Result<Vec<GraphId>, StoreError> {
        let _ = (mailbox, calendar);
        unimplemented!()
    }

    /// Drops rows that left the view without being deleted in Graph: a window rolled on. No tombstones. Returns those
    /// that had a row.
    pub async fn events_drop(
        &mut self,
        mailbox: MailboxId,
        events: &[GraphId],
    ) -> Result<Vec<GraphId>, StoreError> {
        let _ = (mailbox, events);
        unimplemented!()
    }
}
