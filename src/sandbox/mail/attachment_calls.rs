//! The calls on the attachments of a message (F8.1 to F8.4, F8.12).

use axum::http::{Method, StatusCode};
use bytes::Bytes;

use super::attachment_view::{AttachmentView, expands_item, push_attachment};
use super::input::AttachmentInput;
use super::message::{Attachment, AttachmentKind, Message, MessageKey};
use super::message_calls::{check_readable, message};
use super::{mail_of, only, upload};
use crate::sandbox::call::{Call, Reply};
use crate::sandbox::error::GraphFault;
use crate::sandbox::json::{Object, push_list};
use crate::sandbox::world::State;

/// Answers a call below `/attachments`; `inner` is the path after it in lower case, `id` the
/// attachment as written.
pub fn handle(
    state: &mut State,
    mailbox: usize,
    key: MessageKey,
    id: &str,
    inner: &[&str],
    call: &Call,
) -> Result<Reply, GraphFault> {
    match inner {
        [] => match call.method {
            Method::GET => list(state, mailbox, key, call),
            Method::POST => attach(state, mailbox, key, call),
            _ => Err(GraphFault::method_not_allowed()),
        },
        ["createuploadsession"] => {
            only(call, &Method::POST)?;
            upload::create(state, mailbox, key, call)
        }
        [_] => match call.method {
            Method::GET => get(state, mailbox, key, id, call),
            Method::DELETE => {
                let now = state.now();
                let place = place_of(message(state, mailbox, key)?, id)?;
                let changes = mail_of(state, mailbox)?.detach(key, place, now);
                state.announce_at(mailbox, changes);
                Ok(Reply::empty(StatusCode::NO_CONTENT))
            }
            _ => Err(GraphFault::method_not_allowed()),
        },
        [_, "$value"] => {
            only(call, &Method::GET)?;
            bytes(state, mailbox, key, id)
        }
        _ => Err(GraphFault::no_such_resource(
            inner.last().copied().unwrap_or_default(),
        )),
    }
}

fn place_of(message: &Message, id: &str) -> Result<usize, GraphFault> {
    message
        .attachments
        .iter()
        .position(|attachment| {
            id == attachment.id(&message.default_id) || id == attachment.id(&message.immutable_id)
        })
        .ok_or_else(GraphFault::item_not_found)
}

fn view_of(call: &Call) -> Result<AttachmentView, GraphFault> {
    let expands = &call.query.expand;
    let item = expands
        .iter()
        .any(|expand| expands_item(&expand.navigation));
    AttachmentView::new(&call.query.select, item)
}

fn list(state: &State, mailbox: usize, key: MessageKey, call: &Call) -> Result<Reply, GraphFault> {
    check_readable(state, mailbox, key)?;
    let message = message(state, mailbox, key)?;
    let view = view_of(call)?;
    let mut out = String::with_capacity(2_000);
    let mut object = Object::open(&mut out);
    object.text(
        "@odata.context",
        &format!("{}/$metadata#Collection(attachment)", call.root),
    );
    let id = message.id(call.prefer.immutable_ids);
    push_list(
        object.key("value"),
        &message.attachments,
        |out, attachment| {
            push_attachment(out, attachment, id, &view);
        },
    );
    object.close();
    Ok(Reply::raw_json(StatusCode::OK, out))
}

fn get(
    state: &State,
    mailbox: usize,
    key: MessageKey,
    id: &str,
    call: &Call,
) -> Result<Reply, GraphFault> {
    let message = message(state, mailbox, key)?;
    let attachment = readable(state, message, id)?;
    let view = view_of(call)?;
    let mut out = String::new();
    push_attachment(
        &mut out,
        attachment,
        message.id(call.prefer.immutable_ids),
        &view,
    );
    Ok(Reply::raw_json(StatusCode::OK, out))
}

fn readable<'s>(
    state: &State,
    message: &'s Message,
    id: &str,
) -> Result<&'s Attachment, GraphFault> {
    let attachment = message
        .attachments
        .get(place_of(message, id)?)
        .ok_or_else(GraphFault::item_not_found)?;
    if let AttachmentKind::File {
        unreadable: true, ..
    } = attachment.kind
        && state.knobs.unreadable_attachments
    {
        return Err(GraphFault::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "ErrorCannotOpenFileAttachment",
            "The file attachment could not be opened.",
        ));
    }
    Ok(attachment)
}

fn bytes(state: &State, mailbox: usize, key: MessageKey, id: &str) -> Result<Reply, GraphFault> {
    let message = message(state, mailbox, key)?;
    let attachment = readable(state, message, id)?;
    match &attachment.kind {
        AttachmentKind::File { content, .. } => {
            Ok(Reply::bytes("application/octet-stream", content.clone()))
        }
        AttachmentKind::Item(inner) => Ok(Reply::bytes("text/plain", Bytes::from(inner.text()))),
        // F8.3
        AttachmentKind::Reference { .. } => Err(GraphFault::method_not_allowed()),
    }
}

fn attach(
    state: &mut State,
    mailbox: usize,
    key: MessageKey,
    call: &Call,
) -> Result<Reply, GraphFault> {
    let now = state.now();
    if message(state, mailbox, key)?.is_leaving {
        return Err(upload::not_a_draft());
    }
    let attachment = call.json::<AttachmentInput>()?.into_attachment(now)?;
    let (place, changes) = mail_of(state, mailbox)?.attach(key, attachment, now);
    state.announce_at(mailbox, changes);
    let message = message(state, mailbox, key)?;
    let mut out = String::new();
    if let Some(attachment) = message.attachments.get(place) {
        let id = message.id(call.prefer.immutable_ids);
        push_attachment(&mut out, attachment, id, &AttachmentView::default());
    }
    Ok(Reply::raw_json(StatusCode::CREATED, out))
}
