//! One replica dies or stands still with mailboxes in its hands, and the other takes them over.
//!
//! The one is a process of its own; the other runs in this process on the sandbox's clock, which is moved past the first one's
//! lease. Time stands behind for the first one, as it does for a machine that was suspended: that its lease is over, only the
//! database can tell it.

use std::time::Duration;

use chrono::TimeDelta;
use graph_mirror::model::feed::ChangeKind;
use graph_mirror::model::ids::{GraphId, MailboxId};
use graph_mirror::model::time::Clock as _;
use graph_mirror::model::work::{Cursor, CursorScope, CursorState};
use graph_mirror::sandbox::faults::FaultRule;
use graph_mirror::store::{Backend, CursorFilter, Priority};
use serde_json::json;

use super::replica::Replica;
use super::stage::{LEASE, Neighbour, Stage, until};
use crate::support::database::Database;

/// An answer is held back for so long; the clock is moved past it.
const HELD: Duration = Duration::from_mins(10);

/// One replica that holds all there is to hold, and has copied it.
async fn alone(mailboxes: usize) -> (Stage, Replica) {
    let database = Database::create(Backend::Postgres).await;
    let stage = Stage::set(database, mailboxes, &json!({}), &[]).await;
    let replica = stage.begin("one").ready().await;
    stage.front.lead_to(&[replica.address]);
    stage.connect().await;
    stage.copied().await;
    (stage, replica)
}

