//! Events as Graph writes them (F7.1, F7.3).
//!
//! One struct serves singles, masters, occurrences and exceptions, since they differ in a few properties
//! only; the bare occurrence of a delta is a struct of its own (F6.32).

use chrono::{NaiveDate, NaiveDateTime};
use serde::Serialize;
use serde_json::Value;

use super::event::{Attendee, Details, Location, Person, Response};
use super::repeat_wire::{self, RecurrenceWire};
use super::series::Series;
use super::slot::Slot;
use super::state::{CalendarState, Event, ItemIds};
use super::zones::Zone;
use super::{refusal::Refusal, text};
use crate::model::time::Timestamp;
use crate::sandbox::prefer::{BodyType, Prefer};
use crate::sandbox::{ids, stamp};

const NEVER: &str = "0001-01-01T00:00:00Z";

/// How a client wants events written.
#[derive(Debug, Clone)]
pub struct Style {
    /// Which of the two ids.
    pub immutable: bool,
    /// In which zone.
    pub zone: Zone,
    /// Whether bodies are text.
    pub text_bodies: bool,
}

impl Style {
    /// UTC and immutable ids: how the truth is told.
    pub fn truth() -> Self {
        Self {
            immutable: true,
            zone: Zone::utc(),
            text_bodies: false,
        }
    }

    /// What the preferences of a request ask for; 400 for a zone nobody knows (S49).
    pub fn of(prefer: &Prefer) -> Result<Self, Refusal> {
        let zone = match &prefer.time_zone {
            None => Zone::utc(),
            Some(name) => Zone::named(name)?,
        };
        Ok(Self {
            immutable: prefer.immutable_ids,
            zone,
            text_bodies: prefer.body_type == Some(BodyType::Text),
        })
    }

    fn time(&self, at: NaiveDateTime, all_day: bool) -> TimeWire {
        // An all-day event stands where it stands in every zone (F7.5).
        let local = if all_day { at } else { self.zone.to_local(at) };
        let mut date_time = stamp::seconds_without_zone(local.and_utc());
        date_time.push_str(".0000000");
        TimeWire {
            date_time,
            time_zone: self.zone.name().to_owned(),
        }
    }
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct TimeWire {
    date_time: String,
    time_zone: String,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EmailWire<'a> {
    name: &'a str,
    address: &'a str,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct RecipientWire<'a> {
    email_address: EmailWire<'a>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct StatusWire {
    response: &'static str,
    time: String,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct AttendeeWire<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    status: StatusWire,
    email_address: EmailWire<'a>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct LocationWire<'a> {
    display_name: &'a str,
    location_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    unique_id: Option<&'a str>,
    unique_id_type: &'static str,
    address: AddressWire<'a>,
    coordinates: CoordinatesWire,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct AddressWire<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    street: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    city: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    country_or_region: Option<&'a str>,
}

#[derive(Debug, Clone, Serialize)]
struct CoordinatesWire {}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct BodyWire {
    content_type: &'static str,
    content: String,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct OnlineWire<'a> {
    join_url: &'a str,
}

/// An event in full.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EventWire<'a> {
    #[serde(rename = "@odata.type", skip_serializing_if = "Option::is_none")]
    odata_type: Option<&'static str>,
    #[serde(rename = "@odata.etag")]
    etag: String,
    id: String,
    created_date_time: String,
    last_modified_date_time: String,
    change_key: String,
    categories: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction_id: Option<&'a str>,
    original_start_time_zone: String,
    original_end_time_zone: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    original_start: Option<String>,
    i_cal_u_id: String,
    reminder_minutes_before_start: i32,
    is_reminder_on: bool,
    has_attachments: bool,
    subject: String,
    body_preview: String,
    importance: &'static str,
    sensitivity: &'static str,
    is_all_day: bool,
    is_cancelled: bool,
    is_draft: bool,
    is_organizer: bool,
    response_requested: bool,
    series_master_id: Option<String>,
    show_as: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    web_link: String,
    online_meeting_url: Option<&'a str>,
    is_online_meeting: bool,
    online_meeting_provider: &'static str,
    allow_new_time_proposals: bool,
    hide_attendees: bool,
    response_status: StatusWire,
    body: BodyWire,
    start: TimeWire,
    end: TimeWire,
    location: Value,
    locations: Value,
    recurrence: Option<RecurrenceWire>,
    attendees: Value,
    organizer: RecipientWire<'a>,
    online_meeting: Value,
}

/// An occurrence as the delta of a calendar view has it: bare (F6.32).
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BareWire {
    #[serde(rename = "@odata.type")]
    odata_type: &'static str,
    #[serde(rename = "@odata.etag")]
    etag: String,
    id: String,
    series_master_id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    start: TimeWire,
    end: TimeWire,
}

/// `#microsoft.graph.event`, which items of a delta carry.
pub const EVENT_TYPE: &str = "#microsoft.graph.event";

/// A single event or a master.
pub fn whole<'a>(event: &'a Event, style: &Style) -> EventWire<'a> {
    let kind = if event.series.is_some() {
        "seriesMaster"
    } else {
        "singleInstance"
    };
    let facts = Facts {
        ids: &event.ids,
        kind,
        slot: &event.slot,
        version: ids::change_key(event.key.0, event.version),
        modified_at: event.modified_at,
        date: None,
    };
    let mut wire = write(event, &event.details, &facts, style);
    wire.recurrence = event
        .series
        .as_ref()
        .map(|series| repeat_wire::render(series.recurrence(), series.zone()));
    wire
}

