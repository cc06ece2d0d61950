//! A connected account and the state it is in.

use serde::{Deserialize, Serialize};

use super::ids::{GraphId, LeaseToken, MailboxId, Owner};
use super::time::Timestamp;

/// Whether a mailbox is being mirrored, and if not, who must act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MailboxState {
    /// It is mirrored.
    Connected,
    /// The person must sign in again; its work is stopped, its data kept (M7).
    NeedsReauth,
    /// Graph says the mailbox cannot be reached: no licence, moved away, blocked by an administrator. It is probed
    /// daily.
    Suspended,
    /// It was disconnected on purpose: no grant, no subscriptions, no work.
    Disconnected,
}

/// Why a mailbox is not simply connected; a closed list, so that an application can tell people what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StateReason {
    /// The grant was revoked or the password reset by an administrator (AADSTS50173, 70000).
    GrantRevoked,
    /// The refresh token ended from age or inactivity (AADSTS70008, 700082, 700084).
    GrantExpired,
    /// A further factor or a fresh sign-in is asked for (AADSTS50076, 50078, 50079, 70043).
    InteractionRequired,
    /// Consent is missing or was declined (AADSTS65001, 65004, 90094).
    ConsentRequired,
    /// Conditional Access or an assignment rule blocks the sign-in (AADSTS53000, 53001, 53003, 530032, 50105).
    BlockedByPolicy,
    /// The person is not in the tenant any more (AADSTS50020, 50034, 51004).
    UserGone,
    /// Graph refuses with 403: the permission lacks, or an application policy denies the mailbox (F1.20).
    AccessDenied,
    /// No licence, on premises, soft-deleted or inactive (`MailboxNotEnabledForRESTAPI`).
    MailboxUnavailable,
    /// Graph keeps refusing tokens that the identity platform just gave (M8).
    TokenRefused,
    /// Somebody asked for the disconnection.
    ByRequest,
}

/// What people read while the rounds doubt a subscription (M33).
pub const UNANNOUNCED: &str = "Microsoft did not announce a change within its time, so changes are found by polling; the silent subscription is replaced";

/// A mailbox as the store keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct Mailbox {
    /// Our id.
    pub id: MailboxId,
    /// Who owns it in the host application.
    pub owner: Owner,
    /// The account's object id in Graph (F10.4).
    pub user_id: GraphId,
    /// The tenant it belongs to, when known.
    pub tenant_id: Option<String>,
    /// Its address as Graph reports it.
    pub address: String,
    /// The person's name.
    pub display_name: Option<String>,
    /// What it is in.
    pub state: MailboxState,
    /// Why, when it is not connected.
    pub state_reason: Option<StateReason>,
    /// Since when.
    pub state_since: Timestamp,
    /// When it was first connected.
    pub connected_at: Timestamp,
    /// The fencing token of the present home.
    pub lease_token: Option<LeaseToken>,
    /// Until when the present home holds it.
    pub lease_until: Option<Timestamp>,
    /// No request before this instant (Retry-After fence).
    pub not_before: Option<Timestamp>,
    /// When it needs attention next, notices and commands aside.
    pub work_at: Option<Timestamp>,
    /// The position of the last entry of its feed.
    pub feed_position: i64,
    /// Whether push is believed to work (M33).
    pub push_healthy: bool,
    /// Why push is or is not used, for people.
    pub push_reason: Option<String>,
    /// When the folder tree was last walked whole.
    pub folders_at: Option<Timestamp>,
    /// When the calendars were last listed.
    pub calendars_at: Option<Timestamp>,
    /// When every cursor had been polled last: the mirror is complete as of this instant.
    pub synced_at: Option<Timestamp>,
    /// When the first full round of everything had ended.
    pub backfilled_at: Option<Timestamp>,
    /// When the last notice arrived.
    pub noticed_at: Option<Timestamp>,
    /// When the next audit is due.
    pub audit_at: Option<Timestamp>,
}
