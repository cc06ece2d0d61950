//! A mailbox of a sandbox, connected to a mirror: no service around it, so that each test decides what happens when.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use graph_mirror::graph::{
    AccessToken, Graph, GraphSettings, MailboxGraph, TokenError, TokenSource,
};
use graph_mirror::home::{Budget, Limits};
use graph_mirror::mirror::{Mirror, Settings};
use graph_mirror::model::ids::{GraphId, MailboxId, Owner};
use graph_mirror::model::time::{Clock, ManualClock, Timestamp};
use graph_mirror::model::work::{ChangeHint, Fence, Lane, NoticeKind};
use graph_mirror::sandbox::edits::EditOrder;
use graph_mirror::sandbox::faults::FaultRule;
use graph_mirror::sandbox::world::{UserId, World};
use graph_mirror::sandbox::{Options, Sandbox};
use graph_mirror::store::{Backend, NewMailbox, NewNotice, Priority, Store};
use serde_json::{Value, json};

use crate::support::database::Database;

/// Everything a test of the mirror needs.
pub struct Connected {
    pub sandbox: Sandbox,
    pub clock: ManualClock,
    pub store: Store,
    pub mirror: Mirror,
    pub mailbox: MailboxId,
    pub fence: Fence,
    pub user: String,
    graph: Graph,
    settings: Settings,
    http: reqwest::Client,
    _database: Database,
}

struct Tokens {
    world: World,
    user: UserId,
    token: std::sync::Mutex<Option<AccessToken>>,
}

impl Tokens {
    fn issue(&self) -> AccessToken {
        let mut state = self.world.lock();
        let now = state.now();
        let scopes = [
            "Mail.ReadWrite",
            "Mail.Send",
            "Calendars.ReadWrite",
            "User.Read",
        ];
        let text = state.identity.issue(Some(self.user.clone()), &scopes, now);
        AccessToken::new(text)
    }
}

impl TokenSource for Tokens {
    fn token(&self) -> BoxFuture<'_, Result<AccessToken, TokenError>> {
        Box::pin(async {
            let mut kept = self.token.lock().expect("no test panics with it");
            Ok(kept.get_or_insert_with(|| self.issue()).clone())
        })
    }

    fn refresh_after_401<'a>(
        &'a self,
        _refused: &'a AccessToken,
    ) -> BoxFuture<'a, Result<AccessToken, TokenError>> {
        Box::pin(async {
            let fresh = self.issue();
            *self.token.lock().expect("no test panics with it") = Some(fresh.clone());
            Ok(fresh)
        })
    }
}

/// What a test's mailbox looks like.
pub struct Setup {
    pub options: Options,
    pub settings: Settings,
}

impl Setup {
    /// A mailbox with so many messages.
    pub fn small(messages: usize) -> Self {
        Self {
            options: Options {
                mailboxes: 1,
                messages: Some(messages),
                ..Options::default()
            },
            settings: Settings {
                push: false,
                ..Settings::default()
            },
        }
    }
}

impl Connected {
    /// A small mailbox; nothing is mirrored yet.
    pub async fn open(backend: Backend) -> Self {
        Self::open_with(backend, Setup::small(60)).await
    }

