//! Attachments given to a message from outside: files of any size that nobody has to send, links, and
//! messages within messages (S30, F8.1 to F8.4).

use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use super::commands::CommandError;
use super::mail::item::{Inner, MOST_LEVELS};
use super::mail::message::{Attachment, AttachmentKind};
use super::mail::{Message, whole_seconds};
use super::world::World;

/// The largest file (F8.8).
const LARGEST: usize = 150 * 1024 * 1024;

/// An attachment to be made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AttachmentOrder {
    /// Its name; `file.bin` when absent.
    pub name: Option<String>,
    /// Its media type; `application/octet-stream` when absent.
    pub content_type: Option<String>,
    /// How many bytes it has.
    pub size: usize,
    /// The bytes grow from this: they are [`seeded_bytes`].
    pub seed: u64,
    /// What `cid:` names it by: it is inline then.
    pub content_id: Option<String>,
    /// Its bytes cannot be read (F8.12).
    pub unreadable: bool,
    /// Where a link leads: it is a reference then, and has no bytes.
    pub url: Option<String>,
    /// How many messages it stands within, each an item attachment of the one around it.
    pub nested: usize,
}

/// The bytes a file of that size has: the same seed gives the same.
pub fn seeded_bytes(seed: u64, size: usize) -> Bytes {
    const BLOCK: usize = 256 * 1024;
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut block = vec![0_u8; BLOCK.min(size)];
    rng.fill(&mut block);
    let mut bytes = BytesMut::with_capacity(size);
    let mut number = 0_u64;
    while bytes.len() < size {
        // Every block is another one, and none costs more than its copy.
        for (byte, counted) in block.iter_mut().zip(number.to_be_bytes()) {
            *byte = counted;
        }
        number += 1;
        let length = block.len().min(size - bytes.len());
        bytes.extend_from_slice(&block[..length]);
    }
    bytes.freeze()
}

impl World {
    /// Gives a message an attachment, whether it is a draft or not; answers the attachment's id.
    pub fn attach(
        &self,
        mailbox: &str,
        message: &str,
        order: &AttachmentOrder,
    ) -> Result<String, CommandError> {
        if order.size > LARGEST || order.nested > MOST_LEVELS {
            return Err(CommandError::Attachment);
        }
        // Made before the lock is taken: a large one takes its time.
        let content = match order.url {
            None => seeded_bytes(order.seed, order.size),
            Some(_) => Bytes::new(),
        };
        let unknown = || CommandError::UnknownMailbox(mailbox.to_owned());
        let mut state = self.lock();
        let index = state.find_mailbox(mailbox).ok_or_else(unknown)?;
        let now = state.now();
        let mail = &mut state.mailboxes.get_mut(index).ok_or_else(unknown)?.mail;
        let key = mail
            .find_message(message)
            .ok_or_else(|| CommandError::UnknownMessage(message.to_owned()))?;
        let mut attachment = made(order, content, whole_seconds(now));
        for level in (0..order.nested).rev() {
            let mut around = Message::blank(whole_seconds(now));
            around.subject = format!("Level {}", level + 1);
            around.internet_message_id = format!("<level-{}@fabrikam.example>", level + 1);
            around.attachments = vec![attachment];
            let name = around.subject.clone();
            attachment = Attachment::of_item(&name, Inner::Message(Box::new(around)), now);
        }
        let (place, changes) = mail.attach(key, attachment, whole_seconds(now));
        let id = mail
            .message(key)
            .and_then(|message| {
                let attachment = message.attachments.get(place)?;
                Some(attachment.id(&message.immutable_id))
            })
            .unwrap_or_default();
        state.announce_at(index, changes);
        drop(state);
        self.wake();
        Ok(id)
    }
}

fn made(order: &AttachmentOrder, content: Bytes, at: crate::model::time::Timestamp) -> Attachment {
    let name = order.name.as_deref().unwrap_or("file.bin");
    if let Some(url) = &order.url {
        return Attachment::of_link(name, url, at);
    }
    Attachment {
        suffix: String::new(),
        name: name.to_owned(),
        content_type: order
            .content_type
            .clone()
            .unwrap_or_else(|| "application/octet-stream".to_owned()),
        // With the overhead of its encoding (F8.5).
        size: content.len() + 187,
        is_inline: order.content_id.is_some(),
        modified_at: at,
        kind: AttachmentKind::File {
            content,
            content_id: order.content_id.clone(),
            unreadable: order.unreadable,
        },
    }
}
