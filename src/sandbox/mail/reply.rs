//! Replies and forwards (F11.5).

use std::collections::BTreeSet;

use axum::http::{Method, StatusCode, header};
use serde::Deserialize;

use super::input::MessageInput;
use super::message::{Message, MessageBody, MessageKey, Recipient};
use super::message_calls::whole;
use super::operations::MessagePatch;
use super::state::whole_seconds;
use super::{mail_of, only, outgoing, plain_text};
use crate::model::time::Timestamp;
use crate::sandbox::call::{Call, Reply};
use crate::sandbox::error::GraphFault;
use crate::sandbox::prefer::BodyType;
use crate::sandbox::stamp;
use crate::sandbox::world::State;

/// How a message is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answering {
    /// To whoever sent it.
    Sender,
    /// To everyone.
    All,
    /// To someone else.
    Forward,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AnswerInput {
    comment: Option<String>,
    message: Option<MessageInput>,
    to_recipients: Option<serde_json::Value>,
}

/// `createReply`, `createReplyAll`, `createForward`: 201 with a draft.
pub fn draft(
    state: &mut State,
    mailbox: usize,
    key: MessageKey,
    answering: Answering,
    call: &Call,
) -> Result<Reply, GraphFault> {
    let heeds = !state.knobs.answer_drafts_ignore_comment;
    let drafted = compose(state, mailbox, key, answering, heeds, call)?;
    whole(state, mailbox, drafted, StatusCode::CREATED, call)
}

/// `reply`, `replyAll`, `forward`: 202, and it leaves.
pub fn send(
    state: &mut State,
    mailbox: usize,
    key: MessageKey,
    answering: Answering,
    call: &Call,
) -> Result<Reply, GraphFault> {
    let drafted = compose(state, mailbox, key, answering, true, call)?;
    outgoing::send_draft(state, mailbox, drafted)?;
    Ok(Reply::empty(StatusCode::ACCEPTED).with_header(header::CONTENT_LENGTH, "0"))
}

fn compose(
    state: &mut State,
    mailbox: usize,
    key: MessageKey,
    answering: Answering,
    heeds_comment: bool,
    call: &Call,
) -> Result<MessageKey, GraphFault> {
    only(call, &Method::POST)?;
    let now = whole_seconds(state.now());
    let input: AnswerInput = if call.body.is_empty() {
        AnswerInput::default()
    } else {
        call.json()?
    };
    let both = |message: &str| GraphFault::bad_request("ErrorInvalidRequest", message);
    let has_recipients = input
        .message
        .as_ref()
        .is_some_and(MessageInput::has_recipients);
    if input.to_recipients.is_some() && has_recipients {
        return Err(both(
            "The recipients are given once, beside the message or in it.",
        ));
    }
    let has_body = input.message.as_ref().is_some_and(MessageInput::has_body);
    if input.comment.is_some() && has_body {
        return Err(both(
            "Either a comment or the body of the message is given, not both.",
        ));
    }
    let own = state
        .mailboxes
        .get(mailbox)
        .map(|mailbox| mailbox.user.address.clone())
        .unwrap_or_default();
    let mail = mail_of(state, mailbox)?;
    let original = mail.message(key).ok_or_else(GraphFault::item_not_found)?;
    let comment = input.comment.as_deref().filter(|_| heeds_comment);
    let mut draft = answer(original, answering, comment, &own, now);
    let (patch, attachments) = match input.message {
        Some(message) => message.into_patch(now)?,
        None => (MessagePatch::default(), Vec::new()),
    };
    let _all_of_it_is_new = patch.apply(&mut draft);
    draft.attachments.extend(attachments);
    if let Some(recipients) = input.to_recipients {
        let input: MessageInput = serde_json::from_value(
            serde_json::json!({"toRecipients": recipients}),
        )
        .map_err(|_| {
            GraphFault::bad_request(
                "ErrorInvalidRecipients",
                "At least one recipient isn't valid.",
            )
        })?;
        let (patch, _) = input.into_patch(now)?;
        let _all_of_it_is_new = patch.apply(&mut draft);
    }
    let folder = mail.find_folder("drafts")?;
    let (drafted, changes) = mail.create_draft(draft, folder);
    state.announce_at(mailbox, changes);
    Ok(drafted)
}

