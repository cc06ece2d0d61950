//! A subscription: who watches what, and for how long (F9.1, F9.2).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use url::Url;

use super::super::stamp;
use super::super::world::{ChangeType, UserId};
use super::certificate::Certificate;
use super::membership::Membership;
use super::parcel::{Audience, Notice};
use super::resource::Watched;
use crate::model::time::Timestamp;

/// Which kinds of change a subscription is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ChangeTypes {
    created: bool,
    updated: bool,
    deleted: bool,
}

impl ChangeTypes {
    /// Reads `created,updated,deleted`; `None` when a word is none of them.
    pub fn parse(text: &str) -> Option<Self> {
        let mut types = Self::default();
        for word in text.split(',') {
            match word.trim().to_ascii_lowercase().as_str() {
                "created" => types.created = true,
                "updated" => types.updated = true,
                "deleted" => types.deleted = true,
                _ => return None,
            }
        }
        Some(types)
    }

    pub(super) fn has(self, what: ChangeType) -> bool {
        match what {
            ChangeType::Created => self.created,
            ChangeType::Updated => self.updated,
            ChangeType::Deleted => self.deleted,
        }
    }
}

/// A subscription.
#[derive(Debug, Clone)]
pub struct Subscription {
    /// Its id, a guid.
    pub id: String,
    /// The order it came in.
    pub number: u64,
    /// Whose it is.
    pub app_id: String,
    /// The tenant of that application, which its items carry (S59).
    pub tenant_id: String,
    /// The person whose token created it; none with the application's own.
    pub creator: Option<UserId>,
    /// The mailbox it watches.
    pub mailbox: UserId,
    /// What it watches there.
    pub watched: Watched,
    /// With `$filter`, the set it sees of that (S64).
    pub membership: Option<Membership>,
    /// The resource as the client wrote it.
    pub resource: String,
    /// The kinds of change.
    pub types: ChangeTypes,
    /// The kinds as the client wrote them.
    pub change_type: String,
    /// Where notifications go.
    pub notification_url: Url,
    /// Where lifecycle events go.
    pub lifecycle_url: Option<Url>,
    /// What every notification repeats.
    pub client_state: Option<String>,
    /// When it ends.
    pub expires_at: Timestamp,
    /// The id format of its notifications, fixed at creation (S57).
    pub immutable_ids: bool,
    /// With resource data.
    pub certificate: Option<Certificate>,
    /// The properties that resource data shows.
    pub select: Vec<String>,
    /// The lowest TLS it asks for.
    pub tls: String,
    /// Until when the token it holds is good (F9.30).
    pub authorised_until: Timestamp,
    /// When `reauthorizationRequired` is due next (S66).
    pub reauthorization_due: Timestamp,
    /// When it was last renewed by PATCH.
    pub patched_at: Option<Timestamp>,
    /// When it was last reauthorized.
    pub reauthorized_at: Option<Timestamp>,
    /// PATCH and reauthorize came too close (S55); with the knob nothing is delivered any more.
    pub wedged: bool,
    /// Waits for a fresh token, since when.
    pub(super) held: Vec<(Timestamp, Notice)>,
}

impl Subscription {
    /// As Graph shows it; `client_state` is null on GET, as the knob says (S56).
    pub fn render(&self, root: &str, with_client_state: bool) -> Map<String, Value> {
        let shown = json!({
            "@odata.context": format!("{root}/$metadata#subscriptions/$entity"),
            "id": self.id,
            "resource": self.resource,
            "applicationId": self.app_id,
            "changeType": self.change_type,
            "clientState": self.client_state.as_ref().filter(|_| with_client_state),
            "notificationUrl": self.notification_url.as_str(),
            "notificationQueryOptions": null,
            "notificationContentType": null,
            "lifecycleNotificationUrl": self.lifecycle_url.as_ref().map(Url::as_str),
            "expirationDateTime": stamp::ticks(self.expires_at),
            "creatorId": self.creator.as_ref().map_or(self.app_id.as_str(), |user| &user.0),
            "includeResourceData": self.certificate.is_some(),
            "latestSupportedTlsVersion": self.tls,
            "encryptionCertificate": null,
            "encryptionCertificateId": self.certificate.as_ref().map(|held| &held.id),
            "notificationUrlAppId": null,
        });
        match shown {
            Value::Object(shown) => shown,
            _ => Map::new(),
        }
    }

    /// Whom validation tokens are for; none without resource data.
    pub fn audience(&self) -> Option<Audience> {
        self.certificate.as_ref().map(|_| Audience {
            app_id: self.app_id.clone(),
            tenant_id: self.tenant_id.clone(),
        })
    }

    /// A fresh token takes the place of the one it held (F9.24, S55).
    pub fn authorise(&mut self, until: Timestamp, now: Timestamp) {
        self.authorised_until = until;
        self.reauthorization_due = reauthorization_due(until, now);
    }
}

/// When a quarter of the token's life is left (F10.42).
pub fn reauthorization_due(until: Timestamp, now: Timestamp) -> Timestamp {
    until - (until - now).max(chrono::TimeDelta::zero()) / 4
}

/// How the subscriptions stand, for the control interface.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SubscriptionStatus {
    /// Its id.
    pub id: String,
    /// The mailbox it watches.
    pub mailbox: String,
    /// The resource as the client wrote it.
    pub resource: String,
    /// The kinds of change.
    pub change_type: String,
    /// Where notifications go.
    pub notification_url: String,
    /// Where lifecycle events go.
    pub lifecycle_notification_url: Option<String>,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Until when the token it holds is good.
    pub authorised_until: Timestamp,
    /// Whether its notifications have immutable ids.
    pub immutable_ids: bool,
    /// Notifications that wait for its endpoint.
    pub waiting: usize,
    /// PATCH and reauthorize came within ten minutes of each other (S55).
    pub wedged: bool,
}
