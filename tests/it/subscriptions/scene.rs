//! A mailbox in the sandbox, our endpoints where Graph reaches them, and a reconciler.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::response::IntoResponse;
use chrono::TimeDelta;
use futures_util::future::BoxFuture;
use graph_mirror::graph::{
    AccessToken, Graph, GraphSettings, MailboxGraph, Prefer, TokenError, TokenSource,
};
use graph_mirror::home::{Budget, Limits};
use graph_mirror::model::calendar::Calendar;
use graph_mirror::model::ids::{GraphId, MailboxId, Owner, SubscriptionKey};
use graph_mirror::model::mailbox::Mailbox;
use graph_mirror::model::time::{Clock, ManualClock};
use graph_mirror::model::work::{
    Cursor, CursorScope, CursorState, Fence, Lane, Notice, Subscription, SubscriptionScope,
};
use graph_mirror::notifications::router;
use graph_mirror::sandbox::faults::FaultRule;
use graph_mirror::sandbox::subscriptions::SubscriptionStatus;
use graph_mirror::sandbox::world::{UserId, World};
use graph_mirror::sandbox::{Options, Sandbox};
use graph_mirror::secrets::{Keyring, Signer};
use graph_mirror::store::{CalendarWrite, NewMailbox, Priority, Store};
use graph_mirror::subscriptions::{Reach, Reconciled, Reconciler};
use serde_json::{Value, json};

/// Waits for a state; a state that never comes fails the test.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let mut looks = tokio::time::interval(Duration::from_millis(5));
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for _ in 0..2_000 {
        if let Some(found) = look().await {
            return found;
        }
        // Real time, so that the servers under test come to run; the clocks stand.
        looks.tick().await;
    }
    panic!("waited in vain for {what}");
}

pub struct Scene {
    pub sandbox: Sandbox,
    pub store: Store,
    pub clock: ManualClock,
    pub signer: Signer,
    pub mailbox: Mailbox,
    pub fence: Fence,
    pub graph: MailboxGraph,
    pub reconciler: Reconciler,
    pub public_url: String,
    /// Whether our endpoints answer 503.
    pub is_down: Arc<AtomicBool>,
    /// The mailbox's own calendar.
    pub calendar: GraphId,
}

/// A new token for each call, so that a week may pass.
struct Tokens {
    world: World,
    clock: ManualClock,
    user: UserId,
}

impl TokenSource for Tokens {
    fn token(&self) -> BoxFuture<'_, Result<AccessToken, TokenError>> {
        let scopes = ["Mail.ReadWrite", "Calendars.ReadWrite", "User.Read"];
        let mut state = self.world.lock();
        let token = state
            .identity
            .issue(Some(self.user.clone()), &scopes, self.clock.now());
        Box::pin(std::future::ready(Ok(AccessToken::new(token))))
    }

    fn refresh_after_401<'a>(
        &'a self,
        _refused: &'a AccessToken,
    ) -> BoxFuture<'a, Result<AccessToken, TokenError>> {
        self.token()
    }
}

impl Scene {
    /// One mailbox of the sandbox, with its inbox and one calendar of its own known to the mirror.
    pub async fn open(store: &Store, clock: &ManualClock) -> Self {
        let sandbox = Sandbox::start(Options {
            messages: Some(5),
            mailboxes: 1,
            events: false,
            clock: Some(clock.clone()),
            ..Options::default()
        })
        .await
        .expect("the sandbox starts");
        let quick = json!({
            "notification_delay_min_ms": 0,
            "notification_delay_max_ms": 0,
            // Tests send it themselves.
            "reauthorization_schedule": false,
        });
        sandbox
            .world()
            .lock()
            .knobs
            .patch(&quick)
            .expect("the knobs are known");
        let signer = Signer::new(&Keyring::generate());
        let is_down = Arc::<AtomicBool>::default();
        let public_url = listen(store, clock, &signer, &is_down).await;
        let (mailbox, fence) = connect(store, clock, &sandbox, "office").await;
        let graph = graph(&sandbox, clock, &mailbox, Duration::from_secs(10));
        let calendar = own_calendar(&graph).await;
        let scene = Self {
            reconciler: Reconciler::new(
                store.clone(),
                Arc::new(clock.clone()),
                signer.clone(),
                Reach::at(Some(public_url.clone())),
            ),
            sandbox,
            store: store.clone(),
            clock: clock.clone(),
            signer,
            mailbox,
            fence,
            graph,
            public_url,
            is_down,
            calendar,
        };
        scene.know_calendar(scene.calendar.as_str(), None).await;
        scene.know_cursors().await;
        scene
    }

    /// A scene that knows of no calendar: one subscription is all it wants.
    pub async fn of_messages(store: &Store, clock: &ManualClock) -> Self {
        let scene = Self::open(store, clock).await;
        let mut tx = store.write(Priority::Live).await.expect("a transaction");
        let calendar = scene.calendar.clone();
        tx.calendars_delete(scene.mailbox.id, &[calendar], clock.now(), clock.now())
            .await
            .expect("it is deleted");
        tx.commit().await.expect("it is committed");
        scene
    }

