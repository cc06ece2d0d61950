//! What a token may do, and whose mailbox it may reach (F1.18 to F1.21, S9).

use super::error::GraphFault;
use super::identity::Caller;
use super::world::State;

/// What a call does to what it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// It reads.
    Read,
    /// It writes.
    Write,
    /// It sends mail.
    Send,
}

/// A valid token without the scope is 403; `area` is `Mail` or `Calendars`.
pub fn permit(caller: &Caller, area: &str, need: Need) -> Result<(), GraphFault> {
    let permitted = caller.scopes.iter().any(|scope| {
        let mut words = scope.split('.');
        if words.next() != Some(area) {
            return false;
        }
        match words.next().unwrap_or_default() {
            "ReadWrite" => need != Need::Send,
            "Read" | "ReadBasic" => need == Need::Read,
            "Send" => need == Need::Send,
            _ => false,
        }
    });
    if permitted {
        Ok(())
    } else {
        Err(GraphFault::access_denied())
    }
}

/// S9: a delegated token reaches its own mailbox only; an application's any that is not denied to it.
pub fn reachable(state: &State, caller: &Caller, index: usize) -> Result<(), GraphFault> {
    let user = state
        .mailboxes
        .get(index)
        .map(|mailbox| &mailbox.user.id)
        .ok_or_else(GraphFault::no_such_user)?;
    let denied = match &caller.user {
        Some(own) => own != user,
        None => state
            .knobs
            .app_denied_mailboxes
            .iter()
            .any(|denied| denied.eq_ignore_ascii_case(&user.0)),
    };
    if denied {
        Err(GraphFault::access_denied())
    } else {
        Ok(())
    }
}
