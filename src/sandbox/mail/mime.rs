//! Messages as MIME text, out and in (F8.7, F11.2).

use std::fmt::Write as _;

use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::message::{AttachmentKind, Message, MessageBody, Recipient};
use crate::sandbox::error::GraphFault;
use crate::sandbox::prefer::BodyType;

/// A message as RFC 5322 text. It is made anew on each call, as Exchange does.
pub fn message(message: &Message) -> String {
    let mut out = String::with_capacity(message.body.json.len() + 2_000);
    if let Some(from) = &message.from {
        header(&mut out, "From", &mailbox(from));
    }
    for (name, people) in [("To", &message.to), ("Cc", &message.cc)] {
        if !people.is_empty() {
            let list: Vec<_> = people.iter().map(mailbox).collect();
            header(&mut out, name, &list.join(", "));
        }
    }
    header(&mut out, "Subject", &encoded(&message.subject));
    header(&mut out, "Date", &message.sent_at.to_rfc2822());
    header(&mut out, "Message-ID", &message.internet_message_id);
    header(&mut out, "MIME-Version", "1.0");
    for (name, value) in &message.headers {
        if name.to_ascii_lowercase().starts_with("x-") {
            header(&mut out, name, value);
        }
    }
    let boundary = format!("_000_{:016x}_", message.serial);
    if message.attachments.is_empty() {
        body(&mut out, &message.body);
        return out;
    }
    header(
        &mut out,
        "Content-Type",
        &format!("multipart/mixed; boundary=\"{boundary}\""),
    );
    out.push_str("\r\n");
    let _ = write!(out, "--{boundary}\r\n");
    body(&mut out, &message.body);
    for attachment in &message.attachments {
        let _ = write!(out, "\r\n--{boundary}\r\n");
        let name = encoded(&attachment.name);
        match &attachment.kind {
            AttachmentKind::File {
                content,
                content_id,
                ..
            } => {
                header(&mut out, "Content-Type", &attachment.content_type);
                let disposition = if attachment.is_inline {
                    "inline"
                } else {
                    "attachment"
                };
                header(
                    &mut out,
                    "Content-Disposition",
                    &format!("{disposition}; filename=\"{name}\""),
                );
                if let Some(content_id) = content_id {
                    header(&mut out, "Content-ID", &format!("<{content_id}>"));
                }
                header(&mut out, "Content-Transfer-Encoding", "base64");
                out.push_str("\r\n");
                push_base64(&mut out, content);
            }
            AttachmentKind::Item { mime, .. } => {
                header(&mut out, "Content-Type", "message/rfc822");
                out.push_str("\r\n");
                out.push_str(mime);
            }
            AttachmentKind::Reference { url } => {
                header(&mut out, "Content-Type", "text/plain; charset=utf-8");
                out.push_str("\r\n");
                out.push_str(url);
            }
        }
    }
    let _ = write!(out, "\r\n--{boundary}--\r\n");
    out
}

fn header(out: &mut String, name: &str, value: &str) {
    let _ = write!(out, "{name}: {value}\r\n");
}

fn body(out: &mut String, body: &MessageBody) {
    let kind = match body.kind {
        BodyType::Html => "text/html; charset=utf-8",
        BodyType::Text => "text/plain; charset=utf-8",
    };
    header(out, "Content-Type", kind);
    header(out, "Content-Transfer-Encoding", "base64");
    out.push_str("\r\n");
    push_base64(out, body.content().as_bytes());
}

fn push_base64(out: &mut String, bytes: &[u8]) {
    for line in bytes.chunks(57) {
        STANDARD.encode_string(line, out);
        out.push_str("\r\n");
    }
}

fn mailbox(person: &Recipient) -> String {
    let address = person.address.as_deref().unwrap_or_default();
    format!("{} <{address}>", encoded(&person.name))
}

/// A header's text, as an encoded word where it needs one (RFC 2047).
fn encoded(text: &str) -> String {
    if text.is_ascii() {
        text.to_owned()
    } else {
        format!("=?utf-8?B?{}?=", STANDARD.encode(text))
    }
}

/// Reads a message from base64 of MIME. Headers and a single-part body are understood; the rest of a
/// multipart body is taken as it stands.
pub fn read(body: &[u8], message: &mut Message) -> Result<(), GraphFault> {
    let packed: Vec<u8> = body
        .iter()
        .copied()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    let bytes = STANDARD.decode(packed).map_err(|_| {
        GraphFault::new(
            StatusCode::BAD_REQUEST,
            "ErrorMimeContentInvalidBase64String",
            "Invalid base64 string for MIME content.",
        )
    })?;
    let text = String::from_utf8_lossy(&bytes).replace("\r\n", "\n");
    let (head, content) = text.split_once("\n\n").unwrap_or((&text, ""));
    let mut kind = BodyType::Text;
    for line in head.replace("\n ", " ").replace("\n\t", " ").lines() {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "subject" => value.clone_into(&mut message.subject),
            "to" => message.to = people(value),
            "cc" => message.cc = people(value),
            "bcc" => message.bcc = people(value),
            "reply-to" => message.reply_to = people(value),
            "message-id" => value.clone_into(&mut message.internet_message_id),
            "content-type" if value.to_ascii_lowercase().starts_with("text/html") => {
                kind = BodyType::Html;
            }
            _ if name.to_ascii_lowercase().starts_with("x-") => {
                message.headers.push((name.to_owned(), value.to_owned()));
            }
            _ => {}
        }
    }
    message.body = MessageBody::new(kind, content);
    Ok(())
}

fn people(list: &str) -> Vec<Recipient> {
    list.split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
        .map(|item| match item.split_once('<') {
            Some((name, address)) => Recipient {
                name: name.trim().trim_matches('"').to_owned(),
                address: Some(address.trim_end_matches('>').to_owned()),
            },
            None => Recipient::new(item, item),
        })
        .collect()
}
