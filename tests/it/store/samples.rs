//! Rows as the tests of the store need them.

use std::time::Duration;

use graph_mirror::model::calendar::{Attendee, Calendar, Event, EventKind};
use graph_mirror::model::ids::{GraphId, MailboxId};
use graph_mirror::model::mail::{Folder, Header, Message, Party};
use graph_mirror::model::mailbox::Mailbox;
use graph_mirror::model::time::{Clock, ManualClock, Timestamp};
use graph_mirror::model::work::Fence;
use graph_mirror::store::{EventWrite, FolderWrite, MessageWrite, NewMailbox, Priority, Store, Tx};

pub const LEASE: Duration = Duration::from_secs(30);

pub fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

pub fn id(text: &str) -> GraphId {
    GraphId::from(text)
}

pub fn at(text: &str) -> Timestamp {
    text.parse().expect("the instant is well written")
}

pub fn new_mailbox(owner: &str, user: &str) -> NewMailbox {
    NewMailbox {
        owner: owner.into(),
        user_id: user.into(),
        tenant_id: Some("tenant".to_owned()),
        address: format!("{user}@example.org"),
        display_name: Some(user.to_owned()),
    }
}

/// A connected mailbox.
pub async fn connected(store: &Store, clock: &ManualClock, user: &str) -> MailboxId {
    let (mailbox, is_new) = store
        .mailbox_connect(&new_mailbox("owner", user), clock.now())
        .await
        .expect("it connects");
    assert!(is_new);
    mailbox
}

/// A connected mailbox that somebody serves.
pub async fn served(store: &Store, clock: &ManualClock, user: &str) -> (Mailbox, Fence) {
    let mailbox = connected(store, clock, user).await;
    store
        .mailbox_claim_one(mailbox, "home", clock.now(), LEASE)
        .await
        .expect("it can be claimed")
        .expect("nobody else serves it")
}

/// A transaction as a home opens it.
pub async fn writing(store: &Store) -> Tx {
    store
        .write(Priority::Live)
        .await
        .expect("a transaction begins")
}

pub fn party(name: &str) -> Party {
    Party {
        name: Some(name.to_owned()),
        address: Some(format!("{name}@example.org").to_lowercase()),
    }
}

pub fn message(name: &str) -> Message {
    Message {
        external_id: id(name),
        folder_external_id: id("inbox"),
        conversation_id: Some(id("conversation")),
        change_key: Some("1".to_owned()),
        internet_message_id: Some(format!("<{name}@example.org>")),
        item_type: "message".to_owned(),
        subject: Some(format!("About {name}")),
        from: Some(party("Anna")),
        sender: None,
        to: vec![party("Ben"), party("Cleo")],
        cc: vec![party("Dora")],
        bcc: Vec::new(),
        reply_to: vec![Party {
            name: None,
            address: Some("reply@example.org".to_owned()),
        }],
        received_at: Some(at("2026-01-10T08:00:00.123456Z")),
        sent_at: Some(at("2026-01-10T07:59:58Z")),
        created_at: Some(at("2026-01-10T08:00:00Z")),
        modified_at: Some(at("2026-01-10T08:00:01Z")),
        has_attachments: false,
        is_read: false,
        is_draft: false,
        importance: Some("normal".to_owned()),
        categories: vec!["Red".to_owned(), "Blaue Kategorie".to_owned()],
        flag_status: Some("notFlagged".to_owned()),
        inference: Some("focused".to_owned()),
        body_type: Some("html".to_owned()),
        body: Some("<p>Grüße 👋</p>".to_owned()),
        body_preview: Some("Grüße 👋".to_owned()),
        web_link: Some("https://outlook.example.org/1".to_owned()),
        internet_headers: Some(vec![Header {
            name: "X-Loop".to_owned(),
            value: "a: b".to_owned(),
        }]),
        raw: serde_json::json!({"id": name, "x": [1, 2.5, null]}).to_string(),
    }
}

pub fn message_write(message: &Message, fetched_at: Timestamp) -> MessageWrite<'_> {
    MessageWrite {
        message,
        fetched_at,
        round: None,
    }
}

pub fn folder(name: &str) -> Folder {
    Folder {
        external_id: id(name),
        parent_external_id: Some(id("root")),
        display_name: format!("{name}/ünter"),
        well_known_name: None,
        is_hidden: false,
        total_item_count: 3,
        unread_item_count: 1,
        raw: "{}".to_owned(),
    }
}

pub fn folder_write(folder: &Folder, fetched_at: Timestamp) -> FolderWrite<'_> {
    FolderWrite {
        folder,
        fetched_at,
        round: None,
    }
}

pub fn calendar(name: &str) -> Calendar {
    Calendar {
        external_id: id(name),
        name: name.to_owned(),
        color: Some("auto".to_owned()),
        is_default: false,
        can_edit: true,
        owner_address: Some("anna@example.org".to_owned()),
        raw: "{}".to_owned(),
    }
}

pub fn event(name: &str, kind: EventKind, start: &str) -> Event {
    let start_at = at(start);
    Event {
        external_id: id(name),
        calendar_external_id: id("calendar"),
        kind,
        series_master_id: None,
        change_key: Some("1".to_owned()),
        ical_uid: Some("uid".to_owned()),
        subject: Some(name.to_owned()),
        body_type: Some("text".to_owned()),
        body: Some("Agenda".to_owned()),
        body_preview: Some("Agenda".to_owned()),
        start_at,
        end_at: start_at + chrono::TimeDelta::hours(1),
        start_date: chrono::NaiveDate::from_ymd_opt(2026, 2, 1),
        end_date: chrono::NaiveDate::from_ymd_opt(2026, 2, 2),
        original_zone: Some("W. Europe Standard Time".to_owned()),
        iana_zone: Some("Europe/Berlin".to_owned()),
        start_raw: start.to_owned(),
        end_raw: "end".to_owned(),
        is_all_day: false,
        is_cancelled: false,
        is_organizer: true,
        is_online_meeting: true,
        online_meeting_url: Some("https://meet.example.org".to_owned()),
        location: Some("Room 1".to_owned()),
        organizer: Some(party("Anna")),
        attendees: vec![Attendee {
            name: Some("Ben".to_owned()),
            address: None,
            kind: Some("required".to_owned()),
            response: Some("accepted".to_owned()),
        }],
        show_as: Some("busy".to_owned()),
        sensitivity: Some("normal".to_owned()),
        importance: Some("normal".to_owned()),
        categories: vec!["Green".to_owned()],
        response: Some("organizer".to_owned()),
        recurrence: (kind == EventKind::SeriesMaster).then(|| r#"{"a":1}"#.to_owned()),
        original_start_at: None,
        reminder_minutes: Some(15),
        has_attachments: false,
        web_link: None,
        created_at: Some(at("2026-01-01T00:00:00Z")),
        modified_at: None,
        raw: r#"{"a":1}"#.to_owned(),
    }
}

/// An occurrence of the series `master`.
pub fn occurrence(name: &str, master: &str, start: &str) -> Event {
    Event {
        series_master_id: Some(id(master)),
        ..event(name, EventKind::Occurrence, start)
    }
}

pub fn event_write(event: &Event, fetched_at: Timestamp) -> EventWrite<'_> {
    EventWrite {
        event,
        fetched_at,
        round: None,
    }
}

/// JSON as a value: PostgreSQL keeps the meaning of it, not the blanks and the order of keys.
pub fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).expect("it is JSON")
}
