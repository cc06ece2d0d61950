//! Errors as problem details (RFC 9457), from a closed list.
//!
//! An application decides on `code`, a person reads `detail` and `hint`. Nothing an error carries inside (a
//! statement, an answer of Microsoft, a path) reaches the caller: what is unexpected is logged here once and
//! answered as `internal`.

use std::borrow::Cow;

use axum::Json;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tracing::{error, warn};
use utoipa::ToSchema;

use crate::blobs::BlobError;
use crate::model::chain::chain;
use crate::model::ids::MailboxId;
use crate::model::mailbox::{MailboxState, StateReason};
use crate::model::write::{Fault, FaultCode};
use crate::store::StoreError;

/// What kind of problem it is. The list is closed: an application can handle each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// No bearer key, or one we don't know.
    Unauthorized,
    /// A parameter or the body is not what it must be.
    InvalidRequest,
    /// There is no such path.
    NotFound,
    /// The path exists, the method does not.
    MethodNotAllowed,
    /// The body is larger than anything we ask for.
    BodyTooLarge,
    /// The owner of the key has no such mailbox.
    MailboxNotFound,
    /// The owner of the key has no connected mailbox.
    NotConnected,
    /// The owner of the key has several mailboxes: name one.
    MailboxAmbiguous,
    /// The person must sign in again first.
    MailboxNeedsReauth,
    /// Microsoft says that the mailbox cannot be reached.
    MailboxSuspended,
    /// The mailbox was disconnected.
    MailboxDisconnected,
    /// An upload is larger than Outlook takes.
    AttachmentTooLarge,
    /// The name of a file lies about where or what it is.
    FileNameRefused,
    /// The bytes are not what they are declared to be.
    ContentTypeMismatch,
    /// The mailbox has no such message.
    MessageNotFound,
    /// The message has no such attachment.
    AttachmentNotFound,
    /// There is no content to be had: it is a link, unreadable at Microsoft, or not to be fetched.
    ContentUnavailable,
    /// The content ends before the range begins.
    RangeNotSatisfiable,
    /// The place for contents is away or full.
    BlobsUnavailable,
    /// The configuration does not have the permission that the write needs.
    WritingNotConfigured,
    /// The mailbox's consent lacks the permission, or a policy forbids it.
    ConsentMissing,
    /// The Idempotency-Key came before, with another body.
    IdempotencyKeyReused,
    /// A recipient is no address, or there is none.
    InvalidRecipient,
    /// Over 500 recipients.
    TooManyRecipients,
    /// The text is over 3 MB.
    TextTooLarge,
    /// There is no upload with that id, or not any more.
    AttachmentUnknown,
    /// An event ends before it starts.
    EventEndsBeforeStart,
    /// A time zone nobody knows.
    UnknownTimeZone,
    /// A recurrence that never happens.
    InvalidRecurrence,
    /// An occurrence moved onto or past its neighbour.
    OccurrenceCrossesNeighbour,
    /// What a write is about is not there any more.
    ItemGone,
    /// The item is at another version than the one that was named.
    VersionConflict,
    /// The mailbox has no room.
    MailboxFull,
    /// Microsoft refused a write.
    WriteRefused,
    /// Nobody can tell whether a write happened.
    OutcomeUnknown,
    /// Nobody began a sign-in with this state.
    StateUnknown,
    /// A sign-in with this state has ended already.
    StateUsed,
    /// The sign-in took longer than ten minutes.
    StateExpired,
    /// Somebody else began the sign-in.
    StateForeign,
    /// The person declined, or Microsoft refused the sign-in; doing it again may help.
    SignInRefused,
    /// Microsoft refuses the app registration; its operator must repair it.
    AppRefused,
    /// The identity platform or Graph cannot be reached or is busy.
    MicrosoftUnavailable,
    /// The work that was asked for failed.
    WorkFailed,
    /// The database is away or busy.
    DatabaseUnavailable,
    /// A fault of ours.
    Internal,
}

