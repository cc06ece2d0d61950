//! The calls on one message.

use axum::http::{Method, StatusCode, header};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;

use super::folder::FolderKey;
use super::input::MessageInput;
use super::message::{Attachment, Message, MessageKey};
use super::operations::MessagePatch;
use super::render::{MessageView, push_message};
use super::reply::{self, Answering};
use super::{MailState, attachment_calls, mail_of, mime, mime_input, only, outgoing};
use crate::sandbox::call::{Call, Reply};
use crate::sandbox::error::GraphFault;
use crate::sandbox::world::State;

/// Answers a call on the message `id`; `inner` is the path after it, in lower case, and `rest` at
/// `depth` the same as written.
pub fn handle(
    state: &mut State,
    mailbox: usize,
    id: &str,
    inner: &[&str],
    rest: &[String],
    depth: usize,
    call: &Call,
) -> Result<Reply, GraphFault> {
    let key = find(state, mailbox, id)?;
    let attachment = rest.get(depth + 1).map_or("", String::as_str);
    match inner {
        [] => match call.method {
            Method::GET => get(state, mailbox, key, call),
            Method::PATCH => patch(state, mailbox, key, call),
            Method::DELETE => {
                check_if_match(message(state, mailbox, key)?, call)?;
                let (now, knobs) = (state.now(), state.knobs.clone());
                let changes = mail_of(state, mailbox)?.delete(key, now, &knobs);
                state.announce_at(mailbox, changes);
                Ok(Reply::empty(StatusCode::NO_CONTENT))
            }
            _ => Err(GraphFault::method_not_allowed()),
        },
        ["$value"] => {
            only(call, &Method::GET)?;
            check_readable(state, mailbox, key)?;
            let message = message(state, mailbox, key)?;
            let text = mime::message(message);
            Ok(Reply::bytes("text/plain", Bytes::from(text)))
        }
        ["attachments", inner @ ..] => {
            attachment_calls::handle(state, mailbox, key, attachment, inner, call)
        }
        [action] => {
            only(call, &Method::POST)?;
            act(state, mailbox, key, action, call)
        }
        _ => Err(GraphFault::no_such_resource(
            inner.last().copied().unwrap_or_default(),
        )),
    }
}

fn act(
    state: &mut State,
    mailbox: usize,
    key: MessageKey,
    action: &str,
    call: &Call,
) -> Result<Reply, GraphFault> {
    let now = state.now();
    match action {
        "move" | "copy" => {
            let to = destination(state, mailbox, call)?;
            let mail = mail_of(state, mailbox)?;
            let (moved, changes) = if action == "move" {
                (key, mail.move_to(key, to, now))
            } else {
                mail.copy_to(key, to, now)?
            };
            state.announce_at(mailbox, changes);
            whole(state, mailbox, moved, StatusCode::CREATED, call)
        }
        "permanentdelete" => {
            let changes = mail_of(state, mailbox)?.purge(key);
            state.announce_at(mailbox, changes);
            Ok(Reply::empty(StatusCode::NO_CONTENT))
        }
        "send" => {
            outgoing::send_draft(state, mailbox, key)?;
            Ok(Reply::empty(StatusCode::ACCEPTED).with_header(header::CONTENT_LENGTH, "0"))
        }
        "createreply" => reply::draft(state, mailbox, key, Answering::Sender, call),
        "createreplyall" => reply::draft(state, mailbox, key, Answering::All, call),
        "createforward" => reply::draft(state, mailbox, key, Answering::Forward, call),
        "reply" => reply::send(state, mailbox, key, Answering::Sender, call),
        "replyall" => reply::send(state, mailbox, key, Answering::All, call),
        "forward" => reply::send(state, mailbox, key, Answering::Forward, call),
        _ => Err(GraphFault::no_such_resource(action)),
    }
}

