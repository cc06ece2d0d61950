//! What to do about the subscriptions of a mailbox: the wanted ones beside those we know and those Graph lists.
//!
//! Pure, so that every rule of M23 to M33 is a test here. It is asked again after each step, with what the step
//! brought, until it has nothing left to say; therefore it may name a successor now and the predecessor's end only
//! once the successor lives. It never names the end of something that another connection of the account holds.

use std::collections::HashSet;

use chrono::TimeDelta;

use crate::model::ids::{GraphId, SubscriptionKey};
use crate::model::time::Timestamp;
use crate::model::work::{Subscription, SubscriptionScope, SubscriptionState};

use super::address::{is_at, is_same_resource, resource};
use super::reach::Addresses;

/// No two attempts to renew come closer together (M31; F10.46).
pub(super) const TOUCH_PAUSE: TimeDelta = TimeDelta::minutes(10);

/// A subscription as Graph lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Graph's id.
    pub graph_id: String,
    /// What it watches.
    pub resource: String,
    /// Where it posts.
    pub notification_url: String,
    /// The key in that address, when it is one of ours.
    pub key: Option<SubscriptionKey>,
    /// Whether that key belongs to another mailbox of ours: the same account connected by another owner.
    pub is_anothers: bool,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// What is known before deciding.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    /// The account.
    pub user: &'a GraphId,
    /// Where Graph reaches us; without a present address nothing is wanted.
    pub reached: &'a Addresses,
    /// What should be watched.
    pub wanted: &'a [SubscriptionScope],
    /// What we know.
    pub stored: &'a [Subscription],
    /// What Graph has, when it was asked.
    pub listed: Option<&'a [Listed]>,
    /// Scopes whose creation Graph has just refused because there is one already (M26).
    pub conflicts: &'a [SubscriptionScope],
    /// The present.
    pub now: Timestamp,
}

/// One step towards what is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Ask Graph what it has, then plan again.
    List,
    /// Register a row (or take the one that waits, `again`) and create it at Graph.
    Create {
        /// What to watch.
        scope: SubscriptionScope,
        /// The row of an attempt that came to nothing.
        again: Option<SubscriptionKey>,
    },
    /// Graph has it: the 201 was lost (M25).
    Adopt {
        /// Ours.
        key: SubscriptionKey,
        /// Graph's.
        graph_id: String,
        /// When it ends.
        expires_at: Timestamp,
    },
    /// Renew it.
    Renew {
        /// Ours.
        key: SubscriptionKey,
        /// Graph's.
        graph_id: String,
    },
    /// Delete it at Graph, if it is there, then forget its row.
    Delete {
        /// Ours.
        key: SubscriptionKey,
        /// Graph's.
        graph_id: String,
    },
    /// Graph does not have it (any more): forget its row.
    Forget {
        /// Ours.
        key: SubscriptionKey,
    },
    /// Delete at Graph what no row of ours names.
    Remove {
        /// Graph's.
        graph_id: String,
    },
}

/// The next steps, in order.
pub fn plan(situation: &Situation<'_>) -> Vec<Action> {
    let mut steps = Steps {
        situation,
        actions: Vec::new(),
        spoken_for: HashSet::new(),
    };
    for row in situation.stored {
        if !steps.is_wanted(&row.scope) {
            steps.end(row);
        }
    }
    if situation.reached.present.is_some() {
        for scope in situation.wanted {
            steps.scope(scope);
        }
    }
    steps.remove_orphans();
    let mut actions = steps.actions;
    if actions.contains(&Action::List) {
        // What Graph has decides over the rest.
        actions = vec![Action::List];
    }
    actions
}

/// When the plan can have something new to say, if nothing happens before.
pub fn due_at(stored: &[Subscription]) -> Option<Timestamp> {
    stored
        .iter()
        .filter_map(|row| match row.state {
            SubscriptionState::Active => {
                let touched = row.touched_at.map(|at| at + TOUCH_PAUSE);
                let renewal = row.renew_at.max(touched).max(row.not_before);
                // An ended one is replaced, whatever its renewal waits for.
                renewal.into_iter().chain(row.expires_at).min()
            }
            SubscriptionState::Creating => row.not_before.or(Some(row.created_at)),
            // Without a failure behind it, it waits for its successor.
            SubscriptionState::Retiring => row.not_before,
        })
        .min()
}

struct Steps<'a> {
    situation: &'a Situation<'a>,
    actions: Vec<Action>,
    /// Graph's ids that an action deals with already.
    spoken_for: HashSet<String>,
}

impl<'a> Steps<'a> {
    fn is_wanted(&self, scope: &SubscriptionScope) -> bool {
        self.situation.reached.present.is_some() && self.situation.wanted.contains(scope)
    }

    fn scope(&mut self, scope: &SubscriptionScope) {
        let rows = self.rows_of(scope);
        let mut good: Vec<&Subscription> = rows
            .iter()
            .copied()
            .filter(|row| self.is_good(row))
            .collect();
        good.sort_by_key(|row| std::cmp::Reverse((row.created_at, row.key)));
        let has_good = !good.is_empty();
        if let Some((newest, others)) = good.split_first() {
            self.keep(newest);
            for other in others {
                self.end(other);
            }
        }
        // Predecessors before creations: where Graph allows one only, the old one must go first.
        let (creating, others): (Vec<_>, Vec<_>) = rows
            .into_iter()
            .filter(|row| !self.is_good(row))
            .partition(|row| row.state == SubscriptionState::Creating);
        for row in others {
            if has_good || self.is_gone(row) || self.is_in_conflict(scope) {
                self.end(row);
            }
        }
        let mut is_under_way = false;
        for row in creating {
            if has_good || is_under_way || !self.is_here(row) {
                self.end(row);
            } else {
                is_under_way = true;
                self.create_again(row);
            }
        }
        if !has_good && !is_under_way {
            self.resolve_conflict(scope);
            self.actions.push(Action::Create {
                scope: scope.clone(),
                again: None,
            });
        }
    }

