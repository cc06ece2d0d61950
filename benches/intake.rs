//! Notifications a second made durable before the 202, beside what is possible.
//!
//! `cargo bench --bench intake`, options after `--`: `rounds=5 seconds=2 sync_micros=1000 postgres=1`.
//!
//! Every variant is the real handler on a real socket; they differ in the desk behind it:
//! (a) nothing durable, (b) a plain append log with group commit, (c) one transaction a request, and the store itself, on SQLite and,
//! where its server is installed, on PostgreSQL beside a pool of 32 that inserts one by one. An fsync costs a fixed time.
#![expect(clippy::print_stdout, reason = "a benchmark speaks to a terminal")]

#[path = "support/folder.rs"]
mod folder;
#[path = "support/load.rs"]
mod load;
#[path = "support/percentile.rs"]
mod percentile;
#[path = "support/postgres.rs"]
mod postgres;
#[path = "support/spread.rs"]
mod spread;
#[path = "support/sync.rs"]
mod sync;
#[path = "support/table.rs"]
mod table;

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use graph_mirror::model::ids::{GraphId, MailboxId, Owner, SubscriptionKey};
use graph_mirror::model::mail::{Message, Party};
use graph_mirror::model::time::{Clock as _, SharedClock, SystemClock};
use graph_mirror::model::work::{
    ChangeHint, Lane, NoticeKind, Subscription, SubscriptionScope, SubscriptionState,
};
use graph_mirror::notifications::{Desk, LifecycleNotice, router_at};
use graph_mirror::secrets::{Keyring, Signer};
use graph_mirror::store::{
    IncomingNotice, MessageWrite, NewMailbox, NewNotice, Priority, Store, StoreError, StoreSettings,
};
use tokio::sync::{mpsc, oneshot};

use folder::scratch;
use load::{Outcome, Pace};
use percentile::percentile;
use spread::show;
use sync::{calibrate, with_fixed_sync};
use table::table;

/// The program's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CONNECTIONS: usize = 64;
const WARM_UP: Duration = Duration::from_millis(700);

/// (a): the bare handler.
struct Nothing;

impl Desk for Nothing {
    fn record(&self, _: Vec<IncomingNotice>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async { Ok(()) })
    }

    fn lifecycle(&self, _: Vec<LifecycleNotice>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async { Ok(()) })
    }
}

/// (b): a log that is appended to and synced by one thread for whoever waits.
struct Log(mpsc::Sender<(Vec<IncomingNotice>, oneshot::Sender<()>)>);

impl Log {
    fn start(folder: &Path) -> Self {
        let (line, mut waiting) = mpsc::channel::<(Vec<IncomingNotice>, oneshot::Sender<()>)>(4096);
        let mut file = std::fs::File::create(folder.join("log")).expect("a file can be made");
        std::thread::spawn(move || {
            let mut buffer = Vec::new();
            let mut group = Vec::new();
            while let Some(first) = waiting.blocking_recv() {
                group.push(first);
                while let Ok(next) = waiting.try_recv() {
                    group.push(next);
                }
                buffer.clear();
                for (notices, _) in &group {
                    for notice in notices {
                        let _ = writeln!(
                            buffer,
                            "{} {} {:?} {}",
                            notice.subscription,
                            notice.external_id,
                            notice.hint,
                            notice.received_at
                        );
                    }
                }
                file.write_all(&buffer).expect("the log can be written");
                file.sync_data().expect("the log can be synced");
                for (_, answer) in group.drain(..) {
                    let _ = answer.send(());
                }
            }
        });
        Self(line)
    }
}

impl Desk for Log {
    fn record(&self, notices: Vec<IncomingNotice>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let (answer, answered) = oneshot::channel();
            self.0
                .send((notices, answer))
                .await
                .map_err(|_| StoreError::Busy)?;
            answered.await.map_err(|_| StoreError::Busy)
        })
    }

    fn lifecycle(&self, _: Vec<LifecycleNotice>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async { Ok(()) })
    }
}

/// (c): a transaction for every request.
struct OneByOne {
    store: Store,
    mailbox: MailboxId,
}

