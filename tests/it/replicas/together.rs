//! Both replicas are well: they share the work, the start, a restart of each, and the ticks of their schedules.

use std::collections::BTreeSet;
use std::time::Duration;

use graph_mirror::model::time::{Clock as _, SystemClock};
use graph_mirror::store::Backend;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::replica::Replica;
use super::stage::{Stage, until};
use crate::support::database::Database;

#[tokio::test(flavor = "multi_thread")]
async fn mailboxes_are_shared_out_and_every_one_becomes_equal() {
    // M11, M16: the limits of a mailbox hold for all replicas together.
    let database = Database::create(Backend::Postgres).await;
    // A replica has places for two of the four, and Graph takes its time.
    let slowly = json!({ "latency_ms": 30 });
    let stage = Stage::set(database, 4, &slowly, &[("HOMES_LIMIT", "2")]).await;
    let (one, two) = (stage.begin("one"), stage.begin("two"));
    let (one, two) = (one.ready().await, two.ready().await);
    stage.front.lead_to(&[one.address, two.address]);

    stage.connect().await;
    until("leases of both", async || {
        let holders = stage.holders().await;
        let holds = |replica: &Replica| holders.iter().any(|holder| replica.signs(holder));
        holds(&one) && holds(&two)
    })
    .await;
    stage.copied().await;
    stage.edit(15, 7);

    stage.equal().await;
    let stats = stage.sandbox.world().lock().stats.clone();
    assert_eq!(stats.without_id_type, 0, "every call wants immutable ids");
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_started_at_once_on_an_empty_database_become_ready_and_work() {
    let database = Database::create_empty(Backend::Postgres).await;
    let stage = Stage::set(database, 1, &json!({}), &[]).await;

    let (one, two) = (stage.begin("one"), stage.begin("two"));
    let (one, two) = (one.ready().await, two.ready().await);
    stage.front.lead_to(&[one.address, two.address]);

    stage.store.schema_check().await.expect("it is set up");
    stage.connect().await;
    stage.copied().await;
    stage.edit(10, 3);
    stage.equal().await;
    for replica in [one, two] {
        assert!(replica.ends().await.success());
    }
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_under_load_loses_no_notification() {
    let database = Database::create(Backend::Postgres).await;
    let stage = Stage::set(database, 2, &json!({}), &[]).await;
    let (one, two) = (stage.begin("one"), stage.begin("two"));
    let (one, two) = (one.ready().await, two.ready().await);
    stage.front.lead_to(&[one.address, two.address]);
    stage.connect().await;
    stage.copied().await;

    let stop = CancellationToken::new();
    let load = async {
        let mut edits = 0;
        while !stop.is_cancelled() {
            stage.edit(1, edits);
            edits += 1;
            // People pause between two edits.
            SystemClock.sleep(Duration::from_millis(40)).await;
        }
        edits
    };
    let restarts = async {
        let answered = || stage.front.posts().len();
        // Each restart begins and ends while notifications arrive.
        let under_load = async || {
            let before = answered();
            until("notifications", async || answered() > before).await;
        };
        under_load().await;
        // Nobody says so beforehand: until it is gone, what it does not take any more goes to the other.
        assert!(one.ends().await.success(), "it gives everything back");
        stage.front.lead_to(&[two.address]);
        under_load().await;
        let one = stage.begin("one again").ready().await;
        stage.front.lead_to(&[one.address, two.address]);
        under_load().await;
        assert!(two.ends().await.success(), "it gives everything back");
        stage.front.lead_to(&[one.address]);
        under_load().await;
        let two = stage.begin("two again").ready().await;
        stage.front.lead_to(&[one.address, two.address]);
        under_load().await;
        stop.cancel();
        (one, two)
    };
    let (edits, _replicas) = tokio::join!(load, restarts);

    assert!(edits > 10, "{edits} edits");
    stage.told().await;
    stage.equal().await;
    let refused: Vec<u16> = stage
        .front
        .posts()
        .into_iter()
        .filter(|status| !matches!(status, 200..300 | 503))
        .collect();
    assert!(refused.is_empty(), "{refused:?}");
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tick_that_comes_in_both_is_carried_out_once() {
    let database = Database::create(Backend::Postgres).await;
    let stage = Stage::set(database, 1, &json!({}), &[]).await;
    let (one, two) = (stage.begin("one"), stage.begin("two"));
    let (one, two) = (one.ready().await, two.ready().await);

    // Of the schedule that comes most often: which instants were taken, and which left to the other.
    let instants = |start: &str| -> Vec<String> {
        let said = [one.said(), two.said()].concat();
        said.into_iter()
            .filter(|said| said.schedule.as_deref() == Some("due"))
            .filter_map(|said| Some(said.message.strip_prefix(start)?.to_owned()))
            .collect()
    };
    let (taken, left) = (
        || instants("took the tick of "),
        || instants("another replica took the tick of "),
    );
    until("a tick in both", async || {
        let mut known = BTreeSet::new();
        let mut said = taken().into_iter().chain(left());
        said.any(|instant| !known.insert(instant))
    })
    .await;
    until("its work", async || {
        instants("carrying out").len() >= taken().len()
    })
    .await;

    let carried_out = instants("carrying out").len();
    let taken = taken();
    assert!(carried_out <= taken.len(), "{carried_out} times: {taken:?}");
    let instants: BTreeSet<&String> = taken.iter().collect();
    assert_eq!(
        instants.len(),
        taken.len(),
        "one was taken twice: {taken:?}"
    );
    stage.strike().await;
}
