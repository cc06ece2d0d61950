//! From a notification received to the row committed, and what a change costs in Graph requests.
//!
//! `cargo bench --bench live`, options after `--`: `changes=150 latency=50`.
//!
//! The sandbox's own deliveries are off: the benchmark edits a message in the sandbox, posts the notification itself, as Graph would,
//! and watches the feed. An fsync costs 1 ms. The bound of one change is one Graph request, measured in the same run by a client that does
//! nothing else, plus two commits: that of the notice and that of the row.
#![expect(clippy::print_stdout, reason = "a benchmark speaks to a terminal")]

#[path = "support/folder.rs"]
mod folder;
#[path = "support/options.rs"]
mod options;
#[path = "support/percentile.rs"]
mod percentile;
#[path = "support/rig.rs"]
mod rig;
#[path = "support/sync.rs"]
mod sync;
#[path = "support/table.rs"]
mod table;

use std::time::{Duration, Instant};

use graph_mirror::model::work::SubscriptionScope;
use graph_mirror::sandbox::Options;
use graph_mirror::sandbox::edits::EditOrder;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use percentile::percentile;
use rig::Rig;
use sync::{calibrate, with_fixed_sync};
use table::table;

/// The program's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A change that takes longer is a fault.
const PATIENCE: Duration = Duration::from_mins(1);

struct Plan {
    changes: u64,
    latency: u64,
}

fn plan() -> Plan {
    let mut plan = Plan {
        changes: 150,
        latency: 50,
    };
    options::read([
        ("changes", &mut plan.changes),
        ("latency", &mut plan.latency),
    ]);
    plan
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
    println!(
        "fsync fixed at 1 ms, {} ms per Graph request; {}\n",
        plan.latency,
        calibrate()
    );
    let mut rows = Vec::new();
    for with_backfill in [false, true] {
        rows.push(delays(plan, with_backfill).await);
    }
    table(
        &[
            "mailbox",
            "changes",
            "bare request p50 ms",
            "p50 ms",
            "p99 ms",
            "over the request: p50 ms",
            "p99 ms",
            "throttled",
        ],
        &rows,
    );
    frugality(plan).await;
}

fn world(messages: usize, folders: usize) -> Options {
    Options {
        mailboxes: 1,
        messages: Some(messages),
        folders: Some(folders),
        body_bytes: Some(4096),
        events: false,
        ..Options::default()
    }
}

/// Posts what Graph would post about a change.
struct Poster {
    client: reqwest::Client,
    url: String,
    state: String,
    subscription: String,
}