    /// The same mailbox served by a process that is reached elsewhere.
    pub fn reached_at(&self, public_url: Option<String>) -> Reconciler {
        Reconciler::new(
            self.store.clone(),
            Arc::new(self.clock.clone()),
            self.signer.clone(),
            Reach::at(public_url),
        )
    }

    pub async fn another_address(&self) -> String {
        listen(&self.store, &self.clock, &self.signer, &self.is_down).await
    }

    pub async fn reconcile(&self) -> Reconciled {
        self.reconcile_by(&self.reconciler).await
    }

    pub async fn reconcile_by(&self, reconciler: &Reconciler) -> Reconciled {
        reconciler
            .reconcile(&self.mailbox, &self.fence, &self.graph)
            .await
            .expect("nothing concerns the whole account")
    }

    pub async fn rows(&self) -> Vec<Subscription> {
        let rows = self.store.subscriptions_list(self.mailbox.id).await;
        rows.expect("the store answers")
    }

    pub async fn only_row(&self) -> Subscription {
        let mut rows = self.rows().await;
        assert_eq!(rows.len(), 1, "{rows:?}");
        rows.remove(0)
    }

    /// What the sandbox has.
    pub fn at_graph(&self) -> Vec<SubscriptionStatus> {
        let state = self.sandbox.world().lock();
        state.subscriptions.status(self.clock.now())
    }

    pub fn turn(&self, knobs: &Value) {
        let mut state = self.sandbox.world().lock();
        state.knobs.patch(knobs).expect("the knobs are known");
    }

    pub fn fail(&self, rule: Value) {
        let rule: FaultRule = serde_json::from_value(rule).expect("a rule");
        let mut state = self.sandbox.world().lock();
        state.faults.set(rule).expect("it is well formed");
    }

    pub fn heal(&self) {
        self.sandbox.world().lock().faults.clear();
    }

    /// How many requests this process has sent to Graph.
    pub fn requests(&self) -> u64 {
        self.graph.graph().requests()
    }

    pub async fn mailbox_row(&self) -> Mailbox {
        let row = self
            .store
            .mailbox_get(self.mailbox.id)
            .await
            .expect("the store answers");
        row.expect("it is there")
    }

    pub async fn due(&self) -> Vec<Notice> {
        let due = self
            .store
            .notices_due(self.mailbox.id, self.clock.now(), 100)
            .await;
        due.expect("the store answers")
    }

    /// Time passes, a minute at a time; what the sandbox has to do in between is done.
    pub async fn pass(&self, time: Duration) {
        for _ in 0..time.as_secs() / 60 {
            self.clock.advance(Duration::from_mins(1));
            self.quiet().await;
            self.reconcile().await;
        }
    }

    /// Waits until whoever slept until now has run, and every notification on its way has been answered: one that the clock
    /// overtakes counts as not answered.
    async fn quiet(&self) {
        until("the deliveries", async || {
            let is_late = self
                .clock
                .next_wakeup()
                .is_some_and(|due| due <= self.clock.now());
            let deliveries = self.sandbox.world().deliveries();
            (!is_late && deliveries.in_flight == 0).then_some(())
        })
        .await;
    }

    /// Somebody writes a draft.
    pub async fn edit(&self, subject: &str) {
        let path = self.graph.path("/messages");
        let body = json!({ "subject": subject });
        self.graph
            .post(Lane::Command, &path, Some(&body))
            .await
            .expect("the draft is made");
    }

    pub async fn know_calendar(&self, id: &str, owner: Option<&str>) {
        let calendar = Calendar {
            external_id: id.into(),
            name: "Calendar".to_owned(),
            color: None,
            is_default: false,
            can_edit: true,
            owner_address: owner.map(str::to_owned),
            raw: "{}".to_owned(),
        };
        let write = CalendarWrite {
            calendar: &calendar,
            fetched_at: self.clock.now(),
            round: None,
        };
        let mut tx = self
            .store
            .write(Priority::Live)
            .await
            .expect("a transaction");
        tx.calendars_upsert(self.mailbox.id, &[write], self.clock.now())
            .await
            .expect("it is written");
        tx.commit().await.expect("it is committed");
    }

    async fn know_cursors(&self) {
        let now = self.clock.now();
        let mut tx = self
            .store
            .write(Priority::Live)
            .await
            .expect("a transaction");
        for scope in [inbox(), self.view()] {
            let cursor = Cursor {
                scope,
                state: CursorState::Idle,
                link: None,
                round: 1,
                is_full: false,
                round_started_at: Some(now),
                is_dirty: false,
                marks: 0,
                due_at: now + TimeDelta::days(300),
                last_ok_at: Some(now),
                failures: 0,
                page_size: 50,
                seen: 0,
            };
            tx.cursor_save(self.mailbox.id, &cursor, now)
                .await
                .expect("it is saved");
        }
        tx.commit().await.expect("it is committed");
    }

