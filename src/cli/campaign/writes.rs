//! What an application writes while a campaign is played, and whether each of it happened once.
//!
//! A step of the script says only from which seed the write grows: what there is to write about stands in the mirror when its turn
//! comes. Each write carries a mark in its text, by which the mailboxes are searched at the end: what was reported as sent is there
//! once, with all its files, at its sender and at whom it went to; what failed is nowhere.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::script::pick;
use crate::model::ids::{CommandId, GraphId, MailboxId};
use crate::model::time::Timestamp;
use crate::model::work::Wish;
use crate::model::write::{
    Answer, BodyKind, EventFields, FaultCode, FlagState, MessageChanges, Moment, NewAttachment,
    NewMessage, Recipient, Text, Write,
};
use crate::sandbox::UserSettings;
use crate::store::{Store, StoreError};

/// Edits of people that leave what was written to be found: nothing is deleted, no draft is taken out of our hands.
pub(super) const EDITS_BESIDE: &[&str] = &[
    "message_deliver",
    "message_read",
    "message_flag",
    "message_categorise",
    "message_move",
    "message_move_back",
    "folder_create",
    "folder_rename",
    "event_create",
    "series_create",
    "event_edit",
    "occurrence_edit",
    "invitation_receive",
];

/// Rows of the mirror among which a target is chosen.
const CHOICE: u32 = 100;

/// The size of a file that must go by an upload session (F8.8).
const LARGE: usize = 3_300_000;

/// What is to be written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WriteOrder {
    /// It grows from this.
    pub seed: u64,
    /// Whether it is mail that goes out; anything when not.
    #[serde(default)]
    pub sends: bool,
}

/// Who is there to write to: address and object id.
#[derive(Debug, Clone)]
pub(super) struct Person {
    pub(super) id: String,
    pub(super) address: String,
}

impl From<&UserSettings> for Person {
    fn from(user: &UserSettings) -> Self {
        Self {
            id: user.id.clone(),
            address: user.address.clone(),
        }
    }
}

/// What was asked for, and by what it is found.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    asked: Vec<Asked>,
    /// The last mark; one that could not be asked for has used one up too.
    last: usize,
}

#[derive(Debug)]
struct Asked {
    mailbox: MailboxId,
    command: CommandId,
    mark: String,
    makes: Makes,
}

/// What there is at the end because of it.
#[derive(Debug)]
enum Makes {
    /// A message in Sent Items, and one with this person, each with so many files more than were there before.
    Mail { to: Option<String>, files: usize },
    /// An event.
    Event,
    /// Nothing that carries a mark.
    Nothing,
}

/// How a write ended, as it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Done,
    Failed(Option<FaultCode>),
}

/// A mailbox and what really stands in it.
pub(super) struct Held {
    pub(super) mailbox: MailboxId,
    pub(super) user: String,
    pub(super) truth: Value,
}

impl Ledger {
    /// Asks for what an order says in a mailbox of the campaign's. While the database fails nothing is asked for, as far as the
    /// asker can tell.
    pub(super) async fn ask(
        &mut self,
        order: &WriteOrder,
        store: &Store,
        mailbox: MailboxId,
        people: &[Person],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.last += 1;
        let mark = format!("[w{}]", self.last);
        let (write, makes) = compose(order, store, mailbox, people, &mark, now).await?;
        let wish = Wish::Write(Box::new(write));
        let command = store.command_add(mailbox, &wish, now).await?;
        self.asked.push(Asked {
            mailbox,
            command,
            mark,
            makes,
        });
        Ok(())
    }

    /// What did not happen as it should have, in words.
    pub(super) async fn differences(
        &self,
        store: &Store,
        held: &[Held],
    ) -> Result<Vec<String>, StoreError> {
        let mut found = Vec::new();
        for asked in &self.asked {
            let Some(command) = store.command_get(asked.mailbox, asked.command).await? else {
                found.push(format!("write {}: its command is gone", asked.mark));
                continue;
            };
            let what = format!("write {} ({})", asked.mark, command.wish.kind());
            let told = match &command.outcome {
                None => {
                    found.push(format!("{what} never ended"));
                    continue;
                }
                Some(Ok(_)) => Told::Done,
                Some(Err(_)) => Told::Failed(command.failure_code),
            };
            if let Told::Failed(code) = told
                && !is_expected(code)
            {
                found.push(format!("{what} failed: {code:?}"));
            }
            match &asked.makes {
                Makes::Mail { to, files } => {
                    let copies = copies(held, &asked.mark);
                    found.extend(
                        mail(asked, to.as_deref(), *files, told, held, &copies)
                            .into_iter()
                            .map(|wrong| format!("{what}: {wrong}")),
                    );
                }
                Makes::Event => {
                    let there = events(held, asked.mailbox, &asked.mark);
                    if there > 1 || (told == Told::Done && there == 0) {
                        found.push(format!("{what}: there are {there} of its event"));
                    }
                }
                Makes::Nothing => {}
            }
        }
        Ok(found)
    }

