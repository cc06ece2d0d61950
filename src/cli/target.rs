//! Which mailboxes a command means.

use clap::Args;

use super::keys::owner;
use super::report::Failure;
use crate::model::ids::Owner;
use crate::model::mailbox::{Mailbox, MailboxState};
use crate::store::Store;

/// Which mailboxes a command means.
#[derive(Debug, Clone, Args)]
pub(super) struct Target {
    /// The mailboxes, by address or id; all connected ones when none is named
    #[arg(value_name = "MAILBOX")]
    named: Vec<String>,
    /// Only the mailboxes of this owner
    #[arg(long, value_name = "OWNER", value_parser = owner)]
    owner: Option<Owner>,
}

impl Target {
    /// The mailboxes that are meant. A named one is found in any state, the others only while they are mirrored.
    pub(super) async fn find(&self, store: &Store) -> Result<Vec<Mailbox>, Failure> {
        let known = store.mailboxes_list(self.owner.as_ref()).await?;
        if self.named.is_empty() {
            return Ok(known
                .into_iter()
                .filter(|mailbox| mailbox.state != MailboxState::Disconnected)
                .collect());
        }
        let mut found = Vec::new();
        for name in &self.named {
            found.push(one(&known, name)?);
        }
        Ok(found)
    }
}

/// The one mailbox with this address or id.
pub(super) fn one(known: &[Mailbox], name: &str) -> Result<Mailbox, Failure> {
    let matching: Vec<&Mailbox> = known
        .iter()
        .filter(|mailbox| {
            mailbox.address.to_lowercase() == name.to_lowercase()
                || mailbox.id.to_string() == name.to_lowercase()
        })
        .collect();
    match matching.as_slice() {
        [] => Err(Failure::new(format!("there is no mailbox {name}"))
            .hinting("`graph-mirror mailboxes list` shows the mailboxes and their ids")),
        [mailbox] => Ok((*mailbox).clone()),
        several => {
            let owners: Vec<String> = several
                .iter()
                .map(|mailbox| mailbox.owner.to_string())
                .collect();
            Err(Failure::new(format!(
                "several owners have connected {name}: {}",
                owners.join(", ")
            ))
            .hinting("add --owner OWNER, or name the mailbox by its id"))
        }
    }
}