impl Desk for OneByOne {
    fn record(&self, notices: Vec<IncomingNotice>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let mut tx = self.store.write(Priority::Acknowledgement).await?;
            for notice in notices {
                let new = NewNotice {
                    kind: NoticeKind::Message,
                    external_id: notice.external_id,
                    lane: Lane::Live,
                    hint: ChangeHint::Updated,
                    due_at: notice.received_at,
                    trace: None,
                };
                tx.notices_add(self.mailbox, &[new], notice.received_at)
                    .await?;
            }
            tx.commit().await
        })
    }

    fn lifecycle(&self, _: Vec<LifecycleNotice>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async { Ok(()) })
    }
}

/// The product.
struct Ours(Store);

impl Desk for Ours {
    fn record(&self, notices: Vec<IncomingNotice>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move { self.0.notices_intake(notices).await.map(drop) })
    }

    fn lifecycle(&self, _: Vec<LifecycleNotice>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async { Ok(()) })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Variant {
    Bare,
    Log,
    SqliteOneByOne,
    Sqlite,
    PostgresOneByOne,
    Postgres,
    Peer,
}

impl Variant {
    fn name(self) -> &'static str {
        match self {
            Self::Bare => "(a) the handler, nothing durable",
            Self::Log => "(b) append log, group commit",
            Self::SqliteOneByOne => "(c) SQLite, one transaction a request",
            Self::Sqlite => "graph-mirror on SQLite",
            Self::PostgresOneByOne => "PostgreSQL, pool of 32, one by one",
            Self::Postgres => "graph-mirror on PostgreSQL",
            Self::Peer => "Fastify with BullMQ, Redis syncing always",
        }
    }
}

/// A desk with the database behind it, if any, and what a clientState must name.
struct Scene {
    desk: Arc<dyn Desk>,
    store: Option<Store>,
    mailbox: MailboxId,
    key: SubscriptionKey,
    signer: Signer,
    clock: SharedClock,
    folder: std::path::PathBuf,
    peer: Option<(SocketAddr, String)>,
}

struct Options {
    rounds: usize,
    measured: Duration,
    sync_micros: u64,
    /// Whether PostgreSQL is measured too.
    postgres: bool,
    /// Another endpoint to measure in the same rounds, and the clientState it expects.
    peer: Option<(SocketAddr, String)>,
}

fn options() -> Options {
    let mut options = Options {
        rounds: 5,
        measured: Duration::from_secs(2),
        sync_micros: 1000,
        postgres: true,
        peer: None,
    };
    let mut peer_state = String::new();
    for argument in std::env::args().skip(1) {
        match argument.split_once('=') {
            Some(("rounds", value)) => options.rounds = value.parse().expect("a number"),
            Some(("seconds", value)) => {
                options.measured = Duration::from_secs(value.parse().expect("a number"));
            }
            Some(("sync_micros", value)) => options.sync_micros = value.parse().expect("a number"),
            Some(("postgres", value)) => options.postgres = value != "0",
            Some(("peer", value)) => {
                options.peer = Some((value.parse().expect("an address"), String::new()));
            }
            Some(("peer_state", value)) => value.clone_into(&mut peer_state),
            _ => {}
        }
    }
    if let Some((_, state)) = &mut options.peer {
        *state = peer_state;
    }
    options
}

fn main() {
    let options = options();
    with_fixed_sync(options.sync_micros);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime can be made");
    let folder = scratch("postgres");
    let server = options
        .postgres
        .then(|| postgres::Server::start(&folder))
        .flatten();
    if options.postgres && server.is_none() {
        println!("PostgreSQL's server is not installed: its rows are left out.\n");
    }
    runtime.block_on(run(&options, server.as_ref()));
    drop(server);
    let _ = std::fs::remove_dir_all(folder);
}

async fn run(options: &Options, server: Option<&postgres::Server>) {
    println!(
        "fsync fixed at {} µs; {}\n",
        options.sync_micros,
        calibrate()
    );
    throughput(options, server).await;
    pace(options, server).await;
}

