//! Calendars and events as rows.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::ids::GraphId;
use super::time::Timestamp;

/// A calendar (F7.16).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    /// Graph's id.
    pub external_id: GraphId,
    /// Its name.
    pub name: String,
    /// Its colour's name.
    pub color: Option<String>,
    /// Whether it is the default one.
    pub is_default: bool,
    /// Whether the account may write to it.
    pub can_edit: bool,
    /// Whose it is; another's for a shared calendar.
    pub owner_address: Option<String>,
    /// What Graph sent.
    pub raw: String,
}

/// What an event row is (F7.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum EventKind {
    /// An event of its own.
    SingleInstance,
    /// The rule of a series.
    SeriesMaster,
    /// A regular occurrence; what it has in common with its master is copied from there (F6.32).
    Occurrence,
    /// An occurrence that was changed by itself.
    Exception,
}

/// One attendee of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attendee {
    /// Name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// `required`, `optional`, `resource`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// `accepted`, `declined`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<String>,
}

/// An event as the mirror keeps it. Times are UTC instants; the zone it was made in stands beside them (M54).
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The immutable id; synthetic for occurrences (F12.7).
    pub external_id: GraphId,
    /// Its calendar.
    pub calendar_external_id: GraphId,
    /// What it is.
    pub kind: EventKind,
    /// The master of its series.
    pub series_master_id: Option<GraphId>,
    /// Version.
    pub change_key: Option<String>,
    /// The id shared between calendars; differs per occurrence (F7.6), so it is kept for masters and single events only.
    pub ical_uid: Option<String>,
    /// Subject.
    pub subject: Option<String>,
    /// Body type.
    pub body_type: Option<String>,
    /// Body.
    pub body: Option<String>,
    /// First characters of the body.
    pub body_preview: Option<String>,
    /// Start, UTC.
    pub start_at: Timestamp,
    /// End, UTC, exclusive.
    pub end_at: Timestamp,
    /// The first day, for all-day events only (F7.5).
    pub start_date: Option<NaiveDate>,
    /// The day after the last, for all-day events only.
    pub end_date: Option<NaiveDate>,
    /// The zone it was made in as Graph names it.
    pub original_zone: Option<String>,
    /// The same as an IANA name, when it could be resolved.
    pub iana_zone: Option<String>,
    /// `start.dateTime` and zone as Graph sent them, raw.
    pub start_raw: String,
    /// `end.dateTime` and zone as Graph sent them, raw.
    pub end_raw: String,
    /// Whole days.
    pub is_all_day: bool,
    /// Cancelled by the organiser (F6.37).
    pub is_cancelled: bool,
    /// Whether this account organises it.
    pub is_organizer: bool,
    /// Whether it has an online meeting.
    pub is_online_meeting: bool,
    /// Where to join.
    pub online_meeting_url: Option<String>,
    /// Location's display name.
    pub location: Option<String>,
    /// Organiser.
    pub organizer: Option<super::mail::Party>,
    /// Attendees.
    pub attendees: Vec<Attendee>,
    /// `busy`, `free`, …
    pub show_as: Option<String>,
    /// `normal`, `private`, …
    pub sensitivity: Option<String>,
    /// Importance.
    pub importance: Option<String>,
    /// Categories.
    pub categories: Vec<String>,
    /// This account's answer.
    pub response: Option<String>,
    /// The recurrence as Graph sent it (JSON), for masters.
    pub recurrence: Option<String>,
    /// The slot an exception replaced, UTC (F7.15).
    pub original_start_at: Option<Timestamp>,
    /// Reminder in minutes before the start.
    pub reminder_minutes: Option<i64>,
    /// Whether it has attachments.
    pub has_attachments: bool,
    /// Where Outlook shows it.
    pub web_link: Option<String>,
    /// `createdDateTime`.
    pub created_at: Option<Timestamp>,
    /// `lastModifiedDateTime`.
    pub modified_at: Option<Timestamp>,
    /// What Graph sent, the body's content cut out because it stands in `body`.
    pub raw: String,
}
