//! What can be seen to be wrong with a write before anything is done. Pure.
//!
//! The endpoints ask here before a command is left, and the home asks again, because an application may have written the row
//! itself. Everything that is wrong is said at once; a write that passes may still be refused by Graph.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{NaiveDate, NaiveDateTime, TimeZone as _};

use crate::content::{file_name, media_type};
use crate::model::blob::LARGEST;
use crate::model::write::{
    Answer, EventFields, Fault, FaultCode, Header, MessageChanges, Moment, NewAttachment,
    NewMessage, Pattern, PatternKind, RangeKind, Recipient, Recurrence, Text, Write,
};
use crate::model::zone::iana;

/// Recipients of a message (F11.3), and attendees of an event.
pub const MOST_RECIPIENTS: usize = 500;
/// Headers of one's own (F11.3).
const MOST_HEADERS: usize = 5;
/// Characters of a text: what comes as JSON must fit one request (F8.13).
const LONGEST_TEXT: usize = 3 << 20;
/// Characters of a subject.
const LONGEST_SUBJECT: usize = 255;
/// Files of one message.
const MOST_FILES: usize = 100;

/// Everything that is wrong.
pub fn check(write: &Write) -> Vec<Fault> {
    let mut faults = Vec::new();
    match write {
        Write::Send { message } => new_message(message, &mut faults),
        Write::Reply { answer, .. } | Write::ReplyAll { answer, .. } => {
            answered(answer, &mut faults);
        }
        Write::Forward { answer, .. } => {
            answered(answer, &mut faults);
            let whom = [&answer.to, &answer.cc, &answer.bcc];
            somebody(whom, answer.draft, &mut faults);
        }
        Write::UpdateMessage { changes, .. } => changed(changes, &mut faults),
        Write::CreateEvent { event, .. } => {
            if event.start.is_none() || event.end.is_none() {
                faults.push(wrong("start", "an event has a start and an end"));
            }
            fields(event, &mut faults);
        }
        Write::UpdateEvent { changes, .. } => {
            if changes.is_empty() {
                faults.push(wrong("body", "it names nothing that changes"));
            }
            fields(changes, &mut faults);
        }
        Write::SendDraft { .. }
        | Write::Move { .. }
        | Write::Copy { .. }
        | Write::Delete { .. }
        | Write::Restore { .. }
        | Write::DeleteEvent { .. }
        | Write::CancelEvent { .. }
        | Write::RespondEvent { .. } => {}
    }
    faults
}

fn wrong(field: &str, detail: &str) -> Fault {
    Fault::of(FaultCode::InvalidRequest, field, detail)
}

fn new_message(message: &NewMessage, faults: &mut Vec<Fault>) {
    let whom = [
        ("to", &message.to),
        ("cc", &message.cc),
        ("bcc", &message.bcc),
        ("reply_to", &message.reply_to),
    ];
    for (field, whom) in whom {
        recipients(field, whom, faults);
    }
    if let Some(from) = &message.from {
        address("from", &from.address, faults);
    }
    somebody(
        [&message.to, &message.cc, &message.bcc],
        message.draft,
        faults,
    );
    subject(message.subject.as_deref(), faults);
    text(message.body.as_ref(), faults);
    headers(&message.headers, faults);
    files(&message.attachments, faults);
}

fn answered(answer: &Answer, faults: &mut Vec<Fault>) {
    for (field, whom) in [("to", &answer.to), ("cc", &answer.cc), ("bcc", &answer.bcc)] {
        recipients(field, whom, faults);
    }
    too_many([&answer.to, &answer.cc, &answer.bcc], faults);
    subject(answer.subject.as_deref(), faults);
    text(answer.body.as_ref(), faults);
    files(&answer.attachments, faults);
}

fn changed(changes: &MessageChanges, faults: &mut Vec<Fault>) {
    if changes.is_empty() {
        faults.push(wrong("body", "it names nothing that changes"));
    }
    for (field, whom) in [
        ("to", &changes.to),
        ("cc", &changes.cc),
        ("bcc", &changes.bcc),
    ] {
        recipients(field, whom.as_deref().unwrap_or_default(), faults);
    }
    let whom = [&changes.to, &changes.cc, &changes.bcc];
    let count = whom
        .iter()
        .map(|whom| whom.as_ref().map_or(0, Vec::len))
        .sum();
    count_of(count, faults);
    subject(changes.subject.as_deref(), faults);
    text(changes.body.as_ref(), faults);
}

