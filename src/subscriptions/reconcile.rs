//! Takes the steps that the plan names, until it has nothing left to say (M23).
//!
//! Runs inside the mailbox's home, so every write carries its fence.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chrono::TimeDelta;

use crate::graph::MailboxGraph;
use crate::model::ids::MailboxId;
use crate::model::mailbox::Mailbox;
use crate::model::time::{SharedClock, Timestamp};
use crate::model::work::{Fence, Subscription, SubscriptionScope};
use crate::secrets::sign::Signer;
use crate::store::{Store, StoreError};

use super::error::SubscriptionsError;
use super::health::{self, Trouble};
use super::lifetime::Lifetimes;
use super::listing::list;
use super::plan::{Action, Listed, Situation, plan};
use super::reach::{Addresses, Reach};
use super::steps::{backoff, give_up_on};

/// The plan settles in a few passes; a mailbox that Graph keeps contradicting waits for the next run.
const PASSES: usize = 8;
/// Graph's list is compared with ours at least so often (M23).
const LIST_EVERY: TimeDelta = TimeDelta::hours(24);
/// A row that the plan cannot help now is not looked at sooner than this.
const PAUSE: TimeDelta = TimeDelta::seconds(30);
/// A subscription whose notifications don't come is not replaced more often than this.
const DOUBT_PAUSE: TimeDelta = TimeDelta::hours(1);
/// Calendars that are watched at most; the others are polled.
const MOST_CALENDARS: usize = 100;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reconciled {
    /// When the next run is due, if nothing happens before.
    pub next_at: Option<Timestamp>,
}

/// Looks after the subscriptions of all mailboxes, one at a time.
#[derive(Debug)]
pub struct Reconciler {
    pub(super) store: Store,
    clock: ClockBox,
    pub(super) signer: Signer,
    reach: Reach,
    pub(super) lifetimes: Lifetimes,
    lists: Mutex<HashMap<MailboxId, Lists>>,
}

/// When Graph's list for a mailbox is read.
#[derive(Debug, Clone, Copy)]
struct Lists {
    /// To be compared with ours again.
    due_at: Timestamp,
    /// Not even when the plan asks for it.
    not_before: Option<Timestamp>,
    failures: i64,
}

struct ClockBox(SharedClock);

impl std::fmt::Debug for ClockBox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}

/// One run.
pub(super) struct Run<'a> {
    pub(super) reconciler: &'a Reconciler,
    pub(super) mailbox: &'a Mailbox,
    pub(super) fence: &'a Fence,
    pub(super) graph: &'a MailboxGraph,
    /// Where Graph reaches us, from the beginning of the run to its end.
    pub(super) reached: Addresses,
    /// Scopes that Graph has refused because there is one already (M26).
    pub(super) conflicts: Vec<SubscriptionScope>,
    pub(super) trouble: Option<Trouble>,
    /// Graph asked for patience: no further step in this run.
    pub(super) is_halted: bool,
}

impl Reconciler {
    /// A reconciler for a service that Graph reaches as `reach` says when it is looked at.
    pub fn new(store: Store, clock: SharedClock, signer: Signer, reach: Reach) -> Self {
        Self {
            store,
            clock: ClockBox(clock),
            signer,
            reach,
            lifetimes: Lifetimes::default(),
            lists: Mutex::default(),
        }
    }

    /// Brings the subscriptions of a mailbox to what is wanted: all of its messages, and the events of each calendar that
    /// is its own (M55). Cheap when nothing is to be done. The cursors that a new subscription covers are marked (M28).
    pub async fn reconcile(
        &self,
        mailbox: &Mailbox,
        fence: &Fence,
        graph: &MailboxGraph,
    ) -> Result<Reconciled, SubscriptionsError> {
        let reached = self.reach.addresses();
        let wanted = self.wanted(mailbox, &reached).await?;
        // The home's copy of the row is as old as its spell.
        let Some(present) = self.store.mailbox_get(mailbox.id).await? else {
            return Ok(Reconciled::default());
        };
        let mut run = Run {
            reconciler: self,
            mailbox: &present,
            fence,
            graph,
            reached,
            conflicts: Vec::new(),
            trouble: None,
            is_halted: false,
        };
        run.answer_doubts().await?;
        let stored = run.settle(&wanted).await?;
        let mark = health::judge(&present, &run.reached, &wanted, &stored, run.trouble);
        if let Some(mark) = mark {
            let mut tx = run.begin().await?;
            tx.mailbox_mark(mailbox.id, &[mark], self.now()).await?;
            tx.commit().await?;
        }
        let now = self.now();
        let list_at = (!stored.is_empty()).then(|| self.lists_of(mailbox.id).due_at);
        let rows_at = self.due_at(mailbox.id, &stored);
        let next_at = rows_at.into_iter().chain(list_at).min();
        Ok(Reconciled {
            next_at: next_at.map(|at| at.max(now + PAUSE)),
        })
    }

