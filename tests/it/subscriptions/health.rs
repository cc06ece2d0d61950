//! Whether push is believed to work (M33), and what people are told.

use std::time::Duration;

use graph_mirror::model::time::Clock;
use graph_mirror::store::MailboxMark;

use super::scene::Scene;
use crate::support::database::on_both_stores;

on_both_stores!(
    an_address_that_graph_cannot_reach_is_named_and_tried_again,
    |store, clock| {
        // F9.19.
        let scene = Scene::of_messages(&store, &clock).await;
        let nobody = scene.reached_at(Some("http://127.0.0.1:9".to_owned()));

        let next = scene
            .reconcile_by(&nobody)
            .await
            .next_at
            .expect("it is to be tried again");

        assert!(next > clock.now() && next <= clock.now() + chrono::TimeDelta::minutes(5));
        let mailbox = scene.mailbox_row().await;
        assert!(!mailbox.push_healthy);
        assert!(
            mailbox
                .push_reason
                .expect("a reason")
                .contains("PUBLIC_URL")
        );
        assert!(scene.at_graph().is_empty());

        // The tunnel is up.
        clock.advance(Duration::from_mins(5));
        scene.reconcile().await;
        assert!(scene.mailbox_row().await.push_healthy);
    }
);

on_both_stores!(
    a_doubt_is_lifted_only_by_a_notice_of_the_successor,
    |store, clock| {
        // M33: the rounds found a change that no notice announced.
        let scene = Scene::of_messages(&store, &clock).await;
        scene.reconcile().await;
        let doubted = scene.only_row().await;
        clock.advance(Duration::from_hours(1));
        let doubt = MailboxMark::Push {
            healthy: false,
            reason: Some("a change came without a notification".to_owned()),
        };
        store
            .mailbox_mark(scene.mailbox.id, &[doubt], clock.now())
            .await?;

        scene.reconcile().await;
        scene.reconcile().await;
        let successor = scene.only_row().await;
        assert_ne!(successor.key, doubted.key);
        assert_eq!(scene.at_graph().len(), 1);
        assert!(!scene.mailbox_row().await.push_healthy, "not proven yet");

        clock.advance(Duration::from_secs(10));
        let noticed = MailboxMark::NoticedAt(clock.now());
        store
            .mailbox_mark(scene.mailbox.id, &[noticed], clock.now())
            .await?;
        scene.reconcile().await;
        assert!(scene.mailbox_row().await.push_healthy);
        assert_eq!(
            scene.only_row().await.key,
            successor.key,
            "it is not replaced again"
        );
    }
);
