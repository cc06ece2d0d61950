//! The rules of the budget, one by one.

use std::time::Duration;

use chrono::TimeDelta;

use crate::model::time::{Clock, ManualClock};

use super::*;

fn budget(limits: Limits) -> (ManualClock, Budget) {
    let clock = ManualClock::standing_at(Timestamp::UNIX_EPOCH);
    let budget = Budget::new(Arc::new(clock.clone()), limits);
    (clock, budget)
}

/// A waiter that has certainly entered the queue.
async fn queue(
    budget: &Budget,
    lane: Lane,
    requests: u32,
) -> tokio::task::JoinHandle<Result<Pass, Fenced>> {
    let shared = budget.clone();
    let before = budget.lock().lanes.waiting();
    let task = tokio::spawn(async move { shared.admit(lane, requests).await });
    while budget.lock().lanes.waiting() == before {
        tokio::task::yield_now().await;
    }
    task
}

#[tokio::test]
async fn no_more_than_four_requests_are_ever_in_flight() {
    // F3.9, M11.
    let (_clock, budget) = budget(Limits::default());

    let mut passes = Vec::new();
    for _ in 0..4 {
        passes.push(budget.admit(Lane::Live, 1).await.expect("a slot is free"));
    }
    let fifth = queue(&budget, Lane::Live, 1).await;
    assert!(!fifth.is_finished());

    passes.pop();
    let fifth = fifth.await.expect("no panic");
    assert!(fifth.is_ok());
    assert_eq!(budget.free_slots(), 0);
}

#[tokio::test]
async fn a_live_change_goes_before_the_next_page_of_a_backfill() {
    // Design §4.
    let (_clock, budget) = budget(Limits::default());
    let mut pages = Vec::new();
    for _ in 0..4 {
        pages.push(
            budget
                .admit(Lane::Backfill, 1)
                .await
                .expect("a slot is free"),
        );
    }
    let page = queue(&budget, Lane::Backfill, 1).await;
    let live = queue(&budget, Lane::Live, 1).await;

    pages.pop();
    let live = live.await.expect("no panic").expect("it is admitted");
    assert!(!page.is_finished());

    drop(live);
    assert!(page.await.expect("no panic").is_ok());
}

#[tokio::test]
async fn a_batch_takes_all_slots_and_counts_every_part() {
    // F4.12, F3.9.
    let (_clock, budget) = budget(Limits::default());
    let full = budget.room(Lane::Live);

    let batch = budget
        .admit(Lane::Live, 20)
        .await
        .expect("all slots are free");

    assert_eq!(budget.free_slots(), 0);
    assert_eq!(budget.room(Lane::Live), full - 20);
    drop(batch);
    assert_eq!(budget.free_slots(), 4);
}

#[tokio::test]
async fn bulk_work_leaves_room_in_the_quota_for_live_changes() {
    // F3.9: the quota holds for all of the app's requests on the mailbox.
    let (clock, budget) = budget(Limits {
        slots: 4,
        quota: 1000,
    });

    let refused = loop {
        match budget.admit(Lane::Backfill, 1).await {
            Ok(pass) => drop(pass),
            Err(refused) => break refused,
        }
    };

    assert!(budget.room(Lane::Live) > 0);
    assert!(budget.admit(Lane::Live, 1).await.is_ok());
    assert!(refused.until >= Timestamp::UNIX_EPOCH + TimeDelta::minutes(10));
    clock.advance(Duration::from_mins(11));
    assert!(budget.admit(Lane::Backfill, 1).await.is_ok());
}

#[tokio::test]
async fn a_retry_after_sends_everybody_away_until_it_has_passed_to_the_second() {
    // M12.
    let (clock, budget) = budget(Limits::default());
    let batch = budget
        .admit(Lane::Live, 4)
        .await
        .expect("all slots are free");
    let waiting = queue(&budget, Lane::Command, 1).await;
    let until = clock.now() + TimeDelta::seconds(10);

    budget.fence(until);

    assert_eq!(
        waiting.await.expect("no panic").unwrap_err(),
        Fenced { until }
    );
    drop(batch);
    clock.advance(Duration::from_millis(9_999));
    assert_eq!(
        budget.admit(Lane::Command, 1).await.unwrap_err(),
        Fenced { until }
    );
    clock.advance(Duration::from_millis(1));
    assert!(budget.admit(Lane::Command, 1).await.is_ok());
}

#[tokio::test]
async fn a_shorter_retry_after_does_not_lift_a_longer_one() {
    let (clock, budget) = budget(Limits::default());
    let long = clock.now() + TimeDelta::seconds(60);

    budget.fence(long);
    budget.fence(clock.now() + TimeDelta::seconds(5));

    assert_eq!(budget.fenced_until(), Some(long));
    assert_eq!(budget.unsaved_fence(), Some(long));
    assert_eq!(budget.unsaved_fence(), None);
}

#[tokio::test]
async fn whoever_stops_waiting_keeps_neither_a_slot_nor_its_place() {
    let (_clock, budget) = budget(Limits::default());
    let held = budget
        .admit(Lane::Backfill, 2)
        .await
        .expect("slots are free");
    let batch = queue(&budget, Lane::Live, 4).await;
    let page = queue(&budget, Lane::Backfill, 1).await;

    batch.abort();
    let page = page.await.expect("no panic");

    assert!(page.is_ok(), "the batch stood in its way and has gone");
    drop(held);
    drop(page);
    assert_eq!(budget.free_slots(), 4);
}

#[tokio::test]
async fn a_count_that_was_written_down_is_believed_after_a_restart() {
    let (clock, before) = budget(Limits {
        slots: 4,
        quota: 100,
    });
    drop(before.admit(Lane::Live, 90).await.expect("there is room"));
    assert_eq!(before.unsaved(), 90);
    let stored = before.spent();
    assert_eq!(before.unsaved(), 0);

    let after = Budget::new(Arc::new(clock.clone()), before.0.limits);
    after.restore(&stored, Some(clock.now() + TimeDelta::seconds(3)));

    assert!(
        after.admit(Lane::Live, 1).await.is_err(),
        "the fence was restored"
    );
    clock.advance(Duration::from_secs(3));
    assert!(
        after.admit(Lane::Live, 20).await.is_err(),
        "the count was restored"
    );
    assert!(after.admit(Lane::Live, 5).await.is_ok());
}
