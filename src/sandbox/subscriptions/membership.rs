//! Subscriptions with `$filter`: membership in the filtered set decides what a change is (F9.7, S64).

use std::collections::HashSet;

use super::super::mail::{MailState, MessageKey};
use super::super::query::filter::Filter;
use super::super::world::{Change, ChangeType, Entity};
use super::resource::Watched;

/// The set a filtered subscription sees.
#[derive(Debug, Clone)]
pub struct Membership {
    filter: Filter,
    /// The filter as the client wrote it.
    pub text: String,
    inside: HashSet<String>,
}

impl Membership {
    /// The set as it is now.
    pub fn begin(filter: Filter, text: String, mail: &MailState, watched: &Watched) -> Self {
        let mut set = Self {
            filter,
            text,
            inside: HashSet::new(),
        };
        for (_, key) in mail.newest_first() {
            if let Some(message) = mail.message(*key)
                && set.fits(mail, *key, watched)
            {
                set.inside.insert(message.immutable_id.clone());
            }
        }
        set
    }

    fn fits(&self, mail: &MailState, key: MessageKey, watched: &Watched) -> bool {
        let stands_there = match watched {
            Watched::Folder(folder) => mail
                .message(key)
                .is_some_and(|message| mail.folder_id(message.folder) == folder),
            _ => true,
        };
        stands_there && mail.matches(key, &self.filter)
    }

    /// What a change is to someone who sees the set only: entering it is `created`, leaving it is
    /// `deleted`, and what happens outside is nothing.
    pub fn seen(
        &mut self,
        change: &Change,
        mail: &MailState,
        watched: &Watched,
    ) -> Option<ChangeType> {
        let Entity::Message { immutable_id, .. } = &change.entity else {
            return None;
        };
        let is = mail
            .find_message(immutable_id)
            .is_some_and(|key| self.fits(mail, key, watched));
        let was = if is {
            !self.inside.insert(immutable_id.clone())
        } else {
            self.inside.remove(immutable_id)
        };
        match (change.what, was, is) {
            (ChangeType::Updated, false, true) | (ChangeType::Created, _, true) => {
                Some(ChangeType::Created)
            }
            // A move takes an item out and puts it in again, in either order.
            (ChangeType::Updated, true, false)
            | (ChangeType::Deleted, true, _)
            | (ChangeType::Deleted, _, true) => Some(ChangeType::Deleted),
            (ChangeType::Updated, true, true) => Some(ChangeType::Updated),
            (_, _, false) => None,
        }
    }
}
