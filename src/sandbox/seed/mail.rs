//! Seeded mail: folders, threads, attachments, drafts, meeting mail and the odd ones (S30).

use bytes::Bytes;
use chrono::TimeDelta;
use serde_json::json;

use super::people::{self, DOMAIN};
use super::text::{Words, words};
use crate::model::time::Timestamp;
use crate::sandbox::Options;
use crate::sandbox::mail::folder::Search;
use crate::sandbox::mail::message::{
    Attachment, AttachmentKind, Flag, Importance, Meeting, MessageBody, Recipient,
};
use crate::sandbox::mail::{FolderKey, MailState, Message, MessageKey, plain_text};
use crate::sandbox::prefer::BodyType;
use crate::sandbox::world::User;

/// Beyond this many messages in all, bodies are drawn from a pool, so that a large sandbox fits into
/// memory.
const OWN_BODIES: usize = 5_000;
/// How many bodies the pool has.
const POOL: usize = 256;

/// What all mailboxes of a sandbox share.
#[derive(Debug)]
pub struct Stock {
    files: Vec<File>,
    pool: Vec<MessageBody>,
    contacts: Vec<Recipient>,
}

#[derive(Debug)]
struct File {
    name: &'static str,
    content_type: &'static str,
    content: Bytes,
}

impl Stock {
    /// Files, people, and bodies when there will be many messages.
    pub fn new(options: &Options, users: &[User], rng: &mut fastrand::Rng) -> Self {
        let kinds: [(&'static str, &'static str, &[u8], usize); 6] = [
            ("Agreement.pdf", "application/pdf", b"%PDF-1.7\n", 48_000),
            (
                "Invoice 2026-118.pdf",
                "application/pdf",
                b"%PDF-1.4\n",
                21_000,
            ),
            (
                "Schedule.xlsx",
                "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
                b"PK\x03\x04",
                17_000,
            ),
            (
                "Vollmacht (unterschrieben).docx",
                "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
                b"PK\x03\x04",
                33_000,
            ),
            ("notes.txt", "text/plain", b"Notes\r\n", 900),
            ("logo.png", "image/png", b"\x89PNG\r\n\x1a\n", 5_200),
        ];
        let files = kinds
            .into_iter()
            .map(|(name, content_type, magic, size)| {
                let mut content = magic.to_vec();
                content.extend(std::iter::repeat_with(|| rng.u8(..)).take(size));
                File {
                    name,
                    content_type,
                    content: content.into(),
                }
            })
            .collect();
        let mut contacts = people::strangers();
        contacts.extend(
            users
                .iter()
                .take(12)
                .map(|user| Recipient::new(&user.display_name, &user.address)),
        );
        let all = options
            .mailboxes
            .saturating_mul(options.messages.unwrap_or(275));
        let mut stock = Self {
            files,
            pool: Vec::new(),
            contacts,
        };
        if all > OWN_BODIES || options.folders.is_some() {
            let languages = users.first().map(|user| words(user.language));
            if let Some(words) = languages {
                stock.pool = (0..POOL)
                    .map(|_| body(words, "", options.body_bytes, rng))
                    .collect();
            }
        }
        stock
    }

    fn body(
        &self,
        words: &Words,
        name: &str,
        size: Option<usize>,
        rng: &mut fastrand::Rng,
    ) -> MessageBody {
        match rng.choice(&self.pool) {
            Some(body) => body.clone(),
            None => body(words, name, size, rng),
        }
    }

    fn contact(&self, rng: &mut fastrand::Rng) -> Recipient {
        rng.choice(&self.contacts)
            .cloned()
            .unwrap_or_else(|| Recipient::new("Nobody", "nobody@fabrikam.example"))
    }
}

/// Fills a mailbox.
pub fn fill(
    mail: &mut MailState,
    user: &User,
    options: &Options,
    stock: &Stock,
    now: Timestamp,
    rng: &mut fastrand::Rng,
) {
    let now = crate::sandbox::mail::whole_seconds(now);
    let count = options.messages.unwrap_or_else(|| rng.usize(150..=400));
    if let Some(folders) = options.folders {
        even(mail, user, options, stock, (folders, count), now, rng);
        return;
    }
    let words = words(user.language);
    let folders = plant_folders(mail, words, rng);
    let mut author = Author {
        mail,
        user,
        words,
        stock,
        size: options.body_bytes,
        now,
        rng,
    };
    let mut made = 0;
    while made < count {
        made += author.thread(&folders, count - made);
    }
    if count >= 40 {
        author.odd_ones();
    }
}

