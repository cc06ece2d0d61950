//! What somebody may wish of a mailbox.

use std::collections::BTreeSet;
use std::time::Duration;

use graph_mirror::model::calendar::{Event, EventKind};
use graph_mirror::model::ids::{CommandId, GraphId};
use graph_mirror::model::time::Clock;
use graph_mirror::model::work::{Command, Wish};
use graph_mirror::store::{Backend, Priority};
use serde_json::{Value, json};

use super::mailbox::Connected;
use super::on_both;

const PATIENCE: Duration = Duration::from_mins(3);

async fn wish(bench: &Connected, wish: Wish) -> Value {
    let command = Command {
        id: CommandId::generate(),
        mailbox: bench.mailbox,
        wish,
        requested_at: bench.clock.now(),
        outcome: None,
        failure_code: None,
        attempts: 0,
        due_at: None,
        graph_id: None,
        progress: None,
        request_digest: None,
    };
    bench
        .mirror
        .command(&command)
        .await
        .expect("the wish is done")
}

async fn mirrored(backend: Backend) -> Connected {
    let bench = Connected::open(backend).await;
    bench.backfill().await;
    bench.settle(PATIENCE).await;
    bench
}

/// Every event of the mirror.
async fn events(bench: &Connected) -> Vec<Event> {
    let stored = bench.store.events_page(bench.mailbox, None, 10_000).await;
    let stored = stored.expect("the store answers");
    stored.into_iter().map(|stored| stored.event).collect()
}

on_both!(
    listing_messages_counts_what_it_made_changed_and_left,
    |backend| {
        let bench = mirrored(backend).await;
        let message = bench.message_in("inbox", 0).await;
        let path = format!("/messages/{}", Connected::segment(&message));
        bench
            .act(
                "PATCH",
                &path,
                Some(json!({ "categories": ["Blue category"] })),
            )
            .await;
        for _ in 0..3 {
            bench
                .sandbox
                .world()
                .deliver_message(&bench.user)
                .expect("it is delivered");
        }

        let outcome = wish(
            &bench,
            Wish::SyncMessages {
                max_results: 10,
                since: None,
            },
        )
        .await;

        assert_eq!(outcome["created"], 3, "{outcome}");
        let seen = ["created", "updated", "unchanged", "skipped"]
            .iter()
            .filter_map(|field| outcome[*field].as_u64())
            .sum::<u64>();
        assert_eq!(seen, 10, "{outcome}");
        let none = wish(
            &bench,
            Wish::SyncMessages {
                max_results: 10,
                since: Some(bench.clock.now() + chrono::TimeDelta::days(1)),
            },
        )
        .await;
        assert_eq!(none["created"], 0);
        assert_eq!(none["unchanged"], 0);
    }
);

on_both!(
    listing_events_beyond_the_mirrored_window_is_cut_and_says_so,
    |backend| {
        let bench = mirrored(backend).await;

        let inside = wish(
            &bench,
            Wish::SyncEvents {
                max_results: 20,
                start: Some("2026-02-01T00:00:00Z".parse().expect("an instant")),
                end: Some("2026-03-01T00:00:00Z".parse().expect("an instant")),
            },
        )
        .await;
        let beyond = wish(
            &bench,
            Wish::SyncEvents {
                max_results: 20,
                start: Some("2026-02-01T00:00:00Z".parse().expect("an instant")),
                end: Some("2040-03-01T00:00:00Z".parse().expect("an instant")),
            },
        )
        .await;

        assert_eq!(inside["cut_to_mirrored_window"], false, "{inside}");
        assert_eq!(inside["created"], 0, "{inside}");
        assert!(inside["unchanged"].as_u64() > Some(0), "{inside}");
        assert_eq!(beyond["cut_to_mirrored_window"], true, "{beyond}");
        bench.assert_true().await;
    }
);

on_both!(
    events_listed_for_a_range_are_those_of_the_range,
    |backend| {
        let bench = Connected::open(backend).await;
        let start = "2026-02-08T00:00:00Z".parse().expect("an instant");
        let end = "2026-02-22T00:00:00Z".parse().expect("an instant");

        let outcome = wish(
            &bench,
            Wish::SyncEvents {
                max_results: 1_000,
                start: Some(start),
                end: Some(end),
            },
        )
        .await;
        let listed = events(&bench).await;
        bench.backfill().await;
        bench.settle(PATIENCE).await;
        let all = events(&bench).await;

        let overlaps = |event: &&Event| event.start_at < end && event.end_at > start;
        let ids = |events: &[Event], kind: EventKind| -> BTreeSet<String> {
            let of_kind = events.iter().filter(|event| event.kind == kind);
            of_kind.map(|event| event.external_id.to_string()).collect()
        };
        let in_range: Vec<Event> = all.iter().filter(overlaps).cloned().collect();
        assert_eq!(
            ids(&listed, EventKind::SingleInstance),
            ids(&in_range, EventKind::SingleInstance)
        );
        let out_of_range = ids(&all, EventKind::SingleInstance).len()
            - ids(&in_range, EventKind::SingleInstance).len();
        assert!(out_of_range > 0, "the mailbox has events outside as well");
        let shown = in_range
            .iter()
            .filter(|event| event.kind != EventKind::SeriesMaster)
            .count();
        assert_eq!(outcome["created"], shown, "{outcome}");
        assert_eq!(outcome["start"], json!(start));
        assert_eq!(outcome["end"], json!(end));
    }
);