fn somebody(whom: [&Vec<Recipient>; 3], is_draft: bool, faults: &mut Vec<Fault>) {
    if !is_draft && whom.iter().all(|whom| whom.is_empty()) {
        faults.push(Fault::of(
            FaultCode::InvalidRecipient,
            "to",
            "it goes to nobody: name somebody in `to`, `cc` or `bcc`, or make it a draft",
        ));
    }
    too_many(whom, faults);
}

fn too_many(whom: [&Vec<Recipient>; 3], faults: &mut Vec<Fault>) {
    count_of(whom.iter().map(|whom| whom.len()).sum(), faults);
}

fn count_of(count: usize, faults: &mut Vec<Fault>) {
    if count > MOST_RECIPIENTS {
        faults.push(Fault::of(
            FaultCode::TooManyRecipients,
            "to",
            format!("{count} recipients are more than the {MOST_RECIPIENTS} that Microsoft takes; send several messages"),
        ));
    }
}

fn recipients(field: &str, whom: &[Recipient], faults: &mut Vec<Fault>) {
    for (number, one) in whom.iter().enumerate() {
        address(&format!("{field}[{number}]"), &one.address, faults);
    }
}

fn address(field: &str, address: &str, faults: &mut Vec<Fault>) {
    if !is_address(address) {
        faults.push(Fault::of(
            FaultCode::InvalidRecipient,
            field,
            "it is no mail address: one looks like `ben@contoso.example`",
        ));
    }
}

/// Whether a text can be a mail address. What is one, only its server knows.
fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else {
        return false;
    };
    let is_plain = |part: &str| {
        !part.is_empty()
            && !part.chars().any(|letter| {
                letter.is_whitespace() || letter.is_control() || "<>,;\"()[]\\".contains(letter)
            })
    };
    text.len() <= 320
        && is_plain(local)
        && !local.contains('@')
        && is_plain(domain)
        && !domain.starts_with('.')
        && !domain.ends_with('.')
        && !domain.contains("..")
}

fn subject(subject: Option<&str>, faults: &mut Vec<Fault>) {
    let Some(subject) = subject else { return };
    if subject.chars().count() > LONGEST_SUBJECT {
        faults.push(wrong("subject", "a subject has at most 255 characters"));
    }
    if subject.chars().any(char::is_control) {
        faults.push(wrong(
            "subject",
            "a subject is one line, without control characters",
        ));
    }
}

fn text(text: Option<&Text>, faults: &mut Vec<Fault>) {
    if text.is_some_and(|text| text.content.len() > LONGEST_TEXT) {
        faults.push(Fault::of(
            FaultCode::TextTooLarge,
            "body",
            "a text has at most 3 MB; send the rest as an attachment",
        ));
    }
}

