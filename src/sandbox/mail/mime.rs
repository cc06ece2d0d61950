//! Messages as MIME text (F8.7).
//!
//! The text is made anew on each call, as Exchange does: an HTML body has its plain text beside it,
//! what the body shows stands with it, and what is attached stands around both.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::message::{Attachment, AttachmentKind, Importance, Message, Recipient};
use super::{mime_header as write, plain_text};
use crate::sandbox::prefer::BodyType;

/// A message as RFC 5322 text.
pub fn message(message: &Message) -> String {
    let mut writer = Writer {
        out: String::with_capacity(message.body.json.len() * 2 + 2_000),
        serial: message.serial,
        boundaries: 0,
    };
    writer.message(message);
    writer.out
}

struct Writer {
    out: String,
    serial: u64,
    boundaries: usize,
}

impl Writer {
    fn message(&mut self, message: &Message) {
        self.head(message);
        let is_shown = |part: &&Attachment| {
            part.is_inline
                && message.body.kind == BodyType::Html
                && matches!(part.kind, AttachmentKind::File { .. })
        };
        let (shown, attached): (Vec<_>, Vec<_>) = message.attachments.iter().partition(is_shown);
        if attached.is_empty() {
            self.related(message, &shown);
            return;
        }
        let boundary = self.open("multipart/mixed");
        self.next(&boundary);
        self.related(message, &shown);
        for part in attached {
            self.next(&boundary);
            self.attachment(part);
        }
        self.close(&boundary);
    }

    fn head(&mut self, message: &Message) {
        let out = &mut self.out;
        // What passed it on stands above what it says.
        for (name, value) in &message.headers {
            if name.eq_ignore_ascii_case("received") {
                write::field(out, name, &write::text(value));
            }
        }
        for (name, person) in [("From", &message.from), ("Sender", &message.sender)] {
            if let Some(person) = person
                && (name == "From" || message.sender != message.from)
            {
                write::field(out, name, &write::mailbox(person));
            }
        }
        for (name, people) in [
            ("To", &message.to),
            ("Cc", &message.cc),
            ("Bcc", &message.bcc),
            ("Reply-To", &message.reply_to),
        ] {
            push_people(out, name, people);
        }
        write::field(out, "Subject", &write::text(&message.subject));
        write::field(out, "Date", &message.sent_at.to_rfc2822());
        write::field(out, "Message-ID", &message.internet_message_id);
        let index = STANDARD.encode(&message.conversation_index);
        if !index.is_empty() {
            write::field(out, "Thread-Index", &index);
        }
        match message.importance {
            Importance::Normal => {}
            other => write::field(out, "Importance", other.name()),
        }
        for (name, value) in &message.headers {
            let lower = name.to_ascii_lowercase();
            if lower.starts_with("x-") || lower == "references" || lower == "in-reply-to" {
                write::field(out, name, &write::text(value));
            }
        }
        write::field(out, "MIME-Version", "1.0");
    }

    /// The body, and what it shows by `cid:`.
    fn related(&mut self, message: &Message, shown: &[&Attachment]) {
        if shown.is_empty() {
            self.body(message);
            return;
        }
        let boundary = self.open("multipart/related");
        self.next(&boundary);
        self.body(message);
        for part in shown {
            self.next(&boundary);
            self.attachment(part);
        }
        self.close(&boundary);
    }

    /// The body; HTML with its plain text before it.
    fn body(&mut self, message: &Message) {
        let content = message.body.content();
        if message.body.kind == BodyType::Text {
            self.leaf("text/plain; charset=utf-8", content.as_bytes());
            return;
        }
        let boundary = self.open("multipart/alternative");
        self.next(&boundary);
        let plain = plain_text::from_html(&content);
        self.leaf("text/plain; charset=utf-8", plain.as_bytes());
        self.next(&boundary);
        self.leaf("text/html; charset=utf-8", content.as_bytes());
        self.close(&boundary);
    }

    fn attachment(&mut self, part: &Attachment) {
        let disposition = if part.is_inline {
            "inline"
        } else {
            "attachment"
        };
        let disposition = write::with_name(disposition, "filename", &part.name);
        write::field(&mut self.out, "Content-Disposition", &disposition);
        match &part.kind {
            AttachmentKind::File {
                content,
                content_id,
                ..
            } => {
                if let Some(content_id) = content_id {
                    let content_id = format!("<{}>", write::one_line(content_id));
                    write::field(&mut self.out, "Content-ID", &content_id);
                }
                let media_type = write::media_type(&part.content_type);
                self.leaf(&write::with_name(media_type, "name", &part.name), content);
            }
            AttachmentKind::Item(inner) => {
                let media_type = inner.media_type();
                if let super::item::Inner::Message(message) = &**inner {
                    // A message within stands as it is: it is nothing but ASCII itself.
                    write::field(&mut self.out, "Content-Type", media_type);
                    self.out.push_str("\r\n");
                    self.message(message);
                } else {
                    self.leaf(media_type, inner.text().as_bytes());
                }
            }
            AttachmentKind::Reference { url } => {
                self.leaf("text/plain; charset=utf-8", url.as_bytes());
            }
        }
    }

    fn leaf(&mut self, media_type: &str, bytes: &[u8]) {
        write::field(&mut self.out, "Content-Type", media_type);
        write::field(&mut self.out, "Content-Transfer-Encoding", "base64");
        self.out.push_str("\r\n");
        // A line has 76 letters.
        self.out.reserve(bytes.len() * 79 / 57 + 80);
        for line in bytes.chunks(57) {
            STANDARD.encode_string(line, &mut self.out);
            self.out.push_str("\r\n");
        }
    }

    /// Begins a part of parts; its boundary stands in no other.
    fn open(&mut self, media_type: &str) -> String {
        self.boundaries += 1;
        let boundary = format!("_{:03}_{:016x}_", self.boundaries, self.serial);
        let content_type = format!("{media_type}; boundary=\"{boundary}\"");
        write::field(&mut self.out, "Content-Type", &content_type);
        self.out.push_str("\r\n");
        boundary
    }

    fn next(&mut self, boundary: &str) {
        let _ = write!(self.out, "\r\n--{boundary}\r\n");
    }

    fn close(&mut self, boundary: &str) {
        let _ = write!(self.out, "\r\n--{boundary}--\r\n");
    }
}

fn push_people(out: &mut String, name: &str, people: &[Recipient]) {
    if !people.is_empty() {
        let list: Vec<_> = people.iter().map(write::mailbox).collect();
        write::field(out, name, &list.join(",\r\n "));
    }
}
