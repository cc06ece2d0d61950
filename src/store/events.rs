//! Events of calendars.
//!
//! Single events and masters are rows like messages. The occurrences and exceptions of a series are a set: a look at
//! the series replaces them all inside its window, because Graph is silent about slots that vanish (F6.34, M50).

use std::collections::HashSet;

use super::bulk;
use super::codec::{JsonText, Row, Value, words};
use super::commands::from_json;
use super::dispatch::query;
use super::error::StoreError;
use super::messages::{array, party, read_party};
use super::pool::Store;
use super::tx::Tx;
use super::upsert::{Incoming, Table};
use crate::model::calendar::{Event, EventKind};
use crate::model::feed::ItemKind;
use crate::model::ids::{GraphId, MailboxId};
use crate::model::time::Timestamp;
use crate::model::work::Effect;

words! {
    EventKind {
        SingleInstance = "single_instance",
        SeriesMaster = "series_master",
        Occurrence = "occurrence",
        Exception = "exception",
    }
}

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

const EVENTS: Table = Table {
    name: "calendar_events",
    kind: ItemKind::Event,
    content: &[
        "calendar_external_id",
        "kind",
        "series_master_external_id",
        "change_key",
        "ical_uid",
        "start_at",
        "end_at",
        "start_date",
        "end_date",
        "original_zone",
        "iana_zone",
        "start_raw",
        "end_raw",
        "is_all_day",
        "is_cancelled",
        "is_organizer",
        "is_online_meeting",
        "online_meeting_url",
        "has_attachments",
        "show_as",
        "sensitivity",
        "importance",
        "response",
        "reminder_minutes",
        "original_start_at",
        "graph_created_at",
        "graph_modified_at",
        "subject",
        "location",
        "organizer_name",
        "organizer_address",
        "attendees",
        "categories",
        "recurrence",
        "web_link",
        "body_type",
        "body_preview",
        "body",
    ],
};

impl Store {
    /// One event.
    pub async fn event_get(
        &self,
        mailbox: MailboxId,
        event: &GraphId,
    ) -> Result<Option<StoredEvent>, StoreError> {
        query("SELECT * FROM calendar_events WHERE mailbox_id = $1 AND external_id = $2")
            .bind(mailbox)
            .bind(event)
            .read_one(self)
            .await?
            .as_ref()
            .map(read)
            .transpose()
    }

    /// The events of a mailbox after an id, in the order of ids.
    pub async fn events_page(
        &self,
        mailbox: MailboxId,
        after: Option<&GraphId>,
        limit: u32,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        query(
            "SELECT * FROM calendar_events WHERE mailbox_id = $1 AND external_id > $2
             ORDER BY external_id LIMIT $3",
        )
        .bind(mailbox)
        .bind(after.map_or("", GraphId::as_str))
        .bind(i64::from(limit))
        .read(self)
        .await?
        .iter()
        .map(read)
        .collect()
    }

    /// How many events the mirror holds of a mailbox.
    pub async fn events_count(&self, mailbox: MailboxId) -> Result<i64, StoreError> {
        let row = query("SELECT count(*) AS events FROM calendar_events WHERE mailbox_id = $1")
            .bind(mailbox)
            .read_one(self)
            .await?;
        row.map_or(Ok(0), |row| row.get("events"))
    }

    /// What sweeps and audits compare, of all events of a calendar.
    pub async fn events_in_calendar(
        &self,
        mailbox: MailboxId,
        calendar: &GraphId,
    ) -> Result<Vec<EventKey>, StoreError> {
        query(
            "SELECT external_id, kind, series_master_external_id, change_key, start_at, end_at, fetched_at
             FROM calendar_events WHERE mailbox_id = $1 AND calendar_external_id = $2
             ORDER BY start_at, external_id",
        )
        .bind(mailbox)
        .bind(calendar)
        .read(self)
        .await?
        .iter()
        .map(read_key)
        .collect()
    }