/// The shape benchmarks ask for: messages spread evenly over ordinary folders.
fn even(
    mail: &mut MailState,
    user: &User,
    options: &Options,
    stock: &Stock,
    (folders, count): (usize, usize),
    now: Timestamp,
    rng: &mut fastrand::Rng,
) {
    let words = words(user.language);
    let keys: Vec<_> = (0..folders.max(1))
        .map(|index| {
            mail.plant_folder(
                Some(FolderKey::ROOT),
                &format!("Folder {:03}", index + 1),
                None,
                false,
            )
        })
        .collect();
    let mut author = Author {
        mail,
        user,
        words,
        stock,
        size: options.body_bytes,
        now,
        rng,
    };
    for index in 0..count {
        let age = TimeDelta::seconds(
            i64::try_from(count - index)
                .unwrap_or(i64::MAX)
                .saturating_mul(60),
        );
        let message = author.incoming(now - age);
        author.mail.plant(message, keys[index % keys.len()]);
    }
}

fn plant_folders(mail: &mut MailState, words: &Words, rng: &mut fastrand::Rng) -> Vec<FolderKey> {
    let mut ordinary = Vec::new();
    for name in words.folders {
        let key = mail.plant_folder(Some(FolderKey::ROOT), name, None, false);
        ordinary.push(key);
        for name in words.subfolders.iter().take(rng.usize(0..4)) {
            let child = mail.plant_folder(Some(key), name, None, false);
            ordinary.push(child);
            if rng.u8(..4) == 0 {
                let matter = words.matters[rng.usize(..words.matters.len())];
                ordinary.push(mail.plant_folder(Some(child), matter, None, false));
            }
        }
    }
    if let Some(issues) = mail.well_known("syncissues") {
        for (well_known, name) in [
            ("conflicts", "Conflicts"),
            ("localfailures", "Local Failures"),
            ("serverfailures", "Server Failures"),
        ] {
            mail.plant_folder(Some(issues), name, Some(well_known), true);
        }
    }
    mail.plant_folder(Some(FolderKey::ROOT), words.hidden, None, true);
    if let Some(inbox) = mail.well_known("inbox") {
        let key = mail.plant_folder(Some(inbox), words.search, None, false);
        mail.make_search_folder(
            key,
            Search {
                sources: vec![inbox],
                filter: "isRead eq false".to_owned(),
            },
        );
    }
    ordinary
}

struct Author<'a> {
    mail: &'a mut MailState,
    user: &'a User,
    words: &'static Words,
    stock: &'a Stock,
    size: Option<usize>,
    now: Timestamp,
    rng: &'a mut fastrand::Rng,
}

