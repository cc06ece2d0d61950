//! An event (F7.1).

use serde::Deserialize;
use serde_json::value::RawValue;

use super::field::{Field, Text};
use super::message::{AddressObject, BodyObject, RecipientObject};
use super::page::Removed;

/// An event: a single one, a master, an exception, or a bare occurrence of a calendar view's delta, which has id, master,
/// type, start and end only (F6.32).
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EventObject<'a> {
    /// The id; synthetic for occurrences (F12.7).
    #[serde(borrow)]
    pub id: Option<Text<'a>>,
    /// `#microsoft.graph.event`.
    #[serde(borrow, rename = "@odata.type")]
    pub odata_type: Option<Text<'a>>,
    /// `W/"<changeKey>"`.
    #[serde(borrow, rename = "@odata.etag")]
    pub etag: Option<Text<'a>>,
    /// Present when it left the view (F6.6, F6.36).
    #[serde(borrow, rename = "@removed")]
    pub removed: Option<Removed<'a>>,
    /// When it was made.
    #[serde(borrow)]
    pub created_date_time: Field<Text<'a>>,
    /// When it was changed.
    #[serde(borrow)]
    pub last_modified_date_time: Field<Text<'a>>,
    /// The version.
    #[serde(borrow)]
    pub change_key: Field<Text<'a>>,
    /// Categories.
    #[serde(borrow)]
    pub categories: Field<Vec<Text<'a>>>,
    /// Subject.
    #[serde(borrow)]
    pub subject: Field<Text<'a>>,
    /// Body.
    #[serde(borrow)]
    pub body: Field<BodyObject<'a>>,
    /// First characters of the body.
    #[serde(borrow)]
    pub body_preview: Field<Text<'a>>,
    /// Start.
    #[serde(borrow)]
    pub start: Field<ZonedObject<'a>>,
    /// End, exclusive.
    #[serde(borrow)]
    pub end: Field<ZonedObject<'a>>,
    /// Whole days (F7.5).
    pub is_all_day: Field<bool>,
    /// Cancelled by the organiser (F6.37).
    pub is_cancelled: Field<bool>,
    /// Draft or not.
    pub is_draft: Field<bool>,
    /// Whether this account organises it.
    pub is_organizer: Field<bool>,
    /// Whether it has an online meeting.
    pub is_online_meeting: Field<bool>,
    /// Whether it reminds.
    pub is_reminder_on: Field<bool>,
    /// Whether it has attachments.
    pub has_attachments: Field<bool>,
    /// Whether attendees see each other.
    pub hide_attendees: Field<bool>,
    /// Whether other times may be proposed.
    pub allow_new_time_proposals: Field<bool>,
    /// Whether an answer is asked for.
    pub response_requested: Field<bool>,
    /// Importance.
    #[serde(borrow)]
    pub importance: Field<Text<'a>>,
    /// Sensitivity.
    #[serde(borrow)]
    pub sensitivity: Field<Text<'a>>,
    /// `busy`, …
    #[serde(borrow)]
    pub show_as: Field<Text<'a>>,
    /// `singleInstance`, `occurrence`, `exception`, `seriesMaster` (F7.2).
    #[serde(borrow, rename = "type")]
    pub kind: Field<Text<'a>>,
    /// Occurrences and exceptions only.
    #[serde(borrow)]
    pub series_master_id: Field<Text<'a>>,
    /// Masters only; kept as Graph sent it (F7.9, F7.10).
    #[serde(borrow)]
    pub recurrence: Option<&'a RawValue>,
    /// The slot an exception replaced, UTC (F7.15).
    #[serde(borrow)]
    pub original_start: Field<Text<'a>>,
    /// The zone it was made in, a Windows name mostly (F7.3).
    #[serde(borrow)]
    pub original_start_time_zone: Field<Text<'a>>,
    /// The same of its end.
    #[serde(borrow)]
    pub original_end_time_zone: Field<Text<'a>>,
    /// Differs per occurrence (F7.6).
    #[serde(borrow)]
    pub i_cal_u_id: Field<Text<'a>>,
    /// Echoed only if set (F11.6).
    #[serde(borrow)]
    pub transaction_id: Field<Text<'a>>,
    /// Organiser.
    #[serde(borrow)]
    pub organizer: Field<RecipientObject<'a>>,
    /// Attendees.
    #[serde(borrow)]
    pub attendees: Field<Vec<AttendeeObject<'a>>>,
    /// The place.
    #[serde(borrow)]
    pub location: Field<LocationObject<'a>>,
    /// The places.
    #[serde(borrow)]
    pub locations: Field<Vec<LocationObject<'a>>>,
    /// This account's answer.
    #[serde(borrow)]
    pub response_status: Field<ResponseObject<'a>>,
    /// The online meeting.
    #[serde(borrow)]
    pub online_meeting: Field<OnlineMeetingObject<'a>>,
    /// `teamsForBusiness`, …
    #[serde(borrow)]
    pub online_meeting_provider: Field<Text<'a>>,
    /// Where to join; older than `onlineMeeting`.
    #[serde(borrow)]
    pub online_meeting_url: Field<Text<'a>>,
    /// Where Outlook shows it.
    #[serde(borrow)]
    pub web_link: Field<Text<'a>>,
    /// Minutes.
    pub reminder_minutes_before_start: Field<i64>,
    /// `OID.{master}.{date}`, only when selected (F7.13).
    #[serde(borrow)]
    pub cancelled_occurrences: Field<Vec<Text<'a>>>,
    /// Only when expanded (F7.13).
    #[serde(borrow)]
    pub exception_occurrences: Field<Vec<&'a RawValue>>,
    /// The calendar it is in, only when expanded.
    #[serde(borrow)]
    pub calendar: Field<CalendarReference<'a>>,
}

