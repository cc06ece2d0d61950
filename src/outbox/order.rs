//! Which command's turn it is. Pure.
//!
//! Oldest first; one that was put off lets others pass, but never one that is about the same item: a draft must not go out
//! before the change that was asked for earlier.

use std::collections::HashSet;

use crate::model::ids::GraphId;
use crate::model::time::Timestamp;
use crate::model::work::Command;
use crate::model::write::Write;

/// The command whose turn it is now. `waiting` is oldest first.
pub fn next(waiting: Vec<Command>, now: Timestamp) -> Option<Command> {
    let mut held = HashSet::<GraphId>::new();
    for command in waiting {
        let target = command.wish.write().and_then(Write::target).cloned();
        let is_due = command.due_at.is_none_or(|due| due <= now);
        let is_held = target.as_ref().is_some_and(|target| held.contains(target));
        if is_due && !is_held {
            return Some(command);
        }
        held.extend(target);
        held.extend(command.graph_id);
    }
    None
}

/// When the next command's turn comes, if none has it now.
pub fn next_due(waiting: &[Command]) -> Option<Timestamp> {
    waiting.iter().filter_map(|command| command.due_at).min()
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::model::ids::{CommandId, MailboxId};
    use crate::model::work::Wish;

    fn command(write: Write, due_at: Option<Timestamp>) -> Command {
        Command {
            id: CommandId::generate(),
            mailbox: MailboxId::generate(),
            wish: Wish::Write(Box::new(write)),
            requested_at: Timestamp::UNIX_EPOCH,
            outcome: None,
            failure_code: None,
            attempts: 0,
            due_at,
            graph_id: None,
            progress: None,
            request_digest: None,
        }
    }

    #[test]
    fn what_was_put_off_lets_others_pass_but_none_about_the_same_item() {
        let now = Timestamp::UNIX_EPOCH;
        let change = |id: &str| Write::SendDraft {
            id: GraphId::from(id),
        };
        let put_off = command(change("a"), Some(now + TimeDelta::seconds(5)));
        let same = command(change("a"), None);
        let other = command(change("b"), None);
        let waiting = vec![put_off.clone(), same, other.clone()];

        assert_eq!(next_due(&waiting), put_off.due_at);
        assert_eq!(next(waiting.clone(), now).map(|one| one.id), Some(other.id));
        let then = now + TimeDelta::seconds(5);
        assert_eq!(next(waiting, then).map(|one| one.id), Some(put_off.id));
    }
}
