//! What can be wrong with a write, and how one can fail: a closed list that an application decides on.

use serde::{Deserialize, Serialize};

macro_rules! fault_codes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal),* $(,)?) => {
        /// What is wrong with a write, or how it failed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum FaultCode {
            $($(#[$doc])* $variant,)*
        }

        impl FaultCode {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Its name, in the column `failure_code` and in problems.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// The code of that name.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|code| code.name() == name)
            }
        }
    };
}

fault_codes! {
    /// It is not of the shape it must be.
    InvalidRequest = "invalid_request",
    /// A recipient or attendee is no address, or there is none.
    InvalidRecipient = "invalid_recipient",
    /// Over 500 recipients (F11.3).
    TooManyRecipients = "too_many_recipients",
    /// A file over 150 MB (F8.8).
    AttachmentTooLarge = "attachment_too_large",
    /// There is no upload with that id, or not any more.
    AttachmentUnknown = "attachment_unknown",
    /// A file name with parts of a path, control characters or marks that turn the reading direction.
    FileNameRefused = "file_name_refused",
    /// The bytes are not what the content type says.
    ContentTypeMismatch = "content_type_mismatch",
    /// The text is over the limit.
    TextTooLarge = "text_too_large",
    /// An event that ends before it starts.
    EventEndsBeforeStart = "event_ends_before_start",
    /// A time zone nobody knows.
    UnknownTimeZone = "unknown_time_zone",
    /// A recurrence that never happens, or is none.
    InvalidRecurrence = "invalid_recurrence",
    /// An occurrence moved onto or past its neighbour (F7.12).
    OccurrenceCrossesNeighbour = "occurrence_crosses_neighbour",
    /// What it is about is not there any more.
    ItemGone = "item_gone",
    /// The item is at another version than the one that was named.
    VersionConflict = "version_conflict",
    /// The mailbox has no room.
    MailboxFull = "mailbox_full",
    /// The permission lacks.
    ConsentMissing = "consent_missing",
    /// The mailbox was disconnected or must be connected again.
    MailboxNotConnected = "mailbox_not_connected",
    /// Microsoft refused it.
    WriteRefused = "write_refused",
    /// Nobody can tell whether it happened; it is not tried again.
    OutcomeUnknown = "outcome_unknown",
    /// Microsoft could not be reached for long; nothing was done.
    GaveUp = "gave_up",
}

/// What is wrong, in a sentence; never with anything of what was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What kind it is.
    pub code: FaultCode,
    /// The member of the request that is meant, such as `to[2]`.
    pub field: Option<String>,
    /// The sentence.
    pub detail: String,
}

impl Fault {
    /// A fault of the whole.
    pub fn new(code: FaultCode, detail: impl Into<String>) -> Self {
        Self {
            code,
            field: None,
            detail: detail.into(),
        }
    }

    /// A fault of one member.
    pub fn of(code: FaultCode, field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            code,
            field: Some(field.into()),
            detail: detail.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_reads_back_by_its_name() {
        for code in FaultCode::ALL {
            assert_eq!(FaultCode::from_name(code.name()), Some(*code));
            assert_eq!(serde_json::json!(code), serde_json::json!(code.name()));
        }
    }
}
