//! What is told about a mailbox.

use std::time::Duration;

use graph_mirror::model::feed::{Audit, Difference, ItemKind};
use graph_mirror::model::ids::{GraphId, SubscriptionKey};
use graph_mirror::model::mailbox::{MailboxState, StateReason};
use graph_mirror::model::time::{Clock, later};
use graph_mirror::model::work::{Subscription, SubscriptionScope, SubscriptionState};
use graph_mirror::store::{MailboxMark, Priority};
use serde_json::json;

use super::bench::Bench;
use crate::support::database::on_both_stores;

on_both_stores!(
    a_mailbox_tells_its_state_progress_subscriptions_lag_and_last_audit,
    |store, clock| {
        // M56
        let bench = Bench::around(&store, &clock).await;
        let mailbox = bench.connect("anna", 0).await;
        let key = bench.key("anna").await;
        let now = clock.now();
        let mut tx = store.write(Priority::Live).await?;
        tx.mailbox_mark(
            mailbox,
            &[
                MailboxMark::SyncedAt(now),
                MailboxMark::NoticedAt(now),
                MailboxMark::Push {
                    healthy: true,
                    reason: Some("notifications arrive".to_owned()),
                },
            ],
            now,
        )
        .await?;
        tx.subscription_save(&Subscription {
            key: SubscriptionKey::generate(),
            mailbox,
            scope: SubscriptionScope::Events {
                calendar: GraphId::from("cal"),
            },
            state: SubscriptionState::Active,
            graph_id: Some("sub".to_owned()),
            public_url: "https://mirror.example".to_owned(),
            expires_at: Some(later(now, Duration::from_hours(1))),
            renew_at: Some(later(now, Duration::from_mins(30))),
            not_before: None,
            failures: 0,
            created_at: now,
            touched_at: None,
            doubted_at: None,
            client_state_key: None,
        })
        .await?;
        tx.audit_add(&Audit {
            mailbox,
            as_of: now,
            equal: false,
            difference_count: 11,
            differences: vec![Difference {
                kind: ItemKind::Message,
                external_id: GraphId::from("m1"),
                field: "row".to_owned(),
                ours: None,
                theirs: Some("ck".to_owned()),
            }],
            messages: 12,
            events: 4,
        })
        .await?;
        tx.commit().await?;
        clock.advance(Duration::from_secs(90));

        let told = bench
            .get(&format!("/api/v1/mailboxes/{mailbox}"), &key)
            .await
            .json();

        assert_eq!(told["address"], bench.address(0));
        assert_eq!(told["state"], "connected");
        assert_eq!(told["advice"], json!(null));
        assert_eq!(
            told["progress"],
            json!({ "messages": 0, "messages_expected": 0, "events": 0, "rounds_complete": 0, "rounds_total": 0 })
        );
        let subscriptions = told["subscriptions"].as_array().expect("they are listed");
        assert_eq!(subscriptions.len(), 1);
        assert_eq!(subscriptions[0]["watches"], "events");
        assert_eq!(subscriptions[0]["calendar"], "cal");
        assert_eq!(subscriptions[0]["state"], "active");
        let expires_at = later(now, Duration::from_hours(1));
        assert_eq!(subscriptions[0]["expires_at"], json!(expires_at));
        assert_eq!(told["push"]["healthy"], true);
        assert_eq!(told["lag"]["seconds"], 90);
        assert_eq!(told["lag"]["waiting"], 0);
        assert_eq!(told["last_audit"]["equal"], false);
        assert_eq!(told["last_audit"]["differences"]["count"], 11);
        assert_eq!(
            told["last_audit"]["differences"]["first"][0]["external_id"],
            "m1"
        );
    }
);

on_both_stores!(
    a_mailbox_that_is_not_mirrored_tells_what_must_be_done,
    |store, clock| {
        let bench = Bench::around(&store, &clock).await;
        let mailbox = bench.connect("anna", 0).await;
        let key = bench.key("anna").await;
        bench
            .state(
                mailbox,
                MailboxState::NeedsReauth,
                Some(StateReason::ConsentRequired),
            )
            .await;

        let list = bench.get("/api/v1/mailboxes", &key).await.json();

        let told = &list["mailboxes"][0];
        assert_eq!(told["state"], "needs_reauth");
        assert_eq!(told["state_reason"], "consent_required");
        assert_eq!(told["actor"], "person");
        assert!(
            told["advice"]
                .as_str()
                .is_some_and(|advice| advice.contains("Sign in again")),
            "{told}"
        );
    }
);
