//! Answers that no client should trust, wherever they come from.

use std::time::Duration;

use graph_mirror::mirror::ladder::QUARANTINE_AFTER;
use graph_mirror::model::ids::GraphId;
use graph_mirror::model::time::Clock;
use graph_mirror::model::work::{ChangeHint, CursorScope, NoticeKind};
use graph_mirror::store::{Backend, MessageWrite, Priority};
use serde_json::json;

use super::mailbox::Connected;
use super::on_both;

async fn mirrored(backend: Backend) -> Connected {
    let bench = Connected::open(backend).await;
    bench.backfill().await;
    bench.settle(Duration::from_mins(3)).await;
    bench
}

async fn inbox(bench: &Connected) -> CursorScope {
    let folder = GraphId::from(bench.folder("inbox").await);
    CursorScope::Messages { folder }
}

on_both!(
    a_link_to_another_host_is_not_followed_from_any_list,
    |backend| {
        // F2.3, M13
        for path in ["mailFolders/delta", "calendarView/delta", "calendars\\?"] {
            let bench = Connected::open(backend).await;
            bench.fail(
                path,
                1,
                200,
                json!({ "value": [], "@odata.nextLink": "http://127.0.0.2:9/v1.0/stolen" }),
            );

            // Whether this try ends well or names the answer: nothing is made of it.
            let _ = bench.mirror.sync(false).await;
            bench.clock.advance(Duration::from_hours(1));
            bench.poll().await;

            bench.assert_true().await;
        }
    }
);

on_both!(
    a_folder_whose_pages_always_fail_holds_up_no_other,
    |backend| {
        // F3.4, M41: a bare 500, without end
        let bench = mirrored(backend).await;
        let folder = bench.folder("inbox").await;
        let path = format!("mailFolders/{}/messages/delta", Connected::segment(&folder));
        bench.fail(&regex::escape(&path), 1_000, 500, json!(""));
        bench.edit(30, 8, &["message_deliver", "message_read", "event_create"]);

        let _ = bench.mirror.sync(false).await;
        for _ in 0..12 {
            bench.clock.advance(Duration::from_mins(10));
            // Whether a go ends well or not: it is tried again, and the others are walked.
            let _ = bench.mirror.rounds_due().await;
            bench.settle(Duration::from_mins(3)).await;
        }

        let differences = bench.differences().await;
        let elsewhere: Vec<&String> = differences
            .iter()
            .filter(|difference| {
                !difference.starts_with("message") && !difference.starts_with("thread")
            })
            .collect();
        assert!(elsewhere.is_empty(), "{elsewhere:?}");
        bench.sandbox.world().clear_faults();
        bench.clock.advance(Duration::from_hours(1));
        bench.poll().await;
        bench.assert_true().await;
    }
);

on_both!(
    a_poisoned_event_is_quarantined_and_blocks_nobody,
    |backend| {
        // M41: it always answers 500, and says nothing more
        let bench = mirrored(backend).await;
        let view = bench.act("GET", "/events?$top=2&$select=id", None).await;
        let ids: Vec<&str> = view["value"]
            .as_array()
            .expect("there are events")
            .iter()
            .map(|event| event["id"].as_str().expect("it has an id"))
            .collect();
        let (poisoned, healthy) = (ids[0], ids[1]);
        let path = format!("/events/{}", Connected::segment(healthy));
        bench
            .act("PATCH", &path, Some(json!({ "subject": "moved on" })))
            .await;
        let pattern = format!("events/{}", regex::escape(&Connected::segment(poisoned)));
        bench.fail(&pattern, 1_000, 500, json!(""));
        bench
            .announce_all(NoticeKind::Event, &[poisoned, healthy], ChangeHint::Updated)
            .await;

        bench.settle(Duration::from_hours(48)).await;

        let failing = bench
            .store
            .notices_failing(bench.mailbox, QUARANTINE_AFTER, 10)
            .await
            .expect("the notices are there");
        let failing: Vec<&str> = failing
            .iter()
            .map(|notice| notice.external_id.as_str())
            .collect();
        assert_eq!(failing, [poisoned]);
        bench.assert_true().await;
    }
);

on_both!(
    a_page_that_contradicts_a_later_fetch_is_settled_by_a_get,
    |backend| {
        // M37: nobody knows which of the two is newer, so Graph is asked again.
        let bench = mirrored(backend).await;
        let id = bench.message_in("inbox", 0).await;
        let message = bench
            .store
            .message_get(bench.mailbox, &GraphId::from(id.as_str()))
            .await
            .expect("it is read")
            .expect("it is there");
        let path = format!("/messages/{}", Connected::segment(&id));
        let flagged = json!({ "flag": { "flagStatus": "flagged" } });
        bench.act("PATCH", &path, Some(flagged)).await;
        let later = bench.clock.now() + chrono::TimeDelta::seconds(20);
        let mut tx = bench
            .store
            .write(Priority::Live)
            .await
            .expect("a transaction");
        let old = MessageWrite {
            message: &message.message,
            fetched_at: later,
            round: None,
        };
        tx.messages_upsert(bench.mailbox, &[old], bench.clock.now())
            .await
            .expect("it is written");
        tx.commit().await.expect("it is committed");

        bench.mirror.sync(false).await.expect("a sync ends");
        bench.clock.advance(Duration::from_mins(1));
        bench.settle(Duration::from_mins(3)).await;

        bench.assert_true().await;
    }
);

