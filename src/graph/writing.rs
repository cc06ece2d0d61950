//! What we write, in Graph's words. Pure.

use serde_json::{Map, Value, json};

use crate::model::ids::CommandId;
use crate::model::write::{
    Attendee, AttendeeKind, BodyKind, EventFields, FlagState, Importance, MessageChanges, Moment,
    NewMessage, Pattern, Range, Recipient, Recurrence, Sensitivity, ShowAs, Text,
};

/// The property by which a command is found again in what it made; it stays over sending and no recipient sees it.
pub(super) const COMMAND_PROPERTY: &str =
    "String {6f1f4c02-3a57-4d0e-9f7e-2b8a1c5d9e40} Name graph-mirror-command";

pub(super) fn property(command: CommandId) -> Value {
    json!([{ "id": COMMAND_PROPERTY, "value": command.to_string() }])
}

/// A new message, without its attachments.
pub(super) fn message(message: &NewMessage, command: CommandId) -> Value {
    let mut object = Map::new();
    let mut put = |name: &str, value: Value| {
        object.insert(name.to_owned(), value);
    };
    put("singleValueExtendedProperties", property(command));
    if let Some(subject) = &message.subject {
        put("subject", json!(subject));
    }
    if let Some(body) = &message.body {
        put("body", text(body));
    }
    for (name, whom) in [
        ("toRecipients", &message.to),
        ("ccRecipients", &message.cc),
        ("bccRecipients", &message.bcc),
        ("replyTo", &message.reply_to),
    ] {
        if !whom.is_empty() {
            put(name, recipients(whom));
        }
    }
    if let Some(from) = &message.from {
        put("from", recipient(from));
    }
    if let Some(importance) = message.importance {
        put("importance", json!(importance_word(importance)));
    }
    if !message.categories.is_empty() {
        put("categories", json!(message.categories));
    }
    if !message.headers.is_empty() {
        let headers = message.headers.iter();
        let headers: Vec<Value> = headers
            .map(|header| json!({ "name": header.name, "value": header.value }))
            .collect();
        put("internetMessageHeaders", Value::Array(headers));
    }
    if let Some(wanted) = message.read_receipt {
        put("isReadReceiptRequested", json!(wanted));
    }
    if let Some(wanted) = message.delivery_receipt {
        put("isDeliveryReceiptRequested", json!(wanted));
    }
    Value::Object(object)
}

/// What changes of a message.
pub(super) fn changes(changes: &MessageChanges) -> Value {
    let mut object = Map::new();
    let mut put = |name: &str, value: Value| {
        object.insert(name.to_owned(), value);
    };
    if let Some(is_read) = changes.is_read {
        put("isRead", json!(is_read));
    }
    if let Some(flag) = changes.flag {
        put("flag", json!({ "flagStatus": flag_word(flag) }));
    }
    if let Some(categories) = &changes.categories {
        put("categories", json!(categories));
    }
    if let Some(importance) = changes.importance {
        put("importance", json!(importance_word(importance)));
    }
    if let Some(subject) = &changes.subject {
        put("subject", json!(subject));
    }
    if let Some(body) = &changes.body {
        put("body", text(body));
    }
    for (name, whom) in [
        ("toRecipients", &changes.to),
        ("ccRecipients", &changes.cc),
        ("bccRecipients", &changes.bcc),
    ] {
        if let Some(whom) = whom {
            put(name, recipients(whom));
        }
    }
    Value::Object(object)
}

/// An event, or what changes of one.
pub(super) fn event(event: &EventFields) -> Map<String, Value> {
    let mut object = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            object.insert(name.to_owned(), value);
        }
    };
    put(
        "subject",
        event.subject.as_ref().map(|subject| json!(subject)),
    );
    put("body", event.body.as_ref().map(text));
    put("start", event.start.as_ref().map(moment));
    put("end", event.end.as_ref().map(moment));
    put("isAllDay", event.is_all_day.map(Value::from));
    let location = event.location.as_ref();
    put(
        "location",
        location.map(|name| json!({ "displayName": name })),
    );
    let attendees = event.attendees.as_ref();
    put(
        "attendees",
        attendees.map(|all| Value::Array(all.iter().map(attendee).collect())),
    );
    let repeats = event.recurrence.as_ref();
    put(
        "recurrence",
        repeats.map(|repeats| recurrence(repeats, event.start.as_ref())),
    );
    put("isOnlineMeeting", event.is_online_meeting.map(Value::from));
    put("isReminderOn", event.is_reminder_on.map(Value::from));
    put(
        "reminderMinutesBeforeStart",
        event.reminder_minutes.map(Value::from),
    );
    put(
        "showAs",
        event.show_as.map(|word| json!(show_as_word(word))),
    );
    put(
        "sensitivity",
        event.sensitivity.map(|word| json!(sensitivity_word(word))),
    );
    put(
        "importance",
        event.importance.map(|word| json!(importance_word(word))),
    );
    put(
        "categories",
        event.categories.as_ref().map(|all| json!(all)),
    );
    put(
        "responseRequested",
        event.response_requested.map(Value::from),
    );
    put(
        "allowNewTimeProposals",
        event.allow_new_time_proposals.map(Value::from),
    );
    put("hideAttendees", event.hide_attendees.map(Value::from));
    object
}

pub(super) fn text(text: &Text) -> Value {
    let kind = match text.kind {
        BodyKind::Text => "text",
        BodyKind::Html => "html",
    };
    json!({ "contentType": kind, "content": text.content })
}

fn recipients(whom: &[Recipient]) -> Value {
    Value::Array(whom.iter().map(recipient).collect())
}