impl Code {
    /// All of them, for the reference.
    pub const ALL: [Self; 45] = [
        Self::Unauthorized,
        Self::InvalidRequest,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::BodyTooLarge,
        Self::MailboxNotFound,
        Self::NotConnected,
        Self::MailboxAmbiguous,
        Self::MailboxNeedsReauth,
        Self::MailboxSuspended,
        Self::MailboxDisconnected,
        Self::AttachmentTooLarge,
        Self::FileNameRefused,
        Self::ContentTypeMismatch,
        Self::MessageNotFound,
        Self::AttachmentNotFound,
        Self::ContentUnavailable,
        Self::RangeNotSatisfiable,
        Self::BlobsUnavailable,
        Self::WritingNotConfigured,
        Self::ConsentMissing,
        Self::IdempotencyKeyReused,
        Self::InvalidRecipient,
        Self::TooManyRecipients,
        Self::TextTooLarge,
        Self::AttachmentUnknown,
        Self::EventEndsBeforeStart,
        Self::UnknownTimeZone,
        Self::InvalidRecurrence,
        Self::OccurrenceCrossesNeighbour,
        Self::ItemGone,
        Self::VersionConflict,
        Self::MailboxFull,
        Self::WriteRefused,
        Self::OutcomeUnknown,
        Self::StateUnknown,
        Self::StateUsed,
        Self::StateExpired,
        Self::StateForeign,
        Self::SignInRefused,
        Self::AppRefused,
        Self::MicrosoftUnavailable,
        Self::WorkFailed,
        Self::DatabaseUnavailable,
        Self::Internal,
    ];

