//! Folders and messages: what Graph shows of a mailbox's mail and what it lets be done to it.
//!
//! `state` keeps where things are, `operations`, `folder` and `outgoing` change them, `delta` tells
//! what has changed, `render` writes it down; the `*_calls` answer HTTP.

mod attachment_calls;
mod attachment_view;
mod cursors;
pub mod delta;
mod delta_calls;
pub mod fields;
pub mod folder;
mod folder_calls;
pub mod folder_fields;
mod folder_view;
mod input;
pub mod item;
mod list_calls;
pub mod message;
mod message_calls;
mod mime;
mod mime_header;
mod mime_input;
pub mod operations;
pub mod outgoing;
pub mod plain_text;
pub mod render;
mod reply;
mod state;
mod truth;
pub mod upload;
mod well_known;

use axum::http::{Method, StatusCode};

use super::call::{Call, Reply};
use super::error::GraphFault;
use super::permission::Need;
use super::world::{Mailbox, State};

pub use folder::FolderKey;
pub use list_calls::check_filter;
pub use message::{Message, MessageKey};
pub use operations::MessagePatch;
pub use state::{MailState, whole_seconds};

/// Answers a call below `/me/messages`, `/me/mailFolders` and their kin; `rest` is the path after
/// the mailbox.
pub fn handle(
    state: &mut State,
    mailbox: usize,
    call: &Call,
    rest: &[String],
) -> Result<Reply, GraphFault> {
    let lower: Vec<String> = rest
        .iter()
        .map(|segment| segment.to_ascii_lowercase())
        .collect();
    let words: Vec<&str> = lower.iter().map(String::as_str).collect();
    // Ids are taken from `rest`: their case is part of them (F5.22).
    let id = rest.get(1).map_or("", String::as_str);
    match words.as_slice() {
        ["sendmail"] => {
            only(call, &Method::POST).and_then(|()| outgoing::send_mail(state, mailbox, call))
        }
        ["translateexchangeids"] => {
            only(call, &Method::POST)?;
            message_calls::translate_ids(state, mailbox, call)
        }
        ["messages"] => list_calls::messages(state, mailbox, None, call),
        ["messages", "delta"] => Err(GraphFault::bad_request(
            "ErrorInvalidRequest",
            "Change tracking is not supported against the resource 'Microsoft.OutlookServices.Message'; use a folder.",
        )),
        ["messages", _, inner @ ..] => {
            message_calls::handle(state, mailbox, id, inner, rest, 2, call)
        }
        ["mailfolders", "delta"] => {
            only(call, &Method::GET)?;
            let knobs = state.knobs.clone();
            delta_calls::delta(box_of(state, mailbox)?, None, call, &knobs)
        }
        ["mailfolders", _, "messages"] => {
            let folder = mail_of(state, mailbox)?.find_folder(id)?;
            list_calls::messages(state, mailbox, Some(folder), call)
        }
        ["mailfolders", _, "messages", "delta"] => {
            only(call, &Method::GET)?;
            let knobs = state.knobs.clone();
            let mail = mail_of(state, mailbox)?;
            let folder = mail.find_folder(id).map_err(|fault| {
                if call.query.delta_token.is_some() || call.query.skip_token.is_some() {
                    // S44
                    GraphFault::new(
                        StatusCode::NOT_FOUND,
                        "ErrorSyncFolderNotFound",
                        "The specified folder could not be found in the store.",
                    )
                } else {
                    fault
                }
            })?;
            delta_calls::delta(box_of(state, mailbox)?, Some(folder), call, &knobs)
        }
        ["mailfolders", _, "messages", _, inner @ ..] => {
            let folder = mail_of(state, mailbox)?.find_folder(id)?;
            let message = rest.get(3).map_or("", String::as_str);
            message_calls::check_folder(state, mailbox, folder, message)?;
            message_calls::handle(state, mailbox, message, inner, rest, 4, call)
        }
        ["mailfolders", inner @ ..] => folder_calls::handle(state, mailbox, id, inner, call),
        _ => Err(GraphFault::no_such_resource(
            rest.first().map_or("", String::as_str),
        )),
    }
}

/// What a call below `/messages` and its kin does; `rest` is the path after the mailbox.
pub fn needs(method: &Method, rest: &[String]) -> Need {
    let last = rest.last().map(|last| last.to_ascii_lowercase());
    match last.as_deref() {
        Some("sendmail" | "send" | "reply" | "replyall" | "forward") => Need::Send,
        Some("translateexchangeids") => Need::Read,
        _ if *method == Method::GET => Need::Read,
        _ => Need::Write,
    }
}

/// The mail of the mailbox at `index`.
fn mail_of(state: &mut State, index: usize) -> Result<&mut MailState, GraphFault> {
    box_of(state, index).map(|mailbox| &mut mailbox.mail)
}

fn box_of(state: &mut State, index: usize) -> Result<&mut Mailbox, GraphFault> {
    state
        .mailboxes
        .get_mut(index)
        .ok_or_else(GraphFault::item_not_found)
}

fn only(call: &Call, method: &Method) -> Result<(), GraphFault> {
    if call.method == *method {
        Ok(())
    } else {
        Err(GraphFault::method_not_allowed())
    }
}