impl Author<'_> {
    fn me(&self) -> Recipient {
        Recipient::new(&self.user.display_name, &self.user.address)
    }

    fn subject(&mut self) -> String {
        let subject = self.words.subjects[self.rng.usize(..self.words.subjects.len())];
        let matter = self.words.matters[self.rng.usize(..self.words.matters.len())];
        subject.replace("{}", matter)
    }

    fn message_id(&mut self) -> String {
        format!("<{:032X}@{DOMAIN}>", self.rng.u128(..))
    }

    /// A message from someone else.
    fn incoming(&mut self, at: Timestamp) -> Message {
        let from = self.stock.contact(self.rng);
        let mut message = Message::blank(at);
        message.sent_at = at - TimeDelta::seconds(self.rng.i64(1..40));
        message.subject = self.subject();
        message.body = self
            .stock
            .body(self.words, &self.user.display_name, self.size, self.rng);
        message.internet_message_id = self.message_id();
        message.from = Some(from.clone());
        message.sender = Some(from);
        message.to = vec![self.me()];
        for _ in 0..self.rng.usize(0..3) {
            let other = self.stock.contact(self.rng);
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
    fn thread(&mut self, folders: &[FolderKey], most: usize) -> usize {
        let length = (1 + self.rng.usize(..6) * usize::from(self.rng.u8(..3) == 0)).min(most);
        let age = TimeDelta::minutes(self.rng.i64(5..400 * 24 * 60));
        let mut at = self.now - age;
        let inbox = self.mail.well_known("inbox");
        let sent = self.mail.well_known("sentitems");
        let home = match self.rng.u8(..10) {
            0..5 => inbox,
            5 => self
                .mail
                .well_known(["deleteditems", "junkemail", "archive"][self.rng.usize(..3)]),
            _ => Some(folders[self.rng.usize(..folders.len())]),
        };
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
            let folder = folder.unwrap_or(FolderKey::ROOT);
            message.created_at = at;
            message.modified_at = at;
            last = Some(self.mail.plant(message.clone(), folder));
        }
        length
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

    /// What every fixture has at least once (S29, S30).
    fn odd_ones(&mut self) {
        let folder = |mail: &MailState, name| mail.well_known(name).unwrap_or(FolderKey::ROOT);
        let (inbox, drafts) = (folder(self.mail, "inbox"), folder(self.mail, "drafts"));
        let days = |days: i64| TimeDelta::hours(days * 24 - 5);
        // A draft nobody has put a name to: no from, no sender (F5.9).
        let mut draft = Message::blank(self.now - days(2));
        draft.subject = self.subject();
        draft.is_draft = true;
        draft.is_read = true;
        draft.body = MessageBody::new(BodyType::Html, "<html><body></body></html>");
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
        let item = json!({
            "@odata.type": "#microsoft.graph.message",
            "id": "",
            "subject": subject,
            "isRead": true,
            "body": {"contentType": "text", "content": self.words.sentences[0]},
            "hasAttachments": false,
        });
        let mime = format!(
            "Subject: forwarded\r\nMIME-Version: 1.0\r\n\r\n{}\r\n",
            self.words.sentences[0]
        );
        let forwarded = Attachment {
            suffix: String::new(),
            name: subject,
            content_type: "message/rfc822".to_owned(),
            size: mime.len() + 400,
            is_inline: false,
            modified_at: at,
            kind: AttachmentKind::Item { item, mime },
        };
        let link = Attachment {
            suffix: String::new(),
            name: "Project plan.xlsx".to_owned(),
            content_type: "application/octet-stream".to_owned(),
            size: 382,
            is_inline: false,
            modified_at: at,
            kind: AttachmentKind::Reference {
                url: "https://contoso.example/sites/plans/Project%20plan.xlsx".to_owned(),
            },
        };
        message.attachments = vec![broken, forwarded, link];
        self.mail.plant(message, inbox);
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

fn attachment(file: &File, at: Timestamp, content_id: Option<String>) -> Attachment {
    Attachment {
        suffix: String::new(),
        name: file.name.to_owned(),
        content_type: file.content_type.to_owned(),
        // With the overhead of its encoding (F8.5).
        size: file.content.len() + 187,
        is_inline: content_id.is_some(),
        modified_at: at,
        kind: AttachmentKind::File {
            content: file.content.clone(),
            content_id,
            unreadable: false,
        },
    }
}

/// `body` with the original below it, as clients quote.
fn quoting(body: &MessageBody, original: &Message) -> MessageBody {
    // A long thread would otherwise grow without end.
    if original.body.json.len() > 40_000 {
        return body.clone();
    }
    let content = body.content();
    let quoted = original.body.content();
    match body.kind {
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
    }
}

/// A body: mostly 2 to 8 KB, a few of 1 KB, few up to 200 KB; three in four HTML.
fn body(words: &Words, name: &str, size: Option<usize>, rng: &mut fastrand::Rng) -> MessageBody {
    let size = size.unwrap_or_else(|| match rng.u8(..100) {
        0..12 => rng.usize(1_000..2_000),
        12..94 => rng.usize(2_000..8_000),
        94..99 => rng.usize(8_000..40_000),
        _ => rng.usize(40_000..200_000),
    });
    let greeting = words.greetings[rng.usize(..words.greetings.len())]
        .replace("{}", name.split(' ').next().unwrap_or_default());
    let closing = words.closings[rng.usize(..words.closings.len())];
    let is_html = rng.u8(..4) > 0;
    let mut out = String::with_capacity(size + 400);
    if is_html {
        out.push_str(
            "<html><head><meta http-equiv=\"Content-Type\" content=\"text/html; charset=utf-8\">\
             <style>p.MsoNormal {margin:0cm; font-size:11.0pt; font-family:\"Calibri\",sans-serif}\
             </style></head><body lang=\"EN-GB\"><div class=\"WordSection1\">",
        );
    }
    let (open, close) = if is_html {
        ("<p class=\"MsoNormal\">", "</p>\r\n")
    } else {
        ("", "\r\n\r\n")
    };
    let paragraph = |out: &mut String, text: &str| {
        out.push_str(open);
        out.push_str(text);
        out.push_str(close);
    };
    paragraph(&mut out, &greeting);
    while out.len() < size {
        let mut text = String::new();
        for _ in 0..rng.usize(1..5) {
            text.push_str(words.sentences[rng.usize(..words.sentences.len())]);
            text.push(' ');
        }
        paragraph(&mut out, text.trim_end());
    }
    paragraph(&mut out, closing);
    if is_html {
        out.push_str("</div></body></html>");
        MessageBody::new(BodyType::Html, &out)
    } else {
        MessageBody::new(BodyType::Text, &out)
    }
}

/// One more incoming message for a mailbox, as one would arrive now.
pub fn arriving(
    mail: &mut MailState,
    user: &User,
    now: Timestamp,
    rng: &mut fastrand::Rng,
) -> Message {
    let stock = Stock {
        files: Vec::new(),
        pool: Vec::new(),
        contacts: people::strangers(),
    };
    let now = crate::sandbox::mail::whole_seconds(now);
    let mut author = Author {
        mail,
        user,
        words: words(user.language),
        stock: &stock,
        size: None,
        now,
        rng,
    };
    let mut message = author.incoming(now);
    message.is_read = false;
    message
}