    async fn wanted(
        &self,
        mailbox: &Mailbox,
        reached: &Addresses,
    ) -> Result<Vec<SubscriptionScope>, StoreError> {
        let mut wanted = vec![SubscriptionScope::Messages];
        if reached.present.is_none() {
            return Ok(wanted);
        }
        let calendars = self.store.calendars_list(mailbox.id).await?;
        // Another's calendar is polled: its events belong to another mailbox (M55).
        let own = calendars.into_iter().filter(|calendar| {
            calendar.owner_address.as_deref().is_none_or(|owner| {
                calendar.is_default || owner.eq_ignore_ascii_case(&mailbox.address)
            })
        });
        wanted.extend(
            own.take(MOST_CALENDARS)
                .map(|calendar| SubscriptionScope::Events {
                    calendar: calendar.external_id,
                }),
        );
        Ok(wanted)
    }

    /// When a run can have something to do, if nothing happens before. What needs Graph's list waits for it as long as the list
    /// itself does: whoever asked at once again would ask without a pause.
    pub fn due_at(&self, mailbox: MailboxId, stored: &[Subscription]) -> Option<Timestamp> {
        let now = self.now();
        let barred_until = self.lists_of(mailbox).not_before;
        super::plan::due_at(stored).map(|due| {
            if due <= now {
                barred_until.map_or(due, |until| until.max(due))
            } else {
                due
            }
        })
    }

    /// As far as this process knows; it begins with a list.
    fn lists_of(&self, mailbox: MailboxId) -> Lists {
        let known = self.lists().get(&mailbox).copied();
        known.unwrap_or(Lists {
            due_at: Timestamp::UNIX_EPOCH,
            not_before: None,
            failures: 0,
        })
    }

    fn list_succeeded(&self, mailbox: MailboxId) {
        let lists = Lists {
            due_at: self.now() + LIST_EVERY,
            not_before: None,
            failures: 0,
        };
        self.lists().insert(mailbox, lists);
    }

    fn list_failed(&self, mailbox: MailboxId) {
        let before = self.lists_of(mailbox);
        let again_at = self.now() + backoff(before.failures, TimeDelta::minutes(30));
        let lists = Lists {
            due_at: again_at,
            not_before: Some(again_at),
            failures: before.failures + 1,
        };
        self.lists().insert(mailbox, lists);
    }

    fn lists(&self) -> std::sync::MutexGuard<'_, HashMap<MailboxId, Lists>> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.0.now()
    }
}

impl Run<'_> {
    /// Replaces the subscriptions whose notifications did not come (M33), if they are old enough to be blamed.
    async fn answer_doubts(&self) -> Result<(), SubscriptionsError> {
        for row in self.stored().await? {
            if health::is_silent(&row) && row.created_at + DOUBT_PAUSE <= self.now() {
                self.retire(row).await?;
            }
        }
        Ok(())
    }

    /// Plans and acts until nothing is left; answers what is stored then.
    async fn settle(
        &mut self,
        wanted: &[SubscriptionScope],
    ) -> Result<Vec<Subscription>, SubscriptionsError> {
        let mut stored = self.stored().await?;
        let mut listed = None;
        let is_list_due = self.reconciler.lists_of(self.mailbox.id).due_at <= self.now();
        if stored.is_empty() {
            // Nothing to compare: what a lost database left shows as a conflict, or with tomorrow's list.
            self.reconciler.list_succeeded(self.mailbox.id);
        } else if is_list_due {
            listed = self.list().await?;
        }
        for _ in 0..PASSES {
            let actions = plan(&Situation {
                user: &self.mailbox.user_id,
                reached: &self.reached,
                wanted,
                stored: &stored,
                listed: listed.as_deref(),
                conflicts: &self.conflicts,
                now: self.now(),
            });
            if actions.is_empty() || self.is_halted {
                break;
            }
            if actions == [Action::List] {
                listed = self.list().await?;
                continue;
            }
            for action in actions {
                if !self.is_halted {
                    self.act(action, &stored).await?;
                }
            }
            // What was listed before is not what Graph has now.
            listed = None;
            stored = self.stored().await?;
        }
        Ok(stored)
    }

    /// Reads Graph's list, unless that has just failed; without it the run ends.
    async fn list(&mut self) -> Result<Option<Vec<Listed>>, SubscriptionsError> {
        let (reconciler, mailbox) = (self.reconciler, self.mailbox.id);
        let barred_until = reconciler.lists_of(mailbox).not_before;
        if barred_until.is_some_and(|until| until > self.now()) {
            self.is_halted = true;
            return Ok(None);
        }
        match list(&reconciler.store, mailbox, self.graph).await {
            Ok(listed) => {
                reconciler.list_succeeded(mailbox);
                Ok(Some(listed))
            }
            Err(SubscriptionsError::Graph(error)) => {
                reconciler.list_failed(mailbox);
                self.is_halted = true;
                give_up_on(error)?;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}
