//! What an error of Graph's means for a write. Pure.

use std::time::Duration;

use super::{Stop, Went};
use crate::graph::{Advice, Fate, GraphError};
use crate::model::write::{Fault, FaultCode};

/// After a call that was never sent.
const UNSENT: Duration = Duration::from_secs(5);

/// What is to be done after a call failed.
pub(super) enum Failed {
    /// It had no effect, and will not have one.
    For(Fault),
    /// It had no effect; later.
    Later(Duration),
    /// Nobody knows whether it had one.
    Unknown,
}

/// Tells them apart; what concerns the whole mailbox stops the go.
pub(super) fn read(error: GraphError) -> Result<Failed, Stop> {
    match error.fate() {
        Fate::Unknown => Ok(Failed::Unknown),
        Fate::NotSent => match error {
            GraphError::Unreachable(_) => Ok(Failed::Later(UNSENT)),
            other => Err(Stop::Graph(other)),
        },
        Fate::Refused => match error.advice() {
            Advice::Retry { .. }
            | Advice::TokenRefused
            | Advice::Reauth(_)
            | Advice::Operator
            | Advice::MailboxSuspended(_) => Err(Stop::Graph(error)),
            _ => Ok(Failed::For(fault(&error))),
        },
    }
}

/// Whether Graph refuses to make an event because it has made it before (F11.6). How it says that is not documented: 400 and 409
/// have been seen, with a code of its own. A 409 without it says so only where the event was asked for `again`.
pub(super) fn is_made_already(error: &GraphError, again: bool) -> bool {
    error.refused().is_some_and(|refused| {
        refused.has_code("ErrorDuplicateTransactionId") || (again && refused.status == 409)
    })
}

/// A look that failed says nothing: it is made again.
pub(super) fn unseen(error: GraphError, looks: u32) -> Result<Went, Stop> {
    match read(error)? {
        Failed::For(fault) => Ok(Went::Failed(fault)),
        Failed::Later(wait) => Ok(Went::Later(wait)),
        Failed::Unknown => Ok(Went::Later(pause(looks))),
    }
}

/// How long until the next go after something was lost.
pub(super) fn pause(looks: u32) -> Duration {
    Duration::from_secs(1 << looks.min(6)).min(Duration::from_mins(1))
}

/// What a refusal means, in a sentence. Graph's own text is not passed on: it may hold addresses.
pub(super) fn fault(error: &GraphError) -> Fault {
    let Some(refused) = error.refused() else {
        return Fault::new(FaultCode::WriteRefused, "Microsoft refused it");
    };
    let has = |code: &str| refused.has_code(code);
    let (code, detail) = if has("ErrorOccurrenceCrossingBoundary") {
        (
            FaultCode::OccurrenceCrossesNeighbour,
            "an occurrence cannot be moved onto or past the one next to it; move it less far, or change the series",
        )
    } else if has("ErrorInvalidRecipients") {
        (
            FaultCode::InvalidRecipient,
            "Microsoft takes one of the recipients for no address, or there is none",
        )
    } else if has("ErrorTooManyRecipients") {
        (
            FaultCode::TooManyRecipients,
            "a message has at most 500 recipients",
        )
    } else if has("ErrorQuotaExceeded") || refused.status == 507 {
        (
            FaultCode::MailboxFull,
            "the mailbox has no room; its owner must make some",
        )
    } else if has("ErrorMessageSizeExceeded") || refused.status == 413 {
        (
            FaultCode::AttachmentTooLarge,
            "it is larger than the mailbox may send",
        )
    } else if has("ErrorSendAsDenied") {
        (
            FaultCode::WriteRefused,
            "the mailbox may not send under the name in `from`",
        )
    } else {
        match error.advice() {
            Advice::Gone | Advice::ContainerGone => (
                FaultCode::ItemGone,
                "what it is about is not there any more",
            ),
            Advice::Conflict => (
                FaultCode::VersionConflict,
                "the item was changed meanwhile; read it again and decide anew",
            ),
            Advice::Forbidden => (
                FaultCode::ConsentMissing,
                "Microsoft does not allow it: the permission lacks, or a policy forbids it",
            ),
            _ => (FaultCode::WriteRefused, ""),
        }
    };
    if detail.is_empty() {
        return Fault::new(code, format!("Microsoft refused it ({refused})"));
    }
    Fault::new(code, detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Refused;

    fn refusal(status: u16, code: &str) -> GraphError {
        let body = format!(r#"{{"error":{{"code":"{code}","message":"anna@contoso.example"}}}}"#);
        GraphError::Refused(Box::new(Refused::read(status, body.as_bytes())))
    }

    #[test]
    fn refusals_have_codes_of_their_own_and_nothing_of_the_mailbox() {
        for (status, code, expected) in [
            (
                400,
                "ErrorOccurrenceCrossingBoundary",
                FaultCode::OccurrenceCrossesNeighbour,
            ),
            (400, "ErrorInvalidRecipients", FaultCode::InvalidRecipient),
            (404, "ErrorItemNotFound", FaultCode::ItemGone),
            (412, "ErrorIrresolvableConflict", FaultCode::VersionConflict),
            (403, "ErrorAccessDenied", FaultCode::ConsentMissing),
            (403, "ErrorQuotaExceeded", FaultCode::MailboxFull),
            (400, "ErrorInvalidRequest", FaultCode::WriteRefused),
        ] {
            let fault = fault(&refusal(status, code));
            assert_eq!(fault.code, expected, "{code}");
            assert!(!fault.detail.contains("anna"), "{}", fault.detail);
        }
    }

    #[test]
    fn an_event_that_was_made_before_is_told_from_one_that_is_refused() {
        for (status, code, at_first, again) in [
            (409, "ErrorDuplicateTransactionId", true, true),
            (400, "ErrorDuplicateTransactionId", true, true),
            (409, "", false, true),
            (400, "ErrorPropertyValidationFailure", false, false),
            (412, "ErrorIrresolvableConflict", false, false),
        ] {
            let error = refusal(status, code);
            let told = (
                is_made_already(&error, false),
                is_made_already(&error, true),
            );
            assert_eq!(told, (at_first, again), "{status} {code}");
        }
    }

    #[test]
    fn throttling_stops_the_go_and_a_gateway_that_gives_up_tells_nothing() {
        assert!(matches!(
            read(refusal(429, "TooManyRequests")),
            Err(Stop::Graph(_))
        ));
        assert!(matches!(
            read(refusal(504, "UnknownError")),
            Ok(Failed::Unknown)
        ));
        assert!(matches!(
            read(refusal(400, "ErrorInvalidRequest")),
            Ok(Failed::For(_))
        ));
    }
}