/// The occurrence or exception of a master for a date, in full; `None` without a series.
pub fn occurrence<'a>(event: &'a Event, date: NaiveDate, style: &Style) -> Option<EventWire<'a>> {
    let series = event.series.as_ref()?;
    let ids = CalendarState::occurrence_ids(event, date);
    let slot = series.slot_of(date);
    let mut details = event.details.clone();
    let exception = series.exceptions().get(&date);
    let (kind, version, modified_at) = match exception {
        None => (
            "occurrence",
            ids::change_key(event.key.0, event.version),
            event.modified_at,
        ),
        Some(exception) => {
            details.apply(&exception.overrides);
            (
                "exception",
                exception_key(event, date, exception.version),
                exception.modified_at,
            )
        }
    };
    let facts = Facts {
        ids: &ids,
        kind,
        slot: &slot,
        version,
        modified_at,
        date: Some(date),
    };
    let mut wire = write(event, &details, &facts, style);
    wire.series_master_id = Some(event.ids.pick(style.immutable).to_owned());
    wire.original_start = Some(stamp::seconds(series.slot_on(date).start.and_utc()));
    Some(wire)
}

/// The occurrence of a master for a date, bare.
pub fn bare(event: &Event, date: NaiveDate, style: &Style) -> Option<BareWire> {
    let series = event.series.as_ref()?;
    let slot = series.slot_of(date);
    Some(BareWire {
        odata_type: EVENT_TYPE,
        etag: ids::etag(event.key.0, event.version),
        id: CalendarState::occurrence_ids(event, date)
            .pick(style.immutable)
            .to_owned(),
        series_master_id: event.ids.pick(style.immutable).to_owned(),
        kind: "occurrence",
        start: style.time(slot.start, slot.all_day),
        end: style.time(slot.end, slot.all_day),
    })
}

impl EventWire<'_> {
    /// The same with its type, as items of a delta have it.
    #[must_use]
    pub fn typed(mut self) -> Self {
        self.odata_type = Some(EVENT_TYPE);
        self
    }
}

/// `cancelledOccurrences` of a master (F7.13).
pub fn cancelled_occurrences(event: &Event, style: &Style) -> Vec<String> {
    let master = event.ids.pick(style.immutable);
    event
        .series
        .iter()
        .flat_map(Series::cancelled)
        .map(|date| format!("OID.{master}.{date}"))
        .collect()
}

struct Facts<'a> {
    ids: &'a ItemIds,
    kind: &'static str,
    slot: &'a Slot,
    version: String,
    modified_at: Timestamp,
    date: Option<NaiveDate>,
}

