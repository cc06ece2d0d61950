//! The table of F3 §3b, row by row.

use super::*;

fn refused(status: u16, code: &str) -> Refused {
    Refused::read(
        status,
        format!(r#"{{"error":{{"code":"{code}","message":"m"}}}}"#).as_bytes(),
    )
}

#[test]
fn every_row_of_the_table_has_its_advice() {
    // F3 §3b
    let unavailable = Advice::MailboxSuspended(StateReason::MailboxUnavailable);
    let resync = Advice::Resync { restart: None };
    for (status, code, advice) in [
        (404, "ErrorItemNotFound", Advice::Gone),
        (404, "ErrorSyncFolderNotFound", Advice::ContainerGone),
        (404, "ErrorInvalidUser", unavailable.clone()),
        (404, "Request_ResourceNotFound", unavailable.clone()),
        (404, "ResourceNotFound", unavailable.clone()),
        (404, "MailboxNotEnabledForRESTAPI", unavailable.clone()),
        (403, "ErrorMailboxNotEnabledForRESTAPI", unavailable),
        (403, "ErrorAccessDenied", Advice::Forbidden),
        (403, "Authorization_RequestDenied", Advice::Forbidden),
        (400, "ErrorInvalidIdMalformed", Advice::Bug),
        (400, "ErrorInvalidUrlQuery", Advice::Bug),
        (400, "ErrorInvalidUrlQueryFilter", Advice::Bug),
        (400, "InefficientFilter", Advice::Bug),
        (400, "ErrorOccurrenceCrossingBoundary", Advice::Bug),
        (400, "ErrorInvalidRecipients", Advice::ItemBroken),
        (403, "ErrorSendAsDenied", Advice::Forbidden),
        (403, "ErrorQuotaExceeded", Advice::Forbidden),
        (409, "ErrorFolderExists", Advice::Conflict),
        (410, "SyncStateNotFound", resync.clone()),
        (400, "SyncStateInvalid", resync.clone()),
        (409, "ResyncRequired", resync.clone()),
        (400, "InvalidSyncStateData", resync.clone()),
        (410, "anything", resync),
        (412, "ErrorIrresolvableConflict", Advice::Conflict),
        (413, "ErrorMessageSizeExceeded", Advice::Bug),
        (429, "TooManyRequests", Advice::RETRY),
        (429, "ApplicationThrottled", Advice::RETRY),
        (403, "activityLimitReached", Advice::RETRY),
        (509, "anything", Advice::RETRY),
        (500, "ErrorCorruptData", Advice::ItemBroken),
        (500, "ErrorInternalServerError", Advice::RETRY),
        (500, "ErrorInternalServerTransientError", Advice::RETRY),
        (400, "ErrorCannotOpenFileAttachment", Advice::ItemBroken),
        (403, "ErrorCannotDeleteObject", Advice::Gone),
        (400, "ExtensionError", Advice::Bug),
        (401, "InvalidAuthenticationToken", Advice::TokenRefused),
        (424, "FailedDependency", Advice::RETRY),
        (501, "NotImplemented", Advice::RETRY),
    ] {
        assert_eq!(refused(status, code).advice(), advice, "{status} {code}");
        let shouted = refused(status, &code.to_uppercase());
        assert_eq!(shouted.advice(), advice, "{status} {code} in capitals");
    }
}

#[test]
fn the_most_specific_inner_code_decides() {
    // F3.1: the inner object nests, is spelled two ways and may name what it is really about.
    let body = br#"{"error":{"code":"BadRequest","message":"m","innererror":{"code":"invalidRange",
        "innerError":{"code":"syncStateNotFound","request-id":"x"}}}}"#;

    let refused = Refused::read(400, body);

    assert_eq!(refused.code(), Some("syncStateNotFound"));
    assert_eq!(refused.advice(), Advice::Resync { restart: None });
}

#[test]
fn an_inner_code_that_is_a_number_is_not_a_surprise() {
    // F3.6
    let body = br#"{"error":{"code":"TooManyRequests","message":"m",
        "innerError":{"code":"429","status":"429","date":"2026-01-09T02:02:12"}}}"#;

    assert_eq!(Refused::read(429, body).advice(), Advice::RETRY);
    let odd = br#"{"error":{"code":429,"innerError":"none","details":[]}}"#;
    assert_eq!(Refused::read(429, odd).advice(), Advice::RETRY);
}

#[test]
fn empty_and_foreign_bodies_are_judged_by_their_status() {
    // F3.4, M14
    let html = b"<html><body>Service unavailable</body></html>";
    for body in [
        &b""[..],
        html,
        b"null",
        b"[]",
        b"{}",
        b"{\"error\":null}",
        b"\xff\xfe",
    ] {
        assert_eq!(Refused::read(404, body).advice(), Advice::Gone);
        assert!(matches!(
            Refused::read(503, body).advice(),
            Advice::Retry { .. }
        ));
        assert_eq!(
            Refused::read(410, body).advice(),
            Advice::Resync { restart: None }
        );
        assert_eq!(Refused::read(401, body).advice(), Advice::TokenRefused);
        assert_eq!(Refused::read(400, body).advice(), Advice::Bug);
    }
}

#[test]
fn a_gateway_timeout_and_an_empty_503_ask_for_smaller_pages() {
    // F3.14, M48
    let smaller = Advice::Retry {
        after: None,
        smaller_page: true,
    };
    assert_eq!(Refused::read(504, b"").advice(), smaller);
    assert_eq!(Refused::read(503, b"").advice(), smaller);
    assert_eq!(refused(503, "ErrorServerBusy").advice(), Advice::RETRY);
}

#[test]
fn neither_a_message_nor_a_link_shows_in_an_error() {
    let mut refused = Refused::read(
        410,
        br#"{"error":{"code":"SyncStateNotFound","message":"anna@example.org"}}"#,
    );
    refused.location = Some(Link("https://graph/delta?$deltatoken=secret".to_owned()));
    let error = GraphError::Refused(Box::new(refused));

    let shown = format!("{error} {error:?} {:?}", error.advice());

    assert!(!shown.contains("anna"), "{shown}");
    assert!(!shown.contains("secret"), "{shown}");
}

#[test]
fn only_a_refusal_and_what_was_never_sent_are_known_to_have_had_no_effect() {
    let refused = |status| GraphError::Refused(Box::new(Refused::read(status, b"")));
    for status in [400, 401, 403, 404, 409, 412, 413, 429] {
        assert_eq!(refused(status).fate(), Fate::Refused, "{status}");
    }
    for status in [408, 500, 502, 503, 504] {
        assert_eq!(refused(status).fate(), Fate::Unknown, "{status}");
    }
    let late = GraphError::TimedOut {
        deadline: Duration::from_secs(100),
    };
    assert_eq!(late.fate(), Fate::Unknown);
    assert_eq!(GraphError::Missing.fate(), Fate::Unknown);
    assert_eq!(GraphError::ForeignLink.fate(), Fate::NotSent);
}
