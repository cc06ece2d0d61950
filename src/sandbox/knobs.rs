//! Everything that can be turned while the sandbox runs.
//!
//! The defaults are what Graph does, as far as anyone knows; where it is not known, what is hardest
//! on a client. Each knob names the line of the conformance list it belongs to.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How a dead delta token is refused (S40, F6.13).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeadToken {
    /// 410 `SyncStateNotFound`.
    Gone,
    /// The same with a `Location` to begin anew at.
    GoneWithLocation,
    /// 400 `syncStateNotFound`.
    BadRequest,
    /// 410 `ResyncRequired`.
    ResyncRequired,
    /// 410 `resyncRequired`.
    ResyncRequiredLowerCase,
}

/// What an unknown query option on a delta link does (S31).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExtraOptions {
    /// It is ignored.
    Ignore,
    /// 400.
    Refuse,
}

/// What `@removed.reason` says (S36, F6.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RemovedReason {
    /// `deleted`.
    Deleted,
    /// `changed`.
    Changed,
}

/// Where `DELETE` takes a message that is not in Deleted Items yet (F5.16).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeleteLandsIn {
    /// To Deleted Items, where it lives on.
    DeletedItems,
    /// To the recoverable store, where no client sees it.
    RecoverableItems,
}

/// How an upload with an `Authorization` header is refused (S71, F2.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenRefusal {
    /// 401.
    Unauthorized,
    /// 400.
    BadRequest,
    /// Not at all.
    None,
}

/// Which version of a validation token comes (S67, F10.30).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RichTokenVersion {
    /// `https://sts.windows.net/{tenant}/` and `appid`.
    V1,
    /// `{login_base_url}/{tenant}/v2.0` and `azp`.
    V2,
}

/// What is wrong with notifications that have resource data (S67).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RichTampering {
    /// Nothing.
    None,
    /// `dataSignature` does not belong to `data`.
    BadHmac,
    /// The token is for another application.
    WrongAud,
    /// Another application than the publisher of changes asked for the token.
    WrongAzp,
    /// The token has expired.
    Expired,
    /// The token is signed with a key that is not published.
    UnknownKid,
    /// The token is of another tenant.
    WrongTenant,
}

