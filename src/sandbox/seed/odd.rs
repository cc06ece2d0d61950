//! What every mailbox has at least once: the mail that breaks clients (S29, S30).

use chrono::TimeDelta;

use super::author::Author;
use super::stock::{ENDS, attachment};
use crate::model::time::Timestamp;
use crate::sandbox::mail::item::Inner;
use crate::sandbox::mail::message::{Attachment, AttachmentKind, Meeting, MessageBody, Recipient};
use crate::sandbox::mail::{FolderKey, MailState, Message};
use crate::sandbox::prefer::BodyType;

impl Author<'_> {
    /// How many there are.
    pub(super) const ODD_ONES: usize = 13 + ENDS;

    /// What every fixture has at least once (S29, S30).
    pub(super) fn odd_ones(&mut self) {
        let folder = |mail: &MailState, name| mail.well_known(name).unwrap_or(FolderKey::ROOT);
        let (inbox, drafts) = (folder(self.mail, "inbox"), folder(self.mail, "drafts"));
        let days = |days: i64| TimeDelta::hours(days * 24 - 5);
        // A draft nobody has put a name to: no from, no sender (F5.9).
        let mut draft = Message::blank(self.now - days(2));
        draft.subject = self.subject();
        draft.is_draft = true;
        draft.is_read = true;
        draft.body = self.stock.body(self.user, self.size, self.rng);
        draft.internet_message_id = self.message_id();
        self.mail.plant(draft, drafts);
        // One ready to go.
        let mut draft = self.incoming(self.now - days(1));
        draft.to = vec![self.stock.contact(self.rng)];
        draft.from = Some(self.me());
        draft.sender = Some(self.me());
        draft.is_draft = true;
        draft.is_read = true;
        self.mail.plant(draft, drafts);
        // A recipient without an address, from a system of long ago.
        let mut legacy = self.incoming(self.now - days(390));
        legacy.to.push(Recipient {
            name: "Everyone (old list)".to_owned(),
            address: None,
        });
        self.mail.plant(legacy, inbox);
        let mut poisoned = self.incoming(self.now - days(33));
        poisoned.is_poisoned = true;
        self.mail.plant(poisoned, inbox);
        self.odd_attachments(inbox, self.now - days(12));
        self.meeting_mail(inbox);
        self.note_to_self(inbox);
        self.case_pair(inbox);
        let archive = folder(self.mail, "archive");
        self.shortest_and_longest([inbox, inbox, archive, inbox]);
    }

    /// A file that cannot be opened, a message within a message, a link.
    fn odd_attachments(&mut self, inbox: FolderKey, at: Timestamp) {
        let mut message = self.incoming(at);
        let mut broken = attachment(&self.stock.files[0], at, None);
        if let AttachmentKind::File { unreadable, .. } = &mut broken.kind {
            *unreadable = true;
        }
        "old-object.ole".clone_into(&mut broken.name);
        let subject = self.subject();
        // It holds a file and another message, which holds a file too (F8.4).
        let files = &self.stock.files;
        let innermost = self.forwarded(&subject, vec![attachment(&files[4], at, None)], at);
        let parts = vec![attachment(&files[1], at, None), innermost];
        let forwarded = self.forwarded(&subject, parts, at);
        let url = "https://contoso.example/sites/plans/Project%20plan.xlsx";
        let link = Attachment::of_link("Project plan.xlsx", url, at);
        message.attachments = vec![broken, forwarded, link];
        self.mail.plant(message, inbox);
    }

    /// A message that someone forwards as it is.
    fn forwarded(&self, subject: &str, parts: Vec<Attachment>, at: Timestamp) -> Attachment {
        let mut message = Message::blank(at - TimeDelta::days(1));
        subject.clone_into(&mut message.subject);
        message.body = MessageBody::new(BodyType::Text, self.words.sentences[0]);
        message.from = Some(self.me());
        message.sender = Some(self.me());
        message.to = vec![self.me()];
        message.is_read = true;
        message.internet_message_id = format!("<forwarded-{}@fabrikam.example>", parts.len());
        message.attachments = parts;
        Attachment::of_item(subject, Inner::Message(Box::new(message)), at)
    }

    fn meeting_mail(&mut self, inbox: FolderKey) {
        for (item_type, message_type) in [
            ("eventMessageRequest", "meetingRequest"),
            ("eventMessageResponse", "meetingAccepted"),
            ("eventMessageResponse", "meetingTenativelyAccepted"),
            ("eventMessage", "meetingCancelled"),
        ] {
            let at = self.now - TimeDelta::minutes(self.rng.i64(600..20_000));
            let mut message = self.incoming(at);
            let start = crate::sandbox::mail::whole_seconds(at) + TimeDelta::days(3);
            message.meeting = Some(Meeting {
                item_type,
                message_type,
                start,
                end: start + TimeDelta::hours(1),
                location: "Room 4.12".to_owned(),
            });
            self.mail.plant(message, inbox);
        }
    }

    /// The same Message-ID in Sent Items and in the Inbox (F5.8).
    fn note_to_self(&mut self, inbox: FolderKey) {
        let mut note = self.incoming(self.now - TimeDelta::hours(50));
        note.from = Some(self.me());
        note.sender = Some(self.me());
        note.cc.clear();
        note.attachments.clear();
        if let Some(sent) = self.mail.well_known("sentitems") {
            let mut copy = note.clone();
            copy.is_read = true;
            let key = self.mail.plant(copy, sent);
            if let Some(sent) = self.mail.message(key) {
                note.conversation_index.clone_from(&sent.conversation_index);
            }
        }
        self.mail.plant(note, inbox);
    }

    /// Bodies as short and as long as they come, as text and as HTML. The two long ones stand in
    /// different folders: a page of ten that held both could not be made small.
    fn shortest_and_longest(&mut self, folders: [FolderKey; ENDS]) {
        for ((nth, folder), hours) in folders.into_iter().enumerate().zip((80..).step_by(7)) {
            let mut message = self.incoming(self.now - TimeDelta::hours(hours));
            if let Some(body) = self.stock.end(self.user, nth) {
                message.body = body;
            }
            self.mail.plant(message, folder);
        }
    }

    /// Two messages whose ids differ by nothing but case (F5.22, S29).
    fn case_pair(&mut self, inbox: FolderKey) {
        let mut keys = Vec::new();
        for hours in [70, 71] {
            let message = self.incoming(self.now - TimeDelta::hours(hours));
            keys.push(self.mail.plant(message, inbox));
        }
        let [first, second] = keys[..] else {
            return;
        };
        let Some(message) = self.mail.message(first) else {
            return;
        };
        let (default_id, immutable_id) = (
            swap_one(&message.default_id),
            swap_one(&message.immutable_id),
        );
        self.mail.rename(second, default_id, immutable_id);
    }
}

/// The id with the case of one letter, well behind its beginning, turned.
fn swap_one(id: &str) -> String {
    let mut swapped = false;
    id.chars()
        .enumerate()
        .map(|(index, c)| {
            if index > 60 && !swapped && c.is_ascii_alphabetic() {
                swapped = true;
                if c.is_ascii_lowercase() {
                    c.to_ascii_uppercase()
                } else {
                    c.to_ascii_lowercase()
                }
            } else {
                c
            }
        })
        .collect()
}
