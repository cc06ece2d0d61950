//! What there is in the sandbox: one state under one lock.
//!
//! The lock is never held across an await. Whoever changes mail or a calendar does it through the
//! methods of that part, which return the [`Change`]s they made, and hands those to
//! [`State::announce`], so that no change goes unnoticed by the subscriptions.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::calendar::CalendarState;
use super::faults::Faults;
use super::identity::Identity;
use super::ids::guid;
use super::knobs::Knobs;
use super::mail::MailState;
use super::mail::outgoing::Outgoing;
use super::mail::upload::Uploads;
use super::stats::Stats;
use super::subscriptions::{Scene, SubscriptionBook};
use super::throttle::Throttle;
use super::tokens::DeltaTokens;
use super::{Options, Settings, UserSettings, seed};
use crate::model::time::{Clock, ManualClock, Timestamp};

/// A person's object id, a guid.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserId(pub String);

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The language a mailbox names its folders in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// English.
    English,
    /// German.
    German,
    /// French.
    French,
}

/// A person of the directory.
#[derive(Debug, Clone)]
pub struct User {
    /// Object id.
    pub id: UserId,
    /// Mail address and user principal name.
    pub address: String,
    /// Display name.
    pub display_name: String,
    /// What their folders are called in.
    pub language: Language,
    /// Their zone, by its Windows name.
    pub time_zone: &'static str,
}

/// One person's mail and calendars.
#[derive(Debug)]
pub struct Mailbox {
    /// Whose it is.
    pub user: User,
    /// Folders and messages.
    pub mail: MailState,
    /// Calendars and events.
    pub calendar: CalendarState,
    /// The delta tokens of both (S40).
    pub tokens: DeltaTokens,
    /// Without a licence Graph answers 404 `MailboxNotEnabledForRESTAPI` to everything.
    pub licensed: bool,
}

/// What happened to an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeType {
    /// It is new where it is.
    Created,
    /// It is different.
    Updated,
    /// It is no longer where it was.
    Deleted,
}

/// Which item it happened to. Both ids, because a subscription fixes its format (F9.12).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entity {
    /// A message.
    Message {
        /// The id that stays.
        immutable_id: String,
        /// The id that changes with each move.
        default_id: String,
        /// The folder it appeared in, changed in or left.
        folder_id: String,
    },
    /// An event; an edit of an occurrence names its master (F10.26).
    Event {
        /// The calendar it stands in.
        calendar_id: String,
        /// Whether that is the default calendar (S69).
        in_default_calendar: bool,
        /// The id that stays.
        immutable_id: String,
        /// The other format.
        default_id: String,
    },
}

/// One thing that happened, to be matched with the subscriptions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What.
    pub what: ChangeType,
    /// To which item.
    pub entity: Entity,
    /// The item's etag after it.
    pub etag: String,
}

/// Everything there is.
#[derive(Debug)]
pub struct State {
    /// Where the time comes from.
    pub clock: ManualClock,
    /// Draws whatever the calls of clients need; seeded.
    pub rng: fastrand::Rng,
    /// The tenant of everyone who has a mailbox.
    pub tenant_id: String,
    /// All mailboxes, in the order of the seed.
    pub mailboxes: Vec<Mailbox>,
    by_name: HashMap<String, usize>,
    /// Applications, grants and tokens.
    pub identity: Identity,
    /// Subscriptions and the notifications that wait to be sent.
    pub subscriptions: SubscriptionBook,
    /// Graph's limits.
    pub throttle: Throttle,
    /// Faults set from outside.
    pub faults: Faults,
    /// Everything that can be turned.
    pub knobs: Knobs,
    /// What was asked.
    pub stats: Stats,
    /// Draws the ids of requests, apart from the rest so that polling changes nothing else.
    pub request_ids: fastrand::Rng,
    /// Mail that was sent and has not left yet.
    pub outgoing: Outgoing,
    /// Files that are being uploaded.
    pub uploads: Uploads,
}

impl State {
    /// The present instant.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Which mailbox an object id or an address names, in any case of letters.
    pub fn find_mailbox(&self, name: &str) -> Option<usize> {
        self.by_name.get(&name.to_ascii_lowercase()).copied()
    }

    /// The mailbox of a person.
    pub fn mailbox_mut(&mut self, user: &UserId) -> Option<&mut Mailbox> {
        let index = self.find_mailbox(&user.0)?;
        self.mailboxes.get_mut(index)
    }

    /// Hands what happened in a mailbox to the subscriptions. Call [`World::wake`] afterwards.
    pub fn announce(&mut self, user: &UserId, changes: Vec<Change>) {
        if changes.is_empty() || self.knobs.suppress_notifications {
            return;
        }
        let now = self.now();
        let index = self.find_mailbox(&user.0);
        let scene = Scene {
            mailbox: index.and_then(|index| self.mailboxes.get(index)),
            now,
            knobs: &self.knobs,
        };
        self.subscriptions
            .announce(user, changes, &scene, &mut self.rng);
    }

