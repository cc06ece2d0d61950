//! Events (F7.1).
//!
//! An occurrence is kept as little more than its place in time: what it has in common with its master is copied from
//! there (F6.32), whether Graph sent it bare or whole, so that a row is the same by whichever way it came.

use serde_json::value::RawValue;

use super::mend::read_or_mend;
use super::message::party;
use super::raw::{storable, without_content};
use super::time::{Zoned, instant, zoned};
use super::{Unreadable, id, possible, text, version};
use crate::graph::wire::event::AttendeeObject;
use crate::graph::wire::{EventObject, Field, Text};
use crate::model::calendar::{Attendee, Event, EventKind};
use crate::model::ids::GraphId;
use crate::model::zone;

/// An event as a page or a GET brought it.
#[derive(Debug, Clone, PartialEq)]
pub enum EventItem {
    /// A single event, a master or an exception.
    Whole(Box<Event>),
    /// An occurrence; it becomes a row with its master's help.
    Occurrence(Box<Occurrence>),
    /// It left this view (F6.6, F6.36): a suspicion, and none when the id is unknown (M51).
    Removed(GraphId),
}

/// What is an occurrence's own.
#[derive(Debug, Clone, PartialEq)]
pub struct Occurrence {
    /// Synthetic: master and date (F12.7).
    pub external_id: GraphId,
    /// Its master.
    pub series_master_id: GraphId,
    /// Version.
    pub change_key: Option<String>,
    /// From.
    pub start: Zoned,
    /// Until.
    pub end: Zoned,
}

impl Occurrence {
    /// The row: the occurrence's own place in its master's clothes.
    pub fn dressed_as(&self, master: &Event) -> Event {
        let mut event = dress(master, &self.external_id);
        event.series_master_id = Some(self.series_master_id.clone());
        event.change_key.clone_from(&self.change_key);
        event.start_at = self.start.at;
        event.end_at = self.end.at;
        event.start_date = master.is_all_day.then_some(self.start.day);
        event.end_date = master.is_all_day.then_some(self.end.day);
        event.start_raw.clone_from(&self.start.raw);
        event.end_raw.clone_from(&self.end.raw);
        event.raw = raw_of(&event);
        event
    }
}

/// A stored occurrence in the clothes that its master wears now.
pub fn dressed_again(occurrence: &Event, master: &Event) -> Event {
    let mut event = dress(master, &occurrence.external_id);
    event
        .series_master_id
        .clone_from(&occurrence.series_master_id);
    event.change_key.clone_from(&occurrence.change_key);
    event.start_at = occurrence.start_at;
    event.end_at = occurrence.end_at;
    event.start_date = master.is_all_day.then(|| occurrence.start_at.date_naive());
    event.end_date = master.is_all_day.then(|| occurrence.end_at.date_naive());
    event.start_raw.clone_from(&occurrence.start_raw);
    event.end_raw.clone_from(&occurrence.end_raw);
    event.raw = raw_of(&event);
    event
}

fn dress(master: &Event, external_id: &GraphId) -> Event {
    Event {
        external_id: external_id.clone(),
        kind: EventKind::Occurrence,
        ical_uid: None,
        recurrence: None,
        original_start_at: None,
        web_link: None,
        ..master.clone()
    }
}

/// What a bare occurrence is on the wire, said the same way every time.
fn raw_of(event: &Event) -> String {
    let zoned = |raw: &str| {
        let (reading, zone) = raw.rsplit_once(' ').unwrap_or((raw, "UTC"));
        serde_json::json!({ "dateTime": reading, "timeZone": zone })
    };
    serde_json::json!({
        "@odata.type": "#microsoft.graph.event",
        "id": event.external_id,
        "seriesMasterId": event.series_master_id,
        "type": "occurrence",
        "start": zoned(&event.start_raw),
        "end": zoned(&event.end_raw),
    })
    .to_string()
}

/// The calendar that an event names, where it was expanded.
pub fn calendar_of(item: &str) -> Option<GraphId> {
    let object: EventObject = serde_json::from_str(item).ok()?;
    object
        .calendar
        .into_option()
        .and_then(|calendar| possible(calendar.id))
}

/// Reads an item of a calendar: of a view, its delta, a list of instances, or an event by itself.
pub fn read(item: &str, calendar: &GraphId) -> Result<EventItem, Unreadable> {
    read_or_mend(item, |text| {
        Some(understand(item, calendar, serde_json::from_str(text).ok()?))
    })
    .ok_or(Unreadable::Shape)?
}

fn understand(
    item: &str,
    calendar: &GraphId,
    object: EventObject<'_>,
) -> Result<EventItem, Unreadable> {
    let external_id = object
        .id
        .as_ref()
        .filter(|id| GraphId::is_possible(id))
        .map(|id| GraphId(id.as_str().to_owned()))
        .ok_or(Unreadable::Missing("id"))?;
    if object.removed.is_some() {
        return Ok(EventItem::Removed(external_id));
    }
    let kind = kind_of(&object)?;
    let start = zoned("start", &object.start)?;
    let end = zoned("end", &object.end)?;
    if kind == EventKind::Occurrence {
        return Ok(EventItem::Occurrence(Box::new(Occurrence {
            external_id,
            series_master_id: id(object.series_master_id)
                .ok_or(Unreadable::Missing("seriesMasterId"))?,
            change_key: text(object.change_key).or_else(|| version(object.etag.as_ref())),
            start,
            end,
        })));
    }
    let event = whole(item, calendar, external_id, kind, (start, end), object);
    Ok(EventItem::Whole(Box::new(event)))
}

