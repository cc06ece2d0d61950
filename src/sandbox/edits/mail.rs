//! One random edit of each kind that happens to mail.

use std::cmp::Reverse;
use std::time::Duration;

use crate::model::time::{Timestamp, later, until};
use crate::sandbox::knobs::Knobs;
use crate::sandbox::mail::folder::Folder;
use crate::sandbox::mail::message::{Flag, Importance, MessageBody, Recipient};
use crate::sandbox::mail::{
    FolderKey, MailState, Message, MessageKey, MessagePatch, outgoing, whole_seconds,
};
use crate::sandbox::prefer::BodyType;
use crate::sandbox::seed::{mail as seeded, people, text};
use crate::sandbox::world::{Change, Language, State};

/// The kinds of edits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MailEdit {
    /// A message arrives.
    Deliver,
    /// A draft is begun.
    CreateDraft,
    /// A draft is written on.
    EditDraft,
    /// A message is sent, to strangers and to people who have a mailbox here.
    Send,
    /// A message becomes read, or unread.
    Read,
    /// A message is flagged, or done, or neither.
    Flag,
    /// A message gets other categories, or another importance.
    Categorise,
    /// A message moves to another folder.
    Move,
    /// A message goes back where it came from, or goes there and back.
    MoveBack,
    /// A message is copied.
    Copy,
    /// A message is deleted.
    Delete,
    /// A message is deleted for good.
    Purge,
    /// A new folder.
    CreateFolder,
    /// A folder with another name.
    RenameFolder,
    /// A folder with another parent.
    MoveFolder,
    /// A folder goes, to Deleted Items or for good.
    DeleteFolder,
}

impl MailEdit {
    /// Every kind with its name and how often it comes up among the others.
    pub(super) const ALL: &'static [(Self, &'static str, u32)] = &[
        (Self::Deliver, "message_deliver", 40),
        (Self::CreateDraft, "draft_create", 8),
        (Self::EditDraft, "draft_edit", 10),
        (Self::Send, "message_send", 12),
        (Self::Read, "message_read", 40),
        (Self::Flag, "message_flag", 10),
        (Self::Categorise, "message_categorise", 10),
        (Self::Move, "message_move", 20),
        (Self::MoveBack, "message_move_back", 8),
        (Self::Copy, "message_copy", 3),
        (Self::Delete, "message_delete", 14),
        (Self::Purge, "message_purge", 4),
        (Self::CreateFolder, "folder_create", 4),
        (Self::RenameFolder, "folder_rename", 3),
        (Self::MoveFolder, "folder_move", 3),
        (Self::DeleteFolder, "folder_delete", 2),
    ];

    /// Whether it is about a folder.
    pub(super) fn is_about_a_folder(self) -> bool {
        matches!(
            self,
            Self::CreateFolder | Self::RenameFolder | Self::MoveFolder | Self::DeleteFolder
        )
    }
}

/// What was moved by earlier edits of the same order, and from where.
#[derive(Debug, Default)]
pub(super) struct Memory {
    moved: Vec<(MessageKey, FolderKey)>,
}

/// Makes one edit and announces it; the id of what was edited, or `None` when there is nothing to make
/// it on.
pub(super) fn make(
    state: &mut State,
    index: usize,
    kind: MailEdit,
    memory: &mut Memory,
    now: Timestamp,
    rng: &mut fastrand::Rng,
) -> Option<String> {
    if kind == MailEdit::Send {
        return send(state, index, now, rng);
    }
    let knobs = state.knobs.clone();
    let mailbox = state.mailboxes.get_mut(index)?;
    let mail = &mut mailbox.mail;
    let (id, changes) = match kind {
        MailEdit::Deliver => {
            let inbox = mail.well_known("inbox")?;
            let message = seeded::arriving(mail, &mailbox.user, now, rng);
            let (key, changes) = mail.deliver(message, inbox, now, &knobs);
            (id_of(mail, key)?, changes)
        }
        MailEdit::CreateDraft => {
            let drafts = mail.well_known("drafts")?;
            let draft = draft(mailbox.user.language, now, rng);
            let (key, changes) = mail.create_draft(draft, drafts);
            (id_of(mail, key)?, changes)
        }
        MailEdit::CreateFolder
        | MailEdit::RenameFolder
        | MailEdit::MoveFolder
        | MailEdit::DeleteFolder => edit_folder(mail, kind, rng)?,
        MailEdit::Move | MailEdit::MoveBack | MailEdit::Copy => {
            relocate(mail, kind, memory, now, rng)?
        }
        MailEdit::Delete | MailEdit::Purge => {
            let key = pick_message(mail, rng, |message| !message.is_leaving)?;
            let id = id_of(mail, key)?;
            let changes = if kind == MailEdit::Delete {
                mail.delete(key, now, &knobs)
            } else {
                mail.purge(key)
            };
            (id, changes)
        }
        _ => mark(mail, kind, mailbox.user.language, now, &knobs, rng)?,
    };
    state.announce_at(index, changes);
    Some(id)
}

