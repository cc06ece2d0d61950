//! Calendars.

use super::codec::{JsonText, Row};
use super::dispatch::query;
use super::error::StoreError;
use super::pool::Store;
use super::tx::Tx;
use super::upsert::{Incoming, Table};
use crate::model::calendar::Calendar;
use crate::model::feed::ItemKind;
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

const CALENDARS: Table = Table {
    name: "calendars",
    kind: ItemKind::Calendar,
    content: &["name", "color", "is_default", "can_edit", "owner_address"],
};

impl Store {
    /// The calendars of a mailbox: the default one first, then by id.
    pub async fn calendars_list(&self, mailbox: MailboxId) -> Result<Vec<Calendar>, StoreError> {
        query("SELECT * FROM calendars WHERE mailbox_id = $1 ORDER BY is_default DESC, external_id")
            .bind(mailbox)
            .read(self)
            .await?
            .iter()
            .map(read)
            .collect()
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
        let rows = writes.iter().map(|write| incoming(*write).into()).collect();
        CALENDARS.upsert(self, mailbox, rows, now).await
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
        CALENDARS
            .bury(self, mailbox, calendars, fetched_at, now)
            .await
    }
}

fn incoming(write: CalendarWrite<'_>) -> Incoming<'_> {
    let calendar = write.calendar;
    Incoming {
        external_id: &calendar.external_id,
        fetched_at: write.fetched_at,
        round: write.round,
        content: vec![
            (&calendar.name).into(),
            (&calendar.color).into(),
            calendar.is_default.into(),
            calendar.can_edit.into(),
            (&calendar.owner_address).into(),
        ],
        raw: &calendar.raw,
    }
}

fn read(row: &Row) -> Result<Calendar, StoreError> {
    Ok(Calendar {
        external_id: row.get("external_id")?,
        name: row.get("name")?,
        color: row.find("color")?,
        is_default: row.get("is_default")?,
        can_edit: row.get("can_edit")?,
        owner_address: row.find("owner_address")?,
        raw: row.get::<JsonText<'static>>("raw")?.0.into_owned(),
    })
}