    /// The occurrences and exceptions of a series, in the order of time.
    pub async fn events_in_series(
        &self,
        mailbox: MailboxId,
        master: &GraphId,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        query(
            "SELECT * FROM calendar_events WHERE mailbox_id = $1 AND series_master_external_id = $2
             ORDER BY start_at, external_id",
        )
        .bind(mailbox)
        .bind(master)
        .read(self)
        .await?
        .iter()
        .map(read)
        .collect()
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
        query(
            "SELECT e.external_id, e.kind, e.series_master_external_id, e.change_key, e.start_at, e.end_at,
                e.fetched_at
             FROM calendar_events e WHERE e.mailbox_id = $1 AND e.calendar_external_id = $2
               AND (e.fetched_at < $4 OR (e.fetched_at = $4 AND (e.round IS NULL OR e.round <> $3)))
               AND e.start_at < $6
               AND (e.end_at > $5 OR e.start_at >= $5 OR (e.kind = 'series_master' AND (
                    EXISTS (SELECT 1 FROM calendar_events o WHERE o.mailbox_id = $1
                        AND o.series_master_external_id = e.external_id AND o.start_at < $6
                        AND (o.end_at > $5 OR o.start_at >= $5))
                    OR NOT EXISTS (SELECT 1 FROM calendar_events o WHERE o.mailbox_id = $1
                        AND o.series_master_external_id = e.external_id))))
             ORDER BY e.start_at, e.external_id",
        )
        .bind(mailbox)
        .bind(calendar)
        .bind(round)
        .bind(began_at)
        .bind(window.0)
        .bind(window.1)
        .read(self)
        .await?
        .iter()
        .map(read_key)
        .collect()
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
        let rows = writes
            .iter()
            .map(|write| Ok(incoming(*write)?.into()))
            .collect::<Result<Vec<_>, StoreError>>()?;
        EVENTS.upsert(self, mailbox, rows, now).await
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
        let rows = query(
            "SELECT external_id FROM calendar_events WHERE mailbox_id = $1 AND series_master_external_id = $2
               AND fetched_at <= $3 AND start_at < $5 AND (end_at > $4 OR start_at >= $4)
             ORDER BY start_at, external_id",
        )
        .bind(mailbox)
        .bind(master)
        .bind(fetched_at)
        .bind(window.0)
        .bind(window.1)
        .rows(self)
        .await?;
        let kept = set
            .iter()
            .map(|write| &write.event.external_id)
            .collect::<HashSet<_>>();
        let mut vanished = Vec::new();
        for row in &rows {
            let id = row.get::<GraphId>("external_id")?;
            if !kept.contains(&id) {
                vanished.push(id);
            }
        }
        let ids = vanished.iter().collect::<Vec<_>>();
        EVENTS.remove(self, mailbox, &ids).await?;
        let mut effects = self.events_upsert(mailbox, set, now).await?;
        effects.extend(vanished.into_iter().map(|id| (id, Effect::Deleted)));
        Ok(effects)
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
        let mut gone = EVENTS.bury(self, mailbox, events, fetched_at, now).await?;
        let mut members = Vec::new();
        for masters in gone.chunks(bulk::LIST_AT_MOST) {
            let (list, values) = bulk::list(self.backend(), masters, 2);
            let rows = query(format!(
                "SELECT external_id FROM calendar_events
                 WHERE mailbox_id = $1 AND series_master_external_id IN {list} ORDER BY start_at, external_id"
            ))
            .bind(mailbox)
            .bind_all(values)
            .rows(self)
            .await?;
            for row in &rows {
                members.push(row.get::<GraphId>("external_id")?);
            }
        }
        let ids = members.iter().collect::<Vec<_>>();
        EVENTS.remove(self, mailbox, &ids).await?;
        gone.extend(members);
        Ok(gone)
    }

    /// Deletes all events of a calendar that is gone, without tombstones. Returns them.
    pub async fn events_delete_calendar(
        &mut self,
        mailbox: MailboxId,
        calendar: &GraphId,
    ) -> Result<Vec<GraphId>, StoreError> {
        query(
            "DELETE FROM calendar_events WHERE mailbox_id = $1 AND calendar_external_id = $2 RETURNING external_id",
        )
        .bind(mailbox)
        .bind(calendar)
        .rows(self)
        .await?
        .iter()
        .map(|row| row.get("external_id"))
        .collect()
    }

    /// Drops rows that left the view without being deleted in Graph: a window rolled on. No tombstones. Returns those
    /// that had a row.
    pub async fn events_drop(
        &mut self,
        mailbox: MailboxId,
        events: &[GraphId],
    ) -> Result<Vec<GraphId>, StoreError> {
        let mut dropped = Vec::new();
        for ids in events.chunks(bulk::LIST_AT_MOST) {
            let (list, values) = bulk::list(self.backend(), ids, 2);
            let rows = query(format!(
                "DELETE FROM calendar_events WHERE mailbox_id = $1 AND external_id IN {list} RETURNING external_id"
            ))
            .bind(mailbox)
            .bind_all(values)
            .rows(self)
            .await?;
            for row in &rows {
                dropped.push(row.get("external_id")?);
            }
        }
        Ok(dropped)
    }
}