/// The second replica, beside the first one, and reached like it.
async fn joined(stage: &Stage, first: &Replica) -> Neighbour {
    let second = stage.neighbour().await;
    stage.front.lead_to(&[first.address, second.address]);
    second
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mailboxes_of_one_that_was_killed_are_taken_over_and_no_notice_is_lost() {
    // M5
    let (stage, one) = alone(2).await;
    let world = stage.sandbox.world();
    // Whatever a notice names is asked for, and the answer does not come.
    let silence = FaultRule {
        path: "/me/messages/|/users/[^/]+/messages/|/events/".to_owned(),
        times: Some(1_000),
        delay_ms: u64::try_from(HELD.as_millis()).expect("it is short"),
        ..FaultRule::default()
    };
    world.set_fault(silence).expect("the rule is good");
    stage.edit(6, 5);
    stage.told().await;
    let held_by_one = async || {
        let holders = stage.holders().await;
        holders.len() == 2 && holders.iter().all(|holder| one.signs(holder))
    };
    until("work in its hands", async || {
        held_by_one().await && world.faults().iter().any(|rule| rule.times < Some(1_000))
    })
    .await;
    let two = joined(&stage, &one).await;
    assert!(held_by_one().await, "nobody takes what is held");
    assert!(stage.notices().await > 0, "there is something to lose");

    let dead = stage.holders().await;
    one.kill();
    stage.front.lead_to(&[two.address]);
    world.clear_faults();
    stage.edit(4, 9);
    stage.told().await;
    assert_eq!(stage.holders().await, dead, "its leases last");
    world.advance(LEASE);
    until("its successor", async || {
        let heirs = stage.holders().await;
        heirs.len() == 2 && heirs.iter().all(|holder| two.signs(holder))
    })
    .await;

    stage.equal().await;
    let posts = stage.front.posts();
    assert!(
        posts.iter().all(|status| (200..300).contains(status)),
        "all of it was accepted: {posts:?}"
    );
    until("the last notice", async || stage.notices().await == 0).await;
    two.ends().await;
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_late_write_of_one_that_stood_still_past_its_lease_is_refused() {
    // M43, R9: it is in the middle of a round when it stops, and its answer comes when another has gone on.
    let (stage, one) = alone(1).await;
    let world = stage.sandbox.world();
    let person = &stage.people()[0].id;
    let mailbox = stage.mailboxes().await[0].id;
    let letter = GraphId::from(world.deliver_message(person).expect("the person exists"));
    let row = async || {
        let row = stage.store.message_get(mailbox, &letter).await;
        row.expect("the database answers").map(|row| row.message)
    };
    until("the letter", async || row().await.is_some()).await;
    let arrived = row().await.expect("it is there");
    let inbox = CursorScope::Messages {
        folder: arrived.folder_external_id.clone(),
    };
    let before = cursor(&stage, mailbox, &inbox).await;
    holds_its_next_page(&stage, &inbox).await;

    let two = joined(&stage, &one).await;
    one.hold();
    stage.front.lead_to(&[two.address]);
    reads(&stage, person, &letter).await;
    let second = GraphId::from(world.deliver_message(person).expect("the person exists"));
    stage.told().await;
    world.advance(LEASE);
    until("its successor", async || {
        let holders = stage.holders().await;
        holders.iter().any(|holder| two.signs(holder))
    })
    .await;
    stage.equal().await;
    // The held answer leaves, and what the successor put off by a minute is done too.
    world.advance(HELD);
    let newest = goes_on_to_rest(&stage, mailbox, &inbox).await;
    assert!(newest.link != before.link, "the successor has gone on");
    one.let_go();

    until("the refusal", async || {
        let now = cursor(&stage, mailbox, &inbox).await;
        assert_eq!(now, newest, "the late write was taken");
        one.said().iter().any(|said| {
            // Its heartbeat may come first; mostly the write does.
            ["another process has mailbox", "lost the lease"]
                .iter()
                .any(|refusal| said.message.starts_with(refusal))
        })
    })
    .await;
    assert!(one.ends().await.success());
    assert_eq!(cursor(&stage, mailbox, &inbox).await, newest);
    assert!(
        row().await.expect("it is there").is_read,
        "the newer row stays"
    );
    stage.edit(5, 2);
    stage.equal().await;
    assert_eq!(
        told_of(&stage, mailbox, &letter).await,
        [ChangeKind::Created, ChangeKind::Updated]
    );
    let of_the_second = told_of(&stage, mailbox, &second).await;
    assert_eq!(of_the_second.first(), Some(&ChangeKind::Created));
    two.ends().await;
    stage.strike().await;
}

async fn cursor(stage: &Stage, mailbox: MailboxId, scope: &CursorScope) -> Cursor {
    let cursor = stage.store.cursor_get(mailbox, scope).await;
    cursor
        .expect("the database answers")
        .expect("the folder has one")
}

/// Has the folder walked, and waits until the answer is made and held back.
async fn holds_its_next_page(stage: &Stage, scope: &CursorScope) {
    let world = stage.sandbox.world();
    let hold = FaultRule {
        path: "/messages/delta.*token=".to_owned(),
        times: Some(1),
        hold_ms: u64::try_from(HELD.as_millis()).expect("it is short"),
        ..FaultRule::default()
    };
    world.set_fault(hold).expect("the rule is good");
    for mailbox in stage.mailboxes().await {
        let marked = async {
            let mut tx = stage.store.write(Priority::Live).await?;
            tx.cursors_mark_dirty(mailbox.id, CursorFilter::Scope(scope), mailbox.connected_at)
                .await?;
            tx.wake(mailbox.id);
            tx.commit().await
        };
        marked.await.expect("the database answers");
    }
    until("the request", async || world.faults().is_empty()).await;
}

/// A person reads a message.
async fn reads(stage: &Stage, person: &str, message: &GraphId) {
    let world = stage.sandbox.world();
    let token = world
        .issue_token(Some(person), &["Mail.ReadWrite"])
        .expect("the person exists");
    let mut url: url::Url = world.graph_root().parse().expect("an address");
    url.path_segments_mut()
        .expect("it has a path")
        .extend(["me", "messages", &message.0]);
    let client = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client can be made");
    let answer = client
        .patch(url)
        .bearer_auth(token)
        .header("Prefer", "IdType=\"ImmutableId\"")
        .json(&json!({ "isRead": true, "categories": ["read"] }))
        .send()
        .await
        .expect("the sandbox answers");
    assert_eq!(answer.status(), 200);
}

/// Waits until nobody will walk the folder for hours, and answers where its cursor stands.
async fn goes_on_to_rest(stage: &Stage, mailbox: MailboxId, scope: &CursorScope) -> Cursor {
    let soon = TimeDelta::hours(1);
    until("the end of the round", async || {
        let now = stage.clock.now();
        let cursor = cursor(stage, mailbox, scope).await;
        cursor.state == CursorState::Idle && !cursor.is_dirty && cursor.due_at > now + soon
    })
    .await;
    cursor(stage, mailbox, scope).await
}

/// What the feed tells of an item.
async fn told_of(stage: &Stage, mailbox: MailboxId, item: &GraphId) -> Vec<ChangeKind> {
    let changes = stage.store.changes_after(mailbox, 0, 10_000).await;
    changes
        .expect("the database answers")
        .into_iter()
        .filter(|change| change.external_id == *item)
        .map(|change| change.change)
        .collect()
}