/// The knobs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Knobs {
    // Identity.
    /// S4: a used refresh token dies.
    pub strict_refresh_rotation: bool,
    /// S5: what a refresh refused for MFA says: `invalid_grant` or `interaction_required`.
    pub mfa_error: String,
    /// S9: mailboxes an application token may not reach, by user id.
    pub app_denied_mailboxes: Vec<String>,

    // Envelope, limits, batches.
    /// S11: 404 and 503 come without a body.
    pub empty_error_bodies: bool,
    /// Every Graph request and every part of a batch takes this long, in milliseconds of the sandbox's clock.
    pub latency_ms: u64,
    /// Answers are compressed when the client asks for it.
    pub gzip: bool,
    /// S12: concurrent requests per (application, mailbox).
    pub concurrency_limit: usize,
    /// S12: what `Retry-After` says when there are too many at once.
    pub concurrency_retry_after_seconds: u64,
    /// S13: requests per window and (application, mailbox).
    pub quota_requests: usize,
    /// S13: the window.
    pub quota_window_seconds: u64,
    /// S14: uploaded bytes per 300 seconds and (application, mailbox).
    pub upload_bytes: u64,
    /// S16: answers of a batch come in another order.
    pub batch_shuffle: bool,
    /// S16: one answer of each batch is missing.
    pub batch_drop_response: bool,

    // Messages and folders.
    /// F3.14: a delta page of more bytes than this answers 504.
    pub page_bytes_limit: Option<usize>,
    /// S18: pages of lists and of rounds are smaller than asked for.
    pub short_pages: bool,
    /// S18: no page of a list or round holds more items than this.
    pub largest_page: Option<usize>,
    /// S18: the first page of a list or round is empty and has a nextLink.
    pub empty_page: bool,
    /// S23: an `isRead` change leaves `lastModifiedDateTime`.
    pub read_keeps_modified: bool,
    /// S30: poisoned messages answer 500 `ErrorCorruptData` to GET.
    pub poisoned_items: bool,
    /// S30: the bytes of marked attachments answer `ErrorCannotOpenFileAttachment`.
    pub unreadable_attachments: bool,
    /// Where `DELETE` takes a message (F5.16).
    pub delete_lands_in: DeleteLandsIn,
    /// Whether the folder delta covers hidden folders (F6.16).
    pub folder_delta_hidden: bool,
    /// S70: how long a sent message takes to leave, on the sandbox's clock.
    pub send_delay_seconds: u64,
    /// S70: sending a draft changes its immutable id.
    pub send_changes_id: bool,
    /// F11.5: `createReply` and its kin pass over the comment.
    pub answer_drafts_ignore_comment: bool,
    /// S71: how long an upload session lives from its beginning, on the sandbox's clock.
    pub upload_session_seconds: u64,
    /// S71: how an upload with an `Authorization` header is refused.
    pub upload_token_refusal: TokenRefusal,

    // Delta.
    /// S31: what an unknown query option on a link does.
    pub extra_delta_options: ExtraOptions,
    /// S33: where an initial round with `$filter` stops.
    pub filtered_round_limit: usize,
    /// S35: an `isRead`-only change comes as `{id, isRead, parentFolderId}`.
    pub partial_read_changes: bool,
    /// S36: what `@removed.reason` says.
    pub removed_reason: RemovedReason,
    /// S38: A to B and back between two rounds of A shows only the removal.
    pub immutable_lost_item: bool,
    /// S38: a move shows no addition in its destination.
    pub immutable_missing_add: bool,
    /// S39: an item comes twice within a round.
    pub delta_duplicates: bool,
    /// S39: a round repeats the changes of the one before.
    pub delta_replays: bool,
    /// S39: a change is missing from its round and comes with the next.
    pub delta_delays: bool,
    /// S39: items of a round come in random order.
    pub delta_random_order: bool,
    /// F6.38: a deleted series is reported with each of its occurrences in the window.
    pub series_removal_reports_occurrences: bool,
    /// S40: tokens that live at a time in one mailbox: delta and next links, of mail and calendars
    /// together. The one used longest ago dies first.
    pub live_delta_tokens: usize,
    /// S40: how a dead one is refused.
    pub dead_token: DeadToken,

    // Subscriptions and notifications.
    /// Nothing is notified.
    pub suppress_notifications: bool,
    /// S50: the code of a failed validation.
    pub validation_error_code: String,
    /// S52: the longest life of a subscription, in minutes.
    pub max_expiry_minutes: i64,
    /// S52: the same with resource data.
    pub max_rich_expiry_minutes: i64,
    /// S53: a second subscription to the same is refused with 409.
    pub duplicate_conflict: bool,
    /// S53: subscriptions per mailbox.
    pub subscriptions_per_mailbox: usize,
    /// S55: PATCH and reauthorize within ten minutes wedge the delivery.
    pub reauthorize_wedges: bool,
    /// S56: `clientState` is null on GET.
    pub client_state_hidden: bool,
    /// S56: subscriptions on a page.
    pub subscriptions_page_size: usize,
    /// S58: the 201 is held back this long, in milliseconds of the sandbox's clock.
    pub created_delay_ms: u64,
    /// S58: the 201 never comes; the subscription stands.
    pub created_dropped: bool,
    /// S59: items per POST.
    pub notification_batch: usize,
    /// POSTs to one address at a time.
    pub notification_connections: usize,
    /// S61: slow and dropping endpoints are treated as such.
    pub endpoint_states: bool,
    /// S61: answers to notifications count as if they had taken this much longer, in milliseconds of the sandbox's clock.
    pub endpoint_latency_ms: u64,
    /// S62: the shortest wait before a notification, in milliseconds of the sandbox's clock.
    pub notification_delay_min_ms: u64,
    /// S62: the longest.
    pub notification_delay_max_ms: u64,
    /// S62: how many in a hundred are lost.
    pub notification_loss_percent: u8,
    /// S62: how many in a hundred come twice.
    pub notification_duplicate_percent: u8,
    /// S62: notifications come in random order.
    pub notification_reorder: bool,
    /// S62: a new item answers 404 to GET for this long, in milliseconds of the sandbox's clock.
    pub created_visible_after_ms: u64,
    /// S65: a subscription whose token has lapsed holds its notifications back.
    pub token_lapse_pauses: bool,
    /// S66: `missed` and the other lifecycle events are sent.
    pub lifecycle_events: bool,
    /// S66: `reauthorizationRequired` comes by itself when a quarter of the token's life is left.
    pub reauthorization_schedule: bool,
    /// S67: the version of validation tokens, `v1` or `v2`.
    pub rich_token_version: RichTokenVersion,
    /// S67: `validationTokens` is null, as when the publisher lacks a role of the application (Q44).
    pub rich_null_tokens: bool,
    /// S67: what is wrong with notifications that have resource data.
    pub rich_tampering: RichTampering,
    /// S69: `users/{id}/events` fires for the default calendar only.
    pub events_default_calendar_only: bool,
}