async fn throughput(options: &Options, server: Option<&postgres::Server>) {
    let mut variants = vec![
        Variant::Bare,
        Variant::Log,
        Variant::SqliteOneByOne,
        Variant::Sqlite,
    ];
    if server.is_some() {
        variants.extend([Variant::PostgresOneByOne, Variant::Postgres]);
    }
    if options.peer.is_some() {
        variants.push(Variant::Peer);
    }
    let mut rates = vec![Vec::new(); variants.len()];
    let mut waits = vec![(Vec::new(), Vec::new()); variants.len()];
    for round in 0..options.rounds {
        for step in 0..variants.len() {
            // The start is rotated, so that a machine that slows down does not always hit the same variant.
            let index = (step + round * 3) % variants.len();
            let mut scene = scene(variants[index], server).await;
            if variants[index] == Variant::Peer {
                scene.peer.clone_from(&options.peer);
            }
            let mut outcome = measure(&scene, Pace::Closed, CONNECTIONS, options.measured).await;
            assert_eq!(
                outcome.refused,
                0,
                "{} refused requests",
                variants[index].name()
            );
            rates[index].push(outcome.rate());
            waits[index]
                .0
                .push(millis(percentile(&mut outcome.waits, 0.5)));
            waits[index]
                .1
                .push(millis(percentile(&mut outcome.waits, 0.99)));
            strike(scene).await;
        }
    }
    let of = |variant: Variant| variants.iter().position(|other| *other == variant);
    let ratio = |one: usize, other: Option<usize>| {
        other.map_or_else(String::new, |other| {
            let ratios: Vec<f64> = rates[one]
                .iter()
                .zip(&rates[other])
                .map(|(one, other)| one / other)
                .collect();
            show(&ratios, 2)
        })
    };
    let rows: Vec<Vec<String>> = variants
        .iter()
        .enumerate()
        .map(|(index, variant)| {
            let single = match variant {
                Variant::PostgresOneByOne | Variant::Postgres => of(Variant::PostgresOneByOne),
                Variant::Peer => of(Variant::Peer),
                _ => of(Variant::SqliteOneByOne),
            };
            vec![
                variant.name().to_owned(),
                show(&rates[index], 0),
                show(&waits[index].0, 2),
                show(&waits[index].1, 2),
                ratio(index, of(Variant::Bare)),
                ratio(index, of(Variant::Log)),
                ratio(index, single),
            ]
        })
        .collect();
    println!("{CONNECTIONS} connections, each posting again as soon as it was answered:\n");
    table(
        &[
            "desk",
            "notifications/s",
            "202 p50 ms",
            "202 p99 ms",
            "of (a)",
            "of (b)",
            "of one by one",
        ],
        &rows,
    );
}