type Made = Option<(String, Vec<Change>)>;

fn id_of(mail: &MailState, key: MessageKey) -> Option<String> {
    mail.message(key)
        .map(|message| message.immutable_id.clone())
}

/// An edit of a message's own properties, which surely changes one.
fn mark(
    mail: &mut MailState,
    kind: MailEdit,
    language: Language,
    now: Timestamp,
    knobs: &Knobs,
    rng: &mut fastrand::Rng,
) -> Made {
    let wants_draft = kind == MailEdit::EditDraft;
    let key = pick_message(mail, rng, |message| {
        !message.is_leaving && (!wants_draft || message.is_draft)
    })?;
    let message = mail.message(key)?;
    let mut patch = MessagePatch::default();
    match kind {
        MailEdit::Read => patch.is_read = Some(!message.is_read),
        MailEdit::Flag => {
            let others = ["notFlagged", "flagged", "complete"];
            let others: Vec<_> = others
                .into_iter()
                .filter(|status| *status != message.flag.status)
                .collect();
            patch.flag = Some(Flag {
                status: pick(rng, &others)?,
                ..Flag::default()
            });
        }
        MailEdit::Categorise if rng.u8(0..4) == 0 => {
            patch.importance = Some(match message.importance {
                Importance::Normal => Importance::High,
                _ => Importance::Normal,
            });
        }
        MailEdit::Categorise => {
            let words = text::words(language).categories;
            let mut categories = message.categories.clone();
            let word = pick(rng, words)?;
            match categories.iter().position(|known| known == word) {
                Some(position) => drop(categories.remove(position)),
                None => categories.push((*word).to_owned()),
            }
            patch.categories = Some(categories);
        }
        _ => {
            let words = text::words(language);
            let line = *pick(rng, words.sentences)?;
            let number = rng.u32(..);
            if rng.bool() {
                patch.subject = Some(format!("{} [{number}]", subject(words, rng)?));
            } else {
                let content = format!("{}\r\n\r\n{line} [{number}]", message.body.content());
                patch.body = Some(MessageBody::new(message.body.kind, &content));
            }
        }
    }
    let id = message.immutable_id.clone();
    let changes = mail.update(key, patch, now, knobs).ok()?;
    Some((id, changes))
}

fn relocate(
    mail: &mut MailState,
    kind: MailEdit,
    memory: &mut Memory,
    now: Timestamp,
    rng: &mut fastrand::Rng,
) -> Made {
    if kind == MailEdit::MoveBack && rng.bool() {
        while let Some((key, from)) = memory.moved.pop() {
            let stands_elsewhere = mail
                .message(key)
                .is_some_and(|message| message.folder != from);
            if stands_elsewhere && mail.folder(from).is_some() {
                let id = id_of(mail, key)?;
                return Some((id, mail.move_to(key, from, now)));
            }
        }
    }
    let key = pick_message(mail, rng, |message| {
        !message.is_draft && !message.is_leaving
    })?;
    let id = id_of(mail, key)?;
    let from = mail.message(key)?.folder;
    let to = pick_folder(mail, rng, |key, folder| key != from && takes_mail(folder))?;
    if kind == MailEdit::Copy {
        let (copy, changes) = mail.copy_to(key, to, now).ok()?;
        return Some((id_of(mail, copy)?, changes));
    }
    let mut changes = mail.move_to(key, to, now);
    if kind == MailEdit::MoveBack {
        changes.extend(mail.move_to(key, from, now));
    } else {
        memory.moved.push((key, from));
    }
    Some((id, changes))
}