fn recipient(one: &Recipient) -> Value {
    address(&one.address, one.name.as_deref())
}

fn address(address: &str, name: Option<&str>) -> Value {
    match name {
        Some(name) => json!({ "emailAddress": { "address": address, "name": name } }),
        None => json!({ "emailAddress": { "address": address } }),
    }
}

fn attendee(one: &Attendee) -> Value {
    let kind = match one.kind {
        AttendeeKind::Required => "required",
        AttendeeKind::Optional => "optional",
        AttendeeKind::Resource => "resource",
    };
    let mut object = address(&one.address, one.name.as_deref());
    if let Some(object) = object.as_object_mut() {
        object.insert("type".to_owned(), json!(kind));
    }
    object
}

fn moment(moment: &Moment) -> Value {
    json!({ "dateTime": moment.date_time, "timeZone": moment.time_zone })
}

fn recurrence(recurrence: &Recurrence, start: Option<&Moment>) -> Value {
    json!({ "pattern": pattern(&recurrence.pattern), "range": range(&recurrence.range, start) })
}

/// Our words are Graph's in another spelling: `relative_monthly` is its `relativeMonthly`.
fn camel(word: &impl serde::Serialize) -> Value {
    let Ok(Value::String(word)) = serde_json::to_value(word) else {
        return Value::Null;
    };
    let mut camel = String::with_capacity(word.len());
    let mut is_next_large = false;
    for letter in word.chars() {
        if letter == '_' {
            is_next_large = true;
        } else if std::mem::take(&mut is_next_large) {
            camel.push(letter.to_ascii_uppercase());
        } else {
            camel.push(letter);
        }
    }
    Value::String(camel)
}

fn pattern(pattern: &Pattern) -> Value {
    let mut object = Map::new();
    object.insert("type".to_owned(), camel(&pattern.kind));
    object.insert("interval".to_owned(), json!(pattern.interval));
    if !pattern.days_of_week.is_empty() {
        let days = pattern.days_of_week.iter().map(camel).collect();
        object.insert("daysOfWeek".to_owned(), Value::Array(days));
    }
    if let Some(day) = pattern.day_of_month {
        object.insert("dayOfMonth".to_owned(), json!(day));
    }
    if let Some(month) = pattern.month {
        object.insert("month".to_owned(), json!(month));
    }
    if let Some(index) = &pattern.index {
        object.insert("index".to_owned(), camel(index));
    }
    if let Some(day) = &pattern.first_day_of_week {
        object.insert("firstDayOfWeek".to_owned(), camel(day));
    }
    Value::Object(object)
}

/// A range begins on the day of the event (F7.10), also where nobody said so.
fn range(range: &Range, start: Option<&Moment>) -> Value {
    let mut object = Map::new();
    object.insert("type".to_owned(), camel(&range.kind));
    let own = start.and_then(|start| start.date_time.get(..10));
    if let Some(date) = range.start_date.as_deref().or(own) {
        object.insert("startDate".to_owned(), json!(date));
    }
    if let Some(date) = &range.end_date {
        object.insert("endDate".to_owned(), json!(date));
    }
    if let Some(count) = range.number_of_occurrences {
        object.insert("numberOfOccurrences".to_owned(), json!(count));
    }
    Value::Object(object)
}

fn importance_word(importance: Importance) -> &'static str {
    match importance {
        Importance::Low => "low",
        Importance::Normal => "normal",
        Importance::High => "high",
    }
}

fn flag_word(flag: FlagState) -> &'static str {
    match flag {
        FlagState::None => "notFlagged",
        FlagState::Flagged => "flagged",
        FlagState::Complete => "complete",
    }
}

fn show_as_word(word: ShowAs) -> &'static str {
    match word {
        ShowAs::Free => "free",
        ShowAs::Tentative => "tentative",
        ShowAs::Busy => "busy",
        ShowAs::Oof => "oof",
        ShowAs::WorkingElsewhere => "workingElsewhere",
    }
}

fn sensitivity_word(word: Sensitivity) -> &'static str {
    match word {
        Sensitivity::Normal => "normal",
        Sensitivity::Personal => "personal",
        Sensitivity::Private => "private",
        Sensitivity::Confidential => "confidential",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::write::{PatternKind, WeekIndex, Weekday};

    #[test]
    fn a_message_carries_the_command_and_only_what_was_said() {
        let command = CommandId::generate();
        let said = NewMessage {
            subject: Some("Hello".to_owned()),
            to: vec![Recipient {
                address: "ben@contoso.example".to_owned(),
                name: None,
            }],
            ..NewMessage::default()
        };

        let object = message(&said, command);

        assert_eq!(object["subject"], "Hello");
        assert_eq!(
            object["toRecipients"][0]["emailAddress"],
            json!({"address": "ben@contoso.example"})
        );
        assert_eq!(
            object["singleValueExtendedProperties"][0]["value"],
            command.to_string()
        );
        assert!(object.get("body").is_none() && object.get("ccRecipients").is_none());
    }

    #[test]
    fn a_pattern_is_spelled_as_graph_does() {
        let said = Pattern {
            kind: PatternKind::RelativeMonthly,
            interval: 2,
            days_of_week: vec![Weekday::Tuesday],
            day_of_month: None,
            month: None,
            index: Some(WeekIndex::Last),
            first_day_of_week: None,
        };

        assert_eq!(
            pattern(&said),
            json!({"type": "relativeMonthly", "interval": 2, "daysOfWeek": ["tuesday"], "index": "last"})
        );
    }
}
