//! Push is measured, not believed.

use std::time::Duration;

use graph_mirror::mirror::Settings;
use graph_mirror::model::ids::{GraphId, SubscriptionKey};
use graph_mirror::model::time::Clock;
use graph_mirror::model::work::{
    ChangeHint, NoticeKind, Subscription, SubscriptionScope, SubscriptionState,
};
use graph_mirror::store::{Backend, MailboxMark, Priority};
use serde_json::{Value, json};

use super::mailbox::{Connected, Setup};
use super::on_both;

/// A mailbox with a subscription that never delivers.
async fn watched(backend: Backend) -> Connected {
    watched_at(backend, |_| SubscriptionScope::Messages).await
}

/// A mailbox whose own calendar has a subscription that never delivers.
async fn watched_calendar(backend: Backend) -> Connected {
    watched_at(backend, |calendar| SubscriptionScope::Events { calendar }).await
}

async fn watched_at(
    backend: Backend,
    scope: impl FnOnce(GraphId) -> SubscriptionScope,
) -> Connected {
    let bench = Connected::open_with(
        backend,
        Setup {
            settings: Settings::default(),
            ..Setup::small(30)
        },
    )
    .await;
    let own = bench.act("GET", "/calendar?$select=id", None).await;
    let calendar = GraphId::from(own["id"].as_str().expect("a calendar has an id"));
    let now = bench.clock.now();
    let subscription = Subscription {
        key: SubscriptionKey::generate(),
        mailbox: bench.mailbox,
        scope: scope(calendar),
        state: SubscriptionState::Active,
        graph_id: Some("s".to_owned()),
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
    let mut tx = bench
        .store
        .write(Priority::Live)
        .await
        .expect("a transaction");
    tx.subscription_save(&subscription)
        .await
        .expect("it is saved");
    let believed = MailboxMark::Push {
        healthy: true,
        reason: None,
    };
    tx.mailbox_mark(bench.mailbox, &[believed], now)
        .await
        .expect("it is written down");
    tx.commit().await.expect("it is committed");
    bench.clock.advance(Duration::from_secs(1));
    bench.backfill().await;
    bench.settle(Duration::from_mins(3)).await;
    bench
}

async fn is_healthy(bench: &Connected) -> bool {
    let row = bench
        .store
        .mailbox_get(bench.mailbox)
        .await
        .expect("it is read");
    row.expect("the mailbox is there").push_healthy
}

on_both!(
    a_change_that_nobody_announced_means_that_push_is_dead,
    |backend| {
        // M33
        let bench = watched(backend).await;
        bench.clock.advance(Duration::from_secs(1));
        let message = bench
            .sandbox
            .world()
            .deliver_message(&bench.user)
            .expect("it is delivered");

        bench.clock.advance(Duration::from_mins(4));
        bench.poll().await;
        assert!(is_healthy(&bench).await, "it may still be announced");

        bench.clock.advance(Duration::from_secs(1));
        bench
            .sandbox
            .world()
            .deliver_message(&bench.user)
            .expect("it is delivered");
        bench.clock.advance(Duration::from_mins(6));
        bench.poll().await;
        assert!(!is_healthy(&bench).await);

        // A notice proves that it works again.
        bench
            .announce(NoticeKind::Message, &message, ChangeHint::Updated)
            .await;
        bench.mirror.refresh_live().await.expect("it is refreshed");
        assert!(is_healthy(&bench).await);
    }
);

on_both!(announced_changes_keep_push_healthy, |backend| {
    let bench = watched(backend).await;
    bench.clock.advance(Duration::from_secs(1));
    let message = bench
        .sandbox
        .world()
        .deliver_message(&bench.user)
        .expect("it is delivered");
    bench
        .announce(NoticeKind::Message, &message, ChangeHint::Created)
        .await;
    bench.mirror.refresh_live().await.expect("it is refreshed");

    bench.clock.advance(Duration::from_mins(30));
    bench.poll().await;

    assert!(is_healthy(&bench).await);
    bench.assert_true().await;
});

/// A meeting in the mailbox's own calendar; a daily series of ten days when `repeats`.
async fn meet(bench: &Connected, day: &str, repeats: bool) -> String {
    let zoned =
        |hour: u32| json!({ "dateTime": format!("{day}T{hour:02}:00:00"), "timeZone": "UTC" });
    let mut event = json!({ "subject": "Stand-up", "start": zoned(9), "end": zoned(10) });
    if repeats {
        event["recurrence"] = json!({
            "pattern": { "type": "daily", "interval": 1 },
            "range": { "type": "numbered", "startDate": day, "numberOfOccurrences": 10, "recurrenceTimeZone": "UTC" },
        });
    }
    let made = bench.act("POST", "/events", Some(event)).await;
    made["id"].as_str().expect("an event has an id").to_owned()
}

async fn rename(bench: &Connected, event: &str, subject: &str) {
    let path = format!("/events/{}", Connected::segment(event));
    let changed: Value = json!({ "subject": subject });
    bench.act("PATCH", &path, Some(changed)).await;
}

on_both!(
    an_event_that_nobody_announced_means_that_push_is_dead,
    |backend| {
        // M33, S69
        let bench = watched_calendar(backend).await;
        let event = meet(&bench, "2026-03-02", false).await;

        bench.clock.advance(Duration::from_mins(4));
        bench.poll().await;
        assert!(is_healthy(&bench).await, "it may still be announced");

        rename(&bench, &event, "Sit-down").await;
        bench.clock.advance(Duration::from_mins(6));
        bench.poll().await;
        assert!(!is_healthy(&bench).await);

        // Mail that is announced says nothing of the calendar.
        let message = bench
            .sandbox
            .world()
            .deliver_message(&bench.user)
            .expect("it is delivered");
        bench
            .announce(NoticeKind::Message, &message, ChangeHint::Created)
            .await;
        bench.mirror.refresh_live().await.expect("it is refreshed");
        assert!(!is_healthy(&bench).await, "mail is no proof");

        bench
            .announce(NoticeKind::Event, &event, ChangeHint::Updated)
            .await;
        bench.mirror.refresh_live().await.expect("it is refreshed");
        assert!(is_healthy(&bench).await);
    }
);

on_both!(
    what_a_calendar_shows_again_is_no_unannounced_change,
    |backend| {
        // F6.34: an occurrence of an announced series shows again, with all the others; M53: windows roll.
        let bench = watched_calendar(backend).await;
        let series = meet(&bench, "2026-03-02", true).await;
        bench
            .announce(NoticeKind::Event, &series, ChangeHint::Created)
            .await;
        bench.mirror.refresh_live().await.expect("it is refreshed");
        let path = format!(
            "/events/{}/instances?startDateTime=2026-03-01T00:00:00Z&endDateTime=2026-04-01T00:00:00Z",
            Connected::segment(&series)
        );
        let listed = bench.act("GET", &path, None).await;
        let third = listed["value"][2]["id"].as_str().expect("an id").to_owned();
        rename(&bench, &third, "Stand-up, longer").await;
        bench
            .announce(NoticeKind::Event, &series, ChangeHint::Updated)
            .await;
        bench.mirror.refresh_live().await.expect("it is refreshed");

        bench.clock.advance(Duration::from_mins(30));
        bench.poll().await;
        assert!(is_healthy(&bench).await, "everything was announced");

        // Past the end of the month.
        for _ in 0..4 {
            bench.clock.advance(Duration::from_hours(24 * 7));
            bench.poll().await;
        }
        assert!(is_healthy(&bench).await, "a window that rolls is no change");
        bench.assert_true().await;
    }
);

on_both!(
    what_was_announced_and_waits_is_no_unannounced_change,
    |backend| {
        // M33: Graph asked for patience, so the rounds came before the refresh.
        let bench = watched(backend).await;
        bench.clock.advance(Duration::from_secs(1));
        let message = bench
            .sandbox
            .world()
            .deliver_message(&bench.user)
            .expect("it is delivered");
        bench
            .announce(NoticeKind::Message, &message, ChangeHint::Created)
            .await;

        bench.clock.advance(Duration::from_mins(20));
        bench.poll().await;

        assert!(is_healthy(&bench).await);
    }
);

on_both!(
    what_changed_while_nobody_listened_is_no_unannounced_change,
    |backend| {
        // M33: the service was down.
        let mut bench = watched(backend).await;
        bench.clock.advance(Duration::from_secs(1));
        bench
            .sandbox
            .world()
            .deliver_message(&bench.user)
            .expect("it is delivered");
        bench.clock.advance(Duration::from_mins(20));
        let started_at = bench.clock.now();
        bench
            .restart_with(|settings| settings.listening_since = Some(started_at))
            .await;

        bench.poll().await;

        assert!(is_healthy(&bench).await);
        bench.assert_true().await;
    }
);
