//! What can go wrong with a request to Graph, and what to do then.
//!
//! Callers decide on [`GraphError::advice`], never on text: Graph's messages change, its codes come in several casings
//! (F3.2), its bodies may be empty or not JSON at all (F3.4). No address and no text of Graph's shows in a message of ours,
//! because a delta link or a subject may stand in it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::gate::Fenced;
use super::tokens::TokenError;
use super::wire::error::ErrorBody;
use crate::model::mailbox::StateReason;
use crate::model::work::Link;

/// Why a request had no good answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum GraphError {
    /// Graph answered, and not with a 2xx.
    #[error("Graph refused the request ({0})")]
    Refused(Box<Refused>),
    /// The mailbox is fenced or its quota for this lane is used up: nothing was sent (M12).
    #[error("the request was not sent")]
    Fenced(#[source] Fenced),
    /// There is no access token.
    #[error("no access token could be had")]
    Token(#[source] TokenError),
    /// The connection failed.
    #[error("Graph could not be reached")]
    Unreachable(#[source] Arc<reqwest::Error>),
    /// No whole answer in time, the body included (M15).
    #[error("Graph did not answer within {} seconds", deadline.as_secs())]
    TimedOut {
        /// How long was waited.
        deadline: Duration,
    },
    /// The body is larger than we care to hold.
    #[error("Graph's answer is larger than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The body is not what it should be.
    #[error("Graph's answer could not be read")]
    Malformed(#[source] Arc<serde_json::Error>),
    /// A link led elsewhere than to the configured host; it was not followed (F2.3).
    #[error("Graph named an address outside its own host, which was not followed")]
    ForeignLink,
    /// A batch came back without this part (F4.9), and so did the request for it alone.
    #[error("Graph left this part out of its answer to a batch")]
    Missing,
}

impl GraphError {
    /// What to do now.
    pub fn advice(&self) -> Advice {
        match self {
            Self::Refused(refused) => refused.advice(),
            Self::Fenced(_) | Self::Missing | Self::Unreachable(_) => Advice::RETRY,
            Self::Token(TokenError::NeedsReauth { reason }) => Advice::Reauth(*reason),
            Self::Token(TokenError::Operator { .. } | TokenError::Unreadable(_)) => {
                Advice::Operator
            }
            Self::Token(TokenError::NoGrant) => Advice::Reauth(StateReason::ByRequest),
            Self::Token(TokenError::Transient { after, .. }) => Advice::Retry {
                after: *after,
                smaller_page: false,
            },
            Self::TimedOut { .. } | Self::TooLarge { .. } => Advice::Retry {
                after: None,
                smaller_page: true,
            },
            Self::Malformed(_) | Self::ForeignLink => Advice::Bug,
        }
    }

    /// What is known of a write that had no good answer.
    pub fn fate(&self) -> Fate {
        match self {
            Self::Fenced(_) | Self::Token(_) | Self::ForeignLink => Fate::NotSent,
            Self::Unreachable(error) if error.is_connect() => Fate::NotSent,
            // A gateway that gives up says nothing of what stands behind it.
            Self::Refused(refused) if refused.is_throttled() => Fate::Refused,
            Self::Refused(refused) if refused.status < 500 && refused.status != 408 => {
                Fate::Refused
            }
            _ => Fate::Unknown,
        }
    }

    /// Graph's refusal, when that is what it is.
    pub fn refused(&self) -> Option<&Refused> {
        match self {
            Self::Refused(refused) => Some(refused),
            _ => None,
        }
    }

    /// The status Graph answered with.
    pub fn status(&self) -> Option<u16> {
        self.refused().map(|refused| refused.status)
    }
}

/// What is known of a write that had no good answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It did not leave this process: it had no effect.
    NotSent,
    /// Graph said no: it had no effect.
    Refused,
    /// Nobody can tell; whoever repeats it looks first.
    Unknown,
}

/// What a caller is to do about an error (F3 §3b).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Advice {
    /// The same request again, later. `after` is what Graph asked for; without it, back off with jitter.
    Retry {
        /// How long to wait at least.
        after: Option<Duration>,
        /// Ask for fewer items a page (F3.14, M48).
        smaller_page: bool,
    },
    /// Graph refused a token that was just refreshed (M8): stop this mailbox's work and say so.
    TokenRefused,
    /// The person must sign in again; the mailbox's state says so already (M7).
    Reauth(StateReason),
    /// The operator must act; no mailbox is to blame. Try again in minutes.
    Operator,
    /// The item is not there: gone, or not yet visible (F10.20).
    Gone,
    /// The folder or calendar is not there: drop its cursor, look at the tree again.
    ContainerGone,
    /// The delta token is dead: a full round (F6.13). `restart` is the `Location` given, if any; it must pass the host
    /// guard, and rebuilding the first request is as good (F6.42).
    Resync {
        /// Where to start again.
        restart: Option<Link>,
    },
    /// The mailbox as a whole cannot be reached: suspend it, probe daily.
    MailboxSuspended(StateReason),
    /// 403: a permission lacks or a policy denies. For the mailbox's own items suspend it with
    /// [`StateReason::AccessDenied`]; for another's shared calendar leave that out.
    Forbidden,
    /// This one item cannot be read, now or perhaps ever: postpone it, go on with the others (M41).
    ItemBroken,
    /// A stale version, or there is one of that name already.
    Conflict,
    /// The request itself is wrong; never send it again unchanged.
    Bug,
}

impl Advice {
    /// Again later, with our own backoff.
    pub const RETRY: Self = Self::Retry {
        after: None,
        smaller_page: false,
    };
}

/// Graph's refusal of a request.
#[derive(Clone, PartialEq, Eq)]
pub struct Refused {
    /// The status.
    pub status: u16,
    /// The codes, the outermost first, the most specific last (F3.1); empty when the body was empty or not JSON.
    pub codes: Vec<String>,
    /// Graph's text. For an operator's eyes and the few cases where nothing else tells (F9.10); never for a log.
    pub message: Option<String>,
    /// Its `request-id`, what Microsoft's support asks for.
    pub request_id: Option<String>,
    /// Our `client-request-id`.
    pub client_request_id: Option<String>,
    /// How long Graph asks to wait (F3.7).
    pub retry_after: Option<Duration>,
    /// Where a 410 would have us start again (F6.13).
    pub location: Option<Link>,
    /// Whether there was no body (F3.4).
    pub is_empty: bool,
}

impl Refused {
    /// Reads an error's body, whatever it is.
    pub fn read(status: u16, body: &[u8]) -> Self {
        let error = serde_json::from_slice::<ErrorBody>(body)
            .map(|body| body.error)
            .unwrap_or_default();
        Self {
            status,
            codes: error.codes(),
            message: error.message,
            request_id: None,
            client_request_id: None,
            retry_after: None,
            location: None,
            is_empty: body.is_empty(),
        }
    }

    /// The most specific code.
    pub fn code(&self) -> Option<&str> {
        self.codes.last().map(String::as_str)
    }

    /// Whether one of the codes is `code`, in any casing (F3.2).
    pub fn has_code(&self, code: &str) -> bool {
        self.codes.iter().any(|own| own.eq_ignore_ascii_case(code))
    }

    fn has_one_of(&self, codes: &[&str]) -> bool {
        codes.iter().any(|code| self.has_code(code))
    }

    /// Whether Graph says that we ask too much, by status or by code.
    pub fn is_throttled(&self) -> bool {
        matches!(self.status, 429 | 509) || self.has_one_of(THROTTLED)
    }

    /// What to do about it.
    pub fn advice(&self) -> Advice {
        if self.is_throttled() {
            return self.retry(false);
        }
        if self.status == 410 || self.has_one_of(DEAD_TOKEN) {
            return Advice::Resync {
                restart: self.location.clone(),
            };
        }
        if self.codes.iter().any(|code| is_mailbox_unavailable(code)) {
            return Advice::MailboxSuspended(StateReason::MailboxUnavailable);
        }
        if self.has_code("ErrorSyncFolderNotFound") {
            return Advice::ContainerGone;
        }
        if self.has_one_of(BROKEN_ITEM) {
            return Advice::ItemBroken;
        }
        if self.has_one_of(CONFLICT) {
            return Advice::Conflict;
        }
        if self.has_one_of(GONE) {
            return Advice::Gone;
        }
        match self.status {
            401 => Advice::TokenRefused,
            403 => Advice::Forbidden,
            404 => Advice::Gone,
            409 | 412 => Advice::Conflict,
            // Large pages of full bodies provoke a 504, or a 503 with nothing in it (F3.14).
            504 => self.retry(true),
            503 => self.retry(self.is_empty),
            408 | 423 | 424 | 500..=599 => self.retry(false),
            _ => Advice::Bug,
        }
    }

    fn retry(&self, smaller_page: bool) -> Advice {
        Advice::Retry {
            after: self.retry_after,
            smaller_page,
        }
    }
}

const THROTTLED: &[&str] = &[
    "TooManyRequests",
    "ApplicationThrottled",
    "activityLimitReached",
];

const DEAD_TOKEN: &[&str] = &[
    "SyncStateNotFound",
    "SyncStateInvalid",
    "ResyncRequired",
    "InvalidSyncStateData",
];

/// `ErrorInvalidRecipients` is a bad recipient on a write, and on a read it is an odd old mail.
const BROKEN_ITEM: &[&str] = &[
    "ErrorCorruptData",
    "ErrorInvalidRecipients",
    "ErrorCannotOpenFileAttachment",
];

const CONFLICT: &[&str] = &["ErrorIrresolvableConflict", "ErrorFolderExists"];

const GONE: &[&str] = &["ErrorItemNotFound", "ErrorCannotDeleteObject"];

/// `ErrorMailboxNotEnabledForRESTAPI` is spelled with and without `Error`.
fn is_mailbox_unavailable(code: &str) -> bool {
    const NAMES: &[&str] = &[
        "MailboxNotEnabledForRESTAPI",
        "ErrorMailboxNotEnabledForRESTAPI",
        "ErrorInvalidUser",
        "Request_ResourceNotFound",
        "ResourceNotFound",
    ];
    NAMES.iter().any(|name| name.eq_ignore_ascii_case(code))
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)?;
        if let Some(code) = self.code() {
            write!(f, ", code {code}")?;
        }
        if let Some(id) = &self.request_id {
            write!(f, ", request-id {id}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Refused({self})")
    }
}

#[cfg(test)]
#[path = "error_tests.rs"]
mod tests;