    /// The status it is answered with.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::InvalidRequest
            | Self::StateUnknown
            | Self::StateUsed
            | Self::StateExpired
            | Self::FileNameRefused
            | Self::ContentTypeMismatch
            | Self::InvalidRecipient
            | Self::TooManyRecipients
            | Self::AttachmentUnknown
            | Self::EventEndsBeforeStart
            | Self::UnknownTimeZone
            | Self::InvalidRecurrence
            | Self::SignInRefused => StatusCode::BAD_REQUEST,
            Self::StateForeign | Self::WritingNotConfigured | Self::ConsentMissing => {
                StatusCode::FORBIDDEN
            }
            Self::NotFound
            | Self::MailboxNotFound
            | Self::MessageNotFound
            | Self::AttachmentNotFound
            | Self::ContentUnavailable
            | Self::ItemGone
            | Self::NotConnected => StatusCode::NOT_FOUND,
            Self::RangeNotSatisfiable => StatusCode::RANGE_NOT_SATISFIABLE,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::BodyTooLarge | Self::AttachmentTooLarge | Self::TextTooLarge => {
                StatusCode::PAYLOAD_TOO_LARGE
            }
            Self::VersionConflict => StatusCode::PRECONDITION_FAILED,
            Self::MailboxFull => StatusCode::INSUFFICIENT_STORAGE,
            Self::MailboxAmbiguous
            | Self::MailboxNeedsReauth
            | Self::MailboxSuspended
            | Self::IdempotencyKeyReused
            | Self::OccurrenceCrossesNeighbour
            | Self::MailboxDisconnected => StatusCode::CONFLICT,
            Self::WorkFailed | Self::AppRefused | Self::WriteRefused | Self::OutcomeUnknown => {
                StatusCode::BAD_GATEWAY
            }
            Self::MicrosoftUnavailable | Self::DatabaseUnavailable | Self::BlobsUnavailable => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Its name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unauthorized => "unauthorized",
            Self::InvalidRequest => "invalid_request",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::BodyTooLarge => "body_too_large",
            Self::MailboxNotFound => "mailbox_not_found",
            Self::NotConnected => "not_connected",
            Self::MailboxAmbiguous => "mailbox_ambiguous",
            Self::MailboxNeedsReauth => "mailbox_needs_reauth",
            Self::MailboxSuspended => "mailbox_suspended",
            Self::MailboxDisconnected => "mailbox_disconnected",
            Self::AttachmentTooLarge => "attachment_too_large",
            Self::FileNameRefused => "file_name_refused",
            Self::ContentTypeMismatch => "content_type_mismatch",
            Self::MessageNotFound => "message_not_found",
            Self::AttachmentNotFound => "attachment_not_found",
            Self::ContentUnavailable => "content_unavailable",
            Self::RangeNotSatisfiable => "range_not_satisfiable",
            Self::BlobsUnavailable => "blobs_unavailable",
            Self::WritingNotConfigured => "writing_not_configured",
            Self::ConsentMissing => "consent_missing",
            Self::IdempotencyKeyReused => "idempotency_key_reused",
            Self::InvalidRecipient => "invalid_recipient",
            Self::TooManyRecipients => "too_many_recipients",
            Self::TextTooLarge => "text_too_large",
            Self::AttachmentUnknown => "attachment_unknown",
            Self::EventEndsBeforeStart => "event_ends_before_start",
            Self::UnknownTimeZone => "unknown_time_zone",
            Self::InvalidRecurrence => "invalid_recurrence",
            Self::OccurrenceCrossesNeighbour => "occurrence_crosses_neighbour",
            Self::ItemGone => "item_gone",
            Self::VersionConflict => "version_conflict",
            Self::MailboxFull => "mailbox_full",
            Self::WriteRefused => "write_refused",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::StateUnknown => "state_unknown",
            Self::StateUsed => "state_used",
            Self::StateExpired => "state_expired",
            Self::StateForeign => "state_foreign",
            Self::SignInRefused => "sign_in_refused",
            Self::AppRefused => "app_refused",
            Self::MicrosoftUnavailable => "microsoft_unavailable",
            Self::WorkFailed => "work_failed",
            Self::DatabaseUnavailable => "database_unavailable",
            Self::Internal => "internal",
        }
    }

    /// The same words for every problem of this kind.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Unauthorized => "A bearer key is needed",
            Self::InvalidRequest => "The request is not understood",
            Self::NotFound => "There is no such address",
            Self::MethodNotAllowed => "The address does not take this method",
            Self::BodyTooLarge => "The body is too large",
            Self::MailboxNotFound => "There is no such mailbox",
            Self::NotConnected => "No mailbox is connected",
            Self::MailboxAmbiguous => "Several mailboxes are connected",
            Self::MailboxNeedsReauth => "The mailbox must be connected again",
            Self::MailboxSuspended => "Microsoft does not give access to the mailbox",
            Self::MailboxDisconnected => "The mailbox is disconnected",
            Self::AttachmentTooLarge => "The attachment is too large",
            Self::FileNameRefused => "The file name cannot be used",
            Self::ContentTypeMismatch => "The content is not what it is declared to be",
            Self::MessageNotFound => "There is no such message",
            Self::AttachmentNotFound => "There is no such attachment",
            Self::ContentUnavailable => "There is no such content",
            Self::RangeNotSatisfiable => "The content has no such range",
            Self::BlobsUnavailable => "The place for contents is not available",
            Self::WritingNotConfigured => "Nothing may be written with this permission",
            Self::ConsentMissing => "A permission lacks",
            Self::IdempotencyKeyReused => "The key was used for something else",
            Self::InvalidRecipient => "A recipient is no address",
            Self::TooManyRecipients => "There are too many recipients",
            Self::TextTooLarge => "The text is too large",
            Self::AttachmentUnknown => "There is no such upload",
            Self::EventEndsBeforeStart => "The event ends before it starts",
            Self::UnknownTimeZone => "Nobody knows the time zone",
            Self::InvalidRecurrence => "The recurrence never happens",
            Self::OccurrenceCrossesNeighbour => "The occurrence would cross the one next to it",
            Self::ItemGone => "The item is not there any more",
            Self::VersionConflict => "The item is at another version",
            Self::MailboxFull => "The mailbox is full",
            Self::WriteRefused => "Microsoft refused the write",
            Self::OutcomeUnknown => "Nobody knows whether it happened",
            Self::StateUnknown => "The sign-in is not known",
            Self::StateUsed => "The sign-in has ended already",
            Self::StateExpired => "The sign-in took too long",
            Self::StateForeign => "The sign-in belongs to somebody else",
            Self::SignInRefused => "The sign-in was refused",
            Self::AppRefused => "Microsoft refuses the app registration",
            Self::MicrosoftUnavailable => "Microsoft cannot be reached",
            Self::WorkFailed => "The work failed",
            Self::DatabaseUnavailable => "The database is not available",
            Self::Internal => "Something went wrong here",
        }
    }

    /// The way out.
    pub const fn hint(self) -> &'static str {
        match self {
            Self::Unauthorized => {
                "send `Authorization: Bearer KEY` with a key from `graph-mirror keys api create`"
            }
            Self::InvalidRequest => {
                "repair what `errors` names; docs/openapi.json describes every parameter"
            }
            Self::NotFound | Self::MethodNotAllowed => {
                "look the address up in docs/reference/endpoints.md"
            }
            Self::BodyTooLarge => "send only what docs/openapi.json describes",
            Self::MailboxNotFound => {
                "GET /api/v1/mailboxes lists the mailboxes of this key's owner"
            }
            Self::NotConnected => {
                "open the address that GET /api/v1/integrations/microsoft/auth-url answers, and sign in"
            }
            Self::MailboxAmbiguous => {
                "add `mailbox_id` to the query; GET /api/v1/mailboxes lists them"
            }
            Self::MailboxNeedsReauth | Self::MailboxDisconnected => {
                "open the address that GET /api/v1/integrations/microsoft/auth-url answers, and sign in; the data \
                 that was mirrored is kept"
            }
            Self::MailboxSuspended => {
                "an administrator must give the account its licence or access back; the mirror goes on by itself"
            }
            Self::AttachmentTooLarge => {
                "Outlook takes attachments of up to 150 MB: send a link to the file instead"
            }
            Self::FileNameRefused => {
                "send the file's own name: no path, no control characters, no marks that turn the direction of writing"
            }
            Self::ContentTypeMismatch => {
                "declare the type that the bytes have, or `application/octet-stream`"
            }
            Self::MessageNotFound => {
                "the message is gone, or was never mirrored; the table email_messages has those that are"
            }
            Self::AttachmentNotFound => "list the attachments of the message anew",
            Self::ContentUnavailable => {
                "the attachment's `content_state` tells why; `ATTACHMENTS=off` fetches none"
            }
            Self::RangeNotSatisfiable => "`Content-Range` tells how long the content is",
            Self::BlobsUnavailable => {
                "try again after `Retry-After` seconds; the operator must see that BLOBS_URL can be read and written"
            }
            Self::WritingNotConfigured => {
                "the operator adds the permission to MICROSOFT_WRITE_SCOPES and to the app registration: docs/guides/sending.md"
            }
            Self::ConsentMissing => "open `consent_url` and accept the permission",
            Self::IdempotencyKeyReused => {
                "take a new Idempotency-Key for a new request, and the same one only for the same"
            }
            Self::InvalidRecipient => "repair the addresses that `errors` names",
            Self::TooManyRecipients => "send several messages, each to 500 people at most",
            Self::TextTooLarge => "send the rest as an attachment",
            Self::AttachmentUnknown => {
                "upload the file again with POST …/uploads, and send within a day"
            }
            Self::EventEndsBeforeStart => "repair `start`, `end` and their zones",
            Self::UnknownTimeZone => "use an IANA name such as `Europe/Vienna`, or a Windows name",
            Self::InvalidRecurrence => {
                "repair pattern and range so that there is at least one occurrence"
            }
            Self::OccurrenceCrossesNeighbour => "move it less far, or change the series",
            Self::ItemGone => "look at the mirror: it was deleted, or its id is another",
            Self::VersionConflict => "read it again and decide anew",
            Self::MailboxFull => "its owner must make room",
            Self::WriteRefused => "the detail has Microsoft's code; nothing was written",
            Self::OutcomeUnknown => {
                "look into the mailbox before asking again: it is never done a second time by itself"
            }
            Self::StateUnknown | Self::StateUsed | Self::StateExpired => {
                "begin a new sign-in with GET /api/v1/integrations/microsoft/auth-url"
            }
            Self::StateForeign => {
                "use the key of the owner who began the sign-in, or begin a new one"
            }
            Self::SignInRefused => {
                "begin again and accept the permissions; docs/guides/entra-app.md explains refusals"
            }
            Self::AppRefused => {
                "the operator must check client id, secret, tenant and redirect address: docs/guides/entra-app.md"
            }
            Self::MicrosoftUnavailable | Self::DatabaseUnavailable => {
                "try again after `Retry-After` seconds"
            }
            Self::WorkFailed => {
                "try again; the mailbox's state under GET /api/v1/mailboxes/{id} may tell more"
            }
            Self::Internal => "the log of the service has the cause",
        }
    }
}