/// The draft of an answer to `original`.
pub fn answer(
    original: &Message,
    answering: Answering,
    comment: Option<&str>,
    own: &str,
    now: Timestamp,
) -> Message {
    let mut draft = Message::blank(now);
    let prefix = if answering == Answering::Forward {
        "FW: "
    } else {
        "RE: "
    };
    draft.subject = if original.subject.starts_with(prefix) {
        original.subject.clone()
    } else {
        format!("{prefix}{}", original.subject)
    };
    // The same thread: its first 22 bytes, and five more for this answer.
    draft
        .conversation_index
        .clone_from(&original.conversation_index);
    let seconds = u32::try_from(now.timestamp() & 0xFFFF_FFFF).unwrap_or(0);
    draft.conversation_index.extend(seconds.to_be_bytes());
    draft.conversation_index.push(0x10);
    if answering != Answering::Forward {
        draft.to = if original.reply_to.is_empty() {
            original.from.iter().cloned().collect()
        } else {
            original.reply_to.clone()
        };
    }
    if answering == Answering::All {
        let is_other = |person: &&Recipient| {
            person
                .address
                .as_ref()
                .is_some_and(|address| !address.eq_ignore_ascii_case(own))
        };
        draft
            .to
            .extend(original.to.iter().filter(is_other).cloned());
        draft.cc = original.cc.iter().filter(is_other).cloned().collect();
        let mut reached = BTreeSet::new();
        let mut is_new = |person: &Recipient| {
            let address = person.address.as_deref().unwrap_or(&person.name);
            reached.insert(address.to_ascii_lowercase())
        };
        draft.to.retain(&mut is_new);
        draft.cc.retain(&mut is_new);
    }
    if answering == Answering::Forward {
        draft.attachments.clone_from(&original.attachments);
    } else {
        draft.attachments = original
            .attachments
            .iter()
            .filter(|attachment| attachment.is_inline)
            .cloned()
            .collect();
    }
    draft.headers.push((
        "In-Reply-To".to_owned(),
        original.internet_message_id.clone(),
    ));
    let known = original
        .headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("References"))
        .map(|(_, ids)| format!("{ids} "))
        .unwrap_or_default();
    let references = format!("{known}{}", original.internet_message_id);
    draft.headers.push(("References".to_owned(), references));
    draft.body = quoted(original, comment.unwrap_or_default());
    draft
}

fn quoted(original: &Message, comment: &str) -> MessageBody {
    let from = original
        .from
        .as_ref()
        .map(|from| {
            format!(
                "{} <{}>",
                from.name,
                from.address.as_deref().unwrap_or_default()
            )
        })
        .unwrap_or_default();
    let sent = stamp::seconds(original.sent_at);
    let content = original.body.content();
    match original.body.kind {
        BodyType::Html => {
            let mut html = String::with_capacity(content.len() + comment.len() + 400);
            html.push_str("<html><body><div>");
            plain_text::push_escaped(&mut html, comment);
            html.push_str("</div><hr><div id=\"divRplyFwdMsg\" dir=\"ltr\"><b>From:</b> ");
            plain_text::push_escaped(&mut html, &from);
            html.push_str("<br><b>Sent:</b> ");
            html.push_str(&sent);
            html.push_str("<br><b>Subject:</b> ");
            plain_text::push_escaped(&mut html, &original.subject);
            html.push_str("</div><div>");
            html.push_str(&content);
            html.push_str("</div></body></html>");
            MessageBody::new(BodyType::Html, &html)
        }
        BodyType::Text => {
            let mark = super::render::QUOTE_MARKS[1];
            let text = format!(
                "{comment}\r\n\r\n{mark}\r\nFrom: {from}\r\nSent: {sent}\r\nSubject: {}\r\n\r\n{content}",
                original.subject
            );
            MessageBody::new(BodyType::Text, &text)
        }
    }
}