    /// A row that serves: alive, for an address of ours, and not to be replaced.
    fn is_good(&self, row: &Subscription) -> bool {
        row.state == SubscriptionState::Active && self.is_here(row) && !self.is_gone(row)
    }

    fn is_here(&self, row: &Subscription) -> bool {
        self.situation.reached.lead_here(&row.public_url)
    }

    /// Graph has it no longer: it ended, or Graph's list lacks it.
    fn is_gone(&self, row: &Subscription) -> bool {
        let has_ended = row.expires_at.is_some_and(|at| at <= self.situation.now);
        let is_missing = row.state != SubscriptionState::Creating
            && self.situation.listed.is_some_and(|listed| {
                !listed
                    .iter()
                    .any(|one| Some(one.graph_id.as_str()) == row.graph_id.as_deref())
            });
        has_ended || is_missing
    }

    fn keep(&mut self, row: &Subscription) {
        let Some(graph_id) = row.graph_id.clone() else {
            return;
        };
        self.spoken_for.insert(graph_id.clone());
        let now = self.situation.now;
        let is_due = row.renew_at.is_none_or(|at| at <= now);
        let is_free = row.touched_at.is_none_or(|at| at + TOUCH_PAUSE <= now)
            && row.not_before.is_none_or(|at| at <= now);
        if is_due && is_free {
            self.actions.push(Action::Renew {
                key: row.key,
                graph_id,
            });
        }
    }

    /// An attempt whose outcome is not known: Graph's list tells.
    fn create_again(&mut self, row: &Subscription) {
        if row.not_before.is_some_and(|at| at > self.situation.now) {
            return;
        }
        let Some(listed) = self.situation.listed else {
            self.actions.push(Action::List);
            return;
        };
        if let Some(found) = listed.iter().find(|one| one.key == Some(row.key)) {
            self.spoken_for.insert(found.graph_id.clone());
            self.actions.push(Action::Adopt {
                key: row.key,
                graph_id: found.graph_id.clone(),
                expires_at: found.expires_at,
            });
            return;
        }
        self.resolve_conflict(&row.scope);
        self.actions.push(Action::Create {
            scope: row.scope.clone(),
            again: Some(row.key),
        });
    }

    /// Makes way for a creation that Graph refused: whatever it lists for the same resource goes, ours or unknown (M26).
    fn resolve_conflict(&mut self, scope: &SubscriptionScope) {
        if !self.is_in_conflict(scope) {
            return;
        }
        let Some(listed) = self.situation.listed else {
            self.actions.push(Action::List);
            return;
        };
        let wanted = resource(self.situation.user, scope);
        for one in listed {
            let stands_in_the_way =
                is_same_resource(self.situation.user, &one.resource, &wanted) && !one.is_anothers;
            let is_a_rows = self
                .situation
                .stored
                .iter()
                .any(|row| row.graph_id.as_deref() == Some(one.graph_id.as_str()));
            if stands_in_the_way && !is_a_rows && self.spoken_for.insert(one.graph_id.clone()) {
                self.actions.push(Action::Remove {
                    graph_id: one.graph_id.clone(),
                });
            }
        }
    }

    fn is_in_conflict(&self, scope: &SubscriptionScope) -> bool {
        self.situation.conflicts.contains(scope)
    }

    /// A row that is not wanted any more.
    fn end(&mut self, row: &Subscription) {
        // A deletion that failed waits; an attempt that failed has nothing to be deleted.
        let must_wait = row.graph_id.is_some()
            && row.not_before.is_some_and(|at| at > self.situation.now)
            && !self.is_in_conflict(&row.scope);
        if must_wait {
            return;
        }
        if let Some(graph_id) = &row.graph_id {
            self.spoken_for.insert(graph_id.clone());
            self.actions.push(if self.is_gone(row) {
                Action::Forget { key: row.key }
            } else {
                Action::Delete {
                    key: row.key,
                    graph_id: graph_id.clone(),
                }
            });
            return;
        }
        let Some(listed) = self.situation.listed else {
            self.actions.push(Action::List);
            return;
        };
        self.actions
            .push(match listed.iter().find(|one| one.key == Some(row.key)) {
                Some(found) => {
                    self.spoken_for.insert(found.graph_id.clone());
                    Action::Delete {
                        key: row.key,
                        graph_id: found.graph_id.clone(),
                    }
                }
                None => Action::Forget { key: row.key },
            });
    }

    /// What posts to this service and belongs to no row: left by a database that was lost or restored.
    fn remove_orphans(&mut self) {
        let (Some(listed), Some(public_url)) =
            (self.situation.listed, &self.situation.reached.present)
        else {
            return;
        };
        for one in listed {
            let is_ours = is_at(&one.notification_url, public_url) && !one.is_anothers;
            let is_a_rows = self.situation.stored.iter().any(|row| {
                row.graph_id.as_deref() == Some(one.graph_id.as_str())
                    || (row.graph_id.is_none() && one.key == Some(row.key))
            });
            if is_ours && !is_a_rows && self.spoken_for.insert(one.graph_id.clone()) {
                self.actions.push(Action::Remove {
                    graph_id: one.graph_id.clone(),
                });
            }
        }
    }

    fn rows_of(&self, scope: &SubscriptionScope) -> Vec<&'a Subscription> {
        self.situation
            .stored
            .iter()
            .filter(|row| row.scope == *scope)
            .collect()
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
