//! Mail on its way out (F11.1, F11.4, S63, S70).
//!
//! A call to send is answered at once and the message leaves a little later: it turns up in Sent
//! Items, and in the Inbox of every recipient who has a mailbox here.

use std::collections::BTreeMap;

use axum::http::{StatusCode, header};
use serde::Deserialize;

use super::fields::Fields;
use super::input::MessageInput;
use super::message::{Message, MessageKey, Recipient};
use super::message_calls::{apply_to_new, is_mime};
use super::state::whole_seconds;
use super::{MailState, mail_of, mime_input};
use crate::model::time::{Timestamp, later};
use crate::sandbox::call::{Call, Reply};
use crate::sandbox::error::GraphFault;
use crate::sandbox::ids::etag;
use crate::sandbox::world::{Change, ChangeType, Entity, State};

/// What was sent and has not left yet.
#[derive(Debug, Default)]
pub struct Outgoing {
    waiting: BTreeMap<(Timestamp, u64), Leaving>,
    last: u64,
}

#[derive(Debug)]
struct Leaving {
    mailbox: usize,
    message: MessageKey,
    keep: bool,
}

impl Outgoing {
    /// When the next one leaves.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.waiting.keys().next().map(|(due, _)| *due)
    }
}

/// Lets leave what is due.
pub fn settle(state: &mut State) {
    let now = state.now();
    while state.outgoing.next_due().is_some_and(|due| due <= now) {
        let Some((_, leaving)) = state.outgoing.waiting.pop_first() else {
            return;
        };
        leave(state, leaving.mailbox, leaving.message, leaving.keep);
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SendMail {
    #[serde(alias = "Message")]
    message: MessageInput,
    #[serde(default = "yes", alias = "SaveToSentItems")]
    save_to_sent_items: bool,
}

fn yes() -> bool {
    true
}

/// `POST /sendMail`: 202, no body, no id (F11.1).
pub fn send_mail(state: &mut State, mailbox: usize, call: &Call) -> Result<Reply, GraphFault> {
    let now = state.now();
    let mut message = Message::blank(whole_seconds(now));
    let keep = if is_mime(call) {
        mime_input::read(&call.body, &mut message)?;
        true
    } else {
        let wanted: SendMail = call.json()?;
        let (patch, attachments) = wanted.message.into_patch(now)?;
        apply_to_new(&mut message, patch, attachments);
        wanted.save_to_sent_items
    };
    check_recipients(&message)?;
    check_sender(state, mailbox, &message)?;
    let mail = mail_of(state, mailbox)?;
    let drafts = mail.find_folder("drafts")?;
    let (key, changes) = mail.create_draft(message, drafts);
    state.announce_at(mailbox, changes);
    enqueue(state, mailbox, key, keep);
    Ok(Reply::empty(StatusCode::ACCEPTED).with_header(header::CONTENT_LENGTH, "0"))
}

/// `POST /messages/{id}/send`. Sending what has been sent fails, which makes a retry safe (F11.4).
pub fn send_draft(state: &mut State, mailbox: usize, key: MessageKey) -> Result<(), GraphFault> {
    let mail = mail_of(state, mailbox)?;
    let message = mail.message(key).ok_or_else(GraphFault::item_not_found)?;
    if !message.is_draft || message.is_leaving {
        return Err(GraphFault::bad_request(
            "ErrorInvalidRequest",
            "Only a draft can be sent, and only once.",
        ));
    }
    let message = message.clone();
    check_recipients(&message)?;
    check_sender(state, mailbox, &message)?;
    enqueue(state, mailbox, key, true);
    Ok(())
}

/// Nobody here may send in another's name (§3b).
fn check_sender(state: &State, mailbox: usize, message: &Message) -> Result<(), GraphFault> {
    let own = state.mailboxes.get(mailbox).map(|own| &own.user.address);
    let is_own = |person: &Recipient| {
        person
            .address
            .as_ref()
            .zip(own)
            .is_some_and(|(address, own)| address.eq_ignore_ascii_case(own))
    };
    if message.from.iter().chain(&message.sender).all(is_own) {
        return Ok(());
    }
    Err(GraphFault::new(
        StatusCode::FORBIDDEN,
        "ErrorSendAsDenied",
        "The user account which was used to submit this request does not have the right to send mail on behalf of the specified sending account.",
    ))
}

fn check_recipients(message: &Message) -> Result<(), GraphFault> {
    let mut all = message
        .to
        .iter()
        .chain(&message.cc)
        .chain(&message.bcc)
        .peekable();
    let valid = |person: &Recipient| person.address.as_deref().is_some_and(is_address);
    if all.peek().is_none() || !all.all(valid) {
        return Err(GraphFault::bad_request(
            "ErrorInvalidRecipients",
            "At least one recipient isn't valid.",
        ));
    }
    super::input::check_count(message.to.len() + message.cc.len() + message.bcc.len())
}

/// Whether mail could go there.
fn is_address(text: &str) -> bool {
    let is_odd = |c: char| c.is_whitespace() || c.is_control() || "<>,;:\"()".contains(c);
    text.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty()
            && !domain.is_empty()
            && !domain.contains('@')
            && !domain.starts_with('.')
            && !domain.ends_with('.')
            && !text.contains(is_odd)
    })
}

