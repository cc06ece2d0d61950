//! All homes of this process.
//!
//! Signals tell which mailbox has work; it is claimed at once, or, when its home is here already, woken. A look at the
//! database now and then finds what no signal told: a schedule, a lost signal, the mailboxes of a process that died.
//! Nothing here waits for a mailbox, so that no mailbox waits for another.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};

use crate::model::ids::MailboxId;
use crate::model::mailbox::Mailbox;
use crate::model::time::{SharedClock, Timestamp, later};
use crate::model::work::Fence;
use crate::store::{Store, StoreError, Wake as Signal, WakeStream};

use super::books::Budgets;
use super::error::HomeError;
use super::host::{Door, Host};
use super::lease::Leases;
use super::resident::{Resident, Served};
use super::settings::HomeSettings;

/// How long a mailbox that somebody else serves is not asked for again on signals; the looks go on.
const DEAF: Duration = Duration::from_secs(1);

/// How many mailboxes one look claims.
const MOST_AT_ONCE: usize = 32;

/// How many homes over the limit there may be while others make place.
const OVER: usize = 4;

/// The homes that one process keeps.
pub struct Homes {
    store: Store,
    clock: SharedClock,
    holder: String,
    settings: HomeSettings,
    leases: Leases,
    budgets: Budgets,
}

impl fmt::Debug for Homes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Homes({})", self.holder)
    }
}

impl Homes {
    /// Homes under the name `holder`, which must be this process's alone.
    pub fn new(store: Store, clock: SharedClock, holder: String, settings: HomeSettings) -> Self {
        Self {
            leases: Leases::new(store.clone(), Arc::clone(&clock), settings),
            budgets: Budgets::new(Arc::clone(&clock), settings.limits),
            store,
            clock,
            holder,
            settings,
        }
    }

    /// Serves mailboxes until `stop`, then lets every home save where it is and gives the leases back.
    pub async fn run(&self, resident: Arc<dyn Resident>, stop: CancellationToken) {
        // Listen first, look second: what is recorded between the two would otherwise wait a whole poll.
        let signals = self.store.wake_listen();
        let runner = Runner {
            homes: self,
            host: self.host(resident),
            doors: HashMap::new(),
            tasks: JoinSet::new(),
            deaf_until: HashMap::new(),
            waiting: VecDeque::new(),
            is_waiting: HashSet::new(),
            handed_over: HashMap::new(),
            due: BTreeSet::new(),
            is_looking: false,
            look_again: true,
        };
        tokio::select! {
            () = runner.run(signals, stop) => {}
            () = self.leases.beat_forever() => {}
        }
    }

    /// Serves one mailbox here and now until it is idle; for commands when no process serves. `None` when somebody
    /// serves it already, or Graph asked for patience.
    pub async fn serve_one(
        &self,
        mailbox: MailboxId,
        resident: Arc<dyn Resident>,
        stop: CancellationToken,
    ) -> Result<Option<Served>, HomeError> {
        let lease = |source| HomeError::Lease { mailbox, source };
        let now = self.clock.now();
        let claimed = self
            .store
            .mailbox_claim_one(mailbox, &self.holder, now, self.settings.lease)
            .await
            .map_err(lease)?;
        let Some(claimed) = claimed else {
            return Ok(None);
        };
        let door = Door {
            // A home may end itself, and nothing else with it.
            stopping: stop.child_token(),
            ..Door::at(now)
        };
        let host = self.host(resident);
        let served = tokio::select! {
            served = host.keep(claimed, now, door, Duration::ZERO) => served,
            () = self.leases.beat_forever() => Ok(None),
        };
        served
            .map(|next_work_at| Some(Served { next_work_at }))
            .map_err(lease)
    }

    fn host(&self, resident: Arc<dyn Resident>) -> Host {
        Host {
            store: self.store.clone(),
            clock: Arc::clone(&self.clock),
            settings: self.settings,
            leases: self.leases.clone(),
            budgets: self.budgets.clone(),
            resident,
        }
    }
}

type Claimed = (Mailbox, Fence);

enum Event {
    /// A look is over.
    Looked(Result<(Vec<Claimed>, Timestamp), StoreError>),
    /// A home has ended.
    Ended(MailboxId, End),
}

