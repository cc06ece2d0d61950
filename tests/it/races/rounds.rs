//! Rounds whose token dies, whose process dies, or which two processes walk at once.

use std::time::Duration;

use graph_mirror::mirror::{Remedy, Settings};
use serde_json::json;

use crate::mirror::mailbox::{Connected, Setup};
use crate::mirror::on_both;
use crate::mirror::rounds::in_small_pages;

const PATIENCE: Duration = Duration::from_mins(3);

on_both!(
    r06_a_token_that_dies_in_mid_round_starts_a_full_one,
    |backend| {
        // R6, F6.12
        let bench = Connected::open_with(backend, in_small_pages(40)).await;
        bench.fail(
            "messages/delta.*skiptoken",
            2,
            410,
            json!({ "error": { "code": "SyncStateNotFound", "message": "generation" } }),
        );

        bench.backfill().await;
        bench.settle(PATIENCE).await;

        bench.assert_true().await;
    }
);

on_both!(
    r07_a_first_copy_whose_next_link_is_dead_on_the_third_page_starts_again,
    |backend| {
        // R7, F6.12, M44
        let bench = Connected::open_with(backend, in_small_pages(40)).await;
        bench
            .mirror
            .structure()
            .await
            .expect("the structure is there");
        let inbox = bench.folder("inbox").await;
        let path = format!("mailFolders/{}/messages/delta", Connected::segment(&inbox));
        // The second page comes as it should; the rule after it kills the third.
        let pass = json!({ "path": format!("{}.*skiptoken", regex::escape(&path)), "times": 1 });
        let rule = serde_json::from_value(pass).expect("a rule");
        bench
            .sandbox
            .world()
            .set_fault(rule)
            .expect("the rule is taken");
        bench.fail(
            &format!("{}.*skiptoken", regex::escape(&path)),
            1,
            410,
            json!({ "error": { "code": "SyncStateNotFound", "message": "generation" } }),
        );

        bench.backfill().await;
        bench.settle(PATIENCE).await;

        assert!(bench.sandbox.world().faults().is_empty(), "both were met");
        bench.assert_true().await;
    }
);

on_both!(
    r08_a_backfill_goes_on_after_a_crash_where_it_stood,
    |backend| {
        // M5, R8
        let mut bench = Connected::open_with(
            backend,
            Setup {
                settings: Settings {
                    push: false,
                    first_page: 5,
                    largest_page: 5,
                    ..Settings::default()
                },
                ..Setup::small(60)
            },
        )
        .await;
        bench
            .mirror
            .structure()
            .await
            .expect("the structure is there");
        let (store, mailbox) = (bench.store.clone(), bench.mailbox);
        let some_rows = async {
            while store.messages_count(mailbox).await.expect("a count") < 20 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            _ = bench.mirror.rounds_due() => {}
            () = some_rows => {}
        }
        let before = bench.graph_requests();

        bench.restart().await;
        bench.backfill().await;
        bench.settle(PATIENCE).await;

        bench.assert_true().await;
        assert!(bench.graph_requests() > before);
    }
);

on_both!(
    r09_of_two_workers_on_one_cursor_only_the_later_one_writes,
    |backend| {
        // R9, M43: the first one stood still, its lease ended, and another took over.
        let mut bench = Connected::open_with(backend, in_small_pages(40)).await;
        bench
            .mirror
            .structure()
            .await
            .expect("the structure is there");
        let former = bench.mirror.clone();
        bench.restart().await;

        let (former, latter) = tokio::join!(former.rounds_due(), bench.mirror.sync(false));

        let refused = former.expect_err("its fence is down");
        assert_eq!(refused.remedy(), Remedy::GiveUp);
        latter.expect("the copy ends");
        bench.settle(PATIENCE).await;
        bench.assert_true().await;
    }
);

on_both!(
    r19_a_mailbox_that_lost_its_licence_comes_back_with_dead_tokens,
    |backend| {
        // R19, F3 §3b
        let bench = Connected::open(backend).await;
        bench.backfill().await;
        bench
            .sandbox
            .world()
            .set_licence(&bench.user, false)
            .expect("the mailbox is known");
        bench.clock.advance(Duration::from_hours(13));

        let stopped = bench.mirror.sync(false).await.expect_err("nothing answers");

        let remedy = stopped.remedy();
        assert!(
            matches!(remedy, graph_mirror::mirror::Remedy::Suspend(_)),
            "{remedy:?}"
        );
        let kept = bench
            .store
            .messages_count(bench.mailbox)
            .await
            .expect("a count");
        assert!(kept > 0, "its data is kept");
        // A week later it is back, and its tokens are dead.
        bench
            .sandbox
            .world()
            .set_licence(&bench.user, true)
            .expect("the mailbox is known");
        bench.clock.advance(Duration::from_hours(24 * 7));
        bench.edit(10, 3, &[]);
        bench.expire_tokens();
        bench.poll().await;
        bench.assert_true().await;
    }
);