fn kind_of(object: &EventObject) -> Result<EventKind, Unreadable> {
    match object.kind.as_option().map(Text::as_str) {
        Some("singleInstance") => Ok(EventKind::SingleInstance),
        Some("seriesMaster") => Ok(EventKind::SeriesMaster),
        Some("occurrence") => Ok(EventKind::Occurrence),
        Some("exception") => Ok(EventKind::Exception),
        // A kind not known today: with a master it belongs to a series, without one it stands alone.
        Some(_) if object.series_master_id.as_option().is_some() => Ok(EventKind::Exception),
        Some(_) => Ok(EventKind::SingleInstance),
        None => Err(Unreadable::Missing("type")),
    }
}

fn whole(
    item: &str,
    calendar: &GraphId,
    external_id: GraphId,
    kind: EventKind,
    (start, end): (Zoned, Zoned),
    object: EventObject,
) -> Event {
    let created_at = instant(&object.created_date_time);
    let modified_at = instant(&object.last_modified_date_time);
    let original_start_at = instant(&object.original_start);
    let is_all_day = object.is_all_day.into_option().unwrap_or(false);
    let original_zone = text(object.original_start_time_zone);
    let iana_zone = original_zone
        .as_deref()
        .and_then(zone::iana)
        .map(|zone| zone.name().to_owned());
    let (body_type, body) = object
        .body
        .into_option()
        .map_or((None, None), |body| (body.content_type, body.content));
    let is_exception = kind == EventKind::Exception;
    let reminds = object.is_reminder_on.into_option().unwrap_or(true);
    Event {
        external_id,
        calendar_external_id: calendar.clone(),
        kind,
        series_master_id: id(object.series_master_id),
        change_key: text(object.change_key).or_else(|| version(object.etag.as_ref())),
        // It differs per occurrence (F7.6), so that it means nothing on an exception.
        ical_uid: text(object.i_cal_u_id).filter(|_| !is_exception),
        subject: text(object.subject),
        body_type: body_type.map(Text::into_string),
        body: body.map(Text::into_string),
        body_preview: text(object.body_preview),
        start_at: start.at,
        end_at: end.at,
        start_date: is_all_day.then_some(start.day),
        end_date: is_all_day.then_some(end.day),
        original_zone,
        iana_zone,
        start_raw: start.raw,
        end_raw: end.raw,
        is_all_day,
        is_cancelled: object.is_cancelled.into_option().unwrap_or(false),
        is_organizer: object.is_organizer.into_option().unwrap_or(false),
        is_online_meeting: object.is_online_meeting.into_option().unwrap_or(false),
        online_meeting_url: object
            .online_meeting
            .into_option()
            .and_then(|meeting| meeting.join_url)
            .map(Text::into_string)
            .or_else(|| text(object.online_meeting_url)),
        location: object
            .location
            .into_option()
            .and_then(|location| location.display_name)
            .map(Text::into_string),
        organizer: object.organizer.into_option().and_then(party),
        attendees: attendees(object.attendees),
        show_as: text(object.show_as),
        sensitivity: text(object.sensitivity),
        importance: text(object.importance),
        categories: object
            .categories
            .into_option()
            .unwrap_or_default()
            .into_iter()
            .map(Text::into_string)
            .collect(),
        response: object
            .response_status
            .into_option()
            .and_then(|status| status.response)
            .map(Text::into_string),
        recurrence: object
            .recurrence
            .map(RawValue::get)
            .filter(|recurrence| *recurrence != "null")
            .map(same_order),
        original_start_at,
        reminder_minutes: object
            .reminder_minutes_before_start
            .into_option()
            .filter(|_| reminds),
        has_attachments: object.has_attachments.into_option().unwrap_or(false),
        web_link: text(object.web_link),
        created_at,
        modified_at,
        raw: storable(without_content(item)),
    }
}

/// A JSON text with its keys in one order: an answer inside of a batch may bring them in another one, and that is no change.
fn same_order(json: &str) -> String {
    serde_json::from_str::<serde_json::Value>(json)
        .map_or_else(|_| storable(json.to_owned()), |value| value.to_string())
}

fn attendees(field: Field<Vec<AttendeeObject<'_>>>) -> Vec<Attendee> {
    let attendees = field.into_option().unwrap_or_default();
    attendees
        .into_iter()
        .map(|attendee| {
            let (name, address) = attendee
                .email_address
                .map_or((None, None), |address| (address.name, address.address));
            Attendee {
                name: name.map(Text::into_string),
                address: address.map(Text::into_string),
                kind: attendee.kind.map(Text::into_string),
                response: attendee
                    .status
                    .and_then(|status| status.response)
                    .map(Text::into_string),
            }
        })
        .collect()
}

#[cfg(test)]
#[path = "event_tests.rs"]
mod tests;