fn write<'a>(
    event: &'a Event,
    details: &Details,
    facts: &Facts<'_>,
    style: &Style,
) -> EventWire<'a> {
    let slot = facts.slot;
    let id = facts.ids.pick(style.immutable).to_owned();
    let places: Vec<LocationWire<'_>> = details.locations.iter().map(location).collect();
    let no_place = Location::default();
    let place = details
        .locations
        .first()
        .map_or_else(|| location(&no_place), location);
    let body = if style.text_bodies {
        BodyWire {
            content_type: "text",
            content: text::plain(&details.body),
        }
    } else {
        BodyWire {
            content_type: "html",
            content: text::html(&details.body),
        }
    };
    let attendees: Vec<AttendeeWire<'_>> = if details.hide_attendees && !event.is_organizer {
        Vec::new()
    } else {
        details.attendees.iter().map(attendee).collect()
    };
    let online = details
        .join_url
        .as_deref()
        .map(|join_url| OnlineWire { join_url });
    EventWire {
        odata_type: None,
        etag: format!("W/\"{}\"", facts.version),
        web_link: format!(
            "https://outlook.office365.com/owa/?itemid={}&exvsurl=1&path=/calendar/item",
            crate::sandbox::query::encode(&id)
        ),
        id,
        created_date_time: stamp::ticks(event.created_at),
        last_modified_date_time: stamp::ticks(facts.modified_at),
        change_key: facts.version.clone(),
        categories: details.categories.clone(),
        transaction_id: event.transaction_id.as_deref(),
        original_start_time_zone: slot.start_zone.clone(),
        original_end_time_zone: slot.end_zone.clone(),
        original_start: None,
        i_cal_u_id: ical_uid(event, facts.date),
        reminder_minutes_before_start: details.reminder_minutes,
        is_reminder_on: details.is_reminder_on,
        has_attachments: false,
        subject: details.subject.clone(),
        body_preview: text::preview(&details.body),
        importance: details.importance.name(),
        sensitivity: details.sensitivity.name(),
        is_all_day: slot.all_day,
        is_cancelled: details.is_cancelled,
        is_draft: false,
        is_organizer: event.is_organizer,
        response_requested: details.response_requested,
        series_master_id: None,
        show_as: details.show_as.name(),
        kind: facts.kind,
        online_meeting_url: None,
        is_online_meeting: details.is_online_meeting,
        online_meeting_provider: details.online_provider.name(),
        allow_new_time_proposals: details.allow_new_time_proposals,
        hide_attendees: details.hide_attendees,
        response_status: status(details.response, details.responded_at),
        body,
        start: style.time(slot.start, slot.all_day),
        end: style.time(slot.end, slot.all_day),
        location: to_value(&place),
        locations: to_value(&places),
        recurrence: None,
        attendees: to_value(&attendees),
        organizer: RecipientWire {
            email_address: email(&event.organizer),
        },
        online_meeting: to_value(&online),
    }
}

/// Details of an occurrence are put together for it alone, so what borrows them is written at once.
fn to_value(value: &impl Serialize) -> Value {
    serde_json::to_value(value).expect("wire structs have text keys")
}

fn status(response: Response, at: Option<Timestamp>) -> StatusWire {
    StatusWire {
        response: response.name(),
        time: at.map_or_else(|| NEVER.to_owned(), stamp::seconds),
    }
}

pub(super) fn email(person: &Person) -> EmailWire<'_> {
    EmailWire {
        name: &person.name,
        address: &person.address,
    }
}

fn attendee(attendee: &Attendee) -> AttendeeWire<'_> {
    AttendeeWire {
        kind: attendee.kind.name(),
        status: status(attendee.response, attendee.responded_at),
        email_address: email(&attendee.person),
    }
}

fn location(location: &Location) -> LocationWire<'_> {
    let named = !location.display_name.is_empty();
    LocationWire {
        display_name: &location.display_name,
        location_type: "default",
        unique_id: named.then_some(location.display_name.as_str()),
        unique_id_type: if named { "private" } else { "unknown" },
        address: AddressWire {
            street: location.street.as_deref(),
            city: location.city.as_deref(),
            country_or_region: location.country.as_deref(),
        },
        coordinates: CoordinatesWire {},
    }
}

fn exception_key(event: &Event, date: NaiveDate, version: u64) -> String {
    use chrono::Datelike as _;
    let day = u64::try_from(date.num_days_from_ce()).unwrap_or(0);
    ids::change_key(event.key.0 ^ (day << 32), version)
}

/// The id all copies share; that of an occurrence holds its date (F7.6).
fn ical_uid(event: &Event, date: Option<NaiveDate>) -> String {
    use chrono::Datelike as _;
    let (year, month, day) = date.map_or((0, 0, 0), |date| (date.year(), date.month(), date.day()));
    format!(
        "040000008200E00074C5B7101A82E008{year:04X}{month:02X}{day:02X}{}",
        event.uid
    )
}
