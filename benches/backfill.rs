//! Messages a second of a first copy, beside what Graph's limits and this machine allow.
//!
//! `cargo bench --bench backfill`, options after `--`: `messages=24000 latency=200 rounds=3 graph=1 bare=1` (0 leaves a part
//! out).
//!
//! The bound is Graph's: four requests at a time per mailbox (F3.9), so 4 / latency pages a second, times the messages that a page
//! held on average. Where this machine cannot keep up with that, because it also runs the sandbox, the bound is a bare loop in the same
//! run and under the same limits: fetch the delta pages of all folders, four at a time, parse them into plain structs and upsert
//! those, with nothing else. Graph decides how large a page may be, so there are rows for pages of at most a hundred and for our choice.
#![expect(clippy::print_stdout, reason = "a benchmark speaks to a terminal")]

#[path = "support/folder.rs"]
mod folder;
#[path = "support/options.rs"]
mod options;
#[path = "support/rig.rs"]
mod rig;
#[path = "support/spread.rs"]
mod spread;
#[path = "support/sync.rs"]
mod sync;
#[path = "support/table.rs"]
mod table;

use std::time::{Duration, Instant};

use graph_mirror::sandbox::Options;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};

use folder::scratch;
use rig::Rig;
use spread::show;
use sync::{calibrate, with_fixed_sync};
use table::table;

/// The program's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const FOLDERS: usize = 4;
const BODY: usize = 4096;

struct Plan {
    messages: usize,
    latency: u64,
    rounds: usize,
    /// Whether Graph's limits, the bare loop, or both are measured against.
    graph: bool,
    bare: bool,
}

fn plan() -> Plan {
    let (mut messages, mut latency, mut rounds) = (24_000, 200, 3);
    let (mut graph, mut bare) = (1, 1);
    options::read([
        ("messages", &mut messages),
        ("latency", &mut latency),
        ("rounds", &mut rounds),
        ("graph", &mut graph),
        ("bare", &mut bare),
    ]);
    Plan {
        messages: usize::try_from(messages).expect("a count"),
        latency,
        rounds: usize::try_from(rounds).expect("a count"),
        graph: graph > 0,
        bare: bare > 0,
    }
}

fn main() {
    let plan = plan();
    with_fixed_sync(1000);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime can be made");
    runtime.block_on(run(&plan));
}

async fn run(plan: &Plan) {
    println!("fsync fixed at 1 ms; {}\n", calibrate());
    if plan.graph {
        against_limits(plan).await;
    }
    if plan.bare {
        against_a_loop(plan).await;
    }
}

async fn against_limits(plan: &Plan) {
    let mut rows = Vec::new();
    for (mailboxes, each) in [(1, plan.messages), (8, plan.messages / 3)] {
        for page in [Some(100), None] {
            rows.push(
                against_graph(
                    plan,
                    &Scene {
                        mailboxes,
                        each,
                        page,
                    },
                )
                .await,
            );
        }
    }
    println!(
        "{} ms per Graph request, four large folders a mailbox, bodies of {BODY} bytes:\n",
        plan.latency
    );
    table(
        &[
            "mailboxes",
            "messages/s",
            "messages a page",
            "Graph's bound",
            "bare loop",
            "of the lower",
            "requests per 1,000 messages",
            "throttled",
        ],
        &rows,
    );
}

fn world(mailboxes: usize, messages: usize) -> Options {
    Options {
        mailboxes,
        messages: Some(messages),
        folders: Some(FOLDERS),
        body_bytes: Some(BODY),
        events: false,
        ..Options::default()
    }
}

/// What one copy took.
struct Copy {
    /// From the first row to the last.
    lasted: Duration,
    /// Rows written in that time.
    rows: f64,
    /// Delta pages fetched in that time.
    pages: f64,
    requests: f64,
    throttled: u64,
}