    /// The same as the setup says. The clock stands.
    pub async fn open_with(backend: Backend, mut setup: Setup) -> Self {
        let start: Timestamp = "2026-02-10T09:00:00Z".parse().expect("an instant");
        let clock = ManualClock::standing_at(start);
        setup.options.clock = Some(clock.clone());
        let sandbox = Sandbox::start(setup.options)
            .await
            .expect("the sandbox starts");
        sandbox
            .world()
            .turn_knobs(&json!({ "suppress_notifications": true }))
            .expect("the knob is known");
        let database = Database::create(backend).await;
        let store = database.open(&clock).await;
        let told = sandbox.settings();
        let user = told.users[0].id.clone();
        let mut tx = store.write(Priority::Live).await.expect("a transaction");
        let new = NewMailbox {
            owner: Owner::from("tests"),
            user_id: GraphId::from(user.as_str()),
            tenant_id: Some(told.tenant_id.clone()),
            address: told.users[0].address.clone(),
            display_name: Some(told.users[0].display_name.clone()),
        };
        let (mailbox, _) = tx
            .mailbox_connect(&new, clock.now())
            .await
            .expect("the mailbox is connected");
        tx.commit().await.expect("it is committed");
        let graph = Graph::new(
            &GraphSettings::new(told.graph_base_url.parse().expect("an address")),
            Arc::new(clock.clone()),
        )
        .expect("a client");
        let fence = claim(&store, mailbox, &clock).await;
        let mirror = assemble(
            &store,
            &graph,
            &sandbox,
            &user,
            fence,
            &clock,
            &setup.settings,
        )
        .await;
        Self {
            clock,
            mirror,
            mailbox,
            fence,
            user,
            graph,
            settings: setup.settings,
            http: reqwest::Client::builder()
                .build()
                .expect("a client needs nothing"),
            sandbox,
            store,
            _database: database,
        }
    }

    /// Copies everything.
    pub async fn backfill(&self) {
        self.mirror.sync(false).await.expect("the backfill ends");
    }

