//! Stopping a mailbox, taking it up again, and the end of its connection.

use std::sync::Arc;
use std::time::Duration;

use graph_mirror::graph::{MailboxGraph, TokenSource};
use graph_mirror::mailboxes::{disconnect, states};
use graph_mirror::model::ids::{GraphId, MailboxId, SubscriptionKey};
use graph_mirror::model::mailbox::{MailboxState, StateReason};
use graph_mirror::model::time::{Clock, SharedClock};
use graph_mirror::model::work::{
    ChangeHint, Fence, Lane, NoticeKind, Subscription, SubscriptionScope, SubscriptionState,
};
use graph_mirror::store::{NewNotice, Priority, StoreError};

use crate::graph::fake::{CountingGate, answer, refusal};
use crate::oauth::bench::Bench;

const LEASE: Duration = Duration::from_secs(30);

async fn claim(bench: &Bench, mailbox: MailboxId) -> Fence {
    let now = bench.clock.now();
    let claimed = bench
        .store
        .mailbox_claim_one(mailbox, "test", now, LEASE)
        .await;
    claimed.expect("a database").expect("nobody else has it").1
}

fn graph(bench: &Bench, mailbox: MailboxId) -> MailboxGraph {
    let tokens = bench.keepers().keeper(mailbox) as Arc<dyn TokenSource>;
    let gate = Arc::new(CountingGate::default());
    MailboxGraph::new(bench.graph.clone(), GraphId::from("user-1"), tokens, gate)
}

/// Three subscriptions, one of which Graph never confirmed, and a waiting notice.
async fn fill(bench: &Bench, mailbox: MailboxId) {
    let now = bench.clock.now();
    let mut tx = bench
        .store
        .write(Priority::Live)
        .await
        .expect("a transaction");
    for (graph_id, scope) in [
        (Some("graph-1"), SubscriptionScope::Messages),
        (
            Some("graph-2"),
            SubscriptionScope::Events {
                calendar: "c".into(),
            },
        ),
        (
            None,
            SubscriptionScope::Events {
                calendar: "d".into(),
            },
        ),
    ] {
        let subscription = Subscription {
            key: SubscriptionKey::generate(),
            mailbox,
            scope,
            state: SubscriptionState::Active,
            graph_id: graph_id.map(str::to_owned),
            public_url: "https://mirror.example".to_owned(),
            expires_at: None,
            renew_at: None,
            not_before: None,
            failures: 0,
            created_at: now,
            touched_at: None,
            doubted_at: None,
            client_state_key: None,
        };
        tx.subscription_save(&subscription).await.expect("saved");
    }
    let notice = NewNotice {
        kind: NoticeKind::Message,
        external_id: "m".into(),
        lane: Lane::Live,
        hint: ChangeHint::Updated,
        due_at: now,
        trace: None,
    };
    tx.notices_add(mailbox, &[notice], now)
        .await
        .expect("added");
    tx.commit().await.expect("committed");
}

#[tokio::test]
async fn a_disconnected_mailbox_leaves_nothing_behind_that_could_be_deleted() {
    // M32
    let bench = Bench::start(|_, asked| {
        if asked.path.ends_with("graph-2") {
            answer(403, &refusal("ErrorAccessDenied"))
        } else {
            answer(204, &serde_json::Value::Null)
        }
    })
    .await;
    let mailbox = bench.mailbox(3_600).await;
    fill(&bench, mailbox).await;
    let fence = claim(&bench, mailbox).await;
    let clock: SharedClock = Arc::new(bench.clock.clone());

    let outcome = disconnect(&bench.store, &graph(&bench, mailbox), &fence, &clock)
        .await
        .expect("disconnected");

    assert_eq!(
        (outcome.subscriptions_deleted, outcome.subscriptions_left),
        (1, 1)
    );
    let asked = bench.fake.asked();
    assert!(asked.iter().all(|one| one.method == "DELETE"));
    assert_eq!(asked[0].path, "/v1.0/subscriptions/graph-1");
    let row = bench.row(mailbox).await;
    assert_eq!(row.state, MailboxState::Disconnected);
    assert_eq!(row.state_reason, Some(StateReason::ByRequest));
    assert_eq!(
        bench.store.grant_get(mailbox).await.expect("a database"),
        None
    );
    assert!(
        bench
            .store
            .subscriptions_list(mailbox)
            .await
            .expect("a list")
            .is_empty()
    );
    let waiting = bench
        .store
        .notices_due(mailbox, bench.clock.now(), 10)
        .await;
    assert!(waiting.expect("a list").is_empty());
}

