//! A mailbox for the unit tests of the judgements.

use crate::model::ids::{GraphId, MailboxId, Owner};
use crate::model::mailbox::{Mailbox, MailboxState};
use crate::model::time::Timestamp;

pub(super) fn mailbox() -> Mailbox {
    let now = Timestamp::UNIX_EPOCH;
    Mailbox {
        id: MailboxId::generate(),
        owner: Owner::from("anna"),
        user_id: GraphId::from("user-1"),
        tenant_id: None,
        address: "anna@contoso.example".to_owned(),
        display_name: None,
        state: MailboxState::Connected,
        state_reason: None,
        state_since: now,
        connected_at: now,
        lease_token: None,
        lease_until: None,
        not_before: None,
        work_at: None,
        feed_position: 0,
        push_healthy: true,
        push_reason: None,
        folders_at: None,
        calendars_at: None,
        synced_at: None,
        backfilled_at: None,
        noticed_at: None,
        audit_at: None,
    }
}
