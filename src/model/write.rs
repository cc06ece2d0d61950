//! What somebody wants written into a mailbox.
//!
//! These are the words of the API, of the rows that an application writes into `commands` by itself, and of the room that
//! carries them out: one shape for all three. A write says what is wanted, never how Graph is asked for it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ids::GraphId;

pub use super::write_event::{
    Attendee, AttendeeKind, EventFields, Moment, Pattern, PatternKind, Range, RangeKind,
    Recurrence, Response, Sensitivity, ShowAs, WeekIndex, Weekday,
};
pub use super::write_fault::{Fault, FaultCode};

/// One write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Write {
    /// A new message goes out, or becomes a draft.
    Send {
        /// The message.
        message: NewMessage,
    },
    /// An answer to whoever sent a message.
    Reply {
        /// The message that is answered.
        id: GraphId,
        /// What is answered.
        #[serde(default)]
        answer: Answer,
    },
    /// An answer to everybody.
    ReplyAll {
        /// The message that is answered.
        id: GraphId,
        /// What is answered.
        #[serde(default)]
        answer: Answer,
    },
    /// A message goes on to somebody else.
    Forward {
        /// The message that goes on.
        id: GraphId,
        /// To whom, and with what words.
        #[serde(default)]
        answer: Answer,
    },
    /// A draft that is there goes out as it is.
    SendDraft {
        /// The draft.
        id: GraphId,
    },
    /// A message changes where it lies.
    UpdateMessage {
        /// The message.
        id: GraphId,
        /// What changes.
        changes: Box<MessageChanges>,
        /// The version that must be the present one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        if_match: Option<String>,
    },
    /// A message goes to another folder.
    Move {
        /// The message.
        id: GraphId,
        /// The folder: its id, or a well-known name such as `archive`.
        folder: GraphId,
    },
    /// A copy of a message comes into a folder.
    Copy {
        /// The message.
        id: GraphId,
        /// The folder.
        folder: GraphId,
    },
    /// A message goes to Deleted Items, or for good.
    Delete {
        /// The message.
        id: GraphId,
        /// Where nobody finds it again but an administrator.
        #[serde(default)]
        permanently: bool,
        /// The version that must be the present one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        if_match: Option<String>,
    },
    /// A message comes back from Deleted Items.
    Restore {
        /// The message.
        id: GraphId,
        /// Where to; the Inbox when nothing is said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        folder: Option<GraphId>,
    },
    /// A new event.
    CreateEvent {
        /// The event.
        event: Box<EventFields>,
        /// In which calendar; the default one when nothing is said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        calendar: Option<GraphId>,
    },
    /// An event, an occurrence or a whole series changes.
    UpdateEvent {
        /// The event.
        id: GraphId,
        /// What changes.
        changes: Box<EventFields>,
        /// The version that must be the present one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        if_match: Option<String>,
    },
    /// An event, an occurrence or a whole series goes.
    DeleteEvent {
        /// The event.
        id: GraphId,
        /// The version that must be the present one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        if_match: Option<String>,
    },
    /// The organizer calls a meeting off and says so to everybody.
    CancelEvent {
        /// The event.
        id: GraphId,
        /// What the attendees read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        comment: Option<String>,
    },
    /// An attendee answers an invitation.
    RespondEvent {
        /// The event.
        id: GraphId,
        /// How.
        response: Response,
        /// What the organizer reads.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        comment: Option<String>,
        /// Whether the organizer is told.
        #[serde(default = "yes")]
        notify_organizer: bool,
    },
}

fn yes() -> bool {
    true
}

/// Which permission a write needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WriteScope {
    /// `Mail.ReadWrite`.
    MailReadWrite,
    /// `Mail.Send`.
    MailSend,
    /// `Calendars.ReadWrite`.
    CalendarsReadWrite,
}

impl WriteScope {
    /// All of them.
    pub const ALL: [Self; 3] = [
        Self::MailReadWrite,
        Self::MailSend,
        Self::CalendarsReadWrite,
    ];

    /// Microsoft's name for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::MailReadWrite => "Mail.ReadWrite",
            Self::MailSend => "Mail.Send",
            Self::CalendarsReadWrite => "Calendars.ReadWrite",
        }
    }

    /// Whether a grant has it; Microsoft writes scopes with the resource before them, or without.
    pub fn is_granted(self, scopes: &str) -> bool {
        scopes.split_whitespace().any(|scope| {
            let name = scope.rsplit_once('/').map_or(scope, |(_, name)| name);
            name.eq_ignore_ascii_case(self.name())
        })
    }
}

