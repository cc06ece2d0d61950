//! A subscription (F9.1, F9.2).

use serde::{Deserialize, Serialize};

use super::field::Text;

/// What Graph says of a subscription.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SubscriptionObject<'a> {
    /// Graph's id.
    #[serde(borrow)]
    pub id: Option<Text<'a>>,
    /// What it watches.
    #[serde(borrow)]
    pub resource: Option<Text<'a>>,
    /// `created,updated,deleted`.
    #[serde(borrow)]
    pub change_type: Option<Text<'a>>,
    /// Ours may be null on later reads (F9.2).
    #[serde(borrow)]
    pub client_state: Option<Text<'a>>,
    /// Where notifications go; its query holds our key (M25).
    #[serde(borrow)]
    pub notification_url: Option<Text<'a>>,
    /// Where lifecycle events go.
    #[serde(borrow)]
    pub lifecycle_notification_url: Option<Text<'a>>,
    /// When it ends; what Graph granted counts (F9.2).
    #[serde(borrow)]
    pub expiration_date_time: Option<Text<'a>>,
    /// Whose application.
    #[serde(borrow)]
    pub application_id: Option<Text<'a>>,
    /// Who made it.
    #[serde(borrow)]
    pub creator_id: Option<Text<'a>>,
}

/// What we ask for.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SubscriptionRequest {
    /// Which changes.
    pub change_type: String,
    /// Where notifications go.
    pub notification_url: String,
    /// Where lifecycle events go; cannot be added later (F9.23).
    pub lifecycle_notification_url: String,
    /// What is watched, without host and version.
    pub resource: String,
    /// With `Z` (F9.11).
    pub expiration_date_time: String,
    /// At most 128 characters.
    pub client_state: String,
    /// The lowest TLS version of our endpoint.
    pub latest_supported_tls_version: &'static str,
}