impl From<FaultCode> for Code {
    fn from(code: FaultCode) -> Self {
        match code {
            FaultCode::InvalidRequest => Self::InvalidRequest,
            FaultCode::InvalidRecipient => Self::InvalidRecipient,
            FaultCode::TooManyRecipients => Self::TooManyRecipients,
            FaultCode::AttachmentTooLarge => Self::AttachmentTooLarge,
            FaultCode::AttachmentUnknown => Self::AttachmentUnknown,
            FaultCode::FileNameRefused => Self::FileNameRefused,
            FaultCode::ContentTypeMismatch => Self::ContentTypeMismatch,
            FaultCode::TextTooLarge => Self::TextTooLarge,
            FaultCode::EventEndsBeforeStart => Self::EventEndsBeforeStart,
            FaultCode::UnknownTimeZone => Self::UnknownTimeZone,
            FaultCode::InvalidRecurrence => Self::InvalidRecurrence,
            FaultCode::OccurrenceCrossesNeighbour => Self::OccurrenceCrossesNeighbour,
            FaultCode::ItemGone => Self::ItemGone,
            FaultCode::VersionConflict => Self::VersionConflict,
            FaultCode::MailboxFull => Self::MailboxFull,
            FaultCode::ConsentMissing => Self::ConsentMissing,
            FaultCode::MailboxNotConnected => Self::MailboxNeedsReauth,
            FaultCode::WriteRefused => Self::WriteRefused,
            FaultCode::OutcomeUnknown => Self::OutcomeUnknown,
            FaultCode::GaveUp => Self::MicrosoftUnavailable,
        }
    }
}