async fn pace(options: &Options, server: Option<&postgres::Server>) {
    let mut rows = Vec::new();
    let mut variants = vec![Variant::Log, Variant::Sqlite];
    if server.is_some() {
        variants.push(Variant::Postgres);
    }
    for variant in variants {
        for with_backfill in [false, true] {
            if with_backfill && variant == Variant::Log {
                continue;
            }
            let (mut middle, mut tail, mut written) = (Vec::new(), Vec::new(), Vec::new());
            for _ in 0..options.rounds {
                let scene = scene(variant, server).await;
                let writer = with_backfill.then(|| {
                    let store = scene.store.clone().expect("a database stands behind it");
                    tokio::spawn(backfill(store, scene.mailbox))
                });
                let mut outcome = measure(&scene, Pace::Open(500.0), 32, options.measured).await;
                assert_eq!(outcome.refused, 0, "{} refused requests", variant.name());
                if let Some(writer) = writer {
                    writer.abort();
                    let count = match writer.await {
                        Ok(()) => 0,
                        Err(_) => scene
                            .store
                            .as_ref()
                            .expect("a database stands behind it")
                            .mailbox_counts(scene.mailbox)
                            .await
                            .map_or(0, |counts| counts.messages),
                    };
                    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
                    written.push(count as f64 / (WARM_UP + options.measured).as_secs_f64());
                }
                middle.push(millis(percentile(&mut outcome.waits, 0.5)));
                tail.push(millis(percentile(&mut outcome.waits, 0.99)));
                strike(scene).await;
            }
            rows.push(vec![
                variant.name().to_owned(),
                if with_backfill {
                    show(&written, 0)
                } else {
                    "-".to_owned()
                },
                show(&middle, 2),
                show(&tail, 2),
            ]);
        }
    }
    println!("500 requests a second, alone and while a backfill writes at full speed:\n");
    table(
        &[
            "desk",
            "messages/s written beside it",
            "202 p50 ms",
            "202 p99 ms",
        ],
        &rows,
    );
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

async fn scene(variant: Variant, server: Option<&postgres::Server>) -> Scene {
    static COUNT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let number = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let folder = scratch(&format!("scene-{number}"));
    let clock: SharedClock = Arc::new(SystemClock);
    let signer = Signer::new(&Keyring::generate());
    let key = SubscriptionKey::generate();
    let url = match variant {
        Variant::Bare | Variant::Log | Variant::Peer => None,
        Variant::SqliteOneByOne | Variant::Sqlite => {
            Some(format!("sqlite://{}", folder.join("mirror.db").display()))
        }
        Variant::PostgresOneByOne | Variant::Postgres => Some(
            server
                .expect("it was started")
                .create(&format!("bench{number}")),
        ),
    };
    let (store, mailbox) = match url {
        Some(url) => {
            let settings = StoreSettings {
                connections: 32,
                ..StoreSettings::default()
            };
            let store = Store::open_with(&url, settings, Arc::clone(&clock))
                .await
                .expect("the database opens");
            store.migrate().await.expect("the schema is made");
            let mailbox = furnish(&store, key, &clock)
                .await
                .expect("the mailbox is made");
            (Some(store), mailbox)
        }
        None => (None, MailboxId::generate()),
    };
    let desk: Arc<dyn Desk> = match (variant, store.clone()) {
        (Variant::Bare, _) => Arc::new(Nothing),
        (Variant::SqliteOneByOne | Variant::PostgresOneByOne, Some(store)) => {
            Arc::new(OneByOne { store, mailbox })
        }
        (Variant::Sqlite | Variant::Postgres, Some(store)) => Arc::new(Ours(store)),
        _ => Arc::new(Log::start(&folder)),
    };
    Scene {
        desk,
        store,
        mailbox,
        key,
        signer,
        clock,
        folder,
        peer: None,
    }
}

async fn furnish(
    store: &Store,
    key: SubscriptionKey,
    clock: &SharedClock,
) -> Result<MailboxId, StoreError> {
    let now = clock.now();
    let new = NewMailbox {
        owner: Owner::from("bench"),
        user_id: GraphId::from("user"),
        tenant_id: None,
        address: "bench@example.org".to_owned(),
        display_name: None,
    };
    let (mailbox, _) = store.mailbox_connect(&new, now).await?;
    let mut tx = store.write(Priority::Live).await?;
    tx.subscription_save(&Subscription {
        key,
        mailbox,
        scope: SubscriptionScope::Messages,
        state: SubscriptionState::Active,
        graph_id: Some("subscription".to_owned()),
        public_url: "http://localhost".to_owned(),
        expires_at: None,
        renew_at: None,
        not_before: None,
        failures: 0,
        created_at: now,
        touched_at: None,
        doubted_at: None,
        client_state_key: None,
    })
    .await?;
    tx.commit().await?;
    Ok(mailbox)
}

async fn strike(scene: Scene) {
    if let Some(store) = scene.store {
        store.close().await;
    }
    let _ = std::fs::remove_dir_all(scene.folder);
}

async fn measure(scene: &Scene, pace: Pace, connections: usize, measured: Duration) -> Outcome {
    if let Some((address, state)) = &scene.peer {
        let state = state.clone();
        return load::run(
            *address,
            connections,
            pace,
            WARM_UP,
            measured,
            move |number| load::post("/webhooks/microsoft/notifications", &body(&state, number)),
        )
        .await;
    }
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
        .await
        .expect("a port is free");
    let address: SocketAddr = listener.local_addr().expect("it listens");
    let router = router_at(
        Arc::clone(&scene.desk),
        scene.signer.clone(),
        Arc::clone(&scene.clock),
    );
    let server = tokio::spawn(async move {
        use axum::serve::ListenerExt as _;
        let listener = listener.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        axum::serve(listener, router).await
    });
    let state = scene.signer.client_state(scene.key);
    let outcome = load::run(
        address,
        connections,
        pace,
        WARM_UP,
        measured,
        move |number| load::post("/webhooks/microsoft/notifications", &body(&state, number)),
    )
    .await;
    server.abort();
    outcome
}

/// One notice as Graph posts it (F10.1 to F10.3), each about another message.
fn body(state: &str, number: u64) -> String {
    let id = format!("AAkALgAAAAAAHYQDEapmEc2byACqAC-EWg0A{number:020}AAA=");
    format!(
        r##"{{"value":[{{"subscriptionId":"7f105c7d-2dc5-4530-97cd-4e7ae6534c07","subscriptionExpirationDateTime":"2026-12-01T00:00:00Z","changeType":"updated","resource":"Users/622eaaff-0683-4862-9de4-f2ec83c2bd98/Messages/{id}","resourceData":{{"@odata.type":"#Microsoft.Graph.Message","@odata.id":"Users/622eaaff-0683-4862-9de4-f2ec83c2bd98/Messages/{id}","@odata.etag":"W/\"CQAAABYAAAD\"","id":"{id}"}},"clientState":"{state}","tenantId":"84bd8158-6d4d-4958-8b9f-9d6445542f95"}}]}}"##
    )
}

/// Writes messages as a backfill does: slices of 64, lowest priority, as fast as it can.
async fn backfill(store: Store, mailbox: MailboxId) {
    let clock = SystemClock;
    let mut number = 0_u64;
    loop {
        let messages: Vec<Message> = (0..64).map(|offset| message(number + offset)).collect();
        number += 64;
        let now = clock.now();
        let writes: Vec<MessageWrite<'_>> = messages
            .iter()
            .map(|message| MessageWrite {
                message,
                fetched_at: now,
                round: Some(1),
            })
            .collect();
        let Ok(mut tx) = store.write(Priority::Bulk).await else {
            return;
        };
        if tx.messages_upsert(mailbox, &writes, now).await.is_err() || tx.commit().await.is_err() {
            return;
        }
    }
}

fn message(number: u64) -> Message {
    let party = |name: &str| Party {
        name: Some(name.to_owned()),
        address: Some(format!("{name}@example.org")),
    };
    let now = SystemClock.now();
    Message {
        external_id: GraphId(format!(
            "AAkALgAAAAAAHYQDEapmEc2byACqAC-EWg0B{number:020}AAA="
        )),
        folder_external_id: GraphId::from("inbox"),
        conversation_id: Some(GraphId(format!("conversation-{}", number / 4))),
        change_key: Some(format!("CQAAABYAAAD{number}")),
        internet_message_id: Some(format!("<{number}@example.org>")),
        item_type: "message".to_owned(),
        subject: Some(format!("About matter {number}")),
        from: Some(party("anna")),
        sender: None,
        to: vec![party("bert"), party("cora")],
        cc: Vec::new(),
        bcc: Vec::new(),
        reply_to: Vec::new(),
        received_at: Some(now),
        sent_at: Some(now),
        created_at: Some(now),
        modified_at: Some(now),
        has_attachments: false,
        is_read: true,
        is_draft: false,
        importance: Some("normal".to_owned()),
        categories: Vec::new(),
        flag_status: Some("notFlagged".to_owned()),
        inference: Some("focused".to_owned()),
        body_type: Some("html".to_owned()),
        body: Some("<p>Lorem ipsum dolor sit amet</p>".repeat(125)),
        body_preview: Some("Lorem ipsum dolor sit amet".to_owned()),
        web_link: None,
        internet_headers: None,
        raw: r#"{"id":"","subject":"","body":{"contentType":"html","content":null}}"#.to_owned(),
    }
}
