//! Messages and threads, as people write them.

use chrono::TimeDelta;
use serde_json::json;

use super::people::DOMAIN;
use super::stock::{LARGEST, Stock, attachment};
use super::text::Words;
use crate::model::time::Timestamp;
use crate::sandbox::mail::message::{Flag, Importance, MessageBody, Recipient};
use crate::sandbox::mail::{FolderKey, MailState, Message, MessageKey, plain_text};
use crate::sandbox::prefer::BodyType;
use crate::sandbox::world::User;

/// Writes the mail of one mailbox.
pub(super) struct Author<'a> {
    pub(super) mail: &'a mut MailState,
    pub(super) user: &'a User,
    pub(super) words: &'static Words,
    pub(super) stock: &'a Stock,
    pub(super) size: Option<usize>,
    pub(super) now: Timestamp,
    pub(super) rng: &'a mut fastrand::Rng,
}

impl Author<'_> {
    pub(super) fn me(&self) -> Recipient {
        Recipient::new(&self.user.display_name, &self.user.address)
    }

    pub(super) fn subject(&mut self) -> String {
        let subject = self.words.subjects[self.rng.usize(..self.words.subjects.len())];
        let matter = self.words.matters[self.rng.usize(..self.words.matters.len())];
        subject.replace("{}", matter)
    }

    pub(super) fn message_id(&mut self) -> String {
        format!("<{:032X}@{DOMAIN}>", self.rng.u128(..))
    }

    /// Someone, but not the owner.
    fn someone_else(&mut self) -> Recipient {
        loop {
            let person = self.stock.contact(self.rng);
            if person.address.as_deref() != Some(&self.user.address) {
                return person;
            }
        }
    }

    /// A message from someone else.
    pub(super) fn incoming(&mut self, at: Timestamp) -> Message {
        let from = self.someone_else();
        let mut message = Message::blank(at);
        message.sent_at = at - TimeDelta::seconds(self.rng.i64(1..40));
        message.subject = self.subject();
        message.body = self.stock.body(self.user, self.size, self.rng);
        message.internet_message_id = self.message_id();
        message.from = Some(from.clone());
        message.sender = Some(from);
        message.to = vec![self.me()];
        for _ in 0..self.rng.usize(0..3) {
            let other = self.someone_else();
            message.cc.push(other);
        }
        message.headers = vec![
            (
                "Received".to_owned(),
                format!("from mx.fabrikam.example by {DOMAIN}"),
            ),
            ("X-MS-Exchange-Organization-SCL".to_owned(), "1".to_owned()),
        ];
        message.is_read = self.rng.u8(..10) < 7;
        message.is_focused = self.rng.u8(..5) > 0;
        message
    }

    /// A whole thread of one to six messages, none later than now; how many there were.
    pub(super) fn thread(&mut self, folders: &[FolderKey], most: usize) -> usize {
        let length = (1 + self.rng.usize(..6) * usize::from(self.rng.u8(..3) == 0)).min(most);
        let age = TimeDelta::minutes(self.rng.i64(5..400 * 24 * 60));
        let inbox = self.mail.well_known("inbox");
        let home = match self.rng.u8(..10) {
            0..5 => inbox,
            5 => self
                .mail
                .well_known(["deleteditems", "junkemail", "archive"][self.rng.usize(..3)]),
            _ => Some(folders[self.rng.usize(..folders.len())]),
        };
        self.correspond(length, home.unwrap_or(FolderKey::ROOT), self.now - age);
        length
    }

    /// A thread of five messages in the Inbox and in Sent Items, last month; how many that is.
    pub(super) fn long_thread(&mut self) -> usize {
        const LENGTH: usize = 5;
        let inbox = self.mail.well_known("inbox");
        let begun = self.now - TimeDelta::days(30);
        self.correspond(LENGTH, inbox.unwrap_or(FolderKey::ROOT), begun);
        LENGTH
    }

    /// Messages to and fro: the owner's in Sent Items, those of others in `home`.
    fn correspond(&mut self, length: usize, home: FolderKey, begun: Timestamp) {
        let sent = self.mail.well_known("sentitems").unwrap_or(home);
        let mut at = begun;
        let mut message = self.incoming(at);
        let subject = message.subject.clone();
        let mut last: Option<MessageKey> = None;
        for nth in 0..length {
            if nth > 0 {
                at = (at + TimeDelta::minutes(self.rng.i64(3..2_000))).min(self.now);
                message = self.answer(last, nth, &subject, at);
            }
            self.decorate(&mut message);
            let is_own = message
                .from
                .as_ref()
                .is_some_and(|from| from.address.as_deref() == Some(&self.user.address));
            let folder = if is_own { sent } else { home };
            message.created_at = at;
            message.modified_at = at;
            last = Some(self.mail.plant(message.clone(), folder));
        }
    }

    /// The next message of a thread, by turns from the owner and from the other side.
    fn answer(
        &mut self,
        last: Option<MessageKey>,
        nth: usize,
        subject: &str,
        at: Timestamp,
    ) -> Message {
        let mut message = self.incoming(at);
        message.subject = format!("RE: {subject}");
        let Some(original) = last.and_then(|key| self.mail.message(key)).cloned() else {
            return message;
        };
        message
            .conversation_index
            .clone_from(&original.conversation_index);
        message.conversation_index.extend([0, 0, 0, 0, 0x10]);
        message.headers.push((
            "In-Reply-To".to_owned(),
            original.internet_message_id.clone(),
        ));
        message.body = quoting(&message.body, &original);
        if nth % 2 == 1 {
            message.to = original.from.into_iter().collect();
            message.from = Some(self.me());
            message.sender = Some(self.me());
            message.is_read = true;
            message.headers.clear();
        } else {
            message.from = original.to.first().cloned();
            message.sender.clone_from(&message.from);
            message.to = vec![self.me()];
        }
        message
    }

    /// Flags, categories, attachments: on some.
    fn decorate(&mut self, message: &mut Message) {
        if self.rng.u8(..8) == 0 {
            let category = self.words.categories[self.rng.usize(..self.words.categories.len())];
            message.categories.push(category.to_owned());
        }
        if self.rng.u8(..12) == 0 {
            message.importance = if self.rng.bool() {
                Importance::High
            } else {
                Importance::Low
            };
        }
        if self.rng.u8(..15) == 0 {
            let day =
                (message.received_at + TimeDelta::days(3)).format("%Y-%m-%dT00:00:00.0000000");
            let date = json!({"dateTime": day.to_string(), "timeZone": "UTC"});
            message.flag = Flag {
                status: "flagged",
                dates: [("dueDateTime", date.clone()), ("startDateTime", date)].into(),
            };
        }
        if message.body.kind == BodyType::Html && self.rng.u8(..6) == 0 {
            self.inline(message);
        }
        if self.rng.u8(..5) == 0 {
            for _ in 0..self.rng.usize(1..4) {
                let file = &self.stock.files[self.rng.usize(..self.stock.files.len() - 1)];
                message
                    .attachments
                    .push(attachment(file, message.received_at, None));
            }
        }
    }

    /// A logo in the signature: inline, and therefore no attachment to Graph (F5.7, S22).
    fn inline(&mut self, message: &mut Message) {
        let Some(file) = self.stock.files.last() else {
            return;
        };
        let content_id = format!(
            "image001.png@{:08X}.{:08X}",
            self.rng.u32(..),
            self.rng.u32(..)
        );
        let html = message.body.content().replace(
            "</body>",
            &format!("<p><img width=\"120\" src=\"cid:{content_id}\" alt=\"logo\"></p></body>"),
        );
        message.body = MessageBody::new(BodyType::Html, &html);
        let logo = attachment(file, message.received_at, Some(content_id));
        message.attachments.push(logo);
    }
}

/// `body` with the original below it, as clients quote, or alone where that would be too long.
fn quoting(body: &MessageBody, original: &Message) -> MessageBody {
    // A long thread would otherwise grow without end.
    if original.body.html.len() > 40_000 {
        return body.clone();
    }
    let content = body.content();
    let quoted = original.body.content();
    let whole = match body.kind {
        BodyType::Html => {
            let quoted = match original.body.kind {
                BodyType::Html => quoted,
                BodyType::Text => plain_text::to_html(&quoted),
            };
            let html = content.replace(
                "</body></html>",
                &format!("<hr><div id=\"divRplyFwdMsg\" dir=\"ltr\"></div><div>{quoted}</div></body></html>"),
            );
            MessageBody::new(BodyType::Html, &html)
        }
        BodyType::Text => {
            let quoted = match original.body.kind {
                BodyType::Html => plain_text::from_html(&quoted),
                BodyType::Text => quoted,
            };
            MessageBody::new(
                BodyType::Text,
                &format!("{content}\r\n________________________________\r\n{quoted}"),
            )
        }
    };
    if whole.html.len() > LARGEST {
        return body.clone();
    }
    whole
}
