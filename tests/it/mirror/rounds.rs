//! Incremental rounds, dead tokens and answers that no client should trust.

use std::time::Duration;

use graph_mirror::mirror::Settings;
use graph_mirror::model::feed::{ChangeKind, ItemKind};
use serde_json::json;

use super::mailbox::{Connected, Setup};
use super::on_both;

const PATIENCE: Duration = Duration::from_mins(3);

pub fn in_small_pages(messages: usize) -> Setup {
    Setup {
        settings: Settings {
            push: false,
            first_page: 3,
            largest_page: 3,
            ..Settings::default()
        },
        ..Setup::small(messages)
    }
}

async fn deletions_told(bench: &Connected) -> Vec<String> {
    let changes = bench
        .store
        .changes_after(bench.mailbox, 0, 100_000)
        .await
        .expect("the feed");
    changes
        .into_iter()
        .filter(|change| change.change == ChangeKind::Deleted && change.kind == ItemKind::Message)
        .map(|change| change.external_id.0)
        .collect()
}

on_both!(
    a_poll_after_random_edits_makes_the_mirror_equal_again,
    |backend| {
        // M1, M2: nothing is announced
        let bench = Connected::open(backend).await;
        bench.backfill().await;

        for seed in 1..=4 {
            bench.edit(25, seed, &[]);
            bench.poll().await;
            bench.assert_true().await;
        }
    }
);

on_both!(repeated_delayed_and_shuffled_deltas_converge, |backend| {
    // M3, F6.7, F6.8, F6.9
    let bench = Connected::open(backend).await;
    bench.backfill().await;
    bench.turn(&json!({
        "delta_duplicates": true, "delta_replays": true, "delta_delays": true, "delta_random_order": true,
    }));

    for seed in 10..=12 {
        bench.edit(25, seed, &[]);
        bench.poll().await;
    }
    bench.turn(&json!({ "delta_delays": false }));
    bench.poll().await;
    bench.poll().await;

    bench.assert_true().await;
});

on_both!(
    a_token_that_dies_between_rounds_costs_a_full_round_and_no_deletion,
    |backend| {
        // M44, F6.41
        let bench = Connected::open(backend).await;
        bench.backfill().await;
        bench.edit(10, 5, &["message_deliver"]);

        bench.expire_tokens();
        bench.poll().await;

        bench.assert_true().await;
        assert!(deletions_told(&bench).await.is_empty());
    }
);

on_both!(
    a_message_deleted_while_the_token_was_dead_is_swept,
    |backend| {
        // F6.39, F6.40
        let bench = Connected::open(backend).await;
        bench.backfill().await;
        let gone = bench.message_in("inbox", 0).await;
        bench
            .act(
                "POST",
                &format!("/messages/{}/permanentDelete", Connected::segment(&gone)),
                None,
            )
            .await;

        bench.expire_tokens();
        bench.poll().await;

        bench.assert_true().await;
        assert_eq!(deletions_told(&bench).await, [gone]);
    }
);

on_both!(
    a_token_that_dies_in_every_round_does_not_keep_graph_busy,
    |backend| {
        // M49
        let bench = Connected::open_with(backend, in_small_pages(40)).await;
        bench
            .mirror
            .structure()
            .await
            .expect("the structure is there");
        bench.fail(
            "messages/delta.*skiptoken",
            10_000,
            410,
            json!({ "error": { "code": "SyncStateNotFound", "message": "generation" } }),
        );

        bench.mirror.rounds_due().await.expect("it ends");

        let folders = bench
            .store
            .folders_list(bench.mailbox)
            .await
            .expect("folders")
            .len() as u64;
        assert!(
            bench.graph_requests() < folders * 30,
            "{}",
            bench.graph_requests()
        );
        bench.sandbox.world().clear_faults();
        bench.clock.advance(Duration::from_hours(1));
        bench.poll().await;
        bench.assert_true().await;
    }
);

on_both!(a_link_to_another_host_is_not_followed, |backend| {
    // F2.3, M13
    let bench = Connected::open(backend).await;
    bench.fail(
        "messages/delta",
        1,
        200,
        json!({ "value": [], "@odata.nextLink": "http://127.0.0.2:9/v1.0/stolen" }),
    );

    bench.backfill().await;
    bench.clock.advance(Duration::from_hours(1));
    bench.poll().await;

    bench.assert_true().await;
});

on_both!(
    pages_that_are_no_pages_are_asked_for_again_later,
    |backend| {
        // M14
        let bench = Connected::open(backend).await;
        bench.fail("messages/delta", 1, 200, json!("<html>maintenance</html>"));
        bench.fail("messages/delta", 1, 200, json!({ "value": [] }));

        bench.backfill().await;
        bench.clock.advance(Duration::from_hours(1));
        bench.poll().await;

        bench.assert_true().await;
    }
);

on_both!(pages_that_are_too_large_are_asked_for_smaller, |backend| {
    // F3.14, M48
    let bench = Connected::open(backend).await;
    bench.turn(&json!({ "page_bytes_limit": 400_000 }));

    bench.backfill().await;
    bench.settle(PATIENCE).await;
    bench.clock.advance(Duration::from_mins(5));
    bench.poll().await;

    bench.assert_true().await;
});

on_both!(an_empty_503_fences_the_mailbox_and_passes, |backend| {
    // F3.4, M12
    let bench = Connected::open(backend).await;
    bench
        .mirror
        .structure()
        .await
        .expect("the structure is there");
    bench.fail("messages/delta", 1, 503, json!(""));

    let stopped = bench
        .mirror
        .rounds_due()
        .await
        .expect_err("the mailbox is fenced");

    assert!(stopped.remedy().is_passing(), "{stopped:?}");
    bench.clock.advance(Duration::from_mins(2));
    bench.poll().await;
    bench.assert_true().await;
});

#[tokio::test]
async fn headers_that_are_wanted_later_come_for_every_message_and_go_again() {
    // F6.2: the links were made without them.
    let mut bench = Connected::open(graph_mirror::store::Backend::Postgres).await;
    bench.backfill().await;
    let with_headers = async |bench: &Connected| {
        let page = bench.store.messages_page(bench.mailbox, None, 1_000).await;
        let page = page.expect("the messages");
        let with = page
            .iter()
            .filter(|one| one.message.internet_headers.is_some());
        (with.count(), page.len())
    };
    let (with, all) = with_headers(&bench).await;
    assert_eq!(with, 0);

    bench
        .restart_with(|settings| settings.internet_headers = true)
        .await;
    bench.poll().await;
    let (with, _) = with_headers(&bench).await;
    // A draft has none yet.
    assert!(with > all / 2, "{with} of {all}");
    bench.restart().await;
    bench.poll().await;
    let again = with_headers(&bench).await;
    bench
        .restart_with(|settings| settings.internet_headers = false)
        .await;
    bench.poll().await;

    assert_eq!(again, (with, all));
    assert_eq!(with_headers(&bench).await, (0, all));
    bench.assert_true().await;
}