/// The message an id stands for, unless it is not visible yet (S62).
fn find(state: &mut State, mailbox: usize, id: &str) -> Result<MessageKey, GraphFault> {
    let now = state.now();
    let mail = mail_of(state, mailbox)?;
    if !is_well_formed(id) {
        return Err(GraphFault::bad_request(
            "ErrorInvalidIdMalformed",
            "Id is malformed.",
        ));
    }
    mail.find_message(id)
        .filter(|key| {
            mail.message(*key)
                .is_some_and(|message| message.visible_at.is_none_or(|at| at <= now))
        })
        .ok_or_else(GraphFault::item_not_found)
}

/// Ids are base64; anything else never was one.
fn is_well_formed(id: &str) -> bool {
    id.len() >= 16
        && id.bytes().all(|byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'+' | b'=' | b'-' | b'_')
        })
}

/// 404 when the message is elsewhere.
pub fn check_folder(
    state: &mut State,
    mailbox: usize,
    folder: FolderKey,
    id: &str,
) -> Result<(), GraphFault> {
    let key = find(state, mailbox, id)?;
    if message(state, mailbox, key)?.folder == folder {
        Ok(())
    } else {
        Err(GraphFault::item_not_found())
    }
}

pub(super) fn message(
    state: &State,
    mailbox: usize,
    key: MessageKey,
) -> Result<&Message, GraphFault> {
    state
        .mailboxes
        .get(mailbox)
        .and_then(|mailbox| mailbox.mail.message(key))
        .ok_or_else(GraphFault::item_not_found)
}

/// S30: a poisoned item cannot be read on its own.
pub(super) fn check_readable(
    state: &State,
    mailbox: usize,
    key: MessageKey,
) -> Result<(), GraphFault> {
    if state.knobs.poisoned_items && message(state, mailbox, key)?.is_poisoned {
        return Err(GraphFault::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "ErrorCorruptData",
            "The operation could not be completed because the item is corrupt.",
        ));
    }
    Ok(())
}

fn get(state: &State, mailbox: usize, key: MessageKey, call: &Call) -> Result<Reply, GraphFault> {
    check_readable(state, mailbox, key)?;
    let view = MessageView::of(&call.query, &call.prefer)?;
    render(state, mailbox, key, StatusCode::OK, &view, call)
}

/// The whole message, as writes answer with it.
pub fn whole(
    state: &State,
    mailbox: usize,
    key: MessageKey,
    status: StatusCode,
    call: &Call,
) -> Result<Reply, GraphFault> {
    let view = MessageView::of(&crate::sandbox::query::Query::default(), &call.prefer)?;
    let reply = render(state, mailbox, key, status, &view, call)?;
    if status == StatusCode::CREATED {
        let id = message(state, mailbox, key)?.id(call.prefer.immutable_ids);
        let location = format!(
            "{}/me/messages/{}",
            call.root,
            crate::sandbox::query::encode(id)
        );
        return Ok(reply.with_header(header::LOCATION, &location));
    }
    Ok(reply)
}

fn render(
    state: &State,
    mailbox: usize,
    key: MessageKey,
    status: StatusCode,
    view: &MessageView,
    call: &Call,
) -> Result<Reply, GraphFault> {
    let message = message(state, mailbox, key)?;
    let mail = &state
        .mailboxes
        .get(mailbox)
        .ok_or_else(GraphFault::item_not_found)?
        .mail;
    Ok(Reply::raw_json(status, entity(mail, message, view, call)))
}

fn entity(mail: &MailState, message: &Message, view: &MessageView, call: &Call) -> String {
    let mut out = String::with_capacity(2_000 + message.body.html.len());
    push_message(&mut out, mail, message, view);
    // The context of a single entity comes first in it.
    let context = format!(
        "{{\"@odata.context\":\"{}/$metadata#messages/$entity\",",
        call.root
    );
    out.replace_range(..1, &context);
    out
}

fn patch(
    state: &mut State,
    mailbox: usize,
    key: MessageKey,
    call: &Call,
) -> Result<Reply, GraphFault> {
    let (now, knobs) = (state.now(), state.knobs.clone());
    check_if_match(message(state, mailbox, key)?, call)?;
    let (patch, _) = call.json::<MessageInput>()?.into_patch(now)?;
    let changes = mail_of(state, mailbox)?.update(key, patch, now, &knobs)?;
    state.announce_at(mailbox, changes);
    whole(state, mailbox, key, StatusCode::OK, call)
}