on_both!(max_results_bounds_messages_and_events, |backend| {
    let bench = Connected::open(backend).await;

    let messages = wish(
        &bench,
        Wish::SyncMessages {
            max_results: 7,
            since: None,
        },
    )
    .await;
    let events = wish(
        &bench,
        Wish::SyncEvents {
            max_results: 3,
            start: None,
            end: None,
        },
    )
    .await;
    let stored = bench.store.messages_count(bench.mailbox).await;

    let sum = |outcome: &Value| {
        let fields = ["created", "updated", "unchanged", "skipped"];
        let counts = fields.iter().filter_map(|field| outcome[*field].as_i64());
        counts.sum::<i64>()
    };
    assert_eq!(sum(&messages), 7, "{messages}");
    assert_eq!(
        stored.expect("the store answers"),
        messages["created"].as_i64().expect("a count")
    );
    assert_eq!(sum(&events), 3, "{events}");
});

on_both!(events_listed_before_any_round_are_made, |backend| {
    let bench = Connected::open(backend).await;

    let outcome = wish(
        &bench,
        Wish::SyncEvents {
            max_results: 1_000,
            start: None,
            end: None,
        },
    )
    .await;

    assert!(outcome["created"].as_u64() > Some(0), "{outcome}");
    bench.backfill().await;
    bench.settle(PATIENCE).await;
    bench.assert_true().await;
});

on_both!(
    a_full_sync_starts_from_the_beginning_and_changes_nothing,
    |backend| {
        let bench = mirrored(backend).await;

        let outcome = wish(&bench, Wish::Sync { full: true }).await;

        assert_eq!(outcome["rows"]["created"], 0, "{outcome}");
        assert_eq!(outcome["rows"]["deleted"], 0, "{outcome}");
        assert!(outcome["rows"]["unchanged"].as_u64() > Some(0), "{outcome}");
        bench.assert_true().await;
    }
);

on_both!(an_audit_of_an_equal_mirror_says_so, |backend| {
    let bench = mirrored(backend).await;

    let outcome = wish(&bench, Wish::Verify { repair: false }).await;

    assert_eq!(outcome["equal"], true, "{outcome}");
    assert!(outcome["messages"].as_i64() > Some(0), "{outcome}");
    assert!(outcome["events"].as_i64() > Some(0), "{outcome}");
    let last = bench.store.audit_last(bench.mailbox).await.expect("audits");
    assert!(last.is_some_and(|audit| audit.equal));
});

on_both!(an_audit_finds_what_differs_and_heals_it, |backend| {
    let bench = mirrored(backend).await;
    // A message that we lost, one that we held on to, one that changed behind our back.
    let (lost, changed) = (
        bench.message_in("inbox", 0).await,
        bench.message_in("inbox", 1).await,
    );
    let now = bench.clock.now();
    let mut tx = bench
        .store
        .write(Priority::Live)
        .await
        .expect("a transaction");
    tx.messages_delete(bench.mailbox, &[GraphId::from(lost.as_str())], now, now)
        .await
        .expect("it is deleted");
    tx.commit().await.expect("it is committed");
    let held = bench.message_in("inbox", 2).await;
    let path = format!("/messages/{}/permanentDelete", Connected::segment(&held));
    bench.act("POST", &path, None).await;
    let path = format!("/messages/{}", Connected::segment(&changed));
    bench
        .act(
            "PATCH",
            &path,
            Some(json!({ "categories": ["Blue category"] })),
        )
        .await;
    let events = bench
        .store
        .events_page(bench.mailbox, None, 1)
        .await
        .expect("events");
    let event = events[0].event.external_id.clone();
    let mut tx = bench
        .store
        .write(Priority::Live)
        .await
        .expect("a transaction");
    tx.events_drop(bench.mailbox, std::slice::from_ref(&event))
        .await
        .expect("it is dropped");
    tx.commit().await.expect("it is committed");

    let outcome = wish(&bench, Wish::Verify { repair: true }).await;

    assert_eq!(outcome["equal"], false, "{outcome}");
    let first = outcome["differences"]["first"]
        .as_array()
        .expect("differences");
    let of = |id: &str| first.iter().find(|one| one["external_id"] == id);
    assert!(
        of(&lost).is_some_and(|one| one["ours"].is_null()),
        "{outcome}"
    );
    assert!(
        of(&held).is_some_and(|one| one["theirs"].is_null()),
        "{outcome}"
    );
    assert!(
        of(&changed).is_some_and(|one| one["field"] == "change_key"),
        "{outcome}"
    );
    assert!(of(event.as_str()).is_some(), "{outcome}");
    bench.settle(PATIENCE).await;
    bench.assert_true().await;
});
