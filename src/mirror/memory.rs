//! What a home remembers while it serves a mailbox: nothing that could not be forgotten.
//!
//! Which cursors are being walked, so that a round and a burst never walk the same one; which folders are known, so that a
//! message in a new one sends us to the tree (M46); whether push is believed to work.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::model::ids::GraphId;
use crate::model::work::CursorScope;

#[derive(Debug, Default)]
pub(crate) struct Memory {
    state: Mutex<State>,
    /// Held by whoever reads stored events in order to write others: a series is refreshed and a view is walked by
    /// different hands.
    pub(crate) series: tokio::sync::Mutex<()>,
    released: Notify,
}

#[derive(Debug, Default)]
struct State {
    walking: HashSet<CursorScope>,
    /// The folders that the tree showed; none before it was looked at.
    folders: Option<Arc<HashSet<GraphId>>>,
    push_is_ill: bool,
    calendars_wanted: bool,
}

/// The right to walk one cursor; given back when dropped.
#[derive(Debug)]
pub(crate) struct Claim {
    memory: Arc<Memory>,
    scope: CursorScope,
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.memory.state().walking.remove(&self.scope);
        self.memory.released.notify_waiters();
    }
}

impl Memory {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Claims a cursor; none when it is being walked.
    pub(crate) fn claim(self: &Arc<Self>, scope: &CursorScope) -> Option<Claim> {
        let is_free = self.state().walking.insert(scope.clone());
        is_free.then(|| Claim {
            memory: Arc::clone(self),
            scope: scope.clone(),
        })
    }

    /// Whether a cursor is being walked.
    pub(crate) fn is_walking(&self, scope: &CursorScope) -> bool {
        self.state().walking.contains(scope)
    }

    /// Whether any cursor is being walked.
    pub(crate) fn is_anything_walking(&self) -> bool {
        !self.state().walking.is_empty()
    }

    /// Claims a cursor, once whoever walks it has done so.
    pub(crate) async fn claim_in_turn(self: &Arc<Self>, scope: &CursorScope) -> Claim {
        loop {
            // Listen first: a claim given back in between would otherwise be missed.
            let released = self.released.notified();
            tokio::pin!(released);
            released.as_mut().enable();
            if let Some(claim) = self.claim(scope) {
                return claim;
            }
            released.await;
        }
    }

    /// The tree was looked at.
    pub(crate) fn folders_are(&self, folders: HashSet<GraphId>) -> Arc<HashSet<GraphId>> {
        let folders = Arc::new(folders);
        self.state().folders = Some(Arc::clone(&folders));
        folders
    }

    /// The folders that the tree showed, if it was looked at.
    pub(crate) fn folders(&self) -> Option<Arc<HashSet<GraphId>>> {
        self.state().folders.clone()
    }

    /// Push does not work, or works again.
    pub(crate) fn push_is_ill(&self, ill: bool) {
        self.state().push_is_ill = ill;
    }

    /// Whether push was found not to work.
    pub(crate) fn is_push_ill(&self) -> bool {
        self.state().push_is_ill
    }

    /// An event named a calendar that is new to us, or a calendar did not answer.
    pub(crate) fn want_calendars(&self) {
        self.state().calendars_wanted = true;
    }

    /// Whether the calendars are to be listed before their time; asked once.
    pub(crate) fn take_calendars_wanted(&self) -> bool {
        std::mem::take(&mut self.state().calendars_wanted)
    }

    /// Whether the calendars are to be listed before their time.
    pub(crate) fn are_calendars_wanted(&self) -> bool {
        self.state().calendars_wanted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_waits_for_a_cursor_gets_it_when_it_is_given_back() {
        let memory = Arc::new(Memory::default());
        let claim = memory.claim(&CursorScope::Folders).expect("it is free");
        let waiting = Arc::clone(&memory);
        let waiter = tokio::spawn(async move {
            waiting.claim_in_turn(&CursorScope::Folders).await;
        });

        drop(claim);

        waiter.await.expect("the waiter gets its turn");
    }

    #[test]
    fn a_cursor_is_walked_by_one_at_a_time() {
        // M43
        let memory = Arc::new(Memory::default());

        let claim = memory.claim(&CursorScope::Folders).expect("it is free");
        assert!(memory.claim(&CursorScope::Folders).is_none());
        drop(claim);
        assert!(memory.claim(&CursorScope::Folders).is_some());
    }
}
