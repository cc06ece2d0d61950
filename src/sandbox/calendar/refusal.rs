//! Why the calendar does not do what it was asked.
//!
//! The pure parts speak in these; the HTTP side turns one into Graph's error envelope. The texts are Graph's
//! own where they are known, since people search for them.

/// A refusal with Graph's status and code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such event, occurrence or calendar.
    #[error("The specified object was not found in the store.")]
    NotFound,
    /// The id cannot be read at all.
    #[error("Id is malformed.")]
    MalformedId,
    /// A zone name that is neither Windows' nor IANA's (S49).
    #[error(
        "A valid TimeZone value must be specified. The following TimeZone value is not supported: '{0}'."
    )]
    UnknownZone(String),
    /// An occurrence moved onto or past its neighbour's day (F7.12).
    #[error("Modified occurrence is crossing or overlapping adjacent occurrence.")]
    CrossingBoundary,
    /// An attendee asked for what only an organizer may do (F11.8).
    #[error("Your request can't be completed. You need to be an organizer to cancel a meeting.")]
    NotOrganizer,
    /// The organizer tried to answer the own meeting.
    #[error(
        "Your request can't be completed. You can't respond to this meeting because you're the meeting organizer."
    )]
    OwnMeeting,
    /// A property holds what it must not.
    #[error("At least one property failed validation. {0}")]
    Validation(String),
    /// The body names a property that events do not have, or is not an object.
    #[error("{0}")]
    Body(String),
    /// A query option that this resource does not take.
    #[error("{0}")]
    Query(String),
    /// A calendar of that name exists.
    #[error("A folder with the specified name already exists.")]
    CalendarExists,
    /// The default calendar cannot go.
    #[error("Distinguished folders cannot be deleted.")]
    DefaultCalendar,
    /// The version in `If-Match` is not the present one.
    #[error(
        "The change key passed in the request does not match the current change key for the item."
    )]
    StaleVersion,
}

impl Refusal {
    /// The HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            Self::NotFound => 404,
            Self::CalendarExists => 409,
            Self::StaleVersion => 412,
            _ => 400,
        }
    }

    /// The code of the envelope.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "ErrorItemNotFound",
            Self::MalformedId => "ErrorInvalidIdMalformed",
            Self::UnknownZone(_) => "TimeZoneNotSupportedException",
            Self::CrossingBoundary => "ErrorOccurrenceCrossingBoundary",
            Self::NotOrganizer | Self::OwnMeeting => "ErrorInvalidRequest",
            Self::Validation(_) => "ErrorPropertyValidationFailure",
            Self::Body(_) => "RequestBodyRead",
            Self::Query(_) => "ErrorInvalidUrlQuery",
            Self::CalendarExists => "ErrorFolderExists",
            Self::DefaultCalendar => "ErrorDeleteDistinguishedFolder",
            Self::StaleVersion => "ErrorIrresolvableConflict",
        }
    }

    /// A property that failed validation, with what about it.
    pub fn validation(what: impl Into<String>) -> Self {
        Self::Validation(what.into())
    }
}