    /// How many were asked for, and how many of them were mail that goes out.
    pub(super) fn counts(&self) -> (usize, usize) {
        let sends = self.asked.iter();
        let sends = sends.filter(|asked| matches!(asked.makes, Makes::Mail { .. }));
        (self.asked.len(), sends.count())
    }
}

/// Failures that the faults of a campaign bring about and that are told rightly.
fn is_expected(code: Option<FaultCode>) -> bool {
    matches!(
        code,
        Some(
            FaultCode::ItemGone
                | FaultCode::MailboxNotConnected
                | FaultCode::ConsentMissing
                | FaultCode::GaveUp
                | FaultCode::VersionConflict
                | FaultCode::OutcomeUnknown
        )
    )
}

/// A message that carries a mark.
struct Copy<'a> {
    mailbox: MailboxId,
    user: &'a str,
    message: &'a Value,
}

/// Every message that left and whose own text carries the mark; a quote below it does not count.
fn copies<'a>(held: &'a [Held], mark: &str) -> Vec<Copy<'a>> {
    let mut copies = Vec::new();
    for one in held {
        for message in list(&one.truth, "messages") {
            let body = message["body"]["content"].as_str().unwrap_or_default();
            let is_draft = message["isDraft"] == Value::Bool(true);
            if !is_draft && first_mark(body) == Some(mark) {
                copies.push(Copy {
                    mailbox: one.mailbox,
                    user: &one.user,
                    message,
                });
            }
        }
    }
    copies
}

/// The first mark in a text: what we wrote stands above what it answers.
fn first_mark(text: &str) -> Option<&str> {
    let from = text.find("[w")?;
    let to = text[from..].find(']')?;
    text.get(from..=from + to)
}

fn mail(
    asked: &Asked,
    to: Option<&str>,
    files: usize,
    told: Told,
    held: &[Held],
    copies: &[Copy<'_>],
) -> Vec<String> {
    let mut wrong = Vec::new();
    let names: BTreeSet<&str> = copies
        .iter()
        .filter_map(|copy| copy.message["internetMessageId"].as_str())
        .collect();
    if names.len() > 1 {
        wrong.push(format!("it went out {} times", names.len()));
    }
    let in_doubt = told == Told::Failed(Some(FaultCode::OutcomeUnknown));
    if told != Told::Done && !in_doubt && !names.is_empty() {
        wrong.push("it is told to have failed, and went out".to_owned());
    }
    if told == Told::Done {
        let own = copies.iter().filter(|copy| copy.mailbox == asked.mailbox);
        if own.count() == 0 {
            wrong.push("it is not in its sender's mailbox".to_owned());
        }
        let has_mailbox = to.filter(|user| held.iter().any(|one| one.user == **user));
        if let Some(user) = has_mailbox
            && !copies.iter().any(|copy| copy.user == user)
        {
            wrong.push("it is not with whom it went to".to_owned());
        }
    }
    for copy in copies {
        let there = list(copy.message, "attachments")
            .iter()
            .filter(|one| {
                one["name"]
                    .as_str()
                    .is_some_and(|name| name.starts_with("w-"))
            })
            .count();
        if there != files {
            wrong.push(format!("it went out with {there} of {files} files"));
        }
    }
    wrong
}

fn events(held: &[Held], mailbox: MailboxId, mark: &str) -> usize {
    held.iter()
        .filter(|one| one.mailbox == mailbox)
        .flat_map(|one| list(&one.truth, "events"))
        .filter(|event| {
            event["subject"]
                .as_str()
                .is_some_and(|text| text.contains(mark))
        })
        .count()
}

fn list<'a>(of: &'a Value, name: &str) -> &'a [Value] {
    of[name].as_array().map_or(&[], Vec::as_slice)
}

/// What an order comes to in this mailbox now.
async fn compose(
    order: &WriteOrder,
    store: &Store,
    mailbox: MailboxId,
    people: &[Person],
    mark: &str,
    now: Timestamp,
) -> Result<(Write, Makes), StoreError> {
    let mut rng = fastrand::Rng::with_seed(order.seed);
    let messages: Vec<_> = store
        .messages_page(mailbox, None, CHOICE)
        .await?
        .into_iter()
        .map(|stored| stored.message)
        .filter(|message| !message.is_draft && message.item_type == "message")
        // What was written here is to be found again where it is.
        .filter(|message| {
            message
                .body
                .as_deref()
                .is_none_or(|body| first_mark(body).is_none())
        })
        .map(|message| message.external_id)
        .collect();
    let events: Vec<_> = store
        .events_page(mailbox, None, CHOICE)
        .await?
        .into_iter()
        .map(|stored| stored.event)
        .filter(|event| event.is_organizer)
        .filter(|event| {
            event
                .subject
                .as_deref()
                .is_none_or(|text| !text.contains("[w"))
        })
        .map(|event| event.external_id)
        .collect();
    let message = (!messages.is_empty()).then(|| messages[rng.usize(..messages.len())].clone());
    let event = (!events.is_empty()).then(|| events[rng.usize(..events.len())].clone());
    let roll = rng.u8(..if order.sends { 60 } else { 100 });
    Ok(match (roll, message, event) {
        (40..50, Some(id), _) => (
            Write::Reply {
                id,
                answer: answer(&mut rng, mark, Vec::new()),
            },
            Makes::Mail { to: None, files: 0 },
        ),
        (50..60, Some(id), _) => {
            let person = &people[rng.usize(..people.len())];
            let answer = answer(&mut rng, mark, vec![recipient(person)]);
            let to = Some(person.id.clone());
            (Write::Forward { id, answer }, Makes::Mail { to, files: 0 })
        }
        (60..72, Some(id), _) => (of_a_message(&mut rng, id), Makes::Nothing),
        (72..86, _, _) => {
            let event = Box::new(event_of(&mut rng, mark, now));
            let calendar = None;
            (Write::CreateEvent { event, calendar }, Makes::Event)
        }
        (86..100, _, Some(id)) => (of_an_event(&mut rng, id), Makes::Nothing),
        _ => {
            let person = &people[rng.usize(..people.len())];
            let attachments = files(&mut rng, mark);
            let makes = Makes::Mail {
                to: Some(person.id.clone()),
                files: attachments.len(),
            };
            let message = NewMessage {
                subject: Some(format!("Written {mark}")),
                body: Some(text(&mut rng, mark)),
                to: vec![recipient(person)],
                attachments,
                ..NewMessage::default()
            };
            (Write::Send { message }, makes)
        }
    })
}

