//! Folders and messages.

pub mod outgoing;

use super::call::{Call, Reply};
use super::error::GraphFault;
use super::world::State;

/// The mail of one mailbox.
#[derive(Debug, Default)]
pub struct MailState {}

/// Answers a call below `/me/messages`, `/me/mailFolders` and their kin; `rest` is the path after
/// the mailbox.
pub fn handle(
    state: &mut State,
    mailbox: usize,
    _call: &Call,
    rest: &[String],
) -> Result<Reply, GraphFault> {
    let _mail = state.mailboxes.get(mailbox).map(|mailbox| &mailbox.mail);
    Err(GraphFault::no_such_resource(
        rest.first().map_or("", String::as_str),
    ))
}