impl Write {
    /// Its word in the column `kind` and in the wish.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Send { .. } => "send",
            Self::Reply { .. } => "reply",
            Self::ReplyAll { .. } => "reply_all",
            Self::Forward { .. } => "forward",
            Self::SendDraft { .. } => "send_draft",
            Self::UpdateMessage { .. } => "update_message",
            Self::Move { .. } => "move",
            Self::Copy { .. } => "copy",
            Self::Delete { .. } => "delete",
            Self::Restore { .. } => "restore",
            Self::CreateEvent { .. } => "create_event",
            Self::UpdateEvent { .. } => "update_event",
            Self::DeleteEvent { .. } => "delete_event",
            Self::CancelEvent { .. } => "cancel_event",
            Self::RespondEvent { .. } => "respond_event",
        }
    }

    /// The item that is there already and that it is about. Two writes about one item keep their order.
    pub const fn target(&self) -> Option<&GraphId> {
        match self {
            Self::Send { .. } | Self::CreateEvent { .. } => None,
            Self::Reply { id, .. }
            | Self::ReplyAll { id, .. }
            | Self::Forward { id, .. }
            | Self::SendDraft { id }
            | Self::UpdateMessage { id, .. }
            | Self::Move { id, .. }
            | Self::Copy { id, .. }
            | Self::Delete { id, .. }
            | Self::Restore { id, .. }
            | Self::UpdateEvent { id, .. }
            | Self::DeleteEvent { id, .. }
            | Self::CancelEvent { id, .. }
            | Self::RespondEvent { id, .. } => Some(id),
        }
    }

    /// Which permissions it needs. What goes out is a draft first, so sending needs both of mail's.
    pub fn needs(&self) -> &'static [WriteScope] {
        let is_draft = match self {
            Self::Send { message } => message.draft,
            Self::Reply { answer, .. }
            | Self::ReplyAll { answer, .. }
            | Self::Forward { answer, .. } => answer.draft,
            Self::SendDraft { .. } => false,
            Self::UpdateMessage { .. }
            | Self::Move { .. }
            | Self::Copy { .. }
            | Self::Delete { .. }
            | Self::Restore { .. } => true,
            Self::CreateEvent { .. }
            | Self::UpdateEvent { .. }
            | Self::DeleteEvent { .. }
            | Self::CancelEvent { .. }
            | Self::RespondEvent { .. } => return &[WriteScope::CalendarsReadWrite],
        };
        if is_draft {
            &[WriteScope::MailReadWrite]
        } else {
            &[WriteScope::MailReadWrite, WriteScope::MailSend]
        }
    }

    /// The same without what was written: what is kept of a write once it has ended, because the mailbox has the rest.
    #[must_use]
    pub fn bare(&self) -> Self {
        let answer = |given: &Answer| Answer {
            draft: given.draft,
            ..Answer::default()
        };
        match self {
            Self::Send { message } => Self::Send {
                message: NewMessage {
                    draft: message.draft,
                    ..NewMessage::default()
                },
            },
            Self::Reply { id, answer: given } => Self::Reply {
                id: id.clone(),
                answer: answer(given),
            },
            Self::ReplyAll { id, answer: given } => Self::ReplyAll {
                id: id.clone(),
                answer: answer(given),
            },
            Self::Forward { id, answer: given } => Self::Forward {
                id: id.clone(),
                answer: answer(given),
            },
            Self::UpdateMessage { id, if_match, .. } => Self::UpdateMessage {
                id: id.clone(),
                changes: Box::default(),
                if_match: if_match.clone(),
            },
            Self::CreateEvent { calendar, .. } => Self::CreateEvent {
                event: Box::default(),
                calendar: calendar.clone(),
            },
            Self::UpdateEvent { id, if_match, .. } => Self::UpdateEvent {
                id: id.clone(),
                changes: Box::default(),
                if_match: if_match.clone(),
            },
            Self::CancelEvent { id, .. } => Self::CancelEvent {
                id: id.clone(),
                comment: None,
            },
            Self::RespondEvent {
                id,
                response,
                notify_organizer,
                ..
            } => Self::RespondEvent {
                id: id.clone(),
                response: *response,
                comment: None,
                notify_organizer: *notify_organizer,
            },
            other => other.clone(),
        }
    }

    /// Whether it puts a message on its way to somebody.
    pub fn sends(&self) -> bool {
        self.needs().contains(&WriteScope::MailSend)
    }
}

/// Somebody a message goes to, or comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Recipient {
    /// The address.
    #[schema(example = "ben@contoso.example")]
    pub address: String,
    /// The name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// What a text is written in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BodyKind {
    /// Plain text.
    #[default]
    Text,
    /// HTML.
    Html,
}

/// A text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// What it is written in.
    #[serde(default, rename = "type")]
    pub kind: BodyKind,
    /// The text itself.
    pub content: String,
}