/// What is wrong with one parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ParameterProblem {
    /// The parameter, or a member of the body.
    pub parameter: String,
    /// What is wrong with it.
    pub detail: String,
}

/// A refusal. Small, because every handler may return one; [`ProblemBody`] is what the caller reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    code: Code,
    detail: Box<str>,
    hint: Cow<'static, str>,
    mailbox_id: Option<MailboxId>,
    reason: Option<StateReason>,
    microsoft_code: Option<Box<str>>,
    errors: Box<[ParameterProblem]>,
    retry_after: Option<u32>,
    consent_url: Option<Box<str>>,
}

/// A problem as RFC 9457 describes it, with a few members of our own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// `urn:graph-mirror:problem:` and the code.
    #[serde(rename = "type")]
    #[schema(example = "urn:graph-mirror:problem:mailbox_needs_reauth")]
    pub kind: String,
    /// The same words for every problem of this kind.
    pub title: String,
    /// The status of the answer.
    pub status: u16,
    /// What happened this time.
    pub detail: String,
    /// What kind it is.
    pub code: Code,
    /// The way out.
    pub hint: String,
    /// The mailbox it concerns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mailbox_id: Option<MailboxId>,
    /// Why the mailbox is in the state it is in, or the sign-in failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<StateReason>,
    /// Microsoft's own code, to look up.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "AADSTS65004")]
    pub microsoft_code: Option<String>,
    /// Every parameter that is wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ParameterProblem>,
    /// Where the person adds the permission that lacks: the address of a sign-in, good once and for ten minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consent_url: Option<String>,
}