fn recipient(person: &Person) -> Recipient {
    Recipient {
        address: person.address.clone(),
        name: None,
    }
}

fn text(rng: &mut fastrand::Rng, mark: &str) -> Text {
    if rng.bool() {
        Text {
            kind: BodyKind::Text,
            content: format!("{mark} as text"),
        }
    } else {
        Text {
            kind: BodyKind::Html,
            content: format!("<p>{mark} as <b>HTML</b></p>"),
        }
    }
}

fn answer(rng: &mut fastrand::Rng, mark: &str, to: Vec<Recipient>) -> Answer {
    Answer {
        body: Some(text(rng, mark)),
        to,
        ..Answer::default()
    }
}

/// No files mostly, small ones sometimes, and one that is too large for a single request now and then.
fn files(rng: &mut fastrand::Rng, mark: &str) -> Vec<NewAttachment> {
    let sizes: Vec<usize> = match rng.u8(..20) {
        0 => vec![LARGE],
        1..6 => (0..rng.usize(1..=3)).map(|_| rng.usize(1..4_000)).collect(),
        _ => Vec::new(),
    };
    let number = mark.trim_matches(['[', ']']);
    sizes
        .into_iter()
        .enumerate()
        .map(|(nth, size)| NewAttachment {
            name: Some(format!("w-{number}-{nth}.bin")),
            content_type: Some("application/octet-stream".to_owned()),
            content_base64: Some(STANDARD.encode(vec![rng.u8(..); size])),
            ..NewAttachment::default()
        })
        .collect()
}

fn of_a_message(rng: &mut fastrand::Rng, id: GraphId) -> Write {
    match rng.u8(..5) {
        0 => Write::Move {
            id,
            folder: GraphId::from(pick(rng, &["archive", "inbox", "deleteditems"])),
        },
        1 => Write::Copy {
            id,
            folder: GraphId::from("archive"),
        },
        2 => Write::Delete {
            id,
            permanently: rng.bool(),
            if_match: None,
        },
        _ => {
            let changes = Box::new(MessageChanges {
                is_read: Some(rng.bool()),
                flag: Some(pick(
                    rng,
                    &[FlagState::None, FlagState::Flagged, FlagState::Complete],
                )),
                categories: Some(vec!["Red".to_owned()]),
                ..MessageChanges::default()
            });
            Write::UpdateMessage {
                id,
                changes,
                if_match: None,
            }
        }
    }
}

fn event_of(rng: &mut fastrand::Rng, mark: &str, now: Timestamp) -> EventFields {
    let start = now + chrono::TimeDelta::hours(rng.i64(1..200));
    let at = |instant: Timestamp| Moment {
        date_time: instant.format("%Y-%m-%dT%H:%M:%S").to_string(),
        time_zone: "UTC".to_owned(),
    };
    EventFields {
        subject: Some(format!("Written {mark}")),
        start: Some(at(start)),
        end: Some(at(start + chrono::TimeDelta::minutes(30))),
        ..EventFields::default()
    }
}

fn of_an_event(rng: &mut fastrand::Rng, id: GraphId) -> Write {
    if rng.u8(..4) == 0 {
        return Write::DeleteEvent { id, if_match: None };
    }
    let changes = Box::new(EventFields {
        subject: Some(format!("Changed {}", rng.u16(..))),
        ..EventFields::default()
    });
    Write::UpdateEvent {
        id,
        changes,
        if_match: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_of_a_text_is_the_first_and_not_that_of_what_it_answers() {
        assert_eq!(
            first_mark("<p>[w12] as text</p> > [w3] before"),
            Some("[w12]")
        );
        assert_eq!(first_mark("none [here"), None);
    }
}
