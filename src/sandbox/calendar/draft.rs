//! Reads the body of a POST or PATCH of an event into what it changes (F7, F11.6, F11.7).
//!
//! Properties that Graph keeps to itself are passed over; one that events do not have is refused, so that a
//! misspelled name does not vanish in silence.

use chrono::NaiveDateTime;
use serde_json::{Map, Value};

use super::event::{
    Attendee, AttendeeKind, EventBody, Importance, Location, OnlineProvider, Overrides, Person,
    Response, Sensitivity, ShowAs,
};
use super::recurrence::Recurrence;
use super::refusal::Refusal;
use super::repeat_wire;
use super::slot::{WallTime, WhenPatch};
use super::zones::Zone;

/// What a body asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Draft {
    /// What it says.
    pub overrides: Overrides,
    /// When it happens.
    pub when: WhenPatch,
    /// `recurrence`: absent, `null` or given, with the zone it names.
    pub recurrence: Option<Option<(Recurrence, Option<Zone>)>>,
    /// `transactionId`.
    pub transaction_id: Option<String>,
    /// `singleValueExtendedProperties`: id and value.
    pub extended: Vec<(String, String)>,
}

/// The most people a meeting invites.
const MOST_ATTENDEES: usize = 500;

/// Read and answered, never written.
const READ_ONLY: &[&str] = &[
    "id",
    "createdDateTime",
    "lastModifiedDateTime",
    "changeKey",
    "bodyPreview",
    "isCancelled",
    "isDraft",
    "isOrganizer",
    "hasAttachments",
    "type",
    "seriesMasterId",
    "originalStart",
    "originalStartTimeZone",
    "originalEndTimeZone",
    "iCalUId",
    "uid",
    "organizer",
    "responseStatus",
    "onlineMeeting",
    "onlineMeetingUrl",
    "webLink",
    "cancelledOccurrences",
    "exceptionOccurrences",
    "calendar",
    "instances",
    "attachments",
    "extensions",
    "multiValueExtendedProperties",
    "occurrenceId",
];

impl Draft {
    /// Reads a body.
    pub fn parse(body: &Value) -> Result<Self, Refusal> {
        let fields = body
            .as_object()
            .ok_or_else(|| Refusal::Body("Empty Payload. JSON content expected.".to_owned()))?;
        let mut draft = Self::default();
        for (name, value) in fields {
            draft.take(name, value)?;
        }
        // `location` replaces `locations` (F11.7), whichever of the two stands first.
        if let (Some(location), None) = (fields.get("location"), fields.get("locations")) {
            draft.overrides.locations = Some(location_of(location)?.into_iter().collect());
        }
        Ok(draft)
    }

    fn take(&mut self, name: &str, value: &Value) -> Result<(), Refusal> {
        let to = &mut self.overrides;
        match name {
            "subject" => to.subject = Some(text(name, value)?),
            "body" => to.body = Some(body_of(value)?),
            "location" => {}
            "locations" => to.locations = Some(locations(value)?),
            "attendees" => to.attendees = Some(attendees(value)?),
            "categories" => to.categories = Some(texts(name, value)?),
            "importance" => to.importance = Some(choice(name, value, Importance::named)?),
            "sensitivity" => to.sensitivity = Some(choice(name, value, Sensitivity::named)?),
            "showAs" => to.show_as = Some(choice(name, value, ShowAs::named)?),
            "isReminderOn" => to.is_reminder_on = Some(flag(name, value)?),
            "reminderMinutesBeforeStart" => to.reminder_minutes = Some(number(name, value)?),
            "isOnlineMeeting" => to.is_online_meeting = Some(flag(name, value)?),
            "onlineMeetingProvider" => {
                to.online_provider = Some(choice(name, value, OnlineProvider::named)?);
            }
            "responseRequested" => to.response_requested = Some(flag(name, value)?),
            "hideAttendees" => to.hide_attendees = Some(flag(name, value)?),
            "allowNewTimeProposals" => to.allow_new_time_proposals = Some(flag(name, value)?),
            "isAllDay" => self.when.all_day = Some(flag(name, value)?),
            "start" => self.when.start = Some(wall_time(name, value)?),
            "end" => self.when.end = Some(wall_time(name, value)?),
            "recurrence" => {
                self.recurrence = Some(match value {
                    Value::Null => None,
                    given => Some(repeat_wire::parse(given)?),
                });
            }
            "transactionId" => {
                self.transaction_id = match value {
                    Value::Null => None,
                    given => Some(text(name, given)?),
                };
            }
            "singleValueExtendedProperties" => self.extended = extended(value)?,
            annotation if annotation.contains('@') => {}
            known if READ_ONLY.contains(&known) => {}
            unknown => {
                return Err(Refusal::Body(format!(
                    "The property '{unknown}' does not exist on type 'microsoft.graph.event'. Make sure to only use property names that are defined by the type."
                )));
            }
        }
        Ok(())
    }
}

