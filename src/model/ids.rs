//! Identifiers.
//!
//! Ours are UUIDs, Graph's are opaque, case-sensitive text of up to several hundred characters (F5.22): they are
//! compared byte for byte, never lower-cased, and percent-encoded where they enter a URL.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new one, ordered by the time it was made.
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }
    };
}

uuid_id! {
    /// One connected account.
    MailboxId
}
uuid_id! {
    /// One subscription as we know it; it exists before Graph has given it an id (R1), and its text is
    /// the nonce in the notification URL by which a lost 201 is found again (M25).
    SubscriptionKey
}
uuid_id! {
    /// The fencing token of a lease: new at every claim, carried by every write of a home.
    LeaseToken
}
uuid_id! {
    /// A command left for the home of a mailbox.
    CommandId
}
uuid_id! {
    /// A bearer key of the API.
    ApiKeyId
}
uuid_id! {
    /// Bytes that an application has sent us to attach to something.
    UploadId
}
text_id! {
    /// An id that Graph gave: of a message, folder, event, calendar, conversation or attachment. Items
    /// carry immutable ids (F12.8).
    GraphId
}

impl GraphId {
    /// Ids have several hundred characters at most (F5.22); an index does not take endless ones.
    const LONGEST: usize = 1_024;

    /// Stands in the ids that we make for parts of attached items, which Graph names by their place only. It is in none of
    /// Graph's, and needs no escape in an address.
    pub const PART: &str = "~~";

    /// The attachment that a part belongs to, however deep it lies; of an attachment, itself.
    #[must_use]
    pub fn whole(&self) -> Self {
        match self.0.split_once(Self::PART) {
            Some((whole, _)) => whole.into(),
            None => self.clone(),
        }
    }

    /// The id of a part, by its item's and its place in it.
    #[must_use]
    pub fn part(&self, position: usize) -> Self {
        Self(format!("{self}{}{position:03}", Self::PART))
    }

    /// Whether a text can be an id: not empty, not endless, without control characters. What else Graph's place for an id
    /// holds would make a row that cannot be written, or not found again.
    pub fn is_possible(text: &str) -> bool {
        !text.is_empty() && text.len() <= Self::LONGEST && !text.chars().any(char::is_control)
    }
}

text_id! {
    /// Who owns a mailbox in the host application; its name there.
    Owner
}

/// What a notification is followed by on its way through the service: the trace id of W3C's Trace Context, never all zero.
/// It tells nothing, opens nothing and need not be unguessable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TraceId(Uuid);

impl TraceId {
    /// A new one.
    pub fn generate() -> Self {
        let bits = fastrand::u128(..);
        Self(uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid())
    }

    /// The trace with this number, unless it is zero.
    pub fn new(id: Uuid) -> Option<Self> {
        (!id.is_nil()).then_some(Self(id))
    }

    /// Its number; the form in which Graph is told of it.
    pub fn uuid(self) -> Uuid {
        self.0
    }
}

/// As the Trace Context writes it: 32 digits.
impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.simple().fmt(f)
    }
}