    /// The process dies and one with other settings takes over.
    pub async fn restart_with(&mut self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.settings);
        self.restart().await;
    }

    /// The process dies and another takes over: nothing is known but what stands in the database.
    pub async fn restart(&mut self) {
        self.clock.advance(Duration::from_mins(1));
        self.fence = claim(&self.store, self.mailbox, &self.clock).await;
        self.mirror = self.beside().await;
    }

    /// Another one that works under the same lease and knows nothing but what stands in the database.
    pub async fn beside(&self) -> Mirror {
        assemble(
            &self.store,
            &self.graph,
            &self.sandbox,
            &self.user,
            self.fence,
            &self.clock,
            &self.settings,
        )
        .await
    }

    /// Settles all notices, moving the clock to those that were put off for less than `patience`.
    pub async fn settle(&self, patience: Duration) {
        let until = self.clock.now() + patience;
        loop {
            self.mirror
                .structure()
                .await
                .expect("the structure is there");
            let report = self.mirror.refresh_due().await.expect("a refresh ends");
            if report.settled > 0 || report.more {
                continue;
            }
            let next = self
                .store
                .notices_next_due(self.mailbox)
                .await
                .expect("the notices are there");
            match next {
                Some(next) if next <= until => {
                    let wait = (next - self.clock.now()).to_std().unwrap_or_default();
                    self.clock.advance(wait);
                }
                _ => return,
            }
        }
    }

    /// Polls everything and settles what that raised.
    pub async fn poll(&self) {
        self.clock.advance(Duration::from_secs(1));
        self.mirror.sync(false).await.expect("a sync ends");
        self.settle(Duration::from_mins(3)).await;
    }

    /// Leaves a notice as if it had been announced.
    pub async fn announce(&self, kind: NoticeKind, id: &str, hint: ChangeHint) {
        self.announce_all(kind, &[id], hint).await;
    }

    /// The same of several items at once.
    pub async fn announce_all(&self, kind: NoticeKind, ids: &[&str], hint: ChangeHint) {
        let now = self.clock.now();
        let notices: Vec<NewNotice> = ids
            .iter()
            .map(|id| NewNotice {
                kind,
                external_id: GraphId::from(*id),
                lane: Lane::Live,
                hint,
                due_at: now,
                trace: None,
            })
            .collect();
        let mut tx = self
            .store
            .write(Priority::Acknowledgement)
            .await
            .expect("a transaction");
        tx.notices_add(self.mailbox, &notices, now)
            .await
            .expect("they are added");
        tx.commit().await.expect("they are committed");
    }

    /// Random edits.
    pub fn edit(&self, count: usize, seed: u64, kinds: &[&str]) {
        let order = EditOrder {
            count,
            seed,
            kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
        };
        self.clock.advance(Duration::from_secs(1));
        let made = self
            .sandbox
            .world()
            .edit(&self.user, &order)
            .expect("the kinds are known");
        assert!(!made.is_empty(), "nothing was edited");
        // Mail that was sent leaves.
        self.clock.advance(Duration::from_secs(5));
    }

    /// Requests that the mirror has sent to Graph.
    pub fn graph_requests(&self) -> u64 {
        self.graph.requests()
    }

    /// Turns knobs of the sandbox.
    pub fn turn(&self, knobs: &Value) {
        self.sandbox
            .world()
            .turn_knobs(knobs)
            .expect("the knobs are known");
    }

    /// The next `times` calls whose path matches are answered so.
    pub fn fail(&self, path: &str, times: u64, status: u16, body: impl Into<Value>) {
        let mut rule = json!({ "path": path, "times": times, "status": status });
        rule["body"] = body.into();
        let rule: FaultRule = serde_json::from_value(rule).expect("a rule");
        self.sandbox
            .world()
            .set_fault(rule)
            .expect("the rule is taken");
    }

    /// Kills the delta tokens that are out.
    pub fn expire_tokens(&self) {
        self.sandbox
            .world()
            .expire_delta_tokens(Some(&self.user), None)
            .expect("the mailbox is known");
    }

    /// Somebody uses the mailbox: a call to Graph beside the mirror's, answered with 2xx.
    pub async fn act(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        self.clock.advance(Duration::from_secs(1));
        let token = {
            let mut state = self.sandbox.world().lock();
            let now = state.now();
            let scopes = ["Mail.ReadWrite", "Mail.Send", "Calendars.ReadWrite"];
            state
                .identity
                .issue(Some(UserId(self.user.clone())), &scopes, now)
        };
        let base = &self.sandbox.settings().graph_base_url;
        let method = method.parse().expect("a method");
        let mut request = self
            .http
            .request(method, format!("{base}/v1.0/me{path}"))
            .header("Prefer", "IdType=\"ImmutableId\"")
            .bearer_auth(token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.expect("the sandbox answers");
        let status = response.status();
        let text = response.text().await.expect("the answer ends");
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    /// A message of the mailbox in a folder, by place.
    pub async fn message_in(&self, folder: &str, place: usize) -> String {
        let list = self
            .act(
                "GET",
                &format!("/mailFolders/{folder}/messages?$select=id&$top=100"),
                None,
            )
            .await;
        list["value"][place]["id"]
            .as_str()
            .unwrap_or_else(|| panic!("{folder} has a message at {place}"))
            .to_owned()
    }

    /// The id of a folder by its well-known name.
    pub async fn folder(&self, name: &str) -> String {
        let folder = self
            .act("GET", &format!("/mailFolders/{name}?$select=id"), None)
            .await;
        folder["id"]
            .as_str()
            .expect("a folder has an id")
            .to_owned()
    }

    /// The path segment of an id.
    pub fn segment(id: &str) -> String {
        graph_mirror::graph::links::segment(&GraphId::from(id))
    }
}

async fn claim(store: &Store, mailbox: MailboxId, clock: &ManualClock) -> Fence {
    let claimed = store
        .mailbox_claim_one(mailbox, "a test", clock.now(), Duration::from_secs(30))
        .await
        .expect("the claim is answered");
    claimed.expect("the mailbox is free").1
}

async fn assemble(
    store: &Store,
    graph: &Graph,
    sandbox: &Sandbox,
    user: &str,
    fence: Fence,
    clock: &ManualClock,
    settings: &Settings,
) -> Mirror {
    let tokens = Tokens {
        world: sandbox.world().clone(),
        user: UserId(user.to_owned()),
        token: std::sync::Mutex::new(None),
    };
    let gate = Budget::new(Arc::new(clock.clone()), Limits::default());
    let graph = MailboxGraph::new(
        graph.clone(),
        GraphId::from(user),
        Arc::new(tokens),
        Arc::new(gate),
    );
    let row = store
        .mailbox_get(fence.mailbox)
        .await
        .expect("the mailbox is read")
        .expect("the mailbox is there");
    Mirror::new(
        store.clone(),
        graph,
        &row,
        fence,
        Arc::new(clock.clone()),
        settings.clone(),
    )
}
