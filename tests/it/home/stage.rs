//! Residents that do as a test tells them, and a process of homes to put them in.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use graph_mirror::home::resident::Spell;
use graph_mirror::home::{Home, HomeSettings, Homes, Resident, Served};
use graph_mirror::model::ids::{GraphId, MailboxId, Owner};
use graph_mirror::model::time::{Clock, ManualClock};
use graph_mirror::model::work::{ChangeHint, Lane, NoticeKind};
use graph_mirror::store::{NewMailbox, NewNotice, Priority, SeenNotice, Store};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Waits for a state; a state that never comes fails the test.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let mut looks = tokio::time::interval(Duration::from_millis(5));
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for _ in 0..2_000 {
        if let Some(found) = look().await {
            return found;
        }
        // Real time, so that the tasks under test come to run; the clocks stand.
        looks.tick().await;
    }
    panic!("waited in vain for {what}");
}

/// What a resident does with one spell.
pub enum Act {
    /// Settles what is due and is done.
    Settle,
    /// Stays until it is told to end, or its lease is lost.
    Stay,
    /// Stays whatever it is told.
    Refuse,
    /// Panics.
    Panic,
    /// Has Graph ask for patience, and is done.
    Throttled(Duration),
}

/// A resident that tells what happens to it and plays the acts given, then settles.
pub struct Player {
    store: Store,
    clock: ManualClock,
    acts: Mutex<VecDeque<Act>>,
    said: mpsc::UnboundedSender<Said>,
}

/// What a player tells.
#[derive(Debug, Clone)]
pub enum Said {
    /// A spell began.
    Began(Box<Home>),
    /// A spell ended; how many notices it settled.
    Ended(MailboxId, usize),
}

impl Resident for Player {
    fn serve(&self, home: Home) -> Spell<'_> {
        Box::pin(async move {
            let mailbox = home.mailbox.id;
            let _ = self.said.send(Said::Began(Box::new(home.clone())));
            let act = self.acts.lock().expect("no panic holds it").pop_front();
            let mut settled = 0;
            match act.unwrap_or(Act::Settle) {
                Act::Settle => settled = self.settle(&home).await,
                Act::Stay => home.stopping.cancelled().await,
                Act::Refuse => std::future::pending().await,
                Act::Panic => panic!("as the test asked"),
                Act::Throttled(wait) => {
                    home.gate.fence(self.clock.now() + wait);
                }
            }
            let _ = self.said.send(Said::Ended(mailbox, settled));
            Served::default()
        })
    }
}

impl Player {
    /// One that tells nobody.
    pub fn silent(store: &Store, clock: &ManualClock) -> Arc<Self> {
        Arc::new(Self {
            store: store.clone(),
            clock: clock.clone(),
            acts: Mutex::default(),
            said: mpsc::unbounded_channel().0,
        })
    }

    async fn settle(&self, home: &Home) -> usize {
        let due = self
            .store
            .notices_due(home.mailbox.id, self.clock.now(), 100)
            .await;
        let due = due.expect("the store answers");
        if due.is_empty() {
            return 0;
        }
        let mut tx = self
            .store
            .write(Priority::Live)
            .await
            .expect("a transaction");
        tx.fence(&home.fence).await.expect("the lease holds");
        let seen: Vec<SeenNotice> = due.iter().map(SeenNotice::from).collect();
        tx.notices_settle(home.mailbox.id, &seen)
            .await
            .expect("they are settled");
        tx.commit().await.expect("it is committed");
        due.len()
    }
}

/// A process that keeps homes.
pub struct Process {
    pub stop: CancellationToken,
    pub task: JoinHandle<()>,
    heard: mpsc::UnboundedReceiver<Said>,
}

impl Process {
    pub fn start(store: &Store, clock: &ManualClock, name: &str, acts: Vec<Act>) -> Self {
        Self::start_with(store, clock, name, acts, HomeSettings::default())
    }

    pub fn start_with(
        store: &Store,
        clock: &ManualClock,
        name: &str,
        acts: Vec<Act>,
        settings: HomeSettings,
    ) -> Self {
        let (said, heard) = mpsc::unbounded_channel();
        let player = Player {
            store: store.clone(),
            clock: clock.clone(),
            acts: Mutex::new(acts.into()),
            said,
        };
        let homes = Homes::new(
            store.clone(),
            Arc::new(clock.clone()),
            name.to_owned(),
            settings,
        );
        let stop = CancellationToken::new();
        let stopping = stop.clone();
        let task = tokio::spawn(async move { homes.run(Arc::new(player), stopping).await });
        Self { stop, task, heard }
    }

    /// What is said next.
    pub async fn hear(&mut self) -> Said {
        let heard = tokio::time::timeout(Duration::from_secs(20), self.heard.recv()).await;
        heard
            .expect("something is said in time")
            .expect("the resident lives")
    }

    /// The next spell that begins.
    pub async fn begins(&mut self) -> Home {
        loop {
            if let Said::Began(home) = self.hear().await {
                return *home;
            }
        }
    }

    /// The next spell that ends, and how many notices it settled.
    pub async fn ends(&mut self) -> (MailboxId, usize) {
        loop {
            if let Said::Ended(mailbox, settled) = self.hear().await {
                return (mailbox, settled);
            }
        }
    }

    /// A spell that has begun already, if there is one.
    pub fn begun(&mut self) -> Option<Home> {
        while let Ok(said) = self.heard.try_recv() {
            if let Said::Began(home) = said {
                return Some(*home);
            }
        }
        None
    }

    pub fn has_said_nothing(&mut self) -> bool {
        self.heard.try_recv().is_err()
    }

    pub async fn stopped(self) {
        self.stop.cancel();
        let ended = tokio::time::timeout(Duration::from_secs(20), self.task).await;
        ended.expect("it stops in time").expect("it does not panic");
    }
}

/// A connected mailbox; its first work is due at once.
pub async fn connect(store: &Store, clock: &ManualClock, user: &str) -> MailboxId {
    let new = NewMailbox {
        owner: Owner::from("office"),
        user_id: GraphId::from(user),
        tenant_id: None,
        address: format!("{user}@example.org"),
        display_name: None,
    };
    let mut tx = store.write(Priority::Live).await.expect("a transaction");
    let (mailbox, _) = tx
        .mailbox_connect(&new, clock.now())
        .await
        .expect("it is connected");
    tx.commit().await.expect("it is committed");
    mailbox
}

/// A notice, recorded and signalled as intake does it.
pub async fn notice(store: &Store, clock: &ManualClock, mailbox: MailboxId, id: &str) {
    let new = NewNotice {
        kind: NoticeKind::Message,
        external_id: id.into(),
        lane: Lane::Live,
        hint: ChangeHint::Created,
        due_at: clock.now(),
        trace: None,
    };
    let mut tx = store
        .write(Priority::Acknowledgement)
        .await
        .expect("a transaction");
    tx.notices_add(mailbox, &[new], clock.now())
        .await
        .expect("it is added");
    tx.wake(mailbox);
    tx.commit().await.expect("it is committed");
}

/// Waits until nobody holds the mailbox.
pub async fn released(store: &Store, mailbox: MailboxId) {
    until("the lease to be given back", async || {
        let row = store.mailbox_get(mailbox).await.expect("the store answers");
        row.expect("it is there")
            .lease_token
            .is_none()
            .then_some(())
    })
    .await;
}