fn wrong(name: &str) -> Refusal {
    Refusal::Body(format!(
        "Cannot convert the literal of property '{name}' to the expected type."
    ))
}

fn text(name: &str, value: &Value) -> Result<String, Refusal> {
    match value {
        Value::Null => Ok(String::new()),
        Value::String(text) => Ok(text.clone()),
        _ => Err(wrong(name)),
    }
}

fn flag(name: &str, value: &Value) -> Result<bool, Refusal> {
    value.as_bool().ok_or_else(|| wrong(name))
}

fn number(name: &str, value: &Value) -> Result<i32, Refusal> {
    value
        .as_i64()
        .and_then(|number| i32::try_from(number).ok())
        .ok_or_else(|| wrong(name))
}

fn texts(name: &str, value: &Value) -> Result<Vec<String>, Refusal> {
    let items = value.as_array().ok_or_else(|| wrong(name))?;
    items.iter().map(|item| text(name, item)).collect()
}

fn choice<T>(name: &str, value: &Value, named: fn(&str) -> Option<T>) -> Result<T, Refusal> {
    value.as_str().and_then(named).ok_or_else(|| wrong(name))
}

fn object<'v>(name: &str, value: &'v Value) -> Result<&'v Map<String, Value>, Refusal> {
    value.as_object().ok_or_else(|| wrong(name))
}

fn inner_text(fields: &Map<String, Value>, name: &str) -> Result<Option<String>, Refusal> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => text(name, value).map(Some),
    }
}

fn body_of(value: &Value) -> Result<EventBody, Refusal> {
    let fields = object("body", value)?;
    let html = match inner_text(fields, "contentType")? {
        None => false,
        Some(kind) if kind.eq_ignore_ascii_case("html") => true,
        Some(kind) if kind.eq_ignore_ascii_case("text") => false,
        Some(_) => return Err(wrong("contentType")),
    };
    let content = inner_text(fields, "content")?.unwrap_or_default();
    Ok(EventBody { html, content })
}

fn location_of(value: &Value) -> Result<Option<Location>, Refusal> {
    if value.is_null() {
        return Ok(None);
    }
    let fields = object("location", value)?;
    let display_name = inner_text(fields, "displayName")?.unwrap_or_default();
    let mut location = Location {
        display_name,
        ..Location::default()
    };
    if let Some(address) = fields.get("address").filter(|address| !address.is_null()) {
        let address = object("address", address)?;
        location.street = inner_text(address, "street")?;
        location.city = inner_text(address, "city")?;
        location.country = inner_text(address, "countryOrRegion")?;
    }
    Ok((location != Location::default()).then_some(location))
}

fn locations(value: &Value) -> Result<Vec<Location>, Refusal> {
    let items = value.as_array().ok_or_else(|| wrong("locations"))?;
    let mut found = Vec::new();
    for item in items {
        found.extend(location_of(item)?);
    }
    Ok(found)
}

fn attendees(value: &Value) -> Result<Vec<Attendee>, Refusal> {
    let items = value.as_array().ok_or_else(|| wrong("attendees"))?;
    if items.len() > MOST_ATTENDEES {
        return Err(Refusal::validation("A meeting has at most 500 attendees."));
    }
    items.iter().map(attendee).collect()
}