fn check_if_match(message: &Message, call: &Call) -> Result<(), GraphFault> {
    match call.header(&header::IF_MATCH) {
        Some(etag) if etag != "*" && etag != message.etag() => Err(GraphFault::new(
            StatusCode::PRECONDITION_FAILED,
            "ErrorIrresolvableConflict",
            "The send or update operation could not be performed because the change key passed in the request does not match the current change key for the item.",
        )),
        _ => Ok(()),
    }
}

/// `POST /messages`: a draft, in Drafts unless a folder is named (F11.4).
pub fn create(
    state: &mut State,
    mailbox: usize,
    folder: Option<FolderKey>,
    call: &Call,
) -> Result<Reply, GraphFault> {
    let now = state.now();
    let mut draft = Message::blank(super::state::whole_seconds(now));
    if is_mime(call) {
        mime_input::read(&call.body, &mut draft)?;
    } else {
        let (patch, attachments) = call.json::<MessageInput>()?.into_patch(now)?;
        apply_to_new(&mut draft, patch, attachments);
    }
    let mail = mail_of(state, mailbox)?;
    let folder = match folder {
        Some(folder) => folder,
        None => mail.find_folder("drafts")?,
    };
    let (key, changes) = mail.create_draft(draft, folder);
    state.announce_at(mailbox, changes);
    whole(state, mailbox, key, StatusCode::CREATED, call)
}

/// Whether the body is MIME in base64 (F11.2).
pub fn is_mime(call: &Call) -> bool {
    call.header(&header::CONTENT_TYPE)
        .is_some_and(|content_type| content_type.starts_with("text/plain"))
}

/// Fills a new message.
pub fn apply_to_new(message: &mut Message, patch: MessagePatch, attachments: Vec<Attachment>) {
    let _all_of_it_is_new = patch.apply(message);
    message.attachments = attachments;
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Destination {
    destination_id: String,
}

fn destination(state: &mut State, mailbox: usize, call: &Call) -> Result<FolderKey, GraphFault> {
    let destination: Destination = call.json()?;
    mail_of(state, mailbox)?
        .find_folder(&destination.destination_id)
        .map_err(|_| {
            GraphFault::new(
                StatusCode::NOT_FOUND,
                "ErrorFolderNotFound",
                "The specified folder could not be found in the store.",
            )
        })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Translation {
    input_ids: Vec<String>,
    source_id_type: String,
    target_id_type: String,
}

/// `translateExchangeIds` between the two formats REST knows (F12.5).
pub fn translate_ids(state: &mut State, mailbox: usize, call: &Call) -> Result<Reply, GraphFault> {
    let wanted: Translation = call.json()?;
    let known = ["restid", "restimmutableentryid"];
    let target = wanted.target_id_type.to_ascii_lowercase();
    let source = wanted.source_id_type.to_ascii_lowercase();
    if wanted.input_ids.len() > 1_000
        || !known.contains(&target.as_str())
        || !known.contains(&source.as_str())
    {
        return Err(GraphFault::bad_request(
            "ErrorInvalidRequest",
            "At most 1000 ids are translated between restId and restImmutableEntryId.",
        ));
    }
    let immutable = target == "restimmutableentryid";
    let mail = mail_of(state, mailbox)?;
    let value: Vec<_> = wanted
        .input_ids
        .iter()
        .map(|id| {
            let found = mail.find_message(id).and_then(|key| mail.message(key));
            match found {
                Some(message) => json!({"sourceId": id, "targetId": message.id(immutable)}),
                None => json!({"sourceId": id, "errorDetails": {
                    "code": "ErrorItemNotFound",
                    "message": "The specified object was not found in the store.",
                }}),
            }
        })
        .collect();
    Ok(Reply::json(StatusCode::OK, &json!({"value": value})))
}