impl Poster {
    async fn of(rig: &Rig) -> Self {
        let mailbox = rig.mailboxes().await.remove(0);
        let began = Instant::now();
        let subscription = loop {
            let stored = rig.parts.store.subscriptions_list(mailbox.id).await;
            let found = stored
                .expect("the database answers")
                .into_iter()
                .find(|one| one.scope == SubscriptionScope::Messages && one.graph_id.is_some());
            if let Some(found) = found {
                break found;
            }
            assert!(began.elapsed() < PATIENCE, "there is no subscription");
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        Self {
            client: reqwest::Client::builder()
                .no_proxy()
                .build()
                .expect("a client can be made"),
            url: format!(
                "{}/webhooks/microsoft/notifications",
                rig.parts.reach.present().expect("push is on")
            ),
            state: rig.parts.signer.client_state(subscription.key),
            subscription: subscription.graph_id.unwrap_or_default(),
        }
    }

    async fn post(&self, ids: &[String]) {
        let items: Vec<_> = ids
            .iter()
            .map(|id| {
                json!({
                    "subscriptionId": self.subscription,
                    "subscriptionExpirationDateTime": "2030-01-01T00:00:00Z",
                    "changeType": "updated",
                    "clientState": self.state,
                    "tenantId": "00000000-0000-0000-0000-000000000000",
                    "resource": format!("Users/u/Messages/{id}"),
                    "resourceData": { "@odata.type": "#Microsoft.Graph.Message", "id": id },
                })
            })
            .collect();
        let answer = self
            .client
            .post(&self.url)
            .json(&json!({ "value": items }))
            .send()
            .await
            .expect("the service answers");
        assert_eq!(answer.status().as_u16(), 202, "it is accepted");
    }
}

/// How long one GET of a message takes a client that does nothing else; the median of some.
async fn bare_request(rig: &Rig) -> Duration {
    let settings = rig.sandbox.settings();
    let user = settings.users[0].id.clone();
    let world = rig.sandbox.world();
    let token = world
        .issue_token(Some(&user), &["Mail.Read"])
        .expect("the person exists");
    let client = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client can be made");
    let mut lasted = Vec::new();
    for round in 0..20 {
        let id = edit(rig, 1, 9_000_000 + round).remove(0);
        let id = utf8_percent_encode(&id, NON_ALPHANUMERIC);
        let url = format!("{}/v1.0/me/messages/{id}", settings.graph_base_url);
        let began = Instant::now();
        let answer = client
            .get(url)
            .bearer_auth(&token)
            .header("Prefer", "IdType=\"ImmutableId\"")
            .send()
            .await
            .expect("the sandbox answers");
        assert_eq!(answer.status(), 200, "the message is there");
        drop(answer.bytes().await.expect("the answer arrives"));
        lasted.push(began.elapsed());
    }
    percentile(&mut lasted, 0.5)
}

fn edit(rig: &Rig, count: usize, seed: u64) -> Vec<String> {
    let user = rig.sandbox.settings().users[0].id.clone();
    let order = EditOrder {
        count,
        seed,
        kinds: vec!["message_read".to_owned()],
    };
    let edits = rig
        .sandbox
        .world()
        .edit(&user, &order)
        .expect("the person exists");
    let mut ids: Vec<String> = edits.into_iter().map(|edit| edit.id).collect();
    ids.sort();
    ids.dedup();
    ids
}

/// Waits until the feed has named all of `ids` since `position`; answers the new position.
async fn told(rig: &Rig, position: i64, ids: &[String]) -> i64 {
    let mailbox = rig.mailboxes().await.remove(0).id;
    let mut missing: std::collections::BTreeSet<&str> = ids.iter().map(String::as_str).collect();
    let mut position = position;
    let began = Instant::now();
    while !missing.is_empty() {
        let changes = rig.parts.store.changes_after(mailbox, position, 2000).await;
        for change in changes.expect("the database answers") {
            position = change.position;
            missing.remove(change.external_id.as_str());
        }
        assert!(
            began.elapsed() < PATIENCE,
            "{} changes did not arrive",
            missing.len()
        );
        // No pause: a timer's coarse tick would count as delay.
        tokio::task::yield_now().await;
    }
    position
}

async fn position(rig: &Rig) -> i64 {
    rig.mailboxes().await.remove(0).feed_position
}

async fn delays(plan: &Plan, with_backfill: bool) -> Vec<String> {
    let knobs = json!({ "suppress_notifications": true, "latency_ms": plan.latency });
    let messages = if with_backfill { 60_000 } else { 400 };
    let rig = Rig::start(world(messages, 8), knobs, &[], true).await;
    // Before the service asks anything: together they would be more at once than Graph allows.
    let request = bare_request(&rig).await;
    rig.connect().await;
    if with_backfill {
        while rig.messages().await < 1000 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    } else {
        rig.copied().await;
    }
    let poster = Poster::of(&rig).await;
    let mut waits = Vec::new();
    for round in 0..plan.changes {
        let ids = edit(&rig, 1, round);
        let from = position(&rig).await;
        let began = Instant::now();
        poster.post(&ids).await;
        told(&rig, from, &ids).await;
        waits.push(began.elapsed());
        if with_backfill && rig.mailboxes().await[0].backfilled_at.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let count = waits.len();
    let (middle, tail) = (percentile(&mut waits, 0.5), percentile(&mut waits, 0.99));
    let stats = rig.sandbox.world().lock().stats.clone();
    rig.stop().await;
    let millis = |wait: Duration| format!("{:.1}", wait.as_secs_f64() * 1000.0);
    vec![
        if with_backfill {
            "backfill of 60,000 messages under way"
        } else {
            "idle"
        }
        .to_owned(),
        count.to_string(),
        millis(request),
        millis(middle),
        millis(tail),
        millis(middle.saturating_sub(request)),
        millis(tail.saturating_sub(request)),
        stats.throttled.to_string(),
    ]
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
async fn frugality(plan: &Plan) {
    let knobs = json!({ "suppress_notifications": true, "latency_ms": 5 });
    let rig = Rig::start(world(3000, 60), knobs, &[], true).await;
    rig.connect().await;
    rig.copied().await;
    let poster = Poster::of(&rig).await;
    let requests = || rig.sandbox.world().lock().stats.requests;
    let mut rows = Vec::new();
    for (name, rounds, burst) in [
        ("one at a time", plan.changes.min(60), 1),
        ("bursts of 100", 5, 100),
    ] {
        let before = requests();
        let mut changes = 0;
        for round in 0..rounds {
            let ids = edit(&rig, burst, 1_000_000 + round * 7 + burst as u64);
            let from = position(&rig).await;
            poster.post(&ids).await;
            told(&rig, from, &ids).await;
            changes += ids.len();
        }
        let asked = requests() - before;
        rows.push(vec![
            name.to_owned(),
            changes.to_string(),
            asked.to_string(),
            format!("{:.2}", asked as f64 / changes as f64),
        ]);
    }
    // The folders that changed are polled once more after a while (M47); that belongs to the price.
    let before = requests();
    tokio::time::sleep(Duration::from_secs(75)).await;
    let later = requests() - before;
    println!("A mailbox of 60 folders; requests counted with each part of a batch:\n");
    table(
        &["changes", "count", "requests", "requests a change"],
        &rows,
    );
    println!(
        "In the 75 seconds after all of these, when nothing changed: {later} requests (polls of the folders that had).\n"
    );
    rig.stop().await;
}
