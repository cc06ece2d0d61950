//! Copying a mailbox for the first time.

use std::time::Duration;

use graph_mirror::mirror::Settings;
use graph_mirror::model::time::Clock as _;
use graph_mirror::model::work::CursorScope;
use serde_json::json;

use super::mailbox::{Connected, Setup};
use super::on_both;

const PATIENCE: Duration = Duration::from_mins(3);

on_both!(
    a_backfill_makes_the_mirror_equal_to_the_mailbox,
    |backend| {
        // M1
        let bench = Connected::open(backend).await;

        bench.backfill().await;
        bench.settle(PATIENCE).await;

        bench.assert_true().await;
    }
);

on_both!(a_backfill_in_pages_of_two_is_the_same, |backend| {
    let bench = Connected::open_with(
        backend,
        Setup {
            settings: Settings {
                push: false,
                first_page: 2,
                largest_page: 2,
                ..Settings::default()
            },
            ..Setup::small(20)
        },
    )
    .await;

    bench.backfill().await;
    bench.settle(PATIENCE).await;

    bench.assert_true().await;
});

on_both!(
    a_folder_that_the_delta_hides_is_found_all_the_same,
    |backend| {
        // F6.16
        let bench = Connected::open(backend).await;
        bench.turn(&json!({ "folder_delta_hidden": false }));

        bench.backfill().await;
        bench.settle(PATIENCE).await;

        bench.assert_true().await;
        let folders = bench
            .store
            .folders_list(bench.mailbox)
            .await
            .expect("folders");
        assert!(folders.iter().any(|stored| stored.folder.is_hidden));
        let inbox = bench.folder("inbox").await;
        let named: Vec<_> = folders
            .iter()
            .filter(|stored| stored.folder.well_known_name.as_deref() == Some("inbox"))
            .map(|stored| stored.folder.external_id.0.clone())
            .collect();
        assert_eq!(named, [inbox], "well-known names are resolved (F5.18)");
    }
);

on_both!(
    progress_is_written_down_once_everything_was_walked,
    |backend| {
        let bench = Connected::open(backend).await;
        let row = || async {
            let row = bench
                .store
                .mailbox_get(bench.mailbox)
                .await
                .expect("it is read");
            row.expect("the mailbox is there")
        };
        assert_eq!(row().await.backfilled_at, None);

        bench.backfill().await;

        let row = row().await;
        assert!(row.backfilled_at.is_some());
        assert!(row.synced_at.is_some());
        let next = bench.mirror.next_work_at().await.expect("it is known");
        assert!(next.is_some());
    }
);

on_both!(
    a_tree_that_cannot_be_walked_rests_instead_of_being_due_at_once,
    |backend| {
        let bench = Connected::open(backend).await;
        bench.fail("/mailFolders", 1, 500, json!({}));
        // The calendars are listed and walked all the same.
        bench.mirror.structure().await.expect("the tree is put off");
        bench.mirror.rounds_due().await.expect("they are walked");
        let now = bench.clock.now();

        let next = bench.mirror.next_round_at().await.expect("it is known");

        let folders = CursorScope::Folders;
        let tree = bench.store.cursor_get(bench.mailbox, &folders).await;
        let tree = tree.expect("it is read").expect("it is there");
        assert!(tree.failures > 0 && tree.due_at > now);
        assert!(next.is_some_and(|next| next > now && next <= tree.due_at));
    }
);