fn edit_folder(mail: &mut MailState, kind: MailEdit, rng: &mut fastrand::Rng) -> Made {
    let own = |folder: &Folder| folder.well_known.is_none() && folder.search.is_none();
    let name = format!("Folder {}", rng.u32(1_000..1_000_000));
    if kind == MailEdit::CreateFolder {
        let below = rng.bool();
        let parent = pick_folder(mail, rng, |_, folder| takes_mail(folder)).filter(|_| below);
        let parent = parent.unwrap_or(FolderKey::ROOT);
        let key = mail.create_folder(parent, &name, false).ok()?;
        return Some((mail.folder_id(key).to_owned(), Vec::new()));
    }
    let key = pick_folder(mail, rng, |_, folder| own(folder) && !folder.is_hidden)?;
    let id = mail.folder_id(key).to_owned();
    let changes = match kind {
        MailEdit::RenameFolder => {
            mail.rename_folder(key, &name).ok()?;
            Vec::new()
        }
        MailEdit::MoveFolder => {
            let parent = mail.folder(key)?.parent;
            let to = pick_folder(mail, rng, |to, folder| {
                Some(to) != parent && takes_mail(folder)
            })?;
            mail.move_folder(key, to).ok()?;
            Vec::new()
        }
        _ => mail.delete_folder(key, rng.bool()).ok()?,
    };
    Some((id, changes))
}

/// A message goes out: it is drafted, and then leaves at once.
fn send(
    state: &mut State,
    index: usize,
    now: Timestamp,
    rng: &mut fastrand::Rng,
) -> Option<String> {
    let colleague = rng.usize(0..state.mailboxes.len().max(1));
    let colleague = state
        .mailboxes
        .get(colleague)
        .map(|mailbox| Recipient::new(&mailbox.user.display_name, &mailbox.user.address));
    let mailbox = state.mailboxes.get_mut(index)?;
    let drafts = mailbox.mail.well_known("drafts")?;
    let mut message = draft(mailbox.user.language, now, rng);
    if rng.u8(0..3) > 0 {
        message.to.extend(colleague);
    }
    let (key, changes) = mailbox.mail.create_draft(message, drafts);
    state.announce_at(index, changes);
    outgoing::send_now(state, index, key);
    id_of(&state.mailboxes.get(index)?.mail, key)
}

fn draft(language: Language, now: Timestamp, rng: &mut fastrand::Rng) -> Message {
    let words = text::words(language);
    let mut message = Message::blank(whole_seconds(now));
    message.subject = subject(words, rng).unwrap_or_default();
    let mut content = String::from("<html><body>");
    for _ in 0..rng.usize(2..12) {
        if let Some(sentence) = pick(rng, words.sentences) {
            content.push_str("<p>");
            content.push_str(sentence);
            content.push_str("</p>");
        }
    }
    content.push_str("</body></html>");
    message.body = MessageBody::new(BodyType::Html, &content);
    message.to.extend(pick(rng, &people::strangers()).cloned());
    let mut thread = vec![0_u8; 22];
    rng.fill(&mut thread);
    message.conversation_index = thread;
    message
}

fn subject(words: &text::Words, rng: &mut fastrand::Rng) -> Option<String> {
    let matter = pick(rng, words.matters)?;
    Some(pick(rng, words.subjects)?.replace("{}", matter))
}

/// Whether people put mail there.
fn takes_mail(folder: &Folder) -> bool {
    let reserved = matches!(
        folder.well_known,
        Some("drafts" | "outbox" | "syncissues" | "conversationhistory")
    );
    !reserved && !folder.is_hidden && folder.search.is_none()
}

fn pick_folder(
    mail: &MailState,
    rng: &mut fastrand::Rng,
    fits: impl Fn(FolderKey, &Folder) -> bool,
) -> Option<FolderKey> {
    let keys: Vec<_> = mail
        .folder_keys()
        .filter(|key| mail.folder(*key).is_some_and(|folder| fits(*key, folder)))
        .collect();
    pick(rng, &keys).copied()
}

/// A message anywhere in time that fits; a large mailbox is not walked for it.
fn pick_message(
    mail: &MailState,
    rng: &mut fastrand::Rng,
    fits: impl Fn(&Message) -> bool,
) -> Option<MessageKey> {
    let all = mail.newest_first();
    let (Reverse(newest), key) = *all.first()?;
    let (Reverse(oldest), _) = *all.last()?;
    let spread = u64::try_from(until(oldest, newest).as_millis()).unwrap_or(u64::MAX);
    let at = later(oldest, Duration::from_millis(rng.u64(0..=spread)));
    let start = (Reverse(at), key);
    let found = |key: &MessageKey| mail.message(*key).is_some_and(&fits);
    all.range(start..)
        .chain(all.range(..start))
        .map(|(_, key)| *key)
        .find(found)
}

fn pick<'t, T>(rng: &mut fastrand::Rng, items: &'t [T]) -> Option<&'t T> {
    if items.is_empty() {
        return None;
    }
    items.get(rng.usize(..items.len()))
}