/// The media type of problems.
pub const MEDIA_TYPE: &str = "application/problem+json";

impl Problem {
    /// A problem of this kind with a sentence of its own.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into().into_boxed_str(),
            hint: Cow::Borrowed(code.hint()),
            mailbox_id: None,
            reason: None,
            microsoft_code: None,
            errors: Box::default(),
            consent_url: None,
            retry_after: match code {
                Code::MicrosoftUnavailable | Code::DatabaseUnavailable | Code::BlobsUnavailable => {
                    Some(5)
                }
                _ => None,
            },
        }
    }

    /// What kind it is.
    pub fn code(&self) -> Code {
        self.code
    }

    /// What the caller reads.
    pub fn body(&self) -> ProblemBody {
        ProblemBody {
            kind: format!("urn:graph-mirror:problem:{}", self.code.name()),
            title: self.code.title().to_owned(),
            status: self.code.status().as_u16(),
            detail: self.detail.to_string(),
            code: self.code,
            hint: self.hint.to_string(),
            mailbox_id: self.mailbox_id,
            reason: self.reason,
            microsoft_code: self.microsoft_code.as_ref().map(ToString::to_string),
            errors: self.errors.to_vec(),
            consent_url: self.consent_url.as_ref().map(ToString::to_string),
        }
    }

    /// Names the mailbox.
    #[must_use]
    pub fn about(mut self, mailbox: MailboxId) -> Self {
        self.mailbox_id = Some(mailbox);
        self
    }

    /// Replaces the way out by a more fitting one.
    #[must_use]
    pub fn hinting(mut self, hint: impl Into<String>) -> Self {
        self.hint = Cow::Owned(hint.into());
        self
    }

    /// Names the reason.
    #[must_use]
    pub fn because(mut self, reason: Option<StateReason>) -> Self {
        self.reason = reason;
        self
    }

    /// Names Microsoft's own code.
    #[must_use]
    pub fn coded(mut self, code: Option<String>) -> Self {
        self.microsoft_code = code.map(String::into_boxed_str);
        self
    }

    /// Says after how many seconds to try again.
    #[must_use]
    pub fn after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(u32::try_from(seconds).unwrap_or(u32::MAX));
        self
    }

    /// Everything that is wrong with the parameters.
    pub fn parameters(errors: Vec<ParameterProblem>) -> Self {
        let names: Vec<&str> = errors
            .iter()
            .map(|error| error.parameter.as_str())
            .collect();
        let mut problem = Self::new(
            Code::InvalidRequest,
            format!("{} cannot be used", names.join(", ")),
        );
        problem.errors = errors.into_boxed_slice();
        problem
    }

    /// Says where the permission that lacks is added.
    #[must_use]
    pub fn consenting_at(mut self, url: &str) -> Self {
        self.consent_url = Some(url.into());
        self
    }

    /// A write that cannot be carried out, by everything that is wrong with it; the first decides the code.
    pub fn faults(faults: Vec<Fault>) -> Option<Self> {
        let first = faults.first()?;
        let mut problem = Self::new(Code::from(first.code), first.detail.clone());
        problem.errors = faults
            .into_iter()
            .filter_map(|fault| {
                Some(ParameterProblem {
                    parameter: fault.field?,
                    detail: fault.detail,
                })
            })
            .collect();
        Some(problem)
    }

    /// A mailbox that cannot do what was asked, because of the state it is in.
    pub fn state(mailbox: MailboxId, state: MailboxState, reason: Option<StateReason>) -> Self {
        let (code, detail) = match state {
            MailboxState::NeedsReauth => (
                Code::MailboxNeedsReauth,
                "the person must sign in again before this can be done",
            ),
            MailboxState::Suspended => (
                Code::MailboxSuspended,
                "Microsoft refuses access to the mailbox; it is probed daily",
            ),
            MailboxState::Disconnected | MailboxState::Connected => (
                Code::MailboxDisconnected,
                "it was disconnected; its data is kept, no work is done for it",
            ),
        };
        Self::new(code, detail).about(mailbox).because(reason)
    }

    /// A fault of ours: the cause goes to the log, not to the caller.
    pub fn internal(cause: &(dyn std::error::Error + 'static)) -> Self {
        error!(error = %chain(cause), "a request could not be answered: {}", chain(cause));
        Self::new(
            Code::Internal,
            "the request could not be answered because of a fault in the service",
        )
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error.retry_after() {
            Some(wait) => {
                warn!(error = %chain(&error), "the database did not answer a request: {}", chain(&error));
                let detail = match &error {
                    StoreError::DiskFull(_) | StoreError::ReadOnly(_) => error.to_string(),
                    _ => "the database did not answer in time".to_owned(),
                };
                Self::new(Code::DatabaseUnavailable, detail).after(wait.as_secs().max(1))
            }
            None => Self::internal(&error),
        }
    }
}

