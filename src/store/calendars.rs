//! Calendars.

use super::error::StoreError;
use super::pool::{Store, Tx};
use crate::model::calendar::Calendar;
use crate::model::ids::{GraphId, MailboxId};
use crate::model::time::Timestamp;
use crate::model::work::Effect;

/// A calendar to be written.
#[derive(Debug, Clone, Copy)]
pub struct CalendarWrite<'a> {
    /// The calendar.
    pub calendar: &'a Calendar,
    /// When the request that produced it was sent.
    pub fetched_at: Timestamp,
    /// The full round that saw it.
    pub round: Option<i64>,
}

impl Store {
    /// The calendars of a mailbox: the default one first, then by id.
    pub async fn calendars_list(&self, mailbox: MailboxId) -> Result<Vec<Calendar>, StoreError> {
        let _ = mailbox;
        unimplemented!()
    }
}

impl Tx {
    /// Writes calendars.
    pub async fn calendars_upsert(
        &mut self,
        mailbox: MailboxId,
        writes: &[CalendarWrite<'_>],
        now: Timestamp,
    ) -> Result<Vec<(GraphId, Effect)>, StoreError> {
        let _ = (mailbox, writes, now);
        unimplemented!()
    }

    /// Deletes calendars that Graph no longer knows, and keeps tombstones. Returns those that had a row. Their events
    /// stay; see [`Tx::events_delete_calendar`].
    pub async fn calendars_delete(
        &mut self,
        mailbox: MailboxId,
        calendars: &[GraphId],
        fetched_at: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<GraphId>, StoreError> {
        let _ = (mailbox, calendars, fetched_at, now);
        unimplemented!()
    }
}
