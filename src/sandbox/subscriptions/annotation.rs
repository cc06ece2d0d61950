//! The types that resource data names beside a property, as `receivedDateTime@odata.type` does (F10.36).
//!
//! `OData` names a type where the JSON of a value leaves it open: instants, enumerations, collections.

/// What `NAME@odata.type` says; none where JSON tells the type.
pub(super) fn of(property: &str) -> Option<&'static str> {
    Some(match property {
        "createdDateTime"
        | "lastModifiedDateTime"
        | "receivedDateTime"
        | "sentDateTime"
        | "originalStart" => "#DateTimeOffset",
        "importance" => "#microsoft.graph.importance",
        "inferenceClassification" => "#microsoft.graph.inferenceClassificationType",
        "sensitivity" => "#microsoft.graph.sensitivity",
        "showAs" => "#microsoft.graph.freeBusyStatus",
        "type" => "#microsoft.graph.eventType",
        "meetingMessageType" => "#microsoft.graph.meetingMessageType",
        "meetingRequestType" => "#microsoft.graph.meetingRequestType",
        "onlineMeetingProvider" => "#microsoft.graph.onlineMeetingProviderType",
        "conversationIndex" => "#Binary",
        "categories" => "#Collection(String)",
        "toRecipients" | "ccRecipients" | "bccRecipients" | "replyTo" => {
            "#Collection(microsoft.graph.recipient)"
        }
        "internetMessageHeaders" => "#Collection(microsoft.graph.internetMessageHeader)",
        "attendees" => "#Collection(microsoft.graph.attendee)",
        "locations" => "#Collection(microsoft.graph.location)",
        _ => return None,
    })
}