impl From<BlobError> for Problem {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::TooLarge { limit } => Self::new(
                Code::AttachmentTooLarge,
                format!("the content is larger than {limit} bytes"),
            ),
            BlobError::Source(_) => Self::new(Code::InvalidRequest, "the body did not come whole"),
            BlobError::Missing(_) => {
                warn!(
                    "contents that were fetched are not where this process looks for them: replicas must share BLOBS_URL"
                );
                Self::new(
                    Code::BlobsUnavailable,
                    "the content is not where this process looks for it: replicas must share BLOBS_URL",
                )
            }
            BlobError::Address(_) | BlobError::Place(_) => {
                error!(error = %chain(&error), "contents could not be kept or read: {}", chain(&error));
                Self::new(
                    Code::BlobsUnavailable,
                    "the place for contents did not take or give what was asked",
                )
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.code.status();
        let retry_after = self.retry_after;
        let is_unauthorized = self.code == Code::Unauthorized;
        let mut response = (status, Json(self.body())).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if let Some(seconds) = retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if is_unauthorized {
            headers.insert(
                WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"graph-mirror\""),
            );
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_listed_once_with_words_of_its_own() {
        for (position, code) in Code::ALL.into_iter().enumerate() {
            assert_eq!(serde_json::json!(code), serde_json::json!(code.name()));
            assert!(code.status().is_client_error() || code.status().is_server_error());
            assert!(!code.hint().is_empty());
            for other in Code::ALL.into_iter().skip(position + 1) {
                assert_ne!(code.name(), other.name());
                assert_ne!(code.title(), other.title());
            }
        }
    }

    #[test]
    fn a_problem_says_how_long_to_wait_and_hides_its_cause() {
        let problem = Problem::from(StoreError::Busy);

        let response = problem.clone().into_response();

        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(
            response.headers().get(CONTENT_TYPE),
            Some(&HeaderValue::from_static(MEDIA_TYPE))
        );
        assert!(response.headers().contains_key(RETRY_AFTER));
        let body = serde_json::to_value(problem.body()).expect("it can be written");
        assert_eq!(
            body.get("type"),
            Some(&serde_json::json!(
                "urn:graph-mirror:problem:database_unavailable"
            ))
        );
        assert!(body.get("errors").is_none());
    }
}