enum End {
    /// It was idle; when it wants attention next.
    Idle(Option<Timestamp>),
    /// Somebody else serves it, or Graph asked for patience.
    NotOurs,
    /// The database is away.
    Failed(StoreError),
}

struct Runner<'a> {
    homes: &'a Homes,
    host: Host,
    /// Every mailbox that is being claimed or served here.
    doors: HashMap<MailboxId, Door>,
    tasks: JoinSet<Event>,
    deaf_until: HashMap<MailboxId, Timestamp>,
    /// Mailboxes with work for which there was no place, first come first served.
    waiting: VecDeque<MailboxId>,
    is_waiting: HashSet<MailboxId>,
    /// Claimed again while their former home has not ended yet.
    handed_over: HashMap<MailboxId, (Claimed, Timestamp)>,
    /// When mailboxes that were served here want attention next.
    due: BTreeSet<Timestamp>,
    is_looking: bool,
    look_again: bool,
}

impl Runner<'_> {
    async fn run(mut self, mut signals: WakeStream, stop: CancellationToken) {
        let clock = Arc::clone(&self.homes.clock);
        let mut poll_at = clock.now();
        loop {
            if self.look_again && !self.is_looking {
                self.look();
                poll_at = later(clock.now(), self.homes.settings.poll);
            }
            let next_look = self.due.first().map_or(poll_at, |due| (*due).min(poll_at));
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                signal = signals.next() => self.hear(signal),
                Some(event) = self.tasks.join_next() => self.take(event),
                () = clock.sleep_until(next_look), if !self.is_looking => {
                    let now = clock.now();
                    self.due = self.due.split_off(&now);
                    self.due.remove(&now);
                    self.look_again = true;
                }
            }
        }
        self.stop().await;
    }

    fn hear(&mut self, signal: Signal) {
        match signal {
            Signal::Mailbox(mailbox) => self.wake(mailbox),
            Signal::Outcome(_) => {}
            Signal::Everything => {
                for door in self.doors.values() {
                    door.wake.wake();
                }
                self.deaf_until.clear();
                self.look_again = true;
            }
        }
    }

    fn wake(&mut self, mailbox: MailboxId) {
        if let Some(door) = self.doors.get(&mailbox) {
            door.wake.wake();
            return;
        }
        let now = self.homes.clock.now();
        if self
            .deaf_until
            .get(&mailbox)
            .is_some_and(|until| *until > now)
        {
            return;
        }
        if self.doors.len() >= self.homes.settings.limit {
            if self.is_waiting.insert(mailbox) {
                self.waiting.push_back(mailbox);
            }
            self.make_place();
            return;
        }
        self.claim_one(mailbox);
    }

    fn claim_one(&mut self, mailbox: MailboxId) {
        let door = Door::at(self.homes.clock.now());
        self.doors.insert(mailbox, door.clone());
        let host = self.host.clone();
        let holder = self.homes.holder.clone();
        let lease = self.homes.settings.lease;
        let now = self.homes.clock.now();
        let linger = self.homes.settings.linger;
        self.tasks.spawn(async move {
            let claimed = host
                .store
                .mailbox_claim_one(mailbox, &holder, now, lease)
                .await;
            let end = match claimed {
                Ok(Some(claimed)) => host.keep(claimed, now, door, linger).await.into(),
                Ok(None) => End::NotOurs,
                Err(error) => End::Failed(error),
            };
            Event::Ended(mailbox, end)
        });
    }

    fn begin(&mut self, claimed: Claimed, claimed_at: Timestamp) {
        let mailbox = claimed.0.id;
        if let Some(door) = self.doors.get(&mailbox) {
            // Our own lease had run out, in a long pause: its home ends first.
            door.stopping.cancel();
            self.handed_over.insert(mailbox, (claimed, claimed_at));
            return;
        }
        let door = Door::at(self.homes.clock.now());
        self.doors.insert(mailbox, door.clone());
        let host = self.host.clone();
        let linger = self.homes.settings.linger;
        self.tasks.spawn(async move {
            let end = host.keep(claimed, claimed_at, door, linger).await.into();
            Event::Ended(mailbox, end)
        });
    }

    /// Looks for mailboxes that have work and no home.
    fn look(&mut self) {
        self.is_looking = true;
        self.look_again = false;
        let (limit, homes) = (self.homes.settings.limit, self.doors.len());
        // With no place left, one more is taken in all the same: that tells whether anybody waits for a place.
        let wanted = match limit.saturating_sub(homes) {
            0 if homes < limit + OVER => 1,
            free => free.min(MOST_AT_ONCE),
        };
        let limit = u32::try_from(wanted).unwrap_or(u32::MAX);
        let (store, clock) = (self.host.store.clone(), Arc::clone(&self.homes.clock));
        let leases = self.homes.leases.clone();
        let (holder, lease) = (self.homes.holder.clone(), self.homes.settings.lease);
        self.tasks.spawn(async move {
            leases.beat_if_due().await;
            let now = clock.now();
            if limit == 0 {
                return Event::Looked(Ok((Vec::new(), now)));
            }
            let claimed = store.mailbox_claim(&holder, now, lease, limit).await;
            Event::Looked(claimed.map(|claimed| (claimed, now)))
        });
    }

    fn take(&mut self, event: Result<Event, JoinError>) {
        match event {
            Ok(Event::Looked(Ok((claimed, at)))) => {
                self.is_looking = false;
                // As many as were asked for: there may be more.
                self.look_again |= claimed.len() >= MOST_AT_ONCE;
                for claimed in claimed {
                    self.begin(claimed, at);
                }
                self.make_place();
                self.deaf_until.retain(|_, until| *until > at);
                self.host.budgets.sweep();
            }
            Ok(Event::Looked(Err(error))) => {
                self.is_looking = false;
                warn!(error = %error.chain(), "could not look for mailboxes with work; trying again soon");
            }
            Ok(Event::Ended(mailbox, end)) => self.ended(mailbox, end),
            Err(failure) => {
                // Residents run in tasks of their own, so this is a fault of this room.
                error!(error = %failure, "a home ended in a panic");
                self.is_looking = false;
            }
        }
    }

    fn ended(&mut self, mailbox: MailboxId, end: End) {
        let door = self.doors.remove(&mailbox);
        match end {
            End::Idle(Some(at)) => {
                self.due.insert(at);
            }
            End::Idle(None) => {}
            End::NotOurs => {
                let until = later(self.homes.clock.now(), DEAF);
                self.deaf_until.insert(mailbox, until);
            }
            End::Failed(error) => {
                warn!(mailbox.id = %mailbox, error = %error.chain(), "could not claim or release mailbox {mailbox}");
                let until = later(self.homes.clock.now(), DEAF);
                self.deaf_until.insert(mailbox, until);
            }
        }
        if let Some((claimed, at)) = self.handed_over.remove(&mailbox) {
            self.begin(claimed, at);
        } else if door.is_some_and(|door| door.was_woken()) {
            // Something came while it was leaving.
            self.wake(mailbox);
        }
        while self.doors.len() < self.homes.settings.limit
            && let Some(next) = self.waiting.pop_front()
        {
            self.is_waiting.remove(&next);
            self.wake(next);
        }
        // A look that found no place may find one now.
        self.look_again |= self.doors.len() + 1 == self.homes.settings.limit;
    }

    /// Has one home give up its place: one that only lingers, else the one that has worked longest.
    fn make_place(&mut self) {
        let leaving = self
            .doors
            .values()
            .filter(|door| door.stopping.is_cancelled())
            .count();
        if leaving >= self.waiting.len() {
            return;
        }
        let staying = || {
            self.doors
                .values()
                .filter(|door| !door.stopping.is_cancelled())
        };
        let now = self.homes.clock.now();
        let idle = staying().find(|door| door.is_lingering.load(Ordering::Relaxed));
        let chosen = idle.or_else(|| {
            staying()
                .filter(|door| later(door.since, self.homes.settings.turn) <= now)
                .min_by_key(|door| door.since)
        });
        if let Some(door) = chosen {
            door.stopping.cancel();
        }
    }

    async fn stop(mut self) {
        debug!("ending {} homes", self.doors.len());
        for door in self.doors.values() {
            door.stopping.cancel();
        }
        while self.tasks.join_next().await.is_some() {}
    }
}

impl From<Result<Option<Timestamp>, StoreError>> for End {
    fn from(kept: Result<Option<Timestamp>, StoreError>) -> Self {
        kept.map_or_else(Self::Failed, Self::Idle)
    }
}