/// How important something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Importance {
    /// Low.
    Low,
    /// As usual.
    Normal,
    /// High.
    High,
}

/// A header of one's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Its name; it begins with `x-` (F11.3).
    #[schema(example = "x-case")]
    pub name: String,
    /// Its value.
    pub value: String,
}

/// A file that goes with a message: bytes that were uploaded before, or small ones in the request itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAttachment {
    /// What `POST …/uploads` answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload_id: Option<uuid::Uuid>,
    /// The file's name; that of the upload when nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it holds, such as `application/pdf`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// Its bytes in base64, where there is no upload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_base64: Option<String>,
    /// Whether the body shows it.
    #[serde(default)]
    pub is_inline: bool,
    /// By what the body names it: `cid:` and this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_id: Option<String>,
}

/// A new message.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NewMessage {
    /// Only a draft: it does not go out.
    pub draft: bool,
    /// The subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Text>,
    /// To whom.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<Recipient>,
    /// Copies.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cc: Vec<Recipient>,
    /// Copies nobody sees.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bcc: Vec<Recipient>,
    /// Where answers go.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reply_to: Vec<Recipient>,
    /// Whose name stands on it, where that is another mailbox's and Exchange allows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Recipient>,
    /// How important it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub importance: Option<Importance>,
    /// Its categories in the sender's mailbox.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
    /// Headers of one's own, five at most.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<Header>,
    /// Whether a receipt is asked for when it is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_receipt: Option<bool>,
    /// Whether a receipt is asked for when it arrives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivery_receipt: Option<bool>,
    /// Files.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<NewAttachment>,
}

/// An answer to a message, or what is said when it goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Answer {
    /// Only a draft: it does not go out.
    pub draft: bool,
    /// The text, which stands above what is answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Text>,
    /// Whether what is answered stands below.
    pub quote: bool,
    /// To whom it goes on; for an answer, instead of those who would get it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<Recipient>,
    /// Copies, instead of those who would get them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cc: Vec<Recipient>,
    /// Copies nobody sees.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bcc: Vec<Recipient>,
    /// Another subject than the one it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Files.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<NewAttachment>,
}

impl Default for Answer {
    fn default() -> Self {
        Self {
            draft: false,
            body: None,
            quote: true,
            to: Vec::new(),
            cc: Vec::new(),
            bcc: Vec::new(),
            subject: None,
            attachments: Vec::new(),
        }
    }
}

/// A flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FlagState {
    /// None.
    None,
    /// To be followed up.
    Flagged,
    /// Done.
    Complete,
}

/// What changes of a message; what is not named stays. Subject, text and people change only while it is a draft.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MessageChanges {
    /// Read or not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_read: Option<bool>,
    /// The flag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flag: Option<FlagState>,
    /// All its categories.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub categories: Option<Vec<String>>,
    /// How important it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub importance: Option<Importance>,
    /// The subject of a draft.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The text of a draft.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Text>,
    /// Whom a draft goes to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Vec<Recipient>>,
    /// Copies of a draft.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cc: Option<Vec<Recipient>>,
    /// Copies nobody sees.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bcc: Option<Vec<Recipient>>,
}

impl MessageChanges {
    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_write_is_one_flat_object_that_an_application_can_write_by_hand() {
        let wish = json!({"kind": "send", "message": {"subject": "Hello", "to": [{"address": "ben@contoso.example"}]}});

        let write: Write = serde_json::from_value(wish.clone()).expect("it can be read");

        assert_eq!(write.kind(), "send");
        assert_eq!(
            write.needs(),
            [WriteScope::MailReadWrite, WriteScope::MailSend]
        );
        let again = serde_json::to_value(&write).expect("it can be written");
        assert_eq!(
            serde_json::from_value::<Write>(again).expect("it reads back"),
            write
        );
        let wrong = json!({"kind": "send", "message": {"subjekt": "Hello"}});
        let why = serde_json::from_value::<Write>(wrong).expect_err("no such field");
        assert!(why.to_string().contains("subjekt"), "{why}");
    }

    #[test]
    fn what_is_kept_of_a_write_has_nothing_of_what_was_written() {
        let send = Write::Send {
            message: NewMessage {
                subject: Some("secret".to_owned()),
                ..NewMessage::default()
            },
        };
        let text = serde_json::to_string(&send.bare()).expect("it can be written");

        assert!(!text.contains("secret"), "{text}");
        assert_eq!(send.bare().kind(), send.kind());
    }

    #[test]
    fn a_scope_is_found_with_and_without_its_resource() {
        assert!(WriteScope::MailSend.is_granted("openid https://graph.microsoft.com/mail.send"));
        assert!(!WriteScope::MailSend.is_granted("Mail.Send.Shared Mail.Read"));
    }
}