fn incoming(write: EventWrite<'_>) -> Result<Incoming<'_>, StoreError> {
    let event = write.event;
    let (organizer_name, organizer_address) = party(event.organizer.as_ref());
    Ok(Incoming {
        external_id: &event.external_id,
        fetched_at: write.fetched_at,
        round: write.round,
        content: vec![
            (&event.calendar_external_id).into(),
            event.kind.into(),
            (&event.series_master_id).into(),
            (&event.change_key).into(),
            (&event.ical_uid).into(),
            event.start_at.into(),
            event.end_at.into(),
            event.start_date.into(),
            event.end_date.into(),
            (&event.original_zone).into(),
            (&event.iana_zone).into(),
            (&event.start_raw).into(),
            (&event.end_raw).into(),
            event.is_all_day.into(),
            event.is_cancelled.into(),
            event.is_organizer.into(),
            event.is_online_meeting.into(),
            (&event.online_meeting_url).into(),
            event.has_attachments.into(),
            (&event.show_as).into(),
            (&event.sensitivity).into(),
            (&event.importance).into(),
            (&event.response).into(),
            event.reminder_minutes.into(),
            event.original_start_at.into(),
            event.created_at.into(),
            event.modified_at.into(),
            (&event.subject).into(),
            (&event.location).into(),
            organizer_name,
            organizer_address,
            array(&event.attendees)?,
            array(&event.categories)?,
            Value::Json(event.recurrence.as_deref().map(Into::into)),
            (&event.web_link).into(),
            (&event.body_type).into(),
            (&event.body_preview).into(),
            (&event.body).into(),
        ],
        raw: &event.raw,
    })
}

fn read(row: &Row) -> Result<StoredEvent, StoreError> {
    Ok(StoredEvent {
        event: Event {
            external_id: row.get("external_id")?,
            calendar_external_id: row.get("calendar_external_id")?,
            kind: row.get("kind")?,
            series_master_id: row.find("series_master_external_id")?,
            change_key: row.find("change_key")?,
            ical_uid: row.find("ical_uid")?,
            start_at: row.get("start_at")?,
            end_at: row.get("end_at")?,
            start_date: row.find("start_date")?,
            end_date: row.find("end_date")?,
            original_zone: row.find("original_zone")?,
            iana_zone: row.find("iana_zone")?,
            start_raw: row.get("start_raw")?,
            end_raw: row.get("end_raw")?,
            is_all_day: row.get("is_all_day")?,
            is_cancelled: row.get("is_cancelled")?,
            is_organizer: row.get("is_organizer")?,
            is_online_meeting: row.get("is_online_meeting")?,
            online_meeting_url: row.find("online_meeting_url")?,
            has_attachments: row.get("has_attachments")?,
            show_as: row.find("show_as")?,
            sensitivity: row.find("sensitivity")?,
            importance: row.find("importance")?,
            response: row.find("response")?,
            reminder_minutes: row.find("reminder_minutes")?,
            original_start_at: row.find("original_start_at")?,
            created_at: row.find("graph_created_at")?,
            modified_at: row.find("graph_modified_at")?,
            subject: row.find("subject")?,
            location: row.find("location")?,
            organizer: read_party(row, "organizer_name", "organizer_address")?,
            attendees: from_json(row, "attendees")?,
            categories: from_json(row, "categories")?,
            recurrence: row
                .find::<JsonText<'static>>("recurrence")?
                .map(|text| text.0.into_owned()),
            web_link: row.find("web_link")?,
            body_type: row.find("body_type")?,
            body_preview: row.find("body_preview")?,
            body: row.find("body")?,
            raw: row.get::<JsonText<'static>>("raw")?.0.into_owned(),
        },
        fetched_at: row.get("fetched_at")?,
        round: row.find("round")?,
    })
}

fn read_key(row: &Row) -> Result<EventKey, StoreError> {
    Ok(EventKey {
        external_id: row.get("external_id")?,
        kind: row.get("kind")?,
        series_master_id: row.find("series_master_external_id")?,
        change_key: row.find("change_key")?,
        start_at: row.get("start_at")?,
        end_at: row.get("end_at")?,
        fetched_at: row.get("fetched_at")?,
    })
}