#[tokio::test]
async fn a_mailbox_whose_grant_is_dead_can_still_be_disconnected() {
    let bench =
        Bench::start(|_, _| crate::oauth::bench::refused(400, "invalid_grant", 50_173)).await;
    let mailbox = bench.mailbox(0).await;
    fill(&bench, mailbox).await;
    let fence = claim(&bench, mailbox).await;
    let clock: SharedClock = Arc::new(bench.clock.clone());

    let outcome = disconnect(&bench.store, &graph(&bench, mailbox), &fence, &clock)
        .await
        .expect("disconnected");

    assert_eq!(
        (outcome.subscriptions_deleted, outcome.subscriptions_left),
        (0, 2)
    );
    assert_eq!(bench.row(mailbox).await.state, MailboxState::Disconnected);
}

#[tokio::test]
async fn a_suspended_mailbox_keeps_its_grant_is_looked_at_tomorrow_and_comes_back() {
    let fake = |_: usize, _: &crate::graph::fake::Asked| answer(200, &serde_json::Value::Null);
    let bench = Bench::start(fake).await;
    let mailbox = bench.mailbox(3_600).await;
    let fence = claim(&bench, mailbox).await;
    let now = bench.clock.now();
    let (state, reason) = (MailboxState::Suspended, StateReason::MailboxUnavailable);

    states::stop(&bench.store, &fence, state, reason, now)
        .await
        .expect("stopped");

    let row = bench.row(mailbox).await;
    assert_eq!((row.state, row.state_reason), (state, Some(reason)));
    assert_eq!(row.work_at, Some(now + chrono::TimeDelta::days(1)));
    assert_eq!(bench.refresh_token(mailbox).await, "refresh-0");

    states::resume(&bench.store, &fence, now)
        .await
        .expect("resumed");

    let row = bench.row(mailbox).await;
    assert_eq!(
        (row.state, row.state_reason),
        (MailboxState::Connected, None)
    );
    assert_eq!(row.work_at, Some(now));
}

#[tokio::test]
async fn a_home_that_lost_the_mailbox_neither_stops_nor_ends_it() {
    let bench = Bench::start(|_, _| answer(204, &serde_json::Value::Null)).await;
    let mailbox = bench.mailbox(3_600).await;
    let lost = claim(&bench, mailbox).await;
    bench.clock.advance(LEASE + Duration::from_secs(1));
    claim(&bench, mailbox).await;
    let now = bench.clock.now();
    let clock: SharedClock = Arc::new(bench.clock.clone());

    let stopped = states::stop(
        &bench.store,
        &lost,
        MailboxState::Suspended,
        StateReason::AccessDenied,
        now,
    )
    .await;
    let resumed = states::resume(&bench.store, &lost, now).await;
    let ended = disconnect(&bench.store, &graph(&bench, mailbox), &lost, &clock).await;

    assert!(matches!(stopped, Err(StoreError::LeaseLost)), "{stopped:?}");
    assert!(matches!(resumed, Err(StoreError::LeaseLost)), "{resumed:?}");
    assert!(matches!(ended, Err(StoreError::LeaseLost)), "{ended:?}");
    assert_eq!(bench.row(mailbox).await.state, MailboxState::Connected);
    assert!(
        bench
            .store
            .grant_get(mailbox)
            .await
            .expect("a database")
            .is_some()
    );
}
