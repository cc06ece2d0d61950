//! Messages that come in as MIME text (F11.2).

use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::message::{Message, MessageBody, Recipient};
use crate::sandbox::error::GraphFault;
use crate::sandbox::prefer::BodyType;

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