fn headers(headers: &[Header], faults: &mut Vec<Fault>) {
    if headers.len() > MOST_HEADERS {
        faults.push(wrong(
            "headers",
            "there are at most five headers of one's own",
        ));
    }
    let is_name = |name: &str| {
        name.len() > 2
            && name
                .get(..2)
                .is_some_and(|start| start.eq_ignore_ascii_case("x-"))
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    for (number, header) in headers.iter().enumerate() {
        if !is_name(&header.name) || header.value.chars().any(char::is_control) {
            faults.push(wrong(
                &format!("headers[{number}]"),
                "a header of one's own begins with `x-`, has letters, digits and `-` in its name, and one line as its value",
            ));
        }
    }
}

fn files(files: &[NewAttachment], faults: &mut Vec<Fault>) {
    if files.len() > MOST_FILES {
        faults.push(wrong(
            "attachments",
            "a message has at most 100 attachments here",
        ));
    }
    for (number, told) in files.iter().enumerate() {
        file(&format!("attachments[{number}]"), told, faults);
    }
}

fn file(field: &str, told: &NewAttachment, faults: &mut Vec<Fault>) {
    if told.upload_id.is_some() == told.content_base64.is_some() {
        faults.push(wrong(
            field,
            "an attachment has either `upload_id` or `content_base64`",
        ));
    }
    match &told.name {
        Some(name) => {
            if let Some(fault) = file_name::fault(name) {
                faults.push(Fault::of(
                    FaultCode::FileNameRefused,
                    format!("{field}.name"),
                    format!("the name of the file {fault}"),
                ));
            }
        }
        None if told.upload_id.is_none() => {
            faults.push(wrong(&format!("{field}.name"), "a file has a name"));
        }
        None => {}
    }
    if let Some(kind) = &told.content_type
        && !media_type::is_type(kind)
    {
        faults.push(wrong(
            &format!("{field}.content_type"),
            "it is no content type",
        ));
    }
    let Some(content) = &told.content_base64 else {
        return;
    };
    match STANDARD.decode(content) {
        Err(_) => faults.push(wrong(&format!("{field}.content_base64"), "it is no base64")),
        Ok(bytes) if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > LARGEST => {
            faults.push(Fault::of(
                FaultCode::AttachmentTooLarge,
                field,
                "an attachment has at most 150 MB",
            ));
        }
        Ok(bytes) => {
            let kind = told.content_type.as_deref().unwrap_or_default();
            if media_type::is_a_lie(kind, &bytes) {
                faults.push(Fault::of(
                    FaultCode::ContentTypeMismatch,
                    format!("{field}.content_type"),
                    "the bytes are not what the content type says",
                ));
            }
        }
    }
}

fn fields(event: &EventFields, faults: &mut Vec<Fault>) {
    subject(event.subject.as_deref(), faults);
    text(event.body.as_ref(), faults);
    let attendees = event.attendees.as_deref().unwrap_or_default();
    for (number, one) in attendees.iter().enumerate() {
        address(&format!("attendees[{number}]"), &one.address, faults);
    }
    count_of(attendees.len(), faults);
    let start = event
        .start
        .as_ref()
        .and_then(|start| moment("start", start, faults));
    let end = event
        .end
        .as_ref()
        .and_then(|end| moment("end", end, faults));
    if let (Some(start), Some(end)) = (&start, &end) {
        let is_all_day = event.is_all_day == Some(true);
        if end.at < start.at || (is_all_day && end.at <= start.at) {
            faults.push(Fault::of(
                FaultCode::EventEndsBeforeStart,
                "end",
                "an event ends when it starts or later; one of whole days ends on the midnight after its last day",
            ));
        }
        let is_midnight = |one: &Wall| one.local.time() == chrono::NaiveTime::MIN;
        if is_all_day && !(is_midnight(start) && is_midnight(end)) {
            faults.push(wrong(
                "is_all_day",
                "an event of whole days starts and ends at midnight",
            ));
        }
    }
    if let Some(recurrence) = &event.recurrence {
        repeats(recurrence, start.as_ref(), faults);
    }
}

/// An instant, and what the clock on the wall shows.
struct Wall {
    at: chrono::DateTime<chrono::Utc>,
    local: NaiveDateTime,
}

fn moment(field: &str, moment: &Moment, faults: &mut Vec<Fault>) -> Option<Wall> {
    let local = NaiveDateTime::parse_from_str(&moment.date_time, "%Y-%m-%dT%H:%M:%S%.f")
        .or_else(|_| NaiveDateTime::parse_from_str(&moment.date_time, "%Y-%m-%dT%H:%M"));
    if local.is_err() {
        faults.push(wrong(
            &format!("{field}.date_time"),
            "it must be a time without an offset, like 2026-12-01T09:30:00",
        ));
    }
    let Some(zone) = iana(&moment.time_zone) else {
        faults.push(Fault::of(
            FaultCode::UnknownTimeZone,
            format!("{field}.time_zone"),
            "nobody knows this zone: use an IANA name such as `Europe/Vienna` or a Windows name",
        ));
        return None;
    };
    let local = local.ok()?;
    // In the hour that a clock skips or repeats, either reading will do.
    let at = zone.from_local_datetime(&local).earliest();
    let at = at.map_or_else(|| local.and_utc(), |at| at.to_utc());
    Some(Wall { at, local })
}

fn repeats(recurrence: &Recurrence, start: Option<&Wall>, faults: &mut Vec<Fault>) {
    let mut wrong = |detail: &str| {
        faults.push(Fault::of(
            FaultCode::InvalidRecurrence,
            "recurrence",
            detail,
        ));
    };
    if let Some(fault) = pattern_fault(&recurrence.pattern) {
        wrong(fault);
    }
    let range = &recurrence.range;
    let date = |text: &Option<String>| -> Option<Result<NaiveDate, ()>> {
        let text = text.as_deref()?;
        Some(NaiveDate::parse_from_str(text, "%Y-%m-%d").map_err(|_| ()))
    };
    let (from, until) = (date(&range.start_date), date(&range.end_date));
    if from == Some(Err(())) || until == Some(Err(())) {
        wrong("a date of the range is none: it looks like 2026-12-01");
        return;
    }
    let first = start.map(|start| start.local.date());
    if let (Some(Ok(from)), Some(first)) = (from, first)
        && from != first
    {
        wrong("the range starts on the day on which the event starts");
    }
    let from = from.and_then(Result::ok).or(first);
    match range.kind {
        RangeKind::Numbered if range.number_of_occurrences.unwrap_or(0) == 0 => {
            wrong("it never happens: the number of occurrences is at least one");
        }
        RangeKind::Numbered if range.number_of_occurrences > Some(999) => {
            wrong("the number of occurrences is at most 999");
        }
        RangeKind::EndDate => match (from, until.and_then(Result::ok)) {
            (_, None) => wrong("a range that ends on a date names it"),
            (Some(from), Some(until)) if until < from => {
                wrong("it never happens: its last day is before its first");
            }
            _ => {}
        },
        RangeKind::Numbered | RangeKind::NoEnd => {}
    }
}

fn pattern_fault(pattern: &Pattern) -> Option<&'static str> {
    let day = pattern.day_of_month;
    let month = pattern.month;
    if pattern.interval == 0 || pattern.interval > 999 {
        return Some("it never happens: the interval is at least one, and at most 999");
    }
    let needs_days = matches!(
        pattern.kind,
        PatternKind::Weekly | PatternKind::RelativeMonthly | PatternKind::RelativeYearly
    );
    if needs_days && pattern.days_of_week.is_empty() {
        return Some("it never happens: it names no day of the week");
    }
    let needs_day = matches!(
        pattern.kind,
        PatternKind::AbsoluteMonthly | PatternKind::AbsoluteYearly
    );
    if needs_day && !day.is_some_and(|day| (1..=31).contains(&day)) {
        return Some("it never happens: the day of the month is 1 to 31");
    }
    let needs_month = matches!(
        pattern.kind,
        PatternKind::AbsoluteYearly | PatternKind::RelativeYearly
    );
    if needs_month && !month.is_some_and(|month| (1..=12).contains(&month)) {
        return Some("it never happens: the month is 1 to 12");
    }
    let longest = match month {
        Some(2) => 29,
        Some(4 | 6 | 9 | 11) => 30,
        _ => 31,
    };
    if pattern.kind == PatternKind::AbsoluteYearly && day > Some(longest) {
        return Some("it never happens: the month has no such day");
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn codes(wish: serde_json::Value) -> Vec<FaultCode> {
        let write: Write = serde_json::from_value(wish).expect("it can be read");
        check(&write).into_iter().map(|fault| fault.code).collect()
    }

    fn sending(message: impl Into<serde_json::Value>) -> Vec<FaultCode> {
        let message = message.into();
        codes(json!({"kind": "send", "message": message}))
    }

    fn creating(event: impl Into<serde_json::Value>) -> Vec<FaultCode> {
        let event = event.into();
        codes(json!({"kind": "create_event", "event": event}))
    }

    fn at(time: &str) -> serde_json::Value {
        json!({"date_time": time, "time_zone": "Europe/Vienna"})
    }

    #[test]
    fn a_message_goes_to_somebody_who_has_an_address_and_to_500_at_most() {
        let ben = json!({"address": "ben@contoso.example"});
        assert_eq!(sending(json!({"to": [ben]})), []);
        assert_eq!(sending(json!({"draft": true})), []);
        assert_eq!(sending(json!({})), [FaultCode::InvalidRecipient]);
        for address in [
            "",
            "ben",
            "@contoso.example",
            "ben@",
            "a b@c.example",
            "a@b@c.example",
            "Ben <b@c.example>",
            "b@c..example",
        ] {
            assert_eq!(
                sending(json!({"to": [{"address": address}]})),
                [FaultCode::InvalidRecipient],
                "{address}"
            );
        }
        let many = vec![ben; 501];
        assert_eq!(
            sending(json!({"bcc": many})),
            [FaultCode::TooManyRecipients]
        );
    }

    #[test]
    fn a_file_has_an_honest_name_and_type() {
        let with = |file: serde_json::Value| sending(json!({"draft": true, "attachments": [file]}));
        let text = STANDARD.encode("hello");
        assert_eq!(with(json!({"name": "a.txt", "content_base64": text})), []);
        for name in ["../a.txt", "a\\b.txt", "a\u{202e}txt.exe", "a\u{7}.txt"] {
            assert_eq!(
                with(json!({"name": name, "content_base64": text})),
                [FaultCode::FileNameRefused],
                "{name:?}"
            );
        }
        assert_eq!(
            with(json!({"name": "a.png", "content_type": "image/png", "content_base64": text})),
            [FaultCode::ContentTypeMismatch]
        );
        assert_eq!(
            with(json!({"name": "a.txt", "content_base64": "###"})),
            [FaultCode::InvalidRequest]
        );
        assert_eq!(with(json!({"name": "a.txt"})), [FaultCode::InvalidRequest]);
    }

    #[test]
    fn an_event_ends_after_its_start_in_a_zone_that_exists() {
        let (nine, ten) = ("2026-12-01T09:00:00", "2026-12-01T10:00:00");
        assert_eq!(creating(json!({"start": at(nine), "end": at(ten)})), []);
        assert_eq!(
            creating(json!({"start": at(ten), "end": at(nine)})),
            [FaultCode::EventEndsBeforeStart]
        );
        let mars = json!({"date_time": nine, "time_zone": "Mars/Olympus"});
        assert_eq!(
            creating(json!({"start": mars, "end": at(ten)})),
            [FaultCode::UnknownTimeZone]
        );
        // Nine in New York is later than ten in Vienna.
        let york = json!({"date_time": nine, "time_zone": "Eastern Standard Time"});
        assert_eq!(
            creating(json!({"start": york, "end": at(ten)})),
            [FaultCode::EventEndsBeforeStart]
        );
        assert_eq!(
            creating(json!({"subject": "when?"})),
            [FaultCode::InvalidRequest]
        );
    }

    #[test]
    fn a_recurrence_that_never_happens_is_found() {
        let with = |pattern: serde_json::Value, range: serde_json::Value| {
            creating(json!({
                "start": at("2026-12-01T09:00:00"), "end": at("2026-12-01T10:00:00"),
                "recurrence": {"pattern": pattern, "range": range},
            }))
        };
        let daily = json!({"type": "daily"});
        let no_end = json!({"type": "no_end"});
        assert_eq!(with(daily.clone(), no_end.clone()), []);
        for (pattern, range) in [
            (
                daily.clone(),
                json!({"type": "numbered", "number_of_occurrences": 0}),
            ),
            (
                daily.clone(),
                json!({"type": "end_date", "end_date": "2026-11-30"}),
            ),
            (daily, json!({"type": "end_date"})),
            (json!({"type": "daily", "interval": 0}), no_end.clone()),
            (json!({"type": "weekly"}), no_end.clone()),
            (
                json!({"type": "absolute_monthly", "day_of_month": 32}),
                no_end.clone(),
            ),
            (
                json!({"type": "absolute_yearly", "day_of_month": 30, "month": 2}),
                no_end,
            ),
        ] {
            assert_eq!(
                with(pattern.clone(), range),
                [FaultCode::InvalidRecurrence],
                "{pattern}"
            );
        }
    }
}