/// What is copied.
struct Scene {
    mailboxes: usize,
    each: usize,
    /// The most messages that Graph puts on a page.
    page: Option<usize>,
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
async fn copy(scene: &Scene, latency: u64) -> Copy {
    let &Scene {
        mailboxes,
        each,
        page,
    } = scene;
    let rig = Rig::start(
        world(mailboxes, each),
        json!({ "latency_ms": latency, "largest_page": page }),
        &[],
        false,
    )
    .await;
    rig.connect().await;
    while rig.messages().await == 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let began = Instant::now();
    let (early, pages_early) = (rig.messages().await, delta_pages(&rig));
    rig.copied().await;
    let lasted = began.elapsed();
    let rows = rig.messages().await;
    assert_eq!(
        usize::try_from(rows),
        Ok(mailboxes * each),
        "every message is there"
    );
    let stats = rig.sandbox.world().lock().stats.clone();
    let copy = Copy {
        lasted,
        rows: (rows - early) as f64,
        pages: (delta_pages(&rig) - pages_early) as f64,
        requests: stats.requests as f64,
        throttled: stats.throttled,
    };
    rig.stop().await;
    copy
}

/// Pages of message deltas that the sandbox has served.
fn delta_pages(rig: &Rig) -> u64 {
    let world = rig.sandbox.world().lock();
    world
        .stats
        .by_kind
        .iter()
        .filter(|(kind, _)| kind.contains("messages/delta"))
        .map(|(_, count)| count)
        .sum()
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
async fn against_graph(plan: &Plan, scene: &Scene) -> Vec<String> {
    let &Scene {
        mailboxes, each, ..
    } = scene;
    let (mut rates, mut pages, mut bounds, mut bares, mut shares, mut frugality) = (
        Vec::new(),
        Vec::new(),
        Vec::new(),
        Vec::new(),
        Vec::new(),
        Vec::new(),
    );
    let mut throttled = 0;
    for _ in 0..plan.rounds {
        let bare = bare_loop(scene, plan.latency).await;
        let copy = copy(scene, plan.latency).await;
        let rate = copy.rows / copy.lasted.as_secs_f64();
        let page = copy.rows / copy.pages.max(1.0);
        let a_second = 4.0 * mailboxes as f64 * 1000.0 / plan.latency as f64;
        let bound = a_second * page;
        rates.push(rate);
        pages.push(page);
        bounds.push(bound);
        bares.push(bare);
        shares.push(rate / bound.min(bare));
        frugality.push(copy.requests * 1000.0 / (mailboxes * each) as f64);
        throttled += copy.throttled;
    }
    vec![
        format!("{mailboxes} of {each} messages"),
        show(&rates, 0),
        show(&pages, 0),
        show(&bounds, 0),
        show(&bares, 0),
        show(&shares, 2),
        show(&frugality, 1),
        throttled.to_string(),
    ]
}

async fn against_a_loop(plan: &Plan) {
    let (mut ours, mut bare, mut shares) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        // Reference, candidate, reference: the mean of the two is what the candidate is held against.
        let scene = Scene {
            mailboxes: 1,
            each: plan.messages,
            page: None,
        };
        let before = bare_loop(&scene, 0).await;
        let copy = copy(&scene, 0).await;
        let after = bare_loop(&scene, 0).await;
        let reference = f64::midpoint(before, after);
        let rate = copy.rows / copy.lasted.as_secs_f64();
        bare.push(reference);
        ours.push(rate);
        shares.push(rate / reference);
    }
    println!("No latency, one mailbox of {} messages:\n", plan.messages);
    table(
        &[
            "graph-mirror messages/s",
            "bare loop messages/s",
            "of the bare loop",
        ],
        &[vec![show(&ours, 0), show(&bare, 0), show(&shares, 2)]],
    );
}

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    value: Vec<&'a RawValue>,
    #[serde(rename = "@odata.nextLink")]
    next: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Plain {
    id: String,
    subject: Option<String>,
    conversation_id: Option<String>,
    change_key: Option<String>,
    received_date_time: Option<String>,
    parent_folder_id: Option<String>,
    is_read: Option<bool>,
    body: Option<PlainBody>,
    body_preview: Option<String>,
}

#[derive(Deserialize)]
struct PlainBody {
    content: Option<String>,
}

#[derive(Deserialize)]
struct Folders {
    value: Vec<Folder>,
}

#[derive(Deserialize)]
struct Folder {
    id: String,
}

/// Fetch, parse, upsert, and nothing else; answers messages a second.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
async fn bare_loop(scene: &Scene, latency: u64) -> f64 {
    // A request counts until its last byte has left, a moment longer than the loop's own count of four.
    let knobs =
        json!({ "latency_ms": latency, "concurrency_limit": 16, "largest_page": scene.page });
    let rig = Rig::start(world(scene.mailboxes, scene.each), knobs, &[], false).await;
    let client = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client can be made");
    let (rows, mut waiting) = tokio::sync::mpsc::channel::<Vec<(Plain, String)>>(8);
    let base = format!("{}/v1.0", rig.sandbox.settings().graph_base_url);
    let mut folders = Vec::new();
    for user in &rig.sandbox.settings().users {
        let token = rig
            .sandbox
            .world()
            .issue_token(Some(&user.id), &["Mail.Read"])
            .expect("the person exists");
        folders.extend(folders_of(&client, &base, &token).await);
    }
    let began = Instant::now();
    for (link, token) in folders {
        tokio::spawn(walk(client.clone(), link, token, rows.clone()));
    }
    drop(rows);
    let folder = scratch("bare");
    let mut database = plain_database(&folder.join("bare.db")).await;
    let mut count = 0;
    while let Some(page) = waiting.recv().await {
        count += page.len();
        upsert(&mut database, &page).await;
    }
    let rate = count as f64 / began.elapsed().as_secs_f64();
    assert_eq!(
        count,
        scene.mailboxes * scene.each,
        "the loop saw every message"
    );
    database.close().await.expect("the database closes");
    let _ = std::fs::remove_dir_all(folder);
    rig.stop().await;
    rate
}

/// Where the delta of each folder of a mailbox begins, with the token for it. A mailbox of this benchmark has four, so that walking
/// each of them by itself is four requests at a time.
async fn folders_of(client: &reqwest::Client, base: &str, token: &str) -> Vec<(String, String)> {
    let folders: Folders = client
        .get(format!("{base}/me/mailFolders?$top=100"))
        .bearer_auth(token)
        .send()
        .await
        .expect("the sandbox answers")
        .json()
        .await
        .expect("folders are listed");
    let links = folders.value.iter().map(|folder| {
        // Ids may hold a slash.
        let id = utf8_percent_encode(&folder.id, NON_ALPHANUMERIC);
        format!("{base}/me/mailFolders/{id}/messages/delta")
    });
    links.map(|link| (link, token.to_owned())).collect()
}

/// Walks the delta of a folder to its end.
async fn walk(
    client: reqwest::Client,
    mut link: String,
    token: String,
    rows: tokio::sync::mpsc::Sender<Vec<(Plain, String)>>,
) {
    loop {
        let answer = client
            .get(&link)
            .bearer_auth(&token)
            .header("Prefer", "odata.maxpagesize=500, IdType=\"ImmutableId\"")
            .send()
            .await
            .expect("the sandbox answers");
        let bytes = answer.bytes().await.expect("the answer arrives");
        let page: Page<'_> = serde_json::from_slice(&bytes).expect("a page is JSON");
        let parsed = page
            .value
            .iter()
            .map(|raw| {
                let plain = serde_json::from_str(raw.get()).expect("a message is JSON");
                (plain, raw.get().to_owned())
            })
            .collect();
        if rows.send(parsed).await.is_err() {
            return;
        }
        match page.next {
            Some(next) => link = next,
            None => return,
        }
    }
}

async fn plain_database(path: &std::path::Path) -> SqliteConnection {
    let mut database = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .connect()
        .await
        .expect("the database opens");
    sqlx::raw_sql(
        "CREATE TABLE messages (id TEXT PRIMARY KEY, subject TEXT, conversation TEXT, change_key TEXT, received TEXT,
            folder TEXT, is_read INTEGER, body TEXT, preview TEXT, raw TEXT) STRICT;
         CREATE INDEX messages_conversation ON messages (conversation);",
    )
    .execute(&mut database)
    .await
    .expect("the table is made");
    database
}

async fn upsert(database: &mut SqliteConnection, page: &[(Plain, String)]) {
    let mut tx = database.begin().await.expect("a transaction begins");
    for chunk in page.chunks(50) {
        let mut builder = sqlx::QueryBuilder::<sqlx::Sqlite>::new(
            "INSERT INTO messages (id, subject, conversation, change_key, received, folder, is_read, body, preview, raw) ",
        );
        builder.push_values(chunk, |mut row, (plain, raw)| {
            row.push_bind(&plain.id)
                .push_bind(&plain.subject)
                .push_bind(&plain.conversation_id)
                .push_bind(&plain.change_key)
                .push_bind(&plain.received_date_time)
                .push_bind(&plain.parent_folder_id)
                .push_bind(plain.is_read)
                .push_bind(plain.body.as_ref().and_then(|body| body.content.as_deref()))
                .push_bind(&plain.body_preview)
                .push_bind(raw);
        });
        builder.push(
            " ON CONFLICT (id) DO UPDATE SET change_key = excluded.change_key, raw = excluded.raw",
        );
        builder
            .build()
            .execute(&mut *tx)
            .await
            .expect("rows are written");
    }
    tx.commit().await.expect("the transaction ends");
}