fn enqueue(state: &mut State, mailbox: usize, key: MessageKey, keep: bool) {
    let now = state.now();
    if let Ok(mail) = mail_of(state, mailbox)
        && let Some(message) = mail.message_mut(key)
    {
        message.is_leaving = true;
    }
    let wait = std::time::Duration::from_secs(state.knobs.send_delay_seconds);
    state.outgoing.last += 1;
    let order = state.outgoing.last;
    state.outgoing.waiting.insert(
        (later(now, wait), order),
        Leaving {
            mailbox,
            message: key,
            keep,
        },
    );
    settle(state);
}

/// Sends a draft at once, whatever the knobs say: for edits made from within.
pub fn send_now(state: &mut State, mailbox: usize, key: MessageKey) {
    leave(state, mailbox, key, true);
}

fn leave(state: &mut State, mailbox: usize, key: MessageKey, keep: bool) {
    let now = whole_seconds(state.now());
    let changes_id = state.knobs.send_changes_id;
    let Some(owner) = state.mailboxes.get(mailbox).map(|mailbox| &mailbox.user) else {
        return;
    };
    let sender = Recipient::new(&owner.display_name, &owner.address);
    let Ok(mail) = mail_of(state, mailbox) else {
        return;
    };
    // It may have been deleted while it waited.
    let Some(sent) = mail.stamp_as_sent(key, &sender, now) else {
        return;
    };
    let mut changes = vec![transient(mail)];
    if keep {
        if let Some(folder) = mail.well_known("sentitems") {
            mail.relocate(key, folder, now);
        }
        if changes_id {
            mail.change_immutable_id(key);
        }
        changes.extend(mail.change(ChangeType::Created, key));
    } else {
        changes.extend(mail.purge(key));
    }
    state.announce_at(mailbox, changes);
    arrive(state, &sent, now);
}

/// The Outbox copy that is announced and never found (F10.20, Q17, S63).
fn transient(mail: &mut MailState) -> Change {
    let folder_id = mail
        .well_known("outbox")
        .map(|key| mail.folder_id(key).to_owned())
        .unwrap_or_default();
    let serial = mail.rng().u64(..);
    Change {
        what: ChangeType::Created,
        entity: Entity::Message {
            immutable_id: mail.mint().immutable_id(),
            default_id: mail.mint().default_id(),
            folder_id,
        },
        etag: etag(serial, 1),
    }
}

impl MailState {
    /// Turns a draft into a sent message; the message as recipients get it comes back.
    fn stamp_as_sent(
        &mut self,
        key: MessageKey,
        sender: &Recipient,
        now: Timestamp,
    ) -> Option<Message> {
        self.message(key)?;
        self.alter(key, |message| {
            message.is_draft = false;
            message.is_leaving = false;
            message.is_read = true;
            message.sent_at = now;
            message.received_at = now;
            message.modified_at = now;
            if message.from.is_none() {
                message.from = Some(sender.clone());
            }
            message.sender = Some(sender.clone());
            Fields::IS_DRAFT | Fields::SENT | Fields::RECEIVED | Fields::FROM | Fields::SENDER
        });
        self.message(key).cloned()
    }
}

/// Puts the message into the Inbox of every recipient who has one.
fn arrive(state: &mut State, sent: &Message, now: Timestamp) {
    let knobs = state.knobs.clone();
    let mut reached = std::collections::BTreeSet::new();
    for person in sent.to.iter().chain(&sent.cc).chain(&sent.bcc) {
        let index = person
            .address
            .as_deref()
            .and_then(|address| state.find_mailbox(address));
        let Some(index) = index.filter(|index| reached.insert(*index)) else {
            continue;
        };
        let mut copy = sent.clone();
        copy.created_at = now;
        copy.is_read = false;
        copy.bcc.clear();
        copy.categories.clear();
        copy.extended.clear();
        copy.flag = super::message::Flag::default();
        let Ok(mail) = mail_of(state, index) else {
            continue;
        };
        let Some(inbox) = mail.well_known("inbox") else {
            continue;
        };
        let (_, changes) = mail.deliver(copy, inbox, now, &knobs);
        state.announce_at(index, changes);
    }
}
