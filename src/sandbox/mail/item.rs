//! Items within messages: what an item attachment holds (F8.3, F8.4).

use serde_json::Value;

use super::message::{AttachmentKind, Message};
use super::mime;

/// The most levels an answer shows of items within items (F8.4).
pub const MOST_LEVELS: usize = 30;

/// What an item attachment holds.
#[derive(Debug)]
pub enum Inner {
    /// A message, with attachments of its own.
    Message(Box<Message>),
    /// An event or a contact, as the client wrote it.
    Other(Value),
}

impl Inner {
    /// What it weighs, roughly (F8.5).
    pub fn size(&self) -> usize {
        match self {
            Self::Message(message) => {
                let attached: usize = message.attachments.iter().map(|part| part.size).sum();
                message.body.json.len() + attached + 400
            }
            Self::Other(value) => value.to_string().len(),
        }
    }

    /// How many levels there are below the message that holds it.
    pub fn levels(&self) -> usize {
        let Self::Message(message) = self else {
            return 1;
        };
        let below = message.attachments.iter().map(|part| match &part.kind {
            AttachmentKind::Item(inner) => inner.levels(),
            _ => 0,
        });
        1 + below.max().unwrap_or(0)
    }

    /// The media type of [`Inner::text`] within MIME.
    pub fn media_type(&self) -> &'static str {
        match self {
            Self::Message(_) => "message/rfc822",
            Self::Other(value) if is_contact(value) => "text/vcard; charset=utf-8",
            Self::Other(_) => "text/calendar; charset=utf-8",
        }
    }

    /// Its bytes: a message as MIME, an event as iCalendar, a contact as vCard (F8.3).
    pub fn text(&self) -> String {
        match self {
            Self::Message(message) => mime::message(message),
            Self::Other(value) if is_contact(value) => contact(value),
            Self::Other(value) => event(value),
        }
    }
}

fn is_contact(value: &Value) -> bool {
    value
        .get("@odata.type")
        .and_then(Value::as_str)
        .is_some_and(|kind| kind.to_ascii_lowercase().ends_with("graph.contact"))
}

fn text_at<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace(['\r', '\n'], "\\n")
        .replace(',', "\\,")
        .replace(';', "\\;")
}

/// `2026-01-09T20:30:00.0000000` as iCalendar writes it.
fn compact(date_time: &str) -> String {
    let seconds = date_time.split('.').next().unwrap_or_default();
    seconds.replace(['-', ':'], "")
}

fn event(value: &Value) -> String {
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//sandbox//EN\r\nBEGIN:VEVENT\r\nSUMMARY:{}\r\nDTSTART:{}\r\nDTEND:{}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
        escaped(text_at(value, "/subject")),
        compact(text_at(value, "/start/dateTime")),
        compact(text_at(value, "/end/dateTime")),
    )
}

fn contact(value: &Value) -> String {
    format!(
        "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:{}\r\nN:{};{};;;\r\nEMAIL:{}\r\nEND:VCARD\r\n",
        escaped(text_at(value, "/displayName")),
        escaped(text_at(value, "/surname")),
        escaped(text_at(value, "/givenName")),
        text_at(value, "/emailAddresses/0/address"),
    )
}
