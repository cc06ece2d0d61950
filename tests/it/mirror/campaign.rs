//! Seeded campaigns: people edit while the mirror works, notices come or don't, tokens die, and when all is quiet mirror and
//! mailbox are equal (M57).

use std::time::Duration;

use graph_mirror::mirror::Settings;
use graph_mirror::model::work::{ChangeHint, NoticeKind};
use graph_mirror::sandbox::edits::EditOrder;
use graph_mirror::store::Backend;
use serde_json::json;

use super::mailbox::{Connected, Setup};
use super::on_both;

/// One campaign; a seed that fails can be run again by itself.
async fn campaign(backend: Backend, seed: u64) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let bench = Connected::open_with(
        backend,
        Setup {
            settings: Settings {
                push: false,
                first_page: 7,
                ..Settings::default()
            },
            ..Setup::small(50)
        },
    )
    .await;
    bench.turn(&json!({
        "delta_duplicates": rng.bool(), "delta_replays": rng.bool(), "delta_random_order": rng.bool(),
        "partial_read_changes": rng.bool(), "immutable_lost_item": true, "immutable_missing_add": rng.bool(),
        "batch_drop_response": rng.bool(), "short_pages": rng.bool(),
    }));
    // The first copy is made while people go on working (R4).
    let mirror = bench.mirror.clone();
    let copying = tokio::spawn(async move { mirror.sync(false).await });
    for step in 0..6 {
        let order = EditOrder {
            count: 8,
            seed: rng.u64(..),
            kinds: Vec::new(),
        };
        let edits = bench
            .sandbox
            .world()
            .edit(&bench.user, &order)
            .expect("the kinds are known");
        bench.clock.advance(Duration::from_secs(2));
        for edit in edits {
            let kind = match edit.entity.as_str() {
                "message" => NoticeKind::Message,
                "event" => NoticeKind::Event,
                _ => continue,
            };
            // Some notices are lost, some come twice, and their hints say little.
            let hint = rng.choice([
                ChangeHint::Created,
                ChangeHint::Updated,
                ChangeHint::Deleted,
            ]);
            for _ in 0..rng.usize(0..3) {
                bench
                    .announce(kind, &edit.id, hint.unwrap_or(ChangeHint::Updated))
                    .await;
            }
        }
        bench.mirror.refresh_live().await.expect("it is refreshed");
        if step == 3 {
            bench.expire_tokens();
        }
    }
    copying
        .await
        .expect("it does not panic")
        .expect("the first copy ends");

    for _ in 0..2 {
        bench.poll().await;
        // What rests after a failure comes to its turn.
        bench.clock.advance(Duration::from_mins(31));
    }
    bench.poll().await;

    let differences = bench.differences().await;
    assert!(
        differences.is_empty(),
        "seed {seed}: {} differences, the first of them:\n{}",
        differences.len(),
        differences[..differences.len().min(10)].join("\n")
    );
}

on_both!(campaigns_end_with_mirror_and_mailbox_equal, |backend| {
    // M57, M1
    for seed in [1, 2] {
        campaign(backend, seed).await;
    }
});