/// A wall clock's reading and its zone; no offset, 7 fractional digits (F7.3).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ZonedObject<'a> {
    /// `2026-01-09T20:30:00.0000000`.
    #[serde(borrow)]
    pub date_time: Option<Text<'a>>,
    /// `UTC`, as we ask for.
    #[serde(borrow)]
    pub time_zone: Option<Text<'a>>,
}

/// Somebody invited.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AttendeeObject<'a> {
    /// Name and address.
    #[serde(borrow)]
    pub email_address: Option<AddressObject<'a>>,
    /// `required`, `optional`, `resource`.
    #[serde(borrow, rename = "type")]
    pub kind: Option<Text<'a>>,
    /// The answer.
    #[serde(borrow)]
    pub status: Option<ResponseObject<'a>>,
}

/// An answer to an invitation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ResponseObject<'a> {
    /// `accepted`, …
    #[serde(borrow)]
    pub response: Option<Text<'a>>,
    /// When.
    #[serde(borrow)]
    pub time: Option<Text<'a>>,
}

/// A place.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LocationObject<'a> {
    /// Its name.
    #[serde(borrow)]
    pub display_name: Option<Text<'a>>,
}

/// An online meeting.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OnlineMeetingObject<'a> {
    /// Where to join.
    #[serde(borrow)]
    pub join_url: Option<Text<'a>>,
}

/// A calendar named by an event.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct CalendarReference<'a> {
    /// Its id.
    #[serde(borrow)]
    pub id: Option<Text<'a>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_occurrence_is_an_event() {
        // F6.32
        let text = r##"{"@odata.type":"#microsoft.graph.event","@odata.etag":"W/\"k\"","id":"O","seriesMasterId":"M",
            "type":"occurrence","start":{"dateTime":"2026-01-09T20:30:00.0000000","timeZone":"UTC"},
            "end":{"dateTime":"2026-01-09T21:30:00.0000000","timeZone":"UTC"}}"##;

        let event: EventObject = serde_json::from_str(text).expect("an occurrence");

        assert_eq!(event.kind.as_option().map(Text::as_str), Some("occurrence"));
        assert_eq!(event.etag.as_ref().map(Text::as_str), Some("W/\"k\""));
        assert!(!event.subject.is_present());
    }

    #[test]
    fn the_odd_names_of_an_event_are_read() {
        let text = r#"{"iCalUId":"U","reminderMinutesBeforeStart":15,"recurrence":{"pattern":{"type":"daily"}},
            "onlineMeeting":{"joinUrl":"https://teams.example/j"},"attendees":[{"type":"required","status":null}]}"#;

        let event: EventObject = serde_json::from_str(text).expect("an event");

        assert_eq!(event.i_cal_u_id.as_option().map(Text::as_str), Some("U"));
        assert_eq!(event.reminder_minutes_before_start, Field::Value(15));
        assert_eq!(
            event.recurrence.map(RawValue::get),
            Some(r#"{"pattern":{"type":"daily"}}"#)
        );
    }
}
