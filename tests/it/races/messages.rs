//! Messages and folders that go elsewhere while they are being fetched.

use std::time::Duration;

use graph_mirror::model::feed::ChangeKind;
use graph_mirror::model::ids::GraphId;
use graph_mirror::model::work::{ChangeHint, NoticeKind};
use serde_json::json;

use crate::mirror::mailbox::Connected;
use crate::mirror::moves::{mirrored, position, shift, told};
use crate::mirror::on_both;
use crate::mirror::rounds::in_small_pages;
use crate::subscriptions::scene::until;

/// Copies a mailbox, and does something while the second page of one folder is on its way.
async fn copy_and_meanwhile(bench: &Connected, folder: &str, act: impl AsyncFnOnce()) {
    let path = format!("mailFolders/{}/messages/delta", Connected::segment(folder));
    let path = format!("{}.*skiptoken", regex::escape(&path));
    let waits = json!({ "path": path, "times": 1, "delay_ms": 60_000 });
    let rule = serde_json::from_value(waits).expect("a rule");
    bench
        .sandbox
        .world()
        .set_fault(rule)
        .expect("the rule is taken");
    let copying = bench.mirror.sync(false);
    let meanwhile = async {
        until("the second page to be under way", async || {
            bench.sandbox.world().faults().is_empty().then_some(())
        })
        .await;
        act().await;
        bench.clock.advance(Duration::from_mins(2));
    };
    let (copied, ()) = tokio::join!(copying, meanwhile);
    copied.expect("the copy ends");
    bench.settle(Duration::from_mins(3)).await;
}

on_both!(
    r03_a_message_deleted_before_it_is_fetched_is_gone_quietly,
    |backend| {
        // R3, M34, M35
        let bench = mirrored(backend).await;
        let held = bench.message_in("inbox", 0).await;
        let fresh = bench
            .sandbox
            .world()
            .deliver_message(&bench.user)
            .expect("it is delivered");
        let since = position(&bench).await;
        bench
            .announce(NoticeKind::Message, &held, ChangeHint::Updated)
            .await;
        bench
            .announce(NoticeKind::Message, &fresh, ChangeHint::Created)
            .await;
        for id in [&held, &fresh] {
            let path = format!("/messages/{}/permanentDelete", Connected::segment(id));
            bench.act("POST", &path, None).await;
        }

        bench.settle(Duration::from_mins(5)).await;

        assert_eq!(told(&bench, since, &held).await, [ChangeKind::Deleted]);
        assert!(
            told(&bench, since, &fresh).await.is_empty(),
            "nobody ever saw it"
        );
        let waiting = bench
            .store
            .notices_next_due(bench.mailbox)
            .await
            .expect("an answer");
        assert_eq!(waiting, None, "nothing is tried for ever");
        bench.poll().await;
        bench.assert_true().await;
    }
);

on_both!(
    r04_a_message_moved_while_its_folder_is_copied_is_there_once,
    |backend| {
        // R4, M45
        let bench = Connected::open_with(backend, in_small_pages(40)).await;
        let inbox = bench.folder("inbox").await;
        let message = bench.message_in("inbox", 0).await;

        copy_and_meanwhile(&bench, &inbox, async || {
            shift(&bench, &message, "archive").await;
        })
        .await;
        bench.poll().await;

        bench.assert_true().await;
        assert!(
            !told(&bench, 0, &message)
                .await
                .contains(&ChangeKind::Deleted)
        );
    }
);

on_both!(
    r05_a_message_that_went_and_came_back_is_not_lost,
    |backend| {
        // R5, F6.26, M4: the delta of its folder says that it is gone, for good.
        let bench = mirrored(backend).await;
        bench.turn(&json!({ "immutable_lost_item": true }));
        let message = bench.message_in("inbox", 0).await;
        let since = position(&bench).await;

        shift(&bench, &message, "archive").await;
        shift(&bench, &message, "inbox").await;
        bench.poll().await;

        bench.assert_true().await;
        assert!(
            !told(&bench, since, &message)
                .await
                .contains(&ChangeKind::Deleted)
        );
    }
);

on_both!(
    r05_a_message_that_went_before_anybody_knew_of_it_is_not_lost,
    |backend| {
        // R5, F6.26: its first folder says that it is gone, and the other one says nothing.
        let bench = mirrored(backend).await;
        bench.turn(&json!({ "immutable_missing_add": true }));
        let draft = json!({ "subject": "made, and filed at once" });
        let message = bench.act("POST", "/messages", Some(draft)).await["id"]
            .as_str()
            .expect("a message has an id")
            .to_owned();

        shift(&bench, &message, "archive").await;
        bench.poll().await;

        bench.assert_true().await;
    }
);

on_both!(
    r18_a_folder_deleted_while_its_messages_are_fetched_takes_them_one_by_one,
    |backend| {
        // R18, M46
        let bench = Connected::open_with(backend, in_small_pages(40)).await;
        let folder = bench
            .act(
                "POST",
                "/mailFolders",
                Some(json!({ "displayName": "Akten/2026" })),
            )
            .await["id"]
            .as_str()
            .expect("a folder has an id")
            .to_owned();
        let mut messages = Vec::new();
        for _ in 0..8 {
            let message = bench.message_in("inbox", 0).await;
            shift(&bench, &message, &folder).await;
            messages.push(message);
        }
        let saved = messages[0].clone();

        copy_and_meanwhile(&bench, &folder, async || {
            shift(&bench, &saved, "archive").await;
            let path = format!("/mailFolders/{}", Connected::segment(&folder));
            bench.act("DELETE", &path, None).await;
            let path = format!(
                "/mailFolders/{}/permanentDelete",
                Connected::segment(&folder)
            );
            bench.act("POST", &path, None).await;
        })
        .await;
        bench.clock.advance(Duration::from_hours(13));
        bench.poll().await;

        bench.assert_true().await;
        let row = bench
            .store
            .message_get(bench.mailbox, &GraphId::from(saved.as_str()))
            .await
            .expect("it is read");
        assert!(row.is_some(), "it was saved before the folder went");
    }
);

on_both!(r20_a_message_sent_to_oneself_is_two_messages, |backend| {
    // R20, F5.8
    let bench = mirrored(backend).await;
    let address = bench.sandbox.settings().users[0].address.clone();

    bench
        .act(
            "POST",
            "/sendMail",
            Some(json!({ "message": {
                "subject": "to myself",
                "body": { "contentType": "text", "content": "hello" },
                "toRecipients": [{ "emailAddress": { "address": address } }],
            }})),
        )
        .await;
    bench.clock.advance(Duration::from_secs(5));
    bench.poll().await;

    bench.assert_true().await;
});