on_both!(pages_grow_again_after_they_had_to_shrink, |backend| {
    // M48
    let bench = Connected::open(backend).await;
    bench.turn(&json!({ "page_bytes_limit": 150_000 }));
    bench.backfill().await;
    bench.settle(Duration::from_mins(3)).await;
    let scope = inbox(&bench).await;
    let size = async || {
        let cursor = bench.store.cursor_get(bench.mailbox, &scope).await;
        cursor
            .expect("the database answers")
            .expect("it has a cursor")
            .page_size
    };
    let small = size().await;

    bench.turn(&json!({ "page_bytes_limit": 100_000_000 }));
    for _ in 0..6 {
        bench.expire_tokens();
        bench.poll().await;
    }

    assert!(size().await > small, "{small} is as small as ever");
    bench.assert_true().await;
});

on_both!(
    the_folder_of_an_announced_change_is_polled_once_and_soon,
    |backend| {
        // M47: many changes cost one poll, and not before the debounce is over.
        let bench = mirrored(backend).await;
        let scope = inbox(&bench).await;
        let began = bench.clock.now();
        let mut due = Vec::new();
        for place in 0..3 {
            let id = bench.message_in("inbox", place).await;
            let path = format!("/messages/{}", Connected::segment(&id));
            let read = json!({ "categories": ["Blue category"] });
            bench.act("PATCH", &path, Some(read)).await;
            bench
                .announce(NoticeKind::Message, &id, ChangeHint::Updated)
                .await;
            bench.mirror.refresh_live().await.expect("it is refreshed");
            let cursor = bench.store.cursor_get(bench.mailbox, &scope).await;
            let cursor = cursor.expect("the database answers").expect("it has one");
            due.push(cursor.due_at - began);
            bench.clock.advance(Duration::from_secs(5));
        }

        assert!(due.windows(2).all(|pair| pair[0] == pair[1]), "{due:?}");
        assert!(due[0] > chrono::TimeDelta::zero() && due[0] <= chrono::TimeDelta::minutes(1));
    }
);

on_both!(
    items_that_no_database_takes_cost_their_page_nothing,
    |backend| {
        // S68, M14, M41: half a character, an id without end, a number without end, a field of an unknown type
        let bench = mirrored(backend).await;
        let scope = inbox(&bench).await;
        let ids: Vec<String> = (0..4)
            .map(|_| {
                bench
                    .sandbox
                    .world()
                    .deliver_message(&bench.user)
                    .expect("it is delivered")
            })
            .collect();
        let mut texts = Vec::new();
        for id in &ids {
            let path = format!("/messages/{}", Connected::segment(id));
            texts.push(bench.act("GET", &path, None).await.to_string());
        }
        let preview = "\"bodyPreview\":\"";
        texts[0] = texts[0].replacen(preview, &format!("{preview}\\ud83d"), 1);
        texts[1] = texts[1].replacen('{', "{\"odd\":[1e999999],", 1);
        texts[2] = texts[2].replace("\"isDraft\":false", "\"isDraft\":\"perhaps\"");
        let endless = texts[3].replace(&ids[3], &"A".repeat(5_000));
        texts.insert(2, endless);
        let cursor = bench
            .store
            .cursor_get(bench.mailbox, &scope)
            .await
            .expect("it is read");
        let link = cursor
            .expect("it was walked")
            .link
            .expect("it has a delta link")
            .0;
        let page = format!(
            "{{\"value\":[{}],\"@odata.deltaLink\":{}}}",
            texts.join(","),
            json!(link)
        );
        let CursorScope::Messages { folder } = &scope else {
            panic!("a folder");
        };
        let path = format!(
            "mailFolders/{}/messages/delta",
            Connected::segment(folder.as_str())
        );
        bench.fail(&regex::escape(&path), 1, 200, json!(page));

        bench.clock.advance(Duration::from_hours(1));
        bench.mirror.rounds_due().await.expect("the rounds end");

        for id in &ids {
            let stored = bench
                .store
                .message_get(bench.mailbox, &GraphId::from(id.as_str()))
                .await;
            let stored = stored.expect("it is read").expect("it is there");
            assert!(stored.message.subject.is_some());
        }
        bench.poll().await;
        bench.assert_true().await;
    }
);
