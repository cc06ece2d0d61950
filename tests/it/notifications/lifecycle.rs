//! Lifecycle events leave their work in the database (F10.39 to F10.46, M31).

use chrono::TimeDelta;
use graph_mirror::model::ids::{MailboxId, SubscriptionKey};
use graph_mirror::model::time::Clock;
use graph_mirror::model::work::{
    Cursor, CursorScope, CursorState, Subscription, SubscriptionScope, SubscriptionState,
};
use graph_mirror::store::{Priority, Wake};
use serde_json::json;

use super::post::{LIFECYCLE, Scene};
use crate::support::database::on_both_stores;

impl Scene {
    pub async fn row(&self, key: SubscriptionKey) -> Subscription {
        let found = self
            .store
            .subscription_find(key)
            .await
            .expect("the store answers");
        found.expect("it is there")
    }

    /// A cursor between two rounds, an hour before its next.
    async fn cursor(&self, mailbox: MailboxId, scope: CursorScope) {
        let now = self.clock.now();
        let cursor = Cursor {
            scope,
            state: CursorState::Idle,
            link: None,
            round: 1,
            is_full: false,
            round_started_at: Some(now),
            is_dirty: false,
            marks: 0,
            due_at: now + TimeDelta::hours(1),
            last_ok_at: Some(now),
            failures: 0,
            page_size: 50,
            seen: 0,
        };
        let mut tx = self
            .store
            .write(Priority::Live)
            .await
            .expect("a transaction");
        tx.cursor_save(mailbox, &cursor, now)
            .await
            .expect("it is saved");
        tx.commit().await.expect("it is committed");
    }

    async fn dirty(&self, mailbox: MailboxId) -> Vec<CursorScope> {
        let all = self
            .store
            .cursors_list(mailbox)
            .await
            .expect("the store answers");
        all.into_iter()
            .filter(|cursor| cursor.is_dirty && cursor.due_at <= self.clock.now())
            .map(|cursor| cursor.scope)
            .collect()
    }

    fn inbox() -> CursorScope {
        CursorScope::Messages {
            folder: "inbox".into(),
        }
    }

    fn view(&self, calendar: &str) -> CursorScope {
        CursorScope::View {
            calendar: calendar.into(),
            start: self.clock.now(),
            end: self.clock.now() + TimeDelta::days(30),
        }
    }

    pub async fn tell(&self, items: &[serde_json::Value]) {
        let body = json!({ "value": items }).to_string();
        assert_eq!(self.post(LIFECYCLE, body).await.status, 202);
    }
}

on_both_stores!(
    a_reauthorization_asks_for_a_renewal_and_wakes_the_home,
    |store, clock| {
        // F10.42, M31.
        let scene = Scene::new(&store, &clock);
        let mailbox = scene.connect("anna").await;
        let row = scene.subscribe(mailbox, SubscriptionScope::Messages).await;
        let mut signals = store.wake_listen();

        scene
            .tell(&[scene.lifecycle(row.key, "reauthorizationRequired")])
            .await;

        let now = scene.row(row.key).await;
        assert_eq!(now.renew_at, Some(clock.now()));
        assert_eq!(now.state, SubscriptionState::Active);
        assert_eq!(signals.next().await, Wake::Mailbox(mailbox));
    }
);

on_both_stores!(
    a_reauthorization_right_after_a_renewal_waits,
    |store, clock| {
        // F9.27, F10.46: repeats are normal.
        let scene = Scene::new(&store, &clock);
        let mailbox = scene.connect("anna").await;
        let mut row = scene.subscribe(mailbox, SubscriptionScope::Messages).await;
        row.touched_at = Some(clock.now() - TimeDelta::minutes(4));
        scene.save(&row).await;

        let item = scene.lifecycle(row.key, "reauthorizationRequired");
        scene.tell(&[item.clone(), item]).await;

        let in_six_minutes = clock.now() + TimeDelta::minutes(6);
        assert_eq!(scene.row(row.key).await.renew_at, Some(in_six_minutes));
    }
);

on_both_stores!(
    a_removed_subscription_is_to_be_replaced_and_its_folders_walked,
    |store, clock| {
        // F10.43, M31.
        let scene = Scene::new(&store, &clock);
        let mailbox = scene.connect("anna").await;
        let row = scene.subscribe(mailbox, SubscriptionScope::Messages).await;
        scene.cursor(mailbox, Scene::inbox()).await;
        scene.cursor(mailbox, scene.view("work")).await;

        scene
            .tell(&[scene.lifecycle(row.key, "subscriptionRemoved")])
            .await;

        let now = scene.row(row.key).await;
        assert_eq!(
            (now.state, now.renew_at),
            (SubscriptionState::Retiring, None)
        );
        assert_eq!(scene.dirty(mailbox).await, [Scene::inbox()]);
    }
);

on_both_stores!(
    missed_notifications_have_their_own_cursors_walked_and_no_others,
    |store, clock| {
        // F10.44, M31.
        let scene = Scene::new(&store, &clock);
        let mailbox = scene.connect("anna").await;
        let calendar = SubscriptionScope::Events {
            calendar: "work".into(),
        };
        let row = scene.subscribe(mailbox, calendar).await;
        scene.cursor(mailbox, Scene::inbox()).await;
        scene.cursor(mailbox, scene.view("work")).await;
        scene.cursor(mailbox, scene.view("private")).await;

        scene.tell(&[scene.lifecycle(row.key, "missed")]).await;

        assert_eq!(scene.dirty(mailbox).await, [scene.view("work")]);
        assert_eq!(scene.row(row.key).await, row);
    }
);

on_both_stores!(
    events_of_strangers_and_forgers_change_nothing,
    |store, clock| {
        // F10.10.
        let scene = Scene::new(&store, &clock);
        let mailbox = scene.connect("anna").await;
        let row = scene.subscribe(mailbox, SubscriptionScope::Messages).await;
        let mut forged = scene.lifecycle(row.key, "subscriptionRemoved");
        forged["clientState"] = json!("x");

        scene
            .tell(&[
                forged,
                scene.lifecycle(SubscriptionKey::generate(), "subscriptionRemoved"),
                scene.lifecycle(row.key, "sunset"),
            ])
            .await;

        assert_eq!(scene.row(row.key).await, row);
    }
);