    fn view(&self) -> CursorScope {
        CursorScope::View {
            calendar: self.calendar.clone(),
            start: self.clock.now(),
            end: self.clock.now() + TimeDelta::days(30),
        }
    }

    pub fn calendar_scope(&self) -> SubscriptionScope {
        SubscriptionScope::Events {
            calendar: self.calendar.clone(),
        }
    }

    /// The cursors that ask for a round, which is then taken as walked.
    pub async fn walk_dirty(&self) -> Vec<CursorScope> {
        let now = self.clock.now();
        let cursors = self
            .store
            .cursors_list(self.mailbox.id)
            .await
            .expect("the store answers");
        let mut tx = self
            .store
            .write(Priority::Live)
            .await
            .expect("a transaction");
        let mut walked = Vec::new();
        for cursor in cursors.into_iter().filter(|cursor| cursor.is_dirty) {
            walked.push(cursor.scope.clone());
            let cursor = Cursor {
                is_dirty: false,
                due_at: now + TimeDelta::days(300),
                ..cursor
            };
            tx.cursor_save(self.mailbox.id, &cursor, now)
                .await
                .expect("it is saved");
        }
        tx.commit().await.expect("it is committed");
        walked
    }
}

pub fn inbox() -> CursorScope {
    CursorScope::Messages {
        folder: "AAMkInbox=".into(),
    }
}

async fn own_calendar(graph: &MailboxGraph) -> GraphId {
    let path = graph.path("/calendar");
    let answer = graph.get_json(Lane::Command, &path, Prefer::IDS).await;
    let calendar: Value = answer.expect("Graph answers").json().expect("a calendar");
    calendar["id"].as_str().expect("an id").into()
}

/// Our endpoints on a port of their own.
async fn listen(
    store: &Store,
    clock: &ManualClock,
    signer: &Signer,
    is_down: &Arc<AtomicBool>,
) -> String {
    let any: std::net::SocketAddr = ([127, 0, 0, 1], 0).into();
    let listener = tokio::net::TcpListener::bind(any)
        .await
        .expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let is_down = Arc::clone(is_down);
    let routes = router(store.clone(), signer.clone(), Arc::new(clock.clone())).layer(
        axum::middleware::from_fn(
            move |request: axum::extract::Request, next: axum::middleware::Next| {
                let is_down = is_down.load(Ordering::Relaxed);
                async move {
                    if is_down {
                        return axum::http::StatusCode::SERVICE_UNAVAILABLE.into_response();
                    }
                    next.run(request).await
                }
            },
        ),
    );
    tokio::spawn(async move { axum::serve(listener, routes).await });
    format!("http://{address}")
}

/// The first person's mailbox, connected by an owner and held by a home.
pub async fn connect(
    store: &Store,
    clock: &ManualClock,
    sandbox: &Sandbox,
    owner: &str,
) -> (Mailbox, Fence) {
    let person = &sandbox.settings().users[0];
    let new = NewMailbox {
        owner: Owner::from(owner),
        user_id: GraphId::from(person.id.as_str()),
        tenant_id: Some(sandbox.settings().tenant_id.clone()),
        address: person.address.clone(),
        display_name: None,
    };
    let mut tx = store.write(Priority::Live).await.expect("a transaction");
    let (id, _): (MailboxId, bool) = tx
        .mailbox_connect(&new, clock.now())
        .await
        .expect("connected");
    tx.commit().await.expect("it is committed");
    let claimed = store
        .mailbox_claim_one(id, "home", clock.now(), Duration::from_hours(24 * 365))
        .await
        .expect("the store answers");
    claimed.expect("nobody holds it")
}

pub fn graph(
    sandbox: &Sandbox,
    clock: &ManualClock,
    mailbox: &Mailbox,
    deadline: Duration,
) -> MailboxGraph {
    let base = sandbox
        .settings()
        .graph_base_url
        .parse()
        .expect("an address");
    let settings = GraphSettings {
        deadline,
        ..GraphSettings::new(base)
    };
    let shared = Arc::new(clock.clone());
    let graph = Graph::new(&settings, shared.clone()).expect("a client");
    let tokens = Tokens {
        world: sandbox.world().clone(),
        clock: clock.clone(),
        user: UserId(mailbox.user_id.0.clone()),
    };
    let gate = Budget::new(shared, Limits::default());
    MailboxGraph::new(
        graph,
        mailbox.user_id.clone(),
        Arc::new(tokens),
        Arc::new(gate),
    )
}

/// The key that stands in a notification address.
pub fn key_in(url: &str) -> Option<SubscriptionKey> {
    graph_mirror::subscriptions::address::key_of(url)
}