impl Default for Knobs {
    fn default() -> Self {
        Self {
            strict_refresh_rotation: false,
            mfa_error: "invalid_grant".to_owned(),
            app_denied_mailboxes: Vec::new(),
            empty_error_bodies: false,
            latency_ms: 0,
            gzip: true,
            concurrency_limit: 4,
            concurrency_retry_after_seconds: 1,
            quota_requests: 10_000,
            quota_window_seconds: 600,
            upload_bytes: 150 * 1024 * 1024,
            batch_shuffle: true,
            batch_drop_response: false,
            page_bytes_limit: None,
            short_pages: false,
            largest_page: None,
            empty_page: false,
            read_keeps_modified: true,
            poisoned_items: false,
            unreadable_attachments: true,
            delete_lands_in: DeleteLandsIn::DeletedItems,
            folder_delta_hidden: true,
            send_delay_seconds: 1,
            send_changes_id: false,
            answer_drafts_ignore_comment: false,
            upload_session_seconds: 3_600,
            upload_token_refusal: TokenRefusal::Unauthorized,
            extra_delta_options: ExtraOptions::Ignore,
            filtered_round_limit: 5_000,
            partial_read_changes: true,
            removed_reason: RemovedReason::Deleted,
            immutable_lost_item: true,
            immutable_missing_add: false,
            delta_duplicates: false,
            delta_replays: false,
            delta_delays: false,
            delta_random_order: false,
            series_removal_reports_occurrences: false,
            live_delta_tokens: 16_384,
            dead_token: DeadToken::Gone,
            suppress_notifications: false,
            validation_error_code: "ValidationError".to_owned(),
            max_expiry_minutes: 10_080,
            max_rich_expiry_minutes: 1_440,
            duplicate_conflict: true,
            subscriptions_per_mailbox: 1_000,
            reauthorize_wedges: false,
            client_state_hidden: true,
            subscriptions_page_size: 100,
            created_delay_ms: 0,
            created_dropped: false,
            notification_batch: 20,
            notification_connections: 4,
            endpoint_states: true,
            endpoint_latency_ms: 0,
            notification_delay_min_ms: 1_000,
            notification_delay_max_ms: 5_000,
            notification_loss_percent: 0,
            notification_duplicate_percent: 0,
            notification_reorder: false,
            created_visible_after_ms: 0,
            token_lapse_pauses: false,
            lifecycle_events: true,
            reauthorization_schedule: true,
            rich_token_version: RichTokenVersion::V2,
            rich_null_tokens: false,
            rich_tampering: RichTampering::None,
            events_default_calendar_only: true,
        }
    }
}

/// Why knobs were not turned.
#[derive(Debug, thiserror::Error)]
pub enum KnobError {
    /// Not an object.
    #[error("knobs are set by a JSON object of names and values")]
    NotAnObject,
    /// No such knob.
    #[error("there is no knob '{name}'; the knobs are: {known}")]
    Unknown {
        /// The name given.
        name: String,
        /// All names there are.
        known: String,
    },
    /// A value that does not fit.
    #[error("a knob was given a value that does not fit")]
    Value(#[source] serde_json::Error),
}

impl Knobs {
    /// Turns the knobs named in `patch`, all or none.
    pub fn patch(&mut self, patch: &Value) -> Result<(), KnobError> {
        let patch = patch.as_object().ok_or(KnobError::NotAnObject)?;
        let mut whole = serde_json::to_value(&*self).map_err(KnobError::Value)?;
        let Some(fields) = whole.as_object_mut() else {
            return Err(KnobError::NotAnObject);
        };
        for (name, value) in patch {
            if !fields.contains_key(name) {
                let known = fields.keys().cloned().collect::<Vec<_>>().join(", ");
                return Err(KnobError::Unknown {
                    name: name.clone(),
                    known,
                });
            }
            fields.insert(name.clone(), value.clone());
        }
        *self = serde_json::from_value(whole).map_err(KnobError::Value)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_unknown_knob_is_refused_and_the_known_ones_are_named() {
        let mut knobs = Knobs::default();

        let refused = knobs.patch(&json!({"latency_ms": 5, "latency": 5}));

        let message = refused.unwrap_err().to_string();
        assert!(message.contains("'latency'") && message.contains("latency_ms"));
        assert_eq!(knobs, Knobs::default());
    }

    #[test]
    fn a_value_that_does_not_fit_turns_nothing() {
        let mut knobs = Knobs::default();

        assert!(
            knobs
                .patch(&json!({"gzip": false, "latency_ms": "slow"}))
                .is_err()
        );
        assert_eq!(knobs, Knobs::default());

        knobs
            .patch(&json!({"latency_ms": 200, "dead_token": "bad_request"}))
            .unwrap();
        assert_eq!(
            (knobs.latency_ms, knobs.dead_token),
            (200, DeadToken::BadRequest)
        );
    }
}