    /// Hands what happened in the mailbox at `index` to the subscriptions.
    pub fn announce_at(&mut self, index: usize, changes: Vec<Change>) {
        if let Some(mailbox) = self.mailboxes.get(index) {
            let user = mailbox.user.id.clone();
            self.announce(&user, changes);
        }
    }

    /// Lets happen what is due by now: mail that was sent leaves and arrives.
    pub fn settle(&mut self) {
        super::mail::outgoing::settle(self);
    }
}

/// The whole sandbox, cheap to clone.
#[derive(Debug, Clone)]
pub struct World(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    clock: ManualClock,
    base: String,
    wake: Notify,
    stopped: CancellationToken,
}

impl World {
    /// A world grown from `options.seed`, reachable at `base` (`http://host:port`).
    pub fn seeded(options: &Options, base: String) -> Self {
        let clock = options.clock.clone().unwrap_or_else(ManualClock::running);
        let mut rng = fastrand::Rng::with_seed(options.seed);
        let tenant_id = options.tenant_id.clone().unwrap_or_else(|| guid(&mut rng));
        let seeded_at = options.seeded_at.unwrap_or_else(|| clock.now());
        let mailboxes = seed::mailboxes(options, seeded_at, &mut rng);
        let mut by_name = HashMap::new();
        for (index, mailbox) in mailboxes.iter().enumerate() {
            by_name.insert(mailbox.user.id.0.to_ascii_lowercase(), index);
            by_name.insert(mailbox.user.address.to_ascii_lowercase(), index);
        }
        let identity = Identity::seeded(&tenant_id, &mut rng);
        let request_ids = rng.fork();
        let state = State {
            clock: clock.clone(),
            rng,
            tenant_id,
            mailboxes,
            by_name,
            identity,
            subscriptions: SubscriptionBook::default(),
            throttle: Throttle::default(),
            faults: Faults::default(),
            knobs: Knobs::default(),
            stats: Stats::default(),
            request_ids,
            outgoing: Outgoing::default(),
            uploads: Uploads::default(),
        };
        Self(Arc::new(Inner {
            state: Mutex::new(state),
            clock,
            base,
            wake: Notify::new(),
            stopped: CancellationToken::new(),
        }))
    }

    /// The state, for as long as the guard lives. Never hold it across an await.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        // A panic of one request must not take the sandbox down with it.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The clock, without the lock.
    pub fn clock(&self) -> ManualClock {
        self.0.clock.clone()
    }

    /// `http://host:port`, without a trailing slash.
    pub fn base(&self) -> &str {
        &self.0.base
    }

    /// `http://host:port/v1.0`.
    pub fn graph_root(&self) -> String {
        format!("{}/v1.0", self.0.base)
    }

    /// Wakes whoever waits for something to deliver.
    pub fn wake(&self) {
        self.0.wake.notify_waiters();
    }

    /// Completes at the next [`World::wake`]. Create it before looking at the state.
    pub fn woken(&self) -> tokio::sync::futures::Notified<'_> {
        self.0.wake.notified()
    }

    /// Cancelled when the sandbox ends.
    pub fn stopped(&self) -> CancellationToken {
        self.0.stopped.clone()
    }

    /// Ends the sandbox.
    pub fn stop(&self) {
        self.0.stopped.cancel();
    }

    /// What a client needs to know.
    pub fn settings(&self) -> Settings {
        let state = self.lock();
        let users = state
            .mailboxes
            .iter()
            .map(|mailbox| UserSettings {
                id: mailbox.user.id.0.clone(),
                address: mailbox.user.address.clone(),
                display_name: mailbox.user.display_name.clone(),
            })
            .collect();
        Settings {
            graph_base_url: self.0.base.clone(),
            login_base_url: self.0.base.clone(),
            tenant_id: state.tenant_id.clone(),
            client_id: state.identity.client_id().to_owned(),
            client_secret: state.identity.client_secret().to_owned(),
            users,
            control_url: format!("{}/sandbox/control", self.0.base),
        }
    }
}

/// Lets happen what is due, at the moment it is due, until the sandbox ends.
pub async fn settle_in_time(world: World) {
    let stopped = world.stopped();
    let clock = world.clock();
    loop {
        // Listen first, look second: what is sent between the two would otherwise wait.
        let woken = world.woken();
        let due = {
            let mut state = world.lock();
            state.settle();
            state.outgoing.next_due()
        };
        let sleep = async {
            match due {
                Some(due) => clock.sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = stopped.cancelled() => return,
            () = woken => {}
            () = sleep => world.wake(),
        }
    }
}
