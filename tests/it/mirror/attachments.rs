//! What is known of attachments.

use std::time::Duration;

use graph_mirror::model::ids::GraphId;
use serde_json::json;

use super::mailbox::Connected;
use super::on_both;

on_both!(
    attachments_come_after_their_message_and_cost_it_nothing,
    |backend| {
        // M40, F5.7: an inline image has no flag, only its body gives it away.
        let bench = Connected::open(backend).await;
        bench.backfill().await;
        bench.settle(Duration::from_mins(3)).await;
        let draft = json!({
            "subject": "with our logo",
            "body": { "contentType": "html", "content": "<img src=\"cid:logo\">" },
            "attachments": [{
                "@odata.type": "#microsoft.graph.fileAttachment", "name": "logo.png", "contentType": "image/png",
                "contentBytes": "aGk=", "isInline": true, "contentId": "logo",
            }],
        });
        let made = bench.act("POST", "/messages", Some(draft)).await;
        assert_eq!(made["hasAttachments"], false);
        let message = GraphId::from(made["id"].as_str().expect("a message has an id"));
        bench.fail("/attachments", 1, 500, json!(""));

        bench.clock.advance(Duration::from_secs(1));
        bench.mirror.sync(false).await.expect("a sync ends");
        bench
            .mirror
            .refresh_repairs()
            .await
            .expect("a refresh ends");

        let faults = bench.sandbox.world().faults();
        assert!(faults.is_empty(), "its attachments could not be listed");
        let (store, mailbox) = (&bench.store, bench.mailbox);
        let row = store
            .message_get(mailbox, &message)
            .await
            .expect("it is read");
        assert!(row.is_some(), "the message is there without them");
        let listed = store.attachments_list(mailbox, &message).await;
        assert!(listed.expect("they are read").is_empty());
        bench.settle(Duration::from_mins(3)).await;
        let listed = store
            .attachments_list(mailbox, &message)
            .await
            .expect("they are read");
        assert_eq!(listed.len(), 1);
        assert!(listed[0].is_inline);
        bench.assert_true().await;
    }
);
