//! One item of a notification, in the many shapes Graph has been seen to send (F10.2 to F10.9, S59).

use serde::Serialize;

use super::super::ids::guid;
use super::super::stamp;
use super::super::world::{Change, ChangeType, Entity};
use super::Subscription;
use super::rich::EncryptedContent;
use crate::model::time::Timestamp;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Item<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    subscription_id: &'a str,
    subscription_expiration_date_time: String,
    change_type: &'static str,
    resource: &'a str,
    resource_data: ResourceData<'a>,
    client_state: Option<&'a str>,
    tenant_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    encrypted_content: Option<EncryptedContent>,
}

#[derive(Serialize)]
struct ResourceData<'a> {
    #[serde(rename = "@odata.type")]
    odata_type: &'static str,
    #[serde(rename = "@odata.id")]
    odata_id: &'a str,
    #[serde(rename = "@odata.etag")]
    etag: &'a str,
    id: &'a str,
}

/// An item as JSON, with what it carries of the resource.
pub(in super::super) fn render(
    subscription: &Subscription,
    change: &Change,
    what: ChangeType,
    content: Option<EncryptedContent>,
    rng: &mut fastrand::Rng,
) -> String {
    let (immutable_id, default_id, kind) = match &change.entity {
        Entity::Message {
            immutable_id,
            default_id,
            ..
        } => (immutable_id, default_id, "Message"),
        Entity::Event {
            immutable_id,
            default_id,
            ..
        } => (immutable_id, default_id, "Event"),
    };
    let id = if subscription.immutable_ids {
        immutable_id
    } else {
        default_id
    };
    let user = &subscription.mailbox.0;
    let tenant_id = &subscription.tenant_id;
    let resource = match rng.u8(0..4) {
        0 => format!(
            "users/{user}@{tenant_id}/{}s/{id}",
            kind.to_ascii_lowercase()
        ),
        1 => format!("Users('{user}')/{}s('{id}')", kind.to_ascii_lowercase()),
        _ => format!("Users/{user}/{kind}s/{id}"),
    };
    let item = Item {
        id: rng.bool().then(|| guid(rng)),
        subscription_id: &subscription.id,
        subscription_expiration_date_time: expiry(subscription.expires_at, rng),
        change_type: match what {
            ChangeType::Created => "created",
            ChangeType::Updated => "updated",
            ChangeType::Deleted => "deleted",
        },
        resource: &resource,
        resource_data: ResourceData {
            // F10.3
            odata_type: match (kind, subscription.certificate.is_some()) {
                ("Message", false) => "#Microsoft.Graph.Message",
                ("Message", true) => "#microsoft.graph.message",
                (_, false) => "#Microsoft.Graph.Event",
                (_, true) => "#microsoft.graph.event",
            },
            odata_id: &resource,
            etag: &change.etag,
            id,
        },
        client_state: subscription.client_state.as_deref(),
        tenant_id,
        encrypted_content: content,
    };
    serde_json::to_string(&item).expect("an item has text keys only")
}

/// F10.9: now and then with another offset than Z.
pub(in super::super) fn expiry(at: Timestamp, rng: &mut fastrand::Rng) -> String {
    match (rng.u8(0..8), chrono::FixedOffset::east_opt(19_800)) {
        (0, Some(offset)) => at.with_timezone(&offset).to_rfc3339(),
        _ => stamp::ticks(at),
    }
}