fn extended(value: &Value) -> Result<Vec<(String, String)>, Refusal> {
    let name = "singleValueExtendedProperties";
    let items = value.as_array().ok_or_else(|| wrong(name))?;
    items
        .iter()
        .map(|item| {
            let fields = object(name, item)?;
            let id = inner_text(fields, "id")?.filter(|id| !id.is_empty());
            let value = inner_text(fields, "value")?;
            id.zip(value).ok_or_else(|| wrong(name))
        })
        .collect()
}

fn attendee(value: &Value) -> Result<Attendee, Refusal> {
    let fields = object("attendees", value)?;
    let kind = match fields.get("type") {
        None | Some(Value::Null) => AttendeeKind::Required,
        Some(kind) => choice("type", kind, AttendeeKind::named)?,
    };
    let email = fields
        .get("emailAddress")
        .ok_or_else(|| wrong("emailAddress"))?;
    let email = object("emailAddress", email)?;
    let address = inner_text(email, "address")?
        .filter(|address| address.contains('@'))
        .ok_or_else(|| Refusal::validation("At least one recipient is not valid."))?;
    let name = inner_text(email, "name")?.unwrap_or_else(|| address.clone());
    Ok(Attendee {
        person: Person { name, address },
        kind,
        response: Response::None,
        responded_at: None,
    })
}

/// Reads a `dateTimeTimeZone` (F7.3).
pub fn wall_time(name: &str, value: &Value) -> Result<WallTime, Refusal> {
    let fields = object(name, value)?;
    let text = inner_text(fields, "dateTime")?.ok_or_else(|| wrong(name))?;
    let zone = match inner_text(fields, "timeZone")? {
        Some(zone) => Zone::named(&zone)?,
        None => Zone::utc(),
    };
    // An offset in the text wins over the zone; clients send `…Z` with "UTC".
    if let Ok(instant) = chrono::DateTime::parse_from_rfc3339(&text) {
        let local = zone.to_local(instant.naive_utc());
        return Ok(WallTime { local, zone });
    }
    let local = text
        .parse::<NaiveDateTime>()
        .ok()
        .or_else(|| NaiveDateTime::parse_from_str(&text, "%Y-%m-%dT%H:%M").ok())
        .or_else(|| {
            let date: chrono::NaiveDate = text.parse().ok()?;
            Some(date.and_time(chrono::NaiveTime::MIN))
        })
        .filter(|local| {
            use chrono::Datelike as _;
            (1601..=4500).contains(&local.year())
        })
        .ok_or_else(|| wrong(name))?;
    Ok(WallTime { local, zone })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_misspelled_property_is_refused_and_a_read_only_one_passed_over() {
        let misspelled = Draft::parse(&json!({"subjet": "x"}));
        let read_only =
            Draft::parse(&json!({"iCalUId": "x", "@odata.type": "#microsoft.graph.event"}));

        assert!(matches!(misspelled, Err(Refusal::Body(_))));
        assert_eq!(read_only, Ok(Draft::default()));
    }

    // F11.7
    #[test]
    fn location_replaces_locations() {
        let draft = Draft::parse(&json!({"location": {"displayName": "Room 4"}})).unwrap();

        let locations = draft.overrides.locations.unwrap();
        assert_eq!(locations.len(), 1);
        assert_eq!(locations[0].display_name, "Room 4");
    }

    // F7.3
    #[test]
    fn a_time_has_up_to_seven_digits_and_a_zone_of_its_own() {
        let time = json!({"dateTime": "2026-01-09T20:30:00.0000000", "timeZone": "Asia/Tokyo"});
        let zulu = json!({"dateTime": "2026-01-09T20:30:00Z", "timeZone": "UTC"});
        let unknown = json!({"dateTime": "2026-01-09T20:30:00", "timeZone": "Atlantis"});

        let read = wall_time("start", &time).unwrap();

        assert_eq!(
            read.zone.to_utc(read.local).to_string(),
            "2026-01-09 11:30:00"
        );
        assert_eq!(
            wall_time("start", &zulu).unwrap().local.to_string(),
            "2026-01-09 20:30:00"
        );
        assert!(matches!(
            wall_time("start", &unknown),
            Err(Refusal::UnknownZone(_))
        ));
        assert!(wall_time("start", &json!({"dateTime": "soon"})).is_err());
    }
}
