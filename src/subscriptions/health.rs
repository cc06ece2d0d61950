//! Whether push is believed to work, and what people are told about it.
//!
//! This room knows whether Graph has what we want it to have. Whether notifications really arrive is measured by the
//! rounds (M33): a doubt stands on the row of the subscription, passes on to the one that replaces it, and is lifted only by
//! a notice that came after that one was made.

use crate::model::mailbox::{Mailbox, UNANNOUNCED};
use crate::model::work::{Subscription, SubscriptionScope, SubscriptionState};
use crate::store::MailboxMark;

use super::reach::Addresses;

/// Why Graph does not have what we want.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Graph knows no address of ours.
    NoAddress,
    /// F9.13.
    Quota,
    /// F9.19.
    Unreachable,
    /// F9.14, after all that could be removed was.
    Conflict,
    /// Anything else.
    Refused,
    /// Not there yet.
    Pending,
}

impl Trouble {
    /// What people read.
    pub(super) fn sentence(self) -> &'static str {
        match self {
            Self::NoAddress => {
                "Microsoft has no address of this service (PUBLIC_URL), so changes are found by polling"
            }
            Self::Quota => {
                "the mailbox has as many subscriptions as Microsoft allows, so changes are found by polling; end those of other applications"
            }
            Self::Unreachable => {
                "Microsoft could not reach this service at PUBLIC_URL, so changes are found by polling; check the address, its certificate and the firewall"
            }
            Self::Conflict => {
                "another subscription of this application holds the place of ours, so changes are found by polling"
            }
            Self::Refused => "Microsoft refused a subscription, so changes are found by polling",
            Self::Pending => "not every subscription has been made yet",
        }
    }
}

/// Whether this one is to be replaced: a change was not announced since it was made.
pub(super) fn is_silent(row: &Subscription) -> bool {
    row.state == SubscriptionState::Active && row.doubted_at > Some(row.created_at)
}

/// What is to be written on the mailbox's row, if anything.
pub(super) fn judge(
    mailbox: &Mailbox,
    reached: &Addresses,
    wanted: &[SubscriptionScope],
    stored: &[Subscription],
    trouble: Option<Trouble>,
) -> Option<MailboxMark> {
    let active = |scope: &SubscriptionScope| {
        stored.iter().find(|row| {
            row.scope == *scope
                && row.state == SubscriptionState::Active
                && reached.lead_here(&row.public_url)
        })
    };
    let missing = if reached.present.is_none() {
        Some(Trouble::NoAddress)
    } else if wanted.iter().all(|scope| active(scope).is_some()) {
        None
    } else {
        Some(trouble.unwrap_or(Trouble::Pending))
    };
    let reason = mailbox.push_reason.as_deref();
    match missing {
        // What was found out in an earlier run still holds while its rows wait.
        Some(Trouble::Pending) if !mailbox.push_healthy && reason.is_some() => None,
        Some(trouble) => mark(mailbox, false, Some(trouble.sentence())),
        None if stored.iter().any(|row| row.doubted_at.is_some()) => {
            mark(mailbox, false, Some(UNANNOUNCED))
        }
        None => mark(mailbox, true, None),
    }
}

fn mark(mailbox: &Mailbox, healthy: bool, reason: Option<&str>) -> Option<MailboxMark> {
    let stands = mailbox.push_healthy == healthy && mailbox.push_reason.as_deref() == reason;
    (!stands).then(|| MailboxMark::Push {
        healthy,
        reason: reason.map(str::to_owned),
    })
}
